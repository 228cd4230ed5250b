"""Packed files, archives and folders in, the same comments as from plain files out; bombs and breaks are told."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import FormatError, InputError
from moderation.readers import packing, read
from moderation.readers.seen import Seen
from moderation.readers.source import Source, places_in

ROWS = [{"id": f"c{i}", "text": f"loaf {i} of the day, ünï", "author": "Ada"} for i in range(40)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members: dict[str, bytes], how: str = "", form: int = tarfile.GNU_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return PACK[how](file.getvalue()) if how else file.getvalue()


PACK = {
    "gz": gzip.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda content: zipped({"export.jsonl": content}),
    "tar": lambda content: tarred({"export.jsonl": content}),
    "tgz": lambda content: tarred({"./export.jsonl": content}, "gz"),
}


def take(path, kind=None, **options):
    reading = read(path, kind, **options)
    batches = [batch.validate() for batch in reading]
    report = reading.loss
    assert report.records_in == report.comments_out + report.lost
    assert reading.bytes_read <= reading.total_bytes
    texts = [text for batch in batches for text in batch.comments["text"]]
    assert len(texts) == report.comments_out
    return texts, report, reading


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("how", PACK)
def test_a_packed_file_is_read_as_the_plain_one(tmp_path, how):
    path = put(tmp_path / f"export.jsonl.{how}", PACK[how](LINES))
    texts, report, reading = take(path, chunk_rows=7)
    assert texts == [row["text"] for row in ROWS]
    assert reading.format == "jsonl"
    assert not report.notes
    assert reading.bytes_read > 0
    assert take(put(tmp_path / "no-ending", PACK[how](LINES)))[0] == texts


@pytest.mark.parametrize("how", PACK)
def test_a_reader_that_jumps_about_gets_a_plain_copy(tmp_path, how):
    pq.write_table(pa.table({"id": ["1"], "text": ["Keep it."]}), tmp_path / "x.parquet")
    path = put(tmp_path / "x", PACK[how]((tmp_path / "x.parquet").read_bytes()))
    texts, _, reading = take(path)
    assert (texts, reading.format) == (["Keep it."], "parquet")


def test_several_frames_and_wide_windows_are_one_stream(tmp_path):
    wide = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    )
    half = len(LINES) // 2
    content = wide.compress(LINES[:half]) + zstandard.ZstdCompressor().compress(LINES[half:])
    assert take(put(tmp_path / "x.zst", content))[0] == [row["text"] for row in ROWS]
    content = gzip.compress(LINES[:half]) + gzip.compress(LINES[half:])
    assert take(put(tmp_path / "x.gz", content))[0] == [row["text"] for row in ROWS]


@pytest.mark.parametrize("how", ["gz", "zst", "bz2", "xz"])
def test_what_came_before_a_break_is_read_and_the_break_is_told(tmp_path, how):
    lines = "".join(json.dumps({"id": str(i), "text": f"{zlib.crc32(b'%d' % i)} loaf"}) + "\n" for i in range(30_000))
    whole = PACK[how](lines.encode())
    texts, report, _ = take(put(tmp_path / f"x.jsonl.{how}", whole[: len(whole) * 9 // 10]))
    assert 0 < len(texts) < 30_000
    assert any("breaks off; what came before that was read" in note for note in report.notes)


def test_a_damaged_member_is_told(tmp_path):
    content = bytearray(zipped({"a.jsonl": LINES, "b.jsonl": LINES.replace(b'"c', b'"d')}))
    content[60:70] = b"\xff" * 10
    texts, report, _ = take(put(tmp_path / "x.zip", bytes(content)))
    assert len(texts) >= len(ROWS)
    assert any("a.jsonl" in note for note in report.notes) or report.lost


def test_a_file_packed_twice_is_read_and_one_packed_for_ever_is_not(tmp_path):
    assert len(take(put(tmp_path / "x.gz.gz", gzip.compress(gzip.compress(LINES))))[0]) == len(ROWS)
    content = LINES
    for _ in range(4):
        content = gzip.compress(content)
    with pytest.raises(FormatError, match="packed too often"):
        take(put(tmp_path / "deep.gz", content))


# Bombs.


def bomb(how: str, size: int) -> bytes:
    zeros = b"a" * (1 << 20)
    match how:
        case "gz":
            file = io.BytesIO()
            with gzip.GzipFile(fileobj=file, mode="wb") as packed:
                for _ in range(size >> 20):
                    packed.write(zeros)
            return file.getvalue()
        case "zst":
            packer = zstandard.ZstdCompressor().compressobj()
            return b"".join([*(packer.compress(zeros) for _ in range(size >> 20)), packer.flush()])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.jsonl", "w") as member:
        for _ in range(size >> 20):
            member.write(zeros)
    return file.getvalue()


@pytest.mark.parametrize(("how", "kind"), [("gz", "csv"), ("zst", "jsonl"), ("zip", "parquet")])
def test_a_bomb_is_refused_in_one_line(tmp_path, how, kind):
    path = put(tmp_path / f"bomb.{how}", bomb(how, 300 << 20))
    with pytest.raises(FormatError) as refusal:
        take(path, kind)
    assert "unpacks to more than 400 times its size (a decompression bomb?)" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_honest_data_of_any_size_are_let_through():
    # what packs well but no better than a log of like lines, far beyond what a bomb may cost
    class Endless:
        def read1(self, size: int, /) -> bytes:
            return bytes(min(size, 1 << 20))

    taken = 0

    def packed() -> int:
        return 1 + taken // 300

    stream = packing.Unpacked(Endless(), "x", packed, lambda _cause: None)
    buffer = bytearray(1 << 20)
    while taken < 2 * packing.HARMLESS:
        taken += stream.readinto(buffer)


# Archives and folders.


def test_members_are_read_one_after_the_other(tmp_path):
    path = put(
        tmp_path / "takeout.zip",
        zipped(
            {
                "b/two.csv": b"id,text\n1,from two\n",
                "a/one.jsonl.gz": gzip.compress(b'{"id": "2", "text": "from one"}\n'),
                "__MACOSX/._x": b"junk",
                ".hidden.csv": b"id,text\n9,no\n",
                "photo.png": b"\x89PNG\r\n\x1a\n" + bytes(50),
                "c/": b"",
            }
        ),
    )
    texts, report, reading = take(path)
    assert texts == ["from one", "from two"]
    assert reading.format == "jsonl, csv"
    assert report.notes == ("photo.png: not read: is a picture, not text; give a text file",)


def test_a_locked_member_is_told(tmp_path):
    content = bytearray(zipped({"a.csv": b"id,text\n1,one\n"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag in both of its headers
        content[content.index(mark) + place] |= 1
    with pytest.raises(InputError, match="locked by a password"):
        take(put(tmp_path / "x.zip", bytes(content)))


def test_a_folder_is_one_reading(tmp_path):
    put(tmp_path / "f" / "b.csv", b"id,text\n1,one\n2,two\n")
    put(
        tmp_path / "f" / "a" / "c.jsonl.gz",
        gzip.compress(b'{"id": "2", "text": "two again"}\n{"id": "3", "text": "x"}\nbad\n'),
    )
    put(tmp_path / "f" / ".git" / "x.csv", b"id,text\n7,no\n")
    put(tmp_path / "f" / "broken.parquet", b"PAR1" + bytes(30))
    put(tmp_path / "f" / "empty.csv", b"")
    put(tmp_path / "f" / "z.zip", zipped({"m.csv": b"id,text\n4,four\n"}))
    (tmp_path / "f" / "round").symlink_to(tmp_path / "f")
    (tmp_path / "f" / "nowhere").symlink_to(tmp_path / "nothing")
    texts, report, reading = take(tmp_path / "f")
    assert texts == ["two again", "x", "one", "four"]
    assert [str(line).split(" not a Parquet")[0] for line in report.lines] == [
        "a/c.jsonl.gz, line 3: not JSON",
        "b.csv, row 2: its id repeats an earlier record's",
        "broken.parquet: the file was not read to its end:",
    ]
    assert reading.bytes_read == reading.total_bytes


def test_progress_over_a_folder_grows(tmp_path):
    for number in range(4):
        rows = "".join(f"{number}-{i},loaf {i}\n" for i in range(3000))
        put(tmp_path / f"{number}.csv", f"id,text\n{rows}".encode())
    reading = read(tmp_path, chunk_rows=500)
    seen = [reading.bytes_read for _ in reading]
    assert seen == sorted(seen)
    assert len(set(seen)) >= 4
    assert reading.total_bytes == sum(each.stat().st_size for each in tmp_path.iterdir())


def test_a_folder_of_nothing_readable_is_refused(tmp_path):
    put(tmp_path / "a.png", b"\x89PNG\r\n\x1a\n" + bytes(50))
    put(tmp_path / "b.bin", bytes(range(256)) * 20)
    with pytest.raises(InputError, match=r"nothing in it could be read; the first: .*a\.png: is a picture"):
        take(tmp_path)


def test_names_of_packed_files_say_what_is_in_them(tmp_path):
    source = Source.of(put(tmp_path / "Export.CSV.GZ", gzip.compress(b"id,text\n1,a\n")))
    assert (source.suffix, source.stem) == (".csv", "Export.CSV")
    (place,) = places_in(put(tmp_path / "x.zip", zipped({"a/b.tsv": b"id\ttext\n1\ta\n"})))
    assert (Source.of(place).suffix, place.name) == (".tsv", f"{tmp_path}/x.zip/a/b.tsv")


# Tar archives: plain ones are gone about in, packed ones are copied out once, or read as a stream where one file is in.

FILES = {
    "a/one.csv": b"id,text\n1,from one\n",
    "./b/two.jsonl.gz": gzip.compress(b'{"id": "2", "text": "from two"}\n'),
    "c/" + "long-" * 60 + "name.csv": b"id,text\n3,from three\n",
    "../up.csv": b"id,text\n4,from four\n",
    "/rooted.csv": b"id,text\n5,from five\n",
    "._x": b"junk",
    "photo.png": b"\x89PNG\r\n\x1a\n" + bytes(600),
}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
@pytest.mark.parametrize("how", ["", "gz", "zst", "bz2", "xz"])
def test_files_in_a_tar_archive_are_read_one_after_the_other(tmp_path, monkeypatch, how, form):
    (tmp_path / "t").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    content = tarred(FILES, how, form)
    texts, report, reading = take(put(tmp_path / f"x.tar.{how}", content))
    assert sorted(texts) == ["from five", "from four", "from one", "from three", "from two"]
    assert report.notes == ("photo.png: not read: is a picture, not text; give a text file",)
    assert reading.format == "csv, jsonl"
    assert not os.listdir(tmp_path / "t")  # noqa: PTH208 - names are all that is asked for
    put(tmp_path / "f" / "x.tar", content)
    put(tmp_path / "f" / "y.csv", b"id,text\n9,beside it\n")
    assert sorted(take(tmp_path / "f")[0]) == sorted([*texts, "beside it"])
    assert not os.listdir(tmp_path / "t")  # noqa: PTH208


def test_links_and_folders_in_a_tar_archive_are_none_of_its_files(tmp_path):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for kind, name, to in (
            (tarfile.DIRTYPE, "d", ""),
            (tarfile.SYMTYPE, "d/passwords", "/etc/passwd"),
            (tarfile.LNKTYPE, "d/more", "../../other"),
            (tarfile.CHRTYPE, "d/zero", ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, to
            archive.addfile(entry)
        entry = tarfile.TarInfo("d/x.csv")
        entry.size = 15
        archive.addfile(entry, io.BytesIO(b"id,text\n1,one\n\n"))
    texts, report, _ = take(put(tmp_path / "x.tar", file.getvalue()))
    assert (texts, report.notes) == (["one"], ())


def test_a_damaged_tar_archive_gives_what_came_before(tmp_path):
    files = {f"{letter}.csv": f"id,text\n{letter},{letter}\n".encode() for letter in "abc"}
    content = bytearray(tarred(files))
    content[2 * 1024 : 2 * 1024 + 8] = b"\xff" * 8  # the header of the third
    texts, report, _ = take(put(tmp_path / "x.tar", bytes(content)))
    assert texts == ["a", "b"]
    (note,) = report.notes
    assert note.endswith("not read: the archive is damaged behind b.csv; what follows there was not read")
    texts, report, _ = take(put(tmp_path / "y.tar", tarred(files)[: 1024 + 512 + 11]))
    assert texts == ["a", "b"]  # its last line end is what is missing
    assert any("breaks off" in note for note in report.notes)


def test_a_bomb_in_a_tar_archive_is_refused(tmp_path):
    zeros = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=zeros, mode="wb", compresslevel=9) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        entry = tarfile.TarInfo("x.csv")
        entry.size = 300 << 20
        archive.addfile(entry, _Endless())
    put(tmp_path / "f" / "x.tgz", zeros.getvalue())
    with pytest.raises(FormatError, match="unpacks to more than 400 times its size"):
        take(tmp_path / "f" / "x.tgz")
    put(tmp_path / "f" / "y.csv", b"id,text\n9,beside it\n")
    texts, report, _ = take(tmp_path / "f")
    assert texts == ["beside it"]
    assert "x.tgz: not read: unpacks to more than 400 times" in report.notes[0]


class _Endless:
    begun = False

    def read(self, size: int) -> bytes:
        head, self.begun = (b"" if self.begun else b"text\n"), True
        return head + b"a" * (size - len(head))


# Any bytes, any ids.


@settings(max_examples=60)
@given(
    how=st.sampled_from(sorted(PACK)),
    place=st.integers(0, 10_000),
    damage=st.binary(min_size=1, max_size=6),
    cut=st.booleans(),
)
def test_no_packed_file_raises_anything_else(tmp_path_factory, how, place, damage, cut):
    content = bytearray(PACK[how](LINES))
    at = place % len(content)
    content[at : at + len(damage)] = damage
    path = put(tmp_path_factory.mktemp("packed") / "x", bytes(content[:at] if cut else content))
    try:
        take(path)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - the property is that nothing else is raised, and it is one line


@given(st.lists(st.lists(st.sampled_from([f"c{i}" for i in range(30)]), max_size=20), max_size=12))
def test_ids_are_new_once(batches):
    seen, known = Seen(), set()
    for batch in batches:
        expected = [name not in known and batch.index(name) == at for at, name in enumerate(batch)]
        assert seen.first(batch).tolist() == expected
        known |= set(batch)
        assert all(name in seen for name in known)
    assert "never" not in seen


def test_a_million_ids_take_little(tmp_path):
    seen = Seen()
    for start in range(0, 1_000_000, 5000):
        assert seen.first([f"x{i}" for i in range(start, start + 5000)]).all()
    assert not seen.first(["x0", "x999999"]).any()
    assert sum(run.nbytes for run in seen._runs) == 8_000_000
    assert len(seen._runs) < 25


def test_an_archive_reads_as_its_folder(tmp_path):
    files = {"a.csv": b"id,text\n1,one\n", "s/b.jsonl": b'{"id": "2", "text": "two"}\n'}
    for name, content in files.items():
        put(tmp_path / "folder" / name, content)
    archive = put(tmp_path / "x.zip", zipped(files))
    frames = [pd.concat([batch.comments for batch in read(path)]) for path in (tmp_path / "folder", archive)]
    pd.testing.assert_frame_equal(*frames)
