"""A plain-text dump of a page in, its article and the comments below it out.

Nothing in such a dump is marked up, but pages are made by templates and templates are regular: the bylines of one page
share their words, their bullet, their indent and the blank lines around them. So every line that could be a byline is
collected first, the template with the best case is chosen, and lines that deviate from it are taken for what people
wrote. What the page says of itself ("6 Comments") is used as a check.

Every step looks at each line a bounded number of times, and matches patterns on lines of bounded length only.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from math import log
from typing import Final

import pandas as pd

from moderation.readers import dates
from moderation.readers.batches import ADDRESS
from moderation.readers.bylines import (
    LONGEST,
    SHAPES,
    Byline,
    byline,
    heading,
    inline_byline,
    is_boilerplate,
    is_footer,
    is_name,
    margin,
    reply_line,
)
from moderation.readers.encoding import looks_binary, repair
from moderation.readers.entries import TALK_SHARE, likely, talk_share
from moderation.readers.formats import FALLBACK, NO, Format, Wanted
from moderation.readers.losses import Tally
from moderation.readers.source import Source
from moderation.readers.wording import ARTICLE_ENDS
from moderation.tables import ARTICLES, COMMENTS, Batch, clean_text, conform, empty, native_id

__all__ = ["PAGE"]

# A template must make this much of a case before prose is cut into comments; see `_case`.
ENOUGH: Final = 3.0
# Bylines of one template beyond this many make the case no stronger.
COUNTED: Final = 4
TITLE_LIMIT: Final = 250
# The article's own byline stands in one of its first lines.
HEAD_LINES: Final = 4
LINK_LIMIT: Final = 60
# How many headings, from the last one up, are tried where nothing else tells comments.
TOPS_TRIED: Final = 3
# A first comment whose beginning nothing tells is looked for so many lines up; comments have about so many characters.
SIGNED_LINES: Final = 40
SIGNED_USUAL: Final = 200
# Lists of links have no lines as long as this; articles do.
PARAGRAPH: Final = 120
# So many comments before its last one tell how a page's comments look.
NEIGHBOURS: Final = 20
# A gap between lines is out of the ordinary where less than this part of those above it are like it.
RARE: Final = 0.2
WIDEST: Final = 4
# Line ends that text may hold besides the usual ones.
_BREAKS: Final = ("\u2028", "\u2029", "\x85", "\v")
_SEPARATOR: Final = re.compile(r"([-=_~#+])\1{9,}")
_LOCATION: Final = re.compile(
    r"(?:(?:url|source|address|page)\s*:\s*)?(?P<url>https?://(?P<host>[^/\s]{1,100})(?:/\S*)?)", re.IGNORECASE
)
_MARKUP: Final = re.compile(r"\s*<(?:!doctype|html|\?xml|rss|feed|head|body)\b", re.IGNORECASE)
_BARE: Final = next(shape for shape in SHAPES if shape.name == "name")
_DATED: Final = next(shape for shape in SHAPES if shape.name == "name, date")
_CLOCK: Final = re.compile(r"\d[:.h]\d\d|\d ?[ap]\.?m", re.IGNORECASE)
_QUOTE: Final = '"“„«‘>'


@dataclass(slots=True)
class _Mark:
    """A byline in its place: the lines that it takes up, and what they say."""

    first: int
    last: int
    line: Byline
    name: str | None
    when: str | None
    inline: str = ""
    """Words of the comment that stand on the byline's own line."""

    @property
    def column(self) -> int:
        return self.line.indent.column

    @property
    def family(self) -> str:
        return self.line.shape.family


@dataclass(frozen=True, slots=True)
class _Heading:
    line: int
    count: int | None


@dataclass(slots=True)
class _Comment:
    line: int
    author: str | None
    url: str | None
    when: str | None
    kind: str
    text: str
    depth: tuple[int, int]
    whom: str | None
    parent: int | None = None


@dataclass(slots=True)
class _Article:
    title: str | None = None
    text: str | None = None
    author: str | None = None
    when: str | None = None
    url: str | None = None


@dataclass(slots=True)
class _Page:
    article: _Article
    comments: list[_Comment]
    notes: list[str] = field(default_factory=list)


def _cut(text: str) -> _Page:
    """Return the article and the comments of the page `text`."""
    lines = text.rstrip().split("\n")
    written, headings, ends, told = surveyed(lines)
    marks = templated(told, headings, ends, lines)
    guessed = not marks
    if guessed:
        marks = _guessed(told, lines, written)
    if not marks:
        promised = next((found.count for found in reversed(headings) if found.count), None)
        notes = [f"the page speaks of {promised:,} comments; none were found"] if promised else []
        return _Page(_article(lines[: headings[-1].line] if promised else lines), [], notes)
    top = _heading_of(marks, headings)
    marks = _within(marks, top, ends, lines)
    if not marks:
        return _Page(_article(lines), [])
    if not guessed:
        marks = _regular(marks, top.count if top else None, lines)
    above = _text_is_above(marks, top, ends, lines)
    if not above:
        marks = _with_titles(marks, lines)
        marks = _with_anonymous(marks, top.count if top else None, lines)
    start = _start(marks, top, ends, lines, above=above)
    doubts: list[str] = []
    stop = _end(marks, lines, doubts, above=above)
    comments = _comments(marks, start, stop, lines, above=above)
    if 2 * sum(not comment.text for comment in comments) > len(comments):
        return _Page(_article(lines), [])  # a list of names and dates
    if above:
        comments += _last_unsigned(marks, top, stop, lines, len(comments))
    if top and top.count is not None and top.count != len(comments):
        doubts.append(f"the page speaks of {top.count:,} comments; {len(comments):,} were found")
    _thread(comments)
    return _Page(_article(lines[: min(start, top.line) if top else start]), comments, doubts)


def _pages(text: str) -> list[str]:
    """Return the pages of the dump `text`, which are several where a separator stands between them, or none is needed.

    A separator is a form feed, a long rule, or a bare address where the dump begins with one. People write rules and
    addresses too, and a printed page holds form feeds: so all are passed over unless two of the parts between them
    have an article and comments of their own.
    """
    lines = text.split("\n")
    first = _next(lines, 0)
    site = _LOCATION.fullmatch(lines[first].strip()) if first is not None and len(lines[first]) <= LONGEST else None
    places: dict[str, list[int]] = defaultdict(list)
    for i, line in enumerate(lines):
        if "\f" in line:
            places["feed"].append(i)
        if len(line) > LONGEST or not line or (i and not _blank(lines[i - 1]) and "\f" not in line):
            continue
        bare = line.strip()
        if _SEPARATOR.fullmatch(bare):
            places["rule"].append(i)
        elif site and (found := _LOCATION.fullmatch(bare)) and found["host"].casefold() == site["host"].casefold():
            places["address"].append(i)
    for kind in ("feed", "address", "rule"):
        begins = sorted({0, *places[kind]})
        if len(begins) > 1:
            parts = [_joined_lines(lines[a:b]) for a, b in pairwise([*begins, len(lines)])]
            parts = _with_more_comments([part for part in parts if not part.isspace()])
            if sum(_whole(part) for part in parts) > 1:
                return [again for part in parts for again in _apart(part)]
    return _apart(_joined_lines(lines))


def _joined_lines(lines: Sequence[str]) -> str:
    return "\n".join(lines).replace("\f", "\n")


def _whole(part: str) -> bool:
    page = _cut(part)
    return bool(page.comments) and page.article.text is not None


def _with_more_comments(parts: Sequence[str]) -> list[str]:
    """Return `parts` with those that are comments alone joined to the page before: it went on there."""
    joined: list[list[str]] = []
    for part in parts:
        page = _cut(part)
        if joined and page.comments and page.article.text is None and page.article.title is None:
            joined[-1].append(part)
        else:
            joined.append([part])
    return ["\n\n".join(own) for own in joined]


def _apart(part: str) -> list[str]:
    """Return the pages that stand one below the other in `part`, without anything between them.

    Where bylines go on, but only after a heading with a count or the last lines of an article, there is another page.
    """
    lines = part.rstrip().split("\n")
    _, headings, ends, told = surveyed(lines)
    closing = sorted([*(found.line for found in headings if found.count), *ends])
    if len(closing) < 2:
        return [part]
    marks = templated(told, headings, ends, lines)
    begins = [0]
    k = 0
    for n, (a, b) in enumerate(pairwise(marks)):
        while k < len(closing) and closing[k] <= a.last:
            k += 1
        if k == len(closing) or closing[k] >= b.first or a.first < begins[-1]:
            continue
        near = [mark for mark in marks[max(n - NEIGHBOURS, 0) : n + 1] if mark.first >= begins[-1]]
        above_it = lines[: closing[k]]
        stop = _end(_with_anonymous(near, None, above_it), above_it, [], above=False)
        begin = _title(stop, closing[k], lines)
        if begin is not None:
            begins.append(begin)
    parts = [_joined_lines(lines[a:b]) for a, b in pairwise([*begins, len(lines)])]
    return parts if len(parts) > 1 and all(map(_whole, parts)) else [part]


def _title(begin: int, end: int, lines: Sequence[str]) -> int | None:
    """Return where an article begins in `lines[begin:end]`: a few short lines above its first long paragraph."""
    if begin >= end:
        return None
    prose = next((i for i in range(begin, end) if len(lines[i]) >= PARAGRAPH), None)
    if prose is None:
        return None
    at = prose
    for _ in range(HEAD_LINES):
        above = next((i for i in range(at - 1, max(at - 3, begin - 1), -1) if not _blank(lines[i])), None)
        if above is None:
            break
        at = above
    return at


def surveyed(lines: Sequence[str]) -> tuple[list[int], list[_Heading], list[int], list[_Mark]]:
    """Return the short lines with words, and which of them may head comments, end an article, or be bylines."""
    written = [i for i, line in enumerate(lines) if line and len(line) <= 2 * LONGEST and not line.isspace()]
    return written, *_landmarks(lines, written), _marks(lines, written)


def templated(
    told: Sequence[_Mark], headings: Sequence[_Heading], ends: Sequence[int], lines: Sequence[str]
) -> list[_Mark]:
    """Return the marks of the page's template, where its words or its heading tell them; else none."""
    return _chosen(told, headings, ends, lines) or _under_heading(headings, lines)


def _blank(line: str) -> bool:
    return not line or line.isspace()


def _next(lines: Sequence[str], at: int, stop: int | None = None) -> int | None:
    """Return the first line from `at` on that is not blank."""
    return next((i for i in range(at, len(lines) if stop is None else stop) if not _blank(lines[i])), None)


def _landmarks(lines: Sequence[str], written: Sequence[int]) -> tuple[list[_Heading], list[int]]:
    """Return the lines that may head the comments, and those that end an article."""
    headings: list[_Heading] = []
    ends: list[int] = []
    for i in written:
        found = heading(lines[i])
        if found:
            if found.count != 0:
                headings.append(_Heading(i, found.count))
        elif ARTICLE_ENDS.match(lines[i].strip()):
            ends.append(i)
    return headings, ends


def _marks(lines: Sequence[str], written: Sequence[int]) -> list[_Mark]:
    marks: list[_Mark] = []
    for i in written:
        found = byline(lines[i])
        if found:
            marks.append(_Mark(i, i, found, found.name, found.when))
        elif ":" in lines[i] and (opening := inline_byline(lines[i])):
            marks.append(_Mark(i, i, opening[0], opening[0].name, None, opening[1]))
    return marks


def _chosen(
    marks: Sequence[_Mark], headings: Sequence[_Heading], ends: Sequence[int], lines: Sequence[str]
) -> list[_Mark]:
    """Return the marks of the template with the best case, and those that go with it; none if no case is enough."""
    groups: dict[tuple[str, str, str], list[_Mark]] = defaultdict(list)
    for mark in marks:
        groups[mark.line.shape.name, mark.line.verb, mark.line.indent.glyph].append(mark)
    for key, group in list(groups.items()):
        top = _heading_of(group, headings)
        if top:  # what stands above it is the article's own
            group = groups[key] = [mark for mark in group if mark.first > top.line]  # noqa: PLW2901
        if key[0] == "date":
            groups[key] = _with_neighbours(_joined(group), lines)
        elif key[0] == "says, bare":
            groups[key] = [mark for mark in group if _date_below(mark, lines)]
    best = max(groups.values(), key=lambda group: _rank(group, headings, ends, lines), default=[])
    if not best or _rank(best, headings, ends, lines)[0] < ENOUGH:
        return []
    model = best[0].line
    best = _with_dates_above(best, lines)
    taken = {i for mark in best for i in range(mark.first, mark.last + 1)}
    chosen = list(best)
    if model.shape.family == "dated":
        # Where a name is too long for its line, the date stands below it.
        for mark in groups.get(("date", "", model.indent.glyph), []) + groups.get(("date", "", ""), []):
            here = set(range(mark.first, mark.last + 1))
            if mark.name and _has_clock(mark) and mark.first > best[0].first and not taken & here:
                chosen.append(mark)
                taken |= here
    for group in groups.values():
        for mark in group:
            same = mark.line.indent.glyph == model.indent.glyph
            # Deeper levels of a thread may have bullets of their own.
            nested = bool(model.indent.glyph and mark.line.indent.glyph) and mark.column > model.indent.column
            fits = mark.family == model.shape.family and (same or nested)
            bare = mark.line.shape.name in ("by", "says, inline") or mark.line.doubtful
            if (mark.family == "ping" or (fits and not bare)) and not taken & {mark.first, mark.last}:
                chosen.append(mark)
                taken.add(mark.first)
    return sorted(chosen, key=lambda mark: mark.first)


def _rank(
    group: Sequence[_Mark], headings: Sequence[_Heading], ends: Sequence[int], lines: Sequence[str]
) -> tuple[float, float]:
    case = _case(group, headings, ends, lines)
    # Notices stand among comments: they are the template only where nothing else is.
    return min(case, ENOUGH), case * len(group) * (0.01 if group and group[0].family == "ping" else 1)


def _weight(mark: _Mark) -> float:
    weight = mark.line.shape.weight
    if mark.family in ("dated", "date"):
        weight += _has_clock(mark)
        weight -= 0.5 * (mark.name is None)
    return weight * (0.25 if mark.line.doubtful else 1)


def _has_clock(mark: _Mark) -> bool:
    return mark.when is not None and _CLOCK.search(mark.when) is not None


def _case(group: Sequence[_Mark], headings: Sequence[_Heading], ends: Sequence[int], lines: Sequence[str]) -> float:
    """Return how much speaks for `group` being the bylines of comments, rather than lines of an article."""
    if not group:
        return 0
    weights = [_weight(mark) for mark in group]
    if group[0].family == "speech" and group[0].when is None:
        # A date on the next line, or on the last one, makes "Ann says:" a template's word.
        ends_of = [*(mark.first for mark in group[1:]), len(lines)]
        weights = [
            weight + (1.5 if _date_below(mark, lines) or _date_above(mark.last + 1, end, lines) else 0)
            for weight, mark, end in zip(weights, group, ends_of, strict=True)
        ]
    case = sum(sorted(weights, reverse=True)[:COUNTED])
    headed = _heading_of(group, headings) is not None
    ended = any(i < group[0].first for i in ends)
    if group[0].line.shape.name == "says, inline" and not (headed or ended):
        return 0  # an interview, or minutes of a meeting
    below = [_next(lines, mark.last + 1) for mark in group]
    bodies = [(mark, lines[i]) for mark, i in zip(group, below, strict=True) if i is not None]
    hanging = sum(margin(body[: 2 * LONGEST]).column > mark.column for mark, body in bodies)
    quoted = sum(body.lstrip()[:1] in _QUOTE for _, body in bodies)
    signed = _signed_last(group, lines)
    if len(group) == 1 and not headed and group[0].family != "speech" and not (ended and bodies) and not signed:
        return 0  # the article's own byline, or a date in it
    case += 2 * signed
    case += 2 * headed + ended + bool(group[0].line.indent.glyph) + (2 * hanging > len(group))
    # Under "Smith said:" an article quotes Smith; under a byline people do not begin with quotation marks.
    if not headed and group[0].family == "speech" and group[0].when is None and 2 * quoted > len(group):
        case -= 3
    return case


def _signed_last(group: Sequence[_Mark], lines: Sequence[str]) -> bool:
    """Tell whether the page ends as only comments are signed: "Posted by: Ann | May 3, 2012", "May 3, 2012 Ann"."""
    last = group[-1]
    if last.name is None or last.when is None or not re.search(r"(?:19|20)\d\d|\d[./]\d", last.when):
        return False
    if _next(lines, last.last + 1) is not None or sum(not _blank(line) for line in lines[: last.first]) < HEAD_LINES:
        return False
    if last.family == "posted":
        return _has_clock(last) and ":" in lines[last.first].partition(last.name)[0]
    return last.line.shape.name == "date, name" and not _blank(lines[last.first - 1])


def _joined(group: Sequence[_Mark]) -> list[_Mark]:
    """Return marks of bare dates with those on neighbouring lines made one: a day, and a time of day below it."""
    joined: list[_Mark] = []
    for mark in group:
        if joined and mark.first == joined[-1].last + 1:
            joined[-1] = replace(joined[-1], last=mark.last, when=f"{joined[-1].when} {mark.when}")
        else:
            joined.append(mark)
    return joined


def _with_neighbours(group: list[_Mark], lines: Sequence[str]) -> list[_Mark]:
    """Return marks of bare dates joined with the line next to them that holds the name, where the page does that."""
    for offsets in ((-1,), (1,), (-1, -2), (1, 2)):
        joined: list[_Mark] = []
        named = 0
        for mark in group:
            edge = mark.first if offsets[0] < 0 else mark.last
            at = edge + offsets[-1]
            between = [edge + offset for offset in offsets[:-1]]
            fits = 0 <= at < len(lines) and all(_blank(lines[i]) for i in between)
            name = _bare_name(lines[at]) if fits else None
            named += name is not None
            joined.append(
                replace(mark, first=min(mark.first, at), last=max(mark.last, at), name=name) if name else mark
            )
        # Where the name is really the comment, nothing is left below it.
        texts = [_next(lines, a.last + 1, b.first) is not None for a, b in pairwise(joined)]
        texts.append(_next(lines, joined[-1].last + 1) is not None)
        if named >= 0.6 * len(group) and sum(texts) >= 0.8 * len(texts):
            return joined
        if offsets == (1,) and len(group) > 2 and named == len(group) - 1 and joined[-1].name is None and not texts[-1]:
            return _names_above(joined, lines) or group
    return group


def _names_above(group: Sequence[_Mark], lines: Sequence[str]) -> list[_Mark]:
    """Return marks where the name is the first line of a comment and the date its last: each name's, and the first."""
    first = group[0].first
    for i in range(first - 2, max(first - SIGNED_LINES, -1), -1):
        name = _bare_name(lines[i]) if not _blank(lines[i]) else None
        if name:
            names = [(i, name), *((mark.last, mark.name) for mark in group[:-1])]
            # As good as bylines with a date; the dates themselves are taken where each comment ends.
            return [_Mark(at, at, replace(_plain(lines[at], own), shape=_DATED), own, None) for at, own in names]
    return []


def _bare_name(line: str) -> str | None:
    if len(line) > 2 * LONGEST:
        return None
    body = margin(line).body.rstrip(":： ")
    return body if 0 < len(body) <= LINK_LIMIT and is_name(body) == 2 and byline(line) is None else None


def _date_below(mark: _Mark, lines: Sequence[str]) -> bool:
    at = _next(lines, mark.last + 1)
    found = byline(lines[at]) if at is not None else None
    return found is not None and found.shape.name == "date"


def _date_above(begin: int, end: int, lines: Sequence[str]) -> bool:
    """Tell whether the last words in `lines[begin:end]` are a date."""
    at = next((i for i in range(end - 1, max(begin, end - 8) - 1, -1) if not _blank(lines[i])), None)
    found = byline(lines[at]) if at is not None else None
    return found is not None and found.shape.name == "date"


def _with_dates_above(group: list[_Mark], lines: Sequence[str]) -> list[_Mark]:
    """Return `group` with the dates that stand over the bylines, if they do from the first one on.

    Over any but the first, a date could as well be the signature of the comment before.
    """
    first, last = group[0], group[-1]
    if first.family != "speech" or first.when or _date_above(last.last + 1, len(lines), lines):
        return group
    dated: list[_Mark] = []
    for mark in group:
        at = next((i for i in (mark.first - 1, mark.first - 2) if i >= 0 and not _blank(lines[i])), None)
        found = byline(lines[at]) if at is not None else None
        if at is None or found is None or found.shape.name != "date":
            return group
        dated.append(replace(mark, first=at, when=found.when))
    return dated


def _under_heading(headings: Sequence[_Heading], lines: Sequence[str]) -> list[_Mark]:
    """Return marks for pages whose template prints no word and no date: bare names or bullets, where a heading helps.

    Accepted are names that hang out over their text or that are numbered in sequence, and any bullets or names that
    are just as many as the heading says.
    """
    # Without a heading only "12 | Ann" is clear enough.
    for top in headings[: -TOPS_TRIED - 1 : -1] or [_Heading(-1, None)]:
        names: list[_Mark] = []
        bullets: list[_Mark] = []
        for i in range(top.line + 1, len(lines)):
            if len(lines[i]) > 2 * LONGEST or _blank(lines[i]):
                continue
            if is_footer(lines[i]):
                break
            indent = margin(lines[i])
            name = _bare_name(lines[i])
            if i > top.line + 1 and not _blank(lines[i - 1]):
                continue
            below = _next(lines, i + 1)
            if name and below is not None and (below > i + 1 or _column(lines[below]) > indent.column):
                names.append(_Mark(i, i, _plain(lines[i], name), name, None))
            elif indent.glyph:
                bullets.append(_Mark(i, i, _plain(lines[i], None), None, None, indent.body))
        if top.line < 0:
            names, bullets = [mark for mark in names if mark.line.indent.glyph == "number|"], []
        for group, sure in (
            (_in_sequence(names), True),
            (_hanging(names, lines), True),
            (names, False),
            (bullets, False),
        ):
            if len(group) == top.count or (sure and len(group) > 1):
                return list(group)
    return []


def _guessed(told: Sequence[_Mark], lines: Sequence[str], written: Sequence[int]) -> list[_Mark]:
    """Return marks where many weak signs together say that comments begin; see `entries`."""
    return [
        _Mark(entry.first, entry.last, entry.line or _plain(lines[entry.first], entry.name), entry.name, entry.when)
        for entry in likely(lines, written, {mark.first: mark.line for mark in told})
    ]


def _plain(line: str, name: str | None) -> Byline:
    return Byline(_BARE, margin(line), name, None, None, "", "unknown", None, doubtful=False)


def _in_sequence(marks: Sequence[_Mark]) -> list[_Mark]:
    numbered = [mark for mark in marks if mark.line.indent.number is not None]
    numbers = [mark.line.indent.number or 0 for mark in numbered]
    return numbered if all(b - a == 1 for a, b in pairwise(numbers)) else []


def _hanging(marks: Sequence[_Mark], lines: Sequence[str]) -> list[_Mark]:
    return [mark for mark in marks if _hangs(mark, lines)]


def _heading_of(marks: Sequence[_Mark], headings: Sequence[_Heading]) -> _Heading | None:
    """Return the heading that stands over `marks`: the last one with at most one of them (the article's) above it."""
    if not marks:
        return None
    # With two marks or more, the first may be the article's own byline.
    limit = marks[1].first if len(marks) > 1 and marks[0].family != "speech" else marks[0].first
    over = [found for found in headings if found.line < limit]
    if not over:
        return None
    # "Comments (6)" under the article and "Comments" over them: the number belongs to both.
    count = next((found.count for found in reversed(over) if found.count is not None), None)
    return _Heading(over[-1].line, count)


def _within(marks: list[_Mark], top: _Heading | None, ends: Sequence[int], lines: Sequence[str]) -> list[_Mark]:
    """Return `marks` without the article's own byline."""
    if top:
        return [mark for mark in marks if mark.first > top.line]
    if marks[0].family in ("speech", "ping"):
        return marks
    while marks:
        before = sum(not _blank(line) for line in lines[: marks[0].first])
        if before >= HEAD_LINES or (before == 0 and marks[0].name is not None):
            break
        if len(marks) > 1:
            own = sum(map(len, lines[marks[0].last + 1 : marks[1].first]))
            rest = sorted(sum(map(len, lines[a.last + 1 : b.first])) for a, b in pairwise(marks[1:])) or [0]
            ended = any(marks[0].last < i < marks[1].first for i in ends)
            alone = own <= LINK_LIMIT and marks[0].name is None  # a date and, on the next line, a time
            over = [line.strip() for line in lines[: marks[0].first] if not _blank(line)]
            titled = all(len(line) <= TITLE_LIMIT and line[-1] not in ".!…" for line in over)
            if not (ended or alone or own > max(150 if titled else 300, 2 * rest[len(rest) // 2])):
                break
        marks = marks[1:]
    return marks


def _regular(marks: list[_Mark], count: int | None, lines: Sequence[str]) -> list[_Mark]:
    """Return `marks` without those that deviate from what is regular on the page: quotations, and sentences."""
    if len(marks) < 2:
        return marks
    sure = [mark for mark in marks if not mark.line.doubtful] or marks
    features: tuple[Callable[[_Mark], object], ...] = (
        lambda mark: mark.column,
        lambda mark: _hangs(mark, lines),
        lambda mark: mark.first == marks[0].first or _blank(lines[mark.first - 1]),
        lambda mark: mark.last + 1 >= len(lines) or _blank(lines[mark.last + 1]),
    )
    rules: list[tuple[Callable[[_Mark], object], object]] = []
    for feature in features:
        value, times = Counter(map(feature, sure)).most_common(1)[0]
        if times >= max(2, 0.8 * len(sure)):
            rules.append((feature, value))

    usual_quotes = 2 * sum(_opens_quote(mark, lines) for mark in sure) >= len(sure)

    def deviates(mark: _Mark) -> int:
        odd = sum(feature(mark) != value for feature, value in rules)
        speech = mark.when is None and mark.family == "speech"
        return odd + (speech and not usual_quotes and _opens_quote(mark, lines))

    odd = {mark.first: 0 if mark.when and mark.family != "date" else deviates(mark) for mark in marks}
    if marks[0].family in ("dated", "posted") and sum(map(_has_clock, marks)) >= max(3, 0.8 * len(marks)):
        # "So said the Times, 10/31/2007": where every byline has a time of day, a date alone is part of the words.
        odd |= {mark.first: 2 for mark in marks if not _has_clock(mark) and mark.family != "ping"}
    kept = [mark for mark in marks if odd[mark.first] < (1 if mark.line.doubtful else 2)]
    if count is not None and len(kept) > count > 0:
        # The page knows better: give up the most doubtful ones.
        spare = sorted(kept, key=lambda mark: (-mark.line.doubtful, -odd[mark.first]))[: len(kept) - count]
        dropped = {mark.first for mark in spare if mark.line.doubtful or odd[mark.first]}
        kept = [mark for mark in kept if mark.first not in dropped]
    return kept or marks


def _hangs(mark: _Mark, lines: Sequence[str]) -> bool:
    at = _next(lines, mark.last + 1)
    return at is not None and margin(lines[at][: 2 * LONGEST]).column > mark.column


def _opens_quote(mark: _Mark, lines: Sequence[str]) -> bool:
    at = _next(lines, mark.last + 1)
    return at is not None and lines[at].lstrip()[:1] in _QUOTE and not mark.line.indent.quotes


def _text_is_above(marks: Sequence[_Mark], top: _Heading | None, ends: Sequence[int], lines: Sequence[str]) -> bool:
    """Tell whether the bylines stand below what they sign, as in Movable Type, rather than above it."""
    if any(mark.family == "speech" or mark.inline for mark in marks):
        return False
    over = max([i for i in ends if i < marks[0].first], default=None) if top is None else top.line
    votes = 1.5 if Counter(mark.line.shape.usual for mark in marks).most_common(1)[0][0] == "above" else -1.5
    if over is not None:
        between = [line for line in lines[over + 1 : marks[0].first] if not _blank(line) and not is_boilerplate(line)]
        # What ends an article may also stand far above its last line.
        votes += (5 if between else -3) if top else (1 if between else -3)
    votes += _below_last(marks, lines)
    gaps = hanging = 0
    for mark in marks:
        tight_above = mark.first > 0 and not _blank(lines[mark.first - 1])
        tight_below = mark.last + 1 < len(lines) and not _blank(lines[mark.last + 1])
        gaps += tight_above - tight_below
        hanging += _hangs(mark, lines)
    votes += (gaps > 0) - (gaps < 0) - 3 * (2 * hanging > len(marks)) - 6 * _titled(marks, lines)
    return votes > 0


def _below_last(marks: Sequence[_Mark], lines: Sequence[str]) -> int:
    """Return 3 if nothing stands below the last byline, -3 if there are sentences, 0 if it may be the page's links."""
    vote = 3
    for i in range(marks[-1].last + 1, len(lines)):
        line = lines[i].strip()
        if not line or (len(line) <= 2 * LONGEST and is_boilerplate(line)):
            continue
        if len(line) <= 2 * LONGEST and is_footer(line):
            break
        if len(line) > LINK_LIMIT or line[-1] in ".!?…":
            return -3
        vote = 0
    return vote


def _titled(marks: Sequence[_Mark], lines: Sequence[str]) -> bool:
    """Tell whether every byline stands between a title and the text, without blank lines."""

    def between(mark: _Mark) -> bool:
        above, below = mark.first - 1, mark.last + 1
        return (
            above >= 0
            and below < len(lines)
            and 0 < len(lines[above].strip()) <= LONGEST
            and (above == 0 or _blank(lines[above - 1]))
            and not _blank(lines[below])
        )

    return len(marks) > 1 and sum(map(between, marks)) >= 0.75 * len(marks)


def _with_titles(marks: list[_Mark], lines: Sequence[str]) -> list[_Mark]:
    """Return `marks` with the title lines that some templates print right above "written by"."""
    if any(mark.family != "posted" for mark in marks) or not _titled(marks, lines):
        return marks
    return [replace(mark, first=mark.first - 1, inline=_words(lines[mark.first - 1])) for mark in marks]


def _words(line: str) -> str:
    text = line.strip()
    return text if any(map(str.isalnum, text)) else ""


def _with_anonymous(marks: list[_Mark], count: int | None, lines: Sequence[str]) -> list[_Mark]:
    """Return `marks` and the comments without a byline between and after them: the bullets that have no name.

    A list inside a comment looks much the same. It is told by its indent where comments are indented, and by its
    items following each other where they are not.
    """
    indent = marks[0].line.indent
    columns = {mark.column for mark in marks}
    if not indent.glyph or (count is not None and len(marks) >= count):
        return marks
    hanging = 2 * sum(_hangs(mark, lines) for mark in marks) > len(marks)
    firsts = {mark.first for mark in marks}
    like: list[int] = []  # every line with the bylines' bullet, bylines among them
    for i in range(marks[0].first, len(lines)):
        if i in firsts:
            like.append(i)
        elif not _blank(lines[i]):
            found = margin(lines[i][: 2 * LONGEST])
            if found.glyph == indent.glyph and (found.column in columns or not hanging):
                like.append(i)
    found_marks = list(marks)
    for before, i, after in zip([None, *like], like, [*like[1:], None], strict=False):
        if i in firsts or not _blank(lines[i - 1]):
            continue
        above = max((j for j in range(max(i - 3, 0), i) if not _blank(lines[j])), default=None)
        below = _next(lines, i + 1)
        in_list = not hanging and (
            (above is not None and above == before and above not in firsts)
            or (below is not None and below == after and below not in firsts)
            or (above is not None and lines[above].rstrip().endswith((":", "：")))
        )
        if not in_list:
            own = margin(lines[i])
            mark = Byline(_BARE, own, None, None, None, "", "unknown", None, doubtful=False)
            found_marks.append(_Mark(i, i, mark, None, None, own.body))
    return sorted(found_marks, key=lambda mark: mark.first)


def _start(
    marks: Sequence[_Mark], top: _Heading | None, ends: Sequence[int], lines: Sequence[str], *, above: bool
) -> int:
    """Return the line where the first comment begins."""
    first = marks[0].first
    if not above:
        return first
    if top:
        return top.line + 1
    return _first_words(marks, max((i for i in ends if i < first), default=-1) + 1, lines)


def _first_words(marks: Sequence[_Mark], ended: int, lines: Sequence[str]) -> int:
    """Return the line where the first signed comment begins, when nothing stands between it and the article.

    Every line some way up is tried, as far as where the article has `ended`. It speaks for one that the comment would
    be about as long as others on the page,
    that people talk in it and not above it, and that it stands off: by a wider gap, or by none where paragraphs have
    one.
    """
    first = marks[0].first
    sizes = sorted(sum(map(len, lines[a.last + 1 : b.first])) for a, b in pairwise(marks)) or [SIGNED_USUAL]
    usual = max(sizes[len(sizes) // 2], 20)
    seen: Counter[int] = Counter()
    starts: list[tuple[int, int, float]] = []  # a line, the gap above it, how usual such gaps are further up
    above = -1
    for i in range(first):
        if not _blank(lines[i]):
            gap = min(i - above - 1, WIDEST)
            starts.append((i, gap, (seen[gap] + 0.5) / (seen.total() + 1)))
            seen[gap] += len(starts) >= HEAD_LINES
            above = i
    best, at, size = -99.0, first, 0
    starts = starts[-SIGNED_LINES:]
    for k in range(len(starts) - 1, -1, -1):
        i, gap, share = starts[k]
        if i < ended or (k < 2 and at < first):
            break
        size += len(lines[i].strip())
        talks, above_talks = (talk_share(lines[starts[j][0]]) >= TALK_SHARE if j >= 0 else False for j in (k, k - 1))
        score = 2.5 * max(0, 1 - share / RARE) + 0.4 * (gap > 0) + 0.6 * (gap > 1) + 0.5 * (talks - above_talks)
        score += 1.5 * (k > 0 and starts[k - 1][0] < ended)
        score -= (0.6 if size > usual else 0.2) * log(size / usual) ** 2
        if score > best:
            best, at = score, i
    return at


def _end(marks: Sequence[_Mark], lines: Sequence[str], notes: list[str], *, above: bool) -> int:
    """Return the line where the last comment has ended: at a footer, or where the page's own links begin."""
    begin = marks[-1].last + 1
    stop = len(lines)
    for i in range(begin, stop):
        if (
            len(lines[i]) <= 2 * LONGEST
            and not _blank(lines[i])
            and _blank(lines[i - 1] if i else "")
            and is_footer(lines[i])
        ):
            stop = i
            break
    if not above:
        stop = min(stop, _shallower(marks, lines, stop), _links(marks, lines, stop))
    left = sum(not _blank(line) for line in lines[stop:])
    if left:
        notes.append(f"{left:,} lines below the last comment left out")
    return stop


def _column(line: str) -> int:
    return margin(line[: 2 * LONGEST]).column


def _shallower(marks: Sequence[_Mark], lines: Sequence[str], stop: int) -> int:
    """Return the first line of the last comment that is less indented than any comment's text on the page."""
    least = None
    for a, b in pairwise(marks):
        for line in lines[a.last + 1 : b.first]:
            if not _blank(line):
                column = _column(line)
                least = column if least is None else min(least, column)
    begin = marks[-1].last + 1
    first = _next(lines, begin, stop)
    if first is None:
        return stop
    if least is None:
        least = _column(lines[first])
    floor = min(least, min(mark.column for mark in marks) + 1) if any(mark.inline for mark in marks) else least
    if floor == 0:
        return stop
    return next((i for i in range(first + (not marks[-1].inline), stop)
                 if not _blank(lines[i]) and _column(lines[i]) < floor and _blank(lines[i - 1])), stop)  # fmt: skip


def _links(marks: Sequence[_Mark], lines: Sequence[str], stop: int) -> int:
    """Return where a list of short lines begins, set off from the last comment more widely than comments are inside."""

    def gaps(begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the width of each run of blank lines between lines that are not, and the line after it."""
        last: int | None = None
        for i in range(begin, end):
            if not _blank(lines[i]):
                if last is not None and i - last > 1:
                    yield i - last - 1, i
                last = i

    usual = 1
    for a, b in pairwise(marks):
        usual = max(usual, *(width for width, _ in gaps(a.last + 1, b.first)), 1)
    begin = marks[-1].last + (not marks[-1].inline)
    found, lines_below, short_below = stop, 0, 0
    # From the end, so that each line is looked at once: the first gap is wanted below which nearly all lines are short.
    wide = [at for width, at in gaps(begin, stop) if width > usual]
    for k in range(len(wide) - 1, -1, -1):
        for line in lines[wide[k] : wide[k + 1] if k + 1 < len(wide) else stop]:
            if not _blank(line):
                lines_below += 1
                short_below += len(line.strip()) <= LINK_LIMIT and line.rstrip()[-1] not in '.!?…"”'
        if short_below >= 0.8 * lines_below:
            found = wide[k]
    return found


def _comments(marks: Sequence[_Mark], start: int, stop: int, lines: Sequence[str], *, above: bool) -> list[_Comment]:
    comments: list[_Comment] = []
    numbered = _numbered_names(marks)
    for k, mark in enumerate(marks):
        if above:
            begin, end = (marks[k - 1].last + 1 if k else start), mark.first
        else:
            begin, end = mark.last + 1, (marks[k + 1].first if k + 1 < len(marks) else stop)
        indent = mark.line.indent
        name = re.sub(r"^\d{1,5}\s+", "", mark.name) if numbered and mark.name else mark.name
        body = [_unquoted(line, indent.quotes) for line in lines[begin:end]]
        when, whom, body = _header(body, mark.when, mark.line.whom)
        when, body = _signature(body, when)
        text = _text(body, mark.inline, name)
        if not text and mark.family == "ping":
            text = margin(lines[mark.first]).body
        comments.append(
            _Comment(
                mark.first + 1,
                name,
                mark.line.url,
                when,
                mark.line.kind,
                text,
                (indent.quotes + indent.arrows, indent.column),
                whom,
            )
        )
    return comments


def _last_unsigned(
    marks: Sequence[_Mark], top: _Heading | None, stop: int, lines: Sequence[str], found: int
) -> list[_Comment]:
    """Return the text below the last signature as one more comment, if the page's own count says there is one."""
    begin = marks[-1].last + 1
    stop = min(stop, _links(marks, lines, stop))
    text = _text(list(lines[begin:stop]), "", None)
    if not text or top is None or top.count != found + 1:
        return []
    line = (_next(lines, begin) or begin) + 1
    return [_Comment(line, None, None, None, "unknown", text, (0, marks[-1].column), None)]


def _numbered_names(marks: Sequence[_Mark]) -> bool:
    """Tell whether the numbers before names ("2 Ann", "3 Bob") count the comments and belong to nobody's name."""
    numbers = [int(found[1]) for mark in marks if mark.name and (found := re.match(r"(\d{1,5})\s+\S", mark.name))]
    return len(numbers) > 1 and 2 * len(numbers) >= len(marks) - 1 and all(a < b for a, b in pairwise(numbers))


def _unquoted(line: str, quotes: int) -> str:
    for _ in range(quotes):
        bare = line.lstrip()
        if not bare.startswith(">"):
            break
        line = bare[1:].removeprefix(" ")
    return line


def _header(body: list[str], when: str | None, whom: str | None) -> tuple[str | None, str | None, list[str]]:
    """Take the lines below a byline that still belong to it: its date, whom it answers."""
    for _ in range(2):
        at = _next(body, 0)
        if at is None:
            break
        found = byline(body[at]) if when is None else None
        if found is not None and found.shape.name == "date":
            when = found.when
        elif whom is None and (answered := reply_line(body[at])):
            whom = answered
        else:
            break
        body = body[at + 1 :]
    return when, whom, body


def _signature(body: list[str], when: str | None) -> tuple[str | None, list[str]]:
    """Take the date that some templates print below a comment, and the page's traces there."""
    end = len(body)
    while end > 0:
        line = body[end - 1]
        if _blank(line):
            end -= 1
            continue
        if len(line) > 2 * LONGEST:
            break
        found = byline(line)
        if when is None and found is not None and found.shape.name == "date":
            when = found.when
        elif not (is_boilerplate(line) or line.strip().isdecimal() or ((head := heading(line)) and head.count)):
            break
        if _next(body, 0, end - 1) is None:
            break  # it is all there is: somebody's words after all
        end -= 1
    return when, body[:end]


def _text(body: list[str], inline: str, name: str | None) -> str:
    """Return the words of a comment: indent taken away, paragraphs kept, one blank line between them."""
    body = [line.expandtabs(4).rstrip() if len(line) <= 2 * LONGEST else line.rstrip() for line in body]
    blank = bool(body) and not body[0]
    at = _next(body, 0)
    while at is not None and not inline and _next(body, at + 1) is not None and len(body[at]) <= 2 * LONGEST:
        bare = body[at].strip()
        if not (is_boilerplate(bare) or (name is not None and bare.casefold() == name.casefold())):
            break
        at = _next(body, at + 1)
    body = body[at:] if at is not None else []
    edge = min((len(line) - len(line.lstrip()) for line in body if line), default=0)
    paragraphs: list[str] = [inline] if inline else []
    for line in body:
        if not line:
            blank = True
            continue
        if blank and paragraphs:
            paragraphs.append("")
        paragraphs.append(line[edge:])
        blank = False
    return "\n".join(paragraphs).strip()


def _thread(comments: list[_Comment]) -> None:
    """Set each comment's parent: whom it says it answers, else the nearest one before it that is less indented."""
    rest = [comment.depth for comment in comments[1:]]
    if len(rest) > 2 and comments[0].depth < min(rest) and comments[0].depth[0] == min(rest)[0]:
        # Dumps lose the white space before their first line: then everything after it seems to be nested.
        comments[0].depth = min(rest)
    open_: list[int] = []
    latest: dict[str, int] = {}
    for k, comment in enumerate(comments):
        while open_ and comments[open_[-1]].depth >= comment.depth:
            open_.pop()
        comment.parent = open_[-1] if open_ else None
        open_.append(k)
        if comment.whom is not None:
            comment.parent = latest.get(comment.whom.casefold(), comment.parent)
        if comment.author is not None:
            latest[comment.author.casefold()] = k


def _article(lines: Sequence[str]) -> _Article:
    """Return title, body, author and time of the article in `lines`."""
    body = list(lines)
    while body and (_blank(body[-1]) or heading(body[-1][: 2 * LONGEST]) or is_boilerplate(body[-1][: 2 * LONGEST])
                    or (len(body[-1]) <= 2 * LONGEST and ARTICLE_ENDS.match(body[-1].strip()))):  # fmt: skip
        body.pop()
    article = _Article()
    at = _next(body, 0)
    if at is not None and _SEPARATOR.fullmatch(body[at].strip()):
        at = _next(body, at + 1)
    if at is not None and len(body[at]) <= LONGEST and (found := _LOCATION.fullmatch(body[at].strip())):
        article.url = found["url"]
        at = _next(body, at + 1)
    if at is None:
        return article
    if len(body[at].strip()) <= TITLE_LIMIT:
        article.title = body[at].strip()
        body = body[at + 1 :]
        for _ in range(HEAD_LINES - 1):
            at = _next(body, 0)
            line = byline(body[at]) if at is not None else None
            if at is None or line is None or line.shape.family not in ("posted", "date", "dated") or line.doubtful:
                break
            article.author = article.author or line.name
            article.when = article.when or line.when
            body = body[at + 1 :]
    article.text = _text(body, "", None) or None
    return article


def _claim(source: Source) -> int:
    if looks_binary(source.head) or _MARKUP.match(source.head_text()[:LONGEST]):
        return NO
    return FALLBACK


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    tally = wanted.tally
    if wanted.columns:
        tally.note("a page has no columns: the map is not used")
    text = "".join(source.lines(tally))
    nuls = text.count("\0")
    if nuls:
        tally.note("{n} NUL characters replaced", nuls)
    mended = repair(text)
    if mended != text:
        tally.note("doubly encoded text repaired")
    text = clean_text(mended)
    for ending in _BREAKS:
        text = text.replace(ending, "\n")
    repeats: Counter[str] = Counter()
    parts = _pages(text)
    if len(parts) > 1:
        tally.note("the file holds {n} pages", len(parts))
    for part in parts:
        page = _cut(part)
        for note in page.notes:
            tally.note(note)
        if not page.comments and not page.notes:
            tally.note("no comment was found in {n} pages")
        lines = [comment.line for comment in page.comments]
        times = _times([*(comment.when for comment in page.comments), page.article.when], lines, tally)
        articles, article_id = _articles(page.article, times[-1])
        tally.records_in += len(page.comments)
        frame = _frame(page.comments, times, article_id, wanted, repeats)
        tally.comments_out += len(frame)
        for begin in range(0, max(len(frame), 1), wanted.chunk_rows):
            rows = frame.iloc[begin : begin + wanted.chunk_rows]
            yield Batch(conform(rows, COMMENTS), articles)


def _times(whens: Sequence[str | None], lines: Sequence[int], tally: Tally) -> list[datetime | None]:
    order = dates.numeric_order(when for when in whens if when)
    times: list[datetime | None] = []
    for at, when in enumerate(whens):
        found = None
        if when is not None:
            place = f"line {lines[at]}" if at < len(lines) else "the article's"
            try:
                found = dates.parse(when, order)
                if found is None:
                    tally.note("{n} bylines name no whole date")
            except ValueError:
                tally.doubt(place, "{n} bylines name a day or hour that cannot be; those times are left out")
        times.append(found)
    return times


def _articles(article: _Article, published_at: datetime | None) -> tuple[pd.DataFrame, str | None]:
    if article.title is None and article.text is None:
        return empty(ARTICLES), None
    own = native_id("article", article.title, article.text)
    row = {"id": own, "title": article.title, "text": article.text, "author": article.author, "url": article.url}
    return conform(pd.DataFrame([row | {"published_at": published_at}]), ARTICLES, "articles"), own


def _frame(
    comments: Sequence[_Comment],
    times: Sequence[datetime | None],
    article_id: str | None,
    wanted: Wanted,
    repeats: Counter[str],
) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    ids: list[str | None] = []
    for comment, posted_at in zip(comments, times, strict=False):
        if not comment.text:
            wanted.tally.lose(f"line {comment.line}", "a byline without text")
            ids.append(None)
            continue
        made = native_id("page", article_id, comment.author, posted_at, comment.text)
        repeats[made] += 1
        # The same words twice are two comments; numbering keeps both, and reading again gives the same ids.
        ids.append(made if repeats[made] == 1 else f"{made}-{repeats[made]}")
        author = comment.author
        if author is not None and not wanted.keep_personal_data and re.search(ADDRESS, author):
            wanted.tally.note("{n} e-mail or IP addresses given as author dropped")
            author = None
        rows.append(
            {
                "id": ids[-1],
                "article_id": article_id,
                "parent_id": ids[comment.parent] if comment.parent is not None else None,
                "author": author,
                "author_url": comment.url,
                "text": comment.text,
                "posted_at": posted_at,
                "kind": comment.kind,
                "position": len(rows),
            }
        )
    return pd.DataFrame(rows) if rows else empty(COMMENTS)


PAGE: Final = Format("page", "plain-text dump of a page", (".txt", ".text"), _claim, _batches)
