"""The two kinds of mesh that pass between stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles in glTF's axes (+Y up, +Z to the viewer), counter-clockwise seen from outside.

    `vertices` is (n, 3) float32, `faces` (m, 3) int32 indices into it. `origin` is where the vertices are
    counted from, in double precision: not 0 where a model was read that is far away. `notes` say what of its
    file is left out.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TexturedMesh:
    """A mesh with one PBR material.

    `normals` is (n, 3) float32 of unit length; `uv` (n, 2) float32 with v down, as in glTF; `base_color`
    (h, w, 3) uint8 sRGB. Vertices on a texture seam stand in it twice.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]
    base_color: NDArray[np.uint8]
    metallic: float = 0.0
    roughness: float = 0.85
