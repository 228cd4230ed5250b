"""The text of a TOML file in, the line on which every key and array item stands out.

`tomllib` gives values without places, and a message about a wrong value must name its line. The text is known to be
valid TOML when it comes here, so that only the ends of things must be found, not their faults.
"""

import re
import tomllib
from bisect import bisect_left
from typing import Any, Final

__all__ = ["Path", "key_lines"]

Path = tuple[str | int, ...]

_GAP: Final = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # up to two quotes may stand directly before the closing three
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*+"'
    r"|'[^']*+'",
    re.DOTALL,
)
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*+"|'[^'\n]*+')"""
_KEY: Final = re.compile(rf"[ \t]*+({_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+)[ \t]*+")
_SCALAR: Final = re.compile(r"[^,\]}#\n]++")  # a date and its time may be parted by a space


def key_lines(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every key path in valid TOML; array items count from 0."""
    return _Scan(text).whole()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.breaks = [match.start() for match in re.finditer("\n", text)]
        self.lines: dict[Path, int] = {}
        self.newest: dict[Path, int] = {}  # array of tables -> number of its latest table

    def whole(self) -> dict[Path, int]:
        scope: Path = ()
        self.gap()
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                scope = self.header()
            else:
                self.pair(scope)
            self.gap()
        return self.lines

    def gap(self) -> None:
        self.at = self.end_of(_GAP)

    def end_of(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        assert match is not None, f"not TOML at character {self.at}"
        return match.end()

    def note(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, bisect_left(self.breaks, at) + 1)

    def key(self) -> tuple[str, ...]:
        match = _KEY.match(self.text, self.at)
        assert match is not None, f"not a TOML key at character {self.at}"
        self.at = match.end()
        names: list[str] = []
        found: Any = tomllib.loads(f"{match[1]} = 0")  # quotes and escapes are read by the one who knows them
        while isinstance(found, dict):
            ((name, found),) = found.items()
            names.append(name)
        return tuple(names)

    def header(self) -> Path:
        begin = self.at
        brackets = 2 if self.text.startswith("[[", self.at) else 1
        self.at += brackets
        names = self.key()
        self.at += brackets
        path: Path = ()
        for depth, name in enumerate(names, 1):
            path += (name,)
            self.note(path, begin)
            if brackets == 2 and depth == len(names):
                self.newest[path] = self.newest.get(path, -1) + 1
            if path in self.newest:
                path += (self.newest[path],)
                self.note(path, begin)
        return path

    def pair(self, scope: Path) -> None:
        begin = self.at
        path = scope
        for name in self.key():
            path += (name,)
            self.note(path, begin)
        self.at += 1  # the equals sign
        self.value(path)

    def value(self, path: Path) -> None:
        self.gap()
        opening = self.text[self.at]
        if opening in "[{":
            self.at += 1
            self.gap()
            closing = "]" if opening == "[" else "}"
            item = 0
            while not self.text.startswith(closing, self.at):
                if opening == "[":
                    self.note((*path, item), self.at)
                    self.value((*path, item))
                    item += 1
                else:
                    self.pair(path)
                self.gap()
                if self.text.startswith(",", self.at):
                    self.at += 1
                    self.gap()
            self.at += 1
        else:
            self.at = self.end_of(_STRING if opening in "\"'" else _SCALAR)
