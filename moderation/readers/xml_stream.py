"""The bytes of an XML export in, its records out as cells or small parsed trees: memory stays flat, damage stays local.

The stream is cut where records begin and end, with an eye for CDATA sections; what was cut out is read by the hundred,
in a thread of its own: in large files by a compiled parser, if all of it is plain; else it is parsed, strictly, and a
stylesheet says what its records hold. What is odd there is handed over as trees. Only where parsing fails is each
record looked at alone: mended if it can be, read as far as it goes if not. So a file of any size, cut off anywhere,
with any fault in it, costs the records that the fault stands in and no other.

No document type ever reaches the parser: entities that a file declares are refused before the first record is read.
"""

import codecs
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from lxml import etree

from moderation.errors import FormatError
from moderation.readers.ahead import ahead
from moderation.readers.encoding import replace_bad_bytes
from moderation.readers.losses import Tally
from moderation.readers.source import Source
from moderation.readers.xml_cells import Sheet, Stylesheet
from moderation.readers.xml_plain import Layout, is_worth_it

__all__ = ["Keys", "Passing", "Plan", "Record", "XmlStream", "all_text", "first_tag", "markup"]

BLOCK: Final = 1 << 20
# A record longer than this is lost, and said so: it is held in memory together with its tree.
LONGEST: Final = 1 << 26
# How much is parsed at once: enough that starting the parser costs nothing, little enough to stay in a cache.
TOGETHER: Final = 1 << 18
# Whatever is looked for may be cut by the end of a block; no tag that is looked for is longer.
OVERLAP: Final = 1 << 9
# Hostile files declare without end.
DECLARED: Final = 200

OPEN, CLOSE = b"<![CDATA[", b"]]>"

_NAMESPACE: Final = re.compile(
    r"\sxmlns(?::([A-Za-z_][\w.-]*))?\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)'|([^\s\"'<>]+))", re.ASCII
)
_PREFIX: Final = re.compile(rb"</?([A-Za-z_][\w.-]*):|\s([A-Za-z_][\w.-]*):[\w.-]+\s*=")
_DECLARED_ENCODING: Final = re.compile(rb"\s*<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{2,30})[\"']")
# Encodings that a declaration may name; others are no text, or are told by their bytes.
_TEXTUAL: Final = re.compile(
    r"iso-?8859|latin|windows|cp\d|koi8|shift|s_?jis|euc|gb\d|gbk|big5|iso-?2022|mac", re.IGNORECASE
)

_ELEMENT: Final = re.compile(rb"<([A-Za-z_][\w:.-]*)(?:\s[^<>]*)?>\s*\Z")
_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_REFERENCE: Final = re.compile(rb"&(?:(amp|lt|gt|quot|apos);|#(x[0-9a-fA-F]{1,6}|\d{1,7});)?")
_BARE_LESS: Final = re.compile(rb"<(?![A-Za-z_/!?])")
_TAG: Final = re.compile(rb"<[A-Za-z_][\w:.-]*\s[^<>]*>")
_ATTRIBUTE: Final = re.compile(rb"(\s[\w:.-]+\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+?(?=\s|/?>|\Z))")

_SAFE: Final[dict[str, Any]] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": True,  # what is parsed was cut to LONGEST before, and declares nothing
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a format's records are called, by the prefixes that the format's own documents use ("wp:comment").

    `records`: each with the other tags whose beginning shows that its end tag is missing. `vital`: for each record,
    the element that must be whole where the file ends inside the record. `namespaces`: prefix -> a pattern for the
    address of its namespace; the empty prefix for names without one. `container`: what the records stand in; the part
    of it before its first record is handed over as a record of its own, if there is any. `before`: tags that end that
    part earlier. `sheet`: what is asked of each of them, where that can be said.
    """

    records: Mapping[str, Sequence[str]]
    vital: Mapping[str, str]
    namespaces: Mapping[str, str]
    container: str | None = None
    before: Sequence[str] = ()
    sheet: Sheet | None = None


class Passing(NamedTuple):
    """Which records may be passed over: those whose bytes (in UTF-8) or cells tell that nobody wants them.

    `by_bytes` tells it of bytes. `by_cells` is asked with the cells of the numbers `cells`: it returns what is to tell
    it of the bytes of such a record, or None where the cells tell it already.
    """

    by_bytes: Callable[[bytes], bool]
    cells: Sequence[int]
    by_cells: Callable[..., Callable[[bytes], bool] | None]


class Record(NamedTuple):
    """One record: its name in the plan, and what the plan's sheet asks of it; or its tree, or why there is none."""

    name: str
    tree: Any | None
    fault: str = ""
    cells: Sequence[str] = ()


class _Piece(NamedTuple):
    name: str
    data: bytes
    closed: bool = True
    cut: bool = False  # the file ended inside it
    fault: str = ""


class Keys(dict[Any, str | None]):
    """What a tree calls an element or attribute -> what we call it, or None; knows namespaces declared further down."""

    def __init__(self, names: Mapping[str, str], spelling: "_Spelling") -> None:
        super().__init__({spelling.tag(name): key for name, key in names.items()})
        self._names = names
        self._spelling = spelling

    def __missing__(self, tag: Any) -> str | None:
        """Look for a tag whose namespace was declared at the element itself; remember what was found."""
        found = None
        if isinstance(tag, str) and tag.startswith("{"):
            address, _, local = tag[1:].partition("}")
            prefix = self._spelling.prefix_of(address)
            if prefix is not None:
                found = self._names.get(f"{prefix}:{local}" if prefix else local)
        if len(self) < 10 * DECLARED:
            self[tag] = found
        return found


class _Spelling:
    """How one file spells the names that a format knows: prefixes are the file's own business."""

    def __init__(self, head: str, namespaces: Mapping[str, str]) -> None:
        self._namespaces = namespaces
        self._own: dict[str, str] = {}  # prefix in the format's documents -> prefix in this file
        self._declared: dict[bytes, bytes] = {}
        for found in _NAMESPACE.finditer(head):
            prefix = found[1] or ""
            own = self.prefix_of(found[2] or found[3] or found[4] or "")
            if own is not None and own not in self._own:
                self._own[own] = prefix
                self._add(prefix, own or "-")
            elif prefix:
                self._add(prefix, prefix)
        for own in namespaces:
            if own and own not in self._own:
                self._add(own, own)

    def prefix_of(self, address: str) -> str | None:
        """Return the format's own prefix for the namespace at `address`."""
        return next((prefix for prefix, part in self._namespaces.items() if re.search(part, address)), None)

    def _add(self, prefix: str, address: str) -> None:
        if prefix and prefix.lower()[:3] != "xml" and len(self._declared) < DECLARED:
            self._declared.setdefault(prefix.encode(), address.encode())

    def written(self, name: str) -> bytes:
        """Return `name` as the file writes it."""
        prefix, _, local = name.rpartition(":")
        prefix = self._own.get(prefix, prefix)
        return f"{prefix}:{local}".encode() if prefix else local.encode()

    def tag(self, name: str) -> str:
        """Return what a tree calls the element or attribute that the format's documents call `name`."""
        prefix, _, local = name.rpartition(":")
        return f"{{{prefix or '-'}}}{local}" if self._own.get(prefix, prefix) else local

    def declare(self, data: bytes) -> bool:
        """Declare the prefixes used in `data`; tell whether there were any that had not been."""
        before = len(self._declared)
        for found in _PREFIX.finditer(data):
            prefix = (found[1] or found[2]).decode()
            self._add(prefix, prefix)
        return len(self._declared) > before

    def prefixes(self) -> list[bytes]:
        """Return the prefixes declared so far; none, where two of them stand for one namespace."""
        return list(self._declared) if len(set(self._declared.values())) == len(self._declared) else []

    def root(self) -> bytes:
        """Return the beginning of an element under which the file's records are well-formed."""
        return b"<r" + b"".join(b' xmlns:%s="%s"' % pair for pair in self._declared.items()) + b">"


class XmlStream:
    """The records of one file in order, to be iterated once.

    Whoever takes them counts them, and loses those without a tree. Those that `passing` tells of may be passed over.
    `is_plain` says, in the end, that the compiled parser read all of them. Raises `FormatError` where the file declares
    entities.
    """

    def __init__(self, source: Source, tally: Tally, plan: Plan, passing: Passing | None = None) -> None:
        self._source = source
        self._tally = tally
        self._plan = plan
        self._passing = passing
        self._spelling = _Spelling(source.head_text(), plan.namespaces)
        self.is_plain = False

    def keys(self, names: Mapping[str, str]) -> Keys:
        """Return `names` (the format's -> ours) by the tags of this file's trees."""
        return Keys(names, self._spelling)

    def __iter__(self) -> Iterator[Record]:
        """Read the file from its beginning."""
        root = _root(self._source, self._tally)
        parser = _Parser(self._spelling, self._plan, self._tally, self._passing, is_compiled=is_worth_it(self._source))
        with self._source.opened() as file:
            window = _Window(_utf8(file, self._source, self._tally))
            cutter = _Cutter(window, self._spelling, self._plan, self._tally)
            while not cutter.ended:
                # What is well-formed is parsed as it stands; the cutter takes over where something is not, and hands
                # back when it has come past that.
                with closing(ahead(cutter.runs(), parser.read)) as runs:
                    for _, read in runs:
                        records = read if read is None or isinstance(read, Iterator) else parser.units(read)
                        if records is None:
                            break
                        yield from records
                        cutter.go_on()
                cutter.go_back()
                yield from self._cut(cutter, parser)
            if root and b"</" + root.encode() not in window.tail:
                self._tally.note("the file ends before its last tag: what may have followed is missing")
        self.is_plain = parser.is_plain

    def _cut(self, cutter: "_Cutter", parser: "_Parser") -> Iterator[Record]:
        """Read piece by piece."""
        waiting: list[_Piece] = []
        size = 0
        for piece in cutter.pieces():
            parser.is_plain = False
            if self._passing is not None and self._passing.by_bytes(piece.data):
                continue
            waiting.append(piece)
            size += len(piece.data)
            if size >= TOGETHER:
                yield from parser.parsed(waiting)
                waiting, size = [], 0
        yield from parser.parsed(waiting)


def first_tag(source: Source) -> str:
    """Return the name of the root element, or "" where `source` does not begin as XML does."""
    return _prolog(source.head_text())[0]


def markup(element: Any) -> str:
    """Return what stands in `element` as HTML, whether it was escaped or stands there as elements."""
    if not len(element):
        return element.text or ""
    return (element.text or "") + "".join(etree.tostring(child, encoding="unicode") for child in element)


def all_text(element: Any) -> str:
    """Return the text in `element`, without the tags of what stands in it."""
    return (element.text or "") if not len(element) else "".join(element.itertext())


def _prolog(text: str) -> tuple[str, str]:
    """Return the name of the first element, and the document type declaration before it."""
    position = 0
    declaration = ""
    while True:
        start = text.find("<", position)
        if start == -1 or text[position:start].strip():
            return "", declaration
        if text.startswith("<!--", start):
            position = text.find("-->", start) + 3
        elif text.startswith("<?", start):
            position = text.find("?>", start) + 2
        elif text[start : start + 9].upper() == "<!DOCTYPE":
            end, subset = text.find(">", start), text.find("[", start)
            if subset != -1 and (subset < end or end == -1):
                end = text.find("]", subset)
                end = text.find(">", end) if end != -1 else -1
            position = end + 1
            declaration = text[start : end if end != -1 else None]
        else:
            found = re.match(r"<([^\W\d][\w:.-]*)(?=[\s/>])", text[start : start + OVERLAP])
            return (found[1] if found else ""), declaration
        if position <= start + 2:  # it never ends: what is not found is at -1
            return "", declaration


def _root(source: Source, tally: Tally) -> str:
    root, declaration = _prolog(source.head_text())
    if "[" in declaration or "<!ENTITY" in declaration:
        raise FormatError(
            f"{source.name}: declares entities of its own (<!DOCTYPE ... [), which could unfold without end or reach "
            "for other files; take that part out, or export it again"
        )
    if declaration:
        tally.note("the document type that the file names is not loaded")
    return root


# Bytes of any encoding to UTF-8.


def _encoding(source: Source) -> str:
    """Return the codec to read with: what the bytes show goes before what the file says of itself."""
    said = _DECLARED_ENCODING.match(source.head)
    shown = source.encoding
    undecided = shown == "utf-8" and source.head.isascii()
    if said is None or not _TEXTUAL.match(said[1].decode()) or (shown.startswith("utf") and not undecided):
        return shown
    try:
        name = codecs.lookup(said[1].decode()).name
        codecs.getincrementaldecoder(name)().decode(source.head)
    except (LookupError, UnicodeError):
        return shown
    # What is labelled Latin-1 is its superset: browsers decided so long ago.
    return "cp1252" if name == "iso8859-1" else name


def _utf8(file: Any, source: Source, tally: Tally) -> Iterator[bytes]:
    name = _encoding(source)
    if name not in ("utf-8", "utf-8-sig"):
        decoder = codecs.getincrementaldecoder(name)("replace")
        while block := file.read(BLOCK):
            yield decoder.decode(block).encode("utf-8", "replace")
        yield decoder.decode(b"", True).encode("utf-8", "replace")
        return
    kept = b""
    first = True
    while block := file.read(BLOCK):
        if first:
            block, first = block.removeprefix(codecs.BOM_UTF8), False
        block = kept + block
        end = _whole_characters(block)
        block, kept = block[:end], block[end:]
        yield _valid(block, tally)
    yield _valid(kept, tally)


def _whole_characters(block: bytes) -> int:
    """Return the length of `block` without a last character that is not all there."""
    for back in range(1, min(3, len(block)) + 1):
        byte = block[-back]
        if byte >= 0xC0:
            return len(block) - back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else len(block)
        if byte < 0x80:
            break
    return len(block)


def _valid(block: bytes, tally: Tally) -> bytes:
    if block.isascii():
        return block
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        text, bad = replace_bad_bytes(block.decode("utf-8", "surrogateescape"))
        tally.note("{n} bytes that are not UTF-8 read as cp1252", bad)
        return text.encode("utf-8", "replace")
    return block


# Cutting.


class _Window:
    """The part of a stream that is looked at: `data`, and more of it on request."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.data = b""
        self.ended = False
        self.tail = b""
        # Where something was looked for last, and found. Looked for afresh by every record, what is far away (or
        # nowhere) would cost the square of the size.
        self._found: dict[bytes, tuple[int, int]] = {}

    def more(self, keep: int) -> bool:
        """Drop what is before `keep`, read on, and tell whether there was more."""
        parts = [self.data[keep:]]
        size = 0
        # Twice as much each time: a long record is then looked through a few times, not once per block.
        while not size or size < len(parts[0]):
            block = next(self._blocks, None)
            if block is None:
                self.ended = True
                break
            parts.append(block)
            size += len(block)
        self.data = b"".join(parts)
        self.tail = self.data[-OVERLAP:]
        self._found.clear()
        return size > 0

    def put_back(self, data: bytes, position: int) -> None:
        """Take back what was there before `position`."""
        self.data = data + self.data[position:]
        self._found.clear()

    def find(self, what: bytes, start: int) -> int:
        """Return where `what` stands first in `data` from `start` on, or -1."""
        asked, found = self._found.get(what, (len(self.data) + 1, 0))
        if not (asked <= start and (start <= found or found == -1)):
            found = self.data.find(what, start)
            self._found[what] = (start, found)
        return found

    def section_end(self, start: int, begin: re.Pattern[bytes] | None) -> int:
        """Return the end of the CDATA section that begins at `start`, or -1 if it is not in `data`.

        A section that was never ended shows by another that begins before the next end: it is then taken to end where
        its element does, or where the next record begins (`begin`).
        """
        data = self.data
        end = self.find(CLOSE, start)
        if end == -1 and not self.ended and len(data) - start <= LONGEST:
            return -1
        another = self.find(OPEN, start + 1)
        if end != -1 and (not -1 < another < end or data.startswith(OPEN + b">", end + len(CLOSE))):
            return end + len(CLOSE)
        limit = another if another != -1 else len(data)
        element = _ELEMENT.search(data, max(0, start - OVERLAP), start)
        last = data.find(b"</" + element[1], start, limit) if element is not None else -1
        if last != -1:
            return last
        following = begin.search(data, start, limit) if begin is not None else None
        if following is not None:
            return following.start()
        return end + len(CLOSE) if end != -1 else start + len(OPEN)


class _Cutter:
    """Cuts a window's data into pieces, by the names of a plan."""

    def __init__(self, window: _Window, spelling: _Spelling, plan: Plan, tally: Tally) -> None:
        self._window = window
        self._plan = plan
        self._tally = tally
        self.ended = False
        self._position = 0
        self._begun: deque[bytes] = deque()
        container = [plan.container] if plan.container else []
        starts = [*plan.records, *container, *plan.before]
        self._written = {name: spelling.written(name) for name in starts}
        self._name = {written: name for name, written in self._written.items()}
        self._outer = self._tokens(starts, container, rb"<!--|<!\[CDATA\[")
        self._inner = {
            name: self._tokens([name, *others, *container], [name, *container], rb"<!\[CDATA\[")
            for name, others in plan.records.items()
        }
        self._begin = self._tokens([*plan.records, *container], [])
        self._last = [b"</" + self._written[name] + b">" for name in container or plan.records]
        written = [self._written[name] for name in starts]
        self._marks = [b"<" + name + end for name in written for end in (b">", b" ")]
        self._marks += [b"</" + self._written[name] + b">" for name in container]

    def _tokens(self, starts: Sequence[str], ends: Sequence[str], also: bytes = b"") -> re.Pattern[bytes]:
        parts = [rb"<(?:" + b"|".join(re.escape(self._written[name]) for name in starts) + rb")(?=[\s/>])"]
        parts += [rb"</" + re.escape(self._written[name]) + rb"\s*>" for name in ends]
        return re.compile(b"|".join([*parts, also] if also else parts))

    def runs(self) -> Iterator[bytes]:
        """Yield containers (or records, where there are none) in a row, with whatever stands between them.

        Each begins and ends with one, if nothing deceives. Several may be asked for ahead: `go_on` when one was read,
        and `go_back` before reading on with `pieces`.
        """
        window = self._window
        while True:
            if len(window.data) - self._position < BLOCK // 2 and not window.ended:
                window.more(self._position)
                self._position = 0
            data, position = window.data, self._position
            found = self._begin.search(data, position)
            if found is None or b"<!" in data[position : found.start()]:
                return
            limit = found.start() + BLOCK
            ends = [at + len(last) for last in self._last if (at := data.rfind(last, found.start(), limit)) != -1]
            if not ends or (self._plan.container and self._name[found[0][1:]] != self._plan.container):
                return
            end = max(ends)
            self._begun.append(data[position:end])
            self._position = end
            yield data[found.start() : end]

    def go_on(self) -> None:
        """Go past the first of the `runs` that are being read."""
        self._begun.popleft()

    def go_back(self) -> None:
        """Go back to the beginning of the `runs` that were not gone past."""
        if self._begun:
            self._window.put_back(b"".join(self._begun), self._position)
            self._begun.clear()
            self._position = 0

    def pieces(self) -> Iterator[_Piece]:
        """Yield the pieces in order: all that are left, or those of the part in which a run was not well-formed."""
        window, plan = self._window, self._plan
        position, passed = self._position, 0
        begun = -1  # where the container begins whose first part is not over yet
        part: bytes | None = None  # that part, when it is over
        inside = orphans = False
        while True:
            found = self._outer.search(window.data, position)
            end = -1
            if found is not None and found[0] in (OPEN, b"<!--"):
                end = self._skipped(found)
            if end != -1:
                position = end
                continue
            if found is None or found[0] in (OPEN, b"<!--"):
                # Nothing to be seen yet. What a section stands in is looked for before it.
                position = found.start() if found is not None else max(position, len(window.data) - OVERLAP)
                if begun != -1 and position - begun > LONGEST:
                    self._tally.note("{n} articles of more than 64 MiB left out")
                    begun, part = -1, self._nothing()
                keep = begun if begun != -1 else max(0, position - OVERLAP)
                position -= keep
                passed += keep
                begun = 0 if begun != -1 else -1
                if not window.more(keep) and found is None:
                    self.ended = True
                    return
                continue
            position = found.end()
            if found[0].startswith(b"</"):
                begun, part, inside = -1, None, False
                if passed + position - self._position > 2 * BLOCK:
                    self._position = position
                    return
                continue
            name = self._name[found[0][1:]]
            if name == plan.container:
                begun, part, inside, orphans = found.start(), None, True, False
                position = self._straight(position)
                continue
            if begun != -1:
                part, begun = window.data[begun : found.start()], -1
            if name in plan.before:
                continue
            if plan.container and not inside and not orphans:
                part, orphans = self._nothing(), True  # under no article: least of all under the one before
            if part is not None:
                yield _Piece(plan.container or "", part, closed=False)
                part = None
            piece, position = self._record(found.start(), name)
            yield piece
            if not plan.container and passed + position - self._position > 2 * BLOCK:
                self._position = position
                return

    def _straight(self, start: int) -> int:
        """Return where the next tag of interest after `start` is, if that is plain to see, or `start` again.

        Most articles have no comment and are passed over here: each is looked through at the speed of memory.
        """
        window = self._window
        data = window.data
        seen = [place for mark in self._marks if (place := window.find(mark, start)) != -1]
        if not seen:
            return start
        end = min(seen)
        if data.count(OPEN, start, end) != data.count(CLOSE, start, end):
            return start
        return end if data.rfind(b"<!--", start, end) <= data.rfind(b"-->", start, end) else start

    def _nothing(self) -> bytes:
        return b"<" + self._written[self._plan.container or ""] + b">"

    def _skipped(self, found: re.Match[bytes]) -> int:
        """Return the end of the section or comment that `found` begins; -1 if it is not to be seen yet."""
        window = self._window
        if found[0] == OPEN:
            return max(found.end(), end) if (end := window.section_end(found.start(), self._begin)) != -1 else -1
        end = window.find(b"-->", found.start())
        if end != -1:
            return end + 3
        # Never ended: whoever wrote it did not mean a comment.
        return found.end() if window.ended or len(window.data) - found.start() > LONGEST else -1

    def _record(self, start: int, name: str) -> tuple[_Piece, int]:
        """Return the record that begins at `start`, and where to look on in what is then the window's data."""
        window = self._window
        begin = b"<" + self._written[name]
        end = b"</" + self._written[name] + b">"
        while True:
            data = window.data
            last = window.find(end, start)
            if (
                last != -1
                and data.find(begin + b">", start + 1, last) == -1
                and not -1 < window.find(begin + b" ", start + 1) < last
                and data.count(OPEN, start, last) == data.count(CLOSE, start, last)
            ):
                last += len(end)
                return _Piece(name, data[start:last]), last
            last, closed = self._walked(start, begin, self._inner[name])
            if last != -1:
                return _Piece(name, data[start:last], closed), last
            if len(data) - start > LONGEST:
                return _Piece(name, b"", fault="longer than 64 MiB"), start + len(begin)
            if window.ended:
                return _Piece(name, data[start:], closed=False, cut=True), len(data)
            keep = max(0, start - OVERLAP)
            start -= keep
            window.more(keep)

    def _walked(self, start: int, begin: bytes, tokens: re.Pattern[bytes]) -> tuple[int, bool]:
        """Return where the record ends that begins at `start`, and whether by its end tag; -1 if not to be seen yet."""
        data = self._window.data
        position = start + len(begin)
        first = data.find(b">", position)
        if first != -1 and data[first - 1 : first] == b"/" and b"<" not in data[position:first]:
            return first + 1, True
        while (found := tokens.search(data, position)) is not None:
            if found[0] == OPEN:
                end = self._window.section_end(found.start(), self._begin)
                if end == -1:
                    break
                position = max(end, found.end())
            elif found[0].startswith(b"</" + begin[1:]):
                return found.end(), True
            else:  # another begins, or what it stood in ended
                return found.start(), False
        return -1, False


# Parsing.


class _Parser:
    """Pieces to trees: many at once where they are well-formed, one by one where they are not."""

    def __init__(
        self, spelling: _Spelling, plan: Plan, tally: Tally, passing: Passing | None, *, is_compiled: bool
    ) -> None:
        self._spelling = spelling
        self._plan = plan
        self._tally = tally
        self._passing = passing
        self._is_compiled = is_compiled
        self._layout: tuple[int, Layout | None] = (-1, None)
        self.is_plain = True
        self._sheets = threading.local()
        written = map(spelling.written, plan.records)
        self._last = [(b"<" + name, b"</" + name + b">") for name in written]
        self._strict = etree.XMLParser(**_SAFE)
        self._lenient = etree.XMLParser(**_SAFE, recover=True)

    def parsed(self, pieces: Sequence[_Piece]) -> Iterator[Record]:
        """Yield the record of each of `pieces`."""
        whole = [piece.data if piece.closed else self._closed(piece) for piece in pieces]
        trees = None
        if pieces and not any(piece.cut or piece.fault for piece in pieces):
            trees = self._tried(whole)
            if trees is None and self._spelling.declare(b"".join(whole)):
                trees = self._tried(whole)
        if trees is not None:
            for piece, tree in zip(pieces, trees, strict=True):
                yield Record(piece.name, tree)
        else:
            for piece, data in zip(pieces, whole, strict=True):
                yield self._alone(piece, data)

    def read(self, run: bytes) -> Any | None:
        """Return the records in a run of whole containers or records, with their cells.

        Where there is more to them than cells say, return the run's tree; None where it is not well-formed.
        """
        plain = self._plain(run)
        if plain is not None:
            return plain
        self.is_plain = False
        bare = b"<!" not in run  # each look costs a part of what parsing does
        if (0 if bare else run.count(OPEN)) != (run.count(CLOSE) if b"]" in run else 0):
            return None  # a section that was never ended would swallow what follows
        if bare and self._passing is not None:
            run = self._wanted(run, self._passing.by_bytes)
        root = self._rooted([run])
        if root is None and self._spelling.declare(run):
            root = self._rooted([run])
        if root is None or self._plan.sheet is None:
            return root
        cells = self._sheet(self._plan.sheet).cells(run, root)
        return root if cells is None else (Record(name, None, "", held) for name, *held in cells)

    def _sheet(self, sheet: Sheet) -> Stylesheet:
        plan = self._plan
        made: Stylesheet | None = getattr(self._sheets, "made", None)
        if made is None:
            made = Stylesheet(sheet, self._spelling.tag, plan.records, plan.container, plan.before)
            self._sheets.made = made
        return made

    def _plain(self, run: bytes) -> Iterator[Record] | None:
        """Return the records in a run of plain ones; None where it is not plain."""
        if not self._is_compiled or self._plan.sheet is None:
            return None
        prefixes = self._spelling.prefixes()
        if self._layout[0] != len(prefixes):  # more were met
            self._layout = len(prefixes), self._laid_out(self._plan.sheet, prefixes)
        layout = self._layout[1]
        rows = None if layout is None else layout.rows(run)
        if rows is None:
            return None
        chosen = None
        if self._passing is not None:
            _, cells, by_cells = self._passing
            tests = [(row, by_bytes) for row, told in enumerate(rows.cells(among=cells))
                     if (by_bytes := by_cells(*told)) is not None]  # fmt: skip
            bare = b"<!" not in run
            chosen = [row for row, by_bytes in tests if not (bare and by_bytes(run[rows.span(row)]))]
        records = zip(rows.names(chosen), rows.cells(chosen), strict=True)
        return (Record(name, None, "", cells) for name, cells in records)

    def _laid_out(self, sheet: Sheet, prefixes: Sequence[bytes]) -> Layout | None:
        plan = self._plan
        around = () if plan.container is None else (plan.container, *plan.before)
        try:
            return Layout(sheet, self._spelling.written, prefixes, tuple(plan.records), around)
        except ValueError:
            return None

    def _wanted(self, run: bytes, unwanted: Callable[[bytes], bool]) -> bytes:
        """Return a run of records, with no section in it, without those that plainly are not wanted."""
        if self._plan.container or len(self._last) != 1 or b"<?" in run:
            return run
        begin, end = self._last[0]
        parts = run.split(end)
        # In each there must be one record, and nothing that could hide another.
        if any(part.count(begin) != 1 for part in parts[:-1]) or begin in parts[-1]:
            return run
        return b"".join(part + end for part in parts[:-1] if not unwanted(part)) + parts[-1]

    def units(self, root: Any) -> list[Record] | None:
        """Return the records in the tree of a run; None where they stand oddly."""
        plan = self._plan
        tags = {self._spelling.tag(name): name for name in plan.records}
        if plan.container is None:
            for tree in root.iter(*tags):
                parent = tree.getparent()
                if parent is not root:
                    within = tags.get(parent.tag)
                    if within is None or tags[tree.tag] in (within, *plan.records[within]):
                        return None  # one in another
            return [Record(name, child) for child in root if (name := tags.get(child.tag)) is not None]
        around = {self._spelling.tag(name) for name in (plan.container, *plan.before)}
        container = self._spelling.tag(plan.container)
        found: list[Record] = []
        for unit in root:
            if unit.tag != container:
                if unit.tag in tags or unit.tag in around:
                    return None
                continue
            begun = False
            for tree in unit.iter(*tags, container):
                if tree is unit:
                    continue
                if tree.tag == container or tree.getparent().tag not in around:
                    return None  # one in another
                if not begun:
                    found.append(Record(plan.container, unit))
                    begun = True
                found.append(Record(tags[tree.tag], tree))
        return found

    def _closed(self, piece: _Piece) -> bytes:
        if piece.name != self._plan.container and not piece.cut:
            self._tally.note("{n} records without an end tag kept")
        return piece.data + b"</" + self._spelling.written(piece.name) + b">"

    def _tried(self, pieces: Sequence[bytes]) -> Any | None:
        """Return a tree with one child for each of `pieces`, or None if they are not well-formed."""
        root = self._rooted(pieces)
        return root if root is not None and len(root) == len(pieces) else None

    def _rooted(self, pieces: Sequence[bytes]) -> Any | None:
        try:
            return etree.fromstring(b"".join([self._spelling.root(), *pieces, b"</r>"]), self._strict)
        except (etree.XMLSyntaxError, ValueError):
            return None

    def _alone(self, piece: _Piece, data: bytes) -> Record:
        if piece.fault:
            return Record(piece.name, None, piece.fault)
        vital = self._plan.vital.get(piece.name)
        if piece.cut and vital is not None and b"</" + self._spelling.written(vital) not in data:
            return Record(piece.name, None, "the file ends inside it")
        trees = self._tried([data])
        if trees is None:
            data = _mended(data)
            self._spelling.declare(data)
            trees = self._tried([data])
            if trees is not None:
                self._tally.note("{n} damaged records mended")
            else:
                trees = self._recovered(data)
                if trees is None:
                    return Record(piece.name, None, "damaged beyond reading")
                self._tally.note("{n} damaged records read as far as they go")
        return Record(piece.name, trees[0])

    def _recovered(self, data: bytes) -> Any | None:
        try:
            root = etree.fromstring(self._spelling.root() + data + b"</r>", self._lenient)
        except (etree.XMLSyntaxError, ValueError):
            return None
        return root if root is not None and len(root) and isinstance(root[0].tag, str) else None


def _mended(data: bytes) -> bytes:
    """Return a record without the faults that exporters and editors leave in it.

    Control characters, sections without an end or with one too many, bare "&" and "<", attributes without quotes.
    """
    data = _FORBIDDEN.sub(b"", data)
    window = _Window(iter(()))
    window.data, window.ended = data, True
    parts: list[bytes] = []
    well_ended: dict[bytes, bool] = {}  # elements of which some section still to come ends right before the end tag
    position = 0
    while (start := data.find(OPEN, position)) != -1:
        parts.append(_mended_markup(data[position:start]))
        end = max(window.section_end(start, None), start + len(OPEN))
        closed = end >= start + len(OPEN) + len(CLOSE) and data.startswith(CLOSE, end - len(CLOSE))
        content = data[start + len(OPEN) : end - len(CLOSE) if closed else end]
        element = _ELEMENT.search(data, max(0, start - OVERLAP), start)
        if closed and element is not None and well_ended.get(element[1], True):
            follows = data[end : end + OVERLAP].lstrip()
            if not follows.startswith((OPEN, b"</" + element[1])):
                # The text held an end of section, and nobody had escaped it.
                real = data.find(CLOSE + b"</" + element[1], end)
                well_ended[element[1]] = real != -1
                if real != -1:
                    content, end = data[start + len(OPEN) : real], real + len(CLOSE)
        parts.append(OPEN + content.replace(CLOSE, b"]]]]><![CDATA[>") + CLOSE)
        position = end
    parts.append(_mended_markup(data[position:]))
    return b"".join(parts)


def _mended_markup(data: bytes) -> bytes:
    data = _BARE_LESS.sub(b"&lt;", _REFERENCE.sub(_mended_reference, data.replace(CLOSE, b"]]&gt;")))
    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(_quoted, tag[0]), data)


def _mended_reference(found: re.Match[bytes]) -> bytes:
    if found[2]:
        point = int(found[2][1:], 16) if found[2][:1] == b"x" else int(found[2])
        allowed = point in (9, 10, 13) or 32 <= point < 0xD800 or 0xDFFF < point < 0xFFFE or 0xFFFF < point < 0x110000
        return found[0] if allowed else b""
    return found[0] if found[1] else b"&amp;"


def _quoted(found: re.Match[bytes]) -> bytes:
    return found[0] if found[2][:1] in (b'"', b"'") else found[1] + b'"' + found[2] + b'"'
