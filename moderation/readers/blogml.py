"""BlogML 2.0 (BlogEngine.NET, DasBlog, Subtext, Community Server, Windows Live Spaces ...) in, batches out.

Source: the schema http://www.blogml.com/2006/09/BlogML.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from moderation.readers.articles import article_of, told_once
from moderation.readers.encoding import replace_bad_bytes
from moderation.readers.formats import CERTAIN, NO, Format, Wanted
from moderation.readers.losses import Tally
from moderation.readers.markup import plain_text
from moderation.readers.records import batches_of_fields
from moderation.readers.source import Source
from moderation.readers.xml_cells import Sheet, once
from moderation.readers.xml_stream import Keys, Plan, XmlStream, all_text, first_tag, markup
from moderation.tables import Batch

__all__ = ["BLOGML"]

CHILDREN: Final = {
    name: name for name in ("title", "content", "excerpt", "authors", "author", "post-name", "user-name", "body")
}
ATTRIBUTES: Final = {
    name: name
    for name in ("id", "date-created", "approved", "user-name", "user-url", "url", "post-url", "type", "base64", "ref")
}  # fmt: skip
_SAID: Final = ("id", "user-name", "user-url", "date-created", "approved", "url")
_PARTS: Final = ("title", "content", "body")
_SAID_OF_POST: Final = ("id", "post-url", "date-created")
_PARTS_OF_POST: Final = ("title", "post-name", "content", "excerpt")


def _asked(said: Sequence[str], parts: Sequence[str]) -> tuple[str, ...]:
    return (*(f"@{{{name}}}" for name in said), *(f"{{{name}}}" for name in parts))


def _odd(parts: Sequence[str]) -> list[str]:
    """Return what is odd in the elements that are texts: markup, another of the name; and base64 in any."""
    paths = [f"{{{name}}}" for name in parts]
    coded = "*[@{base64} or contains(translate(@{type}, 'BASE', 'base'), 'base64')]"
    return [*once(*paths), *(f"{path}/*" for path in paths), coded]


SHEET: Final = Sheet(
    cells={
        "post": (*_asked(_SAID_OF_POST, _PARTS_OF_POST), "{authors}[1]/{author}[1]/@{ref}"),
        "comment": _asked(_SAID, _PARTS),
        "trackback": _asked(_SAID, _PARTS),
    },
    odd={"post": _odd(_PARTS_OF_POST), "comment": _odd(_PARTS), "trackback": _odd(_PARTS)},
    banned={"base64": "", "type": "64"},
)
PLAN: Final = Plan(
    records={"comment": ("trackback",), "trackback": ("comment",)},
    vital={"comment": "content", "trackback": "title"},
    namespaces={"": r"blogml\.(?:com|org)/"},
    container="post",
    before=("comments", "trackbacks"),
    sheet=SHEET,
)


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
    for name, tree, fault, cells in stream:
        if name == PLAN.container:
            if cells:
                article = _article(*_filled(cells[:-1], _SAID_OF_POST, _PARTS_OF_POST), cells[-1])
            elif tree is None:
                article = {}
            else:
                article = _article(
                    _attributes(tree, names), _parts(tree, keys, names, tally), _author(tree, keys, names)
                )
            continue
        number += 1
        tally.records_in += 1
        if cells:
            said, parts = _filled(cells, _SAID, _PARTS)
        elif tree is None:
            tally.lose(f"{name} {number}", fault)
            continue
        else:
            said, parts = _attributes(tree, names), _parts(tree, keys, names, tally)
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


def _filled(cells: Sequence[str], said: Sequence[str], parts: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return attributes and texts as the sheet's cells say; without those that are empty, which are as if not there."""
    filled = [(name, cell) for name, cell in zip((*said, *parts), cells, strict=True)]
    count = len(said)
    return {name: cell for name, cell in filled[:count] if cell}, {name: cell for name, cell in filled[count:] if cell}


def _article(said: Mapping[str, str], parts: Mapping[str, str], author: str | None) -> Mapping[str, str | None]:
    content = {
        "url": said.get("post-url"),
        "title": plain_text(parts.get("title", "") or parts.get("post-name", "")),
        "text": plain_text(parts.get("content", "") or parts.get("excerpt", "")),
        "author": author,
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
