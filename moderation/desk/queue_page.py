"""Queue: a lens in, one comment after the other, a person's answers into the store out; every act has a key.

What the moderator sees and presses is card.js, which decides at once for what is on its screen; what it tells comes in
here and goes through `Stream`. This page draws the lens above it, once, and the component below, in a fragment of its
own, so that an answer costs one message each way.
"""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from moderation import jobs
from moderation.desk import card, installation, markup, work
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.context import Thinker
from moderation.desk.installation import told
from moderation.desk.keys import ACTS, keys_of
from moderation.desk.session import when
from moderation.desk.stream import Place, Stream
from moderation.desk.words import say, table
from moderation.errors import ModerationError
from moderation.labels import LABELS
from moderation.store import ACTIONS, ORDERS
from moderation.triage import Lens

__all__ = ["draw"]

state = st.session_state

ANY: Final = "any"
SHOWN: Final = ("all", "held")
NAME: Final = "card"


@told
def draw() -> None:
    """Draw the page."""
    language = installation.language()
    store, model = installation.store(), installation.model()
    counts = store.counts(model)
    if not counts.comments:
        st.html(
            markup.empty(
                say("queue.no_comments", language),
                say("queue.no_comments_todo", language),
                command="moderation ingest PATH",
            )
        )
        return
    _toolbar(language)
    work.offer_scoring(counts.comments - counts.scored)
    _desk()


# --- Above the card --------------------------------------------------------------------------------------------------


def _toolbar(language: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="toolbar"):
        st.selectbox(
            say("queue.label", language),
            [ANY, *LABELS],
            format_func=lambda label: say("queue.any", language) if label == ANY else LABEL_BY_NAME[label].title,
            key="queue",
            width=190,
            label_visibility="collapsed",
            bind="query-params",
            filter_mode=None,
        )
        st.segmented_control(
            say("queue.order", language),
            list(ORDERS),
            format_func=lambda order: say(f"queue.order_{order}", language),
            default=ORDERS[0],
            required=True,
            label_visibility="collapsed",
            key="order",
            bind="query-params",
        )
        st.selectbox(
            say("queue.show", language),
            list(SHOWN),
            format_func=lambda which: say(f"queue.show_{which}", language),
            key="shown",
            width=190,
            label_visibility="collapsed",
            bind="query-params",
            filter_mode=None,
        )
        st.space("stretch")
        who = markup.foreign(installation.moderator())
        st.html(f'<div class="small" title="{say("queue.whose", language)}">{who}</div>', width="content")
        st.button(say("queue.keys", language), key="help", icon=":material/keyboard:", on_click=_help, type="tertiary")
    if state.get("helping"):
        _show_help()


def _help() -> None:
    state.helping = True


def _no_help() -> None:
    state.helping = False


@st.dialog("Keys", on_dismiss=_no_help)
def _show_help() -> None:
    language = installation.language()
    st.html(markup.key_list([(key.upper(), _key_words(act, language)) for key, act in keys_of({}).items()]))


def _key_words(act: str, language: str) -> str:
    kind, _, label = act.partition(":")
    title = LABEL_BY_NAME[label].title if label else ""
    return say(f"queue.key_{kind}", language, label=title) if label else say(f"queue.key_{kind}", language)


# --- The card, its queue and what stands around it -------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def _thinker() -> Thinker:
    return Thinker()


def _lens() -> Lens:
    label = state.get("queue") or ANY
    return Lens(None if label == ANY else label, state.get("order") or ORDERS[0])


def _place(language: str) -> Place:
    model = installation.model()
    return Place(
        store=installation.store(),
        moderator=installation.moderator(),
        model=model,
        classifier=lambda: installation.classifier(model),
        thinker=_thinker(),
        thresholds=jobs.thresholds_of(installation.policy()),
        lens=_lens(),
        actions=("review", "reject") if state.get("shown") == "held" else None,
        with_skipped=bool(state.get("again")),
        now=installation.now(),
        language=language,
        when=when,
    )


@st.fragment
@told
def _desk() -> None:
    if "stream" not in state:
        state.stream = Stream(session=secrets.token_hex(8))
    stream: Stream = state.stream
    language = installation.language()
    place = _place(language)
    told_now = _told()
    data = stream.turn(told_now, place)
    counts = place.store.counts(place.model)
    data |= {
        "place": _room(place),
        "words": _words(language),
        "labels": card.label_table(place.thresholds, language),
        "keys": keys_of({}),
        "acts": [act for act in ACTS if act in ACTIONS],
        "look": {"veil": "none"},
        "waiting": say("queue.waiting", language, n=counts.waiting),
        "empty": _empty(place),
    }
    card.mount(data, key=NAME, default={"told": {}})


def _told() -> Any:
    known = state.get(NAME)
    return known.get("told") if isinstance(known, Mapping) else None


def _room(place: Place) -> str:
    """Name the store and the person, without saying either: where a browser keeps what is not acknowledged yet."""
    words = "\x1f".join((place.store.url, place.moderator))
    return hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=10).hexdigest()


def _words(language: str) -> dict[str, str]:
    start = "queue.js_"
    return {key[len(start) :]: say(key, language) for key in table("en") if key.startswith(start)}


def _empty(place: Place) -> dict[str, str]:
    return {
        "sign": "✓",
        "title": say("queue.empty", place.language),
        "todo": say("queue.empty_todo", place.language),
        "command": "moderation ingest PATH",
    }


if __name__ == "__main__":
    draw()
