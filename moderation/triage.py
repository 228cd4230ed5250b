"""A moderator and a lens in, the cards that this person should see next out.

A card is one comment as a moderator answers it: its text and article, scores, decision, and the version of the comment
that it was drawn for; `around` adds what stands beside it. Every `audit_every`-th card comes from the audit sample
instead of the lens: a fixed random share of all comments, the only ones that say how things are on the whole (what a
lens picks says how things are where the model is sure, or unsure).
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pandas as pd

from moderation.errors import StoreError
from moderation.labels import LABELS
from moderation.store import ORDERS, Decision, Filter, Review, Store
from moderation.tables import ARTICLES, COMMENTS, Batch, conform, empty

__all__ = ["ORDERS", "Around", "Card", "Lens", "around", "cards_for", "give", "next_for"]


SECOND: Final = "second"  # closes the lens of a review that was given blindly beside another one
SECOND_EVERY: Final = 12
SECOND_AT_THE_END: Final = 3


@dataclass(frozen=True, slots=True)
class Lens:
    """What to look for (a label, or None for any flag), and in which of `ORDERS`."""

    label: str | None
    order: str

    def __post_init__(self) -> None:
        if self.label is not None and self.label not in LABELS:
            raise StoreError(f"lens: unknown label {self.label!r}; known: {', '.join(LABELS)}")
        if self.order not in ORDERS:
            raise StoreError(f"lens: unknown order {self.order!r}; known: {', '.join(ORDERS)}")

    def __str__(self) -> str:
        """Return the words that a review is filed under, as in "incitement/strongest"."""
        return f"{self.label or 'any'}/{self.order}"


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """One comment, drawn for one answer.

    `comment` and `article` hold the columns of their tables, None where a value is missing; `article` is None where it
    is not known. `probabilities` leaves out the labels without a score. `lens` is what a review records: how the card
    came to be drawn.
    """

    comment_id: str
    comment: Mapping[str, Any]
    article: Mapping[str, Any] | None
    probabilities: Mapping[str, float]
    decision: Decision | None
    seen: int
    audit: bool = False
    lens: str = ""

    @property
    def second(self) -> bool:
        """Say whether somebody has answered this comment, and this card is to be drawn as if nobody had."""
        return self.lens.endswith(f" {SECOND}")

    @property
    def batch(self) -> Batch:
        """Return the comment and its article as a batch of one."""
        comments = conform(pd.DataFrame([self.comment]), COMMENTS)
        if self.article is None:
            return Batch(comments)
        return Batch(comments, conform(pd.DataFrame([self.article]), ARTICLES, "articles"))

    def review(
        self,
        moderator: str,
        action: str,
        labels: Mapping[str, bool | None],
        *,
        at: datetime,
        note: str = "",
        token: str = "",
    ) -> Review:
        """Return the answer to this card, bound to the version it was drawn for."""
        return Review(self.comment_id, moderator, action, labels, self.seen, at, self.lens, note, token)


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """What stands beside a card: the comment it answers (if the store holds it), its thread, its author's history.

    `history` leaves out the comment itself.
    """

    context: Batch
    thread: pd.DataFrame
    history: pd.DataFrame


def next_for(
    moderator: str,
    store: Store,
    lens: Lens,
    count: int = 1,
    *,
    model: str,
    now: datetime,
    threshold: float = 0.5,
    hold: AbstractSet[str] = frozenset(),
    ahead: int = 0,
    lease_s: float = 120.0,
    audit_every: int = 20,
    actions: tuple[str, ...] | None = None,
    matching: Filter | None = None,
    with_skipped: bool = False,
) -> list[Card]:
    """Return up to `count` next cards for this moderator, in order, and claim them for `lease_s`.

    Fewer only where the lens shows nothing more. Left out are what this moderator skipped (unless `with_skipped`), the
    ids in `hold`, and what another one has claimed. Asked again before an answer it returns the same cards. Whether
    the audit's turn has come follows from how many answers this moderator has given and has in hand (`ahead`), so
    skipping an audit card brings another one; `audit_every=0` draws none. `actions`, what the newest decision says, and
    `matching` narrow the lens and never an audit draw.

    Where the site has a share of answered comments looked at twice (`second_share` among its preferences), one card in
    `SECOND_EVERY` is such a comment, drawn as if nobody had answered it; and some where the lens shows nothing more.
    """
    given = store.answered_by(moderator) + ahead if audit_every > 0 else 0
    turns = [audit_every > 0 and (given + n) % audit_every == audit_every - 1 for n in range(count)]

    def claimed(order: str, number: int, skip: AbstractSet[str], *, whole: bool) -> list[str]:
        narrowed, within = (None, None) if whole else (actions, matching)
        if number <= 0:
            return []
        if with_skipped:
            page = store.queue(
                model=model,
                label=lens.label,
                order=order,
                limit=number + len(skip),
                threshold=threshold,
                actions=narrowed,
                matching=within,
            )
            free = [name for name in page["id"] if name not in skip]
            return [name for name in free[:number] if store.claim(name, moderator, now=now, lease_s=lease_s)]
        return store.claim_next(
            moderator,
            number,
            model=model,
            label=lens.label,
            order=order,
            now=now,
            lease_s=lease_s,
            skip=skip,
            threshold=threshold,
            actions=narrowed,
            matching=within,
        )

    share = float(store.preferences("").get("second_share") or 0.0)

    def blind(number: int, skip: AbstractSet[str]) -> list[str]:
        if number <= 0 or share <= 0:
            return []
        free = [name for name in store.second_for(moderator, share=share, limit=number + len(skip)) if name not in skip]
        return [name for name in free[:number] if store.claim(name, moderator, now=now, lease_s=lease_s)]

    seconds = blind(count // SECOND_EVERY, hold)
    count -= len(seconds)
    turns = turns[:count]
    sample = [] if lens.order == "audit" else claimed("audit", sum(turns), hold, whole=True)
    line = claimed(lens.order, count - len(sample), hold | set(sample), whole=False)
    audits = frozenset(line if lens.order == "audit" else sample)
    ids: list[str] = []
    for turn in turns:
        source = sample if sample and (turn or not line) else line
        if source:
            ids.append(source.pop(0))
    seconds += blind(min(count - len(ids), SECOND_AT_THE_END), hold | set(seconds))
    return cards_for(store, [*ids, *seconds], model, lens=lens, audits=audits, seconds=frozenset(seconds))


def give(store: Store, review: Review) -> Review:
    """Add the answer to a card: to a blind second one, beside the answer that stands; else as the one that does."""
    return store.add_second(review) if review.lens.endswith(f" {SECOND}") else store.add_review(review)


def cards_for(
    store: Store,
    ids: Sequence[str],
    model: str,
    *,
    lens: Lens | None = None,
    audits: AbstractSet[str] = frozenset(),
    seconds: AbstractSet[str] = frozenset(),
) -> list[Card]:
    """Return the cards of these comments, whoever has them open; `StoreError` where the store does not hold one."""
    # First of all the versions: what happens while the rest is read makes the answer a conflict, not a mistake.
    seen = store.versions(ids)
    batch = store.batch(ids)
    judged = store.scores(ids, model)
    decided = store.decisions(ids, model)
    words = "" if lens is None else str(lens)
    articles = {row["id"]: row for row in _rows(batch.articles)}
    scores = dict(zip(judged.index, judged[list(LABELS)].to_numpy().tolist(), strict=True))
    cards = []
    for comment in _rows(batch.comments):
        name = comment["id"]
        audit = name in audits
        cards.append(
            Card(
                comment_id=name,
                comment=comment,
                article=articles.get(comment["article_id"]),
                probabilities={
                    label: p for label, p in zip(LABELS, scores.get(name, ()), strict=False) if not math.isnan(p)
                },
                decision=decided.get(name),
                seen=seen[name],
                audit=audit,
                lens=f"{words} {SECOND}".strip()
                if name in seconds
                else f"{words} audit".strip()
                if audit and not words.endswith("/audit")
                else words,
            )
        )
    return cards


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    # Column by column: a frame's own rows are made of objects that cost a millisecond each.
    columns = {
        name: [
            None if missing else value for value, missing in zip(frame[name].tolist(), frame[name].isna(), strict=True)
        ]
        for name in frame.columns
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def around(store: Store, card: Card) -> Around:
    """Return what stands beside a card now."""
    history = store.history(card.comment["author"] or "")
    parent = card.comment["parent_id"]
    return Around(
        context=Batch(empty(COMMENTS)) if parent is None else store.parents(card.batch),
        thread=store.thread(card.comment_id),
        history=history[history["id"] != card.comment_id].reset_index(drop=True),
    )
