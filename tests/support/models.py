"""Meshes made by code, for tests and benchmarks of the voxeliser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.read.model import Material, Model, Primitive, Texture

if TYPE_CHECKING:
    from numpy.typing import NDArray


def plain(
    positions: NDArray[np.floating],
    faces: NDArray[np.integer],
    factor: tuple[float, float, float] = (1, 1, 1),
) -> Model:
    """One primitive of one colour."""
    material = Material(factor=(*factor, 1.0))
    return Model((Primitive(positions.astype(np.float32), faces.astype(np.int32), material),))


def cube(low: float = -1.0, high: float = 1.0) -> Model:
    positions, faces = _box(np.full(3, low), np.full(3, high))
    return plain(positions, faces)


def cards(pixels: NDArray[np.uint8], cutoff: float) -> Model:
    """A square that stands in the plane z = 0, with a texture whose alpha is cut off."""
    positions = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    material = Material(texture=Texture(pixels, nearest=True), alpha_cutoff=cutoff)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Model((Primitive(positions, faces, material, uv),))


def sphere(rings: int = 96, detail: int = 1024) -> Model:
    """A ball whose texture goes round three times, past 1."""
    u, v, faces = _sheet(2 * rings, rings)
    along, up = 2 * np.pi * u, np.pi * v
    positions = np.stack([np.cos(along) * np.sin(up), np.cos(up), np.sin(along) * np.sin(up)], axis=1)
    return _textured(positions, faces, np.stack([3 * u, v], axis=1), detail)


def torus(rings: int = 160, detail: int = 1024) -> Model:
    u, v, faces = _sheet(2 * rings, rings)
    along, around = 2 * np.pi * u, 2 * np.pi * v
    wide = 1 + 0.4 * np.cos(around)
    positions = np.stack([wide * np.cos(along), 0.4 * np.sin(around), wide * np.sin(along)], axis=1)
    return _textured(positions, faces, np.stack([u, v], axis=1), detail)


def blob(rings: int = 316, detail: int = 2048) -> Model:
    """A ball with dents: 400,000 small triangles."""
    u, v, faces = _sheet(2 * rings, rings)
    along, up = 2 * np.pi * u, np.pi * v
    far = 1 + 0.2 * np.sin(5 * along) * np.sin(up) ** 3 + 0.1 * np.cos(9 * up)
    positions = np.stack([np.cos(along) * np.sin(up), np.cos(up), np.sin(along) * np.sin(up)], axis=1)
    return _textured(positions * far[:, None], faces, np.stack([u, v], axis=1), detail)


def scene(boxes: int = 200) -> Model:
    """Boxes of many materials over each other: large triangles, open inside, in one place."""
    random = np.random.default_rng(7)
    primitives: list[Primitive] = []
    for _ in range(boxes):
        low = random.uniform(-1, 1, 3)
        positions, faces = _box(low, low + random.uniform(0.05, 0.6, 3))
        factor = tuple(map(float, random.uniform(0, 1, 3)))
        primitives += plain(positions, faces, (factor[0], factor[1], factor[2])).primitives
    return Model(tuple(primitives))


def _box(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    sides = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = [[side[0], side[i], side[i + 1]] for side in sides for i in (1, 2)]
    return low + corners * (high - low), np.array(faces, np.int32)


def _sheet(wide: int, tall: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """u and v in [0, 1], and the triangles between them."""
    u, v = np.meshgrid(np.linspace(0, 1, wide + 1), np.linspace(0, 1, tall + 1), indexing="ij")
    at = np.arange((wide + 1) * (tall + 1)).reshape(wide + 1, tall + 1)
    a, b, c, d = at[:-1, :-1].ravel(), at[1:, :-1].ravel(), at[1:, 1:].ravel(), at[:-1, 1:].ravel()
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return u.ravel(), v.ravel(), faces.astype(np.int32)


def _textured(
    positions: NDArray[np.float64], faces: NDArray[np.int32], uv: NDArray[np.float64], detail: int
) -> Model:
    material = Material(texture=Texture(_picture(detail)))
    return Model((Primitive(positions.astype(np.float32), faces, material, uv.astype(np.float32)),))


def _picture(detail: int) -> NDArray[np.uint8]:
    """Hues over checks: vivid, smooth in part and hard at edges."""
    at = np.arange(detail) / detail
    u, v = np.meshgrid(at, at)
    hue = np.stack(
        [0.5 + 0.5 * np.sin(2 * np.pi * (2 * u + third + np.sin(6 * v))) for third in (0, 1 / 3, 2 / 3)], -1
    )
    checks = ((np.floor(24 * u) + np.floor(24 * v)) % 2)[..., None]
    pixels = np.full((detail, detail, 4), 255, np.uint8)
    pixels[..., :3] = np.round(255 * hue * (0.45 + 0.55 * checks))
    return pixels
