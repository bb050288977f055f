"""What it costs to write a build as a file: seconds and bytes, for a ball in patches of twelve states.

Where litemapy is installed, it writes the same ball of 64 beside us.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.export.formats.litematic import write_litematic
from meshtwin.minecraft.voxel.export.formats.schem import write_schem
from meshtwin.minecraft.voxel.export.formats.states import split_state
from meshtwin.minecraft.voxel.export.formats.structure import split_structure
from meshtwin.minecraft.voxel.export.formats.vox import write_vox
from tests.benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
SIZES = (128, 256)
PEER_SIZE = 64
LONGEST_SECONDS = 1.0
"""The aim at 256, but for structure files: their 604 MB before compression are the format's."""

DATA_VERSION = 4189
MEBIBYTE = 1 << 20
STATES = (
    AIR,
    *(f"minecraft:oak_log[axis={axis}]" for axis in "xyz"),
    *(f"minecraft:wool_{n}" for n in range(9)),
)
COLORS = {state: (20 * index, 250 - 20 * index, 7 * index) for index, state in enumerate(STATES)}


def measure() -> list[Figure]:
    """Seconds for each format and size, the bytes and the memory beside them."""
    figures = []
    for size in SIZES:
        blocks = _ball(size)
        for name, write in _writers(blocks).items():
            seconds, length = _best(write)
            aim = None if "structure" in name else LONGEST_SECONDS
            note = f"{length / 1000:,.0f} kB, {_peak(write) / MEBIBYTE:.0f} MiB more at its peak"
            figures.append(Figure(f"{name}, {size}", seconds, "s", aim, note))
    if importlib.util.find_spec("litemapy"):
        figures += _beside_litemapy(_ball(PEER_SIZE))
    return figures


def _ball(size: int) -> Blocks:
    """A solid ball that fills its box, in patches of eight blocks."""
    x, y, z = np.indices((size, size, size), np.int16)
    inside = sum((axis - size / 2 + 0.5) ** 2 for axis in (x, y, z)) < (size / 2) ** 2
    patches = (x // 8 * 7 + y // 8 * 5 + z // 8 * 3) % (len(STATES) - 1) + 1
    return Blocks(np.where(inside, patches, 0).astype(np.uint16), STATES)


def _writers(blocks: Blocks) -> dict[str, Callable[[], int]]:
    def parts(*, air: bool) -> int:
        return sum(len(part.data) for part in split_structure(blocks, data_version=DATA_VERSION, air=air))

    return {
        ".schem 2": lambda: len(write_schem(blocks, data_version=DATA_VERSION)),
        ".schem 3": lambda: len(write_schem(blocks, data_version=DATA_VERSION, version=3)),
        ".litematic": lambda: len(write_litematic(blocks, data_version=DATA_VERSION)),
        "structures of 48": lambda: parts(air=True),
        "structures of 48, no air": lambda: parts(air=False),
        ".vox": lambda: len(write_vox(blocks, COLORS)),
    }


def _best(write: Callable[[], int]) -> tuple[float, int]:
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        length = write()
        best = min(best, time.perf_counter() - start)
    return best, length


def _peak(write: Callable[[], int]) -> int:
    tracemalloc.start()
    write()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _beside_litemapy(blocks: Blocks) -> list[Figure]:
    from litemapy import BlockState, Region  # noqa: PLC0415  # only where it is

    region = Region(0, 0, 0, *blocks.size)
    states = []
    for state in blocks.states:
        name, properties = split_state(state)
        states.append(BlockState(name, **properties))
    for place, index in np.ndenumerate(blocks.cells):
        region[place] = states[index]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ball.litematic"

        def write() -> int:
            region.as_schematic("ball").save(str(path))
            return path.stat().st_size

        theirs, length = _best(write)
    ours, own_length = _best(lambda: len(write_litematic(blocks, data_version=DATA_VERSION)))
    size = blocks.size[0]
    return [
        Figure(f".litematic, {size}", ours, "s", None, f"{own_length / 1000:,.0f} kB"),
        Figure(f".litematic by litemapy, {size}", theirs, "s", None, f"{length / 1000:,.0f} kB"),
        Figure(f".litematic, {size}: ours to theirs", ours / theirs, "x", 0.1),
    ]
