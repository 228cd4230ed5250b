"""Read blog exports end to end, Parquet included, beside the bare parser doing nothing over the same file.

    python tests/bench/bench_xml.py [--megabytes 100] [--formats wxr disqus blogml blogger movable-type] [--file EXPORT]

The files are made up: articles of some 3 KB, most without comments, some with many (for WordPress, about as much file
per comment as real exports have). Each run is a process of its own; time is processor time, so that a busy machine does
not spoil it. Prints MB/s of both, their ratio, and the peak memory of ours at two sizes (flat means: nearly the same).
"""

import argparse
import multiprocessing
import random
import re
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from moderation.settings import seed_page

WORDS = seed_page().read_text("utf-8").translate({ord(c): None for c in "<>&]"}).split()
STEP = 1_000_000


def words(dice: random.Random, count: int) -> str:
    start = dice.randrange(len(WORDS) - count)
    return " ".join(WORDS[start : start + count])


def articles(dice: random.Random) -> Iterator[tuple[int, int]]:
    """Yield article numbers and how many comments each has, without end."""
    number = 0
    while True:
        number += 1
        yield number, dice.choice([0, 0, 0, 0, 1, 2, 3, 6])


def wxr(dice: random.Random) -> Iterator[str]:
    yield (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<channel>\n"
    )
    for number, comments in articles(dice):
        meta = "".join(
            f"<wp:postmeta>\n<wp:meta_key>_{key}</wp:meta_key>\n<wp:meta_value><![CDATA[{number}]]></wp:meta_value>\n"
            "</wp:postmeta>\n"
            for key in ("edit_last", "thumbnail_id", "jetpack", "wp_page_template")
        )
        body = "\n".join(f"<p>{words(dice, 80)}</p>" for _ in range(dice.choice([0, 4, 8, 16])))
        yield (
            f"<item>\n<title>{words(dice, 6)}</title>\n<link>https://blog.example/{number}/</link>\n"
            f"<dc:creator><![CDATA[mira]]></dc:creator>\n<content:encoded><![CDATA[{body}]]></content:encoded>\n"
            f"<wp:post_id>{number}</wp:post_id>\n<wp:post_date_gmt>2012-03-06 01:03:00</wp:post_date_gmt>\n"
            f"<wp:status>publish</wp:status>\n<wp:post_type>post</wp:post_type>\n{meta}"
        )
        for place in range(comments):
            yield (
                f"<wp:comment>\n<wp:comment_id>{number * 100 + place}</wp:comment_id>\n"
                f"<wp:comment_author><![CDATA[{words(dice, 2)}]]></wp:comment_author>\n"
                "<wp:comment_author_email><![CDATA[a@example.org]]></wp:comment_author_email>\n"
                "<wp:comment_author_url>http://example.org/</wp:comment_author_url>\n"
                "<wp:comment_author_IP><![CDATA[192.0.2.1]]></wp:comment_author_IP>\n"
                f"<wp:comment_date><![CDATA[2012-03-{place % 28 + 1:02} 10:00:00]]></wp:comment_date>\n"
                f"<wp:comment_date_gmt><![CDATA[2012-03-{place % 28 + 1:02} 09:00:00]]></wp:comment_date_gmt>\n"
                f"<wp:comment_content><![CDATA[{words(dice, dice.randrange(5, 120))}\n\n"
                f'<a href="http://x.example">{words(dice, 3)}</a>]]></wp:comment_content>\n'
                "<wp:comment_approved><![CDATA[1]]></wp:comment_approved>\n"
                "<wp:comment_type><![CDATA[]]></wp:comment_type>\n<wp:comment_parent>0</wp:comment_parent>\n"
                "<wp:comment_user_id>0</wp:comment_user_id>\n<wp:commentmeta>\n"
                "<wp:meta_key><![CDATA[akismet_result]]></wp:meta_key>\n"
                "<wp:meta_value><![CDATA[false]]></wp:meta_value>\n</wp:commentmeta>\n</wp:comment>\n"
            )
        yield "</item>\n"


def disqus(dice: random.Random) -> Iterator[str]:
    yield '<disqus xmlns="http://disqus.com" xmlns:dsq="http://disqus.com/disqus-internals">\n'
    for number, comments in articles(dice):
        yield (
            f'<thread dsq:id="{number}">\n<id />\n<forum>blog</forum>\n<category dsq:id="1" />\n'
            f"<link>https://blog.example/{number}/</link>\n<title>{words(dice, 6)}</title>\n<message />\n"
            "<createdAt>2012-03-06T01:03:00Z</createdAt>\n<isClosed>false</isClosed>\n<isDeleted>false</isDeleted>\n"
            "</thread>\n"
        )
        for place in range(comments):
            yield (
                f'<post dsq:id="{number * 100 + place}">\n<id />\n<message><![CDATA[<p>'
                f"{words(dice, dice.randrange(5, 120))}</p>]]></message>\n<createdAt>2012-03-06T01:03:00Z</createdAt>\n"
                "<isDeleted>false</isDeleted>\n<isSpam>false</isSpam>\n<author>\n"
                f"<name>{words(dice, 2)}</name>\n<isAnonymous>true</isAnonymous>\n</author>\n"
                f'<thread dsq:id="{number}" />\n</post>\n'
            )


def blogml(dice: random.Random) -> Iterator[str]:
    yield '<blog root-url="/" xmlns="http://www.blogml.com/2006/09/BlogML"><posts>\n'
    for number, comments in articles(dice):
        yield (
            f'<post id="{number}" date-created="2012-03-06T01:03:00" approved="true" post-url="/{number}">\n'
            f'<title type="text">{words(dice, 6)}</title>\n<content type="text"><![CDATA[{words(dice, 500)}]]>'
            "</content>\n<comments>\n"
        )
        for place in range(comments):
            yield (
                f'<comment id="{number * 100 + place}" date-created="2012-03-06T01:03:00" approved="true" '
                f'user-name="Ada">\n<title type="text">x</title>\n<content type="text">'
                f"<![CDATA[{words(dice, dice.randrange(5, 120))}]]></content>\n</comment>\n"
            )
        yield "</comments>\n</post>\n"


def blogger(dice: random.Random) -> Iterator[str]:
    yield (
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:blogger='http://schemas.google.com/blogger/2018'>\n"
        "<id>tag:blogger.com,1999:blog-1</id>\n"
    )
    for number, comments in articles(dice):
        for place in range(-1, comments):
            kind = "COMMENT" if place >= 0 else "POST"
            count = dice.randrange(5, 120) if place >= 0 else 500
            yield (
                f"<entry>\n<id>tag:blogger.com,1999:blog-1.post-{number * 100 + place + 1}</id>\n"
                f"<blogger:parent>tag:blogger.com,1999:blog-1.post-{number * 100}</blogger:parent>\n"
                f"<blogger:type>{kind}</blogger:type>\n<blogger:status>LIVE</blogger:status>\n"
                "<author>\n<name>Ada</name>\n<uri>https://ada.example/</uri>\n</author>\n"
                f"<title>{words(dice, 5)}</title>\n"
                f"<content type='html'>&lt;p&gt;{words(dice, count)}&lt;/p&gt;</content>\n"
                "<published>2012-03-06T01:03:00Z</published>\n</entry>\n"
            )


def movable_type(dice: random.Random) -> Iterator[str]:
    for number, comments in articles(dice):
        yield (
            f"AUTHOR: Mira\nTITLE: {words(dice, 6)}\nUNIQUE URL: https://blog.example/{number}\n"
            f"DATE: 03/06/2012 01:03:00 AM\n-----\nBODY:\n{words(dice, 500)}\n-----\n"
        )
        for _ in range(comments):
            yield (
                "COMMENT:\nAUTHOR: Ada\nEMAIL: \nIP: 192.0.2.1\nURL: \nDATE: 03/07/2012 01:03:00 AM\n"
                f"{words(dice, dice.randrange(5, 120))}\n-----\n"
            )
        yield "--------\n"


MADE = {"wxr": wxr, "disqus": disqus, "blogml": blogml, "blogger": blogger, "movable-type": movable_type}
LAST = {"wxr": "</channel></rss>", "disqus": "</disqus>", "blogml": "</posts></blog>", "blogger": "</feed>"}


def make(path: Path, format_: str, size: int) -> None:
    written, end = 0, re.compile(r"</item>|</post>|</entry>|</thread>|-{8}\n")
    with path.open("w", encoding="utf-8") as file:
        for part in MADE[format_](random.Random(0)):
            written += file.write(part)
            if written >= size and end.search(part[-12:]):
                break
        file.write(LAST.get(format_, ""))


def bare(path: str, _out: str) -> int:
    """Parse, or for text run through the lines, and do nothing."""
    from lxml import etree

    if path.endswith(".txt"):
        with Path(path).open(encoding="utf-8") as file:
            return sum(1 for _ in file)
    for _, element in etree.iterparse(path, huge_tree=True, resolve_entities=False):
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return 0


def untouched(path: str, _out: str) -> int:
    """Parse and do nothing, not even free what was read."""
    from lxml import etree

    if not path.endswith(".txt"):
        for _ in etree.iterparse(path, huge_tree=True, resolve_entities=False):
            pass
    return 0


def ours(path: str, out: str) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from moderation.readers import read

    writer = None
    reading = read(path)
    for batch in reading:
        table = pa.Table.from_pandas(batch.comments, preserve_index=False)
        writer = writer or pq.ParquetWriter(out, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return reading.loss.comments_out


def timed(work, path: str, out: str, report: str) -> None:
    import pyarrow.parquet  # noqa: F401 - what everybody pays once

    import moderation.readers  # noqa: F401

    start = time.process_time()
    count = work(path, out)
    seconds = time.process_time() - start
    Path(report).write_text(f"{seconds} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024} {count}")


def alone(work, path: Path, folder: Path) -> tuple[float, float, int]:
    report = folder / "report"
    child = multiprocessing.get_context("spawn").Process(
        target=timed, args=(work, str(path), str(folder / "out.parquet"), str(report))
    )
    child.start()
    child.join()
    seconds, peak, count = report.read_text().split()
    return float(seconds), float(peak), int(count)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--formats", nargs="+", choices=MADE, default=list(MADE))
    parser.add_argument("--file", type=Path, help="an export of your own instead of made-up ones")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for format_ in chosen.formats if chosen.file is None else ["file"]:
            path = chosen.file or folder / f"{format_}{'.txt' if format_ == 'movable-type' else '.xml'}"
            quarter = 0.0
            if chosen.file is None:
                make(path, format_, chosen.megabytes * STEP // 4)
                _, quarter, _ = alone(ours, path, folder)
                make(path, format_, chosen.megabytes * STEP)
            size = path.stat().st_size / STEP
            seconds, peak, count = alone(ours, path, folder)
            parser_s, parser_peak, _ = alone(untouched, path, folder)
            freeing_s, _, _ = alone(bare, path, folder)
            print(
                f"{format_}: {size:.0f} MB, {count:,} comments; ours {size / seconds:.1f} MB/s, peak {peak:.0f} MiB "
                f"(at a quarter of the size {quarter:.0f})"
            )
            if parser_s > 0.01:
                print(
                    f"  bare parser {size / parser_s:.1f} MB/s (peak {parser_peak:.0f} MiB), freeing what it read "
                    f"{size / freeing_s:.1f}; ours takes {seconds / parser_s:.2f} and {seconds / freeing_s:.2f} times "
                    "as long"
                )
            else:
                print(f"  bare lines {size / freeing_s:.1f} MB/s; ours takes {seconds / freeing_s:.2f} times as long")
            if chosen.file is None:
                path.unlink()


if __name__ == "__main__":
    main()
