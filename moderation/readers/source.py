"""A path in, its bytes and lines out, counted, with one-line errors for whatever the file system refuses."""

import io
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from moderation.errors import FormatError, InputError
from moderation.readers.encoding import BAD_BYTES, encoding_of, looks_binary, replace_bad_bytes
from moderation.readers.losses import Tally

__all__ = ["Source", "shown"]

HEAD: Final = 1 << 18

# First bytes of files that hold no text, what they are, and what to do about it.
MAGIC: Final = (
    (b"\x1f\x8b", "gzip-compressed", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "unpack it first"),
    (b"PK\x03\x04", "a ZIP archive (or a spreadsheet)", "unpack it, or save it as CSV"),
    (b"BZh", "bzip2-compressed", "unpack it first"),
    (b"\xfd7zXZ", "xz-compressed", "unpack it first"),
    (b"%PDF", "a PDF", "save its text"),
    (b"SQLite format 3", "an SQLite database", "export its tables"),
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

    def readall(self) -> bytes:
        """Return the rest."""
        data: bytes = super().readall() or b""
        self.handed_out += len(data)
        return data


@dataclass(slots=True)
class Source:
    """One file to read: its first bytes, its encoding, and how far reading has come."""

    path: Path
    size: int
    head: bytes
    encoding: str
    _file: _Counted | None = field(default=None, repr=False)
    _done: int = 0

    @classmethod
    def of(cls, path: Path) -> "Source":
        """Look at the file at `path`; raise `InputError` if there is none that can be read, or nothing in it."""
        name = shown(path)
        try:
            found = path.stat()
            if stat.S_ISDIR(found.st_mode):
                raise InputError(f"{name}: is a folder; name a file in it")
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{name}: is not a regular file; save its content to one first")
            with path.open("rb") as file:
                head = file.read(HEAD)
        except FileNotFoundError:
            raise InputError(f"{name}: there is no such file; check the path") from None
        except PermissionError:
            raise InputError(f"{name}: may not be read; check its permissions") from None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise InputError(f"{name}: cannot be read ({_cause(error)}); check the path") from None
        if not head:
            raise FormatError(f"{name}: the file is empty; export it again")
        return cls(path, found.st_size, head, encoding_of(head))

    @property
    def name(self) -> str:
        """The path as messages show it."""
        return shown(self.path)

    @property
    def bytes_read(self) -> int:
        """How many bytes were handed out so far."""
        return self._file.handed_out if self._file is not None else self._done

    @property
    def complete(self) -> bool:
        """Whether `head` is the whole file."""
        return len(self.head) >= self.size

    def head_text(self) -> str:
        """Return the beginning as text, without a byte-order mark."""
        return self.head.decode(self.encoding, "replace").removeprefix("\ufeff")

    def refuse_binary(self) -> None:
        """Raise `FormatError` if the file holds no text."""
        for magic, what, cure in MAGIC:
            if self.head.startswith(magic):
                raise FormatError(f"{self.name}: is {what}, not text; {cure}")
        if looks_binary(self.head):
            raise FormatError(f"{self.name}: holds binary data, not text; export it as text, CSV, JSON or Parquet")

    @contextmanager
    def opened(self) -> Iterator[_Counted]:
        """Open the file for reading bytes; file-system faults inside become `InputError`."""
        try:
            with _Counted(os.fspath(self.path)) as file:
                self._file = file
                try:
                    yield file
                finally:
                    self._done = file.handed_out
                    self._file = None
        except OSError as error:
            raise InputError(f"{self.name}: reading broke off ({_cause(error)}); check the disk") from error

    def lines(self, tally: Tally, newline: str = "\n") -> Generator[str, None, None]:
        """Yield the file's lines with their ends; bytes that are not UTF-8 are read as cp1252, and noted.

        `newline` as for `open`: the default cuts at line feeds only (never at U+2028, as `str.splitlines` does), an
        empty one at all three line ends, untranslated.
        """
        mend = self.encoding in ("utf-8", "utf-8-sig")
        errors = "surrogateescape" if mend else "replace"
        with (
            self.opened() as file,
            io.TextIOWrapper(io.BufferedReader(file, 1 << 18), self.encoding, errors, newline) as text,
        ):
            if not mend:
                yield from text
                return
            for line in text:
                if line.isascii() or not BAD_BYTES.search(line):
                    yield line
                else:
                    mended, bad = replace_bad_bytes(line)
                    tally.note("{n} bytes that are not UTF-8 read as cp1252", bad)
                    yield mended

    def advance(self, share: float) -> None:
        """Record progress of a reader that jumps about in the file: `share` of it is done."""
        self._done = int(share * self.size)


def _cause(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error).replace("\n", " ")
