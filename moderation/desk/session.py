"""One browser's session: what its last act left to be said, and its clock, in and out."""

import secrets
from collections.abc import Callable
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from moderation.desk import installation, markup
from moderation.errors import Conflict, ModerationError
from moderation.store import Review

__all__ = ["begin", "reopen", "safely", "take_back", "tell", "when", "zone"]

state = st.session_state


def begin() -> None:
    """Give this browser's session what the pages share, if it has none yet."""
    state.setdefault("nonce", secrets.token_hex(8))  # tells this browser's acts from another's
    state.setdefault("undone", 0)
    state.setdefault("helping", False)
    state.setdefault("in_front", None)  # the comment that the queue page should show first


def reopen(review: Review) -> None:
    """Let the queue page show the comment of `review` first."""
    state.in_front = review.comment_id


def take_back(token: str) -> None:
    """Undo this moderator's latest act, and let the queue page show its comment first."""

    def act() -> None:
        event = installation.store().undo(installation.moderator(), at=installation.now(), token=token)
        if event is None:
            state.notice = "There is nothing of yours to undo."
            return
        state.undone += 1
        state.in_front = event.comment_id
        state.notice = "Taken back; it is yours to answer again."

    safely(act)


def safely(act: Callable[[], None]) -> None:
    """Do a moderator's act; what the store refuses becomes a notice."""
    try:
        act()
    except Conflict:
        state.notice = "Somebody has answered this comment meanwhile; nothing of yours was kept."
    except ModerationError as error:
        state.fault = str(error)


def tell() -> None:
    """Show what the last act left to be said, once."""
    if notice := state.pop("notice", None):
        st.toast(notice)
    if fault := state.pop("fault", None):
        st.html(markup.callout("error", fault, action="What you pressed was not kept; mend this and press again."))


def zone() -> tzinfo:
    """Return the time zone of this browser."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):  # a browser may send anything, and a system may know no zones
        return UTC


def when(moment: object) -> str:
    """Return a time as the clock of this browser shows it."""
    return markup.when(moment, now=installation.now(), zone=zone())
