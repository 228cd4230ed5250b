"""Sweep: a label's scores in, a range of them sampled, judged and answered as a whole out."""

import re
import secrets
from html import escape
from typing import Any, Final

import streamlit as st

from moderation.backtest import Part, wilson
from moderation.desk import installation, markup, plots, rights, together
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.installation import told
from moderation.desk.session import begin, safely, tell, when
from moderation.desk.voice import listen, speaker
from moderation.errors import Conflict
from moderation.labels import LABELS
from moderation.store import Filter, Review

__all__ = ["answers_in", "draw"]

state = st.session_state
say = speaker("sweep")

BINS: Final = 50
SIGNS: Final = {"yes": "✓", "no": "–", "skip": "·"}
SAMPLE: Final = 12
LOOKED_THROUGH: Final = 5000  # of the newest answers; a sample of months ago tells little of a range today
LENS: Final = re.compile(r"(?P<label>\w+)/sweep (?P<p>[01]\.\d+) (?P<model>\S+)")


@told
def draw() -> None:
    """Draw the page."""
    begin()
    listen()
    tell()
    store, model = installation.store(), installation.model()
    st.html(markup.headline(say("title"), say("meaning")))
    if together.under_way():
        return
    label = st.pills(
        say("label"), LABELS, format_func=lambda name: LABEL_BY_NAME[name].title, default="spam", required=True,
        key="sweep_label", label_visibility="collapsed",
    )  # fmt: skip
    assert label is not None
    counts = store.histogram(label, model, bins=BINS, matching=Filter())
    if not sum(counts):
        st.html(markup.empty(say("no_scores"), say("no_scores_todo")))
        together.offer_undo("sweep")
        return
    left, right = st.columns([1.25, 1], gap="medium")
    with left:
        with st.container(border=True, key="sweep_range"):
            plot = st.empty()
            least, most = st.slider(
                say("range"), 0.0, 1.0, _beginning(label), 0.01, key=f"range_{label}", label_visibility="collapsed"
            )
        wanted = Filter(label=label, least=least if least > 0 else None, most=most if most < 1 else None)
        if wanted.least is None and wanted.most is None:
            wanted = Filter(label=label, least=0.0)
        size = store.count(wanted, model)
        plot.html(_plot(label, counts, least, most, size))
        st.html(_share(counts, size))
        if not size:
            st.html(markup.empty(say("empty_range"), say("empty_range_todo")))
            together.offer_undo("sweep")
            return
        part = answers_in(label, least, most, model)
        st.html(_precision(label, part, size))
        with st.container(border=True, key="sweep_all"):
            st.html(f'<div class="panel"><h3>{escape(say("all_of_it"))}</h3></div>')
            key = f"sweep_{label}_{least:g}_{most:g}_{size}"
            together.panel(size, key, lambda: wanted, job={"matching": wanted.to_dict()}, label=label, only=True)
    with right, st.container(border=True, key="sweep_sample"):
        _sample(label, wanted, model, size)


def _beginning(label: str) -> tuple[float, float]:
    of = installation.policy().labels.get(label)
    limit = None if of is None else of.review if of.review is not None else of.reject
    return (round(limit, 2) if limit is not None else 0.5, 1.0)


def _plot(label: str, counts: list[int], least: float, most: float, size: int) -> str:
    of = installation.policy().labels.get(label)
    marks = {"review": None if of is None else of.review, "reject": None if of is None else of.reject}
    title = LABEL_BY_NAME[label].title
    spoken = say("distribution", label=title, n=size, total=sum(counts), least=f"{least:g}", most=f"{most:g}")
    words = {"in": say("in_range"), "out": say("outside")}
    lines = [
        say(f"policy_{name}", at=f"{value:g}")
        for name, value in (("looks", marks["review"]), ("rejects", marks["reject"]))
        if value is not None
    ]
    told_of = f'<div class="small">{escape(" · ".join(lines))}</div>' if lines else ""
    return plots.histogram(counts, spoken, marks=marks, chosen=(least, most)) + plots.legend(words) + told_of


def _share(counts: list[int], size: int) -> str:
    total = sum(counts) or 1
    tiles = ((f"{size:,}", say("in_range")), (markup.percent(size / total), say("of_all")))
    cells = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(words)}</span></div>' for value, words in tiles
    )
    return f'<div class="tiles">{cells}</div>'


def answers_in(label: str, least: float, most: float, model: str) -> Part:
    """Return how many of the answers to a sample of this range said yes, over all people and all of its samples."""
    # Their lens names model, label and probability: answers from a queue do not count, for what a queue brings up first
    # is no random sample of a range.
    inside = []
    for review in installation.store().reviews(limit=LOOKED_THROUGH):
        found = LENS.fullmatch(review.lens)
        if found is not None and (found["label"], found["model"]) == (label, model):
            yes = review.labels.get(label)
            if yes is not None and least <= float(found["p"]) <= most:
                inside.append(yes)
    return wilson(sum(inside), len(inside))


def _precision(label: str, part: Part, size: int) -> str:
    title = LABEL_BY_NAME[label].title
    if not part.n:
        return (
            f'<div class="effect"><div class="answer">{escape(say("precision_unknown"))}</div>'
            f'<div class="small">{escape(say("precision_todo"))}</div></div>'
        )
    share = say("precision", share=f"{part.share:.0%}", label=title)
    span = say("precision_span", low=f"{part.low:.0%}", high=f"{part.high:.0%}", n=part.n)
    wrong, low, high = (round(size * (1 - each)) for each in (part.share, part.high, part.low))
    about = say("about_wrong", n=size, wrong=f"{wrong:,}", low=f"{low:,}", high=f"{high:,}", label=title)
    plot = plots.spans([(title, None, {"value": part.share, "low": part.low, "high": part.high}, span)])
    return (
        f'<div class="effect"><div class="answer">{escape(share)}</div><div class="small">{escape(span)}</div>{plot}'
        f"<div>{escape(about)}</div></div>"
    )


# --- The sample ------------------------------------------------------------------------------------------------------


def _sample(label: str, wanted: Filter, model: str, size: int) -> None:
    sample: dict[str, Any] | None = state.get("sweep_sample")
    if sample is None or sample["wanted"] != wanted or sample["model"] != model:
        st.html(markup.empty(say("sample"), say("sample_todo")))
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.button(
                say("draw", n=min(SAMPLE, size)), key=f"draw_{label}_{size}", type="primary", icon=":material/casino:",
                shortcut="D", on_click=_draw, args=(wanted, model), disabled=not rights.may("moderator"),
            )  # fmt: skip
        return
    ids: list[str] = sample["ids"]
    said: dict[str, str] = sample["said"]
    here = next((name for name in ids if name not in said), None)
    dots = "".join(
        f'<i class="{said.get(name, "here" if name == here else "")}" aria-hidden="true">'
        f"{SIGNS.get(said.get(name, ''), '')}</i>"
        for name in ids
    )
    done = say("of", n=min(len(said) + (here is not None), len(ids)), total=len(ids))
    st.html(f'<div class="panel"><h3>{escape(say("sample"))} · {escape(done)}</h3><div class="dots">{dots}</div></div>')
    if here is None:
        st.html(markup.callout("good", say("sample_done")))
        st.button(
            say("draw_again", n=min(SAMPLE, size)), key=f"draw_again_{sample['turn']}", icon=":material/casino:",
            shortcut="D", on_click=_draw, args=(wanted, model),
        )  # fmt: skip
        return
    batch = installation.store().batch([here])
    comment = batch.comments.iloc[0]
    title = batch.articles["title"].iloc[0] if len(batch.articles) else None
    # The text stands before its buttons: a stray press can only meet the buttons of a comment that is answered.
    st.html(
        f'<div class="sample" data-comment="{escape(here)}"><div class="small">'
        f"{markup.foreign(comment['author'], missing=say('no_name'))} · {escape(when(comment['posted_at']))} "
        f"{markup.foreign(markup.shortened(title, 80)) if markup.plain(title) else ''}</div>"
        f"{together.shown(comment['text'])}</div>"
    )
    with st.container(horizontal=True):
        for answer, shortcut, words, kind in (
            ("yes", "Y", say("yes", label=LABEL_BY_NAME[label].title), "primary"),
            ("no", "N", say("no"), "secondary"),
            ("skip", "S", say("skip"), "tertiary"),
        ):
            st.button(
                words, key=f"{answer}_{here}_{sample['turn']}", shortcut=shortcut, type=kind,  # type: ignore[arg-type]
                on_click=_answer, args=(here, label, answer),
                kwargs={"turn": sample["turn"], "probability": sample["p"][here], "seen": sample["seen"][here]},
            )  # fmt: skip


def _draw(wanted: Filter, model: str) -> None:
    store = installation.store()
    found = store.matching(wanted, model, sample=SAMPLE, seed=secrets.randbelow(2**31))
    state.sweep_sample = {
        "wanted": wanted,
        "model": model,
        "ids": found["id"].tolist(),
        "p": dict(zip(found["id"], found["probability"].astype(float), strict=True)),
        "seen": {name: store.version(name) for name in found["id"]},
        "said": {},
        "turn": secrets.token_hex(8),
    }


def _answer(name: str, label: str, answer: str, *, turn: str, probability: float, seen: int) -> None:
    sample = state.get("sweep_sample")
    if sample is None or sample["turn"] != turn or name in sample["said"]:
        return  # a press that was sent twice
    if answer == "skip":
        sample["said"][name] = "skip"
        return

    model = sample["model"]

    def act() -> None:
        yes = answer == "yes"
        review = Review(
            name,
            rights.name(),
            "reject" if yes else "approve",
            {label: yes},
            seen,
            installation.now(),
            lens=f"{label}/sweep {probability:.4f} {model}",
            token=f"sweep:{turn}:{name}",
        )
        try:
            rights.seat().add_review(review)
        except Conflict:
            sample["said"][name] = "skip"
            state.notice = say("meanwhile")
            return
        sample["said"][name] = answer

    safely(act)


if __name__ == "__main__":
    draw()
