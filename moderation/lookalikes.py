"""A comment in, the likest that people approved and rejected out: evidence for and against, from the site's own past.

Two steps. An index in memory knows the word stems of everything that was decided, weighed by rarity (inverse document
frequency: Spärck Jones, 1972); it is brought up to date from the review events since the last question, so that a
decision costs its own comment and not the whole past. Then, where the tier has sentence embeddings, the few likest of
each side are compared as sentences: asking for the meaning of fifty thousand comments would take minutes.
"""

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from moderation.features.ngrams import N_BUCKETS, stems, string_buffers
from moderation.store import Store
from moderation.store.records import ANSWERS
from moderation.tiers import Accurate, Cascade, Scorer

__all__ = ["KEPT", "LookAlike", "LookAlikes"]

KEPT: Final = 50_000
"""How many decided comments are looked through, the latest decisions; some 150 bytes of memory each."""

FEW: Final = 16
"""How many of each side are compared as sentences."""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A comment that a person decided about, and how like it is to another one.

    `likeness` is the cosine of their sentence embeddings, in the fast tier that of their rare words.
    """

    id: str
    action: str
    text: str
    likeness: float


class LookAlikes:
    """What people decided in one store, kept at hand between questions; may be asked from several threads."""

    def __init__(self, store: Store, *, kept: int = KEPT) -> None:
        self._store = store
        self._kept = kept
        self._lock = threading.Lock()
        self._event = 0
        self._rows: dict[str, int] = {}
        self._ids: list[str] = []
        self._rejected = np.zeros(0, np.bool_)
        self._stands = np.zeros(0, np.bool_)
        self._indptr = np.zeros(1, np.int64)
        self._stems = np.zeros(0, np.int32)
        self._rare = np.zeros(N_BUCKETS, np.float32)
        self._norms = np.ones(0, np.float32)

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(self, scorer: Scorer, comment_id: str) -> list[LookAlike]:
        """Return the approved and the rejected comment most like this one, the likest first; at most one of each.

        Raises `StoreError` for a comment that the store does not know.
        """
        text = str(self._store.batch([comment_id]).comments["text"].iloc[0])
        with self._lock:
            self._catch_up()
            likeness = self._likeness(text)
            likeness[~self._stands] = -1.0
            if comment_id in self._rows:
                likeness[self._rows[comment_id]] = -1.0
            sides = [self._first(likeness, rejected=rejected) for rejected in (False, True)]
            named = [[(self._ids[row], float(likeness[row])) for row in rows] for rows in sides]
        return sorted(self._weighed(scorer, text, named), key=lambda each: -each.likeness)

    def _weighed(self, scorer: Scorer, text: str, named: list[list[tuple[str, float]]]) -> list[LookAlike]:
        ids = [name for side in named for name, _ in side]
        if not ids:
            return []
        texts = self._store.batch(ids).comments.set_index("id")["text"]
        by_meaning: dict[str, float] = {}
        if isinstance(scorer, Accurate | Cascade):
            cosines = scorer.likeness_to(text, [str(texts[name]) for name in ids])
            by_meaning = dict(zip(ids, cosines.tolist(), strict=True))
        found = []
        for action, side in zip(ANSWERS, named, strict=True):
            likest = max(side, key=lambda each: by_meaning.get(each[0], each[1]), default=None)
            if likest is not None:
                name, by_words = likest
                found.append(LookAlike(name, action, str(texts[name]), by_meaning.get(name, by_words)))
        return found

    def _first(self, likeness: npt.NDArray[np.float32], *, rejected: bool) -> list[int]:
        rows = np.flatnonzero((self._rejected == rejected) & (likeness >= 0.0))
        # Of those equally like, the one decided last: it says best what is done today.
        order = np.lexsort((-rows, -likeness[rows]))[:FEW]
        return [int(row) for row in rows[order]]

    def _likeness(self, text: str) -> npt.NDArray[np.float32]:
        """Return the cosine of rare words with every row, float32 (rows,)."""
        if not len(self._norms):
            return np.zeros(0, np.float32)
        _, own = stems(string_buffers([text]))
        weights = np.zeros(N_BUCKETS, np.float32)
        weights[own] = self._rare[own] ** 2
        norm = float(np.sqrt(weights.sum()))
        shared = _sums(weights[self._stems], self._indptr)
        return (shared / (self._norms * max(norm, 1e-6))).astype(np.float32)

    def _catch_up(self) -> None:
        changed, event = self._store.decided_since(self._event, limit=self._kept)
        if event == self._event:
            return
        self._event = event
        if changed.empty:
            return
        for name in changed.index:
            row = self._rows.pop(name, None)
            if row is not None:
                self._stands[row] = False
        now = changed[changed["action"].notna()]
        indptr, indices = stems(string_buffers(now["text"]))
        start = len(self._ids)
        self._rows.update((name, start + place) for place, name in enumerate(now.index))
        self._ids += now.index.tolist()
        self._rejected = np.concatenate([self._rejected, (now["action"] == "reject").to_numpy(dtype=bool)])
        self._stands = np.concatenate([self._stands, np.ones(len(now), np.bool_)])
        self._indptr = np.concatenate([self._indptr, self._indptr[-1] + indptr[1:]])
        self._stems = np.concatenate([self._stems, indices])
        if len(self._ids) > self._kept + self._kept // 4 or 2 * len(self._rows) + 1000 < len(self._ids):
            self._drop()
        standing = np.repeat(self._stands, np.diff(self._indptr))
        frequencies = np.bincount(self._stems[standing], minlength=N_BUCKETS)
        # One more than the usual ratio: among the first three decisions, too, a shared word is worth something.
        self._rare = np.log1p((len(self._rows) + 1.0) / (frequencies + 1.0)).astype(np.float32)
        squares = _sums(self._rare[self._stems] ** 2, self._indptr)
        self._norms = np.maximum(np.sqrt(squares), np.float32(1e-6))

    def _drop(self) -> None:
        """Forget what was taken back or decided again, and the oldest decisions beyond what is kept."""
        keep = np.flatnonzero(self._stands)[-self._kept :]
        lengths = np.diff(self._indptr)
        chosen = np.zeros(len(self._ids), np.bool_)
        chosen[keep] = True
        self._stems = self._stems[np.repeat(chosen, lengths)]
        self._indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[keep])])
        self._ids = [self._ids[row] for row in keep]
        self._rejected, self._stands = self._rejected[keep], self._stands[keep]
        self._rows = {name: row for row, name in enumerate(self._ids)}


def _sums(values: npt.NDArray[np.float32], indptr: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the sum of each row's values; an empty row has 0."""
    total = np.concatenate([np.zeros(1), np.cumsum(values, dtype=np.float64)])
    sums: npt.NDArray[np.float32] = (total[indptr[1:]] - total[indptr[:-1]]).astype(np.float32)
    return sums
