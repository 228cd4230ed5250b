"""The three jobs on real files, a real store and the shipped model; job rows; the same work on a Dask cluster."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from moderation import jobs
from moderation.errors import InputError, LearningError, StoreError
from moderation.labels import FLAGS, LABELS
from moderation.learning import holdout_side, load_checks
from moderation.policy import load_policy, parse_policy
from moderation.readers import read
from moderation.registry import Registry
from moderation.settings import check_files, seed_page, shipped_models
from moderation.store import Review, Store
from moderation.tables import batch_of

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)

ARTICLES = {
    "post:1": (
        "Ferry timetable changes in March",
        "The ferry to the lighthouse leaves every hour from March, on the hour.",
    ),
    "post:2": (
        "Bees on the town hall roof",
        "Four hives stand on the roof; the first honey was given to the school kitchen.",
    ),
    "post:3": (None, None),
}
SENTENCES = (
    "The ferry was late again on Sunday, we waited for an hour at the pier.",
    "My aunt kept bees on a roof for thirty years and was stung twice.",
    "Cheap honey pills http://honey-pills.example order today, best price!!!",
    "[...] the town hall has bees now, and the school kitchen has honey [...]",
    "That is what I said last year, and nobody listened.",
    "Throw the captain into the harbour and leave him there.",
    "Does the timetable hold on holidays too?",
)


# Nobody here is kept aside for measuring, or what a test answers would not be learned from.
PEOPLE = [name for name in (f"person {number}" for number in range(40)) if not holdout_side(None, name)]
assert not any(holdout_side(article, None) for article in ARTICLES)


def rows(count):
    """Return `count` comments in threads under three articles, some answering others, as an export would hold them."""
    found = []
    for number in range(count):
        article = f"post:{number % 3 + 1}"
        title, text = ARTICLES[article]
        row = {
            "id": f"c:{number}",
            "article_id": article,
            "article_title": title,
            "article_text": text,
            "author": PEOPLE[number % 11],
            "text": f"{SENTENCES[number % len(SENTENCES)]} {number}",
        }
        if number % 4 == 3:
            row["parent_id"] = f"c:{number - 3}"
        found.append(row)
    return found


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "export.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(120)))
    return path


@pytest.fixture(scope="module")
def policy():
    return load_policy()


@pytest.fixture(scope="module")
def classifier():
    return Registry(Path("unused"), shipped_models()).load()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.db") as store:
        yield store


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "models", shipped_models())


def scored(path, out, classifier, policy, **options):
    jobs.score_file(path, out, classifier, policy, at=AT, **options)
    return pd.read_parquet(out) if out.suffix == ".parquet" else pd.read_csv(out)


# --- Ingest


def test_ingest_adds_what_is_new_and_counts_the_rest(store, export):
    (first,) = jobs.ingest([export], store, at=AT)
    (again,) = jobs.ingest([export], store, at=AT)
    assert (first.format, first.added.comments_new, first.added.articles_new) == ("jsonl", 120, 2)
    assert (again.added.comments_new, again.added.comments_known) == (0, 120)
    assert first.loss.records_in == first.loss.comments_out == 120
    assert store.counts().comments == 120


def test_ingest_of_a_longer_export_adds_the_rest(store, export, tmp_path):
    jobs.ingest([export], store, at=AT)
    longer = tmp_path / "longer.jsonl"
    longer.write_text("".join(json.dumps(row) + "\n" for row in rows(150)))
    (found,) = jobs.ingest([longer], store, at=AT, chunk_rows=40)
    assert (found.added.comments_new, found.added.comments_known) == (30, 120)


def test_ingest_tells_its_progress_in_bytes(store, export):
    told = []
    jobs.ingest([export], store, at=AT, chunk_rows=20, progress=lambda *step: told.append(step))
    done = [step[0] for step in told]
    assert done == sorted(done)
    assert done[-1] == export.stat().st_size
    assert {step[1:] for step in told} == {(export.stat().st_size, "export.jsonl")}


# --- What the source's moderators had decided


def comment(number, status="1", kind="comment", **more):
    return {
        "comment_ID": str(number),
        "comment_post_ID": str(number % 3),
        "comment_content": f"{SENTENCES[number % len(SENTENCES)]} {number}",
        "comment_author": PEOPLE[number % 11],
        "comment_approved": status,
        "comment_type": kind,
        "comment_parent": "0",
        "comment_date_gmt": "2007-11-25 09:05:00",
        **more,
    }


def test_what_moderators_decided_becomes_truth_once_and_follows_a_later_export(store, tmp_path):
    path = tmp_path / "comments.json"
    path.write_text(json.dumps([comment(1), comment(2, "spam"), comment(3, "0"), comment(4, "1", "pingback")]))
    (first,) = jobs.ingest([path], store, at=AT)
    (again,) = jobs.ingest([path], store, at=AT)
    assert (first.judged, again.judged) == (3, 0)
    truth = store.truth(origin=("imported",))
    assert set(truth["origin"]) == {"imported"}
    told = {name: (row["spam"], row["trackback"]) for name, row in truth.iterrows()}
    assert told == {"wordpress:1": (0, 0), "wordpress:2": (1, pd.NA), "wordpress:4": (0, 1)}

    path.write_text(json.dumps([comment(2, "1"), comment(3, "spam"), comment(5)]))
    (later,) = jobs.ingest([path], store, at=AT)
    assert (later.added.comments_new, later.added.statuses_changed, later.judged) == (1, 2, 3)
    assert store.truth(origin=("imported",))["spam"].to_dict() == {
        "wordpress:1": 0, "wordpress:2": 0, "wordpress:3": 1, "wordpress:4": 0, "wordpress:5": 0,
    }  # fmt: skip
    assert store.batch(["wordpress:3"]).comments["status"].tolist() == ["spam"]


def test_a_candidate_learns_from_an_export_alone(store, registry, tmp_path):
    path = tmp_path / "comments.json"
    path.write_text(json.dumps([comment(number, "spam" if number % 3 else "1") for number in range(1, 40)]))
    jobs.ingest([path], store, at=AT)
    trained = jobs.retrain(store, registry, load_checks(*check_files()), at=AT)
    card = registry.card(trained.version)
    assert card["reviews"]["comments"] + card["kept_aside"]["comments"] == 39
    assert card["reviews"]["labels"]["spam"]["yes"] > card["reviews"]["labels"]["spam"]["no"] > 0


def test_a_reason_goes_before_a_status(store, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,text,status,spam,off_topic\nx:1,a,approved,1,1\nx:2,b,rejected,,\n")
    jobs.ingest([path], store, at=AT)
    truth = store.truth(origin=("imported",))
    assert truth.index.tolist() == ["x:1"]
    assert (truth["spam"].tolist(), truth["off_topic"].tolist()) == ([1], [1])


def test_decisions_go_back_to_the_system_they_came_from(store, classifier, policy, tmp_path):
    path = tmp_path / "comments.json"
    path.write_text(json.dumps([comment(number) for number in range(1, 6)]))
    jobs.ingest([path], store, at=AT)
    for number, (action, labels) in enumerate(
        [("approve", {}), ("reject", {"spam": True}), ("reject", {"insult": True}), ("skip", {})], start=1
    ):
        store.add_review(Review(f"wordpress:{number}", "ada", action, labels, 0, AT))
    done = jobs.export(store, "wp-cli", tmp_path / "x.sh")
    assert done.written == {"approved": 1, "spam": 1, "rejected": 1}
    lines = (tmp_path / "x.sh").read_text().splitlines()
    assert [line.split()[2:4] for line in lines if line.startswith("wp")] == [
        ["approve", "1"],
        ["spam", "2"],
        ["trash", "3"],
    ]
    store.undo("ada", at=AT)  # the skip
    store.undo("ada", at=AT)  # the rejection of the third
    assert jobs.export(store, "wp-cli", tmp_path / "x.sh").written == {"approved": 1, "spam": 1, "rejected": 0}
    jobs.score_store(store, classifier, policy, at=AT)
    decided = [store.decision(f"wordpress:{number}").action for number in range(3, 6)]
    done = jobs.export(store, "wp-cli", tmp_path / "x.sh", decided_by_policy=True)
    assert sum(done.written.values()) == 2 + sum(action != "review" for action in decided)


def test_an_export_becomes_a_plain_table(export, tmp_path):
    told = []
    done = jobs.convert(export, tmp_path / "x.parquet", progress=lambda *step: told.append(step))
    assert (done.rows, done.format, done.loss.lost) == (120, "jsonl", 0)
    table = pd.read_parquet(tmp_path / "x.parquet")
    assert table["id"].tolist() == [row["id"] for row in rows(120)]
    assert table["article_title"].astype(object).where(table["article_title"].notna(), None).tolist() == [
        row["article_title"] for row in rows(120)
    ]
    assert told[-1][0] == export.stat().st_size


def test_what_cannot_be_read_leaves_no_table(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError):
        jobs.convert(tmp_path / "x.csv", tmp_path / "x.parquet", format="csv")
    assert not (tmp_path / "x.parquet").exists()


# --- Score a file


def test_the_table_keeps_ids_and_order_and_has_a_column_per_label(export, classifier, policy, tmp_path):
    table = scored(export, tmp_path / "out.parquet", classifier, policy)
    assert list(table["id"]) == [row["id"] for row in rows(120)]
    assert list(table.columns) == ["id", *LABELS, "decision", "reasons", "model"]
    assert set(table["model"]) == {classifier.version}
    assert set(table["decision"]) <= {"allow", "review", "reject"}
    (batch,) = read(export)
    expected = classifier.score(batch)
    for label in LABELS:
        assert table[label].astype("float32").tolist() == pytest.approx(expected[label].tolist(), nan_ok=True)


def test_neither_chunks_nor_threads_change_a_row(export, classifier, policy, tmp_path):
    tables = [
        scored(export, tmp_path / f"{rows}-{workers}.parquet", classifier, policy, chunk_rows=rows, workers=workers)
        for rows, workers in ((5000, 1), (7, 1), (1, 1), (7, 2), (50, 3))
    ]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


def test_the_thread_before_a_chunk_is_looked_at(export, classifier, policy, tmp_path):
    (whole,) = read(export)
    alone = pd.concat([classifier.score(batch) for batch in read(export, chunk_rows=1)])
    assert not classifier.score(whole)["off_topic"].equals(alone["off_topic"]), "or this test would show nothing"
    table = scored(export, tmp_path / "out.parquet", classifier, policy, chunk_rows=1)
    assert table["off_topic"].tolist() == pytest.approx(classifier.score(whole)["off_topic"].tolist(), nan_ok=True)


def test_the_summary_counts_what_the_table_holds(export, classifier, policy, tmp_path):
    out = tmp_path / "out.parquet"
    summary = jobs.score_file(export, out, classifier, policy, at=AT, chunk_rows=50)
    table = pd.read_parquet(out)
    assert summary.rows == len(table) == 120
    assert {action: count for action, count in summary.decisions.items() if count} == dict(
        table["decision"].value_counts()
    )
    for label, threshold in jobs.thresholds_of(policy).items():
        assert (
            summary.flags[label] == (table[label].astype("float32") >= pd.Series([threshold], dtype="float32")[0]).sum()
        )
    assert summary.loss.comments_out == 120


def test_an_export_of_no_comments_gives_an_empty_table(classifier, policy, tmp_path):
    path = tmp_path / "none.csv"
    path.write_text("id,text\n")
    summary = jobs.score_file(path, tmp_path / "out.csv", classifier, policy, at=AT)
    assert summary.rows == 0
    assert list(pd.read_csv(tmp_path / "out.csv").columns) == ["id", *LABELS, "decision", "reasons", "model"]


def test_no_more_than_a_few_batches_are_held_at_once(classifier):
    pulled = 0

    def batches():
        nonlocal pulled
        for number in range(60):
            pulled += 1
            yield batch_of([f"bread {number}"], ids=[f"c:{number}"]), batch_of([]).comments

    for workers in (1, 3):
        pulled = 0
        for done, _ in enumerate(jobs._scored(batches(), classifier, workers=workers, dask=None), start=1):
            assert pulled - done < 2 * workers


def test_a_job_without_workers_is_refused(export, classifier, policy, tmp_path):
    with pytest.raises(InputError, match="workers: 0"):
        jobs.score_file(export, tmp_path / "out.csv", classifier, policy, at=AT, workers=0)


def test_a_failed_job_leaves_no_file(export, classifier, policy, tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing of the kind PAR1")
    with pytest.raises(InputError):
        jobs.score_file(broken, tmp_path / "out.csv", classifier, policy, at=AT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.parquet", "export.jsonl"]


# --- Score the store


def test_the_store_is_scored_and_decided_once(store, export, classifier, policy):
    jobs.ingest([export], store, at=AT)
    first = jobs.score_store(store, classifier, policy, at=AT, chunk_rows=25)
    again = jobs.score_store(store, classifier, policy, at=AT)
    assert (first.rows, again.rows) == (120, 0)
    counts = store.counts(classifier.version)
    assert counts.scored == 120
    assert {action: count for action, count in first.decisions.items() if count} == counts.by_action
    assert counts == store.recount(classifier.version)


def test_the_store_gives_the_scores_that_the_file_gives(store, export, classifier, policy, tmp_path):
    jobs.ingest([export], store, at=AT)
    jobs.score_store(store, classifier, policy, at=AT, chunk_rows=11, workers=2)
    table = scored(export, tmp_path / "out.parquet", classifier, policy).set_index("id")
    kept = store.scores(list(table.index), classifier.version)
    for label in LABELS:
        assert kept[label].tolist() == pytest.approx(table[label].tolist(), nan_ok=True)


def test_a_comment_that_comes_later_is_scored_in_its_thread(store, export, classifier, policy, tmp_path):
    short = tmp_path / "short.jsonl"
    short.write_text("".join(json.dumps(row) + "\n" for row in rows(119)))
    for path in (short, export):
        jobs.ingest([path], store, at=AT)
        jobs.score_store(store, classifier, policy, at=AT)
    (whole,) = read(export)
    expected = classifier.score(whole)
    kept = store.scores(list(expected.index), classifier.version)
    assert kept["off_topic"].tolist() == pytest.approx(expected["off_topic"].tolist(), nan_ok=True)


def test_a_new_policy_decides_again_without_scoring_again(store, export, classifier, policy):
    jobs.ingest([export], store, at=AT)
    jobs.score_store(store, classifier, policy, at=AT)
    strict = parse_policy("[labels.others]\nreview = 0.0\nunscored = 'review'\n")
    told = []
    again = jobs.score_store(store, classifier, strict, at=AT, progress=lambda *step: told.append(step[2]))
    assert again.decisions == {"allow": 0, "review": 120, "reject": 0}
    assert set(told) == {"deciding"}
    assert store.counts(classifier.version).by_action == {"review": 120}


# --- Retrain and forget


def answer(store, number, **labels):
    comment = f"c:{number}"
    review = Review(comment, "ada", "reject", labels, store.version(comment), AT)
    return store.add_review(review).id


def test_reviews_become_a_version_that_is_kept_not_promoted(store, export, registry):
    jobs.ingest([export], store, at=AT)
    for number in range(0, 60, 7):
        answer(store, number + 2, spam=True)
        answer(store, number, spam=False)
    trained = jobs.retrain(store, registry, load_checks(*check_files()), at=AT)
    assert trained.version in registry.versions()
    assert registry.champion() == registry.default()
    card = registry.card(trained.version)
    assert card["reviews"]["comments"] + card["kept_aside"]["comments"] == 18
    assert card["created_at"] == AT.isoformat()


def test_imported_truth_is_learned_from_too_and_reviews_outrank_it(store, export, registry):
    jobs.ingest([export], store, at=AT)
    truth = pd.DataFrame({"spam": [1, 0]}, index=pd.Index(["c:2", "c:0"], name="id"))
    store.add_truth(truth, source="a table", at=AT)
    checks = load_checks(*check_files())
    first = jobs.retrain(store, registry, checks, at=AT)
    assert first.candidate.card["reviews"]["labels"]["spam"] == {"yes": 1, "no": 1}
    answer(store, 2, spam=False)
    second = jobs.retrain(store, registry, checks, at=AT)
    assert second.candidate.card["reviews"]["labels"]["spam"] == {"yes": 0, "no": 2}


def test_forgetting_gives_the_version_that_never_knew(store, export, registry):
    jobs.ingest([export], store, at=AT)
    checks = load_checks(*check_files())
    answer(store, 2, spam=True)
    never = jobs.retrain(store, registry, checks, at=AT).version
    late = [answer(store, 9, spam=True), answer(store, 16, spam=True)]
    assert jobs.retrain(store, registry, checks, at=AT).version != never
    forgot = jobs.forget(store, registry, checks, late, by="ada", reason="asked to", at=AT)
    assert forgot.version == never, "the same weights are the same version"
    assert len(store.reviews()) == 3, "what was decided stays decided"


def test_forgetting_everything_leaves_the_shipped_model(store, export, registry):
    jobs.ingest([export], store, at=AT)
    only = answer(store, 2, spam=True)
    assert jobs.forget(store, registry, load_checks(*check_files()), [only], by="ada", reason="all", at=AT) is None
    assert registry.versions() == [registry.default()]


def test_retraining_without_reviews_says_what_to_do(store, export, registry):
    jobs.ingest([export], store, at=AT)
    with pytest.raises(LearningError, match="answer some comments in the desk first"):
        jobs.retrain(store, registry, load_checks(*check_files()), at=AT)


# --- Job rows


class Ticking:
    """A clock that moves on by a quarter of a second whenever it is asked."""

    def __init__(self):
        self.now = AT
        self.lock = threading.Lock()

    def __call__(self):
        with self.lock:
            self.now += timedelta(milliseconds=250)
            return self.now


@pytest.fixture
def around(store, registry, policy):
    return jobs.Surroundings(store, registry, policy, load_checks(*check_files()), Ticking())


def test_every_kind_runs_from_its_row(around, export, tmp_path):
    store = around.store
    out = tmp_path / "out.csv"
    asked = [
        ("ingest", {"paths": [str(export)]}),
        ("rescore", {}),
        ("score-upload", {"path": str(export), "out": str(out), "columns": None, "format": "jsonl"}),
        ("retrain", {}),
    ]
    results = {}
    for kind, arguments in asked:
        if kind == "retrain":
            answer(store, 2, spam=True)
        ended = jobs.run(store.add_job(kind, arguments, AT), around)
        assert (ended.state, jobs.state(ended, AT)) == ("done", "done")
        assert ended.updated_at > AT
        results[kind] = ended.result
    assert results["ingest"]["files"][0]["comments_new"] == 120
    assert results["rescore"]["rows"] == results["score-upload"]["rows"] == 120
    assert len(pd.read_csv(out)) == 120
    assert results["retrain"]["version"] in around.registry.versions()
    others = {"act", "back-test", "campaigns", "decide"}  # by tests of their own, in test_bulk_pages.py
    assert {kind for kind, _ in asked} | others == set(jobs.KINDS)


def test_a_job_that_fails_says_so_in_its_row(around, tmp_path):
    number = around.store.add_job("ingest", {"paths": [str(tmp_path / "none.csv")]}, AT)
    with pytest.raises(InputError) as fault:
        jobs.run(number, around)
    job = around.store.job(number)
    assert (job.state, job.message) == ("failed", str(fault.value))


def test_a_job_that_cannot_be_run_is_refused(around):
    with pytest.raises(StoreError, match="no job 99"):
        jobs.run(99, around)
    with pytest.raises(InputError, match="unknown kind 'bake'; known: act, back-test, campaigns, decide, ingest"):
        jobs.run(around.store.add_job("bake", {}, AT), around)
    with pytest.raises(InputError, match="argument 'paths' is missing"):
        jobs.run(around.store.add_job("ingest", {}, AT), around)


def test_a_job_runs_once(around, export):
    number = around.store.add_job("ingest", {"paths": [str(export)]}, AT)
    jobs.run(number, around)
    with pytest.raises(StoreError, match=f"job {number}: is done"):
        jobs.run(number, around)
    other = around.store.add_job("ingest", {"paths": [str(export)]}, AT)
    around.store.report_job(other, state="running", done=0, total=0, message="", result={"pid": 1}, at=around.clock())
    with pytest.raises(StoreError, match=f"job {other}: is running"):
        jobs.run(other, around)


def test_a_silent_job_counts_as_interrupted_and_may_run_again(around, export):
    number = around.store.add_job("ingest", {"paths": [str(export)]}, AT)
    around.store.report_job(number, state="running", done=1, total=2, message="", at=AT)
    job = around.store.job(number)
    assert jobs.state(job, AT + timedelta(seconds=jobs.STALE_S)) == "running"
    assert jobs.state(job, AT + timedelta(seconds=jobs.STALE_S + 1)) == "interrupted"
    around.clock.now = AT + timedelta(seconds=jobs.STALE_S + 1)
    assert jobs.run(number, around).state == "done"


def test_a_job_that_nobody_began_counts_as_interrupted(store):
    job = store.job(store.add_job("rescore", {}, AT))
    assert jobs.state(job, AT + timedelta(seconds=1)) == "queued"
    assert jobs.state(job, AT + timedelta(seconds=jobs.STALE_S + 1)) == "interrupted"


def test_a_running_job_reports_though_it_makes_no_progress(store):
    clock = Ticking()
    number = store.add_job("retrain", {}, AT)
    with jobs._Pulse(store, number, clock, beat_s=0.02) as pulse:
        pulse.begin()
        first = store.job(number)
        assert first.state == "running"
        assert first.result["pid"] > 0
        for _ in range(500):
            if store.job(number).updated_at > first.updated_at + timedelta(seconds=1):
                break
            threading.Event().wait(0.02)
        else:
            pytest.fail("no beat came")
        pulse(3, 4, "measuring")
        pulse.end("done", "done", {"version": "x"})
    ended = store.job(number)
    assert (ended.state, ended.done, ended.total, ended.result) == ("done", 3, 4, {"version": "x"})


@pytest.mark.parametrize(
    ("fault", "state"),
    [(InputError("no"), "failed"), (ZeroDivisionError("secret words"), "failed"), (KeyboardInterrupt(), "interrupted")],
)
def test_however_a_job_ends_its_row_says_so(store, fault, state):
    number = store.add_job("retrain", {}, AT)
    with pytest.raises(type(fault)), jobs._Pulse(store, number, Ticking()):
        raise fault
    job = store.job(number)
    assert job.state == state
    assert "secret" not in job.message


# --- On a cluster


@pytest.mark.dask
def test_a_cluster_gives_the_rows_that_one_process_gives(export, classifier, policy, tmp_path):
    distributed = pytest.importorskip("distributed", reason="pip install 'comment-moderation[dask]'")
    local = scored(export, tmp_path / "local.parquet", classifier, policy, chunk_rows=13)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, worker_dashboard_address=None
    ) as cluster:
        far = scored(
            export, tmp_path / "far.parquet", classifier, policy, chunk_rows=13, dask=cluster.scheduler_address
        )
    pd.testing.assert_frame_equal(far, local)


@pytest.mark.dask
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x"])
def test_no_scheduler_is_one_line(export, classifier, policy, tmp_path, address):
    pytest.importorskip("distributed", reason="pip install 'comment-moderation[dask]'")
    with pytest.raises(InputError, match="no scheduler answers"):
        jobs.score_file(export, tmp_path / "out.csv", classifier, policy, at=AT, dask=address, chunk_rows=13)
    assert not (tmp_path / "out.csv").exists()


def test_the_seed_page_is_read_scored_and_ranked(store, classifier, policy):
    jobs.ingest([seed_page()], store, at=AT)
    jobs.score_store(store, classifier, policy, at=AT)
    ids = [name for batch in read(seed_page()) for name in batch.comments["id"]]
    scores = store.scores(ids, classifier.version)
    assert len(scores) == 6
    assert scores[list(FLAGS)].notna().all(axis=None)
