"""Records in, batches out: objects with any keys (what the two JSON formats share), or fields that a format knows.

Records become columns as early as they can: a `Piece` is a number of them, as the format came by them. However large
the pieces, batches are of the size that was asked for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, islice, repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moderation.readers.batches import Builder, strings
from moderation.readers.columns import INNER, Choice, choose, note_unused
from moderation.readers.formats import Wanted
from moderation.readers.text_columns import TEXT, among
from moderation.tables import Batch

__all__ = ["Keys", "Piece", "batches_of_columns", "batches_of_fields", "piece_of", "piece_of_fields", "pieces_of"]

Record = dict[str, Any]

NATIVE: Final = frozenset(("id", "article_id", "parent_id"))


class Piece(NamedTuple):
    """Some records as columns: our field -> an Arrow column; `numbers` are what the loss report calls them by."""

    numbers: np.ndarray
    columns: Mapping[str, Any]


@dataclass(slots=True)
class Keys:
    """The keys met so far and the fields they hold; keys may differ from record to record."""

    place: str
    wanted: Wanted
    known: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    choice: Choice = field(default_factory=dict)

    def of(self, records: Sequence[Record]) -> Choice:
        """Return which keys hold which of our fields, now that these records were met."""
        if not self.choice or not set().union(*records) <= self.known.keys():
            new = dict.fromkeys(chain.from_iterable(records))
            self.known |= new
            self.choice = choose(self.known, self.wanted.columns, self.place)
            note_unused(new, self.choice, self.wanted.tally)
        return self.choice


def pieces_of(records: Iterable[Any], keys: Keys, word: str, done: int = 0) -> Iterator[Piece | None]:
    """Yield `records`, which are counted, as columns; what is no object is lost, and named by `word` and its number.

    `done` came before them.
    """
    waiting, numbers = iter(records), count(done + 1)
    while piece := list(islice(waiting, keys.wanted.chunk_rows)):
        keys.wanted.tally.records_in += len(piece)
        yield piece_of(list(islice(numbers, len(piece))), piece, keys, word)


def piece_of(numbers: Sequence[int], records: Sequence[Any], keys: Keys, word: str) -> Piece | None:
    """Return numbered records of any kind as columns; None where none of them is one."""
    if set(map(type, records)) != {dict}:  # as good as never
        kept = []
        for number, record in zip(numbers, records, strict=True):
            if isinstance(record, dict | str):
                kept.append((number, {"text": record} if isinstance(record, str) else record))
            else:
                keys.wanted.tally.lose(f"{word} {number}", "not a JSON object")
        if not kept:
            return None
        numbers, records = [number for number, _ in kept], [record for _, record in kept]
    choice = keys.of(records)
    return Piece(np.array(numbers), {name: _column(records, name, names) for name, names in choice.items()})


def batches_of_fields(
    records: Iterable[tuple[int, Mapping[str, Any]]], source: str, wanted: Wanted, word: str
) -> Iterator[Batch]:
    """Yield batches of numbered records whose keys are our own fields, from a format that knows what is what.

    Keys: those of `columns.FIELDS`, `article_author`, `article_published_at`, and label names (1 yes, 0 no, None not
    judged). `id`, `article_id` and `parent_id` are the source's own, and get `source` and a colon before them; where a
    record has no id, one is made. Whoever yields a record has counted it into `records_in`.
    """
    waiting = iter(records)
    pieces = iter(lambda: list(islice(waiting, wanted.chunk_rows)), [])
    yield from batches_of_columns(map(piece_of_fields, pieces), source, wanted, word, native=True)


def piece_of_fields(records: Sequence[tuple[int, Mapping[str, Any]]]) -> Piece:
    """Return numbered records whose keys are our own fields as columns."""
    kept = [record for _, record in records]
    names = dict.fromkeys(chain.from_iterable(kept)) | {"text": None}
    return Piece(np.array([number for number, _ in records]), {name: strings(_held(kept, name)) for name in names})


def _held(records: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    try:
        return list(map(itemgetter(name), records))
    except KeyError:  # not in all of them
        return [record.get(name) for record in records]


def batches_of_columns(
    pieces: Iterable[Piece | None], source: str, wanted: Wanted, word: str, *, native: bool = False
) -> Iterator[Batch]:
    """Yield batches of the records in `pieces`; where ids are `native`, they get `source` and a colon before them."""
    builder = Builder(source, wanted.tally, wanted.keep_personal_data)
    # Numbers are a site's own: two sites in one store have a comment 1 each.
    prefix = f"{source}:" if wanted.site is None else f"{source}:{wanted.site}/"
    for numbers, columns in _in_chunks(pieces, wanted.chunk_rows):
        named = {
            name: _named(prefix, column) if native and name in NATIVE else column for name, column in columns.items()
        }
        yield builder.build(named, numbers, word)


def _in_chunks(pieces: Iterable[Piece | None], rows: int) -> Iterator[Piece]:
    waiting: list[Piece] = []
    count = 0
    for piece in pieces:
        if piece is None or not len(piece.numbers):
            continue
        waiting.append(piece)
        count += len(piece.numbers)
        if count >= rows:
            whole = _joined(waiting)
            for start in range(0, count - rows + 1, rows):
                yield _part(whole, start, rows)
            rest = count % rows
            waiting, count = [_part(whole, count - rest, rest)] if rest else [], rest
    if waiting:
        yield _joined(waiting)


def _part(piece: Piece, start: int, rows: int) -> Piece:
    if rows == len(piece.numbers):
        return piece
    columns = {name: column.slice(start, rows) for name, column in piece.columns.items()}
    return Piece(piece.numbers[start : start + rows], columns)


def _joined(pieces: Sequence[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    names = dict.fromkeys(name for piece in pieces for name in piece.columns)
    columns = {
        name: pa.concat_arrays(
            [piece.columns[name] if name in piece.columns else pa.nulls(len(piece.numbers), TEXT) for piece in pieces]
        )
        for name in names
    }
    return Piece(np.concatenate([piece.numbers for piece in pieces]), columns)


def _named(prefix: str, column: Any) -> Any:
    empty = among(column, ("",))
    if empty.any():
        column = pc.if_else(pa.array(empty), pa.scalar(None, TEXT), column)
    return pc.binary_join_element_wise(pa.scalar(prefix, TEXT), column, pa.scalar("", TEXT))


def _column(records: Sequence[Record], name: str, keys: Sequence[str]) -> Any:
    values = (
        [_value(record, keys[0]) for record in records]
        if "." in keys[0]
        else list(map(dict.get, records, repeat(keys[0])))  # twice as fast as in a comprehension
    )
    for key in keys[1:]:
        values = [
            _value(record, key) if value is None else value for record, value in zip(records, values, strict=True)
        ]
    if dict in set(map(type, values)):
        values = [_inner(value, name) if isinstance(value, dict) else value for value in values]
    return strings(values)


def _value(record: Record, path: str) -> Any:
    """Return what stands at `path` ("content.rendered"); a key that holds a full stop itself goes first."""
    if path in record:
        return record[path]
    value: Any = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _inner(value: Mapping[str, Any], name: str) -> Any:
    return next((value[key] for key in INNER.get(name, ()) if not isinstance(value.get(key), dict | list | None)), None)
