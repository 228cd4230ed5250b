"""HTML fragments to plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.readers.markup import plain_text


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("no markup at all", "no markup at all"),
        ("<p>One &amp; two</p>\n\n<p>three<br />four</p>", "One & two\n\nthree\nfour"),
        ("a <3 b, c < d and e > f", "a <3 b, c < d and e > f"),
        ('see <a href="http://a.example/?x=1>2">this</a>', "see this"),
        ("&amp;lt;b&amp;gt; &nbsp;&#8212;&#x2014;&bogus;", "&lt;b&gt;  ——&bogus;"),
        ("<ul><li>first</li><li>second</li></ul>", "first\nsecond"),
        ("before<script>if (a < b) { run('</p>') }</script>after", "beforeafter"),
        ("kept <!-- an ad --> and <!-- never closed", "kept  and"),
        ("one  <br>\n  two\r\nthree", "one\ntwo\nthree"),
        ("<blockquote><p>quoted</p></blockquote>answer", "quoted\n\nanswer"),
    ],
)
def test_a_reader_would_see(fragment, text):
    assert plain_text(fragment) == text


@given(st.text(alphabet="<>/&;#\"' \npbrscript!-x", max_size=200))
def test_any_fragment_has_a_text(fragment):
    assert "\r" not in plain_text(fragment)


@pytest.mark.parametrize("part", ["<", "<a ", '<a "', "<script", "<!--", " ", "\n", "\n ", "x<br>", "&", "<p", "</p "])
def test_long_runs_of_one_thing_are_read(part):
    # Tried at every place of a run, an expression would take minutes here, and nobody would wait for it.
    assert len(plain_text(part * 200_000 + "<p")) <= len(part) * 200_000 + 2
