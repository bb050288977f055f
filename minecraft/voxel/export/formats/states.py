"""Block states as strings and as a name with properties, and the palettes of files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

STATE = re.compile(
    r"(?:[a-z0-9_.-]+:)?[a-z0-9_./-]+(?:\[[a-z0-9_]+=[a-z0-9_]+(?:,[a-z0-9_]+=[a-z0-9_]+)*\])?"
)
"""A block state as the game writes it: https://minecraft.wiki/w/Argument_types#block_state"""

MAX_CELLS = 1 << 26
"""The most cells that a reader allocates, four times 256 x 256 x 256: a small file may claim any size."""

MAX_STATES = 1 << 16
"""Blocks has 16 bits for a state."""


def split_state(state: str) -> tuple[str, dict[str, str]]:
    """`minecraft:oak_log[axis=y]` as `minecraft:oak_log` and `{"axis": "y"}`.

    Raises:
        ValueError: it is not a block state, or names a property twice.
    """
    if STATE.fullmatch(state) is None:
        raise ValueError(f"state {state!r}: expected a block state, such as minecraft:oak_log[axis=y]")
    name, _, rest = state.removesuffix("]").partition("[")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair]
    properties = {key: value for key, _, value in pairs}
    if len(properties) < len(pairs):
        raise ValueError(f"state {state!r}: a property is in it twice")
    return name if ":" in name else f"minecraft:{name}", properties


def join_state(name: str, properties: Mapping[str, str]) -> str:
    """The string of a name and its properties, in their order.

    Raises:
        ValueError: they do not make a block state.
    """
    inner = ",".join(f"{key}={value}" for key, value in properties.items())
    state = f"{name}[{inner}]" if inner else name
    split_state(state)
    return state if ":" in name else f"minecraft:{state}"


def as_blocks(indices: NDArray[Any], palette: Sequence[str]) -> Blocks:
    """Blocks of a file's cells, (x, y, z) and any integers, and its palette: AIR first, unused states gone.

    Raises:
        ValueError: a cell is beyond the palette, or there are more than MAX_STATES states.
    """
    if indices.size and not 0 <= indices.min() <= indices.max() < len(palette):
        raise ValueError(f"a cell has state {indices.max()} or less than 0; the palette has {len(palette)}")
    used = np.zeros(len(palette), np.bool_)
    used[indices.ravel()] = True
    numbers = {AIR: 0}
    table = np.zeros(len(palette), np.int64)
    for index in np.flatnonzero(used).tolist():
        table[index] = numbers.setdefault(join_state(*split_state(palette[index])), len(numbers))
    if len(numbers) > MAX_STATES:
        raise ValueError(f"{len(numbers)} block states: {MAX_STATES} at most")
    return Blocks(table.astype(np.uint16)[indices], tuple(numbers))


def check_blocks(blocks: Blocks, *, longest: int | None = None, fix: str = "") -> None:
    """Check that a file may hold the build: not empty, not too long, and with valid states.

    Raises:
        ValueError: naming the size, the limit and `fix`.
    """
    if 0 in blocks.size:
        raise ValueError(f"size {blocks.size}: a file needs a block along each axis")
    if longest is not None and max(blocks.size) > longest:
        raise ValueError(f"size {blocks.size}: at most {longest} along each axis; {fix}")
    for state in blocks.states:
        split_state(state)


def check_cells(size: Sequence[int]) -> None:
    """Check a size that a file claims, before memory is allocated for it.

    Raises:
        ValueError: naming the size.
    """
    x, y, z = size
    if min(size) < 1 or x * y * z > MAX_CELLS:
        raise ValueError(
            f"size {(x, y, z)}: expected at least 1 along each axis and {MAX_CELLS} cells at most"
        )
