"""Builds for tests: random ones, and how two of them are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.export.formats.litematic import litematic_blocks
from meshtwin.minecraft.voxel.export.formats.nbt import read_nbt
from meshtwin.minecraft.voxel.export.formats.schem import schem_blocks
from meshtwin.minecraft.voxel.export.formats.structure import structure_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.export.formats.structure import StructurePart

STATES = (
    AIR,
    "minecraft:stone",
    "minecraft:oak_log[axis=y]",
    "minecraft:oak_log[axis=x]",
    "minecraft:oak_stairs[facing=east,half=bottom,shape=straight,waterlogged=false]",
    "minecraft:cave_air",
    "mod_a:deep/block.1[level=0]",
    *(f"minecraft:block_{number}" for number in range(300)),
)


def read_schem(data: bytes) -> Blocks:
    """The blocks of a .schem file."""
    return schem_blocks(read_nbt(data)[1])


def read_litematic(data: bytes) -> Blocks:
    """The blocks of a .litematic file."""
    return litematic_blocks(read_nbt(data)[1])


def read_structure(data: bytes) -> Blocks:
    """The blocks of a structure file."""
    return structure_blocks(read_nbt(data)[1])


def build(cells: NDArray[Any], states: tuple[str, ...] = STATES) -> Blocks:
    """Blocks of the words `states[cell]`, with no word that is not used, but for AIR."""
    used = np.unique(np.append(cells, 0))
    table = np.zeros(len(states), np.uint16)
    table[used] = np.arange(len(used))
    return Blocks(table[cells], tuple(states[index] for index in used))


def noise(size: tuple[int, int, int], states: int, seed: int = 0) -> Blocks:
    """A build in which each of so many states of STATES is likely to be used."""
    return build(np.random.default_rng(seed).integers(0, states, size))


@st.composite
def builds(draw: st.DrawFn, longest: int = 9) -> Blocks:
    """Builds of any shape, with few states or more than a byte holds, air or none."""
    x, y, z = (draw(st.integers(1, longest)) for _ in range(3))
    cells = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(
        draw(st.integers(0, 1)), draw(st.sampled_from([2, 5, 130, len(STATES)])), (x, y, z)
    )
    return build(cells)


def words(blocks: Blocks) -> NDArray[np.str_]:
    """The state of each cell, in words."""
    return np.array(blocks.states)[blocks.cells]


def assert_same(found: Blocks, expected: Blocks) -> None:
    """The same words in the same places, and Blocks' own rules kept."""
    assert found.size == expected.size
    assert (words(found) == words(expected)).all()
    assert found.cells.dtype == np.uint16
    assert found.states[0] == AIR
    assert len(set(found.states)) == len(found.states)
    assert set(np.unique(found.cells)) | {0} == set(range(len(found.states)))


def join_structures(parts: Iterable[StructurePart]) -> Blocks:
    """The build that was split, but for air at its far ends that no part has."""
    read = [(part.offset, read_structure(part.data)) for part in parts]
    ends = [np.add(offset, blocks.size) for offset, blocks in read]
    joined = np.full(tuple(np.max(ends, axis=0)), AIR, object)
    for (offset, blocks), end in zip(read, ends, strict=True):
        x, y, z = (slice(start, int(stop)) for start, stop in zip(offset, end, strict=True))
        joined[x, y, z] = words(blocks)
    states = tuple(dict.fromkeys([AIR, *joined.ravel()]))
    numbers = {state: number for number, state in enumerate(states)}
    return Blocks(np.vectorize(numbers.__getitem__, otypes=[np.uint16])(joined), states)
