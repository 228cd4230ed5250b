"""The queue without a browser: acts through the store, cards handed out, lenses, keys and kindness, by AppTest."""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.desk import lenses
from moderation.desk.card import _reasons
from moderation.desk.context import Thinker
from moderation.desk.keys import ARROWS, DEFAULT, RESERVED, keys_of, validate
from moderation.desk.kindness import Kindness
from moderation.desk.stream import FULL, LOW, Place, Stream, _told_acts
from moderation.errors import InputError, ModelError
from moderation.labels import LABELS
from moderation.lookalikes import LookAlikes
from moderation.policy.decision import Reason
from moderation.store import AUDIT_SHARE, Filter, Review, Store, audit_rank
from moderation.tables import batch_of
from moderation.triage import Lens

sys.path.insert(0, str(Path(__file__).parent))
from desk_pages import HOSTILE, NOW, TEXTS, Tab, button, filled, home, html_of, letters  # noqa: F401 - fixtures among them


def many(home, count: int, text: str = TEXTS[1]) -> list[str]:
    """Add comments that are alike but for a number; return their ids."""
    names = [f"many:{number}" for number in range(count)]
    with home.store() as store:
        store.add_batch(batch_of([f"{text} No. {name}" for name in names], ids=names), at=NOW)
    home.score()
    return names


# ------------------------------------------------------------------------------------------------------------ acts


def test_the_strongest_comes_first_and_reject_answers_its_question(filled) -> None:
    tab = Tab(filled)
    first = tab.card
    assert first["scores"][first["asked"]]["share"] == max(
        one["scores"][one["asked"]]["share"] for one in tab.cards if one["asked"]
    )
    tab.press("reject")
    (review,) = filled.reviews()
    assert (review.action, dict(review.labels)) == ("reject", {first["asked"]: True})
    assert review.comment_id == first["id"]
    assert TEXTS[int(review.comment_id.split(":")[1])] == first["text"]
    assert review.lens == "any/strongest"
    assert tab.card["id"] != first["id"]


def test_an_act_told_again_counts_once_and_is_acknowledged_again(filled) -> None:
    tab = Tab(filled)
    act = tab.push("approve")
    tab.tell()
    before = filled.reviews()
    assert len(before) == 1
    data = tab.tell(logs={tab.name: [act]})
    assert data["acked"][tab.name] == act["seq"]
    again = Tab(filled, name="another-tab-of-the-same")  # a server that knows nothing of the first
    data = again.tell(logs={tab.name: [act]})
    assert data["acked"][tab.name] == act["seq"]
    assert filled.reviews() == before


def test_labels_pressed_by_hand_are_kept_and_an_opened_question_stays_open(filled) -> None:
    tab = Tab(filled)
    tab.press("approve", touched={"insult": True, tab.card["asked"]: None}, note="asked the desk chief")
    (review,) = filled.reviews()
    assert (review.action, dict(review.labels)) == ("approve", {"insult": True})
    assert review.note == "asked the desk chief"


def test_an_act_on_what_was_answered_meanwhile_changes_nothing_and_shows_both(filled) -> None:
    tab = Tab(filled)
    name = tab.card["id"]
    with filled.store() as store:
        store.add_review(Review(name, "lee", "approve", {"spam": False}, 0, NOW))
    data = tab.press("reject")
    assert tab.log == []
    (news,) = data["news"]
    assert (news["kind"], news["id"], news["mine"]) == ("conflict", name, "rejected")
    assert (news["theirs"]["who"], news["theirs"]["labels"]) == ("lee", {"spam": False})
    with filled.store() as store:
        assert [(one.moderator, one.action) for one in store.reviews(comment_id=name)] == [("lee", "approve")]
        assert [one.kind for one in store.disagreements()] == ["dissent"]


def test_an_undo_and_the_answer_right_behind_it_fit_together(filled) -> None:
    tab = Tab(filled)
    card = tab.card
    first = tab.push("reject")
    tab.seq += 1
    undo = {"seq": tab.seq, "action": "undo", "id": card["id"], "of": first["seq"], "at": 0}
    tab.log.append(undo)
    tab.push("approve", card, after=undo["seq"])
    data = tab.tell()
    assert tab.log == []
    assert data["news"] == []
    (review,) = filled.reviews()
    assert (review.comment_id, review.action) == (card["id"], "approve")
    with filled.store() as store:
        assert len(store.reviews(standing=False, moderator="kim")) == 3


def test_an_undo_takes_back_the_act_it_names_and_no_other(filled) -> None:
    tab = Tab(filled)
    act = tab.push("reject")
    tab.tell()
    other = tab.cards[1]["id"]
    with filled.store() as store:
        store.add_review(Review(other, "kim", "approve", {}, 0, NOW))
    data = tab.undo(of=act)
    assert "made elsewhere" in data["news"][-1]["text"]
    assert len(filled.reviews()) == 2


def test_undo_without_a_name_brings_back_the_card_with_the_labels_set_by_hand(filled) -> None:
    tab = Tab(filled)
    card = tab.card
    tab.press("reject", touched={"profanity": True})
    fresh = Tab(filled, name="after-a-reload")
    assert fresh.card["id"] != card["id"]
    data = fresh.undo()
    assert fresh.card["id"] == card["id"]
    assert fresh.card["touched"] == {"profanity": True}
    assert "Taken back" in data["news"][-1]["text"]
    assert filled.reviews() == []
    data = fresh.undo()
    assert data["news"][-1]["text"] == "There is nothing of yours to undo."


def test_an_old_undo_without_a_name_lapses(filled) -> None:
    tab = Tab(filled)
    tab.press("reject")
    tab.seq += 1
    tab.log.append({"seq": tab.seq, "action": "undo", "id": "", "at": 1})
    data = tab.tell()
    assert "a while ago" in data["news"][-1]["text"]
    assert len(filled.reviews()) == 1


def test_what_a_browser_makes_up_is_refused_and_the_rest_goes_on(filled) -> None:
    tab = Tab(filled)
    tab.push("approve", {**tab.card, "id": "no such comment"})
    tab.push("burn", tab.cards[0])
    good = tab.push("approve")
    data = tab.tell()
    assert tab.log == []
    assert [one["kind"] for one in data["news"]] == ["refused", "refused"]
    assert [one.comment_id for one in filled.reviews()] == [good["id"]]


told = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
PARTS = ("seq", "action", "id", "seen", "after", "lens", "asked", "touched", "note", "of", "at")
act_like = st.fixed_dictionaries({}, optional=dict.fromkeys(PARTS, told))


@given(logs=told | st.dictionaries(st.text(min_size=8, max_size=20), st.lists(act_like | told, max_size=5), max_size=3))
def test_whatever_a_browser_tells_is_read_as_acts_or_passed_over(logs: object) -> None:
    for client, act in _told_acts(logs):
        assert isinstance(client, str)
        assert act.seq > 0
        assert isinstance(act.comment_id, str)
        assert set(act.touched) <= set(LABELS)
        assert all(value is None or isinstance(value, bool) for value in act.touched.values())


# ----------------------------------------------------------------------------------------------------------- cards


def test_a_browser_is_filled_ahead_and_again_before_it_runs_dry(home) -> None:
    many(home, 130)
    tab = Tab(home)
    first = len(tab.cards)
    assert 0 < first < FULL
    tab.tell()
    assert len(tab.cards) == FULL
    assert len({one["id"] for one in tab.cards}) == FULL
    for _ in range(FULL - LOW):
        tab.push("approve")
    data = tab.tell()
    assert len(tab.cards) == FULL
    assert not data["ended"]
    assert all(one["n"] > first for one in data["cards"])  # what it has is not sent again


def test_two_tabs_of_two_people_hold_different_cards(home, monkeypatch) -> None:
    many(home, 60)
    mine = Tab(home)
    monkeypatch.setenv("MODERATION_MODERATOR", "lee")
    theirs = Tab(home, name="the-tab-of-lee")
    assert not {one["id"] for one in mine.cards} & {one["id"] for one in theirs.cards}


def test_another_lens_lets_go_of_what_was_held(home, monkeypatch) -> None:
    many(home, 20)
    tab = Tab(home)
    assert len(tab.cards) > 5
    tab.page.session_state["label"] = "spam"
    data = tab.tell()
    assert data["generation"].startswith("spam/strongest")
    assert {one["asked"] for one in tab.cards} == {"spam"}
    tab.press("approve")
    assert home.reviews()[0].lens == "spam/strongest"
    assert dict(home.reviews()[0].labels) == {"spam": False}


def test_the_oldest_order_begins_with_the_oldest(filled) -> None:
    assert Tab(filled, state={"order": "oldest"}).card["text"] == TEXTS[-1]


def test_the_policy_narrows_the_queue_to_what_it_holds(filled) -> None:
    with filled.store() as store:
        model = filled.registry().champion()
        held = {name for name in (f"letters:{number}" for number in range(len(TEXTS)))
                if store.decision(name, model).action != "allow"}  # fmt: skip
    assert 0 < len(held) < len(TEXTS)
    assert {one["id"] for one in Tab(filled, state={"held": True}).cards} == held


def test_an_author_s_history_holds_the_answer_just_given(home) -> None:
    with home.store() as store:
        store.add_batch(batch_of(TEXTS[:3], authors=["Ann"] * 3, ids=["a", "b", "c"]), at=NOW)
    home.score()
    tab = Tab(home)
    following = tab.cards[1]["id"]
    tab.tell(lacks=[following])
    assert [row["side"] for row in tab.contexts[following]["author"]["rows"]].count("rejected") == 0
    data = tab.press("reject")
    assert [row["side"] for row in data["contexts"][following]["author"]["rows"]].count("rejected") == 1


def test_every_twentieth_card_is_drawn_at_random_and_says_so(home) -> None:
    names = many(home, 120)
    drawn = {name for name in names if audit_rank(name) < AUDIT_SHARE}
    assert drawn
    tab = Tab(home)
    tab.tell()
    audits = [place for place, one in enumerate(tab.cards[:FULL]) if one["audit"]]
    assert audits
    assert audits == [19, 39, 59, 79][: len(audits)]
    assert {tab.cards[place]["id"] for place in audits} <= drawn
    assert tab.cards[19]["lens"] == "any/strongest audit"


def test_skipped_comments_come_back_when_asked_for(filled) -> None:
    tab = Tab(filled)
    for _ in TEXTS:
        tab.push("skip")
    data = tab.tell()
    assert (tab.cards, data["ended"]) == ([], True)
    assert data["empty"]["title"] == "Nothing left but what you skipped"
    tab.page.session_state["again"] = True
    tab.tell()
    assert {one["text"] for one in tab.cards} == set(TEXTS)
    for _ in TEXTS:
        tab.push("approve")
    assert tab.tell()["empty"]["title"] == "This queue is empty"
    assert len(filled.reviews()) == len(TEXTS)


def test_hostile_text_travels_as_values_and_stands_in_no_label(filled) -> None:
    with filled.store() as store:
        store.add_batch(batch_of(["x"], ids=["y"]), source=HOSTILE[3], at=NOW)
    tab = Tab(filled)
    found = {one["text"]: one for one in tab.cards}
    assert TEXTS[4] in found
    assert found[TEXTS[4]]["turned"]
    tab.tell(lacks=[found[TEXTS[4]]["id"]])
    assert tab.contexts[found[TEXTS[4]]["id"]]["article"]["title"] == HOSTILE[3]
    assert HOSTILE[0] not in html_of(tab.page)
    kinds = ("markdown", "caption", "title", "header", "text", "toast", "button", "selectbox", "multiselect")
    for element in (one for kind in kinds for one in tab.page.get(kind)):
        words = json.dumps([str(getattr(element, name, "")) for name in ("value", "label", "options")])
        assert "evil.example/p.png)" not in words
        assert "<script>" not in words


def test_unscored_comments_are_shown_and_offered_to_be_scored(home) -> None:
    with home.store() as store:
        store.add_batch(letters(), at=NOW)
    tab = Tab(home)
    assert "5 comments have no scores" in html_of(tab.page)
    assert button(tab.page, "Score now")
    assert (tab.card["asked"], tab.card["scores"]) == (None, {})
    tab.press("reject")
    assert dict(home.reviews()[0].labels) == {}


def test_an_empty_store_says_what_to_do(home) -> None:
    page = home.page("queue_page")
    assert "No comments yet" in html_of(page)
    assert "moderation ingest PATH" in html_of(page)


def test_what_explains_a_card_comes_when_it_is_worked_out(filled) -> None:
    tab = Tab(filled)
    name = tab.card["id"]
    for _ in range(200):
        tab.tell(lacks=[name])
        if tab.contexts[name].get("whole"):
            break
        time.sleep(0.05)
    context = tab.contexts[name]
    assert "fault" not in context
    assert "".join(piece[0] for piece in context["marks"]["pieces"]) == tab.card["text"]
    assert context["marks"]["slots"][0] == tab.card["asked"]
    assert any(len(piece) > 1 for piece in context["marks"]["pieces"])
    assert context["article"]["heading"]


def test_a_model_that_cannot_be_loaded_is_said_and_the_queue_goes_on(tmp_path) -> None:
    def gone():
        raise ModelError("models/base: weights.npz is missing; restore it")

    with Store.open(tmp_path / "store.db") as store:
        store.add_batch(batch_of(TEXTS[:2], ids=["a", "b"]), at=NOW)
        place = Place(
            store=store, moderator="kim", model="base", classifier=gone, thinker=Thinker(), thresholds={},
            alikes=LookAlikes(store),
            lens=Lens(None, "oldest"), actions=None, matching=Filter(), with_skipped=False, now=NOW, midnight=NOW,
            language="en", when=str, kindness=Kindness(veil="slurs"),
        )  # fmt: skip
        stream = Stream(session="one")
        first = stream.turn({"page": "the-only-tab"}, place)
        assert [one["id"] for one in first["cards"]] == ["a", "b"]
        assert first["cards"][0]["veiled"][0][1] >= len(TEXTS[0])
        act = {"seq": 1, "action": "approve", "id": "a", "seen": 0}
        told_next = {"page": "the-only-tab", "lacks": [["b", 0]], "logs": {"the-only-tab": [act]}}
        answer = stream.turn(told_next, place)
        assert answer["acked"] == {"the-only-tab": 1}
        assert "weights.npz is missing" in answer["contexts"]["b"]["fault"]
        assert [one.action for one in store.reviews()] == ["approve"]


def test_the_thinker_works_on_what_was_asked_last_and_drops_what_lapsed() -> None:
    thinker, done = Thinker(kept=3), []

    def work(name):
        def worked():
            time.sleep(0.02)
            done.append(name)
            return {"name": name}

        return worked

    thinker.answers("one", [(f"old {number}", work(f"old {number}")) for number in range(30)])
    thinker.answers("one", [("new", work("new"))])
    for _ in range(200):
        if found := thinker.answers("one", [("new", work("new"))]):
            break
        time.sleep(0.01)
    assert found == {"new": {"name": "new"}}
    assert Counter(name[:3] for name in done)["old"] <= 1
    assert thinker.answers("one", [("bad", lambda: 1 / 0)]) == {}
    for _ in range(200):
        if found := thinker.answers("one", [("bad", lambda: 1 / 0)]):
            break
        time.sleep(0.01)
    assert "ZeroDivisionError" in found["bad"]["fault"]


# ---------------------------------------------------------------------------------------------------------- lenses


def test_a_lens_narrows_by_what_is_chosen_and_is_kept_under_a_name(home) -> None:
    with home.store() as store:
        for site, texts in (("hill.example", TEXTS[:2]), ("dale.example", TEXTS[2:4])):
            batch = batch_of(texts, article_title="x", article_text="y", ids=[f"{site}:{n}" for n in range(len(texts))])
            batch.articles["url"] = pd.Series([f"https://{site}/town/1"] * len(batch.articles), dtype="string[pyarrow]")
            batch.articles["id"] = pd.Series([f"article of {site}"] * len(batch.articles), dtype="string[pyarrow]")
            batch.comments["article_id"] = pd.Series([f"article of {site}"] * len(texts), dtype="string[pyarrow]")
            store.add_batch(batch, source=site, at=NOW)
    home.score()
    tab = Tab(home, state={"site": "hill.example"})
    assert {one["id"] for one in tab.cards} == {"hill.example:0", "hill.example:1"}
    assert tab.data["waiting"] == "2 waiting"
    assert {one["text"] for one in Tab(home, name="another-tab", state={"q": "pills DOCTOR"}).cards} == {TEXTS[2]}
    nothing = Tab(home, name="a-third-tab", state={"q": "no such word anywhere"})
    assert (nothing.cards, nothing.data["empty"]["title"]) == ([], "Nothing matches")
    page = tab.page
    page.session_state["lens_name"] = "Hill *only*"
    page = button(page.run(), "Keep").click().run()
    with home.store() as store:
        (lens,) = store.lenses("kim")
    assert (lens.name, lens.matching, lens.order) == ("Hill *only*", Filter(site="hill.example"), "strongest")
    assert button(page, "Hill ·only· · 2")
    again = Tab(home, name="a-fourth-tab")
    assert len(again.cards) >= 2
    button(again.page, "Hill ·only· · 2").click().run()
    again.tell()
    assert {one["id"] for one in again.cards} <= {"hill.example:0", "hill.example:1"}
    assert again.page.session_state["site"] == "hill.example"


def test_a_foreign_name_in_a_label_holds_no_markup() -> None:
    assert lenses.tame("![x](http://evil.example/p.png)") == "··x··http·//evil.example/p.png·"
    assert lenses.tame("**bold** `code` $x$ :red[x] __u__ <b>") == "··bold·· ·code· ·x· ·red·x· ·_u·_ ·b·"


# ------------------------------------------------------------------------------------------------------------ keys


def test_every_act_has_one_key_and_the_browser_gets_the_person_s_own(home, filled) -> None:
    assert len(set(DEFAULT.values())) == len(DEFAULT)
    with filled.store() as store:
        store.put_preference("kim", "keys", {"approve": "q"}, at=NOW)
    keys = Tab(filled).data["keys"]
    assert keys["q"] == "approve"
    assert "a" not in keys
    assert sorted(keys.values()) == sorted(DEFAULT)


@pytest.mark.parametrize(
    ("own", "words"),
    [({"approve": "x"}, "approve and reject have the same key 'x'"), ({"approve": "Enter"}, "cannot have 'Enter'"),
     ({"approve": ""}, "cannot have ''"), ({"approve": "ab"}, "cannot have 'ab'"),
     ({"approve": "A"}, "cannot have 'A'"), ({"dance": "d"}, "unknown act 'dance'")],
)  # fmt: skip
def test_keys_that_clash_or_cannot_be_are_refused_by_name(own: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        validate(own)
    assert keys_of(own) == {key: act for act, key in DEFAULT.items()}


@given(own=st.dictionaries(st.sampled_from(list(DEFAULT)), st.characters() | st.sampled_from([*ARROWS, *RESERVED])))
def test_a_map_of_keys_never_gives_one_key_two_acts(own: dict[str, str]) -> None:
    keys = keys_of(own)
    assert sorted(keys.values()) == sorted(DEFAULT)
    assert not set(keys) & RESERVED


# -------------------------------------------------------------------------------------------------------- kindness


def test_the_words_that_hurt_are_covered_before_the_card_is_sent(home) -> None:
    text = "😀 You are a stupid, worthless idiot and a disgusting moron, go away."
    with home.store() as store:
        store.add_batch(batch_of([text, TEXTS[0]], ids=["a", "b"]), at=NOW)
        store.put_preference("kim", "kindness", {"veil": "slurs"}, at=NOW)
    home.score()
    cards = {one["id"]: one for one in Tab(home).cards}
    units = text.encode("utf-16-le")
    hidden = " ".join(units[2 * begin : 2 * end].decode("utf-16-le") for begin, end in cards["a"]["veiled"])
    assert "idiot" in hidden
    assert "go away" not in hidden
    assert cards["b"]["veiled"] == []


def test_a_spent_budget_turns_the_queue_to_lighter_work_and_says_so(home) -> None:
    with home.store() as store:
        hard = batch_of([f"{TEXTS[1]} No. {n}" for n in range(12)], ids=[f"hard:{n}" for n in range(12)])
        store.add_batch(hard, at=NOW)
        light = batch_of([f"{TEXTS[0]} No. {n}" for n in range(5)], ids=[f"light:{n}" for n in range(5)])
        store.add_batch(light, at=NOW)
        store.put_preference("kim", "kindness", {"budget": 3}, at=NOW)
    home.score()
    tab = Tab(home)
    for _ in range(3):
        assert tab.card["id"].startswith("hard:")
        data = tab.press("reject")
    assert data["news"][-1]["kind"] == "break"
    assert "3 hard comments today" in data["news"][-1]["text"]
    gone = {one["id"] for one in data["gone"]}
    assert len(gone) == 9
    left = [one["id"] for one in tab.cards if one["id"] not in gone]
    assert left
    assert all(name.startswith("light:") for name in left)
    again = Tab(home, name="after-a-reload")  # what was read today is worked out from the reviews themselves
    assert {one["id"].split(":")[0] for one in again.cards} == {"light"}


@given(told=told)
def test_kindness_takes_any_preferences(told: object) -> None:
    kind = Kindness.of({"kindness": told})
    assert Kindness.of({"kindness": kind.to_dict()}) == kind
    assert Kindness.of({"kindness": {"veil": "all", "budget": True}}) == Kindness(veil="all")


def test_what_could_not_be_judged_is_one_reason_and_the_last() -> None:
    held = [Reason("unscored", "review", label) for label in ("incitement", "toxicity", "threat", "insult")]
    reasons = [held[0], Reason("threshold", "review", "spam", probability=0.83, threshold=0.5), *held[1:]]
    assert _reasons(reasons, "en") == ["Spam 83%, limit 50%", "not judged: Incitement, Toxicity, 2 more"]
    # Three are named: "1 more" would be as long as the third.
    assert _reasons(held[:3], "en") == ["not judged: Incitement, Toxicity, Threat"]
    assert _reasons([Reason("word", "reject", rule="slurs")], "de") == ["Regel slurs"]
