"""What a policy would have done: counts that add up, and intervals that hold."""

from datetime import UTC, datetime
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.backtest import Past, RuleTest, effect_of, said_of, try_rules, wilson, window
from moderation.labels import LABELS
from moderation.policy import Policy, Rule, Thresholds, decide
from moderation.tables import batch_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ALLOWED = dict.fromkeys(LABELS, Thresholds(unscored="allow"))


def past(scores, said, *, texts=None, total=None, days=7.0):
    batch = batch_of(texts or ["words"] * len(scores), ids=[f"c{n}" for n in range(len(scores))])
    frame = pd.DataFrame({"spam": scores}, index=pd.Index(batch.comments["id"], name="id"), dtype="float32")
    table = frame.reindex(columns=list(LABELS)).astype("float32").assign(model="m")
    return Past(batch, table, said, total or len(scores), days)


def policy(**limits):
    return Policy(ALLOWED | {"spam": Thresholds(**limits)})


@given(n=st.integers(0, 400), data=st.data())
def test_an_interval_holds_its_share_and_stays_within_nothing_and_all(n, data):
    yes = data.draw(st.integers(0, n))
    part = wilson(yes, n)
    assert 0.0 <= part.low <= part.share <= part.high <= 1.0 or n == 0
    mirrored = wilson(n - yes, n)
    assert part.low == pytest.approx(1 - mirrored.high, abs=1e-9)
    if n:
        assert part.high - part.low < 1.0


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(share):
    held = sum(
        comb(60, yes) * share**yes * (1 - share) ** (60 - yes)
        for yes in range(61)
        if wilson(yes, 60).low <= share <= wilson(yes, 60).high
    )
    assert held > 0.93


def test_known_values_of_the_interval():
    part = wilson(9, 12)
    assert (part.low, part.high) == (pytest.approx(0.4677, abs=1e-3), pytest.approx(0.9110, abs=1e-3))
    assert wilson(0, 0) == (type(part))(0, 0, 0.0, 1.0)


says = st.sampled_from(["approve", "reject", None])


@settings(max_examples=25)
@given(
    rows=st.lists(st.tuples(st.floats(0, 1, width=32) | st.just(float("nan")), says), max_size=40),
    before=st.tuples(st.integers(0, 100), st.integers(0, 100)),
    after=st.tuples(st.integers(0, 100), st.integers(0, 100)),
)
def test_what_changes_is_what_the_two_policies_decide_differently(rows, before, after):
    scores, said = [one for one, _ in rows], [other for _, other in rows]
    old, new = (policy(review=min(pair) / 100, reject=max(pair) / 100, unscored="allow") for pair in (before, after))
    found = past(scores, said)
    effect = effect_of(found, old, new, NOON)
    was, becomes = (decide(found.batch, found.scores, each, NOON)["decision"].tolist() for each in (old, new))
    assert sum(effect.counts.values()) == len(rows) == effect.rows
    assert len(effect.held) == sum(a == "allow" != b for a, b in zip(was, becomes, strict=True))
    assert len(effect.let) == sum(a != "allow" == b for a, b in zip(was, becomes, strict=True))
    assert effect.held_rightly.n <= len(effect.held)
    assert effect.held_rightly.yes == sum(
        word == "reject" for a, b, word in zip(was, becomes, said, strict=True) if a == "allow" != b
    )
    assert sum(effect.before.values()) == sum(effect.after.values()) == len(rows)


def test_a_week_is_scaled_from_the_sample_and_its_days():
    found = past([0.5] * 10, [None] * 10, total=100, days=14.0)
    assert found.per_week(2) == pytest.approx(10.0)
    assert past([], [], days=0.0).per_week(0) == 0.0


TEXTS = ("cheap pills here", "the tram is late", "pills, cheap", "visit farm.example", "CHEAP PILLS again")


@settings(max_examples=25)
@given(words=st.lists(st.tuples(st.sampled_from(TEXTS), says), max_size=30), cut=st.integers(1, 7))
def test_a_rule_is_tested_the_same_in_any_chunks_and_its_counts_add_up(words, cut):
    rules = (Rule("pills", "reject", words=("cheap pills",)), Rule("farm", "review", hosts=("farm.example",)))
    made = Policy(ALLOWED, rules)
    texts, said = [text for text, _ in words], [word for _, word in words]
    whole, parts = ({rule.name: RuleTest(rule.name) for rule in rules} for _ in range(2))
    if texts:
        batch = batch_of(texts, ids=[f"c{n}" for n in range(len(texts))])
        try_rules(whole, batch, said, made, NOON)
        for start in range(0, len(texts), cut):
            ids = [f"c{n}" for n in range(start, min(start + cut, len(texts)))]
            try_rules(parts, batch_of(texts[start : start + cut], ids=ids), said[start : start + cut], made, NOON)
    assert [test.to_dict() for test in whole.values()] == [test.to_dict() for test in parts.values()]
    pills = whole["pills"]
    assert pills.held == sum("cheap pills" in text.lower() for text in texts)
    assert pills.held == pills.rejected + pills.approved + pills.open
    assert RuleTest.from_dict(pills.to_dict()) == pills


def test_people_outrank_the_source_and_silence_is_no_answer():
    frame = pd.DataFrame({"id": list("abcd"), "status": ["spam", "approved", "pending", "spam"]})
    assert said_of(frame, {"d": "approve"}) == ["reject", "approve", None, "approve"]


def test_days_are_counted_back_from_the_newest_comment():
    assert window(NOON, 7).day == 27
    assert window(NOON, None) is None
    assert window(None, 7) is None
    assert np.isclose(wilson(1, 2).share, 0.5)
