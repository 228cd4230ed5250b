"""Packed bytes in, plain bytes out, as they are asked for; what unpacks to far more than honest data does is refused.

gzip, Zstandard (with windows up to 2 GiB, as the Reddit archives need), bzip2, xz, and the members of a ZIP archive.
A stream that breaks off or is damaged gives what came before the break, and says so.
"""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import zstandard

from moderation.errors import FormatError

__all__ = ["FAULTS", "HARMLESS", "PACKINGS", "RATIO", "ZIP", "Packing", "Unpacked", "packing_of"]

# Text packs to a tenth, logs of one repeated line to a two-hundredth. What goes beyond that is let through until it
# has cost something; a bomb is refused when it has grown to `HARMLESS` bytes.
RATIO: Final = 400
HARMLESS: Final = 1 << 28
# Of one packed KiB, Zstandard can make 32 MiB at the most: its blocks of 128 KiB take four bytes.
ZSTD_READ: Final = 1 << 10
BLOCK: Final = 1 << 18
ZSTD_WINDOW: Final = 1 << 31

ZIP: Final = b"PK\x03\x04"

FAULTS: Final = (
    EOFError,
    OSError,  # what gzip and bz2 call damage
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    zipfile.BadZipFile,
    RuntimeError,  # a member that is locked by a password
    NotImplementedError,  # a ZIP method of which the interpreter knows only the name
    ValueError,
)


class _Readable(Protocol):
    """What every unpacker is at least."""

    def read1(self, size: int, /) -> bytes: ...


class _Zstd:
    """Zstandard frames, one after the other; unlike the library's own reader it tells an end from a break."""

    def __init__(self, packed: Any) -> None:
        self._packed = packed
        self._context = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self._frame: Any = None
        self._waiting = b""
        self._at = 0

    def _chunk(self) -> bytes:
        if self._at >= len(self._waiting):
            self._waiting, self._at = self._packed.read(BLOCK), 0
        chunk = self._waiting[self._at : self._at + ZSTD_READ]
        self._at += len(chunk)
        return chunk

    def read1(self, _size: int, /) -> bytes:
        while True:
            chunk = self._chunk()
            if not chunk:
                if self._frame is not None:
                    raise EOFError
                return b""
            if self._frame is None:
                self._frame = self._context.decompressobj()
            data: bytes = self._frame.decompress(chunk)
            if self._frame.eof:
                self._at -= len(self._frame.unused_data)
                self._frame = None
            if data:
                return data


@dataclass(frozen=True, slots=True)
class Packing:
    """One way to pack bytes: how it begins, what its files are called, how it is undone."""

    name: str
    magic: bytes
    suffixes: tuple[str, ...]
    undo: Callable[[Any], _Readable]


def _gzip(packed: Any) -> _Readable:
    return gzip.GzipFile(fileobj=packed, mode="rb")


def _bz2(packed: Any) -> _Readable:
    return bz2.BZ2File(packed)


def _xz(packed: Any) -> _Readable:
    return lzma.LZMAFile(packed)


PACKINGS: Final = (
    Packing("gzip", b"\x1f\x8b\x08", (".gz", ".gzip"), _gzip),
    Packing("Zstandard", b"\x28\xb5\x2f\xfd", (".zst", ".zstd"), _Zstd),
    Packing("bzip2", b"BZh", (".bz2",), _bz2),
    Packing("xz", b"\xfd7zXZ\x00", (".xz",), _xz),
)


def packing_of(head: bytes) -> Packing | None:
    """Return how a file that begins with `head` is packed, or None where it is not."""
    return next((packing for packing in PACKINGS if head.startswith(packing.magic)), None)


class Unpacked(io.RawIOBase):
    """The plain bytes of a packed stream.

    `packed_bytes` says how much of the packed file was taken so far; `broke_off` is told why, where the stream ends
    before its time. Raises `FormatError` for a decompression bomb.
    """

    def __init__(
        self, stream: _Readable, place: str, packed_bytes: Callable[[], int], broke_off: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._stream = stream
        self._place = place
        self._packed_bytes = packed_bytes
        self._broke_off = broke_off
        self._ended = False
        self._data = b""
        self._at = 0
        self._out = 0

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`; 0 is the end, or the break."""
        if self._at >= len(self._data):
            self._data, self._at = self._more(len(buffer)), 0
        count = min(len(self._data) - self._at, len(buffer))
        buffer[:count] = self._data[self._at : self._at + count]
        self._at += count
        return count

    def _more(self, size: int) -> bytes:
        if self._ended:
            return b""
        try:
            data = self._stream.read1(size)
        except FAULTS as error:
            self._ended = True
            self._broke_off(_cause(error))
            return b""
        self._out += len(data)
        if self._out > HARMLESS and self._out > RATIO * max(self._packed_bytes(), 1):
            raise FormatError(
                f"{self._place}: unpacks to more than {RATIO} times its size (a decompression bomb?); "
                "unpack it yourself if you trust it"
            )
        return data


def _cause(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "it breaks off"
    if "password" in str(error):
        return "it is locked by a password"
    if isinstance(error, NotImplementedError):
        return "it is packed by a method that is not known here"
    return "it is damaged"
