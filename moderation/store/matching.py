"""A filter in, the conditions that hold of its comments and the short lists that they are among out."""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    GenerativeSelect,
    Select,
    Text,
    cast,
    exists,
    false,
    func,
    literal,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import FromClause

from moderation.store.judged import newest_decision
from moderation.store.ledger import undone
from moderation.store.records import Filter
from moderation.store.rows import digest_of, micros
from moderation.store.schema import LONGEST_PLACE, articles, comments, decisions, reviews, scores, statuses
from moderation.store.searches import Searches, holding, narrowest

__all__ = ["Matching", "is_answered", "is_escalated"]


def is_answered(key: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that somebody's answer to a comment stands."""
    answers = select(func.sum(reviews.c.weight)).where(reviews.c.comment == key).scalar_subquery()
    return func.coalesce(answers, 0) > 0


def is_escalated(key: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that somebody passed a comment on and did not take that back."""
    passed = reviews.alias()
    return exists().where(passed.c.action == "escalate", passed.c.comment == key, ~undone(passed))


class Matching:
    """The comments of a filter, for one model, within one transaction."""

    def __init__(self, connection: Connection, wanted: Filter, model: int | None, searches: Searches) -> None:
        self.wanted = wanted
        self._connection = connection
        self._model = model
        self._found = searches.keys(connection, wanted.words) if wanted.words.split() else None

    def conditions(self, key: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        """Yield what holds of a comment, by its key."""
        wanted = self.wanted
        if wanted.answered is not None:
            yield is_answered(key) if wanted.answered else ~is_answered(key)
        if wanted.escalated is not None:
            yield is_escalated(key) if wanted.escalated else ~is_escalated(key)
        if self._found is not None:
            yield key.in_(_listed(self._connection, self._found))
        own = comments.alias("own")
        facts = list(self._facts(own))
        if facts:
            yield exists().where(own.c.key == key, *facts)
        if wanted.least is not None or wanted.most is not None:
            judged = scores.alias("judged")
            yield exists().where(judged.c.model == (self._model or 0), judged.c.comment == key, *self.between(judged))
        if wanted.decisions:
            if self._model is not None:
                action = newest_decision(key, self._model, decisions.c.action)
                yield func.coalesce(action, "review").in_(wanted.decisions)
            elif "review" not in wanted.decisions:
                yield false()

    def between(self, judged: FromClause) -> Iterator[ColumnElement[bool]]:
        """Yield the bounds of the label's probability, on a row of scores."""
        wanted = self.wanted
        if wanted.label is not None and wanted.least is not None:
            yield judged.c[wanted.label] >= wanted.least
        if wanted.label is not None and wanted.most is not None:
            yield judged.c[wanted.label] <= wanted.most

    def _facts(self, own: FromClause) -> Iterator[ColumnElement[bool]]:
        wanted = self.wanted
        if wanted.author is not None:
            yield own.c.author_digest == digest_of(wanted.author)
        if wanted.sources:
            yield _beginning(own).in_([name[:LONGEST_PLACE] for name in wanted.sources])
        if wanted.site is not None or wanted.section is not None:
            where = articles.alias("where")
            yield exists().where(where.c.id_digest == own.c.article_digest, *self._place(where))
        if wanted.since is not None or wanted.until is not None:
            yield from self._posted(own)
        if wanted.statuses:
            newest = select(statuses.c.status).where(statuses.c.comment == own.c.key)
            now = newest.order_by(statuses.c.id.desc()).limit(1).scalar_subquery()
            yield func.coalesce(now, own.c.status).in_(wanted.statuses)
        if wanted.words.split() and self._found is None:
            yield holding(self._connection, own, wanted.words)

    def _place(self, where: FromClause) -> Iterator[ColumnElement[bool]]:
        if self.wanted.site is not None:
            yield where.c.site == self.wanted.site[:LONGEST_PLACE]
        if self.wanted.section is not None:
            yield where.c.section == self.wanted.section[:LONGEST_PLACE]

    def _posted(self, own: FromClause) -> Iterator[ColumnElement[bool]]:
        age = func.coalesce(own.c.posted_at, own.c.added_at)
        if self.wanted.since is not None:
            yield age >= micros(self.wanted.since)
        if self.wanted.until is not None:
            yield age < micros(self.wanted.until)

    def lists(self) -> Iterator[GenerativeSelect]:
        """Yield lists that every comment of the filter is on, each found by an index; of their keys."""
        wanted = self.wanted
        if self._found is not None:
            yield _listed(self._connection, self._found)
        if wanted.author is not None:
            yield select(comments.c.key).where(comments.c.author_digest == digest_of(wanted.author))
        if wanted.sources:
            yield select(comments.c.key).where(
                _beginning(comments).in_([name[:LONGEST_PLACE] for name in wanted.sources])
            )
        if wanted.site is not None or wanted.section is not None:
            under = comments.join(articles, articles.c.id_digest == comments.c.article_digest)
            yield select(comments.c.key).select_from(under).where(*self._place(articles))
        if wanted.since is not None or wanted.until is not None:
            yield select(comments.c.key).where(*self._posted(comments))
        if wanted.statuses:
            yield union_all(
                select(comments.c.key).where(comments.c.status.in_(wanted.statuses)),
                select(statuses.c.comment).where(statuses.c.status.in_(wanted.statuses)),
            )
        if wanted.least is not None or wanted.most is not None:
            yield select(scores.c.comment).where(scores.c.model == (self._model or 0), *self.between(scores))
        if wanted.decisions and "review" not in wanted.decisions:
            decided = select(decisions.c.comment).where(decisions.c.model == (self._model or 0))
            yield decided.where(decisions.c.action.in_(wanted.decisions))
        if wanted.escalated:
            yield select(reviews.c.comment).where(reviews.c.action == "escalate")
        if wanted.answered:
            yield select(reviews.c.comment).where(reviews.c.action.in_(("approve", "reject")))

    def keys(self) -> Select[Any]:
        """Return the keys of the filter's comments, in no order."""
        few = narrowest(self._connection, self.lists())
        line = select(comments.c.key).where(*self.conditions(comments.c.key))
        return line if few is None else line.where(comments.c.key.in_(few))


def _beginning(own: FromClause) -> ColumnElement[str]:
    # As the index has it, to the letter: another expression would not be found in it.
    return func.substr(own.c.source, text("1"), text(str(LONGEST_PLACE)))


def _listed(connection: Connection, keys: list[int]) -> Select[Any]:
    # As one value: a thousand keys would be a thousand parameters.
    told = literal(json.dumps(keys), Text)
    if connection.dialect.name == "sqlite":
        return select(func.json_each(told).table_valued("value", name="listed").c.value)
    listed = func.jsonb_array_elements_text(cast(told, JSONB)).table_valued("value", name="listed")
    return select(cast(listed.c.value, BigInteger))
