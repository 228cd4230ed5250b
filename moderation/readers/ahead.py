"""Work that lets other threads run, done on what comes next while what is at hand is being used."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["ahead"]

A = TypeVar("A")
B = TypeVar("B")

# How many parts are worked on, or wait for it; fewer at the beginning, so that what is small is not read at once.
MOST: Final = 2


def ahead(parts: Iterable[A], work: Callable[[A], B], most: int = MOST) -> Generator[tuple[A, B], None, None]:
    """Yield each of `parts` with what `work` makes of it, in order; the next ones are worked on meanwhile.

    `parts` are taken in the caller's thread, `work` is done in another: it pays only where it does not hold the
    interpreter. What it raises is raised where its part would have been yielded.
    """
    waiting: deque[tuple[A, Future[B]]] = deque()
    done = 0
    with ThreadPoolExecutor(1) as beside:
        try:
            for part in parts:
                waiting.append((part, beside.submit(work, part)))
                if len(waiting) > min(done, most):
                    taken, found = waiting.popleft()
                    done += 1
                    yield taken, found.result()
            while waiting:
                taken, found = waiting.popleft()
                yield taken, found.result()
        finally:
            beside.shutdown(cancel_futures=True)
