"""A page's bytes in, the columns of its tree out, by a compiled reader that does what lxml's parser does, only faster.

What that one does with markup is kept here as tables: which elements are empty, which tags end which elements, and how
what they hold is read. It is libxml2's of 2.14; where another one is installed, nothing is read here. Nor are pages
that hold something out of the ordinary: a NUL, a name longer than any, more tags than anybody uses.
"""

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from html.entities import html5
from itertools import pairwise
from typing import Any, Final

import numpy as np
from lxml import etree

__all__ = ["ALONE", "Columns", "Scanner", "attributes_in", "unescaped"]

VERSION: Final = (2, 14)
"""The libxml2 whose ways these are."""

_EMPTY: Final = "area base basefont br col frame hr img input isindex link meta param"
_READ: Final = {"title textarea": "referring", "iframe noembed noframes style xmp": "raw", "plaintext": "plain",
                "script": "script"}  # fmt: skip
# What a closing tag of a lower rank does not close; others have none.
_RANKS: Final = {"div": 1, "td": 2, "th": 2, "tr": 3, "thead": 4, "tbody": 4, "tfoot": 4, "table": 5, "head": 6,
                 "body": 6, "html": 7}  # fmt: skip
_HEADINGS: Final = "h1 h2 h3 h4 h5 h6"
# Open elements, and the tags that end them when they open.
_ENDED: Final = {
    "a": "a fieldset table td th",
    "address": "dd dl dt form li ul",
    "b": "center p td th",
    "big s small strike tt": "p",
    "caption": "col colgroup tbody tfoot thead tr",
    "col": "col colgroup tbody tfoot thead tr",
    "colgroup": "colgroup tbody tfoot thead tr",
    "dd": "dt",
    "dir menu": "dd dl dt form ul",
    "dl": "form li",
    "dt": "dd dl",
    "font": "center td th",
    "form hr ol": "form",
    _HEADINGS: "fieldset form li p table",
    "head": "a abbr acronym address b bdo big blockquote body br center cite code dd dfn dir div dl dt em fieldset "
    f"font form frameset {_HEADINGS} hr i iframe img kbd li listing map menu ol p pre q s samp small span strike "
    "strong sub sup table tt u ul var xmp",
    "i": "center p td th",
    "legend": "fieldset",
    "li": "li",
    "link style title": "body frameset",
    "listing pre": "dd dl dt fieldset form li table ul",
    "option": "optgroup option",
    "p": "address blockquote body caption center col colgroup dd dir div dl dt fieldset form frameset "
    f"{_HEADINGS} head hr li listing menu ol p pre table tbody td tfoot th title tr ul xmp",
    "script": "noscript",
    "span": "td th",
    "tbody": "tbody tfoot",
    "td th": "tbody td tfoot th tr",
    "tfoot": "tbody",
    "thead": "tbody tfoot",
    "tr": "tbody tfoot tr",
    "u": "p td th",
    "ul": "address form menu pre",
    "xmp": "dd dl dt fieldset form li table ul",
}

ALONE: Final = 1
"""The kind of attributes that are a class and nothing else."""

# A page of more pieces of text than this is none that somebody wrote.
MOST_PIECES: Final = 1 << 18


@dataclass(slots=True)
class Columns:
    """The elements and the text of one page, as `html_tree.Tree` has them; element 0 stands for the page itself."""

    tags: list[str]
    looks: list[tuple[str, str]]
    """Tag and class, of each look."""
    look_of: list[int]
    """The look of each element, without that of the page itself; -1 where there is none."""
    odd: list[int]
    """Those elements, whose class is written with references."""
    kinds: bytes
    """What attributes each element has: 0 for none, 1 for a class alone, 2 for others."""
    begins: Sequence[int]
    stops: Sequence[int]
    """Where the attributes of each element stand in the page."""
    parents: list[int]
    ends: list[int]
    first: list[int]
    last: list[int]
    states: list[int]
    chunks: list[str]
    letters: list[int]
    linked: list[int]
    noted: list[int]
    labelled: list[int]
    idents: list[str]
    """The ids of those."""
    described: list[int]
    unshown: list[int]
    data: list[str]


@dataclass(slots=True)
class _Room:
    """What the compiled reader writes into; it is used again, as to make it takes longer than to read most pages."""

    data: Any = field(default_factory=partial(np.empty, 0, np.uint8))
    counts: Any = None
    numbers: Any = field(default_factory=partial(np.empty, (0, 0), np.int32))
    texts: Any = field(default_factory=partial(np.empty, (0, 0), np.uint8))


class Scanner:
    """The compiled reader, ready to read; to make it so takes half a second, and some ten where it is not compiled yet.

    `marks` are the bits that `html_tree` gives to tags. Raises `ValueError` where another libxml2 is installed, which
    has ways of its own.
    """

    def __init__(self, marks: Mapping[str, int]) -> None:
        if etree.LIBXML_VERSION[:2] != VERSION:
            raise ValueError("another libxml2")
        from moderation.readers import html_kernel

        self._kernel = html_kernel
        self._tags = list(html_kernel.FIXED)
        known = [_EMPTY, *_READ, *_RANKS, *_ENDED, *_ENDED.values(), *marks]
        self._tags += sorted({tag for tags in known for tag in tags.split()}.difference(self._tags))
        number = {tag: at for at, tag in enumerate(self._tags)}
        count = len(self._tags)
        modes = {"referring": html_kernel.REFERRING, "raw": html_kernel.RAW, "plain": html_kernel.PLAIN,
                 "script": html_kernel.SCRIPT_TEXT}  # fmt: skip
        mode = np.zeros(count, np.uint8)
        for tags, name in _READ.items():
            mode[[number[tag] for tag in tags.split()]] = modes[name]
        closing = np.zeros((count, count), np.uint8)
        for old, new in _ENDED.items():
            for tag in old.split():
                closing[[number[ending] for ending in new.split()], number[tag]] = 1
        self._rules = np.zeros((html_kernel.CLOSING + count, html_kernel.MOST_TAGS), np.uint8)
        self._rules[html_kernel.MARKS, :count] = [marks.get(tag, 0) for tag in self._tags]
        self._rules[html_kernel.MODES, :count] = mode
        self._rules[html_kernel.EMPTY, :count] = [tag in _EMPTY.split() for tag in self._tags]
        self._rules[html_kernel.RANKS, :count] = [_RANKS.get(tag, 0) for tag in self._tags]
        self._rules[html_kernel.CLOSING :, :count] = closing
        self._tag_bytes, self._tag_begins, self._tag_table = self._table(self._tags, html_kernel.TAG_SLOTS)
        names = sorted({name.removesuffix(";") for name in html5})
        name_bytes, name_begins, name_table = self._table(names, html_kernel.NAME_SLOTS)
        values, value_begins = _joined([html5[f"{name};"] for name in names])
        self._names = np.zeros((4, html_kernel.NAME_SLOTS), np.int32)
        self._names[html_kernel.NAME_BEGIN, : len(name_begins)] = name_begins
        self._names[html_kernel.NAME_TABLE] = name_table
        self._names[html_kernel.SHORT, : len(names)] = [name in html5 for name in names]
        self._names[html_kernel.VALUE_BEGIN, : len(value_begins)] = value_begins + len(name_bytes)
        self._tail = np.concatenate([np.zeros(2 * html_kernel.ROOM, np.uint8), name_bytes, values])
        self._rooms: list[_Room] = []

    def _table(self, names: Sequence[str], slots: int) -> tuple[Any, Any, Any]:
        """Return names as bytes, where each begins, and a hash table of their numbers."""
        together, begins = _joined(names)
        table = [-1] * slots
        for number, (begin, end) in enumerate(pairwise(begins.tolist())):
            slot = self._kernel.hashed(together, begin, end) & (slots - 1)
            while table[slot] >= 0:
                slot = (slot + 1) & (slots - 1)
            table[slot] = number
        return together, begins, np.array(table, np.int32)

    def read(self, data: bytes) -> Columns | None:
        """Return what is in a page (UTF-8); None where it is for lxml to read."""
        if b"\0" in data or data.startswith(codecs.BOM_UTF8):
            return None
        try:
            room = self._rooms.pop()
        except IndexError:
            room = _Room()
        columns = self._columns(data, room) if self._is_scanned(data, room) else None
        self._rooms.append(room)
        return columns

    def _is_scanned(self, data: bytes, room: "_Room") -> bool:
        """Tell whether a page could be read, and into `room` it was."""
        kernel = self._kernel
        size, tail = len(data), len(self._tail)
        room.data = _grown(room.data, size + tail)
        room.data[:size] = np.frombuffer(data, np.uint8)
        room.data[size : size + tail] = self._tail
        tags, others = kernel.sizes(room.data, size)
        pieces = 3 * (tags + others) + 8
        if pieces > MOST_PIECES:
            return False
        slots = 1 << (4 * tags + 16).bit_length()
        width = max(2 * tags + 8, pieces, slots, kernel.TAG_SLOTS)
        room.numbers = numbers = _grown(room.numbers, width, kernel.ROWS)
        room.texts = texts = _grown(room.texts, max(2 * size + pieces, kernel.MOST_LETTERS), 4)
        room.counts = counts = np.zeros(kernel.VALUES, np.int64)
        counts[[kernel.COUNT, kernel.TAGS, kernel.TABLES, kernel.LOOK_SLOTS]] = (
            1, len(self._tags), size + 2 * kernel.ROOM, slots
        )  # fmt: skip
        numbers[: kernel.LETTERS, 0] = 0
        numbers[kernel.PARENT, 0] = -1
        numbers[kernel.OPEN, : kernel.MOST_TAGS] = 0
        numbers[kernel.LOOK_TABLE, :slots] = -1
        numbers[kernel.TAG_TABLE, : kernel.TAG_SLOTS] = self._tag_table
        numbers[kernel.TAG_BEGIN, : len(self._tag_begins)] = self._tag_begins
        texts[kernel.TAG_TEXT, : len(self._tag_bytes)] = self._tag_bytes
        return bool(kernel.scan(room.data, size, self._rules, self._names, counts, numbers, texts))

    def _columns(self, data: bytes, room: "_Room") -> Columns | None:
        kernel = self._kernel
        counts, numbers, texts = room.counts.tolist(), room.numbers, room.texts
        count, pieces = counts[kernel.COUNT], counts[kernel.PIECES]
        if count == 1 and pieces == 0:
            return None
        elements = numbers[: kernel.LETTERS, :count]
        tags = self._tags
        if counts[kernel.TAGS] > len(tags):
            begins = numbers[kernel.TAG_BEGIN, len(tags) : counts[kernel.TAGS] + 1].tolist()
            names = texts[kernel.TAG_TEXT, : begins[-1]].tobytes()
            tags = [*tags, *(names[begin:end].decode() for begin, end in pairwise(begins))]
        labelled = numbers[kernel.LABELLED, : counts[kernel.LABELS]].tolist()
        idents = _texts(texts[kernel.ID_TEXT], counts[kernel.IDS])
        for at, element in enumerate(labelled):
            if element < 0:
                labelled[at], idents[at] = ~element, unescaped(idents[at])
        look_of = elements[kernel.LOOK]
        look_tags = numbers[kernel.LOOK_TAG, : counts[kernel.LOOKS]].tolist()
        files = numbers[kernel.FILE_BEGIN : kernel.FILE_END + 1, : counts[kernel.FILES]].T.tolist()
        return Columns(
            tags=["#page", *map(tags.__getitem__, elements[kernel.TAG, 1:].tolist())],
            looks=list(
                zip(
                    map(tags.__getitem__, look_tags),
                    _texts(texts[kernel.CLASS_TEXT], counts[kernel.CLASSES]),
                    strict=True,
                )
            ),
            look_of=look_of[1:].tolist(),
            odd=np.flatnonzero(look_of < 0).tolist(),
            kinds=elements[kernel.KIND].astype(np.uint8).tobytes(),
            begins=elements[kernel.BEGIN].copy(),
            stops=elements[kernel.STOP].copy(),
            parents=elements[kernel.PARENT].tolist(),
            ends=elements[kernel.END].tolist(),
            first=elements[kernel.FIRST].tolist(),
            last=elements[kernel.LAST].tolist(),
            states=elements[kernel.STATE].tolist(),
            chunks=_texts(texts[kernel.SHOWN], counts[kernel.WRITTEN]),
            letters=numbers[kernel.LETTERS, :pieces].tolist(),
            linked=numbers[kernel.LINKS, :pieces].tolist(),
            noted=numbers[kernel.NOTED_ONES, : counts[kernel.NOTES]].tolist(),
            labelled=labelled,
            idents=idents,
            described=numbers[kernel.DESCRIBED_ONES, : counts[kernel.DESCRIBED]].tolist(),
            unshown=numbers[kernel.UNSHOWN_ONES, : counts[kernel.UNSHOWN]].tolist(),
            data=[_lines(data[begin:end].decode()) for begin, end in files],
        )


def _grown(room: Any, width: int, *rows: int) -> Any:
    """Return an array with rows of at least this width: this one, if it has."""
    return room if room.shape[-1] >= width else np.empty((*rows, width), room.dtype)


def _joined(texts: Sequence[str]) -> tuple[Any, Any]:
    """Return texts as bytes, and where each begins."""
    written = [text.encode() for text in texts]
    begins = np.cumsum([0, *map(len, written)]).astype(np.int32)
    return np.frombuffer(b"".join(written), np.uint8), begins


def _texts(written: Any, length: int) -> list[str]:
    """Return the texts that stand one behind the other, each with a NUL behind it."""
    return written[: length - 1].tobytes().decode().split("\0") if length else []


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


_ATTRIBUTE: Final = re.compile(
    r"([^ \t\n\f\r/][^ \t\n\f\r/=]*)"
    r"(?:[ \t\n\f\r]*=[ \t\n\f\r]*(?:\"([^\"]*)\"|'([^']*)'|([^ \t\n\f\r>]*)))?"
)
# Only these letters have another case there.
_SMALL: Final = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}


def attributes_in(written: bytes) -> dict[str, str]:
    """Return the attributes of an opening tag; of those of one name, the first counts."""
    text = written.decode()
    is_plain = "&" not in text and "\r" not in text
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        small = name if name.islower() else name.translate(_SMALL)
        if small not in found:
            value = double or single or bare
            found[small] = value if is_plain else unescaped(value)
    return found


# A name without its semicolon is none before an equals sign: addresses are full of them.
_REFERENCE: Final = re.compile(r"&(?:#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?|([A-Za-z][A-Za-z0-9]*+)(;|(?!=)))")


def unescaped(value: str) -> str:
    """Return the value of an attribute, its references resolved and its line ends plain."""
    value = _lines(value)
    return _REFERENCE.sub(_meant, value) if "&" in value else value


def _meant(found: re.Match[str]) -> str:
    sixteen, ten, name, end = found.groups()
    if name:
        return html5.get(name + end, found[0])
    number = int(sixteen, 16) if sixteen else int(ten)
    if number in range(0x80, 0xA0):
        return bytes((number,)).decode("cp1252", "ignore") or chr(number)
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
