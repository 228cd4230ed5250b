"""My decisions: what this moderator answered, newest first, in; a comment to answer again out."""

from html import escape
from typing import Final

import streamlit as st

from moderation.desk import installation, markup
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.installation import told
from moderation.desk.session import begin, reopen, take_back, tell, when
from moderation.labels import LABELS
from moderation.store import Review

__all__ = ["draw"]

state = st.session_state

PAGE: Final = 20
ACTS: Final = {"approve": "Approved", "reject": "Rejected", "skip": "Skipped", "undo": "Took back"}


@told
def draw() -> None:
    """Draw the page."""
    begin()
    moderator = installation.settings().moderator
    state.setdefault("decisions_shown", PAGE)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            "Show",
            ["standing", "all"],
            format_func=lambda name: {"standing": "What stands", "all": "Everything I did"}[name],
            default="standing",
            required=True,
            key="decisions_which",
            persist_state="session",
        )
        st.space("stretch")
        st.button(
            "Undo my latest",
            shortcut="U",
            key=f"undo_latest_{state.undone}",
            icon=":material/undo:",
            on_click=take_back,
            args=(f"undo:{state.nonce}:decisions:{state.undone}",),
        )
    tell()
    limit = state.decisions_shown
    found = installation.store().reviews(standing=which == "standing", moderator=moderator, limit=limit + 1)
    if not found:
        st.html(markup.empty("Nothing decided yet", "Answer some comments on the Review page; they are listed here."))
        return
    shown = found[:limit]
    comments = installation.store().batch(list(dict.fromkeys(review.comment_id for review in shown))).comments
    columns = (comments[name] for name in ("id", "author", "text"))
    written = {name: (author, text) for name, author, text in zip(*columns, strict=True)}
    for review in shown:
        _row(review, *written[review.comment_id])
    if len(found) > limit:
        st.button("Show more", key="more", on_click=_more)


def _more() -> None:
    state.decisions_shown += PAGE


def _row(review: Review, author: object, text: object) -> None:
    text_side, button_side = st.columns([8, 1], vertical_alignment="center")
    with text_side:
        note = f'<div class="small">Note: {markup.foreign(review.note)}</div>' if review.note else ""
        st.html(
            f'<div class="decision {escape(review.action)}"><div class="what"><b>{ACTS[review.action]}</b>'
            f'<span class="small">{escape(when(review.at))}</span></div>'
            f'<div class="which"><div class="small">{markup.foreign(author, missing="no name given")}</div>'
            f"{markup.foreign(markup.shortened(text, 240), tag='div', name='line', missing='no text')}{note}"
            f'</div><div class="said">{_said(review)}</div></div>'
        )
    with button_side:
        if review.action in {"approve", "reject", "skip"}:
            again = st.button("Open again", key=f"again_{review.id}", icon=":material/edit:", type="tertiary")
            if again:
                reopen(review)
                st.switch_page("queue_page.py")


def _said(review: Review) -> str:
    said = [(label, review.labels[label]) for label in LABELS if review.labels.get(label) is not None]
    if not said:
        return '<span class="small">no label answered</span>' if review.action in {"approve", "reject"} else ""
    return "".join(
        f'<span class="tag {"yes" if value else "no"}">{escape(LABEL_BY_NAME[label].title)} '
        f"<b>{'yes' if value else 'no'}</b></span>"
        for label, value in said
    )


if __name__ == "__main__":
    draw()
