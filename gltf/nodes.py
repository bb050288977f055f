"""The tree of a scene's nodes: which of them it shows, and where they stand."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from meshtwin.gltf import format as glb
from meshtwin.gltf.document import Node, given
from meshtwin.gltf.transforms import IDENTITY, after, of_node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshtwin.gltf.document import Document
    from meshtwin.gltf.transforms import Transforms


class Nodes:
    """A scene's nodes, each where its parents put it.

    `shown` are those with a mesh that is to be seen, `joints` the transforms of those that a skin names.
    `left_out` counts what was not followed, by what it is.
    """

    def __init__(self, document: Document) -> None:
        self.shown: list[tuple[Node, Transforms]] = []
        self.joints: dict[int, Transforms] = {}
        self.left_out: Counter[str] = Counter()
        self._document = document
        self._wanted = {joint for skin in document.skins for joint in skin.joints}
        self._seen: set[int] = set()
        if not document.nodes and not document.scenes:
            self.shown = [(Node(mesh=index), IDENTITY) for index in range(len(document.meshes))]
            return
        if document.scenes:
            scene = document.scene if given(document.scene) else 0
            self._walk(glb.item(document.scenes, scene, "scene").nodes, shown=True)
        else:
            self._walk(self._roots(), shown=True)
        if self._wanted - self._seen:  # joints that stand beside the scene
            self._walk((root for root in self._roots() if root not in self._seen), shown=False)

    def _roots(self) -> list[int]:
        children = {child for node in self._document.nodes for child in node.children}
        return [index for index in range(len(self._document.nodes)) if index not in children]

    def _walk(self, roots: Iterable[int], *, shown: bool) -> None:
        """Depth first. A node that is named twice stands where it was named first, as in most viewers."""
        above: set[int] = set()
        waiting: list[tuple[int, Transforms | None, bool]] = [(root, IDENTITY, shown) for root in roots]
        waiting.reverse()
        while waiting:
            index, parent, visible = waiting.pop()
            if parent is None:  # all below it are done
                above.discard(index)
                continue
            if index in above:
                raise glb.GlbError(f"node {index} is in the scene twice: expected a tree")
            if index in self._seen:
                self.left_out["second mention{s} of a node"] += 1
                continue
            node = glb.item(self._document.nodes, index, "node")
            self._seen.add(index)
            own = of_node(node)
            matrix = parent if own is None else after(parent, own)
            if index in self._wanted:
                self.joints[index] = matrix
            visible = visible and _is_visible(node)
            if visible and given(node.mesh):
                self.shown.append((node, matrix))
            if node.children:
                above.add(index)
                waiting.append((index, None, False))
                waiting += [(child, matrix, visible) for child in reversed(node.children)]


def _is_visible(node: Node) -> bool:
    """KHR_node_visibility: what is hidden hides all that is in it."""
    visibility = node.extensions.visibility if node.extensions else None
    return visibility is None or visibility.visible
