"""The surface of a model: the cells that its triangles touch, each with its colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb
from meshtwin.minecraft.voxel.kernels.paint import paint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.read.model import Model, Primitive
    from meshtwin.minecraft.voxel.voxelize.lattice import Lattice

_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Surface:
    """Cells with a colour each.

    `flat_index` (n,) int64 are cells of `shape` in C order, rising; `colors` (n, 3) float32 is linear RGB in
    [0, 1].
    """

    shape: tuple[int, int, int]
    flat_index: NDArray[np.int64]
    colors: NDArray[np.float32]

    @property
    def touched(self) -> NDArray[np.bool_]:
        """The same cells as a grid (x, y, z)."""
        grid = np.zeros(self.shape, np.bool_)
        grid.ravel()[self.flat_index] = True
        return grid


def find_surface(model: Model, lattice: Lattice) -> Surface:
    """Each cell of the lattice that a triangle touches, and the mean colour in it.

    A cell with only samples below a material's alpha cutoff is omitted.

    Raises:
        ValueError: a primitive has fewer texture coordinates or colours than positions, or colours that are
            not finite, or a texture has no pixels.
    """
    index = np.zeros(lattice.shape, np.int32)
    flat_index, sums, count = np.empty(_ROWS, np.int64), np.empty((_ROWS, 4), np.float64), 0
    lattice_row = np.array([*lattice.centre, lattice.scale], np.float64)
    srgb_to_linear = linear_from_srgb(np.arange(256, dtype=np.uint8))
    for number, primitive in enumerate(model.primitives):
        _check(number, primitive)
        positions = np.ascontiguousarray(primitive.positions, np.float32)
        faces = np.ascontiguousarray(primitive.faces, np.int32)
        attributes = _attributes(primitive, srgb_to_linear)
        done = 0
        while done < len(faces):
            done, count = paint(
                positions, faces, lattice_row, *attributes, index, flat_index, sums, count, done
            )
            if done < len(faces):
                flat_index = np.concatenate([flat_index, np.empty(len(flat_index) + _ROWS, np.int64)])
                sums = np.concatenate([sums, np.empty((len(sums) + _ROWS, 4))])
    del index
    order = np.argsort(flat_index[:count])
    found = sums[:count][order]
    colors = np.clip(found[:, :3] / found[:, 3:], 0, 1).astype(np.float32)
    return Surface(lattice.shape, flat_index[:count][order], colors)


def _check(number: int, primitive: Primitive) -> None:
    held = {"uv": (primitive.uv, 2), "colors": (primitive.colors, 4)}
    for name, (values, columns) in held.items():
        if values is not None and values.shape != (len(primitive.positions), columns):
            expected = (len(primitive.positions), columns)
            raise ValueError(f"primitive {number}: {name} of shape {values.shape}, expected {expected}")
    if primitive.colors is not None and not np.isfinite(primitive.colors).all():
        raise ValueError(f"primitive {number}: colors hold NaN or infinity, expected finite numbers")
    texture = primitive.material.texture
    if texture is not None and (not texture.pixels.size or texture.pixels.shape[2:] != (4,)):
        raise ValueError(f"primitive {number}: a texture of shape {texture.pixels.shape}, expected (h, w, 4)")


def _attributes(
    primitive: Primitive, srgb_to_linear: NDArray[np.float32]
) -> tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.uint8],
    NDArray[np.float32],
    NDArray[np.int64],
    NDArray[np.float64],
    float,
]:
    material = primitive.material
    texture = material.texture if primitive.uv is not None else None
    uv = primitive.uv if texture is not None and primitive.uv is not None else np.empty((0, 2))
    colors = primitive.colors if primitive.colors is not None else np.empty((0, 4))
    pixels = texture.pixels if texture is not None else np.empty((0, 0, 4))
    sampler = [texture.wrap_u.value, texture.wrap_v.value, int(texture.nearest)] if texture else [0, 0, 0]
    return (
        np.ascontiguousarray(uv, np.float32),
        np.ascontiguousarray(colors, np.float32),
        np.ascontiguousarray(pixels, np.uint8),
        srgb_to_linear,
        np.array(sampler, np.int64),
        np.array(material.factor, np.float64),
        float(material.alpha_cutoff),
    )
