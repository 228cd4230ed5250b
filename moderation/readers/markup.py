"""An HTML fragment in, the plain text that a reader would see out: paragraphs kept, entities decoded once.

For comment bodies, which exports hold by the million: a few passes of compiled expressions, no tree. Whole pages are
another matter and have a reader of their own.
"""

import re
from html import unescape
from typing import Any, Final

from moderation.readers.text_columns import first_bytes, holding, last_bytes, replaced

__all__ = ["plain_text", "plain_texts"]

# What is not shown, with all that is in it.
_HIDDEN: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template|noscript)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
# White space before a tag is cut from the part before it: looked for by the expression, at every place of a text, it
# would take ten times as long as all the rest.
_BREAK: Final = re.compile(r"<br\b[^<>]*>\s*", re.IGNORECASE)
_PARAGRAPH: Final = re.compile(
    r"</?(?:p|div|blockquote|ul|ol|dl|table|section|article|h[1-6]|hr|pre|figure)\b[^<>]*>\s*", re.IGNORECASE
)
_LINE: Final = re.compile(r"<(?:li|tr|dt|dd)\b[^<>]*>\s*", re.IGNORECASE)
# A tag begins with a letter: "a < b" and "<3" are text.
_TAG: Final = re.compile(r"</?[a-zA-Z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>|<![^<>]*>|<\?[^<>]*>")
_LOOSE_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]*>")
_MANY: Final = re.compile(r"\n[ \t]*\n\s*")
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def plain_text(fragment: str) -> str:
    """Return the text of an HTML fragment, as a reader would see it.

    Line breaks, paragraphs and list items become line ends. What only looks like a tag ("a < b") stays. Entities are
    decoded once: "&amp;lt;" becomes "&lt;". Never raises; linear in the length.
    """
    text = fragment
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("<p>") and text.endswith("</p>") and text.count("<") == 2:  # one paragraph, as many are
        text = text[3:-4]
    if "<" in text:
        # Each expression goes from one "<" to the next: looking for two letters in all of the text takes longer.
        text = _HIDDEN.sub("", text)
        text = _parted(_BREAK, "\n", text)
        text = _parted(_PARAGRAPH, "\n\n", text)
        if "<" in text:  # paragraphs are the most of it, or all
            text = _parted(_LINE, "\n", text)
            text = _LOOSE_TAG.sub("", _TAG.sub("", text))
    if "&" in text:
        text = _ENTITY.sub(_decoded, text)
    if "\n" in text:
        text = _parted(_MANY, "\n\n", text)
    return text.replace("\xa0", " ").strip()


def plain_texts(column: Any) -> Any:
    """Return a column of such fragments as text; looks only at those that are not plain text already."""
    first, last = first_bytes(column), last_bytes(column)
    marked = (first <= 0x20) | (first > 0x7E) | (last <= 0x20) | (last > 0x7E)
    for mark in b"<&\r\n\xc2":  # the last begins a no-break space
        marked |= holding(column, mark)
    return replaced(column, plain_text, marked)


def _parted(mark: "re.Pattern[str]", by: str, text: str) -> str:
    """Return `text` with `by` for each `mark` and the white space before it."""
    parts = mark.split(text)
    if len(parts) == 1:
        return text
    last = parts.pop()
    return by.join([*map(str.rstrip, parts), last])


def _decoded(entity: "re.Match[str]") -> str:
    return unescape(entity[0])
