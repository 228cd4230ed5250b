"""Bytes in, JSON values out: lines, one document, or several one after the other; of a large one, element by element.

orjson reads what it takes; the standard library reads the rest (lone surrogates, NaN, whole numbers beyond 64 bits,
bytes that are not UTF-8), so that speed costs no record.
"""

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import numpy as np
import orjson

from moderation.errors import FormatError
from moderation.readers.losses import Tally
from moderation.readers.source import Source, mended

__all__ = [
    "content_of",
    "decoded",
    "elements",
    "elements_of",
    "has_huge",
    "is_large",
    "is_lines",
    "lines",
    "value_in",
    "values",
    "values_of",
]

# A document up to this size is read whole, which takes several times its size in memory; a larger one is read element
# by element, which takes longer and little memory.
WHOLE: Final = 1 << 26
# An element that is larger than this is no comment, nor an article with all its comments.
ELEMENT: Final = 1 << 28
STEP: Final = 1 << 20

NOTHING: Final = object()
DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\n\r\ufeff]*")
_BEYOND: Final = 2.0**63


def decoded(line: bytes, tally: Tally) -> Any:
    """Return the JSON value in `line`. Raises `ValueError` or `RecursionError` where there is none, or more."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _slowly(mended(line, tally))
    # Whole numbers beyond 64 bits come out rounded; as ids they must not.
    if type(value) is dict and float in map(type, value.values()) and _rounded(value):
        return _slowly(line.decode("utf-8"))
    return value


def _rounded(record: Mapping[str, Any]) -> bool:
    return any(type(value) is float and abs(value) >= _BEYOND for value in record.values())


def _slowly(text: str) -> Any:
    text = text.strip()
    value, end = DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    return value


def lines(source: Source, tally: Tally) -> Generator[tuple[int, Any], None, None]:
    """Yield the value of each line with its number; empty lines are passed over, bad ones counted as lost."""
    with closing(source.raw_lines(tally)) as raw:
        yield from values_of(raw, 1, tally)


def values_of(raw: Iterable[bytes], first: int, tally: Tally) -> Iterator[tuple[int, Any]]:
    """Yield the value of each of the `raw` lines, which are numbered from `first`, as `lines` does."""
    loads = orjson.loads
    for number, line in enumerate(raw, first):
        if len(line) < 3 and not line.strip():
            continue
        try:
            # What nearly every line is comes first, without a call more than it takes.
            value = loads(line)
            if type(value) is dict and float in map(type, value.values()):
                value = decoded(line, tally)
        except orjson.JSONDecodeError:
            value = NOTHING
        if value is not NOTHING:
            yield number, value
            continue
        try:
            yield number, decoded(line, tally)
        except (ValueError, RecursionError):  # ValueError also for whole numbers of thousands of digits
            if line.strip():
                tally.records_in += 1
                tally.lose(f"line {number}", "not JSON")


def is_large(source: Source) -> bool:
    """Tell whether the source is better not read whole; of a packed file only the packed size is known."""
    return source.size > (WHOLE if not source.packings and source.place.member is None else WHOLE >> 3)


def content_of(source: Source, tally: Tally) -> bytes:
    """Return all that the source holds, as UTF-8; whether the bytes are sound is not looked at."""
    # In one piece where that is its size: to join pieces takes as long as to read them.
    size = max(source.size, STEP)
    with closing(source.raw_blocks(tally, size, size)) as blocks:
        return b"".join(blocks)


def value_in(content: bytes, source: Source, tally: Tally) -> Any:
    """Return the one JSON value that all of a source is. Raises `FormatError` where it is none."""
    try:
        return orjson.loads(content) if not has_huge(content) else json.loads(mended(content, tally))
    except ValueError:
        pass
    try:
        return json.loads(mended(content, tally))
    except RecursionError:
        raise FormatError(f"{source.name}: is nested too deeply to be comments; export it again") from None
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{source.name}: line {error.lineno}, column {error.colno}: not JSON ({error.msg}); export it again, "
            "or read it with --format jsonl if it holds one object per line"
        ) from None
    except ValueError:
        raise FormatError(f"{source.name}: holds a number too long to be read; export it again") from None


_HUGE: Final = re.compile(rb"[0-9]{20}")


def has_huge(content: bytes) -> bool:
    """Tell whether there may be whole numbers of 20 digits or more, which orjson would round."""
    data = np.frombuffer(content, np.uint8)
    # Of so many digits one stands at each twentieth byte, and ten on this side of it or on that.
    places = np.flatnonzero(data[19::20] - 0x30 < 10) * 20 + 19
    before = _is_digit(data, places - 5) & _is_digit(data, places - 10)
    behind = _is_digit(data, places + 5) & _is_digit(data, places + 10)
    places = places[before | behind]
    return any(_HUGE.search(content, max(0, place - 20), place + 40) for place in places.tolist())


def _is_digit(data: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Tell at which places digits stand; beyond either end, what stands there."""
    found: np.ndarray = data[np.clip(places, 0, len(data) - 1)] - 0x30 < 10
    return found


def values(
    source: Source, tally: Tally, lists: Sequence[str], quickly: Callable[[bytes], Any | None] | None = None
) -> Iterator[Any]:
    """Yield the values of a source of any outer form: a line each, one document, documents one after the other.

    A large document comes in parts (see `elements`). Whatever is not JSON is counted as one lost record, and ends the
    reading. `quickly` is asked first for the value of a document that is read whole; it may have none.
    """
    if is_lines(source, tally):
        for _, value in lines(source, tally):
            yield value
        return
    if is_large(source):
        yield from elements(source, tally, lists)
        return
    content = content_of(source, tally)
    whole = None if quickly is None else quickly(content)
    try:
        if whole is None:
            whole = value_in(content, source, tally)
    except FormatError:
        yield from _one_after_the_other(source, tally)
    else:
        del content
        yield whole


def is_lines(source: Source, tally: Tally) -> bool:
    """Tell whether the source holds a value in each line."""
    first, cut, rest = source.head.partition(b"\n")
    return bool(cut and rest.strip()) and _is_whole(first, tally)


def _is_whole(line: bytes, tally: Tally) -> bool:
    try:
        decoded(line, tally)
    except (ValueError, RecursionError):
        return False
    return True


def _one_after_the_other(source: Source, tally: Tally) -> Iterator[Any]:
    text, begun = "".join(source.lines(tally)), 0
    while (begun := _after_space(text, begun)) < len(text):
        try:
            value, begun = DECODER.raw_decode(text, begun)
        except (ValueError, RecursionError):
            tally.records_in += 1
            tally.lose(f"line {1 + text.count(chr(10), 0, begun)}", "not JSON from here on")
            return
        yield value


class _Text:
    """Text that comes in parts, of which as much is held as is looked at."""

    def __init__(self, parts: Iterable[str]) -> None:
        self._parts = iter(parts)
        self._text = ""
        self._at = 0
        self._ended = False

    def _more(self, least: int) -> bool:
        """Hold `least` characters more; tell whether there were any."""
        taken = []
        size = 0
        for part in self._parts:
            taken.append(part)
            size += len(part)
            if size >= least:
                break
        if not taken:
            self._ended = True
            return False
        self._text = self._text[self._at :] + "".join(taken)
        self._at = 0
        return True

    def next(self) -> str:
        """Return the next character that is no white space, without going past it; empty at the end."""
        while True:
            self._at = _after_space(self._text, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(STEP):
                return ""

    def skip(self) -> None:
        """Go past the next character."""
        self._at += 1

    def value(self) -> Any:
        """Return the value that comes next, and go past it. Raises `ValueError` where there is none."""
        self.next()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                # Broken, or not here yet: doubled each time, so that a long one is tried a few times only.
                held = len(self._text) - self._at
                if isinstance(error, RecursionError) or held > ELEMENT or not self._more(max(STEP, held)):
                    raise ValueError("not JSON") from None
                continue
            if end == len(self._text) and not self._ended and self._more(STEP):
                continue  # a number may go on
            self._at = end
            return value


def elements(source: Source, tally: Tally, lists: Sequence[str]) -> Iterator[Any]:
    """Yield the elements of the outermost list, or of the lists in the outermost object under one of the keys `lists`.

    Of an object, each element comes alone in a copy of that object, with what stood before the list. Where the
    document breaks off or is no JSON any more, one record is counted as lost; what came before it was yielded. Memory
    is that of one element.
    """
    with closing(source.text(tally)) as parts:
        yield from elements_of(parts, tally, lists)


def elements_of(parts: Iterable[str], tally: Tally, lists: Sequence[str], count: int = 0) -> Iterator[Any]:
    """Yield the same out of the parts of a text; `count` elements were read before."""
    try:
        for value in _outermost(_Text(parts), lists):
            count += 1
            yield value
    except ValueError:
        tally.records_in += 1
        tally.lose(f"record {count + 1}", "not JSON from here on")


def _outermost(text: _Text, lists: Sequence[str]) -> Iterator[Any]:
    if text.next() == "[":
        yield from _listed(text)
        return
    _expect(text, "{")
    before: dict[str, Any] = {}
    if text.next() == "}":
        return
    while True:
        key = str(text.value())
        _expect(text, ":")
        if text.next() == "[" and key in lists:
            for value in _listed(text):
                yield {**before, key: [value]}
        else:
            before[key] = text.value()
        if text.next() == "}":
            return
        _expect(text, ",")


def _listed(text: _Text) -> Iterator[Any]:
    _expect(text, "[")
    if text.next() == "]":
        text.skip()
        return
    while True:
        yield text.value()
        if text.next() == "]":
            text.skip()
            return
        _expect(text, ",")


def _expect(text: _Text, character: str) -> None:
    if text.next() != character:
        raise ValueError("not JSON")
    text.skip()


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
