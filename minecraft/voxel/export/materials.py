"""The list of materials of a build."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.blocks.measured import measured_blocks

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.blocks.grid import Blocks

STACK = 64
"""Blocks in one slot: so many of each measured block that is an item (minecraft-data, pc/26.1/items.json)."""

SHULKER_BOX = 27
"""Slots of a shulker box: https://minecraft.wiki/w/Shulker_Box"""

_TOOLS = {"wool": "shears", "mineable": "", "incorrect_for_wooden_tool": "pickaxe"}


@dataclass(frozen=True, slots=True)
class Need:
    """So many of one block; `tool` digs it fastest, "" where none does or it isn't known."""

    block: str
    count: int
    tool: str

    @property
    def stacks(self) -> int:
        """Slots that they take."""
        return -(-self.count // STACK)

    @property
    def shulker_boxes(self) -> int:
        """Shulker boxes that they take if nothing else is in them."""
        return -(-self.stacks // SHULKER_BOX)


def material_list(blocks: Blocks) -> tuple[Need, ...]:
    """All blocks of a build by their id, whatever their state; the most needed first, then by name."""
    counts: dict[str, int] = {}
    per_state = np.bincount(blocks.cells.ravel(), minlength=len(blocks.states))
    for state, count in zip(blocks.states, per_state.tolist(), strict=True):
        block = state.partition("[")[0]
        if block != AIR and count:
            counts[block] = counts.get(block, 0) + count
    needs = (Need(block, count, _tool(block)) for block, count in counts.items())
    return tuple(sorted(needs, key=lambda need: (-need.count, need.block)))


def material_csv(needs: tuple[Need, ...]) -> str:
    """A table with a line for each block and a total, whose shulker boxes hold several kinds of block."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["block", "count", "stacks", "shulker_boxes", "tool"])
    table.writerows([need.block, need.count, need.stacks, need.shulker_boxes, need.tool] for need in needs)
    stacks = sum(need.stacks for need in needs)
    table.writerow(["total", sum(need.count for need in needs), stacks, -(-stacks // SHULKER_BOX), ""])
    return text.getvalue()


def _tool(block: str) -> str:
    measured = measured_blocks().get(block)
    for material in measured.material.split(";") if measured else ():
        kind, _, tool = material.partition("/")
        if kind in _TOOLS:
            return tool or _TOOLS[kind]
    return ""
