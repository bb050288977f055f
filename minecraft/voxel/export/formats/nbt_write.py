"""Values to NBT bytes."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.export.formats.nbt_tags import (
    ARRAY_TAGS,
    ARRAYS,
    COMPOUND,
    END,
    LIST,
    NUMBER_TAGS,
    NUMBERS,
    STRING,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.export.formats.nbt_tags import Compound, Value

GZIP = 16 + zlib.MAX_WBITS
LEVEL = 6
MAX_LENGTH = 2**31 - 1
"""Elements of an array or list: their number is an Int."""

PIECE = 1 << 16
"""Elements made into bytes at a time, so that a long array does not stand in memory twice."""


def write_nbt(root: Compound, *, name: str = "", level: int = LEVEL) -> bytes:
    """The gzipped NBT file of a root compound: the same bytes for the same value, with no time in them.

    Raises:
        TypeError: a value has no tag, or a list has more than one type.
        ValueError: a string or an array is too long for NBT.
    """
    packer = zlib.compressobj(level, zlib.DEFLATED, GZIP)
    parts = [packer.compress(piece) for piece in _named(name, root)]
    return b"".join([*parts, packer.flush()])


def _named(name: str, value: Value) -> Iterator[bytes]:
    yield bytes([_tag(value, name)]) + encode(name)
    yield from _payload(value)


def _tag(value: object, name: str) -> int:
    """The tag of a value's Python type."""
    if isinstance(value, str):
        return STRING
    if isinstance(value, dict):
        return COMPOUND
    if isinstance(value, list):
        return LIST
    tags = ARRAY_TAGS if isinstance(value, np.ndarray) else NUMBER_TAGS
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.names is not None:
            return LIST
        tag = tags.get(value.dtype.newbyteorder("="))
        if tag is not None and value.ndim <= 1:
            return tag
        raise TypeError(
            f"{name!r}: no tag for an array or number of {value.dtype} in {value.ndim} dimensions"
        )
    raise TypeError(f"{name!r}: no tag for {type(value).__name__}; numbers are numpy's, as np.int32(1)")


def _payload(value: Value) -> Iterator[bytes]:
    if isinstance(value, str):
        yield encode(value)
    elif isinstance(value, dict):
        yield from _compound(value)
    elif isinstance(value, list):
        yield from _list(value)
    elif isinstance(value, np.ndarray):
        yield from _records(value) if value.dtype.names is not None else _array(value)
    else:
        yield np.array(value, value.dtype.newbyteorder(">")).tobytes()


def _compound(value: Mapping[str, Value]) -> Iterator[bytes]:
    for name, inner in value.items():
        yield from _named(name, inner)
    yield bytes([END])


def _list(values: Sequence[Value]) -> Iterator[bytes]:
    tags = {_tag(value, f"[{index}]") for index, value in enumerate(values)}
    if len(tags) > 1:
        raise TypeError(f"a list of tags {sorted(tags)}: NBT has lists of one type only")
    yield bytes(tags or {END}) + _length(values)
    for value in values:
        yield from _payload(value)


def _array(values: NDArray[Any]) -> Iterator[bytes]:
    yield _length(values)
    stored = ARRAYS[ARRAY_TAGS[values.dtype.newbyteorder("=")]]
    for start in range(0, len(values), PIECE):
        yield values[start : start + PIECE].astype(stored, copy=False).tobytes()


def _records(values: NDArray[Any]) -> Iterator[bytes]:
    """A list of compounds: each is as long as the next, and all but the numbers is the same."""
    stored, blank = record(values.dtype)
    yield bytes([COMPOUND]) + _length(values)
    piece = np.full(min(len(values), PIECE), blank, stored)
    for start in range(0, len(values), PIECE):
        chunk = values[start : start + PIECE]
        for name in chunk.dtype.names or ():
            piece[name][: len(chunk)] = chunk[name]
        yield piece[: len(chunk)].tobytes()


def record(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], np.void]:
    """How a compound of a structured type's fields lies in a file, and one with zeros for its numbers.

    Raises:
        TypeError: a field is not a number of NBT's, or a list of them.
    """
    fields: list[tuple[Any, ...]] = []
    heads: dict[str, bytes] = {}
    for index, name in enumerate(dtype.names or ()):
        base, shape = dtype[name].base, dtype[name].shape
        tag = NUMBER_TAGS.get(base.newbyteorder("="))
        if tag is None or len(shape) > 1:
            raise TypeError(f"{name!r}: no tag for a field of {dtype[name]}")
        head = bytes([LIST if shape else tag]) + encode(name)
        if shape:
            head += bytes([tag]) + shape[0].to_bytes(4, "big")
        heads[f"\0{index}"] = head
        fields += [(f"\0{index}", f"V{len(head)}"), (name, NUMBERS[tag], shape)]
    stored = np.dtype([*fields, ("\0end", "V1")])
    blank = np.zeros(1, stored)
    for field, head in heads.items():
        blank[field] = np.void(head)
    return stored, blank[0]


def _length(values: Sequence[Value] | NDArray[Any]) -> bytes:
    if len(values) > MAX_LENGTH:
        raise ValueError(f"{len(values)} elements: an NBT array holds {MAX_LENGTH} at most; split the build")
    return len(values).to_bytes(4, "big")
