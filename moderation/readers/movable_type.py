"""Movable Type's import format (also written by TypePad, Hatena, FC2, Livedoor, Seesaa, Ameba tools) in, batches out.

Source: "The Movable Type Import / Export Format", and lib/MT/ImportExport.pm. A section ends with a line of five
hyphens, an entry with one of eight; such a line in a text has a tab after it, where the exporter knew of that rule.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from moderation.readers.articles import article_of, told_once
from moderation.readers.formats import CERTAIN, NO, Format, Wanted
from moderation.readers.losses import Tally
from moderation.readers.markup import plain_text
from moderation.readers.records import batches_of_fields
from moderation.readers.source import Source
from moderation.tables import Batch

__all__ = ["MOVABLE_TYPE"]

SECTION_END, ENTRY_END = "-----", "--------"

# Keys of an entry's head; the first line of a file, and of every entry, has one of them.
HEAD: Final = re.compile(
    r"(AUTHOR|TITLE|BASENAME|STATUS|ALLOW COMMENTS|ALLOW PINGS|CONVERT BREAKS|PRIMARY CATEGORY|CATEGORY|DATE|TAGS|"
    r"NO ENTRY|UNIQUE URL|PATH|URL|IMAGE|CATEGORIES|EYECATCH|ENTRY ID|AUTHOR EMAIL|META DESC\w*|COMMENT STATUS)"
    r":(?:\s+(.*))?"
)
# Headings of sections in capitals on a line of their own, known or not.
HEADING: Final = re.compile(r"([A-Z][A-Z ]{1,24}):\s*")
COMMENTS: Final[Mapping[str, str]] = {"COMMENT": "comment", "RES COMMENT": "comment", "PING": "trackback"}
# Keys of a comment or ping; the first line with another key, or with one for the second time, is text.
KEYS: Final = re.compile(r"(AUTHOR|EMAIL|IP|URL|DATE|SECRET|PASS|TITLE|BLOG NAME)(?::\s(.*)|:)")
OF_COMMENT: Final = frozenset(("AUTHOR", "EMAIL", "IP", "URL", "DATE", "SECRET", "PASS"))
OF_PING: Final = frozenset(("TITLE", "URL", "IP", "BLOG NAME", "DATE"))
DATE: Final = re.compile(
    r"\s*(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(?:([AP])\.?M\.?|(午前|午後))?\s*",
    re.IGNORECASE,
)
LONGEST: Final = 1 << 26

Section = tuple[str, list[str]]


def _claim(source: Source) -> int:
    head = source.head_text().replace("\r\n", "\n").replace("\r", "\n").lstrip()
    if not HEAD.match(head.partition("\n")[0]):
        return NO
    section = re.search(r"^-----[ ]*\n\s*(?:BODY|EXTENDED BODY|EXCERPT|KEYWORDS|COMMENT|PING):\s*$", head, re.MULTILINE)
    return CERTAIN if section else NO


def _batches(source: Source, wanted: Wanted) -> Iterator[Batch]:
    source.refuse_binary()
    with closing(source.lines(wanted.tally, "")) as lines:
        records = _records(_sections(lines, wanted.tally), wanted.tally)
        yield from batches_of_fields(told_once(records, wanted), "movable-type", wanted, "comment")


def _sections(lines: Iterable[str], tally: Tally) -> Iterator[Section]:
    """Yield each section as its heading ("" for an entry's head) and its lines; after an entry, one called "END"."""
    heading: str | None = ""
    body: list[str] = []
    size = 0
    held: list[str] = []  # a separator and the blank lines after it: what follows shows whether it is one
    for raw in lines:
        line = raw.rstrip("\r\n").removeprefix("\ufeff")
        bare = line.rstrip(" ")
        if held:
            if not bare:
                if len(held) < LONGEST >> 10:
                    held.append(line)
                continue
            ends_entry = held[0] == ENTRY_END
            begins = HEAD.fullmatch(line) if ends_entry else HEADING.fullmatch(line)
            if begins or bare in (ENTRY_END, SECTION_END) or heading == "":
                yield heading or "", body
                if ends_entry:
                    yield "END", []
                heading, body, size, held = ("" if ends_entry else None), [], 0, []
            else:
                tally.note("{n} lines of hyphens taken as text, for what follows them")
                body += held
                held = []
        if bare in (SECTION_END, ENTRY_END):
            held = [bare]
        elif heading is None:
            found = HEADING.fullmatch(line)
            heading, body = (found[1], []) if found else ("?", [line])
        else:
            size += len(line) + 1
            if size <= LONGEST:
                body.append(line)
            elif size - len(line) - 1 <= LONGEST:
                tally.note("{n} texts longer than 64 MiB cut off")
    if heading is not None:
        yield heading, body
    if not held or held[0] != ENTRY_END:
        tally.note("the file ends inside an entry: what may have followed is missing")


def _records(
    sections: Iterable[Section], tally: Tally
) -> Iterator[tuple[int, dict[str, Any], Mapping[str, str | None]]]:
    head: dict[str, str] = {}
    texts: dict[str, str] = {}
    article: Mapping[str, str | None] | None = None
    number = 0
    for heading, lines in sections:
        if heading == "END":
            head, texts, article = {}, {}, None
        elif heading == "":
            for line in lines:
                if found := HEAD.fullmatch(line):
                    head.setdefault(found[1], found[2] or "")
        elif heading in COMMENTS:
            if article is None:
                article = _article(head, texts)
            number += 1
            tally.records_in += 1
            yield number, _comment(COMMENTS[heading], lines), article
        else:
            texts.setdefault(heading, _text(lines))
    if number:
        tally.note("times are the blog's local ones, as the format has no zones, and read as UTC")


def _article(head: Mapping[str, str], texts: Mapping[str, str]) -> Mapping[str, str | None]:
    body = "\n\n".join(part for name in ("BODY", "EXTENDED BODY") if (part := texts.get(name)))
    content = {
        "url": head.get("UNIQUE URL") or head.get("URL"),
        "title": plain_text(head.get("TITLE", "")),
        "text": plain_text(body or texts.get("EXCERPT", "")),
        "author": head.get("AUTHOR"),
        "published_at": _date(head.get("DATE")),
    }
    return article_of(None, content)


def _comment(kind: str, lines: list[str]) -> dict[str, Any]:
    said: dict[str, str] = {}
    begin = 0
    for line in lines:
        found = KEYS.fullmatch(line)
        if found is None or found[1] in said or found[1] not in (OF_PING if kind == "trackback" else OF_COMMENT):
            break
        said[found[1]] = found[2] or ""
        begin += 1
    text = plain_text(_text(lines[begin:]))
    record: dict[str, Any] = {
        "author": plain_text(said.get("AUTHOR", "")),
        "author_url": said.get("URL"),
        "text": text,
        "posted_at": _date(said.get("DATE")),
        "kind": kind,
    }
    if kind == "trackback":
        record["author"] = plain_text(said.get("BLOG NAME", ""))
        title = plain_text(said.get("TITLE", ""))
        record["text"] = f"{title}\n\n{text}" if title and text else title or text
    return record


def _text(lines: Iterable[str]) -> str:
    return "\n".join(line[:-1] if line in (f"{SECTION_END}\t", f"{ENTRY_END}\t") else line for line in lines).strip(
        "\n"
    )


def _date(text: str | None) -> str | None:
    """Return a date of this format in ISO 8601; any other as it stands."""
    found = DATE.fullmatch(text) if text else None
    if found is None:
        return text
    month, day, year, hour = int(found[1]), int(found[2]), int(found[3]), int(found[4])
    if len(found[3]) == 2:
        year += 1900 if year >= 70 else 2000
    after = found[8] == "午後" or (found[7] or "").upper() == "P"
    if after and hour < 12:
        hour += 12
    elif hour == 12 and (found[7] or found[8]) and not after:
        hour = 0
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{found[5]}:{found[6] or '00'}"


MOVABLE_TYPE: Final = Format(
    "movable-type", "Movable Type export (TypePad, Hatena, FC2, Livedoor ...)", (".txt",), _claim, _batches
)
