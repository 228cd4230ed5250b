"""The compiled half of `html_scanner`: the bytes of a page in, its elements, their names and its text out.

It reads markup as libxml2 2.14 does: split as HTML 5 says, and nested by rules of its own, which `html_scanner` hands
over as tables. numba compiles every function here on first use and keeps the result on disk.
"""

from typing import Any, Final

import numba as nb
import numpy as np
import numpy.typing as npt

from moderation.readers.machine_words import HIGHS, NOUGHT, ONES, Bytes, byte_at, eight_at, lowest

__all__ = [
    "BEGIN",
    "CLASSES",
    "CLASS_TEXT",
    "CLOSING",
    "COUNT",
    "DESCRIBED",
    "DESCRIBED_ONES",
    "EMPTY",
    "END",
    "FILES",
    "FILE_BEGIN",
    "FILE_END",
    "FIRST",
    "FIXED",
    "IDS",
    "ID_TEXT",
    "KIND",
    "LABELLED",
    "LABELS",
    "LAST",
    "LETTERS",
    "LINKS",
    "LOOK",
    "LOOKS",
    "LOOK_SLOTS",
    "LOOK_TABLE",
    "LOOK_TAG",
    "MARKS",
    "MODES",
    "MOST_LETTERS",
    "MOST_TAGS",
    "NAME_BEGIN",
    "NAME_SLOTS",
    "NAME_TABLE",
    "NOTED_ONES",
    "NOTES",
    "OPEN",
    "PARENT",
    "PIECES",
    "PLAIN",
    "RANKS",
    "RAW",
    "REFERRING",
    "ROOM",
    "ROWS",
    "SCRIPT_TEXT",
    "SHORT",
    "SHOWN",
    "STATE",
    "STOP",
    "TABLES",
    "TAG",
    "TAGS",
    "TAG_BEGIN",
    "TAG_SLOTS",
    "TAG_TABLE",
    "TAG_TEXT",
    "UNSHOWN",
    "UNSHOWN_ONES",
    "VALUES",
    "VALUE_BEGIN",
    "WRITTEN",
    "hashed",
    "scan",
    "sizes",
]

# What changes how the text inside an element counts, as bits (`html_tree` has the same); elements of these tags are
# asked for, or not kept at all.
HIDDEN, UNREAD, LINKED, DATA, NOTED, DROPPED = 1, 2, 4, 8, 16, 32
# Tags that have rules of their own, by number.
HTML, HEAD, BODY, SCRIPT, STYLE, META, LINK, TITLE, BASE, NOFRAMES, FRAME, FRAMESET, PARAGRAPH = range(13)
FIXED: Final = ("html", "head", "body", "script", "style", "meta", "link", "title", "base", "noframes", "frame",
                "frameset", "p")  # fmt: skip
# How what an element holds is read: as markup; as text with references; as text; as text to the end of the page; as a
# script; as one in which a comment has begun; and as a script in that.
MARKUP, REFERRING, RAW, PLAIN, SCRIPT_TEXT, COMMENTED, NESTED = range(7)

# Of each element: its tag, what is around it, the number after the last one inside, the pieces of text inside from
# and up to, bits, its look (below 0: that of a class written with references), where its attributes begin and end, and
# what they are: 0 for none, 1 for a class alone, 2 for others. Then the elements that are open, and their tags.
TAG, PARENT, END, FIRST, LAST, STATE, LOOK, BEGIN, STOP, KIND, STACK, STACK_TAG = range(12)
# Letters of each piece of text, and those of them in links.
LETTERS, LINKS = 12, 13
# Elements that are noted, have an id (those whose id is written with references are negated, less 1), have microdata,
# are not shown; where the JSON-LD scripts begin and end.
NOTED_ONES, LABELLED, DESCRIBED_ONES, UNSHOWN_ONES, FILE_BEGIN, FILE_END = range(14, 20)
# Looks: tag, class, and a hash table of them. Tags: how many of each are open, names, and a hash table of those.
LOOK_TAG, LOOK_BEGIN, LOOK_LENGTH, LOOK_TABLE, OPEN, TAG_BEGIN, TAG_TABLE = range(20, 27)
ROWS: Final = 27
# What is written: pieces of text, classes of looks, ids, each with a NUL behind it, and names of tags.
SHOWN, CLASS_TEXT, ID_TEXT, TAG_TEXT = range(4)
# What is known of tags: marks, how what they hold is read, whether that is nothing, and their ranks (a closing tag
# closes what was opened inside of its element, where nothing of a higher one is among that); then, for each tag, which
# open elements it closes first.
MARKS, MODES, EMPTY, RANKS, CLOSING = range(5)
# What is known of references: where their names begin, a hash table of those, whether they do without a semicolon, and
# where what they stand for begins. Names and values stand behind the page, behind room for a character.
NAME_BEGIN, NAME_TABLE, SHORT, VALUE_BEGIN = range(4)

# What is counted: elements, pieces of text, bytes of text, noted elements, looks, bytes of classes, elements with an
# id, bytes of ids, elements with microdata, elements that are not shown, JSON-LD scripts, tags.
COUNT, PIECES, WRITTEN, NOTES, LOOKS, CLASSES, LABELS, IDS, DESCRIBED, UNSHOWN, FILES, TAGS = range(12)
# What holds at the moment: the innermost element that is kept, its bits, how many are open, how many begun in the wrong
# place wait for their ends, whether there was a head or a body, whether the last piece was white space, and how text
# is read. What holds for the page: where the tables behind it begin, how many places the table of looks has, and
# whether it is not to be read here.
HERE, BITS, TOP, DEPTH, SEEN, SPACED, MODE, TABLES, LOOK_SLOTS, REFUSED = range(12, 22)
VALUES: Final = 22
IN_HEAD, IN_BODY = 1, 2

# More tags than this, or letters in them, are none that somebody wrote.
MOST_TAGS: Final = 512
MOST_LETTERS: Final = 16_384
TAG_SLOTS: Final = 2048
NAME_SLOTS: Final = 8192
LONGEST_NAME: Final = 100
# Where looks that differ fall into one place of their table so often, somebody wants them to.
MOST_PROBES: Final = 64
ROOM: Final = 8
START: Final = np.uint64(0xCBF29CE484222325)
PRIME: Final = np.uint64(0x100000001B3)

LESS, MORE, AND, DASH, SOLIDUS, EQUALS, RETURN, NEWLINE = 0x3C, 0x3E, 0x26, 0x2D, 0x2F, 0x3D, 0x0D, 0x0A

Numbers = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


# No function here makes an array: to count who holds those handed on would take half as long again.
_OPTIONS: Final[dict[str, Any]] = {"nogil": True, "cache": True, "_nrt": False}
_compiled: Final = nb.njit(**_OPTIONS)
_inlined: Final = nb.njit(**_OPTIONS, forceinline=True)


@_inlined
def _is_space(byte: int) -> bool:
    return byte == 0x20 or byte == 0x0A or byte == 0x09 or byte == 0x0D or byte == 0x0C


@_inlined
def _is_letter(byte: int) -> bool:
    return 0x61 <= byte | 0x20 <= 0x7A


@_inlined
def _is_digit(byte: int) -> bool:
    return 0x30 <= byte <= 0x39


@_inlined
def _lower(byte: int) -> int:
    return byte + 0x20 if 0x41 <= byte <= 0x5A else byte


@_compiled
def hashed(data: Bytes, begin: int, end: int) -> int:
    """Return a number below 2 ** 31 for some bytes, upper case taken for lower."""
    found = START
    for at in range(begin, end):
        found = (found ^ np.uint64(_lower(byte_at(data, at)))) * PRIME
    return np.int64((found ^ (found >> np.uint64(32))) & np.uint64(0x7FFFFFFF))


@_compiled
def _same(data: Bytes, at: int, texts: Bytes, begin: int, length: int) -> bool:
    """Tell whether some bytes are the name of a tag, upper case taken for lower."""
    for i in range(length):
        if _lower(byte_at(data, at + i)) != texts[TAG_TEXT, begin + i]:
            return False
    return True


@_compiled
def _same_case(data: Bytes, at: int, begin: int, length: int) -> bool:
    for i in range(length):
        if byte_at(data, at + i) != byte_at(data, begin + i):
            return False
    return True


@_compiled
def _tag(data: Bytes, begin: int, end: int, counts: Counts, numbers: Numbers, texts: Bytes) -> int:
    """Return the number of a tag, a new one where it was not met before; below 0 where there are too many."""
    length = end - begin
    slot = hashed(data, begin, end) & (TAG_SLOTS - 1)
    while numbers[TAG_TABLE, slot] >= 0:
        tag = numbers[TAG_TABLE, slot]
        at = numbers[TAG_BEGIN, tag]
        if numbers[TAG_BEGIN, tag + 1] - at == length and _same(data, begin, texts, at, length):
            return tag
        slot = (slot + 1) & (TAG_SLOTS - 1)
    tag = counts[TAGS]
    at = numbers[TAG_BEGIN, tag]
    if tag + 2 > MOST_TAGS or at + length > MOST_LETTERS:
        return -1
    for i in range(length):
        texts[TAG_TEXT, at + i] = _lower(byte_at(data, begin + i))
    numbers[TAG_BEGIN, tag + 1] = at + length
    numbers[TAG_TABLE, slot] = tag
    counts[TAGS] = tag + 1
    return tag


@_compiled
def _look(data: Bytes, tag: int, begin: int, length: int, counts: Counts, numbers: Numbers, texts: Bytes) -> int:
    """Return the number of the look of a tag and a class."""
    found = START ^ np.uint64(tag)
    for at in range(begin, begin + length):
        found = (found ^ np.uint64(byte_at(data, at))) * PRIME
    mask = counts[LOOK_SLOTS] - 1
    slot = np.int64((found ^ (found >> np.uint64(32))) & np.uint64(0x7FFFFFFF)) & mask
    for _ in range(MOST_PROBES):
        look = numbers[LOOK_TABLE, slot]
        if look < 0:
            break
        if (
            numbers[LOOK_TAG, look] == tag
            and numbers[LOOK_LENGTH, look] == length
            and _same_case(data, numbers[LOOK_BEGIN, look], begin, length)
        ):
            return look
        slot = (slot + 1) & mask
    else:
        counts[REFUSED] = 1
        return 0
    look = counts[LOOKS]
    numbers[LOOK_TABLE, slot] = look
    numbers[LOOK_TAG, look], numbers[LOOK_BEGIN, look], numbers[LOOK_LENGTH, look] = tag, begin, length
    counts[LOOKS] = look + 1
    out = counts[CLASSES]
    for i in range(length):
        texts[CLASS_TEXT, out + i] = byte_at(data, begin + i)
    texts[CLASS_TEXT, out + length] = 0
    counts[CLASSES] = out + length + 1
    return look


@_compiled
def _pop(counts: Counts, numbers: Numbers) -> None:
    """Close the innermost element."""
    top = counts[TOP] - 1
    counts[TOP] = top
    numbers[OPEN, numbers[STACK_TAG, top]] -= 1
    element = numbers[STACK, top]
    if element > 0:
        numbers[END, element] = counts[COUNT]
        numbers[LAST, element] = counts[PIECES]
        here = numbers[PARENT, element]
        counts[HERE] = here
        counts[BITS] = numbers[STATE, here]


@_compiled
def _push(
    rules: Bytes, counts: Counts, numbers: Numbers, tag: int, data_bit: int, kind: int, look: int, begin: int, stop: int
) -> int:
    """Open an element; return its number, or 0 where it is not kept."""
    if tag == HEAD:
        counts[SEEN] |= IN_HEAD
    elif tag == BODY:
        counts[SEEN] |= IN_BODY | IN_HEAD
    top = counts[TOP]
    numbers[STACK_TAG, top] = tag
    numbers[STACK, top] = 0
    counts[TOP] = top + 1
    numbers[OPEN, tag] += 1
    mark = rules[MARKS, tag]
    if mark == DROPPED:
        return 0
    element = counts[COUNT]
    if mark & NOTED:
        numbers[NOTED_ONES, counts[NOTES]] = element
        counts[NOTES] += 1
    counts[BITS] |= (mark & ~NOTED) | data_bit
    numbers[STACK, top] = element
    numbers[KIND, element] = kind
    numbers[TAG, element] = tag
    numbers[PARENT, element] = counts[HERE]
    numbers[FIRST, element] = counts[PIECES]
    numbers[STATE, element] = counts[BITS]
    numbers[LOOK, element] = look
    numbers[BEGIN, element] = begin
    numbers[STOP, element] = stop
    counts[HERE] = element
    counts[COUNT] = element + 1
    return element


@_compiled
def _imply(data: Bytes, rules: Bytes, counts: Counts, numbers: Numbers, texts: Bytes, tag: int) -> None:
    """Open an element that no tag opens."""
    _push(rules, counts, numbers, tag, 0, 0, _look(data, tag, 0, 0, counts, numbers, texts), 0, 0)


@_compiled
def _close_before(rules: Bytes, counts: Counts, numbers: Numbers, tag: int) -> None:
    """Close what such an opening tag closes."""
    if CLOSING + tag >= rules.shape[0]:
        return  # unknown
    while counts[TOP] > 0:
        inner = numbers[STACK_TAG, counts[TOP] - 1]
        if not rules[CLOSING + tag, inner]:
            break
        _pop(counts, numbers)


@_compiled
def _open_before(data: Bytes, rules: Bytes, counts: Counts, numbers: Numbers, texts: Bytes, tag: int) -> None:
    """Open what such an opening tag needs around it."""
    if tag == HTML:
        return
    if counts[TOP] == 0:
        _imply(data, rules, counts, numbers, texts, HTML)
    if tag == BODY or tag == HEAD:
        return
    if counts[TOP] <= 1 and (
        tag == SCRIPT or tag == STYLE or tag == META or tag == LINK or tag == TITLE or tag == BASE
    ):
        if not counts[SEEN] & IN_HEAD:
            _imply(data, rules, counts, numbers, texts, HEAD)
    elif tag != NOFRAMES and tag != FRAME and tag != FRAMESET:
        if not counts[SEEN] & IN_BODY and numbers[OPEN, BODY] == 0 and numbers[OPEN, HEAD] == 0:
            _imply(data, rules, counts, numbers, texts, BODY)


@_compiled
def _before_text(data: Bytes, rules: Bytes, counts: Counts, numbers: Numbers, texts: Bytes) -> None:
    """Open what text needs around it."""
    if counts[TOP] > 0 and numbers[STACK_TAG, counts[TOP] - 1] == HEAD:
        _close_before(rules, counts, numbers, PARAGRAPH)
    _open_before(data, rules, counts, numbers, texts, PARAGRAPH)


@_compiled
def _blank(data: Bytes, at: int, end: int) -> int:
    """Return how many bytes the white space at `at` has, in any script; 0 where there is none."""
    byte = byte_at(data, at)
    if byte < 0x80:
        return 1 if byte == 0x20 or 9 <= byte <= 13 or 28 <= byte <= 31 else 0
    if byte == 0xC2:
        second = byte_at(data, at + 1)
        return 2 if second == 0xA0 or second == 0x85 else 0
    if byte < 0xE1 or byte > 0xE3 or at + 3 > end:
        return 0
    point = (byte & 15) << 12 | (byte_at(data, at + 1) & 63) << 6 | (byte_at(data, at + 2) & 63)
    if 0x2000 <= point <= 0x200A or point == 0x2028 or point == 0x2029:
        return 3
    return 3 if point == 0x202F or point == 0x205F or point == 0x3000 or point == 0x1680 else 0


@_compiled
def _piece(data: Bytes, begin: int, end: int, counts: Counts, numbers: Numbers, texts: Bytes) -> None:
    """Keep a piece of text, if it shows something."""
    bits = counts[BITS]
    if bits & HIDDEN:
        return
    at = begin
    while at < end:
        size = _blank(data, at, end)
        if size == 0:
            break
        at += size
    # White space after white space shows nothing.
    if at >= end and counts[SPACED]:
        return
    piece, out = counts[PIECES], counts[WRITTEN]
    inside = 0
    for i in range(end - begin):
        byte = byte_at(data, begin + i)
        texts[SHOWN, out + i] = byte
        inside += (byte & 0xC0) == 0x80
    texts[SHOWN, out + end - begin] = 0
    counts[PIECES] = piece + 1
    counts[WRITTEN] = out + end - begin + 1
    size = 0
    if at >= end:
        counts[SPACED] = 1
    else:
        counts[SPACED] = 0
        size = 0 if bits & UNREAD else end - begin - inside
    numbers[LETTERS, piece] = size
    numbers[LINKS, piece] = size if bits & LINKED else 0


@_compiled
def _shown(data: Bytes, begin: int, end: int, rules: Bytes, counts: Counts, numbers: Numbers, texts: Bytes) -> None:
    """Keep a piece of text, and open what it needs around it."""
    top = counts[TOP]
    if top == 0 or numbers[STACK_TAG, top - 1] <= HEAD:
        at = begin
        while at < end and _is_space(byte_at(data, at)):
            at += 1
        if at > begin:
            _piece(data, begin, at, counts, numbers, texts)
        if at == end:
            return
        begin = at
        _before_text(data, rules, counts, numbers, texts)
    _piece(data, begin, end, counts, numbers, texts)


@_compiled
def _number(data: Bytes, at: int, little: int) -> tuple[int, int]:
    """Write the character of the reference by number at `at`; return the lengths of both, 0 where there is none."""
    begin = at
    at += 2
    base = 10
    if byte_at(data, at) | 0x20 == 0x78:
        base = 16
        at += 1
    digits = at
    point = 0
    while True:
        byte = byte_at(data, at)
        low = byte | 0x20
        if _is_digit(byte):
            digit = byte - 0x30
        elif base == 16 and 0x61 <= low <= 0x66:
            digit = low - 0x57
        else:
            break
        point = min(point * base + digit, 0x110000)
        at += 1
    if at == digits:
        return 0, 0
    if byte_at(data, at) == 0x3B:
        at += 1
    if 0x80 <= point < 0xA0:
        point = (
            0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0x8D,
            0x17D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A,
            0x153, 0x9D, 0x17E, 0x178,
        )[point - 0x80]  # fmt: skip
    elif point == 0 or 0xD800 <= point < 0xE000 or point > 0x10FFFF:
        point = 0xFFFD
    if point < 0x80:
        data[little] = point
        return at - begin, 1
    if point < 0x800:
        data[little], data[little + 1] = 0xC0 | point >> 6, 0x80 | (point & 63)
        return at - begin, 2
    if point < 0x10000:
        data[little], data[little + 1], data[little + 2] = (
            0xE0 | point >> 12,
            0x80 | (point >> 6 & 63),
            0x80 | (point & 63),
        )
        return at - begin, 3
    data[little], data[little + 1] = 0xF0 | point >> 18, 0x80 | (point >> 12 & 63)
    data[little + 2], data[little + 3] = 0x80 | (point >> 6 & 63), 0x80 | (point & 63)
    return at - begin, 4


@_compiled
def _named(data: Bytes, begin: int, end: int, counts: Counts, names: Numbers) -> int:
    """Return the number of the reference of that name; below 0 where there is none."""
    length = end - begin
    slot = hashed(data, begin, end) & (NAME_SLOTS - 1)
    while names[NAME_TABLE, slot] >= 0:
        name = names[NAME_TABLE, slot]
        at = counts[TABLES] + names[NAME_BEGIN, name]
        if names[NAME_BEGIN, name + 1] - names[NAME_BEGIN, name] == length:
            same = True
            for i in range(length):
                same = same and byte_at(data, begin + i) == byte_at(data, at + i)
            if same:
                return name
        slot = (slot + 1) & (NAME_SLOTS - 1)
    return -1


@_compiled
def _name(data: Bytes, at: int, counts: Counts, names: Numbers) -> tuple[int, int]:
    """Return the length of the reference by name at `at`, and its number; 0 where there is none."""
    begin = at + 1
    end = begin
    if _is_letter(byte_at(data, begin)):
        while end - begin < 40 and (_is_letter(byte_at(data, end)) or _is_digit(byte_at(data, end))):
            end += 1
    if byte_at(data, end) == 0x3B:
        name = _named(data, begin, end, counts, names)
        if name >= 0:
            return end + 1 - at, name
    for stop in range(min(end, begin + 8), begin + 1, -1):
        name = _named(data, begin, stop, counts, names)
        if name >= 0 and names[SHORT, name]:
            return stop - at, name
    return 0, 0


@_compiled
def _is_end(data: Bytes, at: int, counts: Counts, numbers: Numbers, texts: Bytes) -> int:
    """Return the place behind the innermost element's name at `at`, where a mark follows that ends it; 0 elsewhere."""
    tag = numbers[STACK_TAG, counts[TOP] - 1]
    begin = numbers[TAG_BEGIN, tag]
    length = numbers[TAG_BEGIN, tag + 1] - begin
    if not _same(data, at, texts, begin, length):
        return 0
    byte = byte_at(data, at + length)
    return at + length if byte == MORE or byte == SOLIDUS or _is_space(byte) else 0


@_inlined
def _next(data: Bytes, at: int, end: int, one: int, two: int, three: int) -> int:
    """Return the place of the next byte that is one of three, or `end`; a few bytes behind that are looked at."""
    ones, twos, threes = np.uint64(one) * ONES, np.uint64(two) * ONES, np.uint64(three) * ONES
    while at < end:
        word = eight_at(data, at)
        a, b, c = word ^ ones, word ^ twos, word ^ threes
        # The lowest bit set stands in the first byte that is one of them.
        found = (((a - ONES) & ~a) | ((b - ONES) & ~b) | ((c - ONES) & ~c)) & HIGHS
        if found != NOUGHT:
            at += lowest(found) >> 3
            break
        at += 8
    return min(at, end)


@_compiled
def _raw_end(data: Bytes, at: int, end: int, mode: int, counts: Counts, numbers: Numbers, texts: Bytes) -> int:
    """Return where text that is no markup ends."""
    if mode == PLAIN:
        return end
    while True:
        at = _next(data, at, end, LESS, LESS, DASH if mode == COMMENTED or mode == NESTED else LESS)
        if at >= end:
            return end
        following = byte_at(data, at + 1)
        if byte_at(data, at) == DASH:
            if following == DASH and byte_at(data, at + 2) == MORE:
                mode = SCRIPT_TEXT
        elif mode == SCRIPT_TEXT and following == 0x21:
            if byte_at(data, at + 2) == DASH and byte_at(data, at + 3) == DASH:
                mode = COMMENTED
        elif following == SOLIDUS:
            if _is_end(data, at + 2, counts, numbers, texts) > 0:
                if mode != NESTED:
                    return at
                mode = COMMENTED
        elif mode == COMMENTED and _is_end(data, at + 1, counts, numbers, texts) > 0:
            mode = NESTED
        at += 1


@_compiled
def _text(
    data: Bytes, at: int, end: int, rules: Bytes, counts: Counts, numbers: Numbers, texts: Bytes, names: Numbers
) -> int:
    """Read text from `at` on; return where markup follows, or below 0 where it cannot be read here."""
    mode = counts[MODE]
    stop = end
    tables = counts[TABLES]
    little = tables - ROOM
    if mode != MARKUP:
        stop = _raw_end(data, at, end, mode, counts, numbers, texts)
        counts[MODE] = MARKUP
        if counts[BITS] & HIDDEN:
            if counts[BITS] & DATA:
                file = counts[FILES] - 1
                if numbers[FILE_END, file] > 0:
                    return -1
                numbers[FILE_BEGIN, file], numbers[FILE_END, file] = at, stop
            return stop
    refers = mode == MARKUP or mode == REFERRING
    begin = at
    while True:
        at = _next(data, at, stop, LESS, AND, RETURN)
        byte = byte_at(data, at)
        if at >= stop or (byte == LESS and mode == MARKUP):
            break
        if byte == RETURN:
            if at > begin:
                _shown(data, begin, at, rules, counts, numbers, texts)
            at += 1
            if byte_at(data, at) != NEWLINE:
                data[little] = NEWLINE
                _shown(data, little, little + 1, rules, counts, numbers, texts)
            begin = at
        elif byte == AND and refers:
            if byte_at(data, at + 1) == 0x23:
                size, length = _number(data, at, little)
                if size > 0:
                    if at > begin:
                        _shown(data, begin, at, rules, counts, numbers, texts)
                    _shown(data, little, little + length, rules, counts, numbers, texts)
            else:
                size, name = _name(data, at, counts, names)
                if size > 0:
                    if at > begin:
                        _shown(data, begin, at, rules, counts, numbers, texts)
                    _shown(
                        data,
                        tables + names[VALUE_BEGIN, name],
                        tables + names[VALUE_BEGIN, name + 1],
                        rules,
                        counts,
                        numbers,
                        texts,
                    )
            if size > 0:
                at += size
                begin = at
            else:
                at += 1
        else:
            at += 1
    if at > begin:
        _shown(data, begin, at, rules, counts, numbers, texts)
    return at


@_inlined
def _after_space(data: Bytes, at: int) -> int:
    while _is_space(byte_at(data, at)):
        at += 1
    return at


@_inlined
def _name_end(data: Bytes, at: int, end: int, mark: int) -> int:
    """Return where the name at `at` ends, which has one byte at least."""
    at += 1
    while at < end:
        byte = byte_at(data, at)
        if byte == SOLIDUS or byte == MORE or byte == mark or _is_space(byte):
            break
        at += 1
    return at


@_compiled
def _is_word(data: Bytes, at: int, length: int, word: Bytes) -> bool:
    if length != word.size:
        return False
    for i in range(length):
        if _lower(byte_at(data, at + i)) != byte_at(word, i):
            return False
    return True


_CLASS: Final = np.frombuffer(b"class", np.uint8)
_ID: Final = np.frombuffer(b"id", np.uint8)
_TYPE: Final = np.frombuffer(b"type", np.uint8)
_HIDDEN: Final = np.frombuffer(b"hidden", np.uint8)
_TYPEOF: Final = np.frombuffer(b"typeof", np.uint8)
_ITEMPROP: Final = np.frombuffer(b"itemprop", np.uint8)
_ITEMTYPE: Final = np.frombuffer(b"itemtype", np.uint8)
_LINKED_DATA: Final = np.frombuffer(b"ld+json", np.uint8)


@_compiled
def _is_linked_data(data: Bytes, at: int, end: int, counts: Counts, names: Numbers) -> bool:
    """Tell whether the type of a script says that it is JSON-LD, whatever of that is written with references."""
    matched = 0
    little = counts[TABLES] - ROOM
    while at < end:
        byte = byte_at(data, at)
        size = 0
        if byte == AND:
            if byte_at(data, at + 1) == 0x23:
                size, length = _number(data, at, little)
                if size > 0:
                    byte = byte_at(data, little) if length == 1 else 0
            else:
                size, name = _name(data, at, counts, names)
                behind = byte_at(data, at + size)
                if size > 0 and (byte_at(data, at + size - 1) == 0x3B or not _goes_on(behind)):
                    place = counts[TABLES] + names[VALUE_BEGIN, name]
                    byte = byte_at(data, place)
                else:
                    size = 0
        at += max(size, 1)
        # No beginning of the word comes twice in it: what does not go on can only begin.
        if byte != _LINKED_DATA[matched]:
            matched = 0
        if byte == _LINKED_DATA[matched]:
            matched += 1
        if matched == _LINKED_DATA.size:
            return True
    return False


@_inlined
def _goes_on(byte: int) -> bool:
    """Tell whether what stands in an attribute's value before such a byte is no reference without its semicolon."""
    return byte == EQUALS or _is_letter(byte) or _is_digit(byte)


@_compiled
def _value(data: Bytes, at: int, end: int) -> tuple[int, int, int, bool]:
    """Return where the value at `at` begins and ends, the place behind it, and whether it has references."""
    mark = byte_at(data, at)
    odd = False
    if mark == 0x22 or mark == 0x27:
        begin = at + 1
        at = begin
        while True:
            at = _next(data, at, end, mark, AND, RETURN)
            if at >= end or byte_at(data, at) == mark:
                break
            odd = True
            at += 1
        return begin, at, min(at + 1, end), odd
    begin = at
    while at < end:
        byte = byte_at(data, at)
        if byte == MORE or _is_space(byte):
            break
        odd = odd or byte == AND
        at += 1
    return begin, at, at, odd


@_compiled
def _open_tag(
    data: Bytes, at: int, end: int, rules: Bytes, names: Numbers, counts: Counts, numbers: Numbers, texts: Bytes
) -> int:
    """Read the opening tag at `at`; return the place behind it, or below 0 where it cannot be read here."""
    counts[MODE] = MARKUP
    stop = _name_end(data, at + 1, end, 0x20)
    if stop - at > LONGEST_NAME:
        return -1
    tag = _tag(data, at + 1, stop, counts, numbers, texts)
    if tag < 0:
        return -1
    _close_before(rules, counts, numbers, tag)
    _open_before(data, rules, counts, numbers, texts, tag)
    misplaced = (
        (tag == HTML and counts[TOP] > 0)
        or (tag == HEAD and counts[TOP] != 1)
        or (tag == BODY and numbers[OPEN, BODY] > 0)
    )
    if misplaced:
        counts[DEPTH] += numbers[OPEN, BODY] if tag == BODY else 1
    at = _after_space(data, stop)
    begin = at
    attributes = 0
    # Where the first attribute of these names has its value: from and up to (below 0 where there is none).
    class_at, class_end, id_at, id_end, type_at, type_end = -1, 0, -1, 0, -1, 0
    class_odd = id_odd = described = unshown = False
    while at < end:
        byte = byte_at(data, at)
        if byte == MORE:
            break
        if byte == SOLIDUS:
            if byte_at(data, at + 1) == MORE:
                break
            at = _after_space(data, at + 1)
            continue
        name = at
        at = _name_end(data, at, end, EQUALS)
        length = at - name
        if length > LONGEST_NAME:
            return -1
        at = _after_space(data, at)
        value, value_end, odd = 0, 0, False
        if byte_at(data, at) == EQUALS:
            value, value_end, at, odd = _value(data, _after_space(data, at + 1), end)
        attributes += 1
        if length == 5:
            if class_at < 0 and _is_word(data, name, length, _CLASS):
                class_at, class_end, class_odd = value, value_end, odd
        elif length == 2:
            if id_at < 0 and _is_word(data, name, length, _ID):
                id_at, id_end, id_odd = value, value_end, odd
        elif length == 4:
            if tag == SCRIPT and type_at < 0 and _is_word(data, name, length, _TYPE):
                type_at, type_end = value, value_end
        elif length == 6:
            described = described or _is_word(data, name, length, _TYPEOF)
            unshown = unshown or _is_word(data, name, length, _HIDDEN)
        elif length == 8:
            described = described or _is_word(data, name, length, _ITEMPROP) or _is_word(data, name, length, _ITEMTYPE)
        at = _after_space(data, at)
    if at >= end:
        misplaced = True
    if not misplaced:
        data_bit = 0
        if type_at >= 0:
            if _is_linked_data(data, type_at, type_end, counts, names):
                data_bit = DATA
                numbers[FILE_BEGIN, counts[FILES]] = numbers[FILE_END, counts[FILES]] = 0
                counts[FILES] += 1
        kind = 0 if attributes == 0 else 1 if attributes == 1 and class_at >= 0 else 2
        look = -1
        if not class_odd:
            look = _look(
                data, tag, max(class_at, 0), class_end - class_at if class_at >= 0 else 0, counts, numbers, texts
            )
        element = _push(rules, counts, numbers, tag, data_bit, kind, look, begin, at)
        if element > 0 and kind == 2:
            if id_at >= 0:
                numbers[LABELLED, counts[LABELS]] = ~element if id_odd else element
                counts[LABELS] += 1
                out = counts[IDS]
                for i in range(id_end - id_at):
                    texts[ID_TEXT, out + i] = byte_at(data, id_at + i)
                texts[ID_TEXT, out + id_end - id_at] = 0
                counts[IDS] = out + id_end - id_at + 1
            if described:
                numbers[DESCRIBED_ONES, counts[DESCRIBED]] = element
                counts[DESCRIBED] += 1
            if unshown:
                numbers[UNSHOWN_ONES, counts[UNSHOWN]] = element
                counts[UNSHOWN] += 1
    if counts[TOP] == 0:
        return at
    if byte_at(data, at) == SOLIDUS:
        _pop(counts, numbers)
        return at + 2
    if at >= end:
        return at
    # A tag in the wrong place leaves the element around it, and what holds for that.
    inner = numbers[STACK_TAG, counts[TOP] - 1]
    if rules[EMPTY, inner]:
        _pop(counts, numbers)
    else:
        counts[MODE] = rules[MODES, inner]
    return at + 1


@_compiled
def _close_tag(data: Bytes, at: int, end: int, rules: Bytes, counts: Counts, numbers: Numbers, texts: Bytes) -> int:
    """Read the closing tag at `at`; return the place behind it, or below 0 where it cannot be read here."""
    counts[MODE] = MARKUP
    if at + 2 >= end:
        _before_text(data, rules, counts, numbers, texts)
        _piece(data, at, end, counts, numbers, texts)
        return end
    at += 2
    if byte_at(data, at) == MORE:
        return at + 1
    if not _is_letter(byte_at(data, at)):
        return _after_mark(data, at, end)
    stop = _name_end(data, at, end, 0x20)
    if stop - at > LONGEST_NAME:
        return -1
    tag = _tag(data, at, stop, counts, numbers, texts)
    if tag < 0:
        return -1
    at = _after_space(data, stop)
    while at < end:
        byte = byte_at(data, at)
        if byte == MORE:
            break
        if byte == SOLIDUS:
            if byte_at(data, at + 1) == MORE:
                break
            at = _after_space(data, at + 1)
            continue
        name = at
        at = _name_end(data, at, end, EQUALS)
        if at - name > LONGEST_NAME:
            return -1
        at = _after_space(data, at)
        if byte_at(data, at) == EQUALS:
            at = _value(data, _after_space(data, at + 1), end)[2]
        at = _after_space(data, at)
    if at >= end:
        return end
    at += 1 if byte_at(data, at) == MORE else 2
    if counts[DEPTH] > 0 and (tag == HTML or tag == BODY or tag == HEAD):
        counts[DEPTH] -= 1
        return at
    if numbers[OPEN, tag] == 0:
        return at
    place = counts[TOP] - 1
    while numbers[STACK_TAG, place] != tag:
        inner = numbers[STACK_TAG, place]
        if rules[RANKS, inner] > rules[RANKS, tag]:
            return at
        place -= 1
    while counts[TOP] > place:
        _pop(counts, numbers)
    return at


@_compiled
def _after_mark(data: Bytes, at: int, end: int) -> int:
    """Return the place behind the next `>`."""
    while at < end and byte_at(data, at) != MORE:
        at += 1
    return min(at + 1, end)


@_compiled
def _after_comment(data: Bytes, at: int, end: int) -> int:
    """Return the place behind the comment whose text begins at `at`."""
    if byte_at(data, at) == MORE:
        return at + 1
    if byte_at(data, at) == DASH and byte_at(data, at + 1) == MORE:
        return at + 2
    while True:
        at = _next(data, at, end, DASH, DASH, DASH)
        if at >= end:
            return end
        if byte_at(data, at + 1) == DASH:
            third = byte_at(data, at + 2)
            if third == MORE:
                return at + 3
            if third == 0x21 and byte_at(data, at + 3) == MORE:
                return at + 4
        at += 1


@_compiled
def _is_type(data: Bytes, at: int) -> bool:
    """Tell whether a document type stands at `at`."""
    for i in range(7):
        if _lower(byte_at(data, at + 2 + i)) != (0x64, 0x6F, 0x63, 0x74, 0x79, 0x70, 0x65)[i]:
            return False
    return byte_at(data, at) == LESS and byte_at(data, at + 1) == 0x21


@_compiled
def _after_notes(data: Bytes, at: int, end: int) -> int:
    """Return the place behind comments and white space."""
    at = _after_space(data, at)
    while byte_at(data, at) == LESS:
        following = byte_at(data, at + 1)
        if following == 0x21 and byte_at(data, at + 2) == DASH and byte_at(data, at + 3) == DASH:
            at = _after_comment(data, at + 4, end)
        elif following == 0x3F:
            at = _after_mark(data, at + 1, end)
        else:
            break
        at = _after_space(data, at)
    return at


@_compiled
def sizes(data: Bytes, end: int) -> tuple[int, int]:
    """Return how many tags there can be, and what else ends a piece of text."""
    tags = others = 0
    for at in range(end):
        byte = data[at]
        tags += byte == LESS
        others += byte == AND or byte == RETURN
    return tags, others


@_compiled
def scan(data: Bytes, end: int, rules: Bytes, names: Numbers, counts: Counts, numbers: Numbers, texts: Bytes) -> bool:
    """Read a page: UTF-8 without NUL, and `end` bytes long; some NULs follow. Return whether it could be read here."""
    at = _after_notes(data, 0, end)
    if _is_type(data, at):
        at = _after_mark(data, at + 9, end)
    at = _after_notes(data, at, end)
    while at < end:
        following = byte_at(data, at + 1)
        if counts[MODE] != MARKUP or byte_at(data, at) != LESS:
            at = _text(data, at, end, rules, counts, numbers, texts, names)
        elif following == SOLIDUS:
            at = _close_tag(data, at, end, rules, counts, numbers, texts)
        elif following == 0x21:
            if byte_at(data, at + 2) == DASH and byte_at(data, at + 3) == DASH:
                at = _after_comment(data, at + 4, end)
            else:
                at = _after_mark(data, at + 2, end)
        elif following == 0x3F:
            at = _after_mark(data, at + 1, end)
        elif _is_letter(following):
            at = _open_tag(data, at, end, rules, names, counts, numbers, texts)
        else:
            _before_text(data, rules, counts, numbers, texts)
            _piece(data, at, at + 1, counts, numbers, texts)
            at += 1
        if at < 0:
            return False
    while counts[TOP] > 0:
        _pop(counts, numbers)
    numbers[END, 0] = counts[COUNT]
    numbers[LAST, 0] = counts[PIECES]
    return counts[REFUSED] == 0
