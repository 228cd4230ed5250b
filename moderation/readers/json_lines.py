"""JSON Lines in, batches out: one object per line, a bad line is one loss."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Final

from moderation.readers.formats import CERTAIN, LIKELY, NO, POSSIBLE, Format, Wanted
from moderation.readers.json_values import lines
from moderation.readers.losses import Tally
from moderation.readers.records import batches_of
from moderation.readers.source import Source
from moderation.tables import Batch

__all__ = ["JSONL"]

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
    with closing(lines(source, wanted.tally)) as records:
        yield from batches_of(_counted(records, wanted.tally), source.name, wanted, "line")


def _counted(records: Iterable[tuple[int, Any]], tally: Tally) -> Iterator[tuple[int, Any]]:
    for record in records:
        tally.records_in += 1
        yield record


JSONL: Final = Format("jsonl", "JSON Lines", SUFFIXES, _claim, _batches)
