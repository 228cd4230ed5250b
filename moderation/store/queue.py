"""A question about the queue in; ids in order, claims and counts out."""

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    cast,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from moderation.errors import StoreError
from moderation.labels import LABELS
from moderation.store.ledger import counts_from, row_count, standing_answers, tallied, undone
from moderation.store.lines import Line, Place
from moderation.store.matching import Matching
from moderation.store.opening import Opened
from moderation.store.records import AUDIT_SHARE, ORDERS, Counts, Filter
from moderation.store.rows import (
    ids_of,
    key_of,
    known_keys,
    micros,
    model_number,
    named,
    pairs_of,
    parts,
    strings,
    time_of,
)
from moderation.store.schema import AGE, FACETS, articles, claims, comments, counted_facets, decisions, reviews, scores

__all__ = ["Queue"]


class Queue(Opened):
    """What waits, in which order, for whom; and how much of it."""

    def queue(
        self,
        *,
        model: str,
        label: str | None,
        order: str,
        limit: int = 50,
        threshold: float = 0.5,
        actions: tuple[str, ...] | None = None,
        after: str | None = None,
        skipped_by: str | None = None,
        now: datetime | None = None,
        audit_share: float = AUDIT_SHARE,
        matching: Filter | None = None,
    ) -> pd.DataFrame:
        """Return the comments that await an answer, in order: id, probability (of `label`, or of the strongest flag).

        Orders: "strongest" by probability; "uncertain" by distance from `threshold`; "oldest" by age, of a label only
        what reaches `threshold`; "reported" what readers reported most, and behind it what the source's own moderators
        held back; "audit" the fixed random `audit_share` of all comments. Where there is no probability a person must
        look: such comments close the first two orders, and count as reaching every threshold.

        `actions` keeps what the newest decision says so; what is not decided yet counts as "review". `skipped_by`
        leaves out what that moderator skipped or passed on and, where `now` is given, what another one has open.
        `after` is the last id of the page before. `matching` narrows every order; its `answered` also widens it to
        comments that somebody has answered.
        """
        with self._read() as connection:
            found = self._places(
                connection,
                model=model,
                label=label,
                order=order,
                limit=limit,
                threshold=threshold,
                actions=actions,
                after=after,
                moderator=skipped_by,
                now=now,
                audit_share=audit_share,
                matching=matching,
            )
            ids = ids_of(connection, [key for key, _ in found])
        return pd.DataFrame(
            {
                "id": strings([ids[key] for key, _ in found]),
                "probability": np.array([np.nan if p is None else p for _, p in found], dtype=np.float32),
            }
        )

    def _places(
        self,
        connection: Connection,
        *,
        model: str,
        label: str | None,
        order: str,
        limit: int,
        threshold: float,
        actions: tuple[str, ...] | None,
        after: str | None,
        moderator: str | None,
        now: datetime | None,
        audit_share: float,
        matching: Filter | None,
    ) -> list[Place]:
        if order not in ORDERS:
            raise StoreError(f"queue: unknown order {order!r}; known: {', '.join(ORDERS)}")
        if label is not None and label not in LABELS:
            raise StoreError(f"queue: unknown label {label!r}; known: {', '.join(LABELS)}")
        number = model_number(connection, model)
        line = Line(
            connection,
            model=number,
            probability=scores.c[label or "strongest"],
            whole=label is None,
            threshold=threshold,
            actions=actions,
            moderator=moderator,
            now=None if now is None else micros(now),
            matching=None if matching is None else Matching(connection, matching, number, self._searches),
        )
        start = None if after is None else key_of(connection, after)
        match order:
            case "strongest":
                return line.strongest(limit, start)
            case "uncertain":
                return line.uncertain(limit, start)
            case "oldest":
                return line.oldest(limit, start)
            case "reported":
                return line.reported(limit, start)
            case _:
                return line.audit(limit, start, audit_share)

    def claim_next(
        self,
        moderator: str,
        number: int,
        *,
        model: str,
        label: str | None,
        order: str,
        now: datetime,
        lease_s: float = 120.0,
        skip: AbstractSet[str] = frozenset(),
        threshold: float = 0.5,
        actions: tuple[str, ...] | None = None,
        audit_share: float = AUDIT_SHARE,
        matching: Filter | None = None,
    ) -> list[str]:
        """Claim the next comments of `queue` for a moderator, up to `number` of them, and return their ids in order.

        Left out are the ids in `skip`, what this moderator skipped or passed on, and what another one has claimed; what
        this one has claimed already comes again, its lease renewed. One transaction, so that of two who ask at once no
        comment is given to both.
        """
        named(moderator)
        moment = micros(now)
        with self._write() as connection:
            connection.execute(claims.delete().where(claims.c.until <= moment))
            found = self._places(
                connection,
                model=model,
                label=label,
                order=order,
                limit=number + len(skip),
                threshold=threshold,
                actions=actions,
                after=None,
                moderator=moderator,
                now=now,
                audit_share=audit_share,
                matching=matching,
            )
            ids = ids_of(connection, [key for key, _ in found])
            taken = [key for key, _ in found if ids[key] not in skip][:number]
            for part in parts(taken):
                make = sqlite_insert if self._is_sqlite else postgresql_insert
                until = moment + int(lease_s * 1_000_000)
                wanted = make(claims).values([{"comment": key, "moderator": moderator, "until": until} for key in part])
                connection.execute(
                    wanted.on_conflict_do_update(index_elements=[claims.c.comment], set_={"until": until})
                )
        return [ids[key] for key in taken]

    def release(self, moderator: str, ids: Sequence[str]) -> None:
        """Give up this moderator's claims on these comments; of others' and of unknown comments nothing happens."""
        with self._write() as connection:
            for part in parts(known_keys(connection, ids).values()):
                connection.execute(claims.delete().where(claims.c.moderator == moderator, claims.c.comment.in_(part)))

    def claim(self, comment_id: str, moderator: str, *, now: datetime, lease_s: float = 120.0) -> bool:
        """Take or renew a claim on a comment; False where somebody else's has not run out.

        One statement decides, so two who ask at once cannot both be told yes.
        """
        named(moderator)
        moment = micros(now)
        until = moment + int(lease_s * 1_000_000)
        with self._write() as connection:
            key = key_of(connection, comment_id)
            connection.execute(claims.delete().where(claims.c.until <= moment, claims.c.comment != key))
            make = sqlite_insert if self._is_sqlite else postgresql_insert
            wanted = make(claims).values(comment=key, moderator=moderator, until=until)
            taken = wanted.on_conflict_do_update(
                index_elements=[claims.c.comment],
                set_={"moderator": moderator, "until": until},
                where=(claims.c.moderator == moderator) | (claims.c.until <= moment),
            )
            return connection.execute(taken.returning(claims.c.comment)).first() is not None

    # --- How much there is

    def matching(
        self, matching: Filter, model: str, *, limit: int | None = None, sample: int | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Return the comments of a filter: id, probability (of the filter's label; missing without one), by id.

        `limit` keeps the first; `sample` draws so many at random instead, the same for the same seed and comments.
        """
        with self._read() as connection:
            number = model_number(connection, model)
            line = Matching(connection, matching, number, self._searches).keys()
            if sample is None:
                keys = list(connection.scalars(line.order_by(comments.c.key).limit(limit)))
            else:
                every = np.array(list(connection.scalars(line.order_by(comments.c.key))), dtype=np.int64)
                chosen = np.random.default_rng(seed).choice(len(every), min(sample, len(every)), replace=False)
                keys = [int(key) for key in every[np.sort(chosen)]]
            ids = ids_of(connection, keys)
            p: dict[int, float | None] = {}
            if number is not None and matching.label is not None:
                for part in parts(keys):
                    judged = select(scores.c.comment, scores.c[matching.label]).where(scores.c.model == number)
                    p.update(pairs_of(connection, judged.where(scores.c.comment.in_(part))))
        found = pd.DataFrame(
            {
                "id": strings([ids[key] for key in keys]),
                "probability": np.array([np.nan if p.get(key) is None else p[key] for key in keys], dtype=np.float32),
            }
        )
        return found.sort_values("id", ignore_index=True)

    def count(self, matching: Filter, model: str, *, most: int | None = None) -> int:
        """Count the comments of a filter, up to `most`."""
        with self._read() as connection:
            if matching == Filter():
                sums = tallied(connection, 0, "comments", "reviewed")
                waiting = sums.get("comments", 0) - sums.get("reviewed", 0)
                return waiting if most is None else min(waiting, most)
            line = Matching(connection, matching, model_number(connection, model), self._searches).keys()
            return connection.scalar(select(func.count()).select_from(line.limit(most).subquery())) or 0

    def histogram(self, label: str, model: str, *, bins: int = 50, matching: Filter | None = None) -> list[int]:
        """Count a model's probabilities of a label in `bins` equal parts of [0, 1], of a filter's comments or of all.

        All of a model's probabilities are counted once and remembered, for they never change; that makes the two
        usual questions, all comments and all that nobody has answered, cheap to ask again.
        """
        if label not in LABELS:
            raise StoreError(f"histogram: unknown label {label!r}; known: {', '.join(LABELS)}")
        with self._read() as connection:
            number = model_number(connection, model)
            if number is None:
                return [0] * bins
            if matching is not None and matching != Filter():
                keys = Matching(connection, matching, number, self._searches).keys()
                return self._binned(connection, number, label, bins, scores.c.comment.in_(keys))
            whole = (number, label, bins, tallied(connection, number, "scored").get("scored", 0))
            if whole not in self._histograms:
                self._histograms[whole] = self._binned(connection, number, label, bins)
                while len(self._histograms) > 64:
                    self._histograms.pop(next(iter(self._histograms)), None)
            every = self._histograms[whole]
            if matching is None:
                return list(every)
            answered = select(reviews.c.comment).where(reviews.c.weight == 1, ~undone(reviews))
            known = self._binned(connection, number, label, bins, scores.c.comment.in_(answered))
            return [there - gone for there, gone in zip(every, known, strict=True)]

    def _binned(
        self, connection: Connection, model: int, label: str, bins: int, *conditions: ColumnElement[bool]
    ) -> list[int]:
        p = scores.c[label]
        # SQLite's cast cuts off where PostgreSQL's rounds.
        place = cast(p * bins, Integer) if self._is_sqlite else cast(func.floor(p * bins), Integer)
        line = select(place.label("bin"), func.count()).where(scores.c.model == model, p.is_not(None), *conditions)
        found = [0] * bins
        for which, number in connection.execute(line.group_by("bin")):
            found[min(which, bins - 1)] += number
        return found

    def facets(self) -> dict[str, list[tuple[str, int]]]:
        """Count the comments by source, site, section and status: {"sources": [(name, count), ...], ...}.

        The most frequent first, at most 50 of each kind.
        """
        with self._read() as connection:
            return _facets(tallied(connection, FACETS))

    def recount_facets(self) -> dict[str, list[tuple[str, int]]]:
        """Count what `facets` tells again from the rows themselves: slow, and equal or something is broken."""
        with self._read() as connection:
            return _facets(counted_facets(connection))

    def ageing(self, moments: Sequence[datetime]) -> list[int]:
        """Count the comments that nobody has answered by when they were posted.

        Before the first of `moments` (in order of time), then between each two, and from the last one on.
        """
        edges = [micros(moment) for moment in moments]
        with self._read() as connection:
            answered = select(reviews.c.comment).where(reviews.c.weight == 1, ~undone(reviews))
            found = []
            for low, high in zip([None, *edges], [*edges, None], strict=True):
                bounds = [low <= AGE] if low is not None else []
                bounds += [high > AGE] if high is not None else []
                every = row_count(connection, comments, *bounds)
                found.append(every - row_count(connection, comments, *bounds, comments.c.key.in_(answered)))
        return found

    def span(self) -> tuple[datetime | None, datetime | None]:
        """Return when the oldest and the newest comment were posted; None where there is none."""
        with self._read() as connection:
            first = connection.scalar(select(AGE).order_by(AGE).limit(1))
            last = connection.scalar(select(AGE).order_by(AGE.desc()).limit(1))
        return (None if first is None else time_of(first), None if last is None else time_of(last))

    def counts(self, model: str | None = None) -> Counts:
        """Count what is here, and what `model` has scored and a policy decided from that."""
        with self._read() as connection:
            number = None if model is None else model_number(connection, model)
            sums = tallied(connection, 0) | ({} if number is None else tallied(connection, number))
        return counts_from(sums)

    def recount(self, model: str | None = None) -> Counts:
        """Count everything again from the rows themselves: slow, and equal to `counts` or something is broken."""
        with self._read() as connection:
            sums: dict[str, int] = {
                "comments": row_count(connection, comments),
                "articles": row_count(connection, articles),
            }
            number = None if model is None else model_number(connection, model)
            if number is not None:
                sums["scored"] = row_count(connection, scores, scores.c.model == number)
                newest = select(func.max(decisions.c.id)).where(decisions.c.model == number)
                last = decisions.c.id.in_(newest.group_by(decisions.c.comment))
                by_action = select(decisions.c.action, func.count()).where(last).group_by(decisions.c.action)
                for action, count in connection.execute(by_action):
                    sums[f"action:{action}"] = count
            states: dict[int, dict[str, bool]] = {}
            for row in connection.execute(standing_answers(select(reviews)).order_by(reviews.c.id)):
                states.setdefault(row.comment, {}).update(json.loads(row.labels))
            sums["reviewed"] = len(states)
            for label in LABELS:
                sums[f"yes:{label}"] = sum(state.get(label) is True for state in states.values())
        return counts_from(sums)


def _facets(sums: Mapping[str, int]) -> dict[str, list[tuple[str, int]]]:
    names = {"source": "sources", "site": "sites", "section": "sections", "status": "statuses"}
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in names.values()}
    for what, number in sums.items():
        kind, _, value = what.partition(":")
        if number:
            found[names[kind]].append((value, number))
    return {name: sorted(rows, key=lambda row: (-row[1], row[0]))[:50] for name, rows in found.items()}
