"""Texts in, the readings they are judged by out: as typed, as meant, and a long one window by window.

A reading is a text of its own with a map to the text as typed, so whatever judges texts can judge readings, and
whatever it finds in one can be shown where the writer wrote it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.features.evasion import undo_marked
from moderation.features.windows import OVERLAP, WINDOW, windows

__all__ = ["Reading", "readings"]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One way to read a text: of which row, the text to judge, and the place of its code points in the one typed.

    `offsets` has one entry for each code point and one for the end. `window`: it is a part of a longer text.
    """

    row: int
    text: str
    offsets: npt.NDArray[np.int64]
    window: bool

    def original(self, begin: int, end: int) -> tuple[int, int]:
        """Return the span of the text as typed that a non-empty span of this reading came from."""
        return int(self.offsets[begin]), max(int(self.offsets[end]), int(self.offsets[end - 1]) + 1)


def readings(texts: pd.Series | Sequence[str], size: int = WINDOW, overlap: int = OVERLAP) -> list[Reading]:
    """Return the readings that differ from the text as it stands, by row; for most texts there are none.

    A short text in disguise has one, the text as meant. A long one has its windows, and if it is in disguise those of
    the text as meant as well.
    """
    found: list[Reading] = []
    for row, text, undone in undo_marked(texts, longer_than=size):
        forms = [undone.text] if undone.text != text else []
        if len(text) > size:
            forms = [text, *forms]
        for form in forms:
            offsets = np.arange(len(text) + 1) if form is text else undone.offsets
            parts = windows(form, size, overlap)
            found += [
                Reading(row, form[begin:end], offsets[begin : end + 1], window=len(parts) > 1) for begin, end in parts
            ]
    return found
