"""Policies: what a file may say, what it means for a comment, and what is said when it is wrong."""

import contextlib
import dataclasses
import json
import pickle
import re
import sys
import tomllib
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import PolicyError, TableError
from moderation.labels import LABELS
from moderation.policy import (
    ACTIONS,
    Policy,
    Reason,
    Rule,
    Thresholds,
    decide,
    flagged,
    load_policy,
    parse_policy,
)
from moderation.policy.lines import key_lines
from moderation.policy.lists import (
    _UNSEEN_RUN,
    Finder,
    encode_author,
    encode_host,
    encode_word,
    first_hosts,
    first_words,
    hosts_in,
    word_text,
)
from moderation.tables import Batch, batch_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOK_AWAY = dict.fromkeys(LABELS, Thresholds(unscored="allow"))


def scores_of(batch: Batch, **columns: Sequence[float]) -> pd.DataFrame:
    n = len(batch)
    frame = pd.DataFrame({label: np.array(columns.get(label, [0.0] * n), dtype=np.float32) for label in LABELS})
    return frame.assign(model="1").set_axis(pd.Index(batch.comments["id"], name="id"))


def outcome(
    policy: Policy, text: str = "some words", *, author: str | None = None, url: str | None = None
) -> list[str]:
    """Return the reasons for one comment without any score that matters."""
    batch = batch_of([text], authors=[author])
    batch.comments["author_url"] = pd.Series([url], dtype="string[pyarrow]")
    decided = decide(batch, scores_of(batch), policy, NOW)
    reasons = decided["reasons"].iloc[0]
    assert decided["decision"].iloc[0] == (reasons[0].action if reasons else "allow")
    return [str(reason) for reason in reasons]


def rules(*found: Rule) -> Policy:
    return Policy(LOOK_AWAY, found)


def found_words(entries: Sequence[str], text: str) -> str | None:
    """Return what of `text` one list of `entries` finds first."""
    places = first_words(Finder({0: [encode_word(entry) for entry in entries]}), text)
    return text[slice(*places[0])] if places else None


# Words.


@pytest.mark.parametrize(
    ("entry", "text", "found"),
    [
        # whole words
        ("kill", "they kill time", "kill"),
        ("kill", "skill and kills", None),
        ("kill", "(KILL!)", "KILL"),
        ("kill", "over_kill_now", "kill"),
        ("kill", "", None),
        ("kill", "kill", "kill"),
        # wildcards; the place is the whole word
        ("kill*", "no killing here", "killing"),
        ("*kill", "an overkill", "overkill"),
        ("*kill*", "overkilling it", "overkilling"),
        ("kill*", "overkilling it", None),
        ("*kill", "killing it", None),
        # phrases: any space or punctuation between the words
        ("cheap pills", "CHEAP,\n  pills!", "CHEAP,\n  pills"),
        ("cheap pill*", "cheap pillows", "cheap pillows"),
        ("cheap pills", "cheap red pills", None),
        ("al-qaeda", "Al Qaeda said", "Al Qaeda"),
        ("al-qaeda", "al\u2011qaeda", "al\u2011qaeda"),
        ("don't", "Don\u2019t do it", "Don\u2019t"),
        # letter case, accents, compatibility forms, invisible characters
        ("STRASSE", "eine straße", "straße"),
        ("straße", "EINE STRASSE", "STRASSE"),
        ("cafe", "un café", "café"),
        ("cafe", "un cafe\u0301!", "cafe\u0301"),
        ("café", "a CAFE", "CAFE"),
        ("garcon", "ce garçon", "garçon"),
        ("so", "ṣọ and more", "ṣọ"),
        ("viagra", "v\u200bi\u00ada\ufeffgra", "v\u200bi\u00ada\ufeffgra"),
        ("viagra", "\uff36\uff29\uff21\uff27\uff32\uff21 now", "\uff36\uff29\uff21\uff27\uff32\uff21"),
        ("viagra", "𝓿𝓲𝓪𝓰𝓻𝓪", "𝓿𝓲𝓪𝓰𝓻𝓪"),
        ("kill", "k\u0336i\u0336l\u0336l\u0336 it", "k\u0336i\u0336l\u0336l\u0336"),
        ("office", "the o\ufb03ce", "o\ufb03ce"),
        ("ΟΔΟΣ", "οδος και", "οδος"),
        ("istanbul", "İSTANBUL", "İSTANBUL"),
        # signs and pictures are words
        ("c++", "I like C++.", "C++"),
        ("$$$", "make $$$ fast", "$$$"),
        ("#scam", "see #SCAM now", "#SCAM"),
        ("#scam", "a scam", None),
        ("@ss", "an @SS", "@SS"),
        ("👎", "no👎🏽no", "👎🏽"),
        ("❤", "I ❤\ufe0f it", "❤\ufe0f"),
        # scripts without spaces
        ("杀死", "我要杀死你", "杀死"),
        ("テロ", "あのテロの", "テロ"),
        ("がく", "かがく", "がく"),
        ("かく", "かがく", None),
        # marks that are letters stay, points that are left out at will go
        ("שלום", "שָׁלוֹם!", "שָׁלוֹם"),
        ("محمد", "مُحَمَّد", "مُحَمَّد"),
        ("कि", "क", None),
        ("한국", "한국은", None),
        ("한국*", "한국은", "한국은"),
        ("한국", unicodedata.normalize("NFD", "한국 사람"), unicodedata.normalize("NFD", "한국")),
    ],
)
def test_words(entry: str, text: str, found: str | None) -> None:
    assert found_words([entry], text) == found


@pytest.mark.parametrize("entry", ["", "*", "**", "...", " ", "\u200b", "k*ll", "kill* them", "*a*b"])
def test_words_that_could_not_be_meant(entry: str) -> None:
    with pytest.raises(ValueError, match=r"^(holds no letter, digit or sign|has a \* inside)"):
        encode_word(entry)


def test_the_first_match_of_each_rule() -> None:
    finder = Finder({3: [" two ", " one "], 5: [" three ", " two "], 9: [" four "]})
    text = "nought one two three"
    assert {owner: text[b:e] for owner, (b, e) in first_words(finder, text).items()} == {3: "one", 5: "two"}


def test_an_empty_list_finds_nothing() -> None:
    assert Finder({}).first("anything") == {}
    assert Finder({0: []}).first("anything") == {}


def test_matches_across_windows() -> None:
    entry = "needle in the haystack"
    for shift in range(0, 60, 7):
        text = "é" + "x" * (65536 - 30 + shift) + " Needle, in the Haystäck " + "y" * 70000
        assert found_words([entry], text) == "Needle, in the Haystäck"


def test_a_list_of_a_hundred_thousand_words() -> None:
    finder = Finder({0: [encode_word(f"word{number}") for number in range(100_000)]})
    assert first_words(finder, "some WORD99999 here") == {0: (5, 14)}
    assert first_words(finder, "word100000 words word") == {}


NESTED = [
    [encode_word("a" * n + "*") for n in range(1, 300)],
    [encode_word("*" + "a" * n + "*") for n in range(3, 300)],
]


def test_no_two_kept_entries_of_a_list_end_at_one_place() -> None:
    text = "a" * 1000
    finder = Finder(dict(enumerate(NESTED)))
    assert finder._automaton is not None
    assert len(finder._automaton.find_matches_as_indexes(text, overlapping=True)) <= 2 * len(text)


@pytest.mark.parametrize(
    "text",
    ["a" * 5_000_000, "a " * 2_500_000, "á" * 2_000_000, "a\u0301" * 1_000_000, "\u200b" * 5_000_000],
    ids=["one word", "words", "accents", "combining", "invisible"],
)
def test_large_texts_against_nested_lists(text: str) -> None:
    # quadratic in the text, these would take hours; so would they if matches grew with the product of text and list
    nested = Finder(dict(enumerate(NESTED)) | {2: [encode_word("never")]})
    found = first_words(nested, text)
    assert 2 not in found
    if text.startswith("a " * 9):
        assert found == {0: (0, 1)}
    elif text[0] == "\u200b":
        assert found == {}
    else:
        assert found == {0: (0, len(text)), 1: (0, len(text))}


@given(st.sets(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=8), st.text("ab", max_size=30))
def test_shortening_a_list_changes_no_answer(strings: set[str], text: str) -> None:
    found = Finder({0: strings}).first(text)
    assert bool(found) == any(string in text for string in strings)
    if found:
        begin, end = found[0]
        assert text[begin:end] in strings
        assert not any(string in text[: end - 1] for string in strings), "an earlier match was passed over"


ANY_TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("aAéE\u0301\u200b가각\u1100\u1161ｶﾞ ½＄😀 \n")
)


@given(ANY_TEXT)
def test_folding_is_stable_and_spaced(text: str) -> None:
    words = word_text(text)
    assert words.startswith(" ")
    assert words.endswith(" ")
    assert "  " not in words.strip(" ")
    assert words == words.casefold() or any(letter.casefold() != letter for letter in words)
    assert word_text(text.upper() if text.isascii() else text) == words


@given(st.text(st.characters(max_codepoint=127)))
def test_the_short_way_for_ascii_agrees_with_the_long_one(text: str) -> None:
    assert word_text(text + " é").removesuffix("e ") == word_text(text).rstrip(" ") + " "


@given(ANY_TEXT, ANY_TEXT)
def test_every_place_is_in_the_text_and_folds_to_what_was_found(before: str, after: str) -> None:
    text = f"{before} Nädel\u200bchen {after}"
    begin, end = first_words(Finder({0: [encode_word("nadelchen")]}), text)[0]
    assert " nadelchen " in word_text(text[begin:end])
    assert 0 <= begin < end <= len(text)


def test_every_format_character_is_invisible() -> None:
    visible = [
        f"U+{point:04X}"
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) == "Cf" and not _UNSEEN_RUN.match(chr(point))
    ]
    assert visible == []


# Authors.


@pytest.mark.parametrize(
    ("entry", "author", "holds"),
    [
        ("Gerry", "gerry", True),
        ("Gerry", "  GÉRRY ", True),
        ("Gerry", "Gerry M", False),
        ("Gerry*", "Gerry M", True),
        ("*(staff)", "Ann (Staff)", True),
        ("*(staff)", "Ann (staff) not", False),
        ("*casino*", "Best Casino Online", True),
        ("J.D.", "J D", False),
        ("j.d.", "J.D.", True),
        ("a  b", "A\u00a0\n b", True),
        ("Gerry", "Ger\u200bry", True),
        ("Gerry", "", False),
        ("Gerry", None, False),
    ],
)
def test_authors(entry: str, author: str | None, holds: bool) -> None:
    reasons = outcome(rules(Rule("known", "review", authors=(entry,))), author=author)
    assert reasons == (["rule 'known' (authors): review"] if holds else [])


@pytest.mark.parametrize("entry", ["", "*", "a*b", " "])
def test_authors_that_could_not_be_meant(entry: str) -> None:
    with pytest.raises(ValueError, match=r"^(is empty|has a \* inside)"):
        encode_author(entry)


# Hosts.


@pytest.mark.parametrize(
    ("entry", "text", "found"),
    [
        ("evil.com", "see http://evil.com/page", "evil.com"),
        ("evil.com", "see https://Sub.EVIL.com?q", "Sub.EVIL.com"),
        ("EVIL.com.", "see http://evil.com", "evil.com"),
        ("evil.com", "http://evil.com.example.org/", None),
        ("evil.com", "http://notevil.com/", None),
        ("evil.com", "http://example.org/evil.com", None),
        ("evil.com", "http://example.org/?to=http://evil.com/", "evil.com"),
        ("evil.com", "http://evil.com./", "evil.com."),
        ("evil.com", "http://evil.com:8080/", "evil.com"),
        ("evil.com", "http://user:secret@evil.com/", "evil.com"),
        ("evil.com", "http://example.org@evil.com/", "evil.com"),
        ("evil.com", "http://evil.com@example.org/", None),
        ("evil.com", "http://one@example.org@evil.com/", "evil.com"),
        ("evil.com", "http://evil.com\\@example.org/", "evil.com"),
        ("evil.com", "http:\\\\evil.com", "evil.com"),
        ("evil.com", "http:evil.com", "evil.com"),
        ("evil.com", "//evil.com/x", "evil.com"),
        ("evil.com", '<a href="//evil.com">', "evil.com"),
        ("evil.com", "gopher://evil.com", "evil.com"),
        ("evil.com", "http://ev%69l.com/", "ev%69l.com"),
        ("evil.com", "http://evil%2ecom/", "evil%2ecom"),
        ("evil.com", "http://evil.com%0a.example.org/", None),
        ("evil.com", "http://evil。com/", "evil。com"),
        ("evil.com", "http://ｅｖｉｌ．ｃｏｍ/", "ｅｖｉｌ．ｃｏｍ"),
        ("evil.com", "http://ev\u00adil.com/", "ev\u00adil.com"),
        # without a scheme
        ("evil.com", "go to evil.com, now", "evil.com"),
        ("evil.com", "(www.evil.com)", "www.evil.com"),
        ("evil.com", "👉evil.com👈", "evil.com"),
        ("evil.com", "ends with evil.com.", "evil.com"),
        ("evil.com", "evil.com.example.org", None),
        ("evil.com", "write to me@evil.com", None),
        ("evil.com", "write to evil.com@example.org", None),
        ("evil.com", "not.evil.community", None),
        ("evil.com", "evil. com", None),
        # international names
        ("münchen.de", "http://xn--mnchen-3ya.de/", "xn--mnchen-3ya.de"),
        ("xn--mnchen-3ya.de", "http://MÜNCHEN.de/", "MÜNCHEN.de"),
        ("münchen.de", "http://mu\u0308nchen.de/", "mu\u0308nchen.de"),
        ("munchen.de", "http://münchen.de/", None),
        ("straße.de", "http://strasse.de/", None),
        ("पत्रिका.भारत", "देखें http://पत्रिका.भारत/", "पत्रिका.भारत"),
        ("xn--99999999.com", "http://XN--99999999.com/", "XN--99999999.com"),  # decodes to nothing
        ("xn--a-ecp.com", "http://xn--\u0101-ecp.com/", None),
        # addresses
        ("127.0.0.1", "http://0x7f.1/", "0x7f.1"),
        ("127.0.0.1", "http://2130706433/", "2130706433"),
        ("127.0.0.1", "http://0177.0.0.1/", "0177.0.0.1"),
        ("127.1.2.3", "http://127.0x10203/", "127.0x10203"),
        ("1.2.3.4", "http://1.2.3.4.5/ http://1.2.3.400/ http://256.2.3.4/ http://4294967296/", None),
        ("[::1]", "http://[0:0:0:0:0:0:0:1]:80/", "[0:0:0:0:0:0:0:1]"),
        # a whole top-level domain, in links only
        ("it", "http://example.it/", "example.it"),
        ("it", "www.example.it", "www.example.it"),
        ("it", "There we go.It was late.", None),
        ("it", "http://it.example.org/", None),
        ("evil.com", "", None),
    ],
)
def test_hosts(entry: str, text: str, found: str | None) -> None:
    hosts = first_hosts(Finder({0: encode_host(entry)}), hosts_in(text))
    assert ([text[host.begin : host.end] for host in hosts.values()] or [None]) == [found]


@pytest.mark.parametrize(
    ("url", "holds"),
    [
        ("http://evil.com/me", True),
        ("evil.com", True),
        ("www.sub.evil.com/", True),
        ("http://example.org/evil.com", False),
        (None, False),
    ],
)
def test_the_link_behind_the_author(url: str | None, holds: bool) -> None:
    policy = rules(Rule("farm", "reject", label="spam", hosts=("evil.com",)))
    assert outcome(policy, url=url) == (["rule 'farm' (hosts, spam): reject"] if holds else [])


def test_a_bare_top_level_domain_counts_behind_the_author() -> None:
    assert outcome(rules(Rule("xyz", "review", hosts=("xyz",))), url="pills.xyz") == ["rule 'xyz' (hosts): review"]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("*.evil.com", "has a * before it; give the host alone, its subdomains are included"),
        (".evil.com", "has a . before it; give the host alone, its subdomains are included"),
        ("http://evil.com", "is more than a host; give the host alone, such as example.org"),
        ("evil.com/x", "is more than a host; give the host alone, such as example.org"),
        ("evil.com:80", "is more than a host; give the host alone, such as example.org"),
        ("me@evil.com", "is more than a host; give the host alone, such as example.org"),
        ("evil com", "is more than a host; give the host alone, such as example.org"),
        ("evil..com", "is not a host; give one such as example.org"),
        ("", "is not a host; give one such as example.org"),
        ("[zz]", "is not a host; give one such as example.org"),
        ("[", "is not a host; give one such as example.org"),
        ("ev!l.com", "is not a host; give one such as example.org"),
    ],
)
def test_hosts_that_could_not_be_meant(entry: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(fault)}$"):
        encode_host(entry)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 2_000_000,
        "a." * 500_000,
        "-" * 2_000_000,
        "\u0301" * 2_000_000,
        "\u200b." * 500_000,
        "a@" * 1_000_000,
        "a.b@" * 500_000,
        "http:" * 200_000,
        ":/" * 500_000,
        "//" * 1_000_000,
        "http:/" * 100_000,
        "http://" + "a" * 1_000_000,
        "http://xn--" + "a" * 1_000_000 + ".com",
        "%41" * 500_000,
        "http://" + "%41" * 300_000,
    ],
    ids=lambda text: f"{text[:12]!r}",
)
def test_looking_for_hosts_is_never_quadratic(text: str) -> None:
    # nothing to find: what counts is that this ends
    assert first_hosts(Finder({0: encode_host("evil.com")}), hosts_in(text)) == {}


@given(ANY_TEXT)
def test_looking_for_hosts_takes_any_text(text: str) -> None:
    for host in hosts_in(f"http://{text}"):
        assert host.name
        assert not re.search(r"[\s/@]", host.name)


# Lines.


LINES = r'''
top = 1
dotted.key . "with space"."escaped \" quote" = 2
[labels.spam] # [not.this]
review = 0.5 # = 0.6
"qu\u006fted" = "a # b [c] = d"
[ "sp aced" . 'lit.eral' ]
many = [ # comment ]
  "one", [2, 3],
  { inline = { deep = 4 } },
  """five
  ] six ""quoted"""",
  \'\'\'seven \
  # eight\'\'\',
  1979-05-27 07:32:00,
]
after = ""
empty = \'\'
[[rule]]
name = "first"
[[rule]]
name = "second"
[rule.sub]
x = 1
[[rule.list]]
y = 1
[[rule.list]]
y = 2
'''.replace("\\'", "'")


def test_lines_of_keys() -> None:
    lines = key_lines(LINES)
    expected: dict[tuple[str | int, ...], str] = {
        ("top",): "top = 1",
        ("dotted", "key", "with space", 'escaped " quote'): "dotted.key",
        ("labels", "spam"): "[labels.spam]",
        ("labels", "spam", "review"): "review = 0.5",
        ("labels", "spam", "quoted"): '"qu',
        ("sp aced", "lit.eral", "many"): "many",
        ("sp aced", "lit.eral", "many", 0): '  "one"',
        ("sp aced", "lit.eral", "many", 1, 1): '  "one"',
        ("sp aced", "lit.eral", "many", 2, "inline", "deep"): "  { inline",
        ("sp aced", "lit.eral", "many", 3): '  """five',
        ("sp aced", "lit.eral", "many", 4): "  '''seven",
        ("sp aced", "lit.eral", "many", 5): "  1979",
        ("sp aced", "lit.eral", "after"): "after",
        ("sp aced", "lit.eral", "empty"): "empty",
        ("rule",): "[[rule]]",
        ("rule", 0, "name"): 'name = "first"',
        ("rule", 1, "name"): 'name = "second"',
        ("rule", 1, "sub", "x"): "x = 1",
        ("rule", 1, "list", 0, "y"): "y = 1",
        ("rule", 1, "list", 1, "y"): "y = 2",
    }
    written = LINES.split("\n")
    assert {path: written[lines[path] - 1][: len(begin)] for path, begin in expected.items()} == expected


def paths(value: object, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path} | {deeper for key, each in items for deeper in paths(each, (*path, key))}


def test_every_key_has_a_line() -> None:
    assert set(key_lines(LINES)) == paths(tomllib.loads(LINES)) - {()}
    assert key_lines(LINES.replace("\n", "\r\n")) == key_lines(LINES)


KEYS = st.sampled_from(["a", "b-c", "1", '"x y"', "'#'", r'"\"]"', "a.b", "a . 'c'.d"])
VALUES = st.recursive(
    st.sampled_from(
        ["1", '"#]"', "'}'", '"""\n"" ]\n"""', "'''\n'' \\\n'''", "1979-05-27 07:32:00", '""', "''", "-inf"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda found: "[\n" + ",  # ]\n".join(found) + "\n]")
        | st.lists(inner, max_size=2).map(
            lambda found: "{" + ", ".join(f"k{number} = {each}" for number, each in enumerate(found)) + "}"
        )
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=6))
def test_every_key_of_any_file_has_its_line(pairs: list[tuple[str, str]]) -> None:
    text, begins = "", []
    for number, (key, value) in enumerate(pairs):
        begins.append(text.count("\n") + 2)
        text += f"[t{number}]\n{key} = {value}\n"
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # an inline table may not hold a line end
        return
    lines = key_lines(text)
    assert set(lines) == paths(content) - {()}
    for number, begin in enumerate(begins):
        first = next(iter(content[f"t{number}"]))
        assert lines[f"t{number}", first] == begin


# Files.

BASE = """
[labels.spam]
review = 0.5
reject = 0.9
[labels.threat]
review = 0.3
[[rule]]
name = "b"
action = "review"
words = ["one", "two"]
[[rule]]
name = "a"
action = "reject"
label = "spam"
hosts = ["Example.org"]
until = 2030-01-01T00:00:00Z
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# comment\n[labels.spam]\nreveiw = 0.5\n",
            "line 3: unknown key 'reveiw' in [labels.spam]; known: reject, review, unscored",
        ),
        ("rules = 1", "line 1: unknown key 'rules'; known: labels, rule"),
        ("\nlabels = 1", "line 2: labels is not a table; write [labels.spam] and the like"),
        ("[labels]\nspam = 0.5", "line 2: spam is not a table; write [labels.spam]"),
        (
            "[labels.spam]\nreview = 0.5\n[labels.spma]\nreview = 0.5",
            f"line 3: unknown label 'spma'; known: {', '.join(LABELS)}, others",
        ),
        ("[labels]\nspam.review = '0.5'", "line 2: review in [labels.spam] is a text; give a number from 0 to 1"),
        ("[labels.spam]\nreview = true", "line 2: review in [labels.spam] is true or false; give a number from 0 to 1"),
        ("[labels.spam]\nreview = 50", "line 2: review in [labels.spam] is 50; give a number from 0 to 1"),
        ("[labels.spam]\nreject = -0.1", "line 2: reject in [labels.spam] is -0.1; give a number from 0 to 1"),
        ("[labels.spam]\nreject = nan", "line 2: reject in [labels.spam] is nan; give a number from 0 to 1"),
        (
            "[labels.spam]\nreject = 0.4\nreview = 0.5",
            "line 2: reject = 0.4 in [labels.spam] is below review = 0.5; a firmer action needs the higher one",
        ),
        (
            "[labels.spam]\nreview = 0.5\nunscored = 'reject'",
            "line 3: unscored in [labels.spam] is 'reject'; known: allow, review",
        ),
        (
            "[labels.spam]\nreview = 0.5\nunscored = 0",
            "line 3: unscored in [labels.spam] is a number; known: allow, review",
        ),
        (
            "\n[labels.spam]\n",
            'line 2: [labels.spam] has no threshold; give review or reject, or unscored = "allow" to leave it out',
        ),
        ("[rule]\nname = 'x'", "line 1: rule is not a list of tables; begin each rule with [[rule]]"),
        ("rule = [1]", "line 1: rule is not a list of tables; begin each rule with [[rule]]"),
        ("[[rule]]\naction = 'review'", 'line 1: this rule has no name; give one, such as name = "house rules"'),
        (
            "[[rule]]\nname = ' '\naction = 'review'",
            'line 2: this rule has a name that is no line of text; give one, such as name = "house rules"',
        ),
        (
            '[[rule]]\nname = "a\\nb"',
            'line 2: this rule has a name that is no line of text; give one, such as name = "house rules"',
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nwords_file = ['a']",
            "line 4: words_file of rule 'x' is a list; give the path of a file, one entry a line",
        ),
        ("[[rule]]\nname = 'x'\n", "line 1: rule 'x' has no action; known: allow, review, reject"),
        (
            "[[rule]]\nname = 'x'\naction = 'delete'\n",
            "line 3: action of rule 'x' is 'delete'; known: allow, review, reject",
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nword = ['a']",
            (
                "line 4: unknown key 'word' in [[rule]]; known: action, authors, authors_file, hosts, hosts_file, "
                "kinds, label, name, statuses, until, words, words_file"
            ),
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nlabel = 'spma'",
            f"line 4: label of rule 'x' is 'spma'; known: {', '.join(LABELS)}",
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'",
            "line 1: rule 'x' has no condition; give words, authors, hosts, kinds or statuses",
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nwords = ['a']\nhosts = ['b.c']",
            "line 1: rule 'x' has words and hosts; a rule has one list: make a rule of each",
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nwords = 'a'",
            'line 4: words of rule \'x\' is a text; give a list, such as ["one", "two"]',
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nwords = []",
            "line 4: words of rule 'x' is an empty list; give an entry, or leave it out",
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nwords = [\n'a',\n2,\n]",
            "line 6: an entry of words of rule 'x' is a number; give texts in quotes",
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nwords = [\n'a',\n'b*d',\n]",
            ("line 6: an entry of words of rule 'x' has a * inside; it can stand at the beginning and at the end only"),
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nwords = ['...']",
            "line 4: an entry of words of rule 'x' holds no letter, digit or sign; give a word",
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nkinds = ['pingbak']",
            "line 4: an entry of kinds of rule 'x' is 'pingbak'; known: comment, pingback, trackback, unknown",
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'allow'\nwords = ['a']",
            (
                "line 3: rule 'x' would allow by words, which any comment could hold to escape review; "
                "allow by authors, kinds or statuses"
            ),
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'allow'\nhosts = ['a.b']",
            (
                "line 3: rule 'x' would allow by hosts, which any comment could hold to escape review; "
                "allow by authors, kinds or statuses"
            ),
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nwords = ['a']\nuntil = 2026-01-01T00:00:00",
            "line 5: until of rule 'x' has no zone; write a moment, such as 2030-12-31T18:00:00Z",
        ),
        (
            "[[rule]]\nname = 'x'\naction = 'review'\nwords = ['a']\nuntil = 2026-01-01",
            "line 5: until of rule 'x' is a date or time; write a moment, such as 2030-12-31T18:00:00Z",
        ),
        (
            (
                "[[rule]]\nname = 'x'\naction = 'review'\nkinds = ['unknown']\n"
                "[[rule]]\naction = 'review'\nkinds = ['unknown']\nname = 'x'"
            ),
            "line 8: rule name 'x' is taken by line 2; choose another",
        ),
        ("[labels.spam]\nreview 0.5", "line 2: not TOML: Expected '=' after a key in a key/value pair"),
        ("[labels.spam]\nreview = 0.5\nreview = 0.6", "line 3: not TOML: Cannot overwrite a value"),
        ("a = '''\n\n", "line 3: not TOML: Expected \"'''\""),
        (
            "[[rule]]\nwords_file = 'x.txt'\nname = 'x'\naction = 'review'",
            "line 2: words_file of rule 'x' needs a policy that is a file; give the entries in a list",
        ),
    ],
)
def test_what_is_said_about_a_wrong_policy(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text, source="policy.toml")
    assert str(refused.value) == f"policy.toml {message}"


def test_a_policy_nested_beyond_reason() -> None:
    with pytest.raises(PolicyError, match=r"^policy: nested too deeply; a policy has tables and lists only$"):
        parse_policy("a = " + "[" * 100_000 + "]" * 100_000)


@settings(deadline=None)
@given(st.text())
def test_no_text_but_a_policy_error(text: str) -> None:
    with contextlib.suppress(PolicyError):
        assert isinstance(parse_policy(text), Policy)


@settings(deadline=None)
@given(
    st.integers(0, 300), st.integers(0, 40), st.sampled_from(["", "=", "[", "]", '"', "'", "\n", "[[", "{", "1", "#"])
)
def test_no_damage_but_a_policy_error(at: int, length: int, instead: str) -> None:
    with contextlib.suppress(PolicyError):
        assert isinstance(parse_policy(BASE[:at] + instead + BASE[at + length :]), Policy)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(PolicyError) as refused:
        load_policy(missing)
    assert str(refused.value) == (
        f"{missing}: the policy cannot be read (No such file or directory); check the path and its permissions"
    )
    with pytest.raises(PolicyError, match=r"cannot be read \(Is a directory\)"):
        load_policy(tmp_path)
    broken = tmp_path / "latin.toml"
    broken.write_bytes(b"# one\n# caf\xe9\n")
    with pytest.raises(PolicyError, match=r"latin\.toml line 2: not UTF-8; save the file as UTF-8$"):
        load_policy(broken)


def test_the_marks_of_another_editor_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "windows.toml"
    file.write_bytes(b"\xef\xbb\xbf[labels.spam]\r\nreview = 0.5\r\n")
    assert load_policy(file).labels == {"spam": Thresholds(review=0.5)}
    file.write_bytes(b"\xef\xbb\xbf[labels.spam]\r\n\r\nreview = 5\r\n")
    with pytest.raises(PolicyError, match=r"windows\.toml line 3: review"):
        load_policy(file)


def list_policy(tmp_path: Path, content: bytes | None, key: str = "words") -> Path:
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'[labels.others]\nunscored = "allow"\n[[rule]]\nname = "x"\naction = "review"\n{key}_file = "list.txt"\n'
    )
    return policy


def test_a_list_file_stands_beside_the_policy(tmp_path: Path) -> None:
    policy = load_policy(list_policy(tmp_path, "\ufeff# a comment\r\n\r\n  pills \r\n\\#scam\nCafé".encode()))
    assert policy.rules[0].words == ("pills", "#scam", "Café")
    assert outcome(policy, "cheap PILLS") == ["rule 'x' (words): review"]
    assert outcome(policy, "a comment") == []


def test_a_list_file_and_a_list_are_one_list(tmp_path: Path) -> None:
    file = list_policy(tmp_path, b"two\n", "authors")
    file.write_text(file.read_text() + 'authors = ["one", "two"]\n')
    assert load_policy(file).rules[0].authors == ("one", "two")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            (
                "{policy} line 6: words_file of rule 'x', {list}, cannot be read (No such file or directory); "
                "check the path and its permissions"
            ),
        ),
        (b"", "{list} line 1: no entry for words of rule 'x'; give one a line"),
        (b"# only\n\n", "{list} line 1: no entry for words of rule 'x'; give one a line"),
        (
            b"one\n\nt*o\n",
            "{list} line 3: this entry of words has a * inside; it can stand at the beginning and at the end only",
        ),
        (b"one\n\xff\n", "{list} line 2: not UTF-8; save the file as UTF-8"),
    ],
)
def test_what_is_said_about_a_wrong_list_file(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = list_policy(tmp_path, content)
    with pytest.raises(PolicyError) as refused:
        load_policy(file)
    assert str(refused.value) == message.format(policy=file, list=tmp_path / "list.txt")


def test_no_message_holds_a_name_from_a_list() -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy("[[rule]]\nname = 'x'\naction = 'review'\nauthors = ['Jane*Doe']")
    assert "Jane" not in str(refused.value)


# The digest.

SAME = """# the same, written otherwise
rule = [
  {name = "a", action = "reject", label = "spam", hosts = ["example.ORG"], until = 2030-01-01T01:00:00+01:00},
  {name = "b", action = "review", words = ["TWO", "one", "öne"]},
]
[labels]
threat = {review = 0.30, unscored = "review"}
spam = {reject = 0.9, review = 0.5}
"""


def test_the_digest_is_of_the_meaning() -> None:
    digest = parse_policy(BASE).digest
    assert re.fullmatch("[0-9a-f]{12}", digest)
    assert parse_policy(SAME, source="elsewhere").digest == digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("review = 0.5", "review = 0.51"),
        ("reject = 0.9", "reject = 0.91"),
        ("review = 0.3", 'review = 0.3\nunscored = "allow"'),
        ("[labels.threat]", "[labels.insult]"),
        ('"two"', '"too"'),
        ('"two"', '"two*"'),
        ('action = "reject"', 'action = "review"'),
        ('label = "spam"', 'label = "threat"'),
        ('label = "spam"', ""),
        ('words = ["one", "two"]', 'authors = ["one", "two"]'),
        ("2030", "2031"),
        ('name = "b"', 'name = "c"'),
        ('name = "b"', 'name = "b"\nkinds = ["pingback"]'),
        ('name = "b"', 'name = "b"\nstatuses = ["spam"]'),
    ],
)
def test_the_digest_changes_with_the_meaning(old: str, new: str) -> None:
    assert old in BASE
    assert parse_policy(BASE.replace(old, new)).digest != parse_policy(BASE).digest


def test_the_digest_covers_list_files(tmp_path: Path) -> None:
    first = load_policy(list_policy(tmp_path, b"one\n")).digest
    assert load_policy(list_policy(tmp_path, b"# note\nONE\n")).digest == first
    assert load_policy(list_policy(tmp_path, b"one\ntwo\n")).digest != first


def test_a_policy_travels_to_another_process() -> None:
    policy = parse_policy(BASE)
    assert outcome(policy, "one") != []
    sent = pickle.loads(pickle.dumps(policy))
    assert sent == policy
    assert sent.digest == policy.digest
    assert outcome(sent, "one") == outcome(policy, "one")


# The default policy.


def test_the_default_policy_speaks_of_every_label() -> None:
    policy = load_policy()
    assert tuple(policy.labels) == LABELS
    assert all(each.review is not None for each in policy.labels.values())
    assert policy.labels["off_topic"].unscored == "allow"
    assert {label for label, each in policy.labels.items() if each.unscored == "allow"} == {"off_topic"}
    assert policy.rules == ()


def test_the_examples_in_the_default_policy_work(tmp_path: Path) -> None:
    written = Path(load_policy().source).read_text(encoding="utf-8")
    intro, examples = written.split("# Rules stand beside", 1)
    block = "\n".join(
        line.removeprefix("# ") if line != "#" else "" for line in examples.split("\n")[1:] if line.startswith("#")
    )
    (tmp_path / "policy.toml").write_text(intro + block)
    (tmp_path / "hosts.txt").write_text("farm.example\n")
    policy = load_policy(tmp_path / "policy.toml")
    assert [rule.name for rule in policy.rules] == ["pills", "link farms", "the editors"]
    assert [rule.action for rule in policy.rules] == ["reject", "review", "allow"]
    assert outcome(Policy(LOOK_AWAY, policy.rules), "at http://www.farm.example") == [
        "rule 'link farms' (hosts): review"
    ]


# Decisions.

SPAM = "[labels.others]\nunscored = 'allow'\n[labels.spam]\nreview = 0.5\nreject = 0.95\n"


@pytest.mark.parametrize(
    ("probability", "decision", "reasons"),
    [
        (0.0, "allow", []),
        (0.49, "allow", []),
        (0.5, "review", ["spam 0.50, at or above 0.50: review"]),
        (0.9, "review", ["spam 0.90, at or above 0.50: review"]),
        (0.95, "reject", ["spam 0.95, at or above 0.95: reject"]),  # as float32 a little less than 0.95
        (1.0, "reject", ["spam 1.00, at or above 0.95: reject"]),
        (np.nan, "review", ["spam was not judged: review"]),
    ],
)
def test_thresholds(probability: float, decision: str, reasons: list[str]) -> None:
    batch = batch_of(["text"])
    decided = decide(batch, scores_of(batch, spam=[probability]), parse_policy(SPAM), NOW)
    assert decided["decision"].tolist() == [decision]
    assert [str(reason) for reason in decided["reasons"].iloc[0]] == reasons


def test_what_nobody_judged_can_be_left_out() -> None:
    batch = batch_of(["text"])
    policy = parse_policy(SPAM + "unscored = 'allow'\n")
    assert decide(batch, scores_of(batch, spam=[np.nan]), policy, NOW)["decision"].tolist() == ["allow"]


def test_a_label_that_the_policy_is_silent_about_goes_to_a_person() -> None:
    batch = batch_of(["text"])
    silent = decide(batch, scores_of(batch), parse_policy("[labels.spam]\nreview = 0.5"), NOW)
    assert silent["decision"].tolist() == ["review"]
    assert [reason.label for reason in silent["reasons"].iloc[0]] == [label for label in LABELS if label != "spam"]
    assert str(silent["reasons"].iloc[0][0]) == "off_topic is not in the policy: review"
    spoken = parse_policy("[labels.spam]\nreview = 0.5\n[labels.others]\nunscored = 'allow'")
    assert decide(batch, scores_of(batch), spoken, NOW)["decision"].tolist() == ["allow"]
    assert decide(batch, scores_of(batch), parse_policy(""), NOW)["decision"].tolist() == ["review"]


def test_a_rejection_alone() -> None:
    batch = batch_of(["a", "b"])
    policy = parse_policy("[labels.others]\nunscored = 'allow'\n[labels.spam]\nreject = 0.9")
    decided = decide(batch, scores_of(batch, spam=[0.89, 0.91]), policy, NOW)
    assert decided["decision"].tolist() == ["allow", "reject"]


def test_all_reasons_are_given_firmest_first() -> None:
    policy = parse_policy(
        SPAM + "[labels.threat]\nreview = 0.3\n"
        "[[rule]]\nname = 'pills'\naction = 'reject'\nlabel = 'spam'\nwords = ['pill*']\n"
    )
    batch = batch_of(["Buy pills"])
    decided = decide(batch, scores_of(batch, spam=[0.6], threat=[0.4]), policy, NOW)
    assert decided["decision"].tolist() == ["reject"]
    assert decided["reasons"].iloc[0] == (
        Reason("words", "reject", "spam", rule="pills", begin=4, end=9),
        Reason("threshold", "review", "spam", probability=float(np.float32(0.6)), threshold=0.5),
        Reason("threshold", "review", "threat", probability=float(np.float32(0.4)), threshold=0.3),
    )


def test_all_conditions_of_a_rule_must_hold() -> None:
    policy = rules(Rule("x", "review", words=("pills",), kinds=("pingback",), statuses=("spam", "trash")))
    batch = batch_of(["pills"] * 4 + ["none"])
    batch.comments["kind"] = pd.Series(
        ["pingback", "comment", "pingback", "pingback", "pingback"], dtype="string[pyarrow]"
    )
    batch.comments["status"] = pd.Series(["spam", "spam", "approved", "trash", "spam"], dtype="string[pyarrow]")
    decided = decide(batch, scores_of(batch), policy, NOW)
    assert decided["decision"].tolist() == ["review", "allow", "allow", "review", "allow"]


def test_conditions_of_one_rule_do_not_bind_another() -> None:
    policy = rules(
        Rule("x", "review", words=("pills",), kinds=("pingback",)),
        Rule("y", "reject", words=("pills",), statuses=("spam",)),
    )
    batch = batch_of(["pills"] * 2)
    batch.comments["kind"] = pd.Series(["pingback", "comment"], dtype="string[pyarrow]")
    batch.comments["status"] = pd.Series(["approved", "spam"], dtype="string[pyarrow]")
    decided = decide(batch, scores_of(batch), policy, NOW)
    assert decided["decision"].tolist() == ["review", "reject"]


def test_a_rule_may_have_no_list() -> None:
    policy = rules(Rule("x", "reject", kinds=("pingback",)), Rule("y", "review", statuses=("spam",)))
    batch = batch_of(["a", "b", "c"])
    batch.comments["kind"] = pd.Series(["pingback", "comment", "comment"], dtype="string[pyarrow]")
    batch.comments["status"] = pd.Series(["spam", "spam", "unknown"], dtype="string[pyarrow]")
    decided = decide(batch, scores_of(batch), policy, NOW)
    assert [[str(reason) for reason in reasons] for reasons in decided["reasons"]] == [
        ["rule 'x' (kinds): reject", "rule 'y' (statuses): review"],
        ["rule 'y' (statuses): review"],
        [],
    ]


def test_a_rule_lapses() -> None:
    policy = rules(Rule("x", "review", words=("pills",), until=NOW))
    batch = batch_of(["pills"])
    for now, decision in ((NOW - timedelta(seconds=1), "review"), (NOW, "allow")):
        assert decide(batch, scores_of(batch), policy, now)["decision"].tolist() == [decision]


def trust(label: str | None = None) -> Policy:
    thresholds = LOOK_AWAY | {"spam": Thresholds(0.5, 0.95), "threat": Thresholds(0.3)}
    return Policy(
        thresholds,
        (
            Rule("staff", "allow", label, authors=("Ann",)),
            Rule("words", "review", words=("pills",)),
        ),
    )


@pytest.mark.parametrize(
    ("label", "text", "spam", "decision", "reasons"),
    [
        (None, "fine", 0.6, "allow", ["spam 0.60, at or above 0.50, allowed by rule 'staff': allow"]),
        (None, "fine", 0.0, "allow", []),
        ("spam", "fine", 0.6, "allow", ["spam 0.60, at or above 0.50, allowed by rule 'staff': allow"]),
        ("threat", "fine", 0.6, "review", ["spam 0.60, at or above 0.50: review"]),
        (None, "fine", 0.96, "reject", ["spam 0.96, at or above 0.95: reject"]),
        (None, "pills", 0.0, "review", ["rule 'words' (words): review"]),
        (None, "fine", np.nan, "review", ["spam was not judged: review"]),
    ],
)
def test_trust_lifts_reviews_of_thresholds_and_nothing_else(
    label: str | None, text: str, spam: float, decision: str, reasons: list[str]
) -> None:
    batch = batch_of([text, text], authors=["ann", "Bob"])
    decided = decide(batch, scores_of(batch, spam=[spam] * 2), trust(label), NOW)
    assert decided["decision"].iloc[0] == decision
    assert [str(reason) for reason in decided["reasons"].iloc[0]] == reasons
    assert not any(reason.rule == "staff" for reason in decided["reasons"].iloc[1])


PROBABILITIES = st.sampled_from([0.0, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95, 1.0]) | st.floats(0, 1, width=32)
THRESHOLDS = st.builds(
    lambda bounds, unscored: (
        Thresholds(*sorted(bounds), unscored) if len(bounds) == 2 else Thresholds(bounds[0], None, unscored)
    ),
    st.lists(PROBABILITIES, min_size=1, max_size=2),
    st.sampled_from(["allow", "review"]),
)
RULES = st.lists(
    st.builds(
        lambda name, action, label, condition: Rule(
            f"rule {name}", "review" if action == "allow" and "words" in condition else action, label, **condition
        ),
        st.integers(0, 99),
        st.sampled_from(ACTIONS),
        st.none() | st.sampled_from(["spam", "threat"]),
        st.sampled_from(
            [
                {"words": ("pills",)},
                {"words": ("pill*", "other")},
                {"authors": ("ann",)},
                {"authors": ("*n",)},
                {"hosts": ("evil.com",)},
                {"kinds": ("unknown",)},
            ]
        ),
    ),
    max_size=4,
    unique_by=lambda rule: rule.name,
).map(
    lambda found: [
        rule if rule.action != "allow" or not rule.hosts else dataclasses.replace(rule, action="review")
        for rule in found
    ]
)
POLICIES = st.builds(
    lambda labels, found: Policy(labels, tuple(found)), st.dictionaries(st.sampled_from(LABELS), THRESHOLDS), RULES
)
COMMENT = batch_of(["cheap PILLS at http://evil.com"], authors=["Ann"])
FIRMNESS = {action: firmness for firmness, action in enumerate(ACTIONS)}


def firmness(policy: Policy, probabilities: dict[str, float]) -> int:
    row = scores_of(COMMENT, **{label: [value] for label, value in probabilities.items()})
    decided = decide(COMMENT, row, policy, NOW)
    asked = [FIRMNESS[reason.action] for reason in decided["reasons"].iloc[0]]
    found = FIRMNESS[decided["decision"].iloc[0]]
    assert found == max(asked, default=0), "the firmest reason wins"
    assert asked == sorted(asked, reverse=True)
    return found


SCORES = st.fixed_dictionaries(dict.fromkeys(LABELS, PROBABILITIES))


@settings(deadline=None)
@given(POLICIES, SCORES, st.sampled_from(LABELS), PROBABILITIES)
def test_a_higher_probability_never_softens(policy: Policy, scores: dict[str, float], label: str, other: float) -> None:
    low, high = sorted([scores[label], other])
    assert firmness(policy, scores | {label: low}) <= firmness(policy, scores | {label: high})


@settings(deadline=None)
@given(POLICIES, SCORES, st.randoms())
def test_the_order_of_rules_changes_nothing(policy: Policy, scores: dict[str, float], random) -> None:
    shuffled = list(policy.rules)
    random.shuffle(shuffled)
    other = Policy(policy.labels, tuple(shuffled))
    row = scores_of(COMMENT, **{label: [value] for label, value in scores.items()})
    assert other.digest == policy.digest
    pd.testing.assert_frame_equal(decide(COMMENT, row, policy, NOW), decide(COMMENT, row, other, NOW))


@settings(deadline=None)
@given(POLICIES, SCORES)
def test_a_rule_pulls_in_its_own_direction(policy: Policy, scores: dict[str, float]) -> None:
    for rule in policy.rules:
        without = Policy(policy.labels, tuple(each for each in policy.rules if each is not rule))
        if rule.action == "allow":
            assert firmness(policy, scores) <= firmness(without, scores)
        else:
            assert firmness(policy, scores) >= firmness(without, scores)


@settings(deadline=None)
@given(POLICIES, SCORES, st.sampled_from(LABELS))
def test_a_probability_is_never_firmer_for_being_missing_unless_a_person_looks(
    policy: Policy, scores: dict[str, float], label: str
) -> None:
    assert firmness(policy, scores | {label: np.nan}) <= max(
        firmness(policy, scores | {label: 0.0}), FIRMNESS["review"]
    )


# The table.


def test_n_in_n_out_in_order() -> None:
    batch = batch_of(["pills", "none", "pills"], ids=["c", "a", "b"])
    decided = decide(batch, scores_of(batch), rules(Rule("x", "reject", words=("pills",))), NOW)
    assert decided.index.tolist() == ["c", "a", "b"]
    assert decided.index.name == "id"
    assert list(decided.columns) == ["decision", "reasons", "policy"]
    assert decided["decision"].tolist() == ["reject", "allow", "reject"]
    assert decided["policy"].tolist() == [rules(Rule("x", "reject", words=("pills",))).digest] * 3
    nothing = batch_of([])
    assert len(decide(nothing, scores_of(nothing), load_policy(), NOW)) == 0


def test_scores_of_other_comments_are_refused() -> None:
    batch = batch_of(["a", "b"], ids=["1", "2"])
    with pytest.raises(TableError, match=r"^scores: 1 rows for 2 comments; score this batch first$"):
        decide(batch, scores_of(batch).iloc[:1], load_policy(), NOW)
    with pytest.raises(
        TableError, match=r"^scores: row 0 is not that of the comment in row 0; score this batch first$"
    ):
        decide(batch, scores_of(batch).iloc[::-1], load_policy(), NOW)


def test_now_has_a_zone() -> None:
    batch = batch_of(["a"])
    with pytest.raises(PolicyError, match=r"^now has no zone; give an aware time \(UTC\)$"):
        decide(batch, scores_of(batch), load_policy(), datetime(2026, 1, 1))  # noqa: DTZ001


def test_flagged_is_at_or_above_the_review_threshold() -> None:
    policy = parse_policy(
        "[labels.spam]\nreview = 0.7\n[labels.threat]\nreject = 0.9\n[labels.insult]\nunscored='allow'"
    )
    batch = batch_of(["a", "b", "c"])
    scores = scores_of(batch, spam=[0.7, 0.69, np.nan], threat=[0.9, 0.8, 0.0], insult=[1.0] * 3, toxicity=[1.0] * 3)
    table = flagged(scores, policy)
    assert list(table.columns) == list(LABELS)
    assert table.index.equals(scores.index)
    assert set(table.dtypes) == {np.dtype("bool")}
    assert table["spam"].tolist() == [True, False, False]
    assert table["threat"].tolist() == [True, False, False]
    assert not table[["insult", "toxicity"]].to_numpy().any()


REASONS = [
    Reason("threshold", "review", "spam", probability=0.6200000047683716, threshold=0.5),
    Reason("threshold", "allow", "spam", probability=0.62, threshold=0.5, rule="staff"),
    Reason("unscored", "review", "off_topic"),
    Reason("silent", "review", "threat"),
    Reason("words", "reject", "profanity", rule="slurs", begin=0, end=4),
    Reason("authors", "review", rule="known"),
]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.code)
def test_reasons_travel_as_json(reason: Reason) -> None:
    written = json.dumps(reason.to_dict())
    assert "null" not in written
    assert Reason.from_dict(json.loads(written)) == reason


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"code": "words", "action": "reject", "word": "x"},
            "reason: unknown key 'word'; it was not written by this package",
        ),
        ({"code": "words"}, "reason: no code or no action; it was not written by this package"),
        ({"code": "words", "action": "burn"}, "reason: no code or no action; it was not written by this package"),
        ({}, "reason: no code or no action; it was not written by this package"),
    ],
)
def test_a_foreign_reason_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        Reason.from_dict(values)
    assert str(refused.value) == message


def test_no_reason_holds_a_word_of_the_comment() -> None:
    policy = rules(Rule("x", "reject", words=("secret*",)), Rule("y", "review", hosts=("secret.example",)))
    batch = batch_of(["a secretive http://secret.example"])
    decided = decide(batch, scores_of(batch), policy, NOW)
    assert decided["decision"].tolist() == ["reject"]
    assert all("secret" not in str(reason) + repr(reason) for reason in decided["reasons"].iloc[0])
