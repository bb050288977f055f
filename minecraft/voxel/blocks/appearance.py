"""How a block looks when only some of its faces are visible, and which block is nearest to a colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.measured import BOTTOM, SIDE, TOP
from meshtwin.minecraft.voxel.color.spaces import oklab
from meshtwin.minecraft.voxel.kernels.compiled import compiled
from meshtwin.minecraft.voxel.kernels.visibility import BACK, DOWN, FRONT, LEFT, RIGHT, UP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.palette import Palette

HIDDEN = 0
"""The view of a cell without visible faces."""

VIEWS = 20
"""Views differ by how many sides are visible (0 to 4), and whether top and bottom are."""

_STRETCH = np.array([1, 2, 2], np.float32)


@dataclass(frozen=True, slots=True)
class BlockAppearance:
    """`space` is (views, 3, blocks) float32: each block's point in each view, by `to_match_space`."""

    space: NDArray[np.float32]

    def only(self, blocks: NDArray[np.int64]) -> BlockAppearance:
        """These blocks alone."""
        return BlockAppearance(np.ascontiguousarray(self.space[:, :, blocks]))


def to_match_space(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear RGB (..., 3) as points whose distances are perceived differences: OKLab, a and b doubled.

    As https://drafts.csswg.org/css-color-4/#color-difference-OK. Nearest in this space, colours of the
    images under fixtures are a mean CIEDE2000 of 5.3 from the default palette's blocks; in CIELAB 5.6, in
    plain OKLab 5.7, and at the very best 5.0.
    """
    return oklab(linear) * _STRETCH


def appearance_of(palette: Palette) -> BlockAppearance:
    """A palette's blocks in all views: means, in linear light, of the visible faces."""
    space = np.empty((VIEWS, 3, len(palette)), np.float32)
    for view in range(VIEWS):
        weights = np.zeros(3, np.float32)
        weights[[SIDE, TOP, BOTTOM]] = (view >> 2, view >> 1 & 1, view & 1) if view else (4, 1, 1)
        seen = np.tensordot(palette.colors, weights / weights.sum(), axes=(1, 0))
        space[view] = to_match_space(seen).T
    return BlockAppearance(space)


def views_of_faces(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Views of cells by the sets of their visible faces."""
    sets = np.arange(64)
    sides = sum((sets & side > 0).astype(np.uint8) for side in (LEFT, RIGHT, BACK, FRONT))
    table = sides << 2 | (sets & UP > 0).astype(np.uint8) << 1 | (sets & DOWN > 0)
    return table.astype(np.uint8)[faces]


def nearest(
    appearance: BlockAppearance, points: NDArray[np.float32], views: NDArray[np.uint8]
) -> NDArray[np.uint16]:
    """For each cell, the block nearest to its point in its view; the first of equals."""
    found = np.empty(len(points), np.uint16)
    _nearest(appearance.space, points, views, found)
    return found


@compiled
def _nearest(
    space: NDArray[np.float32],
    points: NDArray[np.float32],
    views: NDArray[np.uint8],
    found: NDArray[np.uint16],
) -> None:
    blocks = space.shape[2]
    far = np.empty(blocks, np.float32)
    for i in range(len(points)):
        lightness, a, b = points[i]
        look = space[views[i]]
        for k in range(blocks):
            far[k] = (look[0, k] - lightness) ** 2 + (look[1, k] - a) ** 2 + (look[2, k] - b) ** 2
        best = 0
        for k in range(1, blocks):
            if far[k] < far[best]:
                best = k
        found[i] = best
