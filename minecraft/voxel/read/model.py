"""The voxeliser's input: primitives in scene space, each with its own material."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.gltf.format import Wrap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Texture:
    """`pixels` is (h, w, 4) uint8: sRGB and straight alpha, row 0 at v = 0."""

    pixels: NDArray[np.uint8]
    wrap_u: Wrap = Wrap.REPEAT
    wrap_v: Wrap = Wrap.REPEAT
    nearest: bool = False


@dataclass(frozen=True, slots=True)
class Material:
    """The look of a surface: `factor` is linear RGBA, multiplied with the texture's colour in linear light.

    A sample whose alpha is below `alpha_cutoff` is omitted: 0 for OPAQUE, the material's cutoff for
    MASK, a half for BLEND.
    """

    factor: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    texture: Texture | None = None
    alpha_cutoff: float = 0.0


@dataclass(frozen=True, slots=True)
class Primitive:
    """Triangles of one material, in the scene's axes: +Y up, +Z to the viewer, metres.

    All of a model's are counted from one point, which is the scene's 0 unless it is far away. `positions` is
    (n, 3) float32, `faces` (m, 3) int32 indices into it; `uv` (n, 2) float32 with v down, in the texture's
    own coordinates, or None; `colors` (n, 4) float32 linear RGBA, or None.
    """

    positions: NDArray[np.float32]
    faces: NDArray[np.int32]
    material: Material
    uv: NDArray[np.float32] | None = None
    colors: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """All visible primitives of a file, never merged: one is sampled at a time.

    `notes` say what of the file is ignored.
    """

    primitives: tuple[Primitive, ...]
    notes: tuple[str, ...] = ()
