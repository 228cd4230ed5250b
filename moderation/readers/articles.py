"""Records and the articles they stand under in, records that tell each article once per batch out.

An article may have a hundred thousand comments: its text beside every one of them would be most of the work.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from moderation.readers.formats import Wanted
from moderation.tables import native_id

__all__ = ["article_of", "told_once"]

_WORD: Final = re.compile(r"\w")


def article_of(native: str | None, content: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return an article with `content` (url, title, text, author, published_at) under the source's own id, or a digest.

    One of which nothing is known is empty.
    """
    known = {f"article_{name}": value for name, value in content.items() if value}
    if native:
        return {"article_id": native, **known}
    if not known:
        return {}
    # What is edited least names it: an article that was corrected since must still be the same one.
    names = ("url",) if content.get("url") else ("title", "published_at") if content.get("title") else ("text",)
    parts = [content.get(name) or None for name in names]  # what is empty is as if it were not there
    return {"article_id": native_id("article", *parts), **known}


def told_once(
    records: Iterable[tuple[int, dict[str, Any], Mapping[str, str | None]]], wanted: Wanted
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield numbered records with their article: all of it with the first of a batch that has a text, else its id."""
    told: set[str | None] = set()
    for count, (number, record, article) in enumerate(records):
        if count % wanted.chunk_rows == 0:
            told.clear()
        if article:
            name = article["article_id"]
            if name in told:
                record["article_id"] = name
            else:
                record.update(article)
                # A record without text is lost further on, and would take the article with it.
                if _WORD.search(record.get("text") or ""):
                    told.add(name)
        yield number, record
