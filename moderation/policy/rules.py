"""What a policy says, as records: thresholds per label and rules in, one digest of what they mean out."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Final, Literal

from moderation.labels import LABELS
from moderation.policy.lists import Finder, encode_author, encode_host, encode_word

__all__ = ["ACTIONS", "LISTS", "Action", "Policy", "Rule", "Thresholds"]

Action = Literal["allow", "review", "reject"]
ACTIONS: Final[tuple[Action, ...]] = ("allow", "review", "reject")  # softest first
LISTS: Final = ("words", "authors", "hosts")

# Part of every digest: to be raised when the same file comes to mean something else, for instance by another folding.
_MEANING: Final = 1


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which probability on a label asks for a review, from which for a rejection, and what if nobody judged it."""

    review: float | None = None
    reject: float | None = None
    unscored: Literal["allow", "review"] = "review"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: all of its conditions must hold, of a list any one entry; `until` is the moment it lapses."""

    name: str
    action: Action
    label: str | None = None
    words: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    until: datetime | None = None

    @property
    def code(self) -> str:
        """Return the name of the condition that a reason gives: the list, if the rule has one."""
        return next(name for name in (*LISTS, "kinds", "statuses") if getattr(self, name))

    @property
    def strings(self) -> frozenset[str]:
        """Return the entries of the list as the automaton looks for them."""
        return frozenset(
            [
                *map(encode_word, self.words),
                *map(encode_author, self.authors),
                *(string for entry in self.hosts for string in encode_host(entry)),
            ],
        )


@dataclass(frozen=True)
class Policy:
    """Thresholds of the labels it speaks of, and rules. `source` says where it was read, and has no other part.

    A label that is missing from `labels` is one that the policy is silent about: a person looks.
    """

    labels: Mapping[str, Thresholds]
    rules: tuple[Rule, ...] = ()
    source: str = "policy"

    def __post_init__(self) -> None:
        ordered = {label: self.labels[label] for label in LABELS if label in self.labels}
        object.__setattr__(self, "labels", MappingProxyType(ordered))

    def __reduce__(self) -> tuple[type["Policy"], tuple[dict[str, Thresholds], tuple[Rule, ...], str]]:
        return Policy, (dict(self.labels), self.rules, self.source)  # automata cannot be pickled, and are quick to make

    @cached_property
    def digest(self) -> str:
        """Return the version: 12 hex digits that change with the meaning, not with comments, order or letter case."""
        content = {
            "meaning": _MEANING,
            "labels": {name: [each.review, each.reject, each.unscored] for name, each in self.labels.items()},
            "rules": [
                [
                    rule.name,
                    rule.action,
                    rule.label,
                    rule.code,
                    sorted(rule.strings),
                    sorted(rule.kinds),
                    sorted(rule.statuses),
                    None if rule.until is None else rule.until.timestamp(),
                ]
                for rule in sorted(self.rules, key=lambda rule: rule.name)
            ],
        }
        return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=6).hexdigest()

    @cached_property
    def words(self) -> Finder:
        """Return the automaton of all word lists; owners are numbers of `rules`."""
        return Finder(self._strings("words"))

    @cached_property
    def authors(self) -> Finder:
        """Return the automaton of all author lists; owners are numbers of `rules`."""
        return Finder(self._strings("authors"))

    @cached_property
    def hosts(self) -> Finder:
        """Return the automaton of all host lists; owners are numbers of `rules`."""
        return Finder(self._strings("hosts"))

    def _strings(self, code: str) -> dict[int, Iterable[str]]:
        return {number: rule.strings for number, rule in enumerate(self.rules) if rule.code == code}
