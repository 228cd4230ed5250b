"""A section of the words in, a function that says them in the language of whoever looks out."""

from collections.abc import Callable

import streamlit as st

from moderation.desk import installation, words

__all__ = ["listen", "speaker"]


def listen() -> None:
    """Ask once per drawing of a page which language is spoken: a page says a hundred things."""
    st.session_state.language = installation.language()


def speaker(section: str) -> Callable[..., str]:
    """Return `say(key, **values)` for one section of the table of words."""

    def say(key: str, **values: object) -> str:
        return words.say(f"{section}.{key}", str(st.session_state.get("language", "en")), **values)

    return say
