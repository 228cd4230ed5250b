"""What the compiled reader makes of a page is what lxml's parser makes of it; where it cannot know, it says so."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from html.entities import html5
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from moderation.readers import html_kernel, html_tree
from moderation.readers.html_scanner import VERSION, Scanner, attributes_in, unescaped
from moderation.readers.html_tree import _MARKS, PIECE, Tree, _Parser, _scanned, parsed

sys.path.insert(0, str(Path(__file__).parent))
from html_samples import SAMPLES

if etree.LIBXML_VERSION[:2] != VERSION:
    pytest.skip("lxml brings another libxml2", allow_module_level=True)

SCANNER = Scanner(_MARKS)
PARSER = _Parser()
FIELDS = [name for name in Tree.__slots__ if name not in ("attributes", "looks")]


def assert_same(page):
    """See that both make the same of a page, and return the tree."""
    data = page if isinstance(page, bytes) else page.encode()
    columns = SCANNER.read(data)
    assert columns is not None, page
    ours, theirs = _scanned(data, columns), PARSER.parsed(data)
    for name in FIELDS:
        assert getattr(ours, name) == getattr(theirs, name), (name, page)
    for element, attributes in enumerate(theirs.attributes):
        assert list(ours.attributes[element].items()) == list(attributes.items()), page
        assert ours.looks[element] is theirs.looks[element], page
    return ours


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_pages_of_systems(sample):
    tree = assert_same(sample.page)
    assert "Bread at last" in tree.text_of(tree.region(0))


@pytest.mark.parametrize("tag", SCANNER._tags)
def test_tags_end_the_same_elements(tag):
    for other in (*SCANNER._tags, "wbr", "x-y"):
        assert_same(f"<body><{tag}>a<{other}>b</{other}>c</{tag}>d")
        assert_same(f"<{tag} class=a><p><{other} class=b></{tag}>x</{other}>y<br>z")
        assert_same(f"<table><tr><td><{tag}>a</{other}>b</td><{other}/>c</table>d")


@pytest.mark.parametrize(
    "page",
    [
        "word",
        "<",
        "</",
        "a < b </ c <3 d",
        "<p",
        "<p class='x",
        "<p>a</p",
        "</>a</ >b</3>c",
        "\n <!-- a --> <?php x ?> \n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0//EN\" 'x'>\n<!-- b -->\n<html> x",
        "<!doctype html><title>a &lt; b</title><!doctype html>c",
        "<!-->a<!--->b<!-- c --!>d<!-- e -- > f -->g<!x>h<![CDATA[i]]>j<!-- k",
        "<html> \n<head> \n x <body class='late'>y</body> z</html> after <p>more</p></html></body>",
        "<html lang=a><html lang=b><body><body class=c><head><title>x</title></head></body></body>y</html>",
        "<div><body/>a</div><head/>b<html/>c",
        "<title/>a<script/>b</script>c<textarea/>d",
        "<script>if (a < b) { '</scrip' + '<!--' }</script>a<SCRIPT></ScRiPt >b",
        "<script><!-- <script> x </script> y --></script>z</script>w",
        "<script><!-- <script> x <!-- </script> y </script>z<script><!--> <script></script>w",
        "<textarea><p>a&amp;b</p></textarea ><style><p></style/><xmp><b>&amp;</xmp><noembed><i></noembed>x",
        "a<plaintext><p>b</plaintext>",
        "<iframe><p>x</iframe><noframes><p></noframes><svg><title>t</title><path d=x><g>u</g></svg>v",
        "<script type='application/ld+json'>{\"a\":\r\n1}</script><script type=text/ld+json />x",
        "<script type='application&#x2F;ld&#43;json'>{}</script><script type='ld&plus;json'>[]</script>",
        "<script type='text&#x2f;ld+javascript'>{}</script><script type=lld+json&amp>1</script><script type>2</script>",
        "<wbr><source><b>x</b></wbr>y<col><track>z",
        "a\r\nb\rc\n<p title='d\r\ne\rf'>g\r</p>\r\n \r\n",
        "<p> \xa0 </p> <p>\u2003\u3000</p>\x1c\x85 <p>\x0b</p>\u200b",
        "<p>&nbsp;</p> <p>&#32;</p>&#x85;&#8203;&Tab;x",
        "&#0;&#x80;&#x9f;&#x81;&#xd800;&#x110000;&#99999999999999999999;&#x1F600;&#65&#x41 &#;&#x;&#xg;&#a;",
        "&amp&ampx&AMP;&notit;&notin;&not in&copy=1&nGt;&ThickSpace;&bogus;&b&CounterClockwiseContourIntegral;&;& ",
        "<p a=&copy=1 b='&copy=1' c='&copy;=1' d='&copyx' e='&copy x' f='&notit;' g=&amp h=&#65i j=&lt;>x",
        "<html class='a&amp;b'>",
        "<p class='a&amp;b' id='c&#38;d'>x<p class=a&b class=c id id=e>y<P CLASS id=''>z",
        "<p a b=c d = 'e' f= \"g\"h=i / j/k =l ='m' \"n\" o=p/>q<p r=/s/>t<p/u/ v>w",
        "<p hidden itemprop=text>a<p HIDDEN=no itemtype='x' typeof>b<p id=c itemscope>d",
        "<a\fb\nc='d\te'\rf>g</a\nb='>'>h</a>",
        "<É class=é>ü</É><o:p>x</o:p><a-b_c.d>y</a-b_c.d><amp-img/>z<pé>",
        "<table><b>x</table></b><div><p>a</div>b</p><ul><li>c<li>d</ul></li>e<td>f</td>",
        "<p><table><tr><td></p>a</table>b",
        "<dl><dt>a<dd>b<dt>c</dl><select><option>d<option>e<optgroup>f</select><a>g<a>h",
    ],
)
def test_odd_markup(page):
    assert_same(page)


def test_bits_are_those_of_trees():
    for name in ("HIDDEN", "LINKED", "DATA", "NOTED", "DROPPED"):
        assert getattr(html_kernel, name) == getattr(html_tree, f"_{name}")
    assert html_kernel.UNREAD == html_tree.UNREAD_INSIDE


def test_references_of_every_name():
    for name in sorted(html5):
        assert_same(f"a&{name}b&{name};c&{name} d<p title='&{name}b&{name};c&{name} d&{name}=' id='&{name}'>&{name}")


PARTS = st.sampled_from(
    [*("<", ">", "</", "/>", "/", "=", '"', "'", "&", ";", "#", "!", "-", "--", "?", " ", "\n", "\r", "\t", "\f", "\v"),
     *("x", "class", "id", "é", "\xa0", "amp", "&lt", "&#", "&#x", "65", "<!--", "-->", "<script>", "</script>"),
     *("<p>", "</p>", "<div class='a b'>", "</div>", "<table>", "<td>", "</td>", "<li>", "<a href=x>", "</a>", "<b>"),
     *("<body>", "<head>", "</head>", "<html>", "</html>", "<title>", "</title>", "<br/>", "<wbr>", "<svg>", "</svg>")]
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(PARTS | st.sampled_from([f"<{tag}>" for tag in SCANNER._tags]), min_size=1, max_size=40))
def test_any_markup(parts):
    page = "".join(parts)
    if SCANNER.read(page.encode()) is None:  # nothing shows, and lxml may say so with an error
        assert (len(PARSER.parsed(page.encode()).tags), PARSER.parsed(page.encode()).chunks) == (1, [])
    else:
        assert_same(page)


@settings(max_examples=300, deadline=None)
@given(st.lists(PARTS, max_size=12), st.sampled_from([b"<p %b>x", b"<p %b/>x", b"<p title=%b>x"]))
def test_any_attributes(parts, around):
    written = "".join(part for part in parts if ">" not in part).encode()
    page = around % written
    columns = SCANNER.read(page)
    theirs = PARSER.parsed(page)
    assert columns is not None
    assert columns.tags == theirs.tags
    ours = _scanned(page, columns)
    assert [ours.attributes[i] for i in range(len(ours.tags))] == list(theirs.attributes)


def test_attributes_are_read_where_they_stand():
    assert attributes_in(b"") == {}
    assert attributes_in(b"A='1' b c=\"2&amp;3\" a=4 / d=5") == {"a": "1", "b": "", "c": "2&3", "d": "5"}
    assert unescaped("a&amp;b&copy=c\r\nd&#x2014;") == "a&b&copy=c\nd—"


@pytest.mark.parametrize(
    "page",
    [
        b"<p>a\0b",
        b"\xef\xbb\xbf<p>a",
        b"<p>" + b"x" * 101 + b"</p><" + b"x" * 101 + b">",
        b"<p " + b"x" * 101 + b"=1>",
        b"</" + b"x" * 101 + b">",
        b"<p></p " + b"x" * 101 + b">",
        b"".join(b"<x%d>" % number for number in range(1000)),
        b"".join(b"<%b%d>" % (b"x" * 90, number) for number in range(300)),
        b"<" * 100_000,
        b"<!---->",
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_lxml(page, monkeypatch):
    assert SCANNER.read(page) is None
    monkeypatch.setattr(html_tree._Compiled, "scanner", SCANNER)
    tree = parsed(page)
    assert tree.tags == PARSER.parsed(page).tags
    assert SCANNER.read(b"<p>a</p>").chunks == ["a"]  # and the next one is read as ever


def test_classes_made_to_fall_into_one_place_do_not_slow_it_down():
    tags, slots = 100, 512
    assert 1 << (4 * tags + 16).bit_length() == slots

    def place(name):
        found = 0xCBF29CE484222325 ^ html_kernel.PARAGRAPH
        for byte in name:
            found = (found ^ byte) * 0x100000001B3 % 2**64
        return (found ^ found >> 32) % slots

    names = [b"%x" % number for number in range(60_000)]
    chosen = [name for name in names if place(name) == 5][:tags]
    page = b"".join(b"<p class=%b>" % name for name in chosen)
    assert len(chosen) == tags
    assert SCANNER.read(page) is None
    assert_same(b"".join(b"<p class=%b>" % name for name in names[:tags]))


@pytest.mark.parametrize(
    "page",
    [
        b"<b>" * 40_000,
        b"<p>" + b"<b>" * 20_000 + b"</p>" * 20_000,
        b"<p><table>" + b"<b>" * 20_000 + b"</p>" * 20_000,
        b"<script>" + b"<!--<script>" * 40_000,
        b"<p>" + b"<!--" * 80_000,
        b"<p a='" + b"<x y='" * 80_000,
        b"&" * 80_000,
        b"&" + b"a" * 900_000,
    ],
)
def test_no_page_takes_long(page):
    start = time.process_time()
    assert SCANNER.read(page) is not None
    assert time.process_time() - start < 5


def test_it_is_made_ready_once_there_is_much_to_read(monkeypatch):
    made = []

    def scanner(marks):
        made.append(marks)
        return SCANNER

    monkeypatch.setattr(html_tree, "Scanner", scanner)
    monkeypatch.setattr(html_tree, "WORTH_IT", 1000)
    monkeypatch.setattr(html_tree._Compiled, "scanner", None)
    monkeypatch.setattr(html_tree._Compiled, "is_wanted", True)
    monkeypatch.setattr(html_tree._Compiled, "seen", 0)
    page = b"<p class=a>x</p>" * 40
    trees = [parsed(page) for _ in range(3)]
    assert made == [_MARKS]
    assert [type(tree.attributes).__name__ for tree in trees] == ["list", "_Attributes", "_Attributes"]
    assert trees[0].chunks == trees[2].chunks
    assert isinstance(parsed(page * (PIECE // len(page) + 1)).attributes, list)  # a long page is read piece by piece


def test_another_libxml2_is_left_alone(monkeypatch):
    monkeypatch.setattr(etree, "LIBXML_VERSION", (2, 12, 9))
    with pytest.raises(ValueError, match="libxml2"):
        Scanner(_MARKS)
    monkeypatch.setattr(html_tree, "WORTH_IT", 0)
    monkeypatch.setattr(html_tree._Compiled, "scanner", None)
    monkeypatch.setattr(html_tree._Compiled, "is_wanted", True)
    assert parsed(b"<p>x").chunks == ["x"]
    assert html_tree._Compiled.scanner is None


def test_many_at_once():
    pages = [sample.page.encode() * count for sample in SAMPLES for count in (1, 3)]
    wanted = [PARSER.parsed(page).chunks for page in pages]
    with ThreadPoolExecutor(4) as pool:
        assert [columns.chunks for columns in pool.map(SCANNER.read, pages * 5)] == wanted * 5
