"""A card in, what card.js paints of it out: plain values that travel as JSON.

Comment text goes to the browser as a value and is put on the page by `textContent` there: nothing here escapes, and
nothing there interprets. What is said in the desk's own words comes from the table of words.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import streamlit as st

from moderation.desk import markup
from moderation.desk.answers import LABEL_BY_NAME, question
from moderation.desk.highlight import Named, pieces
from moderation.desk.words import say
from moderation.labels import ABUSE, LABELS
from moderation.policy import Reason
from moderation.triage import Card

__all__ = ["SHOWN", "face", "host", "label_table", "marks", "mount"]

HERE: Final = Path(__file__).resolve().parent
SHOWN: Final = 20_000  # characters painted at once; the rest is unfolded by hand
SLOTS: Final = 3  # labels whose words are marked at once: more colours than that tell nobody anything
UNJUDGED: Final = frozenset({"unscored", "silent"})  # codes of reasons that say that nothing is known
NAMED: Final = 2  # labels that such a reason names before it counts the rest
FAINT: Final = 0.1  # log-odds below which what is no part of the text is not worth a word


def mount(data: Mapping[str, Any], *, key: str, default: Mapping[str, Any]) -> Any:
    """Put the component on the page and return what it last told."""
    component = st.components.v2.component(
        "moderation_card",
        css=(HERE / "card.css").read_text(encoding="utf-8"),
        js=(HERE / "card.js").read_text(encoding="utf-8"),
        isolate_styles=False,
    )
    return component(key=key, data=dict(data), default=dict(default), on_told_change=lambda: None)


def label_table(thresholds: Mapping[str, float], language: str) -> list[dict[str, Any]]:
    """Return what the page says about each label, in order."""
    return [
        {
            "name": name,
            "title": LABEL_BY_NAME[name].title,
            "yes": LABEL_BY_NAME[name].yes,
            "no": LABEL_BY_NAME[name].no,
            "group": "abuse" if name in ABUSE else "flags",
            "limit": thresholds.get(name),
            "limit_said": say("queue.limit_from", language, limit=markup.percent(thresholds.get(name))),
        }
        for name in LABELS
    ]


def face(
    card: Card,
    asked_of: str | None,
    thresholds: Mapping[str, float],
    *,
    language: str,
    when: Callable[[object], str],
    before: str = "",
) -> dict[str, Any]:
    """Return the part of a card that is sent ahead: everything that is needed to decide, but for what explains it."""
    comment = card.comment
    text = str(comment["text"])
    kind = markup.plain(comment["kind"])
    scores = card.probabilities
    asked = question(asked_of, scores)
    link = markup.plain(comment["author_url"])
    return {
        "id": card.comment_id,
        "seen": card.seen,
        "lens": card.lens,
        "audit": card.audit,
        "author": markup.plain(comment["author"]),
        "link": None if link is None else {"text": link[:300], "host": host(link)},
        "when": when(comment["posted_at"]),
        "kind": kind if kind in {"pingback", "trackback"} else "",
        "text": text[:SHOWN],
        "size": len(text),
        "turned": markup.turned(comment["author"]) or markup.turned(text),
        "before": before,
        "asked": asked,
        "scores": {
            name: {
                "share": min(1.0, max(0.0, value)),
                "said": markup.percent(value),
                "over": _over(name, value, thresholds),
            }
            for name, value in scores.items()
        },
        "policy": None
        if card.decision is None
        else {
            "action": card.decision.action,
            "said": say(f"queue.policy_{card.decision.action}", language),
            "reasons": _reasons([Reason.from_dict(each) for each in card.decision.reasons], language),
        },
    }  # fmt: skip


def _over(label: str, value: float, thresholds: Mapping[str, float]) -> bool:
    return value >= thresholds.get(label, 2.0)


def host(address: str) -> str:
    """Return the host that an address names, in the letters it is written in; "" for what names none."""
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""


def _reasons(reasons: Sequence[Reason], language: str) -> list[str]:
    """Return a policy's reasons in words; the labels that nothing could be said about are one of them, the last."""
    said = [_reason(each, language) for each in reasons if each.code not in UNJUDGED]
    titles = [LABEL_BY_NAME[each.label].title for each in reasons if each.code in UNJUDGED and each.label is not None]
    if len(titles) > NAMED + 1:
        more = say("queue.js_and_more", language, n=len(titles) - NAMED)
        titles = [*titles[:NAMED], more]
    return [*said, say("queue.reason_unscored", language, labels=", ".join(titles))] if titles else said


def _reason(of: Reason, language: str) -> str:
    if of.code == "threshold" and of.label is not None:
        return say(
            "queue.reason_threshold",
            language,
            label=LABEL_BY_NAME[of.label].title,
            share=markup.percent(of.probability),
            limit=markup.percent(of.threshold),
        )
    return say("queue.reason_rule", language, rule=of.rule)


def marks(text: str, spans: Mapping[str, Sequence[Named]]) -> dict[str, Any]:
    """Return a text cut at the words that made its scores, for several labels at once.

    `spans` holds one explanation per label, the one asked about first. Each word is marked for the label that it
    speaks for most; words that speak against are marked for the first label alone. The pieces join to `text` again.
    """
    names = list(spans)[:SLOTS]
    found: dict[int, tuple[int, int, float, str]] = {}
    for slot, name in enumerate(names):
        at = 0
        cut = pieces(text, spans[name])
        strongest = max((abs(piece.weight) for piece in cut), default=0.0)
        for piece in cut:
            begin, at = at, at + len(piece.text)
            if not piece.weight or (piece.weight < 0 and slot > 0):
                continue
            share = piece.weight / strongest
            said = f"{LABEL_BY_NAME[name].title} {piece.weight:+.1f}"
            kept = found.get(begin)
            if kept is None:
                found[begin] = (at, slot, share, said)
            else:
                stronger = abs(share) > abs(kept[2])
                both = f"{kept[3]}; {said}"
                found[begin] = (at, slot, share, both) if stronger else (*kept[:3], both)
    cut_text: list[list[Any]] = []
    at = 0
    for begin in sorted(found):
        end, slot, share, said = found[begin]
        if begin > at:
            cut_text.append([text[at:begin]])
        depth = 1 + round(3 * abs(share))
        cut_text.append([text[begin:end], slot if share > 0 else -1, depth, said])
        at = end
    if at < len(text):
        cut_text.append([text[at:]])
    outside = [span for span in (spans[names[0]] if names else ()) if span.begin is None]
    chips = [
        {"name": span.name, "weight": f"{span.weight:+.1f}", "side": "for" if span.weight > 0 else "against"}
        for span in sorted(outside, key=lambda span: -abs(span.weight))[:3]
        if abs(span.weight) >= FAINT
    ]  # fmt: skip
    return {
        "pieces": cut_text,
        "slots": names,
        "against": any(len(piece) > 1 and piece[1] < 0 for piece in cut_text),
        "also": chips,
    }
