"""Convert exports of every format to Parquet, beside the bare parser doing nothing over the same file, in one run.

    python tests/bench/readers.py [--rows 50000] [--megabytes 30] [--peak 500000] [--peak-megabytes 400]

The bare parsers are lxml's iterparse with what was read freed, orjson (a line each, or the document), and csv.reader.
Ours is all that `moderation convert` does. Two times are taken, of each the best of several runs, which take turns: the
processor's, of all threads, in which other work on the machine does not count; and the wall's, which is less where
there is a second core, for parsing and packing go on beside the rest.

The comments are made up from the words of the seed page, so anybody can run it. Prints MB/s of each by the wall, and
how many times the bare parser's time ours takes, by both clocks; --peak converts a JSON Lines file of so many lines in
a process of its own and prints its peak memory, beside that of a tenth of the lines; --peak-megabytes does so with a
WordPress export of that size (flat means: the same, but for eight bytes for each id).

On two idle cores, times the bare parser by the wall (by the processor), in one run at 50,000 rows or 30 MB: Disqus 0.7
(0.8), csv 0.9 (1.2), tsv 0.9 (1.1), packed JSON Lines 1.0 (1.2), WXR 1.0 (1.1), BlogML 1.1 (1.2), YouTube 1.1 (1.4),
WP-CLI's csv 1.2 (1.5), a JSON document 1.3 (1.5), JSON Lines 1.4 (1.8), Blogger 1.5 (1.6), Reddit 1.6 (2.2). Before
references were no longer counted, on the same two: YouTube 2.0 (2.2), JSON Lines 1.6 (2.2), Blogger 1.8 (1.9), Reddit
2.3 (3.2). Where more work waits than there are cores it is more: Reddit 2.0 to 3.4, JSON Lines 1.8 to 2.0.

The first large JSON file in a process takes 0.35 s more, to make the compiled parser ready, and seconds where it was
never compiled on that machine; so does the first large XML file. The best of several does not show it.

Measured on two idle cores, by --peak 5000000 --peak-megabytes 2000: 446 MB of memory at 500,000 lines of JSON, 505 MB
at 5,000,000 (1.8 GB, 6.9 s); 706 MB at a WordPress export of 202 MB, 779 MB at one of 2,023 MB (20.8 s). The compiled
parser of JSON takes 58 MB of it, that of XML some 70.
"""

import argparse
import csv
import gzip
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from bench_xml import bare as iterparsed
from bench_xml import make

from moderation.jobs import convert as converted
from moderation.settings import seed_page

csv.field_size_limit(2**31 - 1)
TIMES = 5


def rows(count: int) -> Iterator[dict[str, Any]]:
    words = np.array(seed_page().read_text("utf-8").split())
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(3.2, 0.8, count).astype(int), 1, 400)
    for number, length in enumerate(lengths.tolist()):
        yield {
            "id": f"c{number}",
            "article_id": f"a{number // 50}",
            "parent_id": f"c{number - 1}" if number % 3 else None,
            "author": f"reader {number % 997}",
            "text": " ".join(random.choice(words, length)),
            "posted_at": f"2007-11-{1 + number % 30:02}T{number % 24:02}:{number % 60:02}:00Z",
            "status": "approved",
        }


def reddit(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "link_id": f"t3_{row['article_id']}",
        "parent_id": f"t1_{row['parent_id']}" if row["parent_id"] else f"t3_{row['article_id']}",
        "subreddit": "bread",
        "author": row["author"],
        "body": row["text"],
        "created_utc": 1195981500,
        "score": 1,
    }


def youtube(row: dict[str, Any]) -> dict[str, Any]:
    snippet = {"videoId": row["article_id"], "textDisplay": row["text"], "authorDisplayName": row["author"]}
    return {"kind": "youtube#comment", "id": row["id"], "snippet": {**snippet, "publishedAt": row["posted_at"]}}


def wp_cli(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "comment_ID": row["id"][1:],
        "comment_post_ID": row["article_id"][1:],
        "comment_author": row["author"],
        "comment_content": row["text"],
        "comment_date_gmt": row["posted_at"],
        "comment_approved": "1",
        "comment_type": "comment",
        "comment_parent": "0",
    }


def put_lines(path: Path, records: Iterator[dict[str, Any]]) -> None:
    with path.open("wb") as file:
        file.writelines(orjson.dumps(record) + b"\n" for record in records)


def put_table(path: Path, records: Iterator[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        first = next(records)
        table = csv.DictWriter(file, first, delimiter="\t" if path.suffix == ".tsv" else ",")
        table.writeheader()
        table.writerow(first)
        table.writerows(records)


def parse_xml(path: Path) -> None:
    iterparsed(str(path), "")


def parse_lines(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)


def parse_packed_lines(path: Path) -> None:
    with gzip.open(path, "rb") as file:
        for line in file:
            orjson.loads(line)


def parse_document(path: Path) -> None:
    orjson.loads(path.read_bytes())


def parse_table(path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        for _ in csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ","):
            pass


class Seconds(NamedTuple):
    """How long something took: the processor's time, of all threads, and the wall's."""

    cpu: float
    wall: float


def seconds(work: Callable[[], object]) -> Seconds:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Seconds(time.process_time() - cpu, time.perf_counter() - wall)


def best(runs: Iterable[Seconds]) -> Seconds:
    """Return the least of each time."""
    return Seconds(*map(min, zip(*runs, strict=True)))


def convert(path: Path) -> None:
    converted(path, path.with_suffix(".parquet"))


def peak(path: str, report: str) -> None:
    start = time.perf_counter()
    convert(Path(path))
    took = time.perf_counter() - start
    Path(report).write_text(f"{took} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}")


def print_peaks(lines: int, megabytes: int) -> None:
    """Print time and peak memory of converting a tenth of a large file, and the whole; one file at a time."""
    with tempfile.TemporaryDirectory() as folder:
        path, report = Path(folder) / "large", Path(folder) / "report"
        for count in (lines // 10, lines) if lines else ():
            put_lines(path, rows(count))
            print_peak(path, report, f"{count:,} lines of JSON")
        for size in (megabytes // 10, megabytes) if megabytes else ():
            make(path, "wxr", size * 1_000_000)
            print_peak(path, report, "WordPress export")


def print_peak(path: Path, report: Path, name: str) -> None:
    process = multiprocessing.get_context("spawn").Process(target=peak, args=(str(path), str(report)))
    process.start()
    process.join()
    took, memory = map(float, report.read_text().split())
    size = path.stat().st_size / 1e6
    print(f"{name}, {size:,.0f} MB: {took:.1f} s, {size / took:.0f} MB/s, peak memory {memory:,.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--megabytes", type=int, default=30, help="size of the XML files")
    parser.add_argument("--peak", type=int, default=0, metavar="LINES")
    parser.add_argument("--peak-megabytes", type=int, default=0, metavar="MB")
    arguments = parser.parse_args()
    if arguments.peak or arguments.peak_megabytes:
        print_peaks(arguments.peak, arguments.peak_megabytes)
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        made = list(rows(arguments.rows))
        put_lines(home / "x.jsonl", iter(made))
        (home / "x.json").write_bytes(orjson.dumps(made))
        put_table(home / "x.csv", iter(made))
        put_table(home / "x.tsv", iter(made))
        put_lines(home / "reddit.jsonl", map(reddit, made))
        (home / "youtube.json").write_text(json.dumps({"items": [youtube(row) for row in made]}))
        put_table(home / "wp-cli.csv", map(wp_cli, made))
        (home / "packed.jsonl.gz").write_bytes(gzip.compress((home / "x.jsonl").read_bytes(), 6))
        print(f"{'format':<16} {'MB':>7} {'bare MB/s':>10} {'ours MB/s':>10} {'times':>6} {'cpu':>6}")
        for name in ("wxr", "disqus", "blogml", "blogger"):
            make(home / f"{name}.xml", name, arguments.megabytes * 1_000_000)
        for name, parse in (
            ("wxr.xml", parse_xml),
            ("disqus.xml", parse_xml),
            ("blogml.xml", parse_xml),
            ("blogger.xml", parse_xml),
            ("x.jsonl", parse_lines),
            ("packed.jsonl.gz", parse_packed_lines),
            ("x.json", parse_document),
            ("x.csv", parse_table),
            ("x.tsv", parse_table),
            ("reddit.jsonl", parse_lines),
            ("youtube.json", parse_document),
            ("wp-cli.csv", parse_table),
        ):
            path = home / name
            size = path.stat().st_size / 1e6
            runs = [(seconds(lambda p=path, f=parse: f(p)), seconds(lambda p=path: convert(p))) for _ in range(TIMES)]
            bare, ours = map(best, zip(*runs, strict=True))
            print(
                f"{name:<16} {size:>7.1f} {size / bare.wall:>10.0f} {size / ours.wall:>10.0f} "
                f"{ours.wall / bare.wall:>6.1f} {ours.cpu / bare.cpu:>6.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
