"""The jobs: ingest, score, retrain; paths, a store and a classifier in, summaries out.

No terminal, no HTTP, no Streamlit and no environment variables: whoever calls passes what is needed, and hears of
progress by a callback. Every job may be killed at any moment and started again: what the store has taken stays, doing
it twice changes nothing, and a file appears under its name only when it is whole.

A job may also be a row in the store (`Store.add_job`): `run` executes it in a process of its own, and any page can
watch the row. A running job reports at least every `BEAT_S` seconds; one whose last report is older than `STALE_S`
was killed, and `state` calls it interrupted.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import Parallel, delayed, parallel_config

from moderation import learning
from moderation.backtest import Past, RuleTest, said_of, try_rules, window
from moderation.campaigns import Gathered
from moderation.errors import InputError, ModerationError, StoreError
from moderation.features.context import PRECEDING
from moderation.labels import LABELS
from moderation.learning import Candidate, Checks, Learner, Progress, imported_truth
from moderation.policy import Policies, Policy, Shadow, decide, flagged
from moderation.readers import LossReport, read
from moderation.registry import Registry
from moderation.store import Act, Added, Filter, Job, Store
from moderation.tables import COMMENTS, Batch
from moderation.tiers import Scorer
from moderation.write_back import WrittenBack, write_back
from moderation.writers import write_comments, write_scores

__all__ = [
    "BEAT_S",
    "KINDS",
    "STALE_S",
    "Clock",
    "Converted",
    "Gallery",
    "Ingested",
    "Progress",
    "Scored",
    "Surroundings",
    "Trained",
    "back_test",
    "context_in",
    "convert",
    "decide_store",
    "export",
    "find_campaigns",
    "forget",
    "ingest",
    "limits_of",
    "members_of",
    "past_of",
    "retrain",
    "run",
    "score_file",
    "score_files",
    "score_store",
    "state",
    "thresholds_of",
]

Clock = Callable[[], datetime]

CHUNK_ROWS: Final = 5000
# What goes from one file into another is held for a moment only: more at once costs little, and saves much.
CONVERTED_ROWS: Final = 20_000
BEAT_S: Final = 5.0
STALE_S: Final = 30.0
# How far back a comment's parent and thread are looked for in a file that is scored without a store.
REMEMBERED: Final = 20_000
# What people answered in the desk, and what came as truth with an import; the answers outrank it.
ORIGINS: Final = ("review", "imported")


# --- Ingest ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one file brought into the store, and what of it was lost.

    `judged` counts the comments of which it told something that the store did not know to be true.
    """

    path: str
    format: str
    added: Added
    loss: LossReport
    judged: int = 0


@dataclass(frozen=True, slots=True)
class Converted:
    """How many comments were written, out of what, and what was lost."""

    rows: int
    format: str
    loss: LossReport


def ingest(
    paths: Sequence[Path],
    store: Store,
    *,
    at: datetime,
    format: str | None = None,  # noqa: A002 - the word everybody uses for it
    columns: Mapping[str, str] | None = None,
    chunk_rows: int = CHUNK_ROWS,
    keep_personal_data: bool = False,
    site: str | None = None,
    progress: Progress | None = None,
) -> list[Ingested]:
    """Add what is new in these files to the store; running it again adds nothing. Progress is in bytes.

    What the files' own moderators had decided is added as imported truth; a later export that says otherwise changes
    both the statuses and the truth.
    """
    found = []
    for path in paths:
        reading = read(
            path,
            format,
            columns=columns,
            chunk_rows=chunk_rows,
            keep_personal_data=keep_personal_data,
            site=site,
        )
        total, judged = Added(0, 0, 0, 0, 0), 0
        for batch in reading:
            added = store.add_batch(batch, source=str(path), at=at)
            judged += store.add_truth(imported_truth(batch), source=f"imported: {path.name}", at=at)
            total = Added(*(a + b for a, b in zip(_values(total), _values(added), strict=True)))
            _tell(progress, reading.bytes_read, reading.total_bytes, path.name)
        _tell(progress, reading.total_bytes, reading.total_bytes, path.name)
        found.append(Ingested(str(path), reading.format, total, reading.loss, judged))
    return found


def _values(added: Added) -> tuple[int, ...]:
    return tuple(asdict(added).values())


def convert(
    path: Path,
    out: Path | None,
    *,
    format: str | None = None,  # noqa: A002 - the word everybody uses for it
    columns: Mapping[str, str] | None = None,
    chunk_rows: int = CONVERTED_ROWS,
    keep_personal_data: bool = False,
    site: str | None = None,
    progress: Progress | None = None,
) -> Converted:
    """Write what can be read at `path` as one table of comments, each with its article; progress is in bytes read.

    `out` is named by its extension (.parquet, .jsonl, .csv, .tsv); None writes CSV to standard output.
    """
    reading = read(
        path, format, columns=columns, chunk_rows=chunk_rows, keep_personal_data=keep_personal_data, site=site
    )

    def batches() -> Iterator[Batch]:
        for batch in reading:
            _tell(progress, reading.bytes_read, reading.total_bytes, path.name)
            yield batch

    # The first rows before the first byte of output: a file that cannot be read must not leave a header behind.
    table = batches()
    begun = list(islice(table, 1))
    rows = write_comments(chain(begun, table), out)
    _tell(progress, reading.total_bytes, reading.total_bytes, path.name)
    return Converted(rows, reading.format, reading.loss)


def export(
    store: Store, system: str, out: Path, *, decided_by_policy: bool = False, site: str | None = None
) -> WrittenBack:
    """Write the standing decisions about comments of `system` as the file that it takes them back in.

    People's answers count; where there is none, nothing is written unless `decided_by_policy` asks for what the policy
    decided on its own. `site`: only comments read under this name, or without one.
    """
    decided = store.verdicts(decided_by_policy=decided_by_policy)
    words = decided["action"].map({"approve": "approved", "reject": "rejected"})
    return write_back(words.where(~(decided["spam"] & (words == "rejected")), "spam"), system, out, site)


# --- Score -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scored:
    """How many comments were scored, how they were decided, and how many each label flags."""

    rows: int
    decisions: dict[str, int]
    flags: dict[str, int]
    model: str
    policy: str
    loss: LossReport | None = None


@dataclass(slots=True)
class _Count:
    rows: int = 0
    decisions: dict[str, int] = field(default_factory=lambda: {"allow": 0, "review": 0, "reject": 0})
    flags: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LABELS, 0))

    def add(self, scores: pd.DataFrame, decided: pd.DataFrame, policy: Policy) -> None:
        self.rows += len(scores)
        for action, count in decided["decision"].value_counts().items():
            self.decisions[str(action)] += int(count)
        for label, count in flagged(scores, policy).sum().items():
            self.flags[str(label)] += int(count)

    def summary(self, model: str, policy: Policy, loss: LossReport | None = None) -> Scored:
        return Scored(self.rows, self.decisions, self.flags, model, policy.digest, loss)


def score_store(
    store: Store,
    classifier: Scorer,
    policy: Policy,
    *,
    at: datetime,
    chunk_rows: int = CHUNK_ROWS,
    workers: int = 1,
    dask: str | None = None,
    shadow: Shadow | None = None,
    progress: Progress | None = None,
) -> Scored:
    """Score what this model has not scored yet, and decide what this policy has not decided yet.

    `shadow` decides the same comments beside it; what it says is written down, and nobody acts on it.
    """
    model = classifier.version
    waiting = store.counts(model)
    missing = waiting.comments - waiting.scored
    done = 0
    pending = ((batch, context_in(store, batch)) for batch in store.pending(model, chunk=chunk_rows))
    for batch, scores in _scored(pending, classifier, workers=workers, dask=dask):
        store.add_scores(scores, at)
        done += len(batch)
        _tell(progress, done, max(missing, done), "scoring")
    return decide_store(store, model, policy, at=at, chunk_rows=chunk_rows, shadow=shadow, progress=progress)


def decide_store(
    store: Store,
    model: str,
    policy: Policy,
    *,
    at: datetime,
    chunk_rows: int = CHUNK_ROWS,
    shadow: Shadow | None = None,
    progress: Progress | None = None,
) -> Scored:
    """Decide what this policy has not decided yet, from the scores that are there: no model is asked again."""
    count = _Count()
    total = store.counts(model).scored
    for batch, scores in store.undecided(model, policy.digest, chunk=chunk_rows):
        decided = decide(batch, scores, policy, at)
        if shadow is not None:
            # Before the decisions are kept: killed in between, the chunk comes again, and is written down again.
            _beside(batch, decided, decide(batch, scores, shadow.policy, at), shadow)
        store.add_decisions(decided, model=model, policy=policy.digest, at=at)
        count.add(scores, decided, policy)
        _tell(progress, count.rows, max(total, count.rows), "deciding")
    return count.summary(model, policy)


def _beside(batch: Batch, decided: pd.DataFrame, other: pd.DataFrame, shadow: Shadow) -> None:
    pairs = list(zip(decided["decision"], other["decision"], strict=True))
    counts: dict[str, int] = {}
    for was, becomes in pairs:
        counts[f"{was}/{becomes}"] = counts.get(f"{was}/{becomes}", 0) + 1
    differing = [
        {"id": str(name), "before": str(was), "after": str(becomes)}
        for name, (was, becomes) in zip(batch.comments["id"], pairs, strict=True)
        if was != becomes
    ]
    shadow.report(str(batch.comments["id"].iloc[0]), counts, differing)


def score_file(
    path: Path,
    out: Path | None,
    classifier: Scorer,
    policy: Policy,
    *,
    at: datetime,
    format: str | None = None,  # noqa: A002 - the word everybody uses for it
    columns: Mapping[str, str] | None = None,
    chunk_rows: int = CHUNK_ROWS,
    workers: int = 1,
    dask: str | None = None,
    progress: Progress | None = None,
) -> Scored:
    """Score an export into a table: id, one column per label, decision, reasons, model; rows in the input's order.

    `out` is named by its extension (.csv, .jsonl, .parquet); None writes CSV to standard output. Memory does not grow
    with the file. Progress is in bytes read.
    """
    return score_files(
        [path],
        out,
        classifier,
        policy,
        at=at,
        format=format,
        columns=columns,
        chunk_rows=chunk_rows,
        workers=workers,
        dask=dask,
        progress=progress,
    )


def score_files(
    paths: Sequence[Path],
    out: Path | None,
    classifier: Scorer,
    policy: Policy,
    *,
    at: datetime,
    format: str | None = None,  # noqa: A002 - the word everybody uses for it
    columns: Mapping[str, str] | None = None,
    chunk_rows: int = CHUNK_ROWS,
    workers: int = 1,
    dask: str | None = None,
    gallery: "Gallery | None" = None,
    progress: Progress | None = None,
) -> Scored:
    """Score several exports into one table, as `score_file` does one; `gallery` is shown every chunk as it goes by."""
    readings = [read(path, format, columns=columns, chunk_rows=chunk_rows) for path in paths]
    total = sum(reading.total_bytes for reading in readings)
    count = _Count()

    def rows() -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        before = 0
        for path, reading in zip(paths, readings, strict=True):
            for batch, scores in _scored(_with_context(reading), classifier, workers=workers, dask=dask):
                decided = decide(batch, scores, policy, at)
                count.add(scores, decided, policy)
                if gallery is not None:
                    gallery.look(batch, scores, decided)
                _tell(progress, before + reading.bytes_read, total, path.name)
                yield scores, decided
            before += reading.total_bytes

    # The first rows before the first byte of output: a file that cannot be read must not leave a header behind.
    table = rows()
    begun = list(islice(table, 1))
    write_scores(chain(begun, table), out)
    _tell(progress, total, total, paths[-1].name if paths else "")
    return count.summary(classifier.version, policy, _joined([reading.loss for reading in readings]))


def _joined(losses: Sequence[LossReport]) -> LossReport:
    """Return one report of what several files lost."""
    return LossReport(
        sum(loss.records_in for loss in losses),
        sum(loss.comments_out for loss in losses),
        tuple(line for loss in losses for line in loss.lines),
        tuple(dict.fromkeys(note for loss in losses for note in loss.notes)),
    )


@dataclass(slots=True)
class Gallery:
    """What a page shows of a long table: how the probabilities lie, and the comments with the highest ones."""

    most: int = 200
    bins: int = 25
    counts: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    strongest: pd.DataFrame | None = None

    def look(self, batch: Batch, scores: pd.DataFrame, decided: pd.DataFrame) -> None:
        """Take in a chunk and keep what matters of it."""
        for label in LABELS:
            p = scores[label].to_numpy(np.float64)
            found, _ = np.histogram(p[~np.isnan(p)], bins=self.bins, range=(0, 1))
            self.counts[label] = self.counts.get(label, 0) + found
        comments = batch.comments
        top = scores[list(LABELS)].max(axis=1).to_numpy(np.float32)
        rows = pd.DataFrame(
            {
                "id": comments["id"].to_numpy(dtype=object),
                "author": comments["author"].to_numpy(dtype=object),
                "text": comments["text"].str.slice(0, 500).to_numpy(dtype=object),
                **{label: scores[label].to_numpy(np.float32) for label in LABELS},
                "decision": decided["decision"].to_numpy(dtype=object),
                "strongest": np.nan_to_num(top, nan=-1.0),
            }
        )
        both = rows if self.strongest is None else pd.concat([self.strongest, rows], ignore_index=True)
        self.strongest = both.nlargest(self.most, "strongest").reset_index(drop=True)

    def histograms(self) -> dict[str, list[int]]:
        """Return how many probabilities lie in each part of [0, 1], by label; none where nothing was judged."""
        return {label: [int(n) for n in counts] for label, counts in self.counts.items() if counts.sum()}


def _scored(
    batches: Iterator[tuple[Batch, pd.DataFrame]], classifier: Scorer, *, workers: int, dask: str | None
) -> Iterator[tuple[Batch, pd.DataFrame]]:
    """Score batches, each with what came before it, in order; never more than a few are held at once."""
    if workers < 1:
        raise InputError(f"workers: {workers} is not a number of workers; give 1 or more")
    if dask is None and workers == 1:
        for batch, earlier in batches:
            yield batch, classifier.score(batch, earlier)
        return
    with ExitStack() as stack:
        if dask is None:
            # Threads suffice: the kernel lets go of the interpreter's lock while it reads the bytes.
            parallel, width = stack.enter_context(Parallel(n_jobs=workers, backend="threading")), workers
        else:
            parallel, width = stack.enter_context(_on_dask(dask, classifier))
        while group := list(islice(batches, 2 * width)):
            results = parallel(delayed(_score)(classifier, batch, earlier) for batch, earlier in group)
            for (batch, _), scores in zip(group, results, strict=True):
                yield batch, scores


def _score(classifier: Scorer, batch: Batch, earlier: pd.DataFrame) -> pd.DataFrame:
    return classifier.score(batch, earlier)


@contextmanager
def _on_dask(address: str, classifier: Scorer) -> Iterator[tuple[Parallel, int]]:
    try:
        distributed = import_module("distributed")  # an extra: most installations have no cluster
    except ImportError as error:
        raise InputError("dask: not installed; pip install 'comment-moderation[dask]'") from error
    try:
        client = distributed.Client(address, timeout=5, name="moderation")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"dask: no scheduler answers at {address}; start one, or correct the address") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise InputError(f"dask: the scheduler at {address} has no workers; start some")
        # Scattered: the model goes to each worker once, not along with every chunk.
        with parallel_config(backend="dask", scatter=[classifier]), Parallel() as parallel:
            yield parallel, threads


# --- What came before a comment --------------------------------------------------------------------------------------


def _with_context(batches: Iterable[Batch]) -> Iterator[tuple[Batch, pd.DataFrame]]:
    """Yield each batch with those of the last `REMEMBERED` comments before it that its own answer or follow."""
    before: pd.DataFrame | None = None
    for batch in batches:
        comments = batch.comments
        if before is None:
            before = comments.iloc[:0]
        near = before[before["article_id"].isin(batch.articles["id"])]
        wanted = before["id"].isin(comments["parent_id"].dropna())
        wanted[near.groupby("article_id", sort=False).tail(PRECEDING).index] = True
        yield batch, before[wanted].reset_index(drop=True)
        before = pd.concat([before, comments], ignore_index=True).iloc[-REMEMBERED:].reset_index(drop=True)


def context_in(store: Store, batch: Batch) -> pd.DataFrame:
    """Return the comments in the store that those of `batch` answer or follow, in reading order."""
    articles = batch.articles
    told = articles[articles["title"].notna() | articles["text"].notna()]["id"]
    comments = batch.comments[batch.comments["article_id"].isin(told)]
    # Behind the first one of an article, the batch itself is the thread.
    return _before(store, batch, comments.drop_duplicates("article_id"))


def _before(store: Store, batch: Batch, comments: pd.DataFrame) -> pd.DataFrame:
    """Return the parents of a whole batch, and what stands just before each of `comments` in its thread."""
    names = [column.name for column in COMMENTS]
    found = [store.parents(batch).comments]
    for name in comments.loc[comments["position"].fillna(-1) != 0, "id"]:
        thread = store.thread(name, limit=2 * PRECEDING + 1)
        place = int((thread["id"] == name).to_numpy(dtype=bool).argmax())
        found.append(thread.iloc[max(0, place - PRECEDING) : place][names])
    rows = pd.concat(found, ignore_index=True).drop_duplicates("id")
    return rows.sort_values(["article_id", "position"], kind="stable", ignore_index=True)


# --- Retrain ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trained:
    """The version that a candidate was kept as, and the candidate."""

    version: str
    candidate: Candidate


def retrain(
    store: Store,
    registry: Registry,
    checks: Checks,
    *,
    at: datetime,
    seed: int = 0,
    tier: str = "fast",
    thresholds: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Fit a candidate from all reviews and imported truth that stand, measure it beside the champion, and keep it.

    Both are measured in `tier`; the candidate learns for every tier that the shipped model has, if that is not "fast".
    """
    truth = store.truth(origin=ORIGINS)
    batch = _threads_of(store, list(truth.index))
    candidate = learning.retrain(
        _learner(registry, registry.default(), tier),
        _learner(registry, registry.champion(), tier),
        batch,
        truth,
        checks,
        at=at,
        seed=seed,
        thresholds=thresholds,
        progress=progress,
    )
    return Trained(registry.save(candidate), candidate)


def forget(
    store: Store,
    registry: Registry,
    checks: Checks,
    reviews: Iterable[int],
    *,
    by: str,
    reason: str,
    at: datetime,
    seed: int = 0,
    tier: str = "fast",
    thresholds: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Trained | None:
    """Withdraw reviews from learning and keep the candidate that never saw them.

    None where no review is left to learn from: then the model that never saw them is the shipped one.
    """
    store.withdraw(reviews, by=by, reason=reason, at=at)
    if store.truth(origin=ORIGINS)[list(LABELS)].isna().all(axis=None):
        return None
    return retrain(store, registry, checks, at=at, seed=seed, tier=tier, thresholds=thresholds, progress=progress)


def _learner(registry: Registry, version: str, tier: str) -> Learner:
    # A cascade learns by both its tiers, and the accurate one holds both.
    return registry.load_tier(version, registry.tier_of(version, "fast" if tier == "fast" else "accurate"))  # type: ignore[return-value]


def _threads_of(store: Store, ids: Sequence[str]) -> Batch:
    batch = store.batch(ids)
    around = _before(store, batch, batch.comments[batch.comments["article_id"].isin(batch.articles["id"])])
    comments = pd.concat([batch.comments, around], ignore_index=True).drop_duplicates("id", ignore_index=True)
    return Batch(comments, batch.articles)


# --- A policy on the past --------------------------------------------------------------------------------------------

PAST_ROWS: Final = 20_000


def past_of(
    store: Store, model: str, *, days: int | None = None, most: int = PAST_ROWS, people: Mapping[str, str] | None = None
) -> Past:
    """Return the comments of the last `days` (counted back from the newest; None: all), or a random `most` of them.

    `people` are the standing answers by comment, if they are at hand already.
    """
    since, span = _window(store, days)
    chosen = Filter(answered=None, since=since)
    total = store.count(chosen, model)
    ids = store.matching(chosen, model, sample=most)["id"].tolist()
    scores = store.scores(ids, model)
    batch = store.batch(list(scores.index))
    told = _answers_of(store) if people is None else people
    return Past(batch, scores, said_of(_with_status(batch), told), total, span)


def back_test(
    store: Store,
    policy: Policy,
    *,
    at: datetime,
    model: str,
    days: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Count what each rule of the policy would have done with every comment of the last `days`."""
    since, span = _window(store, days)
    ids = store.matching(Filter(answered=None, since=since), model)["id"].tolist()
    people = _answers_of(store)
    tests = {rule.name: RuleTest(rule.name) for rule in policy.rules}
    for start in range(0, len(ids), chunk_rows):
        batch = store.batch(ids[start : start + chunk_rows])
        try_rules(tests, batch, said_of(_with_status(batch), people), policy, at)
        _tell(progress, min(start + chunk_rows, len(ids)), len(ids), "testing")
    return {
        "policy": policy.digest,
        "comments": len(ids),
        "days": days,
        "span": span,
        "rules": [test.to_dict() for test in tests.values()],
    }


def _window(store: Store, days: int | None) -> tuple[datetime | None, float]:
    first, newest = store.span()
    since = window(newest, days)
    if newest is None or first is None:
        return since, 0.0
    whole = max((newest - first).total_seconds() / 86_400, 1.0)
    return since, whole if days is None else min(float(days), whole)


def _answers_of(store: Store) -> dict[str, str]:
    decided = store.verdicts()
    return dict(zip(decided.index.astype(str), decided["action"].astype(str), strict=True))


def _with_status(batch: Batch) -> pd.DataFrame:
    return batch.comments[["id", "status"]]


# --- Campaigns -------------------------------------------------------------------------------------------------------


def find_campaigns(
    store: Store, model: str, folder: Path, *, chunk_rows: int = CHUNK_ROWS, progress: Progress | None = None
) -> dict[str, Any]:
    """Group what nobody has answered into cases, and keep them in `folder` as two tables; older ones are deleted.

    What they hold is told by `campaigns`: `cases.parquet` and `members.parquet`, these ordered by case.
    """
    gathered = Gathered()
    ids = store.matching(Filter(answered=None), model)["id"].tolist()
    waiting = set(store.matching(Filter(), model)["id"].tolist())
    for start in range(0, len(ids), chunk_rows):
        part = ids[start : start + chunk_rows]
        gathered.add(store.batch(part), [name not in waiting for name in part])
        _tell(progress, min(start + chunk_rows, len(ids)), len(ids), "comparing")
    _tell(progress, len(ids), len(ids), "grouping")
    cases, members = gathered.cases()
    aside = folder.with_name(f".{folder.name}.new")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        cases.to_parquet(aside / "cases.parquet", index=False)
        members.to_parquet(aside / "members.parquet", index=False, row_group_size=50_000)
        aside.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); free space and try again") from error
    for old in folder.parent.glob("cases-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    return {"folder": str(folder), "comments": len(gathered), "cases": len(cases), "in_cases": len(members)}


def members_of(folder: Path, case: int) -> list[str]:
    """Return the comments of one case, in order of time; none where the case is not there (any more)."""
    try:
        table = pq.read_table(folder / "members.parquet", columns=["id"], filters=[("case", "=", case)])
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{folder}: the cases cannot be read; look for them again") from error
    return [str(name) for name in table.column("id").to_pylist()]


# --- Job rows --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a job row needs beyond its own arguments."""

    store: Store
    registry: Registry
    policy: Policy
    checks: Checks
    clock: Clock
    tier: str = "fast"
    policies: Policies | None = None
    home: Path | None = None

    @property
    def shadow(self) -> Shadow | None:
        """The policy that decides in the shadow, if there is one."""
        return None if self.policies is None else self.policies.shadow()

    def scorer(self, arguments: Mapping[str, Any], tier: str) -> Scorer:
        """Return the model that a job's arguments name, in the tier they name, or in this one."""
        version = arguments.get("model") or self.registry.champion()
        asked = self.registry.tier_of(version, arguments.get("tier") or tier)
        return self.registry.load_tier(version, asked, limits_of(self.policy))


def state(job: Job, now: datetime) -> str:
    """Return "queued", "running", "done", "failed" or "interrupted" as of `now`.

    Interrupted: whoever ran the job is gone (it has not reported for `STALE_S` seconds) or was stopped. Running it
    again is safe.
    """
    if job.state in ("queued", "running"):
        last = job.updated_at or job.at
        if now - last > timedelta(seconds=STALE_S):
            return "interrupted"
    return job.state


def run(job_id: int, around: Surroundings) -> Job:
    """Execute a job row and report on it until it is done; its result is what the kind's function returns.

    While it runs, the result is {"pid": process id}. A `ModerationError` fails the job with its message and is raised
    again. Raises `StoreError` for a job that is unknown, done, or runs already.
    """
    store, clock = around.store, around.clock
    job = store.job(job_id)
    if job is None:
        raise StoreError(f"no job {job_id}; see the list of jobs")
    if job.kind not in KINDS:
        raise InputError(f"job {job_id}: unknown kind {job.kind!r}; known: {', '.join(KINDS)}")
    now = state(job, clock())
    if now in ("done", "running"):
        raise StoreError(f"job {job_id}: is {now}; start a new one")
    with _Pulse(store, job_id, clock) as pulse:
        pulse.begin()
        result = KINDS[job.kind](around, job.arguments, pulse)
        pulse.end("done", "done", result)
    ended = store.job(job_id)
    assert ended is not None
    return ended


class _Pulse:
    """Reports of one running job: at once when it begins and ends, at most once a second on progress, and a beat."""

    def __init__(self, store: Store, job_id: int, clock: Clock, beat_s: float = BEAT_S) -> None:
        self._beat_s = beat_s
        self._store = store
        self._id = job_id
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[int, int, str] = (0, 0, "starting")
        self._reported: datetime | None = None
        self._ended = threading.Event()
        self._settled = False
        self._thread = threading.Thread(target=self._beat, name=f"job-{job_id}", daemon=True)

    def __enter__(self) -> Self:
        return self

    def begin(self) -> None:
        """Report that the job runs; called inside the `with`, so that a signal just after the report is seen too."""
        self._report("running", {"pid": os.getpid()})
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # Settled, not merely ending: a signal between the last step and its report must not leave a row that "runs".
        if error is None or self._settled:
            return
        if isinstance(error, ModerationError):
            end = ("failed", str(error))
        elif isinstance(error, Exception):
            end = ("failed", f"stopped by a fault in the program ({type(error).__name__}); see its log")
        else:  # Ctrl-C, SIGTERM
            end = ("interrupted", "stopped; starting it again is safe")
        with suppress(StoreError):  # where the store itself is the fault, the row goes stale and says so by that
            self.end(*end, None)

    def __call__(self, done: int, total: int | None, message: str) -> None:
        """Take progress; write it down if the last report is a second old."""
        self._last = (done, total or 0, message)
        if self._reported is None or self._clock() - self._reported >= timedelta(seconds=1):
            self._try_report()

    def end(self, state: str, message: str, result: Any) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        done, total, _ = self._last
        self._last = (done, total, message)
        self._report(state, result)
        self._settled = True

    def _report(self, state: str, result: Any) -> None:
        with self._lock:
            done, total, message = self._last
            now = self._clock()
            self._store.report_job(
                self._id, state=state, done=done, total=total, message=message, result=result, at=now
            )
            self._reported = now

    def _beat(self) -> None:
        while not self._ended.wait(self._beat_s):
            self._try_report()

    def _try_report(self) -> None:
        with suppress(StoreError):  # busy: the next beat comes soon, and the job's own writes say what is wrong
            self._report("running", {"pid": os.getpid()})


def _run_ingest(around: Surroundings, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    found = ingest(
        [Path(path) for path in _given(arguments, "paths")],
        around.store,
        at=around.clock(),
        format=arguments.get("format"),
        columns=arguments.get("columns"),
        keep_personal_data=bool(arguments.get("keep_personal_data", False)),
        progress=progress,
    )
    return {
        "files": [
            {
                "path": one.path,
                "format": one.format,
                **asdict(one.added),
                "judged": one.judged,
                "loss": _loss(one.loss),
            }
            for one in found
        ]
    }


def _run_score_upload(around: Surroundings, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    out = Path(_given(arguments, "out"))
    paths = [Path(path) for path in arguments.get("paths") or [_given(arguments, "path")]]
    gallery = Gallery()
    begun = around.clock()
    scored = score_files(
        paths,
        out,
        around.scorer(arguments, "fast"),
        around.policy,
        at=begun,
        format=arguments.get("format"),
        columns=arguments.get("columns"),
        gallery=gallery,
        progress=progress,
    )
    if gallery.strongest is not None:
        gallery.strongest.to_parquet(out.with_name("strongest.parquet"), index=False)
    took_s = (around.clock() - begun).total_seconds()
    return {**_summary(scored), "out": str(out), "histograms": gallery.histograms(), "took_s": took_s}


def _run_rescore(around: Surroundings, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    classifier = around.scorer(arguments, around.tier)
    return _summary(
        score_store(around.store, classifier, around.policy, at=around.clock(), shadow=around.shadow, progress=progress)
    )


def _run_decide(around: Surroundings, _arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    model = around.registry.model(None, around.tier)
    return _summary(
        decide_store(around.store, model, around.policy, at=around.clock(), shadow=around.shadow, progress=progress)
    )


def _run_back_test(around: Surroundings, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    policy = around.policy
    if arguments.get("text") is not None and around.policies is not None:
        policy = around.policies.parse(str(arguments["text"]))
    model = around.registry.model(None, around.tier)
    return back_test(
        around.store, policy, at=around.clock(), model=model, days=arguments.get("days"), progress=progress
    )


def _run_campaigns(around: Surroundings, _arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    if around.home is None:
        raise InputError("job: there is no folder to keep campaigns in; run it from the desk")
    folder = around.home / "campaigns" / f"cases-{around.clock():%Y%m%dT%H%M%S%f}"
    return find_campaigns(around.store, around.registry.model(None, around.tier), folder, progress=progress)


def _run_act(around: Surroundings, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Give one answer to many comments: one transaction, so that stopping it leaves nothing behind."""
    chosen: Sequence[str] | Filter
    if arguments.get("matching") is not None:
        chosen = Filter.from_dict(arguments["matching"])
    else:
        chosen = members_of(Path(_given(arguments, "folder")), int(_given(arguments, "case")))
    _tell(progress, 0, None, "answering")
    act: Act = around.store.act(
        chosen,
        str(_given(arguments, "action")),
        dict(arguments.get("labels") or {}),
        moderator=str(_given(arguments, "moderator")),
        model=around.registry.model(None, around.tier),
        at=around.clock().astimezone(UTC),
        note=str(arguments.get("note") or ""),
        lens=str(arguments.get("lens") or ""),
        token=str(_given(arguments, "token")),
    )
    return {"act": act.id, "size": act.size, "left": act.left, "action": act.action}


def _run_retrain(around: Surroundings, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    trained = retrain(
        around.store,
        around.registry,
        around.checks,
        at=around.clock(),
        seed=int(arguments.get("seed", 0)),
        tier=around.tier,
        thresholds=thresholds_of(around.policy),
        progress=progress,
    )
    return {"version": trained.version, "worse": list(trained.candidate.worse)}


# What a job row may ask for; its arguments are the names that the function reads.
KINDS: Final[dict[str, Callable[[Surroundings, Mapping[str, Any], Progress], dict[str, Any]]]] = {
    "act": _run_act,
    "back-test": _run_back_test,
    "campaigns": _run_campaigns,
    "decide": _run_decide,
    "ingest": _run_ingest,
    "rescore": _run_rescore,
    "retrain": _run_retrain,
    "score-upload": _run_score_upload,
}


def thresholds_of(policy: Policy) -> dict[str, float]:
    """Return the probability from which each label is looked at: what precision and recall are stated at."""
    return {
        label: float(threshold)
        for label, of in policy.labels.items()
        if (threshold := of.reject if of.review is None else of.review) is not None
    }


def limits_of(policy: Policy) -> dict[str, tuple[float, ...]]:
    """Return every probability at which a label's decision changes: where a cascade has to be sure."""
    return {
        label: tuple(limit for limit in (of.review, of.reject) if limit is not None)
        for label, of in policy.labels.items()
    }


def _given(arguments: Mapping[str, Any], name: str) -> Any:
    if name not in arguments:
        raise InputError(f"job: argument {name!r} is missing; give {name}")
    return arguments[name]


def _summary(scored: Scored) -> dict[str, Any]:
    return {
        "rows": scored.rows,
        "decisions": scored.decisions,
        "flags": scored.flags,
        "model": scored.model,
        "policy": scored.policy,
        "loss": None if scored.loss is None else _loss(scored.loss),
    }


def _loss(loss: LossReport) -> dict[str, Any]:
    return {"summary": loss.summary(), "lines": [str(line) for line in loss.lines], "notes": list(loss.notes)}


def _tell(progress: Progress | None, done: int, total: int | None, message: str) -> None:
    if progress is not None:
        progress(done, total, message)
