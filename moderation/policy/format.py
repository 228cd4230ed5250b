"""A policy file (TOML) in, a Policy out, or one line that names the place of the first fault and its cure."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeVar

from moderation.errors import PolicyError
from moderation.labels import LABELS
from moderation.policy.lines import key_lines
from moderation.policy.lists import encode_author, encode_host, encode_word
from moderation.policy.rules import ACTIONS, LISTS, Policy, Rule, Thresholds
from moderation.tables import KINDS, STATUSES

__all__ = ["load_policy", "parse_policy", "shipped_policy"]

T = TypeVar("T", bound=str)

_OTHERS: Final = "others"
_SECTIONS: Final = ("labels", "rule")
_THRESHOLDS: Final = ("reject", "review", "unscored")
_RULE: Final = tuple(
    sorted(["action", "kinds", "label", "name", "statuses", "until", *LISTS, *(f"{name}_file" for name in LISTS)]),
)
_ENCODE: Final[Mapping[str, Callable[[str], object]]] = {
    "words": encode_word,
    "authors": encode_author,
    "hosts": encode_host,
}
_PACKAGE: Final = Path(__file__).resolve().parent.parent


def load_policy(path: Path | None = None) -> Policy:
    """Return the policy in the file, or the one that came with the package.

    Raises `PolicyError` naming file and line.
    """
    path = shipped_policy() if path is None else Path(path)
    return parse_policy(_read(path, f"{path}: the policy"), source=str(path), folder=path.parent)


def shipped_policy() -> Path:
    """Return the file of the policy that came with the package."""
    # In a wheel the seeds lie inside the package; in a clone they stand beside it.
    places = [root / "seeds" / "policy.toml" for root in (_PACKAGE / "_shipped", _PACKAGE.parent)]
    for place in places:
        if place.is_file():
            return place
    raise PolicyError(f"{places[0]}: the default policy is missing; reinstall the package, or name a policy file")


def _read(path: Path, what: str) -> str:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise PolicyError(f"{what} cannot be read ({reason}); check the path and its permissions") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{path} line {line}: not UTF-8; save the file as UTF-8") from None


def parse_policy(text: str, *, source: str = "policy", folder: Path | None = None) -> Policy:
    """Return the policy written in `text`; list files are looked for beside `folder`'s other files.

    Raises `PolicyError` naming `source` and line.
    """
    try:
        content = tomllib.loads(text)
        lines = key_lines(text)
    except tomllib.TOMLDecodeError as error:
        fault = re.fullmatch(r"(?s)(.*?) \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = int(fault[2]) if fault and fault[2] else text.count("\n") + 1
        message = fault[1] if fault else str(error)
        raise PolicyError(f"{source} line {line}: not TOML: {message}") from None
    except RecursionError:
        raise PolicyError(f"{source}: nested too deeply; a policy has tables and lists only") from None
    return _Reader(lines, source, folder).policy(content)


class _Reader:
    def __init__(self, lines: Mapping[tuple[str | int, ...], int], source: str, folder: Path | None) -> None:
        self.lines = lines
        self.source = source
        self.folder = folder

    def refuse(self, path: Iterable[str | int], fault: str) -> NoReturn:
        place = tuple(path)
        while place and place not in self.lines:
            place = place[:-1]
        line = self.lines.get(place, 1)
        raise PolicyError(f"{self.source} line {line}: {fault}")

    def known_keys(
        self, table: Mapping[str, Any], path: tuple[str | int, ...], where: str, known: Iterable[str]
    ) -> None:
        names = tuple(known)
        for key in table:
            if key not in names:
                self.refuse((*path, key), f"unknown key {key!r}{where}; known: {', '.join(names)}")

    def policy(self, content: Mapping[str, Any]) -> Policy:
        self.known_keys(content, (), "", _SECTIONS)
        labels = self.labels(content.get("labels", {}))
        rules = content.get("rule", [])
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            self.refuse(("rule",), "rule is not a list of tables; begin each rule with [[rule]]")
        found: dict[str, tuple[int, Rule]] = {}
        for number, table in enumerate(rules):
            rule = self.rule(table, ("rule", number))
            if rule.name in found:
                first = self.lines["rule", found[rule.name][0], "name"]
                self.refuse(
                    ("rule", number, "name"), f"rule name {rule.name!r} is taken by line {first}; choose another"
                )
            found[rule.name] = (number, rule)
        return Policy(labels, tuple(rule for _, rule in found.values()), self.source)

    def labels(self, tables: Any) -> dict[str, Thresholds]:
        if not isinstance(tables, dict):
            self.refuse(("labels",), "labels is not a table; write [labels.spam] and the like")
        known = (*LABELS, _OTHERS)
        found: dict[str, Thresholds] = {}
        for name, table in tables.items():
            if name not in known:
                self.refuse(("labels", name), f"unknown label {name!r}; known: {', '.join(known)}")
            if not isinstance(table, dict):
                self.refuse(("labels", name), f"{name} is not a table; write [labels.{name}]")
            found[name] = self.thresholds(table, ("labels", name))
        others = found.pop(_OTHERS, None)
        return found if others is None else dict.fromkeys(LABELS, others) | found

    def thresholds(self, table: Mapping[str, Any], path: tuple[str | int, ...]) -> Thresholds:
        where = f"[labels.{path[-1]}]"
        self.known_keys(table, path, f" in {where}", _THRESHOLDS)
        review, reject = (self.probability(table, path, key) for key in ("review", "reject"))
        if review is not None and reject is not None and review > reject:
            fault = f"reject = {reject:g} in {where} is below review = {review:g}; a firmer action needs the higher one"
            self.refuse((*path, "reject"), fault)
        choices: tuple[Literal["allow", "review"], ...] = ("allow", "review")
        unscored = self.choice(table.get("unscored", "review"), (*path, "unscored"), f"unscored in {where}", choices)
        if review is None and reject is None and unscored != "allow":
            self.refuse(path, f'{where} has no threshold; give review or reject, or unscored = "allow" to leave it out')
        return Thresholds(review, reject, unscored)

    def probability(self, table: Mapping[str, Any], path: tuple[str | int, ...], key: str) -> float | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.refuse((*path, key), f"{key} in [labels.{path[-1]}] is {_kind(value)}; give a number from 0 to 1")
        if not 0 <= value <= 1:  # nan too
            self.refuse((*path, key), f"{key} in [labels.{path[-1]}] is {value:g}; give a number from 0 to 1")
        return float(value)

    def choice(self, value: Any, path: tuple[str | int, ...], what: str, known: tuple[T, ...]) -> T:
        found = next((each for each in known if value == each), None)
        if found is None:
            shown = repr(value) if isinstance(value, str) else _kind(value)
            self.refuse(path, f"{what} is {shown}; known: {', '.join(known)}")
        return found

    def rule(self, table: Mapping[str, Any], path: tuple[str | int, ...]) -> Rule:
        self.known_keys(table, path, " in [[rule]]", _RULE)
        name = table.get("name")
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            fault = "has no name" if name is None else "has a name that is no line of text"
            self.refuse((*path, "name"), f'this rule {fault}; give one, such as name = "house rules"')
        where = f"rule {name!r}"
        if "action" not in table:
            self.refuse(path, f"{where} has no action; known: {', '.join(ACTIONS)}")
        action = self.choice(table["action"], (*path, "action"), f"action of {where}", ACTIONS)
        label = table.get("label")
        if label is not None:
            label = self.choice(label, (*path, "label"), f"label of {where}", LABELS)
        lists = {key: self.entries(table, path, key, where) for key in LISTS}
        given = [key for key in LISTS if lists[key]]
        if len(given) > 1:
            self.refuse(path, f"{where} has {' and '.join(given)}; a rule has one list: make a rule of each")
        if action == "allow" and given and given != ["authors"]:
            fault = f"{where} would allow by {given[0]}, which any comment could hold to escape review"
            self.refuse((*path, "action"), f"{fault}; allow by authors, kinds or statuses")
        kinds, statuses = (
            self.choices(table, path, key, where, known) for key, known in (("kinds", KINDS), ("statuses", STATUSES))
        )
        if not given and not kinds and not statuses:
            self.refuse(path, f"{where} has no condition; give words, authors, hosts, kinds or statuses")
        until = self.until(table, path, where)
        return Rule(name, action, label, **lists, kinds=kinds, statuses=statuses, until=until)

    def texts(self, value: Any, path: tuple[str | int, ...], what: str) -> tuple[str, ...]:
        if not isinstance(value, list):
            self.refuse(path, f'{what} is {_kind(value)}; give a list, such as ["one", "two"]')
        if not value:
            self.refuse(path, f"{what} is an empty list; give an entry, or leave it out")
        for item, entry in enumerate(value):
            if not isinstance(entry, str):
                self.refuse((*path, item), f"an entry of {what} is {_kind(entry)}; give texts in quotes")
        return tuple(dict.fromkeys(value))

    def choices(
        self, table: Mapping[str, Any], path: tuple[str | int, ...], key: str, where: str, known: tuple[str, ...]
    ) -> tuple[str, ...]:
        if key not in table:
            return ()
        what = f"{key} of {where}"
        found = self.texts(table[key], (*path, key), what)
        for item, entry in enumerate(table[key]):
            self.choice(entry, (*path, key, item), f"an entry of {what}", known)
        return found

    def entries(self, table: Mapping[str, Any], path: tuple[str | int, ...], key: str, where: str) -> tuple[str, ...]:
        found: list[str] = []
        if key in table:
            self.texts(table[key], (*path, key), f"{key} of {where}")
            for item, entry in enumerate(table[key]):
                try:
                    _ENCODE[key](entry)
                except ValueError as error:
                    self.refuse((*path, key, item), f"an entry of {key} of {where} {error}")
                found.append(entry)
        if f"{key}_file" in table:
            found += self.list_file(table[f"{key}_file"], (*path, f"{key}_file"), key, where)
        return tuple(dict.fromkeys(found))

    def list_file(self, name: Any, path: tuple[str | int, ...], key: str, where: str) -> list[str]:
        what = f"{key}_file of {where}"
        if not isinstance(name, str):
            self.refuse(path, f"{what} is {_kind(name)}; give the path of a file, one entry a line")
        if self.folder is None:
            self.refuse(path, f"{what} needs a policy that is a file; give the entries in a list")
        file = self.folder / name
        text = _read(file, f"{self.source} line {self.lines[path]}: {what}, {file},")
        found: list[str] = []
        for number, line in enumerate(text.split("\n"), 1):
            entry = line.strip()
            if not entry or entry.startswith("#"):
                continue
            entry = entry.removeprefix("\\") if entry.startswith("\\#") else entry
            try:
                _ENCODE[key](entry)
            except ValueError as error:
                raise PolicyError(f"{file} line {number}: this entry of {key} {error}") from None
            found.append(entry)
        if not found:
            raise PolicyError(f"{file} line 1: no entry for {key} of {where}; give one a line")
        return found

    def until(self, table: Mapping[str, Any], path: tuple[str | int, ...], where: str) -> datetime | None:
        value = table.get("until")
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            fault = "has no zone" if isinstance(value, datetime) else f"is {_kind(value)}"
            self.refuse((*path, "until"), f"until of {where} {fault}; write a moment, such as 2030-12-31T18:00:00Z")
        return value


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "true or false"),
    (str, "a text"),
    (int, "a number"),
    (float, "a number"),
    (list, "a list"),
    (dict, "a table"),
)


def _kind(value: object) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "a date or time")
