"""BlogML 2.0 (BlogEngine.NET, DasBlog, Subtext, Community Server, Windows Live Spaces ...) in, batches out.

Source: the schema http://www.blogml.com/2006/09/BlogML.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

from moderation.readers.articles import article_of, told_once
from moderation.readers.encoding import replace_bad_bytes
from moderation.readers.formats import CERTAIN, NO, Format, Wanted
from moderation.readers.losses import Tally
from moderation.readers.markup import plain_text
from moderation.readers.records import batches_of_fields
from moderation.readers.source import Source
from moderation.readers.xml_stream import Keys, Plan, XmlStream, all_text, first_tag, markup
from moderation.tables import Batch

__all__ = ["BLOGML"]

PLAN: Final = Plan(
    records={"comment": ("trackback",), "trackback": ("comment",)},
    vital={"comment": "content", "trackback": "title"},
    namespaces={"": r"blogml\.(?:com|org)/"},
    container="post",
    before=("comments", "trackbacks"),
)
CHILDREN: Final = {
    name: name for name in ("title", "content", "excerpt", "authors", "author", "post-name", "user-name", "body")
}
ATTRIBUTES: Final = {
    name: name
    for name in ("id", "date-created", "approved", "user-name", "user-url", "url", "post-url", "type", "base64", "ref")
}  # fmt: skip


def _claim(source: Source) -> int:
    head = source.head_text()
    return CERTAIN if "blogml" in head[:4096].lower() and first_tag(source).rpartition(":")[2] == "blog" else NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    yield from batches_of_fields(told_once(_records(source, wanted), wanted), "blogml", wanted, "comment")


def _records(source: Source, wanted: Wanted) -> Iterator[tuple[int, dict[str, Any], Mapping[str, str | None]]]:
    tally = wanted.tally
    stream = XmlStream(source, tally, PLAN)
    keys, names = stream.keys(CHILDREN), stream.keys(ATTRIBUTES)
    article: Mapping[str, str | None] = {}
    number = 0
    for name, tree, fault in stream:
        if name == PLAN.container:
            article = {} if tree is None else _article(tree, keys, names, tally)
            continue
        number += 1
        tally.records_in += 1
        if tree is None:
            tally.lose(f"{name} {number}", fault)
            continue
        said = _attributes(tree, names)
        parts = _parts(tree, keys, names, tally)
        title = plain_text(parts.get("title", ""))
        text = plain_text(parts.get("content", "") or parts.get("body", ""))
        record: dict[str, Any] = {
            "id": said.get("id"),
            "author": said.get("user-name"),
            "author_url": said.get("user-url"),
            # Engines repeat "Re: <the article>" or the text itself as title; only in its place does it say anything.
            "text": text or title,
            "posted_at": said.get("date-created"),
            "kind": name,
            "status": said.get("approved"),
        }
        if name == "trackback":
            # The title is all that a trackback has: it names the page that links here.
            record |= {"author": title or None, "author_url": said.get("url")}
            record["text"] = text or title or said.get("url")
        yield number, record, article


def _attributes(tree: Any, names: Keys) -> dict[str, str]:
    return {key: value for name, value in tree.items() if (key := names[name]) is not None}


def _parts(tree: Any, keys: Keys, names: Keys, tally: Tally) -> dict[str, str]:
    parts: dict[str, str] = {}
    for child in tree:
        key = keys[child.tag]
        if key is not None and key != "authors" and not parts.get(key):
            said = _attributes(child, names)
            coded = said.get("type", "").lower() == "base64" or said.get("base64", "").lower() in ("true", "1")
            parts[key] = _decoded(all_text(child), tally) if coded else markup(child)
    return parts


def _decoded(text: str, tally: Tally) -> str:
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        tally.note("{n} texts marked as base64 are not, and are taken as they stand")
        return text
    decoded, bad = replace_bad_bytes(data.decode("utf-8", "surrogateescape"))
    if bad:
        tally.note("{n} bytes that are not UTF-8 read as cp1252", bad)
    return decoded


def _article(tree: Any, keys: Keys, names: Keys, tally: Tally) -> Mapping[str, str | None]:
    said = _attributes(tree, names)
    parts = _parts(tree, keys, names, tally)
    content = {
        "url": said.get("post-url"),
        "title": plain_text(parts.get("title", "") or parts.get("post-name", "")),
        "text": plain_text(parts.get("content", "") or parts.get("excerpt", "")),
        "author": _author(tree, keys, names),
        "published_at": said.get("date-created"),
    }
    return article_of(said.get("id") or said.get("post-url"), content)


def _author(tree: Any, keys: Keys, names: Keys) -> str | None:
    """Return the name that the post gives of its author, which is the author's id in the file."""
    for child in tree:
        if keys[child.tag] == "authors":
            return next((_attributes(each, names).get("ref") for each in child if keys[each.tag] == "author"), None)
    return None


BLOGML: Final = Format("blogml", "BlogML", (".xml",), _claim, _batches)
