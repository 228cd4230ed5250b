"""Tables in, rows out, and the way back; ids in, keys out."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    func,
    select,
)

from moderation import tables
from moderation.errors import StoreError
from moderation.store.records import (
    Tells,
)
from moderation.store.schema import (
    articles,
    comments,
    models,
    place_of,
    statuses,
)
from moderation.tables import ARTICLES, COMMENTS, Batch, clean_text

__all__ = [
    "CHUNK",
    "SLICE",
    "article_rows",
    "as_json",
    "audit_rank",
    "batch_at",
    "comment_rows",
    "comments_at",
    "depths_of",
    "digest_of",
    "frame_of",
    "ids_of",
    "key_of",
    "keys_of",
    "known_keys",
    "micros",
    "model_number",
    "named",
    "optional",
    "pairs_of",
    "parts",
    "plain_reason",
    "rank_of",
    "standing_statuses",
    "status_now",
    "strings",
    "time_of",
    "times_of",
]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
CHUNK: Final = 500  # ids per IN list: well under every backend's limit on bound values
SLICE: Final = 5000  # rows turned into parameters at a time, so that a large batch needs no second copy of itself

T = TypeVar("T")


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield values in lists that are short enough for one query."""
    rest = iter(values)
    while part := list(islice(rest, CHUNK)):
        yield part


def digest_of(text: str) -> bytes:
    """Return the sixteen bytes that a text is looked up by."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def audit_rank(comment_id: str) -> float:
    """Return a comment's fixed place in [0, 1), as good as random: below the audit share it is in the audit.

    >>> audit_rank("seed:1") == audit_rank("seed:1")
    True
    """
    return rank_of(digest_of(comment_id))


def rank_of(digest: bytes) -> float:
    """Return the place in [0, 1) that a digest stands for."""
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # 53 bits: the most that stay below 1.0 as a float


def micros(at: datetime) -> int:
    """Return a time in microseconds since 1970; raises `StoreError` where it has no zone."""
    if at.tzinfo is None:
        raise StoreError("store: a time has no zone; give an aware time (UTC)")
    return (at - EPOCH) // timedelta(microseconds=1)


def time_of(micros: int) -> datetime:
    """Return the time of a number of microseconds."""
    return EPOCH + timedelta(microseconds=micros)


def as_json(value: Any) -> str:
    """Return a value as JSON, the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def plain_reason(reason: Tells | Mapping[str, Any]) -> dict[str, Any]:
    """Return a reason as a mapping."""
    return dict(reason) if isinstance(reason, Mapping) else reason.to_dict()


def named(name: str) -> str:
    """Return a person's name; raises `StoreError` where it is none."""
    if not name.strip() or clean_text(name) != name:
        raise StoreError("store: the moderator's name is empty or not plain text; give another")
    return name


def strings(values: Sequence[str | None]) -> ExtensionArray:
    """Return texts as a column."""
    return pd.array(list(values), dtype=tables.STRING)


def optional(values: pd.Series) -> list[Any]:
    """Return a column as a list, missing values as None."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        micros = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]").view(np.int64).tolist()
        return [None if missing else moment for moment, missing in zip(micros, values.isna(), strict=True)]
    return [None if value is pd.NA else value for value in values.tolist()]


def times_of(values: Sequence[int | None]) -> ExtensionArray:
    """Return microseconds as a column of times."""
    moments = np.array([np.iinfo(np.int64).min if value is None else value for value in values], dtype=np.int64)
    return pd.DatetimeIndex(moments.view("datetime64[us]")).tz_localize("UTC").array


def comment_rows(frame: pd.DataFrame, source: str | None, moment: int) -> list[dict[str, Any]]:
    """Return comments as rows of their table."""
    columns = {column.name: optional(frame[column.name]) for column in COMMENTS}
    names = [*columns, "id_digest", "article_digest", "author_digest", "audit"]
    digests = [digest_of(name) for name in columns["id"]]
    derived = (
        digests,
        [None if name is None else digest_of(name) for name in columns["article_id"]],
        [None if name is None else digest_of(name) for name in columns["author"]],
        [rank_of(digest) for digest in digests],
    )
    whence = {"source": None if source is None else clean_text(source), "added_at": moment}
    return [dict(zip(names, row, strict=True)) | whence for row in zip(*columns.values(), *derived, strict=True)]


def article_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return articles as rows of their table."""
    columns = {column.name: optional(frame[column.name]) for column in ARTICLES}
    names = [*columns, "id_digest", "site", "section"]
    digests = [digest_of(name) for name in columns["id"]]
    places = [place_of(url) for url in columns["url"]]
    derived = (digests, [site for site, _ in places], [section for _, section in places])
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), *derived, strict=True)]


def frame_of(rows: Sequence[Row[Any]], columns: Sequence[tables.Column]) -> pd.DataFrame:
    """Return rows as a table of the given columns."""
    arrays: dict[str, ExtensionArray] = {}
    for column in columns:
        values = [getattr(row, column.name) for row in rows]
        if column.dtype == tables.TIME:
            arrays[column.name] = times_of(values)
        elif column.dtype == tables.WHOLE:
            arrays[column.name] = pd.array(values, dtype="Int64")
        else:
            arrays[column.name] = strings(values)
    return pd.DataFrame(arrays, copy=False)


def status_now() -> ColumnElement[str]:
    """Return the status that a comment's source gave it last, as part of a query."""
    newest = select(statuses.c.status).where(statuses.c.comment == comments.c.key).order_by(statuses.c.id.desc())
    return func.coalesce(newest.limit(1).correlate(comments).scalar_subquery(), comments.c.status)


def standing_statuses(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, tuple[int, str]]:
    """Return key and status of the comments with these digests that are there."""
    found = {}
    for part in parts(digests):
        line = select(comments.c.id_digest, comments.c.key, status_now()).where(comments.c.id_digest.in_(part))
        found.update({digest: (key, status) for digest, key, status in connection.execute(line)})
    return found


def batch_at(connection: Connection, keys: Sequence[int]) -> Batch:
    """Return the comments of these keys with their articles."""
    rows = comments_at(connection, keys)
    found: dict[bytes, Row[Any]] = {}
    wanted = list(dict.fromkeys(row.article_digest for row in rows if row.article_digest is not None))
    for part in parts(wanted):
        line = select(articles).where(articles.c.id_digest.in_(part))
        found.update({row.id_digest: row for row in connection.execute(line)})
    return Batch(frame_of(rows, COMMENTS), frame_of([found[name] for name in wanted if name in found], ARTICLES))


def comments_at(connection: Connection, keys: Sequence[int]) -> list[Row[Any]]:
    """Return the rows of these comments, in this order."""
    own = [comments.c[column.name] for column in COMMENTS if column.name != "status"]
    by_key: dict[int, Row[Any]] = {}
    for part in parts(keys):
        line = select(comments.c.key, comments.c.article_digest, *own, status_now().label("status"))
        by_key.update({row.key: row for row in connection.execute(line.where(comments.c.key.in_(part))).all()})
    return [by_key[key] for key in keys]


def depths_of(frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how deep each comment of a thread stands below the article."""
    parents = dict(zip(frame["id"], optional(frame["parent_id"]), strict=True))
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


def pairs_of(connection: Connection, line: Select[Any]) -> dict[Any, Any]:
    """Return rows of two as a dictionary."""
    return dict(tuple(row) for row in connection.execute(line))


def known_keys(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Return the keys of those ids that are there."""
    by_digest: dict[bytes, int] = {}
    digests = {name: digest_of(name) for name in ids}
    for part in parts(digests.values()):
        line = select(comments.c.id_digest, comments.c.key).where(comments.c.id_digest.in_(part))
        by_digest.update(pairs_of(connection, line))
    return {name: by_digest[digest] for name, digest in digests.items() if digest in by_digest}


def keys_of(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Return the keys of these ids; raises `StoreError` for one that is not there."""
    found = known_keys(connection, ids)
    for name in ids:
        if name not in found:
            raise StoreError(f"store: no comment {name[:80]!r}; ingest it first")
    return found


def key_of(connection: Connection, comment_id: str) -> int:
    """Return the key of an id; raises `StoreError` where it is not there."""
    return keys_of(connection, [comment_id])[comment_id]


def ids_of(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
    """Return the ids of these keys."""
    found: dict[int, str] = {}
    for part in parts(keys):
        line = select(comments.c.key, comments.c.id).where(comments.c.key.in_(part))
        found.update(pairs_of(connection, line))
    return found


def model_number(connection: Connection, version: str) -> int | None:
    """Return the number of a model's version, None where it never scored."""
    return connection.scalar(select(models.c.key).where(models.c.version == version))
