"""Faults met while reading in, a report with one line per fault out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from moderation.readers.seen import Seen

__all__ = ["Loss", "LossReport", "Tally"]

# A file with a million bad rows must not make a million lines: the first ones are named, the rest are counted.
NAMED_PER_REASON: Final = 20


@dataclass(frozen=True, slots=True)
class Loss:
    """Records that did not become comments: where, why, and how many."""

    place: str
    reason: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" + (f" ({self.count:,} records)" if self.count > 1 else "")


@dataclass(frozen=True, slots=True)
class LossReport:
    """What was read and what was lost; `records_in == comments_out + lost`, always.

    `notes` are repairs and doubts that lost no record.
    """

    records_in: int = 0
    comments_out: int = 0
    lines: tuple[Loss, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """Count the records that did not become comments."""
        return sum(line.count for line in self.lines)

    def summary(self) -> str:
        """Return one line for a terminal: counts, then reasons with theirs, most frequent first."""
        text = f"{_counted(self.records_in, 'record')} read, {_counted(self.comments_out, 'comment')}"
        if not self.lines:
            return f"{text}, nothing lost"
        by_reason: dict[str, int] = {}
        for line in self.lines:
            by_reason[line.reason] = by_reason.get(line.reason, 0) + line.count
        reasons = sorted(by_reason.items(), key=lambda item: (-item[1], item[0]))
        return f"{text}, {self.lost:,} lost: " + "; ".join(f"{count:,} × {reason}" for reason, count in reasons)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@dataclass(slots=True)
class _Reason:
    named: list[str] = field(default_factory=list)
    rest: int = 0
    last: str = ""

    def add(self, place: str) -> None:
        """Name one more place, or count it."""
        if len(self.named) < NAMED_PER_REASON:
            self.named.append(place)
        else:
            self.rest += 1
            self.last = place


@dataclass(slots=True)
class Tally:
    """The report while it is being made; every reader counts into one.

    Where several files are read as one, `where` says which of them a place is in, and `seen` holds the ids of all.
    """

    records_in: int = 0
    comments_out: int = 0
    where: str = ""
    seen: Seen = field(default_factory=Seen)
    _reasons: dict[str, _Reason] = field(default_factory=dict)
    _repairs: dict[str, int] = field(default_factory=dict)
    _doubts: dict[str, _Reason] = field(default_factory=dict)

    def lose(self, place: str, reason: str) -> None:
        """Count one record at `place` as lost (it was counted into `records_in` by whoever read it)."""
        self._reasons.setdefault(reason, _Reason()).add(f"{self.where}{place}")

    def doubt(self, place: str, text: str) -> None:
        """Remember that the record at `place` was kept without a part of it, as `text` says of `{n}` such records."""
        self._doubts.setdefault(text, _Reason()).add(f"{self.where}{place}")

    def lose_rows(self, rows: Iterable[int], reason: str) -> None:
        """Count each of `rows` (numbered from 1) as lost."""
        for row in rows:
            self.lose(f"row {row}", reason)

    def note(self, text: str, count: int = 1) -> None:
        """Remember a repair or a doubt; `{n}` in `text` becomes the sum of the counts."""
        self._repairs[text] = self._repairs.get(text, 0) + count

    def report(self) -> LossReport:
        """Return what is known so far."""
        lines: list[Loss] = []
        for reason, kept in self._reasons.items():
            lines.extend(Loss(place, reason) for place in kept.named)
            if kept.rest:
                lines.append(Loss(f"further on, up to {kept.last}", reason, kept.rest))
        notes = [text.replace("{n}", f"{count:,}") for text, count in self._repairs.items()]
        for text, kept in self._doubts.items():
            places = ", ".join(kept.named) + (f" and {kept.rest:,} more, up to {kept.last}" if kept.rest else "")
            notes.append(f"{text.replace('{n}', f'{len(kept.named) + kept.rest:,}')}: {places}")
        return LossReport(self.records_in, self.comments_out, tuple(lines), tuple(notes))
