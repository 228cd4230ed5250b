"""Texts in, language codes out, or None where a text is too short or too unclear to tell.

Nearly all comments are settled by a first look at the whole column: the share of English function words, or a script
that only one language uses. The rest go to py3langid, which brings its model with it; what it is not sure of stays
None. None means "judge it as if it were English": a wrong "not English" hides a comment from the model, a wrong
"English" only gets a guess.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

import numba as nb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from moderation.features.ngrams import string_array, string_buffers

__all__ = ["ENGLISH", "languages"]

ENGLISH: Final = "en"

# Words that stand in nearly every English sentence and hardly ever in one of another language. Not "a", "in", "me",
# "no", "was", "on", "so", "die", "as", "or", "pro": others have them too.
_ENGLISH_WORDS: Final = (
    "the and you your that this with have has had what they their them there these those would could should because "
    "it its is are were been being of to for from not but if will can about who how when where which why my our we she "
    "he his her him i im ive dont doesnt didnt cant isnt youre thats just like get got know think people some more "
    "than then other only very much too also do does did be all out up any one by at an"
)
_LEAST_LETTERS: Final = 20
_MOST_CHARACTERS: Final = 300
"""How much of a text the library reads: more makes it slower and hardly surer."""

_SURE: Final = 0.6
"""The library's own confidence; at 0.6 it is wrong about one English comment in some thousands."""

# The larger languages: among all 140, noise finds a small one that it looks like.
_OFFERED: Final = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu hy id it ja ka ko lt lv mk ml mr ms nl no pl pt ro ru sk sl "
    "sq sr sv ta te th tl tr uk ur vi zh"
)
# What is no language: addresses, names of accounts, mark-up, and letters with digits among them.
_NO_WORDS: Final = re.compile(
    r"https?://\S+|www\.\S+|\S+@\S+|[@#]\w+|\[/?(?:url|link)[^\]\s]*\]?|<[^<>]*>|\w*\d\w*", re.IGNORECASE
)

# Scripts by block, and the language where it is the only one of note; the others are for the library.
_SCRIPTS: Final = ("latin", "greek", "cyrillic", "hebrew", "arabic", "indic", "thai", "hangul", "kana", "han", "other")
_ALONE: Final = {"greek": "el", "hebrew": "he", "thai": "th", "hangul": "ko", "kana": "ja"}
_BLOCKS: Final = (
    (0x41, 0x5A, 0), (0x61, 0x7A, 0), (0xC0, 0x24F, 0), (0x1E00, 0x1EFF, 0), (0x370, 0x3FF, 1), (0x400, 0x52F, 2),
    (0x590, 0x5FF, 3), (0x600, 0x77F, 4), (0x8A0, 0x8FF, 4), (0x900, 0xDFF, 5), (0xE00, 0xE7F, 6), (0x1100, 0x11FF, 7),
    (0xAC00, 0xD7A3, 7), (0x3040, 0x30FF, 8), (0x3400, 0x4DBF, 9), (0x4E00, 0x9FFF, 9), (0x530, 0x58F, 10),
    (0x10A0, 0x137F, 10), (0x1000, 0x109F, 10), (0x1780, 0x17FF, 10), (0xE80, 0xEFF, 10),
)  # fmt: skip


@nb.njit(nogil=True, cache=True)
def _count(
    text_at: npt.NDArray[np.int64],
    text: npt.NDArray[np.uint8],
    scripts: npt.NDArray[np.uint8],
    known: npt.NDArray[np.uint64],
    letters: npt.NDArray[np.int64],
    words: npt.NDArray[np.int64],
) -> None:
    """Count each text's letters by script, (n, scripts), and its Latin words: all, known ones, ones with an accent.

    Addresses are left out: their words are no language.
    """
    for i in range(text_at.shape[0] - 1):
        at = text_at[i]
        stop = text_at[i + 1]
        packed = np.uint64(0)
        length = 0
        accented = 0
        address = False
        while at <= stop:
            byte = np.int64(text[at]) if at < stop else 32
            if byte < 0x80:
                lower = byte | 32
                if 97 <= lower <= 122:
                    length += 1
                    letters[i, 0] += 1
                    if length <= 8:
                        packed = (packed << np.uint64(8)) | np.uint64(lower)
                    at += 1
                    continue
                if byte == 39 and length > 0:  # "don't"
                    at += 1
                    continue
                if byte <= 32:
                    address = False
                elif byte == 58 and at + 2 < stop and text[at + 1] == 47 and text[at + 2] == 47:
                    address = True
                    letters[i, 0] -= length
                    length = 0
                following = at + 1
            else:
                point = byte
                following = at + 1
                if byte >= 0xF0 and at + 3 < stop:
                    following = at + 4
                    point = 0x10000
                elif byte >= 0xE0 and at + 2 < stop:
                    following = at + 3
                    point = ((byte & 15) << 12) | ((np.int64(text[at + 1]) & 63) << 6) | (np.int64(text[at + 2]) & 63)
                elif byte >= 0xC0 and at + 1 < stop:
                    following = at + 2
                    point = ((byte & 31) << 6) | (np.int64(text[at + 1]) & 63)
                if point == 0x2019 and length > 0:
                    at = following
                    continue
                script = np.int64(scripts[point]) if point < 0x10000 else 255
                if script != 255:
                    letters[i, script] += 1
                    if script == 0:
                        length += 1
                        accented = 1
                        packed = np.uint64(0)
                        at = following
                        continue
            if length > 0:
                if address:
                    letters[i, 0] -= length
                else:
                    words[i, 0] += 1
                    words[i, 2] += accented
                    if length <= 8 and accented == 0:
                        low = 0
                        high = known.shape[0]
                        while low < high:
                            middle = (low + high) >> 1
                            if known[middle] < packed:
                                low = middle + 1
                            else:
                                high = middle
                        if low < known.shape[0] and known[low] == packed:
                            words[i, 1] += 1
                length = 0
            packed = np.uint64(0)
            accented = 0
            at = following


@cache
def _scripts() -> npt.NDArray[np.uint8]:
    table = np.full(0x10000, 255, np.uint8)
    for first, last, script in _BLOCKS:
        table[first : last + 1] = script
    table[[0xD7, 0xF7]] = 255  # signs of multiplication and division
    return table


@cache
def _known() -> npt.NDArray[np.uint64]:
    return np.array(sorted(int.from_bytes(word.encode(), "big") for word in _ENGLISH_WORDS.split()), np.uint64)


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_OFFERED.split())
    return identifier


def languages(texts: pd.Series | pa.Array | Iterable[str | None]) -> list[str | None]:
    """Return each text's language as an ISO 639-1 code, or None where that cannot be told."""
    column = string_array(texts)
    n = len(column)
    letters = np.zeros((n, len(_SCRIPTS)), np.int64)
    words = np.zeros((n, 3), np.int64)
    _count(*string_buffers(column), _scripts(), _known(), letters, words)
    return _decided(column, letters, words)


def _decided(column: pa.Array, letters: npt.NDArray[np.int64], words: npt.NDArray[np.int64]) -> list[str | None]:
    total = letters.sum(axis=1)
    latin = letters[:, 0]
    mostly_latin = 2 * latin >= total
    english = mostly_latin & (words[:, 1] >= 2) & (words[:, 1] >= 0.2 * words[:, 0])
    found: list[str | None] = [None] * len(column)
    for row in np.flatnonzero(english).tolist():
        found[row] = ENGLISH
    # One character of Chinese says as much as a word of Latin letters.
    weight = total + 3 * letters[:, 7:10].sum(axis=1)
    # Few plain words, or an English one among a few, are not worth the question.
    few = mostly_latin & (words[:, 2] == 0) & ((words[:, 0] < 4) | ((words[:, 0] < 8) & (words[:, 1] > 0)))
    doubtful = ~english & (weight >= _LEAST_LETTERS) & ~few
    for row in np.flatnonzero(doubtful).tolist():
        found[row] = _told(column[row].as_py(), letters[row])
    return found


def _told(text: str, letters: npt.NDArray[np.int64]) -> str | None:
    strongest = _SCRIPTS[int(letters.argmax())]
    if letters[8] and letters[8] + letters[9] > letters.sum() // 2:  # any kana among Chinese characters
        return "ja"
    if strongest in _ALONE:
        return _ALONE[strongest]
    plain = _NO_WORDS.sub(" ", text[: 2 * _MOST_CHARACTERS])[:_MOST_CHARACTERS]
    if sum(map(str.isalpha, plain)) < min(_LEAST_LETTERS, int(letters.sum())):
        return None
    language, sureness = _identifier().classify(plain)
    return language if sureness >= _SURE else None
