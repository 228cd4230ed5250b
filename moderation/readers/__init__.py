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

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from moderation.errors import FormatError, InputError
from moderation.readers.blogger import BLOGGER
from moderation.readers.blogml import BLOGML
from moderation.readers.coral import CORAL
from moderation.readers.delimited import CSV, TSV
from moderation.readers.disqus import DISQUS
from moderation.readers.formats import CERTAIN, OWN, Format, Wanted
from moderation.readers.html_page import HTML
from moderation.readers.isso import ISSO
from moderation.readers.json_document import JSON
from moderation.readers.json_lines import JSONL
from moderation.readers.losses import Loss, LossReport, Tally
from moderation.readers.movable_type import MOVABLE_TYPE
from moderation.readers.page import PAGE
from moderation.readers.parquet import PARQUET
from moderation.readers.source import Place, Source, places_in, shown
from moderation.readers.systems import SYSTEMS
from moderation.readers.workbook import EXCEL
from moderation.readers.wxr import WXR
from moderation.tables import Batch

__all__ = ["FORMATS", "Format", "Loss", "LossReport", "Reading", "read"]

FORMATS: Final[Mapping[str, Format]] = {
    format_.name: format_
    for format_ in sorted(
        (
            BLOGGER,
            BLOGML,
            CORAL,
            CSV,
            DISQUS,
            EXCEL,
            HTML,
            ISSO,
            JSON,
            JSONL,
            MOVABLE_TYPE,
            PAGE,
            PARQUET,
            TSV,
            WXR,
            *SYSTEMS,
        ),
        key=lambda format_: format_.name,
    )
}
"""Every format that `read` knows, by name."""

_SITE: Final = re.compile(r"[\w.-]{1,100}")


class Reading:
    """Batches of one file, or of all files of a folder or archive, to be iterated once.

    `loss` is complete when the iteration is, and so is `format` where there are several files.
    """

    def __init__(self, path: Path, places: Sequence[Place], format_: Format | None, wanted: Wanted) -> None:
        self._name = shown(path)
        self._places = places
        self._given = format_
        self._wanted = wanted
        self._begun = False
        self._done = 0
        self._source: Source | None = None
        self._formats: dict[str, None] = {}  # a set that keeps its order
        if len(places) == 1:
            self._look(places[0])  # at once: a file that cannot be read is refused before anything is begun

    def __iter__(self) -> Iterator[Batch]:
        """Read from the beginning."""
        if self._begun:
            raise InputError(f"{self._name}: was read already; call read() again")
        self._begun = True
        return self._one() if len(self._places) == 1 else self._all()

    def _one(self) -> Iterator[Batch]:
        assert self._source is not None
        yield from self._batches(self._source, FORMATS[next(iter(self._formats))])

    def _all(self) -> Iterator[Batch]:
        """Read file after file; one that cannot be read is reported, and the next one is read."""
        tally = self._wanted.tally
        refused = []
        for at, place in enumerate(self._places):
            begun = False
            shorter = place.name.removeprefix(f"{self._name}/")
            tally.where = f"{shorter}, "
            try:
                source, format_ = self._look(place)
                begun = True
                yield from self._batches(source, format_)
            except InputError as error:
                refused.append(str(error))
                fault = str(error).removeprefix(f"{place.name}: ")
                if begun:  # it looked like comments: that is a loss
                    tally.where = ""
                    tally.records_in += 1
                    tally.lose(shorter, f"the file was not read to its end: {fault}")
                else:
                    tally.note(f"{shorter}: not read: {fault}")
            self._done += place.size
            self._source = None
            if place.copy is not None and (place is self._places[-1] or self._places[at + 1].copy is not place.copy):
                place.copy.done()
        tally.where = ""
        if len(refused) == len(self._places):
            raise InputError(f"{self._name}: nothing in it could be read; the first: {refused[0]}")

    def _look(self, place: Place) -> tuple[Source, Format]:
        self._source = source = Source.of(place)
        chosen = self._given or _recognised(source)
        self._formats[chosen.name] = None
        return source, chosen

    def _batches(self, source: Source, format_: Format) -> Iterator[Batch]:
        yield from format_.batches(source, self._wanted)
        if source.fault is not None:
            self._wanted.tally.note(f"{source.name}: {source.fault}; what came before that was read")

    @property
    def format(self) -> str:
        """The name of the format, given or found; of several, those met so far."""
        return ", ".join(self._formats) or "several"

    @property
    def loss(self) -> LossReport:
        """What was read and lost so far."""
        return self._wanted.tally.report()

    @property
    def total_bytes(self) -> int:
        """The size of the files, as they lie on the disk."""
        return sum(place.size for place in self._places)

    @property
    def bytes_read(self) -> int:
        """How much of the files was read so far, for a progress bar."""
        present = 0 if self._source is None else min(self._source.bytes_read, self._source.size)
        return min(self._done + present, self.total_bytes)


def read(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word on every command line
    *,
    columns: Mapping[str, str] | None = None,
    chunk_rows: int = 5000,
    keep_personal_data: bool = False,
    site: str | None = None,
) -> Reading:
    """Return the comments in the file at `path` as a `Reading`, `chunk_rows` at a time.

    The file may be packed (.gz, .zst, .bz2, .xz, .zip, .tar, .tar.gz and their like); of a folder, or an archive of
    several, every file is read, one after the other. The format is told by content unless `format` names it. `columns`
    maps our field to the file's column or key (`{"text": "body"}`; dots reach into JSON objects). E-mail and IP
    addresses are dropped; `keep_personal_data` keeps those that were given as an author's name or link. `site` goes
    into the ids that systems number their comments by. Raises `FormatError` where no format fits, `InputError` where
    the file cannot be read.
    """
    if format is not None and format not in FORMATS:
        raise FormatError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if chunk_rows < 1:
        raise InputError(f"chunk_rows is {chunk_rows}; give 1 or more")
    if site is not None and not _SITE.fullmatch(site):
        raise InputError(f"site: {site!a} is not a name; use letters, digits, '.', '-' and '_'")
    chosen = None if format is None else FORMATS[format]
    wanted = Wanted(Tally(), dict(columns or {}), chunk_rows, keep_personal_data, site)
    return Reading(Path(path), places_in(Path(path)), chosen, wanted)


def _recognised(source: Source) -> Format:
    if HTML.claim(source) == CERTAIN:  # nothing else begins as a page does, and pages come by the thousand
        return HTML
    # Tables are told last: it takes longest, and where a system knows its own keys nobody else need be asked.
    claims = []
    for format_ in sorted(FORMATS.values(), key=lambda format_: format_ in (CSV, TSV)):
        claims.append((format_.claim(source), format_))
        if claims[-1][0] == OWN:
            return format_
    # Of several that are as sure, the first by name.
    sure, chosen = max(sorted(claims, key=lambda claim: claim[1].name), key=lambda claim: claim[0])
    if sure == 0:
        source.refuse_binary()
        raise FormatError(f"{source.name}: no format fits; name one of {', '.join(FORMATS)} with --format")
    return chosen
