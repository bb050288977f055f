"""How few commands a build takes, beside its visible blocks and a naive painter, and how long that takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.versions import parse_version
from meshtwin.minecraft.voxel.boxes.cuboids import Order, cuboids
from meshtwin.minecraft.voxel.export.commands import Place
from meshtwin.minecraft.voxel.export.mcfunction import batches
from tests.benchmarks.figures import Figure
from tests.support.naive_painter import count_boxes
from tests.support.voxel_shapes import SHAPES, as_blocks, neighbours_solid

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.blocks.grid import Blocks

ROUNDS = 3
SIDES = {64: 1.0, 128: 1.0, 256: 8.0}
"""Cells along the longest side, and the most seconds that the boxes may take."""
YARDSTICK = 128
"""The largest side that the naive painter is run at."""
PLACE = Place(-37, 0, 101, -64, 320)


def measure() -> list[Figure]:
    """For each shape and side commands and seconds, once all is compiled."""
    version = parse_version("1.21.4")
    cuboids(as_blocks(SHAPES["blob"](16)))
    figures = []
    for side, aim in SIDES.items():
        for name, make in SHAPES.items():
            cells = make(side)
            blocks = as_blocks(cells)
            seconds, boxes = _best(blocks)
            solid, visible = np.count_nonzero(cells), np.count_nonzero((cells > 0) & ~neighbours_solid(cells))
            rising = len(cuboids(blocks, order=Order.GROUND).boxes)
            note = f"{solid:,} solid, {visible:,} visible, {len(blocks.states) - 1} states; rising {rising:,}"
            figures += [
                Figure(f"{name} {side}: commands", boxes, "", None, note),
                Figure(f"{name} {side}: commands to visible blocks", boxes / visible, ""),
                Figure(f"{name} {side}: boxes", seconds, "s", aim),
            ]
            if side <= YARDSTICK:
                ratio = boxes / count_boxes(cells)
                figures.append(Figure(f"{name} {side}: commands to the naive painter's", ratio, "", 1.0))
            started = time.perf_counter()
            batches(cuboids(blocks), PLACE, version, namespace="a")
            figures.append(Figure(f"{name} {side}: boxes and batches", time.perf_counter() - started, "s"))
    return figures


def _best(blocks: Blocks) -> tuple[float, int]:
    """The best time of some, and the number of boxes."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        boxes = len(cuboids(blocks).boxes)
        times.append(time.perf_counter() - started)
    return min(times), boxes
