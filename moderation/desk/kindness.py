"""What a person can bear to look at in; what is covered, how much of it there was today, and when to rest, out.

Reading what people throw at each other is work that wears. Text can be covered until a key shows it: the words that
made an abuse score, or all of it. Each hard label has a budget for the day; when it is spent, the queue turns to
lighter work and says so. None of this decides anything, and whoever wants to see everything can.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

import pandas as pd

from moderation.desk.highlight import pieces
from moderation.labels import ABUSE
from moderation.store import Store
from moderation.tables import COMMENTS, Batch, conform
from moderation.tiers import Accurate, Cascade, Scorer
from moderation.triage import Card

__all__ = ["HARD", "SIZES", "VEILS", "Exposure", "Kindness", "covered"]

VEILS: Final = ("none", "slurs", "all")
SIZES: Final[Mapping[str, int]] = {"normal": 100, "large": 120, "larger": 145}  # per cent of the desk's own size
HARD: Final = ("incitement", "severe_toxicity", "threat", "identity_attack")
SLUR: Final = 0.4  # log-odds from which one word is covered
MOST: Final = 2000  # of one day's answers are looked back at


@dataclass(frozen=True, slots=True)
class Kindness:
    """What a person asked for: which text is covered, how large it is, how much of the hard a day, when to rest.

    `budget`: comments a day of each of `HARD`, 0 for no end. `rest_after_min`: minutes at the keys, 0 for never.
    """

    veil: str = "none"
    size: str = "normal"
    budget: int = 200
    rest_after_min: int = 50

    @classmethod
    def of(cls, preferences: Mapping[str, Any]) -> "Kindness":
        """Return what these preferences ask for; what cannot be is what it was by default."""
        told = preferences.get("kindness")
        told = told if isinstance(told, Mapping) else {}
        given = {each.name: told[each.name] for each in fields(cls) if each.name in told}
        for name, known in (("veil", VEILS), ("size", SIZES)):
            if given.get(name) not in known:
                given.pop(name, None)
        for name in ("budget", "rest_after_min"):
            value = given.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100_000:
                given.pop(name, None)
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Return what was asked for, ready for JSON."""
        return asdict(self)


class Exposure:
    """How many hard comments one person has answered today, by label; worked out from the reviews themselves."""

    def __init__(self, thresholds: Mapping[str, float]) -> None:
        self._thresholds = thresholds
        self._day: datetime | None = None
        self.seen: Counter[str] = Counter()

    def begin(self, store: Store, moderator: str, model: str, midnight: datetime) -> None:
        """Count today's answers, once a day."""
        if self._day == midnight:
            return
        self._day = midnight
        self.seen.clear()
        events = store.reviews(standing=False, moderator=moderator, limit=MOST)
        names = {one.comment_id for one in events if one.undoes is None and one.at >= midnight}
        for scores in (row for _, row in store.scores(sorted(names), model).iterrows()):
            self.seen.update(self._hard({name: scores[name] for name in HARD}))

    def add(self, card: Card) -> None:
        """Count one more."""
        self.seen.update(self._hard({name: p for name, p in card.probabilities.items() if name in HARD}))

    def spent(self, budget: int) -> tuple[str, ...]:
        """Return the labels of which there was enough today."""
        return tuple(name for name in HARD if budget and self.seen[name] >= budget)

    def bearable(self, card: Card, budget: int) -> bool:
        """Say whether a card is none of those of which there was enough."""
        spent = self.spent(budget)
        return not self._hard({name: p for name, p in card.probabilities.items() if name in spent})

    def _hard(self, scores: Mapping[str, Any]) -> list[str]:
        return [name for name, p in scores.items() if not pd.isna(p) and p >= self._thresholds.get(name, 0.5)]


def covered(
    cards: Sequence[Card], classifier: Scorer, thresholds: Mapping[str, float], longest: int
) -> dict[str, list[tuple[int, int]]]:
    """Return which parts of each card's text are covered: begin and end in UTF-16 units, as a browser counts.

    They are the words that speak most for a label of abuse that reaches its limit, by the quick tier: what is covered
    must be known before the card is painted.
    """
    quick = classifier.fast if isinstance(classifier, Accurate | Cascade) else classifier
    found: dict[str, list[tuple[int, int]]] = {}
    for label in ABUSE:
        over = [card for card in cards if _reaches(card, label, thresholds)]
        if not over or label not in quick.labels:
            continue
        batch = Batch(
            conform(pd.DataFrame([card.comment for card in over]), COMMENTS),
        )
        for card, explained in zip(over, quick.explain(batch, label), strict=True):
            text = card.comment["text"][:longest]
            found.setdefault(card.comment_id, []).extend(_telling(text, explained.spans))
    return {name: _joined(parts) for name, parts in found.items()}


def _reaches(card: Card, label: str, thresholds: Mapping[str, float]) -> bool:
    return card.probabilities.get(label, 0.0) >= thresholds.get(label, 0.5)


def _telling(text: str, spans: Iterable[Any]) -> Iterable[tuple[int, int]]:
    at = 0
    for piece in pieces(text, spans):
        end = at + _units(piece.text)
        if piece.weight >= SLUR:
            yield at, end
        at = end


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _joined(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(parts):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined
