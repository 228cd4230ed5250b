"""Counts from the one pass over a text in, named numbers for the linear heads out.

The kernel counts (`RAW` places, named below); `expand` turns the counts of a batch into `STRUCTURE` features: shares,
logarithms and steps, each between about 0 and 1, so that one regularisation strength suits them all.
"""

from typing import Final

import numba as nb
import numpy as np
import numpy.typing as npt

__all__ = [
    "AUTHOR_ELLIPSIS",
    "AUTHOR_IN_HOST",
    "AUTHOR_LETTERS",
    "AUTHOR_LINK",
    "AUTHOR_MARKS",
    "AUTHOR_SEPARATOR",
    "AUTHOR_URL",
    "AUTHOR_WORDS",
    "BRACKET_ELLIPSIS",
    "CHARACTERS",
    "CUT_OFF",
    "DIGITS",
    "DISTINCT_WORDS",
    "ENDS_ELLIPSIS",
    "ENDS_STOP",
    "EXCLAMATIONS",
    "FOREIGN",
    "HAS_AUTHOR",
    "LETTERS",
    "LINES",
    "LINKS",
    "LONGEST_RUN",
    "LONGEST_WORD",
    "MARKS",
    "QUESTIONS",
    "QUOTES",
    "RAW",
    "STARTS_ELLIPSIS",
    "STARTS_LOWER",
    "STRUCTURE",
    "SYMBOLS",
    "TAGS",
    "UPPER",
    "WORDS",
    "expand",
]

CHARACTERS: Final = 0
LETTERS: Final = 1
UPPER: Final = 2
FOREIGN: Final = 3
DIGITS: Final = 4
SYMBOLS: Final = 5
MARKS: Final = 6
EXCLAMATIONS: Final = 7
QUESTIONS: Final = 8
QUOTES: Final = 9
TAGS: Final = 10
LINES: Final = 11
LINKS: Final = 12
WORDS: Final = 13
DISTINCT_WORDS: Final = 14
LONGEST_WORD: Final = 15
LONGEST_RUN: Final = 16
BRACKET_ELLIPSIS: Final = 17
STARTS_ELLIPSIS: Final = 18
ENDS_ELLIPSIS: Final = 19
CUT_OFF: Final = 20
ENDS_STOP: Final = 21
STARTS_LOWER: Final = 22
HAS_AUTHOR: Final = 23
AUTHOR_WORDS: Final = 24
AUTHOR_LETTERS: Final = 25
AUTHOR_MARKS: Final = 26
AUTHOR_SEPARATOR: Final = 27
AUTHOR_ELLIPSIS: Final = 28
AUTHOR_LINK: Final = 29
AUTHOR_URL: Final = 30
AUTHOR_IN_HOST: Final = 31
RAW: Final = 32
"""How many counts the kernel keeps for a text."""

STRUCTURE: Final[tuple[str, ...]] = (
    "length",
    "at most 3 words",
    "at most 10 words",
    "over 60 words",
    "over 200 words",
    "capital letters",
    "mostly capitals",
    "starts in lower case",
    "letters of other scripts",
    "digits",
    "symbols and emoji",
    "punctuation",
    "exclamation marks",
    "question marks",
    "quotation marks",
    "mark-up tags",
    "many mark-up tags",
    "line breaks",
    "a link",
    "two or three links",
    "more than three links",
    "links per word",
    "repeated words",
    "a very long word",
    "a character repeated",
    "bracketed ellipsis",
    "two bracketed ellipses",
    "starts with an ellipsis",
    "ends with an ellipsis",
    "starts and ends with an ellipsis",
    "breaks off within a word",
    "does not end a sentence",
    "no author",
    "author's name of one word",
    "author's name of over three words",
    "author's name of over six words",
    "author's name has a title separator",
    "author's name has much punctuation",
    "author's name is a link",
    "author's name ends in an ellipsis",
    "author has a link",
    "author's name is in the author's link",
    "no author, breaks off",
)
"""The features, in order; the names are what a moderator reads in an explanation."""


@nb.njit(nogil=True, cache=True)
def _step(value: float, full: float) -> float:
    return min(value / full, 1.0)


@nb.njit(nogil=True, cache=True)
def expand(raws: npt.NDArray[np.float64], out: npt.NDArray[np.float32]) -> None:
    """Write the `STRUCTURE` features of counts (n, RAW) into the first columns of `out`, (n, at least as many).

    Whether a text breaks off within a word is only half known here (an ellipsis after a letter): the other half, that
    these letters are no word, is `ngrams.fragments`.
    """
    for i in range(raws.shape[0]):
        r = raws[i]
        f = out[i]
        characters = max(r[CHARACTERS], 1.0)
        letters = max(r[LETTERS], 1.0)
        words = r[WORDS]
        f[0] = _step(np.log1p(characters), 8.0)
        f[1] = 1.0 if words <= 3 else 0.0
        f[2] = 1.0 if words <= 10 else 0.0
        f[3] = 1.0 if words > 60 else 0.0
        f[4] = 1.0 if words > 200 else 0.0
        f[5] = r[UPPER] / letters
        f[6] = 1.0 if letters > 10 and r[UPPER] / letters > 0.6 else 0.0
        f[7] = r[STARTS_LOWER]
        f[8] = r[FOREIGN] / letters
        f[9] = r[DIGITS] / characters
        f[10] = _step(r[SYMBOLS], 4.0)
        f[11] = _step(r[MARKS] / characters, 0.25)
        f[12] = _step(r[EXCLAMATIONS], 4.0)
        f[13] = _step(r[QUESTIONS], 4.0)
        f[14] = _step(r[QUOTES], 4.0)
        f[15] = 1.0 if r[TAGS] > 0 else 0.0
        f[16] = 1.0 if r[TAGS] > 2 else 0.0
        f[17] = _step(r[LINES], 8.0)
        f[18] = 1.0 if r[LINKS] == 1 else 0.0
        f[19] = 1.0 if 2 <= r[LINKS] <= 3 else 0.0
        f[20] = 1.0 if r[LINKS] > 3 else 0.0
        f[21] = _step(r[LINKS] / max(words, 1.0), 0.5)
        f[22] = 1.0 - min(r[DISTINCT_WORDS] / max(2.0 * words, 1.0), 1.0) if words > 5 else 0.0
        f[23] = 1.0 if r[LONGEST_WORD] > 20 else 0.0
        f[24] = 1.0 if r[LONGEST_RUN] > 3 else 0.0
        f[25] = 1.0 if r[BRACKET_ELLIPSIS] > 0 else 0.0
        f[26] = 1.0 if r[BRACKET_ELLIPSIS] > 1 else 0.0
        f[27] = r[STARTS_ELLIPSIS]
        f[28] = r[ENDS_ELLIPSIS]
        f[29] = r[STARTS_ELLIPSIS] * r[ENDS_ELLIPSIS]
        f[30] = r[CUT_OFF]
        f[31] = 1.0 - r[ENDS_STOP]
        f[32] = 1.0 - r[HAS_AUTHOR]
        f[33] = 1.0 if r[AUTHOR_WORDS] == 1 else 0.0
        f[34] = 1.0 if r[AUTHOR_WORDS] > 3 else 0.0
        f[35] = 1.0 if r[AUTHOR_WORDS] > 6 else 0.0
        f[36] = 1.0 if r[AUTHOR_SEPARATOR] > 0 else 0.0
        f[37] = _step(r[AUTHOR_MARKS], 4.0)
        f[38] = r[AUTHOR_LINK]
        f[39] = r[AUTHOR_ELLIPSIS]
        f[40] = r[AUTHOR_URL]
        f[41] = r[AUTHOR_IN_HOST]
        f[42] = (1.0 - r[HAS_AUTHOR]) * r[CUT_OFF]
