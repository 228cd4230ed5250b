"""Evasion: what is hidden comes out, what is not stays, and every place of the result is one of the text as typed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.features.evasion import disguised, undo
from moderation.features.vocabulary import ABUSE_WORDS, CENSORED, PLAIN_WORDS

HIDDEN = [
    ("k1ll them", "kill them"),
    ("you are an @ss", "you are an ass"),
    ("5h1t happens", "shit happens"),
    ("$tupid", "stupid"),
    ("I will |<ill you", "I will kill you"),
    ("y0u 5h0uld die", "you should die"),
    ("K1LL", "KILL"),
    ("k\u200bi\u200bl\u200bl", "kill"),
    ("\u202ekill\u202c", "kill"),
    ("k\u0336i\u0336l\u0336l\u0336", "kill"),
    ("кill", "kill"),
    ("kіll тhem", "kill them"),
    ("we should кіӏӏ and kіll", "we should kill and kill"),
    ("ｋｉｌｌ", "kill"),
    ("𝓴𝓲𝓵𝓵 𝐭𝐡𝐞𝐦", "kill them"),
    ("ⓚⓘⓛⓛ", "kill"),
    ("🅺🅸🅻🅻", "KILL"),
    ("ᴋɪʟʟ", "kill"),
    ("k i l l them", "kill them"),
    ("k.i.l.l", "kill"),
    ("k-i-l-l", "kill"),
    ("K_I_L_L", "KILL"),
    ("k i l l  y o u", "kill you"),
    ("f u c k y o u", "fuck you"),
    ("k 1 l l", "kill"),
    ("kiiiilll", "kill"),
    ("k*ll", "kill"),
    ("f**k", "fuck"),
    ("f***", "fuck"),
    ("f*u*c*k", "fuck"),
    ("sh!t", "shit"),
    ("h*ng them", "hang them"),
    ("I want to 🔪 him", "I want to stab him"),
    ("a 🔪 in hand", "a knife in hand"),
    ("them💣now", "them bomb now"),
    ("i h8 you", "i hate you"),
]
PLAIN = [
    "U.S.A.",
    "the U.S. and the U.K.",
    "a b c d e",
    "I I I",
    "e.g. this, i.e. that",
    "$500 on 2007-11-25 at 10am, the 3rd",
    "v1.2.3 and 192.168.0.1",
    "iPhone 5s, Galaxy A55, B2B, mp3, AK47, F16",
    "mail bob@shit.com or see http://k1ll.com/5h1t and www.5h1t.org",
    "@assad and @nasa, $AAPL",
    "book, cool, committee, bookkeeper, well, kill",
    "so coooool, hmmmm",
    "*kill* and **bold** and a footnote*",
    "x*y + a*b, C#, d%d",
    "Привет, как дела?",
    "Ελλάδα και Κύπρος",
    "naïve café, Zoë, Ångström",
    "nice 🔥",
    "👨\u200d👩\u200d👧 and ❤️",
    "می\u200cخواهم",
    "wow!!! really???",
    "",
]
TRICKS = st.text(
    st.sampled_from("kilabfuckst1!|$@5034 .-_*#\u200b\u202e\u0336\u0301кіаＫ𝓴ⓚᴋ🔪💩\ufe0f\n/\\<(+8h"), max_size=60
)
ANY = st.one_of(st.text(max_size=60), TRICKS)


@pytest.mark.parametrize(("typed", "meant"), HIDDEN)
def test_what_is_hidden_comes_out(typed, meant):
    assert undo([typed])[0].text == meant


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_not_hidden_stays(text):
    assert undo([text])[0].text == text


@settings(max_examples=150, deadline=None)
@given(st.lists(ANY, max_size=4))
def test_any_text_comes_back_with_a_map_into_itself(texts):
    found = undo(texts)
    assert len(found) == len(texts)
    for text, undone in zip(texts, found, strict=True):
        assert len(undone.offsets) == len(undone.text) + 1
        assert (np.diff(undone.offsets) >= 0).all()
        assert undone.offsets[-1] == len(text)
        assert undone.offsets[0] >= 0
        for k in range(len(undone.text)):
            begin, end = undone.original(k, k + 1)
            assert 0 <= begin < end <= len(text) + 1


@settings(max_examples=150, deadline=None)
@given(ANY)
def test_a_text_is_read_the_same_alone_and_among_others(text):
    assert undo([text])[0].text == undo(["k1ll", text, "plain"])[1].text


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(ABUSE_WORDS | PLAIN_WORDS | set(CENSORED))))
def test_a_word_of_the_tables_is_itself(word):
    assert undo([f"so {word} it is"])[0].text == f"so {word} it is"


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(word for word in ABUSE_WORDS if len(word) > 3)), st.sampled_from(" .-_"))
def test_letters_set_apart_are_joined_to_words_of_the_table(word, gap):
    undone = undo([f"so {gap.join(word)}"])[0]
    assert set(undone.text.split()[1:]) <= ABUSE_WORDS | PLAIN_WORDS
    assert undone.text.removeprefix("so ").replace(" ", "") == word


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([typed for typed, _ in HIDDEN] + PLAIN), min_size=1, max_size=4))
def test_what_was_undone_holds_nothing_more_to_undo(parts):
    once = undo(["\n".join(parts)])[0].text
    assert undo([once])[0].text == once


def test_offsets_point_at_what_was_typed():
    typed = "we k.i.l.l you, |<ill 🔪them"
    undone = undo([typed])[0]
    assert undone.text == "we kill you, kill knife them"
    pieces = {}
    for word in ("we", "you", "knife", "them"):
        begin = undone.text.index(word)
        low, high = undone.original(begin, begin + len(word))
        pieces[word] = typed[low:high]
    assert pieces == {"we": "we", "you": "you", "knife": "🔪", "them": "them"}
    begin = undone.text.index("kill")
    low, high = undone.original(begin, begin + 4)
    assert typed[low:high].strip() == "k.i.l.l"


def test_ordinary_comments_are_not_even_looked_at():
    assert not disguised(["An ordinary comment, with a number (42) and a link: http://a.example/x1y2.", None]).any()
    assert disguised(["k1ll", "k i l l", "f**k"]).all()


@pytest.mark.parametrize("unit", ["a", "1", "|", "k ", "k.", "*", "k*", "|<", "!i", "🔪a", "кa", "aaa1", "\u200b"])
def test_a_hundred_thousand_characters_of_one_trick_come_back(unit):
    text = (unit * 100_000)[:100_000]
    undone = undo([text])[0]
    assert undone.offsets[-1] == len(text)
