"""Arrow columns of text in, what stands in them out: told from their bytes, which is far quicker than by expressions.

Nearly every value of nearly every column is plain; what is looked at closely are those that are not.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "TEXT",
    "among",
    "blank_as_missing",
    "bytes_of",
    "first_bytes",
    "holding",
    "holds",
    "is_ascii",
    "is_utf8",
    "last_bytes",
    "mask_of",
    "matching",
    "present",
    "renamed",
    "replaced",
    "same",
]

TEXT: Final = pa.large_string()

PART: Final = 1 << 17

_NOT_BLANK: Final = r"[^\s\x{a0}\x{3000}\x{feff}\x{200b}]"


def bytes_of(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return where the values of a column of `TEXT` begin and end, and the bytes that they are made of."""
    _, places, content = column.buffers()
    count = len(column)
    if places is None or not count:
        return np.zeros(count + 1, np.int64), np.zeros(0, np.uint8)
    offsets = np.frombuffer(places, np.int64, count + 1, 8 * column.offset)
    data = np.zeros(0, np.uint8) if content is None else np.frombuffer(content, np.uint8)
    return offsets - offsets[0], data[offsets[0] : offsets[-1]]


def holds(column: Any, byte: int) -> bool:
    """Tell whether `byte` stands anywhere in the column."""
    _, data = bytes_of(column)
    if not len(data) or data.min() > byte:
        return False
    # By parts that stay in a cache.
    return any((data[start : start + PART] == byte).any() for start in range(0, len(data), PART))


def holding(column: Any, byte: int) -> np.ndarray:
    """Tell which of the values hold `byte`."""
    offsets, data = bytes_of(column)
    found = np.zeros(len(column), dtype=bool)
    for start in range(0, len(data), PART):
        places = np.flatnonzero(data[start : start + PART] == byte)
        if len(places):
            found[np.searchsorted(offsets, places + start, side="right") - 1] = True
    return found


def is_ascii(column: Any) -> bool:
    """Tell whether all of the column is ASCII."""
    _, data = bytes_of(column)
    return not len(data) or bool(data.max() < 0x80)


def is_utf8(block: bytes) -> bool:
    """Tell whether bytes are sound UTF-8."""
    places = pa.py_buffer(np.array([0, len(block)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_binary(), 1, [None, places, pa.py_buffer(block)]).cast(TEXT)
    except pa.ArrowInvalid:
        return False
    return True


def first_bytes(column: Any) -> np.ndarray:
    """Return the first byte of each value; 0 where it is missing or empty (or begins with NUL)."""
    return _byte_at(column, 0)


def last_bytes(column: Any) -> np.ndarray:
    """Return the last byte of each value; 0 where it is missing or empty (or ends with NUL)."""
    return _byte_at(column, -1)


def _byte_at(column: Any, end: int) -> np.ndarray:
    offsets, data = bytes_of(column)
    found = np.zeros(len(column), np.uint8)
    there = np.flatnonzero(offsets[1:] > offsets[:-1])
    found[there] = data[offsets[there + 1] - 1 if end else offsets[there]]
    if column.null_count:
        found[mask_of(column.is_null())] = 0
    return found


def same(column: Any, word: str) -> np.ndarray:
    """Tell which values are `word`; only those as long as it are looked at."""
    offsets, _ = bytes_of(column)
    written = word.encode()
    found: np.ndarray = np.diff(offsets) == len(written)
    if column.null_count:
        found &= mask_of(column.is_valid())
    places = np.flatnonzero(found)
    if written and len(places):
        found[places] = mask_of(pc.equal(column.take(pa.array(places)), word))
    return found


def among(column: Any, words: Collection[str]) -> np.ndarray:
    """Tell which values are one of `words`; only those as long as one of them are looked at."""
    offsets, _ = bytes_of(column)
    sizes = np.diff(offsets)
    found = np.zeros(len(column), bool)
    for size in {len(word.encode()) for word in words}:
        found |= sizes == size
    places = np.flatnonzero(found)
    if len(places):
        looked_at = column if len(places) == len(column) else column.take(pa.array(places))
        found[places] = mask_of(pc.is_in(looked_at, value_set=pa.array(sorted(words), TEXT)))
    return found


def replaced(column: Any, change: Callable[[str], str | None], among: np.ndarray) -> Any:
    """Return the column with `change` made to those of its values that `among` names."""
    if column.null_count:
        among = among & mask_of(column.is_valid())
    places = np.flatnonzero(among)
    if not len(places):
        return column
    changed = [change(value) for value in column.take(pa.array(places)).to_numpy(zero_copy_only=False).tolist()]
    texts = pa.array(changed, TEXT)
    if len(places) == len(column):
        return texts
    numbers = np.arange(len(column))
    numbers[places] = len(column) + np.arange(len(places))
    return pa.concat_arrays([column, texts]).take(pa.array(numbers))


def mask_of(found: Any) -> np.ndarray:
    """Return an Arrow column of yes and no as a NumPy mask; missing is no."""
    if found.null_count:
        found = found.fill_null(False)
    mask: np.ndarray = found.to_numpy(zero_copy_only=False)
    return mask


def matching(column: Any, expression: str, among: np.ndarray) -> np.ndarray:
    """Tell which of the values that `among` names match `expression`."""
    found = np.zeros(len(column), dtype=bool)
    places = np.flatnonzero(among)
    if len(places) == len(column):
        return mask_of(pc.match_substring_regex(column, expression))
    if len(places):
        found[places] = mask_of(pc.match_substring_regex(column.take(pa.array(places)), expression))
    return found


def present(column: Any) -> np.ndarray:
    """Tell which values are there and hold more than white space."""
    first = first_bytes(column)
    plain = (first > 0x20) & (first < 0x7F)
    if plain.all():
        return plain
    _, data = bytes_of(column)
    return plain if not len(data) else plain | matching(column, _NOT_BLANK, ~plain)


def blank_as_missing(column: Any) -> Any:
    """Return the column with null for what is empty or white space."""
    there = present(column)
    if int(there.sum()) == len(column) - column.null_count:
        return column
    return pc.if_else(pa.array(there), column, pa.scalar(None, TEXT))


def renamed(column: Any, known: Mapping[str, str | None], otherwise: str | None = None) -> Any:
    """Return what `known` has for each value, compared without case and white space around; null stays null."""
    encoded = column.dictionary_encode()
    words = [
        None if word is None else known.get(word.strip().casefold(), otherwise)
        for word in encoded.dictionary.to_pylist()
    ]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(words, TEXT)).dictionary_decode()
