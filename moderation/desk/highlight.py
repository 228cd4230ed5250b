"""A text and the spans that explain a score in, the text cut at its telling words out; the pieces join to it again."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

__all__ = ["Named", "Piece", "Weighted", "pieces"]

# One word: an address as a whole, one character of scripts that put no spaces between words, or a run of letters.
UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD: Final = re.compile(rf"https?://[^\s<>\"]+|[{UNSPACED}]|[^\W{UNSPACED}]+(?:['’\-][^\W{UNSPACED}]+)*")

FAINTEST: Final = 0.25  # share of the strongest word's weight below which a word stays unmarked
SLIGHTEST: Final = 0.03  # log-odds that move a probability by less than one point wherever it stands
MOST: Final = 25  # more marks than this read as a coloured page, not as an explanation


class Weighted(Protocol):
    """A part of an explanation: code points `begin` to `end`, or none of the text, and a signed weight."""

    @property
    def begin(self) -> int | None: ...  # noqa: D102
    @property
    def end(self) -> int | None: ...  # noqa: D102
    @property
    def weight(self) -> float: ...  # noqa: D102


class Named(Weighted, Protocol):
    """A part that has a name: what is no part of the text is told by it."""

    @property
    def name(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the text, and how much it speaks for (above 0) or against (below 0) the label."""

    text: str
    weight: float = 0.0


def pieces(text: str, spans: Iterable[Weighted]) -> list[Piece]:
    """Cut `text` at its telling words; the pieces join to `text` again.

    Spans overlap (a word, its neighbours, parts of it): each spreads its weight evenly over the characters it covers
    that are not spaces, and a word's weight is what its characters received.
    """
    telling = _words(text, spans)
    cut: list[Piece] = []
    at = 0
    for begin, end, weight in telling:
        if begin > at:
            cut.append(Piece(text[at:begin]))
        cut.append(Piece(text[begin:end], weight))
        at = end
    if at < len(text):
        cut.append(Piece(text[at:]))
    return cut


def _words(text: str, spans: Iterable[Weighted]) -> list[tuple[int, int, float]]:
    size = len(text)
    inside: list[tuple[int, int, float]] = []
    for span in spans:
        if span.begin is None or span.end is None:
            continue
        begin, end = max(0, span.begin), min(size, span.end)
        if begin < end and np.isfinite(span.weight):
            inside.append((begin, end, float(span.weight)))
    if not inside:
        return []
    solid = np.fromiter((not character.isspace() for character in text), dtype=np.float64, count=size)
    solid_before = np.concatenate(([0.0], np.cumsum(solid)))
    change = np.zeros(size + 1)
    for begin, end, weight in inside:
        covered = solid_before[end] - solid_before[begin]
        if covered:
            change[begin] += weight / covered
            change[end] -= weight / covered
    received = np.concatenate(([0.0], np.cumsum(np.cumsum(change[:size]) * solid)))
    words = [(found.start(), found.end(), 0.0) for found in WORD.finditer(text)]
    weighed = [(begin, end, float(received[end] - received[begin])) for begin, end, _ in words]
    strongest = max((abs(weight) for _, _, weight in weighed), default=0.0)
    least = max(FAINTEST * strongest, SLIGHTEST)
    telling = [word for word in weighed if abs(word[2]) >= least]
    if len(telling) > MOST:
        least = sorted((abs(word[2]) for word in telling), reverse=True)[MOST - 1]
        telling = [word for word in telling if abs(word[2]) >= least][:MOST]
    return telling
