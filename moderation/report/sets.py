"""The folder of public data sets and this project's own sentences in, named sets of comments with truth out.

Nothing here was fitted on by the shipped models: development sets, and the test halves of own sentences.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pandas as pd

from moderation.labels import LABELS
from moderation.learning import load_checks
from moderation.recipe import DEVELOPMENT, uniform
from moderation.tables import ARTICLES, COMMENTS, Batch, clean_text, conform, empty

__all__ = ["Measured", "Scorer", "Timed", "development_sets", "own_sets", "score_set", "text_batch"]

CHUNK_ROWS: Final = 2_000
WARM_UP: Final = 32
# Sets whose makers chose how many are a yes: a probability for a natural base rate cannot fit them as they are.
ARTIFICIAL: Final = frozenset(
    {"hatemojicheck", "xstest", "contrast", "neutral", "notices", "promotion", "checks", "wiki_nonfuzzed"}
)


class Scorer(Protocol):
    """What is measured: a tier, or a peer. `score` gives the scores table, as `Classifier.score` does."""

    @property
    def version(self) -> str:
        """Name the weights."""

    @property
    def labels(self) -> Sequence[str]:
        """Name the labels it claims."""

    def score(self, batch: Batch, earlier: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return one float32 column per label, index = comment ids."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Comments with truth (index = comment ids, a nullable column per judged label) and each row's finer group."""

    name: str
    kind: str
    batch: Batch
    truth: pd.DataFrame
    groups: pd.Series

    @property
    def artificial(self) -> bool:
        """Say whether its makers chose how many are a yes."""
        return self.name in ARTIFICIAL


@dataclass(frozen=True, slots=True)
class Timed:
    """The scores of a set and the seconds they took."""

    scores: pd.DataFrame
    seconds: float


def text_batch(texts: Sequence[str], prefix: str) -> Batch:
    """Return a batch of bare texts, ids `prefix:0` and on."""
    frame = pd.DataFrame({"id": [f"{prefix}:{i}" for i in range(len(texts))], "text": [clean_text(t) for t in texts]})
    return Batch(conform(frame, COMMENTS), empty(ARTICLES))


def development_sets(data: Path, sample: int | None = None) -> list[Measured]:
    """Return the sets that are chosen and calibrated on, never fitted; at most `sample` rows of each."""
    found = []
    for name in (*DEVELOPMENT, "xstest"):
        rows = pd.read_parquet(data / f"abuse/dev/{name}.parquet")
        if name == "xstest":
            unsafe = rows["group"].str.startswith("contrast").to_numpy(dtype=bool)
            # Whether an unsafe question incites was not judged: only the safe side has a sure answer.
            rows = rows.assign(incitement=np.where(unsafe, np.nan, 0.0))
        labels = [label for label in LABELS if label in rows and rows[label].notna().any()]
        found.append(_measured(name, rows, labels, sample))
    return found


def own_sets(seeds: Path, sample: int | None = None) -> list[Measured]:
    """Return the test halves of this project's own sentences, and its functional checks."""
    found = []
    for name in ("contrast", "attacks", "insults", "menaces", "veiled", "neutral", "notices", "promotion", "checks"):
        checks = load_checks(seeds / f"{name}.jsonl")
        judged = [label for label in LABELS if checks.truth[label].notna().any()]
        kept = _kept(checks.truth, judged, sample)
        batch = Batch(checks.batch.comments.iloc[kept].reset_index(drop=True), checks.batch.articles)
        found.append(Measured(name, "own", batch, checks.truth[judged].iloc[kept], checks.groups.iloc[kept]))
    return found


def score_set(scorer: Scorer, batch: Batch, clock: Callable[[], float]) -> Timed:
    """Score a batch in chunks; what is compiled or loaded on first use is not counted."""
    comments = batch.comments
    scorer.score(Batch(comments.head(WARM_UP).reset_index(drop=True), batch.articles))
    begin = clock()
    parts = [
        scorer.score(Batch(comments.iloc[at : at + CHUNK_ROWS].reset_index(drop=True), batch.articles))
        for at in range(0, len(comments), CHUNK_ROWS)
    ]
    return Timed(pd.concat(parts), clock() - begin)


def _measured(name: str, rows: pd.DataFrame, labels: Sequence[str], sample: int | None) -> Measured:
    batch = text_batch(rows["text"].tolist(), name)
    index = pd.Index(batch.comments["id"], name="id")
    answers = pd.DataFrame({label: rows[label].astype("Float64").to_numpy() for label in labels}, index=index)
    answers = answers.astype("Int8")
    kept = _kept(answers, labels, sample)
    groups = pd.Series(rows["group"].astype(object).fillna("").astype(str).to_numpy(), index=index, name="group")
    comments = batch.comments.iloc[kept].reset_index(drop=True)
    return Measured(name, "development", Batch(comments, batch.articles), answers.iloc[kept], groups.iloc[kept])


def _kept(truth: pd.DataFrame, labels: Sequence[str], sample: int | None) -> list[int]:
    """Return the rows of a sample that never changes, half of it rows with a yes where there are as many."""
    if sample is None or len(truth) <= sample:
        return list(range(len(truth)))
    order = sorted(range(len(truth)), key=lambda i: uniform("sample", str(truth.index[i])))
    yes = (truth[list(labels)] == 1).any(axis=1).fillna(value=False).to_numpy(dtype=bool)
    chosen = [i for i in order if yes[i]][: sample // 2]
    taken = set(chosen)
    rest = [i for i in order if i not in taken]
    return sorted([*chosen, *rest[: sample - len(chosen)]])
