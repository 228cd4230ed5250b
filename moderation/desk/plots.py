"""Counts and intervals in, small plots as HTML out: drawn by the page itself, readable without colour or a mouse.

A plot is one element with an `aria-label` that says in words what it shows; nothing of it is fetched or run.
"""

from collections.abc import Mapping, Sequence
from html import escape
from math import sqrt

__all__ = ["histogram", "legend", "spans", "stacked"]


def histogram(
    counts: Sequence[int],
    spoken: str,
    *,
    marks: Mapping[str, float | None] | None = None,
    chosen: tuple[float, float] | None = None,
    small: bool = False,
) -> str:
    """Return bars over [0, 1], high as the square roots of their counts: few comments must be seen beside thousands.

    `marks`: kind ("review", "reject") -> place of a line. `chosen`: the range that is lit up.
    """
    highest = sqrt(max(counts, default=0)) or 1.0
    lines = {kind: place for kind, place in (marks or {}).items() if place is not None}
    bars = []
    for number, count in enumerate(counts):
        middle = (number + 0.5) / len(counts)
        kinds = [kind for kind, place in lines.items() if middle >= place]
        if chosen is not None:
            kinds.append("in" if chosen[0] <= middle <= chosen[1] else "out")
        high = 100 * sqrt(count) / highest
        title = "" if small else f' title="{number / len(counts):.2f}–{(number + 1) / len(counts):.2f}: {count:,}"'
        bars.append(f'<i class="{" ".join(kinds)}" style="height:{max(high, 1.5 if count else 0):.1f}%"{title}></i>')
    ticks = "".join(f'<u class="{escape(kind)}" style="left:{100 * place:.2f}%"></u>' for kind, place in lines.items())
    axis = (
        ""
        if small
        else '<div class="axis"><span>0</span><span>0.25</span><span>0.5</span><span>0.75</span><span>1</span></div>'
    )
    return (
        f'<div class="histogram{" small" if small else ""}" role="img" aria-label="{escape(spoken)}">'
        f'<div class="field">{"".join(bars)}{ticks}</div>{axis}</div>'
    )


def legend(parts: Mapping[str, str]) -> str:
    """Return what the colours of a plot mean: class -> words."""
    return (
        '<div class="legend">'
        + "".join(f'<span><i class="{escape(kind)}"></i>{escape(words)}</span>' for kind, words in parts.items())
        + "</div>"
    )


def spans(rows: Sequence[tuple[str, Mapping[str, float] | None, Mapping[str, float] | None, str]]) -> str:
    """Return a line per row from 0 to 1: name, interval before (grey), interval after (accent), and words for both."""
    lines = []
    for name, before, after, spoken in rows:
        parts = ""
        for kind, each in (("before", before), ("after", after)):
            if each is not None:
                low, high, value = (100 * min(1.0, max(0.0, each[key])) for key in ("low", "high", "value"))
                parts += f'<u class="{kind}" style="left:{low:.1f}%;width:{max(high - low, 0.4):.1f}%"></u>'
                parts += f'<b class="{kind}" style="left:{value:.1f}%"></b>'
        lines.append(
            f'<div class="span" role="img" aria-label="{escape(f"{name}: {spoken}")}" title="{escape(spoken)}">'
            f'<span class="what">{escape(name)}</span><div class="rail">{parts}</div></div>'
        )
    return f'<div class="spans">{"".join(lines)}</div>'


def stacked(parts: Mapping[str, int], words: Mapping[str, str], spoken: str) -> str:
    """Return one bar cut by share: class -> count, and what each part is called."""
    total = sum(parts.values()) or 1
    cut = "".join(
        f'<i class="{escape(kind)}" style="width:{100 * count / total:.2f}%" '
        f'title="{escape(words[kind])}: {count:,}"></i>'
        for kind, count in parts.items()
        if count
    )
    return f'<div class="stacked" role="img" aria-label="{escape(spoken)}">{cut}</div>'
