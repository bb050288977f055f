"""Numbers of a few bits each, packed into longs without a gap, lowest bits first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORD = 64
PIECE = 2048
"""Rows at a time: they stay in the processor's cache while each of their columns is visited."""


def packed_length(count: int, bits: int) -> int:
    """Longs that `count` numbers of `bits` take."""
    return -(-count * bits // WORD)


def pack(values: NDArray[np.uint16], bits: int) -> NDArray[np.int64]:
    """The longs of numbers, (n,), each below 2**bits; `bits` at most 16.

    64 numbers fill just `bits` longs, so that column i of a table of 64 has the same place in each row.
    """
    rows = -(-len(values) // WORD)
    words = np.zeros((rows, bits), np.uint64)
    for start in range(0, rows, PIECE):
        chunk = values[start * WORD : (start + PIECE) * WORD]
        table = np.zeros((-(-len(chunk) // WORD), WORD), np.uint64)
        table.reshape(-1)[: len(chunk)] = chunk
        _pack_rows(np.ascontiguousarray(table.T), words[start : start + len(table)], bits)
    return words.reshape(-1)[: packed_length(len(values), bits)].view(np.int64)


def _pack_rows(columns: NDArray[np.uint64], words: NDArray[np.uint64], bits: int) -> None:
    for index, column in enumerate(columns):
        word, shift = divmod(index * bits, WORD)
        words[:, word] |= column << np.uint64(shift)
        if shift + bits > WORD:
            words[:, word + 1] |= column >> np.uint64(WORD - shift)


def unpack(longs: NDArray[np.int64], bits: int, count: int) -> NDArray[np.uint32]:
    """The `count` numbers in longs, `bits` of each, at most 32.

    Raises:
        ValueError: there are more or fewer longs than they take.
    """
    needed = packed_length(count, bits)
    if len(longs) != needed:
        raise ValueError(f"{len(longs)} longs for {count} cells of {bits} bits: expected {needed}")
    rows = -(-count // WORD)
    words = np.zeros(rows * bits, np.uint64)
    words[:needed] = longs.view(np.uint64)
    table = words.reshape(rows, bits)
    values = np.empty((rows, WORD), np.uint32)
    for start in range(0, rows, PIECE):
        _unpack_rows(table[start : start + PIECE], values[start : start + PIECE], bits)
    return values.reshape(-1)[:count]


def _unpack_rows(words: NDArray[np.uint64], values: NDArray[np.uint32], bits: int) -> None:
    mask = np.uint64((1 << bits) - 1)
    for index in range(WORD):
        word, shift = divmod(index * bits, WORD)
        column = words[:, word] >> np.uint64(shift)
        if shift + bits > WORD:
            column |= words[:, word + 1] << np.uint64(WORD - shift)
        values[:, index] = column & mask
