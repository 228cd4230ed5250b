"""The compiled half of `json_blocks`: bytes of JSON objects in, the places of their values out, and texts from places.

Strict: what is read here is what any parser reads in the same way. Everything else is refused, the object named, and
left to parsers that are lenient and slow: bytes that are no UTF-8, half characters, a key that comes twice or is
written with escapes, numbers of many digits, deep nesting.

numba compiles every function here on first use and keeps the result on disk. Words of eight bytes are unsigned 64-bit
numbers throughout: mixed with signed ones they would become floating-point numbers.
"""

from typing import Final

import numba as nb
import numpy as np

from moderation.readers.machine_words import (
    HIGHS,
    NOUGHT,
    ONES,
    SPACES,
    Bytes,
    Places,
    byte_at,
    eight_at,
    lowest,
    put_eight,
    within,
)

__all__ = [
    "ANY",
    "BOOL",
    "CLOSED",
    "DONE",
    "FLAT",
    "FULL",
    "INT",
    "NODE",
    "REFUSED",
    "SOME",
    "STOPPED",
    "TEXT",
    "cut",
    "fill",
    "find",
    "sizes",
    "skip",
]

# What a key holds: a text, a whole number, yes or no (or null); anything, of which is told whether it is more than
# null, false, 0 or empty; a value that is not looked at, within it nothing or anything; an object that is looked into;
# nothing that could be read here.
TEXT, INT, BOOL, SOME, FLAT, ANY, NODE, REFUSED = range(8)
# How `find` ended: at the end of the bytes, at the most objects, at the end of the list, at what it refused.
DONE, FULL, CLOSED, STOPPED = range(4)
# What it is told of a key, one column each: where its name begins and ends, what it holds, in which column (or which
# node it leads to), and the node that it is in.
BEGIN, END, KIND, TARGET, OWNER = range(5)

# Levels of nesting in what is not looked at; each is a bit of a word.
DEEPEST: Final = 60
DIGITS: Final = 40

QUOTE, SLASH, SPACE, COMMA, COLON = 0x22, 0x5C, 0x20, 0x2C, 0x3A
OPEN, CLOSE, LIST, LISTED = 0x7B, 0x7D, 0x5B, 0x5D

QUOTES: Final = np.uint64(0x2222222222222222)
SLASHES: Final = np.uint64(0x5C5C5C5C5C5C5C5C)


@within()
def _sequence(data: Bytes, at: int, end: int) -> int:
    """Return how many bytes the character above ASCII at `at` has; 0 where they are not UTF-8."""
    first = byte_at(data, at)
    if first < 0xC2 or first > 0xF4:
        return 0
    count = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if at + count > end:
        return 0
    second = byte_at(data, at + 1)
    if second & 0xC0 != 0x80:
        return 0
    # Longer than need be, half a character, or beyond the last one.
    if (first == 0xE0 and second < 0xA0) or (first == 0xED and second > 0x9F):
        return 0
    if (first == 0xF0 and second < 0x90) or (first == 0xF4 and second > 0x8F):
        return 0
    for i in range(2, count):
        if byte_at(data, at + i) & 0xC0 != 0x80:
            return 0
    return count


@within()
def _hexadecimal(data: Bytes, at: int, end: int) -> int:
    """Return the number that the four digits at `at` stand for; below 0 where they are none."""
    if at + 4 > end:
        return -1
    number = 0
    for i in range(at, at + 4):
        byte = byte_at(data, i)
        if 0x30 <= byte <= 0x39:
            number = number * 16 + byte - 0x30
        elif 0x41 <= byte <= 0x46 or 0x61 <= byte <= 0x66:
            number = number * 16 + (byte & 0xDF) - 0x37
        else:
            return -1
    return number


@within()
def _point(data: Bytes, at: int, end: int) -> int:
    """Return the code point of the four-digit escape at `at`, or of two that make one; below 0 where there is none."""
    point = _hexadecimal(data, at + 2, end)
    if point < 0xD800 or point > 0xDFFF:
        return point
    if point > 0xDBFF or at + 8 > end or byte_at(data, at + 6) != SLASH or byte_at(data, at + 7) != 0x75:
        return -1
    low = _hexadecimal(data, at + 8, end)
    return 0x10000 + ((point - 0xD800) << 10) + low - 0xDC00 if 0xDC00 <= low <= 0xDFFF else -1


@within()
def _single(byte: int) -> int:
    """Return what an escape of one letter stands for; below 0 where there is none."""
    if byte == QUOTE or byte == SLASH or byte == 0x2F:
        return byte
    if byte == 0x6E:
        return 10
    if byte == 0x74:
        return 9
    if byte == 0x72:
        return 13
    if byte == 0x62:
        return 8
    return 12 if byte == 0x66 else -1


@within()
def _text(data: Bytes, at: int, end: int) -> int:
    """Return where the text whose first byte is at `at` has its closing mark.

    Below 0, that place negated, where there are escapes in it; 0 where it is no text.
    """
    escaped = False
    while True:
        while at + 8 <= end:
            word = eight_at(data, at)
            quote, slash = word ^ QUOTES, word ^ SLASHES
            # The lowest bit set stands in the first byte that ends a run of plain ones.
            odd = (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((word - SPACES) & ~word) | word) & HIGHS
            if odd != NOUGHT:
                at += lowest(odd) >> 3
                break
            at += 8
        if at >= end:
            return 0
        byte = byte_at(data, at)
        if byte == QUOTE:
            return -at if escaped else at
        if byte == SLASH:
            escaped = True
            if at + 1 >= end:
                return 0
            if byte_at(data, at + 1) == 0x75:
                point = _point(data, at, end)
                if point < 0:
                    return 0
                at += 12 if point > 0xFFFF else 6
            else:
                if _single(byte_at(data, at + 1)) < 0:
                    return 0
                at += 2
        elif byte >= 0x80:
            while at < end and byte_at(data, at) >= 0x80:
                count = _sequence(data, at, end)
                if count == 0:
                    return 0
                at += count
        elif byte < SPACE:
            return 0
        else:
            at += 1


@within(forceinline=True)
def _after_space(data: Bytes, at: int, end: int, lines: bool) -> int:
    """Return the place of what comes next; a line end is no white space where objects are `lines`."""
    while at < end:
        byte = byte_at(data, at)
        if byte > SPACE or not (byte == SPACE or byte == 9 or byte == 13 or (byte == 10 and not lines)):
            break
        at += 1
    return at


@within()
def _number(data: Bytes, at: int, end: int) -> int:
    """Return where the number at `at` ends; 0 where there is none that every parser takes."""
    first = at
    if byte_at(data, at) == 0x2D:
        at += 1
    digits = at
    while at < end and 0x30 <= byte_at(data, at) <= 0x39:
        at += 1
    if at == digits or (byte_at(data, digits) == 0x30 and at - digits > 1):
        return 0
    if at < end and byte_at(data, at) == 0x2E:
        point = at
        at += 1
        while at < end and 0x30 <= byte_at(data, at) <= 0x39:
            at += 1
        if at == point + 1:
            return 0
    if at < end and byte_at(data, at) | 0x20 == 0x65:
        at += 1
        if at < end and (byte_at(data, at) == 0x2B or byte_at(data, at) == 0x2D):
            at += 1
        power = at
        while at < end and 0x30 <= byte_at(data, at) <= 0x39:
            at += 1
        if at == power or at - power > 2:
            return 0
    return at if at - first <= DIGITS else 0


@within()
def _word(data: Bytes, at: int, end: int) -> int:
    """Return where the word null, true or false at `at` ends; 0 where there is none."""
    first = byte_at(data, at)
    if at + 4 <= end and first == 0x6E:
        return (
            at + 4
            if byte_at(data, at + 1) == 0x75 and byte_at(data, at + 2) == 0x6C and byte_at(data, at + 3) == 0x6C
            else 0
        )
    if at + 4 <= end and first == 0x74:
        return (
            at + 4
            if byte_at(data, at + 1) == 0x72 and byte_at(data, at + 2) == 0x75 and byte_at(data, at + 3) == 0x65
            else 0
        )
    if at + 5 <= end and first == 0x66 and byte_at(data, at + 1) == 0x61 and byte_at(data, at + 2) == 0x6C:
        return at + 5 if byte_at(data, at + 3) == 0x73 and byte_at(data, at + 4) == 0x65 else 0
    return 0


@within()
def _scalar(data: Bytes, at: int, end: int) -> int:
    """Return where the text, number or word at `at` ends; 0 where there is none."""
    byte = byte_at(data, at)
    if byte == QUOTE:
        stop = _text(data, at + 1, end)
        return abs(stop) + 1 if stop != 0 else 0
    return _number(data, at, end) if byte == 0x2D or 0x30 <= byte <= 0x39 else _word(data, at, end)


@within(forceinline=True)
def _colon(data: Bytes, at: int, end: int, lines: bool) -> int:
    """Return the place of the value behind a key that ended at `at`; 0 where there is none."""
    at = _after_space(data, at, end, lines)
    if at >= end or byte_at(data, at) != COLON:
        return 0
    at = _after_space(data, at + 1, end, lines)
    return at if at < end else 0


@within()
def _key(data: Bytes, at: int, end: int, lines: bool) -> int:
    """Return the place of the value behind the key at `at`; 0 where there is no key."""
    if at >= end or byte_at(data, at) != QUOTE:
        return 0
    stop = _text(data, at + 1, end)
    return _colon(data, abs(stop) + 1, end, lines) if stop != 0 else 0


@within()
def _value(data: Bytes, at: int, end: int, lines: bool) -> int:
    """Return where the value at `at` ends, whatever it is; 0 where there is none."""
    inside, depth = 0, 0  # a bit for each level: it is an object, no list
    while True:
        opening = byte_at(data, at)
        if opening == OPEN or opening == LIST:
            depth += 1
            if depth > DEEPEST:
                return 0
            is_object = opening == OPEN
            inside = inside << 1 | is_object
            at = _after_space(data, at + 1, end, lines)
            if at >= end:
                return 0
            if byte_at(data, at) != (CLOSE if is_object else LISTED):
                if is_object:
                    at = _key(data, at, end, lines)
                    if at == 0:
                        return 0
                continue
            at += 1
            depth -= 1
            inside >>= 1
        else:
            at = _scalar(data, at, end)
            if at == 0:
                return 0
        while depth > 0:
            at = _after_space(data, at, end, lines)
            if at >= end:
                return 0
            if byte_at(data, at) == COMMA:
                at = _after_space(data, at + 1, end, lines)
                if inside & 1:
                    at = _key(data, at, end, lines)
                    if at == 0:
                        return 0
                if at >= end:
                    return 0
                break
            if byte_at(data, at) != (CLOSE if inside & 1 else LISTED):
                return 0
            at += 1
            depth -= 1
            inside >>= 1
        if depth == 0:
            return at


@within(forceinline=True)
def _same(data: Bytes, at: int, names: Bytes, begin: int, size: int) -> bool:
    for i in range(size):
        if byte_at(data, at + i) != byte_at(names, begin + i):
            return False
    return True


@within(forceinline=True)
def _is_next(data: Bytes, at: int, end: int, node: int, key: int, names: Bytes, keys: Places) -> bool:
    """Tell whether the name of `key`, which is looked for in `node`, stands at `at`, up to its closing mark."""
    size = keys[key, END] - keys[key, BEGIN]
    return (
        keys[key, OWNER] == node
        and at + size < end
        and byte_at(data, at + size) == QUOTE
        and _same(data, at, names, keys[key, BEGIN], size)
    )


@within()
def _known(data: Bytes, at: int, size: int, node: int, names: Bytes, keys: Places, nodes: Places) -> int:
    """Return the number of the key that stands at `at`; below 0 where it is none of the node's."""
    for key in range(nodes[node], nodes[node + 1]):
        if keys[key, END] - keys[key, BEGIN] == size and _same(data, at, names, keys[key, BEGIN], size):
            return key
    return -1


@within()
def _integer(data: Bytes, at: int, stop: int) -> int:
    number = 0
    for i in range(at + (byte_at(data, at) == 0x2D), stop):
        number = number * 10 + byte_at(data, i) - 0x30
    return -number if byte_at(data, at) == 0x2D else number


@within()
def _is_integer(data: Bytes, at: int, stop: int) -> bool:
    """Tell whether a number is whole and safe to read: of up to 18 digits, and not the nought below nought."""
    if stop - at > 18 or (byte_at(data, at) == 0x2D and byte_at(data, at + 1) == 0x30):
        return False
    for i in range(at + 1, stop):
        if byte_at(data, i) < 0x30 or byte_at(data, i) > 0x39:
            return False
    return True


@within()
def _is_nothing(data: Bytes, at: int, stop: int) -> bool:
    """Tell whether a value is null, false, 0 or empty, as programs write it."""
    byte = byte_at(data, at)
    if stop - at <= 2:
        return byte == 0x30 if stop - at == 1 else byte == QUOTE or byte == OPEN or byte == LIST
    return byte == 0x6E or byte == 0x66


@within(forceinline=True)
def _held(
    data: Bytes, at: int, end: int, lines: bool, kind: int, column: int, row: int, starts: Places, ends: Places
) -> int:
    """Take the value at `at` into its column, and return where it ends; 0 where it is not of its kind."""
    byte = byte_at(data, at)
    if kind == SOME:
        stop = _value(data, at, end, lines)
        starts[column, row], ends[column, row] = at, not _is_nothing(data, at, stop)
        return stop
    if byte == QUOTE and kind == TEXT:
        stop = _text(data, at + 1, end)
        if stop == 0:
            return 0
        starts[column, row], ends[column, row] = at + 1, stop
        return abs(stop) + 1
    if kind == INT and (byte == 0x2D or 0x30 <= byte <= 0x39):
        stop = _number(data, at, end)
        if stop == 0 or not _is_integer(data, at, stop):
            return 0
        starts[column, row], ends[column, row] = at, _integer(data, at, stop)
        return stop
    if byte == 0x6E:
        return _word(data, at, end)
    if kind == BOOL and (byte == 0x74 or byte == 0x66):
        starts[column, row], ends[column, row] = at, byte == 0x74
        return _word(data, at, end)
    return 0


@within(forceinline=True)
def _object(
    data: Bytes,
    at: int,
    end: int,
    lines: bool,
    others: bool,
    names: Bytes,
    keys: Places,
    nodes: Places,
    row: int,
    follows: Places,
    met: Places,
    path: Places,
    starts: Places,
    ends: Places,
) -> int:
    """Take the object that opens at `at` into the columns, and return where it ends; 0 where it is refused."""
    node, depth, last, fresh = 0, 0, len(keys), True
    at += 1
    while True:
        at = _after_space(data, at, end, lines)
        if at >= end:
            return 0
        if byte_at(data, at) == CLOSE:
            at += 1
            if depth == 0:
                return at
            depth -= 1
            node, fresh = path[depth], False
            continue
        if not fresh:
            if byte_at(data, at) != COMMA:
                return 0
            at = _after_space(data, at + 1, end, lines)
        fresh = False
        if at >= end or byte_at(data, at) != QUOTE:
            return 0
        # Programs write the keys in one order: what came behind the last one comes behind it again.
        key = follows[last]
        if _is_next(data, at + 1, end, node, key, names, keys):
            stop = at + 1 + keys[key, END] - keys[key, BEGIN]
        else:
            stop = _text(data, at + 1, end)
            if stop <= 0:
                return 0
            key = _known(data, at + 1, stop - at - 1, node, names, keys, nodes)
        at = _colon(data, stop + 1, end, lines)
        if at == 0 or (key < 0 and not others):
            return 0
        if key < 0:
            at = _value(data, at, end, lines)
            if at == 0:
                return 0
            continue
        if met[key] == row:
            return 0
        met[key] = row
        follows[last] = key
        last = key
        kind = keys[key, KIND]
        if kind == NODE:
            if byte_at(data, at) != OPEN:
                return 0
            path[depth] = node
            depth += 1
            node, fresh = keys[key, TARGET], True
            at += 1
            continue
        if kind <= SOME:
            at = _held(data, at, end, lines, kind, keys[key, TARGET], row, starts, ends)
        elif kind == FLAT:
            at = _scalar(data, at, end)
        elif kind == ANY:
            at = _value(data, at, end, lines)
        else:
            return 0
        if at == 0:
            return 0


@nb.njit(nogil=True, cache=True)
def find(
    data: Bytes,
    at: int,
    lines: bool,
    others: bool,
    names: Bytes,
    keys: Places,
    nodes: Places,
    starts: Places,
    ends: Places,
) -> tuple[int, int, int]:
    """Find the values of the objects from `at` on: one in each line, or with commas between them up to a "]".

    `others`: whether objects may have keys that are not known. The keys of node n are those from `nodes[n]` on. A text
    of column c and object r goes from `starts[c, r]` to `ends[c, r]`, which is negated where there are escapes in it;
    of a number or yes or no, `ends` is the value. Where there is none, or null, `starts` is below 0.

    Returns how many objects were read, at most as many as the columns are long; where the next one begins; and how it
    ended.
    """
    end = len(data)
    follows = np.arange(1, len(keys) + 2) % max(len(keys), 1)
    follows[len(keys)] = 0
    met = np.full(len(keys), -1)
    path = np.zeros(len(nodes), np.int64)
    after = at > 0 and byte_at(data, at - 1) == COMMA
    row, begin = 0, at
    while True:
        at = _after_space(data, begin, end, lines)
        if at >= end:
            return row, begin, STOPPED if after else DONE
        if byte_at(data, at) == LISTED and not lines and not after:
            return row, at + 1, CLOSED
        if row == starts.shape[1]:
            return row, begin, FULL
        if byte_at(data, at) != OPEN:
            return row, begin, STOPPED
        for column in range(starts.shape[0]):
            starts[column, row] = -1
        at = _object(data, at, end, lines, others, names, keys, nodes, row, follows, met, path, starts, ends)
        if at == 0:
            return row, begin, STOPPED
        at = _after_space(data, at, end, lines)
        if at < end:
            byte = byte_at(data, at)
            if (lines and byte != 10) or (not lines and byte != COMMA and byte != LISTED):
                return row, begin, STOPPED
            after = byte == COMMA
            at += byte != LISTED
        else:
            after = False
        row += 1
        begin = at


@nb.njit(nogil=True, cache=True)
def skip(data: Bytes, at: int, least: int) -> tuple[int, bool]:
    """Return where a number of elements end that begin at `at` and take up `least` bytes, and whether "]" follows.

    They are looked at as far as it takes to know where they end; 0 where there is no telling.
    """
    end, begin = len(data), at
    at = _after_space(data, at, end, False)
    while at < end:
        at = _value(data, at, end, False)
        if at == 0:
            break
        stop = at
        at = _after_space(data, at, end, False)
        if at >= end:
            break
        if byte_at(data, at) == LISTED:
            return stop, True
        if byte_at(data, at) != COMMA:
            break
        if stop - begin >= least:
            return stop, False
        at = _after_space(data, at + 1, end, False)
    return 0, False


@nb.njit(nogil=True, cache=True)
def cut(data: Bytes, starts: Places, ends: Places, count: int, prefix: Bytes) -> int:
    """Leave of a column's texts those that begin with `prefix`, without it, and return how many there were.

    Below 0 where one may begin so and is written with escapes.
    """
    there, size = 0, len(prefix)
    for row in range(count):
        at, stop = starts[row], ends[row]
        if at < 0:
            continue
        there += 1
        same = 0
        while same < size and at + same < abs(stop) and byte_at(data, at + same) == byte_at(prefix, same):
            same += 1
        if same == size:
            starts[row] = at + size
        elif stop < 0 and byte_at(data, at + same) == SLASH:
            return -1
        else:
            starts[row] = -1
    return there


@nb.njit(nogil=True, cache=True)
def sizes(starts: Places, ends: Places, count: int) -> Places:
    """Return how many bytes the texts of each column are written with (of others, nothing that means anything)."""
    found = np.zeros(starts.shape[0], np.int64)
    for column in range(starts.shape[0]):
        for row in range(count):
            if starts[column, row] >= 0:
                found[column] += abs(ends[column, row]) - starts[column, row]
    return found


@within()
def _unescaped(data: Bytes, at: int, stop: int, out: Bytes, to: int) -> int:
    """Write a text that has escapes, and return where what was written ends."""
    while at < stop:
        byte = byte_at(data, at)
        if byte != SLASH:
            out[to] = byte
            at += 1
            to += 1
            continue
        if byte_at(data, at + 1) != 0x75:
            out[to] = _single(byte_at(data, at + 1))
            at += 2
            to += 1
            continue
        point = _point(data, at, stop)
        at += 12 if point > 0xFFFF else 6
        if point < 0x80:
            out[to] = point
            to += 1
        elif point < 0x800:
            out[to] = 0xC0 | point >> 6
            out[to + 1] = 0x80 | point & 0x3F
            to += 2
        elif point < 0x10000:
            out[to] = 0xE0 | point >> 12
            out[to + 1] = 0x80 | point >> 6 & 0x3F
            out[to + 2] = 0x80 | point & 0x3F
            to += 3
        else:
            out[to] = 0xF0 | point >> 18
            out[to + 1] = 0x80 | point >> 12 & 0x3F
            out[to + 2] = 0x80 | point >> 6 & 0x3F
            out[to + 3] = 0x80 | point & 0x3F
            to += 4
    return to


@nb.njit(nogil=True, cache=True)
def fill(
    data: Bytes, starts: Places, ends: Places, valid: Bytes, begins: Places, offsets: Places, out: Bytes
) -> Places:
    """Write the texts of each column one after the other, from `begins` of the column on, and how far each goes.

    Into `valid` goes a bit for each value that is there. Returns how many there are in each column; of a column that
    begins below 0, there are no texts. `out` is 8 bytes longer than all texts.
    """
    end, count = len(data), offsets.shape[1] - 1
    there = np.zeros(starts.shape[0], np.int64)
    for column in range(starts.shape[0]):
        begin = to = begins[column]
        for row in range(count):
            offsets[column, row] = to - begin
            at, stop = starts[column, row], ends[column, row]
            if at < 0:
                continue
            there[column] += 1
            valid[column, row >> 3] |= 1 << (row & 7)
            if begin < 0:
                continue
            if stop < 0:
                to = _unescaped(data, at, -stop, out, to)
                continue
            if stop + 8 <= end:
                for step in range(0, stop - at, 8):  # beyond the end too: what comes next is written over it
                    put_eight(out, to + step, eight_at(data, at + step))
            else:
                for step in range(stop - at):
                    out[to + step] = byte_at(data, at + step)
            to += stop - at
        offsets[column, count] = to - begin
    return there
