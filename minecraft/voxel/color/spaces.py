"""Colour spaces: sRGB bytes, linear light, OKLab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_LINEAR_UP_TO = 0.0031308
"""Linear light below which sRGB is a straight line."""


def linear_from_srgb(encoded: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear light in [0, 1] of sRGB bytes, in the same shape.

    https://www.w3.org/TR/css-color-4/#color-conversion-code
    """
    value = np.arange(256) / 255
    table = np.where(value <= _LINEAR_UP_TO * 12.92, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    decoded: NDArray[np.float32] = table.astype(np.float32)[encoded]
    return decoded


def srgb_from_linear(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The nearest sRGB bytes of linear light; what is outside of [0, 1] is clipped."""
    value = np.clip(linear, 0, 1)
    encoded = np.where(value <= _LINEAR_UP_TO, value * 12.92, 1.055 * value ** np.float32(1 / 2.4) - 0.055)
    rounded: NDArray[np.uint8] = np.rint(encoded * 255).astype(np.uint8)
    return rounded


def oklab(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """OKLab of linear sRGB, (..., 3) to (..., 3) float32; a just visible difference is about 0.02.

    https://bottosson.github.io/posts/oklab/
    """
    cones = linear.astype(np.float32, copy=False) @ _TO_CONES.T
    roots: NDArray[np.float32] = np.maximum(cones, 0) ** np.float32(1 / 3)
    return roots @ _TO_LAB.T
