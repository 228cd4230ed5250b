"""One JSON document in, its value out, with its long list in runs of elements: as columns where they are plain.

Whether all of the document is JSON is known before anything is returned.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from moderation.readers.json_blocks import BLOCK, FIRST, Columns, Kinds, Layout
from moderation.readers.json_values import has_huge

__all__ = ["Run", "document_of_runs"]

# So many objects are read as columns together.
TOGETHER: Final = 1 << 12
# How many of those that were read one by one are looked at, to see what the keys hold.
LOOKED_AT: Final = 100
# A list of records begins near the beginning of its document.
NEAR: Final = 1 << 16


class Run(NamedTuple):
    """Some plain elements of a list, one after the other: as they are written, and as columns."""

    content: bytes
    begin: int
    end: int
    columns: Columns

    def records(self) -> list[Any]:
        """Return the elements one by one."""
        return _elements(self.content, self.begin, self.end)


def document_of_runs(
    content: bytes, lists: Sequence[str], kinds: Kinds, layout: Callable[[], Layout | None]
) -> Any | None:
    """Return the value of a document that is a list, or an object that has one under one of the keys `lists`.

    In the place of that list is one of `Run`s, and of lists of what is not plain. `layout` says what plain elements
    hold, as far as `kinds` has seen any. None where the document is something else, or no JSON that every parser reads
    in the same way.
    """
    begin = _begin(content, lists)
    if begin is None or has_huge(content):
        return None
    key, at = begin
    runs = _runs(content, at, kinds, layout)
    if runs is None:
        return None
    found, end = runs
    # What is around the list is read with a word in its place that cannot stand anywhere else.
    word = secrets.token_hex(16)
    try:
        around = orjson.loads(b'%b"%b"%b' % (content[: at - 1], word.encode(), content[end:]))
    except orjson.JSONDecodeError:
        return None
    if around == word:
        return found
    if key is None or not isinstance(around, dict) or around.get(key) != word:
        return None
    around[key] = found
    return around


def _begin(content: bytes, lists: Sequence[str]) -> tuple[str | None, int] | None:
    """Return where the first element of the list may stand, and the key in front of it."""
    head = content[:NEAR]
    opening = re.match(rb"[ \t\r\n]*([\[{])", head)
    if opening is None:
        return None
    if opening[1] == b"[":
        return None, opening.end()
    names = b"|".join(re.escape(name.encode()) for name in lists if "." not in name)
    found = re.search(rb'"(%b)"[ \t\r\n]*:[ \t\r\n]*\[' % names, head) if names else None
    return None if found is None else (found[1].decode(), found.end())


def _runs(
    content: bytes, at: int, kinds: Kinds, layout: Callable[[], Layout | None]
) -> tuple[list[Run | list[Any]], int] | None:
    """Return the runs of the list whose first element is at `at`, and where the list ends; None where it is broken."""
    from moderation.readers.json_kernel import skip

    data = np.frombuffer(content, np.uint8)
    runs: list[Run | list[Any]] = []
    size = FIRST
    while True:
        known = layout()
        if known is not None:
            columns, stop, ended = known.read(data, at, TOGETHER, lines=False)
            if columns.count:
                runs.append(Run(content, at, stop - (ended == "list"), columns))
            at = stop
            if ended:
                return (runs, at) if ended == "list" else None
            if columns.count == TOGETHER:
                continue
        stop, is_last = skip(data, at, size)
        if not stop:
            return None
        try:
            few = _elements(content, at, stop)
        except orjson.JSONDecodeError:
            return None
        kinds.see(few[:LOOKED_AT])
        runs.append(few)
        size = min(2 * size, BLOCK)
        at = content.index(b"]" if is_last else b",", stop) + 1
        if is_last:
            return runs, at


def _elements(content: bytes, begin: int, end: int) -> list[Any]:
    # A comma may stand behind the last one.
    found: list[Any] = orjson.loads(b"[%b]" % content[begin:end].rstrip(b" \t\r\n,"))
    return found
