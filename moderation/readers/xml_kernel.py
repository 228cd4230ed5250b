"""The compiled half of `xml_plain`: bytes of whole XML records in, the places of what is asked of them out, and texts.

Strict: what is read here is what a conforming parser reads in the same way. Everything else is refused with all the
bytes at hand, and left to a parser: comments, processing instructions, declarations of namespaces, names beyond ASCII,
deep nesting, and whatever is not well-formed. The bytes must be sound UTF-8.

numba compiles every function here on first use and keeps the result on disk.
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

__all__ = ["CONTAINER", "CONTAINS", "DEEPEST", "EQUAL", "FIRST", "FULL", "MANY", "MISSING", "NEVER", "ONCE", "PRESENT",
           "RECORD", "REFUSED", "find", "write"]  # fmt: skip

# How often an element may come in the one it stands in: as often as it likes; once, or all is refused; the first one
# counts, and others are as if they were not known; never.
MANY, ONCE, FIRST, NEVER = range(4)
# What an element is.
RECORD, CONTAINER = 1, 2
# What `find` is told of an element, one column each: how often, the columns that its text and its being there go to,
# what it is, the number of its kind, and where its children, its attributes and its picks begin and end.
OFTEN, TEXT, THERE, ROLE, KIND, CHILD, CHILDREN, RULE, RULES, PICK, PICKS = range(11)
# Of an attribute: where its name begins and ends, what is asked of another (whose name and value begin and end there),
# the column that it goes to, and whether the first such element counts or there may be one only.
NAME, NAMED, TEST, OF, OFF, VALUE, VALUED, COLUMN, IS_FIRST = range(9)
EQUAL, CONTAINS = 1, 2
# Below 0: an element that was not met, and one that was but has no such attribute.
ABSENT, MISSING = -1, -2
# Of a pair that must not come together: both elements, or both attributes.
PRESENT: Final = 1
# How `find` ends, if not with the number of rows: there was no room for more, or something is not plain.
FULL, REFUSED = -1, -2

DEEPEST: Final = 60
ATTRIBUTES: Final = 40
DIGITS: Final = 7

LESS, GREATER, AMP, BRACKET, SLASH, BANG, COLON, EQUALS = 0x3C, 0x3E, 0x26, 0x5D, 0x2F, 0x21, 0x3A, 0x3D
SEMICOLON, SHARP, TAB, LINE, RETURN, SPACE, LAST = 0x3B, 0x23, 0x09, 0x0A, 0x0D, 0x20, 0xEF
LESSES: Final = np.uint64(0x3C3C3C3C3C3C3C3C)
AMPS: Final = np.uint64(0x2626262626262626)
BRACKETS: Final = np.uint64(0x5D5D5D5D5D5D5D5D)
RETURNS: Final = np.uint64(0x0D0D0D0D0D0D0D0D)
LASTS: Final = np.uint64(0xEFEFEFEFEFEFEFEF)
SECTION: Final = 9
OPENING = np.frombuffer(b"<![CDATA[", np.uint8)
ENTITIES = np.frombuffer(b"amp;lt;gt;quot;apos;", np.uint8)
# Where the five begin and end, and what they stand for.
KNOWN = np.array([(0, 4, 0x26), (4, 7, 0x3C), (7, 10, 0x3E), (10, 15, 0x22), (15, 20, 0x27)])
# Bytes of names: 1 may begin one, 2 may come later.
NAMING = np.zeros(256, np.uint8)
for _byte in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_":
    NAMING[_byte] = 1
for _byte in b"0123456789.-":
    NAMING[_byte] = 2
# Ends cells and records: no text holds them.
CELL, ROW = 1, 2


@within(forceinline=True)
def _same(data: Bytes, at: int, other: Bytes, begin: int, size: int) -> bool:
    for i in range(size):
        if byte_at(data, at + i) != byte_at(other, begin + i):
            return False
    return True


@within(forceinline=True)
def _is(data: Bytes, at: int, stop: int, names: Bytes, begin: int, end: int) -> bool:
    return stop - at == end - begin and _same(data, at, names, begin, end - begin)


@within()
def _holds(data: Bytes, at: int, stop: int, names: Bytes, begin: int, end: int) -> bool:
    for start in range(at, stop - (end - begin) + 1):
        if _same(data, start, names, begin, end - begin):
            return True
    return False


@within()
def _reference(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return where the reference at `at` ends, and the character that it stands for; 0 where there is none."""
    at += 1
    if at + 1 < end and byte_at(data, at) == SHARP:
        at += 1
        is_hexadecimal = byte_at(data, at) == 0x78
        at += is_hexadecimal
        first, point = at, 0
        while at < end and at - first <= DIGITS:
            byte = byte_at(data, at)
            if 0x30 <= byte <= 0x39:
                digit = byte - 0x30
            elif is_hexadecimal and 0x61 <= byte | 0x20 <= 0x66:
                digit = (byte | 0x20) - 0x57
            else:
                break
            point = point * (16 if is_hexadecimal else 10) + digit
            at += 1
        if at == first or at - first > DIGITS or at >= end or byte_at(data, at) != SEMICOLON:
            return 0, 0
        is_character = (
            point == TAB or point == LINE or point == RETURN or 0x20 <= point < 0xD800 or 0xDFFF < point < 0xFFFE
        )
        return (at + 1, point) if is_character or 0xFFFF < point < 0x110000 else (0, 0)
    for i in range(len(KNOWN)):
        size = KNOWN[i, 1] - KNOWN[i, 0]
        if at + size <= end and _same(data, at, ENTITIES, KNOWN[i, 0], size):
            return at + size, KNOWN[i, 2]
    return 0, 0


@within(forceinline=True)
def _is_beyond(data: Bytes, at: int, end: int) -> bool:
    """Tell whether the character at `at`, whose first byte is 0xEF, is none that XML allows."""
    return at + 2 < end and byte_at(data, at + 1) == 0xBF and byte_at(data, at + 2) >= 0xBE


@within()
def _text(data: Bytes, at: int, end: int) -> int:
    """Return where the text at `at` ends, before a "<"; negated, where it must be rewritten; 0 where it is refused."""
    rewritten = False
    while True:
        while at + 8 <= end:
            word = eight_at(data, at)
            less, amp, bracket, last = word ^ LESSES, word ^ AMPS, word ^ BRACKETS, word ^ LASTS
            # The lowest bit set stands in the first byte that is not plain.
            odd = (
                ((less - ONES) & ~less)
                | ((amp - ONES) & ~amp)
                | ((bracket - ONES) & ~bracket)
                | ((last - ONES) & ~last)
                | ((word - SPACES) & ~word)
            ) & HIGHS
            if odd != NOUGHT:
                at += lowest(odd) >> 3
                break
            at += 8
        if at >= end:
            return 0
        byte = byte_at(data, at)
        if byte == LESS:
            return -at if rewritten else at
        if byte == AMP:
            at, _ = _reference(data, at, end)
            if at == 0:
                return 0
            rewritten = True
            continue
        if byte == BRACKET:
            if at + 2 < end and byte_at(data, at + 1) == BRACKET and byte_at(data, at + 2) == GREATER:
                return 0
        elif byte == RETURN:
            rewritten = True
        elif byte < SPACE:
            if byte != LINE and byte != TAB:
                return 0
        elif byte == LAST and _is_beyond(data, at, end):
            return 0
        at += 1


@within()
def _section(data: Bytes, at: int, end: int) -> int:
    """Return where the text of the section at `at` ends; negated, where it must be rewritten; 0 where it is refused."""
    if at + SECTION > end or not _same(data, at, OPENING, 0, SECTION):
        return 0
    at += SECTION
    rewritten = False
    while True:
        while at + 8 <= end:
            word = eight_at(data, at)
            less, bracket, last = word ^ LESSES, word ^ BRACKETS, word ^ LASTS
            odd = (
                ((less - ONES) & ~less)
                | ((bracket - ONES) & ~bracket)
                | ((last - ONES) & ~last)
                | ((word - SPACES) & ~word)
            ) & HIGHS
            if odd != NOUGHT:
                at += lowest(odd) >> 3
                break
            at += 8
        if at >= end:
            return 0
        byte = byte_at(data, at)
        if byte == BRACKET:
            if at + 2 < end and byte_at(data, at + 1) == BRACKET and byte_at(data, at + 2) == GREATER:
                return -at if rewritten else at
        elif byte == LESS:  # one in another: nobody knows which was meant
            if at + SECTION <= end and byte_at(data, at + 1) == BANG and _same(data, at, OPENING, 0, SECTION):
                return 0
        elif byte == RETURN:
            rewritten = True
        elif byte < SPACE:
            if byte != LINE and byte != TAB:
                return 0
        elif byte == LAST and _is_beyond(data, at, end):
            return 0
        at += 1


@within(forceinline=True)
def _name(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return where the name at `at` ends, and its colon, if there is one (else 0); 0 where there is no plain name."""
    colon = 0
    if at >= end or NAMING[byte_at(data, at)] != 1:
        return 0, 0
    while at < end:
        byte = byte_at(data, at)
        if NAMING[byte] == 0:
            if byte != COLON:
                break
            if colon != 0 or at + 1 >= end or NAMING[byte_at(data, at + 1)] != 1:
                return 0, 0
            colon = at
        at += 1
    return at, colon


@within(forceinline=True)
def _after_space(data: Bytes, at: int, end: int) -> int:
    while at < end:
        byte = byte_at(data, at)
        if byte > SPACE or not (byte == SPACE or byte == LINE or byte == TAB or byte == RETURN):
            break
        at += 1
    return at


@within()
def _is_declared(data: Bytes, at: int, colon: int, names: Bytes, prefixes: Places) -> bool:
    for i in range(len(prefixes)):
        if _is(data, at, colon, names, prefixes[i, 0], prefixes[i, 1]):
            return True
    return False


@within()
def _is_of_xml(data: Bytes, at: int, stop: int) -> bool:
    """Tell whether the name of an attribute is one of those that every file knows, and that mean nothing here."""
    size = stop - at
    if size < 8 or not (byte_at(data, at) == 0x78 and byte_at(data, at + 1) == 0x6D and byte_at(data, at + 2) == 0x6C):
        return False
    if byte_at(data, at + 3) != COLON:
        return False
    letter = byte_at(data, at + 4)
    # xml:lang, xml:base, xml:space
    return (size == 8 and (letter == 0x6C or letter == 0x62) and byte_at(data, at + 5) == 0x61) or (
        size == 9 and letter == 0x73
    )


@within()
def _attributes(data: Bytes, at: int, end: int, names: Bytes, prefixes: Places, banned: Places, met: Places) -> int:
    """Put the attributes from `at` on into `met`, as names and values begin and end there, and return how many.

    A value that must be rewritten has its end negated. The last row of `met` tells where the tag goes on. Below 0 where
    they are refused.
    """
    count = 0
    while True:
        begin = at
        at = _after_space(data, at, end)
        if at >= end:
            return -1
        byte = byte_at(data, at)
        if byte == GREATER or byte == SLASH:
            met[len(met) - 1, 0] = at
            return count
        stop, colon = _name(data, at, end)
        if at == begin or stop == 0 or count == len(met) - 1:
            return -1
        if colon != 0:
            if not (_is_declared(data, at, colon, names, prefixes) or _is_of_xml(data, at, stop)):
                return -1
        elif stop - at >= 5 and byte_at(data, at) == 0x78 and byte_at(data, at + 1) == 0x6D:  # a namespace, it may be
            return -1
        for i in range(count):
            if _is(data, at, stop, data, met[i, 0], met[i, 1]):
                return -1
        met[count, 0], met[count, 1] = at, stop
        at = _after_space(data, stop, end)
        if at >= end or byte_at(data, at) != EQUALS:
            return -1
        at = _after_space(data, at + 1, end)
        if at >= end:
            return -1
        quote = byte_at(data, at)
        if quote != 0x22 and quote != 0x27:
            return -1
        at += 1
        met[count, 2] = at
        rewritten = False
        while at < end and byte_at(data, at) != quote:
            byte = byte_at(data, at)
            if byte == AMP:
                at, _ = _reference(data, at, end)
                if at == 0:
                    return -1
                rewritten = True
                continue
            if byte == LESS or byte < SPACE or (byte == LAST and _is_beyond(data, at, end)):
                return -1
            # No end of a section where none is: they are counted.
            if byte == BRACKET and at + 1 < end and byte_at(data, at + 1) == BRACKET:
                return -1
            at += 1
        if at >= end:
            return -1
        met[count, 3] = -at if rewritten else at
        for i in range(len(banned)):
            if _is(data, met[count, 0], stop, names, banned[i, 0], banned[i, 1]) and (
                rewritten or _holds(data, met[count, 2], at, names, banned[i, 2], banned[i, 3])
            ):
                return -1
        count += 1
        at += 1


@within(forceinline=True)
def _attribute(data: Bytes, names: Bytes, begin: int, end: int, met: Places, count: int) -> int:
    """Return the number of the attribute of that name; below 0 where there is none."""
    for i in range(count):
        if _is(data, met[i, 0], met[i, 1], names, begin, end):
            return i
    return -1


@within()
def _take(
    data: Bytes,
    row: int,
    first: int,
    last: int,
    rules: Places,
    names: Bytes,
    met: Places,
    count: int,
    starts: Places,
    ends: Places,
) -> bool:
    """Take what the rules from `first` to `last` ask of an element's attributes; tell whether all is plain."""
    for r in range(first, last):
        column = rules[r, COLUMN]
        if rules[r, TEST] != 0:
            i = _attribute(data, names, rules[r, OF], rules[r, OFF], met, count)
            if i < 0:
                continue
            if met[i, 3] < 0:
                return False
            if rules[r, TEST] == EQUAL:
                holds = _is(data, met[i, 2], met[i, 3], names, rules[r, VALUE], rules[r, VALUED])
            else:
                holds = _holds(data, met[i, 2], met[i, 3], names, rules[r, VALUE], rules[r, VALUED])
            if not holds:
                continue
            if starts[column, row] != ABSENT:
                if rules[r, IS_FIRST]:
                    continue
                return False
        i = _attribute(data, names, rules[r, NAME], rules[r, NAMED], met, count)
        if i < 0:
            starts[column, row] = MISSING
        else:
            starts[column, row], ends[column, row] = met[i, 2], met[i, 3]
    return True


@within()
def _pick(
    data: Bytes, row: int, first: int, last: int, picks: Places, names: Bytes, starts: Places, ends: Places
) -> bool:
    """Take the value beside a key, of an element that has both, if the key is asked for; tell whether all is plain."""
    for p in range(first, last):
        key, value, to, there = picks[p, 0], picks[p, 3], picks[p, 4], picks[p, 5]
        at, stop = starts[key, row], ends[key, row]
        if at < 0:
            continue
        if stop < 0:
            return False
        if not _holds(data, at, stop, names, picks[p, 1], picks[p, 2]):
            continue
        if stop - at != picks[p, 2] - picks[p, 1] or starts[there, row] != ABSENT:
            return False
        starts[there, row] = ends[there, row] = at
        starts[to, row], ends[to, row] = starts[value, row], ends[value, row]
    return True


@nb.njit(nogil=True, cache=True)
def find(
    data: Bytes,
    names: Bytes,
    nodes: Places,
    children: Places,
    rules: Places,
    picks: Places,
    pairs: Places,
    guards: Places,
    prefixes: Places,
    banned: Places,
    is_one_list: bool,
    starts: Places,
    ends: Places,
    kinds: Places,
    spans: Places,
) -> int:
    """Find what is asked of the records in `data`, which hold or stand beside nothing but white space.

    A cell of column c and row r goes from `starts[c, r]` to `ends[c, r]`, which is negated where it must be rewritten;
    `kinds` says what each row is, and `spans` where it begins and ends. Rows are records, and before them the container
    that they stand in; `is_one_list`: there is none. Returns how many rows there are, or `FULL` or `REFUSED`.
    """
    end = len(data)
    at = depth = rows = serial = 0
    row = container = -1
    path = np.zeros((DEEPEST + 2, 4), np.int64)  # of each level: the node, its serial number, where its name is
    seen = np.zeros(len(nodes), np.int64)  # the serial number of what it was last seen in
    met = np.zeros((ATTRIBUTES + 1, 4), np.int64)
    # Of the text that is read: its column, where it begins, whether it stands as it is, what ends it before its tag.
    column, begin, plain, over = -1, 0, True, 0
    while True:
        if depth == 0:
            at = _after_space(data, at, end)
            if at >= end:
                return rows
            if byte_at(data, at) != LESS:
                return REFUSED
        else:
            at = _text(data, at, end)
            if at == 0:
                return REFUSED
            if at < 0:
                at, plain = -at, False
        if at + 1 >= end:
            return REFUSED
        byte = byte_at(data, at + 1)
        if byte == BANG:
            stop = _section(data, at, end)
            if depth == 0 or stop == 0:
                return REFUSED
            if stop < 0:
                stop, plain = -stop, False
            is_all = at == begin and stop + 5 <= end and byte_at(data, stop + 3) == LESS
            if is_all and plain and byte_at(data, stop + 4) == SLASH:
                begin, over = at + SECTION, 3
            else:
                plain = False
            at = stop + 3
            continue
        is_end = byte == SLASH
        if is_end:
            size = path[depth, 3] - path[depth, 2]
            if depth == 0 or at + 2 + size >= end or byte_at(data, at + 2 + size) != GREATER:
                return REFUSED
            if not _same(data, at + 2, data, path[depth, 2], size):
                return REFUSED
            node = path[depth, 0]
            if column >= 0:
                starts[column, row], ends[column, row] = begin, at - over if plain else -at
                column = -1
            at += size + 3
        else:
            if column >= 0 or depth == DEEPEST:
                return REFUSED
            start = at
            stop, colon = _name(data, at + 1, end)
            if stop == 0:
                return REFUSED
            begins = at + 1
            outer = path[depth, 0]
            node = -1
            if outer >= 0:
                for c in range(nodes[outer, CHILD], nodes[outer, CHILDREN]):
                    if _is(data, begins, stop, names, children[c, 0], children[c, 1]):
                        node = children[c, 2]
                        break
            if node < 0:
                above = path[depth - 1, 0] if depth > 0 else -1
                if above >= 0 and nodes[above, PICK] < nodes[above, PICKS]:
                    return REFUSED  # a key and what is beside it hold texts only
                if depth == 0 or (colon != 0 and not _is_declared(data, begins, colon, names, prefixes)):
                    return REFUSED
                for i in range(len(guards)):
                    size = guards[i, 1] - guards[i, 0]
                    if (stop - begins == size or (is_one_list and stop - begins > size)) and _same(
                        data, begins, names, guards[i, 0], size
                    ):
                        return REFUSED
            else:
                often = nodes[node, OFTEN]
                if often != MANY:
                    if seen[node] == path[depth, 1] and depth > 0:
                        if often == ONCE:
                            return REFUSED
                        node = -1
                    elif often == NEVER:
                        return REFUSED
            count = 0
            at = stop
            if at < end and byte_at(data, at) == GREATER:
                is_empty = False
            else:
                count = _attributes(data, at, end, names, prefixes, banned, met)
                if count < 0:
                    return REFUSED
                at = met[ATTRIBUTES, 0]
                is_empty = byte_at(data, at) == SLASH
                at += is_empty
                if at >= end or byte_at(data, at) != GREATER:
                    return REFUSED
            at += 1
            if node >= 0:
                seen[node] = path[depth, 1]
                serial += 1
                role = nodes[node, ROLE]
                if role != 0:
                    if is_empty:
                        return REFUSED
                    if rows == starts.shape[1]:
                        return FULL
                    row = rows
                    rows += 1
                    kinds[row] = nodes[node, KIND]
                    spans[0, row] = start
                    for c in range(starts.shape[0]):
                        starts[c, row] = ABSENT
                    if role == CONTAINER:
                        container = row
                if nodes[node, THERE] >= 0:
                    starts[nodes[node, THERE], row] = ends[nodes[node, THERE], row] = start
                for p in range(nodes[node, PICK], nodes[node, PICKS]):
                    starts[picks[p, 0], row] = starts[picks[p, 3], row] = ABSENT
                if nodes[node, RULE] < nodes[node, RULES] and not _take(
                    data, row, nodes[node, RULE], nodes[node, RULES], rules, names, met, count, starts, ends
                ):
                    return REFUSED
                if nodes[node, TEXT] >= 0:
                    if is_empty:
                        starts[nodes[node, TEXT], row] = ends[nodes[node, TEXT], row] = at
                    else:
                        column, begin, plain, over = nodes[node, TEXT], at, True, 0
            if not is_empty:
                depth += 1
                path[depth, 0], path[depth, 1], path[depth, 2], path[depth, 3] = node, serial, begins, stop
                continue
        # An element ended.
        if node >= 0:
            if nodes[node, PICK] < nodes[node, PICKS] and not _pick(
                data, row, nodes[node, PICK], nodes[node, PICKS], picks, names, starts, ends
            ):
                return REFUSED
            role = nodes[node, ROLE]
            if role != 0:
                spans[1, row] = at
                for p in range(len(pairs)):
                    one, other = starts[pairs[p, 1], row], starts[pairs[p, 2], row]
                    both = one >= 0 and other >= 0 if pairs[p, 3] == PRESENT else one != ABSENT and other != ABSENT
                    if both and pairs[p, 0] == nodes[node, KIND]:
                        return REFUSED
                if role == CONTAINER:
                    if rows == container + 1:  # nothing in it: as if it were not there
                        rows -= 1
                else:
                    row = container
        depth -= is_end


@within()
def _rewritten(data: Bytes, at: int, stop: int, out: Bytes, to: int) -> int:
    """Write a text as a parser gives it, and return where what was written ends."""
    while at < stop:
        while at + 8 <= stop:
            word = eight_at(data, at)
            put_eight(out, to, word)  # what comes next is written over what is not plain
            less, amp, line = word ^ LESSES, word ^ AMPS, word ^ RETURNS
            odd = (((less - ONES) & ~less) | ((amp - ONES) & ~amp) | ((line - ONES) & ~line)) & HIGHS
            size = lowest(odd) >> 3 if odd != NOUGHT else 8
            at += size
            to += size
            if size < 8:
                break
        if at >= stop:
            break
        byte = byte_at(data, at)
        if byte == AMP:
            at, point = _reference(data, at, stop)
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
            continue
        if byte == LESS:  # of a section: of other tags there are none
            at += SECTION
            while not (
                byte_at(data, at) == BRACKET and byte_at(data, at + 1) == BRACKET and byte_at(data, at + 2) == GREATER
            ):
                byte = byte_at(data, at)
                if byte == RETURN:
                    byte = LINE
                    at += byte_at(data, at + 1) == LINE
                out[to] = byte
                to += 1
                at += 1
            at += 3
            continue
        if byte == RETURN:
            byte = LINE
            at += at + 1 < stop and byte_at(data, at + 1) == LINE
        out[to] = byte
        to += 1
        at += 1
    return to


@nb.njit(nogil=True, cache=True)
def write(
    data: Bytes, rows: Places, kinds: Places, asked: Places, is_count: Places, starts: Places, ends: Places, out: Bytes
) -> int:
    """Write the cells of `rows` into `out`, each with CELL behind it but the last, which has ROW; return their size.

    `asked`: the columns of each kind, up to one below 0; where `is_count`, a cell is "1" or "0". `out` is 8 bytes
    longer than all that is written.
    """
    end = len(data)
    to = 0
    for r in range(len(rows)):
        row = rows[r]
        for c in range(asked.shape[1]):
            column = asked[kinds[row], c]
            if column < 0:
                break
            if c > 0:
                out[to] = CELL
                to += 1
            at, stop = starts[column, row], ends[column, row]
            if is_count[kinds[row], c]:
                out[to] = 0x31 if at >= 0 else 0x30
                to += 1
            elif at >= 0:
                if stop < 0:
                    to = _rewritten(data, at, -stop, out, to)
                elif stop + 8 <= end:
                    for step in range(0, stop - at, 8):  # beyond the end too: what comes next is written over it
                        put_eight(out, to + step, eight_at(data, at + step))
                    to += stop - at
                else:
                    for step in range(stop - at):
                        out[to + step] = byte_at(data, at + step)
                    to += stop - at
        out[to] = ROW
        to += 1
    return to
