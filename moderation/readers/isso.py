"""Isso's SQLite database in, batches out; opened for reading only, and nothing in it is run.

The file may come from anybody: it is opened immutable, what a schema could carry out (triggers, views, functions,
extensions) is refused before any row is read, and only two plain SELECTs are asked.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from moderation.errors import FormatError
from moderation.readers.formats import NO, OWN, Format, Wanted
from moderation.readers.records import batches_of_fields
from moderation.readers.source import Source
from moderation.tables import Batch

__all__ = ["ISSO"]

MAGIC: Final = b"SQLite format 3\0"
MODES: Final = {1: "approved", 2: "pending", 4: "trash"}
# What reading rows of a table asks of SQLite; whatever else a statement would do is denied.
ALLOWED: Final = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}
# A row holds a comment; this stops a file that claims to hold a gigabyte in one cell.
CELL: Final = 1 << 28

PLAIN: Final = re.compile(r"\s*CREATE\s+TABLE\b", re.IGNORECASE)
WORKED_OUT: Final = re.compile(r"\bAS\s*\(", re.IGNORECASE)
COMMENTS: Final = "SELECT tid, id, parent, created, mode, text, author, website FROM comments ORDER BY rowid"


def _claim(source: Source) -> int:
    # The words stand in the schema, which lies in the first page; a database of anything else is not ours.
    return OWN if source.head.startswith(MAGIC) and b"remote_addr" in source.head and b"tid" in source.head else NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    if not source.head.startswith(MAGIC):
        source.refuse_binary()
        raise FormatError(f"{source.name}: not an SQLite database; name another --format")
    with source.on_disk() as path:
        yield from batches_of_fields(_records(path, source, wanted), "isso", wanted, "comment")


def _records(path: Path, source: Source, wanted: Wanted) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with closing(_opened(path)) as database:
            made = dict(database.execute("SELECT name, sql FROM sqlite_schema WHERE name IN ('comments', 'threads')"))
            # A view, a virtual table or a column that is worked out could carry out what it likes.
            if len(made) != 2 or not all(
                PLAIN.match(str(sql)) and not WORKED_OUT.search(str(sql)) for sql in made.values()
            ):
                raise FormatError(f"{source.name}: holds no plain tables comments and threads; is it Isso's database?")
            threads = {row[0]: (row[1], row[2]) for row in database.execute("SELECT id, uri, title FROM threads")}
            rows = database.execute(COMMENTS)
            for number, row in enumerate(rows, 1):
                wanted.tally.records_in += 1
                yield number, _record(row, threads)
    except (sqlite3.Error, OverflowError, UnicodeError) as error:
        cause = str(error).split("\n", 1)[0][:100]
        raise FormatError(f"{source.name}: not Isso's database, or a damaged one ({cause}); copy it again") from error
    source.advance(1.0)


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
    database.text_factory = lambda content: content.decode("utf-8", "replace")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, CELL)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    database.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY)
    return database


def _record(row: tuple[Any, ...], threads: dict[Any, tuple[Any, Any]]) -> dict[str, Any]:
    thread, name, parent, created, mode, text, author, website = (
        value if isinstance(value, str | int | float) else None for value in row
    )
    address, title = (value if isinstance(value, str) else None for value in threads.get(thread, (None, None)))
    return {
        "id": name,
        "article_id": thread if address is None else address,
        "article_url": address,
        "article_title": title,
        "parent_id": parent,
        "author": author,
        "author_url": website,
        "text": text,
        "posted_at": created,
        "status": MODES.get(mode, "unknown") if isinstance(mode, int) else "unknown",
    }


ISSO: Final = Format("isso", "Isso database", (".db", ".sqlite", ".sqlite3"), _claim, _batches)
