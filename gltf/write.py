"""The parts of every GLB that this project writes.

This is a writer of our own because it is short, gives the same bytes for the same mesh, and passes the
Khronos validator without a remark.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.gltf import format as glb

if TYPE_CHECKING:
    from numpy.typing import NDArray

GENERATOR = "meshtwin"
MACHINE_GENERATED = {
    "machine_generated": True,
    # https://cv.iptc.org/newscodes/digitalsourcetype/
    "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia",
}
"""In every file's `asset.extras`: results that are shown in public must be marked as machine-generated."""

MAX_SHORT_VERTICES = 65535
"""An index of 65535 itself would mean a primitive restart."""


class Binary:
    """The binary chunk as it grows, with the bufferViews and accessors that describe it."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes, target: int | None = None) -> int:
        """The index of a new bufferView of `data`; `target` as in glTF."""
        self.views.append({"buffer": 0, "byteOffset": self.length, "byteLength": len(data)})
        if target is not None:
            self.views[-1]["target"] = target
        padding = bytes(-len(data) % 4)
        self.parts += [data, padding]
        self.length += len(data) + len(padding)
        return len(self.views) - 1

    def attribute(self, values: NDArray[np.float32], *, bounds: bool = False) -> int:
        """The index of a new accessor of (n, 2..4) `values`, optionally with minimum and maximum."""
        accessor = {
            "bufferView": self.view(values.astype("<f4", copy=False).tobytes(), glb.ARRAY_BUFFER),
            "componentType": glb.FLOAT,
            "count": len(values),
            "type": f"VEC{values.shape[1]}",
        }
        if bounds:
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def indices(self, faces: NDArray[np.int32], vertices: int) -> int:
        """The index of a new accessor of (m, 3) `faces`, 16-bit where the number of vertices allows."""
        short = vertices <= MAX_SHORT_VERTICES
        data = faces.astype("<u2" if short else "<u4").tobytes()
        accessor = {
            "bufferView": self.view(data, glb.ELEMENT_ARRAY_BUFFER),
            "componentType": glb.UNSIGNED_SHORT if short else glb.UNSIGNED_INT,
            "count": faces.size,
            "type": "SCALAR",
        }
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def sound_faces(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """`faces` without those that name a vertex twice.

    Raises:
        ValueError: no face is left, or an index or position is invalid.
    """
    if not np.isfinite(vertices).all():
        raise ValueError("the mesh has positions that are not finite")
    a, b, c = faces.T
    real: NDArray[np.bool_] = (a != b) & (b != c) & (c != a)
    faces = np.asarray(faces[real])
    if not len(faces):
        raise ValueError(f"the mesh has no triangles to write: {len(faces)} faces, all degenerate")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(f"the mesh has faces with vertices beyond its {len(vertices)}")
    return faces


def new_document() -> dict[str, Any]:
    """The JSON of a scene that shows mesh 0."""
    return {
        "asset": {"version": "2.0", "generator": GENERATOR, "extras": MACHINE_GENERATED},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "model"}],
    }


def assemble(document: dict[str, Any], binary: Binary) -> bytes:
    """The file's bytes: header, `document` as JSON, the binary chunk."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    length = glb.HEADER.size + glb.CHUNK.size + len(text) + glb.CHUNK.size + binary.length
    header = glb.HEADER.pack(glb.MAGIC, glb.VERSION, length)
    first = glb.CHUNK.pack(len(text), glb.JSON_CHUNK)
    second = glb.CHUNK.pack(binary.length, glb.BIN_CHUNK)
    return b"".join([header, first, text, second, *binary.parts])
