"""A code point in, its folded form and class out: one flat table that every kernel reads.

The table is built from Unicode 3.2 (`unicodedata.ucd_3_2_0`), which every Python carries unchanged, so that the same
text has the same features on every Python. Newer blocks (emoji above all) are named by range. The result is shipped
as `folding.npz`; a test builds it again and compares.
"""

from functools import cache
from pathlib import Path
from typing import Final
from unicodedata import ucd_3_2_0 as ucd

import numpy as np
import numpy.typing as npt

__all__ = [
    "CODE_POINTS",
    "DIGIT",
    "LETTER",
    "LOOKALIKES",
    "MARK",
    "SKIP",
    "SPACE",
    "SYMBOL",
    "build_table",
    "folding_table",
]

CODE_POINTS: Final = 0x20000
"""Code points in the table; those above (rare ideographs, tags) count as letters standing for themselves."""

# Classes, in bits 24-26; bit 27 says upper case, bit 28 says a letter outside the Latin script.
SPACE: Final = 0
LETTER: Final = 1
DIGIT: Final = 2
SKIP: Final = 3
SYMBOL: Final = 4
MARK: Final = 5

# Letters of other scripts that pass for Latin ones (Unicode Technical Standard 39 lists many more; these are the ones
# that spammers and trolls type).
LOOKALIKES: Final = dict(
    zip(
        "аеорсухіјѕһԁɡкмтнвзєɑαοεντυικρβηωζχγ",
        "aeopcyxijshdgkmthb3eaaoevtuikpbnwzxy",
        strict=True,
    )
)
TYPOGRAPHIC: Final = dict(zip("“”„‟″‘’‚‛′`´–—―−‐‑", "\"\"\"\"\"'''''''------", strict=True))
ZERO_WIDTH: Final = frozenset([0xAD, 0x34F, 0x61C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F),
                               *range(0x2060, 0x2070), *range(0xFE00, 0xFE10)])  # fmt: skip
SYMBOL_RANGES: Final = ((0x2190, 0x2BFF), (0x1F000, 0x1FAFF))


def _entry(point: int) -> int:
    character = chr(point)
    if point in ZERO_WIDTH:
        return SKIP << 24
    if any(low <= point <= high for low, high in SYMBOL_RANGES):
        return SYMBOL << 24 | point
    category = ucd.category(character)
    if category in ("Mn", "Me"):
        return SKIP << 24
    if character in "\t\n\r\x0b\x0c\x85" or category.startswith("Z"):
        return SPACE << 24 | (10 if character in "\n\u2028\u2029" else 32)
    if category in ("Cc", "Cs"):
        return SPACE << 24 | 32
    if character in TYPOGRAPHIC:
        return MARK << 24 | ord(TYPOGRAPHIC[character])
    folded = ucd.normalize("NFKD", character).casefold()
    kept = [c for c in folded if ucd.category(c) not in ("Mn", "Me")]
    base = kept[0] if kept else character
    base = LOOKALIKES.get(base, base)
    kind = ucd.category(base)
    upper = 1 << 27 if category in ("Lu", "Lt") else 0
    if kind.startswith("L") or kind in ("Mc", "Cn", "Co"):
        foreign = 1 << 28 if ord(base) > 0x24F or ord(character) > 0x24F else 0
        return LETTER << 24 | upper | foreign | ord(base)
    if kind.startswith("N"):
        return DIGIT << 24 | ord(base)
    if kind in ("So", "Sk"):
        return SYMBOL << 24 | ord(base)
    return MARK << 24 | ord(base)


def build_table() -> npt.NDArray[np.uint32]:
    """Return the table anew: uint32 of length `CODE_POINTS`, class and flags above bit 24, folded code point below."""
    return np.array([_entry(point) for point in range(CODE_POINTS)], dtype=np.uint32)


@cache
def folding_table() -> npt.NDArray[np.uint32]:
    """Return the shipped table, read once."""
    with np.load(Path(__file__).with_name("folding.npz"), allow_pickle=False) as stored:
        # Stored as the difference from each point's own number, which is mostly a few long runs.
        table: npt.NDArray[np.uint32] = (stored["shift"].astype(np.int64) + np.arange(CODE_POINTS)).astype(np.uint32)
    table.setflags(write=False)
    return table
