"""What the compiled parser reads is what the lenient ones read: of values, of every format, of what is damaged."""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import InputError
from moderation.readers import FORMATS, json_blocks, json_document, json_runs, read
from moderation.readers.formats import OWN
from moderation.readers.json_blocks import Kinds, Layout, listed, plain
from moderation.readers.json_runs import Run, document_of_runs
from moderation.readers.json_values import has_huge
from moderation.readers.shapes import keys_in
from moderation.readers.source import Source, places_in

sys.path.insert(0, str(Path(__file__).parent))
from format_samples import samples

KINDS = {"id": str, "n": int, "yes": bool, "unseen": None, "in.a": str, "in.b": int, "in.deep.c": str}
FLAT = {"id": str, "n": int, "yes": bool, "unseen": None}

TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('\\"/\b\f\n\r\t\0é€😀 '), max_size=20)
SCALARS = (
    TEXTS
    | st.integers(-(10**17), 10**17)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
INNER = st.fixed_dictionaries(
    {},
    optional={
        "a": st.none() | TEXTS,
        "b": st.none() | st.integers(-5, 10**17),
        "deep": st.fixed_dictionaries({}, optional={"c": TEXTS, "more": ANYTHING}),
        "x": ANYTHING,
    },
)
PLAIN = st.fixed_dictionaries(
    {"id": st.none() | TEXTS},
    optional={
        "n": st.none() | st.integers(-(10**17) + 1, 10**17),
        "yes": st.none() | st.booleans(),
        "unseen": SCALARS,
        "in": INNER,
        "other": ANYTHING,
        "elsewhere": ANYTHING,
    },
)
# What is not plain, or no JSON at all; and what is like it, and is.
ODD = [
    b'{"id":"a","id":"b"}',
    b'{"i\\u0064":"a"}',
    b'{"id":"\\ud800"}',
    b'{"id":"\\ud83d\\ude00 \\u0000 \\u00e9 \\u20ac"}',
    b'{"id":"\\ud83d"}',
    b'{"id":"\\ude00\\ud83d"}',
    b'{"id":"\xff"}',
    b'{"id":"\xed\xa0\x80"}',
    b'{"id":"\xc0\xaf"}',
    b'{"id":"\xf4\x90\x80\x80"}',
    b'{"id":"tab\there"}',
    b'{"n":-0}',
    b'{"n":01}',
    b'{"n":1.0}',
    b'{"n":1e3}',
    b'{"n":123456789012345678901}',
    b'{"n":9223372036854775807}',
    b'{"n":true}',
    b'{"n":"5"}',
    b'{"yes":1}',
    b'{"yes":tru}',
    b'{"unseen":NaN}',
    b'{"unseen":1e999}',
    b'{"unseen":123456789012345678901234567890}',
    b'{"unseen":-1.5E-7}',
    b'{"unseen":{}}',
    b'{"unseen":.5}',
    b'{"unseen":5.}',
    b'{"other":[1,{"id":"c"},[]]}',
    b'{"other":[1,{"id":"c"],[]]}',
    b'{"other":[1,]}',
    b'{"other":{"a":1,}}',
    b'{"id":"a",}',
    b'{,"id":"a"}',
    b'{"id" : "a" , "n" :\t5 }',
    b'{"id":"a"} ',
    b' {"id":"a"}\r',
    b'{"id":"a"}{"id":"b"}',
    b'{"id":"a"} x',
    b'{"in":null}',
    b'{"in":[]}',
    b'{"in":{"a":"x"},"in":{}}',
    b'{"in":{"a":{}}}',
    b'{"in.a":"x"}',
    b'{"in.deep":{"c":"x"}}',
    b'{"in":{"deep":{"c":"x","c":"y"}}}',
    b'{"in":{"deep":{"c":"x"}},"id":"behind"}',
    b'{"other":' + b"[" * 100 + b"]" * 100 + b"}",
    b"{}",
    b"[]",
    b"null",
    b"",
    b"\xef\xbb\xbf{}",
]


def value_at(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def agree(found: Any, records: list[Any], kinds: dict[str, Any]) -> None:
    assert found.count == len(records)
    for path, kind in kinds.items():
        if kind is not None:
            expected = [value_at(record, path) for record in records]
            got = found.held[path].to_pylist()
            assert got == expected
            assert {type(value) for value in got} <= {kind, type(None)}
            found.held[path].validate(full=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(PLAIN, min_size=1, max_size=6), st.booleans(), st.booleans())
def test_plain_objects_are_read_as_they_are(records, escaped, spaced):
    separators = (", ", ": ") if spaced else (",", ":")
    lines = [json.dumps(record, ensure_ascii=escaped, separators=separators) for record in records]
    layout = Layout(KINDS, flat=True, others=True)
    for end in ("\n", "\r\n", " \n"):
        for last in (end, ""):
            found = plain((end.join(lines) + last).encode(), layout)
            assert found is not None
            agree(found, records, KINDS)
    for between in (",", ", ", ",\n", " ,\r\n\t"):
        found = listed(between.join(lines).encode(), layout)
        assert found is not None
        agree(found, records, KINDS)


def mutated(content: bytes, rng: random.Random, times: int) -> bytes:
    damaged = bytearray(content)
    for _ in range(times):
        at = rng.randrange(len(damaged) + 1)
        what = rng.randrange(4)
        if what == 0:
            damaged[at:at] = bytes([rng.choice(b'{}[]",:\\0-9eEnu \n\r\t\xff\xc3\xa9\xed\xa0')])
        elif what == 1:
            del damaged[at : at + rng.choice((1, 1, 1, 5, 40))]
        elif what == 2 and at < len(damaged):
            damaged[at] = rng.randrange(256)
        else:
            other = rng.randrange(len(damaged) + 1)
            damaged[at:at] = damaged[other : other + rng.choice((1, 3, 20))]
    return bytes(damaged)


def by_lines(block: bytes) -> list[Any]:
    return [orjson.loads(line) for line in block.removesuffix(b"\n").split(b"\n")]


def never_differs(block: bytes, kinds: dict[str, Any], *, others: bool) -> bool:
    """Check that a block is either refused or read as orjson reads it; tell whether it was read."""
    layout = Layout(kinds, flat=True, others=others)
    found = plain(block, layout)
    if found is not None:
        agree(found, by_lines(block) if found.count else [], kinds)
    both = listed(block, layout)
    if both is not None:
        agree(both, orjson.loads(b"[" + block + b"]"), kinds)
    return found is not None


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("others", [True, False])
def test_what_is_odd_is_refused_or_read_alike(odd, others):
    kinds = KINDS if others else FLAT
    never_differs(odd, kinds, others=others)
    never_differs(b'{"id":"x"}\n' + odd + b'\n{"id":"y"}\n', kinds, others=others)
    never_differs(b'{"id":"x"},' + odd, kinds, others=others)


@settings(max_examples=300, deadline=None)
@given(st.lists(PLAIN, min_size=1, max_size=4), st.integers(0, 2**32), st.integers(1, 4), st.booleans())
def test_damaged_objects_are_refused_or_read_alike(records, seed, times, escaped):
    block = "\n".join(json.dumps(record, ensure_ascii=escaped) for record in records).encode()
    rng = random.Random(seed)
    for _ in range(20):
        never_differs(mutated(block, rng, times), KINDS, others=True)
        never_differs(mutated(block, rng, times), FLAT, others=False)


def test_most_of_what_is_plain_is_not_refused():
    rng = random.Random(0)
    block = b"".join(b'{"id":"%d","n":%d,"in":{"a":"x"},"other":[1,2]}\n' % (at, at) for at in range(20))
    read_so = sum(never_differs(mutated(block, rng, 1), KINDS, others=True) for _ in range(500))
    assert read_so > 50  # what is inserted into a text harms nothing


def test_a_text_at_the_very_end_and_long_ones():
    layout = Layout({"id": str}, flat=True, others=False)
    for size in range(40):
        for text in ("x" * size, "é" * size, "x" * size + "é", '"' * size, "x" * size + "\n"):
            found = plain(orjson.dumps({"id": text}), layout)
            assert found is not None
            assert found.held["id"].to_pylist() == [text]


@settings(deadline=None)
@given(
    st.lists(st.none() | st.sampled_from(["", "t", "t3", "t3_", "t1_x", "x"]) | TEXTS.map("t3_{}".format), max_size=8)
)
def test_of_texts_that_are_cut_those_with_the_prefix_count(texts):
    layout = Layout({"in": str, "id": str}, {"in": "t3_"}, flat=True, others=True)
    block = b"".join(orjson.dumps({"in": text, "id": "t3_a"}) + b"\n" for text in texts)
    found = plain(block, layout)
    assert found is not None
    cut = [text[3:] if text is not None and text.startswith("t3_") else None for text in texts]
    assert found.held["in"].to_pylist() == cut
    assert found.is_everywhere("in") == (None not in texts)
    assert found.held["id"].to_pylist() == ["t3_a"] * len(texts)
    for written in (b'"\\u0074\\u0033_a"', b'"t\\u0033_a"', b'"t3\\u005fa"'):  # as good as never: refused
        assert plain(block + b'{"in":' + written + b"}\n", layout) is None


def test_no_more_objects_than_asked_for():
    layout = Layout({"id": str}, flat=True, others=False)
    block = b", ".join(b'{"id":"%d"}' % at for at in range(10)) + b" ] and more"
    data, at, got, ended = np.frombuffer(block, np.uint8), 0, [], ""
    while not ended:
        found, at, ended = layout.read(data, at, 3, lines=False)
        got += found.held["id"].to_pylist()
    assert got == [str(each) for each in range(10)]
    assert block[at:] == b" and more"


@pytest.mark.parametrize("rest", [b" ]", b"]", b" , ]", b",]"])
def test_no_list_ends_behind_a_comma(rest):
    layout = Layout({"id": str}, flat=True, others=False)
    block = b'{"id":"a"},{"id":"b"},' + rest
    for most in (1, 2, 3):
        data, at, count, ended = np.frombuffer(block, np.uint8), 0, 1, ""
        while count and not ended:
            found, at, ended = layout.read(data, at, most, lines=False)
            count = found.count
        assert not ended


# --- Documents -------------------------------------------------------------------------------------------------------


def opened(value: Any) -> Any:
    """Return the value of a document with what was read in runs one by one."""
    if isinstance(value, Run):
        return value.records()
    if isinstance(value, dict):
        return {key: opened(held) for key, held in value.items()}
    if isinstance(value, list) and any(isinstance(each, Run | list) for each in value):
        return [record for run in value for record in opened(run)]
    return value


def runs_of(content: bytes) -> Any:
    kinds = Kinds(("id", "in.a", "n", "replies"))
    return document_of_runs(content, ("items", "data.items"), kinds, lambda: kinds.layout(("id", "in.a", "n")))


@settings(max_examples=200, deadline=None)
@given(st.lists(PLAIN | SCALARS, min_size=1, max_size=12), st.integers(0, 2**32), st.sampled_from([None, 1, 2]))
def test_documents_in_runs_are_what_they_are_whole(records, seed, indent):
    rng = random.Random(seed)
    wraps: tuple[Any, ...] = (records, {"items": records}, {"a": {"items": [1]}, "items": records, "b": [2]})
    size, json_runs.FIRST = json_runs.FIRST, 30
    try:
        for whole in (*wraps, {"x": {"items": records}}, {"items": records, "y": 1, "z": "items"}):
            content = json.dumps(whole, indent=indent).encode()
            for text in (content, *(mutated(content, rng, 1) for _ in range(10))):
                found = runs_of(text)
                if found is not None:
                    assert opened(found) == orjson.loads(text)
    finally:
        json_runs.FIRST = size


# --- Files -----------------------------------------------------------------------------------------------------------

JSON_FORMATS = frozenset(
    ("blogger-api", "commento", "coral", "discourse", "facebook", "isso-json", "json", "jsonl", "reddit", "remark42")
) | {"wordpress-rest", "wp-cli", "youtube"}
CASES = [
    (name, variant, content)
    for name, variants in samples().items()
    if name in JSON_FORMATS
    for variant, content in variants.items()
    if content.lstrip()[:1] in (b"{", b"[")
]


def taken(path: Any, name: str) -> Any:
    """Return all that a reading gives, as something that can be compared."""
    try:
        reading = read(path, name, chunk_rows=7)
        batches = list(reading)
    except InputError as error:
        return str(error)
    tables = [
        frame.reset_index().map(repr).to_dict("split")
        for batch in batches
        for frame in (batch.comments, batch.articles, batch.truth)
    ]
    return tables, reading.loss


def longer(content: bytes, rng: random.Random) -> Iterator[bytes]:
    """Yield a file of many records like those in `content`: as lines, and as one document."""
    try:
        lines = [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError:
        lines = []
    try:
        whole = json.loads(content)
    except ValueError:
        whole = None
    if len(lines) > 1 or (lines and isinstance(lines[0], dict) and "id" in lines[0]):
        many = [renumbered(rng.choice(lines), at) for at in range(40)]
        yield b"".join(orjson.dumps(record) + b"\n" for record in many)
        yield orjson.dumps(many)
    if whole is not None:
        for _ in range(2):
            yield json.dumps(grown(whole, rng), ensure_ascii=rng.random() < 0.5).encode()


def renumbered(record: Any, at: int) -> Any:
    keys = ("id", "comment_ID", "commentHex", "cid")
    if not isinstance(record, dict):
        return record
    return {
        key: (value + at if isinstance(value, int) else f"{value}-{at}")
        if key in keys and type(value) in (str, int)
        else value
        for key, value in record.items()
    }


def grown(value: Any, rng: random.Random) -> Any:
    """Return the value with more elements like those they hold in its outer lists."""
    if isinstance(value, list) and value:
        return [renumbered(rng.choice(value[-3:]), at) for at in range(60)]
    if isinstance(value, dict):
        return {key: grown(held, rng) if isinstance(held, dict | list) else held for key, held in value.items()}
    return value


@pytest.mark.parametrize(("name", "variant", "content"), CASES, ids=[f"{n}-{v}" for n, v, _ in CASES])
def test_a_file_gives_the_same_by_either_parser(tmp_path, monkeypatch, name, variant, content):
    rng = random.Random(variant)
    path = tmp_path / "x.json"
    compiled = 0
    layout_read = Layout.read

    def counted(self: Layout, *given: Any, **named: Any) -> Any:
        nonlocal compiled
        found = layout_read(self, *given, **named)
        compiled += found[0].count
        return found

    monkeypatch.setattr(Layout, "read", counted)
    # Small blocks, so that small files have several.
    for module in (json_blocks, json_document, json_runs):
        monkeypatch.setattr(module, "FIRST", 400)
        monkeypatch.setattr(module, "BLOCK", 1000)
    for many in (content, *longer(content, rng)):
        for damaged in (many, *(mutated(many, rng, 1 + each % 3) for each in range(6))):
            path.write_bytes(damaged)
            monkeypatch.setattr(json_blocks, "WORTH_IT", 1 << 60)
            monkeypatch.setattr(Layout, "is_ready", False)
            slow = taken(path, name)
            monkeypatch.setattr(json_blocks, "WORTH_IT", 0)
            assert taken(path, name) == slow
    if name in ("json", "jsonl", "reddit", "youtube", "wp-cli") and variant in ("plain", "as documented"):
        assert compiled


ALL = [(name, variant, content) for name, variants in samples().items() for variant, content in variants.items()]


@pytest.mark.parametrize(("name", "variant", "content"), ALL, ids=[f"{n}-{v}" for n, v, _ in ALL])
def test_who_is_asked_last_would_have_said_no_more(tmp_path, name, variant, content):
    path = tmp_path / "x.data"
    path.write_bytes(content)
    source = Source.of(places_in(path)[0])
    claims = {name: format_.claim(source) for name, format_ in FORMATS.items()}
    assert max(claims["csv"], claims["tsv"]) < OWN
    if any(claims.values()):
        assert read(path).format == max(claims, key=claims.__getitem__)


@settings(deadline=None)
@given(
    st.dictionaries(TEXTS, TEXTS | st.dictionaries(TEXTS, TEXTS), max_size=6), st.sampled_from([None, 1]), st.booleans()
)
def test_keys_are_told_from_texts(record, indent, ascii_only):
    written = json.dumps(record, indent=indent, ensure_ascii=ascii_only)
    keys = {*record, *(key for value in record.values() if isinstance(value, dict) for key in value)}
    assert {key for key in keys if json.dumps(key, ensure_ascii=ascii_only) == f'"{key}"'} <= keys_in(written)
    assert "body" not in keys_in(json.dumps({"text": ['"body": x', "body", '"body":']}))


@settings(deadline=None)
@given(st.lists(st.integers(0, 45).map(lambda n: "7" * n) | st.text("a{,", max_size=30), max_size=6).map("".join))
def test_numbers_of_many_digits_are_seen_wherever_they_stand(text):
    assert has_huge(text.encode()) == ("7" * 20 in text)


REMOVED = [
    ({"body": "[removed]"}, "rejected", {}),
    ({"body": "Keep the oven."}, "unknown", {}),
    ({"removed_by_category": "moderator", "removal_reason": "No spam here"}, "rejected", {"spam": 1}),
    ({"mod_reports": [["off-topic", "ada"]]}, "pending", {}),
    ({"user_reports": [], "mod_reports": [], "num_reports": 0}, "unknown", {}),
    ({"num_reports": 2}, "pending", {}),
    ({"removed_by_category": "reddit"}, "spam", {}),
]


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("form", ["lines", "document", "table"])
def test_what_moderators_decided_is_heard_of_records_read_together(tmp_path, monkeypatch, is_compiled, form):
    monkeypatch.setattr(json_blocks, "WORTH_IT", 0 if is_compiled else 1 << 60)
    monkeypatch.setattr(Layout, "is_ready", False)
    for module in (json_blocks, json_runs):
        monkeypatch.setattr(module, "FIRST", 2000)
    plain_one = {"link_id": "t3_a", "subreddit": "bread", "author": "ada", "body": "Bread.", "created_utc": 1195981500}
    cases = REMOVED * 30
    records = [{"id": f"c{at}", **plain_one, **more} for at, (more, _, _) in enumerate(cases)]
    if form == "table":
        cases = [case for case in cases if not any(isinstance(held, list) for held in case[0].values())]
        cases = [case for case in cases if "num_reports" not in case[0]]  # in a table, "0" is a word like any other
        names = dict.fromkeys(name for more, _, _ in cases for name in (*plain_one, *more))
        rows = [{"id": f"c{at}", **plain_one, **more} for at, (more, _, _) in enumerate(cases)]
        path = tmp_path / "x.csv"
        lines = [
            ",".join(["id", *names]),
            *(",".join(str(row.get(name, "")) for name in ("id", *names)) for row in rows),
        ]
        path.write_text("\n".join(lines))
    else:
        path = tmp_path / "x.jsonl"
        path.write_bytes(b"\n".join(map(orjson.dumps, records)) if form == "lines" else orjson.dumps(records))
    batches = list(read(path, "reddit"))
    assert [status for batch in batches for status in batch.comments["status"]] == [status for _, status, _ in cases]
    truth = {name: row.dropna().to_dict() for batch in batches for name, row in batch.truth.iterrows()}
    expected = {f"reddit:c{at}": labels for at, (_, _, labels) in enumerate(cases) if labels}
    assert truth == expected
