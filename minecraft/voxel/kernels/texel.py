"""The colour of a texture at a point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from meshtwin.gltf.format import Wrap
from meshtwin.minecraft.voxel.kernels.compiled import inlined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REPEAT, _MIRROR = Wrap.REPEAT.value, Wrap.MIRROR.value
_FARTHEST = 1e9

RGBA = tuple[float, float, float, float]


@inlined
def _fold(at: float, wrap: int) -> float:
    """A texture coordinate brought into [0, 1]; one that is not a number, or too far to tell, is 0."""
    if not abs(at) < _FARTHEST:
        return 0.0
    if wrap == _REPEAT:
        return at - math.floor(at)
    if wrap == _MIRROR:
        folded = at - 2 * math.floor(at / 2)
        return 2 - folded if folded > 1 else folded
    return min(max(at, 0.0), 1.0)


@inlined
def _beside(at: int, width: int, wrap: int) -> int:
    """A column or row that may be one outside of the texture."""
    if 0 <= at < width:
        return at
    if wrap == _REPEAT:
        return width - 1 if at < 0 else 0
    return 0 if at < 0 else width - 1


@inlined
def texel(
    pixels: NDArray[np.uint8],
    srgb_to_linear: NDArray[np.float32],
    sampler: NDArray[np.int64],
    coarse: bool,
    u: float,
    v: float,
) -> RGBA:
    """Linear RGBA.

    `sampler` is wrap_u, wrap_v, and 1 where the nearest texel is wanted, not a mix of four, as it
    is where `coarse`.
    """
    height, width = pixels.shape[0], pixels.shape[1]
    x, y = _fold(u, sampler[0]) * width, _fold(v, sampler[1]) * height
    if coarse or sampler[2] == 1:
        column, row = min(int(x), width - 1), min(int(y), height - 1)
        red, green, blue = pixels[row, column, 0], pixels[row, column, 1], pixels[row, column, 2]
        return (
            float(srgb_to_linear[red]),
            float(srgb_to_linear[green]),
            float(srgb_to_linear[blue]),
            pixels[row, column, 3] / 255.0,
        )
    left, top = math.floor(x - 0.5), math.floor(y - 0.5)
    right_share, low_share = x - 0.5 - left, y - 0.5 - top
    x0, x1 = _beside(int(left), width, sampler[0]), _beside(int(left) + 1, width, sampler[0])
    y0, y1 = _beside(int(top), height, sampler[1]), _beside(int(top) + 1, height, sampler[1])
    a, b = (1 - right_share) * (1 - low_share), right_share * (1 - low_share)
    c, d = (1 - right_share) * low_share, right_share * low_share
    return (
        _mix(pixels, srgb_to_linear, x0, x1, y0, y1, 0, a, b, c, d),
        _mix(pixels, srgb_to_linear, x0, x1, y0, y1, 1, a, b, c, d),
        _mix(pixels, srgb_to_linear, x0, x1, y0, y1, 2, a, b, c, d),
        (a * pixels[y0, x0, 3] + b * pixels[y0, x1, 3] + c * pixels[y1, x0, 3] + d * pixels[y1, x1, 3])
        / 255.0,
    )


@inlined
def _mix(  # noqa: PLR0913, PLR0917 - compiled code has no records to pass
    pixels: NDArray[np.uint8],
    srgb_to_linear: NDArray[np.float32],
    x0: int,
    x1: int,
    y0: int,
    y1: int,
    channel: int,
    a: float,
    b: float,
    c: float,
    d: float,
) -> float:
    """The mean of four texels in linear light."""
    mixed: float = (
        a * srgb_to_linear[pixels[y0, x0, channel]]
        + b * srgb_to_linear[pixels[y0, x1, channel]]
        + c * srgb_to_linear[pixels[y1, x0, channel]]
        + d * srgb_to_linear[pixels[y1, x1, channel]]
    )
    return mixed
