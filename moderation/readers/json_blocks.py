"""Blocks of JSON lines in, columns out by a compiled parser where every line is plain; None where one is not.

Plain is a block in which each line is one object whose keys are known and hold the kind of value that they held so far.
It gives exactly what reading it line by line gives; whatever is not plain is for the readers that look at each record.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from moderation.readers.ahead import ahead
from moderation.readers.columns import Choice
from moderation.readers.losses import Tally
from moderation.readers.source import Source
from moderation.readers.text_columns import TEXT, is_utf8

__all__ = ["BLOCK", "FIRST", "Kinds", "as_text", "blocks", "columns_of", "plain", "tables"]

# The first block is read slowly, to see what the keys hold.
FIRST, BLOCK = 1 << 16, 1 << 20

LINE_FEED, RETURN, BRACE, BRACKET = 10, 13, 0x7B, 0x5B
DEEP: Final = 500

_OF: Final = {str: TEXT, int: pa.int64(), bool: pa.bool_(), type(None): TEXT}


class Kinds:
    """What each key has held so far: one type, or several; `among`: the keys that matter, all of them if None."""

    def __init__(self, among: Iterable[str] | None = None) -> None:
        self._among = None if among is None else frozenset(among)
        self._held: dict[str, set[type]] = {key: set() for key in self._among or ()}
        self._schema: Any | None = None

    @property
    def names(self) -> list[str]:
        """The keys that were met."""
        return list(self._held)

    def see(self, records: Iterable[Any]) -> None:
        """Look at some that were read one by one."""
        self._schema = None
        held = self._held
        for record in records:
            if type(record) is dict:
                for key, value in record.items():
                    if key in held:
                        held[key].add(type(value))
                    elif self._among is None:
                        held[key] = {type(value)}

    def seen(self, records: Iterable[Any]) -> Iterator[Any]:
        """Yield what is read one by one, and look at it."""
        for record in records:
            self.see((record,))
            yield record

    def schema(self, used: Iterable[str]) -> Any | None:
        """Return what a plain block holds; None where no block will be plain. Of keys not `used` less is asked."""
        if self._schema is None:
            self._schema = self._made(frozenset(used)) or ()
        return self._schema or None

    def _made(self, used: frozenset[str]) -> Any | None:
        fields = []
        for key, held in self._held.items():
            kinds = held - {type(None)} or {type(None)}
            if kinds <= {int, float} and float in kinds and key not in used:
                fields.append((key, pa.float64()))
            elif len(kinds) == 1 and kinds <= _OF.keys():
                # What was always null may be anything: if it is no text, that will show.
                fields.append((key, _OF[min(kinds, key=str)]))
            else:
                return None
        try:
            return pa.schema(fields)
        except UnicodeEncodeError:  # half a character
            return None


def blocks(source: Source, tally: Tally) -> Generator[tuple[int, bytes], None, None]:
    """Yield the source's lines, as UTF-8, in blocks of some size, each with the number of its first line."""
    number = 1
    waiting: list[bytes] = []
    with closing(source.raw_blocks(tally, FIRST, BLOCK)) as parts:
        for part in parts:
            end = part.rfind(b"\n") + 1
            if end:
                block = b"".join([*waiting, memoryview(part)[:end]])
                waiting.clear()
                yield number, block
                number += block.count(b"\n")
            waiting.append(part[end:])
    if rest := b"".join(waiting):
        yield number, rest


def tables(
    parts: Iterable[tuple[int, bytes]], schema: Callable[[], Any | None], *, others: bool
) -> Generator[tuple[int, bytes, Any | None], None, None]:
    """Yield each block with its number and its columns, or None where it is not plain.

    `schema` says what a plain block holds, as far as that is known; `others`: whether lines may have more keys. While
    one block is being used, the next ones are parsed.
    """
    with closing(ahead(((*part, schema()) for part in parts), partial(_parsed, others=others))) as found:
        for (number, block, then), table in found:
            now = schema()
            # What was learned meanwhile may make it plain.
            yield number, block, table if now is then else plain(block, now, others=others)


def _parsed(part: tuple[int, bytes, Any | None], *, others: bool) -> Any | None:
    _, block, schema = part
    return plain(block, schema, others=others)


def plain(block: bytes, schema: Any | None, *, others: bool) -> Any | None:
    """Return a plain block's columns, as `schema` has them, or None where it is not plain."""
    lines = _objects(block) if schema is not None else 0
    if not lines or not is_utf8(block) or (others and _is_deep(block)):
        return None
    options = pyarrow.json.ParseOptions(schema, unexpected_field_behavior="ignore" if others else "error")
    reading = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
    try:
        table = pyarrow.json.read_json(pa.BufferReader(block), reading, options)
    except pa.ArrowException:
        return None
    return table if table.num_rows == lines else None


def _is_deep(block: bytes) -> bool:
    """Tell whether a line may be nested more deeply than a careful parser follows."""
    data = np.frombuffer(block, np.uint8)
    opening = np.flatnonzero(data & 0xDF == BRACKET)  # a brace differs in one bit
    if len(opening) <= DEEP:
        return False
    before = np.searchsorted(opening, np.flatnonzero(data == LINE_FEED))
    return bool(np.diff(before, prepend=0).max() > DEEP)


def _objects(block: bytes) -> int:
    """Return how many lines `block` has, if each of them begins and ends with a brace; else 0.

    What then parses holds as many objects as lines only where every line is one: an object that goes on in the next
    line would have to do so with a brace, and none can.
    """
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == LINE_FEED)
    if len(ends) < 2 or data[0] != BRACE or ends[-1] != len(data) - 1 or not (data[ends[:-1] + 1] == BRACE).all():
        return 0
    last = data[ends - 1]
    if (last == RETURN).all():
        last = data[ends - 2]
    return len(ends) if (last == BRACE + 2).all() else 0


def as_text(column: Any) -> Any:
    """Return a column of such a table as text, as it would have been made of single values."""
    column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column if column.type == TEXT else column.cast(TEXT)


def columns_of(table: Any, choice: Choice) -> dict[str, Any]:
    """Return our fields out of such a table: those of which it has one of the columns chosen."""
    found = {name: [as_text(table.column(each)) for each in names if each in table.column_names]
             for name, names in choice.items()}  # fmt: skip
    return {name: parts[0] if len(parts) == 1 else pc.coalesce(*parts) for name, parts in found.items() if parts}
