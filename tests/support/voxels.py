"""Coloured grids made by code: shapes whose cells and colours are known without a mesh."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb
from meshtwin.minecraft.voxel.voxelize.grid import Voxels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Colors = Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """Cells' places in [0, 1], (n, 3), to sRGB in [0, 1], (n, 3)."""


def hues(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """All hues around the upright axis, dark below and pale above."""
    angle = np.arctan2(places[:, 2] - 0.5, places[:, 0] - 0.5) / (2 * np.pi) % 1
    height = places[:, 1]
    wheel = np.array([colorsys.hsv_to_rgb(step / 360, 1, 1) for step in range(360)])
    full = wheel[(angle * 360).astype(int) % 360]
    pale = np.clip(2 * height - 1, 0, 1)[:, None] * 0.7
    return np.asarray(full * np.clip(2 * height, 0.15, 1)[:, None] * (1 - pale) + pale, np.float64)


def painted(solid: NDArray[np.bool_], colors: Colors = hues) -> Voxels:
    """A grid whose cells beside air have the colours of a field; cut to where it is solid."""
    spans = [np.flatnonzero(solid.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    solid = solid[tuple(slice(span[0], span[-1] + 1) for span in spans)]
    padded = np.pad(solid, 1)
    inner = solid.copy()
    for axis in range(3):
        for shift in (-1, 1):
            inner &= np.roll(padded, shift, axis)[1:-1, 1:-1, 1:-1]
    surface = np.argwhere(solid & ~inner).astype(np.int32)
    encoded = colors((surface + 0.5) / max(solid.shape))
    linear = linear_from_srgb(np.rint(np.clip(encoded, 0, 1) * 255).astype(np.uint8))
    return Voxels(np.ascontiguousarray(solid), surface, linear)


def sphere(size: int, colors: Colors = hues) -> Voxels:
    x, y, z = _axes(size)
    return painted(x**2 + y**2 + z**2 <= 1, colors)


def torus(size: int, colors: Colors = hues) -> Voxels:
    x, y, z = _axes(size)
    return painted((np.hypot(x, z) - 0.68) ** 2 + y**2 <= 0.31**2, colors)


def box(shape: tuple[int, int, int], colors: Colors = hues) -> Voxels:
    return painted(np.ones(shape, np.bool_), colors)


def terrain(size: int) -> Voxels:
    """Hills with grass on rock, and snow on top."""
    x, z = np.meshgrid(np.linspace(0, 7, size), np.linspace(0, 5, size), indexing="ij")
    height = (np.sin(x) * np.cos(z * 1.3) + 0.4 * np.sin(2.7 * x + z) + 1.6) / 3.1 * size * 0.45 + 1
    solid = np.arange(size // 2)[None, :, None] < height[:, None, :]
    return painted(solid, _by_height)


def flat(color: tuple[float, float, float]) -> Colors:
    """One sRGB colour all over."""
    return lambda places: np.broadcast_to(np.array(color), places.shape)


def _by_height(places: NDArray[np.float64]) -> NDArray[np.float64]:
    levels = np.array([0, 0.12, 0.16, 0.3, 0.36, 1])
    shades = np.array(
        [[80, 80, 85], [120, 110, 100], [90, 140, 50], [60, 100, 40], [235, 240, 245], [255] * 3]
    )
    return np.stack([np.interp(places[:, 1], levels, shades[:, c] / 255) for c in range(3)], axis=1)


def _axes(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    line = (np.arange(size) + 0.5) * 2 / size - 1
    x, y, z = np.meshgrid(line, line, line, indexing="ij", sparse=True)
    return x, y, z
