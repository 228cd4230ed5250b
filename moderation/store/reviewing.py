"""Answers in, what stands out: reviews, undo, withdrawals, truth."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import (
    Row,
    exists,
    func,
    insert,
    select,
)

from moderation.errors import Conflict, StoreError
from moderation.labels import LABELS
from moderation.store.events import add_event, labels_said, review_of, review_rows
from moderation.store.ledger import answers_at, standing_answers, undone, version_at, versions_at
from moderation.store.opening import Opened
from moderation.store.opinions import add_opinion, standing_review
from moderation.store.records import ANSWERS, AUDIT_SHARE, ORIGINS, Review
from moderation.store.rows import as_json, ids_of, key_of, keys_of, micros, parts, strings
from moderation.store.schema import claims, comments, decisions, reviews, truths, withdrawals
from moderation.tables import clean_text

__all__ = ["Reviewing"]


class Reviewing(Opened):
    """What people answered, took back and asked to be forgotten."""

    def version(self, comment_id: str) -> int:
        """Return the id of the comment's newest review event, 0 if there is none: what a card was drawn for."""
        with self._read() as connection:
            return version_at(connection, key_of(connection, comment_id))

    def versions(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the `version` of each of these comments, in one question."""
        with self._read() as connection:
            keys = keys_of(connection, ids)
            found = versions_at(connection, list(keys.values()))
        return {name: found[key] for name, key in keys.items()}

    def add_review(self, review: Review) -> Review:
        """Add an answer and return it with its id; the same token twice is the same answer.

        Raises `Conflict` where the comment has had a review event since the card was drawn (`review.seen`), and
        `StoreError` for an unknown comment, action or label. Where another person's answer came first, the conflict
        carries it as `standing`, and the one that came too late is kept beside it as a dissent.
        """
        labels = labels_said(review)
        standing: Review | None = None
        with self._write() as connection:
            key = key_of(connection, review.comment_id)
            token = clean_text(review.token) or None
            if token is not None:
                earlier = connection.execute(review_rows().where(reviews.c.token == token)).first()
                if earlier is not None:
                    same = earlier.comment == key and earlier.moderator == review.moderator
                    if not same or earlier.undoes is not None:
                        raise Conflict("review: its token was used for another act; draw the card again")
                    return review_of(earlier)
            version = version_at(connection, key)
            kept = replace(
                review, labels=labels, lens=clean_text(review.lens), note=clean_text(review.note), undoes=None, act=None
            )
            if version == review.seen:
                number = add_event(connection, key, kept, token, weight=int(review.action in ANSWERS))
                connection.execute(claims.delete().where(claims.c.comment == key))
                return replace(kept, token=token or "", id=number)
            standing = standing_review(connection, key)
            if standing is not None and standing.moderator != review.moderator and review.action in ANSWERS:
                add_opinion(connection, "dissent", key, kept, token, against=standing)
        raise Conflict(
            f"review: the comment was answered meanwhile (event {version}); draw the card again", standing=standing
        )

    def reviews(
        self,
        *,
        standing: bool = True,
        moderator: str | None = None,
        comment_id: str | None = None,
        action: str | None = None,
        label: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Review]:
        """Return each comment's standing answer, or (`standing=False`) every review event, newest first.

        `label` keeps those that say it holds; `since` and `until` bound when they were given, `until` not included;
        `before` keeps those with a lower id: the page after one that ended there.
        """
        line = review_rows()
        with self._read() as connection:
            if standing:
                newer = reviews.alias()
                superseded = exists().where(
                    newer.c.comment == reviews.c.comment,
                    newer.c.weight == 1,
                    newer.c.id > reviews.c.id,
                    ~undone(newer),
                )
                line = standing_answers(line).where(~superseded)
            if moderator is not None:
                line = line.where(reviews.c.moderator == moderator)
            if comment_id is not None:
                line = line.where(reviews.c.comment == key_of(connection, comment_id))
            if action is not None:
                line = line.where(reviews.c.action == action)
            if label is not None:
                line = line.where(reviews.c.labels.contains(as_json({label: True})[1:-1], autoescape=True))
            if since is not None:
                line = line.where(reviews.c.at >= micros(since))
            if until is not None:
                line = line.where(reviews.c.at < micros(until))
            if before is not None:
                line = line.where(reviews.c.id < before)
            return [review_of(row) for row in connection.execute(line.order_by(reviews.c.id.desc()).limit(limit))]

    def answered_by(self, moderator: str) -> int:
        """Count this moderator's answers that were not taken back; skips do not count."""
        with self._read() as connection:
            total = select(func.sum(reviews.c.weight)).where(reviews.c.moderator == moderator)
            return int(connection.scalar(total) or 0)

    def withdraw(self, review_ids: Iterable[int], *, by: str, reason: str, at: datetime) -> int:
        """Withdraw these reviews from learning and return how many were not yet; what they decided stays decided.

        Raises `StoreError` for an id that is no review.
        """
        wanted = sorted({int(number) for number in review_ids})
        moment = micros(at)
        added = 0
        with self._write() as connection:
            for part in parts(wanted):
                acts = select(reviews.c.id).where(reviews.c.id.in_(part), reviews.c.undoes.is_(None))
                there = set(connection.scalars(acts))
                for number in part:
                    if number not in there:
                        raise StoreError(f"{self._place}: no review {number}; see the list of reviews")
                done = set(connection.scalars(select(withdrawals.c.review).where(withdrawals.c.review.in_(part))))
                rows = [
                    {"review": number, "by": by, "reason": clean_text(reason), "at": moment}
                    for number in part
                    if number not in done
                ]
                if rows:
                    connection.execute(insert(withdrawals), rows)
                added += len(rows)
        return added

    def truth(self, *, origin: tuple[str, ...] = ("review",), audit_share: float = AUDIT_SHARE) -> pd.DataFrame:
        """Return what people have said (index: comment ids): LABELS as 1, 0 or missing, and where that is from.

        A label's value is the newest standing, not withdrawn review's that answers it; imported truth fills in what no
        review answers. Further columns: origin ("review" if any review answers, else "imported"), audit (in the fixed
        random share), article_id, author. Comments of which nothing is known have no row.
        """
        for name in origin:
            if name not in ORIGINS:
                raise StoreError(f"truth: unknown origin {name!r}; known: {', '.join(ORIGINS)}")
        known: dict[int, dict[str, bool]] = {}
        reviewed: set[int] = set()
        with self._read() as connection:
            if "imported" in origin:
                for row in connection.execute(select(truths.c.comment, truths.c.labels).order_by(truths.c.id)):
                    known.setdefault(row.comment, {}).update(json.loads(row.labels))
            if "review" in origin:
                forgotten = exists().where(withdrawals.c.review == reviews.c.id)
                answers = standing_answers(select(reviews.c.comment, reviews.c.labels)).where(~forgotten)
                for row in connection.execute(answers.order_by(reviews.c.id)):
                    labels = json.loads(row.labels)
                    if labels:
                        known.setdefault(row.comment, {}).update(labels)
                        reviewed.add(row.comment)
            keys = sorted(known)
            facts: dict[int, Row[Any]] = {}
            for part in parts(keys):
                line = select(comments.c.key, comments.c.id, comments.c.audit, comments.c.article_id, comments.c.author)
                facts.update({row.key: row for row in connection.execute(line.where(comments.c.key.in_(part)))})
        frame = pd.DataFrame(
            {label: pd.array([known[key].get(label) for key in keys], dtype="Int8") for label in LABELS},
            index=pd.Index(strings([facts[key].id for key in keys]), name="id"),
        )
        return frame.assign(
            origin=strings(["review" if key in reviewed else "imported" for key in keys]),
            audit=np.array([facts[key].audit < audit_share for key in keys], dtype=bool),
            article_id=strings([facts[key].article_id for key in keys]),
            author=strings([facts[key].author for key in keys]),
        )

    def decided_since(self, event: int, *, limit: int) -> tuple[pd.DataFrame, int]:
        """Return what people's answers are now for comments that had a review event after `event`, and the newest one.

        Index: comment ids, the latest event last, at most `limit` of them, the latest. Columns: action ("approve" or
        "reject"; missing where none stands any more), text.
        """
        with self._read() as connection:
            newest = connection.scalar(select(func.max(reviews.c.id))) or 0
            if newest <= event:
                return pd.DataFrame({"action": strings([]), "text": strings([])}, index=pd.Index([], name="id")), event
            last = func.max(reviews.c.id).label("last")
            line = select(reviews.c.comment, last).where(reviews.c.id > event, reviews.c.id <= newest)
            line = line.group_by(reviews.c.comment).order_by(last.desc()).limit(limit)
            keys = [row.comment for row in connection.execute(line)][::-1]
            standing = {key: action for key, action, _ in answers_at(connection, keys)}
            found: dict[int, tuple[str, str]] = {}
            for part in parts(keys):
                told = select(comments.c.key, comments.c.id, comments.c.text).where(comments.c.key.in_(part))
                found.update((row.key, (row.id, row.text)) for row in connection.execute(told))
        return pd.DataFrame(
            {
                "action": strings([standing.get(key) for key in keys]),
                "text": strings([found[key][1] for key in keys]),
            },
            index=pd.Index(strings([found[key][0] for key in keys]), name="id"),
        ), newest

    def verdicts(self, *, decided_by_policy: bool = False) -> pd.DataFrame:
        """Return what was decided about comments, for the systems that they came from.

        Index: comment ids. Columns: action ("approve" or "reject"), spam (whether that is why), by ("people" or
        "policy"). People's standing answers; of comments that have none, the newest decision of a policy, if it was to
        allow or to reject, and only if that is asked for.
        """
        found: dict[int, tuple[str, bool, str]] = {}
        spam: dict[int, bool] = {}
        with self._read() as connection:
            line = standing_answers(select(reviews.c.comment, reviews.c.action, reviews.c.labels))
            for row in connection.execute(line.order_by(reviews.c.id)):
                said = json.loads(row.labels).get("spam")
                if said is not None:
                    spam[row.comment] = said
                found[row.comment] = (row.action, spam.get(row.comment, False), "people")
            if decided_by_policy:
                newest = select(func.max(decisions.c.id)).group_by(decisions.c.comment)
                chosen = select(decisions.c.comment, decisions.c.action, decisions.c.reasons)
                chosen = chosen.where(decisions.c.id.in_(newest), decisions.c.action.in_(("allow", "reject")))
                for row in connection.execute(chosen.order_by(decisions.c.id)):
                    action = "approve" if row.action == "allow" else "reject"
                    why = any(
                        each.get("label") == "spam"
                        for each in json.loads(row.reasons)
                        if each.get("action") == "reject"
                    )
                    found.setdefault(row.comment, (action, why, "policy"))
            keys = sorted(found)
            ids = ids_of(connection, keys)
        return pd.DataFrame(
            {
                "action": strings([found[key][0] for key in keys]),
                "spam": np.array([found[key][1] for key in keys], dtype=bool),
                "by": strings([found[key][2] for key in keys]),
            },
            index=pd.Index(strings([ids[key] for key in keys]), name="id"),
        )
