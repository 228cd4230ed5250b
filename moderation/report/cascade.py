"""Two tiers' scores of the same comments in, accuracy against comments a second along the width of the band out.

The fast tier scores everything; comments whose logit lies within `width` of the middle are scored again by the accurate
tier. The middle is the logit of the policy's limit: that is where a different answer changes what happens.

What a width gains is told by the cost of errors at the limit. A limit says what is risked: whoever looks at a comment
from probability t on takes a case that is missed to cost (1 - t) / t times one shown in vain (Elkan, IJCAI 2001), and
how often either happens follows from the label's base rate. What a width costs is the share of comments, as they come,
that lie within it.

The width is chosen by the knee of the curve (Satopää et al., ICDCS Workshops 2011): with cost (logarithm of seconds a
comment) and gain both scaled from 0 to 1 between the least and the most, the width whose gain lies furthest above its
cost. Where nothing lies above, the fast tier alone is best.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.evaluation import area

__all__ = ["WIDTHS", "cascade_curve", "knee"]

WIDTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, float("inf"))
_LEAST: Final = 1e-7

Floats = npt.NDArray[np.float64]


def cascade_curve(
    keys: Mapping[str, tuple[Floats, Floats, Floats]],
    limits: Mapping[str, float],
    rates: Mapping[str, float],
    *,
    fast_s: float,
    accurate_s: float,
    natural: Floats | None = None,
    widths: tuple[float, ...] = WIDTHS,
) -> pd.DataFrame:
    """Return a row per width: share scored again, comments a second, AUC of every key set, their mean, and errors.

    `keys`: set -> (answers, fast probabilities, accurate probabilities); `limits` and `rates`: set -> probability at
    which a comment is looked at, and the base rate of cases. `errors` is the mean over sets of the cost of errors, as a
    part of what it is by the fast tier alone. `fast_s` and `accurate_s` are seconds a comment; the share is that of
    `natural`, the fast probabilities of comments as they come (of one label: all sets share its limit), or without it
    the mean over sets.
    """
    rows: list[dict[str, Any]] = []
    first: dict[str, float] = {}
    for width in widths:
        row: dict[str, Any] = {"width": width}
        shares, errors = [], []
        for name, (answers, fast, accurate) in keys.items():
            again = _within(fast, limits[name], width)
            mixed = np.where(again, accurate, fast)
            found = area(answers, mixed, resamples=1)
            row[name] = np.nan if found is None else found.value
            cost = _cost(answers, mixed, limits[name], rates[name])
            errors.append(cost / first.setdefault(name, max(cost, _LEAST)))
            shares.append(float((again if natural is None else _within(natural, limits[name], width)).mean()))
        row["share"] = float(np.mean(shares)) if shares else 0.0
        row["seconds"] = fast_s + row["share"] * accurate_s
        row["comments_per_s"] = 1.0 / row["seconds"]
        row["mean_auc"] = float(np.nanmean([row[name] for name in keys])) if keys else np.nan
        row["errors"] = float(np.nanmean(errors)) if keys else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def knee(curve: pd.DataFrame) -> float:
    """Return the width at the knee of `errors`; 0 where no width gains more, relative to the most, than it costs."""
    cost = np.log(curve["seconds"].to_numpy(dtype=np.float64))
    gain = 1.0 - curve["errors"].to_numpy(dtype=np.float64)
    if len(curve) < 2 or cost[-1] <= cost[0] or not gain.max() > gain[0]:
        return 0.0
    above = (gain - gain[0]) / (gain.max() - gain[0]) - (cost - cost[0]) / (cost[-1] - cost[0])
    return float(curve["width"].iloc[int(above.argmax())]) if above.max() > 0 else 0.0


def _within(probabilities: Floats, limit: float, width: float) -> npt.NDArray[np.bool_]:
    if width == 0.0:
        return np.zeros(len(probabilities), np.bool_)
    found: npt.NDArray[np.bool_] = np.abs(_logit(probabilities) - _logit(np.array(limit))) <= width
    return found


def _cost(answers: Floats, probabilities: Floats, limit: float, rate: float) -> float:
    """Return the cost of errors per comment at a limit, in units of a case missed and a comment shown in vain."""
    shown = probabilities >= limit
    cases, others = answers == 1, answers == 0
    if not cases.any() or not others.any():
        return float("nan")
    missed, in_vain = float((~shown)[cases].mean()), float(shown[others].mean())
    return rate * (1.0 - limit) * missed + (1.0 - rate) * limit * in_vain


def _logit(probabilities: Floats) -> Floats:
    clipped = np.clip(probabilities, _LEAST, 1.0 - _LEAST)
    logits: Floats = np.log(clipped) - np.log1p(-clipped)
    return logits
