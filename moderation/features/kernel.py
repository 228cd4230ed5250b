"""The compiled half of `ngrams`: bytes in, buckets, counts and sums out.

numba compiles every function here on first use and keeps the result on disk. It gives types of its own to what is
annotated `int` (64-bit, unsigned for hashes); comparisons are spelled out because it compiles them without building
tuples and sets.
"""

from typing import Final

import numba as nb
import numpy as np
import numpy.typing as npt

from moderation.features.folding import CODE_POINTS, DIGIT, LETTER, MARK, SKIP, SPACE, SYMBOL
from moderation.features.lexicon import (
    ASK,
    CHECK,
    COMMENT,
    COUNT,
    GOODS,
    HOPE,
    IF,
    MAKE,
    MINE,
    MONEY,
    NAME,
    OUT,
    PLACE,
    POLITE,
    PRAISE,
    PUSH,
    SELF,
    SUBSCRIBE,
    VIEW,
    VOTE,
    YOU,
)
from moderation.features.structure import (
    ADDRESSES,
    AFTER_LINK,
    ASKS,
    ASKS_AT_ONCE,
    AUTHOR_DIGITS,
    AUTHOR_ELLIPSIS,
    AUTHOR_IN_HOST,
    AUTHOR_IN_TEXT,
    AUTHOR_IS_TEXT,
    AUTHOR_LETTERS,
    AUTHOR_LINK,
    AUTHOR_MARKS,
    AUTHOR_SEPARATOR,
    AUTHOR_TRADE,
    AUTHOR_UPPER,
    AUTHOR_URL,
    AUTHOR_WORDS,
    BEFORE_LINK,
    BEGS,
    BRACKET_ELLIPSIS,
    BRACKET_ENDS,
    BRACKET_STARTS,
    CHARACTERS,
    CHECKS_OUT,
    CUT_OFF,
    DIGITS,
    DISTINCT_WORDS,
    ENDS_ELLIPSIS,
    ENDS_OPEN,
    ENDS_STOP,
    EXCERPT_BYTES,
    EXCLAMATIONS,
    FOREIGN,
    HANDLES,
    HAS_AUTHOR,
    HEADED,
    HEADED_CUT,
    HOPES,
    LETTERS,
    LINES,
    LINK_BYTES,
    LINKS,
    LONGEST_RUN,
    LONGEST_WORD,
    MADE,
    MAKES,
    MARKS,
    MINES,
    NOTICE,
    OWN_PLACES,
    PARAGRAPHS,
    PHONES,
    PITCHES,
    PLAIN_WORDS,
    PLEAS,
    POLITES,
    PRAISES,
    PUSHED,
    PUSHES,
    QUESTIONS,
    QUOTES,
    STARTS_ELLIPSIS,
    STARTS_LOWER,
    SUBSCRIBES,
    SUMS,
    SYMBOLS,
    TAGS,
    TEXT_BYTES,
    TRADE,
    UPPER,
    VIEW_COUNTS,
    VIEWS,
    WORDS,
    YOUS,
)

__all__ = [
    "AUTHOR_SEED",
    "BITS",
    "MATRIX",
    "N_BUCKETS",
    "PACKS",
    "SCORE",
    "SPANS",
    "WORD_SEED",
    "bucket_of",
    "read_fragments",
    "read_stems",
    "run_pass",
    "word_hash",
]

BITS: Final = 18
N_BUCKETS: Final = 1 << BITS

WORD_FAMILY: Final = 0
CHAR_FAMILY: Final = 1

_MAX_WORD: Final = 40
_PRIME: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(64 - BITS)

SCORE: Final = 0
MATRIX: Final = 1
SPANS: Final = 2

PACKS: Final = 5
"""Weights of one bucket lie side by side, two labels to a 64-bit word: room for ten labels."""

# Seeds keep the kinds of feature apart in one space of buckets.
WORD_SEED: Final = np.uint64(0x1000193)
_S_PAIR: Final = np.uint64(0x2000357)
_S_CHAR: Final = np.uint64(0x30005A1)
_S_MARK: Final = np.uint64(0x40007C5)
_S_SYMBOL: Final = np.uint64(0x5000929)
_S_HOST: Final = np.uint64(0x6000B5D)
AUTHOR_SEED: Final = np.uint64(0x7000D1F)
_S_STEM: Final = np.uint64(0x8000F43)
_START: Final = np.uint64(0xA5A5A5A5)
_A_NAME: Final = np.uint64(0x5A5A5A5A)
"""What stands for any name beside its neighbours."""

_SHORT: Final = np.frombuffer(b"amanasatbebydogohahehiifinisitmemynoofohokonorsotoukupustvwe", np.uint8)

_HOST_ENDINGS: Final = np.array(
    [
        int.from_bytes(ending, "big")
        for ending in (
            b"com", b"net", b"org", b"info", b"biz", b"ru", b"cn", b"xyz", b"top", b"club", b"online", b"site", b"shop",
            b"store", b"io", b"tk", b"ly", b"tv", b"uk", b"de", b"fr", b"eu", b"nl", b"ca", b"au", b"pro", b"vip",
            b"link", b"live", b"click", b"us", b"co", b"in",
        )
    ],
    np.int64,
)  # fmt: skip
"""How the addresses end that are written without their beginning, as numbers of their bytes."""
_BACK: Final = np.frombuffer(b"back", np.uint8)

TEXT_FIELD: Final = 0
AUTHOR_FIELD: Final = 1
LINK_FIELD: Final = 2


@nb.njit(nogil=True, cache=True)
def _decode(data: npt.NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Return the code point at `at` and the place after it; a broken sequence is one U+FFFD per byte."""
    first = data[at]
    if first < 0x80:
        return np.int64(first), at + 1
    if first >= 0xF0 and at + 3 < end:
        return (
            ((first & 0x07) << 18)
            | ((data[at + 1] & 0x3F) << 12)
            | ((data[at + 2] & 0x3F) << 6)
            | (data[at + 3] & 0x3F)
        ), at + 4
    if 0xE0 <= first < 0xF0 and at + 2 < end:
        return ((first & 0x0F) << 12) | ((data[at + 1] & 0x3F) << 6) | (data[at + 2] & 0x3F), at + 3
    if 0xC0 <= first < 0xE0 and at + 1 < end:
        return ((first & 0x1F) << 6) | (data[at + 1] & 0x3F), at + 2
    return np.int64(0xFFFD), at + 1


@nb.njit(nogil=True, cache=True)
def _mix(state: int, value: int) -> int:
    return (state ^ np.uint64(value)) * _PRIME


@nb.njit(nogil=True, cache=True, inline="always")  # a call with this many arguments costs more than its work
def _put(
    state: int,
    family: int,
    begin: int,
    end: int,
    mode: int,
    stamp: int,
    stamps: npt.NDArray[np.int32],
    out: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int32],
    n: int,
) -> int:
    """Append the bucket of a finished hash (unless this text has it already) and return the new count."""
    bucket = np.int64(((state ^ (state >> np.uint64(32))) * _PRIME) >> _SHIFT)
    # Written first and kept only if new: a branch here would be guessed wrong too often.
    fresh = mode == SPANS or stamps[bucket] != stamp
    if mode == SPANS:
        offsets[n, 0] = begin
        offsets[n, 1] = end
    stamps[bucket] = stamp
    out[n] = bucket | (family << BITS)
    return n + fresh


@nb.njit(nogil=True, cache=True)
def _put_word(
    word: npt.NDArray[np.int64],
    length: int,
    state: int,
    begin: int,
    end: int,
    characters: bool,
    mode: int,
    stamp: int,
    stamps: npt.NDArray[np.int32],
    out: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int32],
    n: int,
) -> int:
    """Append a word of hash `state` and its character n-grams; return the new count."""
    n = _put(state, WORD_FAMILY, begin, end, mode, stamp, stamps, out, offsets, n)
    if characters and length > 1:
        # The word with its ends marked: place -1 and place `length` are the marks.
        word[length] = 2
        for i in range(-1, length - 1):
            gram = _mix(_mix(_S_CHAR, 1 if i < 0 else word[i]), word[i + 1])
            for j in range(i + 2, min(i + 5, length + 1)):
                gram = _mix(gram, word[j])
                n = _put(gram, CHAR_FAMILY, begin, end, mode, stamp, stamps, out, offsets, n)
    return n


@nb.njit(nogil=True, cache=True)
def word_hash(word: npt.NDArray[np.int64], length: int, seed: int | np.uint64) -> int:
    """Return the hash of the first `length` code points of a folded word."""
    state = np.uint64(seed)
    for i in range(length):
        state = _mix(state, word[i])
    return state


@nb.njit(nogil=True, cache=True)
def bucket_of(state: int | np.uint64) -> int:
    """Return the bucket of a finished hash."""
    return np.int64(((np.uint64(state) ^ (np.uint64(state) >> np.uint64(32))) * _PRIME) >> _SHIFT)


@nb.njit(nogil=True, cache=True)
def _classes_of(state: int, keys: npt.NDArray[np.uint64], classes: npt.NDArray[np.int64]) -> int:
    """Return the classes of the word of this hash, 0 for nearly every word."""
    slot = np.int64(state >> np.uint64(52))
    while keys[slot] != 0:
        if keys[slot] == state:
            return classes[slot]
        slot = (slot + 1) & (keys.shape[0] - 1)
    return 0


@nb.njit(nogil=True, cache=True)
def _unmask(word: npt.NDArray[np.int64], length: int) -> None:
    """Read digits between letters as the letters they stand for ("k1ll"); at the edges they are numbers ("mp3")."""
    i = 1
    while i < length - 1:
        if 48 <= word[i] <= 57 and not (48 <= word[i - 1] <= 57):
            j = i
            while j < length and 48 <= word[j] <= 57:
                j += 1
            if j < length and j - i <= 2:
                for k in range(i, j):
                    digit = word[k]
                    if digit == 48:
                        word[k] = 111
                    elif digit == 49:
                        word[k] = 105
                    elif digit == 51:
                        word[k] = 101
                    elif digit == 52:
                        word[k] = 97
                    elif digit == 53:
                        word[k] = 115
                    elif digit == 55:
                        word[k] = 116
            i = j
        else:
            i += 1


@nb.njit(nogil=True, cache=True)
def _read(
    data: npt.NDArray[np.uint8],
    start: int,
    stop: int,
    field: int,
    table: npt.NDArray[np.uint32],
    keys: npt.NDArray[np.uint64],
    classes: npt.NDArray[np.int64],
    word: npt.NDArray[np.int64],
    singles: npt.NDArray[np.int64],
    raw: npt.NDArray[np.float64],
    mode: int,
    stamp: int,
    stamps: npt.NDArray[np.int32],
    out: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int32],
    n: int,
) -> int:
    """Append the features of one field and count its structure into `raw`; return the new count of features.

    Offsets are bytes from `start`, and -1 for fields other than the text.
    """
    text = field == TEXT_FIELD
    author = field == AUTHOR_FIELD
    seed = WORD_SEED if text else (AUTHOR_SEED if author else _S_HOST)
    base = start if text else stop + 1  # so that offsets of other fields come out below 0
    in_link = field == LINK_FIELD
    at = start
    link_to = stop if in_link else start
    length = 0  # of the word being read
    word_from = start
    has_letter = False
    has_digit = False
    stretched = False
    previous = _START  # hash of the word before, for pairs
    previous_from = start
    run = 0
    marks_state = _S_MARK
    marks = 0
    marks_from = start
    single_from = start  # single letters in a row: "k i l l"
    n_single = 0
    last_visible = 0
    visible = False
    # Counts stay in registers until the end.
    characters = letters = upper = foreign = digits = symbols = marked = 0
    exclamations = questions = quotes = tags = lines = links = words = 0
    longest_word = longest_run = brackets = starts_lower = separators = 0
    asks = asks_at_once = own_places = pitches = trade = praises = yous = polites = link_bytes = 0
    asked_at = owned_at = -100  # the last request, the last "my", in words
    plain_words = before_link = after_link = mines = makes = made = pleas = hopes = pushes = pushed = 0
    subscribes = checks_out = begs = views = view_counts = handles = 0
    pushed_at = polite_at = voted_at = checked_at = subscribed_at = counted_at = owned_by_push = self_at = -100
    while True:
        at_end = at >= stop
        if at_end:
            following = at
            kind = SPACE
            folded = 32
            point = 32
            entry = np.uint32(0)
        else:
            if data[at] < 0x80:
                point, following = np.int64(data[at]), at + 1
            else:
                point, following = _decode(data, at, stop)
            entry = table[point] if point < CODE_POINTS else np.uint32((LETTER << 24) | point)
            kind = np.int64((entry >> np.uint32(24)) & np.uint32(7))
            if kind == SKIP:  # zero-width and combining marks are not there
                at = following
                continue
            folded = np.int64(entry & np.uint32(0x1FFFFF))
            characters += 1
            if kind == LETTER:
                letters += 1
                upper += np.int64((entry >> np.uint32(27)) & np.uint32(1))
                foreign += np.int64((entry >> np.uint32(28)) & np.uint32(1))
            elif kind == DIGIT:
                digits += 1
            elif kind == SYMBOL:
                symbols += 1
            elif kind == MARK:
                marked += 1
                if folded == 33:
                    exclamations += 1
                elif folded == 63:
                    questions += 1
                elif folded == 34:
                    quotes += 1
                elif folded == 60 or (folded == 91 and following < stop and (data[following] | 32) == 117):
                    tags += 1  # "<a ", "[url="
            elif folded == 10:
                lines += 1
            if kind != SPACE:
                run = run + 1 if folded == last_visible else 1
                longest_run = max(longest_run, run)
                if not visible:
                    visible = True
                    starts_lower = 1 if kind == LETTER and not (entry & np.uint32(1 << 27)) else 0
                last_visible = folded
            if in_link and at >= link_to:
                in_link = False
            if kind == LETTER and length == 0 and text and not in_link and (folded == 104 or folded == 119):
                skip = _link_starts(data, at, stop)
                if skip > 0:
                    links += 1
                    if links == 1:
                        before_link = plain_words
                    after_link = plain_words
                    in_link = True
                    link_to = at + skip
                    while link_to < stop:
                        byte = data[link_to]
                        if byte <= 32 or byte == 34 or byte == 60 or byte == 62 or byte == 91 or byte == 93:
                            break
                        link_to += 1
                    link_bytes += link_to - at
                    if marks > 0:
                        n = _put(marks_state, WORD_FAMILY, marks_from - base, at - base, mode, stamp, stamps, out,
                                 offsets, n)  # fmt: skip
                        marks = 0
                    previous = _mix(_S_HOST, 7)
                    previous_from = at
                    n = _put(previous, WORD_FAMILY, at - base, link_to - base, mode, stamp, stamps, out, offsets, n)
                    n_single = 0
                    at += skip
                    continue
        inside = kind == LETTER or kind == DIGIT
        if kind == MARK and length > 0 and following < stop and not in_link:
            # Marks that stand for a letter, or are dropped, between two letters: "f*ck", "$hit", "don't".
            if folded == 39 or folded == 42 or folded == 64 or folded == 36:
                next_point, _ = _decode(data, following, stop)
                if next_point < CODE_POINTS and ((table[next_point] >> np.uint32(24)) & np.uint32(7)) == LETTER:
                    if folded == 39:
                        at = following
                        continue
                    inside = True
                    kind = LETTER
                    folded = 97 if folded == 64 else (115 if folded == 36 else 42)
        if inside:
            if length == 0:
                word_from = at
                has_letter = False
                has_digit = False
                stretched = False
                if marks > 0:
                    n = _put(marks_state, WORD_FAMILY, marks_from - base, at - base, mode, stamp, stamps, out, offsets,
                             n)  # fmt: skip
                    marks = 0
            if kind == LETTER:
                has_letter = True
            else:
                has_digit = True
            if length >= 2 and kind == LETTER and word[length - 1] == folded and word[length - 2] == folded:
                stretched = True  # "killlll": a third equal letter says nothing new
            else:
                word[length] = folded
                length += 1
            at = following
            if length < _MAX_WORD:
                continue
        if length > 0:
            begin = word_from - base
            end = at - base
            if has_letter and has_digit:
                _unmask(word, length)
            state = word_hash(word, length, _S_HOST if in_link else seed)
            known = 0
            if not in_link:
                known = _classes_of(state, keys, classes)
            named = text and (known & NAME) != 0
            n = _put_word(word, length, state, begin, end, text and not named, mode, stamp, stamps, out, offsets,
                          n)  # fmt: skip
            if named:
                state = _A_NAME
            words += 1
            plain_words += word_from >= link_to
            longest_word = max(longest_word, length)
            if has_digit and not has_letter:
                counted_at = words
            if known != 0:
                trade += (known & (MONEY | GOODS)) != 0
                praises += (known & PRAISE) != 0
                yous += (known & YOU) != 0
                polites += (known & POLITE) != 0
                if (known & PLACE) != 0 and words - owned_at <= 4:
                    own_places += 1
                    pitches += words - asked_at <= 7
                    pushed += owned_at - owned_by_push <= 6
                if (known & MINE) != 0:
                    pitches += words - asked_at == 1
                    owned_at = words
                    owned_by_push = pushed_at
                    subscribes += words - subscribed_at <= 3
                if (known & ASK) != 0:
                    asks += 1
                    asks_at_once += words <= 2
                    asked_at = words
                if known >= PUSH:
                    if (known & MAKE) != 0:
                        makes += 1
                        made += words - self_at <= 6
                    if (known & VIEW) != 0:
                        views += 1
                        view_counts += words - counted_at <= 3
                    if (known & COMMENT) != 0:
                        begs += words - voted_at <= 4
                    if (known & IF) != 0:
                        begs += words - voted_at <= 3
                    if (known & OUT) != 0:
                        checks_out += words - checked_at <= 5
                    hopes += (known & HOPE) != 0
                    if (known & SELF) != 0:
                        mines += 1
                        self_at = words
                    if (known & PUSH) != 0:
                        pushes += 1
                        pushed_at = words
                    if (known & SUBSCRIBE) != 0:
                        subscribes += words - polite_at <= 2
                        subscribed_at = words
                    if (known & CHECK) != 0:
                        checked_at = words
                    if (known & VOTE) != 0:
                        voted_at = words
                    if (known & COUNT) != 0:
                        counted_at = words
                if (known & (ASK | PUSH)) != 0:
                    pleas += words - polite_at <= 6
                if (known & POLITE) != 0:
                    polite_at = words
            if text and not in_link:
                pair = _mix(_mix(_S_PAIR, previous), state)
                n = _put(pair, WORD_FAMILY, previous_from - base, end, mode, stamp, stamps, out, offsets, n)
                previous = state
                previous_from = word_from
                if stretched:
                    k = 0
                    for i in range(length):
                        if k == 0 or word[k - 1] != word[i]:
                            word[k] = word[i]
                            k += 1
                    n = _put_word(word, k, word_hash(word, k, seed), begin, end, True, mode, stamp, stamps, out,
                                  offsets, n)  # fmt: skip
                if length == 1 and has_letter:
                    if n_single == 0:
                        single_from = word_from
                    if n_single < 24:
                        singles[n_single] = word[0]
                        n_single += 1
                elif n_single > 0:
                    if n_single > 2:
                        n = _put_word(singles, n_single, word_hash(singles, n_single, seed), single_from - base, begin,
                                      True, mode, stamp, stamps, out, offsets, n)  # fmt: skip
                    n_single = 0
            length = 0
            if inside:
                continue  # a word cut at its longest; what follows is another
        if kind == SPACE:
            if marks > 0:
                n = _put(marks_state, WORD_FAMILY, marks_from - base, at - base, mode, stamp, stamps, out, offsets, n)
                marks = 0
            if at_end:
                break
            if folded == 10:
                previous = _START
                previous_from = following
        elif kind == SYMBOL:
            previous = _mix(_S_SYMBOL, folded)
            previous_from = at
            n = _put(previous, WORD_FAMILY, at - base, following - base, mode, stamp, stamps, out, offsets, n)
        elif not in_link:
            if author and (folded == 187 or folded == 171 or folded == 124):
                separators += 1
            if marks == 0:
                marks_state = _S_MARK if not author else _mix(_S_MARK, 1)
                marks_from = at
            if point == 0x2026:  # "…" is "..."
                for _ in range(3):
                    marks_state = _mix(marks_state, 46)
                marks += 3
            elif marks < 6:  # a long run of marks says no more than its beginning
                marks_state = _mix(marks_state, folded)
                marks += 1
            if text:
                if folded == 93 and _bracketed(data, start, at):
                    brackets += 1
                if folded == 64:
                    handles += following < stop and _is_plain(data[following])
                if folded == 46 or folded == 33 or folded == 63 or folded == 59:
                    previous = _START
                    previous_from = following
        at = following
    if text:
        if n_single > 2:
            n = _put_word(singles, n_single, word_hash(singles, n_single, seed), single_from - base, stop - base, True,
                          mode, stamp, stamps, out, offsets, n)  # fmt: skip
        raw[CHARACTERS] = characters
        raw[LETTERS] = letters
        raw[UPPER] = upper
        raw[FOREIGN] = foreign
        raw[DIGITS] = digits
        raw[SYMBOLS] = symbols
        raw[MARKS] = marked
        raw[EXCLAMATIONS] = exclamations
        raw[QUESTIONS] = questions
        raw[QUOTES] = quotes
        raw[TAGS] = tags
        raw[LINES] = lines
        raw[LINKS] = links
        raw[WORDS] = words
        raw[LONGEST_WORD] = longest_word
        raw[LONGEST_RUN] = longest_run
        raw[BRACKET_ELLIPSIS] = brackets
        raw[STARTS_LOWER] = starts_lower
        raw[STARTS_ELLIPSIS] = 1.0 if _ellipsis_at_start(data, start, stop) else 0.0
        ending = _ellipsis_at_end(data, start, stop)
        raw[ENDS_ELLIPSIS] = 1.0 if ending > 0 else 0.0
        raw[CUT_OFF] = 1.0 if ending > 1 else 0.0
        stopped = last_visible == 46 or last_visible == 33 or last_visible == 63
        raw[ENDS_STOP] = 1.0 if stopped or last_visible == 34 or last_visible == 41 or last_visible == 39 else 0.0
        raw[ENDS_OPEN] = 1.0 if last_visible == 58 or last_visible == 62 else 0.0  # ":", ">"
        raw[ASKS] = asks
        raw[ASKS_AT_ONCE] = asks_at_once
        raw[OWN_PLACES] = own_places
        raw[PITCHES] = pitches
        raw[TRADE] = trade
        raw[PRAISES] = praises
        raw[YOUS] = yous
        raw[POLITES] = polites
        raw[LINK_BYTES] = link_bytes
        raw[TEXT_BYTES] = stop - start
        heading = _heading(data, start, stop)
        raw[HEADED] = 1.0 if heading > 0 else 0.0
        raw[HEADED_CUT] = 1.0 if heading > 1 else 0.0
        raw[NOTICE] = 1.0 if _past_notice(data, start, stop) > start else 0.0
        raw[PLAIN_WORDS] = plain_words
        raw[BEFORE_LINK] = before_link
        raw[AFTER_LINK] = plain_words - after_link
        raw[MINES] = mines
        raw[MAKES] = makes
        raw[MADE] = made
        raw[PLEAS] = pleas
        raw[HOPES] = hopes
        raw[PUSHES] = pushes
        raw[PUSHED] = pushed
        raw[SUBSCRIBES] = subscribes
        raw[CHECKS_OUT] = checks_out
        raw[BEGS] = begs
        raw[VIEWS] = views
        raw[VIEW_COUNTS] = view_counts
        raw[HANDLES] = handles
        _read_excerpt(data, start, stop, heading > 0, raw)
        _count_shapes(data, start, stop, raw)
    elif author:
        raw[HAS_AUTHOR] = 1.0
        raw[AUTHOR_WORDS] = words
        raw[AUTHOR_LETTERS] = letters
        raw[AUTHOR_MARKS] = marked
        raw[AUTHOR_SEPARATOR] = separators
        raw[AUTHOR_LINK] = 1.0 if _has_link(data, start, stop) else 0.0
        raw[AUTHOR_ELLIPSIS] = 1.0 if _ellipsis_at_end(data, start, stop) > 0 else 0.0
        raw[AUTHOR_TRADE] = trade
        raw[AUTHOR_UPPER] = upper
        raw[AUTHOR_DIGITS] = digits
    return n


@nb.njit(nogil=True, cache=True)
def _heading(data: npt.NDArray[np.uint8], start: int, stop: int) -> int:
    """Return 1 where a short first line that ends no sentence stands above the rest, 2 where an ellipsis ends it."""
    at = start
    while at < stop and at - start < 160 and data[at] != 10:
        at += 1
    if at + 2 >= stop or data[at] != 10 or at == start:
        return 0
    following = at + 1
    while following < stop and (data[following] == 13 or data[following] == 32):
        following += 1
    if following + 1 >= stop or data[following] != 10:
        return 0
    while at > start and data[at - 1] <= 32:
        at -= 1
    if at - start < 2:
        return 0
    if _ellipsis_at_end(data, start, at) > 0:
        return 2
    return 1 if _is_plain(data[at - 1]) else 0


@nb.njit(nogil=True, cache=True)
def _read_excerpt(
    data: npt.NDArray[np.uint8], start: int, stop: int, headed: bool, raw: npt.NDArray[np.float64]
) -> None:
    """Say where "[...]" stands; of a text that trails off, count paragraphs and bytes under its heading."""
    begin = _past_notice(data, start, stop)
    while begin < stop and data[begin] <= 32:
        begin += 1
    end = stop
    while end > begin and data[end - 1] <= 32:
        end -= 1
    k = begin
    while k < end and k - begin < 12 and data[k] != 93:
        k += 1
    raw[BRACKET_STARTS] = 1.0 if k < end and data[k] == 93 and data[begin] == 91 and _bracketed(data, begin, k) else 0.0
    last = end - 1
    while last > begin and end - last < 4 and data[last] != 93:
        last -= 1
    raw[BRACKET_ENDS] = 1.0 if last > begin and data[last] == 93 and _bracketed(data, begin, last) else 0.0
    if raw[ENDS_ELLIPSIS] == 0.0:
        return
    paragraphs = 0
    first = begin
    at = begin
    while at < end:
        if data[at] == 10:
            breaks = 0
            while at < end and data[at] <= 32:
                breaks += data[at] == 10
                at += 1
            if breaks > 1:
                paragraphs += 1
                if headed and paragraphs == 1:
                    first = at
        else:
            at += 1
    raw[PARAGRAPHS] = paragraphs if headed else paragraphs + 1
    raw[EXCERPT_BYTES] = end - first


@nb.njit(nogil=True, cache=True)
def _is_plain(byte: int) -> bool:
    return 97 <= (byte | 32) <= 122 or 48 <= byte <= 57


@nb.njit(nogil=True, cache=True)
def _ends_host(data: npt.NDArray[np.uint8], at: int, stop: int) -> bool:
    """Say whether an ending of hosts stands at `at`, and no letter or digit after it."""
    packed = 0
    k = at
    while k < stop and k - at < 7 and 97 <= (data[k] | 32) <= 122:
        packed = (packed << 8) | np.int64(data[k] | 32)
        k += 1
    if k - at < 2 or k - at > 6 or (k < stop and _is_plain(data[k])):
        return False
    known = False
    for i in range(_HOST_ENDINGS.shape[0]):
        known |= _HOST_ENDINGS[i] == packed
    return known


@nb.njit(nogil=True, cache=True)
def _count_shapes(data: npt.NDArray[np.uint8], start: int, stop: int, raw: npt.NDArray[np.float64]) -> None:
    """Count addresses without their beginning ("a.example.com", "a dot com"), telephone numbers, and sums of money."""
    at = start
    addresses = phones = sums = 0
    while at < stop:
        byte = data[at]
        if byte == 46:  # "."
            if at > start and at + 2 < stop:
                apart = data[at - 1] == 32 and data[at + 1] == 32  # "a . com"
                if (apart or _is_plain(data[at - 1])) and _ends_host(data, at + (2 if apart else 1), stop):
                    addresses += 1
        elif byte == 47:  # "//": an address with its beginning, counted elsewhere
            if at + 1 < stop and data[at + 1] == 47 and at > start and data[at - 1] == 58:
                while at < stop and data[at] > 32:
                    at += 1
        elif (byte | 32) == 100:  # "dot com"
            if at + 5 < stop and (data[at + 1] | 32) == 111 and (data[at + 2] | 32) == 116:
                if at > start and not _is_plain(data[at - 1]) and not _is_plain(data[at + 3]):
                    if _ends_host(data, at + 4, stop):
                        addresses += 1
        elif byte == 36 or byte == 0xA3 or byte == 0xAC:  # "$", and the last byte of "£" and "€"
            sign = (
                byte == 36
                or (byte == 0xA3 and at > start and data[at - 1] == 0xC2)
                or (byte == 0xAC and at > start + 1 and data[at - 1] == 0x82 and data[at - 2] == 0xE2)
            )
            if sign and at + 1 < stop and 48 <= data[at + 1] <= 57:
                sums += 1
        elif 48 <= byte <= 57:
            count = 0
            last = at
            while at < stop:
                if 48 <= data[at] <= 57:
                    count += 1
                    last = at
                elif (
                    not (data[at] == 32 or data[at] == 45 or data[at] == 40 or data[at] == 41 or data[at] == 43)
                    or at - last > 2
                ):
                    break
                at += 1
            at = last
            following = data[at + 1] if at + 1 < stop else 32
            if 9 <= count <= 15 and following != 58 and following != 46 and not _is_plain(following):
                phones += 1
        at += 1
    raw[ADDRESSES] = addresses
    raw[PHONES] = phones
    raw[SUMS] = sums


@nb.njit(nogil=True, cache=True)
def _begins_with(
    text: npt.NDArray[np.uint8], a: int, b: int, author: npt.NDArray[np.uint8], c: int, d: int
) -> tuple[bool, bool]:
    """Say whether a text begins with its author's name, by ASCII letters and digits, and whether it is all of it.

    So do notices, whose author is the title of the page that sent them; "Pingback:" may stand before it.
    """
    at = _past_notice(text, a, b)
    length = 0
    for i in range(c, d):
        byte = author[i]
        if not _is_plain(byte):
            continue
        while at < b and not _is_plain(text[at]):
            at += 1
        if at >= b or (text[at] | 32) != (byte | 32):
            return False, False
        at += 1
        length += 1
    if length < 5:
        return False, False
    rest = 0
    while at < b and rest < 3:
        rest += _is_plain(text[at])
        at += 1
    return True, rest < 3


@nb.njit(nogil=True, cache=True)
def _past_notice(text: npt.NDArray[np.uint8], a: int, b: int) -> int:
    """Return the place after "Pingback:" or "Trackback:" at the beginning, else the beginning."""
    k = a
    while k < b and text[k] != 58 and k - a < 12:
        k += 1
    if k >= b or text[k] != 58 or k - a < 8:
        return a
    for i in range(4):
        if (text[k - 4 + i] | 32) != _BACK[i]:
            return a
    first = text[a] | 32
    return k + 1 if first == 112 or first == 116 else a


@nb.njit(nogil=True, cache=True)
def _bracketed(data: npt.NDArray[np.uint8], start: int, at: int) -> bool:
    """Say whether the "]" at `at` closes "[...]" or "[…]", where trackbacks cut their excerpt."""
    k = at - 1
    while k >= start and (data[k] == 46 or data[k] == 0xA6 or data[k] == 0x80 or data[k] == 0xE2):
        k -= 1
    return at - k > 2 and k >= start and data[k] == 91


@nb.njit(nogil=True, cache=True)
def _has_link(data: npt.NDArray[np.uint8], start: int, stop: int) -> bool:
    for at in range(start, stop):
        if (data[at] | 32) == 104 or (data[at] | 32) == 119:
            if _link_starts(data, at, stop) > 0:
                return True
    return False


@nb.njit(nogil=True, cache=True)
def _link_starts(data: npt.NDArray[np.uint8], at: int, end: int) -> int:
    """Return the length of "http://", "https://" or "www." at `at` (any case), or 0."""
    left = end - at
    if left >= 4 and (data[at] | 32) == 119 and (data[at + 1] | 32) == 119 and (data[at + 2] | 32) == 119:
        return 4 if data[at + 3] == 46 else 0
    if left < 8 or (data[at] | 32) != 104 or (data[at + 1] | 32) != 116 or (data[at + 2] | 32) != 116:
        return 0
    if (data[at + 3] | 32) != 112:
        return 0
    skip = 5 if (data[at + 4] | 32) == 115 else 4
    if data[at + skip] == 58 and left > skip + 2 and data[at + skip + 1] == 47 and data[at + skip + 2] == 47:
        return skip + 3
    return 0


@nb.njit(nogil=True, cache=True)
def _ellipsis_at_start(data: npt.NDArray[np.uint8], start: int, stop: int) -> bool:
    i = start
    while i < stop and (data[i] <= 32 or data[i] == 91 or data[i] == 40):
        i += 1
    if i + 2 >= stop:
        return False
    dots = data[i] == 46 and data[i + 1] == 46
    sign = data[i] == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA6
    return dots or sign


@nb.njit(nogil=True, cache=True)
def _ellipsis_at_end(data: npt.NDArray[np.uint8], start: int, stop: int) -> int:
    """Return 0, or 1 where the text ends in an ellipsis, or 2 where that ellipsis follows a letter (cut in a word)."""
    i = stop - 1
    while i >= start and (data[i] <= 32 or data[i] == 93 or data[i] == 41):
        i -= 1
    if i - 2 < start:
        return 0
    if data[i] == 46 and data[i - 1] == 46:
        while i >= start and data[i] == 46:
            i -= 1
    elif data[i] == 0xA6 and data[i - 1] == 0x80 and data[i - 2] == 0xE2:
        i -= 3
    else:
        return 0
    return 2 if i >= start and (97 <= (data[i] | 32) <= 122 or data[i] >= 0x80) else 1


@nb.njit(nogil=True, cache=True)
def _author_in_host(data: npt.NDArray[np.uint8], a: int, b: int, links: npt.NDArray[np.uint8], c: int, d: int) -> bool:
    """Say whether the letters of the author's name stand in a row in the link: "Cheap Boots" and cheapboots.example."""
    name = np.empty(32, np.uint8)
    n = 0
    for i in range(a, b):
        byte = data[i]
        if 65 <= byte <= 90:
            byte |= 32
        if (97 <= byte <= 122 or 48 <= byte <= 57) and n < 32:
            name[n] = byte
            n += 1
    if n < 5:
        return False
    matched = 0
    for i in range(c, d):
        byte = links[i]
        if 65 <= byte <= 90:
            byte |= 32
        if not (97 <= byte <= 122 or 48 <= byte <= 57):
            continue
        if byte == name[matched]:
            matched += 1
            if matched == n:
                return True
        else:
            matched = 1 if byte == name[0] else 0
    return False


@nb.njit(nogil=True, cache=True)
def _half(pair: int, upper: int) -> int:
    """Return one of the two 32-bit sums that were added up in one 64-bit word."""
    lower = np.int64(np.int32(pair & 0xFFFFFFFF))
    return (pair - lower) >> 32 if upper else lower


@nb.njit(nogil=True, cache=True)
def run_pass(
    mode: int,
    text_at: npt.NDArray[np.int64],
    text: npt.NDArray[np.uint8],
    author_at: npt.NDArray[np.int64],
    author: npt.NDArray[np.uint8],
    link_at: npt.NDArray[np.int64],
    link: npt.NDArray[np.uint8],
    table: npt.NDArray[np.uint32],
    keys: npt.NDArray[np.uint64],
    classes: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int64],
    sums: npt.NDArray[np.float64],
    raws: npt.NDArray[np.float64],
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    values: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Run one mode over all texts; only that mode's outputs are filled."""
    word = np.empty(_MAX_WORD + 2, np.int64)
    singles = np.empty(26, np.int64)
    stamps = np.full(N_BUCKETS, -1, np.int32)
    # A text has at most one of each bucket; with offsets kept, at most four features a byte.
    out = np.empty(offsets.shape[0] if mode == SPANS else N_BUCKETS + 1, np.int32)
    packed = np.zeros((2, PACKS), np.int64)
    filled = 0
    for i in range(text_at.shape[0] - 1):
        raw = raws[i]
        n = _read(text, text_at[i], text_at[i + 1], TEXT_FIELD, table, keys, classes, word, singles, raw, mode, i,
                  stamps, out, offsets, 0)  # fmt: skip
        if author_at[i + 1] > author_at[i]:
            n = _read(author, author_at[i], author_at[i + 1], AUTHOR_FIELD, table, keys, classes, word, singles, raw,
                      mode, i, stamps, out, offsets, n)  # fmt: skip
            begins, whole = _begins_with(text, text_at[i], text_at[i + 1], author, author_at[i], author_at[i + 1])
            raw[AUTHOR_IN_TEXT] = 1.0 if begins else 0.0
            raw[AUTHOR_IS_TEXT] = 1.0 if whole else 0.0
        if link_at[i + 1] > link_at[i]:
            raw[AUTHOR_URL] = 1.0
            n = _read(link, link_at[i], link_at[i + 1], LINK_FIELD, table, keys, classes, word, singles, raw, mode, i,
                      stamps, out, offsets, n)  # fmt: skip
            if _author_in_host(author, author_at[i], author_at[i + 1], link, link_at[i], link_at[i + 1]):
                raw[AUTHOR_IN_HOST] = 1.0
        words = 0
        for k in range(n):
            words += 1 - (out[k] >> BITS)
        raw[DISTINCT_WORDS] = words
        by_words = 1.0 / np.sqrt(max(words, 1))
        by_chars = 1.0 / np.sqrt(max(n - words, 1))
        if mode == SCORE:
            for j in range(sums.shape[1]):
                sums[i, j] = 0.0
            k = 0
            while k < n:
                # Sums of at most 2**16 whole numbers below 2**15 stay within their half of the word.
                until = min(k + 65000, n)
                w0 = w1 = w2 = w3 = w4 = 0
                c0 = c1 = c2 = c3 = c4 = 0
                while k < until:
                    entry = out[k]
                    bucket = np.uint64(entry & (N_BUCKETS - 1))
                    if entry >> BITS:
                        c0 += weights[bucket, 0]
                        c1 += weights[bucket, 1]
                        c2 += weights[bucket, 2]
                        c3 += weights[bucket, 3]
                        c4 += weights[bucket, 4]
                    else:
                        w0 += weights[bucket, 0]
                        w1 += weights[bucket, 1]
                        w2 += weights[bucket, 2]
                        w3 += weights[bucket, 3]
                        w4 += weights[bucket, 4]
                    k += 1
                packed[0, 0], packed[0, 1], packed[0, 2], packed[0, 3], packed[0, 4] = w0, w1, w2, w3, w4
                packed[1, 0], packed[1, 1], packed[1, 2], packed[1, 3], packed[1, 4] = c0, c1, c2, c3, c4
                for j in range(sums.shape[1]):
                    sums[i, j] += (
                        _half(packed[0, j // 2], j & 1) * by_words + _half(packed[1, j // 2], j & 1) * by_chars
                    )
        elif mode == MATRIX:
            if filled + n > indices.shape[0]:
                room = max(indices.shape[0] * 2, filled + n)
                larger = np.empty(room, np.int32)
                larger[:filled] = indices[:filled]
                indices = larger
                wider = np.empty(room, np.float32)
                wider[:filled] = values[:filled]
                values = wider
            for k in range(n):
                indices[filled] = out[k] & (N_BUCKETS - 1)
                values[filled] = np.float32(by_chars) if out[k] >> BITS else np.float32(by_words)
                filled += 1
            indptr[i + 1] = filled
        else:
            return out[:n].copy(), values
    return indices[:filled].copy(), values[:filled].copy()


@nb.njit(nogil=True, cache=True)
def read_stems(
    text_at: npt.NDArray[np.int64],
    text: npt.NDArray[np.uint8],
    table: npt.NDArray[np.uint32],
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
) -> npt.NDArray[np.int32]:
    """Fill `indptr` and return the buckets of each text's distinct stems."""
    stamps = np.full(N_BUCKETS, -1, np.int32)
    filled = 0
    for i in range(text_at.shape[0] - 1):
        at = text_at[i]
        stop = text_at[i + 1]
        state = _S_STEM
        length = 0
        while True:
            kind = 0
            following = at + 1
            folded = 32
            if at < stop:
                if text[at] < 0x80:
                    point, following = np.int64(text[at]), at + 1
                else:
                    point, following = _decode(text, at, stop)
                entry = table[point] if point < table.shape[0] else (np.uint32(1 << 24) | np.uint32(point))
                kind = (entry >> 24) & 7
                folded = np.int64(entry & 0xFFFFFF)
            if kind == 1 or kind == 2:
                if length < 6:  # a crude stem: the first six letters
                    state = _mix(state, folded)
                length += 1
            elif kind != 3 and not (kind == 5 and folded == 39 and length > 0):
                if length > 2:
                    bucket = np.int32(((state ^ (state >> np.uint64(32))) * _PRIME) >> _SHIFT)
                    if stamps[bucket] != i:
                        stamps[bucket] = i
                        if filled == indices.shape[0]:
                            larger = np.empty(indices.shape[0] * 2, np.int32)
                            larger[:filled] = indices
                            indices = larger
                        indices[filled] = bucket
                        filled += 1
                state = _S_STEM
                length = 0
            if at >= stop:
                break
            at = following
        indptr[i + 1] = filled
    return indices[:filled].copy()


@nb.njit(nogil=True, cache=True)
def read_fragments(
    text_at: npt.NDArray[np.int64],
    text: npt.NDArray[np.uint8],
    table: npt.NDArray[np.uint32],
    rare: npt.NDArray[np.uint8],
    least: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Write 1 for each text that ends in an ellipsis right after letters that are no word people write."""
    for i in range(text_at.shape[0] - 1):
        start = text_at[i]
        if _ellipsis_at_end(text, start, text_at[i + 1]) < 2:
            continue
        stop = text_at[i + 1] - 1
        while stop > start and not (97 <= (text[stop] | 32) <= 122 or (text[stop] >= 0x80 and not _dots(text, stop))):
            stop -= 1
        stop += 1
        begin = stop
        while begin > start and (
            97 <= (text[begin - 1] | 32) <= 122 or text[begin - 1] >= 0x80 or text[begin - 1] == 39
        ):
            begin -= 1
        state = _S_STEM
        length = 0
        first = 0
        second = 0
        at = begin
        while at < stop:
            point, at = _decode(text, at, stop)
            entry = table[point] if point < CODE_POINTS else np.uint32((LETTER << 24) | point)
            kind = (entry >> np.uint32(24)) & np.uint32(7)
            if kind == LETTER or kind == DIGIT:
                folded = np.int64(entry & np.uint32(0x1FFFFF))
                if length < 6:
                    state = _mix(state, folded)
                second = folded if length == 1 else second
                first = folded if length == 0 else first
                length += 1
        if length > 2:
            bucket = np.int32(((state ^ (state >> np.uint64(32))) * _PRIME) >> _SHIFT)
            out[i] = 1.0 if rare[bucket] >= least else 0.0
        elif length == 2:
            # "am an as at be by do go ha he hi if in is it me my no of oh ok on or so to uk up us tv we"
            known = False
            for k in range(0, _SHORT.shape[0], 2):
                if _SHORT[k] == first and _SHORT[k + 1] == second:
                    known = True
            out[i] = 0.0 if known else 1.0
        elif length == 1:
            out[i] = 0.0 if first == 97 or first == 105 or first == 117 else 1.0  # a, I, u


@nb.njit(nogil=True, cache=True)
def _dots(text: npt.NDArray[np.uint8], at: int) -> bool:
    """Say whether the byte at `at` belongs to "…"."""
    byte = text[at]
    if byte == 0xA6:
        return text[at - 1] == 0x80 and text[at - 2] == 0xE2
    if byte == 0x80:
        return text[at - 1] == 0xE2
    return byte == 0xE2
