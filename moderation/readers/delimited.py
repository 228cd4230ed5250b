"""Comma- or tab-separated tables in, batches out; one block of rows at a time, so that size does not matter.

The stream is cut where rows certainly end: where quotation marks stand as they should up to there. What was cut out is
read by a compiled parser, which gives exactly what the csv module gives, or refuses; then the module reads it, and it
reads all that follows once quotation marks do not stand as they should.
"""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from moderation.errors import FormatError
from moderation.readers.ahead import ahead
from moderation.readers.batches import strings
from moderation.readers.columns import choose, is_text_name, note_unused
from moderation.readers.formats import CERTAIN, LIKELY, NO, POSSIBLE, Format, Wanted
from moderation.readers.records import Piece, batches_of_columns
from moderation.readers.source import Source, lines_of
from moderation.readers.text_columns import TEXT, first_bytes, is_utf8, replaced
from moderation.tables import COMMENTS, TRUTH, Batch

__all__ = ["CSV", "TSV", "Rows", "header", "rows_of"]

COMMAS: Final = (",", ";", "|", "\t")
TABS: Final = ("\t",)
# The largest number that the csv module takes on every platform; its default of 128 KiB is less than one long comment.
FIELD_LIMIT: Final = 2**31 - 1
SAMPLE_ROWS: Final = 50
ROWS: Final = 2000
# The first block is read slowly, to see what the columns are called.
FIRST, BLOCK = 1 << 16, 1 << 19
# No row of an honest table is longer; where none ends in so many bytes, a quotation mark was opened and never closed.
LONGEST: Final = 1 << 24

QUOTE, LINE_FEED, RETURN, APOSTROPHE = 0x22, 10, 13, 0x27
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


class Rows(NamedTuple):
    """Some rows of a table, all as wide as its header: their numbers, and a column of them for the asking."""

    numbers: np.ndarray
    column: Callable[[int], Any]
    """The place of a column that was asked for -> an Arrow column of text."""


class _Part(NamedTuple):
    """Whole rows; or all that is left, from the beginning of a row on."""

    block: bytes
    rest: Iterable[bytes] | None = None


def rows_of(
    source: Source, wanted: Wanted, used: Callable[[list[str]], Collection[int]], delimiters: Sequence[str] = COMMAS
) -> Generator[Rows, None, None]:
    """Yield the rows below the header, many at once.

    `used` is told what the columns are called, and tells which of them are asked for. What is read is counted; rows
    that do not fit are counted as lost. Raises `FormatError` where there is no table.
    """
    shape = _shape(source, delimiters)
    if shape.quoting == csv.QUOTE_NONE:
        wanted.tally.note("quotation marks are taken literally: they do not pair")
    table = _Table(source.name, shape, wanted, used)
    with (
        closing(source.raw_blocks(wanted.tally, FIRST, BLOCK)) as blocks,
        closing(ahead(_parts(blocks, shape), table.parsed)) as parts,
    ):
        for part, columns in parts:
            if columns is not None:
                yield table.rows(columns)
            else:
                yield from table.slowly(part)
    if not table.names:
        raise FormatError(f"{source.name}: holds no header and no rows; export it again")


def _parts(blocks: Iterator[bytes], shape: _Shape) -> Iterator[_Part]:
    """Yield whole rows, as far as it is certain where they end, and then the rest."""
    waiting = b""
    least = 0
    for block in blocks:
        waiting += block
        if len(waiting) < least:
            continue
        end = _end(waiting, shape)
        if end > 0:
            yield _Part(waiting[:end])
            waiting = waiting[end:]
        elif end < 0 or len(waiting) > LONGEST:
            break
        # A long row is looked through a few times, not once for each block.
        least = 2 * len(waiting)
    yield _Part(b"", itertools.chain([waiting], blocks))


def _end(data: bytes, shape: _Shape) -> int:
    """Return where the last row ends that is all in `data`, 0 where none is; -1 where that is not certain.

    Quotation marks stand as they should if each one that opens stands at the beginning of a field, and each one that
    closes stands at the end of one, or before one that opens: together they are a quotation mark in a text.
    """
    if shape.quoting == csv.QUOTE_NONE or b'"' not in data:
        return data.rfind(b"\n") + 1
    found = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(found == QUOTE)
    end = len(data)
    while True:
        end = data.rfind(b"\n", 0, end) + 1
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            break
        end = int(quotes[before - 1])  # it stands in a field, which begins here
    opening, closing = quotes[0:before:2], quotes[1:before:2]
    around = np.zeros(256, bool)
    around[[ord(shape.delimiter), LINE_FEED, RETURN, QUOTE]] = True
    as_it_should = around[found[opening[opening > 0] - 1]].all() and around[found[closing + 1]].all()
    return end if as_it_should else -1


class _Table:
    """A table that is being read: what its columns are called, once that is known, and how many rows were read."""

    def __init__(self, name: str, shape: _Shape, wanted: Wanted, used: Callable[[list[str]], Collection[int]]) -> None:
        self.names: list[str] = []
        self._name = name
        self._shape = shape
        self._wanted = wanted
        self._asked = used
        self._used: list[int] = []
        self._done = 0

    def parsed(self, part: _Part) -> Any | None:
        """Return the columns of a part by their places, as the csv module would read them; None where it has to."""
        block = part.block
        if not self.names or part.rest is not None or b"\0" in block or block.startswith(codecs.BOM_UTF8):
            return None
        if not is_utf8(block):
            return None
        quotes = self._shape.quoting != csv.QUOTE_NONE
        places = list(map(str, range(len(self.names))))
        used = [places[at] for at in self._used]
        try:
            return pyarrow.csv.read_csv(
                pa.BufferReader(block),
                pyarrow.csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=places),
                pyarrow.csv.ParseOptions(
                    delimiter=self._shape.delimiter,
                    quote_char='"' if quotes else False,
                    double_quote=quotes,
                    newlines_in_values=quotes,
                ),
                pyarrow.csv.ConvertOptions(
                    check_utf8=False,
                    column_types=dict.fromkeys(used, TEXT),
                    include_columns=used,
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowException:
            return None

    def rows(self, columns: Any) -> Rows:
        """Return the rows in a part that was parsed."""
        count = columns.num_rows
        numbers = np.arange(self._done + 1, self._done + count + 1)
        self._done += count
        self._wanted.tally.records_in += count
        return Rows(numbers, lambda at: columns.column(str(at)).combine_chunks())

    def slowly(self, part: _Part) -> Iterator[Rows]:
        """Yield the rows of a part as the csv module reads them; of the first one, the header comes before."""
        wanted, shape = self._wanted, self._shape
        blocks = [part.block] if part.rest is None else part.rest
        with closing(lines_of(blocks, wanted.tally, newline="")) as lists:
            lines = itertools.chain.from_iterable(lists)
            # What is cut out ends with a row; what is left may end anywhere.
            marked = lines if part.rest is None else itertools.chain(lines, [END])
            reader = csv.reader(marked, delimiter=shape.delimiter, quoting=shape.quoting)  # type: ignore[arg-type]
            try:
                if not self.names:
                    first = next((row for row in reader if any(cell.strip() for cell in row)), [END])
                    if first == [END]:
                        return
                    self.names = _names(first)
                    self._used = list(dict.fromkeys(self._asked(self.names)))
                for numbers, rows in self._chunks(reader):
                    yield Rows(np.array(numbers, np.int64), partial(_column, rows))
            except csv.Error as error:
                place = f"{self._name}: row {self._done + 1}"
                raise FormatError(f"{place}: not a table ({error}); export it again") from error

    def _chunks(self, reader: Iterator[list[str]]) -> Iterator[tuple[list[int], list[list[str]]]]:
        width, wanted = len(self.names), self._wanted
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
            numbers = list(range(self._done + 1, self._done + len(chunk) + 1))
            self._done += len(chunk)
            wanted.tally.records_in += len(chunk)
            if widths - {0} != {width}:  # as good as never
                fit = [_fits(number, row, width, wanted) for number, row in zip(numbers, chunk, strict=True)]
                numbers, chunk = list(itertools.compress(numbers, fit)), list(itertools.compress(chunk, fit))
            yield numbers, chunk


def _column(rows: Sequence[Sequence[str]], at: int) -> Any:
    return strings([row[at] for row in rows])


def _batches(source: Source, wanted: Wanted, delimiters: Sequence[str]) -> Iterator[Batch]:
    source.refuse_binary()
    places: dict[str, int] = {}
    own = False

    def used(names: list[str]) -> Collection[int]:
        nonlocal own
        choice = choose(names, wanted.columns, source.name)
        note_unused(names, choice, wanted.tally)
        places.update({field: names.index(found[0]) for field, found in choice.items()})
        own = [name for name in names if name in OWN] == list(OWN)
        return places.values()

    def pieces(parts: Iterable[Rows]) -> Iterator[Piece]:
        for numbers, column in parts:
            columns = {field: column(at) for field, at in places.items()}
            if own:
                columns = {field: _all_as_written(cells) for field, cells in columns.items()}
            yield Piece(numbers, columns)

    with closing(rows_of(source, wanted, used, delimiters)) as parts:
        yield from batches_of_columns(pieces(parts), "table", wanted, "row")


def _all_as_written(cells: Any) -> Any:
    return replaced(cells, _as_written, first_bytes(cells) == APOSTROPHE)


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
