"""Saved pages in, comments out: many systems' markup, what must not be taken for a comment, and any bytes at all."""

import gc
import json
import re
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import FormatError
from moderation.readers import read
from moderation.readers.encoding import encoding_of, looks_binary, repair
from moderation.readers.html_tree import _SPARE, _is_utf8, _Parser, decoded, parsed
from moderation.readers.html_words import patterns_of

sys.path.insert(0, str(Path(__file__).parent))
from html_samples import ONE, SAMPLES, TWO, Sample

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
PAGES = SHARED / "pages"
WORDPRESS = SHARED / "raw"


def take(path, kind=None):
    reading = read(path, kind)
    batches = [batch.validate() for batch in reading]
    report = reading.loss
    assert report.records_in == report.comments_out + report.lost
    assert report.comments_out == sum(len(batch.comments) for batch in batches)
    assert reading.format == "html"
    frames = [batch.comments for batch in batches]
    return (pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()), batches, report


def read_text(tmp_path, text, name="page.html", kind=None):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return take(path, kind)


def column(frame, name):
    return [None if pd.isna(value) else value for value in frame[name]] if len(frame) else []


@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_bytes_are_utf_8_exactly_where_python_says_so(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        assert not _is_utf8(data)
    else:
        assert _is_utf8(data)


def test_a_character_cut_short_at_the_end_is_still_utf_8():
    text = ("é" * 40).encode() + "€".encode()
    assert {encoding_of(text[:end]) for end in range(80, len(text) + 1)} == {"utf-8"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_two_comments_in_the_markup_of(tmp_path, sample):
    frame, batches, report = read_text(tmp_path, sample.page)
    assert [re.sub(r" And then some more words\.$", "", text) for text in column(frame, "text")] == [ONE, TWO]
    assert column(frame, "author") == ["Ann Lee", "Ben"]
    assert [when.isoformat()[:19] for when in column(frame, "posted_at")] == list(sample.dates)
    ids = column(frame, "id")
    assert column(frame, "parent_id") == [None, ids[0] if sample.nested else None]
    assert report.lost == 0
    article = batches[0].articles.iloc[0]
    assert article["title"] == "Bread at last"
    assert article["url"] == "https://oven.example/bread"
    assert set(column(frame, "article_id")) == {article["id"]}
    if not sample.name.startswith("json-ld only"):
        assert "nine loaves" in article["text"]
        assert ONE not in article["text"]
        assert article["published_at"].date().isoformat() == "2012-03-03"


LANGUAGES = {
    "Italian": """<ul class='lista-commenti'><li class='commento'><strong>Ann Lee</strong> <span class='data'>4 marzo 2012 alle 10:20</span><p>{0}</p></li>
<li class='commento'><strong>Ben</strong> <span class='data'>5 marzo 2012 alle 8:05</span><p>{1}</p></li></ul>""",
    "Polish": """<div id='komentarze'><h4>Komentarze (2)</h4><div class='komentarz'><span class='nick'>Ann Lee</span> <span class='data'>4 marca 2012, 10:20</span><div
class='tresc'>{0}</div><a href='#'>Odpowiedz</a></div><div class='komentarz'><span class='nick'>Ben</span> <span class='data'>5 marca 2012, 8:05</span><div
class='tresc'>{1}</div></div></div>""",
    "Spanish": """<div class='comentarios'><h3>2 comentarios</h3><div id='comentario-1' class='comentario'><p class='autor'>Ann Lee dijo:</p><p class='fecha'>4 de marzo
de 2012 a las 10:20</p><p>{0}</p></div><div id='comentario-2' class='comentario'><p class='autor'>Ben dijo:</p><p class='fecha'>5 de marzo de 2012 a las
8:05</p><p>{1}</p></div></div>""",
    "Turkish": """<div class='yorumlar'><h3>2 Yorum</h3><div class='yorum'><b class='kullanici'>Ann Lee</b><span class='tarih'>04.03.2012 10:20</span><p>{0}</p></div>
<div class='yorum'><b class='kullanici'>Ben</b><span class='tarih'>05.03.2012 08:05</span><p>{1}</p></div></div>""",
    "Russian": """<div class='comments'><div class='comment' id='comment_1'><div class='comment__head'><a class='comment__author'>Ann Lee</a> <span
class='comment__date'>4 марта 2012, 10:20</span></div><div class='comment__text'>{0}</div></div><div class='comment' id='comment_2'><div class='comment__head'><a
class='comment__author'>Ben</a> <span class='comment__date'>5 марта 2012, 8:05</span></div><div class='comment__text'>{1}</div></div></div>""",
    "Japanese": """<div id='comments'><h3>コメント</h3><div class='comment' id='c1'><div class='comment-body'>{0}</div><div class='comment-footer'>投稿者: Ann Lee |
2012年3月4日 10:20</div></div><div class='comment' id='c2'><div class='comment-body'>{1}</div><div class='comment-footer'>投稿者: Ben | 2012年3月5日 08:05</div></div></div>""",
    "wordpress of 2005": """<h3 id='comments'>2 Responses</h3><ol class='commentlist'><li class='alt' id='comment-5'><cite><a href='http://a.example'>Ann Lee</a></cite>
Says:<br><small class='commentmetadata'><a href='#comment-5'>March 4th, 2012 at 10:20 am</a></small><p>{0}</p></li><li id='comment-6'><cite>Ben</cite> Says:<br>
<small class='commentmetadata'><a href='#comment-6'>March 5th, 2012 at 8:05 am</a></small><p>{1}</p></li></ol>""",
    "phpbb 2": """<table><tr><td><span class='name'><a name='11'></a><b>Ann Lee</b></span><br><span class='postdetails'>Joined: 01 Jan 2010</span></td><td><span
class='postdetails'>Posted: Sun Mar 04, 2012 10:20 am</span><span class='postbody'>{0}</span></td></tr><tr><td class='spaceRow'></td></tr><tr><td><span
class='name'><a name='12'></a><b>Ben</b></span></td><td><span class='postdetails'>Posted: Mon Mar 05, 2012 8:05 am</span><span class='postbody'>{1}</span></td></tr></table>""",
}


@pytest.mark.parametrize("kind", LANGUAGES)
def test_two_comments_named_in(tmp_path, kind):
    frame, _, _ = read_text(tmp_path, Sample(kind, LANGUAGES[kind].format(ONE, TWO)).page)
    assert column(frame, "text") == [ONE, TWO]
    assert column(frame, "author") == ["Ann Lee", "Ben"]
    assert [when.isoformat()[:16] for when in column(frame, "posted_at")] == ["2012-03-04T10:20", "2012-03-05T08:05"]


def test_all_samples_as_they_were(tmp_path, golden):
    found = {}
    for sample in SAMPLES:
        frame, _, report = read_text(tmp_path, sample.page)
        rows = frame[["id", "parent_id", "author", "author_url", "posted_at", "kind", "text"]].astype(object)
        found[sample.name] = {
            "comments": json.loads(rows.where(rows.notna(), None).to_json(orient="records", date_format="iso")),
            "notes": list(report.notes),
        }
    golden("html-samples", found)


def test_notices_have_their_kind_and_their_link(tmp_path):
    page = """<html><body><h1>Bread</h1><ol class="commentlist"><li class="comment even thread-even" id="comment-1"><cite class="fn">Ann
</cite><div class="comment-meta">March 4, 2012</div><p>Lovely.</p></li><li class="pingback odd" id="comment-2"><div class="comment-body">Pingback:
<a href="https://dough.example/links" class="url">Links of the week | Dough</a></div></li><li class="trackback even" id="comment-3"><div
class="comment-body">Trackback: <a href="https://yeast.example/">Yeast</a></div></li></ol></body></html>"""
    frame, _, _ = read_text(tmp_path, page)
    assert column(frame, "kind") == ["comment", "pingback", "trackback"]
    assert column(frame, "author")[1:] == ["Links of the week | Dough", "Yeast"]
    assert column(frame, "author_url")[1] == "https://dough.example/links"
    assert column(frame, "text")[1] == "Pingback: Links of the week | Dough"


@pytest.mark.parametrize(
    ("system", "markup"),
    [
        ("Disqus", '<div id="disqus_thread"></div><script src="https://oven.disqus.com/embed.js"></script>'),
        ("Facebook comments", '<div class="fb-comments" data-href="https://oven.example"></div>'),
        ("Hyvor Talk", "<hyvor-talk-comments website-id='1'></hyvor-talk-comments>"),
        ("OpenWeb", '<script src="https://launcher.spot.im/spot/sp_1"></script>'),
        ("Giscus", '<script src="https://giscus.app/client.js" async></script>'),
        ("Coral", '<div id="coral_thread"></div>'),
        ("Viafoura", "<vf-conversations></vf-conversations>"),
        ("Commento", '<div id="commento"></div><script src="https://cdn.commento.io/js/commento.js"></script>'),
    ],
)
def test_comments_that_live_elsewhere_are_named(tmp_path, system, markup):
    frame, _, report = read_text(tmp_path, Sample("x", markup).page)
    assert frame.empty
    assert f"not in this page: {system}" in report.notes


def test_a_promise_that_is_not_kept_is_a_note(tmp_path):
    _, _, report = read_text(tmp_path, Sample("x", "<div id='comments'><h3>7 Comments</h3></div>").page)
    assert "the page speaks of 7 comments; none were found" in report.notes


@pytest.mark.parametrize(
    "around",
    [
        """<div class="sidebar"><h3>Recent comments</h3><ul id="recentcomments"><li class="recentcomments"><span class="comment-author-link">Dora</span> on
<a href="/x#comment-5">Cake</a></li></ul></div>""",
        """<div class="related"><h3>Related</h3><div class="teaser"><a href="/a"><b>Cake</b> <time datetime="2012-01-01">Jan 1</time> <p>How we baked a cake</p></a></div>
<div class="teaser"><a href="/b"><b>Pie</b> <time datetime="2012-01-02">Jan 2</time><p>How we baked a pie</p></a></div></div>""",
        """<div id="respond" class="comment-respond"><form class="comment-form"><p class="comment-form-author"><label>Name</label><input name="author"></p>
<p class="comment-notes">Your address will not be published on 4 March 2012.</p><textarea name="comment"></textarea></form></div>""",
        '<div class="newsletter"><p><b>Cleo</b> 3 March 2012: subscribe to the oven letter, which comes on Sundays.</p></div>',
    ],
)
def test_what_stands_around_comments_is_none(tmp_path, around):
    assert read_text(tmp_path, Sample("x", around).page)[0].empty
    frame, _, _ = read_text(tmp_path, Sample("x", SAMPLES[0].comments + around).page)
    assert column(frame, "text") == [ONE, TWO]


ALIKE = """<div class="q9"><div class="z9"><b>Ann Lee</b> <i>04.03.2012 10:20</i><p>{0}</p></div>
<div class="z9"><b>Ben</b> <i>05.03.2012 08:05</i><p>{1}</p></div>
<div class="z9"><b>Cleo</b> <i>06.03.2012 09:00</i><p>Then your yeast is too old. Buy some from a baker.</p></div></div>"""


@pytest.mark.parametrize("change", [{}, {"div": "tr", "p": "td", "<b>": "<td><b>", "</i>": "</i></td>"}, {"b": "em"}])
def test_blocks_alike_are_comments_where_nothing_says_so(tmp_path, change):
    markup = ALIKE
    for old, new in change.items():
        for form in ("<{}>", "</{}>", "<{} class") if "<" not in old else ("{}",):
            markup = markup.replace(form.format(old), form.format(new))
    frame, _, _ = read_text(tmp_path, Sample("x", markup.format(ONE, TWO)).page)
    assert column(frame, "text")[:2] == [ONE, TWO]
    assert column(frame, "author") == ["Ann Lee", "Ben", "Cleo"]
    assert [when.isoformat()[:10] for when in column(frame, "posted_at")] == ["2012-03-04", "2012-03-05", "2012-03-06"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<b>", "<h3>Cake again</h3><b>"),
        ("Ben", "Ann Lee"),
        ("<p>", "<p><a href='/x'>"),
        ("<i>", "<u>"),
        ("z9", "sidebar"),
    ],
)
def test_lists_of_articles_are_no_comments_though_they_look_alike(tmp_path, old, new):
    markup = ALIKE.format(ONE, TWO).replace(old, new)
    if old == "Ben":
        markup = markup.replace("Cleo", "Ann Lee")
    if old == "<i>":
        markup = re.sub(r"<u>[^<]*", "<u>", markup)  # no dates
    assert read_text(tmp_path, Sample("x", markup).page)[0].empty


def test_only_what_was_written_is_text(tmp_path):
    page = """<html><body><div id="comments"><div class="comment" id="comment-7"><div class="avatar">A</div><span class="author">Ann</span>
<span class="date">4 March 2012</span><div class="comment-text">Salt &amp;amp; flour.<br>No <b>sugar</b>.<p>Second</p><script>x()</script>
<form><input value="trap"><label>Leave empty</label></form></div><div class="votes">17</div><a class="edit-link">Edit</a>
<a class="reply-link">Reply</a><button>Report</button></div></div></body></html>"""
    frame, _, _ = read_text(tmp_path, page)
    assert column(frame, "text") == ["Salt &amp; flour.\nNo sugar.\n\nSecond"]


@pytest.mark.parametrize(
    ("codec", "declared"), [("utf-8", "utf-8"), ("cp1252", "iso-8859-1"), ("shift_jis", "Shift_JIS"), ("euc_jp", "euc-jp"),
                            ("utf-8", "iso-8859-1"), ("cp1251", "windows-1251"), ("utf-16", "utf-16")]
)  # fmt: skip
def test_the_page_is_believed_about_its_encoding(tmp_path, codec, declared):
    words = {"shift_jis": "パンがおいしい", "euc_jp": "パンがおいしい", "cp1251": "Хлеб удался"}.get(
        codec, "Brötchen für später"
    )
    page = f"""<html><head><meta charset="{declared}"></head><body><ol class="commentlist"><li class="comment" id="comment-1"><cite class="fn">Ann</cite>
<div class="comment-meta">2012-03-04</div><p>{words}</p></li></ol></body></html>"""
    frame, _, _ = read_text(tmp_path, page.encode(codec))
    assert column(frame, "text") == [words]


def test_the_page_of_an_archive_is_read(tmp_path):
    page = SAMPLES[0].page.replace("<meta property='og:url' content='https://oven.example/bread'>", "")
    archive = (
        "From: <Saved by a browser>\r\nSnapshot-Content-Location: https://oven.example/bread\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/related; type="text/html"; boundary="--edge"\r\n\r\n----edge\r\nContent-Type: text/html\r\n'
        "Content-Location: https://oven.example/bread\r\n\r\n" + page.replace("\n", "\r\n") + "\r\n----edge--\r\n"
    )
    frame, batches, _ = read_text(tmp_path, archive, "page.mhtml")
    assert column(frame, "text") == [ONE, TWO]
    assert batches[0].articles["url"].tolist() == ["https://oven.example/bread"]


def test_names_and_ids_are_the_same_when_a_page_is_read_again(tmp_path):
    first, _, _ = read_text(tmp_path, SAMPLES[0].page)
    later = SAMPLES[0].page.replace(
        '</ol>\n<div id="respond">',
        """<li class="comment even" id="comment-13"><cite class="fn">Dora</cite><div
class="comment-meta">March 6, 2012</div><p>So did mine.</p></li></ol><div id="respond">""",
    )
    second, _, _ = read_text(tmp_path, later, "again.html")
    assert column(first, "id") == [
        "html:https://oven.example/bread#comment-11",
        "html:https://oven.example/bread#comment-12",
    ]
    assert column(second, "id") == [*column(first, "id"), "html:https://oven.example/bread#comment-13"]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.txt", "<!DOCTYPE html><html><body><p>Hello</p></body></html>", "html"),
        ("a", "<!-- saved --><html><body>x</body></html>", "html"),
        ("a.html", "<div><p>Hello</p></div>", "html"),
        ("a", "<div class='c'><p>Hello</p><p>There</p><br></div>", "html"),
        (
            "a.xhtml",
            '<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html xmlns="http://www.w3.org/1999/xhtml"></html>',
            "html",
        ),
        ("a.txt", "Bread\n\nAnn says:\nLovely <b>bread</b>, that.\n", "page"),
        ("a.html", '{"text": "<p>Lovely</p>"}\n{"text": "<p>Fine</p>"}\n', "jsonl"),
    ],
)
def test_pages_are_told_from_what_only_looks_like_them(tmp_path, name, text, kind):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert read(path).format == kind


@pytest.mark.parametrize(
    "root",
    [
        "rss version='2.0'",
        "feed xmlns='http://www.w3.org/2005/Atom'",
        "disqus xmlns='http://disqus.com'",
        "blog root-url='/'",
    ],
)
def test_feeds_and_exports_are_no_pages(tmp_path, root):
    from moderation.readers.html_page import HTML
    from moderation.readers.source import Source

    path = tmp_path / "export.html"
    path.write_text(
        f"<?xml version='1.0'?><!-- <html> -->\n<{root}><p>x</p><p>x</p><p>x</p></{root.split()[0]}>", encoding="utf-8"
    )
    assert HTML.claim(Source.of(path)) == 0


_WORDS = [
    "div",
    "li",
    "p",
    "ol",
    "table",
    "tr",
    "td",
    "a",
    "span",
    "form",
    "script",
    "article",
    "time",
    "br",
    "dl",
    "dt",
    "dd",
    "pre",
    "b",
]
_NAMES = [
    "comment",
    "comments",
    "comment-body",
    "author",
    "date",
    "commentlist",
    "reply",
    "children",
    "pingback",
    "sidebar",
    "post",
    "athing comtr",
]


@st.composite
def soups(draw):
    pieces = []
    for _ in range(draw(st.integers(0, 40))):
        tag = draw(st.sampled_from(_WORDS))
        match draw(st.integers(0, 3)):
            case 0:
                pieces.append(f"</{tag}>")
            case 1:
                pieces.append(draw(st.text(max_size=30)))
            case 2:
                pieces.append(
                    draw(
                        st.sampled_from(
                            [
                                "March 4, 2012",
                                "Ann says:",
                                "2 Comments",
                                "in reply to",
                                "&amp;",
                                "<!--",
                                "-->",
                                "2012-02-31",
                            ]
                        )
                    )
                )
            case _:
                name = draw(st.sampled_from(_NAMES))
                number = draw(st.integers(0, 9))
                pieces.append(
                    f'<{tag} class="{name}" id="comment-{number}" href="#comment-{number}" itemprop="comment" title="2012-13-45">'
                )
    return "".join(pieces)


@given(st.binary(max_size=2000))
@settings(max_examples=150)
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, data):
    from moderation.errors import InputError

    path = tmp_path_factory.mktemp("any") / "page.html"
    path.write_bytes(data)
    refused = None
    try:
        take(path, "html")
    except InputError as refusal:  # empty, or binary
        refused = str(refusal)
    assert refused is None or "\n" not in refused


@given(soups())
@settings(max_examples=200)
def test_any_soup_of_tags_is_read(tmp_path_factory, soup):
    path = tmp_path_factory.mktemp("soup") / "page.html"
    path.write_text("<html>" + soup, encoding="utf-8", errors="replace")
    if looks_binary(path.read_bytes()):  # control characters, from one on in so many
        with pytest.raises(FormatError, match="binary data"):
            take(path, "html")
        return
    frame, _, _ = take(path, "html")
    again, _, _ = take(path, "html")
    assert column(frame, "id") == column(again, "id")


@pytest.mark.parametrize(
    "piece",
    ["<div class=comment id=comment-1>", "<li class='comment'><cite class=fn>A</cite>2012-03-04 x", "<b>", "<!--", "<a href='#c1'>", "</div>", "<td>", "&amp;",
     "<p class='comment'>March 4, 2012 ", "<script>", "<div class=comments><time>2012-03-04</time>"],
)  # fmt: skip
def test_a_long_run_of_one_piece_is_read(tmp_path, piece):
    # Nothing is timed here; were any step quadratic in what is nested or repeated, this would take minutes.
    frame, _, _ = read_text(tmp_path, "<html><body>" + piece * 8000)
    assert column(frame, "id") == list(dict.fromkeys(column(frame, "id")))


def test_pages_read_one_after_another_or_at_once_leave_nothing_in_each_other():
    # Parsers are kept: what one page left open, broke or held must not be in the next.
    pages = [sample.page.encode() for sample in SAMPLES]
    odd = [
        b"",
        b" \n ",
        b"\0",
        b"<script type='application/ld+json'>{",
        b"<svg><g><form><b>",
        b"<a href='",
        b"</p>" * 9,
    ]
    fresh = {page: _Parser().parsed(page) for page in (*pages, *odd)}
    mixed = [page for page in pages for page in (page, *odd, page)]
    assert all(parsed(page) == fresh[page] for page in mixed)
    with ThreadPoolExecutor(4) as pool:
        assert all(tree == fresh[page] for page, tree in zip(mixed, pool.map(parsed, mixed), strict=True))


@given(st.lists(st.text(max_size=12).map(lambda text: text.replace("\0", ""))))
def test_every_number_in_an_id_is_a_nine(idents):
    assert patterns_of(idents) == [re.sub(r"\d+", "9", ident.lower()) for ident in idents]


def test_what_a_page_held_is_let_go_with_its_tree():
    class Held(dict):
        pass

    tree = parsed(SAMPLES[0].page.encode())
    mark = Held()
    tree.attributes.append(mark)
    there = weakref.ref(mark)
    gc.disable()  # nothing may hold the tree that only a collection would find
    try:
        del tree, mark
        assert there() is None
        assert not any(parser.tags or parser.met for parser in _SPARE)
    finally:
        gc.enable()


@pytest.mark.skipif(not (PAGES / "html-gold.json").is_file(), reason="needs the saved pages in ../shared/data/pages")
def test_real_pages_give_their_comments_and_nothing_else():
    gold = json.loads((PAGES / "html-gold.json").read_text("utf-8"))
    hits = there = article = boilerplate = 0
    for name, said in gold.items():
        tree = parsed(decoded((PAGES / "html" / name).read_bytes())[0])
        shown = " ".join(tree.text_of(tree.region(0)).split())
        frame, _, _ = take(PAGES / "html" / name)
        found = " ".join(f"{a or ''} {t}" for a, t in zip(column(frame, "author"), column(frame, "text"), strict=True))
        found = " ".join(found.split())
        wanted = [" ".join(snippet.split()) for snippet in said["comments"]]
        there += sum(snippet in shown for snippet in wanted)
        hits += sum(snippet in found for snippet in wanted)
        article += sum(" ".join(snippet.split()) in found for snippet in said["article"])
        boilerplate += sum(" ".join(snippet.split()) in found for snippet in said["boilerplate"])
    assert hits >= 0.90 * there > 0
    assert article <= 4
    assert boilerplate <= 3


@pytest.mark.skipif(not (WORDPRESS / "wp-html-gold.jsonl").is_file(), reason="needs the pages in ../shared/data/raw")
def test_nested_wordpress_pages_are_read_exactly():
    for line in (WORDPRESS / "wp-html-gold.jsonl").read_text("utf-8").splitlines():
        said = json.loads(line)
        frame, _, _ = take(WORDPRESS / "wp-html" / said["file"])
        assert len(frame) == len(said["comments"]), said["file"]
        if frame.empty:
            continue
        frame.index = [re.search(r"(\d+)$", own)[1] for own in frame["id"]]
        for row in said["comments"]:
            got = frame.loc[row["comment_id"]]
            parent = "" if pd.isna(got["parent_id"]) else re.search(r"(\d+)$", got["parent_id"])[1]
            assert parent == row["parent_id"]
            assert got["kind"] == row["type"]
            assert ("" if pd.isna(got["posted_at"]) else got["posted_at"].isoformat()) == row["date"]
            if row["type"] == "comment":
                assert got["author"] == repair(row["author"])  # what was encoded twice is repaired in reading
                assert ("" if pd.isna(got["author_url"]) else got["author_url"]) == row["author_url"]
                assert " ".join(got["text"].split()) == " ".join(repair(row["content"]).split())
