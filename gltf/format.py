"""The parts of binary glTF 2.0 that reading, checking and writing share.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gltf.document import Document, Sparse

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
LARGEST = {5120: 127, 5121: 255, 5122: 32767, 5123: 65535, 5125: 4294967295}
"""What stands for 1 where integers are normalized."""
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


class GlbError(ValueError):
    """Data that is no binary glTF 2.0, or breaks its rules; the message says where."""


def view_bytes(document: Document, binary: Bytes, index: int) -> Bytes:
    """The bytes of a bufferView.

    Raises:
        GlbError: the view, or its buffer, is not wholly in the file's own binary chunk.
    """
    view = item(document.buffer_views, index, "bufferView")
    buffer = item(document.buffers, view.buffer, "buffer")
    if view.buffer != 0 or buffer.uri is not None:
        raise GlbError(
            f"buffer {view.buffer} lies outside the file: expected everything in its own binary chunk"
        )
    end = view.byte_offset + view.byte_length
    if end > min(buffer.byte_length, len(binary)):
        raise GlbError(
            f"bufferView {index} ends at byte {end} of a binary chunk of {len(binary)}: is it cut short?"
        )
    return binary[view.byte_offset : end]


def accessor_values(document: Document, binary: Bytes, index: int) -> NDArray[np.generic]:
    """The (count, width) values of an accessor as stored, a view into `binary` where it can be one.

    Raises:
        GlbError: something of it lies outside its bufferView.
    """
    accessor = item(document.accessors, index, "accessor")
    dtype, width = COMPONENTS[accessor.component_type], WIDTHS[accessor.type]
    if accessor.buffer_view is None:
        values: NDArray[np.generic] = np.zeros((accessor.count, width), dtype)
    else:
        view = item(document.buffer_views, accessor.buffer_view, "bufferView")
        stride = view.byte_stride or dtype.itemsize * width
        raw = view_bytes(document, binary, accessor.buffer_view)
        values = _strided(
            raw, accessor.byte_offset, (accessor.count, width), dtype, stride, f"accessor {index}"
        )
    if accessor.sparse is not None:
        values = _with_sparse(document, binary, accessor.sparse, values.copy(), f"accessor {index}")
    return values


def item(items: Sequence[T], index: int, what: str) -> T:
    """`items[index]`.

    Raises:
        GlbError: there are fewer.
    """
    if index >= len(items):
        raise GlbError(f"{what} {index} is asked for, but there are {len(items)}")
    return items[index]


def _strided(
    raw: Bytes, offset: int, shape: tuple[int, int], dtype: np.dtype[np.generic], stride: int, what: str
) -> NDArray[np.generic]:
    count, width = shape
    end = offset + stride * (count - 1) + dtype.itemsize * width
    if end > len(raw):
        raise GlbError(f"{what} needs {end} bytes of a bufferView of {len(raw)}")
    return np.ndarray(shape, dtype, raw.data, offset, (stride, dtype.itemsize))


def _with_sparse(
    document: Document, binary: Bytes, sparse: Sparse, values: NDArray[np.generic], what: str
) -> NDArray[np.generic]:
    indices = sparse.indices
    where_type = COMPONENTS[indices.component_type]
    raw = view_bytes(document, binary, indices.buffer_view)
    where = _strided(raw, indices.byte_offset, (sparse.count, 1), where_type, where_type.itemsize, what)[:, 0]
    raw = view_bytes(document, binary, sparse.values.buffer_view)
    shape = (sparse.count, values.shape[1])
    row = values.dtype.itemsize * values.shape[1]
    new = _strided(raw, sparse.values.byte_offset, shape, values.dtype, row, what)
    if where.max() >= len(values):
        raise GlbError(f"{what} has a sparse value at {where.max()} of {len(values)}")
    values[where] = new
    return values
