"""What colour any block state has, also one that no palette holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.block_table import measured_blocks
from meshtwin.minecraft.voxel.blocks.grid import AIR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_UNKNOWN = 0.25
"""Linear grey of a block that was never measured."""


def state_colors(states: Iterable[str]) -> NDArray[np.float32]:
    """Linear RGB of each state's side, top and bottom: (n, 3, 3), indexed as `block_table.SIDE` and so on.

    A measured block in another state, such as a log on its side, has the mean of its faces on all of them; a
    block that isn't measured is grey, and air black.
    """
    return np.stack([_colors(state) for state in states])


def _colors(state: str) -> NDArray[np.float32]:
    block = measured_blocks().get(state.partition("[")[0])
    if block is None:
        return np.full((3, 3), 0 if state == AIR else _UNKNOWN, np.float32)
    if state == block.state:
        return block.colors
    return np.broadcast_to(block.mean, (3, 3))
