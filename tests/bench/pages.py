"""Read saved pages beside other extractors that claim to find comments, in one run on one machine.

    python tests/bench/pages.py [--pages ../shared/data/pages/html] [--gold ../shared/data/pages/html-gold.json]

Prints for each: how many of the gold snippets of comments appear among the comments found, how many snippets of the
article and of what stands around it leaked into them, and pages per second (processor time of one core: of the first
run, when no class was met before, and of the best of three runs, taken in turn). For ours also how fast the whole
folder is read, its formats told by content, and boundaries, authors and dates against `pages_annotations.json`, which
holds digests only. Peers that are not installed are left out and named: pip install trafilatura lxml_html_clean
resiliparse. Of other packages that claim comments, dragnet and extractnet date from before Python 3.11 and do not
build for it, and rs-trafilatura brings no wheel.

On two idle cores, Python 3.11, three runs: ours 404 to 411 pages/s (137 to 148 in the first run), as tables 117 to
126; that is 6.8 to 6.9 times trafilatura 2.3's, 2.6 to 2.8 times in the first run. On two of a busy machine, lowest
and highest of eleven runs: 309 to 411 pages/s (113 to 150), as tables 103 to 137 (47 to 59), 5.7 to 7.0 times. The
reader before, without the compiled scanner, in the same runs: 184 to 252 pages/s, 3.7 to 4.4 times. The scanner is
loaded after 16 MB of pages, which takes half a second (and some ten where it was never compiled on that machine).
"""

import argparse
import hashlib
import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from moderation.readers import read
from moderation.readers.html_comments import Found, comments_of, looked_at
from moderation.readers.html_tree import decoded, parsed

HERE = Path(__file__).parent
SHARED = HERE.parent.parent.parent / "shared" / "data" / "pages"
Extractor = Callable[[bytes], str]


def plain(text: str) -> str:
    return " ".join(text.split())


def found_in(data: bytes) -> list[Found]:
    return comments_of(looked_at(parsed(decoded(data)[0])))


def ours(data: bytes) -> str:
    return "\n".join(f"{comment.author or ''}\n{comment.text}" for comment in found_in(data))


def by_reading(data: bytes) -> str:
    """Read as the command line does: file in, tables out, the article with them."""
    with tempfile.NamedTemporaryFile(suffix=".html") as file:
        file.write(data)
        file.flush()
        batches = list(read(file.name, "html"))
    return "\n".join(
        f"{author if isinstance(author, str) else ''}\n{text}"
        for batch in batches
        for author, text in zip(batch.comments["author"], batch.comments["text"], strict=True)
    )


def peers() -> tuple[dict[str, Extractor], list[str]]:
    known: dict[str, Extractor] = {}
    absent: list[str] = []
    try:
        import trafilatura
    except ImportError:
        absent.append("trafilatura")
    else:

        def by_trafilatura(data: bytes) -> str:
            document = trafilatura.bare_extraction(data, include_comments=True, favor_recall=True)
            return (document.comments or "") if document else ""

        known[f"trafilatura {trafilatura.__version__}"] = by_trafilatura
    try:
        from resiliparse.extract.html2text import extract_plain_text
        from resiliparse.parse.html import HTMLTree
    except ImportError:
        absent.append("resiliparse")
    else:

        def by_resiliparse(data: bytes) -> str:
            # It says only whether comments may stay in the text: those are the lines that come with them.
            tree = HTMLTree.parse(decoded(data)[0].decode("utf-8", "replace"))
            without = set(extract_plain_text(tree, main_content=True, comments=False).splitlines())
            with_them = extract_plain_text(tree, main_content=True, comments=True).splitlines()
            return "\n".join(line for line in with_them if line not in without)

        known["resiliparse (lines that comments=True adds)"] = by_resiliparse
    return known, absent


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def edges(text: str) -> tuple[str, str]:
    words = re.findall(r"\w+", plain(text).casefold())
    return digest(" ".join(words[:5])), digest(" ".join(words[-5:]))


def agreement(
    folder: Path, annotations: Mapping[str, Sequence[Mapping[str, str | None]]]
) -> dict[str, tuple[float, float, float]]:
    """Return precision, recall and F1 of boundaries, and of authors and dates within them.

    A boundary is right where both the first and the last five words of a comment are.
    """
    right = defaultdict(int)
    given = defaultdict(int)
    wanted = defaultdict(int)
    for name, rows in annotations.items():
        open_: dict[tuple[str, str], list[Mapping[str, str | None]]] = defaultdict(list)
        for row in rows:
            open_[row["first"] or "", row["last"] or ""].append(row)
            wanted["boundary"] += 1
            wanted["author"] += row["author"] is not None
            wanted["date"] += row["date"] is not None
        for batch in read(folder / name, "html"):
            frame = batch.comments
            for text, author, when in zip(frame["text"], frame["author"], frame["posted_at"], strict=True):
                match = open_.get(edges(text))
                row = match.pop(0) if match else None
                signed, dated = isinstance(author, str), when == when  # noqa: PLR0124 - NaT is unlike itself
                given["boundary"] += 1
                given["author"] += signed
                given["date"] += dated
                if row is None:
                    continue
                right["boundary"] += 1
                right["author"] += signed and digest(plain(author).casefold()) == row["author"]
                right["date"] += dated and when.date().isoformat() == row["date"]
    result = {}
    for what in ("boundary", "author", "date"):
        precision, recall = right[what] / max(given[what], 1), right[what] / max(wanted[what], 1)
        result[what] = precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=Path, default=SHARED / "html")
    parser.add_argument("--gold", type=Path, default=SHARED / "html-gold.json")
    chosen = parser.parse_args()
    gold = json.loads(chosen.gold.read_text("utf-8"))
    pages = {name: (chosen.pages / name).read_bytes() for name in gold}
    others, absent = peers()
    extractors = {"ours": ours, "ours, read() to tables": by_reading, **others}
    seconds = dict.fromkeys(extractors, float("inf"))
    first: dict[str, float] = {}
    texts: dict[str, dict[str, str]] = {}
    for _ in range(3):
        for name, extract in extractors.items():
            start = time.process_time()
            texts[name] = {page: extract(data) for page, data in pages.items()}
            taken = time.process_time() - start
            first.setdefault(name, taken)
            seconds[name] = min(seconds[name], taken)
    # Only now: parsing meets classes too.
    there = sum(plain(s) in whole(pages[name]) for name, page in gold.items() for s in page["comments"])
    total = sum(len(page["comments"]) for page in gold.values())
    print(
        f"{len(pages)} pages, {total} snippets of comments; {there} stand in the markup, the rest is loaded by scripts"
    )
    print(f"{'':45}  recall  of what is there  article leaks  boilerplate leaks  pages/s  in the first run")
    for name, found in texts.items():
        counts = {}
        for kind in ("comments", "article", "boilerplate"):
            hits = [plain(s) in plain(found[page]) for page, said in gold.items() for s in said[kind]]
            counts[kind] = (sum(hits), len(hits))
        hit = counts["comments"][0]
        leaks = "  ".join(f"{counts[kind][0]:5} of {counts[kind][1]}" for kind in ("article", "boilerplate"))
        print(
            f"{name:45}   {hit / total:.3f}     {hit / there:.3f}          {leaks}   {len(pages) / seconds[name]:8.1f}"
            f"  {len(pages) / first[name]:8.1f}"
        )
    for name in others:
        if name.startswith("trafilatura"):
            print(f"ours reads {seconds[name] / seconds['ours']:.1f} times as many pages/s as {name}", end=", ")
            print(f"{first[name] / first['ours']:.1f} times in the first run")
    files = [path for path in chosen.pages.iterdir() if path.is_file()]
    start = time.process_time()
    count = sum(len(batch) for batch in read(chosen.pages))
    rate = len(files) / (time.process_time() - start)
    print(f"the folder, told by content: {count} comments of {len(files)} files, {rate:.1f} files/s")
    for name in absent:
        print(f"{name} is not installed and was left out")
    annotations = json.loads((HERE / "pages_annotations.json").read_text("utf-8"))
    if all((chosen.pages / name).is_file() for name in annotations):
        rows = sum(map(len, annotations.values()))
        print(f"\n{len(annotations)} annotated pages with {rows} comments: precision, recall, F1")
        for what, (precision, recall, f1) in agreement(chosen.pages, annotations).items():
            print(f"  {what:10} {precision:.3f}  {recall:.3f}  {f1:.3f}")


def whole(data: bytes) -> str:
    tree = parsed(decoded(data)[0])
    return plain(tree.text_of(tree.region(0)))


if __name__ == "__main__":
    main()
