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


def ahead(
    parts: Iterable[A], work: Callable[[A], B], most: int = MOST, threads: int = 1
) -> Generator[tuple[A, B], None, None]:
    """Yield each of `parts` with what `work` makes of it, in order; the next ones are worked on meanwhile.

    `parts` are taken in the caller's thread, `work` is done in others: it pays only where it does not hold the
    interpreter. What it raises is raised where its part would have been yielded, and what `parts` raises behind the
    last part that came before.
    """
    waiting: deque[tuple[A, Future[B]]] = deque()
    coming = iter(parts)
    fault: Exception | None = None
    done, ended = 0, False
    with ThreadPoolExecutor(threads) as beside:
        try:
            while waiting or not ended:
                if not ended:
                    try:
                        part = next(coming)
                        waiting.append((part, beside.submit(work, part)))
                    except StopIteration:
                        ended = True
                    except Exception as error:  # noqa: BLE001 - raised in its turn
                        fault, ended = error, True
                if waiting and (ended or len(waiting) > min(done, most)):
                    taken, found = waiting.popleft()
                    done += 1
                    yield taken, found.result()
        finally:
            beside.shutdown(cancel_futures=True)
    if fault is not None:
        raise fault
