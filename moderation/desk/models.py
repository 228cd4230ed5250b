"""Models: the decisions that stand in, a candidate with its numbers and, by a person's word, a new champion out."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import streamlit as st

from moderation.desk import installation, markup, work
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.installation import told
from moderation.desk.session import begin, safely, tell, when
from moderation.labels import LABELS
from moderation.registry import Registry

__all__ = ["draw"]

state = st.session_state

VERDICTS: Final = {"better": "better", "same": "same", "worse": "worse", "not measured": "too few answers"}
SETS: Final = {
    "holdout": "On comments kept aside, which no model has learned from",
    "checks": "On the functional checks that came with the package",
}
MEASURES: Final = (
    ("auc", "Ranking", "how often a comment that has the label gets more than one that has not (AUC); 1 is best"),
    ("log_loss", "Error", "how far the probabilities are from the truth (log loss); 0 is best"),
)


@told
def draw() -> None:
    """Draw the page."""
    begin()
    tell()
    registry = installation.registry()
    champion = registry.champion()
    counts = installation.store().counts(installation.model())
    work.offer_scoring(counts.comments - counts.scored)
    left, right = st.columns([1, 1.7], gap="medium")
    with left:
        _in_force(registry, champion)
        _learn(counts.reviewed)
        _history(registry)
    with right, st.container(border=True, key="candidate"):
        _versions(registry, champion)


# --- The champion ----------------------------------------------------------------------------------------------------


def _in_force(registry: Registry, champion: str) -> None:
    history = registry.history()
    since = f"in force since {when(history[-1].at)}, by {history[-1].by}" if history else "came with the package"
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="in_force"):
        st.html(
            f'<div class="panel"><h3>Model in force</h3><div class="name">{escape(champion)}</div>'
            f'<div class="small">{markup.foreign(since)}</div></div>',
            width="stretch",
        )
        if champion != registry.default():
            st.button(
                "Roll back",
                key=f"rollback_{len(history)}",
                icon=":material/history:",
                on_click=_roll_back,
                args=(champion, len(history)),
                help="The version before this one is put in force again",
            )


def _roll_back(champion: str, seen: int) -> None:
    def act() -> None:
        registry = installation.registry()
        if len(registry.history()) != seen or registry.champion() != champion:
            state.notice = "Another version was put in force meanwhile; look again."
            return
        line = registry.rollback(by=installation.settings().moderator, at=installation.now())
        state.notice = f"{line.version} is in force again."

    safely(act)


# --- A candidate -----------------------------------------------------------------------------------------------------


def _learn(reviewed: int) -> None:
    with st.container(border=True, key="learn"):
        st.html(
            '<div class="panel"><h3>Learn from decisions</h3>'
            f"<div>{_number_of(reviewed)} decided. Retraining makes a candidate; "
            "nothing changes until you put it in force.</div></div>"
        )
        job, busy = work.watch("retrain")
        if not busy:
            st.button(
                "Retrain",
                key=f"retrain_{job.id if job else 0}",
                icon=":material/model_training:",
                type="primary",
                on_click=_retrain,
                disabled=not reviewed,
            )
        if job is not None and job.state == "done" and not busy:
            st.html(markup.callout("good", f"The latest candidate is {job.result['version']}; look at its numbers."))


def _retrain() -> None:
    if not work.running(work.latest(["retrain"])):
        work.start("retrain", {})


def _versions(registry: Registry, champion: str) -> None:
    versions = registry.versions()[::-1]
    latest = work.latest(["retrain"])
    made = latest.result.get("version") if latest is not None and latest.state == "done" else None
    # A candidate is what was measured against the model in force; before there is one, that model's own numbers show.
    fresh = made in versions and registry.card(str(made)).get("champion") == champion
    version = st.selectbox(
        "Version",
        versions,
        index=versions.index(made if fresh and made is not None else champion),
        format_func=lambda name: f"{name} (in force)" if name == champion else name,
        key=f"version_{champion}_{made}",
        width=320,
        filter_mode=None,
    )
    card = registry.card(version)
    st.html(_facts(card))
    if version != champion:
        _promotion(version, champion, card)
    if "holdout" in card:
        for name, title in SETS.items():
            st.html(_measured(card[name], title))


def _facts(card: Mapping[str, Any]) -> str:
    reviews, kept = card.get("reviews"), card.get("kept_aside")
    pairs = [
        ("Made", when(card.get("created_at"))),
        ("Learned from", f"{reviews['comments']:,} decided comments" if reviews else "what came with the package"),
        ("Kept aside", f"{kept['comments']:,} decided comments, for measuring" if kept else None),
        ("Compared with", card.get("champion")),
    ]
    return markup.facts(pairs) + _statement(card)


def _statement(card: Mapping[str, Any]) -> str:
    """Return what the card of a shipped model says about itself."""
    intended = markup.foreign(card["intended_use"], tag="div", name="gap") if card.get("intended_use") else ""
    lists = ""
    for name, title in (("not_for", "Not for"), ("weaknesses", "Known weaknesses")):
        lines = "".join(f"<li>{markup.foreign(line)}</li>" for line in card.get(name) or ())
        lists += f'<div class="gap"><b>{title}</b><ul class="lines">{lines}</ul></div>' if lines else ""
    return intended + lists


def _measured(measured: Mapping[str, Any], title: str) -> str:
    before, after, compared = (
        {one["label"]: one for one in measured[name]["labels"]} for name in ("before", "after", "comparison")
    )
    there = [label for label in LABELS if label in compared and compared[label]["n"]]
    rows = "".join(_measure(label, before[label], after[label], compared[label]) for label in there)
    heads = "".join(
        f'<th class="n" title="{escape(meaning)}">{name} before</th><th class="n" title="{escape(meaning)}">after</th>'
        for _, name, meaning in MEASURES
    )
    if not measured["rows"]:
        return (
            f'<div class="gap"><b>{escape(title)}</b><div class="small">None yet: some decided comments are kept aside '
            "for this by themselves, about one in five, from the audit sample and from imported truth.</div></div>"
        )
    return (
        f'<div class="gap"><b>{escape(title)}</b> <span class="small">{_number_of(measured["rows"])}</span></div>'
        f'<div class="scroll"><table class="plain numbers"><thead><tr><th>Label</th><th class="n">yes / no</th>{heads}'
        f"<th>Verdict</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _number_of(rows: int) -> str:
    return f"{rows:,} comment{'s' if rows != 1 else ''}"


def _measure(label: str, before: Mapping[str, Any], after: Mapping[str, Any], compared: Mapping[str, Any]) -> str:
    verdict = compared["verdict"]
    cells = "".join(
        f'<td class="n">{_number(before.get(name))}</td><td class="n">{_number(after.get(name))}</td>'
        for name, _, _ in MEASURES
    )
    return (
        f"<tr><td>{escape(LABEL_BY_NAME[label].title)}</td>"
        f'<td class="n">{compared["positives"]:,} / {compared["n"] - compared["positives"]:,}</td>{cells}'
        f'<td class="{escape(verdict)}">{VERDICTS[verdict]}</td></tr>'
    )


def _number(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "–"
    span = f"{interval['low']:.3f} to {interval['high']:.3f}"
    return f'<span title="95% interval {span}">{interval["value"]:.3f}</span>'


def _promotion(version: str, champion: str, card: Mapping[str, Any]) -> None:
    doubt = _doubt(champion, card)
    reason = ""
    if doubt:
        st.html(markup.callout("warning", doubt, action="To put it in force nevertheless, write down why."))
        reason = st.text_input("Reason", key=f"reason_{version}", max_chars=500, placeholder="Why nevertheless?") or ""
    st.button(
        "Put in force",
        key=f"promote_{version}_{champion}",
        icon=":material/verified:",
        type="primary",
        on_click=_promote,
        args=(version, champion),
        disabled=bool(doubt) and not reason.strip(),
    )


def _doubt(champion: str, card: Mapping[str, Any]) -> str:
    # The registry has the last word; this only says beforehand what it will ask for.
    if card.get("champion") != champion:
        return f"It was measured against {card.get('champion') or 'nothing'}, not against the model in force."
    worse = [_place(str(what)) for what in card.get("worse", [])]
    return f"It is worse than the model in force: {', '.join(worse)}." if worse else ""


def _place(what: str) -> str:
    name, _, label = what.partition(": ")
    title = LABEL_BY_NAME[label].title if label in LABEL_BY_NAME else label
    return f"{title} on the {'functional checks' if name == 'checks' else 'comments kept aside'}"


def _promote(version: str, champion: str) -> None:
    def act() -> None:
        registry = installation.registry()
        if registry.champion() != champion:
            state.notice = "Another version was put in force meanwhile; look again."
            return
        reason = str(state.get(f"reason_{version}") or "").strip() or None
        registry.promote(version, by=installation.settings().moderator, reason=reason, at=installation.now())
        state.notice = f"{version} is in force."

    safely(act)


# --- What happened ---------------------------------------------------------------------------------------------------


def _history(registry: Registry) -> None:
    lines = registry.history()
    if not lines:
        return
    rows = [
        {
            "head": f"{line.version} {'put in force' if line.action == 'promote' else 'put in force again'}",
            "side": when(line.at),
            "text": f"by {line.by}, instead of {line.previous}" + (f": {line.reason}" if line.reason else ""),
        }
        for line in reversed(lines)
    ]
    st.html(f'<div class="panel box"><h3>History</h3>{markup.row_list(rows)}</div>')


if __name__ == "__main__":
    draw()
