"""Records in, batches out: objects with any keys (what the two JSON formats share), or fields that a format knows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import Any, Final

from moderation.readers.batches import Builder, strings
from moderation.readers.columns import INNER, Choice, choose, note_unused
from moderation.readers.formats import Wanted
from moderation.tables import Batch

__all__ = ["batches_of", "batches_of_fields"]

Record = dict[str, Any]

NATIVE: Final = frozenset(("id", "article_id", "parent_id"))


@dataclass(slots=True)
class _Names:
    """The keys met so far and the fields they hold; keys may differ from record to record."""

    place: str
    wanted: Wanted
    known: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    choice: Choice = field(default_factory=dict)

    def of(self, records: Sequence[Record]) -> Choice:
        if not self.choice or not set().union(*records) <= self.known.keys():
            new = dict.fromkeys(name for record in records for name in record)
            self.known |= new
            self.choice = choose(self.known, self.wanted.columns, self.place)
            note_unused(new, self.choice, self.wanted.tally)
        return self.choice


def batches_of(records: Iterable[tuple[int, Any]], place: str, wanted: Wanted, word: str) -> Iterator[Batch]:
    """Yield batches of numbered `records`; what is no object is lost, and named by `word` and its number."""
    builder = Builder("table", wanted.tally, wanted.keep_personal_data)
    names = _Names(place, wanted)
    waiting = iter(records)
    while chunk := list(islice(waiting, wanted.chunk_rows)):
        numbers: list[int] = []
        kept: list[Record] = []
        if {type(record) for _, record in chunk} == {dict}:  # as good as always
            numbers, kept, chunk = [number for number, _ in chunk], [record for _, record in chunk], []
        for number, record in chunk:
            if isinstance(record, dict):
                kept.append(record)
                numbers.append(number)
            elif isinstance(record, str):
                kept.append({"text": record})
                numbers.append(number)
            else:
                wanted.tally.lose(f"{word} {number}", "not a JSON object")
        if kept:
            choice = names.of(kept)
            yield builder.build({name: _column(kept, name, keys) for name, keys in choice.items()}, numbers, word)


def batches_of_fields(
    records: Iterable[tuple[int, Mapping[str, Any]]], source: str, wanted: Wanted, word: str
) -> Iterator[Batch]:
    """Yield batches of numbered records whose keys are our own fields, from a format that knows what is what.

    Keys: those of `columns.FIELDS`, `article_author`, `article_published_at`, and label names (1 yes, 0 no, None not
    judged). `id`, `article_id` and `parent_id` are the source's own, and get `source` and a colon before them; where a
    record has no id, one is made. Whoever yields a record has counted it into `records_in`.
    """
    builder = Builder(source, wanted.tally, wanted.keep_personal_data)
    # Numbers are a site's own: two sites in one store have a comment 1 each.
    prefix = f"{source}:" if wanted.site is None else f"{source}:{wanted.site}/"
    waiting = iter(records)
    while chunk := list(islice(waiting, wanted.chunk_rows)):
        names = dict.fromkeys(name for _, record in chunk for name in record) | {"text": None}
        columns = {
            name: strings(
                [_named(prefix, record.get(name)) for _, record in chunk]
                if name in NATIVE
                else [record.get(name) for _, record in chunk]
            )
            for name in names
        }
        yield builder.build(columns, [number for number, _ in chunk], word)


def _named(prefix: str, value: Any) -> str | None:
    return None if value is None or value == "" else f"{prefix}{value}"


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
