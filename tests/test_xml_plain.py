"""Records that the compiled parser takes for plain: it says what a stylesheet says of their trees, or nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.readers import blogger, blogml, disqus, wxr
from moderation.readers.losses import Tally
from moderation.readers.source import Source
from moderation.readers.xml_plain import WORTH_IT, Layout, is_worth_it
from moderation.readers.xml_stream import XmlStream, _Parser

PLANS = {"wxr": wxr.PLAN, "disqus": disqus.PLAN, "blogml": blogml.PLAN, "blogger": blogger.PLAN}
HEADS = {
    "wxr": '<rss xmlns:wp="http://wordpress.org/export/1.2/" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/">',
    "disqus": '<disqus xmlns="http://disqus.com" xmlns:dsq="http://disqus.com/disqus-internals">',
    "blogml": '<blog xmlns="http://www.blogml.com/2006/09/BlogML">',
    "blogger": '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0" '
    'xmlns:gd="http://schemas.google.com/g/2005" xmlns:blogger="http://schemas.google.com/blogger/2018">',
}
WHOLE = {
    "wxr": """<item>
<title>On bread</title><link>https://blog.example/1</link><dc:creator><![CDATA[mira]]></dc:creator>
<guid isPermaLink="false">https://blog.example/?p=1</guid><content:encoded><![CDATA[<p>Flour &amp; salt</p>]]></content:encoded>
<wp:post_id>1</wp:post_id><category domain="tag" nicename="x"><![CDATA[rye]]></category>
<wp:comment><wp:comment_id>1</wp:comment_id><wp:comment_author><![CDATA[Ada]]></wp:comment_author>
<wp:comment_author_email>a@example.org</wp:comment_author_email><wp:comment_content>Keep &lt;b&gt;it&#33; </wp:comment_content>
<wp:comment_approved>1</wp:comment_approved><wp:comment_parent>0</wp:comment_parent>
<wp:commentmeta><wp:meta_key>akismet_result</wp:meta_key><wp:meta_value><![CDATA[true]]></wp:meta_value></wp:commentmeta>
<wp:commentmeta><wp:meta_key><![CDATA[akismet_user_result]]></wp:meta_key><wp:meta_value>false</wp:meta_value></wp:commentmeta>
<wp:commentmeta><wp:meta_key>_other</wp:meta_key><wp:meta_value/></wp:commentmeta></wp:comment>
<wp:comment><wp:comment_id>2</wp:comment_id><wp:comment_content>\u9762 a<![CDATA[b]]>c</wp:comment_content></wp:comment>
</item>
<item><title>Nobody said a word</title></item>""",
    "disqus": """<thread dsq:id="11"><id>one</id><forum>f</forum><link>https://blog.example/1/</link><title>T</title>
<message/><createdAt>2012-03-06T01:03:00Z</createdAt><author><name>Mira</name><isAnonymous>no</isAnonymous></author></thread>
<post dsq:id="1"><id/><message><![CDATA[<p>Rye</p>]]></message><isSpam>false</isSpam><author><name>Ada</name>
<username>ada</username></author><thread dsq:id="11" /><parent dsq:id='7'/></post>""",
    "blogml": """<post id="1" post-url="/1?a=1&amp;b=2"><title type="text">T</title>
<content type="text"><![CDATA[Flour]]></content><authors><author ref="2100"/><author ref="5"/></authors>
<comments><comment id="c1" user-name="Ada &quot;A&quot;" approved="true"><title type="text">Re</title>
<content type="text"><![CDATA[Yes]]></content></comment></comments>
<trackbacks><trackback id="t1" url="https://a.example"><title type="text">Ping</title></trackback></trackbacks></post>""",
    "blogger": """<entry><id>tag:blogger.com,1999:blog-1.post-7</id><blogger:type>POST</blogger:type><title>T &amp; t</title>
<author><name>Ada</name><uri>https://a.example</uri><gd:image rel='x' src='y'/></author>
<content type='html'>&lt;p>Rye \u00e9&lt;/p></content><published>2012-03-06T01:03:00Z</published></entry>
<entry><id>8</id><category term='http://schemas.google.com/blogger/2008/kind#comment'/><title type="text" xml:lang="en"/>
<summary>Keep it</summary><link rel='edit' href='e'/><link rel="alternate" href="https://b.example/?a=1&amp;b"/>
<link rel='related' href='r'/><link rel='related' href='s'/><thr:in-reply-to href='h' ref='post-7'/></entry>""",
}
# What no parser takes, or reads in its own way, or what a sheet calls odd.
REFUSED = [
    "&nbsp;", "&amp", "&", "&#0;", "&#x;", "&#X41;", "&#55296;", "&#xFFFE;", "&#1114112;", "&#00000065;", "]]>", "<", "</x>",
    "<x>", "<x></y>", "<!-- said -->", "<?php ?>", "\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "<![CDATA[", "<![CDATA[ <![CDATA[ ]]>",
    "<x a='1' a='2'/>", "<x a=1/>", "<x a/>", "<x a='<'/>", "<x a='1'b='2'/>", "<x a='&nbsp;'/>", "<x a=']]>'/>", "<x a='\n'/>",
    "<x xmlns='y'/>", "<x xmlns:y='z'/>", "<y:x/>", "<x y:z='1'/>", "<x:y:z/>", "<:x/>", "<x:/>", "<1/>", "<\u00e9/>", "<x xml:id='1'/>",
    "<x></x >", "<!DOCTYPE x>", "<xml:x/>", "<x" + " ".join(f" a{number}='1'" for number in range(50)) + "/>", "<x>" * 70 + "</x>" * 70,
]  # fmt: skip
# The same at the end of a record, and its end.
ODD = {
    "wxr": ["<wp:comment/>", "<item></item>", "<wp:comment></wp:comment>", "<wp:comment_id>2</wp:comment_id>",
            "<wp:comment_author><b/></wp:comment_author>", "<x><wp:comment></wp:comment></x>",
            "<wp:commentmeta><x><b/></x></wp:commentmeta>",
            "<wp:commentmeta><wp:meta_key> akismet_result</wp:meta_key></wp:commentmeta>",
            "<wp:commentmeta><wp:meta_key>akismet_result</wp:meta_key></wp:commentmeta>" * 2],
    "disqus": ["<post></post>", "<thread id='2'/>", "<author/>", "<message/>", "<x><thread/></x>"],
    "blogml": ["<x base64='true'/>", "<x type='BASE64'/>", "<x type='base&#54;4'/>", "<post></post>", "<title/>"],
    "blogger": ["<entry-x/>", "<entry></entry>", "<title/>", "<author/>" * 2, "<content/>", "<blogger:type/>",
                "<category term='blogger/2008/kind#post'/>", "<category term='a&#98;'/>", "<blogger:parent/>"],
}  # fmt: skip
ENDS = {"wxr": "</wp:comment>", "disqus": "</post>", "blogml": "</comment>", "blogger": "</entry>"}


class Both:
    """One file's two ways to say what records hold: of the compiled parser, and of a stylesheet."""

    def __init__(self, folder, kind):
        path = folder / f"{kind}.xml"
        path.write_text(HEADS[kind], encoding="utf-8")
        self.plan = plan = PLANS[kind]
        self._stream = XmlStream(Source.of(path), Tally(), plan)
        spelling = self._stream._spelling
        around = (plan.container, *plan.before) if plan.container else ()
        self.layout = Layout(plan.sheet, spelling.written, spelling.prefixes(), tuple(plan.records), around)

    def compiled(self, text):
        rows = self.layout.rows(text.encode("utf-8", "surrogatepass"))
        return None if rows is None else list(zip(rows.names(), rows.cells(), strict=True))

    def parsed(self, text):
        parser = _Parser(self._stream._spelling, self.plan, Tally(), None, is_compiled=False)
        found = parser.read(text.encode())
        return [(record.name, list(record.cells)) for record in found] if hasattr(found, "__next__") else found


@pytest.fixture(scope="module", params=PLANS)
def both(request, tmp_path_factory):
    both = Both(tmp_path_factory.mktemp("plain"), request.param)
    both.kind = request.param
    return both


@pytest.mark.parametrize(("size", "is_ready"), [(1, False), (1, True), (WORTH_IT - 1, False), (WORTH_IT, False)])
def test_for_small_files_it_is_not_made_ready(tmp_path, monkeypatch, size, is_ready):
    monkeypatch.setattr(Layout, "is_ready", is_ready)
    path = tmp_path / "x.xml"
    with path.open("wb") as file:
        file.write(b"<")
        file.truncate(size)
    assert is_worth_it(Source.of(path)) == (is_ready or size >= WORTH_IT)


@pytest.mark.parametrize("between", ["", "\n", "\r\n", "\r"])
def test_what_programs_write_is_plain(both, between):
    text = WHOLE[both.kind].replace("\n", between or "\n")
    if not between:
        text = text.replace("\n", "")
    found = both.compiled(text)
    assert found
    assert found == both.parsed(text)


def test_of_a_part_of_the_records_those_are_told_that_are_asked_for(both):
    rows = both.layout.rows(WHOLE[both.kind].encode())
    cells = list(rows.cells())
    assert list(rows.cells([1], [0, 2])) == [[cells[1][0], cells[1][2]]]
    assert rows.names([1]) == rows.names()[1:2]
    assert list(rows.cells([])) == rows.names([]) == []
    assert WHOLE[both.kind].encode()[rows.span(0)].startswith(b"<" + rows.names()[0].encode())


@pytest.mark.parametrize("part", REFUSED)
def test_what_is_not_plain_is_left_to_a_parser(both, part):
    assert both.compiled(f"{WHOLE[both.kind]}{part}") is None  # outside of all
    last = WHOLE[both.kind].rindex("</")
    assert both.compiled(f"{WHOLE[both.kind][:last]}{part}{WHOLE[both.kind][last:]}") is None


def test_what_a_sheet_calls_odd_is_left_to_it(both):
    before, end, after = WHOLE[both.kind].rpartition(ENDS[both.kind])
    for part in ODD[both.kind]:
        assert both.compiled(before + part + end + after) is None, part


@pytest.mark.parametrize("size", range(1, 40, 3))
def test_a_cut_is_no_end(both, size):
    assert both.compiled(WHOLE[both.kind][:-size]) is None


def test_there_is_room_for_any_number_of_records(both):
    text = WHOLE[both.kind] * 1500
    assert both.compiled(text) == both.compiled(WHOLE[both.kind]) * 1500


PARTS = st.sampled_from([
    *REFUSED, *(part for parts in ODD.values() for part in parts), " ", "\n", "\r\n", "x", "\u00e9", "\U0001f600", "\ufffd",
    "&amp;", "&lt;", "&#13;", "&#x1F600;", "<![CDATA[x]]>", "<![CDATA[\r\n]]>", "]]", ">", '"', "<x/>", "<x a='b'>y</x>", "<x>",
    "</x>", "/", "akismet_result", " rel='alternate'", " href='u'", " type='64'", " dsq:id='1'", " id='2'", "alternate", "related",
])  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_it_says_what_a_stylesheet_says_or_nothing(both, data):
    text = WHOLE[both.kind]
    for _ in range(data.draw(st.integers(1, 4))):
        places = [place for place, letter in enumerate(text) if letter in "<>"] or [0]
        at = data.draw(st.sampled_from(places)) + data.draw(st.integers(0, 1))
        cut = data.draw(st.sampled_from([0, 0, 0, 1, 5, 20]))
        text = text[:at] + data.draw(PARTS) + text[at + cut :]
    found = both.compiled(text)
    assert found is None or found == both.parsed(text)
