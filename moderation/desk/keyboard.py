"""Keys and clicks that Streamlit's own widgets cannot take in, a call of ours out; see keyboard.js."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import streamlit as st

__all__ = ["listen"]

SCRIPT: Final = Path(__file__).with_name("keyboard.js").read_text(encoding="utf-8")


def listen(queue: str, *, on_open: Callable[[int], None]) -> None:
    """Listen on this page: N goes to the note, and a click on row `n` of the queue calls `on_open(n)`.

    When `queue` changes, the list it was chosen from gives the keyboard back.
    """

    def opened() -> None:
        place = getattr(st.session_state.get("keyboard"), "open", None)
        if isinstance(place, int):  # what a browser sends is only ever a wish
            on_open(place)

    component = st.components.v2.component("moderation_keyboard", js=SCRIPT)
    component(key="keyboard", data={"queue": queue}, on_open_change=opened)
