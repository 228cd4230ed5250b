"""What a system calls things in, records of our own fields out: one walk for all systems, whose knowledge is data.

A `Shape` says by which keys a system's records are known, where in them our fields lie, and what its words mean. The
same shape reads a JSON document, JSON lines, pages of an API one after the other, and, where the names are those of
columns, a table.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from html import unescape
from typing import Any, Final

from moderation.readers.columns import plain
from moderation.readers.delimited import header, rows_of
from moderation.readers.formats import NO, OWN, Format, Wanted
from moderation.readers.json_values import values
from moderation.readers.losses import Tally
from moderation.readers.records import batches_of_fields
from moderation.readers.source import Source
from moderation.tables import Batch

__all__ = ["Fields", "Record", "Shape", "State", "at", "entities", "format_of", "moment", "records_of"]

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


def moment(value: Any) -> Any:
    """Return a time as text or epoch, out of the forms in which MongoDB writes one ({"$date": ...})."""
    for _ in range(2):
        if isinstance(value, dict):
            value = value.get("$date", value.get("$numberLong"))
    # Mongo counts milliseconds, and so does a bare number of today's size; see the table of epoch units.
    return value


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
    returns what it gives to those in it, and `finish` has the last word on a record.
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
            found[label] = {"1": 1, "0": 0, "true": 1, "false": 0}.get(_word(at(record, path)))
        for label, paths in self.fractions.items():
            found[label] = _majority(next((value for path in paths if (value := at(record, path)) is not None), None))
        return found

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
    if path in record or "." not in path:
        return record.get(path)
    value: Any = record
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


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


def _majority(value: Any) -> int | None:
    try:
        share = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return 1 if 0.5 <= share <= 1 else 0 if share == 0 else None


# --- Walking ---------------------------------------------------------------------------------------------------------


def records_of(parts: Iterable[Any], shape: Shape, tally: Tally, state: State) -> Iterator[tuple[int, Fields]]:
    """Yield the numbered records in `parts`, each before those inside it; what is none is counted as lost."""
    number = 0
    for part in parts:
        # A stack instead of recursion: threads may be deeper than the interpreter lets functions call each other.
        waiting: list[tuple[Any, Fields]] = [(part, {})]
        while waiting:
            value, given = waiting.pop()
            if isinstance(value, list):
                waiting.extend((each, given) for each in reversed(value))
                continue
            inner = given
            inside = _inside(value, shape)
            if isinstance(value, dict) and shape.knows(value):
                number += 1
                tally.records_in += 1
                found = shape.read(value, given)
                if shape.finish is not None:
                    shape.finish(found, value, given, state)
                yield number, found
                inner = {**given, "parent_id": found.get("id")}
            elif isinstance(value, dict) and (inside or shape.passes_over(value)):
                inner = {**given, **_given(value, shape, state)}
            elif value is not None:
                number += 1
                tally.records_in += 1
                tally.lose(f"record {number}", "holds no comment of this format")
            waiting.extend((each, inner) for each in reversed(inside))


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
        text = source.head_text()
        marks = [(shape, _keys(mark)) for shape in shapes for mark in (*shape.marks, *shape.companions)]
        fits = (shape for shape, keys in marks if all(_has_key(text, key) for key in keys))
    else:
        names = {plain(name) for name in header(source)}
        fits = (shape for shape in shapes for mark in shape.marks if {plain(path) for path in mark} <= names)
    return next(fits, None)


def _is_json(source: Source) -> bool:
    return source.head_text().lstrip()[:1] in ("{", "[")


def _keys(mark: tuple[str, ...]) -> list[str]:
    return [key for path in mark for key in path.split(".")]


def _has_key(text: str, key: str) -> bool:
    # In a text the quotation marks would be escaped: it is a key indeed.
    return f'"{key}"' in text and re.search(rf'"{re.escape(key)}"\s*:', text) is not None


def _batches(shapes: tuple[Shape, ...], source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    shape = _fitting(shapes, source) or shapes[0]
    state = {} if shape.begin is None else shape.begin(source, wanted.tally)
    if _is_json(source):
        records = records_of(values(source, wanted.tally, shape.lists), shape, wanted.tally, state)
        yield from batches_of_fields(records, shape.source, wanted, "record")
    else:
        yield from batches_of_fields(_rows(source, shape, wanted, state), shape.source, wanted, "row")


def _rows(source: Source, shape: Shape, wanted: Wanted, state: State) -> Iterator[tuple[int, Fields]]:
    known = {plain(path): path for path in shape.paths}
    with closing(rows_of(source, wanted)) as chunks:
        names, _ = next(chunks)
        keys = [known.get(plain(name), name) for name in names]
        personal = [name for name in names if PERSONAL.search(name)]
        if personal:
            wanted.tally.note(f"left out as personal data: {', '.join(personal[:10])}")
        for _, rows in chunks:
            for number, row in rows:
                record = dict(zip(keys, row, strict=True))
                found = shape.read(record, {})
                if shape.finish is not None:
                    shape.finish(found, record, {}, state)
                yield number, found
