"""Bytes of an array as the machine reads them, for compiled code: one, or eight as a word, without looking at bounds.

Words of eight bytes are unsigned 64-bit numbers throughout: mixed with signed ones they would become floating-point
numbers.
"""

from functools import partial
from typing import Any, Final

import numba as nb
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.extending import intrinsic

__all__ = [
    "HIGHS",
    "NOUGHT",
    "ONES",
    "SPACES",
    "Bytes",
    "Places",
    "byte_at",
    "eight_at",
    "lowest",
    "put_eight",
    "within",
]

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

# A word with the same in each byte: 1, the highest bit, a space.
ONES: Final = np.uint64(0x0101010101010101)
HIGHS: Final = np.uint64(0x8080808080808080)
SPACES: Final = np.uint64(0x2020202020202020)
NOUGHT: Final = np.uint64(0)


def _code_of_eight(_context: Any, data: Any, at: Any) -> Any:
    """Return the eight bytes from `at` on as one word."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        place = builder.bitcast(builder.gep(array.data, [values[1]]), ir.IntType(64).as_pointer())
        word = builder.load(place)
        word.align = 1
        return word

    return nb.uint64(data, at), code


def _code_of_byte(_context: Any, data: Any, at: Any) -> Any:
    """Return the byte at `at`, as a signed number, without asking whether `at` counts from the end."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        return builder.zext(builder.load(builder.gep(array.data, [values[1]])), ir.IntType(64))

    return nb.int64(data, at), code


def _code_of_put_eight(_context: Any, data: Any, at: Any, word: Any) -> Any:
    """Write a word as the eight bytes from `at` on."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        place = builder.bitcast(builder.gep(array.data, [values[1]]), ir.IntType(64).as_pointer())
        builder.store(values[2], place).align = 1
        return context.get_dummy_value()

    return nb.void(data, at, word), code


def _code_of_lowest(_context: Any, word: Any) -> Any:
    """Return how many bits below the lowest one that is set are not."""

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.IntType(1)(1))

    return nb.int64(word), code


eight_at: Any = intrinsic(_code_of_eight)
byte_at: Any = intrinsic(_code_of_byte)
put_eight: Any = intrinsic(_code_of_put_eight)
lowest: Any = intrinsic(_code_of_lowest)

# For functions that compiled ones call, and that make no arrays. Whoever calls holds the arrays it gives: counted
# references to them, which numba otherwise takes and drops in each call, cost more than to look at the bytes.
within: Any = partial(nb.njit, nogil=True, cache=True, _nrt=False)
