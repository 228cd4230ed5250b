"""Many comments and one answer in; the answer given to all of them as one act, at once or as a job."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

import streamlit as st

from moderation.desk import installation, markup, rights, work
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.session import safely
from moderation.desk.voice import speaker
from moderation.labels import LABELS
from moderation.store import Filter

__all__ = ["answer_all", "offer_undo", "panel", "shown", "under_way"]

state = st.session_state
say = speaker("together")

LONGEST_SHOWN: Final = 20_000
LINK: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
AT_ONCE: Final = 2000  # comments that are answered while the page waits: a second or so


def under_way() -> bool:
    """Draw the act that runs, if one does, and say what came of the latest one; return whether one runs."""
    job, busy = work.watch("act")
    if job is not None and not busy and job.state == "done" and state.get("acting") == job.id:
        state.acting = None
        _say(job.result["action"], job.result["size"], job.result["left"])
        st.rerun()
    return busy


def panel(
    size: int,
    key: str,
    chosen: Callable[[], Sequence[str] | Filter],
    *,
    job: Mapping[str, Any],
    label: str | None = None,
    only: bool = False,
) -> None:
    """Draw the buttons that answer all `size` comments: `chosen` names them when pressed, `job` as a job's arguments.

    `label` is the one that is asked about at first, and, if `only`, the one that is asked about at all.
    """
    may = rights.may("lead") and size > 0
    turn = state.setdefault("turn", secrets.token_hex(8))  # of the drawn buttons: pressed twice, they act once
    asked = [label] if label else []
    if not only:
        asked = st.pills(
            say("about"), LABELS, selection_mode="multi", format_func=lambda name: LABEL_BY_NAME[name].title,
            default=asked, key=f"about_{key}",
        )  # fmt: skip
    st.text_input(say("note"), key=f"note_{key}", max_chars=200, placeholder=say("note"), label_visibility="collapsed")
    titles = ", ".join(LABEL_BY_NAME[name].title for name in asked)
    with st.container(horizontal=True, vertical_alignment="center", key=f"answer_{key}"):
        for action, shortcut, kind, icon in (
            ("approve", "A", "secondary", ":material/check:"),
            ("reject", "X", "primary", ":material/block:"),
        ):
            st.button(
                say(action, n=size),
                key=f"{action}_{key}",
                type=kind,  # type: ignore[arg-type]
                icon=icon,
                shortcut=shortcut,
                disabled=not may,
                on_click=answer_all,
                args=(chosen, size, action, key),
                kwargs={"label": label, "token": f"{turn}:{key}:{action}", "job": dict(job)},
            )
        offer_undo(key)
    meaning = (
        f"{say('approve_says')} <b>{escape(titles)} {escape(say('no'))}</b> · "
        f"{say('reject_says')} <b>{escape(titles)} {escape(say('yes'))}</b>"
        if asked
        else escape(say("no_label"))
    )
    why = "" if rights.may("lead") else f" · {escape(rights.words('lead'))}"
    st.html(f'<div class="small">{meaning}{why}</div>')


def answer_all(
    chosen: Callable[[], Sequence[str] | Filter],
    size: int,
    action: str,
    key: str,
    *,
    label: str | None,
    token: str,
    job: dict[str, Any],
) -> None:
    """Give the answer as one act: at once, or as a job where it would keep the page waiting.

    The labels asked about (`label` alone where none can be chosen) and the note are read from the panel `key` now: what
    was chosen or typed last may have come with the press, after the page was drawn.
    """

    def act() -> None:
        asked: list[str] = state.get(f"about_{key}", [label] if label else [])
        labels, note = dict.fromkeys(asked, action == "reject"), state.get(f"note_{key}") or ""
        seat = rights.seat()
        seat.require("lead", "an act on many comments")
        if size > AT_ONCE:
            if not work.running(work.latest(["act"])):
                told = {"action": action, "labels": labels, "note": note, "moderator": rights.name(), "token": token}
                state.acting = work.start("act", {**job, **told})
                state.turn = secrets.token_hex(8)
            return
        done = seat.act(
            chosen(),
            action,
            labels,
            moderator=rights.name(),
            model=installation.model(),
            at=installation.now(),
            note=note,
            token=token,
        )
        state.turn = secrets.token_hex(8)
        _say(action, done.size, done.left)

    safely(act)


def _say(action: str, size: int, left: int) -> None:
    words = say(f"{action}_done", n=size)
    state.notice = f"{words} {say('left', n=left)}" if left else words


def offer_undo(key: str) -> None:
    """Draw the button that takes back whatever this person did last, whole."""
    store = installation.store()
    newest = next(iter(store.reviews(standing=False, moderator=rights.name(), limit=1)), None)
    acts = [] if newest is None or newest.undoes is not None else store.acts(rights.name(), limit=1)
    title = (
        say("undo_many", n=acts[0].size) if acts and newest is not None and acts[0].id == newest.act else say("undo")
    )
    st.button(
        title, key=f"undo_{key}", shortcut="U", icon=":material/undo:", type="tertiary", on_click=_undo,
        disabled=not rights.may("moderator"),
    )  # fmt: skip


def _undo() -> None:
    def act() -> None:
        seat = rights.seat()
        taken = seat.undo(rights.name(), at=installation.now(), token=f"undo:{secrets.token_hex(8)}")
        if taken is None:
            state.notice = say("nothing_to_undo")
            return
        size = next((each.size for each in seat.acts(rights.name(), limit=1) if each.id == taken.act), 1)
        state.notice = say("undone", n=size)

    safely(act)


def shown(text: object) -> str:
    """Return a comment's text as it is written, in a box of its own; a link is marked, and leads nowhere."""
    words = (markup.plain(text) or "")[:LONGEST_SHOWN]
    if not words:
        return f'<div class="text">{markup.foreign(None, tag="div", missing=say("no_text"))}</div>'
    parts, at = [], 0
    for link in LINK.finditer(words):
        parts += [escape(words[at : link.start()]), f'<span class="host">{escape(link[0])}</span>']
        at = link.end()
    parts.append(escape(words[at:]))
    return f'<div class="text foreign" tabindex="0" dir="auto">{"".join(parts)}</div>'
