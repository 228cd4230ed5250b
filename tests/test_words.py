"""Every word of the desk stands in both tables, with the same places to fill."""

import string

import pytest

from moderation.desk.words import LANGUAGES, say, table


def places(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_what_english_says_with_the_same_places(language):
    english, other = table("en"), table(language)
    assert other.keys() == english.keys()
    assert {key: places(text) for key, text in other.items()} == {key: places(text) for key, text in english.items()}


def test_a_key_that_english_has_not_is_a_fault_of_the_program():
    with pytest.raises(KeyError):
        say("queue.no such words")
