"""What colour any block state has, also one that no palette holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.blocks.measured import measured_blocks
from meshtwin.minecraft.voxel.color.spaces import srgb_from_linear

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_UNKNOWN = 0.25
"""Linear grey of a block that was never measured."""


def state_colors(states: Iterable[str]) -> NDArray[np.float32]:
    """Linear RGB of each state's side, top and bottom: (n, 3, 3), indexed as `measured.SIDE` and so on.

    A measured block in another state, such as a log on its side, has the mean of its faces on all of them; a
    block that isn't measured is grey, and air black.
    """
    return np.stack([_colors(state) for state in states])


def srgb_colors(states: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Each state's colour as seen from all sides, sRGB."""
    mean = state_colors(states)[:, :, :3].mean(axis=1, dtype=np.float32)
    return {
        state: (int(r), int(g), int(b))
        for state, (r, g, b) in zip(states, srgb_from_linear(mean).tolist(), strict=True)
    }


def is_measured(state: str) -> bool:
    """Whether the colour of this block is known."""
    return state.partition("[")[0] in measured_blocks()


def _colors(state: str) -> NDArray[np.float32]:
    block = measured_blocks().get(state.partition("[")[0])
    if block is None:
        return np.full((3, 3), 0 if state == AIR else _UNKNOWN, np.float32)
    if state == block.state:
        return block.colors
    return np.broadcast_to(block.mean, (3, 3))
