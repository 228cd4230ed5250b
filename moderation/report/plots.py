"""Figures and curves in, pictures out; matplotlib stops here, and no window is opened."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from moderation.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "precision_recall", "roc"]

Floats = npt.NDArray[np.float64]
Curves = Mapping[tuple[str, str], Mapping[str, tuple[Floats, Floats]]]

WIDE: Final = 3
DPI: Final = 110


def roc(answers: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Return the shares of no and of yes at or above each score, from none to all; equal scores are one step."""
    ends, yes, no = _steps(answers, scores)
    del ends
    return np.r_[0.0, no / max(no[-1], 1.0)], np.r_[0.0, yes / max(yes[-1], 1.0)]


def precision_recall(answers: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Return recall and precision at each score, from the highest."""
    _, yes, no = _steps(answers, scores)
    return yes / max(yes[-1], 1.0), yes / (yes + no)


def _steps(answers: Floats, scores: Floats) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])
    return ends, np.cumsum(answers[order])[ends], np.cumsum(1.0 - answers[order])[ends]


def draw(figures: Mapping[str, Any], curves: Curves, folder: Path) -> list[str]:
    """Write the pictures into `folder` and return their file names.

    Raises `InputError` where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("the report's plots need matplotlib; pip install 'comment-moderation[evaluate]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    known = {key: pairs for key, pairs in curves.items() if pairs}
    pictures: dict[str, Callable[[], Figure | None]] = {
        "roc": lambda: _curves(Figure, known, roc, ("share of no flagged", "share of yes found")),
        "precision-recall": lambda: _curves(Figure, known, precision_recall, ("recall", "precision")),
        "calibration": lambda: _calibration(Figure, figures),
        "sets": lambda: _sets(Figure, figures, known),
        "sources": lambda: _sources(Figure, figures),
        "trackback-by-blog": lambda: _trackback(Figure, figures),
        "fairness": lambda: _fairness(Figure, figures),
        "evasion": lambda: _evasion(Figure, figures),
        "cascade": lambda: _cascade(Figure, figures),
    }
    written = []
    for name, make in pictures.items():
        figure = make()
        if figure is not None:
            figure.savefig(folder / f"{name}.png", dpi=DPI)
            written.append(f"{name}.png")
    return written


def _grid(make: "type[Figure]", count: int, height: float = 3.4) -> "tuple[Figure, list[Axes]]":
    rows = -(-count // WIDE)
    figure = make(figsize=(4.2 * min(count, WIDE), height * rows), layout="constrained")
    axes = [figure.add_subplot(rows, min(count, WIDE), i + 1) for i in range(count)]
    return figure, axes


def _curves(
    make: "type[Figure]",
    curves: Curves,
    points: Callable[[Floats, Floats], tuple[Floats, Floats]],
    names: tuple[str, str],
) -> "Figure | None":
    if not curves:
        return None
    figure, grid = _grid(make, len(curves))
    for axes, ((label, dataset), pairs) in zip(grid, curves.items(), strict=True):
        for scorer, (answers, scores) in pairs.items():
            axes.plot(*points(answers, scores), label=scorer, linewidth=1.4)
        axes.set(title=f"{label} · {dataset}", xlabel=names[0], ylabel=names[1], xlim=(0, 1), ylim=(0, 1.02))
        axes.grid(alpha=0.3)
    grid[0].legend(fontsize=8)
    return figure


def _calibration(make: "type[Figure]", figures: Mapping[str, Any]) -> "Figure | None":
    rows = [row for row in figures["calibration"] if row["kind"] == "development"] or figures["calibration"]
    places = list(dict.fromkeys((row["label"], row["set"]) for row in rows))
    if not places:
        return None
    figure, grid = _grid(make, len(places))
    for axes, (label, dataset) in zip(grid, places, strict=True):
        axes.plot([1e-4, 1], [1e-4, 1], color="grey", linewidth=0.8)
        for row in rows:
            if (row["label"], row["set"]) == (label, dataset):
                curve = row["curve"]
                shown = np.maximum(np.asarray(curve["share"], float), 1e-4)
                axes.plot(curve["probability"], shown, marker="o", markersize=3, label=row["scorer"])
        axes.set(title=f"{label} · {dataset}", xlabel="probability", ylabel="share of yes", xscale="log", yscale="log")
        axes.set(xlim=(1e-4, 1), ylim=(0.8e-4, 1.2))
        axes.grid(alpha=0.3)
    grid[0].legend(fontsize=8)
    return figure


def _bars(axes: "Axes", names: list[str], intervals: list[Mapping[str, float]], **how: Any) -> None:
    values = np.array([each["value"] for each in intervals])
    low = np.maximum(values - np.array([each["low"] for each in intervals]), 0)
    high = np.maximum(np.array([each["high"] for each in intervals]) - values, 0)
    at = how.pop("at", np.arange(len(names)))
    axes.barh(at, values, xerr=np.vstack([low, high]), error_kw={"linewidth": 0.8}, **how)
    axes.set_yticks(np.arange(len(names)), names, fontsize=7)
    axes.grid(axis="x", alpha=0.3)


def _sets(make: "type[Figure]", figures: Mapping[str, Any], curves: Curves) -> "Figure | None":
    scorers = list(figures["scorers"])
    places = list(curves)
    if not places:
        return None
    figure, [axes] = _grid(make, 1)
    figure.set_size_inches(8, 1 + 0.22 * len(places) * (len(scorers) + 1))
    high = 0.8 / len(scorers)
    for number, scorer in enumerate(scorers):
        rows = [
            (at, row["auc"])
            for at, (label, dataset) in enumerate(places)
            if (row := figures["sets"][dataset]["scorers"].get(scorer, {}).get(label)) and row.get("auc")
        ]
        if rows:
            shift = (number - (len(scorers) - 1) / 2) * high
            names = [f"{label} · {dataset}" for label, dataset in places]
            place = np.array([at for at, _ in rows]) + shift
            _bars(axes, names, [auc for _, auc in rows], at=place, height=high, label=scorer)
    axes.set(title="AUC by set", xlim=(0.4, 1.0))
    axes.invert_yaxis()
    axes.legend(fontsize=8)
    return figure


def _sources(make: "type[Figure]", figures: Mapping[str, Any]) -> "Figure | None":
    labels = {
        label: {source: row["auc"] for source, row in sorted(one["left_out"].items()) if row.get("auc")}
        for card in figures["card"].values()
        for label, one in card.items()
    }
    labels = {label: sources for label, sources in labels.items() if sources}
    if not labels:
        return None
    figure, grid = _grid(make, len(labels), height=1.2 + 0.2 * max(map(len, labels.values())))
    for axes, (label, sources) in zip(grid, labels.items(), strict=True):
        _bars(axes, list(sources), list(sources.values()))
        axes.axvline(0.5, color="grey", linewidth=0.8)
        axes.set(title=f"{label}: AUC, source left out", xlim=(0.3, 1.0))
        axes.invert_yaxis()
    return figure


def _trackback(make: "type[Figure]", figures: Mapping[str, Any]) -> "Figure | None":
    found = figures["left_out"]
    if not found:
        return None
    figure, grid = _grid(make, len(found), height=4)
    for axes, (name, one) in zip(grid, found.items(), strict=True):
        groups = dict(sorted(one["trackback"]["f1"]["groups"].items()))
        _bars(axes, list(groups), list(groups.values()))
        axes.set(title=f"trackback, {name}: F1, blog left out", xlim=(0, 1.02))
        axes.invert_yaxis()
    return figure


def _fairness(make: "type[Figure]", figures: Mapping[str, Any]) -> "Figure | None":
    found = {
        (name, label): biases for name, one in figures["fairness"].items() for label, biases in one["biases"].items()
    }
    if not found:
        return None
    figure, grid = _grid(make, len(found), height=6.5)
    for axes, ((name, label), biases) in zip(grid, found.items(), strict=True):
        for measure, mark in (("subgroup", "o"), ("bpsn", "<"), ("bnsp", ">")):
            known = [(at, one[measure]["value"]) for at, one in enumerate(biases) if one[measure]]
            axes.plot([v for _, v in known], [at for at, _ in known], mark, markersize=4, label=measure, linestyle="")
        axes.set_yticks(range(len(biases)), [one["group"] for one in biases], fontsize=6)
        axes.set(title=f"{label}, {name}: AUC by term")
        axes.grid(alpha=0.3)
        axes.invert_yaxis()
    grid[0].legend(fontsize=8)
    return figure


def _evasion(make: "type[Figure]", figures: Mapping[str, Any]) -> "Figure | None":
    places = list(dict.fromkeys((row["scorer"], row["label"], row["dataset"]) for row in figures["evasion"]))
    if not places:
        return None
    figure, grid = _grid(make, len(places), height=3)
    for axes, place in zip(grid, places, strict=True):
        rows = [row for row in figures["evasion"] if (row["scorer"], row["label"], row["dataset"]) == place]
        names = [row["kind"] for row in rows]
        at = np.arange(len(rows))
        _bars(axes, names, [row["auc_before"] for row in rows], at=at - 0.2, height=0.4, label="before")
        _bars(axes, names, [row["auc_after"] for row in rows], at=at + 0.2, height=0.4, label="after")
        axes.set(title=f"{place[1]} · {place[2]}, {place[0]}", xlim=(0.3, 1.0))
        axes.invert_yaxis()
    grid[0].legend(fontsize=8)
    return figure


def _cascade(make: "type[Figure]", figures: Mapping[str, Any]) -> "Figure | None":
    found = figures["cascade"]
    if not found:
        return None
    figure, [axes] = _grid(make, 1)
    figure.set_size_inches(7, 4.5)
    speed = [row["comments_per_s"] for row in found["curve"]]
    for key in found["keys"]:
        axes.plot(speed, [row[key] for row in found["curve"]], linewidth=0.9, alpha=0.7, label=key)
    axes.plot(speed, [row["mean_auc"] for row in found["curve"]], color="black", marker="o", markersize=4, label="mean")
    chosen = next(row for row in found["curve"] if row["width"] == found["width"])
    axes.axvline(chosen["comments_per_s"], color="grey", linestyle="--", linewidth=0.9)
    axes.set(title="Cascade: accuracy against speed", xlabel="comments/s", ylabel="AUC", xscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    return figure
