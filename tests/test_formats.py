"""Every format that is read: golden files with unusual variants, any encoding, and any damage."""

import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import InputError
from moderation.readers import FORMATS, read

sys.path.insert(0, str(Path(__file__).parent))
from format_samples import TABLES, samples
from test_systems import put, take

SAMPLES = samples()
GOLDEN = Path(__file__).parent / "golden"
# Where a format's golden files lie, but for those that are written here.
GOLDENS = {"html": "html-samples"}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_has_a_golden_file_and_two_unusual_variants(kind):
    assert len(SAMPLES.get(kind, {})) >= 3, f"{kind} has no usual form and two unusual ones in tests/format_samples.py"
    names = [GOLDENS.get(kind, f"format-{kind}"), f"system-{kind}"]
    found = [path for name in names for path in GOLDEN.glob(f"{name}.json")] or list(
        GOLDEN.glob(f"export-{kind}*.json")
    )
    assert found, f"{kind} has no golden file"
    if not found[0].name.startswith("export-"):
        assert sum(len(json.loads(path.read_text("utf-8"))) for path in found) >= 3
    else:
        assert len(found) >= 3


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_or_page_is_read_as_its_golden_file_says(tmp_path, golden, kind):
    found = {}
    for number, (variant, content) in enumerate(SAMPLES[kind].items()):
        path = put(tmp_path / str(number), f"x.{kind}", content)
        try:
            found[variant] = take(path, kind)
        except InputError as error:
            found[variant] = {"refused": str(error)}
    golden(f"format-{kind}", json.loads(json.dumps(found).replace(str(tmp_path), "")))


# Words of each script, and what carries them in the wild.
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
WORDS = {
    "Schöne Grüße aus München und weiß man’s “später” wirklich nicht": ("cp1252", *UNICODE),
    "Déjà vu et la forêt était belle à Noël señor": ("latin-1", "cp1252", "utf-16-be"),
    "これはパン屋についてのコメントです。とても面白い記事でした。": ("shift_jis", "euc_jp", "utf-8", "utf-16"),
}
TEXTS = [kind for kind in FORMATS if kind not in {"parquet", "excel", "isso"}]


@pytest.mark.parametrize("kind", TEXTS)
def test_any_encoding_gives_the_same_words(tmp_path, kind):
    whole = next(iter(SAMPLES[kind].values())).decode("utf-8")
    whole = "".join(c for c in whole if c.isascii())
    usual = [row["text"] for row in take(put(tmp_path, "usual", whole), kind)["comments"]]
    phrases = [phrase for text in usual for phrase in re.findall(r"(?=\b([A-Z][a-z]+(?: [a-z]+)*))", text)]
    phrases += [phrase.split()[0] for phrase in phrases]
    old = max((phrase for phrase in phrases if phrase in whole), key=len)
    for words, encodings in WORDS.items():
        for encoding in encodings:
            # Western files say that they are UTF-8 and are not; Japanese ones say what they are.
            text = whole.replace("UTF-8", encoding) if words[0] == "こ" else whole
            got = take(put(tmp_path, "other", text.replace(old, words).encode(encoding)), kind)
            assert [row["text"] for row in got["comments"]] == [text.replace(old, words) for text in usual], encoding


@st.composite
def damage(draw):
    """Return what to do to a file: cut it, overwrite some of it, put in something that matters, encode it anew."""
    what = draw(st.sampled_from(["cut", "overwrite", "insert", "encode", "double"]))
    at = draw(st.floats(0, 1))
    piece = draw(
        st.binary(min_size=1, max_size=8)
        | st.sampled_from(
            [b"\0", b"]]>", b"<![CDATA[", b"&x;", b"\n-----\n", b'"', b"{", b"]", b"\xff\xfe", b"<!--", b",,,"]
        )
    )
    encoding = draw(
        st.sampled_from(["utf-16", "utf-16-be", "cp1252", "shift_jis", "euc_jp", "utf-32", "utf-7", "cp037"])
    )

    def damaged(content: bytes) -> bytes:
        place = int(at * len(content))
        match what:
            case "cut":
                return content[:place]
            case "overwrite":
                return content[:place] + piece + content[place + len(piece) :]
            case "insert":
                return content[:place] + piece + content[place:]
            case "double":
                return content[:place] + content
        return content.decode("utf-8", "replace").encode(encoding, "replace")

    return damaged


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=25)
@given(data=st.data(), changes=st.lists(damage(), min_size=1, max_size=3), told=st.booleans())
def test_a_damaged_file_of_any_format_is_read_or_refused_in_one_line(tmp_path_factory, kind, data, changes, told):
    content = SAMPLES[kind][data.draw(st.sampled_from(sorted(SAMPLES[kind])))]
    for change in changes:
        content = change(content)
    path = tmp_path_factory.mktemp("damaged") / "x"
    path.write_bytes(content)
    try:
        reading = read(path, kind if told else None, chunk_rows=3)
        count = sum(len(batch.validate()) for batch in reading)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - the property is that nothing else is raised, and it is one line
        return
    assert reading.loss.records_in == reading.loss.comments_out + reading.loss.lost
    assert reading.loss.comments_out == count
