"""A path in, its bytes and lines out, counted, with one-line errors for whatever the file system refuses."""

import codecs
import io
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from moderation.errors import FormatError, InputError
from moderation.readers.encoding import BAD_BYTES, encoding_of, looks_binary, replace_bad_bytes
from moderation.readers.losses import Tally
from moderation.readers.packing import FAULTS, ZIP, Packing, Unpacked, packing_of
from moderation.readers.tar import BLOCK as TAR_HEADER
from moderation.readers.tar import Archive, Part, Span, begins_tar, files_of

__all__ = ["Place", "Source", "lines_of", "mended", "places_in", "shown", "text_of"]

T = TypeVar("T")

HEAD: Final = 1 << 18
BLOCK: Final = 1 << 18
# Of what is read in larger parts, no more is held besides.
MOST_HELD: Final = 1 << 20
UTF8: Final = ("utf-8", "utf-8-sig")
# An archive's member may be packed once more, and that is as deep as honest files go.
PACKED_TWICE: Final = 2
# What an archive that is really one document (a workbook, a text) holds.
OFFICE: Final = "[Content_Types].xml"

# First bytes of files that hold no text, what they are, and what to do about it.
MAGIC: Final = (
    (b"PK\x03\x04", "a ZIP archive (damaged, in another archive, or an office document)", "unpack it first"),
    (b"\x1f\x8b", "packed too often", "unpack it first"),
    (b"\xd0\xcf\x11\xe0", "an office document of the old kind", "save it as .xlsx or CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"%PDF", "a PDF", "save its text"),
    (b"SQLite format 3", "an SQLite database", "export its tables as CSV"),
    (b"\x89PNG", "a picture", "give a text file"),
    (b"\xff\xd8\xff", "a picture", "give a text file"),
    (b"GIF8", "a picture", "give a text file"),
)


def shown(path: Path) -> str:
    """Return `path` for a message: on one line, whatever its name holds."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


class _Counted(io.FileIO):
    """A file that counts the bytes it hands out."""

    handed_out = 0

    def readinto(self, buffer: Any) -> int | None:
        """Fill `buffer`."""
        count = super().readinto(buffer)
        self.handed_out += count or 0
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes."""
        data: bytes = super().read(-1 if size is None else size) or b""
        self.handed_out += len(data)
        return data

    def readall(self) -> bytes:
        """Return the rest."""
        data: bytes = super().readall() or b""
        self.handed_out += len(data)
        return data


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes lie: a file, or a member of an archive; `size` is what it takes up on the disk.

    Of a tar archive `span` says where in it, `packing` how the whole is packed; `copy` is its plain copy, where one is
    needed. `fault` says why there is nothing to read.
    """

    path: Path
    size: int
    member: str | None = None
    span: Span | None = None
    packing: Packing | None = None
    copy: Archive | None = field(default=None, compare=False, repr=False)
    fault: str | None = None
    among: "Sequence[Place]" = field(default=(), compare=False, repr=False)
    """All members of its archive."""

    @property
    def name(self) -> str:
        """The place as messages show it."""
        return shown(self.path if self.member is None else self.path / self.member.lstrip("/"))


def places_in(path: Path) -> list[Place]:
    """Return what is to be read at `path`: the file itself, the members of an archive, all files below a folder.

    Sorted by name; what is hidden (a leading full stop), empty, or what a Macintosh adds to an archive is left out.
    Raises `InputError` if there is nothing that can be read.
    """
    name = shown(path)
    with _refusals(name):
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{name}: is not a regular file; save its content to one first")
            return _members(path, found.st_size)
        places = [place for file, size in _files(path) for place in _members(file, size)]
    if not places:
        raise InputError(f"{name}: is a folder with no file to read in it; name a file, or another folder")
    return places


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    # Links to folders are not followed: they may lead round in a circle.
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        yield folder, 0  # whoever opens it says what is wrong
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
            continue
        with suppress(OSError):  # a link that leads nowhere
            if entry.is_file() and entry.stat().st_size:
                yield Path(entry.path), entry.stat().st_size


def _members(path: Path, size: int) -> list[Place]:
    """Return the members of `path` if it is an archive of files, or itself."""
    itself = [Place(path, size)]
    try:
        with path.open("rb") as file:
            head = file.read(TAR_HEADER)
        found = _of_zip(path) if head.startswith(ZIP) else _of_tar(path, head)
    except FAULTS:
        return itself  # whoever opens it says what is wrong
    except FormatError as error:
        return [Place(path, size, fault=str(error).removeprefix(f"{shown(path)}: "))]
    whole: list[Place] = []
    whole += (replace(place, among=whole) for place in sorted(found, key=lambda place: place.member or ""))
    return whole or itself


def _of_zip(path: Path) -> list[Place]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.filename == OFFICE for entry in entries):
        return []
    return [
        Place(path, entry.compress_size, entry.filename)
        for entry in entries
        if not entry.is_dir() and entry.file_size and not _hidden(entry.filename)
    ]


def _of_tar(path: Path, head: bytes) -> list[Place]:
    packing = packing_of(head)
    if packing is None and not begins_tar(head):
        return []
    with _tar(path, packing) as stream:
        if packing is not None and not begins_tar(_head(stream, TAR_HEADER)):
            return []
    with _tar(path, packing) as stream:
        spans = list(files_of(stream))
    found = [
        Place(path, span.size, name, span, packing)
        for span in spans
        if span.size and not _hidden(name := span.name.removeprefix("./"))
    ]
    if packing is not None and len(found) > 1:
        copy = Archive(lambda: _tar(path, packing))
        found = [replace(place, copy=copy) for place in found]
    return found + [Place(path, 0, fault=span.fault) for span in spans if span.fault is not None]


@contextmanager
def _tar(path: Path, packing: Packing | None) -> Iterator[io.RawIOBase]:
    """Open a tar archive for reading it unpacked; where it breaks off, it ends."""
    with _Counted(os.fspath(path)) as file:
        yield (
            file
            if packing is None
            else Unpacked(packing.undo(file), shown(path), lambda: file.handed_out, lambda _cause: None)
        )


def _hidden(member: str) -> bool:
    # Where an archive wants a file to lie ("../x") is nothing to us: no name in it becomes a path.
    parts = [part for part in member.split("/") if part not in (".", "..")]
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{name}: there is no such file; check the path") from None
    except PermissionError:
        raise InputError(f"{name}: may not be read; check its permissions") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InputError(f"{name}: cannot be read ({_cause(error)}); check the path") from None


@dataclass(slots=True)
class Source:
    """One file to read: its first bytes, its encoding, and how far reading has come.

    Everything is seen unpacked; `size` and `bytes_read` are of the packed file, for a progress bar. `fault` says why
    unpacking ended before its time, if it did.
    """

    place: Place
    head: bytes
    encoding: str
    complete: bool
    packings: tuple[Packing, ...] = ()
    fault: str | None = None
    _file: _Counted | None = field(default=None, repr=False)
    _done: int = 0
    _told: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, place: Path | Place) -> "Source":
        """Look at the file at `place`; raise `InputError` if there is none that can be read, or nothing in it."""
        if isinstance(place, Path):
            place = places_in(place)[0]
        source = cls(place, b"", "utf-8", complete=False)
        if place.fault is not None:
            raise FormatError(f"{source.name}: {place.fault}")
        with _refusals(source.name), _Counted(source._at()) as file:
            # A packed file may hold another: an archive of files that are packed each for itself.
            for _ in range(PACKED_TWICE + 1):
                head = _head(source._unpacked(file))
                packing = packing_of(head)
                if packing is None or len(source.packings) == PACKED_TWICE:
                    break
                source.packings = (*source.packings, packing)
                file.seek(0)
        if not head:
            if source.fault is not None:
                raise FormatError(f"{source.name}: cannot be unpacked ({source.fault}); export it again")
            raise FormatError(f"{source.name}: the file is empty; export it again")
        source.head, source.complete = head[:HEAD], len(head) <= HEAD
        source.encoding = encoding_of(source.head)
        source.fault = None
        return source

    @property
    def path(self) -> Path:
        """Where the file lies; for a member, the archive."""
        return self.place.path

    @property
    def size(self) -> int:
        """How many bytes it takes up on the disk."""
        return self.place.size

    @property
    def name(self) -> str:
        """The path as messages show it."""
        return self.place.name

    @property
    def stem(self) -> str:
        """The bare name, without folders and without the endings that say how it is packed."""
        name = PurePosixPath(self.place.member or self.path.name).name
        for packing in self.packings:
            ending = next((end for end in packing.suffixes if name.casefold().endswith(end)), "")
            name = name[: len(name) - len(ending)]
        return name

    @property
    def suffix(self) -> str:
        """The ending that says what the file holds, in lower case: ".csv" also for "export.CSV.gz"."""
        return PurePosixPath(self.stem).suffix.casefold()

    @property
    def bytes_read(self) -> int:
        """How many bytes were handed out so far."""
        return self._file.handed_out if self._file is not None else self._done

    def head_text(self) -> str:
        """Return the beginning as text, without a byte-order mark."""
        return self.once("text", lambda: self.head.decode(self.encoding, "replace").removeprefix("\ufeff"))

    def once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """Return what `answer` says of the beginning: every format asks the same of it, and one asking is enough."""
        if question not in self._told:
            self._told[question] = answer()
        told: T = self._told[question]
        return told

    def refuse_binary(self) -> None:
        """Raise `FormatError` if the file holds no text."""
        for magic, what, cure in MAGIC:
            if self.head.startswith(magic):
                raise FormatError(f"{self.name}: is {what}, not text; {cure}")
        if begins_tar(self.head):
            raise FormatError(f"{self.name}: is a tar archive with no file in it, or one in another; unpack it first")
        if looks_binary(self.head):
            raise FormatError(f"{self.name}: holds binary data, not text; export it as text, CSV, JSON or Parquet")

    @contextmanager
    def opened(self) -> Iterator[io.RawIOBase]:
        """Open the file for reading its bytes, unpacked; file-system faults inside become `InputError`."""
        try:
            with _Counted(self._at()) as file:
                self._file = file
                try:
                    yield self._unpacked(file)
                finally:
                    self._done = file.handed_out
                    self._file = None
        except OSError as error:
            raise InputError(f"{self.name}: reading broke off ({_cause(error)}); check the disk") from error

    def _unpacked(self, file: _Counted) -> io.RawIOBase:
        stream: io.RawIOBase = file
        span, packing = self.place.span, self.place.packing
        if span is not None:
            if packing is not None and self.place.copy is None:
                stream = self._noted(packing.undo(stream), file)
            stream = self._noted(Part(stream, span.start, span.size), file)
        elif self.place.member is not None:
            try:
                archive = zipfile.ZipFile(file)
                stream = self._noted(archive.open(self.place.member), file)
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, KeyError) as error:
                cause = "it is locked by a password" if "password" in str(error) else "the archive is damaged"
                raise FormatError(f"{self.name}: cannot be unpacked ({cause}); unpack it first") from None
        for packing in self.packings:
            # Without a buffer between: one that is collected closes what it reads from.
            stream = self._noted(packing.undo(stream), file)
        return stream

    def _at(self) -> str:
        """Return where on the disk the bytes lie."""
        return os.fspath(self.path if self.place.copy is None else self.place.copy.plain())

    def _noted(self, stream: Any, file: _Counted) -> Unpacked:
        return Unpacked(stream, self.name, lambda: file.handed_out, self._broke_off)

    def _broke_off(self, cause: str) -> None:
        self.fault = cause

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """Give a plain file with the same bytes, for readers that jump about: the file itself, or an unpacked copy."""
        if self.place.member is None and not self.packings:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="moderation-") as folder:
            copy = Path(folder) / "plain"
            with self.opened() as packed, copy.open("wb") as plain:
                shutil.copyfileobj(packed, plain, BLOCK)
            yield copy

    def beside(self, words: Sequence[str]) -> Iterator["Source"]:
        """Yield the other files in the same folder or archive whose names hold one of `words` (lower case)."""
        if self.place.member is None:
            with _refusals(self.name):
                there = sorted(each for each in self.path.parent.iterdir() if each.is_file() and each != self.path)
                places = [Place(each, each.stat().st_size) for each in there]
        else:
            folder = PurePosixPath(self.place.member).parent
            places = [
                each
                for each in self.place.among
                if each.member not in (None, self.place.member) and PurePosixPath(each.member or "").parent == folder
            ]
        for place in places:
            name = PurePosixPath(place.member or place.path.name).name.casefold()
            if any(word in name for word in words) and not name.startswith("."):
                with suppress(InputError):  # it is only looked at for what it may add
                    yield Source.of(place)

    def lines(self, tally: Tally, newline: str = "\n") -> Generator[str, None, None]:
        """Yield the file's lines with their ends; bytes that are not UTF-8 are read as cp1252, and noted.

        `newline` as for `open`: the default cuts at line feeds only (never at U+2028, as `str.splitlines` does), an
        empty one at all three line ends, untranslated.
        """
        with closing(self.line_lists(tally, newline)) as lists:
            for lines in lists:
                yield from lines

    def line_lists(self, tally: Tally, newline: str = "\n") -> Generator[list[str], None, None]:
        """Yield the same lines, many at once."""
        with self.opened() as file:
            yield from _line_lists(file, self.encoding, tally, newline)

    def text(self, tally: Tally) -> Generator[str, None, None]:
        """Yield the file's text in parts of some size, wherever its lines end; stray bytes as in `lines`."""
        with self.opened() as file:
            yield from _text(file, self.encoding, tally)

    def raw_lines(self, tally: Tally) -> Generator[bytes, None, None]:
        """Yield the file's lines as UTF-8, cut at line feeds; whether the bytes are sound is not looked at."""
        if not self._is_utf8:
            for line in self.lines(tally):
                yield line.encode("utf-8", "surrogatepass")
            return
        with self.opened() as file, io.BufferedReader(file, BLOCK) as lines:
            first = lines.readline()
            if first:
                yield first.removeprefix(codecs.BOM_UTF8)
            yield from lines

    def raw_blocks(self, tally: Tally, first: int, size: int) -> Generator[bytes, None, None]:
        """Yield the file as UTF-8, cut anywhere: a part of `first` bytes, then larger ones, up to `size`.

        Stray bytes as in `raw_lines`.
        """
        if not self._is_utf8:
            for text in self.text(tally):
                yield text.encode("utf-8", "surrogatepass")
            return
        with self.opened() as file, io.BufferedReader(file, min(first, MOST_HELD)) as stream:
            yield stream.read(first).removeprefix(codecs.BOM_UTF8)
            while part := stream.read(first):
                yield part
                first = min(2 * first, size)

    @property
    def _is_utf8(self) -> bool:
        return self.encoding in UTF8

    def advance(self, share: float) -> None:
        """Record progress of a reader that jumps about in the file: `share` of it is done."""
        self._done = int(share * self.size)


class _Joined(io.RawIOBase):
    """Blocks of bytes as one stream."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        super().__init__()
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def lines_of(blocks: Iterable[bytes], tally: Tally, newline: str = "\n") -> Generator[list[str], None, None]:
    """Yield the lines in blocks of UTF-8, which may be cut anywhere, as `Source.line_lists` does."""
    yield from _line_lists(_Joined(blocks), "utf-8", tally, newline)


def text_of(blocks: Iterable[bytes], tally: Tally) -> Generator[str, None, None]:
    """Yield the text in blocks of UTF-8, which may be cut anywhere, as `Source.text` does."""
    yield from _text(_Joined(blocks), "utf-8", tally)


def _text(stream: io.RawIOBase, encoding: str, tally: Tally) -> Generator[str, None, None]:
    errors = "surrogateescape" if encoding in UTF8 else "replace"
    with io.TextIOWrapper(io.BufferedReader(stream, BLOCK), encoding, errors, "") as text:
        while part := text.read(BLOCK):
            yield part if part.isascii() or not BAD_BYTES.search(part) else _mended(part, tally)


def _line_lists(stream: io.RawIOBase, encoding: str, tally: Tally, newline: str) -> Generator[list[str], None, None]:
    is_utf8 = encoding in UTF8
    errors = "surrogateescape" if is_utf8 else "replace"
    with io.TextIOWrapper(io.BufferedReader(stream, BLOCK), encoding, errors, newline) as text:
        while lines := text.readlines(BLOCK):
            yield lines if not is_utf8 or _is_sound(lines) else [_mended(line, tally) for line in lines]


def _is_sound(lines: Sequence[str]) -> bool:
    """Tell whether there was nothing but UTF-8."""
    try:
        "".join(lines).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _head(stream: io.RawIOBase, size: int = HEAD + 1) -> bytes:
    head = bytearray()
    while len(head) < size and (chunk := stream.read(size - len(head))):
        head += chunk
    return bytes(head)


def mended(line: bytes, tally: Tally) -> str:
    """Return a line of a UTF-8 file as text; bytes that are not UTF-8 are read as cp1252, and noted."""
    return _mended(line.decode("utf-8", "surrogateescape"), tally)


def _mended(line: str, tally: Tally) -> str:
    text, bad = replace_bad_bytes(line)
    if bad:
        tally.note("{n} bytes that are not UTF-8 read as cp1252", bad)
    return text


def _cause(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error).replace("\n", " ")
