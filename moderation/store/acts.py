"""One answer for many comments in, kept as one act; the latest act of a moderator taken back, whole."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, insert, select

from moderation.errors import Conflict
from moderation.store.events import add_event, book_states, labels_said, review_of, review_rows, states_at
from moderation.store.ledger import book, undone, version_at, versions_at
from moderation.store.matching import Matching
from moderation.store.opening import Opened
from moderation.store.opinions import latest_opinion, take_back_opinion
from moderation.store.records import ANSWERS, Act, Filter, Review
from moderation.store.rows import (
    SLICE,
    as_json,
    keys_of,
    known_keys,
    micros,
    model_number,
    named,
    pairs_of,
    parts,
    time_of,
)
from moderation.store.schema import acts, claims, comments, opinions, reviews, second_rank
from moderation.tables import clean_text

__all__ = ["Acts"]


class Acts(Opened):
    """Acts on many comments, and undo of whatever came last."""

    def act(
        self,
        chosen: Sequence[str] | Filter,
        action: str,
        labels: Mapping[str, bool | None],
        *,
        moderator: str,
        model: str,
        at: datetime,
        note: str = "",
        lens: str = "",
        token: str,
    ) -> Act:
        """Give one answer to many comments: to these, or to all of a filter, on screen or not.

        Comments that somebody has answered are left alone, and counted in `Act.left`. All or nothing; the same token
        twice is the same act. Raises `Conflict` for a token of another act and `StoreError` for an unknown comment,
        action or label.
        """
        proto = Review("", moderator, action, labels, 0, at, clean_text(lens), clean_text(note))
        said = labels_said(proto)
        matching = chosen if isinstance(chosen, Filter) else None
        name = clean_text(token) or None
        with self._write() as connection:
            if name is not None:
                earlier = connection.execute(_act_rows().where(acts.c.token == name)).first()
                if earlier is not None:
                    if earlier.moderator != moderator or earlier.undoes is not None:
                        raise Conflict("act: its token was used for another act; look again and choose anew")
                    return _act(earlier)
            keys = self._chosen(connection, chosen, model)
            free = list(_free(connection, keys))
            row = {
                "moderator": moderator,
                "action": action,
                "labels": as_json(said),
                "matching": None if matching is None else as_json(matching.to_dict()),
                "size": len(free),
                "left_alone": len(keys) - len(free),
                "note": proto.note,
                "token": name,
                "at": micros(at),
            }
            number = int(connection.execute(insert(acts).values(row).returning(acts.c.id)).scalar_one())
            weight = int(action in ANSWERS)
            base = {
                "moderator": moderator,
                "action": action,
                "labels": as_json(said),
                "at": micros(at),
                "lens": proto.lens,
                "note": proto.note,
                "weight": weight,
                "act": number,
            }
            for start in range(0, len(free), SLICE):
                some = free[start : start + SLICE]
                seen = versions_at(connection, some)
                ranks = _ranks(connection, some) if weight else {}
                rows = [base | {"comment": key, "seen": seen[key], "second": ranks.get(key)} for key in some]
                connection.execute(insert(reviews), rows)
            for part in parts(free):
                connection.execute(claims.delete().where(claims.c.comment.in_(part)))
            if weight:
                # None of them had an answer, so each counts for what this one says.
                moved = {f"yes:{label}": len(free) for label, yes in said.items() if yes} | {"reviewed": len(free)}
                book(connection, {(0, what): change for what, change in moved.items()})
        return Act(number, moderator, action, len(free), at, said_of(said), len(keys) - len(free), proto.note, matching)

    def _chosen(self, connection: Connection, chosen: Sequence[str] | Filter, model: str) -> list[int]:
        if not isinstance(chosen, Filter):
            return list(dict.fromkeys(keys_of(connection, list(chosen)).values()))
        line = Matching(connection, chosen, model_number(connection, model), self._searches).keys()
        return list(connection.scalars(line.order_by(comments.c.key)))

    def unanswered(self, ids: Sequence[str]) -> list[str]:
        """Return those of these comments that nobody has answered, in order; ids that are not here are left out."""
        with self._read() as connection:
            keys = known_keys(connection, ids)
            free = set(_free(connection, list(keys.values())))
        return [name for name in ids if name in keys and keys[name] in free]

    def acts(self, moderator: str | None = None, *, limit: int = 50) -> list[Act]:
        """Return the latest acts on many comments and what took them back, newest first."""
        line = _act_rows()
        if moderator is not None:
            line = line.where(acts.c.moderator == moderator)
        with self._read() as connection:
            return [_act(row) for row in connection.execute(line.order_by(acts.c.id.desc()).limit(limit))]

    def latest_token(self, moderator: str) -> str | None:
        """Return the token of what `undo` would take back, "" where that has none; None where there is nothing."""
        with self._read() as connection:
            last, opinion = _latest(connection, named(moderator))
            found = last if opinion is None else opinion
            if found is not None and opinion is None and found.act is not None:
                return connection.scalar(select(acts.c.token).where(acts.c.id == found.act)) or ""
        return None if found is None else found.token or ""

    def undo(self, moderator: str, *, at: datetime, token: str = "") -> Review | None:
        """Take back this moderator's latest act, whole, and return the event that does so.

        An act is an answer, a skip, a comment passed on, a blind second review, or one answer to many comments: then
        the event is the first of many, and its `act` is their number. None if nothing is left to take back. Called
        again it takes back the act before; the same token twice takes back once.
        """
        named(moderator)
        with self._write() as connection:
            name = clean_text(token) or None
            if name is not None:
                known = _known_undo(connection, moderator, name)
                if known is not None:
                    return known
            last, opinion = _latest(connection, moderator)
            if opinion is not None:
                back = Review(opinion.comment_id, moderator, "undo", {}, opinion.seen, at, token=name or "")
                back = replace(back, lens="second", undoes=opinion.id)
                return replace(back, id=take_back_opinion(connection, opinion, back, name))
            if last is None:
                return None
            if last.act is not None:
                return _undo_many(connection, last.act, moderator, at, name)
            seen = version_at(connection, last.comment)
            back = Review(last.comment_id, moderator, "undo", {}, seen, at, token=name or "", undoes=last.id)
            return replace(back, id=add_event(connection, last.comment, back, name, weight=-last.weight))


def _latest(connection: Connection, moderator: str) -> tuple[Row[Any] | None, Row[Any] | None]:
    # The latest act that was not taken back: a review, or a blind second answer that came after every review.
    mine = review_rows().where(reviews.c.moderator == moderator, reviews.c.undoes.is_(None), ~undone(reviews))
    last = connection.execute(mine.order_by(reviews.c.id.desc()).limit(1)).first()
    opinion = latest_opinion(connection, moderator)
    if opinion is not None and (last is None or opinion.since >= last.id):
        return None, opinion
    return last, None


def said_of(labels: Mapping[str, bool | None]) -> dict[str, bool]:
    """Return only the labels that were judged."""
    return {label: yes for label, yes in labels.items() if yes is not None}


def _free(connection: Connection, keys: Sequence[int]) -> Iterator[int]:
    for part in parts(keys):
        line = select(reviews.c.comment).where(reviews.c.comment.in_(part)).group_by(reviews.c.comment)
        answered = set(connection.scalars(line.having(func.sum(reviews.c.weight) > 0)))
        yield from (key for key in part if key not in answered)


def _ranks(connection: Connection, keys: Sequence[int]) -> dict[int, float]:
    found: dict[int, float] = {}
    for part in parts(keys):
        digests = pairs_of(connection, select(comments.c.key, comments.c.id_digest).where(comments.c.key.in_(part)))
        found.update({key: second_rank(digest) for key, digest in digests.items()})
    return found


def _undo_many(connection: Connection, act: int, moderator: str, at: datetime, token: str | None) -> Review:
    members = list(
        connection.execute(
            select(reviews.c.id, reviews.c.comment, reviews.c.weight)
            .where(reviews.c.act == act, ~undone(reviews))
            .order_by(reviews.c.id)
        )
    )
    row = {
        "moderator": moderator,
        "action": "undo",
        "labels": "{}",
        "size": len(members),
        "left_alone": 0,
        "note": "",
        "token": token,
        "undoes": act,
        "at": micros(at),
    }
    number = int(connection.execute(insert(acts).values(row).returning(acts.c.id)).scalar_one())
    base = {
        "moderator": moderator,
        "action": "undo",
        "labels": "{}",
        "at": micros(at),
        "lens": "",
        "note": "",
        "act": number,
    }
    for start in range(0, len(members), SLICE):
        some = members[start : start + SLICE]
        keys = [member.comment for member in some]
        before, seen = states_at(connection, keys), versions_at(connection, keys)
        connection.execute(
            insert(reviews),
            [
                base | {"comment": each.comment, "seen": seen[each.comment], "weight": -each.weight, "undoes": each.id}
                for each in some
            ],
        )
        book_states(connection, before, states_at(connection, keys))
    first = connection.execute(review_rows().where(reviews.c.act == number).order_by(reviews.c.id).limit(1)).one()
    return review_of(first)


def _known_undo(connection: Connection, moderator: str, token: str) -> Review | None:
    refused = Conflict("undo: its token was used for another act; try again")
    many = connection.execute(select(acts).where(acts.c.token == token)).first()
    if many is not None:
        if many.moderator != moderator or many.undoes is None:
            raise refused
        line = review_rows().where(reviews.c.act == many.id).order_by(reviews.c.id).limit(1)
        return review_of(connection.execute(line).one())
    opinion = connection.execute(
        select(opinions, comments.c.id.label("comment_id"))
        .join(comments, comments.c.key == opinions.c.comment)
        .where(opinions.c.token == token)
    ).first()
    if opinion is not None:
        if opinion.moderator != moderator or opinion.undoes is None:
            raise refused
        return Review(
            opinion.comment_id,
            moderator,
            "undo",
            {},
            opinion.seen,
            time_of(opinion.at),
            lens="second",
            token=token,
            id=opinion.id,
            undoes=opinion.undoes,
        )
    earlier = connection.execute(review_rows().where(reviews.c.token == token)).first()
    if earlier is None:
        return None
    if earlier.moderator != moderator or earlier.undoes is None:
        raise refused
    return review_of(earlier)


def _act_rows() -> Select[Any]:
    back = acts.alias()
    return select(acts, exists().where(back.c.undoes == acts.c.id).label("undone"))


def _act(row: Row[Any]) -> Act:
    return Act(
        id=row.id,
        moderator=row.moderator,
        action=row.action,
        size=row.size,
        at=time_of(row.at),
        labels=json.loads(row.labels),
        left=row.left_alone,
        note=row.note,
        matching=None if row.matching is None else Filter.from_dict(json.loads(row.matching)),
        undoes=row.undoes,
        undone=bool(row.undone),
    )
