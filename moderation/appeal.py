"""A comment of the store in, one page for whoever appeals against its decision out: complete, and on its own.

The page holds what was said, in full, what the model made of it and why, what the policy asked for, and who decided
what, when and how it was taken back. It loads nothing and links nowhere: addresses stand in it as text, and it forbids
its reader's browser to fetch anything, so that it can be mailed, printed and opened from a file.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from moderation.labels import LABELS, TAXONOMY
from moderation.store import Decision, Disagreement, Review, Store
from moderation.tiers import Scorer

__all__ = ["appeal"]

TITLES: Final = {label.name: label.title for label in TAXONOMY}
MEANINGS: Final = {label.name: label.yes for label in TAXONOMY}
ACTS: Final = {
    "approve": "approved it",
    "reject": "rejected it",
    "skip": "passed over it",
    "escalate": "passed it on",
    "undo": "took back an earlier act",
}
WORD: Final = re.compile(r"https?://[^\s<>\"]+|[^\W_]+(?:['’\-][^\W_]+)*")
MOST: Final = 25  # marks; more read as a coloured page, not as a reason
EXPLAINED: Final = 3  # labels


class _Weighted(Protocol):
    @property
    def begin(self) -> int | None: ...
    @property
    def end(self) -> int | None: ...
    @property
    def weight(self) -> float: ...


def appeal(
    store: Store,
    comment_id: str,
    *,
    now: datetime,
    model: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    scorer: Scorer | None = None,
) -> str:
    """Return the page about one comment. Raises `StoreError` where the store does not hold it.

    `model` is whose scores are shown (else those that the newest decision was made from), `thresholds` the probability
    from which a person looks, by label; `scorer` explains them, where it is that model.
    """
    batch = store.batch([comment_id])
    comment = batch.comments.iloc[0]
    decided = store.decision_history(comment_id)
    version = decided[0].model if decided else model
    table = store.scores([comment_id], version) if version is not None else pd.DataFrame()
    scores = {} if table.empty else {label: float(table[label].iloc[0]) for label in LABELS}
    events = store.reviews(standing=False, comment_id=comment_id)
    standing = store.reviews(comment_id=comment_id)
    reports = store.reports(comment_id)
    limits = dict(thresholds or {})
    for reason in decided[0].reasons if decided else ():
        if reason.get("threshold") is not None and reason.get("label"):
            limits[reason["label"]] = float(reason["threshold"])  # what held then, whatever holds now
    parts = [
        _verdict(standing, decided),
        _comment(comment),
        _scores(scores, limits, version),
        _words(str(comment["text"]), _explained(scorer, version, batch, scores, limits)),
        _rules(decided),
        _history(events, store.disagreements(comment_id=comment_id, differing=False, limit=None)),
        _reports(reports),
        _article(batch.articles.iloc[0] if len(batch.articles) else None),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width">'
        f"<title>Decision about one comment</title><style>{STYLE}</style></head><body><main>"
        f'<h1>Decision about one comment</h1><p class="soft">{_foreign(comment_id)} · written {_when(now)}</p>'
        + "".join(part for part in parts if part)
        + "</main></body></html>\n"
    )


def _verdict(standing: Sequence[Review], decided: Sequence[Decision]) -> str:
    if standing:
        review = standing[0]
        word = {"approve": "Approved", "reject": "Rejected"}[review.action]
        return (
            f'<section class="verdict {review.action}"><b>{word}</b> by {_foreign(review.moderator)}, '
            f"{_when(review.at)}{_note(review.note)}</section>"
        )
    if decided:
        words = {"allow": "Let through", "reject": "Rejected", "review": "Held for a person to look at"}
        return (
            f'<section class="verdict {escape(decided[0].action)}"><b>{words.get(decided[0].action, "Decided")}</b> '
            f"by the site’s rules, {_when(decided[0].at)}; no person has decided yet</section>"
        )
    return '<section class="verdict"><b>Not decided</b></section>'


def _comment(comment: "pd.Series[Any]") -> str:
    facts = [("Written by", comment["author"]), ("Gives as address", comment["author_url"])]
    posted = comment["posted_at"]
    facts += [("Posted", None if pd.isna(posted) else _when(posted)), ("Said by its source", comment["status"])]
    return f"<section><h2>The comment</h2>{_facts(facts)}{_foreign(comment['text'], 'blockquote')}</section>"


def _scores(scores: Mapping[str, float], limits: Mapping[str, float], model: str | None) -> str:
    if not scores:
        return "<section><h2>What the model made of it</h2><p>It was not scored.</p></section>"
    rows = []
    for label in sorted(LABELS, key=lambda name: -_sortable(scores[name])):
        p, limit = scores[label], limits.get(label)
        over = limit is not None and not np.isnan(p) and p >= limit
        bar = "" if np.isnan(p) else f'<i style="width:{100 * p:.1f}%"></i>'
        tick = "" if limit is None else f'<u style="left:{100 * min(limit, 1.0):.1f}%"></u>'
        said = "not judged" if np.isnan(p) else f"{100 * p:.1f} %"
        from_ = "no limit" if limit is None else f"from {100 * limit:.1f} %"
        verdict = "reached" if over else ""
        rows.append(
            f'<tr class="{"over" if over else ""}"><th scope="row">{escape(TITLES[label])}<span class="soft">'
            f'{escape(MEANINGS[label])}</span></th><td class="bar" aria-hidden="true">{bar}{tick}</td>'
            f'<td class="n">{said}</td><td class="n">{from_}</td><td>{verdict}</td></tr>'
        )
    head = "<tr><th>Question</th><th></th><th>Probability</th><th>A person looks</th><th></th></tr>"
    return (
        f'<section><h2>What the model made of it</h2><p class="soft">Version {_foreign(model)}</p>'
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def _sortable(p: float) -> float:
    return -1.0 if np.isnan(p) else p


def _explained(
    scorer: Scorer | None, version: str | None, batch: Any, scores: Mapping[str, float], limits: Mapping[str, float]
) -> list[tuple[str, Sequence[_Weighted]]]:
    if scorer is None or scorer.version != version or not scores:
        return []
    known = [label for label in scorer.labels if not np.isnan(scores.get(label, np.nan))]
    reached = [label for label in known if label in limits and scores[label] >= limits[label]]
    chosen = sorted(reached or known, key=lambda label: -scores[label])[: EXPLAINED if reached else 1]
    return [(label, scorer.explain(batch, label)[0].spans) for label in chosen]


def _words(text: str, explained: Iterable[tuple[str, Sequence[_Weighted]]]) -> str:
    parts = []
    for label, spans in explained:
        marked, telling = _marked(text, spans)
        if telling:
            told = ", ".join(f"{_foreign(word)} ({weight:+.2f})" for word, weight in telling[:12])
            parts.append(f"<h3>{escape(TITLES[label])}</h3><blockquote>{marked}</blockquote><p>{told}</p>")
    if not parts:
        return ""
    key = (
        "<mark>Underlined</mark> words speak for the label, <mark class=against>dotted</mark> ones against it; the "
        "numbers are their weights (log-odds)."
    )
    return f'<section><h2>Because of which words</h2><p class="soft">{key}</p>{"".join(parts)}</section>'


def _marked(text: str, spans: Sequence[_Weighted]) -> tuple[str, list[tuple[str, float]]]:
    # Spans overlap (a word, its pair, its letters): each spreads its weight over the characters it covers.
    change = np.zeros(len(text) + 1)
    for span in spans:
        if span.begin is not None and span.end is not None and 0 <= span.begin < span.end <= len(text):
            change[span.begin] += span.weight / (span.end - span.begin)
            change[span.end] -= span.weight / (span.end - span.begin)
    received = np.concatenate(([0.0], np.cumsum(np.cumsum(change[:-1]))))
    words = [
        (word.start(), word.end(), float(received[word.end()] - received[word.start()])) for word in WORD.finditer(text)
    ]
    most = max((abs(weight) for _, _, weight in words), default=0.0)
    chosen = sorted((word for word in words if abs(word[2]) > max(most / 4, 0.03)), key=lambda word: -abs(word[2]))[
        :MOST
    ]
    html, at = [], 0
    for begin, end, weight in sorted(chosen):
        side = "" if weight > 0 else " class=against"
        html.append(f"{escape(text[at:begin])}<mark{side}>{escape(text[begin:end])}</mark>")
        at = end
    telling: dict[str, float] = {}
    for begin, end, weight in chosen:
        telling[text[begin:end]] = telling.get(text[begin:end], 0.0) + weight
    return "".join([*html, escape(text[at:])]), sorted(telling.items(), key=lambda item: -abs(item[1]))


def _rules(decided: Sequence[Decision]) -> str:
    if not decided:
        return "<section><h2>What the site’s rules asked for</h2><p>No policy has decided about it.</p></section>"
    rows = []
    for decision in decided:
        reasons = "".join(f"<li>{_reason(reason)}</li>" for reason in decision.reasons)
        reasons = f"<ul>{reasons}</ul>" if reasons else "<p>nothing spoke against it</p>"
        rows.append(
            f"<tr><td>{_when(decision.at)}</td><td><b>{escape(decision.action)}</b></td><td>{reasons}</td>"
            f"<td>{_foreign(decision.policy)}</td><td>{_foreign(decision.model)}</td></tr>"
        )
    head = "<tr><th>When</th><th>Decision</th><th>Because</th><th>Policy version</th><th>Model version</th></tr>"
    return (
        f"<section><h2>What the site’s rules asked for</h2><table><thead>{head}</thead>"
        f"<tbody>{''.join(rows)}</tbody></table></section>"
    )


def _reason(reason: Mapping[str, Any]) -> str:
    label = TITLES.get(str(reason.get("label")), str(reason.get("label") or ""))
    if reason.get("code") == "threshold":
        p, limit = float(reason.get("probability") or 0.0), float(reason.get("threshold") or 0.0)
        told = f"{label} {100 * p:.1f} %, at or above {100 * limit:.1f} %"
    elif reason.get("code") == "unscored":
        told = f"{label} was not judged"
    elif reason.get("code") == "silent":
        told = f"{label} is not in the policy"
    else:
        told = f"rule “{reason.get('rule')}” ({reason.get('code')})" + (f", {label}" if label else "")
    return f"{_foreign(told)}: {escape(str(reason.get('action', '')))}"


def _history(events: Sequence[Review], second: Sequence[Disagreement]) -> str:
    rows = [(event.at, event, "") for event in events]
    for pair in second:
        how = "blind second review; decides nothing" if pair.kind == "second" else "came too late; decides nothing"
        rows.append((pair.second.at, pair.second, how))
    if not rows:
        return "<section><h2>Who decided what, and when</h2><p>No person has answered it.</p></section>"
    undone = {event.undoes for event in events if event.undoes is not None}
    lines = []
    for at, event, how in sorted(rows, key=lambda row: row[0]):
        said = ", ".join(f"{TITLES[label]} {'yes' if yes else 'no'}" for label, yes in event.labels.items())
        told = [how] if how else ["taken back later"] if event.id in undone else []
        told += ["one of many in one act"] if event.act is not None else []
        about = f'<span class="soft">{escape("; ".join(told))}</span>' if told else ""
        lines.append(
            f"<tr><td>{_when(at)}</td><td>{_foreign(event.moderator)}</td><td>{escape(ACTS[event.action])}{about}</td>"
            f"<td>{escape(said)}</td><td>{_foreign(event.note)}</td></tr>"
        )
    head = "<tr><th>When</th><th>Who</th><th>What</th><th>Labels</th><th>Note</th></tr>"
    return (
        f"<section><h2>Who decided what, and when</h2><table><thead>{head}</thead>"
        f"<tbody>{''.join(lines)}</tbody></table></section>"
    )


def _reports(reports: pd.DataFrame) -> str:
    if reports.empty:
        return ""
    rows = "".join(
        f"<tr><td>{_when(row.at)}</td><td>{row.times}</td><td>{_foreign(row.reason)}</td><td>{_foreign(row.source)}</td></tr>"
        for row in reports.itertuples()
    )
    head = "<tr><th>When</th><th>Readers</th><th>Reason</th><th>Where</th></tr>"
    return f"<section><h2>Reported by readers</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table></section>"


def _article(article: "pd.Series[Any] | None") -> str:
    if article is None:
        return ""
    facts = [("Title", article["title"]), ("Address", article["url"]), ("Written by", article["author"])]
    body = _foreign(article["text"], "blockquote") if isinstance(article["text"], str) else ""
    return f"<section><h2>The article it stands under</h2>{_facts(facts)}{body}</section>"


def _facts(pairs: Iterable[tuple[str, object]]) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{_foreign(value)}</dd>"
        for name, value in pairs
        if isinstance(value, str) and value
    )
    return f"<dl>{rows}</dl>"


def _note(note: str) -> str:
    return f": {_foreign(note)}" if note else ""


def _foreign(value: object, tag: str = "bdi") -> str:
    # An element of its own: text that runs right to left, or pretends to, ends where its element ends.
    return f'<{tag} dir="auto">{escape(value if isinstance(value, str) else "")}</{tag}>'


def _when(moment: Any) -> str:
    at = pd.Timestamp(moment).tz_convert(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


STYLE: Final = """
:root{color-scheme:light dark}
body{margin:0;background:light-dark(#fbfbf9,#121615);color:light-dark(#1c2422,#e6ecea);
font:16px/1.55 system-ui,sans-serif}
main{max-width:52rem;margin:0 auto;padding:2rem 1.2rem 4rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem;
border-bottom:1px solid light-dark(#dfe4e2,#2f3835);
padding-bottom:.25rem}h3{font-size:1rem;margin:1rem 0 .3rem}
.soft{color:light-dark(#56625e,#a3b1ac);font-size:.9rem;font-weight:400}
th .soft,td .soft{display:block}
.verdict{margin:1.2rem 0;padding:.8rem 1rem;border-left:4px solid light-dark(#56625e,#a3b1ac);
background:light-dark(#f1f3f2,#1c2220);border-radius:.3rem}
.verdict.reject{border-color:light-dark(#b3261e,#ff8a80)}
.verdict.approve,.verdict.allow{border-color:light-dark(#0b6b50,#6fdcae)}
blockquote{margin:.6rem 0;padding:.8rem 1rem;background:light-dark(#f1f3f2,#1c2220);border-radius:.4rem;
white-space:pre-wrap;
overflow-wrap:anywhere;unicode-bidi:isolate}
bdi{overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;
margin:.4rem 0}dt{color:light-dark(#56625e,#a3b1ac)}
dd{margin:0}
table{width:100%;border-collapse:collapse;font-size:.93rem}th,td{text-align:left;vertical-align:top;
padding:.35rem .6rem .35rem 0;
border-bottom:1px solid light-dark(#dfe4e2,#2f3835)}td{font-variant-numeric:tabular-nums}
.n{white-space:nowrap}td ul{margin:0;padding-left:1.1rem}td p{margin:0}
.bar{position:relative;width:22%;min-width:5rem}.bar i{position:absolute;left:0;top:.75rem;height:.55rem;
border-radius:.3rem;
background:light-dark(#8a9691,#6d7975)}.over .bar i{background:light-dark(#c23b35,#e05c52)}.over td{font-weight:600}
.bar u{position:absolute;top:.55rem;height:.95rem;width:2px;background:currentColor}
mark{background:light-dark(#f6d5d3,#5c2a27);color:inherit;border-bottom:2px solid light-dark(#b3261e,#ff8a80);
border-radius:.2rem}
mark.against{background:light-dark(#d5ece6,#1d443b);border-bottom:2px dotted light-dark(#0b6b50,#6fdcae)}
@media(max-width:36rem){table,tbody,tr,td,th{display:block;border:0;padding:.1rem 0}thead{display:none}
tr{border-bottom:1px solid light-dark(#dfe4e2,#2f3835);padding:.5rem 0}.bar{height:1.6rem;width:100%}}
@media print{:root{color-scheme:light}section{break-inside:avoid-page}}
"""
