"""The engine: from a model to blocks, and to the boxes that commands make them of."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.blocks.blocking import DEFAULT_SMOOTHING, to_blocks
from meshtwin.minecraft.voxel.blocks.palette import load_palette
from meshtwin.minecraft.voxel.blocks.versions import DEFAULT_VERSION, parse_version
from meshtwin.minecraft.voxel.boxes.cuboids import Order, cuboids
from meshtwin.minecraft.voxel.voxelize.fill import SOLID, Fill
from meshtwin.minecraft.voxel.voxelize.voxelize import voxelize

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.boxes.build import Build
    from meshtwin.minecraft.voxel.read.model import Model


@dataclass(frozen=True, slots=True)
class Options:
    """How a model becomes a build.

    `size` is the longest side in blocks; `rotation` quarter turns; `hollow` the shell's thickness in blocks,
    0 for solid; `min_part` the share of the largest part's cells below which a part is left out; `palette` a
    name or block ids; `kinds` the most kinds of block; `smoothing` and `dither` as in `to_blocks`; `order`
    and `clear_air` as in `cuboids`; `version` the game's.
    """

    size: int = 64
    rotation: int = 0
    hollow: int = 1
    min_part: float = 0.0
    palette: str | tuple[str, ...] = "default"
    exclude: tuple[str, ...] = ()
    kinds: int | None = None
    smoothing: float | None = None
    dither: float = 0.0
    order: Order = Order.ANY
    clear_air: bool = False
    version: str = DEFAULT_VERSION


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a model: its blocks, the boxes that commands make them of, and each stage's seconds.

    With `clear_air` the room around the blocks is cleared, too.
    """

    blocks: Blocks
    build: Build
    seconds: dict[str, float]
    clear_air: bool = False


def make(model: Model, options: Options, on_stage: Callable[[str], None] = lambda _: None) -> Made:
    """The model's build; `on_stage` is told in a word what is done next.

    Raises:
        ValueError: an option makes no sense, or nothing can be built of the model; says which, and why.
    """
    if options.rotation not in range(4):
        raise ValueError(f"rotation {options.rotation}: expected 0..3 quarter turns")
    version = parse_version(options.version)
    palette = load_palette(options.palette, options.exclude, version=version.name)
    smoothing = DEFAULT_SMOOTHING if options.smoothing is None else options.smoothing
    watch = _Watch(on_stage)
    watch.begin("voxels")
    voxels = voxelize(
        model,
        options.size,
        rotation=90 * options.rotation,
        fill=Fill(options.hollow) if options.hollow else SOLID,
        min_part=options.min_part,
    )
    watch.begin("blocks")
    blocks = to_blocks(voxels, palette, kinds=options.kinds, smoothing=smoothing, dither=options.dither)
    watch.begin("boxes")
    build = cuboids(blocks, order=options.order, clear_air=options.clear_air)
    return Made(blocks, build, watch.end(), options.clear_air)


class _Watch:
    """Tells of each stage as it begins, and how long it took."""

    def __init__(self, on_stage: Callable[[str], None]) -> None:
        self._on_stage = on_stage
        self._seconds: dict[str, float] = {}
        self._stage = ""
        self._since = 0.0

    def begin(self, stage: str) -> None:
        self.end()
        self._on_stage(stage)
        self._stage, self._since = stage, time.perf_counter()

    def end(self) -> dict[str, float]:
        if self._stage:
            self._seconds[self._stage] = time.perf_counter() - self._since
            self._stage = ""
        return dict(self._seconds)
