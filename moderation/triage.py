"""A moderator and a lens in, the card that this person should see next out.

A card is one comment with everything that bears on it: article, thread, the comment it answers, its author's history,
scores, decision, and the version of the comment that it was drawn for. Every `audit_every`-th card comes from the
audit sample instead of the lens: a fixed random share of all comments, the only ones that say how things are on the
whole (what a lens picks says how things are where the model is sure, or unsure).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pandas as pd

from moderation.errors import StoreError
from moderation.labels import LABELS
from moderation.store import ORDERS, Decision, Review, Store
from moderation.tables import Batch

__all__ = ["ORDERS", "Card", "Lens", "card_for", "next_for", "preview"]

PAGE: Final = 20  # how many to look at in one go for one that nobody else has open


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

    `batch` is the comment with its article and `context` the comment it answers, if the store holds it. `scores` has
    one row, or none before the model has scored it. `history` leaves out the comment itself. `lens` is what a review
    records: how the card came to be drawn.
    """

    comment_id: str
    batch: Batch
    context: Batch
    scores: pd.DataFrame
    decision: Decision | None
    thread: pd.DataFrame
    history: pd.DataFrame
    seen: int
    audit: bool = False
    lens: str = ""

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


def next_for(
    moderator: str,
    store: Store,
    lens: Lens,
    *,
    model: str,
    now: datetime,
    threshold: float = 0.5,
    skip: AbstractSet[str] = frozenset(),
    lease_s: float = 120.0,
    audit_every: int = 20,
    actions: tuple[str, ...] | None = None,
) -> Card | None:
    """Return the next card for this moderator and claim it for `lease_s`; None where the lens shows nothing more.

    Left out are what this moderator skipped, the ids in `skip`, and what another one has claimed. Asked again before an
    answer it returns the same card. Whether the audit's turn has come follows from how many answers this moderator
    has given, so skipping an audit card brings another one; `audit_every=0` draws none. `actions` narrows the lens,
    never an audit draw, to what the newest decision says.
    """
    turn = audit_every > 0 and store.answered_by(moderator) % audit_every == audit_every - 1
    draws = (Lens(lens.label, "audit"), lens) if turn else (lens,)
    for draw in draws:
        audit = draw.order == "audit"
        last: str | None = None
        while True:
            page = store.queue(
                model=model,
                label=draw.label,
                order=draw.order,
                limit=PAGE,
                threshold=threshold,
                actions=None if audit else actions,
                after=last,
                skipped_by=moderator,
                now=now,
            )
            for comment_id in page["id"]:
                # Somebody may have claimed it since the page was read; then it is theirs.
                if comment_id not in skip and store.claim(comment_id, moderator, now=now, lease_s=lease_s):
                    return card_for(store, comment_id, model, lens=lens, audit=audit)
            if len(page) < PAGE:
                break
            last = page["id"].iloc[-1]
    return None


def card_for(store: Store, comment_id: str, model: str, *, lens: Lens | None = None, audit: bool = False) -> Card:
    """Return the card of one comment, whoever has it open; `StoreError` where the store does not hold it."""
    # First of all the version: what happens while the rest is read makes the answer a conflict, not a mistake.
    seen = store.version(comment_id)
    batch = store.batch([comment_id])
    author = batch.comments["author"].iloc[0]
    history = store.history("" if author is pd.NA else author)
    words = "" if lens is None else str(lens)
    return Card(
        comment_id=comment_id,
        batch=batch,
        context=store.parents(batch),
        scores=store.scores([comment_id], model),
        decision=store.decision(comment_id, model),
        thread=store.thread(comment_id),
        history=history[history["id"] != comment_id].reset_index(drop=True),
        seen=seen,
        audit=audit,
        lens=f"{words} audit".strip() if audit and not words.endswith("/audit") else words,
    )


def preview(
    store: Store,
    lens: Lens,
    model: str,
    limit: int = 25,
    *,
    threshold: float = 0.5,
    actions: tuple[str, ...] | None = None,
    skipped_by: str | None = None,
    now: datetime | None = None,
) -> pd.DataFrame:
    """Return what the lens shows next, in order and claiming nothing: id, probability, author, text, posted_at."""
    page = store.queue(
        model=model,
        label=lens.label,
        order=lens.order,
        limit=limit,
        threshold=threshold,
        actions=actions,
        skipped_by=skipped_by,
        now=now,
    )
    comments = store.batch(list(page["id"])).comments
    return page.assign(**{name: comments[name] for name in ("author", "text", "posted_at")})
