"""The kernels: one reading of a text for scoring, fitting and explaining, and what it makes of disguises."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from moderation.features import CONTEXT, DENSE, STRUCTURE, feature_version
from moderation.features import structure as s
from moderation.features.context import compare, document_frequencies, rarity
from moderation.features.folding import build_table, folding_table
from moderation.features.lexicon import names
from moderation.features.ngrams import (
    BITS,
    N_BUCKETS,
    csr,
    fragments,
    name_buckets,
    pack,
    spans,
    stems,
    string_buffers,
    sum_weights,
)
from moderation.tables import ARTICLES, COMMENTS, Batch, batch_of, conform

TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=60), max_size=6)
PIECES = st.lists(
    st.sampled_from(
        ["kill", "K1LL", "k i l l", " ", "\n", "http://a.example/b-c?d", "WWW.x.example", "[...]", "[…]", "…", "don't",
         "f*ck", "😀", "é", "中文", "\u200b", "soooo", "!!!", "«»", "@you", "x" * 90, "1" * 45, "а", "[url=http://y.example]"]
    ),
    max_size=20,
).map("".join)  # fmt: skip


def buffers(texts, authors=None, links=None):
    n = len(texts)
    return tuple(
        string_buffers(pd.Series(values, dtype="string[pyarrow]"))
        for values in (texts, authors or [None] * n, links or [None] * n)
    )


def words(text, author=None, link=None):
    """Return the set of buckets of one comment."""
    _, indices, _, _ = csr(*buffers([text], [author], [link]))
    return set(indices.tolist())


def counts(text, author=None, link=None):
    return csr(*buffers([text], [author], [link]))[3][0]


def test_the_shipped_folding_table_is_the_one_the_code_builds():
    assert np.array_equal(build_table(), folding_table())


def test_the_feature_version_names_hash_size_and_folding():
    assert feature_version().split("-")[1] == str(BITS)


@settings(max_examples=60, deadline=None)
@given(st.one_of(TEXTS, st.lists(PIECES, max_size=6)), st.randoms(use_true_random=False))
def test_the_three_modes_see_the_same_features(texts, random):
    authors = [random.choice([None, "Ann", "Cheap Boots » Blog", *texts]) for _ in texts]
    links = [random.choice([None, "http://cheapboots.example/x", *texts]) for _ in texts]
    columns = buffers(texts, authors, links)
    weights = np.random.default_rng(0).integers(-32767, 32768, (N_BUCKETS, 9)).astype(np.int16)
    sums, raws = sum_weights(*columns, pack(weights), 9)
    indptr, indices, values, raws_again = csr(*columns)
    matrix = csr_matrix((values.astype(np.float64), indices, indptr), shape=(len(texts), N_BUCKETS))
    assert np.allclose(sums, matrix @ weights.astype(np.float64), rtol=1e-5, atol=0.5)
    assert np.array_equal(raws, raws_again)
    for i in range(len(texts)):
        one = tuple((np.array([0, o[i + 1] - o[i]]), d[o[i] : o[i + 1]]) for o, d in columns)
        entries, offsets = spans(*one)
        assert set((entries & (N_BUCKETS - 1)).tolist()) == set(indices[indptr[i] : indptr[i + 1]].tolist())
        size = len(texts[i].encode())
        inside = offsets[:, 1] > 0
        assert (offsets[inside, 0] >= 0).all()
        assert (offsets[inside, 1] <= size).all()
        assert (offsets[inside, 0] < offsets[inside, 1]).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_broken_utf8_is_read_like_any_other_bytes(parts):
    data = np.frombuffer(b"".join(parts), np.uint8)
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    nothing = (np.zeros(len(parts) + 1, np.int64), np.zeros(0, np.uint8))
    indptr, indices, _, raws = csr((offsets, data), (offsets, data), nothing)
    assert len(indptr) == len(parts) + 1
    assert ((indices >= 0) & (indices < N_BUCKETS)).all()
    assert np.isfinite(raws).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(PIECES, min_size=2, max_size=6))
def test_a_text_has_the_same_sums_in_any_batch(texts):
    weights = pack(np.random.default_rng(1).integers(-32767, 32768, (N_BUCKETS, 10)).astype(np.int16))
    together, _ = sum_weights(*buffers(texts), weights, 10)
    alone = np.concatenate([sum_weights(*buffers([text]), weights, 10)[0] for text in texts])
    assert np.array_equal(together, alone)


def test_packed_sums_are_exact_at_the_limits():
    text = " ".join(f"w{i}" for i in range(40_000))  # more distinct features than one 32-bit sum may take
    for value in (32767, -32767):
        weights = np.full((N_BUCKETS, 10), value, np.int16)
        weights[:, 1::2] = -value
        sums, raws = sum_weights(*buffers([text]), pack(weights), 10)
        n_words = raws[0, s.DISTINCT_WORDS]
        n_chars = len(words(text)) - n_words
        expected = value * (np.sqrt(n_words) + np.sqrt(n_chars))
        assert sums[0, 0] == pytest.approx(expected)
        assert sums[0, 1] == pytest.approx(-expected)


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("KILL them", "kill them"),
        ("kіll them", "kill them"),  # Cyrillic і
        ("k\u200bi\u200bll them", "kill them"),  # zero-width spaces
        ("ｋｉｌｌ them", "kill them"),  # full width
        ("𝐤𝐢𝐥𝐥 them", "kill them"),  # mathematical bold
        ("kíll thém", "kill them"),
        ("k1ll them", "kill them"),
        ("don’t go", "dont go"),
        ("sh@me on you", "shame on you"),
    ],
)
def test_a_disguise_reads_like_the_plain_word(disguised, plain):
    assert words(disguised) == words(plain)


@pytest.mark.parametrize(
    ("disguised", "word"), [("k i l l", "kill"), ("k.i.l.l", "kill"), ("killlllll", "kill"), ("diiiiie", "die")]
)
def test_a_stretched_or_spaced_word_has_the_plain_word_among_its_features(disguised, word):
    alone = words(word) - words("zzz")
    assert alone - {b for b in alone if b not in words(disguised)}
    # the word itself and all its character n-grams, though not "start of text + word"
    assert len(alone & words(disguised)) >= len(alone) - 1


def test_numbers_at_the_edge_of_a_word_stay_numbers():
    assert words("mp3") != words("mpe")
    assert words("covid19") != words("covidi9")


def test_links_count_once_each_and_their_hosts_are_words():
    found = counts("see http://cheap-boots.example/new and HTTPS://b.example, or www.c.example")
    assert found[s.LINKS] == 3
    both = words("http://boots.example") & words("https://boots.example/path")
    assert len(both) >= 3


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("[...] as they said [...]", s.BRACKET_ELLIPSIS, 2),
        ("[…] as they said […]", s.BRACKET_ELLIPSIS, 2),
        ("no [brackets] here...", s.BRACKET_ELLIPSIS, 0),
        ("[...] as they said [...]", s.STARTS_ELLIPSIS, 1),
        ("… as they said", s.STARTS_ELLIPSIS, 1),
        ("and then the commu…", s.CUT_OFF, 1),
        ("and then the commu …", s.CUT_OFF, 0),
        ("and then the commu …", s.ENDS_ELLIPSIS, 1),
        ("It ended.", s.ENDS_STOP, 1),
        ("It ended", s.ENDS_STOP, 0),
        ("Ab CD", s.UPPER, 3),
        ("what?! what!", s.EXCLAMATIONS, 2),
        ("one\ntwo\nthree", s.LINES, 2),
        ("aaaaah", s.LONGEST_RUN, 5),
        ("", s.CHARACTERS, 0),
    ],
)
def test_structure_is_counted_on_the_way(text, name, value):
    assert counts(text)[name] == value


def test_an_author_that_spells_its_own_link_is_noticed():
    assert counts("Nice post", "Cheap Boots", "http://www.cheapboots.example")[s.AUTHOR_IN_HOST] == 1
    assert counts("Nice post", "Gerry", "http://www.cheapboots.example")[s.AUTHOR_IN_HOST] == 0
    assert counts("Nice post", "Notes » Archive | Blog")[s.AUTHOR_SEPARATOR] == 2


def test_a_very_long_text_is_read_in_one_pass():
    text = "word " * 400_000
    assert counts(text)[s.WORDS] == 400_000
    assert counts("a" * 2_000_000)[s.LONGEST_RUN] == 2_000_000


def test_missing_and_sliced_strings_are_read_right():
    column = pd.Series(["zero", None, "two", "three"], dtype="string[pyarrow]").iloc[1:]
    offsets, data = string_buffers(column)
    assert [data[a:b].tobytes() for a, b in pairwise(offsets)] == [b"", b"two", b"three"]
    assert len(string_buffers(pd.Series([], dtype="string[pyarrow]"))[0]) == 1
    joined = pd.concat([column, column], ignore_index=True)
    assert len(string_buffers(joined)[0]) == 7


@pytest.mark.parametrize(
    ("text", "breaks_off"),
    [
        ("the civil and criminal law ou…", 1),
        ("the council of the commu...", 1),
        ("the council of the commu [...]", 0),
        ("I wonder what the council…", 0),
        ("so what will the law do...", 0),
        ("the council of the commu", 0),
        ("…", 0),
        ("", 0),
    ],
)
def test_a_text_breaks_off_where_its_last_letters_are_no_word(text, breaks_off):
    # rarity 10 (of 16 a unit) for what was never seen, 1 for the words of this sentence
    rare = np.full(N_BUCKETS, 160, np.uint8)
    _, known = stems(string_buffers(pd.Series(["wonder what council will the law"], dtype="string[pyarrow]")))
    rare[known] = 16
    assert fragments(string_buffers(pd.Series([text], dtype="string[pyarrow]")), rare).tolist() == [breaks_off]


def test_stems_are_six_letters_of_words_over_two():
    _, found = stems(string_buffers(pd.Series(["Bombing a bombings of bombin"], dtype="string[pyarrow]")))
    assert len(found) == 1


# --- context ---------------------------------------------------------------------------------------------------------

ARTICLE = "The council voted to close the Ashgrove bridge for repairs until the spring."


def rare_for(*texts):
    series = pd.Series([*texts, "the a to for of", "the until"], dtype="string[pyarrow]")
    return rarity(document_frequencies(series), len(series) * 1000)


def column(features, name):
    return features[:, CONTEXT.index(name)]


def test_a_comment_that_takes_up_the_article_is_closer_than_one_that_does_not():
    batch = batch_of(
        ["Ashgrove bridge repairs are overdue", "buy watches online", "thanks!"],
        article_title="Ashgrove bridge to close",
        article_text=ARTICLE,
    )
    features, known = compare(batch, rare_for(ARTICLE))
    assert known.all()
    assert column(features, "closeness to the article")[0] > 0.3
    assert column(features, "closeness to the article")[1] == 0
    assert column(features, "shares no word with the article").tolist() == [0, 1, 1]
    assert column(features, "short, sharing nothing").tolist() == [0, 1, 1]


def test_without_an_article_nothing_is_known():
    features, known = compare(batch_of(["hello"]), rare_for(ARTICLE))
    assert not known.any()
    assert not features.any()


def thread_of(texts, articles):
    frame = pd.DataFrame(
        {
            "id": [f"c{i}" for i in range(len(texts))],
            "article_id": articles,
            "parent_id": [None, "c0", *[None] * (len(texts) - 2)],
            "text": texts,
        }
    )
    titles = pd.DataFrame({"id": ["a", "b"], "title": ["Ashgrove bridge", "Ferry fares"], "text": [ARTICLE, "Up."]})
    return Batch(conform(frame, COMMENTS), conform(titles, ARTICLES, "articles"))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["bridge spring", "ferry fares", "Ashgrove", "me too", ""]), st.sampled_from("ab")),
        min_size=2,
        max_size=25,
    ),
    st.integers(1, 24),
)
def test_where_a_file_is_cut_does_not_change_the_context(rows, cut):
    batch = thread_of([text for text, _ in rows], [article for _, article in rows])
    rare = rare_for(ARTICLE)
    whole, _ = compare(batch, rare)
    head = Batch(batch.comments.iloc[:cut].reset_index(drop=True), batch.articles)
    tail = Batch(batch.comments.iloc[cut:].reset_index(drop=True), batch.articles)
    first, _ = compare(head, rare)
    second, _ = compare(tail, rare, earlier=head.comments)
    assert np.array_equal(whole, np.concatenate([first, second]))


def test_names_are_unique_and_there_are_as_many_as_columns():
    assert len(set(DENSE)) == len(DENSE) == len(STRUCTURE) + len(CONTEXT)


# --- Names, notices, and what advertising says -----------------------------------------------------------------------


def structure(text, author=None, link=None):
    """Return the features of one comment that are not 0, by name."""
    out = np.zeros((1, len(STRUCTURE)), np.float32)
    s.expand(counts(text, author, link)[None, :], out)
    return {name: float(value) for name, value in zip(STRUCTURE, out[0], strict=True) if value}


NAMES = [name for name in names() if len(name) > 3]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_texts_that_differ_in_a_name_differ_in_the_name_alone(one, other):
    sentence = "the talks with {} begin on monday, they say"
    of_one, of_other, all_names = (
        words(sentence.format(one)),
        words(sentence.format(other)),
        set(name_buckets().tolist()),
    )
    # Each name is its own bucket and nothing else, to be seen unless another word of the sentence has the same.
    assert of_one - of_other == (words(one) & all_names) - of_other
    assert of_other - of_one == (words(other) & all_names) - of_one
    assert words(one) & all_names


def test_what_is_no_name_keeps_its_letters_and_neighbours():
    differing = words("the talks with Marta begin") ^ words("the talks with Peter begin")
    assert len(differing) > 10


@pytest.mark.parametrize(
    ("text", "author", "expected"),
    [
        ("Pingback: A year of tides | Salt", "A year of tides | Salt", "is the author's name"),
        ("Trackback: Salt and Rope", "Salt and Rope", "says that it is a notice"),
        ("Salt and Rope\n\nA walk to the harbour, and what", "Salt and Rope", "begins with the author's name"),
        ("Cheap sheds...\n\n[...]On writing less code[...]...", "x", "a heading that is cut off"),
        ("A walk\n\nThis morning I went", None, "a first line like a heading"),
        ("please subscribe to my channel", None, "asks to visit what is the writer's"),
        ("our new website is up", None, "speaks of a place of the writer's"),
        ("go to sheds dot com", None, "an address without its beginning"),
        ("go to sheds . com now", None, "an address without its beginning"),
        ("see sheds.com/offers", None, "an address without its beginning"),
        ("write to +44 155 501 4277", None, "a telephone number"),
        ("only $20 today", None, "a sum of money"),
        ("only €20 today", None, "a sum of money"),
        ("watch this:", None, "ends where a link would stand"),
        ("nice", "cheap loans online", "author's name advertises"),
        ("http://a.example/b", None, "mostly links"),
        ("my song http://a.example/b", None, "a link and hardly a word"),
        ("if you want to hear it go here: http://a.example/b", None, "a link at the end"),
        ("http://a.example/b is what I heard on the night bus home", None, "a link at the beginning"),
        ("go and see sheds.com", None, "a link and a request"),
        ("like this comment for no reason", None, "asks for votes"),
        ("thumbs up if you are here too", None, "asks for votes"),
        ("sub to me and my brother", None, "asks to subscribe"),
        ("please subscribe", None, "asks to subscribe"),
        ("watch all of my new videos", None, "asks to look at what is the writer's"),
        ("check this thing out", None, "says to check something out"),
        ("I have a band", None, "speaks of what the writer makes"),
        ("it has 20 million views", None, "speaks of how often something was seen"),
        ("it has 300 likes", None, "speaks of how often something was seen"),
        ("@Anna yes", None, "addresses someone by a handle"),
        ("plz help a small shop", None, "pleads"),
        ("what a song", None, "no request, no link, nothing of the writer"),
        ("Sheds...\n\nA walk to the shed...", "x", "a heading cut off, an excerpt cut off"),
        ("[...] a walk to the shed", None, "begins with a bracketed ellipsis"),
        ("Pingback: Salt [...]", None, "says that it is a notice"),
        ("[…] a walk to the shed […]", None, "begins and ends with a bracketed ellipsis"),
        ("One.\n\nTwo.\n\nAnd then…", None, "trails off after several paragraphs"),
        ("a walk to the shed " * 10 + "and ba...", None, "trails off at an excerpt's length"),
        ("who knows…", None, "short and trails off"),
    ],
)
def test_shapes_of_advertising_and_of_notices_are_found(text, author, expected):
    assert structure(text, author).get(expected)


@pytest.mark.parametrize(
    ("text", "author", "absent"),
    [
        ("Bob is right", "Bob", "begins with the author's name"),  # too short to mean anything
        ("feedback: all fine here", None, "says that it is a notice"),
        ("http://sheds.example.com/a", None, "an address without its beginning"),
        ("It ends.Comments are open", None, "an address without its beginning"),
        ("on 2007-11-25 12:30", None, "a telephone number"),
        ("seen 1,884,034,783 times", None, "a telephone number"),
        ("subscribe whenever you like", None, "asks to visit what is the writer's"),
        ("he liked the comment", None, "asks for votes"),
        ("I subscribed last year", None, "asks to subscribe"),
        ("my cat watches birds", None, "asks to look at what is the writer's"),
        ("the check came back, so he had to move out", None, "says to check something out"),
        ("a band played", None, "speaks of what the writer makes"),
        ("watch it, 20 million views", None, "speaks of how often something was seen"),
        ("write to anna@mail.example", None, "addresses someone by a handle"),
        ("Sheds...\n\nOne.\n\nAnd then...", "x", "a heading cut off, an excerpt cut off"),
        ("(...) a walk to the shed", None, "begins with a bracketed ellipsis"),
        ("the list [...] is long [...]", None, "begins and ends with a bracketed ellipsis"),
        ("and then one line\nand another…", None, "trails off after several paragraphs"),
        ("One. And then [...]", None, "short and trails off"),
    ],
)
def test_what_only_looks_like_it_is_not(text, author, absent):
    assert absent not in structure(text, author)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.integers(1, 12), st.randoms(use_true_random=False))
def test_dense_features_add_up_in_one_order_whatever_the_number_of_rows(rows, labels, random):
    chance = np.random.default_rng(random.randint(0, 99))
    dense = (chance.normal(size=(rows, 40)) * (chance.random((rows, 40)) < 0.3)).astype(np.float32)
    weights, logits = chance.normal(size=(40, labels)), chance.normal(size=(rows, labels))
    expected = logits.copy()
    for k in range(40):
        expected += dense[:, k : k + 1] * weights[k]
    s.add_up(dense, weights, logits)
    assert np.array_equal(logits, expected)
