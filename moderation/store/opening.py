"""A path or URL in, an open database with one writer at a time out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from moderation.errors import StoreError
from moderation.store.schema import METADATA, MIGRATIONS, migrate, recorded_steps, refuse_newer
from moderation.store.searches import Searches

__all__ = ["Opened"]

WRITER: Final = 0x6D6F64657261  # names this package's writer lock among a PostgreSQL database's advisory locks


class Opened:
    """Everything the site knows, in one SQLite file or one PostgreSQL database; safe to share between threads."""

    def __init__(self, engine: Engine, place: str, timeout_s: float) -> None:
        self._engine = engine
        self._place = place
        self._timeout_s = timeout_s
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._searches = Searches()
        self._histograms: dict[tuple[int, str, int, int], list[int]] = {}
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
        url = url_of(url_or_path)
        place = str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
        if url.get_backend_name() == "sqlite":
            prepare_file(Path(str(url.database)), create=create)
            engine = sqlite_engine(url, timeout_s)
        else:
            engine = postgresql_engine(url, place, timeout_s)
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
            return len(recorded_steps(connection))

    def _prepare(self, *, create: bool) -> None:
        with self._read() as connection:
            if not self._is_sqlite and connection.exec_driver_sql("SHOW server_encoding").scalar() != "UTF8":
                raise StoreError(
                    f"{self._place}: holds only some of the world's letters; create it with ENCODING 'UTF8'"
                )
            recorded = recorded_steps(connection)
            if not recorded:
                found = set(inspect(connection).get_table_names())
                # A PostgreSQL database may be shared; a SQLite file with anything in it is somebody else's.
                if found if self._is_sqlite else found & set(METADATA.tables):
                    raise StoreError(f"{self._place}: holds another program's tables; name a new file or database")
                if not create:
                    raise StoreError(f"{self._place}: is not a store yet; ingest something into it first")
            refuse_newer(recorded, MIGRATIONS, self._place)
        if len(recorded) < len(MIGRATIONS):
            if self._is_sqlite:
                self._use_wal()
            with self._write() as connection:
                migrate(connection, MIGRATIONS, self._place)

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
                    if not code_of(error).startswith("SQLITE_BUSY") or time.monotonic() > deadline:
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
            fault = fault_of(error)
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


# --- Opening ---------------------------------------------------------------------------------------------------------


def url_of(url_or_path: str | Path) -> URL:
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


def prepare_file(path: Path, *, create: bool) -> None:
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


def sqlite_engine(url: URL, timeout_s: float) -> Engine:
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


def postgresql_engine(url: URL, place: str, timeout_s: float) -> Engine:
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


def code_of(error: Exception) -> str:
    origin = error.orig if isinstance(error, DBAPIError) else error
    return getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None) or ""


def fault_of(error: Exception) -> str | None:
    code = code_of(error)
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
