"""A saved page's bytes in, its elements and text out: flat lists in document order, so that a subtree is a slice.

lxml reports what it meets and keeps nothing; what is kept here costs a few numbers per element, and no walk over it
recurses. Element 0 stands for the page itself.
"""

import codecs
import email
import email.policy
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from moderation.readers.encoding import encoding_of, replace_bad_bytes

__all__ = ["MOST_BYTES", "UNREAD", "Region", "Tree", "decoded", "parsed", "parts"]

# A page longer than this, or of more elements, is read up to here: memory must not depend on what is given.
MOST_BYTES: Final = 32 << 20
MOST_ELEMENTS: Final = 600_000
PIECE: Final = 1 << 20
MOST_PIECES: Final = 200

_UNSHOWN: Final = frozenset(("script", "style", "template", "svg", "math", "iframe", "object", "noembed", "noframes"))
# What is empty by nature and says nothing of what is around it; they are many, and are not kept.
_IDLE: Final = frozenset(("wbr", "source", "track", "param", "col", "path", "use", "circle", "rect", "polygon", "g"))
# What holds no text that somebody wrote to be read.
UNREAD: Final = frozenset(
    (*_UNSHOWN, "noscript", "head", "button", "select", "textarea", "option", "audio", "video", "canvas", "input")
)
_PARAGRAPHS: Final = frozenset(
    (
        *("p", "div", "blockquote", "ul", "ol", "dl", "table", "section", "article", "hr", "pre", "figure", "header"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "footer", "aside", "main", "nav", "form", "fieldset", "address"),
        *("details", "center", "figcaption", "body", "tbody", "summary"),
    )
)
_LINES: Final = frozenset(("li", "tr", "dt", "dd"))
_SPACE: Final = re.compile(r"[ \t\n\r\f]+")
_MANY: Final = re.compile(r" ?\n ?")
_META: Final = re.compile(rb"<meta[^<>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"<\?xml[^<>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Region:
    """A run of elements, `start` up to but without `end`, and of text, `first` up to but without `last`."""

    start: int
    end: int
    first: int
    last: int


@dataclass(slots=True)
class Tree:
    """Elements by number: tag, attributes, parent, the number after the last one inside, and the text inside."""

    tags: list[str] = field(default_factory=lambda: ["#page"])
    attributes: list[Mapping[str, str]] = field(default_factory=lambda: [{}])
    parents: list[int] = field(default_factory=lambda: [-1])
    ends: list[int] = field(default_factory=lambda: [0])
    first: list[int] = field(default_factory=lambda: [0])
    last: list[int] = field(default_factory=lambda: [0])
    chunks: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    """What scripts of type JSON-LD hold."""
    cut: bool = False
    """Whether the page was too long and its rest was left out."""

    def region(self, element: int) -> Region:
        """Return the region of one element."""
        return Region(element, self.ends[element], self.first[element], self.last[element])

    def run(self, start: int, end: int) -> Region:
        """Return the region from `start` to before its later sibling `end` (or to where their parent ends)."""
        parent = self.parents[start]
        last = self.last[parent] if parent >= 0 else len(self.chunks)
        return Region(start, end, self.first[start], min(self.first[end], last) if end < len(self.tags) else last)

    def above(self, element: int) -> Iterator[int]:
        """Yield the elements around `element`, nearest first."""
        while (element := self.parents[element]) > 0:
            yield element

    def get(self, element: int, name: str) -> str:
        """Return an attribute, or nothing."""
        return self.attributes[element].get(name) or ""

    def line(self, region: Region, skip: Collection[int] = ()) -> str:
        """Return all the text of `region` on one line, without that of the elements in `skip`."""
        # Nobody wants a line of more pieces; an element that is closed nowhere holds all the rest of the page.
        chunks = self.chunks[region.first : min(region.last, region.first + MOST_PIECES)]
        if skip:
            return " ".join(self.text_of(region, skip).split())
        return " ".join("".join(chunks).split())

    def text_of(self, region: Region, skip: Collection[int] = ()) -> str:
        """Return the text of `region` as a reader would see it, without that of the elements in `skip`."""
        out: list[str] = []
        tags, ends, first, last, chunks = self.tags, self.ends, self.first, self.last, self.chunks
        open_: list[tuple[int, int, str]] = []
        at, element, end = region.first, region.start, region.end
        preformatted = 0
        while True:
            here = element if element < end else len(tags) + 1
            while open_ and open_[-1][0] <= here:
                _, stop, tag = open_.pop()
                if stop > at:
                    out.append(_run(chunks, at, stop, preformatted))
                    at = stop
                if tag == "pre":
                    preformatted -= 1
                out.append("\n" if tag in _LINES else "\n\n")
            if element >= end:
                break
            if first[element] > at:
                out.append(_run(chunks, at, first[element], preformatted))
                at = first[element]
            tag = tags[element]
            if element in skip or tag in UNREAD:
                at = max(at, last[element])
                if tag in _PARAGRAPHS:
                    out.append("\n\n")
                element = ends[element]
                continue
            if tag == "br":
                out.append("\n")
            elif tag in _PARAGRAPHS or tag in _LINES:
                out.append("\n" if tag in _LINES else "\n\n")
                open_.append((ends[element], last[element], tag))
                preformatted += tag == "pre"
            elif tag in ("td", "th"):
                out.append(" ")
            element += 1
        if region.last > at:
            out.append(_run(chunks, at, region.last, preformatted))
        return _tidied("".join(out))


def _run(chunks: list[str], at: int, stop: int, preformatted: int) -> str:
    text = "".join(chunks[at:stop])
    # A line end in preformatted text must outlive the folding of white space.
    return text.replace("\n", "\v") if preformatted else _SPACE.sub(" ", text)


def _tidied(text: str) -> str:
    text = text.replace("\xa0", " ").replace("\xad", "")
    if "\n" in text:
        text = _MANY.sub("\n", text)
        while "\n\n\n" in text:
            text = text.replace("\n\n\n", "\n\n")
    if "  " in text and "\v" not in text:
        text = re.sub(" {2,}", " ", text)
    return text.replace("\v", "\n").strip()


def decoded(data: bytes) -> tuple[bytes, int]:
    """Return a page's bytes as UTF-8, and how many of them had to be read one by one as cp1252.

    What decodes as UTF-8 is UTF-8, whatever the page says of itself; else the page is believed; else it is guessed.
    """
    head = data[:4096]
    marked = head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE))
    name = _charset(head)
    if not marked and not (name or "").startswith("iso2022") and b"\0" not in head:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            return data, 0
    if marked or name is None or name == "utf-8":
        name = encoding_of(data[: 1 << 18])
    if name in ("utf-8", "utf-8-sig"):
        text, bad = replace_bad_bytes(data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape"))
        return text.encode("utf-8", "replace"), bad
    return data.decode(name, "replace").encode("utf-8", "replace"), 0


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


def parsed(data: bytes) -> Tree:
    """Return the tree of a page (bytes in UTF-8)."""
    tree = Tree()
    target = _Target(tree)
    parser = etree.HTMLParser(target=target, encoding="utf-8", huge_tree=True)
    tree.cut = len(data) > MOST_BYTES
    data = data[:MOST_BYTES]
    for begin in range(0, max(len(data), 1), PIECE):
        if len(tree.tags) > MOST_ELEMENTS:
            tree.cut = True
            break
        parser.feed(data[begin : begin + PIECE] or b" ")
    try:
        parser.close()
    except (etree.LxmlError, AssertionError):  # nothing but white space, or nothing at all
        target.close()
    return tree


class _Target:
    """What lxml calls while it parses: it fills a tree. The methods are closures, since a page makes 10,000 calls."""

    def __init__(self, tree: Tree) -> None:
        tags, attributes, parents = tree.tags, tree.attributes, tree.parents
        ends, first, last, chunks, owners = tree.ends, tree.first, tree.last, tree.chunks, tree.owners
        add_tag, add_attributes, add_parent = tags.append, attributes.append, parents.append
        add_end, add_first, add_last = ends.append, first.append, last.append
        add_chunk, add_owner = chunks.append, owners.append
        open_ = [0]
        push, pop = open_.append, open_.pop
        unshown = 0
        data: list[str] | None = None

        def start(tag: str, given: Mapping[str, str]) -> None:
            nonlocal unshown, data
            if tag in _IDLE:
                return
            number = len(tags)
            add_tag(tag)
            add_attributes(given)
            add_parent(open_[-1])
            add_end(0)
            add_first(len(chunks))
            add_last(0)
            push(number)
            if tag in _UNSHOWN:
                unshown += 1
                if tag == "script" and "ld+json" in (given.get("type") or ""):
                    data = []

        def end(tag: str) -> None:
            nonlocal unshown, data
            if len(open_) > 1 and tag not in _IDLE:
                number = pop()
                ends[number] = len(tags)
                last[number] = len(chunks)
                if tag in _UNSHOWN:
                    unshown -= 1
                    if data is not None:
                        tree.data.append("".join(data))
                        data = None

        spaced = False

        def text(piece: str) -> None:
            nonlocal spaced
            if not unshown:
                # White space after white space shows nothing, and is half of what a page is made of.
                if piece.isspace():
                    if spaced:
                        return
                    spaced = True
                else:
                    spaced = False
                add_chunk(piece)
                add_owner(open_[-1])
            elif data is not None:
                data.append(piece)

        def close() -> None:
            while open_:
                number = pop()
                ends[number] = len(tags)
                last[number] = len(chunks)

        self.start, self.end, self.data, self.close = start, end, text, close


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
