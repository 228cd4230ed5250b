"""Recover the comments from page dumps of which article and comments are known apart, joined without a marker.

    python tests/bench/bench_dumps.py [--dumps dumps.jsonl] [--gap 1] [--misses]

Each line of the file holds `id`, `article` and `comments`; the reader is given both as one text, with `--gap` line ends
between them. Words are runs of letters and digits, case aside, counted as often as they occur. Of a page with comments
the words that were found in common with its comments part make precision, recall and F1: for all pages as one (pooled)
and page by page (mean). The comments part holds bylines, dates and buttons too, so the figures are given twice: for the
texts with their authors, as a person would read them, and for the texts alone. A page without comments that is given
any is a false alarm; pages whose article part itself holds comments are among them.

If the annotations beside it are there, boundaries and authors are measured against them: a comment is right if its
first and its last five words are, an author if the name is the right one in the right place.
"""

import argparse
import hashlib
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from moderation.readers import read

DUMPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "pages" / "dumps.jsonl"
ANNOTATIONS = Path(__file__).with_name("dumps_annotations.json")
_WORD = re.compile(r"\w+")


def words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))


def f1(right: float, found: float, wanted: float) -> float:
    return 2 * right / (found + wanted) if found + wanted else 1.0


def mark(text: str) -> str:
    """Return what stands for `text` in the annotations: its words' digest."""
    return hashlib.sha256(" ".join(_WORD.findall(text.casefold())).encode()).hexdigest()[:12]


def marks_of(author: str | None, text: str) -> list[str]:
    """Return the marks of a comment: its author (none: ""), its first and its last five words."""
    own = _WORD.findall(text.casefold())
    return [mark(author) if author else "", mark(" ".join(own[:5])), mark(" ".join(own[-5:]))]


@dataclass(frozen=True)
class Dump:
    """One page: its two parts, and the text that they make together."""

    name: str
    comments: str
    text: str


def dumps(path: Path, gap: int = 1) -> list[Dump]:
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [Dump(row["id"], row["comments"], row["article"] + "\n" * gap + row["comments"]) for row in rows]


def recovered(pages: Iterable[Dump]) -> list[list[tuple[str | None, str]]]:
    """Return authors and texts of the comments that the reader finds on each of `pages`."""
    found: list[list[tuple[str | None, str]]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.txt"
        for page in pages:
            path.write_bytes(page.text.encode("utf-8", "surrogatepass"))
            comments = [batch.comments for batch in read(path, "page")]
            found.append(
                [
                    (None if author is None else str(author), str(text))
                    for part in comments
                    for author, text in zip(
                        part["author"].astype(object).where(part["author"].notna(), None), part["text"], strict=True
                    )
                ]
            )
    return found


@dataclass(frozen=True)
class Figures:
    """How much of the comments was found, and how often there were none."""

    precision: float
    recall: float
    pooled: float
    mean: float
    alarms: int
    without: int
    each: dict[str, float]


def figures(
    pages: Sequence[Dump], found: Sequence[Sequence[tuple[str | None, str]]], *, authors: bool = True
) -> Figures:
    right = ours = theirs = alarms = without = 0
    each: dict[str, float] = {}
    for page, comments in zip(pages, found, strict=True):
        if not page.comments.strip():
            without += 1
            alarms += bool(comments)
            continue
        wanted = words(page.comments)
        got = words("\n".join(f"{author or ''} {text}" if authors else text for author, text in comments))
        common = (got & wanted).total()
        each[page.name] = f1(common, got.total(), wanted.total())
        right, ours, theirs = right + common, ours + got.total(), theirs + wanted.total()
    mean = sum(each.values()) / max(len(each), 1)
    return Figures(right / max(ours, 1), right / max(theirs, 1), f1(right, ours, theirs), mean, alarms, without, each)


def against(annotations: dict[str, list[list[str]]], found: dict[str, list[tuple[str | None, str]]]) -> str:
    """Return F1 of boundaries and of authors in their place, over the annotated pages."""
    counts = Counter[str]()
    for name, comments in annotations.items():
        ours = [marks_of(*comment) for comment in found[name]]
        counts["found"] += len(ours)
        counts["wanted"] += len(comments)
        bounds = Counter((first, last) for _, first, last in comments)
        counts["bounds"] += (bounds & Counter((first, last) for _, first, last in ours)).total()
        signed = Counter((author, first) for author, first, _ in comments)
        counts["authors"] += (signed & Counter((author, first) for author, first, _ in ours)).total()
    bounds_f1, authors_f1 = (f1(counts[key], counts["found"], counts["wanted"]) for key in ("bounds", "authors"))
    return (
        f"{len(annotations)} annotated pages, {counts['wanted']} comments, {counts['found']} found: "
        f"boundaries F1 {bounds_f1:.3f}, authors F1 {authors_f1:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dumps", type=Path, default=DUMPS)
    parser.add_argument("--gap", type=int, default=1, help="line ends between article and comments")
    parser.add_argument("--misses", action="store_true", help="list the pages below 0.85, and the false alarms")
    options = parser.parse_args()
    if not options.dumps.exists():
        print(f"no dumps at {options.dumps}: nothing measured")
        return
    pages = dumps(options.dumps, options.gap)
    start = time.perf_counter()
    found = recovered(pages)
    seconds = time.perf_counter() - start
    for authors in (True, False):
        got = figures(pages, found, authors=authors)
        print(
            f"{len(got.each)} pages with comments, texts{' and authors' if authors else ' alone'}: "
            f"pooled F1 {got.pooled:.3f} (precision {got.precision:.3f}, recall {got.recall:.3f}), "
            f"mean F1 per page {got.mean:.3f}"
        )
    print(f"{got.alarms} of {got.without} other pages given a comment ({got.alarms / max(got.without, 1):.1%})")
    print(f"{len(pages) / seconds:,.0f} pages/s, files read and tables made")
    if options.misses:
        print(*(f"{name} {value:.2f}" for name, value in sorted(got.each.items()) if value < 0.85))
        print(*(page.name for page, own in zip(pages, found, strict=True) if own and not page.comments.strip()))
    if ANNOTATIONS.exists():
        annotations = json.loads(ANNOTATIONS.read_text("utf-8"))
        named = {page.name: own for page, own in zip(pages, found, strict=True)}
        print(against({name: annotations[name] for name in annotations if name in named}, named))


if __name__ == "__main__":
    main()
