"""Assigns blocks of a palette to coloured cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.appearance import (
    HIDDEN,
    appearance_of,
    nearest,
    to_match_space,
    views_of_faces,
)
from meshtwin.minecraft.voxel.blocks.dither import dithered
from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.blocks.measured import hides
from meshtwin.minecraft.voxel.blocks.reduce import reduce_palette
from meshtwin.minecraft.voxel.blocks.smoothing import smooth
from meshtwin.minecraft.voxel.kernels.visibility import visible_faces
from meshtwin.minecraft.voxel.options import DEFAULT_SMOOTHING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.appearance import BlockAppearance
    from meshtwin.minecraft.voxel.blocks.palette import Palette
    from meshtwin.minecraft.voxel.voxelize.grid import Voxels

_MID_GREY = 0.2
"""Linear light: a build without colours is made of the nearest block to it."""


def assign_blocks(
    voxels: Voxels,
    palette: Palette,
    *,
    kinds: int | None = None,
    smoothing: float = DEFAULT_SMOOTHING,
    dither: float = 0.0,
) -> Blocks:
    """The block of the palette for each solid cell; the same cells always give the same blocks.

    Each visible cell takes the block whose visible faces are nearest to its colour; `kinds` limits the number
    of blocks, chosen for this build. Cells behind a transparent block, such as glass, take theirs, too.
    `smoothing` and `dither` are as in `BuildOptions`; 0 turns either off. Cells without a colour, and
    invisible ones, take the build's commonest block.
    """
    faces = visible_faces(voxels.solid, voxels.surface)
    views = views_of_faces(faces)
    seen = np.flatnonzero(views != HIDDEN)
    where, points, views = voxels.surface[seen], to_match_space(voxels.colors[seen]), views[seen]
    appearance, states = appearance_of(palette), palette.states
    if kinds is not None:
        chosen = reduce_palette(appearance, points, views, kinds)
        appearance, states = appearance.only(chosen), tuple(states[block] for block in chosen)
    moves = np.ones(len(where), np.bool_)
    if dither > 0:
        points, patterned = dithered(voxels.size, where, points, faces[seen], dither)
        moves = ~patterned
    cells = np.zeros(voxels.size, np.uint16)
    cells[tuple(where.T)] = nearest(appearance, points, views) + np.uint16(1)
    smooth(cells, where[moves], appearance, points[moves], views[moves], smoothing)
    filler = _commonest(cells, where, palette, states)
    where = _shown_through(cells, voxels, where, appearance, (filler, *states))
    return _filled(cells, voxels.solid, where, states, filler)


def _shown_through(
    cells: NDArray[np.uint16],
    voxels: Voxels,
    where: NDArray[np.int32],
    appearance: BlockAppearance,
    names: tuple[str, ...],
) -> NDArray[np.int32]:
    """Assign blocks to the coloured cells behind transparent ones, in place; all cells with a block then.

    `names` has the filler's name first: the block of cells without one.
    """
    clear = np.array([not hides(name) for name in names])
    while clear[1:].any():
        faces = visible_faces(voxels.solid & ~clear[cells], voxels.surface)
        new = np.flatnonzero((faces != HIDDEN) & (cells[tuple(voxels.surface.T)] == 0))
        if not len(new):
            break
        behind = voxels.surface[new]
        found = nearest(appearance, to_match_space(voxels.colors[new]), views_of_faces(faces[new]))
        cells[tuple(behind.T)] = found + np.uint16(1)
        where = np.concatenate([where, behind])
    return where


def _commonest(
    cells: NDArray[np.uint16], where: NDArray[np.int32], palette: Palette, states: tuple[str, ...]
) -> str:
    """The state of most visible cells; of a build without any, the palette's nearest to a middle grey."""
    if len(where):
        return states[int(np.bincount(cells[tuple(where.T)]).argmax()) - 1]
    grey = to_match_space(np.full((1, 3), _MID_GREY, np.float32))
    return palette.states[int(nearest(appearance_of(palette), grey, np.zeros(1, np.uint8))[0])]


def _filled(
    cells: NDArray[np.uint16],
    solid: NDArray[np.bool_],
    where: NDArray[np.int32],
    states: tuple[str, ...],
    filler: str,
) -> Blocks:
    """Fill solid cells without a block, and keep the states that are used, commonest first."""
    names = states if filler in states else (*states, filler)
    seen = cells[tuple(where.T)]
    counts = np.bincount(seen, minlength=len(names) + 1)
    counts[names.index(filler) + 1] += np.count_nonzero(solid) - len(where)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    index_of = np.zeros(len(names) + 1, np.uint16)
    index_of[order] = np.arange(1, len(order) + 1)
    filled = solid * index_of[names.index(filler) + 1]
    filled[tuple(where.T)] = index_of[seen]
    return Blocks(filled, (AIR, *(names[block - 1] for block in order)))
