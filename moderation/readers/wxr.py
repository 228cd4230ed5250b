"""WordPress exports (WXR 1.0 to 1.2, and what other systems write in its place) in, batches out.

Source: wp-admin/includes/export.php of WordPress, and Disqus' "Custom XML import format", which adds `dsq:` elements.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from moderation.readers.articles import article_of, told_once
from moderation.readers.formats import CERTAIN, LIKELY, NO, Format, Wanted
from moderation.readers.markup import plain_text
from moderation.readers.records import batches_of_fields
from moderation.readers.source import Source
from moderation.readers.xml_cells import Sheet, once
from moderation.readers.xml_stream import Keys, Plan, XmlStream, all_text, first_tag, markup
from moderation.tables import Batch

__all__ = ["WXR"]

COMMENT: Final = {
    "wp:comment_id": "id",
    "wp:comment_parent": "parent_id",
    "wp:comment_author": "author",
    "wp:comment_author_url": "author_url",
    "wp:comment_content": "text",
    "wp:comment_date": "local",
    "wp:comment_date_gmt": "posted_at",
    "wp:comment_approved": "status",
    "wp:comment_type": "kind",
    "wp:commentmeta": "meta",
}
META: Final = {"wp:meta_key": "key", "wp:meta_value": "value"}
ARTICLE: Final = {
    "title": "title",
    "link": "url",
    "guid": "guid",
    "pubDate": "published_at",
    "dc:creator": "author",
    "content:encoded": "text",
    "wp:post_id": "id",
    "wp:post_date_gmt": "gmt",
    "dsq:thread_identifier": "thread",
}
_FIELDS: Final = {f"{{{name}}}": key for name, key in COMMENT.items() if key != "meta"}
_ABOUT: Final = {f"{{{name}}}": key for name, key in ARTICLE.items()}
_MARKS: Final = ("akismet_user_result", "akismet_result")
SHEET: Final = Sheet(
    cells={
        "item": tuple(_ABOUT),
        "wp:comment": (
            *_FIELDS,
            *(f"count({{wp:commentmeta}}[{{wp:meta_key}}='{mark}'])" for mark in _MARKS),
            *(f"{{wp:commentmeta}}[{{wp:meta_key}}='{mark}']/{{wp:meta_value}}" for mark in _MARKS),
        ),
    },
    odd={
        "item": [*once(*_ABOUT), "{content:encoded}/*"],
        "wp:comment": [
            *once(*_FIELDS),
            "{wp:comment_content}/*",
            "{wp:commentmeta}[{wp:meta_key}[2] or {wp:meta_value}[2] or */*]",
            *(f"{{wp:commentmeta}}[{{wp:meta_key}}='{mark}'][2]" for mark in _MARKS),
            # With white space around it, it is a mark all the same.
            *(
                f"{{wp:commentmeta}}[contains({{wp:meta_key}}, '{mark}') and {{wp:meta_key}} != '{mark}']"
                for mark in _MARKS
            ),
        ],
    },
)
PLAN: Final = Plan(
    records={"wp:comment": ()},
    vital={"wp:comment": "wp:comment_content"},
    namespaces={
        "excerpt": r"wordpress\.org/export/[\d.]+/excerpt",
        "wp": r"wordpress\.org/export/",
        "content": r"purl\.org/rss/1\.0/modules/content",
        "dc": r"purl\.org/dc/elements",
        "dsq": r"disqus\.com",
    },
    container="item",
    sheet=SHEET,
)
NEVER: Final = "0000-00-00"
_BLOG: Final = re.compile(r"<wp:base_blog_url>\s*(?:<!\[CDATA\[)?\s*https?://([\w.-]{1,100})", re.IGNORECASE)
_LINK: Final = re.compile(r"<link>\s*(?:<!\[CDATA\[)?\s*https?://([\w.-]{1,100})", re.IGNORECASE)
NO_SPAM: Final = (
    "no spam in it: WordPress leaves spam out of its own exports; "
    "`wp comment list --status=spam --format=json` and the REST route comments?status=spam carry it"
)


def _claim(source: Source) -> int:
    text = source.head_text()
    if "wordpress.org/export/1" not in text and "<wp:" not in text:
        return NO
    root = first_tag(source)
    if root == "rss":
        return CERTAIN
    # A file whose beginning is missing.
    return LIKELY if "<wp:comment>" in text and root in ("", "channel", "item", "wp:comment") else NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    # Every site numbers its comments from 1: those of two must not pass for one another.
    wanted = replace(wanted, site=wanted.site or _site(source))
    yield from batches_of_fields(told_once(_records(source, wanted), wanted), "wordpress", wanted, "comment")


def _site(source: Source) -> str | None:
    """Return the host that the export says it is of."""
    text = source.head_text()
    for expression in (_BLOG, _LINK):
        found = expression.search(text)
        if found is not None:
            return found[1].casefold()
    return None


def _records(source: Source, wanted: Wanted) -> Iterator[tuple[int, dict[str, Any], Mapping[str, str | None]]]:
    tally = wanted.tally
    stream = XmlStream(source, tally, PLAN)
    of_comment, of_meta, of_article = stream.keys(COMMENT), stream.keys(META), stream.keys(ARTICLE)
    article: Mapping[str, str | None] = {}
    number = local = spam = 0
    for name, tree, fault, cells in stream:
        if name == PLAN.container:
            if cells:
                article = _told({key: cell.strip() for key, cell in zip(_ABOUT.values(), cells, strict=True)})
            else:
                article = {} if tree is None else _article(tree, of_article)
            continue
        number += 1
        tally.records_in += 1
        if cells:
            record, told = _of_cells(cells)
        elif tree is None:
            tally.lose(f"comment {number}", fault)
            continue
        else:
            record, told = _of_tree(tree, of_comment, of_meta)
        record["text"] = plain_text(record.get("text", ""))
        for key in ("author", "author_url"):  # stored as they are shown: with entities
            if "&" in (value := record.get(key, "")):
                record[key] = plain_text(value)
        when = record.pop("local", "")
        if (record.get("posted_at") or NEVER).startswith(NEVER) and when and not when.startswith(NEVER):
            record["posted_at"] = when
            local += 1
        if record.get("parent_id") == "0":
            record["parent_id"] = None
        record["kind"] = record.get("kind") or "comment"
        record["spam"] = _spam(told, record.get("status"))
        spam += record.get("status") == "spam"
        yield number, record, article
    if local:
        tally.note("{n} times are the site's local ones, for want of others, and read as UTC", local)
    if not spam:
        tally.note(NO_SPAM)


def _of_cells(cells: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a comment holds and what marks it has, as the sheet's cells say."""
    *fields, there, also_there, value, other = cells
    record: dict[str, Any] = dict(zip(_FIELDS.values(), map(str.strip, fields), strict=True))
    told = {mark: said.strip() for mark, count, said in zip(_MARKS, (there, also_there), (value, other), strict=True)
            if count != "0"}  # fmt: skip
    return record, told


def _of_tree(tree: Any, of_comment: Keys, of_meta: Keys) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the same, as the comment's tree says."""
    record: dict[str, Any] = {}
    told: dict[str, str] = {}
    for child in tree:
        key = of_comment[child.tag]
        if key == "meta":
            pair = {of_meta[each.tag]: each.text for each in child}
            told[(pair.get("key") or "").strip()] = (pair.get("value") or "").strip()
        elif key == "text":
            record["text"] = markup(child)
        elif key is not None:
            record[key] = ((child.text if not len(child) else all_text(child)) or "").strip()
    return record, told


def _spam(told: Mapping[str, str], status: str | None) -> str | None:
    """Return what Akismet's marks say of a comment: a moderator's word first, then its own "yes".

    Its "no" says little: much spam passes. Nor does a "yes" that a moderator has let through all the same.
    """
    if "akismet_user_result" in told:
        return {"true": "1", "false": "0"}.get(told["akismet_user_result"])
    return "1" if told.get("akismet_result") == "true" and status != "1" else None


def _article(tree: Any, keys: Keys) -> Mapping[str, str | None]:
    found: dict[str | None, str | None] = {}
    for child in tree:
        key = keys[child.tag]
        if key is not None and not found.get(key):
            found[key] = (markup(child) if key == "text" else all_text(child)).strip()
    return _told(found)


def _told(found: Mapping[str | None, str | None]) -> Mapping[str, str | None]:
    gmt = found.get("gmt") or NEVER
    content = {
        "url": found.get("url"),
        "title": plain_text(found.get("title") or ""),
        "text": plain_text(found.get("text") or ""),
        "author": found.get("author"),
        "published_at": gmt if not gmt.startswith(NEVER) else found.get("published_at"),
    }
    return article_of(found.get("id") or found.get("thread") or found.get("guid"), content)


WXR: Final = Format("wxr", "WordPress export (WXR)", (".xml", ".wxr"), _claim, _batches)
