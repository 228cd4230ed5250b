"""An order and conditions in, the comments that stand in line out."""

import heapq
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    GenerativeSelect,
    Select,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    select,
    tuple_,
    union_all,
)

from moderation.store import searches
from moderation.store.judged import has_scores, newest_decision
from moderation.store.ledger import tallied, undone
from moderation.store.matching import Matching, is_answered
from moderation.store.rows import status_now
from moderation.store.schema import AGE, claims, comments, decisions, reports, reviews, scores, statuses

__all__ = ["Line", "Place"]

# What the source's own moderators held back or threw out, most in doubt first: the end of the order "reported".
HELD: Final = ("pending", "spam", "trash", "rejected")

Place = tuple[int, float | None]  # a comment's key and its probability


class Line:
    """The comments that await an answer, in one order: (key, probability) pairs, each order walked along its index."""

    def __init__(
        self,
        connection: Connection,
        *,
        model: int | None,
        probability: ColumnElement[float],
        whole: bool,
        threshold: float,
        actions: tuple[str, ...] | None,
        moderator: str | None,
        now: int | None,
        matching: Matching | None = None,
    ) -> None:
        self._connection = connection
        self._model = model
        self._p = probability
        self._whole = whole
        self._threshold = threshold
        self._actions = actions
        self._moderator = moderator
        self._now = now
        self._matching = matching

    def strongest(self, limit: int, after: int | None) -> list[Place]:
        """Return the highest probabilities first."""
        reached = self._probability(after)
        if after is not None and reached is None:
            return self._unjudged(limit, after)
        line = self._judged()
        if reached is not None:
            line = line.where(tuple_(self._p, scores.c.comment) < _values(reached, after))
        found = self._fetch(line, limit, self._p, scores.c.comment, downwards=True)
        return found + self._unjudged(limit - len(found), None)

    def uncertain(self, limit: int, after: int | None) -> list[Place]:
        """Return what lies nearest to the threshold first."""
        reached = self._probability(after)
        if after is not None and reached is None:
            return self._unjudged(limit, after)
        p, key, t = self._p, scores.c.comment, self._threshold
        above, below = self._judged().where(p >= t), self._judged().where(p < t)
        if reached is not None and reached >= t:
            above = above.where(tuple_(p, key) > _values(reached, after))
            below = below.where(t - p >= reached - t)
        elif reached is not None:
            above = above.where(p - t > t - reached)
            below = below.where(tuple_(p, key) < _values(reached, after))
        # Outwards from the threshold along one index, both ways; of two equally far the one above comes first.
        sides = (self._fetch(above, limit, p, key), self._fetch(below, limit, p, key, downwards=True))
        found = list(islice(heapq.merge(*sides, key=lambda place: abs((place[1] or 0.0) - t)), limit))
        return found + self._unjudged(limit - len(found), None)

    def oldest(self, limit: int, after: int | None) -> list[Place]:
        """Return the oldest first."""
        line, few = self._all(), None
        if not self._whole and self._model is not None:
            line = line.where(func.coalesce(self._p_of(comments.c.key), 1.0) >= self._threshold)
            if not self._unscored:
                reaching = select(scores.c.comment).where(scores.c.model == self._model)
                few = union_all(reaching.where(self._p >= self._threshold), reaching.where(self._p.is_(None)))
        if after is not None:
            age = self._connection.scalar(select(AGE).where(comments.c.key == after))
            line = line.where(tuple_(AGE, comments.c.key) > _values(age, after))
        return self._fetch(line, limit, AGE, comments.c.key, few=few)

    def audit(self, limit: int, after: int | None, share: float) -> list[Place]:
        """Return the fixed random share, in its own order."""
        line = self._all().where(comments.c.audit < share)
        if after is not None:
            rank = self._connection.scalar(select(comments.c.audit).where(comments.c.key == after))
            line = line.where(tuple_(comments.c.audit, comments.c.key) > _values(rank, after))
        return self._fetch(line, limit, comments.c.audit, comments.c.key)

    def reported(self, limit: int, after: int | None) -> list[Place]:
        """Return what readers reported most, then what the source held back."""
        at = None if after is None else self._reports_of(after)
        found: list[Place] = []
        if after is None or at is not None:
            newer = reports.alias()
            line = select(reports.c.comment, self._p_or_none(reports.c.comment))
            line = line.where(~exists().where(newer.c.comment == reports.c.comment, newer.c.total > reports.c.total))
            if at is not None:
                line = line.where(tuple_(reports.c.total, reports.c.comment) < _values(at, after))
            found = self._fetch(line, limit, reports.c.total, reports.c.comment, downwards=True)
        first, past = 0, 0
        if after is not None and at is None:
            status = self._connection.scalar(select(status_now()).where(comments.c.key == after))
            first, past = (HELD.index(status), after) if status in HELD else (len(HELD), 0)
        for status in HELD[first:]:
            found += self._held(status, limit - len(found), past)
            past = 0
        return found

    def _reports_of(self, key: int) -> int | None:
        most: int | None = self._connection.scalar(select(func.max(reports.c.total)).where(reports.c.comment == key))
        return most

    def _held(self, status: str, limit: int, past: int) -> list[Place]:
        newer = statuses.alias()
        first = self._all().where(comments.c.status == status, comments.c.key > past)
        first = first.where(~exists().where(newer.c.comment == comments.c.key))
        later = select(statuses.c.comment, self._p_or_none(statuses.c.comment))
        later = later.where(statuses.c.status == status, statuses.c.comment > past)
        later = later.where(~exists().where(newer.c.comment == statuses.c.comment, newer.c.id > statuses.c.id))
        found: list[Place] = []
        for line, key in ((first, comments.c.key), (later, statuses.c.comment)):
            found += self._fetch(line.where(~exists().where(reports.c.comment == key)), limit, key)
        return sorted(found, key=lambda place: place[0])[: max(limit, 0)]

    def _unjudged(self, limit: int, after: int | None) -> list[Place]:
        if limit <= 0:
            return []
        found = []
        if self._model is not None:
            line = select(scores.c.comment, null()).where(scores.c.model == self._model, self._p.is_(None))
            line = line.where(scores.c.comment > (after or 0))
            found = self._fetch(line, limit, scores.c.comment)
        if self._unscored:
            line = self._all().where(comments.c.key > (after or 0))
            if self._model is not None:
                line = line.where(~has_scores(comments.c.key, self._model))
            found += self._fetch(line, limit, comments.c.key)
        return sorted(found, key=lambda place: place[0])[:limit]

    @cached_property
    def _sums(self) -> dict[str, int]:
        own = {} if self._model is None else tallied(self._connection, self._model)
        return own | tallied(self._connection, 0, "comments")

    @property
    def _unscored(self) -> int:
        return self._sums.get("comments", 0) - self._sums.get("scored", 0)

    @property
    def _undecided(self) -> int:
        decided = sum(count for what, count in self._sums.items() if what.startswith("action:"))
        return self._sums.get("comments", 0) - decided

    def _judged(self) -> Select[Any]:
        # Without a model there is no row with its number, so nothing is judged.
        line = select(scores.c.comment, self._p).where(scores.c.model == (self._model or 0), self._p.is_not(None))
        if self._matching is not None and self._matching.wanted.label == self._p.key:
            # On the order's own column, so that its index is entered where the range begins.
            line = line.where(*self._matching.between(scores))
        return line

    def _all(self) -> Select[Any]:
        return select(comments.c.key, self._p_or_none(comments.c.key))

    def _p_or_none(self, key: ColumnElement[int]) -> ColumnElement[Any]:
        return null() if self._model is None else self._p_of(key)

    def _p_of(self, key: ColumnElement[int]) -> ColumnElement[float]:
        return select(self._p).where(scores.c.model == self._model, scores.c.comment == key).scalar_subquery()

    def _probability(self, key: int | None) -> float | None:
        if key is None or self._model is None:
            return None
        line = select(self._p).where(scores.c.model == self._model, scores.c.comment == key)
        return self._connection.scalar(line)

    def _fetch(
        self,
        line: Select[Any],
        limit: int,
        *order: ColumnElement[Any],
        downwards: bool = False,
        few: GenerativeSelect | None = None,
    ) -> list[Place]:
        if limit <= 0:
            return []
        key = order[-1]
        for condition in self._conditions(key):
            line = line.where(condition)
        candidates = self._candidates(few)
        if candidates is not None:
            # The sum keeps the database from walking the order's index past everything that is no candidate.
            line = line.where(key.in_(candidates))
            order = (order[0] + literal_column("0"), *order[1:])
        ordered = line.order_by(*(column.desc() if downwards else column for column in order))
        return [(number, p) for number, p in self._connection.execute(ordered.limit(limit))]

    def _candidates(self, few: GenerativeSelect | None) -> GenerativeSelect | None:
        lists = [few, self._decided, self._narrowed]
        return searches.narrowest(self._connection, (each for each in lists if each is not None))

    @cached_property
    def _decided(self) -> GenerativeSelect | None:
        # With everything decided, "what the policy sends to review" is a short list found by index. Walking the order
        # would pass all that it lets through, each time, once the list is worked off.
        if self._actions is None or not self._model or ("review" in self._actions and self._undecided):
            return None
        line = select(decisions.c.comment).where(decisions.c.model == self._model)
        return line.where(decisions.c.action.in_(self._actions))

    @cached_property
    def _narrowed(self) -> GenerativeSelect | None:
        return None if self._matching is None else searches.narrowest(self._connection, self._matching.lists())

    def _conditions(self, key: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        if self._matching is not None:
            yield from self._matching.conditions(key)
        else:
            yield ~is_answered(key)
        if self._actions is not None:
            if self._model is not None:
                action = newest_decision(key, self._model, decisions.c.action)
                yield func.coalesce(action, "review").in_(self._actions)
            elif "review" not in self._actions:
                yield false()
        if self._moderator is not None:
            skips = reviews.alias()
            yield ~exists().where(
                skips.c.comment == key,
                skips.c.weight == 0,
                skips.c.action.in_(("skip", "escalate")),
                skips.c.moderator == self._moderator,
                ~undone(skips),
            )
        if self._now is not None:
            taken = exists().where(claims.c.comment == key, claims.c.until > self._now)
            yield ~(taken if self._moderator is None else taken.where(claims.c.moderator != self._moderator))


def _values(first: float | None, key: int | None) -> ColumnElement[Any]:
    return tuple_(literal(first), literal(key, BigInteger))
