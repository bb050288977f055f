"""Vertices and triangles of a primitive, from its accessors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gltf import format as glb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gltf.document import Document, Primitive
    from gltf.scene import Placed


def positions_and_faces(
    document: Document, binary: glb.Bytes, placed: Placed
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(n, 3) vertices in the scene's space, and (m, 3) triangles.

    What a mirrored node shows keeps its outside outside. Positions that overflow are not finite.

    Raises:
        GlbError: an accessor breaks glTF's rules, or an index names no vertex.
    """
    primitive = placed.primitive
    local = floats(document, binary, primitive.attributes["POSITION"], "VEC3")
    faces = triangles(_indices(document, binary, primitive, len(local)), primitive.mode)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found not to be finite
        positions = (local @ placed.matrix[:3, :3].T + placed.matrix[:3, 3]).astype(np.float32)
        mirrored = np.linalg.det(placed.matrix[:3, :3]) < 0
    if mirrored:
        faces = faces[:, ::-1]  # a mirrored node turns its triangles inside out
    return positions, faces


def floats(document: Document, binary: glb.Bytes, index: int, *kinds: str) -> NDArray[np.float64]:
    """(count, width) values of an accessor of one of `kinds`, normalized integers as what they stand for.

    Raises:
        GlbError: the accessor is of another kind, or not wholly there.
    """
    accessor = glb.item(document.accessors, index, "accessor")
    if accessor.type not in kinds:
        raise glb.GlbError(f"accessor {index} is {accessor.type}: expected {' or '.join(kinds)}")
    with np.errstate(invalid="ignore"):  # numbers that are none stay none, and are told of by who uses them
        values = glb.accessor_values(document, binary, index).astype(np.float64)
    if accessor.normalized and accessor.component_type != glb.FLOAT:
        values = np.maximum(values / glb.LARGEST[accessor.component_type], -1)
    return values


def _indices(document: Document, binary: glb.Bytes, primitive: Primitive, vertices: int) -> NDArray[np.int64]:
    if primitive.indices is None:
        return np.arange(vertices)
    accessor = glb.item(document.accessors, primitive.indices, "accessor")
    values = glb.accessor_values(document, binary, primitive.indices)
    if accessor.type != "SCALAR" or not np.issubdtype(values.dtype, np.unsignedinteger):
        raise glb.GlbError(f"accessor {primitive.indices} cannot be indices: {accessor.type} {values.dtype}")
    indices = values[:, 0].astype(np.int64)
    if indices.max() >= vertices:
        raise glb.GlbError(f"a triangle names vertex {indices.max()} of {vertices}")
    return indices


def triangles(indices: NDArray[np.int64], mode: int) -> NDArray[np.int32]:
    """(m, 3), with glTF's rules for the winding of strips and fans."""
    if mode == glb.TRIANGLES:
        whole = indices[: len(indices) // 3 * 3]
        return whole.reshape(-1, 3).astype(np.int32)
    first, second, third = indices[:-2], indices[1:-1], indices[2:]
    if mode == glb.TRIANGLE_FAN:
        return np.stack([second, third, np.full_like(second, indices[0])], axis=1).astype(np.int32)
    odd = np.arange(len(first)) % 2 == 1
    return np.stack([first, np.where(odd, third, second), np.where(odd, second, third)], axis=1).astype(
        np.int32
    )
