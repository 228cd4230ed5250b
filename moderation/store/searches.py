"""Words in, the comments that hold them all out, each search remembered as long as the store is open.

A comment's words never change, so what a search has found stays found: asked again, only the comments added since are
looked at. The first time, a search reads every comment once (about 3 s for each million on one core). An index over
every three letters would answer that at once, and make taking comments in ten times slower (measured with SQLite's
FTS5); searches are rarer than comments.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Connection, FromClause, GenerativeSelect, and_, func, or_, select

from moderation.store.schema import comments

__all__ = ["FEW", "Searches", "holding", "narrowest"]

FEW: Final = 20_000  # up to here, collecting the candidates and sorting them beats walking an order past the rest
KEPT: Final = 32  # searches that are remembered


@dataclass(slots=True)
class _Search:
    upto: int = 0
    keys: list[int] | None = field(default_factory=list)  # None: too many to be worth keeping


def narrowest(connection: Connection, lists: Iterable[GenerativeSelect]) -> GenerativeSelect | None:
    """Return the shortest of some lists of keys; None where each is longer than `FEW`."""
    shortest: tuple[int, GenerativeSelect] | None = None
    for each in lists:
        bounded = select(func.count()).select_from(each.limit(FEW + 1).subquery())
        length = connection.scalar(bounded) or 0
        if length <= FEW and (shortest is None or length < shortest[0]):
            shortest = (length, each)
    return None if shortest is None else shortest[1]


class Searches:
    """The searches that were made lately; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Search] = OrderedDict()

    def keys(self, connection: Connection, words: str) -> list[int] | None:
        """Return the keys of the comments that hold all of `words`; None where there are more than `FEW`."""
        with self._lock:
            search = self._kept.get(words, _Search())
        if search.keys is None:
            return None
        last = connection.scalar(select(func.max(comments.c.key))) or 0
        if last > search.upto:
            line = select(comments.c.key).where(comments.c.key > search.upto, comments.c.key <= last)
            found = list(connection.scalars(line.where(holding(connection, comments, words)).limit(FEW + 1)))
            keys = sorted([*search.keys, *found])
            search = _Search(last, keys if len(keys) <= FEW else None)
        with self._lock:
            self._kept[words] = search
            self._kept.move_to_end(words)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return search.keys


def holding(connection: Connection, table: FromClause, words: str) -> ColumnElement[bool]:
    """Return the condition that each of `words` occurs in the text or the author of a row of `table`."""
    sqlite = connection.dialect.name == "sqlite"
    return and_(*(or_(*_occurs(table, word, sqlite=sqlite)) for word in words.split()))


def _occurs(table: FromClause, word: str, *, sqlite: bool) -> Iterator[ColumnElement[bool]]:
    # SQLite's LIKE knows two cases of A to Z only; of other letters, a word is looked for in its usual spellings.
    spellings = {word} if word.isascii() or not sqlite else {word, word.lower(), word.upper(), word.capitalize()}
    for spelling in sorted(spellings):
        pattern = "%" + spelling.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        for column in (table.c.text, table.c.author):
            yield column.like(pattern, escape="\\") if sqlite else column.ilike(pattern, escape="\\")
