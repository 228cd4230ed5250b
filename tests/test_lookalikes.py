"""Look-alikes: the likest of what people decided, in both tiers, as decisions come, change and are taken back."""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from moderation.lookalikes import LookAlikes
from moderation.registry import Registry
from moderation.settings import shipped_models
from moderation.store import Review, Store
from moderation.tables import batch_of

AT = datetime(2026, 3, 1, tzinfo=UTC)

TEXTS = {
    "c:1": "Cheap lamps for every room, order now",
    "c:2": "Order our cheap lamps today, for all rooms",
    "c:3": "The harbour wall was repaired in May",
    "c:4": "Who mended the wall at the harbour?",
}


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture
def filled(store) -> Store:
    store.add_batch(batch_of(TEXTS.values(), ids=TEXTS), source="test", at=AT)
    return store


@pytest.fixture(params=["fast", "accurate", "cascade"])
def scorer(request, tmp_path):
    return Registry(tmp_path / "models", shipped_models()).load_tier(None, request.param)


def decide(store: Store, name: str, action: str) -> None:
    store.add_review(Review(name, "ada", action, {}, store.version(name), AT))


def test_the_nearest_approved_and_rejected_comments_are_evidence(filled, scorer):
    alikes = LookAlikes(filled)
    assert alikes.nearest(scorer, "c:1") == []
    decide(filled, "c:2", "reject")
    for name in ("c:3", "c:4"):
        decide(filled, name, "approve")
    first, second = alikes.nearest(scorer, "c:1")
    assert (first.id, first.action, second.action) == ("c:2", "reject", "approve")
    assert first.text == TEXTS["c:2"]
    assert 1 >= first.likeness > 0.4 > second.likeness
    # What was decided itself is no evidence for itself.
    approved, rejected = alikes.nearest(scorer, "c:3")
    assert (approved.id, rejected.id) == ("c:4", "c:2")


def test_what_is_taken_back_or_decided_again_is_known_at_the_next_question(filled, tmp_path):
    scorer = Registry(tmp_path / "models", shipped_models()).load()
    alikes = LookAlikes(filled)
    decide(filled, "c:2", "reject")
    assert [one.id for one in alikes.nearest(scorer, "c:1")] == ["c:2"]
    filled.undo("ada", at=AT)
    assert alikes.nearest(scorer, "c:1") == []
    decide(filled, "c:2", "approve")
    assert [(one.id, one.action) for one in alikes.nearest(scorer, "c:1")] == [("c:2", "approve")]
    decide(filled, "c:3", "skip")  # a skip decides nothing
    assert len(alikes.nearest(scorer, "c:1")) == 1


def test_an_index_kept_up_to_date_says_what_a_new_one_says(store, tmp_path):
    """Any order of deciding, deciding again and taking back; with more decisions than are kept."""
    scorer = Registry(tmp_path / "models", shipped_models()).load()
    random = np.random.default_rng(5)
    words = np.array(["tram", "lamp", "harbour", "wall", "loan", "ticket", "bread", "river", "market", "bell"])
    ids = [f"c:{number}" for number in range(60)]
    store.add_batch(batch_of([" ".join(random.choice(words, 5)) for _ in ids], ids=ids), source="test", at=AT)
    kept = LookAlikes(store, kept=20)
    whole = LookAlikes(store)
    for step in range(150):
        name = str(random.choice(ids[1:]))
        if random.random() < 0.3:
            store.undo("ada", at=AT)
        else:
            decide(store, name, str(random.choice(["approve", "reject"])))
        if step % 10 == 0:
            kept.nearest(scorer, "c:0")
        if step % 7 == 0:
            said = whole.nearest(scorer, "c:0")
            assert {(one.action, one.text) for one in said} == {
                (one.action, one.text) for one in LookAlikes(store).nearest(scorer, "c:0")
            }
            standing = store.verdicts()["action"]
            assert all(standing[one.id] == one.action for one in said)
    whole.nearest(scorer, "c:0")
    kept.nearest(scorer, "c:0")
    assert len(whole) == len(store.verdicts())
    assert len(kept) <= 25
