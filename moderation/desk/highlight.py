"""A text and the spans that explain a score in, HTML out that shows the text whole with its telling words marked.

The text is hostile: it is cut into pieces, every piece is escaped, and the only tags are ours. What a reader sees as
text is exactly the text that came in.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Protocol

import numpy as np

__all__ = ["Piece", "Weighted", "marked", "pieces"]

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


def marked(text: str, spans: Sequence[Weighted], label: str) -> str:
    """Return `text` as HTML, its telling words in `<mark>`: "for" speaks for `label` (its title), "against" against it.

    Colour is not the only sign: the weight stands in the tooltip, and "against" is underlined with dots.
    """
    cut = pieces(text, spans)
    strongest = max((abs(piece.weight) for piece in cut), default=0.0)
    return "".join(_piece(piece, strongest, label) for piece in cut)


def _piece(piece: Piece, strongest: float, label: str) -> str:
    if not piece.weight:
        return escape(piece.text)
    side = "for" if piece.weight > 0 else "against"
    depth = 1 + round(3 * abs(piece.weight) / strongest)  # 1 to 4, so that the style stays in the style sheet
    title = escape(f"speaks {side} {label} ({piece.weight:+.2f})")
    return f'<mark class="{side} d{depth}" title="{title}">{escape(piece.text)}</mark>'
