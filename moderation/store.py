"""Tables and events in, SQLite or PostgreSQL rows and the answers to the desk's questions out.

Comments and articles are kept as they came; scores, decisions, reviews, withdrawals, statuses and job reports are
events: rows that are added and never changed, so that "latest" is a query and nothing can drift. Two tables are no
events, and each says why beside its columns: `claims`, and what is filled in on `articles`.

Every write is one transaction under one writer's lock; what a killed process leaves behind is what was committed.
"""

import hashlib
import heapq
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from math import isnan
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Double,
    Engine,
    ForeignKey,
    FromClause,
    GenerativeSelect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Select,
    SmallInteger,
    Table,
    Text,
    create_engine,
    event,
    exists,
    false,
    func,
    insert,
    inspect,
    literal,
    literal_column,
    null,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from moderation import tables
from moderation.errors import Conflict, StoreError
from moderation.labels import FLAGS, LABELS
from moderation.tables import ARTICLES, COMMENTS, Batch, clean_text, validate_scores, validate_truth

__all__ = [
    "ACTIONS",
    "AUDIT_SHARE",
    "ORDERS",
    "Added",
    "Counts",
    "Decision",
    "Job",
    "Review",
    "Store",
    "audit_rank",
]

ACTIONS: Final = ("approve", "reject", "skip")
ANSWERS: Final = ACTIONS[:2]
ORDERS: Final = ("strongest", "uncertain", "oldest", "audit")
ORIGINS: Final = ("review", "imported")
AUDIT_SHARE: Final = 0.05

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
CHUNK: Final = 500  # ids per IN list: well under every backend's limit on bound values
SLICE: Final = 5000  # rows turned into parameters at a time, so that a large batch needs no second copy of itself
FEW: Final = 20_000  # up to here, collecting the candidates and sorting them beats walking an order past the rest
WRITER: Final = 0x6D6F64657261  # names this package's writer lock among a PostgreSQL database's advisory locks


# --- Records ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Added:
    """What `add_batch` found to be new and what it knew already."""

    comments_new: int
    comments_known: int
    statuses_changed: int
    articles_new: int
    articles_known: int


@dataclass(frozen=True, slots=True)
class Review:
    """A person's answer to one comment, or (action "undo", `undoes` set) the taking back of one.

    `labels` holds what was judged: True yes, False no; a label that is missing or None was not judged.
    `seen` is the `Store.version` of the comment when the card was drawn. `token` names the act, so that the same
    act sent twice counts once.
    """

    comment_id: str
    moderator: str
    action: str
    labels: Mapping[str, bool | None]
    seen: int
    at: datetime
    lens: str = ""
    note: str = ""
    token: str = ""
    id: int | None = None
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy decided about one comment from one model's scores."""

    comment_id: str
    action: str
    reasons: list[dict[str, Any]]
    policy: str
    model: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the store holds; `scored` and `by_action` are one model's, and 0 and empty without a model."""

    comments: int
    articles: int
    scored: int
    waiting: int
    reviewed: int
    by_action: dict[str, int]
    by_label_yes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of long work and its latest report; `done` and `total` are in the job's own unit."""

    id: int
    kind: str
    arguments: dict[str, Any]
    at: datetime
    state: str = "queued"
    done: int = 0
    total: int = 0
    message: str = ""
    result: Any = None
    updated_at: datetime | None = None


class _Tells(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


# --- Tables ----------------------------------------------------------------------------------------------------------

METADATA: Final = MetaData()
KEY: Final = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER is SQLite's own row number


class _Digest(LargeBinary):
    """Sixteen bytes, handed to the driver as they are: wrapping each one took a sixth of `add_batch`."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002 -- SQLAlchemy's signature
        return None


DIGEST: Final = _Digest(16)
LAST: Final = literal_column("9223372036854775807", BigInteger)  # written out: an index expression takes no parameter

# Texts are looked up by digest: a B-tree entry must fit in a third of a page, and a hostile name need not.
# Times are microseconds since 1970, UTC: exact, ordered and the same in both databases.

comments: Final = Table(
    "comments",
    METADATA,
    Column("key", KEY, primary_key=True),
    Column("id_digest", DIGEST, nullable=False, unique=True),
    Column("id", Text, nullable=False),
    Column("article_digest", DIGEST),
    Column("article_id", Text),
    Column("parent_id", Text),
    Column("author_digest", DIGEST),
    Column("author", Text),
    Column("author_url", Text),
    Column("text", Text, nullable=False),
    Column("posted_at", BigInteger),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),  # as first seen; later ones are rows of `statuses`
    Column("position", BigInteger),
    Column("audit", Double, nullable=False),
    Column("source", Text),
    Column("added_at", BigInteger, nullable=False),
)
# A comment without a time counts as posted when it was added; one without a place stands behind those with one.
AGE: Final = func.coalesce(comments.c.posted_at, comments.c.added_at)
PLACE: Final = func.coalesce(comments.c.position, LAST)
Index("comments_in_thread", comments.c.article_digest, PLACE, comments.c.key)
Index("comments_of_author", comments.c.author_digest, AGE, comments.c.key)
Index("comments_by_age", AGE, comments.c.key)
Index("comments_for_audit", comments.c.audit, comments.c.key)

# Not an event: a later export may know what an earlier one left out, and the missing value is then filled in. A value
# that is there is never replaced.
articles: Final = Table(
    "articles",
    METADATA,
    Column("key", KEY, primary_key=True),
    Column("id_digest", DIGEST, nullable=False, unique=True),
    Column("id", Text, nullable=False),
    Column("url", Text),
    Column("title", Text),
    Column("text", Text),
    Column("published_at", BigInteger),
    Column("author", Text),
)

statuses: Final = Table(
    "statuses",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text),
    Column("at", BigInteger, nullable=False),
    Index("statuses_of_comment", "comment", "id"),
)

models: Final = Table(
    "models",
    METADATA,
    Column("key", KEY, primary_key=True),
    Column("version", Text, nullable=False, unique=True),
)

scores: Final = Table(
    "scores",
    METADATA,
    Column("model", KEY, ForeignKey("models.key"), primary_key=True, autoincrement=False),
    Column("comment", KEY, ForeignKey("comments.key"), primary_key=True, autoincrement=False),
    *(Column(label, Double) for label in LABELS),
    Column("strongest", Double),  # the highest of the flags: what "any flag" is ordered by
    Column("at", BigInteger, nullable=False),
    *(Index(f"scores_by_{label}", "model", label, "comment") for label in (*LABELS, "strongest")),
    sqlite_with_rowid=False,
)

decisions: Final = Table(
    "decisions",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("model", KEY, ForeignKey("models.key"), nullable=False),
    Column("policy", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("decisions_of_comment", "comment", "model", "id", "action", "policy"),
    Index("decisions_by_action", "model", "action", "comment"),
)

reviews: Final = Table(
    "reviews",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("moderator", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("lens", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("token", Text, unique=True),
    Column("undoes", KEY, ForeignKey("reviews.id"), unique=True),
    # +1 for an answer, -1 for its undo, else 0: a comment is answered while the sum over its events is above 0, which
    # one index answers without a flag that could be wrong.
    Column("weight", SmallInteger, nullable=False),
    Index("reviews_of_comment", "comment", "weight", "id"),
    Index("reviews_by_moderator", "moderator", "id", "weight"),
)

# Reviews that learning must forget. They stay decisions: what a site did is not undone by what it learns from it.
withdrawals: Final = Table(
    "withdrawals",
    METADATA,
    Column("review", KEY, ForeignKey("reviews.id"), primary_key=True, autoincrement=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Truth that came with a data set. A row holds only what was not known before it.
truths: Final = Table(
    "truths",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("labels", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("truths_of_comment", "comment", "id"),
)

# A ledger: every write books by how much it moved each count, in the same transaction, so that a count is a sum over
# few rows. `model` is 0 for what belongs to no model.
tally: Final = Table(
    "tally",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("model", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("change", BigInteger, nullable=False),
    Index("tally_sums", "model", "what", "change"),
)

# Not an event: who has which card open matters for two minutes and then to nobody, so a claim is overwritten and
# cleared away. It keeps two people from reading the same comment; what keeps them from both deciding it is
# `Review.seen`, and losing this table would lose nothing.
claims: Final = Table(
    "claims",
    METADATA,
    Column("comment", KEY, ForeignKey("comments.key"), primary_key=True, autoincrement=False),
    Column("moderator", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("claims_by_end", "until"),
)

jobs: Final = Table(
    "jobs",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

job_events: Final = Table(
    "job_events",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("job", KEY, ForeignKey("jobs.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("job_events_of_job", "job", "id"),
)

# This table is also the mark by which a store is known from any other database.
migrations: Final = Table(
    "moderation_migrations",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
)


# --- Migrations ------------------------------------------------------------------------------------------------------


def first_tables(connection: Connection) -> None:
    """Create every table that is not there."""
    METADATA.create_all(connection)


# Run in order, each once, each recorded by name. A name that was released is never changed. A new store gets today's
# tables from the first step, so a later step asks what is there before it alters anything.
Migration = Callable[[Connection], None]
MIGRATIONS: Final[tuple[Migration, ...]] = (first_tables,)


def _migrate(connection: Connection, steps: Sequence[Migration], place: str) -> None:
    recorded = _recorded(connection)
    _refuse_newer(recorded, steps, place)
    for number, step in enumerate(steps, 1):
        if number > len(recorded):
            step(connection)
            connection.execute(insert(migrations).values(number=number, name=step.__name__))


def _recorded(connection: Connection) -> list[str]:
    if not inspect(connection).has_table(migrations.name):
        return []
    return list(connection.scalars(select(migrations.c.name).order_by(migrations.c.number)))


def _refuse_newer(recorded: Sequence[str], steps: Sequence[Migration], place: str) -> None:
    known = [step.__name__ for step in steps]
    if list(recorded) != known[: len(recorded)]:
        raise StoreError(f"{place}: made by a newer version of this package; upgrade the package to use it")


# --- The store -------------------------------------------------------------------------------------------------------


class Store:
    """Everything the site knows, in one SQLite file or one PostgreSQL database; safe to share between threads."""

    def __init__(self, engine: Engine, place: str, timeout_s: float) -> None:
        self._engine = engine
        self._place = place
        self._timeout_s = timeout_s
        self._is_sqlite = engine.dialect.name == "sqlite"
        # What a connection's own preparation raises has not passed through SQLAlchemy.
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        # Several queries that make one answer must see one moment; SQLite's transactions do so anyway.
        self._reader = engine if self._is_sqlite else engine.execution_options(isolation_level="REPEATABLE READ")

    @classmethod
    def open(cls, url_or_path: str | Path, *, create: bool = True, timeout_s: float = 10.0) -> Self:
        """Open the store at a path, a "sqlite:///" URL or a "postgresql://" URL, and bring its tables up to date.

        A file that does not exist is made, with its folder, unless `create` is False. `timeout_s` is how long an act
        waits for another process's write. Raises `StoreError` for what cannot be opened or is not a store.
        """
        url = _url(url_or_path)
        place = str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
        if url.get_backend_name() == "sqlite":
            _prepare_file(Path(str(url.database)), create=create)
            engine = _sqlite_engine(url, timeout_s)
        else:
            engine = _postgresql_engine(url, place, timeout_s)
        store = cls(engine, place, timeout_s)
        try:
            store._prepare(create=create)
        except BaseException:
            engine.dispose()
            raise
        return store

    def close(self) -> None:
        """Close every connection; the last one of a SQLite file folds the log into it."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The store's URL, its password hidden."""
        return self._engine.url.render_as_string(hide_password=True)

    @property
    def schema_version(self) -> int:
        """The number of migrations this store has been through."""
        with self._read() as connection:
            return len(_recorded(connection))

    def _prepare(self, *, create: bool) -> None:
        with self._read() as connection:
            if not self._is_sqlite and connection.exec_driver_sql("SHOW server_encoding").scalar() != "UTF8":
                raise StoreError(
                    f"{self._place}: holds only some of the world's letters; create it with ENCODING 'UTF8'"
                )
            recorded = _recorded(connection)
            if not recorded:
                found = set(inspect(connection).get_table_names())
                # A PostgreSQL database may be shared; a SQLite file with anything in it is somebody else's.
                if found if self._is_sqlite else found & set(METADATA.tables):
                    raise StoreError(f"{self._place}: holds another program's tables; name a new file or database")
                if not create:
                    raise StoreError(f"{self._place}: is not a store yet; ingest something into it first")
            _refuse_newer(recorded, MIGRATIONS, self._place)
        if len(recorded) < len(MIGRATIONS):
            if self._is_sqlite:
                self._use_wal()
            with self._write() as connection:
                _migrate(connection, MIGRATIONS, self._place)

    def _use_wal(self) -> None:
        # Changing the journal mode wants the file alone and does not wait for it, so two processes that open a new
        # store at the same moment must take turns here.
        deadline = time.monotonic() + self._timeout_s
        bare = self._engine.execution_options(begin="")
        with self._faults():
            while True:
                try:
                    with bare.connect() as connection:
                        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                except OperationalError as error:
                    if not _code(error).startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)
                else:
                    return

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError:
            raise StoreError(f"{self._place}: every connection is in use; try again with fewer threads") from None
        except (DBAPIError, self._driver_error) as error:
            fault = _fault(error)
            if fault is None:
                raise
            # `from None`: a database's own message may quote the row that it could not take.
            raise StoreError(f"{self._place}: {fault}") from None

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._faults(), self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._faults(), self._writer.connect() as connection, connection.begin():
            if not self._is_sqlite:
                # The same rule as SQLite's: one writer at a time, so that "read, judge, write" is one step.
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(self._timeout_s * 1000)}ms'")
                connection.execute(select(func.pg_advisory_xact_lock(WRITER)))
            yield connection

    # --- Ingest

    def add_batch(self, batch: Batch, *, source: str | None = None, at: datetime) -> Added:
        """Add the comments and articles that are new; note changed statuses; change nothing else.

        A known comment keeps its text; a status that the export does not know ("unknown") changes nothing. All or
        nothing. Raises `TableError` for a batch that breaks its schema.
        """
        batch.validate()
        found = batch.comments
        moment = _micros(at)
        new = known = changed = 0
        with self._write() as connection:
            articles_new = self._add_articles(connection, batch.articles)
            for start in range(0, len(found), SLICE):
                rows = _comment_rows(found.iloc[start : start + SLICE], source, moment)
                there = _standing_statuses(connection, [row["id_digest"] for row in rows])
                fresh = [row for row in rows if row["id_digest"] not in there]
                if fresh:
                    connection.execute(insert(comments), fresh)
                changes = []
                for row in rows:
                    if row["id_digest"] in there and row["status"] != "unknown":
                        key, status = there[row["id_digest"]]
                        if status != row["status"]:
                            changes.append({"comment": key, "status": row["status"], "source": source, "at": moment})
                if changes:
                    connection.execute(insert(statuses), changes)
                new += len(fresh)
                known += len(rows) - len(fresh)
                changed += len(changes)
            _book(connection, {(0, "comments"): new, (0, "articles"): articles_new})
        return Added(new, known, changed, articles_new, len(batch.articles) - articles_new)

    def _add_articles(self, connection: Connection, found: pd.DataFrame) -> int:
        new = 0
        facts = [column.name for column in ARTICLES if column.name != "id"]
        for start in range(0, len(found), CHUNK):
            rows = _article_rows(found.iloc[start : start + CHUNK])
            wanted = [row["id_digest"] for row in rows]
            there = {
                row.id_digest: row
                for row in connection.execute(select(articles).where(articles.c.id_digest.in_(wanted)))
            }
            fresh = [row for row in rows if row["id_digest"] not in there]
            if fresh:
                connection.execute(insert(articles), fresh)
            new += len(fresh)
            for row in rows:
                old = there.get(row["id_digest"])
                if old is None:
                    continue
                gained = {fact: row[fact] for fact in facts if row[fact] is not None and getattr(old, fact) is None}
                if gained:
                    connection.execute(update(articles).where(articles.c.key == old.key).values(gained))
        return new

    def add_truth(self, truth: pd.DataFrame, *, source: str, at: datetime) -> int:
        """Add truth that came with a data set (index: comment ids; 1 yes, 0 no, missing not judged).

        Return how many comments it told something new about. Adding the same truth again adds nothing. Raises
        `StoreError` for a comment that is not in the store.
        """
        validate_truth(truth)
        moment = _micros(at)
        added = 0
        with self._write() as connection:
            ids = [str(name) for name in truth.index]
            keys = _keys(connection, ids)
            columns = {
                label: [None if pd.isna(value) else bool(value) for value in truth[label]] for label in truth.columns
            }
            for start in range(0, len(ids), CHUNK):
                part = ids[start : start + CHUNK]
                known: dict[int, dict[str, bool]] = {}
                there = select(truths.c.comment, truths.c.labels).where(
                    truths.c.comment.in_([keys[name] for name in part])
                )
                for row in connection.execute(there.order_by(truths.c.id)):
                    known.setdefault(row.comment, {}).update(json.loads(row.labels))
                rows = []
                for offset, name in enumerate(part, start):
                    was = known.setdefault(keys[name], {})
                    told = {label: values[offset] for label, values in columns.items()}
                    news = {label: yes for label, yes in told.items() if yes is not None and was.get(label) != yes}
                    if news:
                        was.update(news)
                        rows.append(
                            {"comment": keys[name], "labels": _json(news), "source": clean_text(source), "at": moment}
                        )
                if rows:
                    connection.execute(insert(truths), rows)
                added += len(rows)
        return added

    # --- Reading tables back

    def batch(self, ids: Sequence[str]) -> Batch:
        """Return these comments, in this order, with the articles they stand under.

        Raises `StoreError` for an id that is not in the store or is given twice.
        """
        with self._read() as connection:
            keys = _keys(connection, ids)
            if len(keys) != len(ids):
                raise StoreError(f"{self._place}: one comment was asked for twice; give each id once")
            return _batch(connection, [keys[name] for name in ids])

    def parents(self, batch: Batch) -> Batch:
        """Return the comments that those in `batch` answer and that are not among them: its context.

        A parent that the store does not hold is left out.
        """
        own = set(batch.comments["id"])
        wanted = [name for name in dict.fromkeys(batch.comments["parent_id"].dropna()) if name not in own]
        with self._read() as connection:
            keys = _known_keys(connection, wanted)
            return _batch(connection, [keys[name] for name in wanted if name in keys])

    def preceding(self, ids: Sequence[str], *, limit: int) -> pd.DataFrame:
        """Return what stands right before these comments in their threads, up to `limit` before each.

        In reading order, article by article, each comment once, and none of `ids` among them.
        """
        found: dict[int, tuple[bytes, int]] = {}
        with self._read() as connection:
            keys = _keys(connection, ids)
            own: dict[int, Row[Any]] = {}
            for part in _parts(keys.values()):
                line = select(comments.c.key, comments.c.article_digest, PLACE.label("place"))
                own.update({row.key: row for row in connection.execute(line.where(comments.c.key.in_(part)))})
            for key, row in own.items():
                if row.article_digest is not None:
                    before = select(comments.c.key, PLACE).where(comments.c.article_digest == row.article_digest)
                    before = before.where(tuple_(PLACE, comments.c.key) < tuple_(row.place, key))
                    before = before.order_by(PLACE.desc(), comments.c.key.desc()).limit(limit)
                    found.update({near: (row.article_digest, place) for near, place in connection.execute(before)})
            wanted = sorted(found.keys() - own.keys(), key=lambda near: (*found[near], near))
            return _frame(_comments(connection, wanted), COMMENTS)

    def thread(self, comment_id: str, *, limit: int = 200) -> pd.DataFrame:
        """Return the comments of the same article in reading order, with `depth` (0 answers the article).

        Where there are more than `limit`, those around the comment. A comment whose article is not known is alone.
        """
        with self._read() as connection:
            key = _key(connection, comment_id)
            own = connection.execute(
                select(comments.c.article_digest, PLACE.label("place")).where(comments.c.key == key)
            ).one()
            keys = [key]
            if own.article_digest is not None and limit > 1:
                here = tuple_(PLACE, comments.c.key)
                line = select(comments.c.key).where(comments.c.article_digest == own.article_digest)
                at = tuple_(own.place, key)
                before = line.where(here < at).order_by(PLACE.desc(), comments.c.key.desc()).limit(limit - 1)
                behind = line.where(here > at).order_by(PLACE, comments.c.key).limit(limit - 1)
                earlier = list(connection.scalars(before))
                later = list(connection.scalars(behind))
                # Half of the room each, and what one side does not need goes to the other.
                room = limit - 1
                take = max(room // 2, room - len(later))
                earlier = earlier[:take]
                keys = [*reversed(earlier), key, *later[: room - len(earlier)]]
            frame = _frame(_comments(connection, keys), COMMENTS)
        frame["depth"] = _depths(frame)
        return frame

    def history(self, author: str, *, limit: int = 50) -> pd.DataFrame:
        """Return what this author wrote, newest first: id, posted_at, text, action, by.

        `action` is the standing review's, else the newest decision's, else the status that the source gave; `by` is
        the moderator, the model, or "source". Both are missing where nobody has said anything.
        """
        with self._read() as connection:
            own = connection.scalars(
                select(comments.c.key)
                .where(comments.c.author_digest == _digest(author))
                .order_by(AGE.desc(), comments.c.key.desc())
                .limit(limit)
            )
            keys = list(own)
            frame = _frame(_comments(connection, keys), COMMENTS)
            told = {key: ("review", action, by) for key, action, by in _answers(connection, keys)}
            for key, action, by in _newest_decisions(connection, keys):
                told.setdefault(key, ("decision", action, by))
        status = frame["status"]
        said = [
            told.get(key, ("source", status[row], "source") if status[row] != "unknown" else ("", None, None))
            for row, key in enumerate(keys)
        ]
        return frame[["id", "posted_at", "text"]].assign(
            action=_strings([action for _, action, _ in said]), by=_strings([by for _, _, by in said])
        )

    # --- Scores and decisions

    def pending(self, model: str, *, chunk: int = 2000) -> Iterator[Batch]:
        """Yield the comments that `model` has not scored, `chunk` at a time, with their articles.

        No connection is held between chunks; comments added meanwhile are found. For parents see `parents`.
        """
        last = 0
        while True:
            with self._read() as connection:
                number = _model(connection, model)
                line = select(comments.c.key).where(comments.c.key > last)
                if number is not None:
                    line = line.where(~_has_scores(comments.c.key, number))
                keys = list(connection.scalars(line.order_by(comments.c.key).limit(chunk)))
                if not keys:
                    return
                found = _batch(connection, keys)
            last = keys[-1]
            yield found

    def add_scores(self, scored: pd.DataFrame, at: datetime) -> int:
        """Add scores (index: comment ids) and return how many were new; a second score by one model adds nothing.

        Raises `TableError` for a table that breaks its schema and `StoreError` for a comment that is not in the store.
        """
        validate_scores(scored)
        if scored["model"].isna().any():
            raise StoreError("scores: column 'model' has missing values; name the model that gave them")
        moment = _micros(at)
        added = 0
        with self._write() as connection:
            for model, part in scored.groupby("model", sort=True):
                number = self._model_or_new(connection, str(model))
                fresh = 0
                for start in range(0, len(part), SLICE):
                    fresh += _add_scores(connection, part.iloc[start : start + SLICE], number, moment)
                _book(connection, {(number, "scored"): fresh})
                added += fresh
        return added

    def scores(self, ids: Sequence[str], model: str) -> pd.DataFrame:
        """Return `model`'s scores of these comments, in this order; comments without scores have no row."""
        with self._read() as connection:
            keys = _keys(connection, ids)
            number = _model(connection, model)
            by_key = {} if number is None else _scores(connection, list(keys.values()), number)
        names = [name for name in ids if keys[name] in by_key]
        return _scores_frame(names, [by_key[keys[name]] for name in names], model)

    def undecided(self, model: str, policy: str, *, chunk: int = 2000) -> Iterator[tuple[Batch, pd.DataFrame]]:
        """Yield comments with their scores by `model` whose newest decision for it is not by `policy`."""
        last = 0
        while True:
            with self._read() as connection:
                number = _model(connection, model)
                if number is None:
                    return
                newest = _newest_decision(scores.c.comment, number, decisions.c.policy)
                line = select(scores.c.comment).where(scores.c.model == number, scores.c.comment > last)
                line = line.where(func.coalesce(newest, "") != policy).order_by(scores.c.comment).limit(chunk)
                keys = list(connection.scalars(line))
                if not keys:
                    return
                found = _batch(connection, keys)
                by_key = _scores(connection, keys, number)
            last = keys[-1]
            yield found, _scores_frame(list(found.comments["id"]), [by_key[key] for key in keys], model)

    def add_decisions(self, decided: pd.DataFrame, *, model: str, policy: str, at: datetime) -> int:
        """Add decisions (index: comment ids; columns decision, reasons) and return how many were new.

        A comment whose newest decision for `model` is by `policy` already is left as it is. Reasons are mappings, or
        tell themselves by `to_dict()`.
        """
        moment = _micros(at)
        ids = [str(name) for name in decided.index]
        actions = [str(action) for action in decided["decision"]]
        reasons = list(decided["reasons"])
        with self._write() as connection:
            keys = _keys(connection, ids)
            number = self._model_or_new(connection, model)
            standing = _decisions_now(connection, keys.values(), number)
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
                told = _json([_told(each) for each in reason])
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
            _book(connection, moved)
        return len(rows)

    def decision(self, comment_id: str, model: str | None = None) -> Decision | None:
        """Return the newest decision about a comment, by any model or by this one."""
        with self._read() as connection:
            key = _key(connection, comment_id)
            line = select(decisions, models.c.version).join(models, models.c.key == decisions.c.model)
            line = line.where(decisions.c.comment == key)
            if model is not None:
                line = line.where(models.c.version == model)
            row = connection.execute(line.order_by(decisions.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        return Decision(comment_id, row.action, json.loads(row.reasons), row.policy, row.version, _time(row.at))

    def _model_or_new(self, connection: Connection, version: str) -> int:
        number = _model(connection, version)
        if number is None:
            number = connection.execute(insert(models).values(version=version).returning(models.c.key)).scalar_one()
        return number

    # --- The queue

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
    ) -> pd.DataFrame:
        """Return the comments that await an answer, in order: id, probability (of `label`, or of the strongest flag).

        Orders: "strongest" by probability; "uncertain" by distance from `threshold`; "oldest" by age, of a label only
        what reaches `threshold`; "audit" the fixed random `audit_share` of all comments. Where there is no probability
        a person must look: such comments close the first two orders, and count as reaching every threshold.

        `actions` keeps what the newest decision says so; what is not decided yet counts as "review". `skipped_by`
        leaves out what that moderator skipped and, where `now` is given, what another one has open. `after` is the
        last id of the page before.
        """
        if order not in ORDERS:
            raise StoreError(f"queue: unknown order {order!r}; known: {', '.join(ORDERS)}")
        if label is not None and label not in LABELS:
            raise StoreError(f"queue: unknown label {label!r}; known: {', '.join(LABELS)}")
        with self._read() as connection:
            line = _Line(
                connection,
                model=_model(connection, model),
                probability=scores.c[label or "strongest"],
                whole=label is None,
                threshold=threshold,
                actions=actions,
                moderator=skipped_by,
                now=None if now is None else _micros(now),
            )
            start = None if after is None else _key(connection, after)
            match order:
                case "strongest":
                    found = line.strongest(limit, start)
                case "uncertain":
                    found = line.uncertain(limit, start)
                case "oldest":
                    found = line.oldest(limit, start)
                case _:
                    found = line.audit(limit, start, audit_share)
            ids = _ids(connection, [key for key, _ in found])
        return pd.DataFrame(
            {
                "id": _strings([ids[key] for key, _ in found]),
                "probability": np.array([np.nan if p is None else p for _, p in found], dtype=np.float32),
            }
        )

    def claim(self, comment_id: str, moderator: str, *, now: datetime, lease_s: float = 120.0) -> bool:
        """Take or renew a claim on a comment; False where somebody else's has not run out.

        One statement decides, so two who ask at once cannot both be told yes.
        """
        _moderator(moderator)
        moment = _micros(now)
        until = moment + int(lease_s * 1_000_000)
        with self._write() as connection:
            key = _key(connection, comment_id)
            connection.execute(claims.delete().where(claims.c.until <= moment, claims.c.comment != key))
            make = sqlite_insert if self._is_sqlite else postgresql_insert
            wanted = make(claims).values(comment=key, moderator=moderator, until=until)
            taken = wanted.on_conflict_do_update(
                index_elements=[claims.c.comment],
                set_={"moderator": moderator, "until": until},
                where=(claims.c.moderator == moderator) | (claims.c.until <= moment),
            )
            return connection.execute(taken.returning(claims.c.comment)).first() is not None

    def counts(self, model: str | None = None) -> Counts:
        """Count what is here, and what `model` has scored and a policy decided from that."""
        with self._read() as connection:
            number = None if model is None else _model(connection, model)
            sums = _tallied(connection, 0) | ({} if number is None else _tallied(connection, number))
        return _counts(sums)

    def recount(self, model: str | None = None) -> Counts:
        """Count everything again from the rows themselves: slow, and equal to `counts` or something is broken."""
        with self._read() as connection:
            sums: dict[str, int] = {
                "comments": _count(connection, comments),
                "articles": _count(connection, articles),
            }
            number = None if model is None else _model(connection, model)
            if number is not None:
                sums["scored"] = _count(connection, scores, scores.c.model == number)
                newest = select(func.max(decisions.c.id)).where(decisions.c.model == number)
                last = decisions.c.id.in_(newest.group_by(decisions.c.comment))
                by_action = select(decisions.c.action, func.count()).where(last).group_by(decisions.c.action)
                for action, count in connection.execute(by_action):
                    sums[f"action:{action}"] = count
            states: dict[int, dict[str, bool]] = {}
            for row in connection.execute(_standing_answers(select(reviews)).order_by(reviews.c.id)):
                states.setdefault(row.comment, {}).update(json.loads(row.labels))
            sums["reviewed"] = len(states)
            for label in LABELS:
                sums[f"yes:{label}"] = sum(state.get(label) is True for state in states.values())
        return _counts(sums)

    # --- Reviews

    def version(self, comment_id: str) -> int:
        """Return the id of the comment's newest review event, 0 if there is none: what a card was drawn for."""
        with self._read() as connection:
            return _version(connection, _key(connection, comment_id))

    def add_review(self, review: Review) -> Review:
        """Add an answer and return it with its id; the same token twice is the same answer.

        Raises `Conflict` where the comment has had a review event since the card was drawn (`review.seen`), and
        `StoreError` for an unknown comment, action or label.
        """
        labels = _answered(review)
        with self._write() as connection:
            key = _key(connection, review.comment_id)
            token = clean_text(review.token) or None
            if token is not None:
                earlier = connection.execute(_review_rows().where(reviews.c.token == token)).first()
                if earlier is not None:
                    same = earlier.comment == key and earlier.moderator == review.moderator
                    if not same or earlier.undoes is not None:
                        raise Conflict("review: its token was used for another act; draw the card again")
                    return _review(earlier)
            version = _version(connection, key)
            if version != review.seen:
                raise Conflict(f"review: the comment was answered meanwhile (event {version}); draw the card again")
            kept = replace(
                review, labels=labels, lens=clean_text(review.lens), note=clean_text(review.note), undoes=None
            )
            number = _add_event(connection, key, kept, token, weight=int(review.action in ANSWERS))
            connection.execute(claims.delete().where(claims.c.comment == key))
        return replace(kept, token=token or "", id=number)

    def undo(self, moderator: str, *, at: datetime, token: str = "") -> Review | None:
        """Take back this moderator's latest act (an answer or a skip) and return the event that does so.

        None if nothing is left to take back. Called again it takes back the act before; the same token twice takes
        back once.
        """
        _moderator(moderator)
        with self._write() as connection:
            name = clean_text(token) or None
            if name is not None:
                earlier = connection.execute(_review_rows().where(reviews.c.token == name)).first()
                if earlier is not None:
                    if earlier.moderator != moderator or earlier.undoes is None:
                        raise Conflict("undo: its token was used for another act; try again")
                    return _review(earlier)
            mine = _review_rows().where(reviews.c.moderator == moderator, reviews.c.undoes.is_(None), ~_undone(reviews))
            last = connection.execute(mine.order_by(reviews.c.id.desc()).limit(1)).first()
            if last is None:
                return None
            seen = _version(connection, last.comment)
            back = Review(last.comment_id, moderator, "undo", {}, seen, at, token=name or "", undoes=last.id)
            return replace(back, id=_add_event(connection, last.comment, back, name, weight=-last.weight))

    def reviews(
        self,
        *,
        standing: bool = True,
        moderator: str | None = None,
        comment_id: str | None = None,
        limit: int | None = None,
    ) -> list[Review]:
        """Return each comment's standing answer, or (`standing=False`) every review event, newest first."""
        line = _review_rows()
        with self._read() as connection:
            if standing:
                newer = reviews.alias()
                superseded = exists().where(
                    newer.c.comment == reviews.c.comment,
                    newer.c.weight == 1,
                    newer.c.id > reviews.c.id,
                    ~_undone(newer),
                )
                line = _standing_answers(line).where(~superseded)
            if moderator is not None:
                line = line.where(reviews.c.moderator == moderator)
            if comment_id is not None:
                line = line.where(reviews.c.comment == _key(connection, comment_id))
            return [_review(row) for row in connection.execute(line.order_by(reviews.c.id.desc()).limit(limit))]

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
        moment = _micros(at)
        added = 0
        with self._write() as connection:
            for part in _parts(wanted):
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
                answers = _standing_answers(select(reviews.c.comment, reviews.c.labels)).where(~forgotten)
                for row in connection.execute(answers.order_by(reviews.c.id)):
                    labels = json.loads(row.labels)
                    if labels:
                        known.setdefault(row.comment, {}).update(labels)
                        reviewed.add(row.comment)
            keys = sorted(known)
            facts: dict[int, Row[Any]] = {}
            for part in _parts(keys):
                line = select(comments.c.key, comments.c.id, comments.c.audit, comments.c.article_id, comments.c.author)
                facts.update({row.key: row for row in connection.execute(line.where(comments.c.key.in_(part)))})
        frame = pd.DataFrame(
            {label: pd.array([known[key].get(label) for key in keys], dtype="Int8") for label in LABELS},
            index=pd.Index(_strings([facts[key].id for key in keys]), name="id"),
        )
        return frame.assign(
            origin=_strings(["review" if key in reviewed else "imported" for key in keys]),
            audit=np.array([facts[key].audit < audit_share for key in keys], dtype=bool),
            article_id=_strings([facts[key].article_id for key in keys]),
            author=_strings([facts[key].author for key in keys]),
        )

    def verdicts(self, *, decided_by_policy: bool = False) -> pd.DataFrame:
        """Return what was decided about comments, for the systems that they came from.

        Index: comment ids. Columns: action ("approve" or "reject"), spam (whether that is why), by ("people" or
        "policy"). People's standing answers; of comments that have none, the newest decision of a policy, if it was to
        allow or to reject, and only if that is asked for.
        """
        found: dict[int, tuple[str, bool, str]] = {}
        spam: dict[int, bool] = {}
        with self._read() as connection:
            line = _standing_answers(select(reviews.c.comment, reviews.c.action, reviews.c.labels))
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
            ids = _ids(connection, keys)
        return pd.DataFrame(
            {
                "action": _strings([found[key][0] for key in keys]),
                "spam": np.array([found[key][1] for key in keys], dtype=bool),
                "by": _strings([found[key][2] for key in keys]),
            },
            index=pd.Index(_strings([ids[key] for key in keys]), name="id"),
        )

    # --- Jobs

    def add_job(self, kind: str, arguments: Mapping[str, Any], at: datetime) -> int:
        """Add a piece of long work and return its id; `arguments` must be writable as JSON."""
        row = {"kind": kind, "arguments": _json(dict(arguments)), "at": _micros(at)}
        with self._write() as connection:
            return int(connection.execute(insert(jobs).values(row).returning(jobs.c.id)).scalar_one())

    def report_job(
        self, job_id: int, *, state: str, done: int, total: int, message: str, result: Any = None, at: datetime
    ) -> None:
        """Add a report on a job; its latest one is its state. Raises `StoreError` for an unknown job."""
        row = {
            "job": job_id,
            "state": state,
            "done": done,
            "total": total,
            "message": clean_text(message),
            "result": _json(result),
            "at": _micros(at),
        }
        with self._write() as connection:
            if connection.scalar(select(jobs.c.id).where(jobs.c.id == job_id)) is None:
                raise StoreError(f"{self._place}: no job {job_id}; see the list of jobs")
            connection.execute(insert(job_events).values(row))

    def job(self, job_id: int) -> Job | None:
        """Return one job with its latest report, None if there is no such job."""
        with self._read() as connection:
            row = connection.execute(_job_rows().where(jobs.c.id == job_id)).first()
        return None if row is None else _job(row)

    def jobs(self, limit: int = 20) -> list[Job]:
        """Return the latest jobs, newest first."""
        with self._read() as connection:
            return [_job(row) for row in connection.execute(_job_rows().order_by(jobs.c.id.desc()).limit(limit))]


# --- Opening ---------------------------------------------------------------------------------------------------------


def _url(url_or_path: str | Path) -> URL:
    text = str(url_or_path)
    if isinstance(url_or_path, Path) or "://" not in text:
        return _file_url(text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text may hold a password, so the message must not hold the text.
        raise StoreError("store: the URL cannot be read; write sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    match url.drivername:
        case "sqlite":
            if url.query:
                raise StoreError("store: a SQLite URL takes no options; write sqlite:///FILE")
            return _file_url(url.database or "")
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise StoreError(f"store: unknown database {other!r}; known: sqlite, postgresql")


def _file_url(name: str) -> URL:
    if name in {"", ":memory:"} or "\0" in name:
        raise StoreError(f"store: {name!r} names no file; a store is a file or a PostgreSQL database")
    return URL.create("sqlite", database=str(Path(name).expanduser().absolute()))


def _prepare_file(path: Path, *, create: bool) -> None:
    try:
        if path.is_dir():
            raise StoreError(f"{path}: is a folder; name a file in it")
        if path.exists():
            if not path.is_file():
                raise StoreError(f"{path}: is no regular file; name one")
        elif not create:
            raise StoreError(f"{path}: does not exist; ingest something to make it, or name another file")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be reached ({error.strerror}); name a place you may write to") from error


def _sqlite_engine(url: URL, timeout_s: float) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": timeout_s},
        pool_size=8,
        max_overflow=24,
        pool_timeout=timeout_s,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions: `begin` below does
        cursor = connection.cursor()
        for pragma in ("foreign_keys=ON", "synchronous=FULL", "cache_size=-65536"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get("begin", "BEGIN")
        if statement:
            connection.exec_driver_sql(statement)

    return engine


def _postgresql_engine(url: URL, place: str, timeout_s: float) -> Engine:
    try:
        return create_engine(
            url,
            hide_parameters=True,
            connect_args={"connect_timeout": max(2, int(timeout_s)), "client_encoding": "utf8"},
            pool_pre_ping=True,
            pool_timeout=timeout_s,
        )
    except (ModuleNotFoundError, NoSuchModuleError):
        raise StoreError(
            f"{place}: the PostgreSQL driver is missing; pip install 'comment-moderation[postgres]'"
        ) from None


# What went wrong, by the start of SQLite's error name or of PostgreSQL's SQLSTATE, and what to do about it.
FAULTS: Final = (
    (("SQLITE_FULL", "53100"), "the disk is full and nothing of this act was kept; free some space and try again"),
    (("SQLITE_BUSY", "SQLITE_LOCKED", "55P03"), "is locked by another process; let that one finish and try again"),
    (("SQLITE_NOTADB",), "is not a SQLite file; name a new file, or ingest this one"),
    (("SQLITE_CORRUPT",), "is damaged; restore it from a copy"),
    (("SQLITE_CANTOPEN",), "cannot be opened; check that the folder is there and may be written to"),
    (("SQLITE_READONLY", "25006", "42501"), "may not be written to; change its permissions or name another"),
    (("SQLITE_IOERR", "58030"), "could not be read or written and nothing of this act was kept; check the disk"),
    (("SQLITE_TOOBIG", "54000"), "a text is larger than the database takes; shorten it"),
    (("28",), "the user or password is refused; check the URL"),
    (("3D000",), "no such database; create it first"),
    (("53300",), "the server takes no more connections; try again later"),
)


def _code(error: Exception) -> str:
    origin = error.orig if isinstance(error, DBAPIError) else error
    return getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None) or ""


def _fault(error: Exception) -> str | None:
    code = _code(error)
    for starts, fault in FAULTS:
        if code.startswith(starts):
            return fault
    origin = error.orig if isinstance(error, DBAPIError) else error
    kinds = {kind.__name__ for kind in type(origin).__mro__}
    if kinds & {"OperationalError", "InternalError"} and code != "SQLITE_ERROR":
        if code:
            return f"failed ({code}); see the database's log"
        return "cannot be reached; check that the server runs, and the host and port of the URL"
    return None  # a fault of this package: it must be seen whole


# --- Rows and frames -------------------------------------------------------------------------------------------------

T = TypeVar("T")


def _parts(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while part := list(islice(rest, CHUNK)):
        yield part


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def audit_rank(comment_id: str) -> float:
    """Return a comment's fixed place in [0, 1), as good as random: below the audit share it is in the audit.

    >>> audit_rank("seed:1") == audit_rank("seed:1")
    True
    """
    return _rank(_digest(comment_id))


def _rank(digest: bytes) -> float:
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # 53 bits: the most that stay below 1.0 as a float


def _micros(at: datetime) -> int:
    if at.tzinfo is None:
        raise StoreError("store: a time has no zone; give an aware time (UTC)")
    return (at - EPOCH) // timedelta(microseconds=1)


def _time(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _told(reason: _Tells | Mapping[str, Any]) -> dict[str, Any]:
    return dict(reason) if isinstance(reason, Mapping) else reason.to_dict()


def _moderator(name: str) -> str:
    if not name.strip() or clean_text(name) != name:
        raise StoreError("store: the moderator's name is empty or not plain text; give another")
    return name


def _strings(values: Sequence[str | None]) -> ExtensionArray:
    return pd.array(list(values), dtype=tables.STRING)


def _optional(values: pd.Series) -> list[Any]:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        micros = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]").view(np.int64).tolist()
        return [None if missing else moment for moment, missing in zip(micros, values.isna(), strict=True)]
    return [None if value is pd.NA else value for value in values.tolist()]


def _times(values: Sequence[int | None]) -> ExtensionArray:
    moments = np.array([np.iinfo(np.int64).min if value is None else value for value in values], dtype=np.int64)
    return pd.DatetimeIndex(moments.view("datetime64[us]")).tz_localize("UTC").array


def _comment_rows(frame: pd.DataFrame, source: str | None, moment: int) -> list[dict[str, Any]]:
    columns = {column.name: _optional(frame[column.name]) for column in COMMENTS}
    names = [*columns, "id_digest", "article_digest", "author_digest", "audit"]
    digests = [_digest(name) for name in columns["id"]]
    derived = (
        digests,
        [None if name is None else _digest(name) for name in columns["article_id"]],
        [None if name is None else _digest(name) for name in columns["author"]],
        [_rank(digest) for digest in digests],
    )
    whence = {"source": None if source is None else clean_text(source), "added_at": moment}
    return [dict(zip(names, row, strict=True)) | whence for row in zip(*columns.values(), *derived, strict=True)]


def _article_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {column.name: _optional(frame[column.name]) for column in ARTICLES}
    names = [*columns, "id_digest"]
    digests = [_digest(name) for name in columns["id"]]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), digests, strict=True)]


def _frame(rows: Sequence[Row[Any]], columns: Sequence[tables.Column]) -> pd.DataFrame:
    arrays: dict[str, ExtensionArray] = {}
    for column in columns:
        values = [getattr(row, column.name) for row in rows]
        if column.dtype == tables.TIME:
            arrays[column.name] = _times(values)
        elif column.dtype == tables.WHOLE:
            arrays[column.name] = pd.array(values, dtype="Int64")
        else:
            arrays[column.name] = _strings(values)
    return pd.DataFrame(arrays, copy=False)


def _status_now() -> ColumnElement[str]:
    newest = select(statuses.c.status).where(statuses.c.comment == comments.c.key).order_by(statuses.c.id.desc())
    return func.coalesce(newest.limit(1).correlate(comments).scalar_subquery(), comments.c.status)


def _standing_statuses(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, tuple[int, str]]:
    found = {}
    for part in _parts(digests):
        line = select(comments.c.id_digest, comments.c.key, _status_now()).where(comments.c.id_digest.in_(part))
        found.update({digest: (key, status) for digest, key, status in connection.execute(line)})
    return found


def _batch(connection: Connection, keys: Sequence[int]) -> Batch:
    rows = _comments(connection, keys)
    found: dict[bytes, Row[Any]] = {}
    wanted = list(dict.fromkeys(row.article_digest for row in rows if row.article_digest is not None))
    for part in _parts(wanted):
        line = select(articles).where(articles.c.id_digest.in_(part))
        found.update({row.id_digest: row for row in connection.execute(line)})
    return Batch(_frame(rows, COMMENTS), _frame([found[name] for name in wanted if name in found], ARTICLES))


def _comments(connection: Connection, keys: Sequence[int]) -> list[Row[Any]]:
    own = [comments.c[column.name] for column in COMMENTS if column.name != "status"]
    by_key: dict[int, Row[Any]] = {}
    for part in _parts(keys):
        line = select(comments.c.key, comments.c.article_digest, *own, _status_now().label("status"))
        by_key.update({row.key: row for row in connection.execute(line.where(comments.c.key.in_(part))).all()})
    return [by_key[key] for key in keys]


def _depths(frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    parents = dict(zip(frame["id"], _optional(frame["parent_id"]), strict=True))
    depths: dict[str | None, int] = {}
    for name in parents:
        chain: dict[str, None] = {}  # an ordered set: an export may well say that two comments answer each other
        at: str | None = name
        while at is not None and at in parents and at not in depths and at not in chain:
            chain[at] = None
            at = parents[at]
        first = depths.get(at, -1) + 1
        depths.update({link: first + place for place, link in enumerate(reversed(chain))})
    return np.array([depths[name] for name in parents], dtype=np.int64)


# --- Keys ------------------------------------------------------------------------------------------------------------


def _pairs(connection: Connection, line: Select[Any]) -> dict[Any, Any]:
    return dict(tuple(row) for row in connection.execute(line))


def _known_keys(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    by_digest: dict[bytes, int] = {}
    digests = {name: _digest(name) for name in ids}
    for part in _parts(digests.values()):
        line = select(comments.c.id_digest, comments.c.key).where(comments.c.id_digest.in_(part))
        by_digest.update(_pairs(connection, line))
    return {name: by_digest[digest] for name, digest in digests.items() if digest in by_digest}


def _keys(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    found = _known_keys(connection, ids)
    for name in ids:
        if name not in found:
            raise StoreError(f"store: no comment {name[:80]!r}; ingest it first")
    return found


def _key(connection: Connection, comment_id: str) -> int:
    return _keys(connection, [comment_id])[comment_id]


def _ids(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for part in _parts(keys):
        line = select(comments.c.key, comments.c.id).where(comments.c.key.in_(part))
        found.update(_pairs(connection, line))
    return found


def _model(connection: Connection, version: str) -> int | None:
    return connection.scalar(select(models.c.key).where(models.c.version == version))


# --- Scores and decisions --------------------------------------------------------------------------------------------


def _add_scores(connection: Connection, frame: pd.DataFrame, model: int, moment: int) -> int:
    ids = [str(name) for name in frame.index]
    keys = _keys(connection, ids)
    there: set[int] = set()
    for part in _parts(keys.values()):
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


def _scores(connection: Connection, keys: Sequence[int], model: int) -> dict[int, tuple[float | None, ...]]:
    found: dict[int, tuple[float | None, ...]] = {}
    for part in _parts(keys):
        line = select(scores.c.comment, *(scores.c[label] for label in LABELS))
        for key, *row in connection.execute(line.where(scores.c.model == model, scores.c.comment.in_(part))):
            found[key] = tuple(row)
    return found


def _scores_frame(names: Sequence[str], rows: Sequence[tuple[float | None, ...]], model: str) -> pd.DataFrame:
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(LABELS)).astype(np.float32)
    frame = pd.DataFrame(values, columns=list(LABELS), index=pd.Index(_strings(names), name="id"))
    return frame.assign(model=_strings([model] * len(names)))


def _has_scores(key: ColumnElement[int], model: int) -> ColumnElement[bool]:
    return exists().where(scores.c.model == model, scores.c.comment == key)


def _newest_decision(key: ColumnElement[int], model: int, what: ColumnElement[str]) -> ColumnElement[str]:
    line = select(what).where(decisions.c.comment == key, decisions.c.model == model)
    return line.order_by(decisions.c.id.desc()).limit(1).scalar_subquery()


def _decisions_now(connection: Connection, keys: Iterable[int], model: int) -> dict[int, tuple[str, str]]:
    found = {}
    for part in _parts(keys):
        line = select(decisions.c.comment, decisions.c.action, decisions.c.policy)
        line = line.where(decisions.c.model == model, decisions.c.comment.in_(part)).order_by(decisions.c.id)
        found.update({key: (action, policy) for key, action, policy in connection.execute(line)})
    return found


def _newest_decisions(connection: Connection, keys: Sequence[int]) -> Iterator[tuple[int, str, str]]:
    for part in _parts(keys):
        newest = select(func.max(decisions.c.id)).where(decisions.c.comment.in_(part)).group_by(decisions.c.comment)
        line = select(decisions.c.comment, decisions.c.action, models.c.version).join(models)
        for row in connection.execute(line.where(decisions.c.id.in_(newest))):
            yield row.comment, row.action, row.version


Place = tuple[int, float | None]  # a comment's key and its probability


class _Line:
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
    ) -> None:
        self._connection = connection
        self._model = model
        self._p = probability
        self._whole = whole
        self._threshold = threshold
        self._actions = actions
        self._moderator = moderator
        self._now = now

    def strongest(self, limit: int, after: int | None) -> list[Place]:
        reached = self._probability(after)
        if after is not None and reached is None:
            return self._unjudged(limit, after)
        line = self._judged()
        if reached is not None:
            line = line.where(tuple_(self._p, scores.c.comment) < _values(reached, after))
        found = self._fetch(line, limit, self._p, scores.c.comment, downwards=True)
        return found + self._unjudged(limit - len(found), None)

    def uncertain(self, limit: int, after: int | None) -> list[Place]:
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
        line = self._all().where(comments.c.audit < share)
        if after is not None:
            rank = self._connection.scalar(select(comments.c.audit).where(comments.c.key == after))
            line = line.where(tuple_(comments.c.audit, comments.c.key) > _values(rank, after))
        return self._fetch(line, limit, comments.c.audit, comments.c.key)

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
                line = line.where(~_has_scores(comments.c.key, self._model))
            found += self._fetch(line, limit, comments.c.key)
        return sorted(found)[:limit]

    @cached_property
    def _sums(self) -> dict[str, int]:
        own = {} if self._model is None else _tallied(self._connection, self._model)
        return own | _tallied(self._connection, 0, "comments")

    @property
    def _unscored(self) -> int:
        return self._sums.get("comments", 0) - self._sums.get("scored", 0)

    @property
    def _undecided(self) -> int:
        decided = sum(count for what, count in self._sums.items() if what.startswith("action:"))
        return self._sums.get("comments", 0) - decided

    def _judged(self) -> Select[Any]:
        # Without a model there is no row with its number, so nothing is judged.
        return select(scores.c.comment, self._p).where(scores.c.model == (self._model or 0), self._p.is_not(None))

    def _all(self) -> Select[Any]:
        return select(comments.c.key, null() if self._model is None else self._p_of(comments.c.key))

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
        # With everything decided, "what the policy sends to review" is a short list found by index. Walking the order
        # would pass all that it lets through, each time, once the list is worked off.
        if self._actions is not None and self._model and not ("review" in self._actions and self._undecided):
            few = select(decisions.c.comment).where(decisions.c.model == self._model)
            few = few.where(decisions.c.action.in_(self._actions))
        if few is None:
            return None
        bounded = select(func.count()).select_from(few.limit(FEW + 1).subquery())
        return few if (self._connection.scalar(bounded) or 0) <= FEW else None

    def _conditions(self, key: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        answers = select(func.sum(reviews.c.weight)).where(reviews.c.comment == key).scalar_subquery()
        yield func.coalesce(answers, 0) <= 0
        if self._actions is not None:
            if self._model is not None:
                action = _newest_decision(key, self._model, decisions.c.action)
                yield func.coalesce(action, "review").in_(self._actions)
            elif "review" not in self._actions:
                yield false()
        if self._moderator is not None:
            skips = reviews.alias()
            yield ~exists().where(
                skips.c.comment == key,
                skips.c.weight == 0,
                skips.c.action == "skip",
                skips.c.moderator == self._moderator,
                ~_undone(skips),
            )
        if self._now is not None:
            taken = exists().where(claims.c.comment == key, claims.c.until > self._now)
            yield ~(taken if self._moderator is None else taken.where(claims.c.moderator != self._moderator))


def _values(first: float | None, key: int | None) -> ColumnElement[Any]:
    return tuple_(literal(first), literal(key, BigInteger))


# --- Counts ----------------------------------------------------------------------------------------------------------


def _book(connection: Connection, moved: Mapping[tuple[int, str], int]) -> None:
    rows = [{"model": model, "what": what, "change": change} for (model, what), change in moved.items() if change]
    if rows:
        connection.execute(insert(tally), rows)


def _tallied(connection: Connection, model: int, *only: str) -> dict[str, int]:
    line = select(tally.c.what, func.sum(tally.c.change)).where(tally.c.model == model)
    if only:
        line = line.where(tally.c.what.in_(only))
    return {what: int(total) for what, total in connection.execute(line.group_by(tally.c.what))}


def _count(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def _counts(sums: Mapping[str, int]) -> Counts:
    total, reviewed = sums.get("comments", 0), sums.get("reviewed", 0)
    booked = ((what.partition(":"), count) for what, count in sums.items() if count)
    actions = {name: count for (kind, _, name), count in booked if kind == "action"}
    return Counts(
        comments=total,
        articles=sums.get("articles", 0),
        scored=sums.get("scored", 0),
        waiting=total - reviewed,
        reviewed=reviewed,
        by_action=dict(sorted(actions.items())),
        by_label_yes={label: sums.get(f"yes:{label}", 0) for label in LABELS},
    )


# --- Reviews ---------------------------------------------------------------------------------------------------------


def _answered(review: Review) -> dict[str, bool | None]:
    _moderator(review.moderator)
    if review.action not in ACTIONS:
        raise StoreError(f"review: unknown action {review.action!r}; known: {', '.join(ACTIONS)}")
    for label, yes in review.labels.items():
        if label not in LABELS:
            raise StoreError(f"review: unknown label {label!r}; known: {', '.join(LABELS)}")
        if yes is not None and not isinstance(yes, bool):
            raise StoreError(f"review: label {label!r} is neither True, False nor None; give one of them")
    return {label: review.labels[label] for label in LABELS if review.labels.get(label) is not None}


def _undone(table: FromClause) -> ColumnElement[bool]:
    undo = reviews.alias()
    return exists().where(undo.c.undoes == table.c.id)


def _standing_answers(line: Select[Any]) -> Select[Any]:
    return line.where(reviews.c.weight == 1, ~_undone(reviews))


def _answers(connection: Connection, keys: Sequence[int]) -> Iterator[tuple[int, str, str]]:
    for part in _parts(keys):
        line = _standing_answers(select(reviews.c.comment, reviews.c.action, reviews.c.moderator))
        for row in connection.execute(line.where(reviews.c.comment.in_(part)).order_by(reviews.c.id)):
            yield row.comment, row.action, row.moderator


def _version(connection: Connection, key: int) -> int:
    return connection.scalar(select(func.max(reviews.c.id)).where(reviews.c.comment == key)) or 0


def _state(connection: Connection, key: int) -> dict[str, int]:
    line = _standing_answers(select(reviews.c.labels)).where(reviews.c.comment == key).order_by(reviews.c.id)
    answers = list(connection.scalars(line))
    known: dict[str, bool] = {}
    for labels in answers:
        known.update(json.loads(labels))
    return {"reviewed": int(bool(answers))} | {f"yes:{label}": int(yes) for label, yes in known.items()}


def _add_event(connection: Connection, key: int, review: Review, token: str | None, *, weight: int) -> int:
    row = {
        "comment": key,
        "moderator": review.moderator,
        "action": review.action,
        "labels": _json(dict(review.labels)),
        "seen": review.seen,
        "at": _micros(review.at),
        "lens": review.lens,
        "note": review.note,
        "token": token,
        "undoes": review.undoes,
        "weight": weight,
    }
    before = _state(connection, key)
    number = connection.execute(insert(reviews).values(row).returning(reviews.c.id)).scalar_one()
    after = _state(connection, key)
    _book(connection, {(0, what): after.get(what, 0) - before.get(what, 0) for what in before | after})
    return int(number)


def _review_rows() -> Select[Any]:
    return select(reviews, comments.c.id.label("comment_id")).join(comments, comments.c.key == reviews.c.comment)


def _review(row: Row[Any]) -> Review:
    return Review(
        comment_id=row.comment_id,
        moderator=row.moderator,
        action=row.action,
        labels=json.loads(row.labels),
        seen=row.seen,
        at=_time(row.at),
        lens=row.lens,
        note=row.note,
        token=row.token or "",
        id=row.id,
        undoes=row.undoes,
    )


# --- Jobs ------------------------------------------------------------------------------------------------------------


def _job_rows() -> Select[Any]:
    newest = select(func.max(job_events.c.id)).where(job_events.c.job == jobs.c.id).correlate(jobs).scalar_subquery()
    report = (job_events.c[name] for name in ("state", "done", "total", "message", "result"))
    line = select(jobs, *report, job_events.c.at.label("updated_at"))
    return line.join(job_events, job_events.c.id == newest, isouter=True)


def _job(row: Row[Any]) -> Job:
    job = Job(row.id, row.kind, json.loads(row.arguments), _time(row.at))
    if row.state is None:
        return job
    return replace(
        job,
        state=row.state,
        done=row.done,
        total=row.total,
        message=row.message,
        result=json.loads(row.result),
        updated_at=_time(row.updated_at),
    )
