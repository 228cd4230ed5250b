"""What breaks, brought in through the command line: each is one line on standard error, or a line of the loss report.

Nothing here is made up of mocks: the files are bad, the disk is full, the model is damaged.
"""

import contextlib
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from moderation import cli
from moderation.labels import LABELS
from moderation.settings import shipped_models
from moderation.store import Review, Store

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
MODERATION = [sys.executable, "-m", "moderation.cli"]
SECRET = "xylophone"  # stands in every text here; no message may repeat it


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("MODERATION_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MODERATION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODERATION_MODERATOR", "ada")
    monkeypatch.setenv("MODERATION_TIER", "fast")  # these are about everything but the model
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def run(home, capfdbinary):
    """Run one command line in this process; return (exit code, standard output, standard error)."""

    def run(*arguments):
        code = 0
        try:
            cli.main([os.fspath(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code or 0
        told = capfdbinary.readouterr()
        return code, told.out.decode(), told.err.decode()

    return run


@pytest.fixture
def refused(run):
    """Run a command line that must be refused by one line; return that line."""

    def refused(*arguments):
        code, out, err = run(*arguments)
        assert code == 1, err
        assert out == ""
        assert err.startswith("moderation: ")
        assert err.count("\n") == 1, "one line"
        assert err.endswith("\n")
        assert SECRET not in err
        return err

    return refused


@pytest.fixture
def scored(run):
    """Score a file to standard output; return the table and what was told."""

    def scored(path, *options):
        code, out, err = run("score", path, "-o", "-", *options)
        assert code == 0, err
        assert SECRET not in err
        return pd.read_csv(io.StringIO(out), keep_default_na=False), err

    return scored


def put(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# --- Files that hold nothing of use


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "the file is empty"),
        ("photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "is a picture"),
        ("archive.txt", b"PK\x03\x04" + bytes(2000), "is a ZIP archive"),
        ("noise.txt", bytes(range(256)) * 100, "binary data"),
        ("half.parquet", b"PAR1" + bytes(100), "half.parquet: "),
        ("columns.csv", f"id,author\n1,{SECRET}\n", "no column 'text'"),
        ("columns.jsonl", f'{{"id": 1, "remark": "{SECRET}"}}\n' * 3, "no column 'text'"),
        ("broken.json", f'[{{"text": "{SECRET}"', "broken.json: "),
    ],
)
@pytest.mark.parametrize("command", ["score", "ingest"])
def test_a_file_of_no_use_is_one_line(refused, home, tmp_path, *, command, name, content, message):
    path = put(tmp_path / name, content)
    rest = ["-o", tmp_path / "out.csv"] if command == "score" else []
    line = refused(command, path, *rest)
    assert message in line
    assert name in line
    assert not (tmp_path / "out.csv").exists()
    with contextlib.suppress(FileNotFoundError):
        assert [each.name for each in home.iterdir()] == ["store.db"]


def test_a_column_that_is_not_there_is_named_with_those_that_are(refused, tmp_path):
    path = put(tmp_path / "foreign.csv", f"nr,remark\n1,{SECRET}\n")
    line = refused("score", path, "-o", "-", "--map", "text=remarks")
    assert "'remarks'" in line
    assert "nr, remark" in line
    line = refused("score", path, "-o", "-", "--map", "colour=remark")
    assert "'colour' is not a field" in line


def test_an_unknown_format_is_named_with_those_known(refused, tmp_path):
    line = refused("score", put(tmp_path / "a.csv", "text\nhm\n"), "-o", "-", "--format", "pdf")
    assert re.search(r"unknown format 'pdf'; known: .*csv, .*json", line)


# --- Files that hold something odd


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig", "iso-8859-1"])
def test_another_encoding_is_read(scored, tmp_path, encoding):
    rows = "".join(f"{number},“Café” was où the {SECRET} déjà stood naïve as ever\n" for number in range(40))
    if encoding == "iso-8859-1":
        rows = rows.replace("“", '"').replace("”", '"').replace('"', "'")
    table, _ = scored(put(tmp_path / "export.csv", ("id,text\n" + rows).encode(encoding)))
    assert table["id"].astype(str).tolist() == [str(number) for number in range(40)]


def test_bytes_of_no_encoding_cost_no_row(scored, tmp_path):
    content = (
        b"id,text\n" + "".join(f"{n},naïve words é\n" for n in range(20)).encode() + b"20,bad \xff\xfe\x81 bytes\n"
    )
    table, err = scored(put(tmp_path / "mixed.csv", content))
    assert len(table) == 21
    assert "nothing lost" in err
    assert "note: " in err


def test_nul_bytes_are_replaced_and_told(scored, tmp_path):
    rows = [{"id": "1", "text": f"a\0{SECRET}\0b"}, {"id": "2", "text": "whole"}]
    table, err = scored(put(tmp_path / "nul.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    assert len(table) == 2
    assert "2 NUL characters replaced" in err


@pytest.mark.parametrize("text", ["\\ud800", "\\udfff words", "words \\ud83d", "\\ude00\\ud83d"])
def test_lone_surrogates_cost_no_row(run, scored, tmp_path, text):
    path = put(tmp_path / "odd.jsonl", f'{{"id": "s:1", "text": "{text}", "author": "{text}"}}\n')
    table, err = scored(path)
    assert len(table) == 1
    assert "nothing lost" in err
    code, _, err = run("ingest", path)
    assert code == 0, err


def test_a_comment_of_50_megabytes_is_scored_or_lost_not_fatal(run, tmp_path):
    size = 50_000_000
    words = (f"the {SECRET} plays on " * (size // 20))[:size]
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"id": "1", "text": "short"}) + "\n" + json.dumps({"id": "2", "text": words}) + "\n")
    del words
    code, out, err = run("score", path, "-o", "-")
    assert code == 0, err
    ids = [line.partition(",")[0] for line in out.splitlines()[1:]]
    assert ids == ["1", "2"] or (ids == ["1"] and "lost: " in err)
    assert SECRET not in err


def test_records_without_use_are_lines_of_the_report(scored, tmp_path):
    lines = [
        json.dumps({"id": "1", "text": "fine"}),
        "{broken",
        json.dumps(["a", "list"]),
        json.dumps({"id": "2", "text": "  "}),
        json.dumps({"id": "1", "text": SECRET}),
        json.dumps({"id": "3", "text": "fine too"}),
    ]
    table, err = scored(put(tmp_path / "mixed.jsonl", "\n".join(lines)))
    assert table["id"].astype(str).tolist() == ["1", "3"]
    assert "6 records read, 2 comments, 4 lost" in err
    assert err.count("  lost: ") == 4


# --- Paths


def emptied(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def looped(folder):
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "none.csv", "no such file"),
        (emptied, "is a folder"),
        (looped, "cannot be read"),
        (lambda folder: put(folder / "file", "x") / "under.csv", "cannot be read"),
        (lambda folder: folder / ("x" * 300), "cannot be read"),
        (lambda _: Path("/dev/zero"), "not a regular file"),
    ],
    ids=["missing", "folder", "loop", "under a file", "too long", "device"],
)
@pytest.mark.parametrize("command", ["score", "ingest"])
def test_a_path_that_cannot_be_read_is_one_line(refused, tmp_path, command, make, message):
    rest = ["-o", "-"] if command == "score" else []
    assert message in refused(command, make(tmp_path), *rest)


def test_a_file_that_may_not_be_read_is_one_line(refused, tmp_path):
    path = put(tmp_path / "private.csv", "text\nhm\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything (root)")
    assert "may not be read" in refused("score", path, "-o", "-")


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("none/out.csv", "out.csv: cannot be written"),
        ("out.xlsx", "unknown extension '.xlsx'; known: .csv"),
        ("folder.csv", "folder.csv: is a folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_line(refused, tmp_path, out, message):
    (tmp_path / "folder.csv").mkdir()
    path = put(tmp_path / "in.csv", "id,text\n1,hm\n")
    assert message in refused("score", path, "-o", tmp_path / out)


# --- The store


@pytest.mark.parametrize(
    "content",
    [b"", b"SQLite format 3\0" + bytes(4000), b"no database at all, but long enough to be looked at" * 50],
    ids=["empty", "hollow", "foreign"],
)
def test_a_file_that_is_no_store_is_kept_and_refused_or_made_one(run, home, tmp_path, content):
    home.mkdir()
    store = put(home / "store.db", content)
    path = put(tmp_path / "in.csv", "id,text\n1,hm\n")
    code, _, err = run("ingest", path)
    if content:
        assert code == 1
        assert err.count("\n") == 1
        assert store.read_bytes() == content
    else:
        assert code == 0, err


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "sqlite://", "postgresql://u:hunter2@127.0.0.1:1/none", "::nonsense://"]
)
def test_a_store_that_cannot_be_had_is_one_line_without_its_password(refused, monkeypatch, url):
    monkeypatch.setenv("MODERATION_STORE", url)
    assert "hunter2" not in refused("score")


def test_a_job_that_is_not_there_is_one_line(refused, run, tmp_path):
    run("ingest", put(tmp_path / "in.csv", "id,text\n1,hm\n"))
    assert "no job 7" in refused("run-job", "7")
    assert "no comment 'blog:7'" in refused("explain", "blog:7")


# --- The model and the policy


def filled(home):
    with Store.open(home / "store.db") as store:
        from moderation.tables import batch_of

        store.add_batch(batch_of(["order lamps now", "the wall is long"], ids=["a", "b"]), at=AT)
        for name, spam in (("a", True), ("b", False)):
            store.add_review(Review(name, "ada", "reject", {"spam": spam}, 0, AT))


def champion(run, home):
    """Make a version of this site the champion and return its folder."""
    filled(home)
    code, out, err = run("retrain")
    assert code == 0, err
    version = re.search(r"site-\S{13}", out)[0]
    assert run("promote", version, "--reason", "trying")[0] == 0
    return home / "models" / version


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def another_feature_version(path):
    card = path.with_name("card.json")
    card.write_text(json.dumps({**json.loads(card.read_text()), "features": "0-1-old"}))


def no_card(path):
    path.with_name("card.json").write_text("{")


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink, another_feature_version, no_card])
def test_a_damaged_model_is_one_line_that_says_the_way_out(run, refused, home, tmp_path, damage):
    folder = champion(run, home)
    damage(folder / "weights.npz")
    path = put(tmp_path / "in.csv", "id,text\n1,hm\n")
    line = refused("score", path, "-o", tmp_path / "out.csv")
    assert folder.name in line
    assert not (tmp_path / "out.csv").exists()
    assert run("rollback")[0] == 0, "the way out is open"
    assert run("score", path, "-o", tmp_path / "out.csv")[0] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[labels.spam]\nrevew = 0.5\n", "line 2: unknown key 'revew'"),
        ("[labels.spma]\nreview = 0.5\n", "line 1: unknown label 'spma'"),
        ("colour = 'red'\n", "line 1: unknown key 'colour'"),
        ("[labels.spam]\nreview = 5\n", "line 2: "),
        ("[labels.spam\n", "line 1: not TOML"),
        ("[[rule]]\nname = 'x'\naction = 'explode'\nwords = ['y']\n", "line 3: "),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_faulty_policy_names_its_line(refused, tmp_path, content, message):
    policy = put(tmp_path / "policy.toml", content)
    path = put(tmp_path / "in.csv", "id,text\n1,hm\n")
    line = refused("score", path, "-o", "-", "--policy", policy)
    assert message in line
    assert "policy.toml" in line


def test_a_policy_that_is_not_there_is_one_line(refused, tmp_path):
    assert "cannot be read" in refused("score", put(tmp_path / "in.csv", "text\nhm\n"), "-o", "-", "--policy", tmp_path)


# --- A full disk

LONG = 4000


def many(path):
    rows = ({"id": f"c:{n}", "author": f"person {n}", "text": f"the wall is {n} long. " * 20} for n in range(LONG))
    return put(path, "".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("this system lets nobody mount a small file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_under_the_store_keeps_what_was_there(run, refused, small_disk, tmp_path, *, monkeypatch):
    monkeypatch.setenv("MODERATION_STORE", str(small_disk / "store.db"))
    assert run("ingest", put(tmp_path / "few.csv", "id,text\n1,the first\n2,the second\n"))[0] == 0
    line = refused("ingest", many(tmp_path / "many.jsonl"))
    assert "full" in line
    with Store.open(small_disk / "store.db") as store:
        assert store.counts().comments == 2
        assert store.counts() == store.recount()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_full_disk_under_the_output_leaves_no_half_file(refused, small_disk, tmp_path, suffix):
    (small_disk / "ballast").write_bytes(bytes(950_000))
    line = refused("score", many(tmp_path / "many.jsonl"), "-o", small_disk / f"out.{suffix}", "--chunk-rows", "500")
    assert "No space left" in line
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_full_disk_under_the_models_keeps_the_champion(run, refused, small_disk, monkeypatch):
    monkeypatch.setenv("MODERATION_HOME", str(small_disk))
    filled(small_disk)
    line = refused("retrain")
    assert "cannot write models" in line
    assert [path.name for path in (small_disk / "models").iterdir()] == [".lock"]
    assert run("models")[0] == 0


def test_a_limit_on_the_size_of_files_is_one_line(scored, tmp_path):
    path = many(tmp_path / "many.jsonl")
    scored(put(tmp_path / "one.csv", "text\nhm\n"))  # what is compiled once and kept is larger than the limit

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = subprocess.run(
        [*MODERATION, "score", path, "-o", tmp_path / "out.csv"],
        capture_output=True,
        text=True,
        preexec_fn=small_files,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("moderation: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_the_shipped_model_is_not_touched_by_all_this(home):
    names = sorted(path.name for path in shipped_models().iterdir() if path.is_dir())
    assert all((shipped_models() / name / "weights.npz").is_file() for name in names)
    assert all((shipped_models() / name / "card.json").is_file() for name in names)
    assert LABELS
