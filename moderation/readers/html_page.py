"""A saved page in, its article and the comments that stand in it out; what lives elsewhere is named, not guessed.

What systems call things is a table (`html_sites`), what words mean another (`html_words`); `html_tree` reads markup,
`html_comments` finds comments, `html_article` what they stand under. Here they become records.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

from moderation.readers.formats import CERTAIN, LIKELY, NO, POSSIBLE, Format, Wanted
from moderation.readers.html_article import Article, address_of, article_of, objects, resolved, said_comments
from moderation.readers.html_comments import Found, comments_of, elsewhere, looked_at, promised
from moderation.readers.html_tree import MOST_BYTES, Tree, decoded, parsed, parts
from moderation.readers.losses import Tally
from moderation.readers.records import batches_of_fields
from moderation.readers.source import Source
from moderation.tables import Batch

__all__ = ["HTML"]

SUFFIXES: Final = (".html", ".htm", ".xhtml", ".mhtml", ".mht")
_BEFORE: Final = r"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*){0,5}"
_FLAGS: Final = re.IGNORECASE | re.DOTALL
_PAGE: Final = re.compile(
    rf"{_BEFORE}<(?:!doctype\s+html\b|html\b|head\b|body\b|meta\s+(?:charset|http-equiv)\b|title\b)", _FLAGS
)
_OTHER: Final = re.compile(
    rf"{_BEFORE}(?:<!doctype\s+(?!html)[^>]{{0,200}}>\s*)?<(?:rss|feed|rdf:|disqus|blog\b|opml|urlset|svg)", _FLAGS
)
_TAGS: Final = re.compile(
    r"</?(?:div|p|br|li|ul|ol|table|tr|td|span|article|section|h[1-6]|dl|dt|dd)\b[^<>]*>", re.IGNORECASE
)
_ARCHIVE: Final = re.compile(
    r"^(?:mime-version|content-type:\s*multipart/related|snapshot-content-location)\b", re.IGNORECASE | re.MULTILINE
)
_TURNED: Final = re.compile(r"/comment-page-\d{1,6}/?$")


def _claim(source: Source) -> int:
    text = _opening(source)
    suffix = source.path.suffix.casefold()
    if _is_archive(text):
        return CERTAIN
    if _OTHER.match(text):
        return NO
    if _PAGE.match(text):
        return CERTAIN
    tags = len(_TAGS.findall(text[:4000])) if text.lstrip().startswith("<") else 0
    if suffix in SUFFIXES and "<" in text:
        return LIKELY
    return POSSIBLE if tags > 3 else NO


def _opening(source: Source) -> str:
    """Return the first 20,000 characters of a file, which say whether it is a page."""
    return source.head[:80_004].decode(source.encoding, "replace").removeprefix("\ufeff")[:20_000]


def _is_archive(text: str) -> bool:
    head = text[:4000]
    return "multipart/related" in head.lower() and bool(_ARCHIVE.search(head)) and "text/html" in text.lower()


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    tally = wanted.tally
    if wanted.columns:
        tally.note("a page has no columns: the map is not used")
    with source.opened() as file:
        data = file.read(MOST_BYTES + 1)
    pages = parts(data) if _is_archive(_opening(source)) else [("", data)]
    records: list[tuple[int, Mapping[str, Any]]] = []
    for address, content in pages:
        # The frames of an archive are pages of their own; they count where the page itself holds no comments.
        if not records:
            records = list(enumerate(_records(content, address, tally, wanted.chunk_rows), 1))
    if len(data) > MOST_BYTES:
        tally.records_in += 1
        tally.lose("the rest of the page", f"stands behind the first {MOST_BYTES >> 20} MB; split it")
    tally.records_in += len(records)
    yield from batches_of_fields(records, "html", wanted, "comment")


def _records(content: bytes, address: str, tally: Tally, every: int) -> list[dict[str, Any]]:
    """Return the comments of one page as records, and note what is to be said of it."""
    utf8, bad = decoded(content)
    if bad:
        tally.note("{n} bytes that are not UTF-8 read as cp1252", bad)
    tree = parsed(utf8)
    if tree.cut and len(content) <= MOST_BYTES:
        tally.records_in += 1
        tally.lose("the rest of the page", "stands behind more elements than are read of one page; split it")
    page = looked_at(tree)
    found = comments_of(page)
    data = objects(tree)
    url = address_of(tree, utf8, address)
    article = article_of(page, found, data, url)
    key = _key(article)
    told = said_comments(data)
    written = sum(bool(comment.text) for comment in found)
    records = _told(told, key) if len(told) > written else _found(found, key, url)
    _doubts(tree, len(records), promised(page, found), tally)
    content_of_article = {
        "article_url": article.url,
        "article_title": article.title,
        "article_text": article.text,
        "article_author": article.author,
        "article_published_at": article.when,
    }
    due = False
    for number, record in enumerate(records):
        record["article_id"] = key
        due = due or number % every == 0
        if due and record["text"]:  # once in every batch: an article is long, and a record without text is lost
            record.update(content_of_article)
            due = False
    return records


def _key(article: Article) -> str:
    if article.url:
        return _TURNED.sub("", article.url.partition("#")[0])
    return _digest(article.title, article.text)


def _digest(*values: str | None) -> str:
    return blake2b("\x1f".join(value or "" for value in values).encode("utf-8", "replace"), digest_size=12).hexdigest()


def _told(told: list[dict[str, str | None]], key: str) -> list[dict[str, Any]]:
    """Return records of the comments that stand in the page's JSON-LD only."""
    names: dict[str | None, str] = {}
    records: list[dict[str, Any]] = []
    for comment in told:
        own = comment["id"]
        made = (
            f"{key}{own}"
            if own and own.startswith("#")
            else own or f"{key}#{_digest(comment['author'], comment['posted_at'], comment['text'])}"
        )
        names.setdefault(own, made)
        records.append({**comment, "id": made, "kind": "comment"})
    for record in records:
        record["parent_id"] = names.get(record["parent_id"]) if record["parent_id"] else None
    return records


def _found(found: list[Found], key: str, url: str | None) -> list[dict[str, Any]]:
    ids: list[str] = []
    taken: Counter[str] = Counter()
    for comment in found:
        link = resolved(comment.permalink, url)
        if comment.anchor:
            # A link of another page's is no name: it must lead to this comment.
            own = link if link and not link.partition("#")[2] and comment.anchor in link else f"{key}#{comment.anchor}"
        else:
            own = f"{key}#{_digest(comment.author, comment.when, comment.text)}"
        taken[own] += 1
        # The same words twice are two comments; numbering keeps both, and reading again gives the same ids.
        ids.append(own if taken[own] == 1 else f"{own}-{taken[own]}")
    return [
        {
            "id": ids[number],
            "parent_id": ids[comment.parent] if comment.parent is not None else None,
            "author": comment.author,
            "author_url": resolved(comment.author_url, url),
            "text": comment.text,
            "posted_at": comment.when,
            "kind": comment.kind,
        }
        for number, comment in enumerate(found)
    ]


def _doubts(tree: Tree, count: int, spoken_of: int | None, tally: Tally) -> None:
    systems = elsewhere(tree) if count == 0 or (spoken_of or 0) > count else []
    for system in systems:
        tally.note(f"not in this page: {system}")
    if count == 0 and not spoken_of and not systems:
        tally.note("no comment was found in {n} pages")
    if spoken_of and spoken_of != count:
        found = f"{count:,} were found" if count else "none were found"
        tally.note(f"the page speaks of {spoken_of:,} comments; {found}")


HTML: Final = Format("html", "saved page", SUFFIXES, _claim, _batches)
