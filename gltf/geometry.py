"""Vertices and triangles of a primitive, from its accessors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.gltf import format as glb
from meshtwin.gltf.document import given
from meshtwin.gltf.scene import joint_sets
from meshtwin.gltf.transforms import IDENTITY
from meshtwin.gltf.values import as_floats, check_count, floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.gltf.buffers import Buffers
    from meshtwin.gltf.document import Document, Primitive
    from meshtwin.gltf.scene import Placed
    from meshtwin.gltf.transforms import Transforms

_BLOCK = 1 << 15
"""Vertices that are skinned at once: a transform for each of all of them would be four times their size."""


def positions_and_faces(
    document: Document, buffers: Buffers, placed: Placed
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """(k * n, 3) vertices in the scene's space, copy by copy, and (m, 3) triangles.

    What is mirrored keeps its outside outside. Positions that overflow are not finite.

    Raises:
        GlbError: an accessor breaks glTF's rules, or an index names no vertex.
    """
    primitive = placed.primitive
    local = _morphed(document, buffers, placed)
    faces = triangles(_indices(document, buffers, primitive, len(local)), primitive.mode)
    if placed.joints is not None:
        positions, mirrored = _skinned(document, buffers, primitive, local, placed.joints)
        flip = mirrored[faces[:, 0]]
        return positions, np.where(flip[:, None], faces[:, ::-1], faces) if flip.any() else faces
    copies = placed.copies
    if len(copies) == 1:
        return _moved(local, copies[0]), faces[:, ::-1] if _mirrors(copies)[0] else faces
    starts = len(local) * np.arange(len(copies), dtype=np.int32)
    all_faces = faces[None] + starts[:, None, None]
    turned = _mirrors(copies)
    all_faces[turned] = all_faces[turned][:, :, ::-1]
    with np.errstate(over="ignore", invalid="ignore"):
        positions = local @ copies[:, :, :3].transpose(0, 2, 1) + copies[:, None, :, 3]
    return positions.reshape(-1, 3), all_faces.reshape(-1, 3)


def _moved(local: NDArray[np.float64], matrix: Transforms) -> NDArray[np.float64]:
    if np.array_equal(matrix, IDENTITY):
        return local
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found not to be finite
        moved = local @ matrix[:, :3].T
        moved += matrix[:, 3]
    return np.asarray(moved)


def _mirrors(matrices: Transforms) -> NDArray[np.bool_]:
    """Which transforms turn triangles inside out."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.linalg.det(matrices[..., :3]) < 0)


def _morphed(document: Document, buffers: Buffers, placed: Placed) -> NDArray[np.float64]:
    """Positions with the morph targets that are active.

    https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#morph-targets
    """
    primitive = placed.primitive
    local = floats(document, buffers, primitive.attributes["POSITION"], "VEC3")
    for number, weight in placed.weights.items():
        target = primitive.targets[number] if number < len(primitive.targets) else {}
        if "POSITION" in target:
            check_count(document, primitive, target["POSITION"], f"morph target {number}")
            with np.errstate(over="ignore", invalid="ignore"):
                local += weight * floats(document, buffers, target["POSITION"], "VEC3")
    return local


def _skinned(
    document: Document, buffers: Buffers, primitive: Primitive, local: NDArray[np.float64], joints: Transforms
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The vertices as their joints move them, and which are mirrored.

    https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#skins: only the joints' transforms count, not
    that of the mesh's own node. Weights are brought to a sum of 1; without any, the first joint has all.
    """
    names, weights = [], []
    for one in range(joint_sets(primitive)):
        index = primitive.attributes[f"JOINTS_{one}"]
        check_count(document, primitive, index, f"JOINTS_{one}")
        if glb.item(document.accessors, index, "accessor").type != "VEC4":
            raise glb.GlbError(f"accessor {index} is of another type: expected VEC4 for JOINTS_{one}")
        names.append(glb.accessor_values(document, buffers, index))
        if not np.issubdtype(names[-1].dtype, np.unsignedinteger):
            raise glb.GlbError(f"JOINTS_{one} is {names[-1].dtype}: expected unsigned integers")
        index = primitive.attributes[f"WEIGHTS_{one}"]
        check_count(document, primitive, index, f"WEIGHTS_{one}")
        accessor = glb.item(document.accessors, index, "accessor")
        if accessor.type != "VEC4":
            raise glb.GlbError(f"accessor {index} is of another type: expected VEC4 for WEIGHTS_{one}")
        weights.append((glb.accessor_values(document, buffers, index), accessor.normalized))
    any_mirrored = bool(_mirrors(joints).any())
    mirrored = np.zeros(len(local), np.bool_)
    for start in range(0, len(local), _BLOCK):
        block = slice(start, start + _BLOCK)
        shares = np.hstack([as_floats(raw[block], normalized=normal) for raw, normal in weights])
        blended = _blended(np.hstack([raw[block] for raw in names]).astype(np.int64), shares, joints)
        with np.errstate(over="ignore", invalid="ignore"):
            local[block] = np.einsum("nij,nj->ni", blended[:, :, :3], local[block]) + blended[:, :, 3]
        if any_mirrored:
            mirrored[block] = _mirrors(blended)
    return local, mirrored


def _blended(names: NDArray[np.int64], weights: NDArray[np.float64], joints: Transforms) -> Transforms:
    """(n, 3, 4): each vertex's joints by their weights, (n, 4 * sets) both."""
    with np.errstate(invalid="ignore"):
        weights = np.maximum(weights, 0)
    total = weights.sum(axis=1)
    weights[total == 0, 0] = total[total == 0] = 1
    names = np.where(weights > 0, names, 0)  # what has no weight may name anything
    if names.max(initial=0) >= len(joints):
        raise glb.GlbError(f"a vertex is bound to joint {names.max()} of a skin of {len(joints)}")
    with np.errstate(over="ignore", invalid="ignore"):
        weights /= total[:, None]
        made = weights[:, 0, None, None] * joints[names[:, 0]]
        for column in range(1, weights.shape[1]):
            if weights[:, column].any():
                made += weights[:, column, None, None] * joints[names[:, column]]
    return np.asarray(made)


def _indices(document: Document, buffers: Buffers, primitive: Primitive, vertices: int) -> NDArray[np.int64]:
    if not given(primitive.indices):
        return np.arange(vertices)
    accessor = glb.item(document.accessors, primitive.indices, "accessor")
    values = glb.accessor_values(document, buffers, primitive.indices)
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
