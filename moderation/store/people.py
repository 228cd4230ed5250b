"""What people set, saved, reported and are allowed in; the newest of each out."""

import json
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Select, delete, exists, func, insert, select

from moderation.errors import StoreError
from moderation.store.ledger import undone
from moderation.store.opening import Opened
from moderation.store.records import ORDERS, Account, Filter, SavedLens
from moderation.store.rows import as_json, digest_of, key_of, micros, named, strings, time_of
from moderation.store.schema import accounts, lenses, preferences, reports, reviews, signins
from moderation.tables import clean_text

__all__ = ["People"]

DAY: int = 86_400_000_000  # microseconds
LONGEST_NAME: int = 100


class People(Opened):
    """Lenses, preferences, readers' reports, accounts, and how much each person did."""

    # --- Lenses and preferences

    def put_lens(self, lens: SavedLens, *, at: datetime) -> None:
        """Save a lens under its owner and name, in place of an earlier one."""
        if lens.order not in ORDERS:
            raise StoreError(f"lens: unknown order {lens.order!r}; known: {', '.join(ORDERS)}")
        if not lens.name.strip() or len(lens.name) > LONGEST_NAME or clean_text(lens.name) != lens.name:
            raise StoreError(f"lens: its name is empty, or longer than {LONGEST_NAME} letters; give another")
        body = as_json({"matching": lens.matching.to_dict(), "order": lens.order, "label": lens.label})
        with self._write() as connection:
            connection.execute(insert(lenses).values(owner=lens.owner, name=lens.name, body=body, at=micros(at)))

    def drop_lens(self, owner: str, name: str, *, at: datetime) -> None:
        """Drop a lens; one that is not there stays not there."""
        with self._write() as connection:
            connection.execute(insert(lenses).values(owner=owner, name=name, body=None, at=micros(at)))

    def lenses(self, owner: str) -> list[SavedLens]:
        """Return everybody's lenses and this owner's, by name."""
        found: dict[tuple[str, str], SavedLens | None] = {}
        with self._read() as connection:
            line = select(lenses).where(lenses.c.owner.in_(("", owner))).order_by(lenses.c.id)
            for row in connection.execute(line):
                told = None if row.body is None else json.loads(row.body)
                found[row.owner, row.name] = told and SavedLens(
                    row.name, row.owner, Filter.from_dict(told["matching"]), told["order"], told["label"]
                )
        return [lens for _, lens in sorted(found.items(), key=lambda item: item[0]) if lens is not None]

    def put_preference(self, person: str, name: str, value: Any, *, at: datetime) -> None:
        """Set what a person prefers (person "": what holds for the site); `value` must be writable as JSON."""
        told = as_json(value)
        with self._write() as connection:
            line = select(preferences.c.value).where(preferences.c.person_digest == digest_of(person))
            line = line.where(preferences.c.name == name).order_by(preferences.c.id.desc()).limit(1)
            if connection.scalar(line) != told:
                row = {"person_digest": digest_of(person), "name": name, "value": told, "at": micros(at)}
                connection.execute(insert(preferences).values(row))

    def preferences(self, person: str) -> dict[str, Any]:
        """Return what a person prefers, by name."""
        with self._read() as connection:
            line = select(preferences.c.name, preferences.c.value)
            line = line.where(preferences.c.person_digest == digest_of(person)).order_by(preferences.c.id)
            return {row.name: json.loads(row.value) for row in connection.execute(line)}

    # --- Reports

    def add_report(
        self, comment_id: str, *, reason: str = "", source: str = "", times: int = 1, token: str = "", at: datetime
    ) -> int:
        """Add that readers reported a comment (so many `times`), and return how often it was reported by now.

        The same token twice counts once. Raises `StoreError` for a comment that is not in the store.
        """
        if times < 1:
            raise StoreError("report: it counts for less than one; give how many readers reported the comment")
        name = clean_text(token) or None
        with self._write() as connection:
            key = key_of(connection, comment_id)
            total = connection.scalar(select(func.max(reports.c.total)).where(reports.c.comment == key)) or 0
            if name is not None and connection.scalar(select(reports.c.id).where(reports.c.token == name)) is not None:
                return total
            row = {
                "comment": key,
                "reason": clean_text(reason),
                "source": clean_text(source),
                "times": times,
                "total": total + times,
                "token": name,
                "at": micros(at),
            }
            connection.execute(insert(reports).values(row))
        return total + times

    def reports(self, comment_id: str, *, limit: int = 50) -> pd.DataFrame:
        """Return what readers reported of a comment, newest first: reason, source, times, at."""
        with self._read() as connection:
            line = select(reports).where(reports.c.comment == key_of(connection, comment_id))
            rows = list(connection.execute(line.order_by(reports.c.total.desc()).limit(limit)))
        return pd.DataFrame(
            {
                "reason": strings([row.reason for row in rows]),
                "source": strings([row.source for row in rows]),
                "times": pd.array([row.times for row in rows], dtype="int64"),
                "at": [time_of(row.at) for row in rows],
            }
        )

    # --- Accounts

    def put_account(self, name: str, role: str, secret: str | None, *, by: str, at: datetime) -> Account:
        """Add an account or change it; without `secret` the earlier one stays. The role "" removes it."""
        if len(named(name)) > LONGEST_NAME:
            raise StoreError(f"account: its name is longer than {LONGEST_NAME} letters; give a shorter one")
        with self._write() as connection:
            before = connection.execute(_newest_account().where(accounts.c.name_digest == digest_of(name))).first()
            kept = secret if secret is not None else (before.secret if before is not None else "")
            row = {
                "name_digest": digest_of(name),
                "name": name,
                "role": role,
                "secret": kept,
                "by": clean_text(by),
                "at": micros(at),
            }
            stamp = connection.execute(insert(accounts).values(row).returning(accounts.c.id)).scalar_one()
        return Account(name, role, kept, int(stamp), at, by)

    def account(self, name: str) -> Account | None:
        """Return an account by its name; None where there is none, or no longer."""
        with self._read() as connection:
            row = connection.execute(_newest_account().where(accounts.c.name_digest == digest_of(name))).first()
        return None if row is None or not row.role else _account(row)

    def accounts(self) -> list[Account]:
        """Return the accounts that are there, by name."""
        newer = accounts.alias()
        line = select(accounts).where(
            ~exists().where(newer.c.name_digest == accounts.c.name_digest, newer.c.id > accounts.c.id)
        )
        with self._read() as connection:
            rows = list(connection.execute(line.where(accounts.c.role != "")))
        return sorted((_account(row) for row in rows), key=lambda account: account.name)

    def add_signin(self, name: str, *, right: bool, at: datetime) -> None:
        """Note that somebody tried to sign in under a name; a day later that is forgotten."""
        with self._write() as connection:
            connection.execute(delete(signins).where(signins.c.at < micros(at) - DAY))
            connection.execute(insert(signins).values(name_digest=digest_of(name), right=int(right), at=micros(at)))

    def failed_signins(self, name: str, *, since: datetime) -> int:
        """Count the wrong passwords given for a name since a moment, or since the last right one."""
        with self._read() as connection:
            mine = select(func.max(signins.c.id)).where(signins.c.name_digest == digest_of(name), signins.c.right == 1)
            line = select(func.count()).select_from(signins).where(signins.c.name_digest == digest_of(name))
            line = line.where(signins.c.at >= micros(since), signins.c.id > func.coalesce(mine.scalar_subquery(), 0))
            return connection.scalar(line) or 0

    # --- Work

    def workload(self, *, since: datetime) -> pd.DataFrame:
        """Count the acts that stand by day, moderator and action since a moment: day, moderator, action, number."""
        day = reviews.c.at / DAY if self._is_sqlite else func.div(reviews.c.at, DAY)
        line = select(day.label("day"), reviews.c.moderator, reviews.c.action, func.count().label("number"))
        line = line.where(reviews.c.at >= micros(since), reviews.c.undoes.is_(None), ~undone(reviews))
        with self._read() as connection:
            rows = list(connection.execute(line.group_by("day", reviews.c.moderator, reviews.c.action)))
        rows.sort(key=lambda row: (int(row.day), row.moderator, row.action))
        return pd.DataFrame(
            {
                "day": pd.DatetimeIndex([time_of(int(row.day) * DAY) for row in rows], tz="UTC"),
                "moderator": strings([row.moderator for row in rows]),
                "action": strings([row.action for row in rows]),
                "number": pd.array([row.number for row in rows], dtype="int64"),
            }
        )


def _newest_account() -> Select[Any]:
    return select(accounts).order_by(accounts.c.id.desc()).limit(1)


def _account(row: Any) -> Account:
    return Account(row.name, row.role, row.secret, row.id, time_of(row.at), row.by)
