"""Text as typed in, text as meant out, with a map of offsets: what people do to slip words past a filter is undone.

In this order: characters that do not show, letters in costume (fullwidth, mathematical, circled), letters of other
scripts that pass for Latin ones, letters set apart (k i l l), digits and signs that stand for letters, letters
repeated, letters starred out, and emoji that stand in the place of a word. Whatever needs a guess is undone only where
a word of `vocabulary` comes out.

Nearly every comment is none of that. One regular expression over the Arrow column (`disguised`) says which ones are
looked at; all others are never touched.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final
from unicodedata import ucd_3_2_0 as ucd

import numba as nb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from moderation.features.folding import LOOKALIKES
from moderation.features.ngrams import string_array, string_buffers
from moderation.features.vocabulary import ABUSE_WORDS, CENSORED, EMOJI, PLAIN_WORDS, STEMS, words

__all__ = ["Undone", "disguised", "undo", "undo_marked"]


@dataclass(frozen=True, slots=True, eq=False)
class Undone:
    """A text as meant, and for each of its code points (and its end) the offset in the text as typed, never falling."""

    text: str
    offsets: npt.NDArray[np.int64]

    def original(self, begin: int, end: int) -> tuple[int, int]:
        """Return the span of the text as typed that a non-empty span of the text as meant came from."""
        return int(self.offsets[begin]), max(int(self.offsets[end]), int(self.offsets[end - 1]) + 1)


# --- What is looked at -----------------------------------------------------------------------------------------------

_STYLED: Final = (
    "\u249c-\u24e9\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\U0001f110-\U0001f12b\U0001f130-\U0001f149"
    "\U0001f150-\U0001f169\U0001f170-\U0001f189\u1d00-\u1d6aɪʀʏʟɴɢʙʜꜰꜱʰ-ʸˡ-ˣⁱⁿℊ-ℓℬ-ℴℯ-ℹ"
)
_FOREIGN: Final = "\u0370-\u052f\u0561-\u0587\u13a0-\u13f5ɑɡƚ"
# FE00-FE0F and the joiners are left out here: ordinary emoji and several scripts need them.
_UNSEEN: Final = "\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0001-\U000e007f"
_JOINERS: Final = "\u200c\u200d\ufe00-\ufe0f"
_GAP: Final = r" ._\-*~·•|/+,"
_TRIPLES: Final = "|".join(letter * 3 for letter in "abcdefghijklmnopqrstuvxyz")  # not www

_DASHED: Final = r"(?i:f[-_–—.]{1,2}c?k|sh?[-_–—]{1,2}t|b[-_–—]{1,3}t?ch|c[-_–—]{1,2}n?t|n[-_–—]{1,4}[gra])"

# What each step looks for, in the order of the steps.
_LOOKS: Final[dict[str, str]] = {
    "unseen": f"[{_UNSEEN}]|[A-Za-z][{_JOINERS}][A-Za-z]|[A-Za-z](?:[\u0300-\u036f]{{2}}|[\u0334-\u0338])",
    "costumes": f"[{_STYLED}]",
    "scripts": f"[A-Za-z] ?[{_FOREIGN}]|[{_FOREIGN}] ?[A-Za-z]",
    "rows": rf"(?:^|[^0-9A-Za-z'’])[A-Za-z](?:[{_GAP}]{{1,3}}[A-Za-z0-9@$!]){{2,}}(?:[^0-9A-Za-z]|$)",
    "signs": "|".join(
        (
            r"[A-Za-z][013-9@$!+€¢]{1,3}[A-Za-z]|(?i:k\|+l|sh\|t|b\|tch|d\|ck|d\|e)",
            (
                r"(?:^|[^0-9A-Za-z_@%=/.,])(?:[$5][aehcklmptuwAEHCKLMPTUW]|@(?:[rR][sS]|[sS$5][sS$5]|[nN][aAuU])|![dD]"
                r"|8[ia!IA]|[17][dDeE]|[hH]8)|\|[<)]"
            ),
            r"[a-z]{2}[$5](?:[^0-9A-Za-z]|$)|[aA]\$\$",
            f"(?i:{_TRIPLES})",
        )
    ),
    "stars": rf"[A-Za-z][*#•%][A-Za-z*#•%]|(?:^|[^A-Za-z])(?:[A-Za-z]{{1,3}}[*]{{2,}}|{_DASHED})",
    "pictures": f"[{''.join(EMOJI)}]",
}
_LOOK: Final = "|".join(_LOOKS.values())
_ADDRESS: Final = r"(?:https?://|www\.)\S+|[^\s@]+@[^\s@]+\.[a-z]+"


def disguised(texts: pd.Series | pa.Array | Iterable[str | None]) -> npt.NDArray[np.uint8]:
    """Return for each text which steps have something to look at, one bit each; 0 says that it is as meant."""
    column = string_array(texts)
    bits = np.zeros(len(column), np.uint8)
    rows = np.flatnonzero(_matches(column, _LOOK))
    if len(rows):
        # Most of what is found stands in an address, where it means nothing.
        bare = pc.replace_substring_regex(column.take(pa.array(rows)), _ADDRESS, " ")
        for step, look in enumerate(_LOOKS.values()):
            bits[rows] |= _matches(bare, look).astype(np.uint8) << step
        signs = rows[(bits[rows] & _SIGNS_BIT) != 0]
        spells = np.zeros(len(signs), np.uint8)
        _spell(*string_buffers(column.take(pa.array(signs))), _classes(), _keys(), spells)
        bits[signs[spells == 0]] &= ~_SIGNS_BIT
    return bits


_SIGNS_BIT: Final = np.uint8(1 << list(_LOOKS).index("signs"))
_SLOTS: Final = 1 << 14


@nb.njit(nogil=True, cache=True)
def _hash(data: npt.NDArray[np.uint8], begin: int, end: int, classes: npt.NDArray[np.uint8]) -> int:
    """Return a number for a token's key: classes in place of letters, repetitions dropped."""
    state = 7
    last = 0
    for k in range(begin, end):
        kind = int(classes[data[k]])
        if kind != last:
            state = state * 1_000_003 + kind  # wraps
        last = kind
    return state


@nb.njit(nogil=True, cache=True)
def _spell(
    text_at: npt.NDArray[np.int64],
    text: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.uint8],
    keys: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
) -> None:
    """Write 1 for each text with a token whose key is that of a known word, or with a sign of several characters."""
    for i in range(text_at.shape[0] - 1):
        at = text_at[i]
        stop = text_at[i + 1]
        while at < stop and out[i] == 0:
            byte = text[at]
            if classes[byte] == 0:
                if byte >= 0x80 or byte == 92:  # "€", "¢", "\\/"
                    follows = text[at + 1] if at + 1 < stop else np.uint8(0)
                    if (byte == 92 and follows == 47) or (byte == 0xC2 and follows == 0xA2) or byte == 0xE2:
                        out[i] = 1
                elif byte == 47 and at + 1 < stop and text[at + 1] == 92:
                    out[i] = 1
                at += 1
                continue
            begin = at
            letters = 0
            others = 0
            stretched = False
            while at < stop and classes[text[at]] != 0:
                byte = text[at]
                if 97 <= (byte | 32) <= 122:
                    letters += 1
                    if at - begin > 1 and (text[at - 1] | 32) == (byte | 32) and (text[at - 2] | 32) == (byte | 32):
                        stretched = True
                elif byte == 124 and at + 1 < stop and classes[text[at + 1]] == 0 and text[at + 1] > 32:
                    out[i] = 1  # "|<"
                else:
                    others += 1
                at += 1
            end = at
            while end > begin and (text[end - 1] == 33 or text[end - 1] == 124 or text[end - 1] == 43):
                end -= 1
                others -= 1
            while begin < end and text[begin] == 43:
                begin += 1
                others -= 1
            if letters > 0 and (stretched or others > 0):
                state = _hash(text, begin, end, classes)
                slot = state & (keys.shape[0] - 1)
                while keys[slot] != 0:
                    if keys[slot] == state:
                        out[i] = 1
                        break
                    slot = (slot + 1) & (keys.shape[0] - 1)


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """Return for each byte the letter that it stands for in a key; 0 where it is no part of a token."""
    classes = np.zeros(256, np.uint8)
    for character in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@$!|+":
        classes[ord(character)] = ord(character.lower().translate(_KEY))
    return classes


@cache
def _keys() -> npt.NDArray[np.int64]:
    """Return the keys of all words as an open hash table."""
    table = np.zeros(_SLOTS, np.int64)
    for key in sorted({*_table(), *_ABBREVIATED}):
        data = np.frombuffer(key.encode(), np.uint8)
        state = int(_hash(data, 0, len(data), _classes()))
        slot = state & (_SLOTS - 1)
        while table[slot] not in (0, state):
            slot = (slot + 1) & (_SLOTS - 1)
        table[slot] = state
    table.setflags(write=False)
    return table


def _matches(column: pa.Array, look: str) -> npt.NDArray[np.bool_]:
    found = pc.fill_null(pc.match_substring_regex(column, look), fill_value=False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


# --- One text --------------------------------------------------------------------------------------------------------


Edit = tuple[int, int, str, list[int] | None]
"""Begin, end, new text, and where each of its letters was (without: spread evenly over what they replace)."""


class _Draft:
    """A text under repair: every edit keeps the map to the text as typed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.offsets: list[int] | range = range(len(text) + 1)

    def edit(self, edits: list[Edit]) -> None:
        """Replace spans, in order and not overlapping."""
        if not edits:
            return
        parts: list[str] = []
        offsets: list[int] = []
        at = 0
        for begin, end, new, places in edits:
            parts.append(self.text[at:begin])
            offsets += self.offsets[at:begin]
            parts.append(new)
            spots = places or [begin + k * (end - begin) // len(new) for k in range(len(new))]
            offsets += [self.offsets[spot] for spot in spots]
            at = end
        parts.append(self.text[at:])
        offsets += self.offsets[at:]
        self.text = "".join(parts)
        self.offsets = offsets


_REMOVED: Final = re.compile(
    f"[{_UNSEEN}]|(?<=[A-Za-z])[{_JOINERS}]+(?=[A-Za-z])"
    "|(?<=[A-Za-z])(?:[\u0300-\u036f]*[\u0334-\u0338][\u0300-\u036f]*|[\u0300-\u036f]{2,})"
)


def _show(draft: _Draft) -> None:
    """Take out what does not show, and marks heaped on Latin letters."""
    draft.edit([(found.start(), found.end(), "", None) for found in _REMOVED.finditer(draft.text)])


_SMALL: Final = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True))


@cache
def _undressed(character: str) -> str:
    """Return the ASCII letter or digit under a costume, or "" where there is none."""
    if character in _SMALL:
        return _SMALL[character]
    point = ord(character)
    for first in (0x1F150, 0x1F170, 0x1F130, 0x1F110):  # negative circled and squared, squared, in parentheses
        if first <= point < first + 26:
            return chr(ord("A") + point - first)
    plain = ucd.normalize("NFKD", character).strip("()")
    return plain if len(plain) == 1 and plain.isascii() and plain.isalnum() else ""


_COSTUMES: Final = re.compile(f"[{_STYLED}]+")


def _undress(draft: _Draft) -> None:
    """Read letters in costume as themselves: a run of them, or one beside plain letters."""
    edits: list[Edit] = []
    for found in _COSTUMES.finditer(draft.text):
        begin, end = found.span()
        alone = end - begin == 1
        beside = draft.text[max(begin - 1, 0) : begin] + draft.text[end : end + 1]
        if alone and not (beside.isascii() and any(map(str.isalpha, beside))):
            continue
        edits += [
            (place, place + 1, plain, None)
            for place in range(begin, end)
            if (plain := _undressed(draft.text[place])) and plain != draft.text[place]
        ]
    draft.edit(edits)


_TWINS: Final = {
    **LOOKALIKES,
    **dict(
        zip(
            "АВЕЅІЈКМНОРСТУХΑΒΕΖΗΙΚΜΝΟΡΤΥΧӏƚԝԚԛցոսօհᎪᎬᎻᎷᏢᏚᎢᏔ",
            "ABESIJKMHOPCTYXABEZHIKMNOPTYXllwQqgnuohAEHMPSTW",
            strict=True,
        )
    ),
}  # fmt: skip
_WITH_STRANGERS: Final = re.compile(rf"(?<![^\W\d_])[A-Za-z]*[{_FOREIGN}][^\W\d_]*")
_STRANGE: Final = re.compile(f"[{_FOREIGN}]")
_LATIN: Final = re.compile("[A-Za-z]")


def _unmask_scripts(draft: _Draft) -> None:
    """Read letters of other scripts as the Latin ones they pass for, in mixed words and in words that hide one."""
    edits: list[Edit] = []
    latin = len(_LATIN.findall(draft.text))
    foreign = len(_STRANGE.findall(draft.text))
    for found in _WITH_STRANGERS.finditer(draft.text):
        word = found[0]
        strangers = [k for k, letter in enumerate(word) if letter in _TWINS]
        if not strangers or any(letter > "\u036f" and letter not in _TWINS for letter in word):
            continue
        plain = "".join(_TWINS.get(letter, letter) for letter in word)
        mixed = len(strangers) < len(word)
        if mixed or (latin > foreign and plain.lower() in ABUSE_WORDS | PLAIN_WORDS):
            edits += [(found.start() + k, found.start() + k + 1, plain[k], None) for k in strangers]
    draft.edit(edits)


# Signs for letters. Every letter of the key stands for those that a sign could mean; what is meant, the table says.
_SIGNS: Final = {
    "a": ("4", "@", r"/\\", r"/-\\"), "b": ("8", r"\|3"), "c": ("¢",), "d": (r"\|\)",), "e": ("3", "€"),
    "g": ("9", "6"), "h": (r"\|-\|",), "i": ("1", "!", r"\|"), "k": (r"\|<", r"\|\{"), "l": ("1", "!", r"\|"),
    "n": (r"\|\\\|",), "o": ("0",), "s": ("5", r"\$"), "t": ("7", r"\+"), "u": (r"\|_\|",),
    "v": (r"\\/",),
}  # fmt: skip
_SEVERAL: Final = {
    "/-\\": "a", "|-|": "h", "|\\|": "n", "|_|": "u", "/\\": "a", "\\/": "v", "|3": "b", "|)": "d", "|<": "k",
    "|{": "k",
}  # fmt: skip
_SEVERAL_SIGNS: Final = re.compile("|".join(map(re.escape, _SEVERAL)))
_KEY: Final = str.maketrans("4@83€96l1!|05$7+¢", "aabeeggiiiiossttc")
_ABBREVIATED: Final = {
    "h8": "hate", "h8s": "hates", "h8r": "hater", "h8er": "hater", "h8rs": "haters", "h8ers": "haters",
}  # fmt: skip
LONGEST: Final = 40
"""Code points of a token, and letters of a row of single ones, beyond which nothing is read out of it."""


def _key(token: str) -> str:
    """Return what all disguises of a word have in common: each letter's class, repetitions dropped."""
    plain = _SEVERAL_SIGNS.sub(lambda found: _SEVERAL[found[0]], token.lower()).translate(_KEY)
    return "".join(letter for k, letter in enumerate(plain) if k == 0 or plain[k - 1] != letter)


@cache
def _table() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for word in sorted(ABUSE_WORDS | PLAIN_WORDS, key=lambda word: (word not in ABUSE_WORDS, len(word), word)):
        table[_key(word)] = (*table.get(_key(word), ()), word)
    return table


@cache
def _pattern(word: str) -> re.Pattern[str]:
    """Return an expression for a word in disguise; every letter has its group."""
    parts = []
    for letter in word:
        signs = "|".join((letter, *_SIGNS.get(letter, ())))
        parts.append(f"((?:{signs})(?:{signs})*?)")
    return re.compile("".join(parts), re.IGNORECASE)


def _read(token: str) -> tuple[str, list[int]] | None:
    """Return the word that a token of at most `LONGEST` code points hides, and where each of its letters begins."""
    for word in _table().get(_key(token), ()):
        found = _pattern(word).fullmatch(token)
        if found is not None:
            return word, [found.start(k + 1) for k in range(len(word))]
    return None


_KEPT: Final = re.compile(
    r"https?://\S+|www\.\S+|[^\s@]+@[^\s@]+\.[^\s@]+"
    r"|(?<![\w.])[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|edu|gov|info|biz|tv|io|co|me|uk|de|fr|ru)\b\S*"
    r"|v?\d+(?:[.,:/-]\d+)+\w*",
    re.IGNORECASE,
)
_TOKENS: Final = re.compile(r"(?:\|-\||/-\\|\|_\||\|\\\||\|<|\|\{|\|\)|/\\|\\/|[A-Za-z0-9@$!|+€¢])+")
_TRIPLE: Final = re.compile(r"([A-Za-z])\1\1", re.IGNORECASE)
_MODEL_NAME: Final = re.compile(r"[A-Z]{1,2}\d+[A-Z]?|\d+[A-Za-z]{1,2}|[A-Za-z]\d+")


_HINTS: Final = re.compile(
    r"[a-z][013-9@$€¢]|[a-z][!|+][a-z!|]|[013-9@$!€¢|][a-z]|\|[<{)-]|/\\|\\/|([a-z])\1\1", re.IGNORECASE
)
_SPACES: Final = re.compile(r"\s")


def _read_signs(draft: _Draft) -> None:
    """Read digits and signs between letters, and repeated letters, where a known word comes out."""
    edits: list[Edit] = []
    text, at = draft.text, 0
    while (hint := _HINTS.search(text, at)) is not None:
        # All that stands between spaces is looked at once, as a whole: an address is one piece.
        begin = max(text.rfind(" ", at, hint.start()), text.rfind("\n", at, hint.start()), at - 1) + 1
        space = _SPACES.search(text, hint.end())
        at = len(text) if space is None else space.start()
        read = [edit for found in _TOKENS.finditer(text, begin, at) for edit in _reading(text, *found.span())]
        if read:
            kept = [found.span() for found in _KEPT.finditer(text, begin, at)]
            edits += [edit for edit in read if not any(a < edit[1] and edit[0] < b for a, b in kept)]
    draft.edit(edits)


def _reading(text: str, begin: int, end: int) -> list[Edit]:
    """Return what a token is read as: one edit, or none."""
    while end > begin and text[end - 1] in "!|+":  # at an end they are marks
        end -= 1
    while begin < end and text[begin] == "+":
        begin += 1
    token = text[begin:end]
    if not 2 <= len(token) <= LONGEST or (token.isalpha() and not _TRIPLE.search(token)):
        return []
    if token.lower() in _ABBREVIATED:
        return [(begin, end, _ABBREVIATED[token.lower()], None)]
    around = text[max(begin - 1, 0) : begin] + text[end : end + 1]
    letters = sum(map(str.isalpha, token))
    if not letters or any(sign in "#_=&/" for sign in around) or _MODEL_NAME.fullmatch(token):
        return []
    read = _read(token)
    if read is None:
        return []
    word, places = read
    # A word that nobody hides says little by itself, so it takes more of it to be read.
    if word not in ABUSE_WORDS and (len(word) < 3 or letters < 2 or token[0] in "@$" or token[-1].isdigit()):
        return []
    if letters < 2 and token.lower() not in ("a$$", "a55"):
        return []
    new = _cased(word, token)
    return [] if new == token else [(begin, end, new, [begin + place for place in places])]


def _cased(word: str, token: str) -> str:
    letters = [character for character in token if character.isalpha()]
    if len(letters) > 1 and all(map(str.isupper, letters)):
        return word.upper()
    return word.capitalize() if token[0].isupper() else word


_ROWS: Final = re.compile(rf"(?<![0-9A-Za-z@$'’])[A-Za-z@$](?:[{_GAP}]{{1,3}}[A-Za-z0-9@$!]){{2,}}(?![0-9A-Za-z'’])")
_BETWEEN: Final = re.compile(rf"[{_GAP}]+")


def _join(draft: _Draft) -> None:
    """Join letters set apart, where known words come out and one of them is a word that people hide."""
    edits: list[Edit] = []
    for found in _ROWS.finditer(draft.text):
        row = found[0]
        gaps = _BETWEEN.findall(row)
        letters = [k for k, character in enumerate(row) if not _BETWEEN.match(character)]
        if len(letters) > 4 * LONGEST:
            continue
        if len(letters) == 3 and set(gaps) == {"."} and row.isupper():
            continue  # initials
        # A wider gap parts words; where all are of one width, words are told apart by the table.
        widest = max(map(len, gaps))
        parted = widest > min(map(len, gaps))
        groups: list[list[int]] = [[letters[0]]]
        for gap, place in zip(gaps, letters[1:], strict=True):
            if parted and len(gap) == widest:
                groups.append([])
            groups[-1].append(place)
        read = [part for group in groups for part in _parted(row, group)]
        if not any(word in ABUSE_WORDS for word, _ in read):
            continue
        new: list[str] = []
        places: list[int] = []
        for k, (word, spots) in enumerate(read):
            if k:
                new.append(" ")
                places.append(spots[0])
            new.append(word.upper() if row.isupper() else word)
            places += spots
        begin = found.start()
        edits.append((begin, found.end(), "".join(new), [begin + place for place in places]))
    draft.edit(edits)


def _parted(row: str, group: list[int]) -> list[tuple[str, list[int]]]:
    """Return the words that a group of single letters spells, or the letters one by one where it spells none."""
    # best[k]: the fewest words that the first k letters are, and where the last of them begins
    known = ABUSE_WORDS | PLAIN_WORDS
    letters = "".join(row[place] for place in group)
    best: list[tuple[int, int, str]] = [(0, 0, "")]
    for end in range(1, len(group) + 1):
        found = (10_000, 0, "")
        for begin in range(max(end - 16, 0), end - 2):
            if best[begin][0] >= found[0]:
                continue
            piece = letters[begin:end]
            word = piece.lower()
            if word not in known:
                read = None if piece.isalpha() else _read(piece)
                if read is None or len(read[0]) != len(piece):
                    continue
                word = read[0]
            found = (best[begin][0] + 1, begin, word)
        best.append(found)
    if best[-1][0] >= 10_000:
        return [(row[place], [place]) for place in group]
    read_words: list[tuple[str, list[int]]] = []
    end = len(group)
    while end:
        _, begin, word = best[end]
        read_words.append((word, group[begin:end]))
        end = begin
    return read_words[::-1]


_STARRED: Final = re.compile(rf"(?<![A-Za-z*#•%])(?:[A-Za-z]+[*#•%][A-Za-z*#•%]*|{_DASHED}[A-Za-z]*)")
_SIGN: Final = re.compile(r"[*#•%_–—.-]+")


@cache
def _by_first() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for word in CENSORED:
        table[word[0]] = (*table.get(word[0], ()), word)
    return table


@cache
def _of_length(length: int) -> tuple[str, ...]:
    return tuple(word for word in words(STEMS) if len(word) == length)


def _fill(draft: _Draft) -> None:
    """Fill in letters that were starred out, where a word of the table fits."""
    edits: list[Edit] = []
    for found in _STARRED.finditer(draft.text):
        token = found[0].lower()
        parts = _SIGN.split(token)
        letters = "".join(parts)
        if len(token) > LONGEST or (len(parts) == 2 and not parts[1] and len(token) < len(letters) + 2):
            continue  # one star at the end is a footnote
        likely = _by_first().get(token[0], ())
        fits = next((word for word in likely if _covers(token, word)), None)
        if fits is None and len(parts) == 2 and len(letters) > 1 and "*" in token:  # any number of letters
            first, last = parts
            fits = next((w for w in likely if len(w) > len(letters) and w.startswith(first) and w.endswith(last)), None)
        if fits is None and letters in likely:
            fits = letters  # signs that part the letters: "f*u*c*k"
        if fits is None and len(letters) > 2 and len(letters) + 1 == len(token):
            fits = next((word for word in _of_length(len(token)) if _covers(token, word)), None)
        if fits is not None:
            edits.append((*found.span(), _cased(fits, found[0]), None))
    draft.edit(edits)


def _covers(token: str, word: str) -> bool:
    """Say whether a token is the word with some of its letters starred out, one sign a letter."""
    return len(token) == len(word) and all(a == b or not a.isalpha() for a, b in zip(token, word, strict=True))


_PICTURES: Final = re.compile(f"([{''.join(EMOJI)}])[\ufe0f\U0001f3fb-\U0001f3ff]*")
_BEFORE: Final = re.compile(r"([A-Za-z']+)[ \t]*$")
_AFTER: Final = re.compile(r"[ \t]*[A-Za-z]")
_BEFORE_VERBS: Final = frozenset({
    "to", "will", "should", "must", "would", "could", "can", "lets", "let's", "gonna", "wanna", "please", "and", "i",
    "we", "they", "you", "i'll", "we'll", "just", "not", "don't",
})  # fmt: skip


def _name_pictures(draft: _Draft) -> None:
    """Read an emoji in the place of a word as that word; at the end of a sentence it is a gesture, and stays."""
    edits: list[Edit] = []
    text = draft.text
    for found in _PICTURES.finditer(text):
        begin, end = found.span()
        before = _BEFORE.search(text, max(begin - 24, 0), begin)
        if not _AFTER.match(text, end):
            continue
        verb, noun = EMOJI[found[1]]
        starts = not text[:begin].strip() if begin < 8 else False
        word = verb if starts or (before and before[1].lower() in _BEFORE_VERBS) else noun
        lead = " " if begin and not text[begin - 1].isspace() else ""
        trail = "" if text[end : end + 1].isspace() else " "
        places = [begin] * len(lead + word) + [end] * len(trail)
        edits.append((begin, end, lead + word + trail, places))
    draft.edit(edits)


_STEPS: Final = (_show, _undress, _unmask_scripts, _join, _read_signs, _fill, _name_pictures)


def _undone(text: str, bits: int) -> Undone:
    draft = _Draft(text)
    for k, step in enumerate(_STEPS):
        # What one step has changed, the steps after it have not looked at yet.
        if bits >> k & 1 or draft.text is not text:
            step(draft)
    # A range has no buffer: numpy would ask it for one number after the other.
    offsets = np.arange(len(text) + 1) if isinstance(draft.offsets, range) else np.array(draft.offsets, np.int64)
    return Undone(draft.text, offsets)


def undo(texts: pd.Series | Iterable[str]) -> list[Undone]:
    """Return each text as meant, with its map; one that nothing was done to comes back as it is."""
    listed = list(texts)
    return [_undone(text, bits) for text, bits in zip(listed, disguised(listed).tolist(), strict=True)]


def undo_marked(texts: pd.Series | Sequence[str], longer_than: int) -> Iterator[tuple[int, str, Undone]]:
    """Yield row, text and what was meant, for texts that may be in disguise or are over `longer_than` code points.

    All others, nearly every comment, cost no more than one look at the column.
    """
    column = string_array(texts)
    bits = disguised(column)
    long = np.asarray(pc.fill_null(pc.utf8_length(column), 0).to_numpy(zero_copy_only=False)) > longer_than
    for row in np.flatnonzero((bits != 0) | long).tolist():
        text = column[row].as_py()
        yield row, text, _undone(text, int(bits[row]))
