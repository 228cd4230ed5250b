"""Truth and scores in, the worst errors out, with texts masked: how a text is built, never what it says."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from moderation.report.sets import Measured

__all__ = ["Mistake", "mask", "worst_errors"]

LONGEST: Final = 160
BLOCK: Final = "▇"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One comment that a model was sure about and wrong."""

    dataset: str
    label: str
    answer: int
    probability: float
    group: str
    characters: int
    words: int
    masked: str


def mask(text: str, longest: int = LONGEST) -> str:
    """Return the shape of a text: letters are blocks, digits are #, what is neither space nor ASCII mark is •.

    No letter, digit or emoji of the text is in it. Line breaks are ⏎; what is longer is cut.
    """
    shape = []
    for character in text[:longest]:
        if character.isalpha():
            shape.append(BLOCK)
        elif character.isnumeric():
            shape.append("#")
        elif character == "\n":
            shape.append("⏎")
        elif character.isspace():
            shape.append(" ")
        elif character.isascii() and character.isprintable():
            shape.append(character)
        else:
            shape.append("•")
    return "".join(shape) + ("…" if len(text) > longest else "")


def worst_errors(measured: Measured, scores: pd.DataFrame, label: str, *, count: int = 5) -> list[Mistake]:
    """Return the no with the highest and the yes with the lowest probabilities, `count` of each, worst first."""
    truth = measured.truth[label].to_numpy(dtype=np.float64, na_value=np.nan)
    given = scores[label].reindex(measured.truth.index).to_numpy(dtype=np.float64)
    comments = measured.batch.comments
    found = []
    for answer in (0, 1):
        rows = np.flatnonzero((truth == answer) & ~np.isnan(given))
        order = np.argsort(given[rows] if answer else -given[rows], kind="stable")
        for row in rows[order][:count]:
            text = str(comments["text"].iloc[row])
            found.append(
                Mistake(
                    dataset=measured.name,
                    label=label,
                    answer=answer,
                    probability=float(given[row]),
                    group=str(measured.groups.iloc[row]),
                    characters=len(text),
                    words=len(text.split()),
                    masked=mask(text),
                )
            )
    return found
