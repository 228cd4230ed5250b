"""Near-copies and bursts become cases; everything else stays alone."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.campaigns import AUTHOR_BURST, BURST, COPIES, Gathered
from moderation.features.sketch import alike, sketches
from moderation.tables import batch_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SUBJECTS = ("harbour", "timetable", "budget", "museum", "orchard", "bridge", "library", "festival", "glacier", "violin")
VERBS = ("closed", "reopened", "sank", "grew", "failed", "returned", "froze", "divided", "vanished", "recovered")


def letters(count, seed=0):
    """Return so many letters that share no more than common words."""
    chance = np.random.default_rng(seed)
    return [
        " ".join(f"{chance.choice(SUBJECTS)} {chance.choice(VERBS)} {chance.integers(10**9):x}" for _ in range(8))
        for _ in range(count)
    ]


def gathered(texts, *, authors=None, times=None, chunk=1000, **more):
    found = Gathered()
    for start in range(0, len(texts), chunk):
        part = slice(start, start + chunk)
        batch = batch_of(
            texts[part],
            authors=None if authors is None else authors[part],
            posted_at=None if times is None else times[part],
            ids=[f"c{n:05d}" for n in range(len(texts))][part],
        )
        found.add(batch, **more)
    return found


def test_copies_with_small_changes_are_one_case_and_letters_are_none():
    template = "Best loans of the year, no questions asked, apply today and receive the money tomorrow number {}"
    texts = [*letters(50), *(template.format(n) for n in range(20)), *letters(50, seed=1)]
    cases, members = gathered(texts).cases()
    assert cases["kind"].tolist() == ["copies"]
    assert cases["size"].tolist() == [20]
    assert members["id"].tolist() == [f"c{n:05d}" for n in range(50, 70)]
    assert cases["likeness"][0] > 0.8


def test_different_texts_to_one_host_within_a_week_are_one_case():
    texts = [f"{text} http://casino-{n % 3}.example/win" for n, text in enumerate(letters(30))]
    times = [NOON + timedelta(hours=n) for n in range(30)]
    cases, _ = gathered(texts, times=times).cases()
    assert cases["kind"].tolist() == ["host"] * 3
    assert sorted(host for linked in cases["linked"] for host in linked) == [f"casino-{n}.example" for n in range(3)]
    slow = [NOON + timedelta(days=8 * n) for n in range(30)]
    assert gathered(texts, times=slow).cases()[0].empty


def test_a_host_that_approved_comments_link_to_is_no_campaign():
    texts = [f"{text} see http://wiki.example/page" for text in letters(20)]
    batch = batch_of(texts, ids=[f"c{n}" for n in range(20)])
    batch.comments["status"] = pd.array(["approved"] * 3 + ["unknown"] * 17, dtype="string[pyarrow]")
    found = Gathered()
    found.add(batch, [True] * 3 + [False] * 17)
    assert len(found) == 17
    assert found.cases()[0].empty


def test_one_name_writing_without_pause_is_a_case_and_a_regular_is_none():
    times = [NOON + timedelta(minutes=n) for n in range(12)]
    cases, _ = gathered(letters(12), authors=["Busy"] * 12, times=times).cases()
    assert (cases["kind"].tolist(), list(cases["named"][0])) == (["author"], ["Busy"])
    days = [NOON + timedelta(days=n) for n in range(12)]
    assert gathered(letters(12), authors=["Regular"] * 12, times=days).cases()[0].empty


def test_nothing_gives_nothing():
    cases, members = Gathered().cases()
    assert cases.empty
    assert members.empty


texts = st.lists(
    st.one_of(st.text(max_size=60), st.sampled_from(["buy now at http://x.example/ today", "thanks to all of you"])),
    max_size=40,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(written=texts, chunk=st.integers(1, 9), moments=st.data())
def test_any_texts_are_in_one_case_at_the_most_in_whatever_chunks_they_come(written, chunk, moments):
    times = [NOON + timedelta(hours=moments.draw(st.integers(0, 400))) for _ in written]
    if not written:
        return
    cases, members = gathered(written, times=times, chunk=chunk).cases()
    assert members["id"].is_unique
    assert cases["size"].sum() == len(members)
    assert members.groupby("case").size().tolist() == cases["size"].tolist()
    least = {"copies": COPIES, "host": BURST, "author": AUTHOR_BURST}
    assert all(size >= least[kind] for kind, size in zip(cases["kind"], cases["size"], strict=True))
    whole, _ = gathered(written, times=times).cases()
    assert whole["size"].tolist() == cases["size"].tolist()
    same = pd.Series(written).groupby(written).size()
    assert all(size < COPIES or len(text.encode()) < 12 or size <= len(members) for text, size in same.items())


@settings(max_examples=40, deadline=None)
@given(text=st.text(min_size=30, max_size=200), other=st.text(max_size=200))
def test_a_sketch_depends_on_its_own_text_alone(text, other):
    alone, _ = sketches(pd.Series([text], dtype="string[pyarrow]"))
    beside, _ = sketches(pd.Series([other, text, other], dtype="string[pyarrow]"))
    assert (alone[0] == beside[1]).all()
    groups = alike(*sketches(pd.Series([text, other, text], dtype="string[pyarrow]")))
    assert groups[0] == groups[2] or len(text.encode()) < 8 or groups[0] != groups[1]
