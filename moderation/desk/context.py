"""A card in; what stands beside it out: article and passage, thread, author's history, marked words, look-alikes.

Two depths. What the store knows takes milliseconds and is read when a card comes near the screen. What a model has to
say (marked words, the passage by meaning, look-alikes) may take a second: `Thinker` works it out in a thread of its
own, for the card on screen first and then for the next ones, and drops what nobody looks at any more.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from moderation.desk import markup, passage
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.card import SHOWN, host, marks
from moderation.desk.words import say
from moderation.errors import ModerationError
from moderation.lookalikes import LookAlike, LookAlikes
from moderation.store import Store
from moderation.tables import COMMENTS
from moderation.tiers import Accurate, Cascade, Scorer
from moderation.triage import Around, Card

__all__ = ["Thinker", "beside", "thought"]

WIDE: Final = 40  # comments of a thread that can be unfolded
KEPT: Final = 400  # cards whose explanations are remembered, for all browsers together
NEAR: Final = 0.35  # cosine below which the nearest passage is not near
LIKE: Final = 0.2  # and below which the nearest comment is no likeness at all; what is said of it tells how like
RATED: Final = ("approve", "approved", "allow"), ("reject", "rejected", "spam", "trash")

When = Callable[[object], str]


def beside(card: Card, around: Around, language: str, when: When) -> dict[str, Any]:
    """Return what the store knows that bears on a card, as values for card.js."""
    return {
        "article": _article(card, language, when),
        "thread": _thread(card, around, when),
        "author": _author(card, around, language, when),
    }


def _article(card: Card, language: str, when: When) -> dict[str, Any] | None:
    article = card.article
    if article is None:
        return None
    body = (markup.plain(article["text"]) or "")[:SHOWN]
    text = card.comment["text"]
    near = passage.nearest(text, body)
    first = next(iter(passage.paragraphs(body[:5000])), None)
    address = markup.plain(article["url"])
    by = (markup.plain(article["author"]), when(article["published_at"]))
    return {
        "title": markup.plain(article["title"]),
        "by": " · ".join(part for part in by if part),
        "link": None if address is None else {"text": address[:300], "host": host(address)},
        "passage": near or first,
        "heading": say("queue.passage_words" if near else "queue.passage_none" if first else "queue.no_text", language),
        "related": near is not None,
        "whole": body,
    }


def _author(card: Card, around: Around, language: str, when: When) -> dict[str, Any]:
    history = around.history
    told = history["action"].dropna()
    good, bad = (int(told.isin(words).sum()) for words in RATED)
    many = len(history)
    latest = (history[name].head(5) for name in ("posted_at", "action", "text"))
    return {
        "name": markup.plain(card.comment["author"]),
        "others": many,
        "more": many >= 49,
        "good": good,
        "bad": bad,
        "said": say("queue.history", language, n=many, more="+" if many >= 49 else "") if many else "",
        "rows": [
            {"head": when(at), "side": _decided(action, language), "bad": markup.plain(action) in RATED[1],
             "text": markup.shortened(text, 220)}
            for at, action, text in zip(*latest, strict=True)
        ],
    }  # fmt: skip


def _decided(action: object, language: str) -> str:
    word = markup.plain(action)
    if word is None:
        return ""
    known = {"approve", "reject", "allow", "review", "approved", "rejected", "spam", "trash", "pending"}
    return say(f"queue.did_{word}", language) if word in known else word


def _thread(card: Card, around: Around, when: When) -> dict[str, Any] | None:
    thread = around.thread
    own = card.comment["parent_id"]
    parent = around.context.comments
    if len(thread) < 2 and parent.empty:
        return None
    here = thread["id"] == card.comment_id
    place = int(here.to_numpy(dtype=bool).argmax())
    near = thread.iloc[max(0, place - 2) : place + 3]
    rows = [_row(row, card, own, when) for row in near.itertuples()]
    if len(parent) and own not in set(near["id"]):
        first = parent.iloc[0]
        rows.insert(
            0,
            {"head": markup.plain(first["author"]), "side": when(first["posted_at"]), "deep": 0, "parent": True,
             "here": False, "text": markup.shortened(first["text"], 400)},
        )  # fmt: skip
    wide = thread.iloc[max(0, place - WIDE // 2) : place + WIDE // 2]
    return {
        "place": place + 1,
        "total": len(thread),
        "near": rows,
        "wide": [_row(row, card, own, when) for row in wide.itertuples()] if len(wide) > len(near) else [],
    }


def _row(row: Any, card: Card, parent: object, when: When) -> dict[str, Any]:
    is_parent = row.id == parent
    return {
        "head": markup.plain(row.author),
        "side": when(row.posted_at),
        "text": markup.shortened(row.text, 400 if is_parent else 220),
        "deep": min(4, int(row.depth)),
        "here": row.id == card.comment_id,
        "parent": is_parent,
    }


# --- What a model has to say -----------------------------------------------------------------------------------------


def thought(
    store: Store,
    classifier: Scorer,
    card: Card,
    around: Around,
    asked: str | None,
    *,
    alikes: LookAlikes,
    thresholds: Mapping[str, float],
    language: str,
    when: When,
) -> dict[str, Any]:
    """Return what the model says about a card, as values for card.js; slow."""
    batch = card.batch
    scores = card.probabilities
    over = {name: value / thresholds[name] for name, value in scores.items() if value >= thresholds.get(name, 2.0)}
    named = [asked, *sorted(over, key=lambda name: -over[name])]
    labels = [name for name in dict.fromkeys(named) if name is not None and name in classifier.labels][:3]
    names = [column.name for column in COMMENTS]
    place = int((around.thread["id"] == card.comment_id).to_numpy(dtype=bool).argmax())
    earlier = pd.concat([around.context.comments, around.thread.iloc[:place][names]]).drop_duplicates("id")
    earlier = earlier.reset_index(drop=True)
    text = card.comment["text"][:SHOWN]
    spans = {label: list(classifier.explain(batch, label, earlier)[0].spans) for label in labels}
    likest = alikes.nearest(classifier, card.comment_id)
    found: dict[str, Any] = {"marks": marks(text, spans), "alike": _alike(likest, store, language, when)}
    found["marks"]["titles"] = [LABEL_BY_NAME[name].title for name in found["marks"]["slots"]]
    if isinstance(classifier, Accurate | Cascade) and card.article is not None:
        accurate = classifier if isinstance(classifier, Accurate) else classifier.accurate
        near = accurate.nearest(batch)[0]
        if near is not None:
            related = near[1] >= NEAR
            heading = say(f"queue.passage_{'meaning' if related else 'none'}", language, share=f"{near[1]:.2f}")
            found["passage"] = {"text": near[0], "related": related, "heading": heading}
    return found


def _alike(found: Sequence[LookAlike], store: Store, language: str, when: When) -> list[dict[str, Any]]:
    rows = []
    for one in found:
        if one.likeness < LIKE:
            continue
        standing = store.reviews(comment_id=one.id, limit=1)
        who = f"{standing[0].moderator}, {when(standing[0].at)}" if standing else ""
        rows.append(
            {"action": one.action, "said": say(f"queue.did_{one.action}", language), "who": who,
             "text": markup.shortened(one.text, 300), "likeness": f"{one.likeness:.2f}"}
        )  # fmt: skip
    return rows


class Thinker:
    """One thread that works out what was asked for, the newest question first, and remembers the answers."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._answers: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()
        self._waiting: OrderedDict[str, list[tuple[Hashable, Callable[[], dict[str, Any]]]]] = OrderedDict()
        self._busy: Hashable = None
        self._lock = threading.Lock()
        self._asked = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def answers(
        self, who: str, questions: Sequence[tuple[Hashable, Callable[[], dict[str, Any]]]]
    ) -> dict[Hashable, dict[str, Any]]:
        """Return what is known of `questions` now, and work on the rest, in this order; `who`'s older ones lapse."""
        with self._lock:
            known = {key: self._answers[key] for key, _ in questions if key in self._answers}
            for key in known:
                self._answers.move_to_end(key)
            rest = [(key, work) for key, work in questions if key not in known and key != self._busy]
            self._waiting.pop(who, None)
            if rest:
                self._waiting[who] = rest
                if self._thread is None:
                    self._thread = threading.Thread(target=self._think, name="thinker", daemon=True)
                    self._thread.start()
                self._asked.notify()
        return known

    def forget(self, keys: Sequence[Hashable]) -> None:
        """Drop answers that no longer hold."""
        with self._lock:
            for key in keys:
                self._answers.pop(key, None)

    def _think(self) -> None:
        while True:
            with self._lock:
                while not self._waiting:
                    self._asked.wait()
                who = next(reversed(self._waiting))
                line = self._waiting[who]
                key, work = line.pop(0)
                if not line:
                    del self._waiting[who]
                self._busy = key
            try:
                answer = work()
            except ModerationError as error:
                answer = {"fault": str(error)}
            except Exception as error:  # noqa: BLE001 - a fault here must not end the thread; the page says it
                answer = {"fault": f"no explanation: a fault in the program ({type(error).__name__})"}
            with self._lock:
                self._busy = None
                self._answers[key] = answer
                while len(self._answers) > self._kept:
                    self._answers.popitem(last=False)
