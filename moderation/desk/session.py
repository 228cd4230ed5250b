"""One browser's session: which comment is in hand, and what was pressed on it, in and out.

Nothing here is truth: a reload of the page loses no more than labels that were pressed and not yet decided.
"""

import secrets
from collections.abc import Callable
from datetime import UTC
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st

from moderation.desk import installation, markup
from moderation.desk.answers import question
from moderation.errors import Conflict, ModerationError
from moderation.labels import LABELS
from moderation.store import Review, Store

__all__ = ["begin", "by_label", "reopen", "safely", "spoken", "take_back", "tell", "when"]

state = st.session_state


def begin() -> None:
    """Give this browser's session what the pages share, if it has none yet."""
    state.setdefault("nonce", secrets.token_hex(8))  # tells this browser's acts from another's
    state.setdefault("at", None)  # the comment in hand, if it was chosen by hand
    state.setdefault("going_on", False)  # it was chosen by going on down the list
    state.setdefault("audited", None)  # it was drawn at random
    state.setdefault("ready", {})  # comment -> model and card: the one in hand, and the one read ahead
    state.setdefault("explained", {})
    state.setdefault("touched", {})  # comment -> label -> what was pressed: nobody's truth before it is decided
    state.setdefault("again", False)  # skipped comments are shown once more
    state.setdefault("undone", 0)
    state.setdefault("helping", False)


def by_label(scores: pd.DataFrame) -> dict[str, float]:
    """Return the first row of a scores table by label, or nothing where there is no row."""
    return {} if scores.empty else {label: float(scores[label].iloc[0]) for label in LABELS}


def spoken(review: Review, store: Store) -> dict[str, bool | None]:
    """Return the labels that were set by hand in `review`: all but the answer that the decision itself gave."""
    label = review.lens.split("/", 1)[0]
    scores = by_label(store.scores([review.comment_id], installation.champion()))
    asked = question(label if label in LABELS else None, scores)
    return {
        label: value
        for label, value in review.labels.items()
        if not (label == asked and value == (review.action == "reject"))
    }


def reopen(review: Review) -> None:
    """Put the comment of `review` in hand again."""
    state.at = review.comment_id
    state.touched[review.comment_id] = spoken(review, installation.store())


def take_back(token: str) -> None:
    """Undo this moderator's latest act and put its comment in hand again."""

    def act() -> None:
        store = installation.store()
        event = store.undo(installation.settings().moderator, at=installation.now(), token=token)
        if event is None:
            state.notice = "There is nothing of yours to undo."
            return
        state.undone += 1
        state.ready = {}
        state.at = event.comment_id
        events = store.reviews(standing=False, comment_id=event.comment_id)
        undone = next((one for one in events if one.id == event.undoes), None)
        if undone is not None:
            reopen(undone)
        state.notice = "Taken back; it is yours to answer again."

    safely(act)


def safely(act: Callable[[], None]) -> None:
    """Do a moderator's act; what the store refuses becomes a notice, and the next comment is drawn."""
    try:
        act()
    except Conflict:
        state.notice = "Somebody has answered this comment meanwhile; nothing of yours was kept."
        state.at = None
    except ModerationError as error:
        state.fault = str(error)


def tell() -> None:
    """Show what the last act left to be said, once."""
    if notice := state.pop("notice", None):
        st.toast(notice)
    if fault := state.pop("fault", None):
        st.html(markup.callout("error", fault, action="What you pressed was not kept; mend this and press again."))


def when(moment: object) -> str:
    """Return a time as the clock of this browser shows it."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):  # a browser may send anything, and a system may know no zones
        return markup.when(moment, now=installation.now(), zone=UTC)
    return markup.when(moment, now=installation.now(), zone=zone)
