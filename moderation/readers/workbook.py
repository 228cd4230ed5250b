"""An Excel workbook in, batches out: every sheet that has a column of comments, row by row.

Only the shared strings of the workbook are held in memory. Formulas are not worked out: what the cell showed when it
was saved is read.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any, Final

import openpyxl

from moderation.errors import FormatError, TableError
from moderation.readers.batches import Builder, strings
from moderation.readers.columns import choose, note_unused
from moderation.readers.formats import NO, OWN, Format, Wanted
from moderation.readers.packing import HARMLESS, RATIO, ZIP
from moderation.readers.source import Source
from moderation.tables import Batch

__all__ = ["EXCEL"]

# A sheet has no more; a file may say otherwise.
ROWS: Final = 1_048_576
# What the library raises on workbooks that are damaged, cut short, or made to harm (parse errors are SyntaxErrors).
FAULTS: Final = (
    AttributeError, EOFError, IndexError, KeyError, MemoryError, NotImplementedError, OSError, OverflowError,
    RecursionError, RuntimeError, SyntaxError, TypeError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def _claim(source: Source) -> int:
    if not source.head.startswith(ZIP):
        return NO
    if source.place.member is not None or source.packings:
        return OWN if b"xl/w" in source.head else NO
    try:
        with zipfile.ZipFile(source.path) as archive:
            return OWN if any(name.startswith("xl/") for name in archive.namelist()) else NO
    except FAULTS:
        return NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    if not source.head.startswith(ZIP):
        source.refuse_binary()
        raise FormatError(f"{source.name}: not a workbook (.xlsx); save it as one, or as CSV")
    with source.on_disk() as path:
        _refuse_bomb(path, source)
        builder = Builder("table", wanted.tally, wanted.keep_personal_data)
        found = False
        refusal: TableError | None = None
        for sheet, rows in _sheets(path, source):
            try:
                yield from _read(rows, builder, wanted, f"sheet {sheet}, row", source.name)
                found = True
            except TableError as error:
                refusal = refusal or error
                wanted.tally.note(f"sheet {sheet}: no column of comments")
        source.advance(1.0)
        if not found:
            raise refusal or FormatError(f"{source.name}: holds no header and no rows; export it again")


def _refuse_bomb(path: Path, source: Source) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            large = [each for each in archive.infolist() if each.file_size > HARMLESS]
    except FAULTS as error:
        raise _damaged(source, error) from error
    if any(each.file_size > RATIO * max(each.compress_size, 1) for each in large):
        raise FormatError(
            f"{source.name}: unpacks to more than {RATIO} times its size (a decompression bomb?); "
            "save it as CSV if you trust it"
        )


Rows = Iterator[tuple[int, list[Any]]]


def _sheets(path: Path, source: Source) -> Iterator[tuple[int, Rows]]:
    with path.open("rb") as file:  # by its name the library would go
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of styles and the like, which are not read
                book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        except FAULTS as error:
            raise _damaged(source, error) from error
        with closing(book):
            for number, sheet in enumerate(book.worksheets, 1):
                yield number, _rows(sheet, source)


def _rows(sheet: Any, source: Source) -> Rows:
    try:
        sheet.reset_dimensions()  # they are what the writer said, not what is there
        cells = enumerate(sheet.iter_rows(max_row=ROWS, values_only=True), 1)
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                some = list(islice(cells, 500))
            if not some:
                return
            yield from ((number, list(row)) for number, row in some if any(cell is not None for cell in row))
    except FAULTS as error:
        raise _damaged(source, error) from error


def _damaged(source: Source, error: Exception) -> FormatError:
    return FormatError(f"{source.name}: not a workbook, or a damaged one ({type(error).__name__}); save it as CSV")


def _read(rows: Rows, builder: Builder, wanted: Wanted, word: str, place: str) -> Iterator[Batch]:
    _, first = next(rows, (0, []))
    names = [str(cell).strip() if cell is not None else "" for cell in first]
    choice = choose([name for name in names if name], wanted.columns, place)
    note_unused([name for name in names if name], choice, wanted.tally)
    used = {field: names.index(found[0]) for field, found in choice.items()}
    while chunk := list(islice(rows, wanted.chunk_rows)):
        wanted.tally.records_in += len(chunk)
        columns = {field: _column([row for _, row in chunk], at) for field, at in used.items()}
        yield builder.build(columns, [number for number, _ in chunk], word)


def _column(rows: Sequence[Sequence[Any]], at: int) -> Any:
    return strings([_plain(row[at]) if at < len(row) else None for row in rows])


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
        case date() | time():
            return value.isoformat()
        case bool():
            return "1" if value else "0"
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)


EXCEL: Final = Format("excel", "Excel workbook", (".xlsx", ".xlsm"), _claim, _batches)
