"""A long text in, the windows it is judged in out: cut where paragraphs and sentences end, each a little into the next.

A sentence of abuse in ten pages drowns when the ten pages are judged as one. Windows of about one page are judged one
by one, and the strongest speaks for the text. A window begins where a sentence begins, so what stands across a cut
stands whole in one of its neighbours.
"""

import re
from typing import Final

__all__ = ["OVERLAP", "WINDOW", "windows"]

WINDOW: Final = 1500
"""Code points of a window, at most."""

OVERLAP: Final = 200
"""Code points that a window repeats of the one before it, at most."""

# Firmer cuts first: the end of a paragraph, of a line, of a sentence, of a word.
_CUTS: Final = (
    re.compile(r"\n[^\S\n]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"[.!?…。！？][\"'”’)\]]*\s+|[。！？]"),
    re.compile(r"\s+"),
)


def windows(text: str, size: int = WINDOW, overlap: int = OVERLAP) -> list[tuple[int, int]]:
    """Return (begin, end) of each window in code points; one for a text of at most `size`, also for an empty one.

    Together they cover the text, in order; each is at most `size` long and begins at most `overlap` before the end of
    the one before it. Takes time in proportion to the text.
    """
    if size < 1 or not 0 <= 2 * overlap <= size:
        raise ValueError("windows: size is at least 1, and the overlap at most half of it")
    found: list[tuple[int, int]] = []
    begin = 0
    while len(text) - begin > size:
        # Not before the middle: windows of a few words would be judged too harshly.
        end = _last_cut(text, begin + size // 2 + 1, begin + size)
        found.append((begin, end))
        begin = _first_cut(text, max(end - overlap, begin + 1), end)
    found.append((begin, len(text)))
    return found


def _last_cut(text: str, low: int, high: int) -> int:
    """Return the last place to cut at in [low, high], by the firmest kind there is, else `high`."""
    for kind in _CUTS:
        places = [found.end() for found in kind.finditer(text, low, high)]
        if places:
            return places[-1]
    return high


def _first_cut(text: str, low: int, end: int) -> int:
    """Return the first place at which a sentence begins in [low, end], else a word, else `low`."""
    for kind in _CUTS[1:]:
        found = kind.search(text, low, end)
        if found is not None and found.end() < end:
            return found.end()
    return end if text[end - 1].isspace() else low
