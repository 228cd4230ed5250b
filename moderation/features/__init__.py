"""Tables in, numbers out: hashed n-grams, structure and context, by kernels that all of scoring and fitting share."""

import hashlib
import json
from typing import Final

from moderation.features.context import CONTEXT
from moderation.features.folding import folding_table
from moderation.features.lexicon import lexicon
from moderation.features.ngrams import BITS, N_BUCKETS
from moderation.features.structure import STRUCTURE

__all__ = ["CONTEXT", "DENSE", "FEATURES", "N_BUCKETS", "STRUCTURE", "feature_version"]

DENSE: Final[tuple[str, ...]] = (*STRUCTURE, *CONTEXT)
"""The features that are not n-grams, in order."""

FEATURES: Final = 3
"""Raised whenever the same text would get other numbers: weights fitted for one version mean nothing in another."""


def feature_version() -> str:
    """Return what a model must have been fitted for: version, hash size, and a digest of folding table and names."""
    digest = hashlib.blake2b(folding_table().tobytes(), digest_size=6)
    digest.update("\n".join(DENSE).encode())
    digest.update(json.dumps(lexicon()).encode())
    return f"{FEATURES}-{BITS}-{digest.hexdigest()}"
