"""The measured blocks: `palette.csv` and `palette_since.csv`; palette.md says where they are from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.blocks.known import KnownBlock, known_blocks, rows
from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SIDE, TOP, BOTTOM = 0, 1, 2
"""Indices of a block's faces in arrays of face colours."""


@dataclass(frozen=True, slots=True)
class MeasuredBlock(KnownBlock):
    """`colors` is (3, 3) float32, linear RGB of side, top and bottom; `mean` (3,) float32, of all six faces.

    `flags` are the columns of palette.csv that hold for it, such as `gravity`; `hardness` is the game's, -1
    if unbreakable.
    """

    colors: NDArray[np.float32]
    mean: NDArray[np.float32]
    flags: frozenset[str]
    hardness: float
    material: str

    @property
    def safe(self) -> bool:
        """A full, opaque cube that stays what and where it is, in survival too, and gives no light."""
        return self.hides and not self.flags & _UNSAFE

    @property
    def hides(self) -> bool:
        """Whether it is opaque and fills its cell."""
        return {"full_cube", "opaque"} <= self.flags


_FLAGS = (
    "full_cube",
    "opaque",
    "transparent",
    "light",
    "gravity",
    "tinted",
    "random_variants",
    "animated",
    "unstable",
    "functional",
    "creative_only",
)
_UNSAFE = frozenset({"gravity", "unstable", "functional", "creative_only", "tinted", "light"})


def hides(state: str) -> bool:
    """Whether a block in this state hides what is behind it: air does not, one that is not measured does."""
    block = measured_blocks().get(state.partition("[")[0])
    return state != AIR if block is None else block.hides


@cache
def measured_blocks() -> Mapping[str, MeasuredBlock]:
    """Every measured block by its id, in the table's order."""
    known = known_blocks()
    blocks = (_block(row, known[row["id"]]) for row in rows("palette.csv"))
    return MappingProxyType({block.id: block for block in blocks})


def _block(row: Mapping[str, str], known: KnownBlock) -> MeasuredBlock:
    encoded = [[int(row[f"{face}_{c}"]) for c in "rgb"] for face in ("side", "top", "bottom", "all")]
    linear = linear_from_srgb(np.array(encoded, np.uint8))
    linear.setflags(write=False)
    return MeasuredBlock(
        id=known.id,
        state=known.state,
        since=known.since,
        colors=linear[:3],
        mean=linear[3],
        flags=frozenset(flag for flag in _FLAGS if row[flag] != "0"),
        hardness=float(row["hardness"]),
        material=row["material"],
    )
