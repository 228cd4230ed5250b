"""Pairs of answers that two people gave without seeing each other's in, how far they agree out.

Raw agreement says how often; Krippendorff's alpha says how much of it is more than chance (1: always the same, 0: as if
drawn at random, below 0: worse than that). Alpha and not Cohen's kappa, because the two of a pair are not always the
same two people.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Agreement", "agreement", "alpha", "wilson"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far pairs of people agree on one question; `low` and `high` bound `raw` with 95 % confidence.

    `raw` and its bounds are missing where `n` is 0; `alpha` also where everybody gave one and the same answer.
    """

    question: str
    n: int
    raw: float | None
    low: float | None
    high: float | None
    alpha: float | None


def agreement(
    pairs: Iterable[tuple[Mapping[str, bool], Mapping[str, bool]]], questions: Sequence[str]
) -> list[Agreement]:
    """Return one row per question, in order; a pair counts for those that both of it answered.

    >>> one, other = {"spam": True}, {"spam": False, "threat": True}
    >>> [(row.question, row.n, row.raw) for row in agreement([(one, other), (one, one)], ["spam", "threat"])]
    [('spam', 2, 0.5), ('threat', 0, None)]
    """
    both = list(pairs)
    rows = []
    for question in questions:
        given = [(one[question], other[question]) for one, other in both if question in one and question in other]
        same = sum(first == second for first, second in given)
        low, high = wilson(same, len(given)) if given else (None, None)
        rows.append(Agreement(question, len(given), same / len(given) if given else None, low, high, alpha(given)))
    return rows


def alpha(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Return Krippendorff's alpha of yes and no (Content Analysis, 2004, section 11.3); None where it has no value."""
    yes = sum(first + second for first, second in pairs)
    no = 2 * len(pairs) - yes
    if not yes or not no:
        return None
    differing = sum(first != second for first, second in pairs)
    return 1 - (2 * len(pairs) - 1) * differing / (yes * no)


def wilson(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the bounds of a share (Wilson, 1927), which hold for few cases too."""
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # Rounding may leave the last bit short of a share of 0 or 1, which its bounds hold.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
