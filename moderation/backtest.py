"""A policy and the comments of some past days in, what it would have done with them out, and how often rightly.

Right is what people decided: a held comment was held rightly if a person rejected it. Where no person of the site
answered, what the source's own moderators had decided counts. Nobody's word is never guessed: what was not decided is
counted apart, and shares are stated with their Wilson interval (95 %).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import sqrt
from typing import Any, Final

import pandas as pd

from moderation.policy import ACTIONS, Policy, decide, rule_hits
from moderation.tables import Batch

__all__ = ["Effect", "Part", "Past", "RuleTest", "effect_of", "said_of", "try_rules", "wilson", "window"]

REJECTED: Final = frozenset({"spam", "rejected", "trash"})
Z: Final = 1.959964
FEWEST: Final = 5  # decided comments, below which a share is not worth stating
SAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Part:
    """How many of how many, and between which shares the truth lies: Wilson's interval, 95 %.

    `low` and `high` are 0 and 1 where there is nothing to go by.
    """

    yes: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share itself; 0 where n is 0."""
        return self.yes / self.n if self.n else 0.0

    @property
    def known(self) -> bool:
        """Whether enough was decided to state it."""
        return self.n >= FEWEST


def wilson(yes: int, n: int) -> Part:
    """Return a share with its interval (Wilson 1927): within 0 and 1, and honest for few answers too."""
    if n <= 0:
        return Part(0, 0, 0.0, 1.0)
    share, spread = yes / n, Z * Z / n
    middle = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return Part(yes, n, max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share)))


def said_of(comments: pd.DataFrame, people: Mapping[str, str]) -> list[str | None]:
    """Return "approve", "reject" or None for each comment: people's answer, else what its source had decided."""
    sources = (
        "approve" if status == "approved" else "reject" if status in REJECTED else None for status in comments["status"]
    )
    return [people.get(name, source) for name, source in zip(comments["id"], sources, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Comments of some days with their scores and what was said of them; a sample of `total` of them, or all."""

    batch: Batch
    scores: pd.DataFrame
    said: list[str | None]
    total: int
    days: float

    def __len__(self) -> int:
        return len(self.batch)

    def per_week(self, rows: float) -> float:
        """Return how many of all a week `rows` of the sample stand for."""
        if not len(self) or self.days <= 0:
            return 0.0
        return rows * self.total / len(self) * 7 / self.days


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes if one policy takes the place of another, over the comments of a `Past`.

    `counts`: "before/after" -> comments. `held` are those that a person would newly see or that would newly be turned
    down, `let` those that would newly pass; of each, `rightly` counts what people decided that way.
    """

    rows: int
    counts: dict[str, int]
    held: tuple[str, ...]
    let: tuple[str, ...]
    held_rightly: Part
    let_rightly: Part
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)


def effect_of(past: Past, before: Policy, after: Policy, now: datetime) -> Effect:
    """Decide the same comments by both policies and say what differs."""
    was = _decided(past, before, now)
    becomes = was if before.digest == after.digest else _decided(past, after, now)
    counts = {f"{one}/{other}": 0 for one in ACTIONS for other in ACTIONS}
    held, let = [], []
    rejected = approved = held_decided = let_decided = 0
    for name, one, other, said in zip(past.batch.comments["id"], was, becomes, past.said, strict=True):
        counts[f"{one}/{other}"] += 1
        if one == "allow" and other != "allow":
            held.append(str(name))
            held_decided += said is not None
            rejected += said == "reject"
        elif one != "allow" and other == "allow":
            let.append(str(name))
            let_decided += said is not None
            approved += said == "approve"
    return Effect(
        rows=len(past),
        counts=counts,
        held=tuple(held),
        let=tuple(let),
        held_rightly=wilson(rejected, held_decided),
        let_rightly=wilson(approved, let_decided),
        before={action: was.count(action) for action in ACTIONS},
        after={action: becomes.count(action) for action in ACTIONS},
    )


def _decided(past: Past, policy: Policy, now: datetime) -> list[str]:
    return [str(action) for action in decide(past.batch, past.scores, policy, now)["decision"]]


@dataclass(slots=True)
class RuleTest:
    """How often one rule would have held over some past, and what was decided of those comments.

    `held` is always `rejected` + `approved` + `open`. `samples` are the first few of them.
    """

    name: str
    rejected: int = 0
    approved: int = 0
    open: int = 0
    samples: list[str] = field(default_factory=list)

    @property
    def held(self) -> int:
        """For how many comments the rule holds."""
        return self.rejected + self.approved + self.open

    @property
    def rightly(self) -> Part:
        """Of those that were decided, how many people rejected."""
        return wilson(self.rejected, self.rejected + self.approved)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {
            "name": self.name,
            "rejected": self.rejected,
            "approved": self.approved,
            "open": self.open,
            "samples": list(self.samples),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RuleTest":
        """Read the counts back."""
        return cls(**values)


def try_rules(
    tests: dict[str, RuleTest], batch: Batch, said: Iterable[str | None], policy: Policy, now: datetime
) -> None:
    """Add what each rule of the policy would have done with one chunk of comments; `now` says which have lapsed."""
    told = list(said)
    ids = batch.comments["id"]
    for name, rows in rule_hits(batch.comments, policy, now).items():
        test = tests.setdefault(name, RuleTest(name))
        for row in rows:
            match told[row]:
                case "reject":
                    test.rejected += 1
                case "approve":
                    test.approved += 1
                case _:
                    test.open += 1
            if len(test.samples) < SAMPLES:
                test.samples.append(str(ids.iloc[row]))


def window(newest: datetime | None, days: int | None) -> datetime | None:
    """Return where the last `days` begin, counted back from the newest comment; None: from the first one on."""
    return None if days is None or newest is None else newest - timedelta(days=days)
