"""What a moderator pressed in, the labels a review will carry out.

Truth is three-valued: yes, no, not judged. A label that nobody touched stays not judged, with one exception that the
page spells out under its buttons: the queue asks a question ("is this incitement?"), and approving or rejecting
without touching that label answers it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import pandas as pd

from moderation.labels import FLAGS, LABELS, TAXONOMY, Label

__all__ = ["KEYS", "LABEL_BY_NAME", "Action", "answers", "question", "spoken"]

Action = Literal["approve", "reject", "skip", "escalate"]

LABEL_BY_NAME: Final[Mapping[str, Label]] = MappingProxyType({label.name: label for label in TAXONOMY})

# 1 to 9, then 0: the digits as they lie on the keyboard.
KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {label: str((number + 1) % 10) for number, label in enumerate(LABELS[:10])}
)


def question(asked: str | None, scores: Mapping[str, float]) -> str | None:
    """Return the label a card asks about: the queue's own, or its strongest flag; None where no flag has a score."""
    if asked is not None:
        return asked
    known = {label: scores[label] for label in FLAGS if label in scores and not pd.isna(scores[label])}
    return max(known, key=lambda label: known[label]) if known else None


def answers(action: Action, asked: str | None, touched: Mapping[str, bool | None]) -> dict[str, bool | None]:
    """Return the labels that `action` says, leaving out those not judged; a skip says nothing."""
    if action == "skip":
        return {}
    said: dict[str, bool | None] = {}
    for label in LABELS:
        state = touched.get(label)
        if label == asked and label not in touched and action != "escalate":
            state = action == "reject"
        if state is not None:
            said[label] = state
    return said


def spoken(action: str, labels: Mapping[str, bool | None], asked: str | None) -> dict[str, bool | None]:
    """Return the labels of an answer that a hand had set: all but what the decision itself said."""
    return {label: value for label, value in labels.items() if not (label == asked and value == (action == "reject"))}
