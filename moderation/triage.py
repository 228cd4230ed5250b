"""A moderator and a lens in, the cards that this person should see next out.

A card is one comment as a moderator answers it: its text and article, scores, decision, and the version of the comment
that it was drawn for; `around` adds what stands beside it. Every `audit_every`-th card comes from the audit sample
instead of the lens: a fixed random share of all comments, the only ones that say how things are on the whole (what a
lens picks says how things are where the model is sure, or unsure).
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from moderation.errors import StoreError
from moderation.labels import LABELS
from moderation.store import ORDERS, Decision, Filter, Review, Store
from moderation.tables import Batch

__all__ = ["ORDERS", "Around", "Card", "Lens", "around", "cards_for", "next_for"]


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

    `batch` is the comment with its article. `scores` has one row, or none before the model has scored it. `lens` is
    what a review records: how the card came to be drawn.
    """

    comment_id: str
    batch: Batch
    scores: pd.DataFrame
    decision: Decision | None
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

    sample = [] if lens.order == "audit" else claimed("audit", sum(turns), hold, whole=True)
    line = claimed(lens.order, count - len(sample), hold | set(sample), whole=False)
    audits = frozenset(line if lens.order == "audit" else sample)
    ids: list[str] = []
    for turn in turns:
        source = sample if sample and (turn or not line) else line
        if source:
            ids.append(source.pop(0))
    return cards_for(store, ids, model, lens=lens, audits=audits)


def cards_for(
    store: Store,
    ids: Sequence[str],
    model: str,
    *,
    lens: Lens | None = None,
    audits: AbstractSet[str] = frozenset(),
) -> list[Card]:
    """Return the cards of these comments, whoever has them open; `StoreError` where the store does not hold one."""
    # First of all the versions: what happens while the rest is read makes the answer a conflict, not a mistake.
    seen = [store.version(name) for name in ids]
    batch = store.batch(ids)
    scores = store.scores(ids, model)
    words = "" if lens is None else str(lens)
    articles = batch.articles.set_index("id", drop=False) if len(batch.articles) else batch.articles
    cards = []
    for row, name in enumerate(ids):
        own = batch.comments.iloc[row : row + 1].reset_index(drop=True)
        article = own["article_id"].iloc[0]
        there = article is not pd.NA and article in articles.index
        audit = name in audits
        cards.append(
            Card(
                comment_id=name,
                batch=Batch(own, articles.loc[[article]].reset_index(drop=True) if there else batch.articles.iloc[:0]),
                scores=scores[scores.index == name],
                decision=store.decision(name, model),
                seen=seen[row],
                audit=audit,
                lens=f"{words} audit".strip() if audit and not words.endswith("/audit") else words,
            )
        )
    return cards


def around(store: Store, card: Card) -> Around:
    """Return what stands beside a card now."""
    author = card.batch.comments["author"].iloc[0]
    history = store.history("" if author is pd.NA else author)
    return Around(
        context=store.parents(card.batch),
        thread=store.thread(card.comment_id),
        history=history[history["id"] != card.comment_id].reset_index(drop=True),
    )
