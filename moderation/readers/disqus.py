"""Disqus' XML export in, batches out; threads that are one page under several addresses become one article.

Source: https://help.disqus.com, "Comments Export", and the schema http://disqus.com/disqus.xsd.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from moderation.readers.articles import article_of, told_once
from moderation.readers.formats import CERTAIN, NO, Format, Wanted
from moderation.readers.markup import plain_text
from moderation.readers.records import batches_of_fields
from moderation.readers.source import Source
from moderation.readers.xml_cells import Sheet, once
from moderation.readers.xml_stream import Keys, Plan, XmlStream, all_text, first_tag, markup
from moderation.tables import Batch

__all__ = ["DISQUS", "normal_link"]

KEYS: Final = {
    name: name
    for name in ("id", "message", "createdAt", "isDeleted", "isSpam", "isApproved", "author", "thread", "parent",
                 "link", "title", "name", "username")
}  # fmt: skip
FLAGS: Final = ("isSpam", "isDeleted", "isApproved")
ID: Final = {"dsq:id": "id", "id": "id"}

_POST: Final = ("{id}", "{message}", "{createdAt}", *(f"{{{name}}}" for name in FLAGS))
_THREAD: Final = ("{link}", "{title}", "{message}", "{createdAt}")
SHEET: Final = Sheet(
    cells={
        "thread": ("@{dsq:id}", "@{id}", *_THREAD, "{author}/{name}"),
        "post": (
            "@{dsq:id}",
            "@{id}",
            *_POST,
            "{author}/{name}",
            "{author}/{username}",
            "{thread}/@{dsq:id}",
            "{thread}/@{id}",
            "count({thread})",
            "{parent}/@{dsq:id}",
            "{parent}/@{id}",
        ),
    },
    odd={
        "thread": [
            *once(*_THREAD, "{author}", "{author}/{name}"),
            "{message}/*",
            "{author}/{name}/*",
            "@{dsq:id} and @{id} and name(@{dsq:id}) != name(@{id})",
        ],
        "post": [
            *once(*_POST, "{author}", "{author}/{name}", "{author}/{username}", "{thread}", "{parent}"),
            "{message}/*",
            "{author}/{name}/*",
            "{author}/{username}/*",
            *(
                f"{path}@{{dsq:id}} and {path}@{{id}} and name({path}@{{dsq:id}}) != name({path}@{{id}})"
                for path in ("", "{thread}/", "{parent}/")
            ),
        ],
    },
    apart={
        "thread": [("@{dsq:id}", "@{id}")],
        "post": [(f"{path}@{{dsq:id}}", f"{path}@{{id}}") for path in ("", "{thread}/", "{parent}/")],
    },
)
PLAN: Final = Plan(
    # A post names its thread by an empty <thread/>; that does not end it.
    records={"thread": ("post",), "post": ()},
    vital={"post": "message"},
    namespaces={"dsq": r"disqus\.com/disqus-internals", "": r"disqus\.com/?$"},
    sheet=SHEET,
)
# What sites hang on an address to count where readers came from: the page is the same.
_COUNTING: Final = re.compile(
    r"utm_\w+|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|ref|share|replytocom|_ga", re.IGNORECASE
)
_PLAIN: Final = re.compile(r"https?://(?:www\.)?((?!www\.)[a-z0-9-]+(?:\.[a-z0-9-]+)+)(/[A-Za-z0-9_/-]*)", re.ASCII)
_INDEX: Final = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?)$", re.IGNORECASE)


def normal_link(link: str) -> str:
    """Return `link` without what does not change the page: scheme, "www.", fragment, trailing slash, counting marks."""
    plain = _PLAIN.fullmatch(link)  # as nearly all are
    if plain is not None:
        return f"{plain[1]}{plain[2]}".rstrip("/")
    try:
        parts = urlsplit(link.strip())
        host = (parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:  # a port that is no number, brackets that do not match
        return link.strip()
    path = _INDEX.sub("/", parts.path).rstrip("/")
    pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=None)
    query = urlencode(sorted(pair for pair in pairs if not _COUNTING.fullmatch(pair[0])))
    return f"{host}{port}{path}" + (f"?{query}" if query else "")


def _claim(source: Source) -> int:
    head = source.head_text()
    return CERTAIN if "disqus.com" in head and first_tag(source).rpartition(":")[2] == "disqus" else NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    yield from batches_of_fields(told_once(_records(source, wanted), wanted), "disqus", wanted, "post")


def _records(source: Source, wanted: Wanted) -> Iterator[tuple[int, dict[str, Any], Mapping[str, str | None]]]:
    tally = wanted.tally
    stream = XmlStream(source, tally, PLAN)
    keys, ids = stream.keys(KEYS), stream.keys(ID)
    articles: dict[str | None, Mapping[str, str | None]] = {}
    by_link: dict[str | None, Mapping[str, str | None]] = {}
    number = merged = 0
    for name, tree, fault, cells in stream:
        if name == "thread":
            if cells or tree is not None:
                own, article = _thread_of_cells(cells) if cells else _thread(tree, keys, ids)
                merged += article.get("article_id") in by_link
                articles[own] = by_link.setdefault(article.get("article_id"), article)
            continue
        number += 1
        tally.records_in += 1
        if not cells and tree is None:
            tally.lose(f"post {number}", fault)
            continue
        record, thread = _post_of_cells(cells) if cells else _post(tree, keys, ids)
        record["kind"] = "comment"
        if thread is not None and thread not in articles:
            tally.note("{n} posts under a thread that the file does not describe")
        yield number, record, articles.get(thread) or article_of(thread and f"thread-{thread}", {})
    if merged:
        tally.note("{n} threads of one page under another address merged", merged)


def _post_of_cells(cells: Sequence[str]) -> tuple[dict[str, Any], str | None]:
    """Return what a post holds, and its thread, as the sheet's cells say."""
    dsq, own, inner, message, created, *flags, name, username, under, also_under, threads, answered, also = cells
    record: dict[str, Any] = {
        "id": dsq or own or inner.strip() or None,
        "posted_at": created.strip() or None,
        "status": _status(dict(zip(FLAGS, map(str.strip, flags), strict=True))),
        "text": plain_text(message),
        "author": name or username,
        "parent_id": answered or also or None,
    }
    return record, (under or also_under or None) if threads != "0" else None


def _post(tree: Any, keys: Keys, ids: Keys) -> tuple[dict[str, Any], str | None]:
    """Return the same, as the post's tree says."""
    there = {keys[child.tag]: child for child in tree}
    record: dict[str, Any] = {
        "id": _id(tree, ids) or _text(there.get("id")) or None,
        "posted_at": _text(there.get("createdAt")) or None,
        "status": _status({key: _text(there.get(key)) for key in FLAGS}),
    }
    if (message := there.get("message")) is not None:
        record["text"] = plain_text(markup(message))
    if (author := there.get("author")) is not None:
        names = {keys[each.tag]: each.text for each in author}
        record["author"] = names.get("name") or names.get("username")
    if (parent := there.get("parent")) is not None:
        record["parent_id"] = _id(parent, ids)
    return record, None if (under := there.get("thread")) is None else _id(under, ids)


def _id(element: Any, ids: Keys) -> str | None:
    for name, value in element.items():
        if value and ids[name] == "id":
            found: str = value
            return found
    return None


def _text(element: Any | None) -> str:
    return "" if element is None else all_text(element).strip()


def _status(found: Mapping[str, str]) -> str | None:
    """Return what the site decided; spam that was also deleted is spam, which says more."""
    if found.get("isSpam") == "true":
        return "spam"
    if found.get("isDeleted") == "true":
        return "deleted"
    if found.get("isApproved") == "false":
        return "pending"
    return "approved" if found.get("isSpam") == "false" or found.get("isApproved") == "true" else None


def _thread(tree: Any, keys: Keys, ids: Keys) -> tuple[str | None, Mapping[str, str | None]]:
    found: dict[str | None, str] = {}
    for child in tree:
        key = keys[child.tag]
        if key == "author":
            found[key] = next((each.text or "" for each in child if keys[each.tag] == "name"), "")
        elif key is not None and not found.get(key):
            found[key] = (markup(child) if key == "message" else all_text(child)).strip()
    return _as_article(_id(tree, ids), found)


def _thread_of_cells(cells: Sequence[str]) -> tuple[str | None, Mapping[str, str | None]]:
    dsq, own, *content, author = cells
    found: dict[str | None, str] = dict(
        zip(("link", "title", "message", "createdAt"), map(str.strip, content), strict=True)
    )
    return _as_article(dsq or own or None, {**found, "author": author})


def _as_article(own: str | None, found: Mapping[str | None, str]) -> tuple[str | None, Mapping[str, str | None]]:
    link = found.get("link") or ""
    content = {
        "url": link,
        "title": plain_text(found.get("title", "")),
        "text": plain_text(found.get("message", "")),
        "author": found.get("author"),
        "published_at": found.get("createdAt"),
    }
    return own, article_of(normal_link(link) or (own and f"thread-{own}"), content)


DISQUS: Final = Format("disqus", "Disqus export (XML)", (".xml",), _claim, _batches)
