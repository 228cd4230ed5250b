"""Reviews in, a candidate model with its numbers out.

The candidate starts from the base model as prior and is fitted on every review that stands, in the order of comment
ids: the fit is convex, so the same reviews give the same bytes, and leaving reviews out gives exactly the model that
never saw them. What it is measured on, no model ever learned from: audit samples and imported truth, kept aside by
article and by author, and the functional checks that ship with the package.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
import pandas as pd

import moderation
from moderation.errors import InputError, LearningError
from moderation.evaluation import Comparison, Difference, Evaluation, compare, evaluate
from moderation.features.context import PRECEDING
from moderation.labels import LABELS
from moderation.tables import ARTICLES, COMMENTS, Batch, clean_text, conform, native_id, validate_truth

__all__ = [
    "Candidate",
    "Checks",
    "Learner",
    "Measured",
    "Progress",
    "forget",
    "holdout_side",
    "imported_truth",
    "load_checks",
    "retrain",
]

# One article in ten and one author in ten are kept for measuring: about a fifth of all comments is never learned from.
HOLDOUT_SHARE: Final = 0.1
# Which tenth. Never changed: the sides would change with it. (This one leaves the seed page to be learned from.)
SPLIT: Final = b"holdout-0"

# A difference in log loss (nats) or AUC that is certain but smaller than this is no reason to refuse a candidate: any
# single review moves every comment that shares a word with it, and on the same rows even a hair is beyond chance.
MATERIAL: Final = 0.01
# The functional checks hold far more cases than a site does, so their log loss also follows the site's own base rate,
# which is the site's to set: there only a large change counts against (or for) a candidate.
MATERIAL_LOSS_ON_CHECKS: Final = 0.1

# Comments named in a card whose judgement changed, the most changed first.
CHANGED_PER_LABEL: Final = 20

Progress = Callable[[int, int | None, str], None]


class Learner(Protocol):
    """What can be taught: a classifier, or the accurate tier on top of one."""

    @property
    def version(self) -> str:
        """Name the weights, and the tier unless it is the fast one."""

    def score(self, batch: Batch, earlier: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the scores table of a batch."""

    def adapt(self, batch: Batch, truth: pd.DataFrame) -> Self:
        """Return what has learnt `truth`, starting from here."""

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write what was learnt into a new folder, and the card."""

    def identity(self) -> dict[str, Any]:
        """Return what a card must say for the weights to be loaded."""


@dataclass(frozen=True, slots=True)
class Checks:
    """Sentences with known truth that ship with the package; `group` names what each of them probes."""

    batch: Batch
    truth: pd.DataFrame
    groups: pd.Series


@dataclass(frozen=True, slots=True)
class Measured:
    """Champion (`before`) and candidate (`after`) on the same rows; `comparison` says what differs materially.

    `changes` says what differs at the thresholds: how many of each label were caught or wrongly held before and after,
    and of which comments (their ids) the judgement changed.
    """

    rows: int
    before: Evaluation
    after: Evaluation
    comparison: Comparison
    changes: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values."""
        return {
            "rows": self.rows,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "comparison": self.comparison.to_dict(),
            "changes": dict(self.changes),
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fitted classifier that nobody promoted yet, with its card."""

    classifier: Learner
    holdout: Measured
    checks: Measured
    card: dict[str, Any]

    @property
    def before(self) -> Evaluation:
        """Return the champion's numbers on the holdout."""
        return self.holdout.before

    @property
    def after(self) -> Evaluation:
        """Return the candidate's numbers on the holdout."""
        return self.holdout.after

    @property
    def comparison(self) -> Comparison:
        """Return what differs on the holdout."""
        return self.holdout.comparison

    @property
    def worse(self) -> tuple[str, ...]:
        """Name what got worse, as "holdout: spam" or "checks: spam"; nothing of this is promoted without a reason."""
        return (
            *(f"holdout: {label}" for label in self.holdout.comparison.worse),
            *(f"checks: {label}" for label in self.checks.comparison.worse),
        )


def _material(label: Difference, *, least_loss: float) -> Difference:
    """Return the difference, called better or worse only where it is certain and large enough to matter."""
    loss, auc = label.log_loss, label.auc
    if loss is None or auc is None:
        return label
    if (loss.low > 0 and loss.value >= least_loss) or (auc.high < 0 and auc.value <= -MATERIAL):
        return replace(label, verdict="worse")
    if (loss.high < 0 and loss.value <= -least_loss) or (auc.low > 0 and auc.value >= MATERIAL):
        return replace(label, verdict="better")
    return replace(label, verdict="same")


def holdout_side(article_id: str | None, author: str | None) -> bool:
    """Say whether a comment is kept from learning, by the digests of its article and of its author.

    The answer never changes, so that no champion, however old, has learned from what a candidate is measured on.
    A missing article or author decides nothing.
    """
    return _kept("article", article_id) or _kept("author", author)


def _kept(kind: str, name: str | None) -> bool:
    if name is None or pd.isna(name):
        return False
    digest = hashlib.blake2b(f"{kind}\x1f{name}".encode("utf-8", "replace"), digest_size=8, person=SPLIT).digest()
    return int.from_bytes(digest, "big") < HOLDOUT_SHARE * 2**64


def imported_truth(batch: Batch) -> pd.DataFrame:
    """Return what the source of `batch` knew of its comments (index: ids; LABELS as 1, 0 or missing).

    What moderators called spam is spam, what they approved is not; a pingback is a trackback, an approved comment is
    none. What the source itself said label by label (`Batch.truth`) goes before both. Any other status says nothing
    about a label: a comment may be rejected for many reasons. Comments of which nothing is known have no row.
    """
    comments = batch.comments
    status, kind = comments["status"], comments["kind"]
    approved = (status == "approved").to_numpy(dtype=bool)
    told = pd.DataFrame(
        {label: pd.Series(pd.NA, index=range(len(comments)), dtype="Int8") for label in LABELS},
    ).set_index(pd.Index(comments["id"], name="id"))
    told.loc[(status == "spam").to_numpy(dtype=bool), "spam"] = 1
    told.loc[approved, "spam"] = 0
    told.loc[kind.isin(("pingback", "trackback")).to_numpy(dtype=bool), "trackback"] = 1
    told.loc[(kind == "comment").to_numpy(dtype=bool) & approved, "trackback"] = 0
    own = batch.truth
    if len(own):
        told = own.reindex(columns=list(LABELS)).reindex(told.index).astype("Int8").combine_first(told)
        told = told.reindex(comments["id"])[list(LABELS)].rename_axis("id")
    return told[told.notna().any(axis=1)]


def load_checks(*paths: Path) -> Checks:
    """Read functional checks: one JSON object per line with id, text, truth {label: 0 or 1} and group.

    `article_title`, `article_text`, `author` and `author_url` are optional. Of rows that name their `half`, only "test"
    counts: the base model may have learned from the other.
    """
    rows = [row for path in paths for row in _checks_in(path) if row.get("half", "test") == "test"]
    comments = pd.DataFrame(
        {
            "id": [row["id"] for row in rows],
            "article_id": [row["article_id"] for row in rows],
            "author": [row.get("author") for row in rows],
            "author_url": [row.get("author_url") for row in rows],
            "text": [clean_text(row["text"]) for row in rows],
        }
    )
    articles = pd.DataFrame(
        {
            "id": [row["article_id"] for row in rows],
            "title": [row.get("article_title") for row in rows],
            "text": [row.get("article_text") for row in rows],
        }
    )
    articles = articles[articles["id"].notna()].drop_duplicates("id")
    index = pd.Index(comments["id"], name="id")
    truth = pd.DataFrame(
        {label: pd.array([row["truth"].get(label) for row in rows], dtype="Int8") for label in LABELS}, index=index
    )
    groups = pd.Series([row.get("group", "") for row in rows], index=index, name="group", dtype="string[pyarrow]")
    batch = Batch(conform(comments, COMMENTS), conform(articles, ARTICLES, "articles")).validate()
    return Checks(batch, truth, groups)


def _checks_in(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the functional checks cannot be read; reinstall the package") from error
    return [_check(line, path, number) for number, line in enumerate(lines, start=1) if line.strip()]


def _check(line: str, path: Path, number: int) -> dict[str, Any]:
    fault = f"{path}: line {number}: not a check; give id, text and truth {{label: 0 or 1}} as JSON"
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(fault) from error
    if not (
        isinstance(row, dict)
        and isinstance(row.get("id"), str)
        and isinstance(row.get("text"), str)
        and isinstance(row.get("truth"), dict)
        and all(label in LABELS and value in (0, 1) for label, value in row["truth"].items())
    ):
        raise InputError(fault)
    title, text = row.get("article_title"), row.get("article_text")
    article_id = None if title is None and text is None else native_id("check", title, text)
    return {**row, "article_id": article_id}


def retrain(
    base: Learner,
    champion: Learner,
    batch: Batch,
    truth: pd.DataFrame,
    checks: Checks,
    *,
    at: datetime,
    seed: int = 0,
    thresholds: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Candidate:
    """Return `base` fitted further on `truth`, measured beside `champion`.

    `truth` is what `Store.truth` gives: index = comment ids, one nullable column per label, and the columns origin,
    audit, article_id and author. `batch` holds those comments, and what is known of the threads they stand in.
    `thresholds` are what precision and recall are stated at. Raises `LearningError` where no judgement is left to
    learn from.
    """
    report = progress or _silent
    steps = 4
    judged = truth[truth[list(LABELS)].notna().any(axis=1)].sort_index()
    kept = pd.Series(
        [holdout_side(article, author) for article, author in zip(judged["article_id"], judged["author"], strict=True)],
        index=judged.index,
        dtype=bool,
    )
    learned = judged[~kept]
    if learned.empty:
        raise LearningError(_nothing_to_learn(len(truth), len(judged)))
    measured = _measurable(judged[kept], learned)

    report(0, steps, f"fitting on {len(learned)} comments")
    classifier = base.adapt(_part(batch, learned.index), validate_truth(learned[list(LABELS)]))
    report(1, steps, f"measuring on {len(measured)} comments kept aside")
    kept_part, kept_truth = _part(batch, measured.index), measured[list(LABELS)]
    holdout = _measure(champion, classifier, kept_part, kept_truth, thresholds=thresholds, seed=seed)
    report(2, steps, f"measuring on {len(checks.batch)} functional checks")
    # The checks are picked, and hard: how many of them are a yes says nothing about any site, so only ranking counts.
    checked = _measure(
        champion,
        classifier,
        checks.batch,
        checks.truth,
        thresholds=thresholds,
        seed=seed,
        least_loss=MATERIAL_LOSS_ON_CHECKS,
    )
    report(3, steps, "writing the card")
    candidate = Candidate(classifier, holdout, checked, {})
    candidate.card.update(
        {
            "base": _plain(base.version),
            "champion": _plain(champion.version),
            "measured_as": champion.version.partition("+")[2] or "fast",
            "created_at": at.isoformat(),
            "package_version": moderation.__version__,
            "seed": seed,
            "reviews": _counts(learned),
            "kept_aside": _counts(judged[kept]),
            "reviews_digest": _truth_digest(learned),
            "holdout": holdout.to_dict(),
            "checks": checked.to_dict(),
            "worse": list(candidate.worse),
        }
    )
    report(4, steps, "done")
    return candidate


def forget(
    base: Learner,
    champion: Learner,
    batch: Batch,
    truth: pd.DataFrame,
    checks: Checks,
    *,
    without: Iterable[str],
    at: datetime,
    seed: int = 0,
    thresholds: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Candidate:
    """Return the candidate that never saw what was answered about the comments `without`: byte for byte."""
    rest = truth[~truth.index.isin(set(without))]
    return retrain(base, champion, batch, rest, checks, at=at, seed=seed, thresholds=thresholds, progress=progress)


def _measurable(kept: pd.DataFrame, learned: pd.DataFrame) -> pd.DataFrame:
    # Cases a person picked because the model was unsure say nothing about the whole: only random samples and imported
    # truth count. An article kept aside may still hold an author who was learned from, and the reverse: such rows
    # would measure memory, so they count for neither side.
    fair = kept["audit"].fillna(False).astype(bool) | (kept["origin"] == "imported")
    known_article = kept["article_id"].notna() & kept["article_id"].isin(learned["article_id"].dropna())
    known_author = kept["author"].notna() & kept["author"].isin(learned["author"].dropna())
    return kept[(fair & ~known_article & ~known_author).to_numpy(dtype=bool)]


def _part(batch: Batch, ids: pd.Index) -> Batch:
    """Return the comments `ids` with what their context needs: what they answer, what precedes them, their articles.

    Ordered by article, place and id, whatever the order of `batch`.
    """
    comments = batch.comments.sort_values(["article_id", "position", "id"], ignore_index=True)
    wanted = comments["id"].isin(ids)
    missing = len(ids) - int(wanted.sum())
    if missing:
        raise LearningError(f"batch: {missing} judged comments are not in it; pass every comment that truth names")
    needed = wanted | comments["id"].isin(comments.loc[wanted, "parent_id"].dropna())
    article = comments["article_id"]
    for distance in range(1, PRECEDING + 1):
        same_thread = (article == article.shift(-distance)).fillna(False).astype(bool)
        needed |= wanted.shift(-distance, fill_value=False) & same_thread
    rows = comments[needed].reset_index(drop=True)
    articles = batch.articles[batch.articles["id"].isin(rows["article_id"].dropna())]
    return Batch(rows, articles.sort_values("id", ignore_index=True))


def _measure(
    champion: Learner,
    candidate: Learner,
    batch: Batch,
    truth: pd.DataFrame,
    *,
    thresholds: Mapping[str, float] | None,
    seed: int,
    least_loss: float = MATERIAL,
) -> Measured:
    before = champion.score(batch).reindex(truth.index)
    after = candidate.score(batch).reindex(truth.index)
    compared = compare(truth, before, after, seed=seed)
    return Measured(
        rows=len(truth),
        before=evaluate(truth, before, thresholds=thresholds, seed=seed),
        after=evaluate(truth, after, thresholds=thresholds, seed=seed),
        comparison=replace(compared, labels=tuple(_material(each, least_loss=least_loss) for each in compared.labels)),
        changes=_changes(truth, before, after, thresholds or {}),
    )


def _changes(
    truth: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, thresholds: Mapping[str, float]
) -> dict[str, Any]:
    labels: list[dict[str, Any]] = []
    comments: list[dict[str, Any]] = []
    for label in LABELS:
        threshold = thresholds.get(label)
        if threshold is None or label not in truth:
            continue
        rows = truth[label].notna() & before[label].notna() & after[label].notna()
        yes = (truth.loc[rows, label] == 1).to_numpy(dtype=bool)
        # Compared as the policy compares: as float32.
        scores = [each.loc[rows, label].astype("float32") for each in (before, after)]
        was, becomes = ((each >= np.float32(threshold)).to_numpy(dtype=bool) for each in scores)
        counted = [{"caught": int((held & yes).sum()), "wrong": int((held & ~yes).sum())} for held in (was, becomes)]
        labels.append(
            {
                "label": label,
                "n": len(yes),
                "yes": int(yes.sum()),
                "threshold": float(threshold),
                "before": counted[0],
                "after": counted[1],
            }
        )
        moved = np.flatnonzero(was != becomes)
        step = [abs(float(scores[1].iloc[row]) - float(scores[0].iloc[row])) for row in moved]
        for place in sorted(range(len(moved)), key=lambda place: -step[place])[:CHANGED_PER_LABEL]:
            row = int(moved[place])
            comments.append(
                {
                    "id": str(scores[0].index[row]),
                    "label": label,
                    "before": round(float(scores[0].iloc[row]), 4),
                    "after": round(float(scores[1].iloc[row]), 4),
                    "yes": bool(yes[row]),
                }
            )
    return {"labels": labels, "comments": comments}


def _plain(version: str) -> str:
    """Return the version's own name, without the tier."""
    return version.partition("+")[0]


def _counts(truth: pd.DataFrame) -> dict[str, Any]:
    return {
        "comments": len(truth),
        "labels": {
            label: {"yes": int((truth[label] == 1).sum()), "no": int((truth[label] == 0).sum())} for label in LABELS
        },
    }


def _truth_digest(truth: pd.DataFrame) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for row in truth[list(LABELS)].itertuples():
        answers = ",".join("" if pd.isna(value) else str(int(value)) for value in row[1:])
        digest.update(f"{row[0]}\x1f{answers}\x1e".encode("utf-8", "replace"))
    return digest.hexdigest()


def _nothing_to_learn(stand: int, judged: int) -> str:
    if not stand:
        return "no review stands; answer some comments in the desk first: moderation app"
    if not judged:
        return f"{stand} reviewed comments, but no label was answered yes or no; set labels in the desk"
    return (
        f"all {judged} judged comments stand under articles or authors that are kept aside for measuring; "
        "review comments of other articles too"
    )


def _silent(done: int, total: int | None, message: str) -> None:
    pass
