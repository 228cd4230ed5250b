"""UTF-8 bytes in, hashed word and character n-grams out, in one pass: summed weights, a CSR matrix, or spans.

One kernel (`kernel.run_pass`) decodes, folds, tokenises and hashes a text and counts its structure on the way. It runs
in three modes, so that scoring, fitting and explaining cannot drift apart: `sum_weights` adds the weights of all labels
at once and never builds a matrix, `csr` emits the matrix that scikit-learn fits on, `spans` keeps the offsets. Being
one function it is also compiled once.

Features of a text, each counted once per text (binary), each family scaled to unit length:

- word family: words, pairs of neighbours within a sentence (the sentence's start counts as a neighbour), punctuation
  runs, symbols, words of link hosts and paths, words of the author's name
- character family: 3, 4 and 5 letters within a word, its ends marked

Hashing the features ("the hashing trick"): Weinberger et al., ICML 2009.
"""

from collections.abc import Iterable
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from moderation.features.folding import folding_table
from moderation.features.kernel import (
    AUTHOR_SEED,
    BITS,
    MATRIX,
    N_BUCKETS,
    PACKS,
    SCORE,
    SPANS,
    WORD_SEED,
    bucket_of,
    read_fragments,
    read_stems,
    run_pass,
    word_hash,
)
from moderation.features.lexicon import lexicon, names
from moderation.features.structure import RAW

__all__ = [
    "BITS",
    "N_BUCKETS",
    "PACKS",
    "Buffers",
    "csr",
    "fragments",
    "name_buckets",
    "pack",
    "spans",
    "stems",
    "string_array",
    "string_buffers",
    "sum_weights",
]

Buffers = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]
"""Arrow's own layout of n strings: n+1 offsets and the UTF-8 bytes they cut."""


def string_array(values: pd.Series | pa.Array | Iterable[str | None]) -> pa.Array:
    """Return a column of strings as one Arrow array, without copying where it is one already."""
    if isinstance(values, pa.Array):
        return values
    array = pa.array(values, type=pa.large_string(), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = array.chunk(0) if array.num_chunks else pa.array([], pa.large_string())
    return array


def string_buffers(values: pd.Series | pa.Array | Iterable[str | None]) -> Buffers:
    """Return the offsets (int64) and bytes of a column of strings, without copying where it is Arrow-backed.

    A missing value is an empty string.
    """
    array = string_array(values)
    _, offsets, data = array.buffers()
    n = len(array)
    if n == 0 or offsets is None:
        return np.zeros(n + 1, np.int64), np.zeros(0, np.uint8)
    cuts = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + n + 1]
    content = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, np.uint8)
    if array.null_count:
        # Arrow leaves the bytes under a missing value undefined; ours are empty by construction, others' may not be.
        lengths = np.where(np.asarray(array.is_null()), 0, np.diff(cuts))
        if int(lengths.sum()) != int(cuts[-1] - cuts[0]):
            return string_buffers(array.fill_null(""))
    return cuts, content


_SLOTS: Final = 1 << 12
"""Places in the table of known words: more than three for each word, so that most words are found missing at once."""


@cache
def _known_words() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Return the hashes of the lexicon's words, as they stand in a text and in an author's name, and their classes."""
    keys, classes = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int64)
    for word, kinds in lexicon().items():
        letters = np.array([*map(ord, word)], np.int64)
        for seed in (WORD_SEED, AUTHOR_SEED):
            state = np.uint64(word_hash(letters, len(letters), seed))
            slot = int(state >> np.uint64(52))
            while keys[slot]:
                slot = (slot + 1) & (_SLOTS - 1)
            keys[slot], classes[slot] = state, kinds
    keys.setflags(write=False)
    classes.setflags(write=False)
    return keys, classes


@cache
def name_buckets() -> npt.NDArray[np.int64]:
    """Return the buckets of the names of the lexicon, each where the word by itself is counted."""
    found = []
    for word in names():
        letters = np.array([*map(ord, word)], np.int64)
        found.append(int(bucket_of(np.uint64(word_hash(letters, len(letters), WORD_SEED)))))
    buckets = np.unique(np.array(found, np.int64))
    buckets.setflags(write=False)
    return buckets


def pack(weights: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """Return weights (N_BUCKETS, at most 10 labels) two to a word: (N_BUCKETS, PACKS).

    Adding words adds both halves: one memory access and one addition serve two labels.
    """
    wide = np.zeros((weights.shape[0], 2 * PACKS), np.int64)
    wide[:, : weights.shape[1]] = weights
    return np.ascontiguousarray(wide[:, 0::2] + (wide[:, 1::2] << 32))


def sum_weights(
    text: Buffers, author: Buffers, link: Buffers, packed: npt.NDArray[np.int64], labels: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the summed weights, float64 of shape (n, labels), and the raw structure counts, (n, RAW).

    `packed` comes from `pack`; sums of whole numbers are exact, so neither the order of features nor the size of the
    batch can change a bit of the result.
    """
    n = len(text[0]) - 1
    sums = np.zeros((n, labels), np.float64)
    raws = np.zeros((n, RAW), np.float64)
    indptr, indices, values, offsets = _none()
    run_pass(
        SCORE,
        *text,
        *author,
        *link,
        folding_table(),
        *_known_words(),
        packed,
        sums,
        raws,
        indptr,
        indices,
        values,
        offsets,
    )
    return sums, raws


def csr(
    text: Buffers, author: Buffers, link: Buffers
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return indptr, indices and values of the (n, N_BUCKETS) matrix, and the raw structure counts, (n, RAW)."""
    n = len(text[0]) - 1
    indptr = np.zeros(n + 1, np.int64)
    raws = np.zeros((n, RAW), np.float64)
    room = max(1024, int(2.5 * (text[0][-1] - text[0][0])))
    _, _, _, offsets = _none()
    indices, values = run_pass(
        MATRIX, *text, *author, *link, folding_table(), *_known_words(), np.zeros((1, PACKS), np.int64),
        np.zeros((0, 0)), raws, indptr, np.empty(room, np.int32), np.empty(room, np.float32), offsets,
    )  # fmt: skip
    return indptr, indices, values, raws


def spans(text: Buffers, author: Buffers, link: Buffers) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return every appearance of every feature of a single comment: entries (k,), and offsets (k, 2).

    An entry is bucket + family * N_BUCKETS. Offsets are bytes from the start of the text, below 0 for a feature of the
    author's name or link.
    """
    if len(text[0]) != 2:
        raise ValueError("spans are read for one comment at a time")
    size = 4 * int(text[0][1] - text[0][0] + author[0][1] - author[0][0] + link[0][1] - link[0][0]) + 64
    offsets = np.empty((size, 2), np.int32)
    indptr, indices, values, _ = _none()
    entries, _ = run_pass(
        SPANS, *text, *author, *link, folding_table(), *_known_words(), np.zeros((1, PACKS), np.int64),
        np.zeros((0, 0)), np.zeros((1, RAW)), indptr, indices, values, offsets,
    )  # fmt: skip
    return entries, offsets[: len(entries)]


def _none() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    return np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros((0, 2), np.int32)


def stems(text: Buffers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return indptr and indices of each text's distinct word stems (buckets), for comparing texts with each other."""
    n = len(text[0]) - 1
    indptr = np.zeros(n + 1, np.int64)
    room = max(1024, int(text[0][-1] - text[0][0]) // 4)
    indices: npt.NDArray[np.int32] = read_stems(*text, folding_table(), indptr, np.empty(room, np.int32))
    return indptr, indices


def fragments(text: Buffers, rare: npt.NDArray[np.uint8], least: float = 8.0) -> npt.NDArray[np.float32]:
    """Return 1 for each text that breaks off within a word: an ellipsis after letters that are hardly ever a word.

    `rare`: rarity of stems in sixteenths (`context.rarity`); `least`: from which rarity on letters are no word.
    """
    out = np.zeros(len(text[0]) - 1, np.float32)
    read_fragments(*text, folding_table(), rare, int(least * 16), out)
    return out
