"""The tables that travel: any DataFrame in, a checked table with known columns and dtypes out.

A `Batch` is the unit of work: comments, and the articles they stand under (so that an article's text is never
repeated per comment). One comment is a batch of one. Strings are Arrow-backed, times are aware UTC, a missing value
means "not known" (never "no").
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from numbers import Number
from typing import Any, Final, TypeVar

import pandas as pd
from pandas.api.types import is_datetime64_dtype, is_numeric_dtype, pandas_dtype

from moderation.errors import TableError
from moderation.labels import LABELS

__all__ = [
    "ARTICLES",
    "COMMENTS",
    "KINDS",
    "STATUSES",
    "STRING",
    "TIME",
    "TRUTH",
    "WHOLE",
    "Batch",
    "Column",
    "batch_of",
    "clean_text",
    "conform",
    "empty",
    "native_id",
    "no_truth",
    "truth_of",
    "validate",
    "validate_scores",
    "validate_truth",
]

T = TypeVar("T")

STRING: Final = "string[pyarrow]"
TIME: Final = "datetime64[us, UTC]"
WHOLE: Final = "Int64"

TRUTH: Final = LABELS
"""What truth may be told of; a table of truth has a column for each."""
KINDS: Final = ("comment", "pingback", "trackback", "unknown")
STATUSES: Final = ("approved", "pending", "spam", "rejected", "trash", "unknown")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its dtype, what it means, and what it may hold."""

    name: str
    dtype: str
    meaning: str
    required: bool = False
    unique: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None


COMMENTS: Final[tuple[Column, ...]] = (
    Column("id", STRING, '"source:native", or a digest where the source gave none', required=True, unique=True),
    Column("article_id", STRING, "id of the article it stands under"),
    Column("parent_id", STRING, "id of the comment it answers"),
    Column("author", STRING, "name as shown; missing when the page shows none"),
    Column("author_url", STRING, "link behind the author's name"),
    Column("text", STRING, "plain text, paragraphs kept", required=True),
    Column("posted_at", TIME, "aware, UTC"),
    Column("kind", STRING, "what the source said it is", choices=KINDS, default="unknown"),
    Column("status", STRING, "what the source's moderators had decided", choices=STATUSES, default="unknown"),
    Column("position", WHOLE, "place in the thread, from 0"),
)

ARTICLES: Final[tuple[Column, ...]] = (
    Column("id", STRING, "stable name", required=True, unique=True),
    Column("url", STRING, "where it was published"),
    Column("title", STRING, "headline"),
    Column("text", STRING, "body as plain text"),
    Column("published_at", TIME, "aware, UTC"),
    Column("author", STRING, "byline"),
)


def clean_text(text: str) -> str:
    """Replace what no store can hold (NUL, lone surrogates) by U+FFFD one for one, and every line end by LF.

    Two surrogates that make a pair become the character they stand for. Every reader passes its strings through
    here, so that what one backend takes every backend takes.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if not text.isascii() and _has_surrogate(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _has_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


# The marks that part one field from the next must not occur in a field: a text could otherwise be made to share its
# digest with another comment, and would then be taken for one that is already known.
_MARKS: Final = str.maketrans({"\x1b": "\x1b[", "\x1e": "\x1b^", "\x1f": "\x1b_"})


def native_id(source: str, *parts: object) -> str:
    """Return "source:digest" for a record whose source gave it no id (`parts`: article, author, time, text)."""
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(b"\x1f" if part is None else _marked(str(part)).encode("utf-8", "replace") + b"\x1e")
    return f"{source}:{digest.hexdigest()}"


def _marked(text: str) -> str:
    # Translating looks every character up; nearly no text holds a mark.
    return text.translate(_MARKS) if "\x1b" in text or "\x1e" in text or "\x1f" in text else text


def empty(columns: Sequence[Column]) -> pd.DataFrame:
    """Return a table of no rows with all `columns`."""
    return _template(tuple(columns)).copy(deep=False)


@lru_cache(64)
def _template(columns: tuple[Column, ...]) -> pd.DataFrame:
    # Making one takes half a millisecond, and every card of the desk needs three.
    return pd.DataFrame({column.name: pd.Series([], dtype=column.dtype) for column in columns})


def conform(frame: pd.DataFrame, columns: Sequence[Column], name: str = "comments") -> pd.DataFrame:
    """Return `frame` with exactly `columns`, in order and dtype: missing columns added, foreign ones left out.

    The index is replaced by 0..n-1. A time written as text without a zone is read as UTC; a naive `datetime` is
    refused, for it is somebody's local time. Raises `TableError` where a value cannot be had in its column's dtype.
    """
    _refuse_twins(frame, columns, name)
    series: dict[str, pd.Series] = {}
    for column in columns:
        if column.name not in frame.columns:
            values = pd.Series(column.default, index=pd.RangeIndex(len(frame)), dtype=column.dtype)
        else:
            values = _cast(frame[column.name].reset_index(drop=True), column, name)
            if column.default is not None:
                values = values.fillna(column.default)
        series[column.name] = values
    return pd.DataFrame(series)


def _refuse_twins(frame: pd.DataFrame, columns: Sequence[Column], table: str) -> None:
    names = frame.columns[frame.columns.duplicated()]
    for column in columns:
        if column.name in names:
            raise TableError(f"{table}: column {column.name!r} stands there more than once; keep one of them")


def _cast(values: pd.Series, column: Column, table: str) -> pd.Series:
    dtype = pandas_dtype(column.dtype)
    if values.dtype == dtype:
        return values
    convert = {TIME: _times, WHOLE: _whole_numbers}.get(column.dtype, _strings)
    return convert(values, column, table).astype(dtype)


def _times(values: pd.Series, column: Column, table: str) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        there: pd.Series = values.dt.tz_convert("UTC")
        return there
    if is_datetime64_dtype(values.dtype) and values.notna().any():
        raise TableError(f"{table}: column {column.name!r} holds times without a zone; give aware times (UTC)")
    if values.dtype == object:
        naive = values.map(lambda value: isinstance(value, datetime) and value.tzinfo is None) & values.notna()
        _refuse(naive, table, column.name, "is a time without a zone; give aware times (UTC)")
        numbers = values.map(lambda value: isinstance(value, Number)) & values.notna()
        _refuse(numbers, table, column.name, "is a bare number; give an ISO 8601 time")
    elif is_numeric_dtype(values.dtype):  # bool too
        # A number could count seconds, milliseconds or days, from one of several beginnings.
        _refuse(values.notna(), table, column.name, "is a bare number; give an ISO 8601 time")
        values = values.astype(object)
    times = pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601")
    _refuse(times.isna() & values.notna(), table, column.name, "is not an ISO 8601 time")
    return times


def _whole_numbers(values: pd.Series, column: Column, table: str) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").astype("Float64")
    bad = (numbers.isna() & values.notna()) | (numbers % 1 != 0).fillna(False) | (numbers.abs() >= 2**53).fillna(False)
    _refuse(bad, table, column.name, "is not a whole number")
    return numbers


def _strings(values: pd.Series, column: Column, table: str) -> pd.Series:
    if values.dtype == object:
        # Left alone, a list or a mapping would be written down as Python source.
        nested = values.map(lambda value: isinstance(value, (list, tuple, set, dict, bytes, bytearray)))
        _refuse(nested, table, column.name, "is not a text; convert it first")
    try:
        return values.astype(STRING)
    except UnicodeEncodeError:
        return values.map(lambda value: clean_text(str(value)), na_action="ignore")
    except (TypeError, ValueError) as error:
        raise TableError(f"{table}: column {column.name!r} cannot be read as text; convert it first") from error


def validate(frame: pd.DataFrame, columns: Sequence[Column] = COMMENTS, name: str = "comments") -> pd.DataFrame:
    """Return `frame` unchanged if it keeps the schema; raise `TableError` naming the first bad row and column."""
    names = [column.name for column in columns]
    for missing in (column for column in names if column not in frame.columns):
        raise TableError(f"{name}: column {missing!r} is missing; columns are {', '.join(names)}")
    for foreign in (column for column in frame.columns if column not in names):
        raise TableError(f"{name}: column {str(foreign)!r} is not known; columns are {', '.join(names)}")
    _refuse_twins(frame, columns, name)
    for column in columns:
        values = frame[column.name]
        if values.dtype != pandas_dtype(column.dtype):
            raise TableError(
                f"{name}: column {column.name!r} has dtype {values.dtype}, not {column.dtype}; use tables.conform"
            )
        if column.required:
            _refuse(values.isna(), name, column.name, "is missing")
        if column.unique:
            _refuse(values.duplicated() & values.notna(), name, column.name, "repeats an earlier row's")
        if column.choices:
            allowed = ", ".join(column.choices)
            _refuse(~values.isin(column.choices), name, column.name, f"is not one of {allowed}")
        if column.dtype == STRING:
            _refuse(
                values.str.contains("\0", regex=False).fillna(False).astype(bool),
                name,
                column.name,
                "holds a NUL character; pass it through tables.clean_text",
            )
    return frame


def _refuse(bad: pd.Series, table: str, column: str, fault: str) -> None:
    flags = bad.to_numpy(dtype=bool)
    if flags.any():
        raise TableError(f"{table}: row {int(flags.argmax())}, column {column!r}: value {fault}")


def _known_empty(columns: tuple[Column, ...]) -> pd.DataFrame:
    return empty(columns)


def no_truth() -> pd.DataFrame:
    """Return a truth table of no rows: index = comment ids, a nullable column per label."""
    return _NOTHING_TOLD.copy(deep=False)


_NOTHING_TOLD: Final = pd.DataFrame(
    {label: pd.Series([], dtype="Int8") for label in LABELS}, index=pd.Index([], name="id")
)


def truth_of(columns: Mapping[str, Any], ids: Any) -> pd.DataFrame:
    """Return what those `columns` that are named as labels say: "1" is yes, "0" no, anything else not judged.

    Rows that say nothing are left out; `columns` may hold others, which are not looked at.
    """
    there = [label for label in TRUTH if label in columns]
    if not there:
        return no_truth()
    told = {label: pd.Series(columns[label], dtype=STRING).map({"1": 1, "0": 0}).astype("Int8") for label in there}
    frame = pd.DataFrame(told).reindex(columns=list(LABELS)).astype("Int8")
    frame.index = pd.Index(pd.Series(ids, dtype=STRING), name="id")
    return frame[frame.notna().any(axis=1)]


@dataclass(frozen=True, slots=True)
class Batch:
    """Comments and the articles they belong to; an article that is not here is simply not known.

    `truth` is what the source itself says of some of the comments beyond their status (a reason, a label column):
    index = comment ids, a column per label, 1 / 0 / missing. Most sources say nothing.
    """

    comments: pd.DataFrame
    articles: pd.DataFrame = field(default_factory=lambda: _known_empty(ARTICLES))
    truth: pd.DataFrame = field(default_factory=no_truth)

    def __len__(self) -> int:
        """Count the comments."""
        return len(self.comments)

    def validate(self) -> "Batch":
        """Return this batch if both tables keep their schema; raise `TableError` otherwise."""
        validate(self.comments, COMMENTS, "comments")
        validate(self.articles, ARTICLES, "articles")
        validate_truth(self.truth)
        return self


def batch_of(
    texts: Iterable[str],
    *,
    authors: Iterable[str | None] | None = None,
    article_title: str | None = None,
    article_text: str | None = None,
    ids: Iterable[str] | None = None,
    posted_at: Iterable[datetime | None] | None = None,
) -> Batch:
    """Return a batch of bare texts, all under one article if a title or text is given.

    The quickest way in for a program that holds strings; ids default to digests of author and text with a running
    number, so that equal texts stay apart.
    """
    if isinstance(texts, str):
        raise TableError("comments: texts is one string; give a list of texts")
    bodies = [clean_text(text) for text in texts]
    names = [None if name is None else clean_text(name) for name in _one_each(authors, bodies, "authors")]
    has_article = article_title is not None or article_text is not None
    title, body = (None if part is None else clean_text(part) for part in (article_title, article_text))
    article_id = native_id("article", title, body) if has_article else None
    if ids is None:
        ids = [native_id("text", name, text, i) for i, (name, text) in enumerate(zip(names, bodies, strict=True))]
    frame = pd.DataFrame(
        {
            "id": _one_each(ids, bodies, "ids"),
            "article_id": [article_id] * len(bodies),
            "author": names,
            "text": bodies,
            "posted_at": _one_each(posted_at, bodies, "posted_at"),
            "position": range(len(bodies)),
        },
    )
    articles = empty(ARTICLES)
    if has_article:
        article = pd.DataFrame({"id": [article_id], "title": [title], "text": [body]})
        articles = conform(article, ARTICLES, "articles")
    return Batch(conform(frame, COMMENTS), articles).validate()


def _one_each(values: Iterable[T | None] | None, texts: list[str], name: str) -> list[T | None]:
    found: list[T | None] = [None] * len(texts) if values is None else list(values)
    if len(found) != len(texts):
        raise TableError(f"comments: {len(found)} {name} for {len(texts)} texts; give one each")
    return found


def validate_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Return `scores` if it has one float32 column per label in order, then `model`; NaN means "not judged"."""
    expected = [*LABELS, "model"]
    if list(scores.columns) != expected:
        raise TableError(f"scores: columns are {list(scores.columns)}, not {expected}")
    for label in LABELS:
        values = scores[label]
        if str(values.dtype) != "float32":
            raise TableError(f"scores: column {label!r} has dtype {values.dtype}, not float32")
        _refuse(values.notna() & ~values.between(0.0, 1.0), "scores", label, "is outside 0..1")
    return scores


def validate_truth(truth: pd.DataFrame) -> pd.DataFrame:
    """Return `truth` if its columns are labels and its values are 1 (yes), 0 (no) or missing (not judged)."""
    for column in truth.columns:
        if column not in LABELS:
            raise TableError(f"truth: column {str(column)!r} is not a label; labels are {', '.join(LABELS)}")
        values = truth[column]
        _refuse(values.notna() & ~values.isin([0, 1]), "truth", str(column), "is not 1, 0 or missing")
    return truth
