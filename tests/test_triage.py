"""Triage: who sees what next, and with everything beside it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from moderation.errors import Conflict, StoreError
from moderation.labels import LABELS
from moderation.store import ORDERS, Filter, Store, audit_rank
from moderation.tables import ARTICLES, COMMENTS, Batch, conform
from moderation.triage import Card, Lens, around, cards_for, give, next_for

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STRONGEST = Lens(None, "strongest")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def fill(store: Store, number: int) -> list[str]:
    """Add comments on one article, each less likely to be spam than the one before; return their ids."""
    ids = [f"c{i}" for i in range(number)]
    frame = pd.DataFrame(
        {
            "id": ids,
            "article_id": "a",
            "parent_id": [None, *ids[:-1]],
            "author": ["Mara", "Jo"] * (number // 2) + ["Mara"] * (number % 2),
            "text": [f"The words of number {i}." for i in range(number)],
            "posted_at": [NOON - timedelta(minutes=i) for i in range(number)],
            "position": range(number),
        }
    )
    article = pd.DataFrame({"id": ["a"], "title": ["On bridges"]})
    store.add_batch(Batch(conform(frame, COMMENTS), conform(article, ARTICLES, "articles")), at=NOON)
    scores = pd.DataFrame({"spam": [1 - i / number for i in range(number)]}, index=pd.Index(ids, name="id"))
    store.add_scores(scores.reindex(columns=list(LABELS)).astype("float32").assign(model="m1"), NOON)
    return ids


def draw(store: Store, moderator: str, lens: Lens = STRONGEST, **more: object) -> Card | None:
    return next(iter(draws(store, moderator, lens, 1, **more)), None)


def draws(store: Store, moderator: str, lens: Lens = STRONGEST, count: int = 1, **more: object) -> list[Card]:
    return next_for(moderator, store, lens, count, **{"model": "m1", "now": NOON, "audit_every": 0} | more)


def settle(store: Store, card: Card, moderator: str, action: str = "approve") -> None:
    store.add_review(card.review(moderator, action, {}, at=NOON))


def test_a_card_holds_everything_that_bears_on_the_comment(store: Store) -> None:
    ids = fill(store, 5)
    decided = pd.DataFrame({"decision": ["review"], "reasons": [[{"code": "threshold"}]]}, index=["c2"])
    store.add_decisions(decided, model="m1", policy="p", at=NOON)
    (card,) = cards_for(store, ["c2"], "m1", lens=Lens("spam", "oldest"))
    beside = around(store, card)
    assert list(card.batch.comments["id"]) == ["c2"]
    assert list(card.batch.articles["title"]) == ["On bridges"]
    assert list(beside.context.comments["id"]) == ["c1"]
    assert card.probabilities == pytest.approx({"spam": 0.6})
    assert card.decision is not None
    assert card.decision.action == "review"
    assert list(beside.thread["id"]) == ids
    assert list(beside.thread["depth"]) == [0, 1, 2, 3, 4]
    assert list(beside.history["id"]) == ["c0", "c4"]
    assert (card.seen, card.audit, card.lens) == (0, False, "spam/oldest")


def test_a_card_of_a_bare_comment_is_empty_where_nothing_is_known(store: Store) -> None:
    store.add_batch(Batch(conform(pd.DataFrame({"id": ["x"], "text": ["No name, no article."]}), COMMENTS)), at=NOON)
    (card,) = cards_for(store, ["x"], "m1")
    beside = around(store, card)
    assert (len(card.batch), len(beside.context), len(card.probabilities), len(beside.history)) == (1, 0, 0, 0)
    assert card.article is None
    assert list(beside.thread["id"]) == ["x"]
    assert card.decision is None
    assert card.lens == ""
    with pytest.raises(StoreError, match="no comment"):
        cards_for(store, ["x", "y"], "m1")


def test_an_answer_is_bound_to_the_version_its_card_was_drawn_for(store: Store) -> None:
    fill(store, 1)
    (first,), (second,) = cards_for(store, ["c0"], "m1"), cards_for(store, ["c0"], "m1")
    review = store.add_review(first.review("ann", "reject", {"spam": True}, at=NOON, note="again", token="t"))
    assert (review.comment_id, review.seen, review.note, review.token) == ("c0", 0, "again", "t")
    with pytest.raises(Conflict):
        settle(store, second, "bob")
    (fresh,) = cards_for(store, ["c0"], "m1")
    assert fresh.seen == review.id
    settle(store, fresh, "bob")


def test_the_same_card_until_it_is_answered_then_the_next(store: Store) -> None:
    ids = fill(store, 4)
    seen = []
    while card := draw(store, "ann"):
        assert draw(store, "ann").comment_id == card.comment_id
        seen.append(card.comment_id)
        settle(store, card, "ann")
    assert seen == ids


def test_two_moderators_are_not_given_the_same_comment(store: Store) -> None:
    ids = fill(store, 6)
    ann, bob = draw(store, "ann"), draw(store, "bob")
    assert (ann.comment_id, bob.comment_id) == ("c0", "c1")
    settle(store, bob, "bob", "skip")
    assert draw(store, "bob").comment_id == "c2"  # skipped: not for bob again
    settle(store, ann, "ann")
    assert draw(store, "ann").comment_id == "c1"  # but for ann, at once
    later = NOON + timedelta(seconds=121)
    assert draw(store, "cyd", now=NOON + timedelta(seconds=119)).comment_id == "c3"
    assert draw(store, "dan", now=later).comment_id == "c1"  # ann's lease has run out
    assert ids[-1] not in {ann.comment_id, bob.comment_id}


def test_many_moderators_at_once_get_one_comment_each(store: Store) -> None:
    fill(store, 30)
    with ThreadPoolExecutor(6) as pool:
        cards = list(pool.map(lambda i: draw(store, f"moderator {i}"), range(24)))
    assert sorted(card.comment_id for card in cards) == sorted(f"c{i}" for i in range(24))


def test_what_is_passed_over_is_searched_beyond_the_first_page(store: Store) -> None:
    ids = fill(store, 50)
    assert draw(store, "ann", hold=frozenset(ids[:45])).comment_id == "c45"
    assert draw(store, "ann", hold=frozenset(ids)) is None
    for name in ids[:41]:
        store.claim(name, "bob", now=NOON)
    assert draw(store, "ann").comment_id == "c41"


def test_every_so_many_th_card_is_an_audit_draw(store: Store) -> None:
    ids = fill(store, 400)
    sample = sorted((name for name in ids if audit_rank(name) < 0.05), key=audit_rank)
    assert len(sample) > 3
    kinds = []
    for _ in range(15):
        card = draw(store, "ann", audit_every=5)
        kinds.append(card.audit)
        assert card.lens == ("any/strongest audit" if card.audit else "any/strongest")
        settle(store, card, "ann")
    assert kinds == [False, False, False, False, True] * 3
    found = [review.comment_id for review in store.reviews() if review.lens.endswith(" audit")]
    assert found[::-1] == [name for name in sample if name in found]
    assert not draw(store, "bob", audit_every=5).audit


def test_a_skip_does_not_escape_the_audit_and_an_undo_returns_to_it(store: Store) -> None:
    fill(store, 400)
    for _ in range(4):
        settle(store, draw(store, "ann", audit_every=5), "ann")
    first = draw(store, "ann", audit_every=5)
    assert first.audit
    settle(store, first, "ann", "skip")
    second = draw(store, "ann", audit_every=5)
    assert second.audit
    assert second.comment_id != first.comment_id
    settle(store, second, "ann")
    assert not draw(store, "ann", audit_every=5).audit
    store.undo("ann", at=NOON)
    assert draw(store, "ann", audit_every=5).comment_id == second.comment_id


def test_an_exhausted_audit_gives_way_to_the_lens_and_the_lens_may_be_the_audit(store: Store) -> None:
    ids = fill(store, 60)
    sample = [name for name in ids if audit_rank(name) < 0.05]
    assert sample
    while card := draw(store, "ann", Lens(None, "audit")):
        assert card.audit
        assert card.lens == "any/audit"
        settle(store, card, "ann")
    assert {review.comment_id for review in store.reviews()} == set(sample)
    card = draw(store, "bob", audit_every=1)
    assert not card.audit
    assert card.lens == "any/strongest"


def test_actions_narrow_the_lens_and_never_the_audit(store: Store) -> None:
    ids = fill(store, 200)
    actions = ["allow"] * 199 + ["review"]
    decided = pd.DataFrame({"decision": actions, "reasons": [[]] * 200}, index=ids)
    store.add_decisions(decided, model="m1", policy="p", at=NOON)
    assert draw(store, "ann", actions=("review",)).comment_id == "c199"
    assert draw(store, "bob", actions=("review",), audit_every=1).audit
    assert draw(store, "cyd", actions=("reject",)) is None


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("label", [None, "spam"])
def test_many_are_drawn_in_the_order_of_the_queue_and_claimed(store: Store, label: str | None, order: str) -> None:
    fill(store, 40)
    lens = Lens(label, order)
    shown = list(store.queue(model="m1", label=label, order=order, limit=12)["id"])
    cards = draws(store, "ann", lens, 12)
    assert [card.comment_id for card in cards] == shown
    texts = store.batch(shown).comments["text"]
    assert [card.batch.comments["text"].iloc[0] for card in cards] == list(texts)
    assert all(card.batch.comments["id"].iloc[0] == card.comment_id for card in cards)
    assert not {card.comment_id for card in draws(store, "bob", lens, 12)} & set(shown)
    more = draws(store, "ann", lens, 12, hold=frozenset(shown))
    assert not {card.comment_id for card in more} & set(shown)


def test_audit_draws_stand_at_their_turns_among_many(store: Store) -> None:
    ids = fill(store, 400)
    settle(store, draw(store, "ann"), "ann")
    cards = draws(store, "ann", count=15, audit_every=5, ahead=1)
    assert [card.audit for card in cards] == [False, False, True, False, False] * 3
    sample = sorted((name for name in ids if audit_rank(name) < 0.05), key=audit_rank)
    assert [card.comment_id for card in cards if card.audit] == sample[:3]
    assert [card.comment_id for card in cards if not card.audit] == [name for name in ids[1:] if name not in sample][
        :12
    ]


def test_a_filter_narrows_the_lens_and_never_the_audit(store: Store) -> None:
    fill(store, 200)
    mine = draws(store, "ann", count=10, matching=Filter(author="Jo"), audit_every=5)
    assert {card.batch.comments["author"].iloc[0] for card in mine if not card.audit} == {"Jo"}
    assert sum(card.audit for card in mine) == 2


def test_what_was_skipped_comes_again_when_asked_for(store: Store) -> None:
    ids = fill(store, 6)
    for _ in range(2):
        settle(store, draw(store, "ann"), "ann", "skip")
    store.claim("c4", "bob", now=NOON)
    assert [card.comment_id for card in draws(store, "ann", count=9)] == ["c2", "c3", "c5"]
    again = draws(store, "ann", count=9, with_skipped=True)
    assert [card.comment_id for card in again] == [name for name in ids if name != "c4"]


def test_a_lens_reads_as_its_words_and_refuses_what_it_cannot_show() -> None:
    assert str(Lens("incitement", "strongest")) == "incitement/strongest"
    assert str(STRONGEST) == "any/strongest"
    with pytest.raises(StoreError, match="unknown label 'rude'"):
        Lens("rude", "strongest")
    with pytest.raises(
        StoreError, match="unknown order 'newest'; known: strongest, uncertain, oldest, reported, audit"
    ):
        Lens(None, "newest")


def test_a_share_of_answered_comments_is_shown_to_a_second_person_as_if_nobody_had_answered(store: Store) -> None:
    ids = fill(store, 40)
    for card in draws(store, "ann", count=30):
        settle(store, card, "ann")
    assert all(not card.second for card in draws(store, "bob", count=24))
    store.put_preference("", "second_share", 1.0, at=NOON)
    store.release("bob", ids)
    cards = draws(store, "bob", count=24)
    fresh, blind = [card for card in cards if not card.second], [card for card in cards if card.second]
    assert len(fresh) == 10  # all that nobody has answered
    assert 0 < len(blind) <= 5
    assert {card.comment_id for card in blind} <= set(ids[:30])
    assert all(card.lens == "any/strongest second" and card.seen for card in blind)
    before = store.counts()
    given = give(store, blind[0].review("bob", "reject", {"spam": True}, at=NOON, token="t"))
    give(store, blind[1].review("bob", "skip", {}, at=NOON))
    assert store.counts() == before
    (pair,) = store.disagreements(kind="second")
    assert (pair.first.moderator, pair.second) == ("ann", given)
    again = {card.comment_id for card in draws(store, "bob", count=24) if card.second}
    assert not again & {blind[0].comment_id, blind[1].comment_id}
    assert not any(card.second for card in draws(store, "ann", count=24))
    give(store, fresh[0].review("bob", "approve", {}, at=NOON))
    assert store.counts().reviewed == before.reviewed + 1
