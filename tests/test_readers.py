"""Tables, JSON and Parquet in, batches out: what is kept, what is lost and said so, and what is refused in one line."""

import base64
import csv
import io
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import FormatError, InputError, TableError
from moderation.readers import FORMATS, Loss, LossReport, delimited, json_document, json_lines, json_values, read
from moderation.readers.columns import ALIASES
from moderation.readers.encoding import encoding_of, repair
from moderation.readers.formats import Wanted
from moderation.readers.json_blocks import Kinds
from moderation.readers.losses import Tally
from moderation.readers.records import Keys, batches_of_columns
from moderation.tables import native_id

TABLES = ("csv", "json", "jsonl", "parquet", "tsv")
ROWS = [
    {"id": "007", "author": "Ada", "text": "Keep the oven.", "posted_at": "2007-11-25T09:05:00Z"},
    {"id": "b-2", "author": None, "text": 'Two lines,\nand a "quote"; also: ünï 面包 🍞', "posted_at": None},
    {"id": "c 3", "author": "Ben", "text": "And the baker.", "posted_at": "2007-11-26T15:14:00+02:00"},
]


@dataclass
class Read:
    """What came out of one file."""

    comments: pd.DataFrame
    articles: pd.DataFrame
    loss: object
    format: str
    sizes: list[int]

    def column(self, name):
        return [None if pd.isna(value) else value for value in self.comments[name]]

    @property
    def texts(self):
        return self.column("text")


def take(path, kind=None, **options):
    reading = read(path, kind, **options)
    batches = [batch.validate() for batch in reading]
    report = reading.loss
    assert report.records_in == report.comments_out + report.lost
    assert report.comments_out == sum(map(len, batches))
    for batch in batches:  # an article once per batch, and none that no comment stands under
        assert batch.articles["id"].is_unique
        assert set(batch.articles["id"]) <= set(batch.comments["article_id"].dropna()) or reading.format == "page"
    empty = read_nothing()
    comments = pd.concat([batch.comments for batch in batches], ignore_index=True) if batches else empty.comments
    articles = pd.concat([batch.articles for batch in batches], ignore_index=True) if batches else empty.articles
    return Read(comments, articles, report, reading.format, [len(batch) for batch in batches])


def read_nothing():
    from moderation.tables import batch_of

    return batch_of([])


def written(path: Path, rows, kind=None) -> Path:
    """Write rows as a file of the format that its name, or `kind`, says."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    match kind or path.suffix[1:]:
        case "csv" | "tsv" as kind:
            with path.open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file, delimiter="," if kind == "csv" else "\t")
                table.writerow(names)
                table.writerows([["" if row.get(name) is None else row.get(name) for name in names] for row in rows])
        case "json":
            path.write_text(json.dumps(rows), encoding="utf-8")
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        case "parquet":
            pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path)
    return path


def file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


# One table in every format.


@pytest.mark.parametrize("kind", TABLES)
def test_every_format_gives_the_same_table(tmp_path, kind):
    got = take(written(tmp_path / f"export.{kind}", ROWS))
    assert got.format == kind
    assert got.column("id") == ["007", "b-2", "c 3"]
    assert got.column("author") == ["Ada", None, "Ben"]
    assert got.texts == [row["text"] for row in ROWS]
    assert got.column("posted_at") == [
        datetime(2007, 11, 25, 9, 5, tzinfo=UTC),
        None,
        datetime(2007, 11, 26, 13, 14, tzinfo=UTC),
    ]
    assert got.column("position") == [0, 1, 2]
    assert set(got.column("kind")) == set(got.column("status")) == {"unknown"}
    assert got.articles.empty
    assert got.loss.summary() == "3 records read, 3 comments, nothing lost"


@pytest.mark.parametrize("kind", TABLES)
def test_a_format_is_told_by_content_not_by_name(tmp_path, kind):
    assert take(written(tmp_path / "export.dat", ROWS, kind)).format == kind
    assert take(written(tmp_path / "export.txt", ROWS, kind)).texts == [row["text"] for row in ROWS]


@pytest.mark.parametrize("kind", TABLES)
def test_chunks_change_nothing(tmp_path, kind):
    rows = [{"id": str(i), "text": f"loaf {i}", "article_title": f"Bread {i % 2}"} for i in range(23)]
    rows[11]["id"] = "3"  # repeats one of an earlier chunk
    path = written(tmp_path / f"x.{kind}", rows)
    whole, small = take(path), take(path, chunk_rows=4)
    assert max(small.sizes) <= 4 < max(whole.sizes)
    pd.testing.assert_frame_equal(whole.comments, small.comments)
    assert whole.loss == small.loss
    assert whole.loss.lines[0].reason == "its id repeats an earlier record's"
    assert set(whole.articles["title"]) == set(small.articles["title"])


@pytest.mark.parametrize("kind", TABLES)
def test_no_records_are_no_comments(tmp_path, kind):
    if kind in ("json", "jsonl"):
        path = file(tmp_path, f"x.{kind}", "[]" if kind == "json" else "\n\n")
    else:
        path = written(tmp_path / f"x.{kind}", [{"id": "1", "text": "x"}])
        if kind == "parquet":
            pq.write_table(pq.read_table(path).slice(0, 0), path)
        else:
            path.write_text(path.read_text().split("\n")[0])
    got = take(path)
    assert (len(got.comments), got.loss.records_in, got.format) == (0, 0, kind)


def test_what_is_not_a_table_is_a_page(tmp_path):
    for text in ("A title, with a comma\n\nAnd words, like comment, text\n", "Comment, like, and subscribe", "text"):
        assert take(file(tmp_path, "x", text)).format == "page"


# Names.

LABELLED = {
    "comment": "text", "Body": "text", "content": "text", "message": "text", "comment_text": "text",
    "Comment Text": "text", "commentText": "text", "username": "author", "Name": "author", "user": "author",
    "comment_author": "author",
    "created_at": "posted_at", "date": "posted_at", "comment_ID": "id", "parent": "parent_id", "post_id": "article_id",
    "comment_approved": "status", "comment_type": "kind",
}  # fmt: skip
SAMPLE = {
    "text": "Keep it.", "author": "Ada", "posted_at": "2007-11-25", "id": "x1", "parent_id": "x0", "article_id": "a1",
    "status": "spam", "kind": "pingback",
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("name", LABELLED)
def test_the_names_that_exports_use_are_known(tmp_path, kind, name):
    field = LABELLED[name]
    row = {"text": SAMPLE["text"]} if field != "text" else {}
    got = take(written(tmp_path / f"x.{kind}", [row | {name: SAMPLE[field]}]), kind)
    value = got.column(field)[0]
    assert value == (datetime(2007, 11, 25, tzinfo=UTC) if field == "posted_at" else SAMPLE[field])
    assert not any("not used" in note for note in got.loss.notes)


def test_no_name_means_two_things():
    from moderation.readers.columns import plain

    names = [plain(alias) for aliases in ALIASES.values() for alias in aliases]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", TABLES)
def test_a_map_goes_before_the_names_that_are_known(tmp_path, kind):
    path = written(tmp_path / f"x.{kind}", [{"text": "a title", "Kommentar": "the words", "wer": "Ada"}])
    got = take(path, columns={"text": "Kommentar", "author": "wer"})
    assert (got.texts, got.column("author")) == (["the words"], ["Ada"])
    assert "not used: text" in got.loss.notes


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_without_text_is_refused_with_the_cure(tmp_path, kind):
    path = written(tmp_path / f"x.{kind}", [{"ident": "1", "said": "a"}, {"ident": "2", "said": "b"}])
    with pytest.raises(TableError) as refusal:
        take(path)
    assert str(refusal.value) == (
        f"{path}: no column 'text' (nor comment, body, content …); columns are ident, said; "
        "name it with --map text=NAME"
    )
    assert take(path, columns={"text": "said"}).texts == ["a", "b"]
    with pytest.raises(TableError, match=r"column 'sad', asked for as text, is not there; columns are ident, said; "):
        take(path, columns={"text": "sad"})
    with pytest.raises(InputError, match=r"'words' is not a field; fields are id, article_id, parent_id, author, "):
        take(path, columns={"words": "said"})


def test_a_message_about_columns_repeats_no_comment(tmp_path):
    secret = "I live at 12 Mill Lane, and I shall say so: come and get me!"
    path = file(tmp_path, "x.csv", f'"{secret}",ok\n"another one, just as long as the first of them",fine\n')
    with pytest.raises(TableError) as refusal:
        take(path)
    assert "columns are (column 1), ok;" in str(refusal.value)
    assert "Mill Lane" not in str(refusal.value)


@pytest.mark.parametrize("kind", TABLES)
def test_unknown_columns_are_noted_once_and_personal_ones_left_out(tmp_path, kind):
    rows = [
        {"text": f"loaf {i}", "shoe_size": i, "author_email": "ada@example.org", "IP": "10.0.0.1"} for i in range(9)
    ]
    got = take(written(tmp_path / f"x.{kind}", rows), chunk_rows=2)
    assert got.loss.notes == ("left out as personal data: author_email, IP", "not used: shoe_size")
    assert not got.comments.astype(str).apply(lambda column: column.str.contains("example.org|10.0.0.1")).any().any()


def test_addresses_given_as_names_are_dropped_unless_asked_for(tmp_path):
    rows = [
        {"text": "a", "author": "ada@example.org", "author_url": "mailto:ada@example.org"},
        {"text": "b", "author": "10.0.0.1", "author_url": "http://example.org/"},
        {"text": "c", "author": "Ada @ home", "author_url": " "},
    ]
    path = written(tmp_path / "x.jsonl", rows)
    got = take(path)
    assert got.column("author") == [None, None, "Ada @ home"]
    assert got.column("author_url") == [None, "http://example.org/", None]
    assert "2 e-mail or IP addresses given as author dropped" in got.loss.notes
    kept = take(path, keep_personal_data=True)
    assert kept.column("author") == ["ada@example.org", "10.0.0.1", "Ada @ home"]
    assert kept.column("author_url") == ["mailto:ada@example.org", "http://example.org/", None]


# Ids, parents, places.


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3], ["1", "2", "3"]),
        ([2**63, 10**30], [str(2**63), str(10**30)]),
        (["007", " 7 ", "7"], ["007", " 7 ", "7"]),
        ([1.5, 2.0], ["1.5", "2.0"]),
        ([True], ["true"]),
    ],
)
def test_ids_are_kept_as_given(tmp_path, values, expected):
    rows = [{"id": value, "text": "x"} for value in values]
    assert take(file(tmp_path, "x.json", json.dumps(rows))).column("id") == expected


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([1, 2]), ["1", "2"]),
        (pa.array([17.0, None]), ["17", None]),  # pandas makes floats of whole numbers where one is missing
        (pa.array([2**64 - 1, 0], pa.uint64()), [str(2**64 - 1), "0"]),
        (pa.array(["007", "b"]).dictionary_encode(), ["007", "b"]),
        (pa.array([b"x", b"\xff"]), ["x", "ÿ"]),
        (pa.array([Decimal("1.50"), Decimal("2.00")]), ["1.50", "2.00"]),
        (pa.array(["a", "b"], pa.string_view()), ["a", "b"]),
        (pa.array([[1], [2]]), [None, None]),
    ],
)
def test_ids_of_any_parquet_type_are_kept(tmp_path, array, expected):
    pq.write_table(pa.table({"id": array, "text": ["x", "y"]}), tmp_path / "x.parquet")
    got = take(tmp_path / "x.parquet")
    for id_, wanted in zip(got.column("id"), expected, strict=True):
        assert id_ == wanted if wanted is not None else id_.startswith("table:")


def test_a_missing_id_is_a_digest_of_what_there_is(tmp_path):
    rows = [{"text": "Yes.", "author": "Ada"}, {"text": "Yes.", "author": "Ben"}, {"text": "No.", "id": " "}]
    ids = {kind: take(written(tmp_path / f"x.{kind}", rows)).column("id") for kind in TABLES}
    assert len({tuple(found) for found in ids.values()}) == 1, "the same rows have the same ids in every format"
    assert ids["csv"][0] == native_id("table", None, "Ada", None, "Yes.")
    assert len(set(ids["csv"])) == 3


def test_the_same_words_twice_are_two_comments_with_lasting_ids(tmp_path):
    path = file(tmp_path, "x.csv", "text\nfirst!\nfirst!\nsecond\nfirst!\n")
    got = take(path)
    assert got.texts == ["first!", "first!", "second", "first!"]
    assert got.comments["id"].is_unique
    assert take(path, chunk_rows=1).column("id") == got.column("id")


def test_a_repeated_id_is_a_loss(tmp_path):
    got = take(file(tmp_path, "x.csv", "id,text\n1,a\n2,b\n1,c\n1,d\n3,e\n"), chunk_rows=3)
    assert got.texts == ["a", "b", "e"]
    assert got.loss.lines == (
        Loss("row 3", "its id repeats an earlier record's"),
        Loss("row 4", "its id repeats an earlier record's"),
    )


def test_places_are_counted_per_article(tmp_path):
    rows = [{"text": f"t{i}", "article_id": name} for i, name in enumerate("aababxa")]
    rows[5]["article_id"] = None
    got = take(written(tmp_path / "x.jsonl", rows), chunk_rows=3)
    assert got.column("position") == [0, 1, 0, 2, 1, 0, 3]


def test_places_given_are_kept_where_they_are_numbers(tmp_path):
    got = take(file(tmp_path, "x.csv", "text,position\na,7\nb,\nc,x\nd,1.5\ne,-1\n"))
    assert got.column("position") == [7, None, None, None, None]


def test_nought_is_no_parent_unless_it_is_a_comment(tmp_path):
    assert take(file(tmp_path, "a.csv", "id,parent,text\n1,0,a\n2,1,b\n")).column("parent_id") == [None, "1"]
    assert take(file(tmp_path, "b.csv", "id,parent,text\n0,,a\n1,0,b\n")).column("parent_id") == [None, "0"]


def test_what_the_source_decided_is_mapped(tmp_path):
    rows = [
        {"text": "a", "status": value, "type": kind}
        for value, kind in (
            ("1", ""),
            ("0", "comment"),
            ("SPAM ", "Pingback"),
            ("trash", "trackback"),
            ("odd", "review"),
            (None, None),
        )
    ]
    got = take(written(tmp_path / "x.jsonl", rows))
    assert got.column("status") == ["approved", "pending", "spam", "trash", "unknown", "unknown"]
    assert got.column("kind") == ["unknown", "comment", "pingback", "trackback", "unknown", "unknown"]
    assert "1 values of status are not known and count as unknown" in got.loss.notes


# Articles.


@pytest.mark.parametrize("kind", TABLES)
def test_inline_articles_go_to_their_own_table_once(tmp_path, kind):
    rows = [
        {"text": "a", "article_title": "Bread", "article_text": "Long story."},
        {"text": "b", "article_title": "Bread", "article_text": "Long story."},
        {"text": "c", "article_title": "Bread", "article_text": "Another story."},
        {"text": "d", "article_title": None, "article_text": None},
    ]
    got = take(written(tmp_path / f"x.{kind}", rows))
    one, two = native_id("article", "Bread", "Long story."), native_id("article", "Bread", "Another story.")
    assert got.column("article_id") == [one, one, two, None]
    assert got.articles[["id", "title", "text"]].to_numpy().tolist() == [
        [one, "Bread", "Long story."],
        [two, "Bread", "Another story."],
    ]


def test_an_article_s_own_id_and_url_are_kept(tmp_path):
    rows = [
        {"text": "a", "article_id": 7, "article_title": "Bread", "article_url": "http://example.org/bread"},
        {"text": "b", "article_id": 7},
        {"text": "c", "article_id": 7, "article_text": "Long story.", "article_title": "Cake"},
        {"text": "d", "article_id": 8},
        {"text": "e", "article_url": "http://example.org/rye"},
    ]
    got = take(written(tmp_path / "x.jsonl", rows))
    assert got.column("article_id")[:4] == ["7", "7", "7", "8"]
    first, last = got.articles.to_dict("records")
    assert (first["id"], first["title"], first["text"], first["url"]) == (
        "7",
        "Bread",
        "Long story.",
        "http://example.org/bread",
    )
    assert last["url"] == "http://example.org/rye"
    assert "1 times one article id came with two different contents; the first is kept" in got.loss.notes


def test_every_batch_has_the_articles_of_its_comments(tmp_path):
    rows = [{"text": f"t{i}", "article_title": "ABC"[i % 3]} for i in range(9)]
    path = written(tmp_path / "x.csv", rows)
    for batch in read(path, chunk_rows=2):
        assert set(batch.comments["article_id"]) == set(batch.articles["id"])
        assert len(batch.articles) == 2 or len(batch) == 1


def test_an_article_without_comments_left_is_left_out(tmp_path):
    rows = [{"id": "1", "text": "a", "article_title": "T"}, {"id": "1", "text": "b", "article_title": "U"}]
    assert take(written(tmp_path / "x.csv", rows)).articles["title"].tolist() == ["T"]


# JSON of many shapes.

SHAPES = {
    "a list": [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}],
    "a list of strings": ["a", "b"],
    "under a key": {"comments": [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}], "count": 2},
    "wrapped twice": {"response": [], "data": [{"text": "a"}, {"text": "b"}]},
    "articles": {
        "articles": [{"title": "T", "comments": [{"text": "a"}]}, {"title": "U", "comments": [{"text": "b"}]}]
    },
    "articles in a list": [{"title": "T", "comments": [{"text": "a"}, {"text": "b"}]}, {"title": "U", "comments": []}],
    "one article": {"title": "T", "text": "Body.", "comments": [{"text": "a"}, {"text": "b"}]},
    "replies inside": [{"id": 1, "text": "a", "replies": [{"id": 2, "text": "b"}]}],
    "objects in fields": [
        {"text": {"raw": "a"}, "author": {"name": "Ada"}},
        {"text": {"rendered": "b"}, "author": None},
    ],
    "keys that differ": [{"text": "a"}, {"body": "b", "text": None}],
}


@pytest.mark.parametrize("document", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("indent", [None, 2])
def test_json_of_many_shapes(tmp_path, document, indent):
    got = take(file(tmp_path, "x", json.dumps(document, indent=indent)))
    assert (got.format, got.texts) == ("json", ["a", "b"])
    assert not got.loss.lines
    assert not got.loss.notes or got.loss.notes[0].startswith("not used")


def test_nested_json_keeps_articles_and_threads(tmp_path):
    document = {
        "articles": [
            {"id": 5, "title": "T", "text": "Body.", "url": "http://example.org/", "comments": [
                {"id": 1, "text": "a", "replies": [{"id": 2, "text": "b", "replies": [{"id": 3, "text": "c"}]}]},
                {"id": 4, "text": "d"},
            ]},
            {"title": "U", "text": "Nobody spoke."},
        ]
    }  # fmt: skip
    got = take(file(tmp_path, "x.json", json.dumps(document)))
    assert got.column("id") == ["1", "2", "3", "4"]
    assert got.column("parent_id") == [None, "1", "2", None]
    assert got.column("article_id") == ["5"] * 4
    assert got.articles[["id", "title", "text", "url"]].to_numpy().tolist() == [
        ["5", "T", "Body.", "http://example.org/"]
    ]


def test_a_thread_may_be_deeper_than_the_interpreter_calls(tmp_path):
    text = "".join(f'{{"text": "t{i}", "replies": [' for i in range(5000)) + "]}" * 5000
    try:
        got = take(file(tmp_path, "x.json", f"[{text}]"))
    except FormatError as error:
        assert "nested too deeply" in str(error)  # noqa: PT017 - which of the two depends on the interpreter
    else:
        assert len(got.comments) == 5000


def test_dots_in_a_map_reach_into_objects(tmp_path):
    rows = [{"a": {"b": {"c": "deep"}}}, {"a.b.c": "plain"}, {"a": 1}]
    got = take(written(tmp_path / "x.jsonl", rows), columns={"text": "a.b.c"})
    assert got.texts == ["deep", "plain"]
    pq.write_table(pa.table({"a": [{"b": "deep"}]}), tmp_path / "x.parquet")
    assert take(tmp_path / "x.parquet", columns={"text": "a.b"}).texts == ["deep"]


def test_bad_lines_are_losses_and_the_rest_is_read(tmp_path):
    lines = [
        *('{"text": "a"}', "not json", "", '{"text": "b"', "[1, 2]", "17", '"a bare string"', "null", '{"id": "x"}'),
        *('{"text": "c"} x', '{"n": ' + "9" * 5000 + ', "text": "d"}', "[" * 100_000, '{"text": "e"}'),
    ]
    got = take(file(tmp_path, "x.jsonl", "\n".join(lines)))
    assert got.texts == ["a", "a bare string", "e"]
    where = {(line.place, line.reason) for line in got.loss.lines}
    assert where == {
        *((f"line {n}", "not JSON") for n in (2, 4, 10, 11, 12)),
        *((f"line {n}", "not a JSON object") for n in (5, 6, 8)),
        ("line 9", "no text"),
    }
    assert got.loss.records_in == 12


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_json_lines_end_at_line_feeds_only(tmp_path, end):
    text = json.dumps({"text": f"one{end}line"}, ensure_ascii=end in "\x0b\x0c\x1c")
    got = take(file(tmp_path, "x.jsonl", f"{text}\n{text}\r\n"))
    assert got.texts == [f"one{end}line"] * 2


def test_lone_surrogates_are_replaced(tmp_path):
    for name, text in (
        ("x.json", '[{"text": "a\\ud800b"}]'),
        ("x.jsonl", '{"text": "a\\ud800b", "\\udc00": 1}\n{"text": "\\udfff"}'),
    ):
        assert take(file(tmp_path, name, text)).texts[0] == "a\ufffdb"
    assert take(file(tmp_path, "x.json", '[{"text": "\\ud83c\\udf5e"}]')).texts == ["🍞"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}', r"no list of comments found; its keys are a; put them under 'comments'"),
        ("17", r"is one JSON value, not a list of comments"),
        ('[{"text": "a"},', r"line 1, column 16: not JSON \("),
        ("[" * 100_000, r"is nested too deeply"),
        ("[1" + "0" * 5000 + "]", r"holds a number too long"),
        ("", r"the file is empty"),
        (" \n", r"not JSON"),
    ],
)
def test_bad_documents_are_one_line(tmp_path, text, message):
    with pytest.raises(FormatError, match=message) as refusal:
        take(file(tmp_path, "x.json", text), "json")
    assert "\n" not in str(refusal.value)


# CSV as it is found.


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_of_any_delimiter_and_line_end(tmp_path, delimiter, end):
    text = end.join(delimiter.join(row) for row in (["id", "text"], ["1", "a"], ["2", '"b"'], ["3", '"two\nlines"']))
    got = take(file(tmp_path, "x", text + end))
    assert got.format == ("tsv" if delimiter == "\t" else "csv")
    assert got.texts == ["a", "b", "two\nlines"]
    assert got.column("id") == ["1", "2", "3"]


def test_ragged_rows_are_filled_or_lost_but_never_shifted(tmp_path):
    got = take(file(tmp_path, "x.csv", "id,text,author\n1,a\n2,b,Ada\n3,c,Ben,,\n4,d,Cy,more\n5\n\n6,e,Dee\n"))
    assert got.column("id") == ["1", "2", "3", "6"]
    assert got.column("author") == [None, "Ada", "Ben", "Dee"]
    assert set(got.loss.lines) == {
        Loss("row 4", "has more than 3 cells (an unquoted delimiter?)"),
        Loss("row 5", "no text"),
    }
    assert "2 short rows filled up with empty cells" in got.loss.notes


def test_a_cell_may_be_longer_than_the_module_s_limit(tmp_path):
    long = "word, " * 100_000
    assert take(file(tmp_path, "x.csv", f'id,text\n1,"{long}"\n2,b\n')).texts == [long, "b"]


def test_a_quote_that_never_closes_loses_no_row_unseen(tmp_path):
    got = take(file(tmp_path, "x.csv", 'id,text\n1,"open\n2,b\n3,c\n'))
    assert got.texts == ['"open', "b", "c"]
    assert got.loss.notes == ("quotation marks are taken literally: they do not pair",)
    rows = "".join(f'{i},"a, b"\n' for i in range(20_000))
    got = take(file(tmp_path, "y.csv", f'id,text\n{rows}x,"open\n' + "y,z\n" * 7))
    assert len(got.comments) == 20_000
    assert got.loss.lines == (Loss("last row", "a quote opens and never closes; 8 lines below it are unread"),)


def test_blank_text_is_a_loss(tmp_path):
    for kind in TABLES:
        rows = [{"id": str(i), "text": text} for i, text in enumerate(["a", "", "  \n\t ", "\u00a0\u3000", "b"])]
        got = take(written(tmp_path / f"x.{kind}", rows))
        assert got.texts == ["a", "b"], kind
        assert [line.reason for line in got.loss.lines] == ["no text"] * 3, kind


def test_a_header_may_stand_below_blank_lines_and_repeat_itself(tmp_path):
    got = take(file(tmp_path, "x.csv", "\n , \nid,text,text\n1,a,b\n"), "csv")
    assert got.texts == ["a"]


# Times.


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2007-11-25", "2007-11-25T09:05:00.25+01:00"], ["2007-11-25 00:00:00", "2007-11-25 08:05:00.250000"]),
        (["1195981500", "1195981500000"], ["2007-11-25 09:05:00"] * 2),
        ([1195981500, 1195981500.5], ["2007-11-25 09:05:00", "2007-11-25 09:05:00.500000"]),
        (["25/11/2007 09:05", "3/12/2007"], ["2007-11-25 09:05:00", "2007-12-03 00:00:00"]),
        (["Nov 25, 2007 at 9:05 am", "Sun, 25 Nov 2007 09:05:00 +0000"], ["2007-11-25 09:05:00"] * 2),
        (["0000-00-00 00:00:00", "soon"], [None, None]),
        (["", None], [None, None]),
        (["9" * 30, "-" * 500], [None, None]),
    ],
)
def test_times_are_read_as_people_and_machines_write_them(tmp_path, values, expected):
    rows = [{"text": "x", "created_at": value} for value in values]
    got = take(file(tmp_path, "x.json", json.dumps(rows)))
    assert [None if time is None else str(time)[:-6] for time in got.column("posted_at")] == expected
    bad = [
        f"record {row}"
        for row, (time, value) in enumerate(zip(got.column("posted_at"), values, strict=True), 1)
        if time is None and value
    ]
    said = [note for note in got.loss.notes if "could not be read" in note]
    assert said == [f"{len(bad)} times could not be read and are left out: {', '.join(bad)}"] * bool(bad)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (
            pa.array([datetime(2007, 11, 25, 9, 5, tzinfo=UTC)], pa.timestamp("ns", "Europe/Oslo")),
            "2007-11-25 09:05:00+00:00",
        ),
        (pa.array([datetime(2007, 11, 25, 9, 5)], pa.timestamp("s")), "2007-11-25 09:05:00+00:00"),  # noqa: DTZ001
        (pa.array([13842], pa.date32()), "2007-11-25 00:00:00+00:00"),
        (pa.array([1195981500], pa.int64()), "2007-11-25 09:05:00+00:00"),
        (pa.array([1195981500.0], pa.float64()), "2007-11-25 09:05:00+00:00"),
        (pa.array([[1]]), "None"),
    ],
)
def test_times_of_any_parquet_type(tmp_path, array, expected):
    pq.write_table(pa.table({"text": ["x"], "date": array}), tmp_path / "x.parquet")
    assert str(take(tmp_path / "x.parquet").column("posted_at")[0]) == expected


def test_a_zone_whose_name_is_no_text_loses_no_time(tmp_path):
    path = tmp_path / "x.parquet"
    when = pa.array([datetime(2007, 11, 25, 9, 5, tzinfo=UTC)], pa.timestamp("us", "Europe/Oslo"))
    pq.write_table(pa.table({"text": ["x"], "date": when}), path)
    stored = pq.read_metadata(path).metadata[b"ARROW:schema"]
    spoiled = base64.b64encode(base64.b64decode(stored).replace(b"Europe/Oslo", b"Europe/\x83slo"))
    assert spoiled != stored
    path.write_bytes(path.read_bytes().replace(stored, spoiled))
    assert str(take(path).column("posted_at")[0]) == "2007-11-25 09:05:00+00:00"


# Bytes.


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Déjà vu : la forêt était belle à Noël", "cp1252"),
        ("Schöne Grüße aus München, weiß man’s?", "cp1252"),
        ("¿Qué pasó, señor? ¡Nada!", "latin-1"),
        ("it’s “fine” – café", "cp1252"),
        ("Привет, это комментарий к статье о хлебе и о погоде в городе", "cp1251"),
        ("これはパン屋についてのコメントです。とても面白い記事でした。", "shift_jis"),
        ("Zażółć gęślą jaźń, powiedział stary piekarz do żony", "cp1250"),
        ("plain", "utf-16"),
        ("ünï 面包 🍞", "utf-16"),
        ("ünï 面包 🍞", "utf-8-sig"),
        ("Western text without a mark", "utf-16-le"),
        ("Western text without a mark", "utf-16-be"),
        ("ünï 面包 🍞", "utf-32"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_encodings_are_told_by_the_bytes(tmp_path, text, encoding, kind):
    content = f'id,text\n1,"{text}"\n2,b\n' if kind == "csv" else f'{{"text": "{text}"}}\n{{"text": "b"}}\n'
    got = take(file(tmp_path, f"x.{kind}", content.encode(encoding)))
    assert got.texts == [text, "b"]


def test_a_stray_byte_does_not_spoil_a_utf8_file(tmp_path):
    content = "id,text\n1,grün\n2,it".encode() + b"\x92s fine\n3,caf\xe9\n4,na\xc3\xafve\n"
    got = take(file(tmp_path, "x.csv", content))
    assert got.texts == ["grün", "it’s fine", "café", "naïve"]
    assert "2 bytes that are not UTF-8 read as cp1252" in got.loss.notes


def test_an_encoding_that_shows_late_is_read_all_the_same(tmp_path):
    content = b"id,text\n" + b"".join(b"%d,plain\n" % i for i in range(60_000)) + b"x,caf\xe9\n"
    assert take(file(tmp_path, "x.csv", content)).texts[-1] == "café"


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("it’s “fine” – naïve", None),
        ("naïve café", None),
        ("one Ã© alone", "one Ã© alone"),  # may be meant
        ("Ã© and donâ€™t, and 面", "Ã© and donâ€™t, and 面"),  # something else is there that no such mistake explains
    ],
)
def test_double_encoding_is_undone_only_where_it_is_certain(tmp_path, text, better):
    # as browsers do it: the five bytes that cp1252 leaves undefined pass through as themselves
    shown = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256)}
    damaged = text if better else "".join(shown[byte] for byte in text.encode("utf-8"))
    got = take(file(tmp_path, "x.jsonl", json.dumps({"text": damaged})))
    assert got.texts == [better or text]
    assert bool(got.loss.notes) == (better is None)


@given(st.text())
def test_repair_changes_no_text_that_was_never_damaged_twice(text):
    once = repair(text)
    assert once == text or once.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass") == once


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_utf8_is_always_told(text):
    assert encoding_of(text.encode("utf-8")) in {"utf-8", "utf-8-sig"} or text.startswith(("\ufeff", "\ufffe"))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_nul_characters_are_replaced_and_noted(tmp_path, kind):
    text = "keep\0 the\0 oven " + "word " * 30
    content = json.dumps([{"id": "a\0", "text": text}]) if kind == "json" else None
    content = content or (json.dumps({"id": "a\0", "text": text}) if kind == "jsonl" else f"id,text\na\0,{text}\n")
    got = take(file(tmp_path, f"x.{kind}", content))
    assert got.texts == [text.replace("\0", "\ufffd")]
    assert "3 NUL characters replaced" in got.loss.notes or "2 NUL characters replaced" in got.loss.notes


def test_bytes_that_are_not_what_parquet_says_they_are(tmp_path):
    bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"ok", b"caf\xe9"], pa.binary()).buffers())
    pq.write_table(pa.table({"id": ["1", "2"], "text": bad}), tmp_path / "x.parquet")
    got = take(tmp_path / "x.parquet")
    assert got.texts == ["ok", "café"]


# What is refused.


@pytest.mark.parametrize("kind", [None, *FORMATS])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; export it again"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture"),
        (b"PK\x03\x04" + bytes(100), "a ZIP archive"),
        (b"%PDF-1.4 words", "a PDF"),
        (bytes(range(256)) * 20, "binary data"),
        (b"\0" * 1000, "binary data"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path, kind, content, message):
    path = file(tmp_path, "x", content)
    with pytest.raises(FormatError) as refusal:
        take(path, kind)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith(f"{path}: ")
    assert message in str(refusal.value) or kind in ("excel", "parquet")


def test_paths_that_cannot_be_read_are_refused_in_one_line(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases = {
        tmp_path: "is a folder with no file to read in it; name a file, or another folder",
        tmp_path / "none.csv": "there is no such file; check the path",
        tmp_path / "a\0b": "cannot be read (embedded null byte); check the path",
        tmp_path / ("x" * 5000): "cannot be read (File name too long); check the path",
        tmp_path / "loop": "cannot be read (Too many levels of symbolic links); check the path",
        tmp_path / "a\nb": "there is no such file; check the path",
        Path("/dev/null"): "is not a regular file; save its content to one first",
    }
    for path, message in cases.items():
        with pytest.raises(InputError, match=re.escape(message) + "$") as refusal:
            read(path)
        assert "\n" not in str(refusal.value)


def test_a_file_without_permission_is_refused_in_one_line(tmp_path):
    path = file(tmp_path, "x.csv", "text\na\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(InputError, match="may not be read; check its permissions"):
        read(path)


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path):
    path = file(tmp_path, "x", "text")
    with pytest.raises(FormatError) as refusal:
        read(path, "pdf")
    assert str(refusal.value) == f"unknown format 'pdf'; known: {', '.join(sorted(FORMATS))}"


def test_markup_is_not_read_as_a_page_of_text(tmp_path):
    for name in ("x.html", "x.txt"):
        reading = read(file(tmp_path, name, "<!DOCTYPE html>\n<html><p>words</p></html>"))
        assert reading.format == "html"
        assert sum(map(len, reading)) == 0


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.95])
def test_half_a_parquet_file_is_refused_in_one_line(tmp_path, cut):
    path = written(tmp_path / "x.parquet", ROWS)
    path.write_bytes(path.read_bytes()[: int(cut * path.stat().st_size)])
    with pytest.raises(FormatError, match="not a Parquet file, or a damaged one") as refusal:
        take(path)
    assert "\n" not in str(refusal.value)


def test_text_that_is_no_text_is_refused(tmp_path):
    pq.write_table(pa.table({"text": [[1], [2]]}), tmp_path / "x.parquet")
    with pytest.raises(TableError, match="holds list<element: int64>, not text; name another with --map text=NAME"):
        take(tmp_path / "x.parquet")


def test_a_reading_is_iterated_once(tmp_path):
    reading = read(written(tmp_path / "x.csv", ROWS))
    assert len(list(reading)) == 1
    with pytest.raises(InputError, match="was read already"):
        list(reading)


# Size and progress.


@pytest.mark.parametrize("kind", TABLES)
def test_one_comment_of_fifty_megabytes(tmp_path, kind):
    huge = "war, and peace\n" * (50 * 2**20 // 15)
    got = take(written(tmp_path / f"x.{kind}", [{"id": "1", "text": huge}, {"id": "2", "text": "b"}]))
    assert [len(text) for text in got.texts] == [len(huge), 1]


@pytest.mark.parametrize("kind", TABLES)
def test_progress_grows_to_the_size_of_the_file(tmp_path, kind):
    path = written(tmp_path / f"x.{kind}", [{"id": str(i), "text": f"loaf {i} " * 40} for i in range(5000)])
    reading = read(path, chunk_rows=100)
    assert (reading.bytes_read, reading.total_bytes) == (0, path.stat().st_size)
    seen = [reading.bytes_read for _ in reading]
    assert seen == sorted(seen)
    assert reading.bytes_read == reading.total_bytes
    assert len(set(seen)) > 3 or kind == "json"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, kind):
    rows = [{"id": str(i), "text": f"loaf {i} " * 60} for i in range(100_000)]
    path = written(tmp_path / f"x.{kind}", rows)
    if kind == "parquet":
        pq.write_table(pq.read_table(path), path, row_group_size=1000)
    import tracemalloc

    for _ in read(path):  # what is loaded once, for all files, is not the file's
        pass
    before = pa.total_allocated_bytes()
    highest = 0
    tracemalloc.start()
    try:
        for batch in read(path, chunk_rows=1000):
            highest = max(highest, tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes() - before)
            del batch
    finally:
        tracemalloc.stop()
    assert highest < sum(len(row["text"]) for row in rows) / 2


def test_a_file_is_opened_only_while_it_is_read(tmp_path):
    path = written(tmp_path / "x.csv", [{"text": f"loaf {i}"} for i in range(10)])
    reading = read(path, chunk_rows=2)
    iterator = iter(reading)
    next(iterator)
    iterator.close()
    path.unlink()


def test_a_million_losses_are_not_a_million_lines(tmp_path):
    got = take(file(tmp_path, "x.jsonl", "x\n" * 5000 + '{"text": "a"}\n'))
    assert got.loss.lost == 5000
    assert len(got.loss.lines) == 21
    assert str(got.loss.lines[-1]) == "further on, up to line 5000: not JSON (4,980 records)"
    assert got.loss.summary() == "5,001 records read, 1 comment, 5,000 lost: 5,000 × not JSON"


# Any bytes.


# Control characters by the handful would make a file binary.
PRINTED = st.characters(exclude_categories=["Cc", "Cs"])


def cells():
    return st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just({"name": "x"}), st.just([1])
    )


KEYS = st.sampled_from(
    ["id", "text", "comment", "author", "created_at", "parent_id", "article_title", "status", "position", "x", ""]
)
DOCUMENTS = st.recursive(
    st.dictionaries(KEYS, cells(), max_size=5) | cells(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["comments", "articles", "replies", "text", "id"]), inner)
    ),
    max_leaves=12,
)


def survives(folder, content, kind):
    path = folder / "x"
    path.write_bytes(content)
    try:
        return take(path, kind, chunk_rows=3)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - the property is that nothing else is raised, and it is one line
        assert str(path) in str(error)  # noqa: PT017
        return None


@pytest.mark.parametrize("kind", [None, *FORMATS])
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_reader_raises_anything_else_on_any_bytes(tmp_path_factory, kind, content):
    survives(tmp_path_factory.mktemp("bytes"), content, kind)


@pytest.mark.parametrize("kind", [None, "json", "jsonl"])
@given(document=DOCUMENTS)
def test_no_reader_raises_anything_else_on_any_json(tmp_path_factory, kind, document):
    lines = document if isinstance(document, list) and kind == "jsonl" else [document]
    content = "\n".join(json.dumps(line) for line in lines).encode()
    survives(tmp_path_factory.mktemp("json"), content, kind)


@pytest.mark.parametrize("kind", [None, "csv", "tsv"])
@given(rows=st.lists(st.lists(st.text(max_size=10), max_size=5), max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_no_reader_raises_anything_else_on_any_table(tmp_path_factory, kind, rows, delimiter):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([["id", "text", "date"], *rows])
    survives(tmp_path_factory.mktemp("table"), text.getvalue().encode("utf-8", "surrogatepass"), kind)


@given(st.integers(0, 2000), st.integers(0, 255), st.integers(1, 8))
def test_no_reader_raises_anything_else_on_damaged_parquet(tmp_path_factory, place, byte, count):
    folder = tmp_path_factory.mktemp("parquet")
    content = bytearray(written(folder / "whole.parquet", ROWS).read_bytes())
    at = place % len(content)
    content[at : at + count] = bytes([byte]) * count
    survives(folder, bytes(content), "parquet")


@pytest.mark.parametrize("kind", TABLES)
@given(texts=st.lists(st.text(PRINTED | st.sampled_from("\n\r\t\0\u2028\x85"), min_size=1, max_size=30), max_size=12))
def test_every_text_comes_through_or_is_counted(tmp_path_factory, kind, texts):
    rows = [{"id": f"c{i}", "text": f"{text}."} for i, text in enumerate(texts)]
    if not rows:
        return
    got = take(written(tmp_path_factory.mktemp("texts") / f"x.{kind}", rows), kind)
    ends = {"\r\n": "\n", "\r": "\n", "\0": "\ufffd"}
    expected = [re.sub("\r\n|\r|\0", lambda found: ends[found[0]], row["text"]) for row in rows]
    assert [repair(text) for text in expected] == got.texts
    assert got.column("id") == [row["id"] for row in rows]
    assert np.array_equal(got.comments["position"].to_numpy(dtype=int), np.arange(len(rows)))


# What a compiled parser reads at once, and what is read line by line.

ODD_LINES = st.sampled_from(
    (
        '{"id":"d","id":"e","text":"twice"}',
        '{"id":"p","text":"one"}{"id":"q","text":"two"}',
        '{"id":"o","text":{"raw":"inner"}}',
        '{"id":12345678901234567890123,"text":"long number"}',
        '{"id":17,"text":"number"}',
        '{"id":"n","text":"a new key","parent_id":"c1"}',
        '{"id":"f","text":"a share","score":0.5}',
        '{"id":"s","text":"half a pair \\ud800"}',
        '{"id":"w","text":"a whole one \\ud83d\\ude00, \\u0000 and \\r"}',
        '{"text":',
        '"id":"h"}',
        '{"a":[{}',
        "{}]}",
        "[]",
        "null",
        "",
        "  ",
    )
)
PLAIN_LINES = st.builds(
    lambda number, text, author: json.dumps({"id": f"c{number}", "text": text, "author": author}, ensure_ascii=False),
    st.integers(0, 40),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PLAIN_LINES | ODD_LINES, max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_blocks_give_what_lines_give(lines: list[str], end: str) -> None:
    content = "".join(f"{line}{end}" for line in lines).encode("utf-8", "surrogatepass")
    starts = [0, *(at + 1 for at, byte in enumerate(content) if byte == 10)]

    def read_in(size: int) -> tuple[list[Any], LossReport]:
        """Read with blocks of `size` lines each; of one line each, by the lenient parser alone."""
        wanted = Wanted(Tally())
        parts = [
            content[starts[first] : starts[min(first + size, len(starts) - 1)]]
            for first in range(0, len(starts) - 1, size)
        ]
        pieces = json_lines.pieces(parts, Kinds(flat=False, is_used=size > 1), Keys("x", wanted))
        batches = list(batches_of_columns(pieces, "table", wanted, "line"))
        return [row for batch in batches for row in batch.comments.to_dict("records")], wanted.tally.report()

    alone, report = read_in(1)
    together, found = read_in(5)
    assert repr(together) == repr(alone)
    assert (found.records_in, found.comments_out) == (report.records_in, report.comments_out)
    assert sorted(map(str, found.lines)) == sorted(map(str, report.lines))


CELLS = st.text(st.sampled_from("ab,;\"\n\r\t é'=\0") | st.characters(codec="utf-8"), max_size=8)
ODD_ROWS = st.sampled_from(
    (
        b"",
        b"\r",
        b" ",
        b"1,text,Ada,more,and more",
        b"1,short",
        b'1,"a ""word""",""',
        b'1,a "word",5"',
        b'1, "blank before",Ada',
        b'1,"closed"and more,Ada',
        b'1,"two\nlines",Ada',
        b'1,"never closed,Ada',
        b"\xef\xbb\xbf1,a mark,Ada",
        b"1,\xe9t\xe9,Ada",
        b"1,NUL \0,Ada",
    )
)


def _row(cells: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue().encode()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3).map(_row) | ODD_ROWS, max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.sampled_from([b"", b"\n"]),
    st.integers(1, 60),
)
def test_a_compiled_parser_gives_of_a_table_what_the_csv_module_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[bytes], end: bytes, last: bytes, size: int
) -> None:
    path = tmp_path_factory.mktemp("table") / "x.csv"
    path.write_bytes(end.join([b"id,text,author", *rows]) + last)

    def taken(first: int) -> tuple[Any, ...]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delimited, "FIRST", first)
            patch.setattr(delimited, "BLOCK", size)
            reading = read(path, "csv")
            try:
                found = [row for batch in reading for row in batch.comments.to_dict("records")]
            except FormatError as error:
                return (str(error),)
        loss = reading.loss
        return repr(found), sorted(map(str, loss.lines)), loss.records_in, loss.comments_out, sorted(loss.notes)

    # In blocks of a few bytes, and in one that begins with the header, which the csv module reads.
    assert taken(size) == taken(1 << 16)


ODD_RECORDS = st.sampled_from(
    (
        '{"id":"d","id":"e","text":"twice"}',
        '{"id":"o","text":{"raw":"inner"}}',
        '{"id":"r","text":"answered","replies":[{"id":"s","text":"an answer"},{"id":"t","text":"another"}]}',
        '{"id":12345678901234567890123,"text":"long number"}',
        '{"id":18446744073709551615,"text":"a long one"}',
        '{"id":17,"text":"number"}',
        '{"id":"n","text":"a new key","parent_id":"c1"}',
        '{"id":"f","text":"a share","score":0.5}',
        '{"id":"g","text":"none","score":NaN}',
        '{"id":"s","text":"half a pair \\ud800"}',
        '{"id":"u","text":"what parts two},{objects"}',
        '{"id":"v","text":"x},{"}',
        '{"id":"w"}',
        '{"text":',
        '"h"',
        "[]",
        "null",
        "",
        "{}",
    )
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(PLAIN_LINES | ODD_RECORDS, max_size=20) | st.lists(PLAIN_LINES, max_size=20),
    st.tuples(st.sampled_from([",", ", ", ",\n"]), st.sampled_from(["]", "]\n", " \n] ", "", "] x"])),
    st.integers(1, 300),
    st.booleans(),
)
def test_blocks_of_a_document_give_what_all_of_it_gives(
    tmp_path_factory: pytest.TempPathFactory, records: list[str], marks: tuple[str, str], size: int, large: bool
) -> None:
    path = tmp_path_factory.mktemp("document") / "x.json"
    between, end = marks
    path.write_text("[" + between.join(records) + end, "utf-8")

    def taken(known: tuple[bytes, ...]) -> tuple[Any, ...]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_document, "BETWEEN", known)
            patch.setattr(json_document, "FIRST", size)
            patch.setattr(json_document, "BLOCK", size)
            patch.setattr(json_values, "WHOLE", 0 if large else 1 << 20)
            reading = read(path, "json")
            try:
                found = [row for batch in reading for row in batch.comments.to_dict("records")]
            except (FormatError, TableError) as error:
                return (str(error),)
        loss = reading.loss
        return repr(found), sorted(map(str, loss.lines)), loss.records_in, loss.comments_out

    assert taken(json_document.BETWEEN) == taken(())
