"""Transforms as (..., 3, 4) matrices for column vectors: what of glTF's 4 x 4 ones is not always the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.gltf import format as glb
from meshtwin.gltf.document import given
from meshtwin.gltf.values import floats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from meshtwin.gltf.buffers import Buffers
    from meshtwin.gltf.document import Document, Instancing, Node, Skin

    Transforms = NDArray[np.float64]

IDENTITY = np.eye(3, 4)
IDENTITY.flags.writeable = False


def after(outer: Transforms, inner: Transforms) -> Transforms:
    """The transforms that do `inner` first; shapes broadcast. What overflows is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        made = outer[..., :3] @ inner
        made[..., 3] += outer[..., 3]
    return np.asarray(made)


def of_node(node: Node) -> Transforms | None:
    """What a node does to what is in it, (3, 4); None: nothing.

    https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#transformations
    """
    if node.matrix is not None:
        return np.array(node.matrix, np.float64).reshape(4, 4).T[:3]
    if node.translation is None and node.rotation is None and node.scale is None:
        return None
    return _composed(
        np.array(node.translation or (0, 0, 0), np.float64),
        np.array(node.rotation or (0, 0, 0, 1), np.float64),
        np.array(node.scale or (1, 1, 1), np.float64),
    )


def instance_count(document: Document, instancing: Instancing) -> int:
    """How many instances there are, by the counts that the document gives.

    Raises:
        GlbError: the counts differ.
    """
    counts = {
        name: glb.item(document.accessors, index, "accessor").count
        for name, index in instancing.attributes.items()
        if name in _PARTS
    }
    if len(set(counts.values())) > 1:
        raise glb.GlbError(f"instances have {counts} values: expected as many of each")
    return max(0, next(iter(counts.values()), 1))


def of_instances(document: Document, buffers: Buffers, instancing: Instancing, count: int) -> Transforms:
    """(count, 3, 4), each to be done before the node's own.

    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Vendor/EXT_mesh_gpu_instancing

    Raises:
        GlbError: an accessor breaks the extension's rules.
    """
    found = {}
    for name, (kind, default) in _PARTS.items():
        index = instancing.attributes.get(name)
        found[name] = (
            np.broadcast_to(np.array(default, np.float64), (count, len(default)))
            if index is None
            else floats(document, buffers, index, kind)
        )
    return _composed(found["TRANSLATION"], found["ROTATION"], found["SCALE"])


_PARTS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "TRANSLATION": ("VEC3", (0, 0, 0)),
    "ROTATION": ("VEC4", (0, 0, 0, 1)),
    "SCALE": ("VEC3", (1, 1, 1)),
}


def of_skin(document: Document, buffers: Buffers, skin: Skin, worlds: Mapping[int, Transforms]) -> Transforms:
    """(joints, 3, 4), from where a skin's mesh was bound to where each joint now moves it.

    https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#skins: `worlds` is where nodes are in the
    scene.

    Raises:
        GlbError: a joint is not a node, or the inverse bind matrices are fewer.
    """
    missing = [joint for joint in skin.joints if joint not in worlds]
    if missing:
        raise glb.GlbError(
            f"a skin has the joint {missing[0]}: expected one of the {len(document.nodes)} nodes"
        )
    joints = np.array([worlds[joint] for joint in skin.joints], np.float64).reshape(-1, 3, 4)
    index = skin.inverse_bind_matrices
    if not given(index):
        return joints
    accessor = glb.item(document.accessors, index, "accessor")
    # More of them than joints are allowed, but not more than are in the file.
    if accessor.count < len(joints) or (accessor.count > len(joints) and not given(accessor.buffer_view)):
        raise glb.GlbError(f"a skin has {accessor.count} inverse bind matrices for {len(joints)} joints")
    inverse = floats(document, buffers, index, "MAT4")[: len(joints)].reshape(-1, 4, 4)
    return after(joints, inverse.transpose(0, 2, 1)[:, :3])


def _composed(translation: Transforms, rotation: Transforms, scale: Transforms) -> Transforms:
    """Scale first, then rotation, a quaternion of any length, then translation; (..., 3 or 4) each."""
    length = np.linalg.norm(rotation, axis=-1, keepdims=True)
    x, y, z, w = np.moveaxis(rotation / np.where(length > 0, length, 1), -1, 0)
    made = np.empty((*translation.shape[:-1], 3, 4))
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            made[..., number, column] = value
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found not to be finite
        made[..., :3] *= scale[..., None, :]
    made[..., 3] = translation
    return made
