"""Tables in, files out: what is written, and that it is there whole or not at all."""

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import FormatError, InputError
from moderation.labels import LABELS
from moderation.readers import read
from moderation.tables import (
    ARTICLES,
    COMMENTS,
    KINDS,
    STATUSES,
    Batch,
    batch_of,
    conform,
    truth_of,
)
from moderation.writers import SCORES, SUFFIXES, TableWriter, write_comments, write_scores


class Why:
    """A reason, as policies make them: it says itself in one line."""

    def __init__(self, line: str) -> None:
        self.line = line

    def __str__(self) -> str:
        return self.line


def pair(ids, reasons=(), value=0.25):
    index = pd.Index(list(ids), dtype="string[pyarrow]", name="id")
    scores = pd.DataFrame({label: np.full(len(index), value, dtype="float32") for label in LABELS}, index=index)
    scores["off_topic"] = np.float32("nan")
    scores["model"] = pd.array(["m1"] * len(index), dtype="string[pyarrow]")
    decisions = pd.DataFrame({"decision": ["review"] * len(index)}, index=index)
    decisions["reasons"] = pd.Series([tuple(map(Why, reasons))] * len(index), index=index, dtype="object")
    return scores, decisions


def read_back(path: Path) -> pd.DataFrame:
    match path.suffix:
        case ".parquet":
            return pd.read_parquet(path)
        case ".csv":
            return pd.read_csv(path, dtype={"id": str}, keep_default_na=False, na_values=[""])
        case ".tsv":
            return pd.read_csv(path, sep="\t", dtype={"id": str})
        case _:
            return pd.DataFrame([json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_scores_keep_ids_order_and_columns(tmp_path, suffix):
    out = tmp_path / f"scored{suffix}"
    pairs = [pair(["007", "b"]), pair([]), pair(["c"])]
    assert write_scores(pairs, out) == 3
    table = read_back(out)
    assert table["id"].tolist() == ["007", "b", "c"]
    assert table.columns.tolist() == ["id", *LABELS, "decision", "reasons", "model"] == SCORES.names
    assert table["spam"].tolist() == [0.25] * 3
    assert table["off_topic"].isna().all()
    assert table["model"].tolist() == ["m1"] * 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_rows_are_a_table_all_the_same(tmp_path, suffix):
    out = tmp_path / f"scored{suffix}"
    assert write_scores([], out) == 0
    if suffix in (".jsonl", ".ndjson"):
        assert out.read_bytes() == b""
    else:
        assert read_back(out).columns.tolist() == SCORES.names
        assert len(read_back(out)) == 0


def test_reasons_are_lists_where_the_format_has_them_and_joined_where_not(tmp_path):
    reasons = ["spam 0.91, at or above 0.80: reject", 'rule "hosts": review']
    for suffix in (".parquet", ".jsonl", ".csv"):
        write_scores([pair(["a"], reasons)], tmp_path / f"x{suffix}")
    assert pd.read_parquet(tmp_path / "x.parquet")["reasons"][0].tolist() == reasons
    assert read_back(tmp_path / "x.jsonl")["reasons"][0] == reasons
    assert read_back(tmp_path / "x.csv")["reasons"][0] == " | ".join(reasons)


def test_types_do_not_depend_on_the_first_rows(tmp_path):
    out = tmp_path / "x.parquet"
    write_scores([pair(["a"], value=float("nan")), pair(["b"], ["why"])], out)
    assert pq.read_schema(out).equals(SCORES, check_metadata=False)
    assert [list(found) for found in pd.read_parquet(out)["reasons"]] == [[], ["why"]]


def test_a_probability_is_written_as_short_as_it_is_exact(tmp_path):
    for suffix in (".csv", ".jsonl"):
        out = tmp_path / f"x{suffix}"
        write_scores([pair(["a"], value=0.1)], out)
        assert "0.1," in out.read_text()
        assert "0.10000000149" not in out.read_text()


def test_a_table_without_a_schema_takes_that_of_its_first_frame(tmp_path):
    out = tmp_path / "x.parquet"
    with TableWriter(out) as table:
        table.write(pd.DataFrame({"a": [], "b": []}))
        table.write(pd.DataFrame({"a": [1, 2], "b": [None, None]}, index=["x", "y"]))
        table.write(pd.DataFrame({"b": ["late"], "a": [3], "c": ["foreign"]}))
    assert pq.read_table(out).to_pydict() == {"a": [1, 2, 3], "b": [None, None, "late"]}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@given(
    ids=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1), unique=True)
)
def test_any_id_comes_back_as_it_went(tmp_path_factory, suffix, ids):
    out = tmp_path_factory.mktemp("ids") / f"x{suffix}"
    write_scores([pair(ids)], out)
    assert [str(name) for name in read_back(out).get("id", [])] == ids


def test_an_exception_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    out = tmp_path / "x.csv"
    out.write_text("old")

    def rows():
        yield pair(["a"])
        raise InputError("the export broke off")

    with pytest.raises(InputError, match="the export broke off"):
        write_scores(rows(), out)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert out.read_text() == "old"


def test_nothing_is_seen_before_everything_is_written(tmp_path):
    out = tmp_path / "x.jsonl"
    with TableWriter(out, SCORES) as table:
        table.write(pd.DataFrame({name: ["1"] if name in ("id", "model") else [None] for name in SCORES.names}))
        assert not out.exists()
    assert len(out.read_text().split("\n")) == 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_writer_leaves_the_old_file(tmp_path, suffix):
    out = tmp_path / f"x{suffix}"
    out.write_text("old")
    program = (
        "import os, pandas as pd, sys; from moderation.writers import TableWriter\n"
        "with TableWriter(sys.argv[1]) as table:\n"
        "    for _ in range(50): table.write(pd.DataFrame({'a': ['word'] * 10000}))\n"
        "    os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(out)], check=False)
    assert done.returncode == -9
    assert out.read_text() == "old"


def test_a_full_disk_is_one_line(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    for suffix in (".csv", ".jsonl", ".parquet"):
        out = tmp_path / f"x{suffix}"
        out.symlink_to("/dev/full")
        with pytest.raises(InputError) as refusal:
            write_scores((pair([f"{i}-{j}" for j in range(5000)]) for i in range(5)), out)
        assert (
            str(refusal.value)
            == f"{out}: cannot be written (No space left on device); choose another place or make room"
        )
        assert out.is_symlink()
        assert Path("/dev/full").is_char_device()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.xls", r"x\.xls: unknown extension '\.xls'; known: \.csv, \.jsonl, \.ndjson, \.parquet, \.tsv"),
        ("x", r"x: unknown extension ''; known: "),
    ],
)
def test_an_unknown_extension_is_refused_before_anything_is_read(tmp_path, name, message):
    def rows():
        raise AssertionError("read too early")
        yield

    with pytest.raises(FormatError, match=message):
        write_scores(rows(), tmp_path / name)


def test_what_cannot_be_written_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "folder.csv").mkdir()

    def rows():
        raise AssertionError("read too early")
        yield

    with pytest.raises(InputError, match=r"folder\.csv: is a folder; name a file in it"):
        write_scores(rows(), tmp_path / "folder.csv")
    with pytest.raises(InputError, match=r"x\.csv: cannot be written \(No such file or directory\)"):
        write_scores(rows(), tmp_path / "nowhere" / "x.csv")


def test_a_link_goes_on_pointing_where_it_did(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "there" / "real.csv")
    write_scores([pair(["a"])], link)
    assert link.is_symlink()
    assert read_back(tmp_path / "there" / "real.csv")["id"].tolist() == ["a"]


def test_a_new_file_has_the_permissions_that_the_user_gives_files(tmp_path):
    (tmp_path / "plain").touch()
    write_scores([pair(["a"])], tmp_path / "x.csv")
    assert (tmp_path / "x.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "x.csv"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_scores([pair(["a"])], pipe)
        assert os.read(reader, 1 << 16).startswith(b"id,off_topic,")
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_standard_output_takes_csv(capfdbinary):
    write_scores([pair(["ä"], ["why"])], None)
    table = pd.read_csv(io.BytesIO(capfdbinary.readouterr().out))
    assert table[["id", "decision", "reasons"]].to_numpy().tolist() == [["ä", "review", "why"]]


# Comments, each with its article.

PRINTED = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)
CELLS = (
    st.none()
    | PRINTED.map(lambda text: f"{text}x")
    | st.sampled_from(["=1+1", "'=x", "''@y", "-", "+", "\tz", "'", "a\nb", "0"])
)


@st.composite
def batches_of_comments(draw):
    articles = [f"a{number}" for number in range(draw(st.integers(0, 3)))]
    rows = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "article_id": st.sampled_from([None, *articles]),
                    "author": CELLS,
                    "author_url": CELLS,
                    "text": CELLS.map(lambda text: text or "."),
                    "posted_at": st.none()
                    | st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants it bare
                    "kind": st.sampled_from(KINDS),
                    "status": st.sampled_from(STATUSES),
                    "spam": st.sampled_from([None, "1", "0"]),
                    "off_topic": st.sampled_from([None, "1", "0"]),
                }
            ),
            min_size=1,
            max_size=6,
        )
    )
    ids = [f"{draw(st.sampled_from(['x:', '=', '007-']))}{number}" for number in range(len(rows))]
    frame = pd.DataFrame(rows, columns=["article_id", "author", "author_url", "text", "posted_at", "kind", "status"])
    frame["id"], frame["position"] = ids, range(len(rows))
    frame["parent_id"] = [ids[at - 1] if at % 2 else None for at in range(len(rows))]
    there = [name for name in articles if name in set(frame["article_id"])]
    about = pd.DataFrame(
        {
            "id": there,
            "title": [f"Bread {name}" for name in there],
            "author": ["=Eve"] * len(there),
            "published_at": [datetime(2007, 11, 25, 9, tzinfo=UTC)] * len(there),
        }
    )
    truth = truth_of({label: [row[label] for row in rows] for label in ("spam", "off_topic")}, ids)
    return Batch(conform(frame, COMMENTS), conform(about, ARTICLES, "articles"), truth).validate()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".tsv"])
@settings(max_examples=20)
@given(batch=batches_of_comments())
def test_comments_read_back_equal(tmp_path_factory, suffix, batch):
    out = tmp_path_factory.mktemp("back") / f"comments{suffix}"
    assert write_comments([batch], out) == len(batch)
    reading = read(out, keep_personal_data=True)
    got = list(reading)
    assert not reading.loss.lines
    (back,) = got
    pd.testing.assert_frame_equal(back.comments, batch.comments)
    order = batch.articles.set_index("id").sort_index()
    pd.testing.assert_frame_equal(back.articles.set_index("id").sort_index(), order)
    pd.testing.assert_frame_equal(back.truth, batch.truth)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_no_cell_that_people_open_is_a_formula(tmp_path, suffix):
    texts = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "'=x", "fine"]
    write_comments([batch_of(texts, authors=texts)], tmp_path / f"x{suffix}")
    table = pd.read_csv(tmp_path / f"x{suffix}", sep="," if suffix == ".csv" else "\t", keep_default_na=False)
    assert table["text"].tolist() == [f"'{text}" for text in texts[:-1]] + ["fine"]
    assert next(iter(read(tmp_path / f"x{suffix}"))).comments["text"].tolist() == texts


def test_an_apostrophe_in_anybody_else_s_table_is_kept(tmp_path):
    (tmp_path / "x.csv").write_text("id,text\n1,'=x\n")
    assert next(iter(read(tmp_path / "x.csv"))).comments["text"].tolist() == ["'=x"]
