"""What a page shows of a comment, an author, an article or a list in, escaped HTML out.

Everything here may hold hostile text. No function of this module lets a character of it through unescaped, and every
foreign string stands in an element of its own with `dir="auto"`, so that text that runs right to left, or pretends
to, ends where its element ends. Links are shown as text: nobody opens a spammer's page by a slip of the hand.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Any, Final

import pandas as pd

__all__ = [
    "callout",
    "empty",
    "facts",
    "foreign",
    "headline",
    "key_list",
    "percent",
    "plain",
    "row_list",
    "scrolled",
    "shortened",
    "turned",
    "when",
]

OVERRIDES: Final = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
LONGEST_SHOWN: Final = 20_000  # characters of one text; a browser chokes on the megabytes that an import may hold


def plain(value: object) -> str | None:
    """Return a table's cell as a string; None where it is missing or blank."""
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return None
    text = str(value)
    return text if text.strip() else None


def foreign(value: object, *, tag: str = "span", name: str = "", missing: str = "") -> str:
    """Return somebody else's text in an element of its own; `missing` (ours) where there is none."""
    text = plain(value)
    if text is None:
        return f'<{tag} class="{escape(name)} missing">{escape(missing)}</{tag}>'
    return f'<{tag} class="{escape(name)} foreign" dir="auto">{escape(text[:LONGEST_SHOWN])}</{tag}>'


def turned(value: object) -> bool:
    """Say whether a text holds characters that make it read in another order than it is written."""
    return any(character in OVERRIDES for character in plain(value) or "")


def shortened(value: object, length: int = 160) -> str:
    """Return the beginning of a text on one line."""
    text = " ".join((plain(value) or "")[: 4 * length].split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def percent(probability: object) -> str:
    """Return a probability as people say it: never "0%" or "100%", which nobody can know."""
    if probability is None or pd.isna(probability):  # type: ignore[call-overload]
        return "–"
    share = float(probability)  # type: ignore[arg-type]
    if share < 0.01:
        return "<1%"
    if share >= 0.995:
        return ">99%"
    return f"{share:.0%}"


def when(moment: object, *, now: datetime | None = None, zone: tzinfo = UTC) -> str:
    """Return a time as a date in `zone`, with the hour where it is of this year; "" where it is not known."""
    if moment is None or pd.isna(moment):  # type: ignore[call-overload]
        return ""
    at = pd.Timestamp(moment).tz_convert(zone)  # type: ignore[arg-type]
    hour = f", {at:%H:%M}" if now is not None and at.year == now.year else ""
    return f"{at.day} {at:%b %Y}{hour}"


def callout(kind: str, text: str, *, action: str = "") -> str:
    """Return one sentence in a coloured box: `kind` is "info", "good", "warning" or "error"."""
    sign = {"info": "ℹ", "good": "✓", "warning": "!", "error": "✕"}[kind]
    role = "alert" if kind == "error" else "status"
    todo = f'<div class="todo">{escape(action)}</div>' if action else ""
    return (
        f'<div class="callout {kind}" role="{role}"><span class="sign" aria-hidden="true">{sign}</span>'
        f"<div>{escape(text)}{todo}</div></div>"
    )


def empty(title: str, todo: str, *, command: str = "") -> str:
    """Return the picture of an empty list: what is not there, and what to do next."""
    code = f"<pre><code>{escape(command)}</code></pre>" if command else ""
    return f'<div class="empty"><div class="big">{escape(title)}</div><div>{escape(todo)}</div>{code}</div>'


def headline(title: str, words: str) -> str:
    """Return a page's title and what it is for, in one line."""
    return f'<div class="headline"><h2>{escape(title)}</h2><span class="small">{escape(words)}</span></div>'


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Return names (ours) and values (anybody's) as a small two-column list; missing values are left out."""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{foreign(value)}</dd>" for name, value in pairs if plain(value) is not None
    )
    return f'<dl class="facts">{rows}</dl>'


def row_list(rows: Iterable[Mapping[str, Any]], *, name: str = "rows") -> str:
    """Return short rows: `head` and `text` (foreign), `side` (ours), `here`, `deep` (0 to 4), `place` (a number)."""
    items: list[str] = []
    for row in rows:
        here = ' aria-current="true"' if row.get("here") else ""
        deep = min(4, max(0, int(row.get("deep") or 0)))
        place = f' data-place="{int(row["place"])}"' if "place" in row else ""
        head = foreign(row.get("head"), missing="no name")
        side = escape(str(row.get("side") or ""))
        line = foreign(shortened(row.get("text"), 220), tag="div", name="line", missing="no text")
        first = f'<div class="head">{head}<span class="side">{side}</span></div>'
        items.append(f'<li class="deep{deep}"{here}{place}>{first}{line}</li>')
    return f'<ul class="{escape(name)}">{"".join(items)}</ul>'


def key_list(rows: Iterable[tuple[str, str]]) -> str:
    """Return keys and what each does, as a list of two columns."""
    cells = "".join(f"<div><kbd>{escape(key)}</kbd></div><div>{escape(what)}</div>" for key, what in rows)
    return f'<div class="keys">{cells}</div>'


def scrolled(table: str) -> str:
    """Return markup that scrolls sideways where there is no room for it, by keyboard too."""
    return f'<div class="scroll" tabindex="0">{table}</div>'
