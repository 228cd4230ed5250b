"""Every word of the desk stands in both tables, with the same places to fill."""

import re
import string
from pathlib import Path

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


def test_every_word_that_a_page_asks_for_by_name_is_there():
    desk = Path(__file__).resolve().parent.parent / "moderation" / "desk"
    asked = {key for path in desk.glob("*.py") for key in re.findall(r'\bsay\("(\w+\.\w+)"', path.read_text("utf-8"))}
    assert len(asked) > 20
    assert asked <= table("en").keys()
