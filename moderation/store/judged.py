"""Keys in, what models and policies said about them out."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    exists,
    func,
    select,
)

from moderation.labels import LABELS
from moderation.store.rows import parts, strings
from moderation.store.schema import decisions, models, scores

__all__ = ["decisions_now", "has_scores", "newest_decision", "newest_decisions", "scores_at", "scores_frame"]


def scores_at(connection: Connection, keys: Sequence[int], model: int) -> dict[int, tuple[float | None, ...]]:
    """Return the scores that a model gave these comments, in the order of LABELS; those without have none."""
    found: dict[int, tuple[float | None, ...]] = {}
    for part in parts(keys):
        line = select(scores.c.comment, *(scores.c[label] for label in LABELS))
        for key, *row in connection.execute(line.where(scores.c.model == model, scores.c.comment.in_(part))):
            found[key] = tuple(row)
    return found


def scores_frame(names: Sequence[str], rows: Sequence[tuple[float | None, ...]], model: str) -> pd.DataFrame:
    """Return rows of scores as a scores table."""
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(LABELS)).astype(np.float32)
    frame = pd.DataFrame(values, columns=list(LABELS), index=pd.Index(strings(names), name="id"))
    return frame.assign(model=strings([model] * len(names)))


def has_scores(key: ColumnElement[int], model: int) -> ColumnElement[bool]:
    """Return the condition that a model has scored a comment."""
    return exists().where(scores.c.model == model, scores.c.comment == key)


def newest_decision(key: ColumnElement[int], model: int, what: ColumnElement[str]) -> ColumnElement[str]:
    """Return what the newest decision about a comment for a model says, as part of a query."""
    line = select(what).where(decisions.c.comment == key, decisions.c.model == model)
    return line.order_by(decisions.c.id.desc()).limit(1).scalar_subquery()


def decisions_now(connection: Connection, keys: Iterable[int], model: int) -> dict[int, tuple[str, str]]:
    """Return the newest decision about each comment for a model: action and policy."""
    found = {}
    for part in parts(keys):
        line = select(decisions.c.comment, decisions.c.action, decisions.c.policy)
        line = line.where(decisions.c.model == model, decisions.c.comment.in_(part)).order_by(decisions.c.id)
        found.update({key: (action, policy) for key, action, policy in connection.execute(line)})
    return found


def newest_decisions(connection: Connection, keys: Sequence[int]) -> Iterator[tuple[int, str, str]]:
    """Yield the newest decision about each comment: key, action, version of the model."""
    for part in parts(keys):
        newest = select(func.max(decisions.c.id)).where(decisions.c.comment.in_(part)).group_by(decisions.c.comment)
        line = select(decisions.c.comment, decisions.c.action, models.c.version).join(models)
        for row in connection.execute(line.where(decisions.c.id.in_(newest))):
            yield row.comment, row.action, row.version
