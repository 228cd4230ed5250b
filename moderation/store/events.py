"""Review events in, rows out, and the way back; what each comment counts for."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from moderation.errors import StoreError
from moderation.labels import LABELS
from moderation.store.ledger import book, standing_answers
from moderation.store.records import ACTIONS, Review
from moderation.store.rows import as_json, digest_of, micros, named, parts, time_of
from moderation.store.schema import comments, reviews, second_rank

__all__ = ["add_event", "book_states", "labels_said", "review_of", "review_rows", "states_at"]


def labels_said(review: Review) -> dict[str, bool | None]:
    """Return the labels that a review judges; raises `StoreError` for a review that makes no sense."""
    named(review.moderator)
    if review.action not in ACTIONS:
        raise StoreError(f"review: unknown action {review.action!r}; known: {', '.join(ACTIONS)}")
    for label, yes in review.labels.items():
        if label not in LABELS:
            raise StoreError(f"review: unknown label {label!r}; known: {', '.join(LABELS)}")
        if yes is not None and not isinstance(yes, bool):
            raise StoreError(f"review: label {label!r} is neither True, False nor None; give one of them")
    return {label: review.labels[label] for label in LABELS if review.labels.get(label) is not None}


def states_at(connection: Connection, keys: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return what each comment counts for: whether it is answered, and which labels were said to hold."""
    found: dict[int, dict[str, int]] = {key: {"reviewed": 0} for key in keys}
    for part in parts(keys):
        line = standing_answers(select(reviews.c.comment, reviews.c.labels)).where(reviews.c.comment.in_(part))
        for key, labels in connection.execute(line.order_by(reviews.c.id)):
            known = {f"yes:{label}": int(yes) for label, yes in json.loads(labels).items()}
            found[key].update({"reviewed": 1} | known)
    return found


def book_states(
    connection: Connection, before: Mapping[int, Mapping[str, int]], after: Mapping[int, Mapping[str, int]]
) -> None:
    """Book by how much the states of some comments moved the counts."""
    moved: Counter[str] = Counter()
    for key, was in before.items():
        for what in was.keys() | after[key].keys():
            moved[what] += after[key].get(what, 0) - was.get(what, 0)
    book(connection, {(0, what): change for what, change in moved.items()})


def add_event(connection: Connection, key: int, review: Review, token: str | None, *, weight: int) -> int:
    """Add one event, book what it moved, and return its id."""
    row = {
        "comment": key,
        "moderator": review.moderator,
        "action": review.action,
        "labels": as_json(dict(review.labels)),
        "seen": review.seen,
        "at": micros(review.at),
        "lens": review.lens,
        "note": review.note,
        "token": token,
        "undoes": review.undoes,
        "weight": weight,
        "second": second_rank(digest_of(review.comment_id)) if weight == 1 else None,
    }
    before = states_at(connection, [key])[key]
    number = connection.execute(insert(reviews).values(row).returning(reviews.c.id)).scalar_one()
    after = states_at(connection, [key])[key]
    book_states(connection, {key: before}, {key: after})
    return int(number)


def review_rows() -> Select[Any]:
    """Select review events with the ids of their comments."""
    return select(reviews, comments.c.id.label("comment_id")).join(comments, comments.c.key == reviews.c.comment)


def review_of(row: Row[Any]) -> Review:
    """Return a row of `review_rows` as a review, or one of the same columns; where there is no act, it is of none."""
    return Review(
        comment_id=row.comment_id,
        moderator=row.moderator,
        action=row.action,
        labels=json.loads(row.labels),
        seen=row.seen,
        at=time_of(row.at),
        lens=row.lens,
        note=row.note,
        token=row.token or "",
        id=row.id,
        undoes=row.undoes,
        act=getattr(row, "act", None),
    )
