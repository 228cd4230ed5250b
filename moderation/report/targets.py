"""What the model is held to, written once; figures in, one row per target and scorer out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

__all__ = ["KEYS", "TARGETS", "Target", "target_rows"]

KEYS: Final = (
    ("incitement", "edos_devtest"),
    ("incitement", "ghc_test"),
    ("incitement", "contrast"),
    ("identity_attack", "hatemojicheck"),
    ("identity_attack", "foxnews"),
    ("identity_attack", "attacks"),
    ("toxicity", "wiki_nonfuzzed"),
    ("toxicity", "insults"),
    ("threat", "insults"),
    ("incitement", "menaces"),
    ("threat", "menaces"),
    ("incitement", "veiled"),
    ("threat", "veiled"),
)
"""The label and set of the curves, the cascade and the bars."""


@dataclass(frozen=True, slots=True)
class Target:
    """A label on a set by a measure, and what each tier should reach (`at_most`: should not exceed)."""

    label: str
    dataset: str
    measure: str
    fast: float
    accurate: float
    at_most: bool = False


VIDEOS: Final = "YouTube, each video left out"
ACROSS: Final = "YouTube, fitted on blogs alone"
BLOGS: Final = "blogs, each left out, text and author"
SWAPPED: Final = "swapped within blogs, over 40 characters, each blog left out"

TARGETS: Final = (
    Target("incitement", "edos_devtest", "auc", 0.88, 0.93),
    Target("incitement", "edos_devtest", "average_precision", 0.28, 0.45),
    Target("incitement", "ghc_test", "auc", 0.82, 0.90),
    Target("incitement", "contrast", "auc", 0.65, 0.90),
    Target("identity_attack", "hatemojicheck", "auc", 0.78, 0.88),
    Target("identity_attack", "foxnews", "auc", 0.76, 0.82),
    Target("toxicity", "wiki_nonfuzzed", "auc", 0.95, 0.97),
    Target("incitement", "xstest", "false_alarms", 0.05, 0.03, at_most=True),
    Target("trackback", BLOGS, "f1_median", 0.97, 0.98),
    Target("trackback", BLOGS, "f1_worst", 0.85, 0.90),
    Target("spam", VIDEOS, "f1_mean", 0.95, 0.97),
    Target("spam", ACROSS, "f1", 0.75, 0.85),
    Target("off_topic", SWAPPED, "auc", 0.88, 0.92),
    Target("incitement", "development sets", "ece_worst", 0.03, 0.03, at_most=True),
    Target("toxicity", "development sets", "ece_worst", 0.03, 0.03, at_most=True),
    Target("identity_attack", "development sets", "ece_worst", 0.03, 0.03, at_most=True),
    Target("any", "a country's or faith's name exchanged", "largest_shift", 0.1, 0.1, at_most=True),
)


def target_rows(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per target and scorer: what was asked, what was reached, and whether it is met.

    `met` is about the value; `sure` says that its whole interval meets the target too. Peers have no target; what was
    not measured has no value and is not met.
    """
    rows = []
    for target in TARGETS:
        for name, scorer in figures["scorers"].items():
            found = _found(figures, name, target)
            peer = scorer["kind"] == "peer"
            if peer and found is None:
                continue
            asked = None if peer else target.accurate if name in ("accurate", "cascade") else target.fast
            meets: dict[str, bool | None] = {"met": None, "sure": None}
            if asked is not None and found is not None:
                far = found["high" if target.at_most else "low"]
                meets["met"] = _meets(found["value"], asked, at_most=target.at_most)
                meets["sure"] = _meets(far, asked, at_most=target.at_most)
            rows.append(
                {
                    "label": target.label,
                    "set": target.dataset,
                    "measure": target.measure,
                    "scorer": name,
                    "at_most": target.at_most,
                    "target": asked,
                    "reached": found,
                    **meets,
                }
            )
    return rows


def _meets(value: float, asked: float, *, at_most: bool) -> bool:
    return value <= asked if at_most else value >= asked


def _found(figures: Mapping[str, Any], scorer: str, target: Target) -> Mapping[str, float] | None:
    left_out = figures["left_out"].get(scorer, {})
    places = {
        (BLOGS, "f1_median"): ("trackback", "f1", "median"),
        (BLOGS, "f1_worst"): ("trackback", "f1", "worst"),
        (VIDEOS, "f1_mean"): ("spam", "videos", "mean"),
        (ACROSS, "f1"): ("spam", "across"),
        (SWAPPED, "auc"): ("off_topic", "auc"),
    }
    if (target.dataset, target.measure) in places:
        return _interval(left_out, places[target.dataset, target.measure])
    if target.measure == "false_alarms":
        return _interval(figures["false_alarms"], (target.dataset, scorer, target.label))
    if target.measure == "ece_worst":
        return _largest(row["natural"] for row in _calibration(figures, scorer, target.label))
    if target.measure == "largest_shift":
        shifts = [row["largest"] for row in figures["fairness"].get(scorer, {}).get("shifts", ())]
        return _exact(max(shifts)) if shifts else None
    return _interval(figures["sets"], (target.dataset, "scorers", scorer, target.label, target.measure))


def _calibration(figures: Mapping[str, Any], scorer: str, label: str) -> Iterable[Mapping[str, Any]]:
    for row in figures["calibration"]:
        if row["scorer"] == scorer and row["label"] == label and row["kind"] == "development":
            yield row


def _largest(found: Iterable[Mapping[str, float] | None]) -> Mapping[str, float] | None:
    known = [each for each in found if each is not None]
    return max(known, key=lambda each: each["value"]) if known else None


def _interval(values: Any, path: tuple[str, ...]) -> Mapping[str, float] | None:
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return None
        values = values[name]
    return cast("Mapping[str, float] | None", values)


def _exact(value: float) -> dict[str, float]:
    return {"value": value, "low": value, "high": value}
