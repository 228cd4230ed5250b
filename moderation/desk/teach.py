"""Teach: the decisions that stand in, a candidate in people's terms and, by a person's word, a new champion out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import streamlit as st

from moderation.desk import installation, markup, plots, rights, work
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.installation import told
from moderation.desk.session import begin, safely, tell, when
from moderation.desk.voice import listen, speaker
from moderation.labels import LABELS
from moderation.registry import Registry

__all__ = ["draw", "in_words"]

state = st.session_state
say = speaker("teach")

SETS: Final = ("holdout", "checks")
MEASURES: Final = ("auc", "log_loss")
LEARNED_FROM: Final = 50_000  # of the newest answers that are counted by person
SHOWN: Final = 24
FEW: Final = 100  # comments kept aside, below which one more or less is most of what is seen


@told
def draw() -> None:
    """Draw the page."""
    begin()
    listen()
    tell()
    registry = installation.registry()
    champion = registry.champion()
    counts = installation.store().counts(installation.model())
    st.html(markup.headline(say("title"), say("meaning")))
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
    since = say("since", when=when(history[-1].at), by=history[-1].by) if history else say("shipped")
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="in_force"):
        st.html(
            f'<div class="panel"><h3>{escape(say("in_force"))}</h3><div class="name">{escape(champion)}</div>'
            f'<div class="small">{markup.foreign(since)}</div></div>',
            width="stretch",
        )
        if champion != registry.default():
            st.button(
                say("roll_back"),
                key=f"rollback_{len(history)}",
                icon=":material/history:",
                on_click=_roll_back,
                args=(champion, len(history)),
                help=say("roll_back_help"),
                disabled=not rights.may("lead"),
            )


def _roll_back(champion: str, seen: int) -> None:
    def act() -> None:
        rights.need("lead")
        registry = installation.registry()
        if len(registry.history()) != seen or registry.champion() != champion:
            state.notice = say("meanwhile")
            return
        line = registry.rollback(by=rights.name(), at=installation.now())
        state.notice = say("in_force_again", version=line.version)

    safely(act)


# --- Learning --------------------------------------------------------------------------------------------------------


def _learn(reviewed: int) -> None:
    with st.container(border=True, key="learn"):
        st.html(
            f'<div class="panel"><h3>{escape(say("learn"))}</h3><div>{escape(say("decided", n=reviewed))} '
            f"{escape(say('nothing_changes'))}</div></div>"
        )
        job, busy = work.watch("retrain")
        if not busy:
            st.button(
                say("retrain"),
                key=f"retrain_{job.id if job else 0}",
                icon=":material/model_training:",
                type="primary",
                on_click=_retrain,
                disabled=not reviewed or not rights.may("lead"),
            )
        if job is not None and job.state == "done" and not busy:
            st.html(markup.callout("good", say("made", version=job.result["version"])))
        if reviewed:
            st.html(_from_whom(_people(installation.settings().store_url, reviewed)))


def _retrain() -> None:
    def act() -> None:
        if not work.running(work.latest(["retrain"])):
            work.start("retrain", {})

    safely(act)


@st.cache_data(max_entries=4, show_spinner=False, ttl=300)
def _people(url: str, reviewed: int) -> list[tuple[str, int, dict[str, tuple[int, int]]]]:  # noqa: ARG001 - they name it
    """Return who answered how many, and per label how often with yes and with no: the most answers first."""
    answers: Counter[str] = Counter()
    said: dict[str, Counter[tuple[str, bool]]] = {}
    for review in installation.store().reviews(limit=LEARNED_FROM):
        answers[review.moderator] += 1
        counted = said.setdefault(review.moderator, Counter())
        counted.update((label, yes) for label, yes in review.labels.items() if yes is not None)
    return [
        (name, count, {label: (said[name][label, True], said[name][label, False]) for label in LABELS})
        for name, count in answers.most_common()
    ]


def _from_whom(people: Sequence[tuple[str, int, Mapping[str, tuple[int, int]]]]) -> str:
    most = max((count for _, count, _ in people), default=1)
    rows = ""
    for name, count, said in people[:12]:
        labels = "".join(
            f'<span class="tag">{escape(LABEL_BY_NAME[label].title)} <b>{yes:,}</b> / {no:,}</span>'
            for label, (yes, no) in said.items()
            if yes or no
        )
        rows += (
            f'<tr><td>{markup.foreign(name)}</td><td class="n">{count:,}</td><td style="width:45%">'
            f'<div class="stacked" aria-hidden="true">'
            f'<i class="review" style="width:{100 * count / most:.1f}%"></i></div>'
            f'</td></tr><tr><td colspan="3"><div class="tags">{labels}</div></td></tr>'
        )
    return (
        f'<details class="gap"><summary>{escape(say("from_whom", n=len(people)))}</summary>'
        f'<table class="labels">{rows}</table><div class="small">{escape(say("yes_no"))}</div></details>'
    )


# --- A candidate -----------------------------------------------------------------------------------------------------


def _versions(registry: Registry, champion: str) -> None:
    versions = registry.versions()[::-1]
    latest = work.latest(["retrain"])
    made = latest.result.get("version") if latest is not None and latest.state == "done" else None
    # A candidate is what was measured against the model in force; before there is one, that model's own numbers show.
    fresh = made in versions and registry.card(str(made)).get("champion") == champion
    version = st.selectbox(
        say("version"),
        versions,
        index=versions.index(made if fresh and made is not None else champion),
        format_func=lambda name: say("version_in_force", version=name) if name == champion else name,
        key=f"version_{champion}_{made}",
        width=320,
        filter_mode=None,
    )
    card = registry.card(version)
    st.html(_facts(card))
    if version != champion:
        if terms := _people_terms(card):  # a model that was shipped was compared with none
            st.html(terms)
        _promotion(version, champion, card)
    if "holdout" in card:
        told_of = _plots(card) + _changed(card) if version != champion else ""
        st.html(told_of + "".join(_measured(card[name], say(f"set_{name}")) for name in SETS))


def _facts(card: Mapping[str, Any]) -> str:
    reviews, kept = card.get("reviews"), card.get("kept_aside")
    pairs = [
        (say("fact_made"), when(card.get("created_at"))),
        (say("fact_learned"), say("comments", n=reviews["comments"]) if reviews else say("what_shipped")),
        (say("fact_kept"), say("comments_kept", n=kept["comments"]) if kept else None),
        (say("fact_compared"), card.get("champion")),
    ]
    return markup.facts(pairs) + _statement(card)


def _statement(card: Mapping[str, Any]) -> str:
    """Return what the card of a shipped model says about itself."""
    intended = markup.foreign(card["intended_use"], tag="div", name="gap") if card.get("intended_use") else ""
    lists = ""
    for name in ("not_for", "weaknesses"):
        lines = "".join(f"<li>{markup.foreign(line)}</li>" for line in card.get(name) or ())
        lists += f'<div class="gap"><b>{escape(say(name))}</b><ul class="lines">{lines}</ul></div>' if lines else ""
    return intended + lists


def in_words(changes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a candidate does otherwise, label by label, as (better, worse or same; sentence)."""
    found = []
    for each in changes.get("labels", ()):
        n = int(each["n"])
        if not n:
            continue
        title = LABEL_BY_NAME[each["label"]].title
        caught = 1000 * (each["after"]["caught"] - each["before"]["caught"]) / n
        wrong = 1000 * (each["after"]["wrong"] - each["before"]["wrong"]) / n
        words = []
        if caught:
            words.append(say("caught_more" if caught > 0 else "caught_fewer", n=_per_thousand(caught)))
        if wrong:
            words.append(say("wrong_more" if wrong > 0 else "wrong_fewer", n=_per_thousand(wrong)))
        if words:
            kind = "better" if caught >= 0 >= wrong else "worse" if caught <= 0 <= wrong else "mixed"
            found.append((kind, f"{title}: {', '.join(words)}"))
    return found


def _per_thousand(value: float) -> str:
    value = abs(value)
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _people_terms(card: Mapping[str, Any]) -> str:
    changes = card.get("holdout", {}).get("changes")
    if not changes:
        return ""
    rows = int(card["holdout"]["rows"])
    if not rows:
        return f'<div class="effect gap"><div class="none">{escape(say("not_measured"))}</div></div>'
    lines = in_words(changes)
    signs = {"better": "▲", "worse": "▼", "mixed": "◆"}
    told_of = "".join(
        f'<div><span class="{kind}" aria-hidden="true">{signs[kind]}</span> {escape(sentence)}</div>'
        for kind, sentence in lines
    )
    body = told_of or f'<div class="none">{escape(say("same_everywhere"))}</div>'
    few = f" {say('few')}" if rows < FEW else ""
    about = f'<div class="small">{escape(say("per_thousand", n=rows) + few)}</div>'
    return f'<div class="effect gap" role="status">{body}{about}</div>'


def _plots(card: Mapping[str, Any]) -> str:
    parts = ""
    for measure in ("recall", "precision"):
        before, after = ({one["label"]: one for one in card["holdout"][name]["labels"]} for name in ("before", "after"))
        rows = []
        for label in LABELS:
            one, other = before.get(label, {}).get(measure), after.get(label, {}).get(measure)
            if one is not None or other is not None:
                spoken = say("from_to", before=_short(one), after=_short(other))
                rows.append((LABEL_BY_NAME[label].title, one, other, spoken))
        if rows:
            parts += f'<div class="gap"><b>{escape(say(measure))}</b></div>{plots.spans(rows)}'
    return parts + (plots.legend({"before": say("before"), "after": say("after")}) if parts else "")


def _short(interval: Mapping[str, float] | None) -> str:
    return "–" if interval is None else f"{interval['value']:.0%} ({interval['low']:.0%}–{interval['high']:.0%})"


def _changed(card: Mapping[str, Any]) -> str:
    """Return the comments that the candidate judges otherwise, with what people said of them."""
    changed = card["holdout"].get("changes", {}).get("comments", [])[:SHOWN]
    if not changed:
        return ""
    comments = installation.store().batch(list(dict.fromkeys(each["id"] for each in changed))).comments.set_index("id")
    rows = [
        {
            "head": comments.loc[each["id"], "author"],
            "side": say(
                "judged",
                label=LABEL_BY_NAME[each["label"]].title,
                before=markup.percent(each["before"]),
                after=markup.percent(each["after"]),
                said=say("said_yes" if each["yes"] else "said_no"),
            ),
            "text": comments.loc[each["id"], "text"],
        }
        for each in changed
    ]
    return (
        f'<details class="gap"><summary>{escape(say("changed", n=len(rows)))}</summary>'
        f"{markup.row_list(rows)}</details>"
        if rows
        else ""
    )


def _measured(measured: Mapping[str, Any], title: str) -> str:
    before, after, compared = (
        {one["label"]: one for one in measured[name]["labels"]} for name in ("before", "after", "comparison")
    )
    there = [label for label in LABELS if label in compared and compared[label]["n"]]
    rows = "".join(_measure(label, before[label], after[label], compared[label]) for label in there)
    heads = "".join(
        f'<th class="n" title="{escape(say(f"{name}_is"))}">{escape(say(f"{name}_before"))}</th>'
        f'<th class="n" title="{escape(say(f"{name}_is"))}">{escape(say("after_short"))}</th>'
        for name in MEASURES
    )
    if not measured["rows"]:
        return f'<div class="gap"><b>{escape(title)}</b><div class="small">{escape(say("none_kept"))}</div></div>'
    table = (
        f'<table class="plain numbers"><thead><tr><th>{escape(say("label"))}</th>'
        f'<th class="n">{escape(say("yes_no_short"))}</th>{heads}<th>{escape(say("verdict"))}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    return (
        f'<div class="gap"><b>{escape(title)}</b> '
        f'<span class="small">{escape(say("comments", n=measured["rows"]))}</span></div>'
        f"{markup.scrolled(table)}"
    )


def _measure(label: str, before: Mapping[str, Any], after: Mapping[str, Any], compared: Mapping[str, Any]) -> str:
    verdict = compared["verdict"]
    cells = "".join(
        f'<td class="n">{_number(before.get(name))}</td><td class="n">{_number(after.get(name))}</td>'
        for name in MEASURES
    )
    return (
        f"<tr><td>{escape(LABEL_BY_NAME[label].title)}</td>"
        f'<td class="n">{compared["positives"]:,} / {compared["n"] - compared["positives"]:,}</td>{cells}'
        f'<td class="{escape(verdict)}">{escape(say("verdict_" + verdict.replace(" ", "_")))}</td></tr>'
    )


def _number(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "–"
    span = say("interval", low=f"{interval['low']:.3f}", high=f"{interval['high']:.3f}")
    return f'<span title="{escape(span)}">{interval["value"]:.3f}</span>'


def _promotion(version: str, champion: str, card: Mapping[str, Any]) -> None:
    doubt = _doubt(champion, card)
    reason = ""
    if doubt:
        st.html(markup.callout("warning", doubt, action=say("reason_todo")))
        reason = (
            st.text_input(say("reason"), key=f"reason_{version}", max_chars=500, placeholder=say("reason_hint")) or ""
        )
    may = rights.may("lead")
    st.button(
        say("promote"),
        key=f"promote_{version}_{champion}",
        icon=":material/verified:",
        type="primary",
        on_click=_promote,
        args=(version, champion),
        disabled=not may or (bool(doubt) and not reason.strip()),
    )
    if not may:
        st.html(f'<div class="small">{escape(rights.words("lead"))}</div>')


def _doubt(champion: str, card: Mapping[str, Any]) -> str:
    # The registry has the last word; this only says beforehand what it will ask for.
    if card.get("champion") != champion:
        against = card.get("champion") or say("nothing")
        return say("other_champion", champion=against)
    worse = [_place(str(what)) for what in card.get("worse", [])]
    return say("is_worse", where=", ".join(worse)) if worse else ""


def _place(what: str) -> str:
    name, _, label = what.partition(": ")
    title = LABEL_BY_NAME[label].title if label in LABEL_BY_NAME else label
    return say("on_checks" if name == "checks" else "on_kept", label=title)


def _promote(version: str, champion: str) -> None:
    def act() -> None:
        rights.need("lead")
        registry = installation.registry()
        if registry.champion() != champion:
            state.notice = say("meanwhile")
            return
        reason = str(state.get(f"reason_{version}") or "").strip() or None
        registry.promote(version, by=rights.name(), reason=reason, at=installation.now())
        state.notice = say("is_in_force", version=version)

    safely(act)


# --- What happened ---------------------------------------------------------------------------------------------------


def _history(registry: Registry) -> None:
    lines = registry.history()
    if not lines:
        return
    rows = [
        {
            "head": say("line_promote" if line.action == "promote" else "line_rollback", version=line.version),
            "side": when(line.at),
            "text": say("line_by", by=line.by, previous=line.previous) + (f": {line.reason}" if line.reason else ""),
        }
        for line in reversed(lines)
    ]
    st.html(f'<div class="panel box"><h3>{escape(say("history"))}</h3>{markup.row_list(rows)}</div>')


if __name__ == "__main__":
    draw()
