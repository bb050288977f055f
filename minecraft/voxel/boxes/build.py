"""A build: boxes of one block state each, painted one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import Blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BOX_BLOCKS = 32768
"""What one `/fill` may change by default: the game rule commandModificationBlockLimit, from 1.21.11 on
max_block_modifications."""


@dataclass(frozen=True, slots=True)
class Build:
    """Boxes to paint in order: a later one overwrites an earlier one.

    `size` is the build's extent in blocks. `boxes` is (n, 7) int32: x1, y1, z1, x2, y2, z2, state, both
    corners inside the box and inside the extent, with x1 <= x2 and so on; `state` an index into `states`. No
    box has more than MAX_BOX_BLOCKS blocks. A box of AIR clears. Cells that no box names are left as they
    are.
    """

    size: tuple[int, int, int]
    states: tuple[str, ...]
    boxes: NDArray[np.int32]


def placed_blocks(build: Build) -> Blocks:
    """What is there once all boxes are painted into air: the blocks to list, to show and to export."""
    cells = np.zeros(build.size, np.uint16)
    for x, y, z, to_x, to_y, to_z, state in build.boxes.tolist():
        cells[x : to_x + 1, y : to_y + 1, z : to_z + 1] = state
    return Blocks(cells, build.states)
