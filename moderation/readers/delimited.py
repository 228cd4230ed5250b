"""Comma- or tab-separated tables in, batches out; one chunk of rows at a time, so that size does not matter."""

import csv
import io
import itertools
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from moderation.errors import FormatError
from moderation.readers.batches import strings
from moderation.readers.columns import choose, is_text_name, note_unused
from moderation.readers.formats import CERTAIN, LIKELY, NO, POSSIBLE, Format, Wanted
from moderation.readers.records import Piece, batches_of_columns
from moderation.readers.source import Source
from moderation.tables import COMMENTS, TRUTH, Batch

__all__ = ["CSV", "TSV", "header", "rows_of"]

COMMAS: Final = (",", ";", "|", "\t")
TABS: Final = ("\t",)
# The largest number that the csv module takes on every platform; its default of 128 KiB is less than one long comment.
FIELD_LIMIT: Final = 2**31 - 1
SAMPLE_ROWS: Final = 50
ROWS: Final = 2000
# The columns of a table of comments that this package wrote; there an apostrophe keeps spreadsheets from taking a cell
# for a formula, and is no part of it.
OWN: Final = (*(column.name for column in COMMENTS), *(f"article_{name}" for name in ("url", "title", "text")), *TRUTH)
_KEPT_HARMLESS: Final = re.compile(r"'+[=+\-@\t]")
# A last line of our own: where it turns up inside a field, a quote was opened and never closed.
END: Final = "\x04end of file\x04"


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a table is cut: its delimiter, whether quotes mean anything, and its first rows."""

    delimiter: str
    quoting: int
    rows: tuple[list[str], ...]
    unclosed: bool
    whole: bool

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0

    @property
    def named(self) -> bool:
        return bool(self.rows) and any(map(is_text_name, self.rows[0]))

    @property
    def regular(self) -> float:
        """The share of sample rows that are as wide as the first."""
        below = self.rows[1:]
        return sum(len(row) == self.width for row in below) / len(below) if below else 0.0

    @property
    def sound(self) -> bool:
        """Whether nothing speaks against the table being cut like this."""
        unseen = not self.whole and len(self.rows) <= 1  # the first record is longer than what was looked at
        return unseen or (self.regular >= 0.9 and not self.unclosed)

    @property
    def rank(self) -> tuple[bool, float, int]:
        return self.named, self.regular if self.width > 1 else 0.0, self.width


def _sample(source: Source, delimiter: str, quoting: int) -> _Shape:
    return source.once((_cut, delimiter, quoting), lambda: _cut(source, delimiter, quoting))


def _cut(source: Source, delimiter: str, quoting: int) -> _Shape:
    csv.field_size_limit(FIELD_LIMIT)
    text = source.head_text()
    if not source.complete:
        text = text[: text.rfind("\n") + 1] or text
    lines = itertools.chain(io.StringIO(text, newline=""), [END] if source.complete else [])
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    rows: list[list[str]] = []
    with suppress(csv.Error):  # whatever was cut until then is the sample
        rows.extend(itertools.islice((row for row in reader if row), SAMPLE_ROWS))
    unclosed = bool(rows) and rows[-1] != [END] and rows[-1][-1].endswith(END)
    if rows and (rows[-1] == [END] or (len(rows) > 1 and not source.complete)):
        rows.pop()  # ours, or cut short
    return _Shape(delimiter, quoting, tuple(rows), unclosed, source.complete)


def _shape(source: Source, delimiters: Sequence[str]) -> _Shape:
    quoted = max((_sample(source, delimiter, csv.QUOTE_MINIMAL) for delimiter in delimiters), key=lambda s: s.rank)
    if quoted.sound or '"' not in source.head_text():
        return quoted
    # Some exports write quotes without meaning anything by them; taken seriously they would swallow the rows below.
    bare = _sample(source, quoted.delimiter, csv.QUOTE_NONE)
    return bare if bare.sound else quoted


def _claim(source: Source, delimiters: Sequence[str], suffixes: Sequence[str]) -> int:
    shape = _shape(source, delimiters)
    if shape.width > 1 and shape.named and shape.regular >= 0.5:
        return CERTAIN - 10
    if source.suffix in suffixes:
        return LIKELY
    header = [cell.strip() for cell in shape.rows[0]] if shape.rows else []
    tabular = shape.width > 1 and len(shape.rows) >= 3 and shape.regular >= 0.95
    if tabular and len(set(header)) == len(header) and all(0 < len(cell) <= 30 for cell in header):
        return POSSIBLE
    # Ragged, but whoever writes several such names above it means a table.
    if shape.width > 2 and len(shape.rows) > 1 and shape.named and len(choose(header, {}, source.name)) > 1:
        return POSSIBLE
    return NO


def header(source: Source) -> list[str]:
    """Return the names of the columns, if `source` is a table; they stand in its first row."""
    shape = _shape(source, COMMAS)
    return _names(shape.rows[0]) if shape.rows and shape.width > 1 else []


def _names(row: Sequence[str]) -> list[str]:
    return [cell.strip().lstrip("\ufeff") for cell in row]


Rows = tuple[list[str], list[int], list[list[str]]]


def rows_of(source: Source, wanted: Wanted, delimiters: Sequence[str] = COMMAS) -> Generator[Rows, None, None]:
    """Yield the columns' names with the numbers of the next rows, and those rows, as wide as they are; chunk by chunk.

    The first chunk has no rows. What is read is counted; rows that do not fit are counted as lost. Raises
    `FormatError` where there is no table.
    """
    shape = _shape(source, delimiters)
    if shape.quoting == csv.QUOTE_NONE:
        wanted.tally.note("quotation marks are taken literally: they do not pair")
    with closing(source.line_lists(wanted.tally, newline="")) as lists:
        marked = itertools.chain(itertools.chain.from_iterable(lists), [END])
        reader = csv.reader(marked, delimiter=shape.delimiter, quoting=shape.quoting)  # type: ignore[arg-type]
        try:
            first = next((row for row in reader if any(cell.strip() for cell in row)), [END])
            if first == [END]:
                raise FormatError(f"{source.name}: holds no header and no rows; export it again")
            names = _names(first)
            yield names, [], []
            for numbers, rows in _chunks(reader, len(names), wanted):
                yield names, numbers, rows
        except csv.Error as error:
            place = f"{source.name}: line {reader.line_num}"
            raise FormatError(f"{place}: not a table ({error}); export it again") from error


def _chunks(reader: Iterator[list[str]], width: int, wanted: Wanted) -> Iterator[tuple[list[int], list[list[str]]]]:
    done = 0
    # Not too many at once: rows that live long are gone through by the collector again and again.
    while chunk := list(itertools.islice(reader, min(wanted.chunk_rows, ROWS))):
        if chunk[-1] and chunk[-1][-1].endswith(END):
            last = chunk.pop()
            if last != [END]:
                wanted.tally.records_in += 1
                lost = last[-1].count("\n")
                wanted.tally.lose("last row", f"a quote opens and never closes; {lost:,} lines below it are unread")
        widths = set(map(len, chunk))
        if 0 in widths:
            chunk = [row for row in chunk if row]
        numbers = list(range(done + 1, done + len(chunk) + 1))
        done += len(chunk)
        wanted.tally.records_in += len(chunk)
        if widths - {0} != {width}:  # as good as never
            fit = [_fits(number, row, width, wanted) for number, row in zip(numbers, chunk, strict=True)]
            numbers, chunk = list(itertools.compress(numbers, fit)), list(itertools.compress(chunk, fit))
        yield numbers, chunk


def _batches(source: Source, wanted: Wanted, delimiters: Sequence[str]) -> Iterator[Batch]:
    source.refuse_binary()
    with closing(rows_of(source, wanted, delimiters)) as chunks:
        names, _, _ = next(chunks)
        choice = choose(names, wanted.columns, source.name)
        note_unused(names, choice, wanted.tally)
        used = {field: names.index(found[0]) for field, found in choice.items()}
        own = [name for name in names if name in OWN] == list(OWN)
        yield from batches_of_columns(_pieces(chunks, used, own=own), "table", wanted, "row")


def _pieces(chunks: Iterable[Rows], used: Mapping[str, int], *, own: bool) -> Iterator[Piece]:
    for _, numbers, rows in chunks:
        columns = list(zip(*rows, strict=True))
        if columns:
            cells = {at: tuple(map(_as_written, columns[at])) if own else columns[at] for at in used.values()}
            yield Piece(np.array(numbers), {field: strings(cells[at]) for field, at in used.items()})


def _as_written(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _KEPT_HARMLESS.match(cell) else cell


def _fits(number: int, row: list[str], width: int, wanted: Wanted) -> bool:
    """Tell whether `row` is `width` wide, and make it so where that loses nothing."""
    if len(row) == width:
        return True
    if len(row) < width:
        row.extend([""] * (width - len(row)))
        wanted.tally.note("{n} short rows filled up with empty cells")
        return True
    if not any(row[width:]):
        del row[width:]
        return True
    wanted.tally.lose(f"row {number}", f"has more than {width} cells (an unquoted delimiter?)")
    return False


CSV: Final = Format(
    "csv",
    "comma-separated table",
    (".csv",),
    partial(_claim, delimiters=COMMAS[:3], suffixes=(".csv",)),
    partial(_batches, delimiters=COMMAS),
)
TSV: Final = Format(
    "tsv",
    "tab-separated table",
    (".tsv", ".tab"),
    partial(_claim, delimiters=TABS, suffixes=(".tsv", ".tab")),
    partial(_batches, delimiters=TABS),
)
