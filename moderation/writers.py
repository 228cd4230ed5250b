"""Tables in, files that other systems take back out; a file is there whole or not at all.

Rows are written as they come, so a table may be larger than memory. They go to a file beside the target that takes its
name when everything is written and on the disk: whoever looks at the target sees the old file or the new one, after a
crash or a full disk too.
"""

import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moderation.errors import FormatError, InputError
from moderation.labels import LABELS
from moderation.tables import ARTICLES, COMMENTS, STRING, TIME, TRUTH, WHOLE, Batch

__all__ = [
    "INLINE",
    "QUOTED",
    "SCORES",
    "STDOUT",
    "SUFFIXES",
    "TableWriter",
    "Written",
    "harmless",
    "inline",
    "write_comments",
    "write_scores",
]

STDOUT: Final = "-"
SCORES: Final = pa.schema(
    [
        ("id", pa.string()),
        *((label, pa.float32()) for label in LABELS),
        ("decision", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("model", pa.string()),
    ]
)
"""What a table of scores holds, in order; the labels' columns are probabilities, missing where not judged."""
BETWEEN: Final = " | "
# Rows are written to Parquet by so many, or when they take up so much.
GROUP_ROWS, GROUP_BYTES = 1 << 14, 1 << 25
# Columns in which hardly a value comes twice.
UNLIKE: Final = frozenset(("id", "parent_id", "text", "position"))

_KINDS: Final = {STRING: pa.string(), TIME: pa.timestamp("us", "UTC"), WHOLE: pa.int64()}
# An article has up to thousands of comments: beside each of them stands a number, not its text.
_SHARED: Final = {**_KINDS, STRING: pa.dictionary(pa.int32(), pa.string())}
INLINE: Final = pa.schema(
    [
        *((column.name, _KINDS[column.dtype]) for column in COMMENTS),
        *((f"article_{column.name}", _SHARED[column.dtype]) for column in ARTICLES if column.name != "id"),
        *((label, pa.int8()) for label in TRUTH),
    ]
)
"""What a table of comments holds that stands for itself: theirs, their article's, and what is true of them."""
# What a spreadsheet takes for a formula; and the sign of our own that keeps it from doing so.
FORMULA: Final = r"\A('*[=+\-@\t])"
QUOTED: Final = "'"


class Written(Protocol):
    """One way to write rows to an open file."""

    def write(self, rows: pa.Table) -> None:
        """Add `rows`."""

    def close(self) -> None:
        """Write what was held back; the file itself stays open."""


class _Text:
    """CSV or TSV: a header, then rows; lists are joined, missing values empty."""

    def __init__(self, file: BinaryIO, schema: pa.Schema, delimiter: str = ",") -> None:
        self._file = file
        self._delimiter = delimiter
        self._put(schema.empty_table().to_pandas(), header=True)

    def write(self, rows: pa.Table) -> None:
        frame = rows.to_pandas(integer_object_nulls=True)
        for name in _lists(rows.schema):
            frame[name] = [BETWEEN.join(value) if value is not None else None for value in frame[name]]
        self._put(frame, header=False)

    def _put(self, frame: pd.DataFrame, *, header: bool) -> None:
        text = frame.to_csv(index=False, header=header, sep=self._delimiter, lineterminator="\n")
        self._file.write(text.encode("utf-8"))

    def close(self) -> None:
        """Nothing is held back."""


class _Lines:
    """JSON Lines: one object per row, missing values null."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file
        self._names = schema.names
        self._encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

    def write(self, rows: pa.Table) -> None:
        columns = [_plain(column) for column in rows.columns]
        lines = (self._encode(dict(zip(self._names, row, strict=True))) for row in zip(*columns, strict=True))
        self._file.write("".join(f"{line}\n" for line in lines).encode("utf-8"))

    def close(self) -> None:
        """Nothing is held back."""


class _Parquet:
    """Parquet, in row groups of some size; each is packed and written while the next rows are being read."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        # Words that come again and again are written once; looking for them in texts that differ costs time. Of the
        # dictionaries that articles come in, the file says nothing: they are a way to write, not a type.
        again = [field.name for field in schema if field.name not in UNLIKE]
        self._writer = pq.ParquetWriter(
            file,
            schema,
            compression="snappy",
            use_dictionary=again,
            dictionary_pagesize_limit=GROUP_BYTES,
            write_statistics=again,
            store_schema=False,
        )
        self._waiting: list[pa.Table] = []
        self._rows = self._bytes = 0
        self._beside = ThreadPoolExecutor(1)
        self._written: Future[None] | None = None

    def write(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        group, self._waiting = pa.concat_tables(self._waiting).unify_dictionaries(), []
        self._rows = self._bytes = 0
        self._settle()
        self._written = self._beside.submit(self._writer.write_table, group)

    def _settle(self) -> None:
        written, self._written = self._written, None
        if written is not None:
            written.result()

    def close(self) -> None:
        try:
            if self._waiting:
                self._write_group()
            self._settle()
        finally:
            self._beside.shutdown()
            try:
                self._writer.close()
            finally:
                self._writer.is_open = False  # or it would try once more, unseen, when it is collected


def _tsv(file: BinaryIO, schema: pa.Schema) -> Written:
    return _Text(file, schema, "\t")


SUFFIXES: Final[Mapping[str, Callable[[BinaryIO, pa.Schema], Written]]] = {
    ".csv": _Text,
    ".jsonl": _Lines,
    ".ndjson": _Lines,
    ".parquet": _Parquet,
    ".tsv": _tsv,
}
"""What a file's extension makes of it."""


class TableWriter:
    """Writes frames of the same columns to one file, in order; to be used in a `with` statement.

    The file appears when the statement ends without an exception; otherwise nothing is left behind. The path "-" is
    standard output, as CSV. Columns and types are those of `schema`, or else of the first frame. `kind` says how rows
    are written where the extension does not. Raises `FormatError`
    for an extension that is not known, `InputError` where the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        schema: pa.Schema | None = None,
        kind: Callable[[BinaryIO, pa.Schema], Written] | None = None,
    ) -> None:
        self._path = Path(path)
        self._schema = schema
        self._standard = str(path) == STDOUT
        suffix = ".csv" if self._standard else self._path.suffix.casefold()
        if kind is None and suffix not in SUFFIXES:
            known = ", ".join(SUFFIXES)
            raise FormatError(f"{self._path}: unknown extension {suffix!r}; known: {known}")
        self._kind = SUFFIXES[suffix] if kind is None else kind
        self._file: BinaryIO | None = None
        self._table: Written | None = None
        self._beside: Path | None = None

    def __enter__(self) -> Self:
        with self._refusals():
            self._file = self._opened()
            if self._schema is not None:
                self._begin(self._schema)
        return self

    def write(self, frame: pd.DataFrame) -> None:
        """Add the rows of `frame`; its index, and columns that the first frame did not have, are left out."""
        if frame.empty and self._schema is None:
            return  # it has no types to go by
        with self._refusals():
            self.write_rows(_rows(frame, self._schema or _schema(frame)))

    def write_rows(self, rows: pa.Table) -> None:
        """Add `rows`, which are of the table's schema."""
        with self._refusals():
            (self._table or self._begin(rows.schema)).write(rows)

    def _begin(self, schema: pa.Schema) -> Written:
        assert self._file is not None, "use it in a with statement"
        self._schema = schema
        self._table = self._kind(self._file, schema)
        return self._table

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._drop()
            return
        assert self._file is not None
        with self._refusals():
            (self._table or self._begin(pa.schema([]))).close()
            self._file.flush()
            if self._beside is not None:
                os.fsync(self._file.fileno())
            if not self._standard:
                self._file.close()
            if self._beside is not None:
                self._beside.replace(self._target)

    @property
    def _target(self) -> Path:
        # A link goes on pointing where it did; what it points to is replaced.
        return Path(os.path.realpath(self._path))

    def _opened(self) -> BinaryIO:
        if self._standard:
            sys.stdout.flush()
            return sys.stdout.buffer
        target = self._target
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            if target.is_dir():
                raise InputError(f"{self._path}: is a folder; name a file in it")
            return target.open("wb")  # a device or a pipe: it must not be replaced by a file
        self._beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        return os.fdopen(os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb")

    def _drop(self) -> None:
        if self._standard or self._file is None:
            return
        with suppress(OSError, pa.ArrowException):  # what was held back does not fit either
            if self._table is not None:
                self._table.close()
        with suppress(OSError):
            self._file.close()
        if self._beside is not None:
            self._beside.unlink(missing_ok=True)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # whoever reads standard output has seen enough
            raise
        except (OSError, pa.ArrowException) as error:
            self._drop()
            cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error).split("\n", 1)[0]
            raise InputError(f"{self._path}: cannot be written ({cause}); choose another place or make room") from error


def write_scores(rows: Iterable[tuple[pd.DataFrame, pd.DataFrame]], out: Path | None) -> int:
    """Write pairs of scores and their decisions as one table, and return the number of rows.

    `out` is named by its extension; None writes CSV to standard output. Both frames of a pair have the comments' ids as
    their index, in the same order.
    """
    written = 0
    with TableWriter(STDOUT if out is None else out, SCORES) as table:
        for scores, decisions in rows:
            frame = scores.assign(decision=decisions["decision"].array, reasons=decisions["reasons"].array)
            frame.insert(0, "id", frame.index)
            table.write(frame)
            written += len(frame)
    return written


def inline(batch: Batch) -> pa.Table:
    """Return the comments of `batch` with their articles' fields and their truth beside them, as `INLINE` has them."""
    comments, articles, truth = batch.comments, batch.articles, batch.truth
    count = len(comments)
    columns = {column.name: _array(comments[column.name], _KINDS[column.dtype]) for column in COMMENTS}
    under = None
    if len(articles):
        under = pc.index_in(columns["article_id"], value_set=_array(articles["id"], pa.string()))
    for column in ARTICLES:
        if column.name != "id":
            columns[f"article_{column.name}"] = _beside(articles[column.name], under, count, _SHARED[column.dtype])
    told = truth.reindex(comments["id"]) if len(truth) else None
    for label in TRUTH:
        columns[label] = pa.nulls(count, pa.int8()) if told is None else _array(told[label], pa.int8())
    return pa.table([columns[name] for name in INLINE.names], schema=INLINE)


def _beside(values: "pd.Series[Any]", under: Any, count: int, kind: Any) -> Any:
    """Return what the articles have for each of `count` comments, which stand `under` the articles of these numbers."""
    if under is None:
        return pa.nulls(count, kind)
    column = _array(values, kind.value_type if pa.types.is_dictionary(kind) else kind)
    if not pa.types.is_dictionary(kind):
        return column.take(under)
    encoded = column.dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.take(under), encoded.dictionary)


def write_comments(batches: Iterable[Batch], out: Path | None) -> int:
    """Write comments as one table, each with its article inline, and return the number of rows.

    Read again, the table gives the same comments. In a CSV or TSV, which people open in a spreadsheet, what that would
    take for a formula has an apostrophe before it; reading takes it off.
    """
    text = out is None or out.suffix.casefold() in (".csv", ".tsv")
    written = 0
    with TableWriter(STDOUT if out is None else out, INLINE) as table:
        for batch in batches:
            rows = inline(batch)
            table.write_rows(_harmless(rows) if text else rows)
            written += rows.num_rows
    return written


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with an apostrophe before every text that a spreadsheet would take for a formula."""
    texts = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name].dtype)]
    begins = re.compile(FORMULA)
    return frame.assign(
        **{name: frame[name].map(lambda text: _quoted(text, begins), na_action="ignore") for name in texts}
    )


def _quoted(value: str, begins: "re.Pattern[str]") -> str:
    return QUOTED + value if begins.match(value) else value


def _harmless(rows: pa.Table) -> pa.Table:
    columns = [
        pc.replace_substring_regex(column, FORMULA, rf"{QUOTED}\1") if pa.types.is_string(column.type) else column
        for column in rows.columns
    ]
    return pa.table(columns, schema=rows.schema)


def _schema(frame: pd.DataFrame) -> pa.Schema:
    fields = []
    for name in frame.columns:
        kind = _array(frame[name], None).type
        # A column that is missing throughout the first frame is taken for text.
        fields.append((str(name), pa.string() if pa.types.is_null(kind) or pa.types.is_large_string(kind) else kind))
    return pa.schema(fields)


def _rows(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    return pa.table([_array(frame[field.name], field.type) for field in schema], schema=schema)


def _array(column: "pd.Series[Any]", kind: Any) -> Any:
    if kind is None and column.dtype == object and any(isinstance(value, list | tuple) for value in column):
        kind = pa.list_(pa.string())
    if kind is not None and pa.types.is_list(kind):
        values = [list(map(str, value)) if isinstance(value, list | tuple | np.ndarray) else None for value in column]
        return pa.array(values, kind)
    array = pa.Array.from_pandas(column)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if kind is None else array.cast(kind)


def _lists(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if pa.types.is_list(field.type)]


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Return the values as JSON has them; a float32 of 0.1 is written 0.1, not 0.10000000149."""
    if pa.types.is_float32(column.type):
        return [None if value is None else float(str(np.float32(value))) for value in column.to_pylist()]
    return list(column.to_pylist())
