"""Changes in, counts out: every write books by how much it moved each count."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    exists,
    func,
    insert,
    select,
)

from moderation.labels import LABELS
from moderation.store.records import Counts
from moderation.store.rows import pairs_of, parts
from moderation.store.schema import reviews, tally

__all__ = [
    "answers_at",
    "book",
    "counts_from",
    "row_count",
    "standing_answers",
    "tallied",
    "undone",
    "version_at",
    "versions_at",
]


def book(connection: Connection, moved: Mapping[tuple[int, str], int]) -> None:
    """Book by how much counts moved: (model, what) -> change."""
    rows = [{"model": model, "what": what, "change": change} for (model, what), change in moved.items() if change]
    if rows:
        connection.execute(insert(tally), rows)


def tallied(connection: Connection, model: int, *only: str) -> dict[str, int]:
    """Return what is booked for a model (0: for none), or only some of it."""
    line = select(tally.c.what, func.sum(tally.c.change)).where(tally.c.model == model)
    if only:
        line = line.where(tally.c.what.in_(only))
    return {what: int(total) for what, total in connection.execute(line.group_by(tally.c.what))}


def row_count(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    """Count rows."""
    return connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def counts_from(sums: Mapping[str, int]) -> Counts:
    """Return what is booked as `Counts`."""
    total, reviewed = sums.get("comments", 0), sums.get("reviewed", 0)
    booked = ((what.partition(":"), count) for what, count in sums.items() if count)
    actions = {name: count for (kind, _, name), count in booked if kind == "action"}
    return Counts(
        comments=total,
        articles=sums.get("articles", 0),
        scored=sums.get("scored", 0),
        waiting=total - reviewed,
        reviewed=reviewed,
        by_action=dict(sorted(actions.items())),
        by_label_yes={label: sums.get(f"yes:{label}", 0) for label in LABELS},
    )


def undone(table: FromClause) -> ColumnElement[bool]:
    """Return the condition that a review event was taken back."""
    undo = reviews.alias()
    return exists().where(undo.c.undoes == table.c.id)


_NOT_UNDONE: Final = ~undone(reviews)  # kept: a new alias costs more than what is asked with it


def standing_answers(line: Select[Any]) -> Select[Any]:
    """Keep the answers that were not taken back."""
    return line.where(reviews.c.weight == 1, _NOT_UNDONE)


def answers_at(connection: Connection, keys: Sequence[int]) -> Iterator[tuple[int, str, str]]:
    """Yield the standing answers to these comments, the newest last: key, action, moderator."""
    for part in parts(keys):
        line = standing_answers(select(reviews.c.comment, reviews.c.action, reviews.c.moderator))
        for row in connection.execute(line.where(reviews.c.comment.in_(part)).order_by(reviews.c.id)):
            yield row.comment, row.action, row.moderator


def version_at(connection: Connection, key: int) -> int:
    """Return the newest review event of a comment, 0 if there is none."""
    return connection.scalar(select(func.max(reviews.c.id)).where(reviews.c.comment == key)) or 0


def versions_at(connection: Connection, keys: Sequence[int]) -> dict[int, int]:
    """Return the newest review event of each comment, 0 where there is none."""
    found = dict.fromkeys(keys, 0)
    for part in parts(keys):
        line = select(reviews.c.comment, func.max(reviews.c.id)).where(reviews.c.comment.in_(part))
        found.update(pairs_of(connection, line.group_by(reviews.c.comment)))
    return found
