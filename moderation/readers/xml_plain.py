"""Bytes of whole XML records in, what a sheet asks of them out by a compiled parser; None where they are not plain.

Plain is what the parser in `xml_kernel` is sure about, and what no sheet would call odd. It gives exactly what the
sheet's stylesheet gives; whatever is not plain is for that.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import numpy as np

from moderation.readers.source import Source
from moderation.readers.xml_cells import Sheet

__all__ = ["Layout", "Rows", "is_worth_it"]

# To make the compiled parser ready takes a part of a second, once: in that time, all of a smaller file is read slowly.
WORTH_IT: Final = 1 << 24
# What a packed file may hold more than it has.
PACKED: Final = 4
# How many rows there is room for at first.
ROWS: Final = 1 << 10
# What the compiled parser writes behind cells and records: no text holds them.
CELL, RECORD = "\x01", "\x02"

_STEP: Final = re.compile(r"(@?)(?:\{([\w:.-]+)\}|([\w.-]+))((?:\[[^\]]*\])*)(?:/|\Z)")
_NAME: Final = re.compile(r"\{([\w:.-]+)\}")
_FIRST: Final = "[1]"
_TEST: Final = re.compile(r"\[@([\w-]+)='([^']*)'\](\[1\])?|\[contains\(@([\w-]+), '([^']*)'\)\]")
_KEY: Final = re.compile(r"\[\{([\w:.-]+)\}='([^']*)'\]")


def is_worth_it(source: Source) -> bool:
    """Tell whether the source is so large that making the compiled parser ready pays, or whether it is ready."""
    is_packed = source.packings or source.place.member is not None
    return Layout.is_ready or source.size * (PACKED if is_packed else 1) >= WORTH_IT


class _Step(NamedTuple):
    is_attribute: bool
    name: str
    tests: str


def _steps(path: str) -> list[_Step]:
    found = list(_STEP.finditer(path))
    if "".join(step[0] for step in found) != path:
        raise ValueError(f"not understood: {path}")
    return [_Step(bool(step[1]), step[2] or step[3], step[4]) for step in found]


class _Table:
    """What the compiled parser is told, while it is gathered."""

    def __init__(self, kernel: Any, written: Callable[[str], bytes]) -> None:
        self._kernel = kernel
        self._written = written
        self.names = b""
        self.columns = 0
        self.nodes: list[dict[str, Any]] = []
        self._places: dict[bytes, tuple[int, int]] = {}

    def place(self, text: bytes) -> tuple[int, int]:
        """Return where `text` stands among the names."""
        if text not in self._places:
            self._places[text] = (len(self.names), len(self.names) + len(text))
            self.names += text
        return self._places[text]

    def name(self, name: str) -> tuple[int, int]:
        """Return where stands how the file writes `name`."""
        return self.place(self._written(name))

    def node(self, often: int, role: int = 0, kind: int = 0) -> int:
        """Return a new element's number."""
        made = {"often": often, "text": -1, "there": -1, "role": role, "kind": kind}
        self.nodes.append({**made, "children": {}, "rules": [], "picks": []})
        return len(self.nodes) - 1

    def child(self, node: int, name: str, often: int) -> int:
        """Return the number of an element's child, which comes so often."""
        children = self.nodes[node]["children"]
        if name not in children:
            children[name] = self.node(often)
        found: int = children[name]
        if self.nodes[found]["often"] != often:
            raise ValueError(f"{name} comes once, and often")
        return found

    def ask(self, node: int, path: str, column: int) -> bool:
        """Ask for the text at `path` from an element on; tell whether only its being there is asked for."""
        is_count = path.startswith("count(")
        steps = _steps(path.removeprefix("count(").removesuffix(")") if is_count else path)
        attribute = steps.pop() if steps[-1].is_attribute else None
        tests = ""
        for step, following in zip_longest(steps, steps[1:]):
            tests = step.tests
            if (key := _KEY.fullmatch(tests)) is not None:
                value = None if following is None else following.name
                self._pick(self.child(node, step.name, self._kernel.MANY), key, value, column)
                return is_count
            often = self._kernel.FIRST if tests == _FIRST else self._kernel.MANY if tests else self._kernel.ONCE
            node = self.child(node, step.name, often)
        if attribute is not None:
            self.nodes[node]["rules"].append(self._rule(attribute.name, path, tests, column))
        else:
            self.nodes[node]["there" if is_count else "text"] = column
        return is_count

    def _rule(self, name: str, path: str, tests: str, column: int) -> list[int]:
        taken = self.place(self._written(name) if path.endswith("}") else name.encode())
        if tests in ("", _FIRST):
            return [*taken, 0, 0, 0, 0, 0, column, 0]
        test = _TEST.fullmatch(tests)
        if test is None:
            raise ValueError(f"not understood: {path}")
        kind = self._kernel.EQUAL if test[1] else self._kernel.CONTAINS
        of, value = self.place((test[1] or test[4]).encode()), self.place((test[2] or test[5] or "").encode())
        return [*taken, kind, *of, *value, column, int(test[3] is not None)]

    def _pick(self, node: int, key: "re.Match[str]", value: str | None, column: int) -> None:
        picks = self.nodes[node]["picks"]
        found = next((pick for pick in picks if pick[0] == key[2]), None)
        if found is None:
            found = [key[2], self._column(node, key[1]), -1, -1, -1]
            picks.append(found)
        if value is None:
            found[4] = column
        else:
            found[2:4] = self._column(node, value), column

    def _column(self, node: int, name: str) -> int:
        """Return the column that holds, for a moment, the text of an element's child."""
        child = self.nodes[self.child(node, name, self._kernel.ONCE)]
        if child["text"] < 0:
            child["text"] = self.columns
            self.columns += 1
        found: int = child["text"]
        return found

    def arrays(self) -> list[np.ndarray]:
        """Return names, elements, children, rules and picks as the compiled parser takes them."""
        children: list[list[int]] = []
        rules: list[list[int]] = []
        picks: list[list[int]] = []
        nodes = []
        for node in self.nodes:
            begun = len(children), len(rules), len(picks)
            children += ([*self.name(name), number] for name, number in node["children"].items())
            rules += node["rules"]
            picks += ([pick[1], *self.place(pick[0].encode()), *pick[2:]] for pick in node["picks"])
            held = zip(begun, (len(children), len(rules), len(picks)), strict=True)
            nodes.append(
                [node[each] for each in ("often", "text", "there", "role", "kind")] + [at for two in held for at in two]
            )
        names = np.frombuffer(self.names, np.uint8)
        return [names, _array(nodes, 11), _array(children, 3), _array(rules, 9), _array(picks, 6)]


def _array(rows: Sequence[Sequence[int]], width: int) -> np.ndarray:
    return np.array(rows, np.int64).reshape(len(rows), width)


class Layout:
    """A sheet made ready for the compiled parser.

    `written` says how the file writes what the format's documents call by a name; `prefixes` are declared. `records` as
    in a plan, `around` its container and what else they may stand in. Raises `ValueError` where nothing can be plain.
    """

    is_ready = False

    def __init__(
        self,
        sheet: Sheet,
        written: Callable[[str], bytes],
        prefixes: Sequence[bytes],
        records: Sequence[str],
        around: Sequence[str],
    ) -> None:
        from moderation.readers import xml_kernel

        Layout.is_ready = True
        self.kernel: Any = xml_kernel
        self.kinds = list(sheet.cells)
        table = _Table(xml_kernel, written)
        table.columns = max(map(len, sheet.cells.values()))
        root = table.node(xml_kernel.MANY)
        asked = np.full((len(self.kinds), table.columns), -1)
        self.is_count = np.zeros((len(self.kinds), table.columns), bool)
        outer = [root]
        container, before = (around[0], around[1:]) if around else (None, ())
        if container is not None:
            held = table.node(xml_kernel.MANY, xml_kernel.CONTAINER, self.kinds.index(container))
            table.nodes[root]["children"][container] = held
            outer = [held, *(table.child(held, name, xml_kernel.MANY) for name in before)]
        made = {name: table.node(xml_kernel.MANY, xml_kernel.RECORD, self.kinds.index(name)) for name in records}
        for node in outer:
            table.nodes[node]["children"].update(made)
        if container is not None:
            made[container] = outer[0]
        pairs = []
        for kind, (name, paths) in enumerate(sheet.cells.items()):
            for column, path in enumerate(paths):
                asked[kind, column] = column
                self.is_count[kind, column] = table.ask(made[name], path, column)
            for one, other in sheet.apart.get(name, ()):
                is_of_one = "@" in one and one.rpartition("/")[0] == other.rpartition("/")[0]
                pairs.append([kind, paths.index(one), paths.index(other), xml_kernel.PRESENT if is_of_one else 0])
            for path in sheet.never.get(name, ()):
                (step,) = _steps(path)
                table.child(made[name], step.name, xml_kernel.NEVER)
        guards = [table.name(name) for name in made]
        known = [table.place(prefix) for prefix in prefixes]
        banned = [[*table.name(name), *table.place(part.encode())] for name, part in sheet.banned.items()]
        arrays = table.arrays()
        names = {*_NAME.findall(" ".join(path for paths in sheet.cells.values() for path in paths)), *made, *before}
        if len(set(map(written, names))) < len(names):
            raise ValueError("two names are written alike")
        if not {way.rpartition(b":")[0] for way in map(written, names)} <= {b"", *prefixes}:
            raise ValueError("of a namespace that is not declared")
        self.asked = asked
        self._columns = table.columns
        self._room = ROWS
        self._tables: Any = (
            *arrays,
            _array(pairs, 4),
            _array(guards, 2),
            _array(known, 2),
            _array(banned, 4),
            container is None,
        )

    def rows(self, data: bytes) -> "Rows | None":
        """Return what the sheet asks of the records in `data`, which is sound UTF-8; None where they are not plain."""
        content = np.frombuffer(data, np.uint8)
        while True:
            starts = np.empty((self._columns, self._room), np.int64)
            ends, kinds, spans = (
                np.empty_like(starts),
                np.empty(self._room, np.int64),
                np.empty((2, self._room), np.int64),
            )
            count = self.kernel.find(content, *self._tables, starts, ends, kinds, spans)
            if count != self.kernel.FULL:
                break
            self._room *= 2
        return None if count < 0 else Rows(self, content, starts, ends, kinds[:count], spans)


class Rows:
    """The records of some bytes, each after the container that it stands in."""

    def __init__(self, layout: Layout, content: np.ndarray, *found: np.ndarray) -> None:
        self._layout = layout
        self._content = content
        self._starts, self._ends, self._kinds, self._spans = found

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._kinds)

    def span(self, row: int) -> slice:
        """Return where a record stands."""
        return slice(int(self._spans[0, row]), int(self._spans[1, row]))

    def cells(self, rows: Sequence[int] | None = None, among: Sequence[int] | None = None) -> Iterator[list[str]]:
        """Return an iterator over the cells of `rows` (or all), of them those at the numbers `among`."""
        return (record.split(CELL) for record in self._texts(rows, among))

    def names(self, rows: Sequence[int] | None = None) -> list[str]:
        """Return what each of `rows` (or all) is called."""
        kinds = self._kinds if rows is None else self._kinds[np.array(rows, np.int64)]
        return list(map(self._layout.kinds.__getitem__, kinds.tolist()))

    def _texts(self, rows: Sequence[int] | None, among: Sequence[int] | None) -> list[str]:
        chosen = np.arange(len(self)) if rows is None else np.array(rows, np.int64)
        asked, is_count = self._layout.asked, self._layout.is_count
        if among is not None:
            asked, is_count = np.ascontiguousarray(asked[:, among]), np.ascontiguousarray(is_count[:, among])
        out = np.empty(len(self._content) + len(chosen) * (2 * asked.shape[1] + 1) + 8, np.uint8)
        size = self._layout.kernel.write(
            self._content, chosen, self._kinds, asked, is_count, self._starts, self._ends, out
        )
        return out[:size].tobytes().decode("utf-8").split(RECORD)[:-1]
