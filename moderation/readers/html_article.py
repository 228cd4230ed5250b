"""The tree of a saved page in, its article out: title, text, author, time and address, and nothing from around it."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urljoin

from moderation.readers.html_comments import Found, Page, name_in, spoken, stated
from moderation.readers.html_tree import UNREAD, Region, Tree
from moderation.readers.html_words import AUTHOR, DATE, META, SKIP
from moderation.readers.markup import plain_text

__all__ = ["Article", "address_of", "article_of", "objects", "resolved", "said_comments"]

# What a page says of itself in its head, best first.
_TITLES: Final = ("og:title", "twitter:title", "dc.title", "title")
_TIMES: Final = (
    *(
        "article:published_time",
        "og:published_time",
        "datepublished",
        "date",
        "dc.date",
        "dc.date.issued",
        "dcterms.date",
    ),
    *(
        "pubdate",
        "publishdate",
        "publish-date",
        "publication_date",
        "sailthru.date",
        "parsely-pub-date",
        "last-modified",
    ),
)
_AUTHORS: Final = (
    "author",
    "article:author",
    "dc.creator",
    "parsely-author",
    "sailthru.author",
    "byl",
    "twitter:creator",
)
_ARTICLES: Final = frozenset(
    (
        *("Article", "NewsArticle", "BlogPosting", "Blog", "ReportageNewsArticle", "TechArticle", "Recipe", "Review"),
        *(
            "OpinionNewsArticle",
            "DiscussionForumPosting",
            "Question",
            "SocialMediaPosting",
            "ScholarlyArticle",
            "WebPage",
        ),
    )
)
_COMMENTS: Final = frozenset(("Comment", "UserComments", "Answer", "CorrectionComment"))
# What holds an article and nothing else, by name.
_BODIES: Final = re.compile(
    r"\b(?:entry|post|article|artikel|story|beitrag|blog|news|main|text|recipe)?[-_]?"
    r"(?:content|body|entry|article|post|text|articlebody|inhalt|artikel)\b",
    re.IGNORECASE,
)
_AROUND: Final = re.compile(
    r"share|sharing|social|related|sidebar|newsletter|teaser|breadcrumb|promo|advert|\bads?\b|anzeige|banner|widget|"
    r"cookie|consent|paywall|subscribe|tags?\b|author-?box|authorbox|navigation|pagination|jp-relatedposts|sharedaddy|"
    r"rating|print|toolbar|meta\b|caption|recommend|outbrain|taboola|most-?read|similar|comment",
    re.IGNORECASE,
)
_OUTSIDE: Final = frozenset(("nav", "aside", "footer", "form", "figcaption", "header", "figure"))
_HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_SAVED: Final = re.compile(rb"saved from url=\(\d{1,5}\)\s*(https?://[^\s<>\"']{3,2000})")
_CUTS: Final = re.compile(r"\s+(?:[|–—·»«•-]|::)\s+")
LONGEST_TITLE: Final = 400
MOST_OBJECTS: Final = 20_000


@dataclass(slots=True)
class Article:
    """What comments stand under."""

    title: str | None = None
    text: str | None = None
    author: str | None = None
    when: str | None = None
    url: str | None = None


def objects(tree: Tree) -> list[Mapping[str, Any]]:
    """Return the JSON-LD objects of a page, outer ones first."""
    found: list[Mapping[str, Any]] = []
    for text in tree.data:
        try:
            waiting: list[Any] = [json.loads(text, strict=False)]
        except (ValueError, RecursionError):
            continue
        while waiting and len(found) < MOST_OBJECTS:
            value = waiting.pop()
            if isinstance(value, dict):
                found.append(value)
                waiting.extend(reversed(list(value.values())))
            elif isinstance(value, list):
                waiting.extend(reversed(value))
    return found


def _types(value: Mapping[str, Any]) -> set[str]:
    kind = value.get("@type")
    return {str(part).rpartition("/")[2] for part in (kind if isinstance(kind, list) else [kind])}


def _string(value: Any) -> str | None:
    """Return the text of a value that may be a name, an object with one, or a list of either."""
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else None
        elif isinstance(value, dict):
            value = value.get("name") or value.get("@value") or value.get("@id")
        else:
            break
    return value.strip() if isinstance(value, str) and value.strip() else None


def said_comments(data: Sequence[Mapping[str, Any]]) -> list[dict[str, str | None]]:
    """Return the comments among JSON-LD objects, as fields, `id` and `parent_id` as the page gives them."""
    found: list[dict[str, str | None]] = []
    inside: dict[int, str | None] = {}
    for value in data:
        if not _types(value) & _COMMENTS:
            continue
        text = _string(value.get("text")) or _string(value.get("commentText")) or _string(value.get("description"))
        if not text:
            continue
        author = value.get("author") or value.get("creator")
        link = author.get("url") if isinstance(author, dict) else None
        own = _string(value.get("@id")) or _string(value.get("url")) or _string(value.get("identifier"))
        for name in ("comment", "comments", "suggestedAnswer"):
            inner = value.get(name)
            for reply in inner if isinstance(inner, list) else [inner]:
                if isinstance(reply, dict):
                    inside[id(reply)] = own
        parent = value.get("parentItem")
        above = (
            (_string(parent.get("@id")) or _string(parent.get("url"))) if isinstance(parent, dict) else _string(parent)
        )
        found.append(
            {
                "id": own,
                "parent_id": inside.get(id(value)) or above,
                "author": _string(author),
                "author_url": link if isinstance(link, str) and link.startswith(("http://", "https://")) else None,
                "text": plain_text(text),
                "posted_at": _string(value.get("dateCreated")) or _string(value.get("datePublished"))
                or _string(value.get("commentTime")),
            }
        )  # fmt: skip
    known = {comment["id"] for comment in found}
    for comment in found:
        if comment["parent_id"] not in known:
            comment["parent_id"] = None
    return found


def _heads(tree: Tree) -> dict[str, str]:
    """Return what `meta` elements say, by their names in lower case; the first of a name counts."""
    said: dict[str, str] = {}
    for element in tree.of("meta"):
        attributes = tree.attributes[element]
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        content = attributes.get("content")
        if name and content and content.strip():
            said.setdefault(name.strip().lower(), " ".join(content.split())[: 4 * LONGEST_TITLE])
    return said


def address_of(tree: Tree, data: bytes, given: str = "") -> str | None:
    """Return the address of a page: what it says is its own, or where it was saved from."""
    for element in tree.of("link"):
        if "canonical" in tree.get(element, "rel").lower():
            href = tree.get(element, "href").strip()
            if href.startswith(("http://", "https://")):
                return href[:2000]
    said = _heads(tree).get("og:url", "")
    if said.startswith(("http://", "https://")):
        return said
    if given.startswith(("http://", "https://")):
        return given[:2000]
    saved = _SAVED.search(data[:4096])
    return saved[1].decode("ascii", "replace") if saved else None


def article_of(page: Page, comments: Sequence[Found], data: Sequence[Mapping[str, Any]], url: str | None) -> Article:
    """Return the article of a page, given the comments below it and its JSON-LD objects."""
    tree = page.tree
    said = _heads(tree)
    told = next(
        (
            value
            for value in data
            if _types(value) & (_ARTICLES - {"WebPage"}) and (value.get("headline") or value.get("name"))
        ),
        {},
    )
    regions = [comment.region for comment in comments]
    body = _body(page, regions)
    article = Article(url=url)
    article.title = _title(page, said, told)
    article.text = _text(page, body, regions, article.title) if body is not None else None
    if not article.text:
        article.text = plain_text(_string(told.get("articleBody")) or "") or None
    article.when = next((said[name] for name in _TIMES if spoken_in(said.get(name))), None)
    article.when = (
        spoken_in(_string(told.get("datePublished"))) or spoken_in(article.when) or _when(page, regions, body)
    )
    names = (_string(told.get("author")), *(said.get(name) for name in _AUTHORS))
    article.author = next(
        (name for name in names if name and not name.startswith(("http", "@", "/")) and len(name) < 120), None
    )
    article.author = article.author or _author(page, regions, body)
    return article


def spoken_in(text: str | None) -> str | None:
    """Return the time in what a head or JSON-LD says."""
    if not text or len(text) > 100:
        return None
    return text if re.match(r"\s*(?:19|20)\d\d-\d\d", text) else spoken(text)


def _title(page: Page, said: Mapping[str, str], told: Mapping[str, Any]) -> str | None:
    tree = page.tree
    shown = [
        text
        for element in tree.of("h1")
        if not page.away(element) and 0 < page.letters_in(element) <= LONGEST_TITLE
        and (text := tree.line(element))
    ]  # fmt: skip
    titles = [tree.line(element) for element in tree.of("title")[:1]]
    stated_ = [said[name] for name in _TITLES if name in said] + titles
    for text in shown:
        if any(text.casefold() in other.casefold() for other in stated_):
            return text
    headline = _string(told.get("headline"))
    if headline and len(headline) <= LONGEST_TITLE:
        return headline
    if shown and not stated_:
        return shown[0]
    if stated_:
        first = stated_[0]
        # The site's name stands before or behind the title's own words.
        return max(_CUTS.split(first), key=len) if len(stated_) == 1 or first in titles else first
    return None


def _outside(regions: Sequence[Region]) -> Iterator[tuple[int, int]]:
    for region in regions:
        yield region.start, region.end


def _body(page: Page, regions: Sequence[Region]) -> int | None:
    """Return the element that holds most of the running text outside of comments."""
    tree = page.tree
    owned: dict[int, float] = defaultdict(float)
    spans = sorted((region.first, region.last) for region in regions)
    at = 0
    linked = tree.linked
    for number in [number for number, size in enumerate(tree.letters) if size >= 20 and not linked[number]]:
        while at < len(spans) and spans[at][1] <= number:
            at += 1
        if at < len(spans) and spans[at][0] <= number:
            continue
        owner = tree.owner(number)
        if page.away(owner):
            continue
        # Words stand in a paragraph, possibly inside of emphasis; what matters is what holds the paragraphs.
        for _ in range(4):
            if tree.tags[owner] in _INLINE and owner > 0:
                owner = tree.parents[owner]
        holder = tree.parents[owner] if tree.tags[owner] in _PARAGRAPHS else owner
        weight = float(len(" ".join(tree.chunks[number].split())))
        for share in (1.0, 0.5, 0.25):
            if holder <= 0 or tree.tags[holder] == "html":
                break
            owned[holder] += share * weight
            holder = tree.parents[holder]
    best: tuple[float, int | None] = (0.0, None)
    for element, weight in owned.items():
        name = tree.get(element, "class") + " " + tree.get(element, "id") + " " + tree.get(element, "itemprop")
        factor = 1.0
        if len(name) < 400:
            factor = 1.4 if _is_named_for_body(name) or tree.tags[element] in ("article", "main") else 1.0
            if _is_named_for_around(name) and "articleBody" not in name:
                factor *= 0.5
        if tree.tags[element] in _OUTSIDE:
            factor *= 0.3
        if weight * factor > best[0]:
            best = (weight * factor, element)
    return best[1] if best[0] >= 80 else None


@lru_cache(maxsize=8192)
def _is_named_for_body(name: str) -> bool:
    return _BODIES.search(name) is not None


@lru_cache(maxsize=8192)
def _is_named_for_around(name: str) -> bool:
    return _AROUND.search(name) is not None


_INLINE: Final = frozenset(
    ("b", "strong", "i", "em", "a", "span", "u", "font", "small", "mark", "code", "q", "sup", "sub")
)
_PARAGRAPHS: Final = frozenset(("p", "blockquote", "pre", "li", "h2", "h3", "h4", "dd", "dt"))


def _text(page: Page, body: int, regions: Sequence[Region], title: str | None) -> str | None:
    tree = page.tree
    own = tree.region(body)
    skip: set[int] = set()
    for region in regions:
        if own.start < region.end and region.start < own.end:
            skip.update(_row(tree, region))
    element = own.start + 1
    while element < own.end:
        if _is_around(page, element, own):
            skip.add(element)
            element = tree.ends[element]
        else:
            element += 1
    text = tree.text_of(own, skip)
    if title and text.startswith(title):
        text = text[len(title) :].strip()
    return text or None


def _row(tree: Tree, region: Region) -> Collection[int]:
    """Return the elements that a region is made of."""
    found = [region.start]
    at = tree.ends[region.start]
    while at < region.end:
        found.append(at)
        at = tree.ends[at]
    return found


def _is_around(page: Page, element: int, own: Region) -> bool:
    tree = page.tree
    tag = tree.tags[element]
    if tag in _OUTSIDE or tag in UNREAD:
        return True
    if page.away(element) or page.zones[element] == element:
        return page.weight(tree.region(element)) < 0.5 * page.weight(own)
    if page.looks[element].marks & SKIP and page.weight(tree.region(element)) < 200:
        return True
    if tag not in ("div", "ul", "section", "p", "ol", "span", "table"):
        return False
    name = tree.get(element, "class") + " " + tree.get(element, "id")
    return len(name) > 1 and len(name) < 300 and _is_named_for_around(name) and (
        page.weight(tree.region(element)) < 0.25 * page.weight(own)
    )  # fmt: skip


def _places(page: Page, regions: Sequence[Region], body: int | None, mark: int) -> Iterator[int]:
    """Yield the elements with `mark` that belong to the article: up to its end, outside of comments."""
    tree = page.tree
    end = tree.ends[body] if body is not None else len(tree.tags)
    first = regions[0].start if regions else len(tree.tags)
    end = min(end + 60, first)
    for element in page.named:
        if element >= end:
            break
        if page.looks[element].marks & mark and not page.away(element) and not page.zones[element]:
            yield element


def _when(page: Page, regions: Sequence[Region], body: int | None) -> str | None:
    tree = page.tree
    for element in _places(page, regions, body, DATE | META):
        found = stated(tree, element)
        if found is None and page.weight(tree.region(element)) < 120:
            found = spoken(tree.line(element))
        if found and re.search(r"(?:19|20)\d\d|\d[./-]\d\d(?!\d)", found):
            return found
    return None


def _author(page: Page, regions: Sequence[Region], body: int | None) -> str | None:
    tree = page.tree
    for element in _places(page, regions, body, AUTHOR):
        if tree.tags[element] in ("input", "img", "meta", "form", "li"):
            continue
        name = name_in(tree.line(element)) if page.weight(tree.region(element)) < 80 else None
        if name and any(map(str.isalpha, name)) and len(name.split()) <= 6:
            return name
    return None


def resolved(href: str | None, url: str | None) -> str | None:
    """Return a link as an absolute one, where that is possible."""
    if not href:
        return None
    if href.startswith("//"):
        return "https:" + href
    if href.startswith(("http://", "https://")):
        return href
    try:
        return urljoin(url, href) if url else None
    except ValueError:
        return None
