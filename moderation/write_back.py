"""Verdicts in, the file that a comment system takes them back in out; one entry for each system.

Nothing is sent: the file is run, posted or uploaded by whoever may. An id goes out only if it is of the form that its
system gives; so nothing in a comment, nor in an id that was made up, can become a command.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd
import pyarrow as pa

from moderation.errors import InputError
from moderation.writers import TableWriter

__all__ = ["BACK", "VERDICTS", "WrittenBack", "write_back"]

VERDICTS: Final = ("approved", "spam", "rejected")
"""What may be decided about a comment, as systems tell it apart."""

SCHEMA: Final = pa.schema([("id", pa.string()), ("verdict", pa.string())])
# As many ids as a command line holds with ease.
IDS_PER_COMMAND: Final = 100
# What WordPress takes in one batch unless a site says otherwise.
WORDPRESS_BATCH: Final = 25
# The method's own page names no limit; the API's lists hold 50 ids at the most.
YOUTUBE_IDS: Final = 50

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class System:
    """A system that takes verdicts: whose ids it knows by what is before the colon, their form, and its file."""

    title: str
    sources: tuple[str, ...]
    form: re.Pattern[str]
    write: Callable[[Pairs], Iterator[str]]

    def native(self, name: str, site: str | None) -> str | None:
        """Return the system's own id of a comment, or None where it is not the system's, or another site's."""
        source, _, own = name.partition(":")
        where, _, own = own.rpartition("/")
        if where != (site or ""):
            return None
        return own if source in self.sources and self.form.fullmatch(own) else None


@dataclass(frozen=True, slots=True)
class WrittenBack:
    """How many verdicts were written, and how many are about comments of other systems."""

    written: dict[str, int]
    left_out: int


def write_back(verdicts: "pd.Series[Any]", system: str, out: Path, site: str | None = None) -> WrittenBack:
    """Write `verdicts` (index: comment ids; values of `VERDICTS`) as the file that `system`, one of `BACK`, takes.

    `site`: only comments of this site; needed where there are several. Raises `InputError` where the system is not
    known, none of the comments is from it, or they are from several sites and none is named.
    """
    if system not in BACK:
        raise InputError(f"unknown system {system!r}; known: {', '.join(BACK)}")
    known = BACK[system]
    site = site or _only_site(verdicts.index.map(str), known)
    pairs = [
        (own, str(verdict))
        for name, verdict in verdicts.items()
        if (own := known.native(str(name), site)) is not None and verdict in VERDICTS
    ]
    if not pairs:
        raise InputError(
            f"export: no decision is about a comment from {known.title} (ids {known.sources[0]}:...); "
            "decide some, or name another system"
        )
    with TableWriter(out, SCHEMA, lambda file, _schema: _Lines(file, known.write)) as table:
        table.write(pd.DataFrame(pairs, columns=["id", "verdict"], dtype="string[pyarrow]"))
    counts = {verdict: sum(each == verdict for _, each in pairs) for verdict in VERDICTS}
    return WrittenBack(counts, len(verdicts) - len(pairs))


def _only_site(names: Iterable[str], known: System) -> str | None:
    """Return the site that all comments of a system are of; None where they name none."""
    parts = (name.partition(":") for name in names)
    numbered = (own.rpartition("/") for source, _, own in parts if source in known.sources)
    # What is no id of the system, or names no site, goes nowhere, and need not be asked about.
    sites = {site for site, _, own in numbered if known.form.fullmatch(own) and SITE.fullmatch(site)}
    if len(sites) > 1:
        listed = ", ".join(sorted(site or "(none)" for site in sites))
        raise InputError(f"export: comments are from several sites: {listed}; name one with --site")
    return next(iter(sites), "") or None


class _Lines:
    """Lines of text made of pairs of id and verdict."""

    def __init__(self, file: BinaryIO, lines: Callable[[Pairs], Iterator[str]]) -> None:
        self._file = file
        self._lines = lines

    def write(self, rows: pa.Table) -> None:
        pairs = zip(rows.column("id").to_pylist(), rows.column("verdict").to_pylist(), strict=True)
        self._file.write("".join(f"{line}\n" for line in self._lines(pairs)).encode("utf-8"))

    def close(self) -> None:
        """Nothing is held back."""


def _grouped(pairs: Pairs, size: int) -> Iterator[tuple[str, list[str]]]:
    """Yield each verdict with its ids, `size` at the most."""
    by_verdict: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for own, verdict in pairs:
        by_verdict[verdict].append(own)
    for verdict, ids in by_verdict.items():
        for start in range(0, len(ids), size):
            yield verdict, ids[start : start + size]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


# --- The systems -----------------------------------------------------------------------------------------------------


def _wp_cli(pairs: Pairs) -> Iterator[str]:
    words = {"approved": "approve", "spam": "spam", "rejected": "trash"}
    yield "#!/bin/sh"
    yield "# Decisions for WordPress, to be run where WP-CLI is: sh FILE [--path=... --url=...]. Exit 1: some failed."
    yield "failed=0"
    for verdict, ids in _grouped(pairs, IDS_PER_COMMAND):
        yield f'wp comment {words[verdict]} {" ".join(ids)} "$@" || failed=1'
    yield 'exit "$failed"'


def _wordpress_rest(pairs: Pairs) -> Iterator[str]:
    """Yield the bodies to POST to /wp-json/batch/v1, one a line.

    Where a site allows no batches for comments (WordPress itself does not as yet), each request in them stands for
    itself: POST its body to its path.
    """
    words = {"approved": "approved", "spam": "spam", "rejected": "trash"}
    waiting = iter(pairs)
    while some := list(islice(waiting, WORDPRESS_BATCH)):
        requests = [
            {"method": "POST", "path": f"/wp/v2/comments/{own}", "body": {"status": words[verdict]}}
            for own, verdict in some
        ]
        yield _compact({"validation": "normal", "requests": requests})


def _youtube(pairs: Pairs) -> Iterator[str]:
    """Yield the calls of comments.setModerationStatus, one a line; the parameters go into the address."""
    words = {"approved": "published", "spam": "rejected", "rejected": "rejected"}
    for verdict, ids in _grouped(pairs, YOUTUBE_IDS):
        yield _compact(
            {
                "method": "POST",
                "url": "https://www.googleapis.com/youtube/v3/comments/setModerationStatus",
                "params": {"id": ",".join(ids), "moderationStatus": words[verdict]},
            }
        )


def _table(columns: Sequence[str], words: Mapping[str, str]) -> Callable[[Pairs], Iterator[str]]:
    def rows(pairs: Pairs) -> Iterator[str]:
        yield ",".join(columns)
        for own, verdict in pairs:
            yield f"{own},{words[verdict]}"

    return rows


SITE: Final = re.compile(r"[\w.-]{0,100}")
NUMBER: Final = re.compile(r"[1-9][0-9]{0,19}")
# Never begins like a formula, nor like an option.
WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
WORDPRESS: Final = ("wordpress",)

BACK: Final[Mapping[str, System]] = {
    "discourse": System(
        "Discourse",
        ("discourse",),
        NUMBER,
        _table(("post_id", "action"), {"approved": "approve", "spam": "spam", "rejected": "delete"}),
    ),
    "disqus": System(
        "Disqus",
        ("disqus",),
        NUMBER,
        # The words are those of the API's methods: posts/approve, posts/spam, posts/remove.
        _table(("post", "action"), {"approved": "approve", "spam": "spam", "rejected": "remove"}),
    ),
    "wordpress-rest": System("WordPress", WORDPRESS, NUMBER, _wordpress_rest),
    "wp-cli": System("WordPress", WORDPRESS, NUMBER, _wp_cli),
    "youtube": System("YouTube", ("youtube",), WORD, _youtube),
}
"""Every system that decisions can be written back to, by name."""
