"""A second person's answer in, kept beside the first one's; where people disagree, out."""

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, exists, func, insert, select

from moderation.errors import Conflict
from moderation.store.events import labels_said, review_of, review_rows
from moderation.store.ledger import standing_answers, undone
from moderation.store.opening import Opened
from moderation.store.records import ANSWERS, Disagreement, Review
from moderation.store.rows import as_json, ids_of, key_of, micros, named, parts
from moderation.store.schema import comments, opinions, reviews
from moderation.tables import clean_text

__all__ = ["Opinions", "add_opinion", "latest_opinion", "standing_review", "take_back_opinion"]


BLIND: Final = ("second", "passed")


class Opinions(Opened):
    """Second answers, which decide nothing and show where people differ."""

    def second_for(self, moderator: str, *, share: float, limit: int = 1) -> list[str]:
        """Return answered comments that this moderator may be shown as if nobody had answered them.

        Of the fixed random `share` of answered comments, in its own order: those that another person answered, that
        this one never did, and that have had no second review yet.
        """
        named(moderator)
        told, newer, own = opinions.alias(), reviews.alias(), reviews.alias()
        line = select(reviews.c.comment).where(
            reviews.c.second < share,
            reviews.c.weight == 1,
            reviews.c.moderator != moderator,
            ~undone(reviews),
            ~exists().where(
                newer.c.comment == reviews.c.comment, newer.c.weight == 1, newer.c.id > reviews.c.id, ~undone(newer)
            ),
            ~exists().where(own.c.comment == reviews.c.comment, own.c.moderator == moderator, own.c.weight == 1),
            ~exists().where(
                told.c.comment == reviews.c.comment,
                (told.c.kind == "second") | (told.c.moderator == moderator),
                told.c.undoes.is_(None),
                ~_taken_back(told),
            ),
        )
        with self._read() as connection:
            keys = list(connection.scalars(line.order_by(reviews.c.second, reviews.c.id).limit(limit)))
            ids = ids_of(connection, keys)
        return [ids[key] for key in keys]

    def add_second(self, review: Review) -> Review:
        """Add a blind second answer and return it; it decides nothing. The same token twice is the same answer.

        What is skipped or passed on says nothing, and does not come to this moderator again.

        Raises `Conflict` where no other person's answer stands, and `StoreError` for a review that makes no sense.
        """
        labels = labels_said(review)
        kind = "second" if review.action in ANSWERS else "passed"
        with self._write() as connection:
            key = key_of(connection, review.comment_id)
            token = clean_text(review.token) or None
            if token is not None:
                earlier = connection.execute(_opinion_rows().where(opinions.c.token == token)).first()
                if earlier is not None:
                    if earlier.comment != key or earlier.moderator != review.moderator:
                        raise Conflict("second review: its token was used for another act; draw the card again")
                    return review_of(earlier)
            standing = standing_review(connection, key)
            if standing is None or standing.moderator == review.moderator:
                raise Conflict("second review: no other person's answer stands; draw the next card", standing=standing)
            kept = replace(
                review, labels=labels, lens=clean_text(review.lens), note=clean_text(review.note), undoes=None
            )
            number = add_opinion(connection, kind, key, kept, token, against=standing)
        return replace(kept, token=token or "", id=number)

    def disagreements(
        self,
        *,
        kind: str | None = None,
        moderator: str | None = None,
        comment_id: str | None = None,
        differing: bool = True,
        limit: int | None = 100,
    ) -> list[Disagreement]:
        """Return comments that two people answered without seeing each other's answer, newest first.

        `kind` is "dissent" or "second"; `moderator` is either of the two. With `differing=False` also those on which
        they agree: what agreement is measured on.
        """
        line = _opinion_rows().where(opinions.c.undoes.is_(None), ~_taken_back(opinions), opinions.c.kind != "passed")
        if differing:
            line = line.where(opinions.c.differs == 1)
        if kind is not None:
            line = line.where(opinions.c.kind == kind)
        with self._read() as connection:
            if comment_id is not None:
                line = line.where(opinions.c.comment == key_of(connection, comment_id))
            if moderator is not None:
                first = exists().where(reviews.c.id == opinions.c.against, reviews.c.moderator == moderator)
                line = line.where((opinions.c.moderator == moderator) | first)
            rows = list(connection.execute(line.order_by(opinions.c.id.desc()).limit(limit)))
            firsts: dict[int, Review] = {}
            for part in parts({row.against for row in rows}):
                found = connection.execute(review_rows().where(reviews.c.id.in_(part)))
                firsts.update({row.id: review_of(row) for row in found})
        return [
            Disagreement(row.comment_id, row.kind, firsts[row.against], review_of(row), bool(row.differs))
            for row in rows
        ]


def standing_review(connection: Connection, key: int) -> Review | None:
    """Return the newest answer to a comment that was not taken back."""
    line = standing_answers(review_rows()).where(reviews.c.comment == key).order_by(reviews.c.id.desc())
    row = connection.execute(line.limit(1)).first()
    return None if row is None else review_of(row)


def add_opinion(
    connection: Connection, kind: str, key: int, said: Review, token: str | None, *, against: Review
) -> int:
    """Add a second answer to a comment beside the one that stands, and return its number."""
    if token is not None:
        earlier = connection.scalar(select(opinions.c.id).where(opinions.c.token == token))
        if earlier is not None:
            return int(earlier)
    both = set(said.labels) & set(against.labels)
    differs = kind != "passed" and (
        said.action != against.action or any(said.labels[label] != against.labels[label] for label in both)
    )
    row = _row(connection, said) | {
        "kind": kind,
        "comment": key,
        "token": token,
        "against": against.id,
        "differs": int(differs),
    }
    return int(connection.execute(insert(opinions).values(row).returning(opinions.c.id)).scalar_one())


def latest_opinion(connection: Connection, moderator: str) -> Row[Any] | None:
    """Return this moderator's latest blind second answer that was not taken back."""
    line = _opinion_rows().where(opinions.c.moderator == moderator, opinions.c.kind.in_(BLIND))
    line = line.where(opinions.c.undoes.is_(None), ~_taken_back(opinions))
    return connection.execute(line.order_by(opinions.c.id.desc()).limit(1)).first()


def take_back_opinion(connection: Connection, row: Row[Any], back: Review, token: str | None) -> int:
    """Take back a second answer, and return the number of the event that does so."""
    event = _row(connection, back) | {
        "kind": row.kind,
        "comment": row.comment,
        "token": token,
        "against": row.against,
        "differs": 0,
        "undoes": row.id,
    }
    return int(connection.execute(insert(opinions).values(event).returning(opinions.c.id)).scalar_one())


def _row(connection: Connection, said: Review) -> dict[str, Any]:
    return {
        "moderator": said.moderator,
        "action": said.action,
        "labels": as_json(dict(said.labels)),
        "seen": said.seen,
        "at": micros(said.at),
        "lens": said.lens,
        "note": said.note,
        "since": connection.scalar(select(func.max(reviews.c.id))) or 0,
    }


def _taken_back(table: Any) -> Any:
    back = opinions.alias()
    return exists().where(back.c.undoes == table.c.id)


def _opinion_rows() -> Select[Any]:
    return select(opinions, comments.c.id.label("comment_id")).join(comments, comments.c.key == opinions.c.comment)
