"""Review: a queue in, one comment at a time, a person's answer into the store out; every act has a key.

Three rules keep fast fingers safe. Every act names the comment and the version it was drawn for, and the store
refuses what no longer fits. The buttons' names hold that version too, so a press that comes late meets a button that
is gone. And the text is drawn before its buttons, so no button ever stands beside a text it does not belong to.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from html import escape
from typing import Any, Final

import pandas as pd
import streamlit as st

from moderation import jobs, triage
from moderation.desk import installation, keyboard, markup, passage, work
from moderation.desk.answers import KEYS, LABEL_BY_NAME, Action, answers, following, question, saying
from moderation.desk.highlight import marked
from moderation.desk.installation import told
from moderation.desk.session import begin, by_label, safely, take_back, tell, when
from moderation.errors import ModerationError
from moderation.labels import ABUSE, FLAGS, LABELS
from moderation.policy import Reason
from moderation.store import ORDERS, Store
from moderation.tables import COMMENTS, Batch
from moderation.triage import Card, Lens

__all__ = ["draw"]

state = st.session_state

ANY: Final = "any"
ORDER_TITLES: Final[Mapping[str, str]] = {
    "strongest": "Strongest",
    "uncertain": "Most uncertain",
    "oldest": "Oldest",
    "audit": "Audit sample",
}
SHOWN: Final = {"all": "All comments", "held": "Held by the policy"}
STEPS: Final = (("Next", "J", 1, ":material/arrow_downward:"), ("Back", "K", -1, ":material/arrow_upward:"))
AUDIT_EVERY: Final = 20  # every so many answers, one comment is drawn at random from all
WIDE: Final = 40  # comments of a thread that can be unfolded: each one is sent with every card
LINE: Final = 10  # comments in the list beside the card
SIGNS: Final = {True: ":material/check_circle:", False: ":material/cancel:", None: ":material/radio_button_unchecked:"}
WORDS: Final = {True: "yes", False: "no", None: "open"}
TURNED: Final = (
    '<span class="turned" title="it holds characters that turn the order of reading round">⇄ not as it reads</span>'
)
SAYING: Final[tuple[tuple[str, Action], ...]] = (("A", "approve"), ("X", "reject"))
DECIDED: Final = {"approve": "approved", "reject": "rejected", "allow": "allowed", "review": "to review"}


@told
def draw() -> None:
    """Draw the page."""
    begin()
    store, model = installation.store(), installation.model()
    counts = store.counts(model)
    if not counts.comments:
        st.html(
            markup.empty(
                "No comments yet",
                "Read an export or a saved page with the command below, or upload one on the Batch page.",
                command="moderation ingest PATH",
            )
        )
        return
    _toolbar()
    work.offer_scoring(counts.comments - counts.scored)
    _desk()


# --- Above the card --------------------------------------------------------------------------------------------------


def _toolbar() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="toolbar"):
        st.selectbox(
            "Queue",
            [ANY, *LABELS],
            format_func=lambda label: "Any flag" if label == ANY else LABEL_BY_NAME[label].title,
            key="queue",
            on_change=_elsewhere,
            width=190,
            label_visibility="collapsed",
            persist_state="session",
            filter_mode=None,
        )
        st.segmented_control(
            "Order",
            list(ORDERS),
            format_func=lambda order: ORDER_TITLES[order],
            default=ORDERS[0],
            required=True,
            label_visibility="collapsed",
            key="order",
            on_change=_elsewhere,
            persist_state="session",
        )
        st.selectbox(
            "Show",
            list(SHOWN),
            format_func=lambda which: SHOWN[which],
            key="shown",
            on_change=_elsewhere,
            width=190,
            label_visibility="collapsed",
            persist_state="session",
            filter_mode=None,
        )
        st.space("stretch")
        who = markup.foreign(installation.settings().moderator)
        st.html(f'<div class="small" title="whose decisions these are">{who}</div>', width="content")
        st.button("Keys", shortcut="H", key="help", icon=":material/keyboard:", on_click=_help, type="tertiary")
    if state.helping:
        _show_help()


def _lens() -> Lens:
    label = state.get("queue", ANY)
    return Lens(None if label == ANY else label, state.get("order") or ORDERS[0])


def _actions() -> tuple[str, ...] | None:
    return ("review", "reject") if state.get("shown") == "held" else None


def _elsewhere() -> None:
    state.at, state.again = None, False


def _help() -> None:
    state.helping = True


def _no_help() -> None:
    state.helping = False


@st.dialog("Keys", on_dismiss=_no_help)
def _show_help() -> None:
    rows = [
        ("A", "Approve, and go on"),
        ("X", "Reject, and go on"),
        ("S", "Skip: leave it undecided; you see it again when you ask for it"),
        ("U", "Undo; again for the one before"),
        *((KEYS[label], f"{LABEL_BY_NAME[label].title}: yes, no, open") for label in LABELS),
        ("J K", "Look at the next or the previous comment, deciding nothing"),
        ("N", "Write a note; Enter keeps it"),
        ("H", "These keys"),
    ]
    st.html(
        '<div class="keys">'
        + "".join(
            f"<div>{''.join(f'<kbd>{escape(key)}</kbd> ' for key in keys.split())}</div><div>{escape(what)}</div>"
            for keys, what in rows
        )
        + "</div>"
    )


# --- The card, its queue and what stands around it -------------------------------------------------------------------


@st.fragment
@told
def _desk() -> None:
    store, model = installation.store(), installation.model()
    thresholds = jobs.thresholds_of(installation.policy())
    lens = _lens()
    card = _card(store, lens, model, thresholds)
    tell()
    left, middle, right = st.columns([1.05, 2.45, 1.2], gap="small")
    # The middle first: what the moderator waits for is on the screen before the lists beside it are asked for.
    with middle, st.container(border=True, key="card"):
        if card is None:
            _nothing_left(store, lens, model)
        else:
            asked = question(lens.label, by_label(card.scores))
            _comment(card, model, asked, thresholds)
            _labels(card, asked, thresholds)
            _acts(card, asked)
    with left, st.container(border=True, key="queue_panel"):
        _queue(_line(store, lens, model, thresholds), None if card is None else card.comment_id, store, model)
    if card is not None:
        with right, st.container(key="context"):
            _context(card)
    keyboard.listen(f"{lens} {_actions()}", on_open=_open)
    if card is not None:
        _read_ahead(store, lens, model, card)


def _line(store: Store, lens: Lens, model: str, thresholds: Mapping[str, float]) -> pd.DataFrame:
    line = triage.preview(
        store,
        lens,
        model,
        LINE,
        threshold=_threshold(lens, thresholds),
        actions=_actions(),
        skipped_by=None if state.again else installation.settings().moderator,
        now=installation.now(),
    )
    state.line = list(line["id"])
    return line


def _threshold(lens: Lens, thresholds: Mapping[str, float]) -> float:
    return thresholds.get(lens.label or "", 0.5)


def _card(store: Store, lens: Lens, model: str, thresholds: Mapping[str, float]) -> Card | None:
    moderator, now = installation.settings().moderator, installation.now()
    if state.at is None and state.again:
        left = _line(store, lens, model, thresholds)
        state.at = next(iter(left["id"]), None)
        state.again = state.at is not None
    # Taken out for the while: should the comment be gone from the store, the next run draws from the queue.
    chosen, state.at = state.at, None
    going_on, state.going_on = state.going_on, False
    card = None if chosen is None else _chosen(store, lens, model, chosen, going_on=going_on)
    if card is None:
        card = triage.next_for(
            moderator,
            store,
            lens,
            model=model,
            now=now,
            threshold=_threshold(lens, thresholds),
            audit_every=AUDIT_EVERY,
            actions=_actions(),
        )
    if card is not None:
        # Held until it is answered: a stronger one that comes in meanwhile must not change the page under the hand.
        state.at, state.audited = card.comment_id, card.comment_id if card.audit else None
        state.ready[card.comment_id] = (model, card)
    return card


def _chosen(store: Store, lens: Lens, model: str, chosen: str, *, going_on: bool) -> Card | None:
    """Return the card of a comment in hand; None where somebody else got to it while we were `going_on` to it."""
    free = store.claim(chosen, installation.settings().moderator, now=installation.now())
    if not free and going_on:
        return None
    if not free:
        st.toast("Another moderator has this comment open.", icon=":material/group:")
    if (card := _ready(store, lens, model, chosen)) is not None:
        return card
    if going_on and store.reviews(comment_id=chosen, limit=1):
        return None
    return triage.card_for(store, chosen, model, lens=lens, audit=chosen == state.audited)


def _ready(store: Store, lens: Lens, model: str, chosen: str) -> Card | None:
    """Return the card that was read before, if nothing has happened to its comment since."""
    made_for, card = state.ready.get(chosen, (None, None))
    if card is None or made_for != model or card.scores.empty or not card.lens.startswith(str(lens)):
        return None
    return card if store.version(chosen) == card.seen else None


def _read_ahead(store: Store, lens: Lens, model: str, card: Card) -> None:
    # While the moderator reads this card, the next one is made ready: that is a third of the wait after a key.
    behind = _after(card.comment_id)
    state.ready = {name: kept for name, kept in state.ready.items() if name in {card.comment_id, behind}}
    if behind is not None and behind not in state.ready:
        ahead = triage.card_for(store, behind, model, lens=lens)
        state.ready[behind] = (model, ahead)
        with suppress(ModerationError):  # whatever it is, it will be said when that card is drawn
            _explained(ahead, model, question(lens.label, by_label(ahead.scores)))


def _nothing_left(store: Store, lens: Lens, model: str) -> None:
    skipped = store.queue(model=model, label=lens.label, order=lens.order, limit=1, actions=_actions())
    if len(skipped):
        todo = "Look at those again, or choose another queue above."
        st.html(markup.empty("Nothing left but what you skipped", todo))
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.button("Show skipped comments", key="again", on_click=_again, type="primary")
    else:
        st.html(
            markup.empty(
                "This queue is empty",
                "Choose another queue above, or read in more comments.",
                command="moderation ingest PATH",
            )
        )
    with st.container(horizontal=True, horizontal_alignment="center"):
        _undo_button(f"none{state.undone}")


def _again() -> None:
    state.again, state.at = True, None


def _comment(card: Card, model: str, asked: str | None, thresholds: Mapping[str, float]) -> None:
    comment = card.batch.comments.iloc[0]
    scores = by_label(card.scores)
    text = str(comment["text"])
    try:
        spans = _explained(card, model, asked)
    except ModerationError as error:
        # Stored scores and a person's own eyes are enough to decide by; that the model is damaged must be said.
        st.html(markup.callout("error", str(error), action="No words are explained until this is mended."))
        spans = []
    title = LABEL_BY_NAME[asked].title if asked else ""
    shown = text[: markup.LONGEST_SHOWN]
    cut = f"The first {len(shown):,} of {len(text):,} characters." if len(shown) < len(text) else ""
    kind = markup.plain(comment["kind"])
    about = [
        markup.foreign(comment["author"], name="who", missing="no name given"),
        f"<span>{escape(when(comment['posted_at']))}</span>",
        f"<span>{escape(kind)}</span>" if kind in {"pingback", "trackback"} else "",
        _before(card),
        TURNED if markup.turned(comment["author"]) or markup.turned(text) else "",
        '<span title="drawn at random from all comments, so that the numbers speak for all">random check</span>'
        if card.audit
        else "",
    ]
    body = '<div class="body" dir="auto" tabindex="0" role="article" aria-live="polite">'
    st.html(
        f'<div class="comment" data-comment="{_token(card)}">{_asks(asked, scores, thresholds)}'
        f'<div class="about">{"".join(about)}</div>{body}{marked(shown, spans, title)}</div>'
        f'<div class="cut">{cut}</div>{_why(spans, title)}{_decided(card)}</div>'
    )


def _before(card: Card) -> str:
    if not card.seen:
        return ""
    standing = installation.store().reviews(comment_id=card.comment_id, limit=1)
    if not standing:
        return ""
    last = standing[0]
    words = f"{DECIDED[last.action]} by {last.moderator}, {when(last.at)}; your answer replaces that"
    return f'<span class="right">{markup.foreign(words)}</span>'


def _asks(asked: str | None, scores: Mapping[str, float], thresholds: Mapping[str, float]) -> str:
    if asked is None:
        return '<div class="asks">No score yet: read it with your own eyes</div>'
    label = LABEL_BY_NAME[asked]
    value = scores.get(asked)
    over = value is not None and value >= thresholds.get(asked, 2.0)  # never so for NaN
    return (
        f'<div class="asks{" over" if over else ""}"><span>{escape(label.title)}?</span>'
        f'<span class="p">{escape(markup.percent(value))}</span></div>'
        f'<div class="means">Yes: {escape(label.yes)}. No: {escape(label.no)}.</div>'
    )


def _explained(card: Card, model: str, asked: str | None) -> list[Any]:
    known: dict[tuple[str, str, str | None], list[Any]] = state.explained
    key = (card.comment_id, model, asked)
    if key in known:
        return known[key]
    spans: list[Any] = []
    classifier = installation.classifier(model)
    if asked is not None and asked in classifier.labels:
        names = [column.name for column in COMMENTS]
        place = int((card.thread["id"] == card.comment_id).to_numpy(dtype=bool).argmax())
        earlier = pd.concat([card.context.comments, card.thread.iloc[:place][names]]).drop_duplicates("id")
        batch = Batch(card.batch.comments, card.batch.articles)
        spans = list(classifier.explain(batch, asked, earlier.reset_index(drop=True))[0].spans)
    while len(known) > 1:  # the card in hand and the one read ahead
        known.pop(next(iter(known)))
    known[key] = spans
    return spans


def _why(spans: list[Any], title: str) -> str:
    other = sorted((span for span in spans if span.begin is None), key=lambda span: -abs(span.weight))
    chips = "".join(
        f'<span class="chip {"for" if span.weight > 0 else "against"}">{escape(span.name)} '
        f"<b>{span.weight:+.1f}</b></span>"
        for span in other[:3]
        if abs(span.weight) >= 0.1
    )
    meaning = f"what else speaks for (+) or against (−) {title}"
    return f'<div class="why" title="{escape(meaning)}">also {chips}</div>' if chips else ""


def _decided(card: Card) -> str:
    if card.decision is None:
        return ""
    reasons = [_reason(Reason.from_dict(reason)) for reason in card.decision.reasons]
    more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    told_reasons = "; ".join(reasons[:3]) + more if reasons else "no limit reached"
    return (
        f'<div class="why" title="{escape("; ".join(reasons))}">policy: '
        f"<b>{escape(card.decision.action)}</b> {escape(told_reasons)}</div>"
    )


def _reason(reason: Reason) -> str:
    title = LABEL_BY_NAME[reason.label].title if reason.label is not None else ""
    match reason.code:
        case "threshold":
            return f"{title} {markup.percent(reason.probability)}, limit {markup.percent(reason.threshold)}"
        case "unscored" | "silent":
            return f"{title} has no score"
        case _:
            return f"rule {reason.rule}"


def _labels(card: Card, asked: str | None, thresholds: Mapping[str, float]) -> None:
    scores, touched, token = by_label(card.scores), state.touched.get(card.comment_id, {}), _token(card)
    legend = '<div class="small">Digits: yes, no, open. Tick: the policy’s limit.</div>'
    for group, side in zip((FLAGS, ABUSE), st.columns(2, gap="medium"), strict=True):
        with side:
            names, values = st.columns([1.25, 1], gap="small", wrap=False)
            with values:
                st.html(markup.bars(scores, thresholds, group, asked=asked))
            if group is FLAGS:
                st.html(legend)
            with names, st.container(gap=None, key=f"labels_{group[0]}"):
                for label in group:
                    now: bool | None = touched.get(label)
                    st.button(
                        LABEL_BY_NAME[label].title,
                        shortcut=KEYS[label],
                        key=f"label_{WORDS[now]}_{label}_{token}",
                        icon=SIGNS[now],
                        on_click=_touch,
                        args=(card.comment_id, label, following(now)),
                        disabled=state.helping,
                        width="stretch",
                    )


def _acts(card: Card, asked: str | None) -> None:
    touched, token = state.touched.get(card.comment_id, {}), _token(card)
    with st.container(horizontal=True, vertical_alignment="center", key="acts"):
        _act("Approve", "A", "approve", card, asked, icon=":material/check:", type="primary")
        _act("Reject", "X", "reject", card, asked, icon=":material/block:")
        _act("Skip", "S", "skip", card, asked, icon=":material/skip_next:", type="tertiary")
        _undo_button(token)
        st.text_input(
            "Note",
            key=f"note_{token}",
            placeholder="Note (N)",
            label_visibility="collapsed",
            max_chars=2000,
        )
    st.html(
        '<div class="says">'
        + "".join(
            f"<span><kbd>{key}</kbd> {action} says: <b>{escape(saying(action, asked, touched))}</b></span>"
            for key, action in SAYING
        )
        + "</div>"
    )


def _act(title: str, key: str, action: Action, card: Card, asked: str | None, **looks: Any) -> None:
    st.button(
        title,
        shortcut=key,
        key=f"{action}_{_token(card)}",
        on_click=_decide,
        args=(card, action, asked, _token(card)),
        disabled=state.helping,
        **looks,
    )


def _undo_button(token: str) -> None:
    st.button(
        "Undo",
        shortcut="U",
        key=f"undo_{token}_{state.undone}",
        icon=":material/undo:",
        on_click=take_back,
        args=(f"undo:{state.nonce}:{token}:{state.undone}",),
        disabled=state.helping,
        type="tertiary",
    )


def _queue(line: pd.DataFrame, here: str | None, store: Store, model: str) -> None:
    counts = store.counts(model)
    st.html(
        f'<div class="panel"><h3>Next up</h3><div class="small">{counts.waiting:,} waiting · '
        f"{counts.reviewed:,} decided</div></div>"
    )
    if not len(line):
        return
    columns = (line[name] for name in ("id", "author", "text", "probability"))
    rows = [
        {"head": author, "side": markup.percent(share), "text": text, "here": name == here, "place": place}
        for place, (name, author, text, share) in enumerate(zip(*columns, strict=True))
    ]
    st.html(markup.row_list(rows, name="rows queue"))
    token = hashlib.blake2b("\x1f".join([here or "", *line["id"]]).encode(), digest_size=6).hexdigest()
    with st.container(horizontal=True, key="steps"):
        for title, key, step, icon in STEPS:
            st.button(
                title,
                shortcut=key,
                key=f"step_{key}_{token}",
                icon=icon,
                on_click=_step,
                args=(here, step),
                disabled=state.helping,
                type="tertiary",
            )


def _context(card: Card) -> None:
    comment = card.batch.comments.iloc[0]
    parts = [_article(card, str(comment["text"])), _author(card, comment), _thread(card)]
    st.html("".join(f'<div class="panel box">{part}</div>' for part in parts if part))


def _article(card: Card, text: str) -> str:
    if card.batch.articles.empty:
        return '<h3>Article</h3><div class="small">not known</div>'
    article = card.batch.articles.iloc[0]
    body = (markup.plain(article["text"]) or "")[: 10 * markup.LONGEST_SHOWN]
    near = passage.nearest(text, body)
    first = next(iter(passage.paragraphs(body[:5000])), None)
    heading = "Nearest passage" if near else "Beginning"
    quote = near or first
    byline = " · ".join(
        part for part in (markup.foreign(article["author"]) if markup.plain(article["author"]) else "",
                          escape(when(article["published_at"]))) if part
    )  # fmt: skip
    return (
        f"<h3>Article</h3>{markup.foreign(article['title'], tag='div', name='name', missing='no title')}"
        + (f'<div class="small">{byline}</div>' if byline else "")
        + (f'<div class="small gap">{heading}</div>{markup.foreign(quote, tag="div", name="quote")}' if quote else "")
        + (
            f"<details><summary>Whole article</summary>{markup.foreign(body, tag='div', name='whole')}</details>"
            if body
            else ""
        )
    )


def _author(card: Card, comment: pd.Series) -> str:
    history = card.history
    told_before = history["action"].dropna().value_counts()
    summary = ", ".join(f"{count} {DECIDED.get(str(action), str(action))}" for action, count in told_before.items())
    latest = (history[name].head(5) for name in ("posted_at", "action", "text"))
    rows = [
        {"head": when(at) or "no date", "side": DECIDED.get(action, action) if action else "", "text": text}
        for at, action, text in ((at, markup.plain(action), text) for at, action, text in zip(*latest, strict=True))
    ]
    link = markup.foreign(comment["author_url"], tag="div", name="small") if markup.plain(comment["author_url"]) else ""
    if markup.plain(comment["author"]) is None:
        return '<h3>Author</h3><div class="small">no name given, so no history</div>'
    before = f"{len(history):,}{'+' if len(history) >= 49 else ''} other comment{'s' if len(history) != 1 else ''}"
    return (
        f"<h3>Author</h3>{markup.foreign(comment['author'], tag='div', name='name')}{link}"
        f'<div class="small">{before if len(history) else "first comment seen here"}'
        f"{': ' + escape(summary) if summary else ''}</div>"
        + (f"<details><summary>What they wrote</summary>{markup.row_list(rows)}</details>" if rows else "")
    )


def _thread(card: Card) -> str:
    thread = card.thread
    if len(thread) < 2:
        return ""
    place = int((thread["id"] == card.comment_id).to_numpy(dtype=bool).argmax())
    parent = card.batch.comments["parent_id"].iloc[0]
    near = thread.iloc[max(0, place - 2) : place + 3]
    around = thread[thread["id"] == parent] if not pd.isna(parent) else thread.iloc[:0]
    shown = pd.concat([around[~around["id"].isin(near["id"])], near])
    rest = len(thread) - len(shown)
    wide = thread.iloc[max(0, place - WIDE // 2) : place + WIDE // 2]
    near_rows, wide_rows = (markup.row_list(_thread_rows(rows, card)) for rows in (shown, wide))
    title = "Whole thread" if len(wide) == len(thread) else f"{len(wide)} comments around"
    whole = f"<details><summary>{title}</summary>{wide_rows}</details>" if rest > 0 else ""
    return f"<h3>Thread, {place + 1} of {len(thread)}</h3>{near_rows}{whole}"


def _thread_rows(thread: pd.DataFrame, card: Card) -> list[dict[str, Any]]:
    return [
        {"head": row.author, "side": when(row.posted_at), "text": row.text, "deep": row.depth,
         "here": row.id == card.comment_id}
        for row in thread.itertuples()
    ]  # fmt: skip


# --- Acts ------------------------------------------------------------------------------------------------------------


def _token(card: Card) -> str:
    words = "\x1f".join([state.nonce, card.comment_id, str(card.seen)])
    return hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=10).hexdigest()


def _touch(comment_id: str, label: str, wanted: bool | None) -> None:  # noqa: FBT001 - a state, not a switch
    state.touched.setdefault(comment_id, {})[label] = wanted


def _decide(card: Card, action: Action, asked: str | None, token: str) -> None:
    def act() -> None:
        touched = state.touched.get(card.comment_id, {})
        review = card.review(
            installation.settings().moderator,
            action,
            answers(action, asked, touched),
            at=installation.now(),
            note=str(state.get(f"note_{token}") or "").strip(),
            token=token,
        )
        installation.store().add_review(review)
        state.touched.pop(card.comment_id, None)
        # What was just answered belongs to its author's history: that author's next card is to be read anew.
        author = _author_of(card)
        others = {name: kept for name, kept in state.ready.items() if author is None or _author_of(kept[1]) != author}
        state.ready = others
        # At an audit's turn, and at the end of the list, the queue draws.
        state.at = None if _audit_is_due() else _after(card.comment_id)
        state.going_on = state.at is not None

    safely(act)


def _author_of(card: Card) -> str | None:
    return markup.plain(card.batch.comments["author"].iloc[0])


def _after(comment_id: str) -> str | None:
    """Return the comment that stands behind this one in the list beside the card, which is what comes next."""
    line = state.get("line") or []
    if comment_id not in line:
        return None
    behind = line[line.index(comment_id) + 1 :]
    return behind[0] if behind else None


def _audit_is_due() -> bool:
    given = installation.store().answered_by(installation.settings().moderator)
    return not state.again and given % AUDIT_EVERY == AUDIT_EVERY - 1


def _step(here: str | None, step: int) -> None:
    line = state.get("line") or []
    if not line:
        return
    place = line.index(here) + step if here in line else 0
    state.at = line[min(max(place, 0), len(line) - 1)]


def _open(place: int) -> None:
    line = state.get("line") or []
    if 0 <= place < len(line):
        state.at = line[place]


if __name__ == "__main__":
    draw()
