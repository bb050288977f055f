"""The colour of each cell by brute force: very many points of every triangle, drawn by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.gltf.format import Wrap
from tests.support.voxel_reference import triangles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.read.model import Model, Primitive, Texture
    from meshtwin.minecraft.voxel.voxelize.lattice import Lattice

DENSITY = 96
"""Points to the area of a cell's face."""

_AT_ONCE = 1 << 21


def mean_colors(model: Model, lattice: Lattice, seed: int = 0) -> NDArray[np.float64]:
    """Linear RGB (x, y, z, 3), by area; NaN where no point fell."""
    random = np.random.default_rng(seed)
    sums = np.zeros((int(np.prod(lattice.shape)), 4))
    for primitive in model.primitives:
        corners = triangles(type(model)((primitive,)), lattice)
        area = (
            np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
        )
        points = int(np.ceil(area.sum() * DENSITY))
        for start in range(0, points, _AT_ONCE):
            count = min(_AT_ONCE, points - start)
            # One point in each of equal shares of the whole area.
            share = (start + np.arange(count) + random.random(count)) / points
            chosen = np.minimum(np.searchsorted(np.cumsum(area), share * area.sum()), len(area) - 1)
            weights = _barycentric(random, count)
            at = np.einsum("nc,ncd->nd", weights, corners[chosen])
            cells = np.clip(np.floor(at), 0, np.array(lattice.shape) - 1).astype(np.int64)
            place = np.ravel_multi_index(tuple(cells.T), lattice.shape)
            rgba = _colors(primitive, chosen, weights)
            shown = rgba[:, 3] >= primitive.material.alpha_cutoff
            for channel in range(3):
                sums[:, channel] += np.bincount(place[shown], rgba[shown, channel], len(sums))
            sums[:, 3] += np.bincount(place[shown], minlength=len(sums))
    with np.errstate(invalid="ignore"):
        return (sums[:, :3] / sums[:, 3:]).reshape(*lattice.shape, 3)


def _barycentric(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    root, other = np.sqrt(random.random(count)), random.random(count)
    return np.stack([1 - root, root * (1 - other), root * other], axis=1)


def _colors(
    primitive: Primitive, chosen: NDArray[np.intp], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    corners = primitive.faces[chosen]
    rgba = np.tile(np.array(primitive.material.factor), (len(chosen), 1))
    if primitive.colors is not None:
        rgba *= np.einsum("nc,ncd->nd", weights, primitive.colors[corners])
    if primitive.material.texture is not None and primitive.uv is not None:
        rgba *= _texels(primitive.material.texture, np.einsum("nc,ncd->nd", weights, primitive.uv[corners]))
    return rgba


def _texels(texture: Texture, uv: NDArray[np.float64]) -> NDArray[np.float64]:
    tall, wide = texture.pixels.shape[:2]
    x, y = uv[:, 0] * wide - 0.5, uv[:, 1] * tall - 0.5
    if texture.nearest:
        return _texel(texture, np.round(x), np.round(y))
    left, top = np.floor(x), np.floor(y)
    p, q = (x - left)[:, None], (y - top)[:, None]
    upper = (1 - p) * _texel(texture, left, top) + p * _texel(texture, left + 1, top)
    lower = (1 - p) * _texel(texture, left, top + 1) + p * _texel(texture, left + 1, top + 1)
    return np.asarray((1 - q) * upper + q * lower)


def _texel(texture: Texture, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    tall, wide = texture.pixels.shape[:2]
    found = texture.pixels[_within(y, tall, texture.wrap_v), _within(x, wide, texture.wrap_u)] / 255
    dark = found[:, :3] <= 0.04045
    found[:, :3] = np.where(dark, found[:, :3] / 12.92, ((found[:, :3] + 0.055) / 1.055) ** 2.4)
    return np.asarray(found)


def _within(at: NDArray[np.float64], length: int, wrap: Wrap) -> NDArray[np.int64]:
    whole = at.astype(np.int64)
    if wrap is Wrap.REPEAT:
        return whole % length
    if wrap is Wrap.MIRROR:
        folded = whole % (2 * length)
        return np.minimum(folded, 2 * length - 1 - folded)
    return np.clip(whole, 0, length - 1)
