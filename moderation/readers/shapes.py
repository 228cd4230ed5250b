"""What a system calls things in, records of our own fields out: one walk for all systems, whose knowledge is data.

A `Shape` says by which keys a system's records are known, where in them our fields lie, and what its words mean. The
same shape reads a JSON document, JSON lines, pages of an API one after the other, and, where the names are those of
columns, a table.
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from html import unescape
from itertools import chain, pairwise
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from moderation.readers.batches import strings
from moderation.readers.columns import plain
from moderation.readers.delimited import header, rows_of
from moderation.readers.formats import NO, OWN, Format, Wanted
from moderation.readers.json_blocks import Columns, Kinds, Layout, blocks, is_worth_it, tables
from moderation.readers.json_runs import Run, document_of_runs
from moderation.readers.json_values import is_lines, values, values_of
from moderation.readers.losses import Tally
from moderation.readers.markup import plain_text, plain_texts
from moderation.readers.records import Piece, batches_of_columns, piece_of_fields
from moderation.readers.source import Source
from moderation.readers.text_columns import TEXT, among, holding, mask_of, replaced
from moderation.tables import Batch

__all__ = ["Fields", "Record", "Shape", "State", "at", "entities", "format_of", "keys_in", "moment"]

Record = Mapping[str, Any]
Fields = dict[str, Any]
Decode = Callable[[Any], Any]
State = dict[str, Any]

# What tables write for "no" where JSON has false or null.
FALSE: Final = frozenset(("", "0", "f", "false", "n", "no", "null", "none"))
PERSONAL: Final = re.compile(r"(?i)e-?mail|(?:^|_)ip(?:_?addr\w*|$)|remote_addr|user_agent")


def entities(text: str) -> str:
    """Return plain text that was written with HTML entities, decoded once."""
    return unescape(text) if "&" in text else text


def _all_entities(texts: Any) -> Any:
    return replaced(texts, unescape, holding(texts, 0x26))


def moment(value: Any) -> Any:
    """Return a time as text or epoch, out of the forms in which MongoDB writes one ({"$date": ...})."""
    for _ in range(2):
        if isinstance(value, dict):
            value = value.get("$date", value.get("$numberLong"))
    # Mongo counts milliseconds, and so does a bare number of today's size; see the table of epoch units.
    return value


# What can be done to a column at once, and leaves alone what needs it not.
COLUMNWISE: Final[Mapping[Decode, Callable[[Any], Any]]] = {
    entities: _all_entities,
    plain_text: plain_texts,
    moment: lambda texts: texts,
}


@dataclass(frozen=True)
class Shape:
    """One kind of record of one system.

    `marks`: a record is what has all the paths of one of these. `fields`: ours -> paths, the first that holds
    something counts. `decode`: path -> what makes plain text of its value. `lists`: where further records lie, in a
    record (its answers) or around records. `inherits`: what an object around records says of all of them. `states`:
    paths that mean a status where they are true, firmest first. `statuses`: words beyond those every source uses.
    `nothing`: values that mean "none". `prefixes`: fields whose values count only with this before them, which is cut
    off. `flags`: label -> path of 1 or 0; `fractions`: label -> path of a share of judges, of which a half is yes and
    none is no. `passed_over`: marks of objects that are no comments and are not meant to be; `companions`: of those,
    the ones that fill files of their own.

    What a table cannot say: `begin` makes the state of one reading, `around` looks at an object that is no comment and
    returns what it gives to those in it, and `finish` has the last word on a record; `idle` says that it has none as
    long as nothing was put into the state, but for records of which one of our fields is one of the `closely` words, or
    that hold something at one of the paths `closely_at`.
    """

    source: str
    marks: tuple[tuple[str, ...], ...]
    fields: Mapping[str, tuple[str, ...]]
    decode: Mapping[str, Decode] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    inherits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    states: tuple[tuple[str, str], ...] = ()
    statuses: Mapping[str, str] = field(default_factory=dict)
    nothing: Mapping[str, frozenset[Any]] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    fractions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    passed_over: tuple[tuple[str, ...], ...] = ()
    companions: tuple[tuple[str, ...], ...] = ()
    begin: Callable[[Source, Tally], State] | None = None
    around: Callable[[Record, State], Fields] | None = None
    finish: Callable[[Fields, Record, Fields, State], None] | None = None
    idle: bool = False
    closely: Mapping[str, frozenset[str]] = field(default_factory=dict)
    closely_at: tuple[str, ...] = ()

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every path that is looked at."""
        found = [path for paths in self.fields.values() for path in paths]
        found += [path for path, _ in self.states] + list(self.flags.values())
        found += [path for paths in self.fractions.values() for path in paths]
        return tuple(dict.fromkeys([*found, *(path for mark in self.marks for path in mark)]))

    def knows(self, record: Record) -> bool:
        """Tell whether `record` is one of this kind."""
        return any(all(_there(record, path) for path in mark) for mark in self.marks)

    @cached_property
    def cut(self) -> dict[str, str]:
        """What begins the texts that count, and is cut off, at paths of which nothing else is asked."""
        found = {}
        for name, prefix in self.prefixes.items():
            for path in self.fields[name]:
                if path not in self.decode and name not in self.nothing and self._uses[path] == 1:
                    found[path] = prefix
        return found

    @cached_property
    def _uses(self) -> Counter[str]:
        found = Counter(path for paths in (*self.fields.values(), *self.fractions.values()) for path in paths)
        found.update([*(path for path, _ in self.states), *self.flags.values(), *self.closely_at])
        return found

    @cached_property
    def looked_for(self) -> tuple[str, ...]:
        """The paths of which only matters whether they hold something."""
        marks = dict.fromkeys(path for mark in self.marks for path in mark)
        return (*self.closely_at, *(path for path in marks if not self._uses[path]))

    def fits(self, found: Columns) -> bool:
        """Tell whether all of the plain objects found are records of this kind."""
        return any(all(found.is_everywhere(path) for path in mark) for mark in self.marks)

    def plain_columns(self, found: Columns) -> "_Read | None":
        """Return what `read` finds in plain objects, as columns; None where not all of them are records."""
        if not self.fits(found):
            return None
        there = {path: column for path, column in found.held.items() if column.null_count < found.count}
        columns = self.columns(there.get, found.count, found.cut)
        marks = [mask_of(there[path]) for path in self.closely_at if path in there]
        return _Read(found.count, columns, self.rows_closely(columns, marks))

    def rows_closely(self, columns: Mapping[str, Any], marks: Iterable[np.ndarray]) -> np.ndarray:
        """Return the rows of which `finish` may have something to say; `marks` name those that hold something."""
        found = np.zeros(len(columns["text"]), bool)
        for mark in marks:
            found |= mark
        for name, words in self.closely.items():
            if name in columns:
                found |= among(columns[name], words)
        return np.flatnonzero(found)

    def passes_over(self, record: Record) -> bool:
        """Tell whether `record` is known, and no comment."""
        return any(all(_there(record, path) for path in mark) for mark in (*self.passed_over, *self.companions))

    def read(self, record: Record, given: Record) -> Fields:
        """Return our fields out of a record, and of what the objects around it gave."""
        found = {name: value for name, value in given.items() if not name.startswith("_")}
        for name, paths in self.fields.items():
            value = self.value(record, name, paths)
            if value is not None:
                found[name] = value
        status = found.get("status")
        if isinstance(status, str) and status.casefold() in self.statuses:
            found["status"] = self.statuses[status.casefold()]
        for path, state in self.states:
            if _true(at(record, path)):
                found["status"] = state
                break
        for label, path in self.flags.items():
            found[label] = _FLAGS.get(_word(at(record, path)))
        for label, paths in self.fractions.items():
            found[label] = _majority(next((value for path in paths if (value := at(record, path)) is not None), None))
        return found

    @cached_property
    def _containers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_keys_of(path)[0] for path in (*self.paths, *self.lists) if "." in path))

    @cached_property
    def _alone(self) -> dict[tuple[Any, ...], bool]:
        return {}

    def knows_alone(self, record: Record) -> bool:
        """Tell whether `record` is one of this kind, without any place for others inside; by its keys, remembered."""
        outline: tuple[Any, ...] = tuple(record)
        for name in self._containers:
            inner = record.get(name)
            if type(inner) is dict:
                outline = (*outline, name, *inner)
        known = self._alone.get(outline)
        if known is None:
            known = self.knows(record) and not any(
                _keys_of(path)[0] in record for path in self.lists if "." not in path
            )
            known = known and not any(_there(record, path) for path in self.lists)
            if len(self._alone) < OUTLINES:
                self._alone[outline] = known
        return known

    def has_no_word(self, state: State) -> bool:
        """Tell whether `finish` would do nothing."""
        return self.finish is None or (self.idle and not state)

    def columns(self, column: Callable[[str], Any | None], count: int, cut: Collection[str] = ()) -> dict[str, Any]:
        """Return what `read` finds in each of `count` records, as columns.

        `column` gives what they hold at a path: texts, whole numbers, yes and no, or None where none has it; of those
        `cut`, only texts with their prefix, without it. Whoever calls has seen to it that `finish` has nothing to say.
        """
        found: dict[str, Any] = {}
        for name, paths in self.fields.items():
            parts = [part for path in paths if (part := self._part(column(path), name, path, cut)) is not None]
            if parts:
                found[name] = parts[0] if len(parts) == 1 else pc.coalesce(*parts)
        if self.statuses and "status" in found:
            found["status"] = _renamed(found["status"], lambda word: self.statuses.get(word.casefold(), word))
        for path, state in reversed(self.states):
            values = column(path)
            if values is not None:
                status = found.get("status", pa.nulls(count, TEXT))
                found["status"] = pc.if_else(_all_true(values), pa.scalar(state, TEXT), status)
        for label, path in self.flags.items():
            if (values := column(path)) is not None:
                found[label] = _renamed(_texts(values), lambda word: _FLAGS.get(_word(word)))
        for label, paths in self.fractions.items():
            shares = [_texts(values) for path in paths if (values := column(path)) is not None]
            if shares:
                found[label] = _renamed(pc.coalesce(*shares), lambda word: _SHARES.get(_majority(word)))
        return {"text": pa.nulls(count, TEXT), **found}

    def _part(self, values: Any | None, name: str, path: str, cut: Collection[str]) -> Any | None:
        """Return what a path holds for the field `name`, where that counts."""
        if values is None or path in cut:
            return values
        is_text = values.type == TEXT
        texts = _texts(values)
        nothing = [str(value) for value in self.nothing.get(name, ()) if isinstance(value, str) == is_text]
        if pa.types.is_boolean(values.type):
            nothing = [{"0": "false", "1": "true"}.get(word, "") for word in nothing]
        if is_text or nothing:
            found = among(texts, ["", *nothing] if is_text else nothing)
            if found.any():
                texts = pc.if_else(pa.array(found), pa.scalar(None, TEXT), texts)
        decode = self.decode.get(path)
        if decode is not None and is_text:
            columnwise = COLUMNWISE.get(decode)
            texts = columnwise(texts) if columnwise is not None else replaced(texts, decode, mask_of(texts.is_valid()))
        prefix = self.prefixes.get(name)
        if prefix is not None:
            begins = pc.starts_with(texts, prefix) if is_text else pa.array(np.zeros(len(texts), bool))
            rest = pc.replace_substring(texts, prefix, "", max_replacements=1)
            texts = rest if pc.all(begins).as_py() else pc.if_else(begins, rest, pa.scalar(None, TEXT))
        return texts

    def value(self, record: Record, name: str, paths: tuple[str, ...]) -> Any:
        """Return what `record` holds for the field `name`, decoded, or None."""
        nothing = self.nothing.get(name, frozenset())
        prefix = self.prefixes.get(name)
        for path in paths:
            value = at(record, path)
            if value is None or value == "" or isinstance(value, list) or _hashable(value) in nothing:
                continue
            decode = self.decode.get(path)
            if decode is not None and (isinstance(value, str) or decode is moment):
                value = decode(value)
            if isinstance(value, dict):
                continue
            if prefix is not None:
                if not (isinstance(value, str) and value.startswith(prefix)):
                    continue
                value = value[len(prefix) :]
            return value
        return None


def at(record: Record, path: str) -> Any:
    """Return what lies at `path` ("snippet.videoId"), or None."""
    keys = _keys_of(path)
    if len(keys) == 1 or path in record:
        return record.get(path)
    value: Any = record
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


@cache
def _keys_of(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _there(record: Record, path: str) -> bool:
    if "." not in path:
        return path in record
    before, _, last = path.rpartition(".")
    inner = at(record, before)
    return path in record or (isinstance(inner, dict) and last in inner)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else None


def _true(value: Any) -> bool:
    return value.strip().casefold() not in FALSE if isinstance(value, str) else bool(value)


def _word(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip().casefold()
    return text.removesuffix(".0")


# Labels as the tables of truth want them: text.
_FLAGS: Final = {"1": "1", "0": "0", "true": "1", "false": "0"}
_SHARES: Final[Mapping[int | None, str]] = {1: "1", 0: "0"}


def _texts(values: Any) -> Any:
    return values if values.type == TEXT else values.cast(TEXT)


def _renamed(texts: Any, change: Callable[[str], str | None]) -> Any:
    encoded = texts.dictionary_encode()
    words = [None if word is None else change(word) for word in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(words, TEXT)).dictionary_decode()


def _all_true(values: Any) -> Any:
    """Return which of the values are true, as `_true` tells it of one."""
    if pa.types.is_boolean(values.type):
        return values.fill_null(False)
    if values.type != TEXT:
        return pc.not_equal(values, 0).fill_null(False)
    encoded = values.dictionary_encode()
    words = pa.array([word is not None and _true(word) for word in encoded.dictionary.to_pylist()], pa.bool_())
    return pa.DictionaryArray.from_arrays(encoded.indices, words).dictionary_decode().fill_null(False)


def _majority(value: Any) -> int | None:
    try:
        share = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return 1 if 0.5 <= share <= 1 else 0 if share == 0 else None


# --- Walking ---------------------------------------------------------------------------------------------------------


# Keys that come together are remembered up to this number; honest exports have a few.
OUTLINES: Final = 1000

NOTHING: Final = object()
NOT_GIVEN: Final[Fields] = {}

Waiting = list[tuple[int, Record, Fields]]


@dataclass(frozen=True, slots=True)
class _Read:
    """Records that were read together: their columns, and the rows that `finish` has a word on."""

    count: int
    columns: dict[str, Any]
    closely: np.ndarray


@dataclass(slots=True)
class _Walk:
    """The way through values: records are numbered in order, and read together as far as that can be done."""

    shape: Shape
    wanted: Wanted
    state: State
    number: int = 0

    def pieces(self, parts: Iterable[Any]) -> Iterator[Piece | None]:
        """Yield the records in `parts`, each before those inside it; what is none is counted as lost."""
        shape, tally, most = self.shape, self.wanted.tally, self.wanted.chunk_rows
        found: Waiting = []
        for part in parts:
            # A stack instead of recursion: threads may be deeper than the interpreter lets functions call each other.
            waiting: list[tuple[Iterator[Any], Fields]] = [(iter((part,)), {})]
            while waiting:
                following, given = waiting[-1]
                value = next(following, NOTHING)
                if value is NOTHING:
                    waiting.pop()
                    continue
                if isinstance(value, list):
                    waiting.append((iter(value), given))
                    continue
                if isinstance(value, Run):
                    if found:
                        yield self._read(found)
                        found = []
                    piece = self._run(value, given)
                    if piece is None:
                        waiting.append((iter(value.records()), given))
                    else:
                        yield piece
                    continue
                if type(value) is dict and shape.knows_alone(value):  # as nearly all of them are
                    self.number += 1
                    found.append((self.number, value, given))
                    if len(found) == most:
                        yield self._read(found)
                        found = []
                    continue
                inner = given
                inside = _inside(value, shape)
                if isinstance(value, dict) and shape.knows(value):
                    self.number += 1
                    found.append((self.number, value, given))
                    if inside:
                        inner = {**given, "parent_id": shape.read(value, given).get("id")}
                    if len(found) == most:
                        yield self._read(found)
                        found = []
                elif isinstance(value, dict) and (inside or shape.passes_over(value)):
                    if shape.around is not None and found:  # what it says is of those to come
                        yield self._read(found)
                        found = []
                    inner = {**given, **_given(value, shape, self.state)}
                elif value is not None:
                    self.number += 1
                    tally.records_in += 1
                    tally.lose(f"record {self.number}", "holds no comment of this format")
                if inside:
                    waiting.append((iter(inside), inner))
        if found:
            yield self._read(found)

    def blocks(self, parts: Iterable[bytes], kinds: Kinds) -> Iterator[Piece | None]:
        """Yield the records in blocks of JSON lines: compiled where a block is plain, else as `pieces` does."""
        shape, tally = self.shape, self.wanted.tally

        with closing(tables(parts, lambda: self.layout(kinds), shape.plain_columns)) as found:
            for number, block, made in found:
                if made is None or not shape.has_no_word(self.state):
                    lines = values_of(io.BytesIO(block), number, tally)
                    yield from self.pieces(kinds.seen(value for _, value in lines))
                    continue
                if len(made.closely):
                    lines_of = block.split(b"\n")
                    records = {row: (orjson.loads(lines_of[row]), NOT_GIVEN) for row in made.closely.tolist()}
                    made = self._with_last_word(made, records)  # noqa: PLW2901
                yield self._numbered(made)

    def layout(self, kinds: Kinds) -> Layout | None:
        """Return what plain records hold, as long as nothing but their fields has a say in them."""
        return kinds.layout(self.shape.paths) if self.shape.has_no_word(self.state) else None

    def _numbered(self, made: _Read) -> Piece:
        numbers = np.arange(self.number + 1, self.number + made.count + 1)
        self.number += made.count
        self.wanted.tally.records_in += made.count
        return Piece(numbers, made.columns)

    def _with_last_word(self, made: _Read, records: Mapping[int, tuple[Record, Fields]]) -> _Read:
        """Return what was read with the rows of `records`, and what is given to each, read by themselves."""
        fields = [self.fields(record, given) for record, given in records.values()]
        rows = np.arange(made.count)
        rows[list(records)] = made.count + np.arange(len(fields))
        columns = {}
        for name in dict.fromkeys(chain(made.columns, *fields)):
            before = made.columns.get(name, pa.nulls(made.count, TEXT))
            columns[name] = pa.concat_arrays([before, strings([each.get(name) for each in fields])]).take(
                pa.array(rows)
            )
        return _Read(made.count, columns, made.closely)

    def _run(self, run: Run, given: Fields) -> Piece | None:
        """Return records that were read together as columns; None where they must be looked at one by one."""
        if not self.shape.has_no_word(self.state):
            return None
        made = self.shape.plain_columns(run.columns)
        if made is None:
            return None
        _give(made.columns, [given] * made.count if given else ())
        if len(made.closely):
            records = run.records()
            made = self._with_last_word(made, {row: (records[row], given) for row in made.closely.tolist()})
        return self._numbered(made)

    def _read(self, found: Waiting) -> Piece:
        self.wanted.tally.records_in += len(found)
        piece = self._together(found) if self.shape.has_no_word(self.state) else None
        return piece or piece_of_fields([(number, self.fields(record, given)) for number, record, given in found])

    def _together(self, found: Waiting) -> Piece | None:
        """Return records as columns if all they hold is plain, else None."""
        held = _Held([record for _, record, _ in found])
        columns: dict[str, Any] = {}
        for path in self.shape.paths:
            values = held[path]
            kind = _column_type(values)
            if kind is None:
                return None
            try:
                columns[path] = pa.array(values, kind)
            except (pa.ArrowException, UnicodeEncodeError, OverflowError):
                return None
        fields = self.shape.columns(columns.get, len(found))
        marks = [np.fromiter(map(bool, held[path]), bool) for path in self.shape.closely_at]
        made = _Read(len(found), fields, self.shape.rows_closely(fields, marks))
        _give(made.columns, [given for _, _, given in found])
        if len(made.closely):
            made = self._with_last_word(made, {row: found[row][1:] for row in made.closely.tolist()})
        return Piece(np.array([number for number, _, _ in found]), made.columns)

    def fields(self, record: Record, given: Fields) -> Fields:
        """Return our fields out of one record."""
        found = self.shape.read(record, given)
        if self.shape.finish is not None:
            self.shape.finish(found, record, given, self.state)
        return found


def _give(columns: dict[str, Any], given: Sequence[Fields]) -> None:
    """Add what the objects around records say of them; what they say themselves goes before."""
    for name in dict.fromkeys(name for each in given for name in each if not name.startswith("_")):
        told = strings([each.get(name) for each in given])
        columns[name] = pc.coalesce(columns[name], told) if name in columns else told


class _Held(dict[str, list[Any]]):
    """What records hold at each path that is asked for."""

    def __init__(self, records: Sequence[Record]) -> None:
        super().__init__()
        self._records = records
        self._keys = set(chain.from_iterable(records))

    def __missing__(self, path: str) -> list[Any]:
        """Look, and remember: objects within hold several of the fields."""
        before, _, last = path.rpartition(".")
        if not before:
            found = [record.get(path) for record in self._records]
        elif path in self._keys or (before in self._keys and "." in before):  # a key with a full stop
            found = [at(record, path) for record in self._records]
        else:
            found = [inner.get(last) if isinstance(inner, dict) else None for inner in self[before]]
        self[path] = found
        return found


def _column_type(values: Iterable[Any]) -> Any | None:
    """Return the type of a column of `values`; None where they are of several kinds, or of one that is not plain."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return TEXT
    return {str: TEXT, int: pa.int64(), bool: pa.bool_()}.get(kinds.pop()) if len(kinds) == 1 else None


def _inside(value: Any, shape: Shape) -> list[Any]:
    if not isinstance(value, dict):
        return []
    found = [at(value, path) for path in shape.lists]
    return [each for each in found if isinstance(each, list | dict)]


def _given(value: Record, shape: Shape, state: State) -> Fields:
    given: Fields = {}
    for name, paths in shape.inherits.items():
        found = shape.value(value, name, paths)
        if found is not None:
            given[name] = found
    return given if shape.around is None else given | shape.around(value, state)


# --- Formats ---------------------------------------------------------------------------------------------------------


def format_of(
    name: str, title: str, shapes: tuple[Shape, ...], suffixes: tuple[str, ...] = (".json", ".csv")
) -> Format:
    """Return the format of a system whose records have one of these shapes."""
    return Format(name, title, suffixes, partial(_claim, shapes), partial(_batches, shapes))


def _claim(shapes: tuple[Shape, ...], source: Source) -> int:
    return OWN if _fitting(shapes, source) is not None else NO


def _fitting(shapes: tuple[Shape, ...], source: Source) -> Shape | None:
    if _is_json(source):
        there = source.once("keys", lambda: keys_in(source.head_text()))
        marks = [(shape, _keys(mark)) for shape in shapes for mark in (*shape.marks, *shape.companions)]
        fits = (shape for shape, keys in marks if there.issuperset(keys))
    else:
        names = {plain(name) for name in header(source)}
        fits = (shape for shape in shapes for mark in shape.marks if {plain(path) for path in mark} <= names)
    return next(fits, None)


def keys_in(text: str) -> frozenset[str]:
    """Return the keys in JSON: what a colon follows in quotation marks, which would be escaped in a text."""
    _, *parts = text.split('"')
    return frozenset(part for part, behind in pairwise(parts) if behind.lstrip()[:1] == ":")


def _is_json(source: Source) -> bool:
    return source.head_text().lstrip()[:1] in ("{", "[")


def _keys(mark: tuple[str, ...]) -> list[str]:
    return [key for path in mark for key in path.split(".")]


def _batches(shapes: tuple[Shape, ...], source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    shape = _fitting(shapes, source) or shapes[0]
    state = {} if shape.begin is None else shape.begin(source, wanted.tally)
    walk = _Walk(shape, wanted, state)
    kinds = Kinds((*shape.paths, *shape.lists), shape.looked_for, shape.cut, is_used=is_worth_it(source))
    if not _is_json(source):
        yield from batches_of_columns(_rows(source, walk), shape.source, wanted, "row", native=True)
    elif is_lines(source, wanted.tally):
        with closing(blocks(source, wanted.tally)) as parts:
            yield from batches_of_columns(walk.blocks(parts, kinds), shape.source, wanted, "record", native=True)
    else:
        quickly = partial(document_of_runs, lists=shape.lists, kinds=kinds, layout=lambda: walk.layout(kinds))
        parts_of = values(source, wanted.tally, shape.lists, quickly if is_worth_it(source) else None)
        yield from batches_of_columns(walk.pieces(parts_of), shape.source, wanted, "record", native=True)


def _rows(source: Source, walk: _Walk) -> Iterator[Piece]:
    shape, wanted = walk.shape, walk.wanted
    known = {plain(path): path for path in shape.paths}
    keys: dict[str, int] = {}

    def used(names: list[str]) -> Collection[int]:
        keys.update({known.get(plain(name), name): at for at, name in enumerate(names)})
        personal = [name for name in names if PERSONAL.search(name)]
        if personal:
            wanted.tally.note(f"left out as personal data: {', '.join(personal[:10])}")
        # The last word may be about any of them.
        return [
            at for key, at in keys.items() if key in shape.paths or shape.closely or not shape.has_no_word(walk.state)
        ]

    with closing(rows_of(source, wanted, used)) as parts:
        for numbers, column in parts:
            if shape.has_no_word(walk.state) and not shape.closely:
                there = {path: column(keys[path]) for path in shape.paths if path in keys}
                yield Piece(numbers, shape.columns(there.get, len(numbers)))
            else:
                columns = [column(at).to_pylist() for at in keys.values()]
                records = (dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True))
                fields = [walk.fields(record, {}) for record in records]
                yield piece_of_fields(list(zip(numbers.tolist(), fields, strict=True)))
