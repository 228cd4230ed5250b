"""The text of a policy and a change in, the text with that change out: everything else stands as its author wrote it.

Comments, order, spaces and quotes of the file are the work of people, so a change made by a page touches its own lines
and no others. What comes out is read again and has to mean what was asked for; a file that is written in a way that
cannot be changed like this (a label's table cut into dotted keys, say) is refused, to be changed by hand.
"""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from moderation.errors import PolicyError
from moderation.labels import LABELS
from moderation.policy.format import parse_policy
from moderation.policy.lines import key_lines
from moderation.policy.rules import LISTS, Policy, Rule, Thresholds

__all__ = ["listed", "with_lists", "with_rule", "with_thresholds", "without_rule"]

BY_HAND: Final = "change the file by hand"


def with_thresholds(text: str, changed: Mapping[str, Thresholds], *, folder: Path | None = None) -> str:
    """Return the policy with these labels' thresholds; labels that mean that already are left as they are.

    Raises `PolicyError` for thresholds that no policy may have, and for a text that is not a policy.
    """
    before = parse_policy(text, folder=folder)
    after = text
    for name in LABELS:
        wanted = changed.get(name)
        if wanted is None or before.labels.get(name) == wanted:
            continue
        values: dict[str, Any] = {"review": wanted.review, "reject": wanted.reject, "unscored": wanted.unscored}
        if name in _document(after).get("labels", {}):
            if before.labels[name].unscored == wanted.unscored:
                del values["unscored"]
            after = _with_values(after, ("labels", name), values)
        else:
            if wanted.unscored == "review":
                del values["unscored"]
            after = _with_table(after, f"[labels.{name}]", values)
    found = parse_policy(after, folder=folder)
    meant = {**before.labels, **changed}
    if dict(found.labels) != {label: meant[label] for label in LABELS if label in meant} or found.rules != before.rules:
        raise PolicyError(f"policy: its thresholds are written in a way that cannot be changed here; {BY_HAND}")
    return after


def with_rule(text: str, rule: Rule, *, instead_of: str | None = None, folder: Path | None = None) -> str:
    """Return the policy with this rule, in place of the one called `instead_of` or else behind all others.

    A list file of the rule that is replaced is let go: what the new one lists is all that it lists. Raises
    `PolicyError` for a rule that no policy may have: its name taken, no condition, an entry that is none.
    """
    before = parse_policy(text, folder=folder)
    if instead_of is None:
        after = _with_table(text, "[[rule]]", _values(rule))
    else:
        after = _with_values(text, ("rule", _place(_rules(_document(text)), instead_of)), _values(rule))
    found = parse_policy(after, folder=folder)
    rest = [each for each in before.rules if each.name != instead_of]
    if _by_name(found) != {each.name: each for each in (*rest, rule)} or found.labels != before.labels:
        raise PolicyError(f"policy: this rule is written in a way that cannot be changed here; {BY_HAND}")
    return after


def without_rule(text: str, name: str, *, folder: Path | None = None) -> str:
    """Return the policy without the rule of this name; raises `PolicyError` where there is none."""
    before = parse_policy(text, folder=folder)
    document = _document(text)
    rules = _rules(document)
    del rules[_place(rules, name)]
    if not len(rules):
        del document["rule"]
    after = tomlkit.dumps(document)
    found = parse_policy(after, folder=folder)
    if _by_name(found) != {each.name: each for each in before.rules if each.name != name}:
        raise PolicyError(f"policy: this rule is written in a way that cannot be changed here; {BY_HAND}")
    return after


def listed(text: str) -> list[str]:
    """Return the names of the list files that a policy reads, as they are written in it, each once."""
    tables = _rules(_document(text))
    found = [str(table[key]) for table in tables for key in (f"{name}_file" for name in LISTS) if key in table]
    return list(dict.fromkeys(found))


def with_lists(text: str, content: Mapping[str, str]) -> str:
    """Return the policy with the entries of these list files (name -> content) written out in it."""
    document = _document(text)
    for table in _rules(document):
        for key in LISTS:
            name = table.get(f"{key}_file")
            if name is None or str(name) not in content:
                continue
            lines = [line.strip() for line in content[str(name)].split("\n")]
            entries = [
                line.removeprefix("\\") if line.startswith("\\#") else line
                for line in lines
                if line and not line.startswith("#")
            ]
            del table[f"{key}_file"]
            table[key] = _array([*map(str, table.get(key, ())), *entries])
    return tomlkit.dumps(document)


def _document(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, RecursionError) as error:
        # The reader of policies has taken it, so this is a difference between two parsers and no fault of the file.
        raise PolicyError(f"policy: cannot be changed here ({type(error).__name__}); {BY_HAND}") from None


def _with_values(text: str, path: tuple[str | int, ...], values: Mapping[str, Any]) -> str:
    """Return the text with these values in one of its tables; None takes a key out."""
    document = _document(text)
    table: Any = document
    for part in path:
        table = table[part]
    added = {}
    for key, value in values.items():
        if value is None:
            table.pop(key, None)
        elif key not in table:
            added[key] = value
        elif table[key] != value:
            table[key] = _array(value) if isinstance(value, list) else value
    text = tomlkit.dumps(document)
    for key, value in added.items():
        # Behind a line of the table itself: at its end the comments of the next table stand.
        lines = key_lines(text)
        plain = {name for name, each in values.items() if isinstance(each, str | float)}
        known = [line for place, line in lines.items() if place[:-1] == path and place[-1] in plain]
        rows = text.split("\n")
        rows.insert(max(known, default=lines[path]), _row(key, value))
        text = "\n".join(rows)
        if (*path, key) not in _places(text):
            raise PolicyError(f"policy: {key} is written in a way that cannot be changed here; {BY_HAND}")
    return text


def _places(text: str) -> Collection[tuple[str | int, ...]]:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ()
    return key_lines(text)


def _with_table(text: str, header: str, values: Mapping[str, Any]) -> str:
    rows = [header, *(_row(key, value) for key, value in values.items() if value is not None)]
    return "\n".join([text.rstrip("\n"), "", *rows, ""]).lstrip("\n")


def _row(key: str, value: Any) -> str:
    document = tomlkit.document()
    document[key] = _array(value) if isinstance(value, list) else value
    return tomlkit.dumps(document).rstrip("\n")


def _rules(document: tomlkit.TOMLDocument) -> AoT:
    rules = document.get("rule")
    if rules is None:
        return tomlkit.aot()
    if not isinstance(rules, AoT):
        raise PolicyError(f"policy: its rules are no [[rule]] tables; {BY_HAND}")
    return rules


def _place(rules: AoT, name: str) -> int:
    for place, table in enumerate(rules):
        if table.get("name") == name:
            return place
    raise PolicyError(f"policy: no rule {name!r}; see the list of rules")


def _by_name(policy: Policy) -> dict[str, Rule]:
    return {rule.name: rule for rule in policy.rules}


def _values(rule: Rule) -> dict[str, Any]:
    lists = {key: list(getattr(rule, key)) or None for key in (*LISTS, "kinds", "statuses")}
    # A list in the text replaces one in a file beside it: what a page shows is what is saved.
    files = dict.fromkeys((f"{key}_file" for key in LISTS), None)
    return {"name": rule.name, "action": rule.action, "label": rule.label, **lists, **files, "until": rule.until}


def _array(values: list[str]) -> Any:
    array = tomlkit.array()
    array.extend(values)
    return array.multiline(len(values) > 6)
