"""Files of every format that is read: the form that its documents show, and unusual ones. Written for these tests."""
# ruff: noqa: E501 - samples are as wide as what they are samples of

import io
import json
import sys
import tempfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
from html_samples import SAMPLES as PAGES
from test_blog_exports import NAMES as EXPORTS
from test_systems import SAMPLES as SYSTEMS
from test_systems import isso_database, table, workbook

HERE = Path(__file__).parent
ROWS = [
    {"id": "7", "author": "Ada", "text": "Keep the oven.", "posted_at": "2007-11-25T09:05:00Z", "status": "approved"},
    {
        "id": "8",
        "author": "Ben",
        "text": "Buy\nbread, “here”",
        "posted_at": "2007-11-26 15:14",
        "parent_id": "7",
        "status": "spam",
    },
]


def parquet(columns: dict[str, object]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def books() -> dict[str, bytes]:
    found = {}
    sheets = {
        "one sheet": [[["id", "Comment", "created"], [7, "Keep the oven.", "2007-11-25"], [8, "Buy “bread”", "x"]]],
        "a title above": [[["Comments of May"], [], ["Author", "Text"], ["Ada", "Keep the oven."], [None, None]]],
        "on the second sheet": [[["a", "b"], [1, 2]], [["text"], ["Keep the oven."], [12.0]]],
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, content in sheets.items():
            found[name] = workbook(Path(folder) / "x.xlsx", *content).read_bytes()
    assert openpyxl.__version__
    return found


def databases() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        isso_database(Path(folder) / "a.db")
        isso_database(Path(folder) / "b.db", odd=True)
        return {
            "as it is": (Path(folder) / "a.db").read_bytes(),
            "odd values, a trigger, a view": (Path(folder) / "b.db").read_bytes(),
            "cut off": (Path(folder) / "a.db").read_bytes()[:5000],
        }


PAGE = """Bread at last
By Eve Baker | 3 March 2012

We baked nine loaves on Saturday, and eight of them rose as they should have. The ninth is for the birds, which were glad of it.

2 Comments

"""

TABLES = {
    "csv": {
        "with a header": table(ROWS[1], *([row.get(name, "") for name in ROWS[1]] for row in ROWS)),
        "semicolons, other names, a byte-order mark": "\ufeff"
        + table(["Nr", "Name", "Kommentar", "Datum"], [1, "Ada", "Ofen warm; halten", "25.11.2007 09:05"], [2, "", "", ""], delimiter=";"),
        "ragged, a quote left open": 'id,text,author\n1,"Keep ""it""",Ada,more,and more\n2,short\n3,"never closed, Ben\n4,next,Cleo\n',
    },
    "tsv": {
        "with a header": table(ROWS[1], *([row.get(name, "") for name in ROWS[1]] for row in ROWS), delimiter="\t"),
        "old line ends, no ids": "text\tby\tdate\rKeep the oven.\tAda\t11/25/07\rBuy\tBen\t\r",
        "commas inside, blank lines before": "\n\n\ntext\tauthor\nKeep, please, the oven.\tAda, of Hill\n",
    },
    "json": {
        "a list": json.dumps(ROWS),
        "threads in articles": json.dumps({"articles": [{"id": "a1", "title": "Bread", "comments": [
            {"id": 1, "text": "Keep it.", "replies": [{"id": 2, "text": "No."}]}]}]}),
        "an object that wraps it, other names, numbers as times": json.dumps({"meta": {"n": 2}, "data": [
            {"comment_id": 9, "body": "Keep &amp; share", "user": {"name": "Ada"}, "created_at": 1195981500}, 7, None]}),
    },
    "jsonl": {
        "a line each": "".join(json.dumps(row) + "\n" for row in ROWS),
        "bad lines, strings, blanks": '{"text": "Keep it."}\n{"text": \n\n"bare words"\n[1]\n{"text": "a\u2028b", "author": {"name": "Ada"}}',
        "keys that change, windows line ends": '{"body": "Keep it."}\r\n{"message": "Buy", "from": "Ben"}\r\n{"text": null}\r\n',
    },
    "parquet": {
        "plain": parquet({name: [row.get(name) for row in ROWS] for name in ROWS[1]}),
        "whole numbers as floats, times with zones": parquet({"id": [1.0, None], "comment": ["Keep it.", "Buy"], "date": pa.array(
            [1195981500000000, None], pa.timestamp("us", "Europe/Oslo"))}),
        "a dictionary, bytes that are not text": parquet({"text": pa.array(["a", "b", "a"]).dictionary_encode(), "author": pa.array(
            [b"Ada", b"caf\xe9", None], pa.binary()), "id": ["1", "1", "2"]}),
    },
    "page": {
        "says": PAGE + "Ann Lee says:\nMarch 4, 2012 at 10:20 am\n\nKeep the oven warm, and do not open its door.\n\nBen says:\nMarch 5, 2012 at 8:05 am\n\nMine came out flat as a plate.\n",
        "in German, dates before": PAGE.replace("2 Comments", "2 Kommentare") + "Ann Lee schreibt am 4. März 2012 um 10:20 Uhr:\n\nDen Ofen bitte warm halten, und die Tür zu.\n\nBen schreibt am 5. März 2012 um 8:05 Uhr:\n\nMeins ist flach geblieben, wie ein Teller.\n",
        "names below, windows line ends": (PAGE + "Keep the oven warm, and do not open its door.\n\nPosted by Ann Lee on March 4, 2012 10:20 AM\n\nMine came out flat.\n\nPosted by Ben on March 5, 2012 8:05 AM\n").replace("\n", "\r\n"),
    },
    "excel": books(),
    "isso": databases(),
}  # fmt: skip


def samples() -> dict[str, dict[str, bytes]]:
    """Return format -> variant -> content of a file."""
    found: dict[str, dict[str, str | bytes]] = {name: dict(variants) for name, variants in TABLES.items()}
    found["html"] = {page.name: page.page for page in PAGES}
    for file, name in EXPORTS.items():
        found.setdefault(name, {})[file] = (HERE / "samples" / file).read_bytes()
    for name, variants in SYSTEMS.items():
        found[name] = {variant: content for variant, (_, content) in variants.items()}
    return {
        name: {each: content.encode() if isinstance(content, str) else content for each, content in variants.items()}
        for name, variants in found.items()
    }
