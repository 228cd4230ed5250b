"""Truth and scores in, numbers with intervals out: how good probabilities are, and whether others are better.

Every number of every resample comes from the same few sums over the sorted scores, so that the value and its interval
cannot disagree about ties, and two hundred resamples cost about as much as two hundred passes over a column.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.errors import TableError
from moderation.labels import LABELS
from moderation.tables import validate_truth

__all__ = [
    "METRICS",
    "Bias",
    "Comparison",
    "Difference",
    "Evaluation",
    "Interval",
    "LabelMetrics",
    "Spread",
    "area",
    "best_share",
    "best_threshold",
    "bias",
    "calibration_curve",
    "compare",
    "ece_at",
    "evaluate",
    "f1_spread",
    "share",
]

T = TypeVar("T", "LabelMetrics", "Difference")
Floats = npt.NDArray[np.float64]

_LEVEL: Final = 0.95
_BINS: Final = 15
_LEAST: Final = 1e-7  # a probability of 0 or 1 is taken as this far from it: what float32 can tell apart from 1
_CELLS: Final = 4_000_000  # resamples times rows held at once: about 32 MB an array


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the bounds between which it lies in 95 of 100 resamples."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """How one label is scored. A number that cannot be had is None: ranking needs both answers, recall a yes.

    `n` counts the rows that have both an answer and a score, `unscored` those with an answer alone. `base_log_loss` is
    that of always saying the share of yes. Precision, recall and F1 hold at `threshold`.
    """

    label: str
    n: int
    positives: int
    unscored: int = 0
    threshold: float | None = None
    auc: Interval | None = None
    average_precision: Interval | None = None
    log_loss: Interval | None = None
    base_log_loss: Interval | None = None
    brier: Interval | None = None
    ece: Interval | None = None
    precision: Interval | None = None
    recall: Interval | None = None
    f1: Interval | None = None


METRICS: Final = (
    "auc",
    "average_precision",
    "log_loss",
    "base_log_loss",
    "brier",
    "ece",
    "precision",
    "recall",
    "f1",
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The numbers of every label that the truth has a column for, in the order of the taxonomy."""

    labels: tuple[LabelMetrics, ...]
    seed: int
    resamples: int

    def __getitem__(self, label: str) -> LabelMetrics:
        """Return the numbers of one label; raise `KeyError` where the truth had no column for it."""
        return _named(self.labels, label)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return _written(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Evaluation":
        """Return the evaluation that `to_dict` wrote."""
        return cls(_read(LabelMetrics, values["labels"]), values["seed"], values["resamples"])

    def table(self) -> pd.DataFrame:
        """Return one row per label: counts, then value, low and high of each metric (NaN where it cannot be had)."""
        return _table(self.labels, ("n", "positives", "unscored", "threshold", *METRICS))


Verdict = Literal["better", "same", "worse", "not measured"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One label, after minus before, on the same rows and resamples: log loss should fall, AUC should rise."""

    label: str
    n: int
    positives: int
    verdict: Verdict
    log_loss: Interval | None = None
    auc: Interval | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference that each label's scores made; intervals are per label, not for all labels at once."""

    labels: tuple[Difference, ...]
    seed: int
    resamples: int

    @property
    def worse(self) -> tuple[str, ...]:
        """Return the labels that became worse beyond what chance explains."""
        return tuple(each.label for each in self.labels if each.verdict == "worse")

    @property
    def better(self) -> tuple[str, ...]:
        """Return the labels that became better beyond what chance explains."""
        return tuple(each.label for each in self.labels if each.verdict == "better")

    def __getitem__(self, label: str) -> Difference:
        """Return the difference of one label; raise `KeyError` where the truth had no column for it."""
        return _named(self.labels, label)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return _written(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Comparison":
        """Return the comparison that `to_dict` wrote."""
        return cls(_read(Difference, values["labels"]), values["seed"], values["resamples"])

    def table(self) -> pd.DataFrame:
        """Return one row per label: counts, verdict, then value, low and high of both differences."""
        return _table(self.labels, ("n", "positives", "verdict", "log_loss", "auc"))


def evaluate(
    truth: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    thresholds: Mapping[str, float] | None = None,
    seed: int = 0,
    resamples: int = 200,
) -> Evaluation:
    """Return the numbers of every label in `truth`, with 95 % percentile intervals by bootstrap (Efron 1979).

    `truth` and `scores` are joined by index; every row of `truth` must have one in `scores`. Resamples are stratified:
    each keeps the number of yes and of no, so that rare labels have a number in each. Without `thresholds`, or where a
    label has none, there is no precision, recall or F1. The calibration error of a resample leans high, for chance adds
    to it: its value may lie near the lower bound or below.
    """
    answers = _joined(truth, scores)
    found = []
    for label in answers.labels:
        y, p, unscored = answers.of(label)
        threshold = (thresholds or {}).get(label)
        drawn = _resampled(_Sample(y, p), threshold, np.random.default_rng(seed), resamples) if len(y) else {}
        found.append(LabelMetrics(label, len(y), int(y.sum()), unscored, threshold, **drawn))
    return Evaluation(tuple(found), seed, resamples)


_FEWEST: Final = 5  # answers of each kind: below, a resample says nothing about other comments
_NEGLIGIBLE: Final = 0.001  # in nats and in AUC: on many rows a smaller difference can be certain, and still not matter


def compare(
    truth: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, *, seed: int = 0, resamples: int = 500
) -> Comparison:
    """Return what changed from `before` to `after`, as paired differences on the rows that both have scored.

    "worse" where either log loss or AUC is worse by 0.001 or more and with its whole 95 % interval, else "better" where
    either is better by as much, else "same"; "not measured" where there are fewer than five yes or five no.
    """
    first, second = _joined(truth, before), _joined(truth, after)
    found = []
    for label in first.labels:
        y, old, new = first.paired(label, second)
        positives = int(y.sum())
        if min(positives, len(y) - positives) < _FEWEST:
            found.append(Difference(label, len(y), positives, "not measured"))
            continue
        loss, auc = _paired(_Sample(y, old), _Sample(y, new), np.random.default_rng(seed), resamples)
        found.append(Difference(label, len(y), positives, _verdict(loss, auc), loss, auc))
    return Comparison(tuple(found), seed, resamples)


def _verdict(loss: Interval, auc: Interval) -> Verdict:
    if (loss.low > 0 and loss.value >= _NEGLIGIBLE) or (auc.high < 0 and auc.value <= -_NEGLIGIBLE):
        return "worse"
    if (loss.high < 0 and loss.value <= -_NEGLIGIBLE) or (auc.low > 0 and auc.value >= _NEGLIGIBLE):
        return "better"
    return "same"


def calibration_curve(truth: pd.Series, scores: pd.Series, *, bins: int = _BINS) -> pd.DataFrame:
    """Return, per bin of about equally many comments, its mean probability, its share of yes, and its size `n`.

    The bins are those of the calibration error; equal probabilities share a bin, so that there may be fewer.
    """
    label = str(truth.name)
    y, p, _ = _joined(truth.to_frame(label), scores.to_frame(label)).of(label)
    sample = _Sample(y, p)
    number = sample.bins(np.ones((1, len(y))), bins)[0][sample.group] if len(y) else np.empty(0, np.intp)
    frame = pd.DataFrame({"probability": sample.p, "share": sample.y, "bin": number})
    curve = frame.groupby("bin").agg(probability=("probability", "mean"), share=("share", "mean"), n=("share", "size"))
    return curve.reset_index(drop=True)


@dataclass(frozen=True, slots=True)
class Spread:
    """One number per group, and the mean, the median and the worst of them.

    The bounds of the worst lean low: in every resample some group is unlucky.
    """

    mean: Interval
    median: Interval
    worst: Interval
    groups: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class Bias:
    """Whether the name of a group alone moves scores (Borkan et al., WWW 2019); None where there is no yes or no no.

    `subgroup`: AUC within the group. `bpsn`: its no against the others' yes; low where harmless mentions score high.
    `bnsp`: its yes against the others' no; low where attacks on it are missed.
    """

    group: str
    n: int
    subgroup: Interval | None
    bpsn: Interval | None
    bnsp: Interval | None


def area(answers: Floats, scores: Floats, *, seed: int = 0, resamples: int = 200) -> Interval | None:
    """Return the AUC of any scores (logits too) with its interval; None unless there is a yes and a no."""
    sample = _Sample(answers, scores)
    if not sample.both:
        return None
    value = float(sample.auc(np.ones((1, len(answers))))[0])
    generator = np.random.default_rng(seed)
    draws = [sample.auc(weights[:, sample.order]) for weights in _weights(sample, generator, resamples)]
    return _interval(value, draws)


def share(hits: npt.NDArray[np.bool_], *, seed: int = 0, resamples: int = 200) -> Interval | None:
    """Return how large a share of the rows is hit, with its interval; None without rows."""
    if not len(hits):
        return None
    value = float(hits.mean())
    return _interval(value, [np.random.default_rng(seed).binomial(len(hits), value, resamples) / len(hits)])


def ece_at(truth: pd.Series, scores: pd.Series, rate: float, *, seed: int = 0, resamples: int = 200) -> Interval | None:
    """Return the calibration error as it would be were `rate` the share of yes: each answer weighed to that share.

    For sets whose makers chose how many are a yes. None unless there is a yes and a no.
    """
    label = str(truth.name)
    y, p, _ = _joined(truth.to_frame(label), scores.to_frame(label)).of(label)
    sample = _Sample(y, p)
    if not sample.both:
        return None
    to_rate = np.where(sample.y == 1, rate * len(y) / sample.positives, (1.0 - rate) * len(y) / sample.negatives)
    value = float(sample.ece(to_rate[None, :])[0])
    generator = np.random.default_rng(seed)
    draws = [sample.ece(weights[:, sample.order] * to_rate) for weights in _weights(sample, generator, resamples)]
    return _interval(value, draws)


def bias(
    group: str,
    answers: Floats,
    scores: Floats,
    member: npt.NDArray[np.bool_],
    *,
    seed: int = 0,
    resamples: int = 200,
) -> Bias:
    """Return the three AUCs of one group against all other rows."""
    yes = answers == 1

    def over(rows: npt.NDArray[np.bool_]) -> Interval | None:
        return area(answers[rows], scores[rows], seed=seed, resamples=resamples)

    return Bias(
        group, int(member.sum()), over(member), over((member & ~yes) | (~member & yes)),
        over((member & yes) | (~member & ~yes)),
    )  # fmt: skip


def best_threshold(groups: Iterable[tuple[Floats, Floats]], *, rate: float | None = None) -> float:
    """Return the score from which on to say yes so that the mean F1 over groups of (answers, scores) is highest.

    Each group counts the same. `rate`: weigh the answers of each group to this share of yes, for where its own says
    nothing about the place the threshold is for. Around the highest mean all are as good that are within its standard
    error over the groups (Breiman et al., 1984); returned is the middle of these, as far from their ends as can be.
    """
    known = list(groups)
    every = np.unique(np.concatenate([scores for _, scores in known]))
    # Between two scores, not on one: what comes there next may be of either kind.
    candidates = np.r_[every[0], (every[:-1] + every[1:]) / 2]
    reached = np.zeros((len(known), len(candidates)))
    for i, (answers, scores) in enumerate(known):
        order = np.argsort(scores, kind="stable")
        at = np.searchsorted(scores[order], candidates, side="left")
        yes = float(answers.sum())
        no = len(answers) - yes
        # what a no weighs against a yes
        weight = 1.0 if rate is None or not yes or not no else (1.0 - rate) / rate * yes / no
        hits = yes - np.r_[0.0, np.cumsum(answers[order])][at]
        alarms = no - np.r_[0.0, np.cumsum(1.0 - answers[order])][at]
        reached[i] = 2 * hits / np.maximum(hits + weight * alarms + yes, 1.0)
    mean = reached.mean(0)
    best = int(mean.argmax())
    error = reached[:, best].std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else 0.0
    worse = np.flatnonzero(mean < mean[best] - error - 1e-12)
    place = int(np.searchsorted(worse, best))
    first = worse[place - 1] + 1 if place else 0
    last = worse[place] - 1 if place < len(worse) else len(candidates) - 1
    return float((candidates[first] + candidates[last]) / 2)


SHARES: Final = (0.0, 0.25, 0.5, 1.0)


def best_share(group: npt.NDArray[Any], answers: Floats, logits: Floats, others: Floats) -> float:
    """Return which of `SHARES` of `others` to add to `logits`, so that the mean AUC within the groups is highest.

    Within groups, since logits of fits that left out different groups stand at different levels. Rows where either is
    NaN take no part, nor do groups with one answer; of equals, the smallest.
    """
    known = ~np.isnan(logits) & ~np.isnan(others)
    best, found = -1.0, SHARES[0]
    for share in SHARES:
        areas = []
        for name in np.unique(group[known]):
            rows = known & (group == name)
            area_of = area(answers[rows], (logits + share * others)[rows], resamples=1)
            if area_of is not None:
                areas.append(area_of.value)
        mean = float(np.mean(areas)) if areas else 0.0
        if mean > best + 1e-9:
            best, found = mean, share
    return found


def f1_spread(
    groups: Mapping[str, tuple[Floats, Floats]],
    thresholds: Mapping[str, float],
    *,
    seed: int = 0,
    resamples: int = 200,
) -> Spread:
    """Return each group's F1 of (answers, scores) at its own threshold, and their mean, median and worst.

    Each group needs a yes. Resamples are drawn within groups.
    """
    values, draws = [], []
    for name, (answers, scores) in groups.items():
        sample = _Sample(answers, scores)
        if not sample.positives:
            raise ValueError(f"group {name!r} has no yes")
        count = sample.confusion(thresholds[name])
        values.append(float(count(np.ones((1, len(answers))))["f1"][0]))
        generator = np.random.default_rng([seed, len(values)])
        drawn = [count(weights[:, sample.order])["f1"] for weights in _weights(sample, generator, resamples)]
        draws.append(np.concatenate(drawn))
    each, over = np.array(values), np.array(draws)
    found = {name: _sure(float(value), row) for name, value, row in zip(groups, each, over, strict=True)}
    return Spread(
        mean=_sure(float(each.mean()), over.mean(axis=0)),
        median=_sure(float(np.median(each)), np.median(over, axis=0)),
        worst=_sure(float(each.min()), over.min(axis=0)),
        groups=found,
    )


def _sure(value: float, draws: Floats) -> Interval:
    found = _interval(value, [draws])
    assert found is not None
    return found


# Joining.


@dataclass(frozen=True, slots=True)
class _Joined:
    """Answers and scores of the same comments, NaN where there is none."""

    labels: tuple[str, ...]
    truth: dict[str, Floats]
    scores: dict[str, Floats]

    def of(self, label: str) -> tuple[Floats, Floats, int]:
        """Return answers and scores where both are known, and how many answers have no score."""
        y, p = self.truth[label], self.scores[label]
        answered, judged = ~np.isnan(y), ~np.isnan(p)
        both = answered & judged
        return y[both], p[both], int((answered & ~judged).sum())

    def paired(self, label: str, other: "_Joined") -> tuple[Floats, Floats, Floats]:
        """Return answers and both scores where all three are known."""
        y, p, q = self.truth[label], self.scores[label], other.scores[label]
        known = ~(np.isnan(y) | np.isnan(p) | np.isnan(q))
        return y[known], p[known], q[known]


def _joined(truth: pd.DataFrame, scores: pd.DataFrame) -> _Joined:
    validate_truth(truth)
    for name, frame in (("truth", truth), ("scores", scores)):
        if not frame.index.is_unique:
            row = int(frame.index.duplicated().argmax())
            raise TableError(f"{name}: row {row} repeats an earlier row's id; give one row per comment")
    rows = scores.index.get_indexer(truth.index)
    if (rows < 0).any():
        raise TableError(f"truth: row {int((rows < 0).argmax())} has no row in scores; score its comment first")
    labels = tuple(label for label in LABELS if label in truth.columns)
    answers = {label: _floats(truth[label]) for label in labels}
    found = {}
    for label in labels:
        values = _floats(scores[label])[rows] if label in scores.columns else np.full(len(truth), np.nan)
        if ((values < 0) | (values > 1)).any():
            raise TableError(f"scores: column {label!r}: a value is outside 0..1; give probabilities")
        found[label] = values
    return _Joined(labels, answers, found)


def _floats(values: pd.Series) -> Floats:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


# Counting. A resample is a row of weights: how often each comment was drawn.


class _Sample:
    """Answers and scores of one label in the order of the scores, ready to be summed under many weights at once.

    Comments of equal score form a group: no metric may depend on the order among them.
    """

    def __init__(self, y: Floats, p: Floats) -> None:
        self.order = np.argsort(p, kind="stable")
        self.y, self.p = y[self.order], p[self.order]
        first = np.r_[True, self.p[1:] != self.p[:-1]][: len(self.p)]
        self.begins = np.flatnonzero(first)
        self.group = np.cumsum(first) - 1
        self.unit = self.p[self.begins]  # one score per group
        clipped = np.clip(self.p, _LEAST, 1 - _LEAST)
        self.losses = -np.where(self.y == 1, np.log(clipped), np.log1p(-clipped))
        self.errors = (self.p - self.y) ** 2
        self.positives = float(y.sum())
        self.negatives = len(y) - self.positives

    @property
    def both(self) -> bool:
        """Whether there is a yes and a no."""
        return self.positives > 0 and self.negatives > 0

    def grouped(self, weights: Floats) -> Floats:
        """Return the sums of `weights` (resamples x comments, in the order of the scores) over each group."""
        return np.add.reduceat(weights, self.begins, axis=1)

    def auc(self, weights: Floats) -> Floats:
        """Return the chance that a yes is scored above a no, ties counting half (Hanley and McNeil 1982)."""
        yes, no = self.grouped(weights * self.y), self.grouped(weights * (1 - self.y))
        below = np.cumsum(no, axis=1) - no
        wins: Floats = (yes * (below + no / 2)).sum(axis=1)
        return wins / (self.positives * self.negatives)

    def average_precision(self, weights: Floats) -> Floats:
        """Return the mean of the precision over the recall gained at each score, from the top, not interpolated."""
        yes = self.grouped(weights * self.y)[:, ::-1]
        every = self.grouped(weights)[:, ::-1]
        taken = np.cumsum(every, axis=1)
        precision = np.divide(np.cumsum(yes, axis=1), taken, out=np.zeros_like(taken), where=taken > 0)
        gained: Floats = (precision * yes).sum(axis=1)
        return gained / self.positives

    def log_loss(self, weights: Floats) -> Floats:
        """Return the mean of minus the logarithm of the probability given to the answer, in nats."""
        mean: Floats = weights @ self.losses / len(self.y)
        return mean

    def base_log_loss(self, weights: Floats) -> Floats:
        """Return the log loss of always saying the share of yes (which stratified resamples do not change)."""
        share = self.positives / len(self.y)
        return np.full(len(weights), -share * np.log(share) - (1 - share) * np.log(1 - share))

    def brier(self, weights: Floats) -> Floats:
        """Return the mean squared error of the probabilities (Brier 1950)."""
        mean: Floats = weights @ self.errors / len(self.y)
        return mean

    def bins(self, weights: Floats, count: int) -> npt.NDArray[np.intp]:
        """Return, for each resample and group, which of `count` bins of equal weight the middle of the group is in."""
        each = self.grouped(weights)
        middle = np.cumsum(each, axis=1) - each / 2
        return np.minimum((middle * (count / len(self.y))).astype(np.intp), count - 1)

    def ece(self, weights: Floats) -> Floats:
        """Return the expected calibration error: the mean over bins of | share of yes - mean probability |.

        Bins of equal mass as in Naeini, Cooper and Hauskrecht (AAAI 2015), 15 of them as in Guo et al. (ICML 2017).
        """
        gaps = self.grouped(weights * (self.y - self.p))
        cells = self.bins(weights, _BINS) + np.arange(len(weights))[:, None] * _BINS
        sums = np.bincount(cells.ravel(), gaps.ravel(), minlength=len(weights) * _BINS)
        total: Floats = np.abs(sums).reshape(len(weights), _BINS).sum(axis=1)
        return total / len(self.y)

    def confusion(self, threshold: float) -> Callable[[Floats], dict[str, Floats]]:
        """Return what counts precision, recall and F1 at `threshold`; NaN where there is nothing to divide by."""
        # compared as float32, in which scores are kept: 0.7 reaches 0.7
        said = (self.p.astype(np.float32) >= np.float32(threshold)).astype(np.float64)

        def count(weights: Floats) -> dict[str, Floats]:
            hits, said_yes = weights @ (said * self.y), weights @ said
            with np.errstate(invalid="ignore", divide="ignore"):
                return {
                    "precision": hits / said_yes,
                    "recall": hits / np.full(len(weights), self.positives),
                    "f1": 2 * hits / (said_yes + self.positives),
                }

        return count


def _weights(sample: _Sample, generator: np.random.Generator, resamples: int) -> Iterator[Floats]:
    """Yield blocks of resamples x comments (in their own order): how often each was drawn, each answer apart."""
    if resamples < 1:
        raise ValueError("resamples must be 1 or more")
    answers = np.empty_like(sample.y)
    answers[sample.order] = sample.y
    n = len(answers)
    strata = [np.flatnonzero(answers == answer) for answer in (0, 1)]
    block = max(1, _CELLS // n)
    for begin in range(0, resamples, block):
        rows = min(block, resamples - begin)
        offsets = np.arange(rows)[:, None] * n
        drawn = [
            (stratum[generator.integers(len(stratum), size=(rows, len(stratum)))] + offsets).ravel()
            for stratum in strata
            if len(stratum)
        ]
        counts = np.bincount(np.concatenate(drawn), minlength=rows * n)
        yield counts.reshape(rows, n).astype(np.float64)


def _resampled(
    sample: _Sample, threshold: float | None, generator: np.random.Generator, resamples: int
) -> dict[str, Interval | None]:
    measures: list[Callable[[Floats], Mapping[str, Floats]]] = [
        lambda weights: {
            "log_loss": sample.log_loss(weights),
            "brier": sample.brier(weights),
            "ece": sample.ece(weights),
        }
    ]
    if sample.both:
        measures.append(
            lambda weights: {
                "auc": sample.auc(weights),
                "average_precision": sample.average_precision(weights),
                "base_log_loss": sample.base_log_loss(weights),
            }
        )
    if threshold is not None:
        measures.append(sample.confusion(threshold))

    def measure(weights: Floats) -> dict[str, Floats]:
        return {name: values for each in measures for name, values in each(weights).items()}

    values = {name: float(value[0]) for name, value in measure(np.ones((1, len(sample.y)))).items()}
    draws: dict[str, list[Floats]] = {name: [] for name in values}
    for weights in _weights(sample, generator, resamples):
        for name, value in measure(weights[:, sample.order]).items():
            draws[name].append(value)
    return {name: _interval(value, draws[name]) for name, value in values.items()}


def _paired(old: _Sample, new: _Sample, generator: np.random.Generator, resamples: int) -> tuple[Interval, Interval]:
    def measure(weights: Floats) -> tuple[Floats, Floats]:
        before, after = weights[:, old.order], weights[:, new.order]
        return new.log_loss(after) - old.log_loss(before), new.auc(after) - old.auc(before)

    loss, auc = (float(value[0]) for value in measure(np.ones((1, len(old.y)))))
    draws = [measure(weights) for weights in _weights(old, generator, resamples)]
    losses, aucs = [each[0] for each in draws], [each[1] for each in draws]
    between, between_auc = _interval(loss, losses), _interval(auc, aucs)
    assert between is not None
    assert between_auc is not None
    return between, between_auc


def _interval(value: float, draws: list[Floats]) -> Interval | None:
    """Return the value between the percentiles of the draws that have one; None where the value itself has none."""
    if np.isnan(value):
        return None
    known = np.concatenate([*draws, np.empty(0)])
    known = known[~np.isnan(known)]
    if not len(known):
        return Interval(value, value, value)
    low, high = np.quantile(known, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(value, float(low), float(high))


# Writing down.


def _written(record: "Evaluation | Comparison") -> dict[str, Any]:
    labels = [{name: value for name, value in asdict(each).items() if value is not None} for each in record.labels]
    return {"seed": record.seed, "resamples": record.resamples, "labels": labels}


def _read(kind: Callable[..., T], labels: Iterable[Mapping[str, Any]]) -> tuple[T, ...]:
    return tuple(
        kind(**{name: Interval(**value) if isinstance(value, Mapping) else value for name, value in each.items()})
        for each in labels
    )


def _named(labels: tuple[T, ...], label: str) -> T:
    for each in labels:
        if each.label == label:
            return each
    raise KeyError(label)


def _table(labels: Iterable[LabelMetrics | Difference], names: Iterable[str]) -> pd.DataFrame:
    columns = ["label"]
    for name in names:
        columns += [name, f"{name}_low", f"{name}_high"] if name in METRICS else [name]
    rows: list[list[Any]] = []
    for each in labels:
        row: list[Any] = [each.label]
        for name in names:
            value = getattr(each, name)
            if name in METRICS:
                row += [np.nan] * 3 if value is None else [value.value, value.low, value.high]
            else:
                row.append(np.nan if value is None else value)
        rows.append(row)
    return pd.DataFrame(rows, columns=columns).set_index("label")
