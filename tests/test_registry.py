"""Candidates in, versions and champions out: names, refusals, rollbacks, and what is left after a fault."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.errors import ModelError, PromotionRefused
from moderation.labels import LABELS
from moderation.learning import load_checks, retrain
from moderation.registry import Registry
from moderation.settings import check_files, shipped_models
from moderation.tables import batch_of

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def candidates():
    """Three candidates of the shipped model, none of them worse, with different weights."""
    base = Registry(Path("unused"), shipped_models()).load()
    checks = load_checks(*check_files())
    found = []
    for number in range(3):
        batch = batch_of([f"the market opens at {number}"], ids=["c:1"], authors=["Ida"])
        truth = pd.DataFrame({label: pd.array([pd.NA], dtype="Int8") for label in LABELS}, index=pd.Index(["c:1"]))
        truth["spam"] = pd.array([0], dtype="Int8")
        truth = truth.assign(origin="review", audit=False, article_id=pd.NA, author="Ida")
        found.append(retrain(base, base, batch, truth, checks, at=AT))
    assert all(candidate.worse == () for candidate in found)
    return found


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "models", shipped_models())


def with_card(candidate, **facts):
    return replace(candidate, card={**candidate.card, **facts})


def saved(registry, candidates):
    """Save all candidates as if each had been measured against the one before."""
    versions = []
    for candidate in candidates:
        against = versions[-1] if versions else registry.default()
        versions.append(registry.save(with_card(candidate, champion=against)))
    return versions


# --- Versions


def test_a_new_site_has_the_shipped_champion_and_no_files(registry):
    assert registry.champion() == registry.default()
    assert registry.champion() in registry.versions()
    assert registry.load().version == registry.champion()
    assert registry.history() == []
    assert not registry.home.exists()


def test_a_saved_candidate_is_a_version_with_its_card(registry, candidates):
    version = registry.save(candidates[0])
    assert version == f"site-0001-{registry.card(version)['weights_sha256'][:8]}"
    assert registry.versions()[-1] == version
    assert {**registry.card(version)}.items() >= {"version": version, "champion": registry.default()}.items()
    classifier = registry.load(version)
    assert classifier.version == version
    assert (classifier.weights == candidates[0].classifier.weights).all()
    assert registry.champion() == registry.default(), "saving promotes nothing"


def test_the_same_candidate_is_one_version_and_another_is_the_next(registry, candidates):
    first = registry.save(candidates[0])
    card = (registry.home / first / "card.json").read_bytes()
    later = with_card(candidates[0], created_at=(AT + timedelta(days=1)).isoformat())
    assert registry.save(later) == first
    assert (registry.home / first / "card.json").read_bytes() == card, "a version is written once"
    assert registry.save(candidates[1]).startswith("site-0002-")


def test_what_a_killed_save_left_is_no_version_and_is_cleared_away(registry, candidates):
    left_over = registry.home / ".site-0001-0123abcd.new"
    left_over.mkdir(parents=True)
    (left_over / "card.json").write_text("{}")
    assert registry.versions() == Registry(Path("unused"), shipped_models()).versions()
    registry.save(candidates[0])
    assert not left_over.exists()
    assert sorted(path.name for path in registry.home.iterdir() if path.name.startswith(".")) == [".lock"]


@given(name=st.text(max_size=40) | st.sampled_from(["..", ".", "../models", "a/b", ".lock", "", "site-0001-\0"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_leads_out_of_the_folders(registry, name):
    with pytest.raises(ModelError, match="unknown model version"):
        registry.folder(name)


def test_a_version_needs_a_card(registry):
    (registry.home / "site-0001-00000000").mkdir(parents=True)
    with pytest.raises(ModelError, match="known: "):
        registry.load("site-0001-00000000")


# --- Defaults


def test_the_shipped_folder_may_name_its_default(tmp_path):
    shipped = tmp_path / "shipped"
    for name in ("base-a", "base-b"):
        (shipped / name).mkdir(parents=True)
        (shipped / name / "card.json").write_text("{}")
    registry = Registry(tmp_path / "models", shipped)
    with pytest.raises(ModelError, match="no shipped model is named as the default"):
        registry.champion()
    line = {"at": AT.isoformat(), "by": "us", "version": "base-a", "previous": "", "reason": None, "action": "promote"}
    (shipped / "promotions.jsonl").write_text(json.dumps(line) + "\n")
    assert registry.champion() == "base-a"


def test_without_any_model_it_says_to_reinstall(tmp_path):
    with pytest.raises(ModelError, match="reinstall"):
        Registry(tmp_path / "models", tmp_path / "none").champion()


# --- Promotion and rollback


def test_promotions_are_lines_that_say_who_when_and_why(registry, candidates):
    one, two, _ = saved(registry, candidates)
    registry.promote(one, by="ada", at=AT)
    registry.promote(two, by="bob", reason=" fewer false alarms ", at=AT + timedelta(hours=1))
    assert registry.champion() == two
    assert registry.load().version == two
    lines = [(line.action, line.by, line.previous, line.version, line.reason) for line in registry.history()]
    assert lines == [
        ("promote", "ada", registry.default(), one, None),
        ("promote", "bob", one, two, "fewer false alarms"),
    ]
    assert registry.history()[1].at == AT + timedelta(hours=1)


def test_promoting_the_champion_again_adds_nothing(registry, candidates):
    one, *_ = saved(registry, candidates)
    first = registry.promote(one, by="ada", at=AT)
    assert registry.promote(one, by="bob", at=AT + timedelta(hours=1)) == first
    assert len(registry.history()) == 1
    fresh = Registry(registry.home.parent / "fresh", registry.shipped)
    fresh.promote(fresh.default(), by="ada", at=AT)
    assert fresh.history() == []


def test_rollback_walks_back_to_the_first_champion_and_no_further(registry, candidates):
    one, two, three = saved(registry, candidates)
    for version in (one, two, three):
        registry.promote(version, by="ada", at=AT)
    assert [registry.rollback(by="ada", at=AT).version for _ in range(3)] == [two, one, registry.default()]
    assert registry.champion() == registry.default()
    with pytest.raises(ModelError, match="nothing to roll back to"):
        registry.rollback(by="ada", at=AT)
    assert len(registry.history()) == 6


def test_after_a_rollback_a_promotion_starts_from_there(registry, candidates):
    one, two, _ = saved(registry, candidates)
    registry.promote(one, by="ada", at=AT)
    registry.promote(two, by="ada", at=AT)
    registry.rollback(by="ada", at=AT, reason="a mistake")
    registry.promote(two, by="ada", at=AT)
    assert registry.rollback(by="ada", at=AT).version == one
    assert [line.reason for line in registry.history()] == [None, None, "a mistake", None, None]


def test_a_new_shipped_default_does_not_replace_a_promoted_version(registry, candidates, tmp_path):
    one, *_ = saved(registry, candidates)
    registry.promote(one, by="ada", at=AT)
    newer = tmp_path / "shipped"
    (newer / "base-newer").mkdir(parents=True)
    (newer / "base-newer" / "card.json").write_text("{}")
    upgraded = Registry(registry.home, newer)
    assert upgraded.champion() == one
    assert upgraded.default() == "base-newer"


# --- Refusals


def test_a_worse_candidate_needs_a_written_reason(registry, candidates):
    version = registry.save(with_card(candidates[0], worse=["holdout: spam", "checks: threat"]))
    for reason in (None, "", "  \n"):
        with pytest.raises(PromotionRefused, match=r"is worse than .* on holdout: spam, checks: threat"):
            registry.promote(version, by="ada", reason=reason, at=AT)
    assert registry.champion() == registry.default()
    assert registry.history() == []
    registry.promote(version, by="ada", reason="threats are rare here", at=AT)
    assert registry.champion() == version


def test_one_measured_against_another_champion_needs_a_reason(registry, candidates):
    one = registry.save(candidates[0])
    two = registry.save(candidates[1])  # measured against the default, as one was
    registry.promote(one, by="ada", at=AT)
    with pytest.raises(
        PromotionRefused, match=f"measured against {registry.default()}, not against the champion {one}"
    ):
        registry.promote(two, by="ada", at=AT)
    registry.promote(two, by="ada", reason="compared by hand", at=AT)
    assert registry.champion() == two


def test_one_that_was_never_measured_needs_a_reason(registry, candidates):
    one = registry.save(candidates[0])
    registry.promote(one, by="ada", at=AT)
    with pytest.raises(PromotionRefused, match="never measured"):
        registry.promote(registry.default(), by="ada", at=AT)
    registry.promote(registry.default(), by="ada", reason="start afresh", at=AT)
    assert registry.champion() == registry.default()


def test_an_unknown_version_is_refused_with_those_known(registry):
    with pytest.raises(ModelError, match=f"unknown model version 'base-9'; known: {registry.default()}"):
        registry.promote("base-9", by="ada", reason="because", at=AT)


def test_a_damaged_model_never_becomes_champion(registry, candidates):
    one, two, _ = saved(registry, candidates)
    registry.promote(one, by="ada", at=AT)
    registry.promote(two, by="ada", at=AT)
    weights = registry.home / one / "weights.npz"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=f"{one}: .*damaged"):
        registry.rollback(by="ada", at=AT)
    with pytest.raises(ModelError, match="damaged"):
        registry.promote(one, by="ada", reason="again", at=AT)
    assert registry.champion() == two


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{"])
def test_a_damaged_card_is_one_line(registry, candidates, content):
    version = registry.save(candidates[0])
    (registry.home / version / "card.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"card\.json: "):
        registry.card(version)


# --- The file of promotions


def test_a_line_without_its_end_is_no_line_and_is_overwritten(registry, candidates):
    one, two, _ = saved(registry, candidates)
    registry.promote(one, by="ada", at=AT)
    path = registry.home / "promotions.jsonl"
    whole = path.read_bytes()
    for length in (1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole + whole[:length])
        assert registry.champion() == one
        assert len(registry.history()) == 1
    registry.promote(two, by="ada", at=AT)
    assert registry.champion() == two
    assert path.read_bytes().startswith(whole)
    assert len(path.read_bytes().splitlines()) == len(registry.history()) == 2


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[]", b"null", b'{"at": "x"}', b"\xff\xfe", b'{"action": "promote", "at": 1}']
)
def test_a_foreign_line_is_named_not_skipped(registry, candidates, line):
    one, *_ = saved(registry, candidates)
    registry.promote(one, by="ada", at=AT)
    path = registry.home / "promotions.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(ModelError, match=r"promotions\.jsonl: line 2 is not a promotion"):
        registry.champion()


def test_a_home_that_cannot_be_written_is_one_line(tmp_path, candidates):
    (tmp_path / "file").write_text("not a folder")
    registry = Registry(tmp_path / "file" / "models", shipped_models())
    with pytest.raises(ModelError, match="cannot write models"):
        registry.save(candidates[0])


# --- Several at once

ROUND = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from moderation.registry import Registry
home, shipped, name, *versions = sys.argv[1:]
registry = Registry(Path(home), Path(shipped))
for turn in range(6):
    registry.promote(versions[turn % len(versions)], by=name, reason="trying", at=datetime.now(UTC))
"""


def test_two_who_promote_at_once_each_see_what_the_other_did(registry, candidates):
    versions = saved(registry, candidates)
    orders = (versions, versions[::-1])
    runs = [
        subprocess.Popen([sys.executable, "-c", ROUND, registry.home, shipped_models(), f"run {number}", *order])
        for number, order in enumerate(orders)
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    champion = registry.default()
    for line in registry.history():
        assert line.previous == champion, "each promotion must have been judged against the champion of its moment"
        assert line.version != champion
        champion = line.version
    assert registry.champion() == champion
