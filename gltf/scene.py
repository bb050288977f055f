"""Which triangles a scene shows, and where its nodes put them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gltf import format as glb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gltf.document import Document, Node, Primitive


class TooManyTrianglesError(glb.GlbError):
    """A scene has more triangles, or vertices, than its reader takes."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A primitive of `triangles` triangles where a node puts it; `matrix` is (4, 4), for column vectors."""

    primitive: Primitive
    matrix: NDArray[np.float64]
    triangles: int


def placed_primitives(document: Document, max_faces: int) -> list[Placed]:
    """All that the scene shows and that is made of triangles, in the order of its nodes.

    Raises:
        TooManyTrianglesError: more than `max_faces` triangles or three times as many vertices, by the counts
            that the document gives.
        GlbError: the scene breaks glTF's rules.
    """
    found, faces, vertices = [], 0, 0
    for index, matrix in placed_meshes(document):
        for primitive in glb.item(document.meshes, index, "mesh").primitives:
            if primitive.mode < glb.TRIANGLES:
                continue
            if "POSITION" not in primitive.attributes:
                raise glb.GlbError(f"mesh {index} has a primitive without POSITION")
            points = glb.item(document.accessors, primitive.attributes["POSITION"], "accessor").count
            named = points
            if primitive.indices is not None:
                named = glb.item(document.accessors, primitive.indices, "accessor").count
            triangles = named // 3 if primitive.mode == glb.TRIANGLES else max(0, named - 2)
            faces += triangles
            vertices += points
            # Checked as they add up: one small mesh may be placed a million times.
            if faces > max_faces or vertices > 3 * max_faces:
                raise TooManyTrianglesError(
                    f"the mesh has at least {faces} triangles and {vertices} vertices: expected at most "
                    f"{max_faces} and {3 * max_faces}; reduce it and send it again",
                )
            found.append(Placed(primitive, matrix, triangles))
    return found


def placed_meshes(document: Document) -> list[tuple[int, NDArray[np.float64]]]:
    """Every mesh that the scene shows, with where it stands."""
    if document.scenes:
        roots = glb.item(document.scenes, document.scene or 0, "scene").nodes
    elif document.nodes:
        children = {child for node in document.nodes for child in node.children}
        roots = [index for index in range(len(document.nodes)) if index not in children]
    else:
        return [(index, np.eye(4)) for index in range(len(document.meshes))]
    placed = []
    seen = set()
    waiting = [(root, np.eye(4)) for root in reversed(roots)]
    while waiting:
        index, parent = waiting.pop()
        if index in seen:
            raise glb.GlbError(f"node {index} stands in the scene twice: expected a tree")
        seen.add(index)
        node = glb.item(document.nodes, index, "node")
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found not to be finite
            matrix = parent @ _local_matrix(node)
        if node.mesh is not None:
            placed.append((node.mesh, matrix))
        waiting += [(child, matrix) for child in reversed(node.children)]
    return placed


def _local_matrix(node: Node) -> NDArray[np.float64]:
    if node.matrix is not None:
        return np.array(node.matrix, np.float64).reshape(4, 4).T
    x, y, z, w = np.array(node.rotation, np.float64) / (np.linalg.norm(node.rotation) or 1.0)
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, :3] *= node.scale
    matrix[:3, 3] = node.translation
    return matrix
