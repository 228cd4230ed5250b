"""Any export or saved page in, batches of comments and articles out, with a report of what was lost.

>>> from moderation.settings import seed_page
>>> reading = read(seed_page())
>>> [batch.comments["author"].tolist()[:2] for batch in reading]
[['Rhyno327/lrsd', 'Gerry']]
>>> reading.format, reading.loss.summary()
('page', '6 records read, 6 comments, nothing lost')

A bad record is a line in the report, never an exception; a file that cannot be read at all is an `InputError`. One file
of this package knows one format; a new one adds a `Format` to `FORMATS` and nothing else.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from moderation.errors import FormatError, InputError
from moderation.readers.delimited import CSV, TSV
from moderation.readers.formats import Format, Wanted
from moderation.readers.html_page import HTML
from moderation.readers.json_document import JSON
from moderation.readers.json_lines import JSONL
from moderation.readers.losses import Loss, LossReport, Tally
from moderation.readers.page import PAGE
from moderation.readers.parquet import PARQUET
from moderation.readers.source import Source
from moderation.tables import Batch

__all__ = ["FORMATS", "Format", "Loss", "LossReport", "Reading", "read"]

FORMATS: Final[Mapping[str, Format]] = {
    format_.name: format_
    for format_ in sorted((CSV, HTML, JSON, JSONL, PAGE, PARQUET, TSV), key=lambda format_: format_.name)
}
"""Every format that `read` knows, by name."""


class Reading:
    """Batches of one file, to be iterated once; `loss` is complete when the iteration is."""

    def __init__(self, source: Source, format_: Format, wanted: Wanted) -> None:
        self._source = source
        self._format = format_
        self._wanted = wanted
        self._begun = False

    def __iter__(self) -> Iterator[Batch]:
        """Read the file from its beginning."""
        if self._begun:
            raise InputError(f"{self._source.name}: was read already; call read() again")
        self._begun = True
        return self._format.batches(self._source, self._wanted)

    @property
    def format(self) -> str:
        """The name of the format, given or found."""
        return self._format.name

    @property
    def loss(self) -> LossReport:
        """What was read and lost so far."""
        return self._wanted.tally.report()

    @property
    def total_bytes(self) -> int:
        """The size of the file."""
        return self._source.size

    @property
    def bytes_read(self) -> int:
        """How much of the file was read so far, for a progress bar."""
        return min(self._source.bytes_read, self._source.size)


def read(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word on every command line
    *,
    columns: Mapping[str, str] | None = None,
    chunk_rows: int = 5000,
    keep_personal_data: bool = False,
) -> Reading:
    """Return the comments in the file at `path` as a `Reading`, `chunk_rows` at a time.

    The format is told by content unless `format` names it. `columns` maps our field to the file's column or key
    (`{"text": "body"}`; dots reach into JSON objects). E-mail and IP addresses are dropped; `keep_personal_data` keeps
    those that were given as an author's name or link. Raises `FormatError` where no format fits, `InputError` where the
    file cannot be read.
    """
    if format is not None and format not in FORMATS:
        raise FormatError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if chunk_rows < 1:
        raise InputError(f"chunk_rows is {chunk_rows}; give 1 or more")
    source = Source.of(Path(path))
    chosen = FORMATS[format] if format is not None else _recognised(source)
    return Reading(source, chosen, Wanted(Tally(), dict(columns or {}), chunk_rows, keep_personal_data))


def _recognised(source: Source) -> Format:
    claims = [(format_.claim(source), format_) for format_ in FORMATS.values()]
    sure, chosen = max(claims, key=lambda claim: claim[0])
    if sure == 0:
        source.refuse_binary()
        raise FormatError(f"{source.name}: no format fits; name one of {', '.join(FORMATS)} with --format")
    return chosen
