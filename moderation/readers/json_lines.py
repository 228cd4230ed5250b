"""JSON Lines in, batches out: one object per line, a bad line is one loss."""

import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any, Final

import numpy as np

from moderation.readers.formats import CERTAIN, LIKELY, NO, POSSIBLE, Format, Wanted
from moderation.readers.json_blocks import Columns, Kinds, Layout, blocks, columns_of, is_worth_it, tables
from moderation.readers.json_values import values_of
from moderation.readers.records import Keys, Piece, batches_of_columns, piece_of
from moderation.readers.source import Source
from moderation.tables import Batch

__all__ = ["JSONL", "pieces"]

SUFFIXES: Final = (".jsonl", ".ndjson", ".jsonlines")
# What a single JSON document begins with when its comments lie inside: those lines belong to the other format.
_WRAPPER: Final = re.compile(r'\{\s*"[^"]{1,40}"\s*:\s*\[')


def _claim(source: Source) -> int:
    text = source.head_text().lstrip()
    if not text.startswith("{"):
        return LIKELY if source.suffix in SUFFIXES else NO
    first, cut, rest = text.partition("\n")
    if not cut and not source.complete:  # one line longer than what was looked at
        return NO if _WRAPPER.match(text) and source.suffix not in SUFFIXES else CERTAIN - 5
    try:
        whole = isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        # A bad first line among good ones is still JSON Lines; an opening brace alone is a document.
        return LIKELY if source.suffix in SUFFIXES else POSSIBLE if len(first.strip()) > 1 else NO
    if not whole:
        return NO
    return CERTAIN if rest.strip() or source.suffix in SUFFIXES else POSSIBLE


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    kinds = Kinds(flat=False, is_used=is_worth_it(source))
    with closing(blocks(source, wanted.tally)) as parts:
        yield from batches_of_columns(pieces(parts, kinds, Keys(source.name, wanted)), "table", wanted, "line")


def pieces(parts: Iterable[bytes], kinds: Kinds, keys: Keys) -> Iterator[Piece | None]:
    """Yield the records of each block: by the compiled parser if it is plain, else one by one."""
    tally, most = keys.wanted.tally, keys.wanted.chunk_rows

    def layout() -> Layout | None:
        used = {name for names in keys.choice.values() for name in names}
        return kinds.layout(used) if used and used <= keys.known.keys() else None

    def use(found: Columns) -> tuple[int, dict[str, Any]]:
        # Where another choice was made meanwhile, it is asked again.
        return found.count, columns_of(found, keys.choice)

    with closing(tables(parts, layout, use)) as found:
        for number, block, made in found:
            if made is not None:
                count, columns = made
                tally.records_in += count
                yield Piece(np.arange(number, number + count), columns)
                continue
            values = values_of(io.BytesIO(block), number, tally)
            while records := list(islice(values, most)):
                tally.records_in += len(records)
                numbers, held = zip(*records, strict=True)
                kinds.see(held)
                yield piece_of(numbers, held, keys, "line")


JSONL: Final = Format("jsonl", "JSON Lines", SUFFIXES, _claim, _batches)
