"""Colours to blocks and pictures: CPU seconds once compiled, and how far the blocks are from the colours.

CPU time of this one thread, so that a busy machine tells much the same.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from meshtwin.minecraft.voxel.blocks.appearance import HIDDEN, views_of_faces
from meshtwin.minecraft.voxel.blocks.assign import assign_blocks
from meshtwin.minecraft.voxel.blocks.palette import load_palette
from meshtwin.minecraft.voxel.export.isometric import isometric
from meshtwin.minecraft.voxel.export.preview import preview_mesh
from meshtwin.minecraft.voxel.kernels.visibility import visible_faces
from tests.benchmarks.figures import Figure
from tests.support.ciede import ciede2000, cielab
from tests.support.voxels import sphere, terrain

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.blocks.palette import Palette
    from meshtwin.minecraft.voxel.voxelize.grid import Voxels

T = TypeVar("T")

ROUNDS = 3
SHAPES: dict[str, Callable[[int], Voxels]] = {"hue sphere": sphere, "terrain": terrain}
FEW: tuple[int | None, ...] = (None, 16, 8)
MOST_SECONDS = {128: None, 256: 0.3}
"""The aims for colours to blocks, by size."""


def measure() -> list[Figure]:
    """Seconds at two sizes, then differences at the smaller."""
    palette = load_palette()
    compiled = assign_blocks(sphere(8), palette, kinds=4, dither=1)
    isometric(compiled)
    preview_mesh(compiled)
    return [*_times(palette), *_differences(palette)]


def _times(palette: Palette) -> list[Figure]:
    figures = []
    for size, aim in MOST_SECONDS.items():
        for name, make in SHAPES.items():
            voxels = make(size)
            note = f"{len(voxels.surface):,} surface cells"
            for most in FEW:
                seconds, blocks = _best(partial(assign_blocks, voxels, palette, kinds=most))
                figures.append(Figure(f"{name} {size}: {most or 'all'} blocks", seconds, "s", aim, note))
            figures.append(Figure(f"{name} {size}: isometric", _best(partial(isometric, blocks))[0], "s"))
            figures.append(Figure(f"{name} {size}: preview", _best(partial(preview_mesh, blocks))[0], "s"))
    return figures


def _differences(palette: Palette) -> list[Figure]:
    return [
        Figure(f"{name} 128: colours to {most or 'all'} blocks", *_difference(make(128), palette, most))
        for name, make in SHAPES.items()
        for most in FEW
    ]


def _difference(voxels: Voxels, palette: Palette, most: int | None) -> tuple[float, str]:
    """Mean CIEDE2000 over seen cells, from each one's colour to its block's seen faces; and its unit."""
    blocks = assign_blocks(voxels, palette, kinds=most)
    views = views_of_faces(visible_faces(voxels.solid, voxels.surface))
    seen = views != HIDDEN
    weights = np.stack([views >> 2, views >> 1 & 1, views & 1], axis=1)[seen].astype(np.float32)
    weights /= weights.sum(axis=1, keepdims=True)
    appearance = np.einsum("nf,nfc->nc", weights, palette.colors[_numbers(blocks, palette, voxels)[seen]])
    return float(ciede2000(cielab(voxels.colors[seen]), cielab(appearance)).mean()), "dE00"


def _numbers(blocks: Blocks, palette: Palette, voxels: Voxels) -> np.ndarray:
    numbers = np.array([0, *(palette.states.index(state) for state in blocks.states[1:])])
    return np.asarray(numbers[blocks.cells[tuple(voxels.surface.T)]])


def _best(work: Callable[[], T]) -> tuple[float, T]:
    """The least CPU time of a few rounds, and what came of it."""
    least = float("inf")
    for _ in range(ROUNDS):
        before = time.process_time()
        result = work()
        least = min(least, time.process_time() - before)
    return least, result
