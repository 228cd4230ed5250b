"""Exports of blog systems in, batches out: golden files, and what damaged, hostile or mislabelled ones come to."""

import codecs
import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.errors import FormatError, InputError, ModerationError
from moderation.readers import blogger, blogml, disqus, read, wxr
from moderation.readers.disqus import normal_link
from moderation.readers.losses import Tally
from moderation.readers.source import Source
from moderation.readers.xml_stream import XmlStream

SAMPLES = Path(__file__).parent / "samples"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "raw" / "wxr"
NAMES = {
    "wxr.xml": "wxr",
    "wxr-reserialised.xml": "wxr",
    "wxr-disqus.xml": "wxr",
    "disqus.xml": "disqus",
    "disqus-prefixed.xml": "disqus",
    "disqus-unquoted.xml": "disqus",
    "blogml.xml": "blogml",
    "blogml-base64.xml": "blogml",
    "blogml-first.xml": "blogml",
    "blogger.xml": "blogger",
    "blogger-takeout.atom": "blogger",
    "blogger-xhtml.xml": "blogger",
    "movable-type.txt": "movable-type",
    "movable-type-short.txt": "movable-type",
    "movable-type-sjis.txt": "movable-type",
}
PLANS = {"wxr": wxr.PLAN, "disqus": disqus.PLAN, "blogml": blogml.PLAN, "blogger": blogger.PLAN}


@pytest.fixture(autouse=True, params=[True, False], ids=["compiled", "parsed"])
def is_compiled(request, monkeypatch):
    """Read plain records by the compiled parser, or none."""
    monkeypatch.setattr("moderation.readers.xml_stream.is_worth_it", lambda _: request.param)
    return request.param


class Taken:
    """What came out of one file."""

    def __init__(self, path, format_=None, **options):
        reading = read(path, format_, **options)
        self.batches = [batch.validate() for batch in reading]
        self.format, self.loss = reading.format, reading.loss
        assert self.loss.records_in == self.loss.comments_out + self.loss.lost
        assert self.loss.comments_out == sum(map(len, self.batches))
        for batch in self.batches:
            assert batch.articles["id"].is_unique
            assert set(batch.articles["id"]) <= set(batch.comments["article_id"].dropna())

    def column(self, name):
        return [None if pd.isna(value) else value for batch in self.batches for value in batch.comments[name]]

    @property
    def texts(self):
        return self.column("text")


def rows(frames):
    return [
        {name: None if pd.isna(value) else str(value) for name, value in row.items() if not pd.isna(value)}
        for frame in frames
        for row in frame.to_dict("records")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_read_as_it_was(golden, name):
    taken = Taken(SAMPLES / name)
    assert taken.format == NAMES[name]
    golden(
        f"export-{name.replace('.', '-')}",
        {
            "summary": taken.loss.summary(),
            "notes": list(taken.loss.notes),
            "comments": rows(batch.comments for batch in taken.batches),
            "articles": rows(batch.articles for batch in taken.batches),
            "truth": [
                {"id": name, **row.dropna().astype(int).to_dict()}
                for batch in taken.batches
                for name, row in batch.truth.iterrows()
            ],
        },
    )


@pytest.mark.parametrize("name", NAMES)
def test_no_address_gets_through(name):
    taken = Taken(SAMPLES / name)
    told = "".join(frame.to_csv() for batch in taken.batches for frame in (batch.comments, batch.articles))
    assert not re.search(r"@example\.org|noreply@|192\.0\.2\.|198\.51\.100\.", told)


@pytest.mark.parametrize("name", NAMES)
def test_reading_again_gives_the_same_ids_whatever_the_chunks(name):
    whole, small = Taken(SAMPLES / name), Taken(SAMPLES / name, chunk_rows=1)
    assert whole.column("id") == small.column("id")
    assert whole.column("article_id") == small.column("article_id")
    # What a comment stands under is told in each batch that it is in.
    for batch in small.batches:
        for article in batch.comments["article_id"].dropna():
            known = [set(each.articles["id"]) for each in whole.batches]
            assert article in set(batch.articles["id"]) or not any(article in ids for ids in known)


# One export, comment by comment, to be damaged.

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<rss xmlns:wp="http://wordpress.org/export/1.2/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/">\n<channel>\n'
)
ITEM = "<item><title>Bread</title><wp:post_id>1</wp:post_id><content:encoded><![CDATA[Flour.]]></content:encoded>\n"
TAIL = "</item>\n</channel>\n</rss>\n"


def comment(number, text=None, *, end="</wp:comment>\n"):
    return (
        f"<wp:comment><wp:comment_id>{number}</wp:comment_id><wp:comment_author><![CDATA[Ada]]></wp:comment_author>"
        f"<wp:comment_content>{text or f'<![CDATA[loaf {number}]]>'}</wp:comment_content>"
        f"<wp:comment_approved>1</wp:comment_approved>{end}"
    )


def written(tmp_path, *parts, encoding="utf-8", head=HEAD, tail=TAIL):
    path = tmp_path / "export.xml"
    data = b"".join(part if isinstance(part, bytes) else part.encode(encoding) for part in (head, *parts, tail))
    path.write_bytes(data)
    return path


DAMAGE = {
    "a control character": (comment(2, "<![CDATA[lo\x0baf\x00 2]]>"), "loaf 2"),
    "a reference to one": (comment(2, "loaf&#11; 2&#0;"), "loaf 2"),
    "a bare ampersand": (comment(2, "loaf & 2"), "loaf & 2"),
    "an entity of HTML": (comment(2, "loaf&nbsp;2 &copy;"), "loaf 2 ©"),
    "a bare less-than": (comment(2, "loaf < 2"), "loaf < 2"),
    "markup that was not escaped": (comment(2, "<p>loaf <b>2</b></p>"), "loaf 2"),
    "markup without ends": (comment(2, "loaf <b>2<br>and more"), None),
    "a section without end": (comment(2, "<![CDATA[loaf 2"), "loaf 2"),
    "an end of section too many": (comment(2, "<![CDATA[loaf ]]> 2 <b]]>"), None),
    "no end tag": (comment(2, end=""), "loaf 2"),
    "an end tag with a space": (comment(2, end="</wp:comment >"), "loaf 2"),
    "an attribute without quotes": (comment(2).replace("<wp:comment_id>", "<wp:comment_id a=b c=d>"), "loaf 2"),
    "a prefix that nobody declared": (
        comment(2).replace("<wp:comment_id>", "<foo:x bar:y='1'/><wp:comment_id>"),
        "loaf 2",
    ),
    "the text of a comment tag": (comment(2, "<![CDATA[loaf 2</wp:comment><wp:comment>]]>"), "loaf 2"),
    "a section in a section": (comment(2, "<![CDATA[loaf <![CDATA[ 2]]>"), "loaf <![CDATA[ 2"),
    "bytes of another encoding": (comment(2, "<![CDATA[lo\udce4f 2]]>"), "loäf 2"),
    "an end tag that is another's": (comment(2).replace("</wp:comment_author>", "</wp:author>"), "loaf 2"),
}


@pytest.mark.parametrize("fault", DAMAGE)
def test_damage_costs_no_other_record(tmp_path, fault):
    bad, text = DAMAGE[fault]
    path = written(tmp_path, ITEM, comment(1), bad.encode("utf-8", "surrogateescape"), comment(3), comment(4))
    taken = Taken(path)
    assert taken.texts[0] == "loaf 1"
    assert taken.texts[-2:] == ["loaf 3", "loaf 4"]
    assert taken.loss.records_in == 4
    if text is not None:
        assert taken.texts[1] == text
    assert set(taken.column("article_id")) == {"wordpress:1"}


def test_every_damage_at_once_costs_nothing_else(tmp_path):
    parts = []
    for number, (bad, _) in enumerate(DAMAGE.values()):
        whole = bad.replace("<wp:comment_id>2<", f"<wp:comment_id>{number}<").replace("c=d>2<", f"c=d>{number}<")
        parts += [whole.encode("utf-8", "surrogateescape"), comment(1000 + number)]
    taken = Taken(written(tmp_path, ITEM, *parts))
    assert [text for text in taken.texts if re.fullmatch(r"loaf 1\d\d\d", text)] == [
        f"loaf {1000 + number}" for number in range(len(DAMAGE))
    ]
    assert taken.loss.records_in == 2 * len(DAMAGE)


def test_a_missing_end_of_an_article_moves_no_comment(tmp_path):
    other = ITEM.replace(">1<", ">2<")
    taken = Taken(written(tmp_path, ITEM, comment(1), other, comment(2), "</item>", comment(3)))
    assert taken.column("article_id") == ["wordpress:1", "wordpress:2", None]


def test_a_comment_of_the_file_is_no_comment(tmp_path):
    hidden = f"<!-- <item>{comment(7)}</item> -->"
    taken = Taken(written(tmp_path, hidden, ITEM, "<!-- never ended", comment(1)))
    assert taken.texts[0] == "loaf 1" or taken.loss.records_in == 0


@pytest.mark.parametrize("name", ["wxr-disqus.xml", "disqus-prefixed.xml", "blogml-base64.xml", "blogger-xhtml.xml"])
def test_a_file_cut_off_anywhere_keeps_what_was_whole(tmp_path, name):
    plan = replace(PLANS[NAMES[name]], sheet=None)
    data = (SAMPLES / name).read_bytes()
    path = tmp_path / "cut.xml"
    ends = [
        found.end()
        for tag in plan.records
        for found in re.finditer(rf"</(?:\w+:)?{tag.rpartition(':')[2]}>".encode(), data)
    ]
    path.write_bytes(data)
    whole = [(record.name, record.tree.attrib, [each.text for each in record.tree]) for record in stream(path, plan)]
    for length in range(1, len(data)):
        path.write_bytes(data[:length])
        got = [record for record in stream(path, plan) if record.name in plan.records]
        complete = sum(end <= length for end in ends)
        expected = [record for record in whole if record[0] in plan.records][:complete]
        assert [(each.name, each.tree.attrib, [part.text for part in each.tree]) for each in got[:complete]] == expected
        assert len(got) <= complete + 1
        assert all(each.tree is not None or each.fault == "the file ends inside it" for each in got)


def stream(path, plan):
    return list(XmlStream(Source.of(path), Tally(), plan))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(NAMES)), share=st.floats(0, 1))
def test_a_cut_off_file_is_read(tmp_path, name, share):
    data = (SAMPLES / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: max(1, int(share * len(data)))])
    taken = Taken(path, NAMES[name])
    assert taken.loss.records_in <= Taken(SAMPLES / name).loss.records_in + 1


def read_or_refused(path, format_):
    refusal = None
    try:
        Taken(path, format_)
    except InputError as error:
        refusal = error
    assert "\n" not in str(refusal)


PIECES = st.sampled_from(
    [b"<item>", b"</item>", b"<wp:comment>", b"</wp:comment>", b"<wp:comment ", b"<![CDATA[", b"]]>", b"<!--", b"-->",
     b"<wp:comment_content>", b"</wp:comment_content>", b"x", b"&", b"<", b">", b"\x00", b"\xff", b"&#x1;", b"<a b=c>",
     b"<post dsq:id=", b"</post>", b"<thread/>", b"<entry>", b"</entry>", b"<content>", b"</content>", b"<comments>",
     b"<trackback>", b"</trackback>", b"-----\n", b"--------\n", b"COMMENT:\n", b"AUTHOR: a\n", b"PING:\n", b"\n",
     b"<foo:bar>", b"<message>", b"</message>", b'<!DOCTYPE x [<!ENTITY y "z">]>', b"<?xml version='1.0'?>"]
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    format_=st.sampled_from(sorted(set(NAMES.values()))), parts=st.lists(PIECES | st.binary(max_size=9), max_size=40)
)
def test_any_bytes_are_read_or_refused(tmp_path, format_, parts):
    path = tmp_path / "any"
    path.write_bytes(b"".join(parts))
    read_or_refused(path, format_)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(NAMES)),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), PIECES | st.binary(max_size=4)), max_size=6),
)
def test_any_damage_is_read(tmp_path, name, changes):
    data = (SAMPLES / name).read_bytes()
    for share, gone, new in changes:
        place = int(share * len(data))
        data = data[:place] + new + data[place + gone :]
    path = tmp_path / "damaged"
    path.write_bytes(data)
    read_or_refused(path, NAMES[name])


# What is refused.

LAUGHS = "<!DOCTYPE rss [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
OUTSIDE = "<!DOCTYPE rss [<!ENTITY i SYSTEM 'file:///etc/passwd'>"


@pytest.mark.parametrize("begin", ["<!DOCTYPE h[t><html>", "<!DOCTYPE html", "<!-- so", "<?xml so", "<!DOCTYPE a [<b>"])
def test_what_never_ends_before_the_first_tag_ends_the_looking_for_it(tmp_path, begin):
    path = tmp_path / "page"
    path.write_text(f"{begin}<p>Somebody said</p>" * 3)
    with suppress(ModerationError):
        for batch in read(path):
            batch.validate()


@pytest.mark.parametrize("declared", [LAUGHS, OUTSIDE, "<!DOCTYPE rss [<!ENTITY % p SYSTEM 'http://dtd.example/'> %p;"])
def test_entities_of_its_own_are_refused(tmp_path, declared):
    head = HEAD.replace("<rss", f"{declared}]>\n<rss")
    path = written(tmp_path, ITEM, comment(1, "&i;"), head=head)
    with pytest.raises(
        FormatError, match=r"export\.xml: declares entities of its own .* take that part out"
    ) as refusal:
        Taken(path)
    assert "\n" not in str(refusal.value)


def test_a_document_type_further_down_declares_nothing(tmp_path):
    bad = comment(2, f"{OUTSIDE}]>&i; loaf")
    taken = Taken(written(tmp_path, ITEM, comment(1), bad, comment(3)))
    assert not any("root" in text for text in taken.texts)
    assert {"loaf 1", "loaf 3"} <= set(taken.texts)


def test_a_document_type_elsewhere_is_not_loaded(tmp_path):
    head = HEAD.replace("<rss", '<!DOCTYPE rss SYSTEM "http://dtd.example/rss.dtd">\n<rss')
    taken = Taken(written(tmp_path, ITEM, comment(1), head=head))
    assert taken.texts == ["loaf 1"]
    assert "the document type that the file names is not loaded" in taken.loss.notes


# Encodings.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("said", ["UTF-8", "UTF-16", "windows-1252", "bogus", None])
def test_what_the_bytes_show_goes_before_what_the_file_says(tmp_path, encoding, said):
    declaration = "" if said is None else f'<?xml version="1.0" encoding="{said}"?>\n'
    head = declaration + HEAD.partition("\n")[2]
    path = written(tmp_path, ITEM, comment(1, "<![CDATA[Bröd 面包]]>"), head="", tail="")
    text = head + path.read_text("utf-8") + TAIL
    path.write_bytes(text.encode(encoding))
    assert Taken(path).texts == ["Bröd 面包"]


@pytest.mark.parametrize(
    ("said", "encoding", "words"),
    [
        ("UTF-8", "cp1252", "“Bröd” – déjà"),
        ("iso-8859-1", "cp1252", "“Bröd” – déjà"),
        ("windows-1251", "cp1251", "Хлеб и вода"),
        ("Shift_JIS", "shift_jis", "パンと水"),
        ("EUC-JP", "euc_jp", "パンと水"),
    ],
)
def test_a_declared_encoding_is_believed_where_the_bytes_do_not_tell(tmp_path, said, encoding, words):
    path = written(
        tmp_path, ITEM, comment(1, f"<![CDATA[{words}]]>"), head=HEAD.replace("UTF-8", said), encoding=encoding
    )
    assert Taken(path).texts == [words]


def test_a_character_may_lie_across_two_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("moderation.readers.xml_stream.BLOCK", 7)
    path = written(tmp_path, ITEM, *(comment(number, f"<![CDATA[面包 {number} 🍞]]>") for number in range(9)))
    taken = Taken(path)
    assert taken.texts == [f"面包 {number} 🍞" for number in range(9)]
    assert not any("cp1252" in note for note in taken.loss.notes)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(".txt")])
@pytest.mark.parametrize("block", [1, 13, 200])
def test_blocks_change_nothing(monkeypatch, name, block):
    whole = Taken(SAMPLES / name)
    monkeypatch.setattr("moderation.readers.xml_stream.BLOCK", block)
    monkeypatch.setattr("moderation.readers.xml_stream.TOGETHER", 1)
    small = Taken(SAMPLES / name)
    for one, two in zip(whole.batches, small.batches, strict=True):
        pd.testing.assert_frame_equal(one.comments, two.comments)
        pd.testing.assert_frame_equal(one.articles, two.articles)
    assert sorted(whole.loss.notes) == sorted(small.loss.notes)


@pytest.mark.parametrize(
    "odd", ["", "<entry><blogger:type>COMMENT</blogger:type></x></entry>", "<entry><!-- --></entry>"]
)
@pytest.mark.parametrize("kept", [1 << 26, 2000])
def test_a_plain_export_of_blogger_is_read_once(tmp_path, monkeypatch, is_compiled, odd, kept):
    begun = []
    monkeypatch.setattr(blogger, "XmlStream", lambda *given: begun.append(given) or XmlStream(*given))
    monkeypatch.setattr(blogger, "KEPT", kept)
    entries = [
        f"<entry><id>post-{number}</id><blogger:type>{kind}</blogger:type><blogger:parent>post-1</blogger:parent>"
        f"<title>Rye {number}</title><content>Loaf {number}</content></entry>"
        for number, kind in enumerate(["COMMENT", "POST", "COMMENT", "PAGE", "COMMENT", "TEMPLATE"])
    ]
    path = tmp_path / "feed.atom"
    path.write_bytes(ROOTS["blogger"].format("\n".join([*entries, odd])).encode())
    taken = Taken(path)
    assert taken.texts == ["Loaf 0", "Loaf 2", "Loaf 4"]
    assert taken.column("article_id") == ["blogger:1"] * 3
    assert [len(batch.articles) for batch in taken.batches] == [1]
    assert len(begun) == (1 if is_compiled and not odd and kept > 2000 else 2)
    assert taken.loss.lost == len(taken.loss.notes) == odd.count("</x>")


# Size.


def test_what_is_too_long_is_lost_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr("moderation.readers.xml_stream.LONGEST", 3000)
    monkeypatch.setattr("moderation.readers.xml_stream.BLOCK", 1000)
    long = comment(2, f"<![CDATA[{'x' * 20_000}]]>")
    taken = Taken(written(tmp_path, ITEM, comment(1), long, comment(3)))
    assert taken.texts == ["loaf 1", "loaf 3"]
    assert [line.reason for line in taken.loss.lines] == ["longer than 64 MiB"]
    long = ITEM.replace("Flour.", "x" * 20_000)
    taken = Taken(written(tmp_path, long, comment(1), "</item>", ITEM, comment(3)))
    assert taken.texts == ["loaf 1", "loaf 3"]


@pytest.mark.parametrize(
    "part",
    ["<wp:comment>", "<![CDATA[", "]]>", "<item>", "<!--", "<wp:comment><![CDATA[", "</item>", "<wp:comment_content>",
     "<wp:comment><wp:comment_content><![CDATA[", "<", "&", "<a b=c ", "<wp:comment/>", "<item><![CDATA[</item>"],
)  # fmt: skip
def test_long_runs_of_one_thing_take_no_square_of_time(tmp_path, part):
    # Looked through afresh for every one of them, half a million bytes would take many minutes.
    path = written(tmp_path, ITEM, part * (400_000 // len(part)), comment(1))
    for record in XmlStream(Source.of(path), Tally(), wxr.PLAN):
        assert record.name in ("item", "wp:comment")


# What the formats mean.


@pytest.mark.parametrize(
    ("marks", "approved", "spam"),
    [
        ({"akismet_result": "true"}, "spam", 1),
        ({"akismet_result": "true"}, "0", 1),
        ({"akismet_result": "true"}, "1", None),
        ({"akismet_result": "false"}, "1", None),
        ({"akismet_result": "true", "akismet_user_result": "false"}, "1", 0),
        ({"akismet_result": "false", "akismet_user_result": "true"}, "trash", 1),
        ({"akismet_history": "a:0:{}"}, "1", None),
    ],
)
def test_marks_of_akismet_are_truth(tmp_path, marks, approved, spam):
    told = "".join(
        f"<wp:commentmeta><wp:meta_key>{key}</wp:meta_key><wp:meta_value><![CDATA[{value}]]></wp:meta_value>"
        "</wp:commentmeta>"
        for key, value in marks.items()
    )
    text = comment(1, end=f"{told}</wp:comment>").replace("approved>1<", f"approved>{approved}<")
    (batch,) = Taken(written(tmp_path, ITEM, text)).batches
    assert batch.truth["spam"].tolist() == ([] if spam is None else [spam])


def test_an_export_without_spam_says_where_spam_is_to_be_had(tmp_path):
    note = "no spam in it: WordPress leaves spam out of its own exports"
    assert any(text.startswith(note) for text in Taken(written(tmp_path, ITEM, comment(1))).loss.notes)
    spam = comment(1).replace("approved>1<", "approved>spam<")
    assert not any(text.startswith(note) for text in Taken(written(tmp_path, ITEM, spam)).loss.notes)


def test_an_article_is_told_once_in_a_batch_even_if_its_first_comment_is_lost(tmp_path):
    empty = comment(1, "<![CDATA[ ]]>")
    taken = Taken(written(tmp_path, ITEM, empty, *(comment(number) for number in range(2, 8))), chunk_rows=3)
    assert [batch.articles["text"].tolist() for batch in taken.batches] == [["Flour."]] * 3
    assert taken.loss.lost == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a.example/x", "https://www.a.example/x/", True),
        ("http://a.example/x?utm_source=b&utm_medium=c#d", "http://A.example:80/x", True),
        ("http://a.example/x/index.html", "http://a.example/x", True),
        ("http://a.example/?b=1&a=2", "http://a.example?a=2&b=1", True),
        ("http://a.example/x?p=1", "http://a.example/x?p=2", False),
        ("http://a.example/X", "http://a.example/x", False),
        ("http://a.example/x", "http://b.example/x", False),
        ("http://a.example:8080/x", "http://a.example/x", False),
    ],
)
def test_addresses_of_one_page_are_one(one, other, same):
    assert (normal_link(one) == normal_link(other)) is same


@given(st.text(max_size=40) | st.from_regex(r"https?://[\[\]\w.:]{0,12}/?[^\s]{0,12}"))
def test_any_address_has_a_normal_form(link):
    assert isinstance(normal_link(link), str)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "shift_jis", "euc_jp"])
def test_movable_type_is_read_in_the_encodings_of_its_hosts(tmp_path, encoding):
    text = (SAMPLES / "movable-type-sjis.txt").read_bytes().decode("shift_jis")
    path = tmp_path / "mt.txt"
    path.write_bytes(text.encode(encoding))
    taken = Taken(path)
    assert taken.column("author") == ["あだ", "みら"]
    assert taken.texts == ["うちのパンは横から割れます。どうしてでしょうか。", "もっと深く切り込みを入れてください。"]


def test_movable_type_in_latin_1(tmp_path):
    path = tmp_path / "mt.txt"
    text = (SAMPLES / "movable-type.txt").read_text("utf-8").replace("cracks", "crève à côté")
    path.write_bytes(text.encode("latin-1"))
    assert Taken(path).texts[0].startswith("Mine crève à côté")


# The real ones.


def counted(path):
    """Count comments by type with the bare parser, which mends what it can."""
    from lxml import etree

    tree = etree.parse(path, etree.XMLParser(recover=True, huge_tree=True, resolve_entities=False))
    found = [
        {child.tag.rpartition("}")[2]: "".join(child.itertext()) for child in element}
        for element in tree.iter("{*}comment")
        if isinstance(element.tag, str) and "wordpress.org/export" in element.tag
    ]
    return Counter((each.get("comment_type") or "comment").strip() or "comment" for each in found)


@pytest.mark.parametrize("number", range(9))
def test_real_exports_have_as_many_comments_of_each_type(number):
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there: real exports are not part of the repository")
    path = sorted(SHARED.glob("*.xml"))[number]
    kinds = counted(path)
    plan = XmlStream(Source.of(path), Tally(), wxr.PLAN)
    keys = plan.keys({"wp:comment_type": "kind"})
    ours = Counter(
        (next((child.text for child in record.tree if keys[child.tag] == "kind"), None) or "").strip() or "comment"
        for record in plan
        if record.name == "wp:comment"
    )
    assert ours == kinds
    taken = Taken(path)
    assert taken.loss.records_in == kinds.total()
    assert Counter(taken.column("kind")) + Counter({"comment": taken.loss.lost}) == kinds


def test_an_article_with_a_title_only_has_one_id_however_it_is_read(tmp_path):
    # Two titles are for the tree to look at; what is empty is not there, in both.
    titles = ["Rye", "Rye</title><title>", "Rye</title><pubDate></pubDate><title>"]
    found = [Taken(written(tmp_path, f"<item><title>{title}</title>", comment(1))) for title in titles]
    assert len({name for taken in found for name in taken.column("article_id")}) == 1


def test_a_mark_at_the_beginning_is_no_text():
    assert codecs.BOM_UTF8.decode("utf-8") not in "".join(Taken(SAMPLES / "blogml-first.xml").texts)


# What a stylesheet says of whole trees, and what is read off each of them.

WORDS = st.sampled_from(
    ["", " ", "Ada", "a &amp; b", "<![CDATA[<p>Keep it.</p>]]>", "&lt;p>Keep&lt;/p>", "<b>bold</b> word", " 17\n", "0",
     "true", "TRUE", "spam", "LIVE", "COMMENT", "POST", "2012-03-06T01:03:00Z", "0000-00-00 00:00:00", "S2VlcA==",
     "akismet_result", " akismet_result", "akismet_user_result", "\u00e9t\u00e9 \u2014 \u9762\u5305",
     "tag:blogger.com,1999:blog-1.post-7", "<!-- said --> aside", "<name>within</name>", "https://a.example/?p=1&amp;q=2"]
)  # fmt: skip
ATTRIBUTES = {
    "wxr": [],
    "disqus": ["dsq:id", "id"],
    "blogml": ["id", "date-created", "approved", "user-name", "user-url", "url", "post-url", "type", "base64", "ref"],
    "blogger": ["rel", "href", "term", "ref", "type"],
}
VALUES = st.sampled_from(
    ["", "1", "2", "7 ", "alternate", "related", "base64", "HTML", "true", "tag:blogger.com,1999:blog-1.post-7",
     "https://a.example/", *(f"http://schemas.google.com/blogger/2008/kind#{kind}" for kind in ("comment", "post"))]
)  # fmt: skip
CHILDREN = {
    "wxr": [*wxr.COMMENT, *wxr.ARTICLE, "wp:other"],
    "disqus": [*disqus.KEYS, "other"],
    "blogml": [*blogml.CHILDREN, "other"],
    "blogger": [*blogger.KEYS, "other"],
}
WITHIN = {
    "wp:commentmeta": ["wp:meta_key", "wp:meta_value"],
    "author": ["name", "username", "uri", "email"],
    "authors": ["author"],
}
ROOTS = {
    "wxr": '<rss xmlns:wp="http://wordpress.org/export/1.2/" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dsq="http://disqus.com"><channel>{}</channel></rss>',
    "disqus": '<disqus xmlns="http://disqus.com" xmlns:dsq="http://disqus.com/disqus-internals">{}</disqus>',
    "blogml": '<blog xmlns="http://www.blogml.com/2006/09/BlogML"><posts>{}</posts></blog>',
    "blogger": '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0" '
    'xmlns:app="http://purl.org/atom/app#" xmlns:blogger="http://schemas.google.com/blogger/2018">{}</feed>',
}


@st.composite
def elements(draw, kind, name, inside=""):
    """An element of an export as it might be, or nearly."""
    said = draw(st.dictionaries(st.sampled_from(ATTRIBUTES[kind] or ["x"]), VALUES, max_size=3))
    parts = []
    for child in draw(st.lists(st.sampled_from(CHILDREN[kind]), max_size=7, unique=draw(st.integers(0, 3)) > 0)):
        about = draw(st.dictionaries(st.sampled_from(ATTRIBUTES[kind] or ["x"]), VALUES, max_size=2))
        held = [f"<{each}>{draw(WORDS)}</{each}>" for each in WITHIN.get(child, []) if draw(st.integers(0, 4))]
        parts.append(opened(child, about) + ("".join(held) or draw(WORDS)) + f"</{child}>")
    return opened(name, said) + "".join(parts) + inside + f"</{name}>"


def opened(name, said):
    return f"<{name}" + "".join(f' {key}="{value}"' for key, value in said.items()) + ">"


@st.composite
def exports(draw, kind):
    plan = PLANS[kind]
    names = st.sampled_from(sorted(plan.records))
    units = []
    for _ in range(draw(st.integers(1, 4))):
        records = [draw(elements(kind, draw(names))) for _ in range(draw(st.integers(0, 3)))]
        if plan.container and plan.before and draw(st.integers(0, 2)):
            records = [f"<{plan.before[0]}>", *records, f"</{plan.before[0]}>"]
        units.append(draw(elements(kind, plan.container, "".join(records))) if plan.container else "".join(records))
    return ROOTS[kind].format("\n".join(units))


@pytest.mark.parametrize("kind", PLANS)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_stylesheet_says_what_the_trees_say(tmp_path, kind, data):
    path = tmp_path / "x.xml"
    path.write_text(data.draw(exports(kind)), encoding="utf-8")
    module = {"wxr": wxr, "disqus": disqus, "blogml": blogml, "blogger": blogger}[kind]

    def taken(plan):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "PLAN", plan)
            found = Taken(path, kind)
        comments, articles = (
            rows(getattr(batch, part) for batch in found.batches) for part in ("comments", "articles")
        )
        loss = found.loss
        return comments, articles, sorted(map(str, loss.lines)), loss.records_in, sorted(loss.notes)

    assert taken(PLANS[kind]) == taken(replace(PLANS[kind], sheet=None))
