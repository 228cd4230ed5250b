"""The bytes of a tar archive in, the names and places of its files out; a packed one is copied out once at the most.

A tar archive has no table of contents: what is in it is learned by going through it, header by header. Names are only
ever shown: nothing is written where an archive says, and links, devices and folders are left out. Both headers that a
name may overflow into (GNU's and POSIX's) are read, up to a length that honest ones keep to.
"""

import io
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ["BLOCK", "Archive", "Part", "Span", "begins_tar", "files_of"]

BLOCK: Final = 512
COPIED_AT_ONCE: Final = 1 << 18
# A header that says more about one file than this is not one that an archiver writes.
LONGEST_HEADER: Final = 1 << 20
_FILES: Final = (b"0", b"\0", b"7")
_LONG_NAME, _POSIX, _POSIX_FOR_ALL, _GNU_LINK = b"L", b"x", b"g", b"K"


@dataclass(frozen=True, slots=True)
class Span:
    """A file's name and where its bytes lie in the archive, unpacked; `fault` instead where the archive breaks."""

    name: str
    start: int = 0
    size: int = 0
    fault: str | None = None


def begins_tar(head: bytes) -> bool:
    """Tell whether `head` begins with the header of a tar archive: its checksum must be right."""
    return len(head) >= BLOCK and head[0] != 0 and _sums_up(head[:BLOCK])


def _sums_up(header: bytes) -> bool:
    given = _number(header[148:156])
    whole = sum(header) - sum(header[148:156]) + 8 * 32
    # Some old archivers summed up signed bytes.
    signed = whole - 256 * sum(byte > 127 for byte in header[:148] + header[156:])
    return given is not None and given in (whole, signed)


def _number(octal: bytes) -> int | None:
    if octal[:1] == b"\x80":  # too large for octal digits
        return int.from_bytes(octal[1:], "big")
    digits = octal.replace(b"\0", b" ").strip()
    try:
        return int(digits, 8) if digits.isdigit() else None
    except ValueError:
        return None


def files_of(stream: io.RawIOBase) -> Iterator[Span]:
    """Yield the files in a tar archive, read from its beginning; the last one tells of a break, if there is one."""
    at = 0
    name: str | None = None
    size_said: int | None = None
    last = "its beginning"
    while True:
        header = _read(stream, BLOCK)
        at += len(header)
        if not header.strip(b"\0"):
            return  # the end: blocks of nothing, or nothing at all
        size = _number(header[124:136]) if len(header) == BLOCK and _sums_up(header) else None
        if size is None:
            yield Span("", fault=f"the archive is damaged behind {last}; what follows there was not read")
            return
        kind = header[156:157]
        if kind in (_LONG_NAME, _POSIX):
            if size > LONGEST_HEADER:
                yield Span("", fault=f"the archive is damaged behind {last}; what follows there was not read")
                return
            said = _read(stream, size)
            at += len(said)
            if kind == _LONG_NAME:
                name = said.rstrip(b"\0").decode("utf-8", "replace")
            else:
                records = _records(said)
                name = records.get("path", name)
                told = records.get("size", "")
                size_said = int(told) if told.isdecimal() and len(told) < 20 else size_said
            at += _skip(stream, -size % BLOCK)
            continue
        if kind in (_POSIX_FOR_ALL, _GNU_LINK):
            at += _skip(stream, size + -size % BLOCK)
            continue
        if name is None:
            name = _name(header)
        size = size if size_said is None else size_said
        if kind in _FILES and not name.endswith("/"):
            yield Span(name, at, size)
        # Links and devices have no bytes, whatever size their headers state.
        stored = size if kind not in (b"1", b"2", b"3", b"4", b"5", b"6") else 0
        skipped = _skip(stream, stored + -stored % BLOCK)
        if skipped < stored:
            return  # whoever reads the file finds that it breaks off
        at += skipped
        last = name if name.isprintable() else ascii(name)
        name, size_said = None, None


def _name(header: bytes) -> str:
    name = header[:100].split(b"\0", 1)[0]
    if header[257:263] == b"ustar\0" and header[345] != 0:
        name = header[345:500].split(b"\0", 1)[0] + b"/" + name
    return name.decode("utf-8", "replace")


def _records(said: bytes) -> dict[str, str]:
    """Return the records ("27 path=export/comments.json" and a line end) of a POSIX header."""
    found: dict[str, str] = {}
    at = 0
    while at < len(said):
        digits = said[at : at + 10].split(b" ", 1)[0]
        length = int(digits) if digits.isdigit() else 0
        if length <= len(digits) + 1:
            break
        key, _, value = said[at + len(digits) + 1 : at + length - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        at += length
    return found


def _read(stream: io.RawIOBase, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return bytes(data)


def _skip(stream: io.RawIOBase, size: int) -> int:
    """Go forward by `size` bytes; return how many there were."""
    if stream.seekable():
        before = stream.tell()
        end = stream.seek(0, os.SEEK_END)
        stream.seek(min(before + size, end))
        return min(size, end - before)
    left = size
    while left and (data := stream.read(min(left, COPIED_AT_ONCE))):
        left -= len(data)
    return size - left


class Part:
    """The bytes of one file of an archive, out of the archive's own."""

    def __init__(self, stream: Any, start: int, size: int) -> None:
        self._stream = stream
        self._left = size
        self._short = _skip(stream, start) < start

    def read1(self, size: int, /) -> bytes:
        """Return up to `size` bytes; raise `EOFError` where the archive ends before the file does."""
        if not self._left:
            return b""
        data: bytes = b"" if self._short else self._stream.read(min(size, self._left))
        if not data:
            raise EOFError
        self._left -= len(data)
        return data


@dataclass(slots=True, weakref_slot=True)
class Archive:
    """A packed archive, of which a plain copy lies on the disk while its files are read: going to one costs nothing.

    Without it every file would be unpacked to from the beginning. `unpacked` opens the packed archive.
    """

    unpacked: Callable[[], AbstractContextManager[io.RawIOBase]]
    _copy: Path | None = None
    _removal: Any = field(default=None, repr=False)

    def plain(self) -> Path:
        """Return where the copy lies, and make it where there is none."""
        if self._copy is None:
            handle, name = tempfile.mkstemp(prefix="moderation-", suffix=".tar")
            self._removal = weakref.finalize(self, Path(name).unlink, missing_ok=True)
            with open(handle, "wb") as copy, self.unpacked() as stream:  # noqa: PTH123 - a handle, not a path
                shutil.copyfileobj(stream, copy, COPIED_AT_ONCE)
            self._copy = Path(name)
        return self._copy

    def done(self) -> None:
        """Remove the copy; asked again, it is made again."""
        if self._removal is not None:
            self._removal()
        self._copy = self._removal = None
