"""The tags of NBT, and their words: Java's modified UTF-8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Value: TypeAlias = "np.number[Any] | str | NDArray[Any] | list[Value] | dict[str, Value]"
Compound: TypeAlias = dict[str, Value]

END, BYTE_ARRAY, STRING, LIST, COMPOUND, INT_ARRAY, LONG_ARRAY = 0, 7, 8, 9, 10, 11, 12

NUMBERS: dict[int, np.dtype[Any]] = {
    1: np.dtype(">i1"),
    2: np.dtype(">i2"),
    3: np.dtype(">i4"),
    4: np.dtype(">i8"),
    5: np.dtype(">f4"),
    6: np.dtype(">f8"),
}
"""Number tags as they lie in a file, big-endian."""

ARRAYS: dict[int, np.dtype[Any]] = {
    BYTE_ARRAY: np.dtype(">i1"),
    INT_ARRAY: np.dtype(">i4"),
    LONG_ARRAY: np.dtype(">i8"),
}
"""The elements of the array tags."""

NUMBER_TAGS = {dtype.newbyteorder("="): tag for tag, dtype in NUMBERS.items()}
ARRAY_TAGS = {dtype.newbyteorder("="): tag for tag, dtype in ARRAYS.items()}

MAX_STRING = 0xFFFF


def encode(text: str) -> bytes:
    """The bytes of a string tag, its length before them.

    Java's DataOutput: U+0000 takes two bytes, and what is beyond U+FFFF is written as two surrogates.
    https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/io/DataInput.html#modified-utf-8

    Raises:
        ValueError: the text takes more than 65535 bytes, or is no Unicode text.
    """
    if text.isascii() and "\0" not in text:
        data = text.encode("ascii")
    else:
        units = np.frombuffer(text.encode("utf-16-le"), "<u2").tolist()
        data = "".join(map(chr, units)).encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")
    if len(data) > MAX_STRING:
        raise ValueError(f"string {text[:20]!r}...: {len(data)} bytes, NBT holds {MAX_STRING} at most")
    return len(data).to_bytes(2, "big") + data


def decode(data: bytes) -> str:
    """The text of a string tag's bytes.

    Raises:
        ValueError: they are no modified UTF-8.
    """
    if data.isascii():
        return data.decode("ascii")
    units = data.replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass")
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
