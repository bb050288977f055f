"""Builds that other programs' readers are given, with states that the game knows; numpy is all they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA_VERSION = 4189
"""Minecraft 1.21.4."""

STAIRS = "minecraft:oak_stairs[facing={},half={},shape=straight,waterlogged=false]"
FEW = (
    AIR,
    "minecraft:stone",
    "minecraft:white_wool",
    "minecraft:oak_log[axis=x]",
    "minecraft:oak_log[axis=y]",
    *(STAIRS.format(facing, half) for facing in ("north", "east") for half in ("top", "bottom")),
)
MANY = (
    *FEW,
    *(
        f"minecraft:note_block[instrument={instrument},note={note},powered={powered}]"
        for instrument in ("harp", "basedrum", "snare", "hat", "bass", "flute", "bell")
        for note in range(25)
        for powered in ("true", "false")
    ),
)


def _noise(size: tuple[int, int, int], states: tuple[str, ...], first: int = 0) -> Blocks:
    """Each state at least once, where there is room for all."""
    count = size[0] * size[1] * size[2]
    cells = np.random.default_rng(len(states)).permutation(first + np.arange(count) % (len(states) - first))
    used = np.unique(np.append(cells, 0))
    table = np.zeros(len(states), np.uint16)
    table[used] = np.arange(len(used))
    return Blocks(table[cells].reshape(size), tuple(states[index] for index in used))


SAMPLES = {
    "one block": _noise((1, 1, 1), FEW, 1),
    "all air": Blocks(np.zeros((3, 2, 1), np.uint16), (AIR,)),
    "few states": _noise((5, 7, 3), FEW),
    "no air": _noise((17, 2, 33), FEW, 1),
    "many states": _noise((9, 4, 23), MANY),
    "long": _noise((257, 1, 2), MANY),
}


def cells(blocks: Blocks) -> Iterator[tuple[tuple[int, int, int], str]]:
    """Each cell's place and state."""
    for (x, y, z), state in np.ndenumerate(blocks.cells):
        yield (x, y, z), blocks.states[state]


def word(name: str, properties: dict[str, str]) -> str:
    """A state whose properties stand in the order of their names, as in all of these samples."""
    inner = ",".join(f"{key}={properties[key]}" for key in sorted(properties))
    return f"{name}[{inner}]" if inner else name
