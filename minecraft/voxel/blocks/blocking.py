"""From coloured cells to blocks of a palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.block_table import hides
from meshtwin.minecraft.voxel.blocks.choice import best_blocks
from meshtwin.minecraft.voxel.blocks.dither import dithered
from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.blocks.looks import HIDDEN, looks_of, nearest, place, views_of
from meshtwin.minecraft.voxel.blocks.smoothing import smooth
from meshtwin.minecraft.voxel.kernels.faces import visible_faces
from meshtwin.minecraft.voxel.options import DEFAULT_SMOOTHING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.looks import Looks
    from meshtwin.minecraft.voxel.blocks.palette import Palette
    from meshtwin.minecraft.voxel.voxelize.grid import Voxels

_MID_GREY = 0.2
"""Linear light; what a build without colours is made of looks most like this."""


def to_blocks(
    voxels: Voxels,
    palette: Palette,
    *,
    kinds: int | None = None,
    smoothing: float = DEFAULT_SMOOTHING,
    dither: float = 0.0,
) -> Blocks:
    """The block of the palette for each solid cell; the same cells always give the same blocks.

    Each seen cell takes the block whose seen faces look most like it; `kinds` keeps to that many
    blocks, chosen to suit this build. What shows through a block that hides nothing, such as glass, takes its
    own, too. `smoothing` is how far a block may be from the colour, in OKLab, for each neighbour that is then
    of the same block (see `smoothing.smooth`; 0 turns it off); `dither`, 0 to 1, the strength of a pattern in
    large flat areas. Cells that have no colour or that no one sees are made of the build's commonest block.
    """
    faces = visible_faces(voxels.solid, voxels.surface)
    views = views_of(faces)
    seen = np.flatnonzero(views != HIDDEN)
    where, points, views = voxels.surface[seen], place(voxels.colors[seen]), views[seen]
    looks, states = looks_of(palette), palette.states
    if kinds is not None:
        chosen = best_blocks(looks, points, views, kinds)
        looks, states = looks.only(chosen), tuple(states[block] for block in chosen)
    moves = np.ones(len(where), np.bool_)
    if dither > 0:
        points, patterned = dithered(voxels.size, where, points, faces[seen], dither)
        moves = ~patterned
    cells = np.zeros(voxels.size, np.uint16)
    cells[tuple(where.T)] = nearest(looks, points, views) + np.uint16(1)
    smooth(cells, where[moves], looks, points[moves], views[moves], smoothing)
    filler = _commonest(cells, where, palette, states)
    where = _shown_through(cells, voxels, where, looks, (filler, *states))
    return _filled(cells, voxels.solid, where, states, filler)


def _shown_through(
    cells: NDArray[np.uint16], voxels: Voxels, where: NDArray[np.int32], looks: Looks, names: tuple[str, ...]
) -> NDArray[np.int32]:
    """Give the coloured cells that are seen through others their blocks, in place; all that have one then.

    `names` has the filler's name first, which is what cells without a block will be.
    """
    clear = np.array([not hides(name) for name in names])
    while clear[1:].any():
        faces = visible_faces(voxels.solid & ~clear[cells], voxels.surface)
        new = np.flatnonzero((faces != HIDDEN) & (cells[tuple(voxels.surface.T)] == 0))
        if not len(new):
            break
        behind = voxels.surface[new]
        found = nearest(looks, place(voxels.colors[new]), views_of(faces[new]))
        cells[tuple(behind.T)] = found + np.uint16(1)
        where = np.concatenate([where, behind])
    return where


def _commonest(
    cells: NDArray[np.uint16], where: NDArray[np.int32], palette: Palette, states: tuple[str, ...]
) -> str:
    """The state of most seen cells; of a build without any, the palette's nearest to a middle grey."""
    if len(where):
        return states[int(np.bincount(cells[tuple(where.T)]).argmax()) - 1]
    grey = place(np.full((1, 3), _MID_GREY, np.float32))
    return palette.states[int(nearest(looks_of(palette), grey, np.zeros(1, np.uint8))[0])]


def _filled(
    cells: NDArray[np.uint16],
    solid: NDArray[np.bool_],
    where: NDArray[np.int32],
    states: tuple[str, ...],
    filler: str,
) -> Blocks:
    """Fill what is solid and has no block yet, and keep the states that are used, commonest first."""
    names = states if filler in states else (*states, filler)
    seen = cells[tuple(where.T)]
    counts = np.bincount(seen, minlength=len(names) + 1)
    counts[names.index(filler) + 1] += np.count_nonzero(solid) - len(where)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    place_of = np.zeros(len(names) + 1, np.uint16)
    place_of[order] = np.arange(1, len(order) + 1)
    filled = solid * place_of[names.index(filler) + 1]
    filled[tuple(where.T)] = place_of[seen]
    return Blocks(filled, (AIR, *(names[block - 1] for block in order)))
