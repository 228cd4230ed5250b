"""The errors this package raises, as one tree; doors catch the root and nothing wider.

ModerationError
├── InputError            a file or table that cannot be used
│   ├── FormatError       the format is unknown, or the bytes are not what was claimed
│   └── TableError        a table breaks its schema; names row and column
├── PolicyError           a policy file is wrong; names the line
├── ModelError            a model is missing, damaged, or made for other features
│   └── PromotionRefused  a candidate is worse than the champion and no reason was given
├── LearningError         there is nothing to learn from, or nothing to measure on
├── NotAllowed            a person may not do this, or could not sign in
└── StoreError            the store cannot be reached, is full, or is not ours
    └── Conflict          an act no longer fits what stands in the store

A message names place, fault and cure on one line, and never holds comment text, an author or a key.
"""

from typing import Any

__all__ = [
    "Conflict",
    "FormatError",
    "InputError",
    "LearningError",
    "ModelError",
    "ModerationError",
    "NotAllowed",
    "PolicyError",
    "PromotionRefused",
    "StoreError",
    "TableError",
]


class ModerationError(Exception):
    """Root of every error that a caller is expected to handle."""


class InputError(ModerationError):
    """A file or table cannot be used as input."""


class FormatError(InputError):
    """The format is unknown, or the bytes are not in the format claimed."""


class TableError(InputError):
    """A table breaks its schema; the message names row and column."""


class PolicyError(ModerationError):
    """A policy file is wrong; the message names the line."""


class ModelError(ModerationError):
    """A model is missing, damaged, or made for another feature version."""


class PromotionRefused(ModelError):
    """The candidate is worse than the champion on the same holdout, and no reason was given."""


class LearningError(ModerationError):
    """There is nothing to learn from, or nothing to measure on."""


class NotAllowed(ModerationError):
    """A person may not do this; the message names the role that may."""


class StoreError(ModerationError):
    """The store cannot be reached, is full, or was not made by this package."""


class Conflict(StoreError):
    """An act was drawn for a state of the comment that no longer stands; `standing` is the review that does."""

    def __init__(self, message: str, *, standing: Any = None) -> None:
        super().__init__(message)
        self.standing = standing
