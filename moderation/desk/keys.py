"""What a person pressed into the keys dialog in, a map from key to act out; and what such a map may not hold."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from moderation.desk.answers import KEYS as LABEL_KEYS
from moderation.errors import InputError
from moderation.labels import LABELS

__all__ = ["ACTS", "ARROWS", "DEFAULT", "RESERVED", "keys_of", "validate"]

# act -> key, as it is until a person changes it.
DEFAULT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "approve": "a",
        "reject": "x",
        "skip": "s",
        "escalate": "e",
        "undo": "u",
        "note": "n",
        "next": "j",
        "previous": "k",
        "zen": "z",
        "reveal": "v",
        "help": "h",
        **{f"label:{label}": LABEL_KEYS[label] for label in LABELS},
    }
)
ACTS: Final = tuple(DEFAULT)
ARROWS: Final = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown")
RESERVED: Final = frozenset({" ", "Enter", "Tab", "Escape"})  # what a keyboard user moves and presses buttons with


def validate(own: Mapping[str, str]) -> dict[str, str]:
    """Return act -> key with `own` in place of the defaults; raise `InputError` for a clash or a key that cannot be.

    A key is one character (letters in lower case) or an arrow.
    """
    chosen = dict(DEFAULT)
    for act, key in own.items():
        if act not in DEFAULT:
            raise InputError(f"keys: unknown act {act!r}; known: {', '.join(DEFAULT)}")
        if key in RESERVED or (len(key) != 1 and key not in ARROWS) or (key != key.lower() and key not in ARROWS):
            raise InputError(f"keys: {act} cannot have {key!r}; give one character or an arrow")
        chosen[act] = key
    taken: dict[str, str] = {}
    for act, key in chosen.items():
        if key in taken:
            raise InputError(f"keys: {taken[key]} and {act} have the same key {key!r}; give one of them another")
        taken[key] = act
    return chosen


def keys_of(own: Mapping[str, str]) -> dict[str, str]:
    """Return key -> act; a map that does not hold (an older version wrote it) is passed over for the defaults."""
    try:
        chosen = validate(own)
    except InputError:
        chosen = dict(DEFAULT)
    return {key: act for act, key in chosen.items()}
