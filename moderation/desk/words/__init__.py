"""A key and a language in, the words that the desk shows out: every string of the pages stands in one table.

The table is a folder of TOML files, one per language (`en.toml`, `de.toml`), with one section per page; a key is
"section.name". English is complete by definition; a language that lacks a key shows the English words.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["LANGUAGES", "say", "table"]

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "de": "Deutsch"}
HERE: Final = Path(__file__).resolve().parent


@cache
def table(language: str) -> Mapping[str, str]:
    """Return the words of a language: "section.name" -> text with `{places}` for what is filled in."""
    with (HERE / f"{language}.toml").open("rb") as file:
        sections = tomllib.load(file)
    return {f"{section}.{name}": text for section, words in sections.items() for name, text in words.items()}


def say(key: str, language: str = "en", **values: Any) -> str:
    """Return the words of `key`, its places filled in; raises KeyError for a key that English has not.

    A text that counts something has a second form under the key with "_one" behind it, used where `n` is 1.
    """
    name = f"{key}_one" if values.get("n") == 1 and f"{key}_one" in table("en") else key
    words = table(language).get(name) or table("en")[name]
    return words.format(**values) if values else words
