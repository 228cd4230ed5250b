"""A saved page's bytes in, its elements and text out: flat lists in document order, so that a subtree is a slice.

lxml reports what it meets and keeps nothing; what is kept here costs a few numbers per element, and no walk over it
recurses. Element 0 stands for the page itself.
"""

import codecs
import email
import email.policy
import re
import struct
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from sys import intern
from typing import Any, Final, NamedTuple

import pyarrow as pa
from lxml import etree

from moderation.readers.encoding import encoding_of, replace_bad_bytes
from moderation.readers.html_scanner import ALONE, Columns, Scanner, attributes_in
from moderation.readers.html_words import Look, Looks

__all__ = ["HEADS", "MOST_BYTES", "UNREAD", "UNREAD_INSIDE", "Region", "Tree", "decoded", "parsed", "parts"]

# A page longer than this, or of more elements, is read up to here: memory must not depend on what is given.
MOST_BYTES: Final = 32 << 20
MOST_ELEMENTS: Final = 600_000
PIECE: Final = 1 << 20
MOST_PIECES: Final = 200
# To make the compiled reader ready takes half a second, which it saves on some fifty megabytes; whoever gives this much
# mostly has more.
WORTH_IT: Final = 1 << 24

_UNSHOWN: Final = frozenset(("script", "style", "template", "svg", "math", "iframe", "object", "noembed", "noframes"))
# What is empty by nature and says nothing of what is around it; they are many, and are not kept.
_IDLE: Final = frozenset(("wbr", "source", "track", "param", "col", "path", "use", "circle", "rect", "polygon", "g"))
# What holds no text that somebody wrote to be read.
UNREAD: Final = frozenset(
    (*_UNSHOWN, "noscript", "head", "button", "select", "textarea", "option", "audio", "video", "canvas", "input")
)
# What changes how the text inside counts, as bits: it is not shown, nobody wrote it to be read, it is a link, or data.
_HIDDEN, UNREAD_INSIDE, _LINKED, _DATA = 1, 2, 4, 8
_CHANGING: Final = {
    **dict.fromkeys(UNREAD, UNREAD_INSIDE),
    **dict.fromkeys(_UNSHOWN, _HIDDEN | UNREAD_INSIDE),
    "a": _LINKED,
}
# What may stand over something.
HEADS: Final = ("h1", "h2", "h3", "h4", "h5", "h6", "legend", "caption", "dt")
# Two more bits: elements of these tags are asked for, or not kept at all.
_NOTED, _DROPPED = 16, 32
_MARKS: Final[dict[str, int]] = {
    **_CHANGING,
    **{tag: _NOTED | _CHANGING.get(tag, 0) for tag in (*HEADS, "form", "link", "meta", "script", "title")},
    **dict.fromkeys(_IDLE, _DROPPED),
}
_PARAGRAPHS: Final = frozenset(
    (
        *("p", "div", "blockquote", "ul", "ol", "dl", "table", "section", "article", "hr", "pre", "figure", "header"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "footer", "aside", "main", "nav", "form", "fieldset", "address"),
        *("details", "center", "figcaption", "body", "tbody", "summary"),
    )
)
_LINES: Final = frozenset(("li", "tr", "dt", "dd"))
_BLANKS: Final = re.compile(r" {2,}")
_META: Final = re.compile(rb"<meta[^<>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"<\?xml[^<>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)


class Region(NamedTuple):
    """A run of elements, `start` up to but without `end`, and of text, `first` up to but without `last`."""

    start: int
    end: int
    first: int
    last: int


@dataclass(slots=True)
class Tree:
    """Elements by number: tag, attributes, class, parent, the number after the last one inside, and the text inside."""

    tags: list[str] = field(default_factory=lambda: ["#page"])
    attributes: Sequence[Mapping[str, str]] | Mapping[int, Mapping[str, str]] = field(default_factory=lambda: [{}])
    looks: list[Look] = field(default_factory=lambda: [_TAGS["#page"][""]])
    """What the tags and classes say."""
    labelled: list[int] = field(default_factory=list)
    """The elements that have an id ..."""
    idents: list[str] = field(default_factory=list)
    """... and those ids."""
    described: list[int] = field(default_factory=list)
    """The elements that have microdata."""
    unshown: set[int] = field(default_factory=set)
    """The elements that say that they are hidden."""
    noted: dict[str, list[int]] = field(default_factory=dict)
    """The elements of some tags."""
    parents: list[int] = field(default_factory=lambda: [-1])
    ends: list[int] = field(default_factory=lambda: [0])
    first: list[int] = field(default_factory=lambda: [0])
    last: list[int] = field(default_factory=lambda: [0])
    chunks: list[str] = field(default_factory=list)
    letters: list[int] = field(default_factory=list)
    """How many letters of each piece of text are there to be read ..."""
    linked: list[int] = field(default_factory=list)
    """... and how many of them in a link."""
    states: list[int] = field(default_factory=lambda: [0])
    """What each element and those around it do to the text inside, as bits."""
    data: list[str] = field(default_factory=list)
    """What scripts of type JSON-LD hold."""
    cut: bool = False
    """Whether the page was too long and its rest was left out."""

    def region(self, element: int) -> Region:
        """Return the region of one element."""
        return _region(Region, (element, self.ends[element], self.first[element], self.last[element]))

    def run(self, start: int, end: int) -> Region:
        """Return the region from `start` to before its later sibling `end` (or to where their parent ends)."""
        parent = self.parents[start]
        last = self.last[parent] if parent >= 0 else len(self.chunks)
        return Region(start, end, self.first[start], min(self.first[end], last) if end < len(self.tags) else last)

    def above(self, element: int) -> Iterator[int]:
        """Yield the elements around `element`, nearest first."""
        while (element := self.parents[element]) > 0:
            yield element

    def of(self, tag: str) -> Sequence[int]:
        """Return the elements that have `tag`, one of the noted ones, in their order."""
        return self.noted.get(tag, ())

    def owner(self, number: int) -> int:
        """Return the element that a piece of text stands in."""
        element = bisect_right(self.first, number) - 1
        while self.last[element] <= number:
            element = self.parents[element]
        return element

    def get(self, element: int, name: str) -> str:
        """Return an attribute, or nothing."""
        return self.attributes[element].get(name) or ""

    def line(self, element: int, skip: Collection[int] = ()) -> str:
        """Return all the text of `element` on one line, without that of the elements in `skip`."""
        if skip:
            return " ".join(self.text_of(self.region(element), skip).split())
        first, last = self.first[element], self.last[element]
        # Nobody wants a line of more pieces; an element that is closed nowhere holds all the rest of the page.
        return " ".join("".join(self.chunks[first : min(last, first + MOST_PIECES)]).split())

    def text_of(self, region: Region, skip: Collection[int] = ()) -> str:
        """Return the text of `region` as a reader would see it, without that of the elements in `skip`."""
        out: list[str] = []
        tags, ends, first, last, chunks = self.tags, self.ends, self.first, self.last, self.chunks
        open_: list[tuple[int, int, int]] = []
        element, end, at, _ = region
        # Where the innermost of those that are open ends; how many line ends wait for more text: two show all of them.
        until = beyond = len(tags) + 1
        preformatted = breaks = 0
        while element < end or open_:
            if element >= until or element >= end:
                _, stop, kind = open_.pop()
                until = open_[-1][0] if open_ else beyond
                if stop > at:
                    if breaks:
                        out.append("\n" if breaks == 1 else "\n\n")
                        breaks = 0
                    out.append(_run(chunks, at, stop, preformatted))
                    at = stop
                if kind == _PRE:
                    preformatted -= 1
                breaks += 1 if kind == _LINE else 2
                continue
            start = first[element]
            if start > at:
                if breaks:
                    out.append("\n" if breaks == 1 else "\n\n")
                    breaks = 0
                out.append(_run(chunks, at, start, preformatted))
                at = start
            kind = _KINDS.get(tags[element], 0)
            if element in skip or kind == _UNSAID:
                at = max(at, last[element])
                if kind in _APART:
                    breaks += 2
                element = ends[element]
                continue
            if kind:
                if kind == _BREAK:
                    breaks += 1
                elif kind == _CELL:
                    if breaks:
                        out.append("\n" if breaks == 1 else "\n\n")
                        breaks = 0
                    out.append(" ")
                else:
                    breaks += 1 if kind == _LINE else 2
                    until = ends[element]
                    open_.append((until, last[element], kind))
                    preformatted += kind == _PRE
            element += 1
        if region.last > at:
            if breaks:
                out.append("\n" if breaks == 1 else "\n\n")
            out.append(_run(chunks, at, region.last, preformatted))
        return _tidied("".join(out))


# What elements do to the text: they break it once, stand in a row, or in a line or a paragraph of their own, or are
# left out of it.
_BREAK, _CELL, _LINE, _PARAGRAPH, _PRE, _UNSAID = range(1, 7)
_APART: Final = frozenset((_PARAGRAPH, _PRE))
_KINDS: Final = {
    "br": _BREAK,
    "td": _CELL,
    "th": _CELL,
    **dict.fromkeys(_LINES, _LINE),
    **dict.fromkeys(_PARAGRAPHS, _PARAGRAPH),
    "pre": _PRE,
    **dict.fromkeys(UNREAD, _UNSAID),
}
_region: Final = tuple.__new__  # a named tuple's own takes twice as long


def _run(chunks: list[str], at: int, stop: int, preformatted: int) -> str:
    text = chunks[at] if stop - at == 1 else "".join(chunks[at:stop])
    # A line end in preformatted text must outlive the folding of white space.
    if preformatted:
        return text.replace("\n", "\v")
    if "\n" in text:
        text = text.replace("\n", " ")
    if "\t" in text:
        text = text.replace("\t", " ")
    if "\r" in text:
        text = text.replace("\r", " ")
    if "\f" in text:
        text = text.replace("\f", " ")
    return _BLANKS.sub(" ", text) if "  " in text else text


def _tidied(text: str) -> str:
    text = text.replace("\xa0", " ").replace("\xad", "")
    if "\n" in text:
        text = text.replace(" \n", "\n").replace("\n ", "\n")
        while "\n\n\n" in text:
            text = text.replace("\n\n\n", "\n\n")
    if "  " in text and "\v" not in text:
        text = _BLANKS.sub(" ", text)
    return text.replace("\v", "\n").strip()


def decoded(data: bytes) -> tuple[bytes, int]:
    """Return a page's bytes as UTF-8, and how many of them had to be read one by one as cp1252.

    What decodes as UTF-8 is UTF-8, whatever the page says of itself; else the page is believed; else it is guessed.
    """
    head = data[:4096]
    marked = head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE))
    name = _charset(head)
    if not marked and not (name or "").startswith("iso2022") and b"\0" not in head and _is_utf8(data):
        return data, 0
    if marked or name is None or name == "utf-8":
        name = encoding_of(data[: 1 << 18])
    if name in ("utf-8", "utf-8-sig"):
        text, bad = replace_bad_bytes(data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape"))
        return text.encode("utf-8", "replace"), bad
    return data.decode(name, "replace").encode("utf-8", "replace"), 0


def _is_utf8(data: bytes) -> bool:
    """Tell whether all of `data` is UTF-8; Arrow looks at many bytes at once."""
    offsets = pa.py_buffer(struct.pack("=qq", 0, len(data)))
    try:
        pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _charset(head: bytes) -> str | None:
    """Return the codec that the page names for itself, if it names one that exists."""
    found = _META.search(head) or _DECLARED.match(head.lstrip())
    if not found:
        return None
    try:
        name = codecs.lookup(found[1].decode("ascii")).name
        "".encode(name)
    except (LookupError, ValueError):  # ValueError also where the name is no text encoding at all
        return None
    # Pages that claim the smaller sets are written on machines that have the larger ones; browsers read them so.
    larger = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
              "shift_jis": "cp932", "euc_kr": "cp949", "iso8859-11": "cp874"}  # fmt: skip
    name = larger.get(name, name)
    return None if name.startswith(("utf-16", "utf-32", "utf-7")) else name


class _Tag(Looks):
    """What is known of a tag, and of the classes that elements with it have."""

    __slots__ = ("mark",)

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.mark = _MARKS.get(tag, 0)


class _Tags(dict[str, _Tag]):
    def __missing__(self, tag: str) -> _Tag:
        if len(self) >= MOST_TAGS:
            self.clear()
        found = self[tag] = _Tag(tag)
        return found


MOST_TAGS: Final = 4096
_TAGS: Final[_Tags] = _Tags()
_NOTHING: Final[Mapping[str, str]] = {}

# Parsers that nobody uses at the moment: to make one takes as long as to parse a small page.
_SPARE: Final[list["_Parser"]] = []


def parsed(data: bytes) -> Tree:
    """Return the tree of a page (bytes in UTF-8)."""
    scanner = _Compiled.scanner_for(data)
    columns = scanner.read(data) if scanner is not None else None
    if columns is not None:
        return _scanned(data, columns)
    try:
        parser = _SPARE.pop()
    except IndexError:
        parser = _Parser()
    tree = parser.parsed(data)
    _SPARE.append(parser)  # not where parsing failed
    return tree


class _Compiled:
    """The compiled reader, once it is ready, and how many bytes were read without it."""

    scanner: Scanner | None = None
    is_wanted = True
    seen = 0

    @classmethod
    def scanner_for(cls, data: bytes) -> Scanner | None:
        """Return the compiled reader for a page, once so much was read that making it ready pays."""
        if cls.scanner is None and cls.is_wanted:
            cls.seen += len(data)
            if cls.seen >= WORTH_IT:
                cls.is_wanted = False  # whoever comes first makes it ready
                with suppress(ValueError):
                    cls.scanner = Scanner(_MARKS)
        return cls.scanner if 0 < len(data) <= PIECE else None


class _Parser:
    """A parser, and what it calls while it parses: that notes what came in which order, and does nothing else.

    In `met` a mapping is where an element begins, and its attributes; None is the end of any, and the rest is text. A
    page makes ten thousand calls: two of the three kinds never enter the interpreter, and what is done in a loop
    afterwards takes half the time.
    """

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.met: list[Mapping[str, str] | str | None] = []
        tags, met = self.tags, self.met

        def start(tag: str, given: Mapping[str, str]) -> None:
            tags.append(tag)
            met.append(given)

        self.start = start
        self.data = met.append
        # `next` takes the tag for its default, and has one None more noted.
        self.end = partial(next, map(met.append, repeat(None)))
        self._renew()

    def _renew(self) -> None:
        self._parser = etree.HTMLParser(target=self, encoding="utf-8", huge_tree=True)

    def close(self) -> None:
        """Leave open what is open."""

    def parsed(self, data: bytes) -> Tree:
        """Return the tree of a page."""
        cut = len(data) > MOST_BYTES
        data = data[:MOST_BYTES]
        try:
            try:
                if 0 < len(data) <= PIECE:
                    etree.fromstring(data, self._parser)  # at once, which is a little faster
                else:
                    cut = self._fed(data) or cut
            except (etree.LxmlError, AssertionError):  # nothing but white space, or nothing at all
                cut = cut or _kept(self.tags) > 0
                self._renew()
            return _tree(self.tags, self.met, cut=cut)
        finally:
            self.tags.clear()
            self.met.clear()

    def _fed(self, data: bytes) -> bool:
        """Parse a long page piece by piece; tell whether it was cut, for having too many elements."""
        kept = begun = met = 0
        for begin in range(0, max(len(data), 1), PIECE):
            if kept >= MOST_ELEMENTS:
                self._parser.close()
                return True
            self._parser.feed(data[begin : begin + PIECE] or b" ")
            kept += self._slimmed(begun, met)
            begun, met = len(self.tags), len(self.met)
        self._parser.close()
        return False

    def _slimmed(self, begun: int, met: int) -> int:
        """Let go of what nobody asks for, from there on; return how many elements are kept."""
        tags = self.tags[begun:] = list(map(intern, self.tags[begun:]))
        if not _IDLE.isdisjoint(tags):
            tag = iter(tags)
            self.met[met:] = [
                _NOTHING if event is not None and type(event) is not str and next(tag) in _IDLE else event
                for event in self.met[met:]
            ]
        return _kept(tags)


def _kept(tags: Iterable[str]) -> int:
    """Count the elements that are kept."""
    return sum(tag not in _IDLE for tag in tags)


def _tree(begun: Sequence[str], met: Iterable[Any], *, cut: bool) -> Tree:
    """Return the tree of elements with the tags `begun`, from what was met: attributes, text, and None for an end."""
    tree = Tree(cut=cut)
    attributes: list[Mapping[str, str]] = [_NOTHING]
    tags, looks = tree.tags, tree.looks
    labelled, described = tree.labelled, tree.described
    parents, states, first = tree.parents, tree.states, tree.first
    chunks, letters, linked = tree.chunks, tree.letters, tree.linked
    ends, last = [0] * (len(begun) + 1), [0] * (len(begun) + 1)
    all_tags, next_tag = _TAGS, iter(begun).__next__
    here = state = at = 0
    count = 1
    idle: list[int] = []
    data: list[list[str]] = []
    spaced = False
    for event in met:
        if event is None:
            if idle and idle[-1] == here:  # whatever began inside of it has ended
                idle.pop()
            elif here:
                ends[here] = count
                last[here] = at
                here = parents[here]
                state = states[here]
        elif type(event) is str:
            if state & _HIDDEN:
                if state & _DATA:
                    data[-1].append(event)
            # White space after white space shows nothing, and is half of what a page is made of.
            elif not event.isspace():
                spaced = False
                at += 1
                chunks.append(event)
                if not state:
                    letters.append(len(event))
                    linked.append(0)
                else:
                    size = 0 if state & UNREAD_INSIDE else len(event)
                    letters.append(size)
                    linked.append(size if state & _LINKED else 0)
            elif not spaced:
                spaced = True
                at += 1
                chunks.append(event)
                letters.append(0)
                linked.append(0)
        else:
            tag = next_tag()
            known = all_tags[tag]
            mark = known.mark
            if mark:
                if mark == _DROPPED:
                    idle.append(here)
                    continue
                if mark & _NOTED:
                    tree.noted.setdefault(tag, []).append(count)
                    if tag == "script" and "ld+json" in (event.get("type") or ""):
                        data.append([])
                        mark |= _DATA
                state |= mark & ~_NOTED
            tags.append(tag)
            parents.append(here)
            first.append(at)
            states.append(state)
            here = count
            count += 1
            if not event:
                looks.append(known[""])
                attributes.append(_NOTHING)
                continue
            if "class" in event:
                found = known[event["class"]]
                looks.append(found)
                if len(event) == 1:
                    # Most have a class and nothing else, and that of many others: one mapping does for all.
                    attributes.append(found.attributes)
                    continue
            else:
                looks.append(known[""])
            attributes.append(event)
            if "id" in event:
                labelled.append(here)
                tree.idents.append(event["id"])
            if "hidden" in event:
                tree.unshown.add(here)
            if "itemprop" in event or "itemtype" in event or "typeof" in event:
                described.append(here)
    while here:
        ends[here] = count
        last[here] = at
        here = parents[here]
    ends[0], last[0] = count, at
    del ends[count:], last[count:]
    tree.ends, tree.last, tree.data = ends, last, list(map("".join, data))
    tree.attributes = attributes
    return tree


class _Attributes(dict[int, Mapping[str, str]]):
    """The attributes of elements, each read when somebody asks for it: few are asked for."""

    __slots__ = ("columns", "data", "looks")

    def __init__(self, data: bytes, columns: Columns, looks: Sequence[Look]) -> None:
        super().__init__()
        self.data, self.columns, self.looks = data, columns, looks

    def __missing__(self, element: int) -> Mapping[str, str]:
        columns = self.columns
        kind = columns.kinds[element]
        if kind == 0:
            found: Mapping[str, str] = _NOTHING
        elif kind == ALONE:
            found = self.looks[element].attributes
        else:
            found = attributes_in(self.data[columns.begins[element] : columns.stops[element]])
        self[element] = found
        return found


def _scanned(data: bytes, columns: Columns) -> Tree:
    """Return the tree of what the compiled reader found."""
    tags = columns.tags
    page = _TAGS["#page"][""]
    known = [*(_TAGS[tag][names] for tag, names in columns.looks), page]  # the last one stands in where none is given
    looks = [page, *map(known.__getitem__, columns.look_of)]
    attributes = _Attributes(data, columns, looks)
    for element in columns.odd:
        own = attributes[element] = attributes_in(data[columns.begins[element] : columns.stops[element]])
        looks[element] = _TAGS[tags[element]][own["class"]]
    noted: dict[str, list[int]] = {}
    for element in columns.noted:
        noted.setdefault(tags[element], []).append(element)
    return Tree(
        tags=tags,
        attributes=attributes,
        looks=looks,
        labelled=columns.labelled,
        idents=columns.idents,
        described=columns.described,
        unshown=set(columns.unshown),
        noted=noted,
        parents=columns.parents,
        ends=columns.ends,
        first=columns.first,
        last=columns.last,
        chunks=columns.chunks,
        letters=columns.letters,
        linked=columns.linked,
        states=columns.states,
        data=columns.data,
    )


def parts(data: bytes) -> Iterable[tuple[str, bytes]]:
    """Return the pages inside an MHTML archive, the main one first, each with its address."""
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    found: list[tuple[str, bytes]] = []
    for part in message.walk():
        if part.get_content_type() not in ("text/html", "application/xhtml+xml"):
            continue
        try:
            content = part.get_payload(decode=True)
        except (ValueError, LookupError):
            continue
        if not isinstance(content, bytes):
            continue
        charset = part.get_content_charset()
        if charset:
            # The page's own words about its encoding go first; the archive's are for pages that say nothing.
            with suppress(LookupError, ValueError):
                content = content if _META.search(content[:4096]) else content.decode(charset, "replace").encode()
        found.append((str(part.get("Content-Location") or ""), content))
    return found
