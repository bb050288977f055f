"""The triangles that a scene shows, and the transforms that place them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.gltf import format as glb
from meshtwin.gltf.document import given
from meshtwin.gltf.nodes import Nodes
from meshtwin.gltf.transforms import IDENTITY, after, instance_count, of_instances, of_skin

if TYPE_CHECKING:
    from meshtwin.gltf.buffers import Buffers
    from meshtwin.gltf.document import Document, Node, Primitive
    from meshtwin.gltf.transforms import Transforms

MOST_SETS = 16
"""Sets of four joints that may move a vertex; viewers take one or two."""

MOST_SUMMANDS = 32
"""That may be added up for a vertex, if there are as many vertices as there may be: each active morph target
is one, and each set of joints."""


class TooManyTrianglesError(glb.GlbError):
    """A scene has more triangles, or vertices, than its reader takes."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A primitive as a node shows it.

    `copies` (k, 3, 4) transforms each make one; `triangles` are those of all. Where there are `joints`
    (j, 3, 4), these place each vertex instead. `weights` are the primitive's active morph targets, by number.
    """

    primitive: Primitive
    copies: Transforms
    triangles: int
    weights: dict[int, float]
    joints: Transforms | None = None


def placed_primitives(
    document: Document, buffers: Buffers, max_faces: int
) -> tuple[list[Placed], dict[str, int]]:
    """All triangles that the scene shows, in the order of its nodes; and what is left out, counted.

    Raises:
        TooManyTrianglesError: more than `max_faces` triangles or three times as many vertices, by the counts
            that the document gives.
        GlbError: the scene breaks glTF's rules.
    """
    nodes = Nodes(document)
    meshes = _Meshes(document)
    limit = _Limit(document, max_faces)
    found: list[Placed] = []
    for node, matrix in nodes.shown:
        drawn, weights = meshes.drawn(node)
        if not drawn:
            continue
        skinned = given(node.skin)
        instancing = None if skinned or node.extensions is None else node.extensions.instancing
        count = 1 if instancing is None else instance_count(document, instancing)
        # Before anything is read: what is not in the file has a count all the same.
        triangles = [limit.take(primitive, count, weights, skinned=skinned) for primitive in drawn]
        copies = matrix[None]
        if instancing is not None:
            copies = after(matrix, of_instances(document, buffers, instancing, count))
        joints = meshes.joints(buffers, node, nodes.joints)
        for primitive, many in zip(drawn, triangles, strict=True):
            if joints is not None and joint_sets(primitive):
                # Where its node stands makes no difference then.
                found.append(Placed(primitive, IDENTITY[None], many, weights, joints))
            elif many:
                found.append(Placed(primitive, copies, many, weights))
    return found, nodes.left_out + meshes.left_out


def joint_sets(primitive: Primitive) -> int:
    """How many sets of four joints move a vertex.

    https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#skinned-mesh-attributes
    """
    sets = 0
    while {f"JOINTS_{sets}", f"WEIGHTS_{sets}"} <= primitive.attributes.keys():
        sets += 1
    return sets


class _Limit:
    """Checked as they add up: one small mesh may be placed a million times."""

    def __init__(self, document: Document, max_faces: int) -> None:
        self._document, self._most = document, max_faces
        self._faces = self._vertices = self._summands = 0

    def take(self, primitive: Primitive, count: int, active: dict[int, float], *, skinned: bool) -> int:
        """How many triangles `count` copies of the primitive have."""
        points = _count(self._document, primitive.attributes["POSITION"])
        triangles = count * _triangles(self._document, primitive)
        sets = joint_sets(primitive) if skinned else 0
        self._faces += triangles
        self._vertices += count * points
        self._summands += points * (sets + sum(number < len(primitive.targets) for number in active))
        most = self._most
        if self._faces > most or self._vertices > 3 * most:
            raise TooManyTrianglesError(
                f"the mesh has at least {self._faces} triangles and {self._vertices} vertices: expected at "
                f"most {most} and {3 * most}; reduce it and send it again"
            )
        if sets > MOST_SETS or self._summands > MOST_SUMMANDS * 3 * most:
            raise TooManyTrianglesError(
                f"the mesh has {sets} sets of joints a vertex, and {self._summands} joints and morph targets "
                f"to be added up: expected at most {MOST_SETS} and {MOST_SUMMANDS * 3 * most}; "
                "apply them before you send it again"
            )
        return triangles


class _Meshes:
    """Facts about each mesh and skin, computed once however often they are placed."""

    def __init__(self, document: Document) -> None:
        self.left_out: Counter[str] = Counter()
        self._document = document
        self._drawn: dict[int, list[Primitive]] = {}
        self._weights: dict[int, dict[int, float]] = {}
        self._joints: dict[int, Transforms] = {}

    def drawn(self, node: Node) -> tuple[list[Primitive], dict[int, float]]:
        """The primitives of the node's mesh that show triangles, and the morph targets that are active.

        https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#morph-targets: the node's weights, else the
        mesh's, else zeros.
        """
        index = node.mesh
        assert index is not None
        if index not in self._drawn:
            mesh = glb.item(self._document.meshes, index, "mesh")
            self._weights[index] = _active(mesh.weights)
            self._drawn[index] = [one for one in mesh.primitives if self._is_drawn(one)]
        return self._drawn[index], self._weights[index] if node.weights is None else _active(node.weights)

    def joints(self, buffers: Buffers, node: Node, worlds: dict[int, Transforms]) -> Transforms | None:
        """What the node's skin does; None where it has none."""
        if not given(node.skin):
            return None
        if node.skin not in self._joints:
            skin = glb.item(self._document.skins, node.skin, "skin")
            self._joints[node.skin] = of_skin(self._document, buffers, skin, worlds)
        return self._joints[node.skin]

    def _is_drawn(self, primitive: Primitive) -> bool:
        """Whether it shows any triangle; glTF wants those without POSITION to be skipped."""
        position = primitive.attributes.get("POSITION")
        if primitive.mode < glb.TRIANGLES:
            self.left_out["primitive{s} of lines or points"] += 1
        elif not given(position):
            self.left_out["primitive{s} without POSITION"] += 1
        else:
            return _count(self._document, position) > 0 and _triangles(self._document, primitive) > 0
        return False


def _active(weights: tuple[float, ...] | None) -> dict[int, float]:
    return {number: weight for number, weight in enumerate(weights or ()) if weight}


def _triangles(document: Document, primitive: Primitive) -> int:
    index = primitive.indices if given(primitive.indices) else primitive.attributes["POSITION"]
    named = _count(document, index)
    return named // 3 if primitive.mode == glb.TRIANGLES else max(0, named - 2)


def _count(document: Document, index: int) -> int:
    return glb.item(document.accessors, index, "accessor").count
