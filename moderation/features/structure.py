"""Counts from the one pass over a text in, named numbers for the linear heads out.

The kernel counts (`RAW` places, named below); `expand` turns the counts of a batch into `STRUCTURE` features: shares,
logarithms and steps, each between about 0 and 1, so that one regularisation strength suits them all.
"""

from typing import Final

import numba as nb
import numpy as np
import numpy.typing as npt

__all__ = [
    "ADDRESSES",
    "AFTER_LINK",
    "ASKS",
    "ASKS_AT_ONCE",
    "AUTHOR_DIGITS",
    "AUTHOR_ELLIPSIS",
    "AUTHOR_IN_HOST",
    "AUTHOR_IN_TEXT",
    "AUTHOR_IS_TEXT",
    "AUTHOR_LETTERS",
    "AUTHOR_LINK",
    "AUTHOR_MARKS",
    "AUTHOR_SEPARATOR",
    "AUTHOR_TRADE",
    "AUTHOR_UPPER",
    "AUTHOR_URL",
    "AUTHOR_WORDS",
    "BEFORE_LINK",
    "BEGS",
    "BRACKET_ELLIPSIS",
    "BRACKET_ENDS",
    "BRACKET_STARTS",
    "CHARACTERS",
    "CHECKS_OUT",
    "CUT_OFF",
    "DIGITS",
    "DISTINCT_WORDS",
    "ENDS_ELLIPSIS",
    "ENDS_OPEN",
    "ENDS_STOP",
    "EXCERPT_BYTES",
    "EXCLAMATIONS",
    "FOREIGN",
    "HANDLES",
    "HAS_AUTHOR",
    "HEADED",
    "HEADED_CUT",
    "HOPES",
    "LETTERS",
    "LINES",
    "LINKS",
    "LINK_BYTES",
    "LONGEST_RUN",
    "LONGEST_WORD",
    "MADE",
    "MAKES",
    "MARKS",
    "MINES",
    "NOTICE",
    "OWN_PLACES",
    "PARAGRAPHS",
    "PHONES",
    "PITCHES",
    "PLAIN_WORDS",
    "PLEAS",
    "POLITES",
    "PRAISES",
    "PUSHED",
    "PUSHES",
    "QUESTIONS",
    "QUOTES",
    "RAW",
    "STARTS_ELLIPSIS",
    "STARTS_LOWER",
    "STRUCTURE",
    "SUBSCRIBES",
    "SUMS",
    "SYMBOLS",
    "TAGS",
    "TEXT_BYTES",
    "TRADE",
    "UPPER",
    "VIEWS",
    "VIEW_COUNTS",
    "WORDS",
    "YOUS",
    "add_up",
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
ASKS: Final = 32
ASKS_AT_ONCE: Final = 33
OWN_PLACES: Final = 34
PITCHES: Final = 35
TRADE: Final = 36
PRAISES: Final = 37
YOUS: Final = 38
POLITES: Final = 39
LINK_BYTES: Final = 40
TEXT_BYTES: Final = 41
ADDRESSES: Final = 42
PHONES: Final = 43
SUMS: Final = 44
ENDS_OPEN: Final = 45
AUTHOR_TRADE: Final = 46
AUTHOR_UPPER: Final = 47
AUTHOR_DIGITS: Final = 48
AUTHOR_IN_TEXT: Final = 49
AUTHOR_IS_TEXT: Final = 50
HEADED: Final = 51
HEADED_CUT: Final = 52
NOTICE: Final = 53
PLAIN_WORDS: Final = 54
BEFORE_LINK: Final = 55
AFTER_LINK: Final = 56
MINES: Final = 57
MAKES: Final = 58
MADE: Final = 59
PLEAS: Final = 60
HOPES: Final = 61
PUSHES: Final = 62
PUSHED: Final = 63
SUBSCRIBES: Final = 64
CHECKS_OUT: Final = 65
BEGS: Final = 66
VIEWS: Final = 67
VIEW_COUNTS: Final = 68
HANDLES: Final = 69
BRACKET_STARTS: Final = 70
BRACKET_ENDS: Final = 71
PARAGRAPHS: Final = 72
EXCERPT_BYTES: Final = 73
RAW: Final = 74
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
    "asks to visit what is the writer's",
    "speaks of a place of the writer's",
    "begins with a request",
    "requests",
    "words of advertising",
    "words of praise",
    "praise and a link",
    "addresses the reader",
    "says please",
    "mostly links",
    "an address without its beginning",
    "a telephone number",
    "a sum of money",
    "ends where a link would stand",
    "author's name advertises",
    "author's name in small letters",
    "author's name has digits",
    "begins with the author's name",
    "is the author's name",
    "author advertises, text praises",
    "request or advertising, and an address",
    "a first line like a heading",
    "a heading that is cut off",
    "says that it is a notice",
    "a link and hardly a word",
    "a link and few words",
    "a link in a short text",
    "a link at the end",
    "a link at the beginning",
    "a link and a request",
    "asks for votes",
    "asks to subscribe",
    "asks to look at what is the writer's",
    "says to check something out",
    "speaks of what the writer makes",
    "words of making",
    "speaks of the writer",
    "speaks of how often something was seen",
    "words of views and votes",
    "addresses someone by a handle",
    "pleads",
    "words of hope and fame",
    "plain requests",
    "short, no request, no link",
    "no request, no link, nothing of the writer",
    "a heading cut off, an excerpt cut off",
    "begins with a bracketed ellipsis",
    "begins and ends with a bracketed ellipsis",
    "trails off after several paragraphs",
    "trails off at an excerpt's length",
    "short and trails off",
    "long and trails off",
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
        praise = _step(r[PRAISES] / max(words, 8.0), 0.4)
        linked = 1.0 if r[LINKS] + r[AUTHOR_URL] + r[ADDRESSES] > 0 else 0.0
        f[43] = _step(r[PITCHES], 2.0)
        f[44] = _step(r[OWN_PLACES], 2.0)
        f[45] = 1.0 if r[ASKS_AT_ONCE] > 0 else 0.0
        f[46] = _step(r[ASKS] / max(words, 8.0), 0.4)
        f[47] = _step(r[TRADE] / max(words, 8.0), 0.5)
        f[48] = praise
        f[49] = praise * linked
        f[50] = _step(r[YOUS], 3.0)
        f[51] = _step(r[POLITES], 2.0)
        f[52] = r[LINK_BYTES] / max(r[TEXT_BYTES], 1.0)
        f[53] = 1.0 if r[ADDRESSES] > 0 else 0.0
        f[54] = 1.0 if r[PHONES] > 0 else 0.0
        f[55] = 1.0 if r[SUMS] > 0 else 0.0
        f[56] = r[ENDS_OPEN]
        f[57] = _step(r[AUTHOR_TRADE], 2.0)
        f[58] = 1.0 if r[AUTHOR_LETTERS] > 0 and r[AUTHOR_UPPER] == 0 else 0.0
        f[59] = 1.0 if r[AUTHOR_DIGITS] > 0 else 0.0
        f[60] = r[AUTHOR_IN_TEXT]
        f[61] = r[AUTHOR_IS_TEXT]
        f[62] = praise * _step(r[AUTHOR_TRADE], 2.0)
        f[63] = 1.0 if linked > 0 and r[PITCHES] + r[TRADE] > 0 else 0.0
        f[64] = r[HEADED]
        f[65] = r[HEADED_CUT]
        f[66] = r[NOTICE]
        addressed = r[LINKS] + r[ADDRESSES] > 0
        # An address without its beginning is read as words, about three of them.
        plain = max(r[PLAIN_WORDS] - 3.0 * r[ADDRESSES], 0.0)
        f[67] = 1.0 if addressed and plain <= 4 else 0.0
        f[68] = 1.0 if addressed and 4 < plain <= 15 else 0.0
        f[69] = 1.0 if addressed and 15 < plain <= 40 else 0.0
        f[70] = 1.0 if r[LINKS] > 0 and r[AFTER_LINK] <= 2 else 0.0
        f[71] = 1.0 if r[LINKS] > 0 and r[BEFORE_LINK] <= 2 else 0.0
        f[72] = 1.0 if addressed and r[PUSHES] > 0 else 0.0
        f[73] = 1.0 if r[BEGS] > 0 else 0.0
        f[74] = 1.0 if r[SUBSCRIBES] > 0 else 0.0
        f[75] = 1.0 if r[PUSHED] > 0 else 0.0
        f[76] = 1.0 if r[CHECKS_OUT] > 0 else 0.0
        f[77] = 1.0 if r[MADE] > 0 else 0.0
        f[78] = _step(r[MAKES], 4.0)
        f[79] = _step(r[MINES] / max(words, 8.0), 0.25)
        f[80] = 1.0 if r[VIEW_COUNTS] > 0 and r[PUSHES] == 0 else 0.0
        f[81] = _step(r[VIEWS], 2.0)
        f[82] = 1.0 if r[HANDLES] > 0 else 0.0
        f[83] = 1.0 if r[PLEAS] > 0 else 0.0
        f[84] = 1.0 if r[HOPES] > 0 else 0.0
        f[85] = _step(np.log1p(r[PUSHES]), 2.4)
        quiet = r[PUSHES] == 0 and not addressed
        f[86] = 1.0 if quiet and plain <= 12 else 0.0
        f[87] = 1.0 if quiet and r[MINES] == 0 else 0.0
        # Senders of trackbacks cut their excerpt at about 250 characters, and send one paragraph.
        trails = r[ENDS_ELLIPSIS] > 0 and r[BRACKET_ENDS] == 0
        several = r[PARAGRAPHS] > 1
        f[88] = 1.0 if r[HEADED_CUT] > 0 and r[ENDS_ELLIPSIS] > 0 and not several else 0.0
        f[89] = r[BRACKET_STARTS]
        f[90] = r[BRACKET_STARTS] * r[BRACKET_ENDS]
        f[91] = 1.0 if trails and several else 0.0
        excerpt = 150 <= r[EXCERPT_BYTES] <= 420
        f[92] = 1.0 if trails and excerpt and not several and r[BRACKET_STARTS] == 0 else 0.0
        f[93] = 1.0 if trails and r[EXCERPT_BYTES] < 150 and r[HEADED_CUT] == 0 else 0.0
        f[94] = 1.0 if trails and r[EXCERPT_BYTES] > 420 else 0.0


@nb.njit(nogil=True, cache=True)
def add_up(dense: npt.NDArray[np.float32], weights: npt.NDArray[np.float64], logits: npt.NDArray[np.float64]) -> None:
    """Add to `logits` (n, labels) the dense features (n, k) times their `weights` (k, labels).

    Row by row in a fixed order, not as a matrix product: that changes its order of additions, and so the last bits,
    with the number of rows. Most features of a comment are 0 and are passed over.
    """
    for i in range(dense.shape[0]):
        for k in range(dense.shape[1]):
            value = np.float64(dense[i, k])
            if value != 0.0:
                for j in range(weights.shape[1]):
                    logits[i, j] += value * weights[k, j]
