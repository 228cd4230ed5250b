"""Scores and decisions in, the newest of them out."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from math import isnan

import numpy as np
import pandas as pd
from sqlalchemy import (
    Connection,
    func,
    insert,
    select,
)

from moderation.errors import StoreError
from moderation.labels import FLAGS, LABELS
from moderation.store.judged import decisions_now, has_scores, newest_decision, scores_at, scores_frame
from moderation.store.ledger import book
from moderation.store.opening import Opened
from moderation.store.records import Decision
from moderation.store.rows import (
    SLICE,
    as_json,
    batch_at,
    key_of,
    keys_of,
    micros,
    model_number,
    parts,
    plain_reason,
    time_of,
)
from moderation.store.schema import comments, decisions, models, scores
from moderation.tables import Batch, validate_scores

__all__ = ["Scoring"]


class Scoring(Opened):
    """What models scored and policies decided."""

    def pending(self, model: str, *, chunk: int = 2000) -> Iterator[Batch]:
        """Yield the comments that `model` has not scored, `chunk` at a time, with their articles.

        No connection is held between chunks; comments added meanwhile are found. For parents see `parents`.
        """
        last = 0
        while True:
            with self._read() as connection:
                number = model_number(connection, model)
                line = select(comments.c.key).where(comments.c.key > last)
                if number is not None:
                    line = line.where(~has_scores(comments.c.key, number))
                keys = list(connection.scalars(line.order_by(comments.c.key).limit(chunk)))
                if not keys:
                    return
                found = batch_at(connection, keys)
            last = keys[-1]
            yield found

    def add_scores(self, scored: pd.DataFrame, at: datetime) -> int:
        """Add scores (index: comment ids) and return how many were new; a second score by one model adds nothing.

        Raises `TableError` for a table that breaks its schema and `StoreError` for a comment that is not in the store.
        """
        validate_scores(scored)
        if scored["model"].isna().any():
            raise StoreError("scores: column 'model' has missing values; name the model that gave them")
        moment = micros(at)
        added = 0
        with self._write() as connection:
            for model, part in scored.groupby("model", sort=True):
                number = self._model_or_new(connection, str(model))
                fresh = 0
                for start in range(0, len(part), SLICE):
                    fresh += _add_scores(connection, part.iloc[start : start + SLICE], number, moment)
                book(connection, {(number, "scored"): fresh})
                added += fresh
        return added

    def scores(self, ids: Sequence[str], model: str) -> pd.DataFrame:
        """Return `model`'s scores of these comments, in this order; comments without scores have no row."""
        with self._read() as connection:
            keys = keys_of(connection, ids)
            number = model_number(connection, model)
            by_key = {} if number is None else scores_at(connection, list(keys.values()), number)
        names = [name for name in ids if keys[name] in by_key]
        return scores_frame(names, [by_key[keys[name]] for name in names], model)

    def undecided(self, model: str, policy: str, *, chunk: int = 2000) -> Iterator[tuple[Batch, pd.DataFrame]]:
        """Yield comments with their scores by `model` whose newest decision for it is not by `policy`."""
        last = 0
        while True:
            with self._read() as connection:
                number = model_number(connection, model)
                if number is None:
                    return
                newest = newest_decision(scores.c.comment, number, decisions.c.policy)
                line = select(scores.c.comment).where(scores.c.model == number, scores.c.comment > last)
                line = line.where(func.coalesce(newest, "") != policy).order_by(scores.c.comment).limit(chunk)
                keys = list(connection.scalars(line))
                if not keys:
                    return
                found = batch_at(connection, keys)
                by_key = scores_at(connection, keys, number)
            last = keys[-1]
            yield found, scores_frame(list(found.comments["id"]), [by_key[key] for key in keys], model)

    def add_decisions(self, decided: pd.DataFrame, *, model: str, policy: str, at: datetime) -> int:
        """Add decisions (index: comment ids; columns decision, reasons) and return how many were new.

        A comment whose newest decision for `model` is by `policy` already is left as it is. Reasons are mappings, or
        tell themselves by `to_dict()`.
        """
        moment = micros(at)
        ids = [str(name) for name in decided.index]
        actions = [str(action) for action in decided["decision"]]
        reasons = list(decided["reasons"])
        with self._write() as connection:
            keys = keys_of(connection, ids)
            number = self._model_or_new(connection, model)
            standing = decisions_now(connection, keys.values(), number)
            moved: dict[tuple[int, str], int] = {}
            rows = []
            for name, action, reason in zip(ids, actions, reasons, strict=True):
                was = standing.get(keys[name])
                if was is not None and was[1] == policy:
                    continue
                standing[keys[name]] = (action, policy)
                if was is not None:
                    moved[number, f"action:{was[0]}"] = moved.get((number, f"action:{was[0]}"), 0) - 1
                moved[number, f"action:{action}"] = moved.get((number, f"action:{action}"), 0) + 1
                told = as_json([plain_reason(each) for each in reason])
                rows.append(
                    {
                        "comment": keys[name],
                        "model": number,
                        "policy": policy,
                        "action": action,
                        "reasons": told,
                        "at": moment,
                    }
                )
            if rows:
                connection.execute(insert(decisions), rows)
            book(connection, moved)
        return len(rows)

    def decision(self, comment_id: str, model: str | None = None) -> Decision | None:
        """Return the newest decision about a comment, by any model or by this one."""
        with self._read() as connection:
            key = key_of(connection, comment_id)
            line = select(decisions, models.c.version).join(models, models.c.key == decisions.c.model)
            line = line.where(decisions.c.comment == key)
            if model is not None:
                line = line.where(models.c.version == model)
            row = connection.execute(line.order_by(decisions.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        return Decision(comment_id, row.action, json.loads(row.reasons), row.policy, row.version, time_of(row.at))

    def decision_history(self, comment_id: str) -> list[Decision]:
        """Return every decision about a comment, by any model, newest first."""
        with self._read() as connection:
            line = select(decisions, models.c.version).join(models, models.c.key == decisions.c.model)
            line = line.where(decisions.c.comment == key_of(connection, comment_id)).order_by(decisions.c.id.desc())
            rows = list(connection.execute(line))
        return [
            Decision(comment_id, row.action, json.loads(row.reasons), row.policy, row.version, time_of(row.at))
            for row in rows
        ]

    def decisions(self, ids: Sequence[str], model: str | None = None) -> dict[str, Decision]:
        """Return the newest decision about each of these comments, by this model or by any; none where none is."""
        found: dict[str, Decision] = {}
        with self._read() as connection:
            names = {key: name for name, key in keys_of(connection, ids).items()}
            for part in parts(names):
                newest = select(func.max(decisions.c.id)).where(decisions.c.comment.in_(part))
                if model is not None:
                    newest = newest.where(decisions.c.model == (model_number(connection, model) or 0))
                line = select(decisions, models.c.version).join(models, models.c.key == decisions.c.model)
                for row in connection.execute(line.where(decisions.c.id.in_(newest.group_by(decisions.c.comment)))):
                    told = (row.action, json.loads(row.reasons), row.policy, row.version, time_of(row.at))
                    found[names[row.comment]] = Decision(names[row.comment], *told)
        return found

    def _model_or_new(self, connection: Connection, version: str) -> int:
        number = model_number(connection, version)
        if number is None:
            number = connection.execute(insert(models).values(version=version).returning(models.c.key)).scalar_one()
        return number


def _add_scores(connection: Connection, frame: pd.DataFrame, model: int, moment: int) -> int:
    ids = [str(name) for name in frame.index]
    keys = keys_of(connection, ids)
    there: set[int] = set()
    for part in parts(keys.values()):
        line = select(scores.c.comment).where(scores.c.model == model, scores.c.comment.in_(part))
        there.update(connection.scalars(line))
    values = frame[list(LABELS)].to_numpy(dtype=np.float64)
    strongest = np.fmax.reduce(values[:, [LABELS.index(label) for label in FLAGS]], axis=1)
    columns = (*LABELS, "strongest")
    rows = []
    for name, row in zip(ids, np.column_stack((values, strongest)).tolist(), strict=True):
        if keys[name] not in there:
            there.add(keys[name])
            judged = {column: None if isnan(value) else value for column, value in zip(columns, row, strict=True)}
            rows.append(judged | {"model": model, "comment": keys[name], "at": moment})
    if rows:
        connection.execute(insert(scores), rows)
    return len(rows)
