"""Windows: they cover the text in order, keep to their size and overlap, and cut where sentences end."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.features.windows import windows


@settings(max_examples=200, deadline=None)
@given(st.text("ab .!\n。", max_size=400), st.integers(1, 60), st.data())
def test_windows_cover_the_text_and_keep_to_their_size(text, size, data):
    overlap = data.draw(st.integers(0, size // 2))
    found = windows(text, size, overlap)
    assert found[0][0] == 0
    assert found[-1][1] == len(text)
    for begin, end in found:
        assert end - begin <= size
    for (begin, end), (next_begin, next_end) in pairwise(found):
        assert begin < next_begin <= end < next_end
        assert end - next_begin <= overlap


@pytest.mark.parametrize("text", ["", "one", "x" * 1500])
def test_a_text_that_fits_is_one_window(text):
    assert windows(text) == [(0, len(text))]


def test_cuts_are_made_where_a_paragraph_ends_before_a_sentence():
    text = "One two. Three four.\n\nFive six. Seven eight nine ten."
    assert [text[begin:end] for begin, end in windows(text, 32, 0)] == [
        "One two. Three four.\n\n",
        "Five six. Seven eight nine ten.",
    ]


def test_a_window_begins_with_a_sentence():
    text = "".join(f"This is sentence number {n}. " for n in range(300))
    for begin, end in windows(text):
        assert text[begin:].startswith("This is")
        assert text[:end].endswith(". ")


def test_a_hundred_thousand_letters_without_a_space_are_cut_all_the_same():
    found = windows("x" * 100_000)
    assert 66 <= len(found) <= 80


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (10, 6), (10, -1)])
def test_sizes_that_make_no_windows_are_refused(size, overlap):
    with pytest.raises(ValueError, match="at least 1"):
        windows("text", size, overlap)
