"""Queue: a lens in, one comment after the other, a person's answers into the store out; every act has a key.

What the moderator sees and presses is card.js, which decides at once for what is on its screen; what it tells comes in
here and goes through `Stream`. This page draws the lens above it, once, and the component below, in a fragment of its
own, so that an answer costs one message each way.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from moderation.desk import card, installation, lenses, markup, work
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.context import Thinker
from moderation.desk.installation import told
from moderation.desk.keys import ACTS, ARROWS, DEFAULT, keys_of, validate
from moderation.desk.kindness import HARD, SIZES, VEILS, Kindness
from moderation.desk.session import begin, tell, zone
from moderation.desk.stream import Place, Stream
from moderation.desk.words import say, table
from moderation.errors import InputError
from moderation.lookalikes import LookAlikes
from moderation.store import Store

__all__ = ["draw"]

state = st.session_state

NAME: Final = "card"


@told
def draw() -> None:
    """Draw the page."""
    begin()
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
    kindness = Kindness.of(installation.preferences())
    with st.container(horizontal=True, vertical_alignment="center", key="toolbar"):
        lenses.draw(language, model)
        st.space("stretch")
        with st.popover(say("kind.title", language), icon=":material/visibility:", key="kind", type="tertiary"):
            _kindness(kindness, language)
        st.button(say("queue.keys", language), key="help", icon=":material/keyboard:", on_click=_help, type="tertiary")
    if kindness.size != "normal":
        st.html(f"<style>html {{ font-size: {SIZES[kindness.size] * 0.15:.1f}px !important; }}</style>")
    if state.get("helping"):
        _keys(language)
    tell()
    work.offer_scoring(counts.comments - counts.scored)
    _desk()


# --- For one's eyes and hands ----------------------------------------------------------------------------------------


def _kindness(kind: Kindness, language: str) -> None:
    st.radio(
        say("kind.veil", language),
        VEILS,
        format_func=lambda which: say(f"kind.veil_{which}", language),
        index=VEILS.index(kind.veil),
        key="kind_veil",
        on_change=_prefer,
    )
    st.radio(
        say("kind.size", language),
        list(SIZES),
        format_func=lambda which: say(f"kind.size_{which}", language),
        index=list(SIZES).index(kind.size),
        key="kind_size",
        horizontal=True,
        on_change=_prefer,
    )
    st.number_input(
        say("kind.budget", language),
        min_value=0,
        max_value=100_000,
        value=kind.budget,
        step=10,
        key="kind_budget",
        help=say("kind.budget_help", language, labels=", ".join(LABEL_BY_NAME[name].title for name in HARD)),
        on_change=_prefer,
    )
    st.number_input(
        say("kind.rest", language),
        min_value=0,
        max_value=600,
        value=kind.rest_after_min,
        step=5,
        key="kind_rest",
        on_change=_prefer,
    )
    st.caption(say("kind.dark", language))


def _prefer() -> None:
    now = Kindness.of(installation.preferences())
    wanted = replace(
        now, veil=state.kind_veil, size=state.kind_size, budget=state.kind_budget, rest_after_min=state.kind_rest
    )
    installation.prefer("kindness", wanted.to_dict())


def _help() -> None:
    state.helping = True


def _no_help() -> None:
    state.helping = False
    state.pop("keys_fault", None)


def _keys(language: str) -> None:
    st.dialog(say("queue.keys", language), on_dismiss=_no_help)(_draw_keys)()


def _draw_keys() -> None:
    if not state.get("helping"):
        st.rerun()  # kept: a dialog draws itself anew alone, and closes only with the whole page
    language = installation.language()
    own = installation.preferences().get("keys")
    chosen = {act: key for key, act in keys_of(own if isinstance(own, Mapping) else {}).items()}
    st.html(f'<p class="small">{say("queue.keys_todo", language)}</p>')
    with st.form("keys_form", border=False):
        left, right = st.columns(2)
        for place, act in enumerate(ACTS):
            with left if place < (len(ACTS) + 1) // 2 else right:
                st.text_input(_key_words(act, language), chosen[act], key=f"key_{act}", max_chars=10)
        with st.container(horizontal=True):
            st.form_submit_button(say("queue.keys_save", language), on_click=_remap, type="primary")
            st.form_submit_button(say("queue.keys_default", language), on_click=_unmap)
    if fault := state.get("keys_fault"):
        st.html(markup.callout("error", fault))


def _remap() -> None:
    given = {act: _key_named(str(state.get(f"key_{act}") or "")) for act in ACTS}
    try:
        chosen = validate(given)
    except InputError as error:
        state.keys_fault = str(error)
        return
    installation.prefer("keys", {act: key for act, key in chosen.items() if key != DEFAULT[act]})
    _no_help()


def _unmap() -> None:
    installation.prefer("keys", {})
    _no_help()


def _key_named(text: str) -> str:
    """Return the key that somebody wrote: a letter in whatever case, an arrow by name or sign."""
    text = text.strip()
    signs = {"←": "ArrowLeft", "→": "ArrowRight", "↑": "ArrowUp", "↓": "ArrowDown"}
    named = {name.casefold(): name for name in ARROWS}
    return signs.get(text) or named.get(text.casefold()) or text.casefold()


def _key_words(act: str, language: str) -> str:
    kind, _, label = act.partition(":")
    if label:
        return say("queue.key_label", language, label=LABEL_BY_NAME[label].title)
    return say(f"queue.key_{kind}", language)


# --- The card, its queue and what stands around it -------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def _thinker() -> Thinker:
    return Thinker()


@st.cache_resource(show_spinner=False)
def _alikes(_store: Store, address: str) -> LookAlikes:  # noqa: ARG001  # what it is remembered by
    return LookAlikes(_store)


def _place(language: str) -> Place:
    model, chosen, now, here = installation.model(), lenses.chosen(), installation.now(), zone()
    return Place(
        store=installation.store(),
        moderator=installation.moderator(),
        model=model,
        classifier=lambda: installation.classifier(model),
        thinker=_thinker(),
        alikes=_alikes(installation.opened(), installation.opened().url),
        thresholds=installation.thresholds(),
        lens=chosen.lens,
        actions=chosen.actions,
        matching=chosen.matching,
        with_skipped=bool(state.get("again")),
        now=now,
        midnight=datetime.combine(now.astimezone(here).date(), datetime.min.time(), here).astimezone(UTC),
        language=language,
        # Asked by the thread of explanations too, which has no browser to ask for its clock.
        when=lambda moment: markup.when(moment, now=now, zone=here),
        kindness=Kindness.of(installation.preferences()),
        elsewhere=_elsewhere(),
    )


@st.cache_resource(show_spinner=False)
def _streams() -> dict[str, Stream]:
    return {}


def _stream() -> Stream:
    """Return what this browser's page holds, and let the person's other pages see it."""
    if "stream" not in state:
        state.stream = Stream(session=secrets.token_hex(8))
    if (context := get_script_run_ctx()) is not None:
        _streams()[context.session_id] = state.stream
    stream: Stream = state.stream
    return stream


def _elsewhere() -> frozenset[str]:
    """Return what other open pages of the same person hold: two windows side by side show different comments."""
    if not runtime.exists():
        return frozenset()
    mine, found = state.get("stream"), set()
    for session, stream in list(_streams().items()):
        if not runtime.get_instance().is_active_session(session):
            _streams().pop(session, None)  # closed or reloaded: what it held is free
        elif stream is not mine and stream.moderator == installation.moderator():
            found |= set(stream.held)
    return frozenset(found)


@st.fragment
@told
def _desk() -> None:
    stream = _stream()
    language = installation.language()
    place = _place(language)
    data = stream.turn(_told(), place, in_front=state.get("in_front"))
    if stream.page:
        state.in_front = None
    own = installation.preferences().get("keys")
    data |= {
        "place": _room(place),
        "words": _words(language),
        "labels": card.label_table(place.thresholds, language),
        "keys": keys_of(own if isinstance(own, Mapping) else {}),
        "look": {"veil": place.kindness.veil, "rest_after_min": place.kindness.rest_after_min},
        "waiting": _waiting(place),
        "empty": _empty(place),
    }
    card.mount(data, key=NAME, default={"told": {}})


def _waiting(place: Place) -> str:
    chosen = lenses.chosen()
    if not chosen.narrowed:
        return say("queue.waiting", place.language, n=place.store.counts(place.model).waiting)
    matching = chosen.matching if chosen.actions is None else replace(chosen.matching, decisions=chosen.actions)
    count = lenses.counted(matching, place.model)
    return say("queue.waiting", place.language, n=count) + ("+" if count >= lenses.MOST else "")


def _told() -> Any:
    known = state.get(NAME)
    return known.get("told") if isinstance(known, Mapping) else None


def _room(place: Place) -> str:
    """Name the store and the person, without saying either: where a browser keeps what is not acknowledged yet."""
    words = f"{place.store.url}\x1f{place.moderator}"
    return hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=10).hexdigest()


def _words(language: str) -> dict[str, str]:
    start = "queue.js_"
    return {key[len(start) :]: say(key, language) for key in table("en") if key.startswith(start)}


def _empty(place: Place) -> dict[str, str]:
    language = place.language
    if lenses.chosen().narrowed:
        return {
            "sign": "∅",
            "title": say("queue.empty_narrow", language),
            "todo": say("queue.empty_narrow_todo", language),
        }
    left = place.store.queue(model=place.model, label=place.lens.label, order=place.lens.order, limit=1)
    if len(left) and not place.with_skipped:
        return {
            "sign": "⤼",
            "title": say("queue.empty_skipped", language),
            "todo": say("queue.empty_skipped_todo", language),
        }
    return {
        "sign": "✓",
        "title": say("queue.empty", language),
        "todo": say("queue.empty_todo", language),
        "command": "moderation ingest PATH",
    }  # fmt: skip


if __name__ == "__main__":
    draw()
