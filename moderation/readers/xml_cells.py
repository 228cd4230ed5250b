"""Trees of whole exports in, what is asked of their records out as text: by a stylesheet, compiled, in one go.

Walking a tree costs more than parsing it. A stylesheet walks it without the interpreter, and so beside whatever else
is being done; it refuses a tree in which something is out of the ordinary, which is then for whoever looks at single
elements.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from lxml import etree

__all__ = ["Sheet", "Stylesheet", "once"]

_NAME: Final = re.compile(r"\{([\w:.-]+)\}")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is asked of records, each of a name: the text at each of `cells`.

    Both are expressions of XPath, from the record on, with elements and attributes in braces, by the prefixes that the
    format's own documents use: "{author}/{name}", "@{dsq:id}". `odd`: what no record may have, if the cells are to say
    all that its tree says.

    A compiled parser is told by `cells` too, and takes nothing for plain in which an element on the way to one comes
    twice or a text holds elements. What else would be odd is said of it in words of its own: `apart`, cells of which
    no record has both; `never`, elements that no record has; `banned`, attributes that no element has with such a part
    in their value.
    """

    cells: Mapping[str, Sequence[str]]
    odd: Mapping[str, Sequence[str]]
    apart: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    never: Mapping[str, Sequence[str]] = field(default_factory=dict)
    banned: Mapping[str, str] = field(default_factory=dict)


def once(*paths: str) -> list[str]:
    """Return what is odd where an element at one of `paths` comes more than once."""
    return [f"{path}[2]" for path in paths]


class Stylesheet:
    """One file's way to write a `Sheet`: `tag` says what a tree calls what the format's documents call by a name.

    `records`: each with those that must not stand in it; `container` and `before` as in a plan. To be used in the
    thread in which it was made.
    """

    def __init__(
        self,
        sheet: Sheet,
        tag: Callable[[str], str],
        records: Mapping[str, Sequence[str]],
        container: str | None,
        before: Sequence[str],
    ) -> None:
        self._tag = tag
        # What parts records and cells, or says that something is odd, must not stand in them: words that nobody could
        # foretell do not.
        self._record, self._cell, self._odd = (secrets.token_hex(8) for _ in range(3))
        self._spaces: dict[str, str] = {}
        names = {name: self._named(name) for name in (*records, *before, *([container] if container else ()))}
        one = " or ".join(f"self::{names[name]}" for name in records)
        # Each test is of one node and what is below it: sets of nodes that come from many take the square of the time.
        if container is None:
            chosen = f"*[{one}]"
            odd = []
            for name in records:
                allowed = [f"parent::{names[each]}" for each in records if name not in (each, *records[each])]
                odd.append(
                    f"descendant::{names[name]}[{' and '.join(['../parent::*', *(f'not({p})' for p in allowed)])}]"
                )
        else:
            inside = f"descendant::{names[next(iter(records))]}" if len(records) == 1 else f"descendant::*[{one}]"
            chosen = f"{names[container]}[{inside}]"
            around = " or ".join(f"parent::{names[name]}" for name in (container, *before))
            odd = [names[name] for name in (*records, *before)]
            odd.append(f"descendant::{names[container]}[../parent::*]")
            odd += [f"descendant::{names[name]}[not({around})]" for name in records]
        templates = ""
        for name, paths in sheet.cells.items():
            odds = quoteattr(" or ".join(map(self._written, sheet.odd[name])))
            asked = (f"<x:value-of select={quoteattr(self._written(path))}/>" for path in paths)
            templates += (
                f'<x:template match="{names[name]}"><x:if test={odds}>{self._odd}</x:if><x:text>{name}</x:text>'
                + "".join(f"<x:text>{self._cell}</x:text>{each}" for each in asked)
                + f"<x:text>{self._record}</x:text>"
                + (f'<x:apply-templates select="{inside}"/>' if name == container else "")
                + "</x:template>"
            )
        test = quoteattr(" or ".join(odd))
        body = (
            f'<x:template match="/r"><x:choose><x:when test={test}>{self._odd}</x:when><x:otherwise>'
            f'<x:apply-templates select="{chosen}"/></x:otherwise></x:choose></x:template>'
        )
        spaces = "".join(f" xmlns:{prefix}={quoteattr(address)}" for address, prefix in self._spaces.items())
        self._transform = etree.XSLT(
            etree.fromstring(
                f'<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform"{spaces}>'
                f'<x:output method="text"/>{body}{templates}</x:stylesheet>'
            )
        )

    def _named(self, name: str) -> str:
        tag = self._tag(name)
        if not tag.startswith("{"):
            return tag
        address, _, local = tag[1:].partition("}")
        return f"{self._spaces.setdefault(address, f's{len(self._spaces)}')}:{local}"

    def _written(self, path: str) -> str:
        return _NAME.sub(lambda name: self._named(name[1]), path)

    def cells(self, data: bytes, root: Any) -> Iterator[list[str]] | None:
        """Return each record's name and cells, in order, out of the tree of `data`; None where something is odd."""
        if b"xmlns" in data:  # further down, a name may stand for another
            return None
        written = str(self._transform(root))
        if self._odd in written:
            return None
        # One by one: records that live long are gone through by the collector again and again.
        return (record.split(self._cell) for record in written.split(self._record)[:-1])
