"""What people decided in; who decided what, where they differ, how far they agree and what waits, out."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from html import escape
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from moderation import access
from moderation.agreement import Agreement, agreement
from moderation.appeal import appeal
from moderation.audit import write_audit
from moderation.desk import installation, markup
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.installation import told
from moderation.desk.session import begin, reopen, safely, take_back, tell, when
from moderation.desk.words import say
from moderation.errors import ModerationError
from moderation.jobs import thresholds_of
from moderation.labels import LABELS, ROLES
from moderation.store import Account, Disagreement, Review

__all__ = ["draw"]

state = st.session_state

PAGE: Final = 20
ANY: Final = "any"
ACTS: Final = ("approve", "reject", "skip", "escalate", "undo")
QUEUE: Final = "queue_page.py"
SHARES: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
DAYS: Final = 30
FRESH_S: Final = 30
FEWEST: Final = 5  # pairs: of fewer, alpha says nothing
MIME: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "jsonl": "application/jsonl"}


def words(key: str, **values: object) -> str:
    return say(f"team.{key}", installation.language(), **values)


@told
def draw() -> None:
    """Draw the page."""
    begin()
    person = installation.person()
    parts = ["decisions", "disagreements", "agreement", "workload"] + ["people"] * person.may("admin")
    chosen = st.segmented_control(
        words("part"),
        parts,
        format_func=lambda part: words(f"part_{part}"),
        default=parts[0],
        required=True,
        key="team_part",
        label_visibility="collapsed",
        persist_state="session",
    )
    tell()
    {
        "decisions": _decisions,
        "disagreements": _disagreements,
        "agreement": _agreement,
        "workload": _workload,
        "people": _people,
    }[chosen if chosen in parts else parts[0]]()


# --- Decisions -------------------------------------------------------------------------------------------------------


def _decisions() -> None:
    person, store = installation.person(), installation.store()
    acts = person.may("moderator")
    with st.container(horizontal=True, vertical_alignment="bottom", key="team_choice"):
        whose = "everyone"
        if acts:
            whose = _choice("whose", ["mine", "everyone"])
        which = _choice("which", ["standing", "everything"])
        action = _select("action", [ANY, *ACTS[: 2 if which == "standing" else 5]], lambda one: words(f"act_{one}"))
        label = _select("label", [ANY, *LABELS], lambda one: LABEL_BY_NAME[one].title)
        st.space("stretch")
        if acts:
            st.button(
                words("undo"),
                shortcut="U",
                key=f"undo_latest_{state.undone}",
                icon=":material/undo:",
                on_click=take_back,
                args=(f"undo:{state.nonce}:team:{state.undone}",),
            )
        with st.popover(words("export"), icon=":material/download:"):
            _export(person.name if whose == "mine" else None)
    key = (whose, which, action, label)
    if state.get("team_asked") != key:
        state.team_asked, state.team_shown = key, PAGE
    found = store.reviews(
        standing=which == "standing",
        moderator=person.name if whose == "mine" else None,
        action=None if action == ANY else action,
        label=None if label == ANY else label,
        limit=state.team_shown + 1,
    )
    if not found:
        kind = "none_decided" if action == label == ANY else "none_matching"
        st.html(markup.empty(words(kind), words(f"{kind}_todo")))
        return
    shown = found[: state.team_shown]
    written = _written(review.comment_id for review in shown)
    for review in shown:
        _row(review, *written[review.comment_id], names=whose == "everyone", acts=acts)
    if len(found) > len(shown):
        st.button(words("more"), key="team_more", on_click=_more)


def _choice(name: str, options: Sequence[str]) -> str:
    return str(
        st.segmented_control(
            words(name),
            options,
            format_func=words,
            default=options[0],
            required=True,
            key=f"team_{name}",
            persist_state="session",
        )
    )


def _select(name: str, options: Sequence[str], named: Callable[[str], str]) -> str:
    return str(
        st.selectbox(
            words(name),
            options,
            format_func=lambda one: words(f"any_{name}") if one == ANY else named(one),
            key=f"team_{name}",
            width=210,
            persist_state="session",
        )
    )


def _more() -> None:
    state.team_shown += PAGE


def _written(ids: Iterable[str]) -> dict[str, tuple[object, object]]:
    comments = installation.store().batch(list(dict.fromkeys(ids))).comments
    columns = (comments[name] for name in ("id", "author", "text"))
    return {name: (author, text) for name, author, text in zip(*columns, strict=True)}


def _row(review: Review, author: object, text: object, *, names: bool, acts: bool) -> None:
    text_side, button_side = st.columns([7, 1.6], vertical_alignment="center")
    with text_side:
        about = [f"<span>{escape(when(review.at))}</span>"]
        if names:
            about.insert(0, markup.foreign(review.moderator, name="who"))
        if review.act is not None:
            about.append(f"<span>{escape(words('of_many'))}</span>")
        st.html(
            f'<div class="decision {escape(review.action)}"><div class="what">'
            f"<b>{escape(words(f'act_{review.action}'))}</b>"
            f'<span class="small about">{"".join(about)}</span></div>'
            f'<div class="which"><div class="small">{markup.foreign(author, missing=words("nobody_named"))}</div>'
            f"{markup.foreign(markup.shortened(text, 240), tag='div', name='line', missing=words('no_text'))}"
            f'{_note(review)}</div><div class="said">{_said(review)}</div></div>'
        )
    with button_side, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if acts and review.action != "undo":
            label = words("again")
            if st.button(label, key=f"again_{review.id}", icon=":material/edit:", type="tertiary", help=None):
                reopen(review)
                st.switch_page(QUEUE)
        st.download_button(
            words("appeal"),
            data=_page_of(review.comment_id),
            file_name="decision.html",
            mime="text/html",
            key=f"appeal_{review.id}",
            icon=":material/description:",
            type="tertiary",
            on_click="ignore",
        )


def _said(review: Review) -> str:
    said = [(label, review.labels[label]) for label in LABELS if review.labels.get(label) is not None]
    if not said:
        none = f'<span class="small">{escape(words("no_labels"))}</span>'
        return none if review.action in {"approve", "reject"} else ""
    return "".join(
        f'<span class="tag {"yes" if value else "no"}">{escape(LABEL_BY_NAME[label].title)} '
        f"<b>{escape(words('yes' if value else 'no'))}</b></span>"
        for label, value in said
    )


def _note(review: Review) -> str:
    if not review.note:
        return ""
    before, _between, behind = escape(words("note")).partition("{note}")
    return f'<div class="small">{before}{markup.foreign(review.note)}{behind}</div>'


def _page_of(comment_id: str) -> Callable[[], str]:
    def made() -> str:
        # A download has no page to say a fault on: without the model the page lacks the words, and is whole otherwise.
        store, policy = installation.opened(), installation.policy()
        newest, scorer = store.decision(comment_id), None
        if newest is not None:
            with suppress(ModerationError):
                scorer = installation.classifier(newest.model)
        return appeal(store, comment_id, now=installation.now(), thresholds=thresholds_of(policy), scorer=scorer)

    return made


# --- Export ----------------------------------------------------------------------------------------------------------


def _export(moderator: str | None) -> None:
    st.caption(words("export_about"))
    today = installation.now().date()
    first = st.date_input(words("export_since"), today - timedelta(days=90), key="team_since", max_value=today)
    last = st.date_input(words("export_until"), today, key="team_until", max_value=today)
    with st.container(horizontal=True):
        for suffix, mime in MIME.items():
            st.download_button(
                suffix.upper() if suffix != "parquet" else "Parquet",
                data=_file_of(suffix, moderator, first, last),
                file_name=f"decisions.{suffix}",
                mime=mime,
                key=f"export_{suffix}",
                on_click="ignore",
            )


def _file_of(suffix: str, moderator: str | None, first: object, last: object) -> Callable[[], bytes]:
    def made() -> bytes:
        since = _midnight(first) if isinstance(first, date) else None
        until = _midnight(last) + timedelta(days=1) if isinstance(last, date) else None
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / f"decisions.{suffix}"
            write_audit(installation.opened(), out, moderator=moderator, since=since, until=until)
            return out.read_bytes()

    return made


def _midnight(day: date) -> datetime:
    return datetime.combine(day, clock(), tzinfo=UTC)


# --- Disagreements ---------------------------------------------------------------------------------------------------


def _disagreements() -> None:
    store, acts = installation.store(), installation.person().may("moderator")
    found = store.disagreements(limit=PAGE)
    if not found:
        st.html(markup.empty(words("none_differ"), words("none_differ_todo")))
        return
    written = _written(pair.comment_id for pair in found)
    for number, pair in enumerate(found):
        with st.container(border=True, key=f"pair_{number}"):
            _pair(pair, *written[pair.comment_id])
            if acts and st.button(words("settle"), key=f"settle_{pair.kind}_{pair.second.id}", type="tertiary"):
                reopen(pair.first)
                st.switch_page(QUEUE)


def _pair(pair: Disagreement, author: object, text: object) -> None:
    standing = installation.store().reviews(comment_id=pair.comment_id)
    since = ""
    if not standing:
        since = escape(words("undone_since"))
    elif standing[0].id != pair.first.id:
        what = words(f"act_{standing[0].action}")
        before, _between, behind = escape(words("stands_now", who="\0", what=what)).partition("\0")
        since = f"{before}{markup.foreign(standing[0].moderator)}{behind}"
    sides = "".join(
        f'<div class="side {escape(said.action)}"><div class="small">{escape(words(key))}</div>'
        f"<div>{markup.foreign(said.moderator, name='who')} <b>{escape(words(f'act_{said.action}'))}</b> "
        f'<span class="small">{escape(when(said.at))}</span></div>'
        f'<div class="said">{_said(said)}</div>{_note(said)}</div>'
        for key, said in (("first_said", pair.first), ("second_said", pair.second))
    )
    st.html(
        f'<article class="pair"><div class="small"><span class="badge">{escape(words(f"kind_{pair.kind}"))}</span> '
        f"{markup.foreign(author, missing=words('nobody_named'))}</div>"
        f"{markup.foreign(markup.shortened(text, 600), tag='div', name='body', missing=words('no_text'))}"
        f'<div class="sides">{sides}</div><div class="small since">{since}</div></article>'
    )


# --- Agreement -------------------------------------------------------------------------------------------------------


def _agreement() -> None:
    pairs = installation.store().disagreements(differing=False, limit=None)
    if pairs:
        st.caption(words("agreement_about"))
        both = [(_answers(pair.first), _answers(pair.second)) for pair in pairs]
        rows = agreement(both, ["decision", *LABELS])
        st.html(_agreement_table([row for row in rows if row.n or row.question == "decision"]))
    else:
        st.html(markup.empty(words("none_agreed"), words("none_agreed_todo")))
    if installation.person().may("lead"):
        share = float(installation.opened().preferences("").get("second_share", 0.0))
        options = sorted({*SHARES, share})
        with st.container(border=True, key="team_share_box", width=560):
            st.select_slider(
                words("share"),
                options,
                value=share,
                format_func="{:.0%}".format,
                key="team_share",
                on_change=_keep_share,
            )
            st.caption(words("share_about"))


def _keep_share() -> None:
    def act() -> None:
        installation.store().put_preference("", "second_share", float(state.team_share), at=installation.now())
        state.notice = words("share_kept")

    safely(act)


def _answers(review: Review) -> dict[str, bool]:
    said = {label: value for label, value in review.labels.items() if value is not None}
    return said | {"decision": review.action == "reject"}


def _agreement_table(rows: Sequence[Agreement]) -> str:
    lines = []
    for row in rows:
        title = words("decision_question") if row.question == "decision" else LABEL_BY_NAME[row.question].title
        if row.raw is None or row.low is None or row.high is None:
            lines.append(f'<tr><th scope="row">{escape(title)}</th><td class="n">0</td><td></td><td></td></tr>')
            continue
        spoken = f"{row.raw:.0%} ({row.low:.0%}–{row.high:.0%})"
        bar = (
            f'<span class="track" aria-hidden="true"><i style="left:{100 * row.low:.1f}%;'
            f'width:{100 * (row.high - row.low):.1f}%"></i><u style="left:{100 * row.raw:.1f}%"></u></span>'
        )
        beyond = f"{row.alpha:.2f}" if row.alpha is not None and row.n >= FEWEST else escape(words("agreement_few"))
        lines.append(
            f'<tr><th scope="row">{escape(title)}</th><td class="n">{row.n:,}</td><td>{bar}'
            f'<span class="told">{escape(spoken)}</span></td><td>{beyond}</td></tr>'
        )
    head = "".join(
        f'<th scope="col"{" class=n" * (key == "agreement_pairs")}>{escape(words(key))}</th>'
        for key in ("agreement_question", "agreement_pairs", "agreement_same")
    )
    about = escape(words("agreement_alpha_about"))
    head += f'<th scope="col" title="{about}">{escape(words("agreement_alpha"))}</th>'
    return (
        f'<table class="team agreement"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
        f'<p class="small">{about}</p>'
    )


# --- Work ------------------------------------------------------------------------------------------------------------


def _workload() -> None:
    url = installation.settings().store_url
    ages = _ages(url, int(installation.now().timestamp()) // FRESH_S)
    left, right = st.columns(2, gap="large")
    with left:
        st.html(f'<h3 class="part">{escape(words("waiting"))}</h3>{_age_bars(ages)}')
    done = installation.store().workload(since=_midnight(installation.now().date() - timedelta(days=DAYS - 1)))
    answers = done[done["action"].isin(["approve", "reject"])]
    with right:
        st.html(f'<h3 class="part">{escape(words("done"))}</h3>')
        if answers.empty:
            st.html(f'<p class="small">{escape(words("nothing_done", days=DAYS))}</p>')
        else:
            st.html(_day_bars(answers))
    if not done.empty:
        st.html(f'<h3 class="part">{escape(words("done_by", days=DAYS))}</h3>{_person_table(done)}')


@st.cache_data(show_spinner=False, max_entries=8)
def _ages(url: str, _moment: int) -> list[int]:  # noqa: ARG001 - the store and the half-minute it was counted in
    now = installation.now()
    edges = [now - timedelta(days=30), now - timedelta(days=7), now - timedelta(days=1)]
    return installation.opened().ageing(edges)


def _age_bars(ages: Sequence[int]) -> str:
    most = max(1, *ages)
    rows = "".join(
        f'<li><span>{escape(words(key))}</span><span class="track" aria-hidden="true">'
        f'<i style="width:{100 * number / most:.1f}%"></i></span><b>{number:,}</b></li>'
        for key, number in zip(("age_day", "age_week", "age_month", "age_older"), reversed(ages), strict=True)
    )
    return f'<ul class="age">{rows}</ul><p class="small">{escape(words("waiting_total", n=sum(ages)))}</p>'


def _day_bars(answers: pd.DataFrame) -> str:
    by_day = answers.groupby("day")["number"].sum()
    first = installation.now().date() - timedelta(days=DAYS - 1)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    numbers = [int(by_day.get(pd.Timestamp(_midnight(day)), 0)) for day in days]
    most = max(1, *numbers)
    bars = "".join(
        f'<li title="{day.day} {day:%b}: {number:,}"><i style="height:{100 * number / most:.1f}%"></i></li>'
        for day, number in zip(days, numbers, strict=True)
    )
    ends = f"<span>{days[0].day} {days[0]:%b}</span><span>{days[-1].day} {days[-1]:%b}</span>"
    total = escape(f"{sum(numbers):,} {words('total')}")
    return (
        f'<ul class="days" role="img" aria-label="{total}">{bars}</ul>'
        f'<div class="small ends">{ends}</div><p class="small">{total}</p>'
    )


def _person_table(done: pd.DataFrame) -> str:
    by = done.pivot_table(index="moderator", columns="action", values="number", aggfunc="sum", fill_value=0)
    sums = {action: by[action] if action in by else 0 * by.sum(axis=1) for action in ACTS[:4]}
    total = sums["approve"] + sums["reject"]
    head = f'<th scope="col">{escape(words("person"))}</th>' + "".join(
        f'<th scope="col" class="n">{escape(words(key))}</th>'
        for key in ("total", "approved", "rejected", "skipped", "passed_on")
    )
    lines = "".join(
        f'<tr><th scope="row">{markup.foreign(who)}</th><td class="n">{int(total[who]):,}</td>'
        + "".join(f'<td class="n">{int(sums[action][who]):,}</td>' for action in ACTS[:4])
        + "</tr>"
        for who in total.sort_values(ascending=False).index
    )
    table = f'<table class="team"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
    return markup.scrolled(table)


# --- People ----------------------------------------------------------------------------------------------------------


def _people() -> None:
    if installation.is_open():
        st.html(markup.callout("warning", words("open_desk"), action=words("open_desk_todo")))
        return
    st.caption(words("roles_about"))
    own = installation.person().name
    for account in installation.store().accounts():
        _account(account, own=account.name == own)
    with st.form("add_person", clear_on_submit=True, width=560):
        st.markdown(f"**{words('add_person')}**")
        st.text_input(words("new_name"), key="new_name", max_chars=100)
        label = words("new_password", letters=access.SHORTEST_PASSWORD)
        st.text_input(label, key="new_password", type="password", autocomplete="new-password")
        st.selectbox(words("new_role"), ROLES, index=1, key="new_role", format_func=lambda role: words(f"role_{role}"))
        st.form_submit_button(words("add"), on_click=_add, type="primary")


def _account(account: Account, *, own: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True, key=f"account_{account.stamp}"):
        you = f' <span class="badge">{escape(words("you"))}</span>' if own else ""
        before, _between, behind = escape(words("since", when=when(account.at), who="\0")).partition("\0")
        st.html(
            f'<div class="account"><b>{markup.foreign(account.name)}</b>{you}'
            f'<span class="small">{before}{markup.foreign(account.by)}{behind}</span></div>',
            width="stretch",
        )
        st.selectbox(
            words("role"),
            ROLES,
            index=ROLES.index(account.role) if account.role in ROLES else 0,
            key=f"role_{account.stamp}",
            format_func=lambda role: words(f"role_{role}"),
            label_visibility="collapsed",
            width=170,
            on_change=_change_role,
            args=(account,),
            disabled=own,
        )
        with st.popover(words("remove"), disabled=own):
            before, _between, behind = escape(words("remove_sure", who="\0")).partition("\0")
            st.html(f"<p>{before}{markup.foreign(account.name)}{behind}</p>")
            st.button(
                words("remove"), key=f"remove_{account.stamp}", on_click=_remove, args=(account.name,), type="primary"
            )


def _add() -> None:
    def act() -> None:
        name = state.new_name.strip()
        access.add_person(
            installation.store(),
            name,
            state.new_role,
            state.new_password,
            by=installation.moderator(),
            at=installation.now(),
        )
        state.notice = words("added", who=_tame(name))

    safely(act)


def _change_role(account: Account) -> None:
    def act() -> None:
        role = state[f"role_{account.stamp}"]
        access.change_role(installation.store(), account.name, role, by=installation.moderator(), at=installation.now())
        state.notice = words("role_changed")

    safely(act)


def _remove(name: str) -> None:
    def act() -> None:
        access.remove_person(installation.store(), name, by=installation.moderator(), at=installation.now())
        state.notice = words("removed", who=_tame(name))

    safely(act)


def _tame(name: str) -> str:
    # A toast reads Markdown.
    return "".join(letter if letter.isalnum() or letter in " .@-" else "·" for letter in name)


if __name__ == "__main__":
    draw()
