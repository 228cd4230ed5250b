"""Tiers and peers in, every figure of the report out: all on the same rows, in the same run."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation import recipe
from moderation.evaluation import calibration_curve, ece_at, evaluate, share
from moderation.labels import LABELS
from moderation.recipe import BASE_RATES
from moderation.report import left_out
from moderation.report.cascade import cascade_curve, knee
from moderation.report.evasion import EVASIONS, Evaded, Evasion, evasion_table
from moderation.report.fairness import Templates, load_templates, mentions, name_shifts, summary, term_biases
from moderation.report.gallery import worst_errors
from moderation.report.left_out import Extra
from moderation.report.peers import ROWS, Embed, alt_profanity_check, embedding_peer, sampled, tfidf_peer
from moderation.report.sets import Measured, Scorer, development_sets, own_sets, score_set
from moderation.report.targets import KEYS, target_rows

__all__ = ["Extras", "Options", "Peers", "Report", "fit_peers", "measure", "plain"]

EVADED: Final = (
    ("edos_devtest", "incitement"),
    ("contrast", "incitement"),
    ("ghc_test", "identity_attack"),
    ("wiki_nonfuzzed", "toxicity"),
)
GALLERY: Final = 5

Progress = Callable[[int, int | None, str], None]
Floats = npt.NDArray[np.float64]
Pairs = dict[str, tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Extras:
    """What a tier adds to the left-out fits: features of a comment alone, and of a comment beside its article."""

    text: Extra | None = None
    context: Extra | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured: at most `sample` rows of a set, a `share` of the blogs; where left-out logits are kept."""

    sample: int | None = None
    share: float = 1.0
    cache: Path | None = None
    refits: bool = True
    seed: int = 0
    resamples: int = 200

    @property
    def chance(self) -> dict[str, int]:
        """Return what the bootstrap is drawn by."""
        return {"seed": self.seed, "resamples": self.resamples}


@dataclass(frozen=True, slots=True)
class Peers:
    """The peers that could be had, and why the others could not."""

    scorers: dict[str, Scorer]
    skipped: dict[str, str]
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All figures, as JSON values, and for the curves the answers and probabilities of the key sets, by scorer."""

    figures: dict[str, Any]
    curves: dict[tuple[str, str], Pairs] = field(default_factory=dict)


def fit_peers(
    data: Path, seeds: Path, *, rows: int = ROWS, embedders: Mapping[str, Embed | str] | None = None
) -> Peers:
    """Return the peers, fitted on a part of the rows that the base model is fitted on.

    `embedders`: name -> what gives vectors, or in a sentence why there is none.
    """
    scorers: dict[str, Scorer] = {}
    skipped: dict[str, str] = {}
    try:
        scorers["alt-profanity-check"] = alt_profanity_check()
    except ImportError:
        skipped["alt-profanity-check"] = "not installed; pip install 'comment-moderation[peers]'"
    blogs, _ = recipe.blog_rows(data)
    corpus = recipe.joined([recipe.abuse_rows(data), blogs, recipe.youtube_rows(data), recipe.own_rows(seeds)])
    chosen = sampled(corpus, rows)
    labels = [label for label in LABELS if label != "off_topic"]
    scorers["TF-IDF"] = tfidf_peer(corpus, chosen, labels)
    for name, embed in (embedders or {}).items():
        if isinstance(embed, str):
            skipped[name] = embed
        else:
            scorers[name] = embedding_peer(name, embed, corpus, chosen, labels)
    return Peers(scorers, skipped, len(chosen))


def measure(
    data: Path | None,
    seeds: Path,
    tiers: Mapping[str, Scorer],
    *,
    thresholds: Mapping[str, float],
    clock: Callable[[], float],
    peers: Peers | None = None,
    extras: Mapping[str, Extras] | None = None,
    evasions: Mapping[str, Evasion] = EVASIONS,
    cards: Mapping[str, Mapping[str, Any]] | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Report:
    """Return every figure of `tiers` (name -> scorer; "fast" and "accurate" make the cascade's curve) and of the peers.

    `thresholds` are the policy's. Without `data`, own sentences alone are measured. `clock` gives seconds. `extras` and
    `cards`: by the tier's name. Left-out fits are made for tiers named in `extras`, and without further features for
    "fast".
    """
    asked = options or Options()
    others = peers or Peers({}, {})
    refits = (
        {}
        if data is None or not asked.refits
        else {**({"fast": Extras()} if "fast" in tiers else {}), **(extras or {})}
    )
    steps = _Steps(progress, len(tiers) + len(others.scorers) + 3 * len(refits) + ({"fast", "accurate"} <= set(tiers)))
    sets = [*([] if data is None else development_sets(data, asked.sample)), *own_sets(seeds, asked.sample)]
    scorers = {**tiers, **others.scorers}
    figures: dict[str, Any] = {
        "seed": asked.seed,
        "resamples": asked.resamples,
        "sample": asked.sample,
        "thresholds": dict(thresholds),
        "base_rates": dict(BASE_RATES),
        "scorers": {},
        "skipped": dict(others.skipped),
        "peer_rows": others.rows,
        "sets": {each.name: _described(each) for each in sets},
        "false_alarms": {},
        "calibration": [],
        "left_out": {},
        "fairness": {},
        "evasion": [],
        "gallery": [],
        "cascade": None,
        "card": {name: card["labels_report"] for name, card in (cards or {}).items() if "labels_report" in card},
    }
    curves: dict[tuple[str, str], Pairs] = {key: {} for key in KEYS if key[1] in figures["sets"]}
    speed: dict[str, float] = {}
    for name, scorer in scorers.items():
        steps.tell(f"scoring with {name}")
        one = _One(name, "tier" if name in tiers else "peer", scorer, thresholds, evasions, asked)
        scored = {each.name: score_set(scorer, each.batch, clock) for each in sets}
        seconds = sum(timed.seconds for timed in scored.values())
        speed[name] = sum(len(each.batch) for each in sets) / max(seconds, 1e-9)
        figures["scorers"][name] = {
            "kind": one.kind,
            "version": scorer.version,
            "labels": list(scorer.labels),
            "comments_per_s": speed[name],
        }
        for each in sets:
            scores = scored[each.name].scores
            found = figures["sets"][each.name]["scorers"][name] = one.numbers(each, scores)
            figures["false_alarms"].setdefault(each.name, {})[name] = one.false_alarms(each, scores)
            for key, pairs in curves.items():
                if key[1] == each.name and (known := one.pairs(each, scores, key[0])) is not None:
                    pairs[name] = known
            if one.kind == "tier":
                figures["calibration"] += one.calibration(each, scores, found)
                figures["gallery"] += one.errors(each, scores)
                figures["evasion"] += one.evaded(each, scores)
            if one.kind == "tier" and each.name == "neutral":
                figures["fairness"][name] = one.fairness(each, scores, load_templates(seeds / "templates.json"))
    for name, extra in refits.items():
        assert data is not None
        figures["left_out"][name] = {}
        fits: tuple[tuple[str, Callable[..., Any]], ...] = (
            ("trackback", left_out.trackback),
            ("spam", partial(left_out.spam, extra=extra.text)),
            ("off_topic", partial(left_out.off_topic, extra=extra.context)),
        )
        for label, fit in fits:
            steps.tell(f"{name}: {label} by fits without the blog or video")
            fitted = fit(data, seeds, share=asked.share, cache=asked.cache, **asked.chance)
            figures["left_out"][name][label] = asdict(fitted)
    if {"fast", "accurate"} <= set(tiers):
        steps.tell("the cascade")
        figures["cascade"] = _cascade(curves, thresholds, speed)
    figures["targets"] = target_rows(figures)
    steps.end()
    return Report(plain(figures), curves)


@dataclass(frozen=True, slots=True)
class _One:
    """A scorer with its name and kind, and what all are measured by."""

    name: str
    kind: str
    scorer: Scorer
    thresholds: Mapping[str, float]
    evasions: Mapping[str, Evasion]
    options: Options

    def labels(self, each: Measured) -> list[str]:
        """Return the labels that the set has answers for and the scorer claims."""
        return [str(label) for label in each.truth if label in self.scorer.labels]

    def numbers(self, each: Measured, scores: pd.DataFrame) -> dict[str, Any]:
        """Return every metric of every label, with intervals."""
        truth = each.truth[self.labels(each)]
        found = evaluate(truth, scores, thresholds=self.thresholds, **self.options.chance)
        return {row["label"]: row for row in found.to_dict()["labels"]}

    def pairs(self, each: Measured, scores: pd.DataFrame, label: str) -> tuple[Floats, Floats] | None:
        """Return answers and probabilities where both are known; None where there are none."""
        if label not in self.labels(each):
            return None
        answers = each.truth[label].to_numpy(dtype=np.float64, na_value=np.nan)
        given = scores[label].reindex(each.truth.index).to_numpy(dtype=np.float64)
        known = ~np.isnan(answers) & ~np.isnan(given)
        return (answers[known], given[known]) if known.any() else None

    def false_alarms(self, each: Measured, scores: pd.DataFrame) -> dict[str, Any]:
        """Return per label which share of what is a no would be flagged at the policy's threshold."""
        found = {}
        for label in self.labels(each):
            pairs = self.pairs(each, scores, label)
            if pairs is not None and label in self.thresholds:
                flagged = pairs[1][pairs[0] == 0] >= np.float32(self.thresholds[label])
                found[label] = plain(share(np.asarray(flagged), **self.options.chance))
        return {label: interval for label, interval in found.items() if interval is not None}

    def calibration(self, each: Measured, scores: pd.DataFrame, numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return per label the calibration error as the set is, and with its answers weighed to the base rate."""
        found = []
        for label in self.labels(each):
            row = numbers[label]
            if row.get("auc") is None:
                continue
            truth, given = each.truth[label], scores[label]
            natural = ece_at(truth, given, BASE_RATES[label], **self.options.chance)
            found.append(
                {
                    "scorer": self.name,
                    "set": each.name,
                    "kind": each.kind,
                    "artificial": each.artificial,
                    "label": label,
                    "share_of_yes": row["positives"] / row["n"],
                    "base_rate": BASE_RATES[label],
                    "as_it_is": row.get("ece"),
                    "natural": plain(natural),
                    "curve": calibration_curve(truth, given).to_dict("list"),
                }
            )
        return found

    def errors(self, each: Measured, scores: pd.DataFrame) -> list[dict[str, Any]]:
        """Return the surest mistakes on a development set, masked."""
        if each.kind != "development":
            return []
        worst = [worst_errors(each, scores, label, count=GALLERY) for label in self.labels(each)]
        return [{"scorer": self.name, **asdict(mistake)} for mistakes in worst for mistake in mistakes]

    def evaded(self, each: Measured, scores: pd.DataFrame) -> list[dict[str, Any]]:
        """Return the rows of the evasion table that belong to a set."""
        rows: list[Evaded] = []
        for dataset, label in EVADED:
            if dataset == each.name and label in self.scorer.labels:
                threshold = self.thresholds.get(label)
                rows += evasion_table(
                    self.scorer,
                    each,
                    scores,
                    label,
                    evasions=self.evasions,
                    threshold=threshold,
                    **self.options.chance,
                )
        return [{"scorer": self.name, **asdict(row)} for row in rows]

    def fairness(self, neutral: Measured, scores: pd.DataFrame, templates: Templates) -> dict[str, Any]:
        """Return what the names of groups, countries and faiths do by themselves."""
        seed, resamples = self.options.seed, min(self.options.resamples, 100)
        biases = term_biases(self.scorer, templates, seed=seed, resamples=resamples)
        # Off-topic has nothing to compare with here, and no probability.
        shifts = name_shifts(self.scorer, templates, [label for label in self.scorer.labels if label != "off_topic"])
        found = mentions(scores, neutral, self.thresholds, **self.options.chance)
        return {
            "terms": len(templates.terms),
            "neutral_templates": len(templates.neutral),
            "hostile_templates": len(templates.hostile),
            "biases": {label: [asdict(bias) for bias in each] for label, each in biases.items()},
            "summary": summary(biases),
            "shifts": [asdict(shift) for shift in shifts],
            "mentions": [asdict(mention) for mention in found],
        }


class _Steps:
    """Counts what has been done and tells it."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def tell(self, message: str) -> None:
        if self.progress is not None:
            self.progress(self.done, self.total, message)
        self.done += 1

    def end(self) -> None:
        if self.progress is not None:
            self.progress(self.total, self.total, "done")


def _described(each: Measured) -> dict[str, Any]:
    yes = {label: int((each.truth[label] == 1).sum()) for label in each.truth}
    judged = {label: int(each.truth[label].notna().sum()) for label in each.truth}
    return {
        "kind": each.kind,
        "rows": len(each.batch),
        "judged": judged,
        "yes": yes,
        "artificial": each.artificial,
        "scorers": {},
    }


def _cascade(
    curves: Mapping[tuple[str, str], Pairs], thresholds: Mapping[str, float], speed: Mapping[str, float]
) -> dict[str, Any]:
    keys, limits, rates = {}, {}, {}
    for (label, dataset), pairs in curves.items():
        if {"fast", "accurate"} <= set(pairs) and len(pairs["fast"][0]) == len(pairs["accurate"][0]):
            name = f"{label} · {dataset}"
            keys[name] = (pairs["fast"][0], pairs["fast"][1], pairs["accurate"][1])
            limits[name], rates[name] = thresholds.get(label, 0.5), BASE_RATES[label]
    curve = cascade_curve(keys, limits, rates, fast_s=1.0 / speed["fast"], accurate_s=1.0 / speed["accurate"])
    width = knee(curve)
    rows = [{str(name): value for name, value in row.items()} for row in curve.to_dict("records")]
    # JSON has no infinity: the last width takes everything.
    return {"keys": list(keys), "width": width if math.isfinite(width) else None, "curve": rows}


def plain(value: Any) -> Any:
    """Return JSON values: records as objects, NaN and infinity as null, numpy's numbers as Python's."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
