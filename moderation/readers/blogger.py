"""Blogger's exports in, batches out: the classic Atom backup, and `feed.atom` from Google Takeout.

Posts and comments stand in one list, in any order: the file is read twice, first for the posts, then for the comments;
or once, where the first reading shows that nothing is out of the ordinary, and can keep the comments.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from moderation.readers.articles import article_of, told_once
from moderation.readers.formats import CERTAIN, NO, Format, Wanted
from moderation.readers.losses import Tally
from moderation.readers.markup import plain_text
from moderation.readers.records import batches_of_fields
from moderation.readers.source import Source
from moderation.readers.xml_cells import Sheet, once
from moderation.readers.xml_stream import Keys, Passing, Plan, Record, XmlStream, all_text, first_tag, markup
from moderation.tables import Batch

__all__ = ["BLOGGER"]

KEYS: Final = {
    "id": "id",
    "title": "title",
    "content": "text",
    "summary": "text",
    "published": "published",
    "updated": "updated",
    "author": "author",
    "name": "name",
    "uri": "uri",
    "category": "category",
    "link": "link",
    "thr:in-reply-to": "under",
    "blogger:type": "type",
    "blogger:status": "status",
    "blogger:parent": "post",
    "blogger:inReplyTo": "parent",
    "blogger:filename": "filename",
    "blogger:trashed": "trashed",
    "app:control": "control",
}
_KIND: Final = "{category}[contains(@term, 'blogger/2008/kind#')]"
# Where our name of it is not the element's own, or an attribute holds it.
_CELLS: Final = {
    "id": "{id}",
    "title": "{title}",
    "content": "{content}",
    "summary": "{summary}",
    "published": "{published}",
    "updated": "{updated}",
    "author": "{author}/{name}",
    "author_url": "{author}/{uri}",
    "kind": f"{_KIND}/@term",
    "url": "{link}[@rel='alternate'][1]/@href",
    "answered": "{link}[@rel='related'][1]/@href",
    "ref": "{thr:in-reply-to}/@ref",
    "href": "{thr:in-reply-to}/@href",
    "type": "{blogger:type}",
    "status": "{blogger:status}",
    "post": "{blogger:parent}",
    "parent": "{blogger:inReplyTo}",
    "filename": "{blogger:filename}",
    "trashed": "{blogger:trashed}",
}
_ONE: Final = tuple(path for path in _CELLS.values() if path.count("{") == 1 and "/" not in path)
SHEET: Final = Sheet(
    cells={"entry": tuple(_CELLS.values())},
    odd={
        "entry": [
            *once(*_ONE, "{author}", "{author}/{name}", "{author}/{uri}", _KIND, "{thr:in-reply-to}"),
            *(f"{path}/*" for path in ("{content}", "{summary}", "{author}/{name}", "{author}/{uri}")),
            "{app:control}",
            # What one of two says counts, by their order.
            *(
                f"{one} and {other}"
                for one, other in (
                    ("{content}", "{summary}"),
                    (_KIND, "{blogger:type}"),
                    ("{link}[@rel='related']", "{blogger:inReplyTo}"),
                    ("{thr:in-reply-to}", "{blogger:parent}"),
                )
            ),
        ]
    },
    apart={
        "entry": [
            ("{content}", "{summary}"),
            (_CELLS["kind"], "{blogger:type}"),
            (_CELLS["answered"], "{blogger:inReplyTo}"),
            (_CELLS["ref"], "{blogger:parent}"),
        ]
    },
    never={"entry": ["{app:control}"]},
)
PLAN: Final = Plan(
    records={"entry": ()},
    vital={"entry": "content"},
    namespaces={
        "": r"w3\.org/2005/Atom$|purl\.org/atom/ns",
        "thr": r"purl\.org/syndication/thread",
        "gd": r"schemas\.google\.com/g/2005",
        "blogger": r"schemas\.google\.com/blogger/2018",
        "app": r"purl\.org/atom/app|w3\.org/2007/app",
    },
    sheet=SHEET,
)
KIND: Final = re.compile(r"blogger/2008/kind#(\w+)")
NATIVE: Final = re.compile(r"(?:post-|comments/default/|comments/|posts/default/)(\d+)(?=$|[?#])")
# The same in bytes, to pass over what the reading at hand is not about; an entry that shows both marks is looked at.
# What comes before them is looked for first: that goes at the speed of memory.
_POST: Final = {b":type>": re.compile(rb"\s*(?:POST|PAGE)"), b"kind#": re.compile(rb"(?:post|page|settings|template)")}
_COMMENT: Final = {b":type>": re.compile(rb"\s*COMMENT"), b"kind#": re.compile(rb"comment")}
_TYPES: Final = [list(_CELLS).index(name) for name in ("kind", "type")]
# Bodies of posts are kept from the first reading to the second: packed when there are many, left out beyond that.
LOOSE, PACKED = 1 << 24, 1 << 27
# So much of comments may be kept from the first reading: their texts, and what each takes beside that.
KEPT, BESIDE = 1 << 25, 1 << 10
STATUS: Final = {"live": "approved", "emptied": "trash", "ghosted": "rejected", "pending": "pending"}


def _claim(source: Source) -> int:
    head = source.head_text()
    if first_tag(source).rpartition(":")[2] not in ("feed", "entry"):
        return NO
    return CERTAIN if "schemas.google.com/blogger/2018" in head or "blogger/2008/kind#" in head else NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    yield from batches_of_fields(told_once(_records(source, wanted), wanted), "blogger", wanted, "comment")


class _Posts:
    """What the comments stand under, by id."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._posts: dict[str, tuple[Mapping[str, str | None], str | bytes]] = {}
        self._size = 0
        self._last: tuple[str | None, Mapping[str, str | None]] = (None, {})

    def add(self, name: str, content: Mapping[str, str | None], body: str) -> None:
        kept: str | bytes = body
        if body and self._size >= PACKED:
            self._tally.note("the texts of {n} posts are left out: there are too many to keep")
            kept = ""
        elif self._size >= LOOSE:
            kept = zlib.compress(body.encode("utf-8", "replace"), 1)
        self._size += len(kept)
        self._posts[name] = (content, kept)

    def article(self, name: str | None) -> Mapping[str, str | None]:
        """Return the post `name` as an article."""
        if name is None:
            return {}
        if self._last[0] != name:
            content, kept = self._posts.get(name, ({}, ""))
            body = kept if isinstance(kept, str) else zlib.decompress(kept).decode("utf-8")
            self._last = (name, article_of(name, {**content, "text": plain_text(body)}))
        return self._last[1]


class _Comments:
    """The comments that the first reading comes by, in order, unless there are too many."""

    def __init__(self) -> None:
        self.are_all = True
        self._kept: list[tuple[str, ...]] = []
        self._size = 0

    def __iter__(self) -> Iterator[Record]:
        """Yield them."""
        return (Record("entry", None, "", cells) for cells in self._kept)

    def add(self, cells: Sequence[str]) -> None:
        """Keep one more, if its cells say all of it."""
        self._size += BESIDE + sum(map(len, cells))
        self.are_all = self.are_all and bool(cells) and self._size < KEPT
        if self.are_all:
            self._kept.append(tuple(cells))  # lists would be gone through by the collector again and again
        else:
            self._kept.clear()


def _records(source: Source, wanted: Wanted) -> Iterator[tuple[int, dict[str, Any], Mapping[str, str | None]]]:
    tally = wanted.tally
    posts = _Posts(tally)
    comments = _Comments()
    # The second reading tells of what was mended.
    quiet = Tally()
    first = XmlStream(source, quiet, PLAN, Passing(_is_no_post, _TYPES, _by_type))
    keys = first.keys(KEYS)
    for _, tree, _, cells in first:
        if cells or tree is not None:
            entry = _of_cells(cells) if cells else _entry(tree, keys)
            if _is(entry, "comment"):
                comments.add(cells)
            elif _is(entry, "post", "page") and (name := _native(entry.get("id"))):
                content = {
                    "url": entry.get("url") or entry.get("filename"),
                    "title": plain_text(entry.get("title") or ""),
                    "author": entry.get("author"),
                    "published_at": entry.get("published"),
                }
                posts.add(name, content, entry.get("text") or "")
    number = 0
    second: Iterable[Record] = comments
    if not (first.is_plain and comments.are_all) or quiet.report().notes:
        stream = XmlStream(source, tally, PLAN, Passing(_is_no_comment, _TYPES, _by_type_of_comment))
        keys, second = stream.keys(KEYS), stream
    for _, tree, fault, cells in second:
        entry = _of_cells(cells) if cells else {} if tree is None else _entry(tree, keys)
        if (cells or tree is not None) and not _is(entry, "comment"):
            continue
        number += 1
        tally.records_in += 1
        if not cells and tree is None:
            tally.lose(f"comment {number}", fault)
            continue
        record = {
            "id": _native(entry.get("id")),
            "parent_id": _native(entry.get("parent")),
            "author": entry.get("author"),
            "author_url": entry.get("author_url"),
            "text": plain_text(entry.get("text") or entry.get("title") or ""),
            "posted_at": entry.get("published") or entry.get("updated"),
            "kind": "comment",
            "status": _status(entry.get("status"), entry.get("trashed")),
        }
        yield number, record, posts.article(_native(entry.get("post")))


def _shows(data: bytes, marks: Mapping[bytes, "re.Pattern[bytes]"]) -> bool:
    for before, mark in marks.items():
        at = data.find(before)
        while at != -1:
            if mark.match(data, at + len(before)):
                return True
            at = data.find(before, at + 1)
    return False


def _is_no_post(data: bytes) -> bool:
    return _shows(data, _COMMENT) and not _shows(data, _POST)


def _is_no_comment(data: bytes) -> bool:
    return _shows(data, _POST) and not _shows(data, _COMMENT)


@lru_cache(64)
def _by_type(kind: str, type_: str) -> Callable[[bytes], bool] | None:
    if _is({"type": _type(kind, type_)}, "post", "page"):
        return _is_no_post
    return _by_type_of_comment(kind, type_)


@lru_cache(64)
def _by_type_of_comment(kind: str, type_: str) -> Callable[[bytes], bool] | None:
    return _is_no_comment if _is({"type": _type(kind, type_)}, "comment") else None


@lru_cache(64)
def _type(kind: str | None, type_: str | None) -> str | None:
    """Return what an entry is, by its category or its own element."""
    return type_ if (found := KIND.search(kind or "")) is None else found[1]


def _is(entry: Mapping[str, str | None], *kinds: str) -> bool:
    return (entry.get("type") or "").lower() in kinds


def _native(name: str | None) -> str | None:
    """Return the number in "tag:blogger.com,1999:blog-1.post-2", which the API calls the id."""
    name = (name or "").strip()
    found = NATIVE.search(name)
    return found[1] if found else name or None


@lru_cache(64)
def _status(said: str | None, trashed: str | None) -> str | None:
    status = (said or "").strip().lower()
    if status.startswith("spam"):
        return "spam"
    if (trashed or "").strip():
        return "trash"
    return STATUS.get(status, status or None)


def _of_cells(cells: Sequence[str]) -> dict[str, str | None]:
    """Return what an entry says, as the sheet's cells say; what is empty is as if it were not there."""
    (id_, title, content, summary, published, updated, author, author_url, kind, url,
     answered, ref, href, type_, status, post, parent, filename, trashed) = cells  # fmt: skip
    return {
        "id": id_,
        "title": title,
        "text": content or summary,
        "published": published,
        "updated": updated,
        "author": author,
        "author_url": author_url,
        "type": _type(kind, type_),
        "url": url,
        "status": status,
        "post": post or ref or href,
        "parent": parent or answered,
        "filename": filename,
        "trashed": trashed,
    }


def _entry(tree: Any, keys: Keys) -> dict[str, str | None]:
    entry: dict[str, str | None] = {}
    for child in tree:
        match keys[child.tag]:
            case None:
                pass
            case "author":
                for each in child:
                    if (key := {"name": "author", "uri": "author_url"}.get(keys[each.tag] or "")) is not None:
                        entry.setdefault(key, each.text)
            case "category":
                if found := KIND.search(child.get("term") or ""):
                    entry["type"] = found[1]
            case "link":
                key = {"alternate": "url", "related": "parent"}.get(child.get("rel") or "")
                if key is not None:
                    entry.setdefault(key, child.get("href"))
            case "under":
                entry.setdefault("post", child.get("ref") or child.get("href"))
            case "control":
                entry.setdefault("status", "pending" if "yes" in all_text(child) else None)
            case "text":
                entry["text"] = entry.get("text") or markup(child)
            case key:
                entry[key] = entry.get(key) or all_text(child)
    return entry


BLOGGER: Final = Format("blogger", "Blogger (Atom backup or Takeout)", (".xml", ".atom"), _claim, _batches)
