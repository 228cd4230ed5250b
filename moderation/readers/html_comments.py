"""The tree of a saved page in, the comments in it out: author, date, text, kind, parent, and what names each one.

Three kinds of evidence, tried on the same footing: what is known of a system (`html_sites`), what elements are named
for (`html_words`), and what repeats. Each proposes sets of elements that could be the comments; the set in which most
members have an author, a date and words of their own wins, and others join where they add comments of their own.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, chain, compress
from operator import attrgetter
from typing import Final

from moderation.readers import dates
from moderation.readers.bylines import byline, heading
from moderation.readers.html_sites import ELSEWHERE, SITES
from moderation.readers.html_tree import HEADS, UNREAD, UNREAD_INSIDE, Region, Tree
from moderation.readers.html_words import (
    ABOUT,
    AUTHOR,
    AWAY,
    DATE,
    META,
    MICRODATA,
    SKIP,
    TEXT,
    ZONE,
    Compound,
    Look,
    Microdata,
    is_telling,
    look,
    patterns_of,
    roles_at,
)
from moderation.readers.wording import BOILERPLATE, BY, POSTED, SAYS

__all__ = ["Found", "Page", "comments_of", "elsewhere", "looked_at", "name_in", "promised", "spoken", "stated"]

# What a member of a set is worth: words alone, and what its author and its date add.
WORDS, WITH_AUTHOR, WITH_DATE = 0.4, 0.3, 0.3
# How far each kind of evidence is trusted.
KNOWN, NAMED, REPEATED = 1.3, 1.0, 0.6
LONGEST_AUTHOR: Final = 80
# Sets looked at closely; pages with more of them name everything after comments.
MOST_SETS: Final = 40
# How many sets are taken for the comments in turn, until one holds some.
TRIED: Final = 4
LONGEST_DATE: Final = 120
# What holds more letters or elements than this is no byline, whatever it is called.
LARGEST_BYLINE: Final = 1000
# How many elements of one kind are looked at in one comment.
MOST_MARKS: Final = 60
# A byline holds the author, the date and a few words to join them.
GLUE: Final = 40


@dataclass(slots=True)
class Found:
    """One comment as it stands in the page."""

    region: Region
    element: int
    author: str | None = None
    author_url: str | None = None
    signed: bool = False
    """Whether the page marks the author as one."""
    when: str | None = None
    text: str = ""
    kind: str = "comment"
    anchor: str | None = None
    permalink: str | None = None
    depth: int | None = None
    answers: str | None = None
    parent: int | None = None


@dataclass(slots=True)
class Page:
    """A tree and what the names in it say."""

    tree: Tree
    looks: list[Look]
    patterns: dict[int, str]
    """Ids, with every number as 9."""
    forms: set[int]
    """Forms to fill in (a form around a whole page is none)."""
    microdata: dict[int, tuple[tuple[str, str], ...]]
    beside: bytearray = field(default_factory=bytearray)
    """Whether each element stands beside the article, as a byte."""
    zones: list[int] = field(default_factory=list)
    """The innermost element around each that is named for comments, or 0."""
    roles: dict[int, dict[Look, tuple[tuple[tuple[int, int, Compound], ...], bool]]] = field(default_factory=dict)
    """What sites' selectors say, by site and look, and whether that holds wherever the element stands."""
    named: list[int] = field(default_factory=list)
    """Elements whose names say where comments could be, or who and when."""
    headlines: Sequence[int] = ()
    authors: list[int] = field(default_factory=list)
    dates: list[int] = field(default_factory=list)
    letters: list[int] = field(default_factory=list)
    linked: list[int] = field(default_factory=list)
    """How many there are before each element (before each chunk, for letters)."""
    sets: dict[str, list[int]] = field(default_factory=dict)
    sites: dict[int, list[int]] = field(default_factory=dict)

    def data(self, element: int) -> tuple[tuple[str, str], ...]:
        """Return the microdata of an element."""
        return self.microdata.get(element, ())

    def away(self, element: int) -> bool:
        """Tell whether an element stands beside the article: in a list of recent comments, say."""
        return bool(self.beside[element])

    def pattern(self, element: int) -> str:
        """Return the id of an element, with every number as 9."""
        return self.patterns.get(element, "")

    def weight(self, region: Region) -> int:
        """Return how many letters `region` holds."""
        return self.letters[region.last] - self.letters[region.first]

    def letters_in(self, element: int) -> int:
        """Return how many letters `element` holds."""
        return self.letters[self.tree.last[element]] - self.letters[self.tree.first[element]]


def looked_at(tree: Tree) -> Page:
    """Return the page of `tree`, each element looked at once."""
    looks, tags, attributes = tree.looks, tree.tags, tree.attributes
    idents = patterns_of(tree.idents)
    patterns = dict(zip(tree.labelled, idents, strict=True))
    microdata: dict[int, Microdata] = {}
    for element in tree.described:
        own = attributes[element]
        data: Microdata = tuple([(name, own[name][:200]) for name in MICRODATA if own.get(name)])
        if data:
            microdata[element] = data
            looks[element] = look(tags[element], own.get("class") or "", patterns.get(element, ""), data)
    for element, pattern in patterns.items():
        if is_telling(pattern) and element not in microdata:
            looks[element] = look(tags[element], attributes[element].get("class") or "", pattern, ())
    page = Page(tree, looks, patterns, _forms(tree), microdata, headlines=tree.of("h1"))
    _place(page)
    letters, linked = tree.letters, tree.linked
    for form in page.forms:
        first, last = tree.first[form], tree.last[form]
        letters[first:last] = linked[first:last] = [0] * (last - first)
    page.letters = list(accumulate(letters, initial=0))
    page.linked = list(accumulate(linked, initial=0))
    return page


def _place(page: Page) -> None:
    """Find what is named for anything: what could be comments, who and when, and what stands beside the article."""
    tree, looks = page.tree, page.looks
    count = len(looks)
    page.beside = bytearray(count)
    page.zones = [0] * count
    authors: list[int] = []
    dated: list[int] = []
    sets: dict[str, list[int]] = defaultdict(list)
    sites: dict[int, list[int]] = defaultdict(list)
    # Whatever it is called ("with-sidebar"), what holds this much of the page's text is not beside it.
    most = 0.4 * len(tree.chunks)
    beside, zone, filled = False, 0, 0
    # What is open, innermost last: where it ends, and what is so around it.
    open_: list[tuple[int, bool, int]] = []

    def fill(stop: int) -> None:
        nonlocal filled
        if beside:
            page.beside[filled:stop] = b"\1" * (stop - filled)
        if zone:
            page.zones[filled:stop] = [zone] * (stop - filled)
        filled = stop

    ends, parents, states = tree.ends, tree.parents, tree.states
    forms = iter(sorted(page.forms))
    form = next(forms, count)
    page.named = _named_in(looks)
    for element in page.named:
        found = looks[element]
        for site, compound in found.sites:
            if (not compound.above and not compound.attributes) or _holds(tree, looks, element, compound):
                of_site = sites[site]
                if not of_site or of_site[-1] != element:
                    of_site.append(element)
        while form < element and ends[form] <= element:
            form = next(forms, count)
        if form <= element or states[element] & UNREAD_INSIDE:
            continue
        marks = found.marks
        if marks & _PLACING:
            while open_ and open_[-1][0] <= element:
                fill(open_[-1][0])
                _, beside, zone = open_.pop()
            aside = marks & AWAY and tree.last[element] - tree.first[element] < most
            if aside or marks & ZONE:
                fill(element)
                open_.append((ends[element], beside, zone))
                beside, zone = (True, zone) if aside else (False, element)
        if marks & _SIGNING:
            outer = looks[parents[element]].marks
            # Marks inside marks of the same kind count once.
            if marks & AUTHOR and not outer & AUTHOR:
                authors.append(element)
            if (marks & DATE and not outer & DATE) or (
                marks & META and not outer & (META | DATE) and _has_number(tree, element)
            ):
                dated.append(element)
        for name in found.sets:
            sets[name].append(element)
    while open_:
        fill(open_[-1][0])
        _, beside, zone = open_.pop()
    page.authors, page.dates = _counted(authors, count), _counted(dated, count)
    page.sets, page.sites = dict(sets), dict(sites)


def _named_in(looks: Sequence[Look]) -> list[int]:
    """Return the elements whose names place something."""
    named = list(compress(range(len(looks)), map(attrgetter("placing"), looks)))
    if any(looks[element].above for element in named):
        named = [element for element, found in enumerate(looks) if found.placing or found.below]
    return named


def _counted(marked: Sequence[int], count: int) -> list[int]:
    """Return how many of `marked` (in their order) stand before each of `count` elements, and before what follows."""
    counts: list[int] = []
    for number, element in enumerate(marked):
        counts += [number] * (element + 1 - len(counts))
    return counts + [len(marked)] * (count + 1 - len(counts))


_PLACING, _SIGNING = AWAY | ZONE, AUTHOR | DATE | META
_NUMBER: Final = re.compile(r"\d")
# A form of more elements than this is a page in a form.
LARGEST_FORM: Final = 250


_FIELDS: Final = frozenset(("textarea", "select", "button", "label"))


def _forms(tree: Tree) -> set[int]:
    """Return the forms that ask for something; some systems put every comment into a form that asks for nothing."""
    forms: set[int] = set()
    reach = 0
    for element in tree.of("form"):
        if element >= reach and tree.ends[element] - element <= LARGEST_FORM:
            reach = tree.ends[element]
            if any(
                tree.tags[i] in _FIELDS or (tree.tags[i] == "input" and tree.get(i, "type").lower() != "hidden")
                for i in range(element, reach)
            ):
                forms.add(element)
    return forms


def _has_number(tree: Tree, element: int) -> bool:
    first = tree.first[element]
    return _NUMBER.search("".join(tree.chunks[first : min(tree.last[element], first + 12)])) is not None


def _holds(tree: Tree, looks: Sequence[Look], element: int, compound: Compound) -> bool:
    """Tell whether attributes and what stands above `element` are as the selector says."""
    for name, value in compound.attributes:
        own = tree.attributes[element].get(name)
        if own is None or (value and own.strip() != value):
            return False
    for above in compound.above:
        element = tree.parents[element]
        if element <= 0:
            return False
        if above.startswith("."):
            if above[1:] not in looks[element].classes:
                return False
        elif tree.tags[element] != above:
            return False
    return True


# Sets of elements that could be the comments.


@dataclass(slots=True)
class _Set:
    regions: list[Region]
    site: int | None
    trust: float
    score: float = 0.0
    inner: list[list[int]] = field(default_factory=list)
    """Of each region the ones directly inside it."""


def _sets(page: Page) -> list[_Set]:
    found: list[_Set] = []
    beside, region = page.beside, page.tree.region
    for site, elements in page.sites.items():
        regions = _runs(page, elements, SITES[site].items) if SITES[site].run else list(map(region, elements))
        found.append(_Set([own for own in regions if not beside[own.start]], site, KNOWN))
    for elements in sorted(page.sets.values(), key=len, reverse=True)[:MOST_SETS]:
        many = page.looks[elements[0]].marks & ZONE
        trust = NAMED * (0.85 if many and len(elements) == 1 else 0.95 if many else 1.0)
        found.append(_Set([region(e) for e in elements if not beside[e]], None, trust))
    for candidate in found:
        candidate.score = _score(page, candidate)
        if candidate.site is not None and candidate.score:
            candidate.score += 0.05 * _recognised(page, candidate)
    return [candidate for candidate in found if candidate.score > 0]


def _recognised(page: Page, candidate: _Set) -> int:
    """Return how many of a site's roles its first comment has, to tell sites with the same items apart."""
    assert candidate.site is not None
    region = candidate.regions[0]
    return len(
        {
            (mark, compound)
            for element in range(region.start, min(region.end, region.start + 60))
            for mark, _, compound in _roles(page, candidate.site, element)
        }
    )


def _runs(page: Page, openers: Sequence[int], selector: str) -> list[Region]:
    """Return the runs of siblings that `openers` begin."""
    steps = selector.split(maxsplit=1)[0].count(">")
    tree = page.tree
    by_parent: dict[int, list[int]] = defaultdict(list)
    for element in openers:
        for _ in range(steps):
            element = tree.parents[element]  # noqa: PLW2901 - climbing
        row = by_parent[tree.parents[element]]
        if not row or row[-1] != element:
            row.append(element)
    runs: list[Region] = []
    for parent, starts in by_parent.items():
        stops = [*starts[1:], tree.ends[parent] if parent >= 0 else len(tree.tags)]
        runs += [tree.run(start, stop) for start, stop in zip(starts, stops, strict=True)]
    return sorted(runs, key=lambda region: region.start)


def _inside(regions: Sequence[Region]) -> list[list[int]]:
    """Return for each of `regions` (in order) the ones directly inside it."""
    inner: list[list[int]] = [[] for _ in regions]
    open_: list[int] = []
    for number, region in enumerate(regions):
        while open_ and regions[open_[-1]].end <= region.start:
            open_.pop()
        if open_:
            inner[open_[-1]].append(number)
        open_.append(number)
    return inner


def _own(page: Page, region: Region, inner: Sequence[Region]) -> tuple[int, int, int]:
    """Return how many letters, authors and dates `region` has outside of `inner`."""
    all_letters, all_authors, all_dates = page.letters, page.authors, page.dates
    start, end, first, last = region
    letters = all_letters[last] - all_letters[first]
    # The element itself may be named for its author ("comment-author-ann").
    authors = all_authors[end] - all_authors[start + 1]
    dated = all_dates[end] - all_dates[start + 1]
    for start, end, first, last in inner:
        letters -= all_letters[last] - all_letters[first]
        authors -= all_authors[end] - all_authors[start]
        dated -= all_dates[end] - all_dates[start]
    return letters, authors, dated


def _score(page: Page, candidate: _Set) -> float:
    regions = candidate.regions
    if candidate.site is None and page.headlines:
        # Whatever holds the headline is the article, even one that is called a comment.
        regions = candidate.regions = [
            region
            for region in regions
            if bisect_left(page.headlines, region.start) == bisect_left(page.headlines, region.end)
        ]
    candidate.inner = _inside(regions)
    looks, linked, weights = page.looks, page.linked, page.letters
    worth = 0.0
    for region, inner in zip(regions, candidate.inner, strict=True):
        start, _, first, last = region
        letters, authors, dated = _own(page, region, [regions[i] for i in inner] if inner else ())
        notice = looks[start].kind != "comment"
        if letters <= 0 or (not authors and not dated and letters < 15 and not notice):
            continue
        if not notice and linked[last] - linked[first] >= 0.9 * (weights[last] - weights[first]):
            continue
        own = WORDS + WITH_AUTHOR * (authors > 0) + WITH_DATE * (dated > 0)
        if notice:
            own = 1.0  # a notice has no date, and its author is its link
        # Several dates and several authors are several comments, or a list of links.
        if dated > 3 and authors > 3:
            own *= 0.4
        worth += own
    if worth <= WORDS * len(regions) and candidate.site is None:
        worth /= 2  # neither author nor date anywhere
    return worth * candidate.trust


def comments_of(page: Page) -> list[Found]:
    """Return the comments of a page, in their order."""
    sets = sorted(_sets(page), key=lambda s: (-round(s.score, 2), s.regions[0].start if s.regions else 0))
    for at, best in enumerate(sets[:TRIED]):
        chosen = _Chosen(page, [(region, best.site) for region in best.regions], best)
        for other in sets[at + 1 :]:
            chosen = chosen.joined_by(other)
        found = _extracted(page, chosen.members)
        if any(comment.text for comment in found):
            return found
    groups = _groups(page)
    found = [c for c in _extracted(page, _repeated(page, groups)) if c.author and c.when and c.text]
    return found or _alike(page, groups)


class _Chosen:
    """The regions that are taken for comments, each with its site, in their order."""

    def __init__(self, page: Page, members: list[tuple[Region, int | None]], best: _Set) -> None:
        self.page, self.members, self.best = page, members, best
        self._regions = [region for region, _ in members]
        self._starts = [region.start for region in self._regions]
        self._taken = set(self._starts)
        self._zones = {page.zones[start] for start in self._starts} - {0}

    def joined_by(self, other: _Set) -> "_Chosen":
        """Return these with those of `other` that are comments besides them."""
        page, regions, starts = self.page, self._regions, self._starts
        akin = other.site is not None and other.site == self.best.site
        extra: list[Region] = []
        for number, region in enumerate(other.regions):
            if region.start in self._taken:
                continue
            # Whatever it holds of the chosen ones, it is around them and none of them.
            after = bisect_left(starts, region.start)
            if after < len(regions) and starts[after] < region.end:
                continue
            around = _around(regions, after - 1, region)
            if around is None and not akin and page.zones[region.start] not in self._zones:
                continue
            letters, authors, dated = _own(page, region, [other.regions[i] for i in other.inner[number]])
            if letters <= 0 or not authors or not dated:
                if around is not None or not akin:
                    continue
                if not authors and not dated and letters < 2:
                    continue
            if around is not None:
                holder = regions[around]
                until = min(bisect_left(starts, holder.end), around + LARGEST_BYLINE)
                within = [r for r in regions[around + 1 : until] if r.start >= region.end or r.end <= region.start]
                _, left_authors, left_dates = _own(page, holder, _outermost([*within, region]))
                if not left_authors or not left_dates:
                    continue
            extra.append(region)
        if not extra:
            return self
        members = [*self.members, *((region, other.site) for region in extra)]
        return _Chosen(page, sorted(members, key=lambda item: (item[0].start, -item[0].end)), self.best)


def _outermost(regions: Sequence[Region]) -> list[Region]:
    outer: list[Region] = []
    for region in sorted(regions, key=lambda r: (r.start, -r.end)):
        if not outer or region.start >= outer[-1].end:
            outer.append(region)
    return outer


def _around(regions: Sequence[Region], at: int, region: Region) -> int | None:
    # Regions nest or are apart; few nest deeply, and a bounded look back suffices to find what is around.
    for number in range(at, max(at - 200, -1), -1):
        if regions[number].end >= region.end:
            return number
    return None


# From a region to a comment.


def _extracted(page: Page, chosen: Sequence[tuple[Region, int | None]]) -> list[Found]:
    regions = [region for region, _ in chosen]
    inner = _inside(regions)
    found = [
        _comment(page, region, [regions[i] for i in inner[number]], site)
        for number, (region, site) in enumerate(chosen)
    ]
    # A block named for comments that says neither who nor when is a part of the page.
    found = [
        comment
        for comment, (_, site) in zip(found, chosen, strict=True)
        if _is_comment(page, comment, site, alone=len(chosen) == 1)
    ]
    _thread(page, found)
    return found


def _is_comment(page: Page, comment: Found, site: int | None, *, alone: bool) -> bool:
    if comment.kind != "comment":
        return True
    if site is not None:
        return bool(comment.when or comment.author)
    if page.looks[comment.element].marks & ZONE and "9" not in page.pattern(comment.element):
        return bool(comment.when and comment.signed)
    if alone and "9" not in page.pattern(comment.element):
        return bool(comment.when)
    return bool(comment.when or comment.signed)


class _Parts:
    """What a comment's own elements are, best first by rank."""

    __slots__ = ("authors", "dates", "idle", "links", "metas", "skipped", "texts")

    def __init__(self) -> None:
        self.authors: list[tuple[int, int]] = []
        self.dates: list[tuple[int, int]] = []
        self.texts: list[tuple[int, int]] = []
        # What is not part of the text, though author and date may stand in it; and what is neither.
        self.skipped: set[int] = set()
        self.idle: set[int] = set()
        self.links: list[int] = []
        self.metas: list[int] = []


def _roles(page: Page, site: int, element: int) -> Sequence[tuple[int, int, Compound]]:
    """Return the roles that a site's selectors give to `element`."""
    found = page.looks[element]
    known = page.roles.get(site)
    if known is None:
        known = page.roles[site] = {}
    both = known.get(found)
    if both is None or element in page.microdata:
        roles = roles_at(site, page.tree.tags[element], found.classes, page.pattern(element), page.data(element))
        both = roles, all(not compound.above and not compound.attributes for _, _, compound in roles)
        if element not in page.microdata:
            known[found] = both
    roles, sure = both
    return roles if sure else [role for role in roles if _holds(page.tree, page.looks, element, role[2])]


# Ranks of what words say come after those of a site's selectors.
_WORDS_RANK: Final = 20


def _own_runs(region: Region, inner: Sequence[Region]) -> Iterator[range]:
    """Yield the elements of `region` outside of `inner`."""
    at = region.start
    for other in inner:
        yield range(at, other.start)
        at = other.end
    yield range(at, region.end)


def _parts(page: Page, region: Region, inner: Sequence[Region], site: int | None, run: bool) -> _Parts:  # noqa: FBT001
    tree, looks, microdata, forms = page.tree, page.looks, page.microdata, page.forms
    tags, unshown, ends = tree.tags, tree.unshown, tree.ends
    parts = _Parts()
    whole = -1 if run else region.start
    hidden_until = 0
    known = page.roles.setdefault(site, {}) if site is not None else {}
    for elements in _own_runs(region, inner):
        for element in elements:
            if element < hidden_until:
                continue
            found, tag = looks[element], tags[element]
            if tag == "a":
                parts.links.append(element)
            if element == whole:
                continue
            roles: Sequence[tuple[int, int, Compound]] = ()
            if site is not None:
                roles, sure = known.get(found, _UNKNOWN)
                if not sure or element in microdata:
                    roles = _roles(page, site, element)
                for mark, rank, _ in roles:
                    if mark == AUTHOR:
                        parts.authors.append((rank, element))
                    elif mark == DATE:
                        parts.dates.append((rank, element))
                    elif mark == TEXT:
                        parts.texts.append((rank, element))
                    else:
                        parts.skipped.add(element)
            if tag in UNREAD or element in forms or element in unshown:
                parts.skipped.add(element)
                parts.idle.add(element)
                hidden_until = ends[element] if tag != "noscript" else element
                continue
            marks = found.marks
            if not marks:
                continue
            if marks & AUTHOR:
                parts.authors.append((_WORDS_RANK + _author_rank(page, element), element))
            if marks & DATE:
                parts.dates.append((_WORDS_RANK - (tag == "time"), element))
            if marks & META:
                parts.metas.append(element)
            if marks & SKIP and not marks & (TEXT | AUTHOR | DATE) and not roles:
                if not _holds_text(page, element):
                    parts.skipped.add(element)
                    parts.idle.add(element)
            elif marks & TEXT:
                parts.texts.append((_WORDS_RANK, element))
    parts.authors = sorted(parts.authors)[:MOST_MARKS]
    parts.dates = sorted(parts.dates)[:MOST_MARKS]
    parts.texts = sorted(parts.texts)[: 4 * MOST_MARKS]
    del parts.links[4 * MOST_MARKS :], parts.metas[MOST_MARKS:]
    return parts


# The roles of an element that was not asked for yet.
_UNKNOWN: Final = ((), False)


def _holds_text(page: Page, element: int) -> bool:
    """Tell whether something named for text, or a date, stands inside `element`."""
    end = min(page.tree.ends[element], element + 200)
    return end > element + 1 and any(found.marks & TEXT for found in page.looks[element + 1 : end])


def _author_rank(page: Page, element: int) -> int:
    classes = page.looks[element].classes
    if "fn" in classes or any(value in ("author", "creator") for _, value in page.data(element)):
        return 0
    last = classes[-1] if classes else ""
    return 1 if "author" in last or "user" in last or "name" in last else 2


_GLUE_BEFORE: Final = re.compile(
    rf"^(?:(?:{'|'.join(POSTED)}|kommentar|comment|commentaire|comentario|commento|komentarz|beitrag|post|author|autor|name|投稿者|名前)\s*:?\s+)?"
    rf"(?:(?:{'|'.join(BY)})(?:\s*:)?\s+|[:·|,–—-]\s*)?",
    re.IGNORECASE,
)
_ON: Final = ("on", "am", "le", "el", "il", "at", "um", "op", "den", "dnia")
_GLUE_AFTER: Final = re.compile(
    rf"[\s:：,;·|»«–—-]*\b(?:{'|'.join(SAYS)}|permalink)?(?:\s+(?:{'|'.join(_ON)}))?[\s:：,;·|»«–—-]*$",
    re.IGNORECASE,
)
# The words that it ends in, where it does not end in a mark; and the letters whose case is a matter of language.
_GLUE_ENDS: Final = frozenset(re.findall(r"\w+", phrase)[-1].casefold() for phrase in (*SAYS, "permalink", *_ON))
_DOTTED: Final = frozenset("İı")
_SAYING: Final = re.compile(rf"(?<=\s)(?:{'|'.join(SAYS)})\s*(?:\.\.\.|…|:|：)\s*$", re.IGNORECASE)
_OPENING: Final = frozenset(".…:：")
_DOUBT: Final = re.compile(
    r"\s*\((?:not verified|nicht überprüft|non vérifié|no verificado|non verificato|niezweryfikowany)\)"
    r"|\s*\(\s*#?\d{1,9}\s*\)$",  # a member's number
    re.IGNORECASE,
)


def name_in(text: str) -> str | None:
    """Return the name in the text of a byline."""
    text = " ".join(text.split())
    if "(" in text:
        text = _DOUBT.sub("", text)
    found = dates.spans(text) if len(text) <= 2 * LONGEST_DATE and any(map(str.isdigit, text)) else []
    if found and found[0][0] > 0:
        text = text[: found[0][0]]
    elif found:
        text = text[found[-1][1] :]
    if text.rstrip()[-1:] in _OPENING:
        text = _SAYING.sub(":", text, count=1)
    # Most bylines end in the name itself.
    last = text.rpartition(" ")[2]
    if not last.isalnum() or last.casefold() in _GLUE_ENDS or not _DOTTED.isdisjoint(last):
        text = _GLUE_AFTER.sub("", text, count=1)
    stripped = text.strip()
    # Only a mark can be glued to a single word, and goes with those at its edges.
    glued = _GLUE_BEFORE.match(stripped) if " " in stripped else None
    bare = stripped[glued.end() if glued else 0 :].strip(' :：|·,»«•–—-\t\n"“”')
    name = bare or stripped
    return name if 0 < len(name) <= LONGEST_AUTHOR else None


_HTTP: Final = re.compile(r"(?:https?:)?//[^\s<>\"]{3,2000}", re.IGNORECASE)


def _link(page: Page, element: int, region: Region) -> str | None:
    """Return where the link in, at or around `element` leads, if it leads to a site."""
    tree = page.tree
    at: int | None = element
    if tree.tags[element] != "a":
        at = next((i for i in range(element, tree.ends[element]) if tree.tags[i] == "a" and tree.get(i, "href")), None)
        if at is None:
            at = next((i for i in tree.above(element) if i >= region.start and tree.tags[i] == "a"), None)
    if at is None:
        return None
    href = tree.get(at, "href").strip()
    return href if _HTTP.fullmatch(href) else None


def _author(page: Page, parts: _Parts, before: int, dated: int | None, found: Found) -> int | None:
    """Find name and link of the author; return the element that holds them."""
    tree, region = page.tree, found.region
    for _, element in parts.authors:
        if _under(tree, element, parts.idle):
            continue
        end = tree.ends[element]
        inner = [i for _, i in parts.authors if element < i < end]
        idle = [i for i in parts.idle if element < i < end]
        text = tree.line(element, idle if idle and page.letters_in(element) <= LARGEST_BYLINE else ())
        if inner and len(text) > LONGEST_AUTHOR // 2:
            continue
        if len(text) > LONGEST_AUTHOR:
            # The block around the name is named for the author: the name is the first link or emphasis in it.
            first = next((i for i in range(element + 1, end) if tree.tags[i] in _EMPHASIS and tree.line(i)), None)
            if first is None:
                continue
            element, text = first, tree.line(first)  # noqa: PLW2901 - a smaller one
        elif not inner and end > element + 1:
            first = next((i for i in range(element + 1, end) if tree.tags[i] in _NAMING), None)
            small = tree.line(first) if first is not None else ""
            if small and len(small) < len(text) and not any(map(str.isdigit, small)) and tree.chunks:
                text = small
        name = name_in(text)
        if name:
            found.author, found.author_url, found.signed = name, _link(page, element, region), True
            return element
    for block in (dated, _block(page, region, dated, {dated})) if dated is not None else ():
        if tree.tags[block] in _HEADLINES:
            continue
        line = tree.line(block)
        said = byline(line) if len(line) <= 2 * LONGEST_DATE else None
        if said is not None and said.name and not said.doubtful and any(map(str.isalpha, said.name)):
            found.author, found.author_url, found.signed = said.name, _link(page, block, region), True
            return block
    for element in range(region.start, min(region.end, before + 1)):
        if tree.tags[element] in _EMPHASIS and not _under(tree, element, parts.idle):
            text = tree.line(element)
            name = name_in(text) if 0 < len(text) <= LONGEST_AUTHOR else None
            if name and any(map(str.isalpha, name)) and not BOILERPLATE.fullmatch(name) and not heading(text):
                found.author, found.author_url = name, _link(page, element, region)
                return element
    return None


_HEADLINES: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_NAMING: Final = frozenset(("a", "cite", "strong", "b"))
_EMPHASIS: Final = frozenset(("a", "b", "strong", "cite", "em", "h2", "h3", "h4", "h5", "h6", "dt"))


def _under(tree: Tree, element: int, holders: Collection[int]) -> bool:
    """Tell whether `element` or something around it, not many steps up, is one of `holders`."""
    if not holders:
        return False
    parents = tree.parents
    for _ in range(MOST_STEPS):
        if element in holders:
            return True
        element = parents[element]
        if element <= 0:
            return False
    return False


# How far up is looked for what is around an element: the element itself counts.
MOST_STEPS: Final = 15


_ATTRIBUTES: Final = (
    "datetime",
    "content",
    "data-time",
    "data-timestamp",
    "data-utime",
    "data-epoch",
    "data-date",
    "data-created",
    "title",
)
_ATTRIBUTES_SET: Final = frozenset(_ATTRIBUTES)
_ISO: Final = re.compile(r"\s*(?:19|20)\d\d-\d\d-\d\d(?:[T ]\d\d:\d\d|\s*$)")
_EPOCH: Final = re.compile(r"1\d{9}(?:\d{3})?")
# Dates beside a comment that are not its own.
_OTHER_TIMES: Final = re.compile(
    r"\W*(?:joined|registered|member since|registriert|mitglied seit|anmeldungsdatum|dabei seit|inscrit|inscription|"
    r"registrado|iscritto|dołączył|lid sinds|зарегистрирован|(?:last )?edited|zuletzt bearbeitet)\b",
    re.IGNORECASE,
)
# Blogger's links to comments tell to the millisecond what the page shows as a time of day only.
_SHOWN: Final = re.compile(r"[?&]showComment=(1\d{12})#")
_SPACED: Final = re.compile(r"(?<=\d)\s?([./])\s+(?=\d{1,4}\b)")
_COLONS: Final = re.compile(r"(?<=\d)\s+:\s+(?=\d\d\b)")


def stated(tree: Tree, element: int) -> str | None:
    """Return the time that attributes of `element` state."""
    attributes = tree.attributes[element]
    if not attributes or _ATTRIBUTES_SET.isdisjoint(attributes):
        return None
    for name in _ATTRIBUTES:
        value = attributes.get(name)
        if not value or len(value) > LONGEST_DATE:
            continue
        if _ISO.match(value):
            # "2020-01-02T03:04:05 1577934245" says it twice.
            return " ".join(value.split()[:2]) if "T" not in value else value.split()[0]
        if _EPOCH.fullmatch(value.strip()):
            return value.strip()
        found = spoken(value)
        if found:
            return found
    return None


def spoken(text: str) -> str | None:
    """Return the time that `text` tells, if it tells a date."""
    if len(text) > 3 * LONGEST_DATE or not any(map(str.isdigit, text)):
        return None
    text = " ".join(text.split())
    if ". " in text or "/ " in text:
        text = _SPACED.sub(r"\1", text)
    if " :" in text:
        text = _COLONS.sub(":", text)
    best: str | None = None
    times = dates.spans(text)
    for start, end in times:
        span = text[start:end]
        if dates.is_whole(span):
            # A time of day may stand apart from the date.
            clock = next(
                (text[a:b] for a, b in times if a >= end and ":" in text[a:b] and not dates.is_whole(text[a:b])),
                None,
            )
            return span if clock is None or _CLOCK.search(span) else f"{span} {clock}"
        best = best or span
    return None


_CLOCK: Final = re.compile(r"\d[:.h]\d\d(?!\d|[.]\d)")


def _when(page: Page, region: Region, inner: Sequence[Region], parts: _Parts) -> tuple[str | None, int | None]:
    """Return when the comment was written, and the element that says so."""
    tree = page.tree
    attributes = tree.attributes
    for link in parts.links:
        href = attributes[link].get("href")
        if href and "showComment=" in href and (shown := _SHOWN.search(href)):
            return shown[1], link
    said: tuple[str, int] | None = None
    for _, element in parts.dates:
        for other in range(element, max(element + 1, min(tree.ends[element], element + 12))):
            if attributes[other] and (found := stated(tree, other)):
                return found, element
        if said is None:
            text = tree.line(element)
            found = None if _OTHER_TIMES.match(text) else spoken(text)
            if found:
                if not _CLOCK.search(found):
                    found = _with_clock(page, region, element, found)
                said = (found, element)
    if said is not None:
        return said
    for first, last in _own_chunks(region, inner):
        for at in range(first, last):
            chunk = tree.chunks[at]
            if (
                5 < len(chunk) < 2 * LONGEST_DATE
                and any(map(str.isdigit, chunk))
                and len(chunk.strip()) <= LONGEST_DATE
            ):
                owner = tree.owner(at)
                found = spoken(chunk)
                if found is None and "title" in tree.attributes[owner]:
                    found = stated(tree, owner)
                if found and not _in_text(page, owner, parts):
                    return found if _CLOCK.search(found) else _with_clock(page, region, owner, found), owner
    for link in parts.links:
        if "title" in tree.attributes[link] and (found := stated(tree, link)):
            return found, link
    return None, None


def _in_text(page: Page, element: int, parts: _Parts) -> bool:
    return _under(page.tree, element, {other for rank, other in parts.texts if rank < _WORDS_RANK})


def _with_clock(page: Page, region: Region, element: int, date: str) -> str:
    """Return `date` with the time of day that stands beside it, if one does."""
    above = page.tree.parents[element]
    if above < region.start:
        return date
    text = page.tree.line(above)
    return (spoken(text) or date) if len(text) <= LONGEST_DATE else date


def _own_chunks(region: Region, inner: Sequence[Region]) -> Iterator[tuple[int, int]]:
    at = region.first
    for other in inner:
        yield at, other.first
        at = other.last
    yield at, region.last


def _comment(page: Page, region: Region, inner: Sequence[Region], site: int | None) -> Found:
    tree = page.tree
    run = site is not None and SITES[site].run
    parts = _parts(page, region, inner, site, run)
    found = Found(region, region.start)
    nested = {other.start for other in inner}
    found.kind = page.looks[region.start].kind
    found.when, dated = _when(page, region, inner, parts)
    body = _body(page, parts, dated)
    before = body if body is not None else tree.ends[dated] + 8 if dated is not None else region.start + 12
    before = min(before, region.start + LARGEST_BYLINE)
    if found.kind != "comment":
        link = next((i for i in parts.links if tree.line(i) and _HTTP.fullmatch(tree.get(i, "href").strip())), None)
        _author(page, parts, -1, None, found)
        if link is not None:
            found.author, found.author_url = (
                found.author or tree.line(link)[:200],
                tree.get(link, "href").strip(),
            )
        found.text = tree.text_of(region, parts.skipped | nested)
    else:
        by = _author(page, parts, before, dated, found)
        found.text = _text(
            page, parts, nested, body, {element for element in (by, dated) if element is not None}, found
        )
    _named(page, region, inner, parts, found)
    if site is not None and SITES[site].depth:
        found.depth = _stated_depth(page, region, SITES[site].depth)
    if found.depth is None:
        found.depth = _depth(page, region.start)
    return found


def _body(page: Page, parts: _Parts, dated: int | None) -> int | None:
    """Return the element that holds the comment's words and nothing else."""
    tree = page.tree
    if not parts.texts:
        return None
    best = min(rank for rank, _ in parts.texts)
    marks = [element for _, element in parts.authors if not _under(tree, element, parts.idle)]
    if dated is not None:
        marks.append(dated)
    pure: list[int] = []
    reach = 0
    for rank, element in sorted(parts.texts, key=lambda item: item[1]):
        if element < reach or rank != best:
            continue
        end = tree.ends[element]
        outside = [mark for mark in marks if not element <= mark < end]
        if best < _WORDS_RANK or not marks or (outside and (dated is None or dated in outside)):
            # Names inside are those of people mentioned, where the author stands outside.
            if best >= _WORDS_RANK and parts.authors and not any(mark != dated for mark in outside):
                continue
            pure.append(element)
            reach = end
    if not pure:
        return None
    return max(pure, key=page.letters_in)


def _text(page: Page, parts: _Parts, nested: set[int], body: int | None, marks: set[int], found: Found) -> str:  # noqa: PLR0917 - what was found of one comment
    tree, region = page.tree, found.region
    if body is not None:
        own = tree.region(body)
        inside = {element for element in marks if body < element < own.end}
        text = tree.text_of(own, parts.skipped | nested | inside)
        if text or any(tree.tags[i] == "img" for i in range(body, own.end)):
            return text
    skip = parts.skipped | nested
    blocks = {_block(page, region, element, marks) for element in marks}
    metas = {
        element
        for element in parts.metas
        if page.letters_in(element) <= 4 * GLUE or any(element < mark < tree.ends[element] for mark in marks)
    } - {region.start}
    metas = {element for element in metas if not _holds_text(page, element)}
    for extra in (blocks | metas, blocks, marks, set()):
        text = _cleaned(tree.text_of(region, skip | extra), found)
        if text:
            return text
    # The comment stands inside of what is named for its author.
    return _cleaned(tree.text_of(region, parts.idle | nested | blocks), found)


def _block(page: Page, region: Region, element: int, marks: set[int]) -> int:
    """Return the largest element around `element` that holds little besides author and date."""
    tree = page.tree
    weights = {mark: page.letters_in(mark) for mark in marks}
    best = element
    for above in tree.above(element):
        if above <= region.start or above >= region.end:
            break
        end = tree.ends[above]
        rest = page.letters_in(above) - sum(w for mark, w in weights.items() if above <= mark < end)
        if rest > GLUE or end - above > LARGEST_BYLINE or any(tree.tags[i] == "p" for i in range(above + 1, end)):
            break
        best = above
    return best


def _cleaned(text: str, found: Found) -> str:
    """Return `text` without the buttons and labels at its edges."""
    lines = text.split("\n")
    own = {name.casefold() for name in (found.author, found.when) if name}

    def idle(line: str) -> bool:
        bare = line.strip()
        return (
            not any(map(str.isalnum, bare))
            or bare.casefold() in own
            or (len(bare) < 80 and BOILERPLATE.fullmatch(bare) is not None)
            or (len(bare) <= GLUE and _GLUE_AFTER.fullmatch(bare) is not None)
        )

    # An emoticon or a row of full stops alone is what somebody wrote.
    if not any(map(str.isalnum, text)):
        return text
    first, last = 0, len(lines)
    while first < last and idle(lines[first]):
        first += 1
    # A name in the last line is a signature.
    while (
        last > first and idle(lines[last - 1]) and lines[last - 1].strip().casefold() != (found.author or "").casefold()
    ):
        last -= 1
    return "\n".join(lines[first:last]).strip()


_ANCHOR: Final = re.compile(r"[\w.:-]{1,100}")
_PREFIX: Final = re.compile(r"^(?:(?:li|div|article|wc|comm|bb)[-_]){1,2}(?=\w*[-_]?\w*\d)", re.IGNORECASE)
_IDENTS: Final = ("data-comment-id", "data-commentid", "data-id", "data-post-id", "data-fullname", "data-cid")


def _named(page: Page, region: Region, inner: Sequence[Region], parts: _Parts, found: Found) -> None:
    """Find what names the comment: its anchor, and the link to it."""
    tree = page.tree
    skip_after = inner[0].start if inner else region.end
    above = tree.parents[region.start]
    # The anchor may stand right around a comment that is alone in it.
    around = [above] if above > 0 and tree.ends[above] == region.end and "9" in page.pattern(above) else []
    # ... or right before it, empty.
    before = region.start - 1
    if tree.tags[before] == "a" and tree.ends[before] == region.start and tree.parents[before] == above:
        around.append(before)
    further = range(region.start + 1, min(region.end, skip_after, region.start + 40))
    for element in chain((region.start, *around), further):
        if element not in page.patterns and tree.tags[element] != "a" and element != region.start:
            continue  # nothing names it
        attributes = tree.attributes[element]
        value = attributes.get("id") or (attributes.get("name") if tree.tags[element] == "a" else None)
        if value and any(map(str.isdigit, value)) and _ANCHOR.fullmatch(value):
            found.anchor = _PREFIX.sub("", value)
            break
        if element == region.start:
            value = next((attributes[name] for name in _IDENTS if attributes.get(name)), None)
            if value and _ANCHOR.fullmatch(value):
                found.anchor = value
                break
    number = _number(found.anchor)
    for link in parts.links:
        href = (tree.attributes[link].get("href") or "").strip()
        if not href or len(href) > 1000:
            continue
        fragment = href.rpartition("#")[2] if "#" in href else ""
        if number and (fragment.endswith(number) or (not fragment and number in href)):
            if found.permalink is None and "reply" not in href and not _under(tree, link, parts.skipped):
                found.permalink = href
        elif found.anchor is None and fragment and fragment[-1:].isdigit() and _ANCHOR.fullmatch(fragment):
            found.anchor = _PREFIX.sub("", fragment)
            number = _number(found.anchor)
            found.permalink = href
        elif (
            fragment
            and number
            and fragment[-1:].isdigit()
            and found.answers is None
            and _ANSWERING.search(_near(page, link))
        ):
            found.answers = _number(fragment)


_ANSWERING: Final = re.compile(
    r"\b(?:in reply to|reply to|replying to|response to|parent|antwort auf|als antwort|en réponse|en respuesta|in "
    r"risposta|em resposta|w odpowiedzi|als reactie op|in antwort)\b",
    re.IGNORECASE,
)


def _near(page: Page, link: int) -> str:
    tree = page.tree
    at = tree.first[link]
    before = tree.chunks[at - 1] if at else ""
    said = (before[-60:], tree.get(link, "title")[:60], tree.get(link, "class")[:60], tree.line(link)[:60])
    return " ".join(said)


_NUMBERED: Final = re.compile(r"([0-9a-f]*\d[0-9a-f]*)\D*$")


def _number(anchor: str | None) -> str | None:
    found = _NUMBERED.search(anchor) if anchor else None
    return found[1] if found else None


_DEEP: Final = re.compile(r"(?:^|[-_])(?:depth|level|lvl|indent|tier|nesting|ebene)[-_]?(\d{1,3})$", re.IGNORECASE)
_MARGIN: Final = re.compile(r"(?:margin|padding)-left\s*:\s*(\d{1,5})(?:\.\d+)?\s*(?:px|em|%)", re.IGNORECASE)
_DEPTHS: Final = ("data-depth", "data-level", "aria-level", "data-indent", "depth")


def _depth(page: Page, element: int) -> int | None:
    for name in page.looks[element].classes:
        if name[-1:].isdigit() and (found := _DEEP.search(name)):
            return int(found[1])
    attributes = page.tree.attributes[element]
    for name in _DEPTHS:
        value = attributes.get(name)
        if value and value.isdecimal() and len(value) < 6:
            return int(value)
    style = attributes.get("style")
    found = _MARGIN.search(style) if style else None
    return int(found[1]) if found else None


def _stated_depth(page: Page, region: Region, where: str) -> int | None:
    selector, _, name = where.partition("!")
    tree = page.tree
    wanted = selector.lstrip(".")
    for element in range(region.start, min(region.end, region.start + 20)):
        if wanted in page.looks[element].classes:
            value = tree.get(element, name)
            if value.isdecimal() and len(value) < 6:
                return int(value)
            spacer = next((i for i in range(element, tree.ends[element]) if tree.tags[i] == "img"), None)
            width = tree.get(spacer, "width") if spacer is not None else ""
            return int(width) if width.isdecimal() and len(width) < 6 else None
    return None


_BRANCH: Final = re.compile(
    r"indent|child|replies|reply|repl|answers|antworten|nested|thread|sub|responses|réponses", re.IGNORECASE
)


def _thread(page: Page, found: list[Found]) -> None:
    """Set each comment's parent, from what surrounds it, what it says, or how deep it stands."""
    regions = [comment.region for comment in found]
    starts = [region.start for region in regions]
    for number, inner in enumerate(_inside(regions)):
        for other in inner:
            found[other].parent = number
    numbers: dict[str, int] = {}
    for index, comment in enumerate(found):
        digits = _number(comment.anchor)
        if digits:
            numbers.setdefault(digits, index)
    deep: list[tuple[int, int]] = []
    levels = {comment.depth for comment in found if comment.depth is not None}
    branches: dict[int, int | None] = {}
    for index, comment in enumerate(found):
        if comment.parent is None and comment.answers in numbers and numbers[comment.answers] < index:
            comment.parent = numbers[comment.answers]
        if comment.parent is None:
            comment.parent = _branch(page, comment, starts, branches)
        if len(levels) > 1 and comment.depth is not None:
            while deep and deep[-1][0] >= comment.depth:
                deep.pop()
            if comment.parent is None and deep:
                comment.parent = deep[-1][1]
            deep.append((comment.depth, index))


@lru_cache(maxsize=8192)
def _is_branch(names: str) -> bool:
    return _BRANCH.search(names) is not None


def _branch(page: Page, comment: Found, starts: Sequence[int], known: dict[int, int | None]) -> int | None:
    """Return the comment before the innermost list of replies that `comment` stands in, if it stands in one."""
    tree = page.tree
    for step, above in enumerate(tree.above(comment.element)):
        if step > 6:
            break
        if above not in known:
            known[above] = None
            attributes = tree.attributes[above]
            names, ident = attributes.get("class") or "", attributes.get("id") or ""
            if len(names) + len(ident) < 299 and (_is_branch(names) or (ident and _BRANCH.search(ident))):
                before = bisect_left(starts, above) - 1
                # The list of all comments may be called a thread as well: then nothing stands before it.
                if before >= 0 and starts[before] >= tree.parents[above]:
                    known[above] = before
        if known[above] is not None:
            return known[above]
    return None


# Where nothing is named for what it is.


_Groups = dict[tuple[int, str], dict[int, int]]


def _groups(page: Page) -> _Groups:
    """Return what stands around dates: parent and tag -> element -> how many dates it holds."""
    tree = page.tree
    groups: _Groups = defaultdict(dict)
    for mark in _dated(page):
        zone = page.zones[mark]
        if page.away(mark):
            continue
        for step, above in enumerate((mark, *tree.above(mark))):
            if step > 10 or above == zone or above <= 0:
                break
            holders = groups[tree.parents[above], tree.tags[above]]
            holders[above] = holders.get(above, 0) + 1
    return groups


# Blocks that nothing announces as comments are taken for some where there are this many, ...
FEWEST_ALIKE: Final = 3
# ... this share of them has an author, a date and words, and no more of those words than this share are links.
SHARE_ALIKE, LINKED_ALIKE = 0.8, 0.3


def _alike(page: Page, groups: _Groups) -> list[Found]:
    """Return as comments the siblings that look alike and are each somebody's words of some day.

    No name and no heading says so. Lists of articles look much the same: they have headings, links, or one author.
    """
    tree = page.tree
    best: list[Found] = []
    for (_, tag), holders in groups.items():
        members = [element for element, count in holders.items() if count == 1]
        if len(members) < max(FEWEST_ALIKE, len(best) + 1) or tag in _TOO_LARGE_OR_SMALL:
            continue
        names = tree.get(members[0], "class").split()
        regions = [tree.region(e) for e in members if tree.get(e, "class").split()[:1] == names[:1]]
        if any(
            page.linked[r.last] - page.linked[r.first] > LINKED_ALIKE * page.weight(r)
            or not _HEADLINES.isdisjoint(tree.tags[r.start : r.end])
            for r in regions
        ):
            continue
        found = [c for c in _extracted(page, [(region, None) for region in regions]) if c.author and c.when and c.text]
        people = {comment.author for comment in found}
        if len(found) >= max(FEWEST_ALIKE, SHARE_ALIKE * len(holders)) and len(people) > 1 and len(found) > len(best):
            best = found
    return best


def _repeated(page: Page, groups: _Groups) -> list[tuple[Region, int | None]]:
    """Return the blocks that repeat, each with a date, below a heading for comments or in a block named for them."""
    if not groups:
        return []
    tree = page.tree
    below = _heading(page)
    # A single block counts where it stands right below the heading.
    heads = {*([below, *tree.above(below)][:3] if below is not None else ())}
    best: tuple[float, list[int]] = (0.0, [])
    for (parent, tag), holders in groups.items():
        zone = page.zones[parent] if parent > 0 else 0
        members = [element for element, count in holders.items() if count <= 2 and tag not in _TOO_LARGE_OR_SMALL]
        if not zone:
            members = [element for element in members if below is not None and element >= below]
        if not members:
            continue
        regions = [tree.region(element) for element in members]
        rich = [r for r in regions if page.weight(r) > 40 and not _is_teaser(page, r)]
        if len(rich) < max(1, len(regions) / 2) or (len(rich) < 2 and not zone and parent not in heads):
            continue
        score = len(rich) + 0.001 * (len(tree.tags) - min(members)) / len(tree.tags)
        if score > best[0]:
            best = (score, members)
    return [(tree.region(element), None) for element in best[1]]


_TOO_LARGE_OR_SMALL: Final = frozenset(
    ("html", "body", "h1", "h2", "h3", "h4", "h5", "h6", "a", "time", "span", "small", "b")
)


def _dated(page: Page) -> list[int]:
    tree = page.tree
    marks = [element for element in page.named if page.looks[element].marks & DATE]
    if len(marks) < 2:
        for at, chunk in enumerate(tree.chunks):
            if 5 < len(chunk) < LONGEST_DATE and any(map(str.isdigit, chunk)) and spoken(chunk):
                marks.append(tree.owner(at))
    return sorted(set(marks))[:5000]


def _is_teaser(page: Page, region: Region) -> bool:
    """Tell whether most of a block's letters are links."""
    return 2 * (page.linked[region.last] - page.linked[region.first]) > page.weight(region)


def _headings(page: Page, *, backwards: bool = False) -> Iterator[tuple[int, int | None]]:
    """Yield the elements that are headings for comments, in their order, and how many those speak of."""
    tree, looks, letters = page.tree, page.looks, page.letters
    first, last = tree.first, tree.last
    elements = {element for element in page.named if looks[element].marks & ABOUT}.union(*map(tree.of, HEADS))
    for element in sorted(elements, reverse=backwards):
        begin, end = first[element], last[element]
        if end - begin <= 12 and 0 < letters[end] - letters[begin] <= 100 and not page.away(element):
            text = tree.line(element)
            found = heading(text) if len(text) <= 100 else None
            if found:
                yield element, found.count


def _spoken_heading(page: Page) -> int | None:
    """Return the last text that is a heading for comments though no element says so."""
    tree = page.tree
    for at in range(len(tree.chunks) - 1, -1, -1):
        chunk = tree.chunks[at].strip()
        if 4 < len(chunk) <= GLUE and not page.away(tree.owner(at)) and heading(chunk):
            return tree.owner(at)
    return None


def _heading(page: Page) -> int | None:
    """Return the last heading that comments could stand below."""
    return next((element for element, _ in _headings(page, backwards=True)), None) or _spoken_heading(page)


def promised(page: Page, found: Sequence[Found]) -> int | None:
    """Return how many comments the page speaks of, if it does; what stands nearest above them counts."""
    counts = [(element, count) for element, count in _headings(page) if count is not None]
    if not counts:
        return None
    first = found[0].region.start if found else len(page.tree.tags)
    return next((count for element, count in reversed(counts) if element < first), counts[-1][1])


def elsewhere(tree: Tree) -> list[str]:
    """Return the systems whose comments belong to this page but do not stand in it."""
    hints: list[str] = []
    for element, tag in enumerate(tree.tags):
        attributes = tree.attributes[element]
        if tag in ("script", "iframe"):
            hints.append(attributes.get("src") or attributes.get("data-src") or attributes.get("id") or "")
        elif tag in ("div", "section", "aside") or "-" in tag:
            hints.append(f"{attributes.get('id') or ''} {attributes.get('class') or ''}"[:300])
            if "-" in tag or ":" in tag:
                hints.append(tag)
    text = "\n".join(hints).lower()
    return [name for name, signs in ELSEWHERE if any(sign in text for sign in signs)]
