"""Two tiers' scores of the same comments in, accuracy against comments a second along the width of the band out.

The fast tier scores everything; comments whose logit lies within `width` of the middle are scored again by the accurate
tier. The middle is the logit of the policy's threshold: that is where a different answer changes what happens.

The width is chosen by the knee of the curve (Satopää et al., ICDCS Workshops 2011): with cost (logarithm of seconds a
comment) and accuracy both scaled from 0 to 1 between the two ends, the width whose accuracy lies furthest above its
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
    centres: Mapping[str, float],
    *,
    fast_s: float,
    accurate_s: float,
    widths: tuple[float, ...] = WIDTHS,
) -> pd.DataFrame:
    """Return a row per width: share scored again, comments a second, AUC of every key set, and their mean.

    `keys`: set -> (answers, fast probabilities, accurate probabilities), `centres`: set -> threshold, as a probability.
    `fast_s` and `accurate_s` are seconds a comment; the share is the mean over sets.
    """
    rows: list[dict[str, Any]] = []
    for width in widths:
        row: dict[str, Any] = {"width": width}
        shares = []
        for name, (answers, fast, accurate) in keys.items():
            again = np.abs(_logit(fast) - _logit(np.array(centres[name]))) <= width
            if width == 0.0:
                again = np.zeros(len(fast), np.bool_)
            found = area(answers, np.where(again, accurate, fast), resamples=1)
            row[name] = np.nan if found is None else found.value
            shares.append(float(again.mean()) if len(again) else 0.0)
        row["share"] = float(np.mean(shares)) if shares else 0.0
        row["seconds"] = fast_s + row["share"] * accurate_s
        row["comments_per_s"] = 1.0 / row["seconds"]
        row["mean_auc"] = float(np.nanmean([row[name] for name in keys])) if keys else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def knee(curve: pd.DataFrame) -> float:
    """Return the width at the knee; 0 where no width gains more, relative to the ends, than it costs."""
    cost = np.log(curve["seconds"].to_numpy(dtype=np.float64))
    gain = curve["mean_auc"].to_numpy(dtype=np.float64)
    if len(curve) < 2 or cost[-1] <= cost[0] or gain.max() <= gain[0]:
        return 0.0
    above = (gain - gain[0]) / (gain.max() - gain[0]) - (cost - cost[0]) / (cost[-1] - cost[0])
    return float(curve["width"].iloc[int(above.argmax())]) if above.max() > 0 else 0.0


def _logit(probabilities: Floats) -> Floats:
    clipped = np.clip(probabilities, _LEAST, 1.0 - _LEAST)
    logits: Floats = np.log(clipped) - np.log1p(-clipped)
    return logits
