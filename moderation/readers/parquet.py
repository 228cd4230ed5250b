"""Parquet in, batches out; row group by row group, only the columns that are used."""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moderation.errors import FormatError
from moderation.readers.batches import Builder
from moderation.readers.columns import choose, note_unused
from moderation.readers.formats import CERTAIN, LIKELY, NO, Format, Wanted
from moderation.readers.source import Source
from moderation.readers.text_columns import TEXT
from moderation.tables import Batch

__all__ = ["PARQUET"]

MAGIC: Final = b"PAR1"
# What the library raises on files that are damaged, cut short, or written with features that it does not know.
FAULTS: Final = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, MemoryError)


def _claim(source: Source) -> int:
    if source.head.startswith(MAGIC):
        return CERTAIN
    return LIKELY if source.suffix in (".parquet", ".pq") else NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    builder = Builder("table", wanted.tally, wanted.keep_personal_data)
    done = 0
    for columns in _columns(source, wanted):
        count = len(columns["text"])
        wanted.tally.records_in += count
        yield builder.build(columns, range(done + 1, done + count + 1))
        done += count


def _columns(source: Source, wanted: Wanted) -> Iterator[dict[str, Any]]:
    try:
        with source.on_disk() as path, pq.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            total = max(file.metadata.num_rows, 1)
            choice = choose(names, wanted.columns, source.name)
            note_unused(names, choice, wanted.tally)
            paths = {field: found[0] for field, found in choice.items()}
            there = {path: path if path in names else path.split(".", 1)[0] for path in paths.values()}
            done = 0
            for batch in file.iter_batches(wanted.chunk_rows, columns=list(dict.fromkeys(there.values()))):
                yield {field: _column(batch.column(there[path]), path, there[path]) for field, path in paths.items()}
                done += batch.num_rows
                source.advance(min(done / total, 1.0))
    except FAULTS as error:
        first_line = str(error).split("\n", 1)[0][:120]
        raise FormatError(
            f"{source.name}: not a Parquet file, or a damaged one ({first_line}); export it again"
        ) from error
    source.advance(1.0)


def _column(values: Any, path: str, top: str) -> Any:
    for part in path[len(top) + 1 :].split(".") if path != top else ():
        values = pc.struct_field(values, part)
    # What a file calls text may be none: the bytes are looked at.
    return values.cast(pa.large_binary()) if values.type == TEXT else values


PARQUET: Final = Format("parquet", "Parquet table", (".parquet", ".pq"), _claim, _batches)
