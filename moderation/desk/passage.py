"""A comment and its article in, the paragraph of the article that the comment is nearest to out."""

import math
import re
from collections import Counter
from typing import Final

__all__ = ["nearest", "paragraphs"]

WORD: Final = re.compile(r"[^\W\d_]{4,}|\d{2,}")
LONGEST: Final = 200_000  # characters read of an article and of a comment: more does not change the choice
FEWEST: Final = 2  # words that must be shared: one alone is more often chance than not


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of `text`, stripped; a text without blank lines is cut at its line ends."""
    found = [part.strip() for part in re.split(r"\n\s*\n", text)]
    if len(found) == 1:
        found = [part.strip() for part in text.split("\n")]
    return [part for part in found if part]


def nearest(comment: str, article: str) -> str | None:
    """Return the paragraph that shares most with `comment`, rare words counting more; None where too little is shared.

    Words that stand in more than a quarter of the paragraphs say nothing about any. The first paragraph wins a tie.
    """
    parts = paragraphs(article[:LONGEST])
    said = set(_words(comment[:LONGEST]))
    bags = [set(_words(part)) for part in parts]
    spread = Counter(word for bag in bags for word in bag)
    common = max(1, len(parts) // 4)
    best, best_score = None, 0.0
    for part, bag in zip(parts, bags, strict=True):
        shared = [word for word in bag & said if spread[word] <= common]
        if len(shared) >= FEWEST:
            score = math.fsum(1 / spread[word] for word in shared) / math.sqrt(10 + len(bag))
            if score > best_score:  # divided, so that a long paragraph does not win by length alone
                best, best_score = part, score
    return best


def _words(text: str) -> list[str]:
    return [word.casefold() for word in WORD.findall(text)]
