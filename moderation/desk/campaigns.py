"""Campaigns: near-copies and bursts, or whatever a filter finds, in; each answered at once, as one act, out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

import pandas as pd
import streamlit as st

from moderation import jobs
from moderation.desk import installation, markup, rights, together, work
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.installation import told
from moderation.desk.session import begin, safely, tell, when
from moderation.desk.voice import listen, speaker
from moderation.errors import InputError
from moderation.labels import LABELS
from moderation.store import Filter, Job

__all__ = ["draw"]

state = st.session_state
say = speaker("campaigns")

PAGE: Final = 8
SAMPLES: Final = 5


@told
def draw() -> None:
    """Draw the page."""
    begin()
    listen()
    tell()
    with st.container(horizontal=True, vertical_alignment="center", key="campaigns_head"):
        job = work.latest(["campaigns"])
        st.html(_headline(job), width="stretch")
        section = st.segmented_control(
            say("section"),
            ("cases", "filter"),
            format_func=lambda name: say(f"section_{name}"),
            default="cases",
            required=True,
            key="campaigns_section",
            label_visibility="collapsed",
        )
    if together.under_way():
        return
    if section == "filter":
        _by_filter()
    else:
        _cases()


def _headline(job: Job | None) -> str:
    words = say("meaning")
    if job is not None and job.state == "done":
        result = job.result
        decisions = result["cases"] + result["comments"] - result["in_cases"]
        words = say("found", comments=result["comments"], in_cases=result["in_cases"], n=result["cases"])
        words = f"{words} {say('decisions', n=decisions)}"
    return markup.headline(say("title"), words)


# --- Cases -----------------------------------------------------------------------------------------------------------


def _cases() -> None:
    job, busy = work.watch("campaigns")
    counts = installation.store().counts()
    if busy:
        return
    if job is None and counts.comments and rights.may("moderator"):
        # The first who comes need not ask. After that it is asked for: a case in hand must not vanish under it.
        _look()
        st.rerun()
    if job is None or job.state != "done" or not Path(job.result["folder"]).exists():
        st.html(markup.empty(say("none_yet"), say("none_yet_todo" if counts.comments else "no_comments")))
        if counts.comments:
            with st.container(horizontal=True, horizontal_alignment="center"):
                st.button(
                    say("look"), key=f"look_{job.id if job else 0}", type="primary", icon=":material/search:",
                    on_click=_look, disabled=not rights.may("moderator"),
                )  # fmt: skip
        return
    folder = Path(job.result["folder"])
    cases = _table(str(folder))
    kind = state.get("campaigns_kind") or "all"
    rows, more = _open_cases(cases, kind)
    left, right = st.columns([1, 1.35], gap="medium")
    with left:
        _list(job, cases, rows, more=more, new=counts.comments - int(job.arguments.get("comments", 0)))
    with right:
        chosen = state.get("campaigns_case")
        numbers = [int(row["case"]) for row in rows]
        if chosen not in numbers:
            chosen = numbers[0] if numbers else None
        if chosen is not None:
            _case(folder, next(row for row in rows if int(row["case"]) == chosen))


@st.cache_resource(show_spinner=False, max_entries=4)
def _table(folder: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(Path(folder) / "cases.parquet")
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: the cases cannot be read; look for them again") from error


def _open_cases(cases: pd.DataFrame, kind: str) -> tuple[list[dict[str, Any]], bool]:
    """Return one page of the cases that are not answered yet, the largest first, and whether there are more."""
    wanted = cases if kind == "all" else cases[cases["kind"] == kind]
    skip = state.get("campaigns_page", 0) * PAGE
    found: list[dict[str, Any]] = []
    for start in range(0, len(wanted), 100):
        rows: list[dict[str, Any]] = wanted.iloc[start : start + 100].to_dict("records")  # type: ignore[assignment]
        names = [str(name) for row in rows for name in row["samples"]]
        waiting = set(installation.store().unanswered(names))
        # Its samples stand for the case: it is answered as one.
        found += [row for row in rows if waiting.intersection(row["samples"])]
        if len(found) > skip + PAGE:
            break
    return found[skip : skip + PAGE], len(found) > skip + PAGE


def _list(job: Job, cases: pd.DataFrame, rows: Sequence[dict[str, Any]], *, more: bool, new: int) -> None:
    kinds = ["all", *(name for name in ("copies", "host", "author") if (cases["kind"] == name).any())]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            say("kind"), kinds, format_func=lambda name: say(f"kind_{name}"), default="all", required=True,
            key="campaigns_kind", label_visibility="collapsed", on_change=_first_page,
        )  # fmt: skip
        st.space("stretch")
        st.button(
            say("look_again_new", n=new) if new > 0 else say("look_again"), key=f"look_{job.id}",
            icon=":material/refresh:", type="tertiary", on_click=_look, disabled=not rights.may("moderator"),
        )  # fmt: skip
    if not rows:
        st.html(markup.empty(say("all_done"), say("all_done_todo")))
        together.offer_undo("done")
        return
    chosen = state.get("campaigns_case")
    if chosen not in {int(row["case"]) for row in rows}:
        chosen = int(rows[0]["case"])
    texts = (
        installation.store()
        .batch(list(dict.fromkeys(row["samples"][0] for row in rows)))
        .comments.set_index("id")["text"]
    )
    for row in rows:
        number = int(row["case"])
        # The button lies over its row, unseen: the whole row can be clicked, and has a name for a screen reader.
        with st.container(key=f"case_row_{job.id}_{number}", gap=None):
            st.html(_row(row, texts[row["samples"][0]], here=number == chosen))
            st.button(say("open", n=int(row["size"])), key=f"open_{job.id}_{number}", on_click=_open, args=(number,))
    with st.container(horizontal=True):
        page = state.get("campaigns_page", 0)
        st.button(say("earlier"), key="campaigns_back", disabled=not page, on_click=_turn, args=(-1,), type="tertiary")
        st.button(say("later"), key="campaigns_on", disabled=not more, on_click=_turn, args=(1,), type="tertiary")


def _row(row: Mapping[str, Any], text: object, *, here: bool) -> str:
    what = " ".join(f'<span class="host">{escape(host)}</span>' for host in list(row["linked"])[:2])
    if row["kind"] == "author" and len(row["named"]):
        what = markup.foreign(row["named"][0])
    current = ' aria-current="true"' if here else ""
    return (
        f'<ul class="cases"><li{current}><div class="size">{row["size"]:,}<span>{escape(say("kind_" + row["kind"]))}'
        f"</span></div><div>{markup.foreign(markup.shortened(text, 160), tag='div', name='line', missing='–')}"
        f'<div class="small"><span>{escape(_span(row))}</span>{what}</div></div></li></ul>'
    )


def _span(row: Mapping[str, Any]) -> str:
    if pd.isna(row["first"]):
        return say("no_time")
    first, last = (datetime.fromtimestamp(float(row[name]), UTC) for name in ("first", "last"))
    hours = (last - first).total_seconds() / 3600
    if hours < 48:
        return say("within_hours", when=when(last), n=max(1, round(hours)))
    return say("within_days", when=when(last), n=round(hours / 24))


def _first_page() -> None:
    state.campaigns_page = 0
    state.campaigns_case = None


def _turn(step: int) -> None:
    state.campaigns_page = max(0, state.get("campaigns_page", 0) + step)
    state.campaigns_case = None


def _open(case: int) -> None:
    state.campaigns_case = case


def _look() -> None:
    def act() -> None:
        if not work.running(work.latest(["campaigns"])):
            state.campaigns_page, state.campaigns_case = 0, None
            work.start("campaigns", {"comments": installation.store().counts().comments})

    safely(act)


def _case(folder: Path, row: Mapping[str, Any]) -> None:
    number = int(row["case"])
    store, model = installation.store(), installation.model()
    ids = _members(str(folder), number)
    waiting = store.unanswered(ids)
    likely, label = _likely(waiting[:200], model)
    with st.container(border=True, key="campaign"):
        st.html(_about(row, len(waiting), likely))
        together.panel(
            len(waiting), f"case_{folder.name}_{number}_{len(waiting)}", lambda: waiting,
            job={"folder": str(folder), "case": number}, label=label or ("spam" if row["kind"] == "host" else None),
        )  # fmt: skip
        names = [str(name) for name in row["samples"]]
        st.html(_samples(names))


@st.cache_resource(show_spinner=False, max_entries=16)
def _members(folder: str, case: int) -> list[str]:
    return jobs.members_of(Path(folder), case)


def _likely(ids: Sequence[str], model: str) -> tuple[str, str | None]:
    """Return what the model thinks of a case, in words, and the label that speaks most clearly of it."""
    scores = installation.store().scores(list(ids), model)
    if scores.empty:
        return say("not_scored"), None
    means = scores[list(LABELS)].mean()
    label = str(means.idxmax()) if means.notna().any() else None
    if label is None:
        return say("not_scored"), None
    words = say("on_average", label=LABEL_BY_NAME[label].title, share=markup.percent(means[label]))
    return words, label if means[label] >= 0.3 else None


def _about(row: Mapping[str, Any], waiting: int, likely: str) -> str:
    tiles = [
        (f"{waiting:,}", say("to_answer")),
        (f"{int(row['authors']):,}", say("names", n=int(row["authors"]))),
        (f"{int(row['hosts']):,}", say("hosts", n=int(row["hosts"]))),
    ]
    if row["kind"] == "copies":
        tiles.append((f"{float(row['likeness']):.0%}", say("alike")))
    told_of = "".join(f'<div class="tile"><b>{value}</b><span>{escape(words)}</span></div>' for value, words in tiles)
    hosts = " ".join(f'<span class="host">{escape(host)}</span>' for host in row["linked"])
    names = ", ".join(markup.foreign(markup.shortened(name, 40)) for name in row["named"])
    lines = "".join(
        f'<div class="small">{escape(title)}: {what}</div>'
        for title, what in ((say("links_to"), hosts), (say("names_used"), names))
        if what
    )
    why = say(f"why_{row['kind']}")
    return (
        f'<div class="panel"><h3>{escape(why)} · {escape(_span(row))}</h3><div class="tiles">{told_of}</div>{lines}'
        f'<div class="small">{escape(likely)}</div></div>'
    )


def _samples(names: Sequence[str]) -> str:
    comments = installation.store().batch(list(names)).comments
    columns = (comments[name] for name in ("author", "author_url", "posted_at", "text"))
    rows = "".join(
        f'<div class="sample"><div class="small">{markup.foreign(author, missing=say("no_name"))} · '
        f"{escape(when(at))} {markup.foreign(url, name='mono')}</div>{together.shown(text)}</div>"
        for author, url, at, text in zip(*columns, strict=True)
    )
    return f'<div class="panel gap"><h3>{escape(say("samples", n=len(names)))}</h3>{rows}</div>'


# --- Whatever a filter finds -----------------------------------------------------------------------------------------


def _by_filter() -> None:
    store, model = installation.store(), installation.model()
    left, right = st.columns([1, 1.35], gap="medium")
    with left, st.container(border=True, key="campaign_filter"):
        words = st.text_input(say("words"), key="filter_words", max_chars=200, placeholder=say("words_hint"))
        author = st.text_input(say("author"), key="filter_author", max_chars=200)
        label = st.selectbox(
            say("label"), ["", *LABELS], key="filter_label", filter_mode=None,
            format_func=lambda name: LABEL_BY_NAME[name].title if name else say("any_label"),
        )  # fmt: skip
        least, most = (0.0, 1.0)
        if label:
            least, most = st.slider(say("between"), 0.0, 1.0, (0.5, 1.0), 0.01, key="filter_range")
        decision = st.segmented_control(
            say("decision"), ("allow", "review", "reject"), selection_mode="multi", key="filter_decision",
            format_func=lambda name: say(f"decision_{name}"),
        )  # fmt: skip
    wanted = Filter(
        label=label or None,
        least=least if label else None,
        most=most if label else None,
        decisions=tuple(decision),
        author=(author or "").strip() or None,
        words=(words or "").strip(),
    )
    with right, st.container(border=True, key="campaign"):
        if wanted == Filter():
            st.html(markup.empty(say("no_filter"), say("no_filter_todo")))
            return
        size = store.count(wanted, model)
        st.html(
            f'<div class="panel"><div class="tiles"><div class="tile"><b>{size:,}</b>'
            f"<span>{escape(say('matching', n=size))}</span></div></div></div>"
        )
        if not size:
            return
        told_of = wanted.to_dict()
        key = f"filter_{abs(hash(str(sorted(told_of.items()))))}_{size}"
        together.panel(size, key, lambda: wanted, job={"matching": told_of}, label=label or None)
        st.html(_samples(store.matching(wanted, model, sample=SAMPLES, seed=size)["id"].tolist()))


if __name__ == "__main__":
    draw()
