"""One JSON document in, batches out: a list, a list under some key, or articles with their comments inside.

A document is held in memory whole up to some size; of a larger one, only one element of its outermost list is.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from moderation.errors import FormatError
from moderation.readers.columns import is_text_name
from moderation.readers.formats import CERTAIN, LIKELY, NO, Format, Wanted
from moderation.readers.json_values import document, elements, is_large
from moderation.readers.records import batches_of
from moderation.readers.source import Source
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


def _claim(source: Source) -> int:
    first = source.head_text().lstrip()[:1]
    if first and first in "[{":
        return CERTAIN - 10
    return LIKELY if source.suffix == ".json" else NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    if is_large(source):
        parts = elements(source, wanted.tally, (*COMMENTS, *WRAPPERS))
        records: Iterable[Any] = itertools.chain.from_iterable(_records(part) for part in parts)
    else:
        whole = document(source, wanted.tally)
        if not isinstance(whole, list | dict):
            raise FormatError(f"{source.name}: is one JSON value, not a list of comments; export it again")
        records = list(_records(whole))
        if not records and isinstance(whole, dict) and _list_in(whole, (*COMMENTS, *WRAPPERS)) is None:
            keys = ", ".join(sorted(key for key in whole if key.isidentifier())[:30])
            raise FormatError(
                f"{source.name}: no list of comments found; its keys are {keys}; put them under 'comments'"
            )
    yield from batches_of(records, source.name, wanted, "record")


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
