"""Shapes in blocks as models make them: a vivid blob, a chess board, a cartoon gull, a rough statue."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks

if TYPE_CHECKING:
    from collections.abc import Callable

Cells = NDArray[np.uint16]
Field = NDArray[np.float64]


def as_blocks(cells: Cells) -> Blocks:
    """Blocks with a state of its own for each number in `cells`; 0 is air."""
    used, index = np.unique(np.append(cells.ravel(), 0), return_inverse=True)
    states = (AIR, *(f"minecraft:block_{number}[axis=y]" for number in used[1:].tolist()))
    return Blocks(index[:-1].reshape(cells.shape).astype(np.uint16), states)


def neighbours_solid(cells: Cells) -> NDArray[np.bool_]:
    """Solid cells with solid cells on all six sides."""
    solid = np.pad(cells > 0, 1)
    hidden = solid.copy()
    for axis, side in product(range(3), (-1, 1)):
        hidden &= np.roll(solid, side, axis)
    inner: NDArray[np.bool_] = hidden[1:-1, 1:-1, 1:-1]
    return inner


def shell(cells: Cells) -> Cells:
    """The solid cells that are not hidden by others on all six sides."""
    return np.where(neighbours_solid(cells), 0, cells)


def _noise(shape: tuple[int, ...], cell: int, seed: int) -> Field:
    """Smooth random values in 0..1 that change over `cell` blocks."""
    knots = np.random.default_rng(seed).random([side // cell + 2 for side in shape])
    for axis, side in enumerate(shape):
        at = np.arange(side) / cell
        floor = at.astype(int)
        share = (at - floor).reshape([-1 if a == axis else 1 for a in range(3)])
        knots = knots.take(floor, axis) * (1 - share) + knots.take(floor + 1, axis) * share
    return knots


def _axes(side: int) -> tuple[Field, Field, Field]:
    line = (np.arange(side) - (side - 1) / 2) / side * 2
    x, y, z = np.meshgrid(line, line, line, indexing="ij", sparse=True)
    return x, y, z


def _tight(cells: NDArray[np.int64]) -> Cells:
    where = np.argwhere(cells > 0)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    x, y, z = (slice(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True))
    return np.ascontiguousarray(cells[x, y, z]).astype(np.uint16)


def ball(side: int) -> Cells:
    """A sphere of one state."""
    x, y, z = _axes(side)
    return _tight((x * x + y * y + z * z < 1).astype(np.int64))


def blob(side: int) -> Cells:
    """A closed body with a vivid field of hues, each light and dark by turns: 50 states."""
    x, y, z = _axes(side)
    shape = (side, side, side)
    solid = (x * x / 0.5 + y * y / 0.95 + z * z / 0.35 < 1) | (
        (x - 0.25) ** 2 + (y - 0.55) ** 2 + (z - 0.2) ** 2 < 0.09
    )
    solid &= _noise(shape, max(side // 8, 2), 1) > 0.12
    waves = x * 1.1 + y * 1.7 + z * 0.8 + 0.35 * _noise(shape, max(side // 6, 2), 2)
    hue = np.floor(waves * 9).astype(int) % 25
    check = sum(np.floor((axis + 1) * 12).astype(int) for axis in (x, y, z)) % 2
    return _tight(np.where(solid, 1 + hue * 2 + check, 0))


def chess(side: int) -> Cells:
    """A flat board with a grain in its squares, and 32 pieces shaded across: some 25 states."""
    height, square, thick = max(side // 5, 6), side / 10, max(side // 42, 2)
    at = np.arange(side)
    grain = _noise((side, height, side), max(side // 30, 1), 3)
    cells = np.zeros((side, height, side), int)
    squares = ((at[:, None] / square).astype(int) + (at[None, :] / square).astype(int)) % 2
    rim = (at < square) | (at >= side - square)
    board = np.where(rim[:, None] | rim[None, :], 5, 1 + 2 * squares)
    cells[:, :thick] = board[:, None] + (grain[:, :thick] > 0.7)
    for column, row in product(range(1, 9), (1, 2, 7, 8)):
        x, z = (at[:, None] - (column + 0.5) * square) / square, (at[None, :] - (row + 0.5) * square) / square
        top = int((height - thick) * (0.6 if row in {2, 7} else 0.8 + 0.05 * (column % 4)))
        for y in range(thick, thick + top):
            up = (y - thick) / top
            shade = np.clip((x + 0.5) * 5 + grain[:, y] * 5, 0, 9).astype(int) + (7 if row < 5 else 17)
            round_ = np.hypot(x, z) < 0.36 - 0.22 * up + 0.08 * np.cos(up * 9)
            cells[:, y] = np.where(round_, shade, cells[:, y])
    return _tight(cells)


def gull(side: int) -> Cells:
    """A bird in a few flat colours with soft patches of light and shadow: some 25 states."""
    x, y, z = _axes(side)
    back = z - 0.05 + 0.25 * abs(x)
    wing = (abs(y - 0.05 - 0.35 * abs(x) ** 1.5) < 0.05) & (abs(back) < 0.28 - 0.15 * abs(x)) & (abs(x) < 1)
    parts = (
        ((x / 0.32) ** 2 + (y / 0.3) ** 2 + (z / 0.6) ** 2 < 1, 1),
        ((x / 0.2) ** 2 + ((y - 0.4) / 0.22) ** 2 + ((z - 0.45) / 0.22) ** 2 < 1, 1),
        (((x / 0.32) ** 2 + (y / 0.3) ** 2 + (z / 0.6) ** 2 < 1) & (y < -0.12), 2),
        (wing, 3),
        (wing & (abs(x) > 0.75), 4),
        (wing & (abs(back) > 0.16), 5),
        ((abs(y + 0.02) < 0.06) & (abs(x) < 0.25) & (z < -0.4) & (z > -0.95), 3),
        (((x / 0.07) ** 2 + ((y - 0.36) / 0.06) ** 2 < 1) & (z > 0.6) & (z < 0.95), 6),
        ((abs(abs(x) - 0.14) < 0.04) & (y < -0.2) & (y > -0.62) & (abs(z) < 0.05), 7),
    )
    cells = np.zeros((side, side, side), int)
    for inside, colour in parts:
        cells[np.broadcast_to(inside, cells.shape)] = colour
    light = _noise(cells.shape, max(side // 10, 2), 7)
    cells = np.where(cells > 0, cells + 10 * (light > 0.68) + 20 * (light < 0.3), 0)
    return _tight(cells)


def statue(side: int) -> Cells:
    """A rough body with a photograph's noise in its colours: 20 states."""
    x, y, z = _axes(side)
    shape = (side, side, side)
    rough = sum(
        _noise(shape, max(side // part, 1), part) / share for part, share in ((10, 1), (24, 2), (64, 3))
    )
    waist = 0.34 + 0.16 * np.cos(3 * y) + 0.12 * (y < -0.7)
    solid = (np.hypot(x, z * 1.25) < waist * (0.62 + 0.45 * rough)) | (
        (abs(x) < 0.6) & (abs(z) < 0.5) & (y < -0.82)
    )
    tone = 9 * _noise(shape, max(side // 12, 2), 4) + 7 * _noise(shape, max(side // 40, 1), 5)
    tone += 4 * _noise(shape, max(side // 64, 1), 6)
    return _tight(np.where(solid, 1 + np.clip(tone, 0, 19).astype(int), 0))


SHAPES: dict[str, Callable[[int], Cells]] = {"blob": blob, "chess": chess, "gull": gull, "statue": statue}
