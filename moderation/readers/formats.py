"""What a format is: a name, how its files are recognised, and how they are read; one file of this folder for each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from moderation.readers.losses import Tally
from moderation.readers.source import Source
from moderation.tables import Batch

__all__ = ["CERTAIN", "FALLBACK", "LIKELY", "NO", "OWN", "POSSIBLE", "Format", "Wanted"]

# How sure a format is that the first bytes are its own. A suffix counts less than content that is recognised.
CERTAIN, LIKELY, POSSIBLE, FALLBACK, NO = 100, 60, 30, 10, 0
# Keys or columns that one system alone writes say more than that it is JSON, or a table.
OWN = CERTAIN + 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for, and the tally that the format counts into."""

    tally: Tally
    columns: Mapping[str, str] = field(default_factory=dict)
    chunk_rows: int = 5000
    keep_personal_data: bool = False
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One format: `claim` says how sure it is of a file, `batches` reads one."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    claim: Callable[[Source], int]
    batches: Callable[[Source, Wanted], Iterator[Batch]]
