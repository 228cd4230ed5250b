"""Policies changed line by line, kept by what they say, put back, and run in the shadow."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import PolicyError
from moderation.labels import LABELS
from moderation.policy import (
    Policies,
    Rule,
    Thresholds,
    compared,
    parse_policy,
    shipped_policy,
    with_rule,
    with_thresholds,
    without_rule,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SHIPPED = shipped_policy().read_text(encoding="utf-8")
SMALL = """# ours since spring
[labels.spam]   # the flood
review = 0.5    # half

[labels.others]
unscored = "allow"

[[rule]]
name = "farms"       # link farms
action = "review"
hosts = ["farm.example"]
"""

limits = st.integers(0, 100).map(lambda n: n / 100)
thresholds = st.builds(
    lambda low, high, one, unscored: Thresholds(min(low, high), None if one else max(low, high), unscored),
    limits, limits, st.booleans(), st.sampled_from(["allow", "review"]),
)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(changed=st.dictionaries(st.sampled_from(LABELS), thresholds, max_size=4), text=st.sampled_from([SHIPPED, SMALL]))
def test_a_change_of_thresholds_means_what_was_asked_and_touches_no_other_line(changed, text):
    after = with_thresholds(text, changed)
    before, found = parse_policy(text), parse_policy(after)
    assert {label: found.labels[label] for label in changed} == changed
    assert {label: found.labels[label] for label in LABELS if label not in changed} == {
        label: before.labels[label] for label in LABELS if label not in changed
    }
    assert found.rules == before.rules
    taken = [line for sign, line in compared(text, after) if sign == "-"]
    assert all(line.startswith(("review", "reject", "unscored")) for line in taken)
    assert [line for line in text.split("\n") if line.startswith("#")] == [
        line for line in after.split("\n") if line.startswith("#")
    ]


def test_a_limit_that_is_new_stands_behind_the_other_one():
    after = with_thresholds(SMALL, {"spam": Thresholds(0.4, 0.9)})
    assert after.split("\n")[1:4] == ["[labels.spam]   # the flood", "review = 0.4    # half", "reject = 0.9"]


def test_rules_are_added_changed_and_taken_out():
    pills = Rule("pills", "reject", "spam", words=("cheap pills", "viagra*"))
    text = with_rule(SMALL, pills)
    assert text.startswith(SMALL)
    assert parse_policy(text).rules[-1] == pills
    text = with_rule(text, Rule("more pills", "review", words=("tablets",)), instead_of="pills")
    assert [rule.name for rule in parse_policy(text).rules] == ["farms", "more pills"]
    assert 'name = "farms"       # link farms' in text
    assert parse_policy(without_rule(text, "farms")).rules[0].name == "more pills"
    assert without_rule(without_rule(text, "more pills"), "farms").count("[[rule]]") == 0


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (Rule("farms", "review", words=("x",)), "is taken"),
        (Rule("none", "review"), "has no condition"),
        (Rule("open door", "allow", hosts=("good.example",)), "would allow by hosts"),
        (Rule("bad host", "review", hosts=("http://a.example/b",)), "more than a host"),
    ],
)
def test_a_rule_that_no_policy_may_have_is_refused(rule, fault):
    with pytest.raises(PolicyError, match=fault):
        with_rule(SMALL, rule)


def test_what_cannot_be_changed_line_by_line_is_left_to_a_hand():
    dotted = "labels.spam = {review = 0.5}\nlabels.others.unscored = 'allow'\n"
    with pytest.raises(PolicyError, match="by hand"):
        with_thresholds(dotted, {"spam": Thresholds(0.5, 0.9)})


# ------------------------------------------------------------------------------------------------------------- versions


@pytest.fixture
def policies(tmp_path):
    return Policies(tmp_path / "policies", tmp_path / "policy.toml")


def test_every_version_is_kept_with_who_when_and_why_and_can_be_put_back(policies):
    first = policies.standing()
    assert policies.text() == SHIPPED
    stricter = with_thresholds(SHIPPED, {"spam": Thresholds(0.3, 0.9)})
    line = policies.save(stricter, by="kim", at=NOON, note=" the flood ", seen=first)
    assert (line.by, line.note, line.kind) == ("kim", "the flood", "save")
    assert policies.policy().labels["spam"] == Thresholds(0.3, 0.9)
    assert policies.current.read_text(encoding="utf-8") == stricter
    assert [each.kind for each in policies.history()] == ["found", "save"]
    back = policies.restore(first, by="lee", at=NOON + timedelta(days=1), seen=line.id)
    assert (back.id, back.kind) == (first, "restore")
    assert policies.text() == SHIPPED
    assert policies.kept(line.id) == stricter
    assert Policies(policies.folder, policies.current).history()[-1] == back


def test_nobodys_version_is_overwritten_unseen(policies):
    seen = policies.standing()
    mine, theirs = (with_thresholds(SHIPPED, {"spam": Thresholds(limit)}) for limit in (0.3, 0.4))
    policies.save(theirs, by="lee", at=NOON, seen=seen)
    with pytest.raises(PolicyError, match="meanwhile"):
        policies.save(mine, by="kim", at=NOON, seen=seen)
    assert policies.text() == theirs


def test_what_was_written_by_hand_is_kept_when_the_next_is_saved(policies):
    policies.current.parent.mkdir(exist_ok=True)
    policies.current.write_text(SMALL, encoding="utf-8")
    policies.save(SHIPPED, by="kim", at=NOON, seen=policies.standing())
    assert policies.kept(policies.history()[0].id) == SMALL


def test_a_policy_that_is_none_is_not_saved(policies):
    with pytest.raises(PolicyError, match=r"reject = 0\.1 .* below review"):
        policies.save("[labels.spam]\nreview = 0.5\nreject = 0.1\n", by="kim", at=NOON, seen=policies.standing())
    assert policies.history() == []
    for name in ("../policy", "nothere", ""):
        with pytest.raises(PolicyError, match="no version"):
            policies.kept(name)


def test_a_list_file_that_changed_since_comes_back_as_it_was(policies):
    policies.current.parent.mkdir(exist_ok=True)
    words = policies.current.with_name("words.txt")
    words.write_text("# ours\ncheap pills\n\\#1 loans\n", encoding="utf-8")
    text = SMALL + '\n[[rule]]\nname = "listed"\naction = "reject"\nwords_file = "words.txt"\n'
    line = policies.save(text, by="kim", at=NOON, seen=policies.standing())
    assert policies.kept(line.id) == text
    words.write_text("tablets\n", encoding="utf-8")
    assert policies.standing() != line.id
    again = policies.restore(line.id, by="kim", at=NOON, seen=policies.standing())
    assert again.digest == line.digest
    assert policies.policy().rules[-1].words == ("cheap pills", "#1 loans")
    assert words.read_text(encoding="utf-8") == "tablets\n"


def test_a_line_that_was_cut_off_is_no_line(policies):
    policies.save(SMALL, by="kim", at=NOON, seen=policies.standing())
    history = policies.folder / "history.jsonl"
    history.write_bytes(history.read_bytes() + b'{"id": "half')
    assert len(policies.history()) == 2
    policies.save(SHIPPED, by="kim", at=NOON, seen=policies.standing())
    assert len(policies.history()) == 3


def test_the_shadow_counts_each_chunk_once_and_keeps_the_newest_word(policies):
    shadow = policies.start_shadow(SMALL, by="kim", at=NOON)
    for reject in (1, 2):  # the second time is the same chunk again, after a kill
        shadow.report(
            "a", {"allow/allow": 5, "allow/reject": reject}, [{"id": "a1", "before": "allow", "after": "reject"}]
        )
    shadow.report("b", {"review/allow": 3}, [{"id": "b1", "before": "review", "after": "allow"}])
    found = policies.shadow().found()
    assert found.counts == {"allow/allow": 5, "allow/reject": 2, "review/allow": 3}
    assert found.comments == 10
    assert found.of(("allow",), ("review", "reject")) == 2
    assert [each["id"] for each in found.newest] == ["a1", "b1"]
    policies.end_shadow(by="kim", at=NOON)
    assert policies.shadow() is None
    assert [line.kind for line in policies.history()] == ["shadow", "shadow-end"]
    later = policies.start_shadow(SMALL, by="kim", at=NOON + timedelta(hours=1))
    assert later.found().comments == 0


def test_a_file_that_was_named_has_to_be_there(tmp_path):
    with pytest.raises(PolicyError, match=r"gone\.toml"):
        Policies(tmp_path, tmp_path / "gone.toml", named=True).policy()


@given(one=st.text(max_size=60), other=st.text(max_size=60))
def test_a_comparison_tells_every_line_that_differs(one, other):
    lines = compared(one, other)
    assert (lines == []) == (one.split("\n") == other.split("\n"))
    assert {sign for sign, _ in lines} <= {" ", "+", "-", "@"}
    assert json.loads(json.dumps(lines)) is not None
