"""The parts of binary glTF 2.0 that reading, checking and writing share.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from meshtwin.gltf.document import given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from meshtwin.gltf.buffers import Buffers
    from meshtwin.gltf.document import Document, Sparse

    Bytes = NDArray[np.uint8]

T = TypeVar("T")

MAGIC = b"glTF"
VERSION = 2
JSON_CHUNK = 0x4E4F534A
BIN_CHUNK = 0x004E4942
HEADER = struct.Struct("<4sII")
"""Magic, version, length of the file."""
CHUNK = struct.Struct("<II")
"""Length and type of a chunk."""

ARRAY_BUFFER = 34962
ELEMENT_ARRAY_BUFFER = 34963
TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = 4, 5, 6
CLAMP_TO_EDGE, LINEAR, LINEAR_MIPMAP_LINEAR = 33071, 9729, 9987

COMPONENTS: dict[int, np.dtype[np.generic]] = {
    5120: np.dtype("<i1"),
    5121: np.dtype("<u1"),
    5122: np.dtype("<i2"),
    5123: np.dtype("<u2"),
    5125: np.dtype("<u4"),
    5126: np.dtype("<f4"),
}
UNSIGNED_SHORT, UNSIGNED_INT, FLOAT = 5123, 5125, 5126
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


class GlbError(ValueError):
    """Data that is not binary glTF 2.0, or breaks its rules; the message says where."""


def accessor_values(document: Document, buffers: Buffers, index: int) -> NDArray[np.generic]:
    """The (count, width) values of an accessor as stored, a view into the buffers where it can be one.

    Raises:
        GlbError: something of it lies outside its bufferView, or is of a kind that glTF 2.0 does not have.
    """
    accessor = item(document.accessors, index, "accessor")
    what = f"accessor {index}"
    dtype, width = _component(accessor.component_type, what), WIDTHS.get(accessor.type)
    if width is None or accessor.count < 0:
        raise GlbError(f"{what} is {accessor.count} of {accessor.type[:40]!r}: expected {', '.join(WIDTHS)}")
    if not given(accessor.buffer_view):
        values: NDArray[np.generic] = np.zeros((accessor.count, width), dtype)
    else:
        stride = item(document.buffer_views, accessor.buffer_view, "bufferView").byte_stride
        raw = buffers.view(accessor.buffer_view)
        values = _strided(raw, accessor.byte_offset, (accessor.count, width), dtype, what, stride)
    if accessor.sparse is not None:
        values = _with_sparse(buffers, accessor.sparse, values.copy(), what)
    return values


def item(items: Sequence[T], index: int, what: str) -> T:
    """`items[index]`.

    Raises:
        GlbError: there is none.
    """
    if index < 0:
        raise GlbError(f"{what} {index} is referenced: expected 0 or greater")
    if index >= len(items):
        raise GlbError(f"{what} {index} is referenced, but there are {len(items)}")
    return items[index]


def _component(number: int, what: str) -> np.dtype[np.generic]:
    if number not in COMPONENTS:
        expected = ", ".join(map(str, COMPONENTS))
        raise GlbError(f"{what} has componentType {number}: expected one of {expected}")
    return COMPONENTS[number]


def _strided(
    raw: Bytes,
    offset: int,
    shape: tuple[int, int],
    dtype: np.dtype[np.generic],
    what: str,
    stride: int | None = None,
) -> NDArray[np.generic]:
    """Rows of `stride` bytes; of their own length where it is None, or 0, as exporters write it."""
    count, width = shape
    row = dtype.itemsize * width
    stride = stride or row
    if stride < row:
        raise GlbError(f"{what} has values of {row} bytes, {stride} from each other: expected {row} or more")
    end = offset + stride * (count - 1) + row
    if count and (offset < 0 or end > len(raw)):
        raise GlbError(f"{what} needs {end} bytes of a bufferView of {len(raw)}")
    if not count:
        return np.zeros(shape, dtype)
    return np.ndarray(shape, dtype, raw.data, offset, (stride, dtype.itemsize))


def _with_sparse(
    buffers: Buffers, sparse: Sparse, values: NDArray[np.generic], what: str
) -> NDArray[np.generic]:
    """https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#sparse-accessors."""
    indices = sparse.indices
    dtype = _component(indices.component_type, what)
    if sparse.count < 0 or not np.issubdtype(dtype, np.unsignedinteger):
        raise GlbError(f"{what} is sparse with {sparse.count} indices of {dtype}: expected unsigned integers")
    raw = buffers.view(indices.buffer_view)
    where = _strided(raw, indices.byte_offset, (sparse.count, 1), dtype, what)[:, 0]
    raw = buffers.view(sparse.values.buffer_view)
    new = _strided(raw, sparse.values.byte_offset, (sparse.count, values.shape[1]), values.dtype, what)
    if len(where) and where.max() >= len(values):
        raise GlbError(f"{what} has a sparse value at {where.max()} of {len(values)}")
    values[where] = new
    return values


class Wrap(Enum):
    """What a texture shows outside of [0, 1]; glTF's sampler modes.

    https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#_sampler_wraps
    """

    CLAMP = 33071
    MIRROR = 33648
    REPEAT = 10497
