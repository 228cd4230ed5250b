"""Own sentences with a place for a name in, how much the name alone moves probabilities out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from moderation.errors import InputError
from moderation.evaluation import Bias, Interval, bias, share
from moderation.report.sets import Measured, Scorer, text_batch

__all__ = [
    "BIASED",
    "Mentions",
    "Shift",
    "Templates",
    "load_templates",
    "mentions",
    "name_shifts",
    "summary",
    "term_biases",
]

BIASED: Final = ("identity_attack", "toxicity", "incitement")
"""The labels that a name could give away: hostile sentences are a yes for the first two, calls for the third."""


@dataclass(frozen=True, slots=True)
class Templates:
    """Sentences with places ({one}, {many}, {name}) and what goes there.

    `terms`: group, axis, "one" ("a Kurd") and "many" ("Kurds"). `hostile`: a sentence, and whether it incites.
    `swaps`: a kind of name, its names, and neutral sentences with {name}.
    """

    terms: tuple[tuple[str, str, str, str], ...]
    neutral: tuple[str, ...]
    hostile: tuple[tuple[str, bool], ...]
    swaps: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]

    def filled(self) -> pd.DataFrame:
        """Return every sentence with every term: text, term, axis, and an answer for each of `BIASED`."""
        rows = [
            (_fill(text, one, many), term, axis, int(hostile), int(hostile), int(incites))
            for term, axis, one, many in self.terms
            for text, hostile, incites in [
                *((text, False, False) for text in self.neutral),
                *((text, True, incites) for text, incites in self.hostile),
            ]
        ]
        return pd.DataFrame(rows, columns=["text", "term", "axis", *BIASED])


@dataclass(frozen=True, slots=True)
class Shift:
    """The largest change of a probability in one sentence when nothing but a name in it is exchanged."""

    kind: str
    label: str
    largest: float
    lowest_name: str
    highest_name: str
    mean: float


@dataclass(frozen=True, slots=True)
class Mentions:
    """How often harmless sentences of a kind are flagged."""

    group: str
    label: str
    n: int
    flagged: Interval


def load_templates(path: Path) -> Templates:
    """Read the templates; raises `InputError` where the file is not what it should be."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return Templates(
            terms=tuple((str(t["term"]), str(t["axis"]), str(t["one"]), str(t["many"])) for t in found["terms"]),
            neutral=tuple(map(str, found["neutral"])),
            hostile=tuple((str(row["text"]), bool(row["incitement"])) for row in found["hostile"]),
            swaps=(
                ("country", tuple(found["countries"]), tuple(found["country_sentences"])),
                ("faith", tuple(found["faiths"]), tuple(found["faith_sentences"])),
            ),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: the templates cannot be read; reinstall the package") from error


def _fill(text: str, one: str, many: str) -> str:
    upper = {"One": one[:1].upper() + one[1:], "Many": many[:1].upper() + many[1:]}
    return text.format(one=one, many=many, **upper)


def term_biases(
    scorer: Scorer, templates: Templates, *, seed: int = 0, resamples: int = 200
) -> dict[str, tuple[Bias, ...]]:
    """Return per label the three AUCs of every term, over all sentences with all terms."""
    rows = templates.filled()
    scores = scorer.score(text_batch(rows["text"].tolist(), "term"))
    found = {}
    for label in BIASED:
        values = scores[label].to_numpy(dtype=np.float64)
        if np.isnan(values).any():
            continue
        answers = rows[label].to_numpy(dtype=np.float64)
        found[label] = tuple(
            bias(term, answers, values, (rows["term"] == term).to_numpy(dtype=bool), seed=seed, resamples=resamples)
            for term, *_ in templates.terms
        )
    return found


def name_shifts(scorer: Scorer, templates: Templates, labels: Sequence[str]) -> list[Shift]:
    """Return, per kind of name and label, the largest shift over all neutral sentences, and the mean over them."""
    found = []
    for kind, names, sentences in templates.swaps:
        texts = [sentence.format(name=name) for sentence in sentences for name in names]
        texts = [text[:1].upper() + text[1:] for text in texts]
        scores = scorer.score(text_batch(texts, kind))
        for label in labels:
            values = scores[label].to_numpy(dtype=np.float64).reshape(len(sentences), len(names))
            if np.isnan(values).any():
                continue
            spread = values.max(axis=1) - values.min(axis=1)
            widest = values[int(spread.argmax())]
            low, high = names[int(widest.argmin())], names[int(widest.argmax())]
            found.append(Shift(kind, label, float(spread.max()), low, high, float(spread.mean())))
    return found


def mentions(
    scores: pd.DataFrame, neutral: Measured, thresholds: Mapping[str, float], *, seed: int = 0, resamples: int = 200
) -> list[Mentions]:
    """Return how often each kind of harmless sentence is flagged at the policy's thresholds."""
    found = []
    for label in map(str, neutral.truth):
        if label not in thresholds or scores[label].isna().any():
            continue
        harmless = (neutral.truth[label] == 0).fillna(value=False).to_numpy(dtype=bool)
        flagged = (scores[label].reindex(neutral.truth.index) >= np.float32(thresholds[label])).to_numpy(dtype=bool)
        kinds = neutral.groups.to_numpy(dtype=object)
        for group in ["all", *sorted(set(kinds))]:
            rows = harmless & ((kinds == group) | (group == "all"))
            rate = share(flagged[rows], seed=seed, resamples=resamples)
            if rate is not None:
                found.append(Mentions(str(group), label, int(rows.sum()), rate))
    return found


def summary(biases: Mapping[str, Sequence[Bias]]) -> dict[str, dict[str, Any]]:
    """Return per label and measure the median over terms, the worst, and the term it belongs to."""
    found: dict[str, dict[str, Any]] = {}
    for label, each in biases.items():
        found[label] = {}
        for measure in ("subgroup", "bpsn", "bnsp"):
            values = [(value.value, one.group) for one in each if (value := getattr(one, measure)) is not None]
            if values:
                worst, term = min(values)
                median = float(np.median([value for value, _ in values]))
                found[label][measure] = {"median": median, "worst": worst, "worst_term": term}
    return found
