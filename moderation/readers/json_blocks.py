"""Blocks of JSON objects in, columns out by a compiled parser where every object is plain; None where one is not.

Plain is a block whose objects have known keys only, which hold the kind of value that they held so far. It gives
exactly what reading it object by object gives; whatever is not plain is for the readers that look at each record.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moderation.readers.ahead import ahead
from moderation.readers.columns import Choice
from moderation.readers.losses import Tally
from moderation.readers.source import Source
from moderation.readers.text_columns import TEXT

__all__ = [
    "BLOCK",
    "FIRST",
    "Columns",
    "Kinds",
    "Layout",
    "as_text",
    "blocks",
    "columns_of",
    "is_worth_it",
    "listed",
    "plain",
    "tables",
]

T = TypeVar("T")

# The first block is read slowly, to see what the keys hold.
FIRST, BLOCK = 1 << 16, 1 << 21
# To make the compiled parser ready takes a part of a second, once: in that time, all of a smaller file is read slowly.
WORTH_IT: Final = 1 << 23
# What a packed file may hold more than it has.
PACKED: Final = 4

# Two threads parse: until there is a batch, there is nothing else to do.
AHEAD, THREADS = 3, 2
# By how much of a block is guessed how many lines it has.
SAMPLE: Final = 1 << 15

_NOTHING: Final[Mapping[str, str]] = {}
_ARROW: Final[Mapping[type, Any]] = {str: TEXT, int: pa.int64(), bool: pa.bool_(), object: pa.bool_()}


@dataclass(frozen=True, slots=True)
class Columns:
    """Some plain objects: path -> an Arrow column, of texts, whole numbers, or yes and no.

    `cut`: path -> how many texts there were, where the column holds only those with a prefix, without it.
    """

    count: int
    held: Mapping[str, Any]
    cut: Mapping[str, int]

    def is_everywhere(self, path: str) -> bool:
        """Tell whether all of the objects hold something at `path`."""
        there = self.cut.get(path)
        return self.held[path].null_count == 0 if there is None else there == self.count


class Layout:
    """What plain objects hold, made ready for the compiled parser: path -> str, int, bool, object or None.

    `object` is for any value, of which is told whether it is more than null, false, 0 or empty; None for one that is
    not looked at; where `flat`, it must be no object and no list. A path with full stops leads into objects within, and
    objects may have more keys, if there may be `others`. `cut`: path -> what begins the texts that count, and is cut
    off. Raises `ValueError` where no objects can be plain.
    """

    is_ready = False

    def __init__(
        self, kinds: Mapping[str, type | None], cut: Mapping[str, str] = _NOTHING, *, flat: bool, others: bool
    ) -> None:
        from moderation.readers import json_kernel

        Layout.is_ready = True
        self._kernel = json_kernel
        self._others = others
        self._taken = [(path, kind) for path, kind in kinds.items() if kind is not None]
        self._is_text = np.array([kind is str for _, kind in self._taken], bool)
        columns = {path: column for column, (path, _) in enumerate(self._taken)}
        self._cut = {path: columns[path] for path in cut if kinds.get(path) is str}
        self._prefixes = [np.frombuffer(cut[path].encode(), np.uint8) for path in self._cut]
        unseen = json_kernel.FLAT if flat else json_kernel.ANY
        of: Mapping[type, int] = {
            str: json_kernel.TEXT,
            int: json_kernel.INT,
            bool: json_kernel.BOOL,
            object: json_kernel.SOME,
        }
        tree: dict[str, Any] = {}
        for path, kind in kinds.items():
            outer, inner = path.split(".") if others else [path], tree
            for name in outer[:-1]:
                inner = inner.setdefault(name, {})
                if not isinstance(inner, dict):
                    raise ValueError("an object and none")  # noqa: TRY004 - of no type, but of a value
            if outer[-1] in inner:
                raise ValueError("an object and none")
            inner[outer[-1]] = (unseen, 0) if kind is None else (of[kind], columns[path])
            for end in range(2, len(outer) + 1):  # a key with full stops, which would go before what lies at the path
                tree[".".join(outer[:end])] = (json_kernel.REFUSED, 0)
        names, keys, nodes, waiting = b"", [], [0], [tree]
        for node, held in enumerate(waiting):  # and those found meanwhile
            for name, what in held.items():
                written = name.encode("utf-8")
                if any(byte < 0x20 or byte in b'"\\' for byte in written):
                    raise ValueError("a key that is written with escapes")
                if isinstance(what, dict):
                    waiting.append(what)
                kind_of, target = (json_kernel.NODE, len(waiting) - 1) if isinstance(what, dict) else what
                keys.append((len(names), len(names) + len(written), kind_of, target, node))
                names += written
            nodes.append(len(keys))
        if not keys:
            raise ValueError("nothing is known")
        self._names, self._keys, self._nodes = np.frombuffer(names, np.uint8), np.array(keys), np.array(nodes)

    def read(self, data: np.ndarray, at: int, most: int, *, lines: bool) -> tuple[Columns, int, str]:
        """Read up to `most` objects from the place `at` on: one in each line, or with commas between them.

        Returns what they hold; where the next one begins; and what ended there, "bytes" or "list" (behind whose "]"
        the place then is), or nothing.
        """
        starts, ends = np.empty((len(self._taken), most), np.int64), np.empty((len(self._taken), most), np.int64)
        begin = at
        count, at, how = self._kernel.find(
            data, begin, lines, self._others, self._names, self._keys, self._nodes, starts, ends
        )
        cut = {}
        for (path, column), prefix in zip(self._cut.items(), self._prefixes, strict=True):
            cut[path] = self._kernel.cut(data, starts[column], ends[column], count, prefix)
            if cut[path] < 0:  # written with escapes
                return Columns(0, {}, {}), begin, ""
        # All in two calls: the fewer, the less this thread waits for the interpreter that others hold.
        size = np.where(self._is_text, self._kernel.sizes(starts, ends, count), 0)
        begins = np.where(self._is_text, np.cumsum(size) - size, -1)
        valid = np.zeros((len(starts), (count + 7) // 8), np.uint8)
        # Arrow keeps what was freed for the next time, and most of it is as large.
        texts = np.frombuffer(pa.allocate_buffer(int(size.sum()) + 8), np.uint8)
        offsets = np.frombuffer(pa.allocate_buffer(8 * len(starts) * (count + 1)), np.int64)
        offsets = offsets.reshape(len(starts), count + 1)
        there = self._kernel.fill(data, starts, ends, valid, begins, offsets, texts)
        held = {}
        for column, (path, kind) in enumerate(self._taken):
            missing = count - int(there[column])
            bits = pa.py_buffer(valid[column]) if missing else None
            if missing == count:
                held[path] = pa.nulls(count, _ARROW[kind])
            elif kind is str:
                begin, end = int(begins[column]), int(begins[column] + offsets[column, count])
                parts = [bits, pa.py_buffer(offsets[column]), pa.py_buffer(texts[begin:end])]
                held[path] = pa.Array.from_buffers(TEXT, count, parts, missing)
            else:
                found = ends[column, :count]
                values = found.copy() if kind is int else np.packbits(found == 1, bitorder="little")
                held[path] = pa.Array.from_buffers(_ARROW[kind], count, [bits, pa.py_buffer(values)], missing)
        return Columns(count, held, cut), at, {self._kernel.DONE: "bytes", self._kernel.CLOSED: "list"}.get(how, "")


class Kinds:
    """What each key has held so far: one type, or several.

    `among`: the paths that matter; if None, all keys do, and objects may have no others. `some`: those of which only
    matters whether they hold something. `cut`: path -> what begins the texts that count, and is cut off. `flat`:
    whether what is not looked at must hold nothing within. `is_used`: whether there is any use in a layout.
    """

    def __init__(
        self,
        among: Iterable[str] | None = None,
        some: Iterable[str] = (),
        cut: Mapping[str, str] = _NOTHING,
        *,
        flat: bool = True,
        is_used: bool = True,
    ) -> None:
        self._among = None if among is None else tuple(among)
        self._some: Mapping[str, type | None] = dict.fromkeys(some, object)
        self._cut = cut
        self._held: dict[str, set[type]] = {path: set() for path in self._among or ()}
        self._flat = flat
        self._is_used = is_used
        self._layout: Layout | None = None
        self._is_known = False

    @property
    def names(self) -> list[str]:
        """The keys that were met."""
        return list(self._held)

    def see(self, records: Iterable[Any]) -> None:
        """Look at some that were read one by one."""
        self._is_known = False
        held = self._held
        nested = [path for path in self._among or () if "." in path]
        for record in records:
            if type(record) is dict:
                for key, value in record.items():
                    if key in held:
                        held[key].add(type(value))
                    elif self._among is None:
                        held[key] = {type(value)}
                for path in nested:
                    held[path].add(type(_within(record, path)))

    def seen(self, records: Iterable[Any]) -> Iterator[Any]:
        """Yield what is read one by one, and look at it."""
        for record in records:
            self.see((record,))
            yield record

    def layout(self, used: Iterable[str]) -> Layout | None:
        """Return what plain objects hold; None where none will be plain. Keys that are not `used` are not looked at."""
        if not self._is_known:
            self._layout, self._is_known = self._made(frozenset(used)) if self._is_used else None, True
        return self._layout

    def _made(self, used: frozenset[str]) -> Layout | None:
        kinds: dict[str, type | None] = {}
        for key, held in self._held.items():
            kinds[key] = None
            if key in used:
                # What was always null may be anything: if it is no text, that will show.
                kind, *more = held - {type(None)} or {str}
                if more or kind not in (str, int, bool) or (self._among is None and "." in key):
                    return None
                kinds[key] = kind
        try:
            return Layout({**kinds, **self._some}, self._cut, flat=self._flat, others=self._among is not None)
        except ValueError:  # half a character in a key among others
            return None


def _within(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def is_worth_it(source: Source) -> bool:
    """Tell whether the source is so large that making the compiled parser ready pays, or whether it is ready."""
    is_packed = source.packings or source.place.member is not None
    return Layout.is_ready or source.size * (PACKED if is_packed else 1) >= WORTH_IT


def blocks(source: Source, tally: Tally) -> Generator[bytes, None, None]:
    """Yield the source's lines, as UTF-8, in blocks of some size."""
    waiting: list[bytes] = []
    with closing(source.raw_blocks(tally, FIRST, BLOCK)) as parts:
        for part in parts:
            end = part.rfind(b"\n") + 1
            if end:
                block = b"".join([*waiting, memoryview(part)[:end]])
                waiting.clear()
                yield block
            waiting.append(part[end:])
    if rest := b"".join(waiting):
        yield rest


def tables(
    parts: Iterable[bytes], layout: Callable[[], Layout | None], use: Callable[[Columns], T | None]
) -> Generator[tuple[int, bytes, T | None], None, None]:
    """Yield each block of lines, with the number of its first line and what `use` makes of its columns.

    That is None where it is not plain. `layout` says what plain objects hold, as far as that is known. While one block
    is being used, the next ones are parsed, in other threads.
    """

    def parsed(part: tuple[bytes, Layout | None]) -> tuple[int, T | None]:
        found = plain(*part)
        return (0, None) if found is None else (found.count, use(found))

    number = 1
    with closing(ahead(((part, layout()) for part in parts), parsed, AHEAD, THREADS)) as found:
        for (block, then), (count, made) in found:
            now = layout()
            if now is not then:  # what was learned meanwhile may make it plain
                count, made = parsed((block, now))  # noqa: PLW2901
            yield number, block, made
            number += count or block.count(b"\n")


def plain(block: bytes, layout: Layout | None) -> Columns | None:
    """Return the columns of a block of lines, or None where it is not plain."""
    if layout is None:
        return None
    data = np.frombuffer(block, np.uint8)
    # Enough, unless most are much shorter than the first ones: counting takes longer than trying.
    most = 2 * (block.count(b"\n", 0, SAMPLE) + 1) * (1 + len(block) // SAMPLE)
    found, _, ended = layout.read(data, 0, most, lines=True)
    if found.count == most:
        found, _, ended = layout.read(data, 0, block.count(b"\n") + 1, lines=True)
    return found if ended == "bytes" else None


def listed(block: bytes, layout: Layout | None) -> Columns | None:
    """Return the columns of a block of objects with commas between them, or None where it is not plain."""
    if layout is None:
        return None
    data = np.frombuffer(block, np.uint8)
    found, _, ended = layout.read(data, 0, block.count(b"}"), lines=False)
    return found if ended == "bytes" else None


def as_text(column: Any) -> Any:
    """Return a column of such an object as text, as it would have been made of single values."""
    return column if column.type == TEXT else column.cast(TEXT)


def columns_of(found: Columns, choice: Choice) -> dict[str, Any]:
    """Return our fields out of plain objects: those of which they have one of the keys chosen."""
    parts = {name: [as_text(found.held[key]) for key in keys if key in found.held] for name, keys in choice.items()}
    return {name: few[0] if len(few) == 1 else pc.coalesce(*few) for name, few in parts.items() if few}
