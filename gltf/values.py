"""Accessors as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.gltf import format as glb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.gltf.buffers import Buffers
    from meshtwin.gltf.document import Document, Primitive


def floats(document: Document, buffers: Buffers, index: int, *kinds: str) -> NDArray[np.float64]:
    """(count, width) values of an accessor of one of `kinds`, normalized integers as what they stand for.

    Raises:
        GlbError: the accessor is of another kind, or part of it is missing.
    """
    accessor = glb.item(document.accessors, index, "accessor")
    if accessor.type not in kinds:
        raise glb.GlbError(f"accessor {index} is {accessor.type[:40]}: expected {' or '.join(kinds)}")
    raw = glb.accessor_values(document, buffers, index)
    return as_floats(raw, normalized=accessor.normalized)


def as_floats(raw: NDArray[np.generic], *, normalized: bool) -> NDArray[np.float64]:
    """The values that stored numbers represent: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#animations."""
    with np.errstate(invalid="ignore"):  # NaN stays NaN: callers check for it
        values = raw.astype(np.float64)
    if normalized and raw.dtype.kind in "iu":
        values /= 2.0 ** (8 * raw.dtype.itemsize - (raw.dtype.kind == "i")) - 1
        np.maximum(values, -1, out=values)
    return values


def of_vertices(
    document: Document, buffers: Buffers, primitive: Primitive, name: str, *kinds: str
) -> NDArray[np.float64]:
    """(n, width) values of an attribute, one for each vertex.

    Raises:
        GlbError: as `floats`, or there are more or fewer than vertices.
    """
    index = primitive.attributes[name]
    check_count(document, primitive, index, name)
    return floats(document, buffers, index, *kinds)


def check_count(document: Document, primitive: Primitive, index: int, name: str) -> None:
    """Check the count before values are read: an accessor without data may claim any length.

    Raises:
        GlbError: the accessor `index` has not one value for each vertex.
    """
    count, expected = (
        glb.item(document.accessors, one, "accessor").count
        for one in (index, primitive.attributes["POSITION"])
    )
    if count != expected:
        raise glb.GlbError(f"{name} has {count} values for {expected} vertices")
