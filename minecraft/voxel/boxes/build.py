"""A build: boxes of one block state each, painted one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
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
