"""One line of a page in, the byline on it out: who, when, in which template's words.

The words are in `wording`, the order they come in is in `SHAPES`. A byline is short, so only short lines are looked at:
that bounds the work per line, whatever a comment holds.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from moderation.readers import dates
from moderation.readers.wording import (
    BARE_HEADINGS,
    BOILERPLATE,
    BY,
    COMMENT_WORDS,
    CONJUNCTIONS,
    FOOTER,
    GLUED,
    KINDS,
    LEADS,
    NEVER,
    NUMBERS,
    OF,
    ON,
    POSTED,
    REPLYING,
    SAYS,
    TAIL,
    TAIL_WORDS,
)

__all__ = [
    "LONGEST",
    "SHAPES",
    "Byline",
    "Heading",
    "Indent",
    "Shape",
    "byline",
    "heading",
    "inline_byline",
    "is_boilerplate",
    "is_footer",
    "is_name",
    "margin",
    "reply_line",
]

# Longer lines are never bylines.
LONGEST: Final = 200
LONGEST_NAME: Final = 90


def _any(words: Iterable[str]) -> str:
    return "|".join(words)


_RULE: Final = re.compile(r"([-=_*~#.·–—])(?:\s?\1){2,}")
_BULLET: Final = re.compile(
    r"(?:[+-]?\d{1,4}\s+)?#(?P<counted>\d{1,5})\s*[-:.]?\s*(?=\S)"
    r"|(?P<glyph>[•*·‣⁃◦▪▫■□●○►▸▶◆◇➤»→+–—-]|o(?=\s))\s*(?=\S)"
    r"|[(\[]?(?P<number>\d{1,5})(?P<mark>[.):\]|]|\s*[-–|](?=\s))\s*(?=\S)"
)
_QUOTED: Final = re.compile(r"(?:>\s?)+")
_ARROW: Final = re.compile(r"(?:[↳⤷└]─*\s*)+")
_COUNT: Final = r"(?:\d{1,3}(?:[,.]\d{3})+|\d{1,6}|" + "|".join(NUMBERS) + r")"
_HEADING: Final = re.compile(
    r"(?:(?:this (?:post|entry|article|story) has|there (?:are|is)(?: currently)?|showing|viewing|displaying) +)?"
    rf"(?:(?P<before>{_COUNT}) +(?:\w+ +)?(?:{_any(COMMENT_WORDS)})"
    rf"(?: +(?:to|on|so far|for|about|in|zu|sur|sobre|en|à|a|su|op|over|om|till|til|na|к|на|για|la)\b.{{0,160}}"
    r"|[:.!]?| ?↓)?"
    rf"|(?:{_any(COMMENT_WORDS)})"
    rf"(?: ?\((?P<within>{_COUNT})\)| ?[:|-] ?(?P<after>{_COUNT})| ?\[(?P<bracket>{_COUNT})\])[:.]?"
    rf"|(?:.{{1,80}}有 ?)?(?P<counted>\d{{1,6}}) ?(?:件の)?(?:[条條則则个個] ?)?(?:コメント|评论|評論|留言|回复|댓글)"
    rf"|(?:コメント|评论|評論|留言|回复|댓글) ?[:：(（]? ?(?P<counts>\d{{1,6}}) ?[件条條則개]?[)）]?"
    rf"|(?:{_any(BARE_HEADINGS)})[:.]?"
    rf"|(?:{_any(COMMENT_WORDS)}) (?:to|on|for) [\"“'].{{1,160}})",
    re.IGNORECASE,
)
_AT_END: Final = re.compile(
    rf".{{1,150}}[|·•-] ?(?:(?P<before>{_COUNT}) +(?:comments?)|comments? ?\((?P<within>\d{{1,6}})\))", re.IGNORECASE
)

_COUNTED: Final = re.compile(rf"(?:.*[^\w.])?{_COUNT} comments", re.IGNORECASE)

_SENTENCE: Final = re.compile(r"[^\W\d_]{4,}[.!?…]['\"”’)]?\s+\S")
_URL_NAME: Final = re.compile(r"(?P<url>https?://\S{3,150})\s+(?P<name>\S.*)", re.IGNORECASE)
_NAME_URL: Final = re.compile(r"(?P<name>.*?\S)\s*[(\[<]?(?P<url>https?://[^\s)\]>]{3,150})[)\]>]?", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"\s*[<(\[]?[\w.+-]{1,64}@[\w.-]{1,64}\.?\w{2,10}[>)\]]?")
# Verbs of scripts that put no space before them, at the end of a line or before a colon; "(а)" leaves the gender open.
_GLUED: Final = re.compile(rf"(?<=[^\W\d_])({_any(sorted(GLUED, key=len, reverse=True))})(?=\s*(?:[:：]\s*)?$)")
_GENDER: Final = re.compile(r"(?<=[лв])\(ла\)|(?<=[лł])\([аa]\)")
_TITLES: Final = re.compile(r"(?:Ο/Η|Ο χρήστης|Η χρήστης|~)\s*(?=\S)")
_RANK: Final = re.compile(r"(?:un)?registered commenter\s*(?=\S)", re.IGNORECASE)
_AROUND: Final = re.compile(r"^[\s|·•,;/–—:»«-]+|[\s|·•,;/–—:»«-]+$")

# Stands for a time while a line is matched; taken from the private use area, so that no name holds it.
_T: Final = "\ue000"
_TOKENS: Final = {
    "NAME": rf"(?P<name>[^\s{_T}](?:[^{_T}]{{0,{LONGEST_NAME - 2}}}?[^\s{_T}])??)",
    "WHOM": rf"(?P<whom>[^\s{_T}:][^{_T}:]{{0,{LONGEST_NAME}}}?)",
    "WHEN": rf"(?:\(|\[)?{_T}(?:(?:[\s,|·•(–-]*|\s+at\s+){_T})?\s?(?:\)|\])?",
    "SAYS": rf"\b(?P<verb>{_any(SAYS)})",
    "POSTED": rf"(?P<verb>{_any(POSTED)})\b",
    "POSTED?": rf"(?:(?P<verb>{_any(POSTED)})\b)?",
    "BY": rf"\b(?:{_any(BY)})\b",
    "OF": rf"(?:\b(?:{_any(OF)})\b|(?<=投稿者))",
    "ON?": rf"(?:(?<![^\W_])(?:{_any(ON)})(?![^\W_]))?",
    "COLON": r"(?:[:：]|\.{3}|…|,)",
    "COLON?": r"(?:[:：]|\.{3}|…|,|\.)?",
    ":?": r"[:：]?",
    "SEP": r"(?:[-–—|·•/,;:»~]+|\bon\b|\bat\b)",
    "SEP?": r"(?:[-–—|·•/,;:»~]+|\bon\b|\bat\b|\()?",
    "KIND": rf"(?P<kind>{_any(KINDS)})s?\b",
    "REPLYING": rf"(?P<verb>{_any(REPLYING)})",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One way a template writes a byline.

    `weight` is what one such line says about there being comments at all, from 1 (prose has such lines too) to 3.
    `family` joins shapes that one page may mix. `usual` is where the comment's text usually is.
    """

    name: str
    pattern: str
    family: str
    weight: float
    usual: str = "below"


# Tried in this order; the first that fits the whole line names it.
SHAPES: Final = (
    Shape("pingback", "KIND BY NAME SEP? WHEN COLON?", "ping", 2),
    Shape("pingback", "KIND :? NAME SEP? WHEN COLON?", "ping", 2),
    Shape("reply, dated", "NAME REPLYING WHOM SEP? ON? WHEN COLON?", "speech", 3),
    Shape("reply", "NAME REPLYING WHOM COLON", "speech", 1.5),
    Shape("says, dated", "NAME SAYS COLON? SEP? ON? WHEN COLON?", "speech", 3),
    Shape("dated, says", "NAME SEP? ON? WHEN SAYS COLON?", "speech", 3),
    Shape("on date, says", "ON? WHEN SEP? NAME SAYS COLON?", "speech", 3),
    Shape("on date says", "ON? WHEN SEP? SAYS NAME COLON?", "speech", 3),
    Shape("posted on, by", "POSTED :? ON? WHEN SEP? OF :? NAME COLON?", "posted", 3, "above"),
    Shape("posted by, on", "POSTED OF :? NAME SEP? ON? WHEN COLON?", "posted", 3, "above"),
    Shape("posted by, on", "POSTED OF :? SEP? ON? WHEN", "posted", 3, "above"),
    Shape("by, on", "BY :? NAME SEP? ON? WHEN COLON?", "posted", 2),
    Shape("says", "NAME SAYS COLON", "speech", 1.5),
    Shape("says", "SAYS COLON", "speech", 1),
    Shape("date", "POSTED? :? ON? SEP? WHEN COLON?", "date", 1),
    Shape("name, date", "NAME SEP? POSTED :? ON? WHEN COLON?", "dated", 2),
    Shape("name, date", "NAME SEP? ON? WHEN COLON?", "dated", 1),
    Shape("date, name", "ON? WHEN SEP? NAME", "dated", 1),
    Shape("posted by", "POSTED OF :? NAME COLON?", "posted", 1.5, "above"),
    Shape("pingback", "KIND BY NAME", "ping", 2),
    Shape("pingback", "KIND COLON NAME", "ping", 2),
    Shape("says, bare", "NAME SAYS", "speech", 1),
    Shape("by", "BY NAME", "posted", 0.5),
    # Never fit a line by itself: the first opens a comment on the same line, the second needs the page around it.
    Shape("says, inline", "", "speech", 0.75),
    Shape("name", "", "name", 0.5),
)


def _first_words(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(phrase.split(" ", 1)[0] for phrase in phrases)


_LAST_WORDS: Final = frozenset(phrase.rsplit(" ", 1)[-1] for phrase in SAYS)
# A token of a shape -> words of which one must be on a line for the shape to fit.
_NEEDS: Final = {
    "SAYS": _LAST_WORDS,
    "POSTED": _first_words(POSTED),
    "BY": _first_words(BY),
    "KIND": frozenset([*KINDS, *(kind + "s" for kind in KINDS)]),
    "REPLYING": _first_words(REPLYING),
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """A shape ready to be tried, and what must be on a line for that to be worth while."""

    shape: Shape
    pattern: re.Pattern[str]
    dated: bool
    needs: tuple[frozenset[str], ...]


def _rule(shape: Shape) -> _Rule:
    tokens = shape.pattern.split()
    pattern = re.compile(r"\s*".join(_TOKENS[token] for token in tokens), re.IGNORECASE)
    return _Rule(shape, pattern, "WHEN" in tokens, tuple(_NEEDS[token] for token in tokens if token in _NEEDS))


_RULES: Final = tuple(_rule(shape) for shape in SHAPES if shape.pattern)
_DATED: Final = tuple(rule for rule in _RULES if rule.dated)
_UNDATED: Final = tuple(rule for rule in _RULES if not rule.dated)
_WORDS: Final = re.compile(r"[^\W\d_]+|[↳→]")
# A line without a time and without a verb at its end is a byline only if it opens with one of these.
_OPENS: Final = re.compile(
    rf"\W{{0,8}}(?:\d{{1,5}}\W{{1,3}})?(?:{_any(KINDS)}|{_any(POSTED)}|{_any(BY)})", re.IGNORECASE
)
MOST_WORDS: Final = 20
_REPLY_LINE: Final = re.compile(rf"[(\[]?(?:{_any(REPLYING)}|@)\s*:?\s*(?P<whom>\S[^:]*?)\s*:?[)\]]?", re.IGNORECASE)
INLINE: Final = next(shape for shape in SHAPES if shape.name == "says, inline")


@dataclass(frozen=True, slots=True)
class Indent:
    """What stands before the words of a line: white space, quote marks, reply arrows, a bullet or a number."""

    column: int
    quotes: int = 0
    arrows: int = 0
    glyph: str = ""
    number: int | None = None
    body: str = ""
    """The words, without any of it."""
    bare: str = ""
    """The words with their bullet or number."""


@dataclass(frozen=True, slots=True)
class Byline:
    """Who wrote a comment and when, as one line says it."""

    shape: Shape
    indent: Indent
    name: str | None
    url: str | None
    when: str | None
    verb: str
    kind: str
    whom: str | None
    doubtful: bool
    """The name could as well be the beginning of a sentence."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A line over the comments, and how many it promises."""

    count: int | None
    at_end_of_article: bool = False


def margin(line: str) -> Indent:
    """Return what stands before the words of `line`; tabs go to the next multiple of four."""
    if "\t" in line:
        line = line.expandtabs(4)
    bare = line.lstrip()
    column = len(line) - len(bare)
    quotes = arrows = 0
    if bare.startswith(">") and (found := _QUOTED.match(bare)):
        quotes = found.group().count(">")
        bare = bare[found.end() :].lstrip()
    if bare[:1] in "↳⤷└" and (found := _ARROW.match(bare)):
        arrows = sum(found.group().count(arrow) for arrow in "↳⤷└")
        bare = bare[found.end() :].lstrip()
    bare = bare.rstrip()
    found = _BULLET.match(bare)
    if not found:
        return Indent(column, quotes, arrows, "", None, bare, bare)
    glyph, body = found["glyph"] or "", bare[found.end() :]
    if glyph:
        # In front of a word these are signs of their own ("-10", "o'clock"); real bullets stand apart.
        apart = found.end() > len(glyph) or glyph not in "-+*·–—»→o"
        return (
            Indent(column, quotes, arrows, glyph, None, body, bare)
            if apart
            else Indent(column, quotes, arrows, "", None, bare, bare)
        )
    number = int(found["number"] or found["counted"])
    mark = (found["mark"] or "").strip()
    apart = bare[found.end() - 1] == " " or body[:1].isalpha()
    at_once_a_date = any(start == 0 for start, _ in dates.spans(bare[:LONGEST]))
    if not apart or at_once_a_date:
        return Indent(column, quotes, arrows, "", None, bare, bare)
    return Indent(column, quotes, arrows, "number" + mark, number, body, bare)


def heading(line: str) -> Heading | None:
    """Return what `line` says as a heading over comments, or None."""
    text = line.strip().strip("=#*_-[]»«:· ")
    if not text or len(text) > LONGEST:
        return None
    found = _HEADING.fullmatch(text)
    if found:
        number = found["before"] or found["within"] or found["after"] or found["bracket"]
        number = number or found["counted"] or found["counts"]
        return Heading(_number(number))
    found = _AT_END.fullmatch(text) if "comment" in text.casefold() else None
    return Heading(_number(found["before"] or found["within"]), at_end_of_article=True) if found else None


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    return NUMBERS[text.casefold()] if text.casefold() in NUMBERS else int(re.sub("[,.]", "", text))


def is_footer(line: str) -> bool:
    """Tell whether `line` is one that pages print below their last comment."""
    text = line.strip().strip("=#*_-[]:·| ")
    return 0 < len(text) <= LONGEST and FOOTER.fullmatch(text) is not None


def is_boilerplate(line: str) -> bool:
    """Tell whether `line` is a button, a rule, or another trace of the page around a comment."""
    text = line.strip()
    if len(text) > 80:
        return False
    return bool(BOILERPLATE.fullmatch(text.strip("[]()|· ")) or _RULE.fullmatch(text))


def is_name(text: str) -> int:
    """Return 2 if `text` can be a commenter's name, 1 if it could as well begin a sentence, 0 if it is none."""
    words = text.split()
    if not words or len(text) > LONGEST_NAME or len(words) > 12 or not any(c.isalnum() or c in "?☆★" for c in text):
        return 0
    first = words[0].casefold().strip(",.")
    if (len(words) == 1 and first in NEVER) or text[0] in '"“„«‘,;:!?)' or text[-1] in ",;:" or _SENTENCE.search(text):
        return 0
    if text[-1] in ".?" and len(words) > 3:
        return 0
    doubtful = (first in LEADS and len(words) > 1) or len(words) > 7 or first in NEVER or "http" in text
    return 1 if doubtful else 2


def _is_sentence(text: str) -> bool:
    """Tell whether a doubtful name goes on as sentences do: "As my mother", but not "You Know Who"."""
    first, *rest = text.split()
    return first.casefold() in CONJUNCTIONS or (bool(rest) and rest[0][:1].islower())


def byline(line: str) -> Byline | None:
    """Return the byline that makes up the whole of `line`, or None."""
    if len(line) > 2 * LONGEST or not (stripped := line.strip()) or len(stripped) > LONGEST:
        return None
    if "\xa0" in line:
        line, stripped = line.replace("\xa0", " "), stripped.replace("\xa0", " ")
    if not line.isascii():
        line = _GLUED.sub(r" \1", _GENDER.sub("", line))
        stripped = line.strip()
    speaks = stripped.rstrip(":：.…, ").rpartition(" ")[2].casefold() in _LAST_WORDS
    times = dates.spans(stripped)
    if not times and not speaks and stripped[-1] not in ":：" and not _OPENS.match(stripped):
        return None  # where most lines of prose end, before anything expensive is tried
    indent = margin(line)
    body = _without_tail(indent.body)
    if times and body != stripped:
        times = dates.spans(body)
    marked = body
    for start, end in reversed(times):
        marked = marked[:start] + _T + marked[end:]
    words = _WORDS.findall(marked.casefold())
    if len(words) > MOST_WORDS:
        return None
    present = frozenset(words)
    when = [body[start:end] for start, end in times]
    for rule in _DATED if when else _UNDATED:
        if rule.needs and any(map(present.isdisjoint, rule.needs)):
            continue
        found = rule.pattern.fullmatch(marked)
        if not found:
            continue
        parts = found.groupdict()
        raw = parts.get("name")
        name, url = _name(raw) if raw else (None, None)
        quality = is_name(name) if name else 2 if raw is None else 0
        if parts.get("verb") and _COUNTED.fullmatch(f"{name} {parts['verb']}"):
            return None  # "May 3, 2012 · 2 comments": nobody of that name comments
        if quality == 0 or (quality == 1 and not when and name and _is_sentence(name)):
            continue
        doubtful = (quality == 1 and rule.shape.family != "ping") or (
            rule.shape.family == "dated" and len((name or "").split()) > 5
        )
        return Byline(
            rule.shape,
            indent,
            name,
            url,
            next((text for text in when if any(map(str.isdigit, text))), when[0] if when else None),
            (parts.get("verb") or "").casefold(),
            KINDS.get((parts.get("kind") or "").casefold(), "unknown"),
            _name(parts["whom"])[0] if parts.get("whom") else None,
            doubtful,
        )
    return None


def _without_tail(body: str) -> str:
    last = body.rpartition(" ")[2].casefold()
    if last[-1:] not in "|·•↓¶)]#" and last[:1] not in "#@" and last not in TAIL_WORDS:
        return body
    return TAIL.sub("", body).rstrip()


def inline_byline(line: str) -> tuple[Byline, str] | None:
    """Return the byline that opens `line` ("Ann says: Well …") and the words after it, or None."""
    colon = line.find(":", 0, LONGEST)
    if colon <= 0 or colon + 1 >= len(line) or not line[colon + 1].isspace():
        return None
    words = line[:colon].rsplit(None, 1)
    if len(words) < 2 or words[1].casefold() not in _LAST_WORDS:
        return None
    found = byline(line[: colon + 1])
    if found is None or found.shape.name != "says" or found.doubtful or found.name is None:
        return None
    rest = line[colon + 1 :].strip()
    return (replace(found, shape=INLINE), rest) if rest else None


def reply_line(line: str) -> str | None:
    """Return whom `line` ("In reply to Ann:") says the comment below it answers, or None."""
    text = line.strip()
    found = _REPLY_LINE.fullmatch(text) if len(text) <= LONGEST_NAME + 40 else None
    name = _name(found["whom"])[0] if found else None
    return name if name and is_name(name) == 2 else None


def _name(raw: str) -> tuple[str | None, str | None]:
    """Return name and link from the part of a byline where the name stands; e-mail addresses are dropped."""
    url = None
    text = _ADDRESS.sub("", raw).replace("(not verified)", "")
    found = _URL_NAME.fullmatch(text.strip()) or _NAME_URL.fullmatch(text.strip())
    if found:
        text, url = found["name"], found["url"]
    text = _RANK.sub("", _AROUND.sub("", text))
    text = _TITLES.sub("", text, count=1) if text[:1] in "ΟΗ~" else text
    text = _AROUND.sub("", text) or raw.strip()  # an address alone is all the name there is
    return text, url
