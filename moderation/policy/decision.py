"""Comments, their probabilities, a policy and a moment in; one decision per comment with all its reasons out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.errors import PolicyError, TableError
from moderation.labels import LABELS
from moderation.policy.lists import author_text, first_hosts, first_words, hosts_in
from moderation.policy.rules import ACTIONS, Action, Policy, Rule
from moderation.tables import Batch, validate_scores

__all__ = ["Reason", "decide", "flagged", "rule_hits"]

_FIRMNESS: Final = {action: firmness for firmness, action in enumerate(ACTIONS)}
_PLACES: Final = {label: place for place, label in enumerate(LABELS)}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a decision: what was found (`code`), what it asks for (`action`), and by which line of the policy.

    `begin` and `end` are code points of the comment's text. A reason holds no word of the comment.
    """

    code: str
    action: Action
    label: str | None = None
    probability: float | None = None
    threshold: float | None = None
    rule: str | None = None
    begin: int | None = None
    end: int | None = None

    def __str__(self) -> str:
        if self.code == "threshold":
            trust = f", allowed by rule {self.rule!r}" if self.rule is not None else ""
            return f"{self.label} {self.probability:.2f}, at or above {self.threshold:.2f}{trust}: {self.action}"
        if self.code == "unscored":
            return f"{self.label} was not judged: {self.action}"
        if self.code == "silent":
            return f"{self.label} is not in the policy: {self.action}"
        about = f", {self.label}" if self.label else ""
        return f"rule {self.rule!r} ({self.code}{about}): {self.action}"

    def to_dict(self) -> dict[str, Any]:
        """Return what is known of this reason, ready for JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Reason":
        """Return the reason that `to_dict` wrote; raise `PolicyError` for anything else."""
        known = [field.name for field in fields(cls)]
        foreign = [key for key in values if key not in known]
        if foreign or not isinstance(values.get("code"), str) or values.get("action") not in ACTIONS:
            what = f"unknown key {foreign[0]!r}" if foreign else "no code or no action"
            raise PolicyError(f"reason: {what}; it was not written by this package")
        return cls(**values)


def decide(batch: Batch, scores: pd.DataFrame, policy: Policy, now: datetime) -> pd.DataFrame:
    """Return decision, reasons (firmest first) and policy digest, one row per comment, in order; index is the id.

    The decision is the firmest action that any reason asks for, and "allow" where there is none. `now` decides which
    rules have lapsed. Raises `TableError` where the rows of `scores` are not those of `batch`.
    """
    if now.tzinfo is None:
        raise PolicyError("now has no zone; give an aware time (UTC)")
    _match_rows(batch, scores)
    hits = _hits(batch.comments, policy, now)
    by_row = _threshold_reasons(scores, policy, [hit for hit in hits if hit.rule.action == "allow"])
    for hit in hits:
        if hit.rule.action != "allow":
            for row, place in hit.places.items():
                begin, end = place or (None, None)
                reason = Reason(
                    hit.rule.code, hit.rule.action, hit.rule.label, rule=hit.rule.name, begin=begin, end=end
                )
                by_row.setdefault(row, []).append(reason)
    reasons = [tuple(sorted(by_row.get(row, ()), key=_rank)) for row in range(len(batch))]
    index = pd.Index(batch.comments["id"], name="id")
    return pd.DataFrame(
        {
            "decision": pd.Series(
                [each[0].action if each else "allow" for each in reasons], index=index, dtype="string[pyarrow]"
            ),
            "reasons": pd.Series(reasons, index=index, dtype=object),
            "policy": pd.Series([policy.digest] * len(batch), index=index, dtype="string[pyarrow]"),
        },
    )


def flagged(scores: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Return one bool column per label: whether its probability reaches that label's review threshold.

    Where a label has only a reject threshold, that one counts; one that was not judged, or has none, is not flagged.
    """
    columns = {}
    for label in LABELS:
        of = policy.labels.get(label)
        threshold = None if of is None else of.reject if of.review is None else of.review
        values = scores[label].to_numpy(np.float32)
        columns[label] = np.zeros(len(scores), bool) if threshold is None else values >= np.float32(threshold)
    return pd.DataFrame(columns, index=scores.index)


def rule_hits(comments: pd.DataFrame, policy: Policy, now: datetime) -> dict[str, list[int]]:
    """Return the rows of `comments` for which each rule of the policy holds, by the rule's name; what has lapsed: none.

    What a rule asks for is not looked at: one that allows holds as well as one that rejects.
    """
    found: dict[str, list[int]] = {rule.name: [] for rule in policy.rules}
    for hit in _hits(comments, policy, now):
        found[hit.rule.name] = sorted(hit.places)
    return found


def _rank(reason: Reason) -> tuple[int, str, int, str]:
    # by content alone: the order of rules in the file must not show
    return -_FIRMNESS[reason.action], reason.code, _PLACES.get(reason.label or "", -1), reason.rule or ""


def _match_rows(batch: Batch, scores: pd.DataFrame) -> None:
    validate_scores(scores)
    if len(scores) != len(batch):
        raise TableError(f"scores: {len(scores)} rows for {len(batch)} comments; score this batch first")
    same = np.asarray(scores.index.astype(object) == batch.comments["id"].to_numpy(dtype=object), dtype=bool)
    if not same.all():
        row = int(same.argmin())
        raise TableError(f"scores: row {row} is not that of the comment in row {row}; score this batch first")


# Thresholds.


def _threshold_reasons(scores: pd.DataFrame, policy: Policy, trusts: Sequence["_Hit"]) -> dict[int, list[Reason]]:
    found: dict[int, list[Reason]] = {}
    for label in LABELS:
        of = policy.labels.get(label)
        values = scores[label].to_numpy(np.float32)
        if of is None:
            silent = Reason("silent", "review", label)
            for row in range(len(values)):
                found.setdefault(row, []).append(silent)
            continue
        if of.unscored == "review":
            unscored = Reason("unscored", "review", label)
            for row in np.flatnonzero(np.isnan(values)).tolist():
                found.setdefault(row, []).append(unscored)
        trusted = _trusted(trusts, label)
        # Compared as they are kept: 0.7 as float32 is a little less than 0.7, and yet reaches it.
        rejects = np.zeros(len(values), bool) if of.reject is None else values >= np.float32(of.reject)
        reviews = np.zeros(len(values), bool) if of.review is None else (values >= np.float32(of.review)) & ~rejects
        for row in np.flatnonzero(rejects).tolist():
            found.setdefault(row, []).append(Reason("threshold", "reject", label, float(values[row]), of.reject))
        for row in np.flatnonzero(reviews).tolist():
            rule = trusted.get(row)
            action: Action = "review" if rule is None else "allow"
            reason = Reason("threshold", action, label, float(values[row]), of.review, rule)
            found.setdefault(row, []).append(reason)
    return found


def _trusted(trusts: Sequence["_Hit"], label: str) -> dict[int, str]:
    """Return, for the rows whose review of `label` an allow rule lifts, that rule's name: the first by alphabet."""
    found: dict[int, str] = {}
    for hit in sorted(trusts, key=lambda hit: hit.rule.name, reverse=True):
        if hit.rule.label in (None, label):
            found.update(dict.fromkeys(hit.places, hit.rule.name))
    return found


# Rules.

_Place = tuple[int, int] | None
_Found = Iterator[tuple[int, int, _Place]]  # row, number of the rule, place


@dataclass(frozen=True, slots=True)
class _Hit:
    """A rule, and for each row that it holds for the place in the text, if it is one."""

    rule: Rule
    places: dict[int, _Place]


def _hits(comments: pd.DataFrame, policy: Policy, now: datetime) -> list[_Hit]:
    standing = {
        number: _conditions(rule, comments)
        for number, rule in enumerate(policy.rules)
        if rule.until is None or now < rule.until
    }
    found: dict[int, dict[int, _Place]] = {number: {} for number in standing}
    searches: dict[str, Callable[[pd.DataFrame, Policy, npt.NDArray[np.intp]], Iterator[tuple[int, int, _Place]]]] = {
        "words": _find_words,
        "authors": _find_authors,
        "hosts": _find_hosts,
    }
    for code, search in searches.items():
        masks = [mask for number, mask in standing.items() if policy.rules[number].code == code]
        if not masks:
            continue
        rows = np.flatnonzero(np.logical_or.reduce(masks))
        for row, number, place in search(comments, policy, rows):
            if number in standing and standing[number][row]:
                found[number][row] = place
    for number, mask in standing.items():
        if policy.rules[number].code not in searches:
            found[number] = dict.fromkeys(np.flatnonzero(mask).tolist())
    return [_Hit(policy.rules[number], places) for number, places in found.items()]


def _conditions(rule: Rule, comments: pd.DataFrame) -> npt.NDArray[np.bool_]:
    mask = np.ones(len(comments), bool)
    for column, wanted in (("kind", rule.kinds), ("status", rule.statuses)):
        if wanted:
            mask &= comments[column].isin(wanted).to_numpy(dtype=bool)
    return mask


def _find_words(comments: pd.DataFrame, policy: Policy, rows: npt.NDArray[np.intp]) -> _Found:
    finder = policy.words
    texts = comments["text"].to_numpy(dtype=object)
    for row in rows.tolist():
        for number, place in first_words(finder, texts[row]).items():
            yield row, number, place


def _find_authors(comments: pd.DataFrame, policy: Policy, rows: npt.NDArray[np.intp]) -> _Found:
    finder = policy.authors
    codes, names = pd.factorize(comments["author"].iloc[rows])  # a missing name has code -1, and is nobody's
    known = [sorted(finder.first(author_text(name))) for name in names]
    for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
        if code >= 0:
            for number in known[code]:
                yield row, number, None


def _find_hosts(comments: pd.DataFrame, policy: Policy, rows: npt.NDArray[np.intp]) -> _Found:
    finder = policy.hosts
    texts = comments["text"].to_numpy(dtype=object)
    links = comments["author_url"].to_numpy(dtype=object)
    for row in rows.tolist():
        if isinstance(links[row], str):
            # Whatever stands in the field of the link is one, with a scheme or without.
            hosts = [replace(host, linked=True) for host in hosts_in(links[row])]
            for number in first_hosts(finder, hosts):
                yield row, number, None
        for number, host in first_hosts(finder, hosts_in(texts[row])).items():
            yield row, number, (host.begin, host.end)
