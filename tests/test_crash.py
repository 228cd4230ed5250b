"""Kill -9 in the middle of every act, restart, and look: nothing lost, nothing half-done.

The victim is a real process that does the real work. It dies just before a chosen write (a statement or commit to the
database, a write, sync or rename of a file): first it is left to live, to count its writes, then it is killed before
several of them. Once per act it is also killed at some moment by the clock, wherever that is.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from moderation import cli, jobs
from moderation.labels import LABELS
from moderation.learning import holdout_side, load_checks
from moderation.policy import load_policy
from moderation.registry import Registry
from moderation.settings import check_files, shipped_models
from moderation.store import Review, Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is not to be had on this system"),
]

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEOPLE = [name for name in (f"person {number}" for number in range(40)) if not holdout_side(None, name)]

# Counts the calls by which anything reaches the disk, and is killed just before number KILL_BEFORE (or, with KILL_AT
# "c_return", just after it); writes down how many there were if it lives.
VICTIM = """
import os, signal, sys, threading
from moderation import cli, jobs  # what is loaded now writes nothing later

WRITES = set(os.environ["KILL_WRITES"].split())
BEFORE = int(os.environ["KILL_BEFORE"])
BY = getattr(signal, os.environ["KILL_BY"])
AT = os.environ["KILL_AT"]
count = 0

def watch(frame, event, function):
    global count
    if event == AT and getattr(function, "__name__", "") in WRITES:
        count += 1
        if count == BEFORE:
            os.kill(os.getpid(), BY)

threading.setprofile(watch)
sys.setprofile(watch)
code = 0
try:
    ACT
finally:
    sys.setprofile(None)
    threading.setprofile(None)
    if not BEFORE:
        with open(os.environ["KILL_COUNT"], "w") as file:
            print(count, file=file)
"""

WRITES = "commit execute executemany fsync mkdir rename replace truncate write writerow"
COMMAND = "cli.main(sys.argv[1:])"

# Answers one comment after another, and says which answers it was told are kept.
REVIEWS = """
    from datetime import UTC, datetime
    from moderation.store import Review, Store
    store = Store.open(sys.argv[1])
    for number in range(int(sys.argv[2])):
        name = f"c:{number}"
        kept = store.add_review(
            Review(name, "ada", "reject", {"spam": True}, store.version(name), datetime.now(UTC), token=f"act {number}")
        )
        os.write(1, f"{number}\\n".encode())
"""


class Site:
    """An installation in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.registry = Registry(self.home / "models", shipped_models())

    def store(self) -> Store:
        return Store.open(self.home / "store.db")

    def die(self, *arguments, before, act=COMMAND, after_s=None, by="SIGKILL", at="c_call", writes=WRITES):
        """Do `act` in a process that dies before its write number `before` (0: it lives), or after some seconds."""
        count = self.folder / "count"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MODERATION_")},
            "MODERATION_HOME": str(self.home),
            "MODERATION_TIER": "fast",  # a hundred processes: what they write is the same with any model
            "KILL_BEFORE": str(before),
            "KILL_BY": by,
            "KILL_WRITES": writes,
            "KILL_AT": at,
            "KILL_COUNT": str(count),
        }
        running = subprocess.Popen(
            [sys.executable, "-c", VICTIM.replace("    ACT", f"    {act.strip()}"), *map(str, arguments)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if after_s is not None:
            time.sleep(after_s)
            running.kill()
        out, err = running.communicate(timeout=120)
        if before == 0 and after_s is None:
            assert running.returncode == 0, err
            return out, int(count.read_text())
        assert running.returncode in (0, 130, -getattr(signal, by)), err
        assert "Traceback" not in err
        return out, running.returncode

    def run(self, *arguments):
        """Begin again after a crash: in this process, for that is quicker and the work is the same."""
        with pytest.MonkeyPatch.context() as environment, contextlib.suppress(SystemExit):
            environment.setenv("MODERATION_HOME", str(self.home))
            environment.setenv("MODERATION_TIER", "fast")
            cli.main([str(argument) for argument in arguments])


@pytest.fixture
def make(tmp_path):
    """Return a function that makes a fresh installation, prepared by `prepare(site)`."""
    number = 0

    def make(prepare=None):
        nonlocal number
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        site = Site(folder)
        if prepare is not None:
            prepare(site)
        return site

    return make


def moments(count, wanted=5):
    """Return numbers of writes to die before: the first, the last, and some between."""
    return sorted({1, count, *(1 + round(count * part / (wanted - 1)) for part in range(1, wanted - 1))} - {count + 1})


def export(folder, count=60):
    path = folder / "export.jsonl"
    rows = (
        {
            "id": f"c:{number}",
            "article_id": f"post:{number % 4}",
            "article_title": "The harbour wall",
            "author": PEOPLE[number % 7],
            "text": f"order lamps at http://lamps.example/{number}"
            if number % 3 == 0
            else f"the wall is {number} long",
        }
        for number in range(count)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def filled(site):
    with site.store() as store:
        jobs.ingest([export(site.folder)], store, at=AT)


def reviewed(site):
    filled(site)
    with site.store() as store:
        for number in range(12):
            store.add_review(Review(f"c:{number}", "ada", "reject", {"spam": number % 3 == 0}, 0, AT))


def trained(site):
    reviewed(site)
    with site.store() as store:
        jobs.retrain(store, site.registry, load_checks(*check_files()), at=AT)


def whole(store, model=None):
    """Assert that the store's counts are those of its rows."""
    assert store.counts(model) == store.recount(model)


# --- Ingest


def test_ingest(make):
    def paths(site):
        first = export(site.folder)
        second = site.folder / "more.csv"
        second.write_text("id,text\n" + "".join(f"d:{number},a gull counted {number}\n" for number in range(30)))
        return first, second

    lived = make()
    _, count = lived.die("ingest", *paths(lived), before=0)
    states = set()
    for before in moments(count, 6):
        site = make()
        site.die("ingest", *paths(site), before=before)
        with site.store() as store:
            found = store.counts().comments
            whole(store)
        assert found in (0, 60, 90), "a file is there with all its comments or with none"
        states.add(found)
        site.run("ingest", *paths(site))
        with site.store() as store:
            assert store.counts().comments == 90
            whole(store)
    assert len(states) > 1, "all died at the same stage: the moments show nothing"


# --- Score


def test_score_the_store(make):
    lived = make(filled)
    _, count = lived.die("score", "--chunk-rows", 20, before=0)
    model = lived.registry.champion()
    names = [f"c:{number}" for number in range(60)]
    with lived.store() as store:
        expected = store.scores(names, model)
    states = set()
    for before in moments(count, 6):
        site = make(filled)
        site.die("score", "--chunk-rows", 20, before=before)
        with site.store() as store:
            whole(store, model)
            counts = store.counts(model)
            assert counts.scored % 20 == 0, "a chunk is scored or it is not"
            states.add((counts.scored, sum(counts.by_action.values())))
        site.run("score")
        with site.store() as store:
            whole(store, model)
            pd.testing.assert_frame_equal(store.scores(names, model), expected)
            assert sum(store.counts(model).by_action.values()) == 60
    assert len(states) > 2, "all died at the same stage: the moments show nothing"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_score_a_file(make, suffix):
    lived = make()
    out = lived.folder / f"scored.{suffix}"
    _, count = lived.die("score", export(lived.folder), "-o", out, "--chunk-rows", 7, before=0)
    expected = out.read_bytes()
    for before in moments(count, 4):
        site = make()
        out = site.folder / f"scored.{suffix}"
        site.die("score", export(site.folder), "-o", out, "--chunk-rows", 7, before=before)
        if out.exists():
            assert out.read_bytes() == expected, "a file under its own name is whole"
        site.run("score", export(site.folder), "-o", out, "--chunk-rows", 7)
        assert out.read_bytes() == expected
        seen = {path.name for path in site.folder.iterdir() if not path.name.startswith(".")}
        assert seen <= {"home", "export.jsonl", "count", out.name}


# --- Review


def test_review(make):
    lived = make(filled)
    _, count = lived.die(lived.home / "store.db", 15, before=0, act=REVIEWS)
    for before in moments(count):
        site = make(filled)
        told, _ = site.die(site.home / "store.db", 15, before=before, act=REVIEWS)
        kept = [int(line) for line in told.split()]
        with site.store() as store:
            whole(store)
            found = {review.comment_id: review for review in store.reviews()}
            for number in kept:
                assert found[f"c:{number}"].labels == {"spam": True}, "who was told that it is kept finds it kept"
            assert len(found) in (len(kept), len(kept) + 1)
        site.die(site.home / "store.db", 15, before=0, act=REVIEWS)  # the same acts, sent again by the same hand
        with site.store() as store:
            events = store.reviews(standing=False)
            assert sorted(event.comment_id for event in events) == sorted(f"c:{number}" for number in range(15))
            whole(store)


# --- Retrain


def test_retrain(make):
    lived = make(reviewed)
    _, count = lived.die("retrain", before=0)
    (expected,) = set(lived.registry.versions()) - {lived.registry.default()}
    for before in moments(count):
        site = make(reviewed)
        site.die("retrain", before=before)
        for version in site.registry.versions():
            assert site.registry.load(version).version == version, "what is listed can be loaded"
            assert site.registry.card(version)
        assert site.registry.champion() == site.registry.default()
        site.run("retrain")
        assert set(site.registry.versions()) == {site.registry.default(), expected}
        left_over = [path.name for path in site.registry.home.iterdir() if path.name.endswith(".new")]
        assert left_over == []


# --- Promote and roll back


@pytest.mark.parametrize("act", ["promote", "rollback"])
def test_promotion(make, act):
    def prepared(site):
        trained(site)
        (version,) = set(site.registry.versions()) - {site.registry.default()}
        if act == "rollback":
            site.registry.promote(version, by="ada", reason="trying", at=AT)

    def words(site):
        (version,) = set(site.registry.versions()) - {site.registry.default()}
        return ("promote", version, "--reason", "trying") if act == "promote" else ("rollback",)

    lived = make(prepared)
    before_it = lived.registry.champion()
    _, count = lived.die(*words(lived), before=0)
    after_it = lived.registry.champion()
    assert before_it != after_it
    for before in moments(count):
        site = make(prepared)
        site.die(*words(site), before=before)
        champion = site.registry.champion()
        assert champion in (before_it, after_it)
        assert site.registry.load().version == champion
        assert all(line.version for line in site.registry.history())
        if champion == before_it:
            site.run(*words(site))
        assert site.registry.champion() == after_it
        assert len(site.registry.history()) == (1 if act == "promote" else 2)


# --- A job row


def test_a_job_whose_process_is_killed_shows_as_interrupted_and_runs_again(make):
    def asked(site):
        reviewed(site)
        with site.store() as store:
            assert store.add_job("retrain", {}, datetime.now(UTC)) == 1

    _, count = make(asked).die("run-job", 1, before=0)
    site, number = make(asked), 1
    site.die("run-job", number, before=count // 2)
    with site.store() as store:
        job = store.job(number)
        assert job.state == "running"
        later = job.updated_at + timedelta(seconds=jobs.STALE_S + 1)
        assert jobs.state(job, later) == "interrupted"
        around = jobs.Surroundings(store, site.registry, load_policy(), load_checks(*check_files()), lambda: later)
        assert jobs.run(number, around).state == "done"


def test_a_job_that_is_asked_to_stop_says_so_whenever_it_is_asked(make):
    def asked(site):
        filled(site)
        with site.store() as store:
            assert store.add_job("rescore", {}, datetime.now(UTC)) == 1

    # Just after each commit: what the row says and what the process knows must not part there.
    after_commits = {"at": "c_return", "writes": "commit"}
    _, count = make(asked).die("run-job", 1, before=0, **after_commits)
    assert count > 2
    for moment in range(1, count + 1):
        site = make(asked)
        _, code = site.die("run-job", 1, before=moment, by="SIGTERM", **after_commits)
        with site.store() as store:
            state = store.job(1).state
            # Asked before it could listen, it ends as any program does; before it has said that it runs, it waits.
            ends = [(130, "interrupted"), (130, "queued"), (-signal.SIGTERM, "queued"), (0, "done"), (130, "done")]
            assert (code, state) in ends, moment


# --- By the clock


@pytest.mark.parametrize("after_s", [1.2, 2.2])
def test_killed_at_any_moment_every_act_can_be_begun_again(make, after_s):
    site = make(reviewed)
    model = site.registry.champion()
    site.die("score", "--chunk-rows", 1, before=0, after_s=after_s)
    site.die("retrain", before=0, after_s=after_s)
    with site.store() as store:
        whole(store, model)
    site.run("score")
    site.run("retrain")
    assert len(site.registry.versions()) == 2
    with site.store() as store:
        whole(store, model)
        assert store.counts(model).scored == 60
        assert store.scores(["c:1"], model)[list(LABELS)].notna().any(axis=None)
