"""Ids in, which of them are new out; eight bytes are kept for each, so that millions of them fit."""

from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["Seen"]


class Seen:
    """The ids met so far, as sorted runs of their hashes.

    The hash is the interpreter's own, keyed anew for each process: nobody can make two ids that share one, and by
    chance two of five million do so once in a million readings.
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def __contains__(self, name: object) -> bool:
        return bool(self._known(np.array([hash(name)], dtype=np.int64))[0])

    def first(self, names: Sequence[str]) -> np.ndarray:
        """Tell which of `names` were never met, nor stand earlier among themselves; all of them are met from now on."""
        hashes = _hashes(names)
        ordered = np.sort(hashes)
        if not (ordered[1:] == ordered[:-1]).any() and not self._known(ordered).any():  # as good as always
            self._add(ordered)
            return np.ones(len(hashes), dtype=bool)
        fresh, places = np.unique(hashes, return_index=True)
        new = ~self._known(fresh)
        kept = np.zeros(len(hashes), dtype=bool)
        kept[places[new]] = True
        self._add(fresh[new])
        return kept

    def _known(self, hashes: np.ndarray) -> np.ndarray:
        known = np.zeros(len(hashes), dtype=bool)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            known |= run[at] == hashes
        return known

    def _add(self, run: np.ndarray) -> None:
        if not len(run):
            return
        # Merged with runs of its own size only, so that each id is moved a few times, not once a batch.
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


def _hashes(names: Iterable[str]) -> np.ndarray:
    return np.fromiter(map(hash, names), dtype=np.int64)
