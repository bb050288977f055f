"""NBT bytes to values, from whoever made them: every size is held against what is there."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.export.formats.nbt_tags import (
    ARRAYS,
    COMPOUND,
    END,
    LIST,
    NUMBERS,
    STRING,
    decode,
)
from meshtwin.minecraft.voxel.export.formats.nbt_write import GZIP, record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.export.formats.nbt_tags import Compound, Value

MAX_BYTES = 256 << 20
"""Unpacked: a hundredfold of a common build, and less than what a bomb of 1 MB unpacks to."""

MAX_TAGS = 2_000_000
"""Python objects made of a file; arrays and lists of equal compounds count once."""

MAX_DEPTH = 64
"""Compounds and lists inside each other; a build's files need six. The game stops at 512."""

LARGEST_RECORD = 16
"""Numbers in a compound, or in a list of one, that is read as a row of a structured array."""


def read_nbt(data: bytes, *, limit: int = MAX_BYTES) -> tuple[str, Compound]:
    """The root's name and compound of a gzipped NBT file.

    Raises:
        ValueError: the file is not gzip, ends too soon, unpacks to more than `limit` bytes, claims a size
        that it does not have, nests deeper than MAX_DEPTH or has more than MAX_TAGS tags.
    """
    reader = _Reader(_unpack(data, limit))
    if reader.byte() != COMPOUND:
        raise ValueError("NBT: the root is not a compound")
    name = reader.text()
    root = reader.compound(1)
    if reader.at != len(reader.data):
        raise ValueError(f"NBT: {len(reader.data) - reader.at} bytes after the root compound")
    return name, root


def _unpack(data: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(GZIP)
    try:
        unpacked = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise ValueError(f"not a valid gzip file: {error}") from None
    if len(unpacked) > limit:
        raise ValueError(f"the file unpacks to more than {limit} bytes, which is the limit")
    if not unpacker.eof:
        raise ValueError("the gzip file ends too soon: it was cut off")
    if unpacker.unused_data:
        raise ValueError(f"{len(unpacker.unused_data)} bytes after the end of the gzip file")
    return unpacked


class _Reader:
    """A position in the unpacked bytes, and the number of tags so far."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self._tags = 0

    def byte(self) -> int:
        return self._take(1)[0]

    def text(self) -> str:
        raw = self._take(int.from_bytes(self._take(2), "big"))
        try:
            return decode(raw)
        except UnicodeError:
            raise ValueError(f"NBT: the string at byte {self.at - len(raw)} is not modified UTF-8") from None

    def compound(self, depth: int) -> Compound:
        self._enter(depth)
        found: Compound = {}
        while (tag := self.byte()) != END:
            name = self.text()
            if name in found:
                raise ValueError(f"NBT: {name!r} is twice in a compound, before byte {self.at}")
            found[name] = self._value(tag, depth)
        return found

    def _take(self, size: int) -> bytes:
        start = self.at
        self._pass(size)
        return self.data[start : self.at]

    def _pass(self, size: int) -> None:
        if self.at + size > len(self.data):
            raise ValueError(f"NBT: {size} bytes at byte {self.at}, but the file has {len(self.data)}")
        self.at += size

    def _enter(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ValueError(f"NBT: nested deeper than {MAX_DEPTH} at byte {self.at}")

    def _value(self, tag: int, depth: int) -> Value:
        self._tags += 1
        if self._tags > MAX_TAGS:
            raise ValueError(f"NBT: more than {MAX_TAGS} tags; this file is too large to be read")
        if tag in NUMBERS:
            return self._numbers(NUMBERS[tag], 1)[0]  # type: ignore[no-any-return]  # a number of the dtype
        if tag == STRING:
            return self.text()
        if tag in ARRAYS:
            return self._numbers(ARRAYS[tag], self._length())
        if tag == LIST:
            return self._list(depth + 1)
        if tag == COMPOUND:
            return self.compound(depth + 1)
        raise ValueError(f"NBT: no tag {tag}, before byte {self.at}")

    def _length(self) -> int:
        length = int.from_bytes(self._take(4), "big", signed=True)
        if length < 0:
            raise ValueError(f"NBT: a length of {length} before byte {self.at}")
        return length

    def _numbers(self, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        start = self.at
        self._pass(count * dtype.itemsize)
        return np.frombuffer(self.data, dtype, count, start).astype(dtype.newbyteorder("="))

    def _list(self, depth: int) -> Value:
        self._enter(depth)
        tag, length = self.byte(), self._length()
        if tag == END and length:
            raise ValueError(f"NBT: a list of {length} without a type before byte {self.at}")
        if tag == COMPOUND and length:
            records = self._records(length)
            if records is not None:
                return records
        return [self._value(tag, depth) for _ in range(length)]

    def _records(self, count: int) -> NDArray[Any] | None:
        """The list as a structured array, where each compound is like the first; else nothing is read."""
        start = self.at
        layout = self._layout()
        self.at = start
        if layout is None:
            return None
        stored, blank = record(layout)
        if count * stored.itemsize > len(self.data) - start:
            return None
        rows = np.frombuffer(self.data, stored, count, start)
        fixed = [name for name in stored.names or () if name not in (layout.names or ())]
        if not all((rows[name] == blank[name]).all() for name in fixed):
            return None
        self.at += count * stored.itemsize
        found = np.empty(count, layout)
        for name in layout.names or ():
            found[name] = rows[name]
        return found

    def _layout(self) -> np.dtype[Any] | None:
        """The fields of the next compound, or None where it holds more than a few numbers."""
        fields: list[tuple[str, np.dtype[Any], tuple[int, ...]]] = []
        while (tag := self.byte()) != END:
            name = self.text()
            shape: tuple[int, ...] = ()
            if tag == LIST:
                tag, shape = self.byte(), (self._length(),)
            if tag not in NUMBERS or len(fields) == LARGEST_RECORD or max(shape, default=1) > LARGEST_RECORD:
                return None
            if not name or name.startswith("\0") or name in {field[0] for field in fields}:
                return None
            fields.append((name, NUMBERS[tag].newbyteorder("="), shape))
            self._pass(NUMBERS[tag].itemsize * max(shape, default=1))
        return np.dtype(fields) if fields and 0 not in {size for _, _, s in fields for size in s} else None
