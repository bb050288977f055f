"""Numbers in as few bytes as they need: 7 bits a byte, lowest first, the top bit where more follow.

https://minecraft.wiki/w/Java_Edition_protocol/Data_types#VarInt_and_VarLong
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MORE = 0x80
MAX_BYTES = 5
"""Of a 32-bit number."""

CHUNK = 1 << 20


def encode_varints(values: NDArray[np.uint16]) -> NDArray[np.int8]:
    """The bytes of numbers, (n,), as an NBT array has them."""
    if not values.size or values.max() < MORE:
        return values.astype(np.uint8).view(np.int8)
    pieces = [_encode(values[start : start + CHUNK]) for start in range(0, len(values), CHUNK)]
    return np.concatenate(pieces).view(np.int8)


def _encode(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Three bytes for each number, then those that are needed."""
    width = 1 if values.max() < MORE else 2 if values.max() < MORE**2 else 3
    wide = np.empty((len(values), width), np.uint8)
    needed = np.empty((len(values), width), np.bool_)
    for digit in range(width):
        rest = values >> np.uint16(7 * digit)
        needed[:, digit] = rest > 0 if digit else True
        wide[:, digit] = (rest & 0x7F) | (rest >= MORE) * np.uint16(MORE)
    return wide[needed]


def decode_varints(data: NDArray[Any], count: int) -> NDArray[np.int64] | NDArray[np.uint8]:
    """The `count` numbers in bytes, (n,) of 8 bits, and no more.

    Raises:
        ValueError: there are fewer or more, the last is cut off, or one is longer than 5 bytes.
    """
    octets = data.view(np.uint8)
    ends = np.flatnonzero(octets < MORE)
    if len(ends) != count or (octets.size and octets[-1] >= MORE):
        raise ValueError(f"{len(ends)} varints in {octets.size} bytes: expected {count}")
    if octets.size == count:
        return octets
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > MAX_BYTES:
        raise ValueError(f"a varint of {lengths.max()} bytes: {MAX_BYTES} at most")
    values = np.zeros(count, np.int64)
    for digit in range(int(lengths.max())):
        longer = np.flatnonzero(lengths > digit) if digit else slice(None)
        values[longer] |= (octets[starts[longer] + digit].astype(np.int64) & 0x7F) << (7 * digit)
    return values
