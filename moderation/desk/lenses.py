"""What is chosen above the queue in; the lens that it makes out, as a bookmark can hold it and a name can keep it.

Everything that is chosen stands in the address of the page, so that a lens can be bookmarked and sent to a colleague.
Names of sources, sites and sections come from exports: they are shown with everything taken out that a widget's label
could take for markup.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import streamlit as st

from moderation.desk import installation
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.words import say
from moderation.errors import ModerationError
from moderation.labels import LABELS
from moderation.store import ORDERS, Filter, SavedLens
from moderation.triage import Lens

__all__ = ["MOST", "Chosen", "chosen", "counted", "draw", "tame"]

state = st.session_state

ANY: Final = "any"
HELD: Final = ("review", "reject")
MOST: Final = 1000  # counts stop here: "1,000+" says enough, and costs the same in a store of millions
FRESH_S: Final = 30
WIDGETS: Final = (
    "label",
    "order",
    "held",
    "again",
    "q",
    "status",
    "source",
    "site",
    "section",
    "author",
    "since",
    "until",
    "escalated",
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A lens and what narrows it; `actions` is what the newest decision must say, of anything but an audit draw."""

    lens: Lens
    matching: Filter
    actions: tuple[str, ...] | None

    @property
    def narrowed(self) -> int:
        """Return how many things narrow the lens."""
        return len(self.matching.to_dict()) + (self.actions is not None)


def tame(text: object) -> str:
    """Return a foreign name without the characters that a label could take for markup."""
    return re.sub(r"[^\w.,/ -]|_(?=_)", "·", str(text))[:60]


def chosen() -> Chosen:
    """Return what is chosen now."""
    label = state.get("label") or ANY
    order = state.get("order") or ORDERS[0]
    return Chosen(
        Lens(label if label in LABELS else None, order if order in ORDERS else ORDERS[0]),
        Filter(
            statuses=tuple(state.get("status") or ()),
            sources=tuple(state.get("source") or ()),
            site=state.get("site") or None,
            section=state.get("section") or None,
            author=(state.get("author") or "").strip() or None,
            since=_midnight(state.get("since")),
            until=_midnight(state.get("until"), days=1),
            words=(state.get("q") or "").strip()[:200],
            escalated=True if state.get("escalated") else None,
        ),
        HELD if state.get("held") else None,
    )


def _midnight(day: object, days: int = 0) -> datetime | None:
    return datetime.combine(day + timedelta(days=days), time(), UTC) if isinstance(day, date) else None


def draw(language: str, model: str) -> None:
    """Draw the widgets that choose: label, order, what narrows them, and the lenses that were saved."""
    _apply_waiting()
    st.selectbox(
        say("queue.label", language),
        [ANY, *LABELS],
        format_func=lambda label: say("queue.any", language) if label == ANY else LABEL_BY_NAME[label].title,
        key="label",
        width=170,
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
    many = chosen().narrowed
    title = say("queue.narrow", language) + (f" · {many}" if many else "")
    with st.popover(title, icon=":material/filter_list:", key="narrow"):
        _narrow(language)
    with st.popover(say("queue.lenses", language), icon=":material/bookmark:", key="lenses"):
        _saved(language, model)


def _narrow(language: str) -> None:
    facets = installation.store().facets()
    st.text_input(say("queue.search", language), key="q", bind="query-params", max_chars=200)
    left, right = st.columns(2)
    with left:
        st.multiselect(say("queue.status", language), _names(facets, "statuses"), key="status", bind="query-params",
                       format_func=tame)  # fmt: skip
        st.selectbox(say("queue.site", language), _names(facets, "sites"), index=None, key="site",
                     bind="query-params", format_func=tame, placeholder=say("queue.every", language))  # fmt: skip
        st.date_input(say("queue.since", language), value=None, key="since", bind="query-params")
    with right:
        st.multiselect(say("queue.source", language), _names(facets, "sources"), key="source", bind="query-params",
                       format_func=lambda name: tame(name.rpartition("/")[2] or name))  # fmt: skip
        st.selectbox(say("queue.section", language), _names(facets, "sections"), index=None, key="section",
                     bind="query-params", format_func=tame, placeholder=say("queue.every", language))  # fmt: skip
        st.date_input(say("queue.until", language), value=None, key="until", bind="query-params")
    st.text_input(say("queue.author", language), key="author", bind="query-params", max_chars=200)
    with st.container(horizontal=True):
        st.toggle(say("queue.show_held", language), key="held", bind="query-params")
        st.toggle(say("queue.show_escalated", language), key="escalated", bind="query-params")
        st.toggle(say("queue.show_skipped", language), key="again", bind="query-params")
    st.button(say("queue.narrow_none", language), on_click=_none, key="narrow_none", type="tertiary")


def _names(facets: Mapping[str, list[tuple[str, int]]], kind: str) -> list[str]:
    return [name for name, _ in facets.get(kind, [])]


def _none() -> None:
    for name in WIDGETS[2:]:
        state.pop(name, None)
        st.query_params.pop(name, None)


def _saved(language: str, model: str) -> None:
    store, moderator = installation.store(), installation.moderator()
    lenses = store.lenses(moderator)
    if not lenses:
        st.caption(say("queue.lenses_none", language))
    for place, lens in enumerate(lenses):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(f"{tame(lens.name)} · {_count(lens, model)}", key=f"lens_{place}_{lens.name}", on_click=_open,
                      args=(lens,), type="tertiary")  # fmt: skip
            st.space("stretch")
            if lens.owner == moderator:
                st.button("", icon=":material/delete:", key=f"drop_{place}_{lens.name}", type="tertiary",
                          help=say("queue.lens_drop", language), on_click=_drop, args=(lens.name,))  # fmt: skip
    name = st.text_input(say("queue.lens_name", language), key="lens_name", max_chars=60)
    st.button(say("queue.lens_save", language), on_click=_save, disabled=not name.strip(), key="lens_save")


def _count(lens: SavedLens, model: str) -> str:
    matching = lens.matching
    if lens.label is not None:
        matching = replace(matching, label=lens.label, least=installation.thresholds().get(lens.label, 0.5))
    count = counted(matching, model)
    return f"{count:,}+" if count >= MOST else f"{count:,}"


def counted(matching: Filter, model: str) -> int:
    """Count what a filter matches, up to `MOST`, at most once in half a minute."""
    known: dict[tuple[str, str], tuple[float, int]] = state.setdefault("lens_counts", {})
    key, now = (repr(matching), model), installation.now().timestamp()
    if key not in known or now - known[key][0] > FRESH_S:
        if len(known) > 100:
            known.clear()
        known[key] = (now, installation.store().count(matching, model, most=MOST))
    return known[key][1]


def _save() -> None:
    now = chosen()
    matching = now.matching if now.actions is None else replace(now.matching, decisions=now.actions)
    lens = SavedLens(state.lens_name.strip(), installation.moderator(), matching, now.lens.order, now.lens.label)
    try:
        installation.store().put_lens(lens, at=installation.now())
    except ModerationError as error:
        state.fault = str(error)
    state.lens_name = ""


def _drop(name: str) -> None:
    installation.store().drop_lens(installation.moderator(), name, at=installation.now())


def _open(lens: SavedLens) -> None:
    state.lens_waiting = lens


def _apply_waiting() -> None:
    """Put the lens that was chosen into the widgets, before they are drawn."""
    lens: SavedLens | None = state.pop("lens_waiting", None)
    if lens is None:
        return
    _none()
    given = lens.matching
    values: dict[str, Any] = {
        "label": lens.label or ANY, "order": lens.order, "held": bool(given.decisions), "q": given.words,
        "status": list(given.statuses), "source": list(given.sources), "site": given.site, "section": given.section,
        "author": given.author or "", "escalated": bool(given.escalated),
        "since": None if given.since is None else given.since.date(),
        "until": None if given.until is None else given.until.date() - timedelta(days=1),
    }  # fmt: skip
    for name, value in values.items():
        state[name] = value
