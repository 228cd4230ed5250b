"""Policy: thresholds, rules, versions and the shadow; what a change would do is shown before it is saved."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, Literal

import pandas as pd
import streamlit as st

from moderation.backtest import Effect, Part, Past, RuleTest, effect_of, try_rules
from moderation.desk import installation, markup, plots, rights, work
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.installation import told
from moderation.desk.session import begin, safely, tell, when
from moderation.desk.voice import listen, speaker
from moderation.errors import PolicyError
from moderation.jobs import past_of
from moderation.labels import LABELS
from moderation.policy import (
    ACTIONS,
    LISTS,
    Policies,
    Policy,
    Rule,
    Thresholds,
    Version,
    compared,
    with_rule,
    with_thresholds,
    without_rule,
)

__all__ = ["draw", "words_of"]

state = st.session_state
say = speaker("policy")

SECTIONS: Final = ("thresholds", "rules", "versions", "shadow")
ENOUGH: Final = 200  # comments that a change is tried on, if there are as many
ALL: Final = 0
DAYS: Final = (7, 30, 365, ALL)
BINS: Final = 40
SHOWN: Final = 6
NEW: Final = ""
NOTE: Final = 200


@told
def draw() -> None:
    """Draw the page."""
    begin()
    listen()
    tell()
    policies = installation.settings().policies
    text, policy, standing = policies.text(), policies.policy(), policies.standing()
    draft = state.get("policy_draft")
    if draft is None or draft["seen"] != standing:
        state.policy_draft = {"seen": standing, "labels": {}}
    with st.container(horizontal=True, vertical_alignment="center", key="policy_head"):
        st.html(_headline(policies, policy, standing), width="stretch")
        section = st.segmented_control(
            say("section"),
            SECTIONS,
            format_func=lambda name: say(f"section_{name}"),
            default="thresholds",
            required=True,
            key="policy_section",
            label_visibility="collapsed",
        )
    work.watch("decide")
    match section:
        case "rules":
            _rules(policies, text, policy, standing)
        case "versions":
            _versions(policies, text, standing)
        case "shadow":
            _shadow(policies, policy, standing)
        case _:
            _thresholds(policies, text, policy, standing)


def _headline(policies: Policies, policy: Policy, standing: str) -> str:
    line = next((line for line in reversed(policies.history()) if line.kind in {"save", "restore"}), None)
    if line is not None and line.id == standing:
        since = say("saved", by=line.by, when=when(line.at))
        note = f'<span class="small">“{markup.foreign(line.note)}”</span>' if line.note else ""
    else:
        since, note = say("by_hand") if policies.file == policies.current else say("shipped"), ""
    return (
        f'<div class="headline"><h2>{escape(say("title"))}</h2><span class="mono" title="{escape(say("digest"))}">'
        f'{escape(policy.digest)}</span><span class="small">{markup.foreign(since)}</span>{note}</div>'
    )


# --- The past that a change is tried on ------------------------------------------------------------------------------


def _past() -> Past | None:
    store, model = installation.store(), installation.model()
    counts = store.counts(model)
    if not counts.scored:
        st.html(markup.empty(say("no_scores"), say("no_scores_todo")))
        return None

    def kept(days: int) -> Past:
        return _kept_past(installation.settings().store_url, model, days or None, counts.scored)

    if "policy_days" not in state:
        # A month, unless the site was quieter or its export is old: three comments tell nothing about a threshold.
        state.policy_days = next((days for days in (30, 365) if kept(days).total >= ENOUGH), ALL)
    days = st.segmented_control(
        say("window"),
        DAYS,
        format_func=lambda days: say("days", n=days) if days else say("all_days"),
        required=True,
        key="policy_days",
        label_visibility="collapsed",
    )
    return kept(days or ALL)


@st.cache_resource(show_spinner=False, max_entries=6, ttl=300)
def _kept_past(url: str, model: str, days: int | None, scored: int) -> Past:  # noqa: ARG001 - they name what is kept
    return past_of(installation.store(), model, days=days)


def _about(past: Past) -> str:
    if past.total > len(past):
        return say("sampled", n=len(past), total=past.total, days=_number(past.days))
    return say("looked_at", n=len(past), days=_number(past.days))


# --- Thresholds ------------------------------------------------------------------------------------------------------


def _thresholds(policies: Policies, text: str, policy: Policy, standing: str) -> None:
    past = _past()
    if past is None:
        return
    changed: dict[str, Thresholds] = state.policy_draft["labels"]
    left, right = st.columns([1, 1.35], gap="medium")
    with right, st.container(border=True, key="policy_label"):
        label = st.pills(
            say("label"),
            LABELS,
            format_func=lambda name: LABEL_BY_NAME[name].title,
            default="spam",
            required=True,
            key="policy_label_name",
            label_visibility="collapsed",
        )
        assert label is not None
        plot = st.empty()
        sliders = _sliders(label, changed.get(label, policy.labels.get(label)), standing)
        _heard(changed, label, policy, sliders)
        now = changed.get(label, policy.labels.get(label, Thresholds()))
        plot.html(_distribution(past, label, now))

    def wished_text() -> str:
        _heard(changed, label, policy, sliders)
        return with_thresholds(text, changed, folder=policies.current.parent)

    try:
        after = wished_text()
    except PolicyError as error:
        with left:
            st.html(markup.callout("error", str(error)))
        return
    wished = policies.parse(after)
    effect = effect_of(past, policy, wished, installation.now())
    with right:
        st.html(_effect(past, effect, changed=bool(changed)) + f'<div class="small">{escape(_about(past))}</div>')
        if changed:
            _save(policies, after, standing, key="thresholds", saved=wished_text)
    with left:
        st.html(_all_labels(past, policy, wished, label))
        if changed:
            st.html(_examples(past, effect))


def _heard(changed: dict[str, Thresholds], label: str, policy: Policy, sliders: Callable[[], Thresholds]) -> None:
    wanted = sliders()
    if wanted != policy.labels.get(label):
        changed[label] = wanted
    else:
        changed.pop(label, None)


def _sliders(label: str, now: Thresholds | None, standing: str) -> Callable[[], Thresholds]:
    """Draw the limits of one label and return what tells where they stand when it is asked."""
    now = now or Thresholds()
    name = f"{label}_{standing}_{state.get('policy_round', 0)}"
    with st.container(gap=None):
        looks = st.toggle(say("looks"), value=now.review is not None, key=f"looks_{name}")
        st.slider(
            say("looks_from"), 0.0, 1.0, now.review if now.review is not None else 0.5, 0.01, key=f"review_{name}",
            disabled=not looks, label_visibility="collapsed",
        )  # fmt: skip
    with st.container(gap=None):
        rejects = st.toggle(say("rejects"), value=now.reject is not None, key=f"rejects_{name}")
        st.slider(
            say("rejects_from"), 0.0, 1.0, now.reject if now.reject is not None else 0.98, 0.01, key=f"reject_{name}",
            disabled=not rejects, label_visibility="collapsed",
        )  # fmt: skip

    def stand() -> Thresholds:
        looks, rejects = state[f"looks_{name}"], state[f"rejects_{name}"]
        review, reject = state[f"review_{name}"], state[f"reject_{name}"]
        if looks and rejects and reject < review:
            reject = review  # a firmer action never asks for less
        if not looks and not rejects:
            return Thresholds(None, None, "allow")
        return Thresholds(review if looks else None, reject if rejects else None, now.unscored)

    return stand


def _distribution(past: Past, label: str, now: Thresholds) -> str:
    counts = _binned(past, label, BINS)
    reached = _reaching(past, label, now.review if now.review is not None else now.reject)
    spoken = say("distribution", label=LABEL_BY_NAME[label].title, n=reached, total=len(past))
    meaning = plots.legend(
        {"pass": say("passes"), "review": say("looks"), "reject": say("rejects")}
        if now.reject is not None
        else {"pass": say("passes"), "review": say("looks")}
    )
    return plots.histogram(counts, spoken, marks={"review": now.review, "reject": now.reject}) + meaning


def _binned(past: Past, label: str, bins: int) -> list[int]:
    p = past.scores[label].dropna().to_numpy()
    places = (p * bins).astype(int).clip(0, bins - 1)
    found = [0] * bins
    for place, count in pd.Series(places).value_counts().items():
        found[int(place)] = int(count)  # type: ignore[call-overload]
    return found


def _reaching(past: Past, label: str, threshold: float | None) -> int:
    return 0 if threshold is None else int((past.scores[label] >= pd.Series([threshold], dtype="float32")[0]).sum())


def _all_labels(past: Past, policy: Policy, wished: Policy, chosen: str) -> str:
    rows = ""
    for label in LABELS:
        was, now = policy.labels.get(label, Thresholds()), wished.labels.get(label, Thresholds())
        reached = _reaching(past, label, now.review if now.review is not None else now.reject)
        spoken = say("distribution", label=LABEL_BY_NAME[label].title, n=reached, total=len(past))
        spark = plots.histogram(
            _binned(past, label, 24), spoken, marks={"review": now.review, "reject": now.reject}, small=True
        )
        cells = "".join(
            f'<td class="n{" changed" if one != other else ""}">{_limit(other)}</td>'
            for one, other in ((was.review, now.review), (was.reject, now.reject))
        )
        here = ' aria-current="true"' if label == chosen else ""
        rows += (
            f"<tr{here}><td>{escape(LABEL_BY_NAME[label].title)}</td><td>{spark}</td>{cells}"
            f'<td class="n">{_number(past.per_week(reached))}</td></tr>'
        )
    heads = (
        f"<th>{escape(say('label'))}</th><th>{escape(say('scores'))}</th>"
        f'<th class="n">{escape(say("looks_short"))}</th><th class="n">{escape(say("rejects_short"))}</th>'
        f'<th class="n">{escape(say("a_week"))}</th>'
    )
    return markup.scrolled(f'<table class="labels"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>')


def _limit(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def words_of(past: Past, effect: Effect) -> list[str]:
    """Return what changes as sentences: how many a week, and how many of them rightly, or that it is not known."""
    found = []
    for names, rightly, more in ((effect.held, effect.held_rightly, "holds"), (effect.let, effect.let_rightly, "lets")):
        if names:
            week = past.per_week(len(names))
            found.append(f"{say(more, n=_number(week))} {_rightly(week, rightly)}")
    rejected = effect.counts["review/reject"]
    if rejected:
        found.append(say("harder", n=_number(past.per_week(rejected))))
    softer = effect.counts["reject/review"]
    if softer:
        found.append(say("softer", n=_number(past.per_week(softer))))
    return found


def _rightly(week: float, part: Part) -> str:
    if not part.known:
        return say("not_known", n=part.n)
    about, low, high = (_number(week * share) for share in (part.share, part.low, part.high))
    return say("rightly", about=about, low=low, high=high, n=part.n)


def _effect(past: Past, effect: Effect, *, changed: bool) -> str:
    sentences = words_of(past, effect)
    if not sentences:
        none = say("no_change") if changed else say("move_to_see")
        held = past.per_week(effect.after["review"])
        rejected = past.per_week(effect.after["reject"])
        now = say("as_it_is", held=_number(held), rejected=_number(rejected))
        return f'<div class="effect" role="status"><div class="none">{escape(none)}</div><div>{escape(now)}</div></div>'
    lines = "".join(f"<div>{escape(sentence)}</div>" for sentence in sentences)
    return f'<div class="effect" role="status">{lines}<div class="small">{escape(say("interval"))}</div></div>'


def _examples(past: Past, effect: Effect) -> str:
    names = [*effect.held[:SHOWN], *effect.let[:SHOWN]][:SHOWN]
    if not names:
        return ""
    held = set(effect.held)
    comments = past.batch.comments.set_index("id")
    said = dict(zip(past.batch.comments["id"], past.said, strict=True))
    rows = []
    for name in names:
        row = comments.loc[name]
        change = say("now_held") if name in held else say("now_passes")
        told_of = said.get(name)
        rows.append(
            {
                "head": row["author"],
                "side": f"{change} · {say(f'people_{told_of}') if told_of else say('people_none')}",
                "text": row["text"],
            }
        )
    return f'<div class="panel box gap"><h3>{escape(say("examples"))}</h3>{markup.row_list(rows)}</div>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


# --- Saving ----------------------------------------------------------------------------------------------------------


# Whoever types and presses a button at once sends both in one message, and Streamlit calls the button's function with
# what was drawn before either. So these functions ask the fields themselves when they are called.


def _save(policies: Policies, after: str, standing: str, *, key: str, saved: Callable[[], str]) -> None:
    """Draw what saves a text or tries it: `after` as drawn, `saved` as the fields say when a button is pressed."""
    may = rights.may("lead")
    note = _note(f"{key}_{standing}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            say("save"), key=f"save_{key}_{standing}", type="primary", icon=":material/check:", disabled=not may,
            on_click=_put_in_force, args=(saved, standing, note),
        )  # fmt: skip
        st.button(
            say("try"), key=f"try_{key}_{standing}", icon=":material/visibility:", disabled=not may,
            help=say("try_help"), on_click=_try, args=(saved, note),
        )  # fmt: skip
        st.button(say("discard"), key=f"discard_{key}_{standing}", type="tertiary", on_click=_discard)
    if not may:
        st.html(f'<div class="small">{escape(rights.words("lead"))}</div>')
    with st.expander(say("as_text")):
        st.html(_difference(policies.text(), after))


def _note(key: str) -> Callable[[], str]:
    """Draw the field for a note and return what tells what stands in it when it is asked."""
    name = f"note_{key}"
    st.text_input(say("note"), key=name, max_chars=NOTE, placeholder=say("note_hint"), label_visibility="collapsed")
    return lambda: state.get(name) or ""


def _put_in_force(text: Callable[[], str], seen: str, note: Callable[[], str]) -> None:
    def act() -> None:
        rights.need("lead")
        policies = installation.settings().policies
        wished = text()
        if wished == policies.text():
            raise PolicyError("policy: what the fields say now changes nothing; change something first")
        line = policies.save(wished, by=rights.name(), at=installation.now(), note=note(), seen=seen)
        _saved(line, say("is_saved"))

    safely(act)


def _saved(line: Version, words: str) -> None:
    _discard()
    state.notice = words
    if installation.store().counts(installation.model()).scored and not work.running(
        work.latest(["decide", "rescore"])
    ):
        work.start("decide", {"policy": line.digest})


def _try(text: Callable[[], str], note: Callable[[], str]) -> None:
    def act() -> None:
        rights.need("lead")
        policies = installation.settings().policies
        policies.start_shadow(text(), by=rights.name(), at=installation.now(), note=note())
        _discard()
        state.policy_section = "shadow"
        state.notice = say("shadow_started")

    safely(act)


def _discard() -> None:
    state.policy_draft = None
    state.policy_rule = None
    state.policy_round = state.get("policy_round", 0) + 1


# --- Rules -----------------------------------------------------------------------------------------------------------


def _rules(policies: Policies, text: str, policy: Policy, standing: str) -> None:
    past = _past()
    if past is None:
        return
    now = installation.now()
    left, right = st.columns([1.15, 1], gap="medium")
    with right, st.container(border=True, key="policy_rule_form"):
        wished, fault = _rule_form(policies, text, policy, standing)
    with left:
        shown = wished or policy
        tests: dict[str, RuleTest] = {rule.name: RuleTest(rule.name) for rule in shown.rules}
        try_rules(tests, past.batch, past.said, shown, now)
        if shown.rules:
            st.html(_rule_table(past, shown, tests, policy))
        else:
            st.html(markup.empty(say("no_rules"), say("no_rules_todo")))
        st.html(f'<div class="small">{escape(_about(past))} {escape(say("interval"))}</div>')
        if past.total > len(past):
            _whole_test(policies, text if wished is None else state.policy_text)
    with right:
        if fault:
            st.html(markup.callout("error", fault))


def _rule_form(policies: Policies, text: str, policy: Policy, standing: str) -> tuple[Policy | None, str]:
    """Draw one rule to be changed or made; return the policy with it, or what is wrong with it."""
    names = [rule.name for rule in policy.rules]
    turn = f"{standing}_{state.get('policy_round', 0)}"
    chosen = st.selectbox(
        say("rule"), [NEW, *names], format_func=lambda name: name or say("new_rule"), key=f"rule_{turn}",
        filter_mode=None,
    )  # fmt: skip
    rule = next((rule for rule in policy.rules if rule.name == chosen), None)
    key = f"{names.index(chosen) if rule is not None else 'new'}_{turn}"
    st.text_input(say("rule_name"), rule.name if rule else "", key=f"rule_name_{key}", max_chars=80)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            say("action"), ACTIONS, format_func=lambda each: say(f"action_{each}"), required=True,
            default=rule.action if rule else "review", key=f"rule_action_{key}",
        )  # fmt: skip
        kind = st.segmented_control(
            say("by"), LISTS, format_func=lambda each: say(f"list_{each}"), required=True,
            default=rule.code if rule and rule.code in LISTS else "words", key=f"rule_kind_{key}",
        )  # fmt: skip
    assert kind is not None
    st.text_area(
        say(f"entries_{kind}"),
        "\n".join(getattr(rule, kind)) if rule else "",
        key=f"rule_entries_{kind}_{key}",
        height=130,
    )
    st.selectbox(
        say("evidence"), [NEW, *LABELS], index=[NEW, *LABELS].index(rule.label or NEW) if rule else 0,
        format_func=lambda each: LABEL_BY_NAME[each].title if each else say("no_label"), key=f"rule_label_{key}",
        filter_mode=None,
    )  # fmt: skip

    def ruled() -> str:
        made = _made(rule, key)
        if made is None or made == rule:
            return text
        after = with_rule(text, made, instead_of=rule.name if rule else None, folder=policies.current.parent)
        policies.parse(after)
        return after

    after, fault = text, ""
    try:
        after = ruled()
    except PolicyError as error:
        fault = str(error).partition(": ")[2] or str(error)
    state.policy_text = after
    if rule is not None:
        gone = without_rule(text, rule.name, folder=policies.current.parent)
        st.button(
            say("remove"), key=f"remove_{key}", icon=":material/delete:", type="tertiary",
            disabled=not rights.may("lead"), on_click=_put_in_force,
            args=(lambda: gone, standing, lambda: say("removed", name=rule.name)),
        )  # fmt: skip
    if after == text:
        return None, fault
    _save(policies, after, standing, key="rule", saved=ruled)
    return policies.parse(after), fault


def _made(rule: Rule | None, key: str) -> Rule | None:
    """Return the rule that the form of this key says now; None while it does not say all of it yet."""
    name, kind = (state[f"rule_name_{key}"] or "").strip(), state[f"rule_kind_{key}"]
    action, label = state[f"rule_action_{key}"], state[f"rule_label_{key}"] or None
    words: str = state.get(f"rule_entries_{kind}_{key}") or ""  # a list just chosen is not drawn yet
    lists: dict[str, Any] = {kind: tuple(dict.fromkeys(line.strip() for line in words.split("\n") if line.strip()))}
    if rule is None and not (name and any(lists.values())):
        return None
    kinds, statuses, until = ((), (), None) if rule is None else (rule.kinds, rule.statuses, rule.until)
    chosen: Literal["allow", "review", "reject"] = ACTIONS[ACTIONS.index(action)]
    return Rule(name, chosen, label, **lists, kinds=kinds, statuses=statuses, until=until)


def _rule_table(past: Past, shown: Policy, tests: Mapping[str, RuleTest], policy: Policy) -> str:
    known = {rule.name: rule for rule in policy.rules}
    rows = ""
    for rule in shown.rules:
        test = tests[rule.name]
        changed = known.get(rule.name) != rule
        mark = f' <span class="tag">{escape(say("draft"))}</span>' if changed else ""
        count = sum(len(getattr(rule, name)) for name in LISTS)
        what = say(f"list_{rule.code}") if rule.code in LISTS else rule.code
        rows += (
            f"<tr><td><b>{markup.foreign(rule.name)}</b>{mark}"
            f'<div class="small">{escape(say(f"action_{rule.action}"))} · {escape(what)} ({count:,})</div></td>'
            f'<td class="n">{test.held:,}</td><td class="n">{test.rejected:,}</td><td class="n">{test.approved:,}</td>'
            f'<td class="n">{test.open:,}</td><td class="n">{_share(test.rightly)}</td></tr>'
        )
    heads = "".join(
        f'<th class="n">{escape(say(name))}</th>' for name in ("held", "rejected", "approved", "undecided", "right")
    )
    samples = [name for test in tests.values() for name in test.samples if known.get(test.name) not in shown.rules][:5]
    comments = past.batch.comments.set_index("id")
    seen = [{"head": comments.loc[name, "author"], "text": comments.loc[name, "text"]} for name in samples]
    listed = (
        f'<div class="panel box gap"><h3>{escape(say("would_hold"))}</h3>{markup.row_list(seen)}</div>' if seen else ""
    )
    head = f"<tr><th>{escape(say('rule'))}</th>{heads}</tr>"
    table = f'<table class="plain"><thead>{head}</thead><tbody>{rows}</tbody></table>'
    return f"{markup.scrolled(table)}{listed}"


def _share(part: Part) -> str:
    if not part.known:
        return f'<span class="small">{escape(say("unknown"))}</span>'
    spoken = say("share_span", low=f"{part.low:.0%}", high=f"{part.high:.0%}")
    return f'{markup.percent(part.share)}<div class="small">{escape(spoken)}</div>'


def _whole_test(policies: Policies, text: str) -> None:
    job, busy = work.watch("back-test")
    digest = policies.parse(text).digest
    if not busy:
        days = state.get("policy_days") or None
        st.button(
            say("test_all"), key=f"test_all_{job.id if job else 0}", icon=":material/history:",
            on_click=_test_all, args=(days, text),
        )  # fmt: skip
    if job is not None and not busy and job.state == "done" and job.result["policy"] == digest:
        tests = [RuleTest.from_dict(each) for each in job.result["rules"]]
        cells = "".join(
            f"<tr><td>{markup.foreign(test.name)}</td>"
            + "".join(f'<td class="n">{count:,}</td>' for count in (test.held, test.rejected, test.approved, test.open))
            + f'<td class="n">{_share(test.rightly)}</td></tr>'
            for test in tests
        )
        st.html(
            f'<div class="panel box gap"><h3>{escape(say("tested_all", n=job.result["comments"]))}</h3>'
            f"{markup.scrolled(f'<table class=plain><tbody>{cells}</tbody></table>')}</div>"
        )


def _test_all(days: int | None, text: str) -> None:
    def act() -> None:
        if not work.running(work.latest(["back-test"])):
            work.start("back-test", {"days": days, "text": text})

    safely(act)


# --- Versions --------------------------------------------------------------------------------------------------------


def _versions(policies: Policies, text: str, standing: str) -> None:
    history = policies.history()
    if not history:
        st.html(markup.empty(say("no_versions"), say("no_versions_todo")))
        return
    kept = list(dict.fromkeys(line.id for line in reversed(history)))
    left, right = st.columns([1, 1.3], gap="medium")
    with left:
        st.html(f'<div class="panel box"><h3>{escape(say("history"))}</h3>{_history(history, standing)}</div>')
    with right, st.container(border=True, key="policy_compare"):
        first = {line.id: line for line in history}  # the newest line of each
        names = {name: f"{name[:6]} · {when(first[name].at)}" for name in kept}
        with st.container(horizontal=True, vertical_alignment="bottom"):
            one = st.selectbox(
                say("compare"), kept, index=min(1, len(kept) - 1), format_func=lambda name: names[name],
                key=f"compare_{standing}_{len(history)}", filter_mode=None,
            )  # fmt: skip
            other = st.selectbox(
                say("with"), [standing, *(name for name in kept if name != standing)],
                format_func=lambda name: say("in_force") if name == standing else names.get(name, name),
                key=f"with_{standing}_{len(history)}", filter_mode=None,
            )  # fmt: skip
        was = policies.kept(one)
        becomes = text if other == standing else policies.kept(other)
        st.html(_difference(was, becomes))
        if one != standing:
            note = _note(f"restore_{one}_{standing}")
            with st.container(horizontal=True):
                st.button(
                    say("restore", id=one[:6]), key=f"restore_{one}_{standing}", icon=":material/history:",
                    type="primary", on_click=_restore, args=(one, standing, note),
                    disabled=not rights.may("lead"),
                )  # fmt: skip
                st.button(
                    say("try"), key=f"try_{one}_{standing}", icon=":material/visibility:", help=say("try_help"),
                    on_click=_try, args=(lambda: was, note), disabled=not rights.may("lead"),
                )  # fmt: skip


def _history(history: list[Version], standing: str) -> str:
    rows = [
        {
            "head": line.by or say("nobody"),
            "side": f"{line.id[:6]} · {when(line.at)}",
            "text": say("kind_" + line.kind.replace("-", "_")) + (f": {line.note}" if line.note else ""),
            "here": line.id == standing and line.kind in {"save", "restore", "found"},
        }
        for line in reversed(history)
    ]
    return markup.row_list(rows[:100])


def _restore(version: str, seen: str, note: Callable[[], str]) -> None:
    def act() -> None:
        rights.need("lead")
        policies = installation.settings().policies
        line = policies.restore(version, by=rights.name(), at=installation.now(), note=note(), seen=seen)
        _saved(line, say("is_restored"))

    safely(act)


def _difference(before: str, after: str) -> str:
    lines = compared(before, after)
    if not lines:
        return f'<div class="small">{escape(say("same"))}</div>'
    kinds = {"+": "plus", "-": "minus", "@": "gap", " ": ""}
    spoken = {"+": say("added"), "-": say("taken_out"), "@": "", " ": ""}
    rows = "".join(
        f'<div class="{kinds[sign]}" dir="auto"><span class="sign" aria-label="{escape(spoken[sign])}">'
        f"{'⋯' if sign == '@' else sign}</span>{escape(line)}</div>"
        for sign, line in lines
    )
    return f'<div class="diff" tabindex="0" role="group" aria-label="{escape(say("difference"))}">{rows}</div>'


# --- The shadow ------------------------------------------------------------------------------------------------------


def _shadow(policies: Policies, policy: Policy, standing: str) -> None:
    shadow = policies.shadow()
    if shadow is None:
        st.html(markup.empty(say("no_shadow"), say("no_shadow_todo")))
        return
    found = shadow.found()
    left, right = st.columns([1, 1.4], gap="medium")
    with left, st.container(border=True, key="policy_shadow"):
        st.html(
            f'<div class="panel"><h3>{escape(say("in_shadow"))}</h3>'
            f'<div class="name mono">{escape(shadow.policy.digest)}</div>'
            f'<div class="small">{markup.foreign(say("since", by=shadow.by, when=when(shadow.since)))}</div></div>'
            + _matrix(found.counts)
        )
        with st.container(horizontal=True):
            st.button(
                say("put_in_force"), key=f"promote_{shadow.id}_{standing}", type="primary", icon=":material/check:",
                on_click=_put_in_force,
                args=(lambda: policies.kept(shadow.id), standing, lambda: say("from_shadow")),
                disabled=not rights.may("lead") or shadow.policy.digest == policy.digest,
            )  # fmt: skip
            st.button(
                say("end_shadow"), key=f"end_{shadow.id}_{standing}", on_click=_end_shadow, type="tertiary",
                disabled=not rights.may("lead"),
            )  # fmt: skip
        with st.expander(say("as_text")):
            st.html(_difference(policies.text(), policies.kept(shadow.id)))
    with right:
        newest = found.newest[::-1][:40]
        if not found.comments:
            st.html(markup.empty(say("shadow_empty"), say("shadow_empty_todo")))
        elif not newest:
            st.html(markup.empty(say("shadow_same"), say("shadow_same_todo", n=found.comments)))
        else:
            st.html(f'<div class="panel box"><h3>{escape(say("differs"))}</h3>{_differing(newest)}</div>')


def _matrix(counts: Mapping[str, int]) -> str:
    heads = "".join(f'<th class="n">{escape(say(f"action_{name}"))}</th>' for name in ACTIONS)
    rows = ""
    for was in ACTIONS:
        cells = "".join(
            f'<td class="n{"" if was == becomes else " changed"}">{counts.get(f"{was}/{becomes}", 0):,}</td>'
            for becomes in ACTIONS
        )
        rows += f"<tr><td>{escape(say(f'action_{was}'))}</td>{cells}</tr>"
    return (
        f'<table class="labels gap"><thead><tr><th>{escape(say("matrix"))}</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _differing(newest: list[dict[str, str]]) -> str:
    comments = installation.store().batch([each["id"] for each in newest]).comments.set_index("id")
    rows = [
        {
            "head": comments.loc[each["id"], "author"],
            "side": say("action_" + each["before"]) + " → " + say("action_" + each["after"]),
            "text": comments.loc[each["id"], "text"],
        }
        for each in newest
    ]
    return markup.row_list(rows)


def _end_shadow() -> None:
    def act() -> None:
        rights.need("lead")
        installation.settings().policies.end_shadow(by=rights.name(), at=datetime.now(UTC))
        state.notice = say("shadow_ended")

    safely(act)


if __name__ == "__main__":
    draw()
