"""One JSON document in, batches out: a list, a list under some key, or articles with their comments inside.

A document is held in memory whole up to some size; of a larger one, only one element of its outermost list is.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from moderation.errors import FormatError
from moderation.readers.ahead import ahead
from moderation.readers.columns import is_text_name
from moderation.readers.formats import CERTAIN, LIKELY, NO, Format, Wanted
from moderation.readers.json_blocks import BLOCK, FIRST, Columns, Kinds, Layout, columns_of, is_worth_it, listed
from moderation.readers.json_values import content_of, elements, elements_of, has_huge, is_large, value_in
from moderation.readers.records import Keys, Piece, batches_of_columns, piece_of, pieces_of
from moderation.readers.source import Source, text_of
from moderation.readers.text_columns import TEXT
from moderation.tables import Batch

__all__ = ["JSON"]

# Keys whose lists hold the comments of what they stand in, best first.
COMMENTS: Final = ("comments", "responses")
# Keys whose lists, in a comment, hold the answers to it.
REPLIES: Final = ("replies", "children", "comments", "responses")
# Keys whose lists hold articles, or whatever a service wraps its answers in.
WRAPPERS: Final = ("articles", "threads", "stories", "posts", "pages", "items", "data", "results", "records", "rows",
                   "response")  # fmt: skip
# Keys of an object with comments inside -> the inline column that its value goes to.
ARTICLE: Final[Mapping[str, tuple[str, ...]]] = {
    "article_id": ("article_id", "id"),
    "article_title": ("article_title", "title", "headline"),
    "article_text": ("article_text", "text", "body", "content"),
    "article_url": ("article_url", "url", "link", "permalink"),
}
NESTED: Final = frozenset((dict, list))
ID: Final = ("id", "comment_id", "cid")
# What stands between two objects of a list, as programs write it.
BETWEEN: Final = (b"},{", b"}, {", b"},\n{", b"},\r\n{")
# No comment is longer.
LONGEST: Final = 1 << 26


def _claim(source: Source) -> int:
    first = source.head_text().lstrip()[:1]
    if first and first in "[{":
        return CERTAIN - 10
    return LIKELY if source.suffix == ".json" else NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    yield from batches_of_columns(_pieces(source, wanted), "table", wanted, "record")


def _pieces(source: Source, wanted: Wanted) -> Iterator[Piece | None]:
    keys = Keys(source.name, wanted)
    flat = _Flat(keys, Kinds(is_used=is_worth_it(source)))
    if is_large(source):
        if not source.head_text().lstrip().startswith("["):
            parts = elements(source, wanted.tally, (*COMMENTS, *WRAPPERS))
            records: Iterable[Any] = itertools.chain.from_iterable(map(_records, parts))
            yield from pieces_of(records, keys, "record")
            return
        with closing(source.raw_blocks(wanted.tally, FIRST, BLOCK)) as blocks:
            yield from map(flat.piece, flat.held(blocks))
            if flat.rest is not None:
                text = text_of(itertools.chain([b"["], flat.rest), wanted.tally)
                one_by_one = elements_of(text, wanted.tally, (), flat.done)
                records = itertools.chain.from_iterable(_records([each]) for each in one_by_one)
                yield from pieces_of(records, keys, "record", flat.done)
        return
    content = content_of(source, wanted.tally)
    # What is at fault is said before anything is yielded: all of it is looked at first.
    held = list(flat.held([content]))
    if flat.rest is None:
        flat.meet()
        yield from map(flat.piece, held)
        return
    whole = value_in(content, source, wanted.tally)
    if not isinstance(whole, list | dict):
        raise FormatError(f"{source.name}: is one JSON value, not a list of comments; export it again")
    records = list(_records(whole))
    if not records and isinstance(whole, dict) and _list_in(whole, (*COMMENTS, *WRAPPERS)) is None:
        names = ", ".join(sorted(key for key in whole if key.isidentifier())[:30])
        raise FormatError(f"{source.name}: no list of comments found; its keys are {names}; put them under 'comments'")
    yield from pieces_of(records, keys, "record")


class _Flat:
    """A list of objects with nothing in them, as most documents are: read in blocks, as lines of JSON are.

    It is cut between objects, wherever "},{" stands. Where that is in a text, neither side is JSON; so if each block is
    a list of objects, the document is one. `rest` is what is no such list, from some object on to the end.
    """

    def __init__(self, keys: Keys, kinds: Kinds) -> None:
        self.rest: Iterable[bytes] | None = None
        self.done = 0
        self._keys = keys
        self._kinds = kinds
        self._between = b""
        # What was not cut yet, and from where on; and what was, but not read yet.
        self._data, self._at = b"", 0
        self._begun: deque[bytes] = deque()

    def held(self, blocks: Iterable[bytes]) -> Iterator[Columns | list[Any]]:
        """Yield the records of each block, as columns or as a list, as long as they are plain."""
        blocks = iter(blocks)
        cut = ((block, self._layout()) for block in self._cut(blocks))
        with closing(ahead(cut, lambda part: listed(*part))) as found:
            for (block, then), table in found:
                now = self._layout()
                held: Columns | list[Any] | None = table if now is then else listed(block, now)
                if held is None:
                    held = _listed(block)
                    if held is None:
                        break
                    self._kinds.see(held)
                self._begun.popleft()
                yield held
        if self._begun or self._data or not self._kinds.names:
            self.rest = itertools.chain(self._begun, [self._data[self._at :]], blocks)

    def _cut(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the list's objects in blocks of some size; `_begun` has what was cut out, and what could not be."""
        self._data, size = next(blocks, b"").lstrip(), FIRST
        found = [(place, each) for each in BETWEEN if (place := self._data.find(each, 0, 2 * FIRST)) != -1]
        self._at = 1 if self._data.startswith(b"[") else 0
        if not found or not self._at:
            return
        self._between = min(found)[1]
        while True:
            end = self._data.find(self._between, self._at + size)
            if end == -1:
                block = next(blocks, None) if len(self._data) - self._at < LONGEST else None
                if block is None:
                    break
                self._data, self._at = self._data[self._at :] + block, 0
                continue
            begin, self._at = self._at, end + len(self._between) - 1
            self._begun.append(self._data[begin : self._at])
            yield self._data[begin : end + 1]
            size = min(2 * size, BLOCK)
        last = self._data[self._at :].rstrip()
        if last.endswith(b"]"):
            self._begun.append(last)
            self._data = b""
            yield last[:-1]

    def _layout(self) -> Layout | None:
        choice = self._keys.choice
        used = {name for names in choice.values() for name in names} if choice else set(self._kinds.names)
        return self._kinds.layout(used) if used and used <= set(self._kinds.names) else None

    def meet(self) -> None:
        """Settle which keys hold which field by all of them."""
        if self._kinds.names:
            self._keys.of([dict.fromkeys(self._kinds.names)])

    def piece(self, held: Columns | list[Any]) -> Piece | None:
        """Return records as columns, numbered on, and counted."""
        count = held.count if isinstance(held, Columns) else len(held)
        numbers = np.arange(self.done + 1, self.done + count + 1)
        self.done += count
        self._keys.wanted.tally.records_in += count
        if isinstance(held, list):
            return piece_of(numbers.tolist(), held, self._keys, "record")
        return Piece(numbers, {"text": pa.nulls(count, TEXT), **columns_of(held, self._keys.choice)})


def _listed(block: bytes) -> list[Any] | None:
    """Return the objects in a block, if all are, with nothing in them."""
    if has_huge(block):
        return None
    try:
        found: list[Any] = orjson.loads(b"[" + block + b"]")
    except orjson.JSONDecodeError:
        return None
    return found if _are_flat(found) else None


def _list_in(value: Any, keys: tuple[str, ...]) -> list[Any] | None:
    if not isinstance(value, dict):
        return None
    return next((value[key] for key in keys if isinstance(value.get(key), list)), None)


def _records(document: Any) -> Iterator[Any]:
    """Yield the comments of `document`, in order, each before its replies, with the article's fields inline."""
    # A stack instead of recursion: threads may be deeper than the interpreter lets functions call each other.
    waiting: list[tuple[Any, dict[str, Any], str]] = [(document, {}, "unknown")]
    while waiting:
        value, given, expected = waiting.pop()
        if isinstance(value, list):
            if expected != "articles" and _are_flat(value):  # as good as always, and nothing to look for
                yield from ((given | item for item in value) if given else value)
                continue
            if expected == "unknown" and any(_list_in(item, COMMENTS) is not None for item in value):
                expected = "articles"
            waiting.extend((item, given, expected) for item in reversed(value))
        elif not isinstance(value, dict):
            yield {**given, "text": value} if isinstance(value, str) else value
        elif expected != "comments" and (comments := _list_in(value, COMMENTS)) is not None:
            waiting.append((comments, given | _article(value), "comments"))
        elif expected == "articles":
            continue  # an article that nobody commented on
        elif expected == "unknown" and not any(map(is_text_name, value)):
            wrapped = _list_in(value, WRAPPERS)
            if wrapped is not None:
                waiting.append((wrapped, given, "unknown"))
            elif value is not document:
                yield value  # it has no text, and will be counted so
        else:
            yield given | {key: held for key, held in value.items() if key not in REPLIES or not isinstance(held, list)}
            replies = _list_in(value, REPLIES)
            if replies:
                own = next((value[key] for key in ID if isinstance(value.get(key), str | int)), None)
                waiting.append((replies, {**given, "parent_id": own}, "comments"))


def _are_flat(values: Sequence[Any]) -> bool:
    """Tell whether all are objects with nothing in them."""
    if set(map(type, values)) != {dict}:
        return False
    return NESTED.isdisjoint(map(type, itertools.chain.from_iterable(map(dict.values, values))))


def _article(value: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        field: next((value[key] for key in keys if isinstance(value.get(key), str | int)), None)
        for field, keys in ARTICLE.items()
    }
    return {field: held for field, held in found.items() if held is not None}


JSON: Final = Format("json", "JSON document", (".json",), _claim, _batches)
