"""Lines of a page in, the places out where comments may begin although no template's word says so, each with its odds.

Templates that print bare names, and pages with one comment only, leave nothing that repeats often enough to be sure of.
What is left are many weak signs: a name that looks like a nickname, a body that hangs under it, a time of day, words
that people use when they talk to each other. `WEIGHTS` says what each is worth, in log odds;
`tests/bench/fit_entries.py` fitted them, on pages of which it was known where the comments begin.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from moderation.readers.bylines import LONGEST, Byline, is_boilerplate, is_footer, is_name, margin
from moderation.readers.wording import CAPTIONS, LITTLE, TALK

__all__ = ["FEATURES", "TALK_SHARE", "WEIGHTS", "Entry", "entries", "features", "likely", "talk_share"]

LONGEST_BARE: Final = 40
# Odds at which a page is taken to have comments.
ENOUGH: Final = 0.5
# The first lines belong to the article.
HEAD: Final = 4
# In talk, so many words at least are of `TALK`.
TALK_SHARE: Final = 0.04
# So much of a body is looked at.
BODY_LIMIT: Final = 600
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_CLOCK: Final = re.compile(r"\d[:.h ]\d\d|\d ?[ap]\.?m|\bago\b", re.IGNORECASE)
_DAY: Final = re.compile(r"\d{4}|\d[/.]\d|[^\W\d_]{3} \d|\d [^\W\d_]{3}|ago")
_NICK: Final = re.compile(r"\S*(?:\d|[a-z][A-Z]|_)\S*|[a-z]\S*")
_SITE: Final = re.compile(r"https?://\S{3,150}\s+\S|\S.{0,60}\s\d{1,6} (?:pts|points|fans)$", re.IGNORECASE)
_POINTS: Final = re.compile(r"\s\d{1,6} (?:pts|points|fans)$", re.IGNORECASE)
# A post quoted from elsewhere: "— Ann (@ann) May 3, 2012".
_POST: Final = re.compile(r"[—–-].{1,80}\(@\w{1,30}\)|.{1,60}\(@\w{1,30}\)\s")
_LIVELY: Final = re.compile(r"!|[:;]-?[)(DPp]|\?\?|\.\.\.|…")


@dataclass(slots=True)
class Entry:
    """Lines that may be a byline, and where the words below them end."""

    first: int
    last: int
    line: Byline | None
    name: str | None
    when: str | None
    end: int = 0
    odds: float = 0.0


def _blank(line: str) -> bool:
    return not line or line.isspace()


def entries(lines: Sequence[str], written: Sequence[int], bylines: Mapping[int, Byline]) -> list[Entry]:
    """Return the places in `lines` where a comment may begin, in order."""
    bare: dict[int, str] = {}
    for i in written:
        if i not in bylines and (name := _bare(lines[i])):
            bare[i] = name
    found: list[Entry] = []
    taken: set[int] = set()
    for i, line in bylines.items():
        if (
            i in taken
            or not (line.when or line.shape.family in ("ping", "speech"))
            or line.shape.name == "says, inline"
        ):
            continue
        if line.doubtful or _POST.match(lines[i].strip()):
            continue
        entry = Entry(i, i, line, line.name, line.when)
        if line.shape.family == "speech" and not line.when:
            below = next((j for j in (i + 1, i + 2) if j < len(lines) and not _blank(lines[j])), -1)
            if below not in bylines or bylines[below].shape.name != "date":
                continue
            entry = replace(entry, last=below, when=bylines[below].when)
        elif line.shape.name == "date":
            if i + 1 in bylines and bylines[i + 1].shape.name == "date":  # a day, and a time of day below it
                entry = replace(entry, last=i + 1, when=f"{line.when} {bylines[i + 1].when}")
            below = next(
                (j for j in range(entry.last + 1, min(entry.last + 3, len(lines))) if not _blank(lines[j])), -1
            )
            if below in bylines and bylines[below].shape.family == "posted":
                continue  # the article's own
            above = next((j for j in (i - 1, i - 2) if j >= 0 and not _blank(lines[j])), -1)
            if above in bare and above not in taken:
                entry = replace(entry, first=above, name=bare[above])
        taken |= set(range(entry.first, entry.last + 1))
        found.append(entry)
    for i, name in bare.items():
        below = i + 1
        if i in taken or below >= len(lines):
            continue
        if _blank(lines[below]) or _column(lines[below]) > _column(lines[i]):
            found.append(Entry(i, i, None, name, None))
    found.sort(key=lambda entry: entry.first)
    for k, entry in enumerate(found):
        entry.end = found[k + 1].first if k + 1 < len(found) else len(lines)
    return found


def _column(line: str) -> int:
    return margin(line[: 2 * LONGEST]).column


def _bare(line: str) -> str | None:
    text = _POINTS.sub("", line.strip())
    if text.startswith("http"):
        text = text.partition(" ")[2].strip()
    body = margin(text).body.rstrip(":： ")
    words = body.split()
    fits = 0 < len(body) <= LONGEST_BARE and len(words) <= 6 and is_name(body) == 2
    if not fits or body[-1] in "!…" or (body[-1] == "." and len(words[-1]) > 3) or words[0].casefold() in CAPTIONS:
        return None
    return None if is_boilerplate(text) or is_footer(line) else body


FEATURES: Final = (
    "name",
    "nickname",
    "long name",
    "little words in the name",
    "name again",
    "site before the name",
    "day and time of day",
    "day only",
    "time of day only",
    "a verb or a notice",
    "hangs",
    "talk",
    "no talk",
    "lively",
    "full name",
    "few capitals",
    "short body",
    "long body",
    "near the top",
    "colon or question in the name",
)
WEIGHTS: Final[Mapping[str, float]] = {
    "name": 0.78,
    "nickname": 0.81,
    "long name": -1.01,
    "little words in the name": -0.53,
    "name again": 1.81,
    "site before the name": 2.16,
    "day and time of day": 3.53,
    "day only": 1.4,
    "time of day only": 0.47,
    "a verb or a notice": 2.39,
    "hangs": 1.13,
    "talk": 0.2,
    "no talk": -0.9,
    "lively": 0.73,
    "full name": -0.66,
    "few capitals": -0.67,
    "short body": 0.89,
    "long body": -1.01,
    "near the top": -4.31,
    "colon or question in the name": -0.81,
}
BIAS: Final = -2.2


def talk_share(text: str) -> float:
    """Return which part of the first words of `text` are those of people who talk to each other."""
    words = _WORD.findall(text[:BODY_LIMIT].casefold())
    talk = sum(word in TALK or word.partition("’")[0].partition("'")[0] in TALK for word in words)
    return talk / max(len(words), 1)


def features(entry: Entry, lines: Sequence[str], names: Counter[str]) -> tuple[float, ...]:
    """Return the signs of `FEATURES` for `entry`, each 0 or 1; `names` counts the names of the page's entries."""
    body: list[str] = []
    size = 0
    for i in range(entry.last + 1, entry.end):
        if not _blank(lines[i]):
            body.append(lines[i][: BODY_LIMIT + 1])
            size += len(lines[i].strip())
            if size > 4 * BODY_LIMIT:
                break
    text = " ".join(body)[:BODY_LIMIT]
    words = _WORD.findall(text)
    talk = talk_share(text)
    name = entry.name or ""
    own = name.split()
    clock = entry.when is not None and _CLOCK.search(entry.when) is not None
    day = entry.when is not None and _DAY.search(entry.when) is not None
    return tuple(
        float(sign)
        for sign in (
            bool(name),
            bool(name) and _NICK.fullmatch(name) is not None,
            len(own) > 3,
            any(word.casefold() in LITTLE for word in own),
            names[name.casefold()] > 1 if name else False,
            _SITE.match(lines[entry.first].strip()) is not None,
            day and clock,
            day and not clock,
            clock and not day,
            entry.line is not None and entry.line.shape.family in ("speech", "ping"),
            bool(body) and _column(body[0]) > _column(lines[entry.first]),
            talk >= TALK_SHARE,
            talk == 0 and len(words) > 12,
            _LIVELY.search(text) is not None,
            2 <= len(own) <= 3 and all(word[0].isupper() for word in own),
            len(own) > 1 and own[0][0].isupper() and not any(word[0].isupper() for word in own[1:]),
            0 < size <= BODY_LIMIT,
            size > 4 * BODY_LIMIT,
            entry.first < 2 * HEAD,
            name[-1:] == "?" or lines[entry.first].rstrip()[-1:] == ":",
        )
    )


def likely(lines: Sequence[str], written: Sequence[int], bylines: Mapping[int, Byline]) -> list[Entry]:
    """Return the entries from where the comments most likely begin to the end of the page; none if that is unlikely."""
    found = entries(lines, written, bylines)
    names = Counter(entry.name.casefold() for entry in found if entry.name)
    for entry in found:
        signs = features(entry, lines, names)
        entry.odds = BIAS + sum(weight for weight, sign in zip(WEIGHTS.values(), signs, strict=True) if sign)
    begin, best, odds = len(found), ENOUGH, 0.0
    for k in range(len(found) - 1, -1, -1):
        if found[k].first < HEAD:
            break
        odds += found[k].odds
        if odds > best:
            begin, best = k, odds
    return _alike(found, begin, lines) if begin < len(found) else []


def _alike(found: Sequence[Entry], begin: int, lines: Sequence[str]) -> list[Entry]:
    """Return the entries from `begin` on that are of the page's usual kind, with those of it right above them."""

    def kind(entry: Entry) -> tuple[bool, bool]:
        below = next((i for i in range(entry.last + 1, entry.end) if not _blank(lines[i])), None)
        return entry.when is not None, below is not None and _column(lines[below]) > _column(lines[entry.first])

    kinds = [kind(entry) for entry in found]
    usual, _ = Counter(kinds[begin:]).most_common(1)[0]
    while any(usual) and begin > 0 and kinds[begin - 1] == usual and found[begin - 1].first >= HEAD:
        begin -= 1
    return [
        entry
        for entry, own in zip(found[begin:], kinds[begin:], strict=True)
        if own == usual or (entry.odds > 0 and own[0] == usual[0])
    ]
