"""The engine: from a model to blocks, and to the boxes that commands make them of."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.blocks.assign import assign_blocks
from meshtwin.minecraft.voxel.blocks.palette import load_palette
from meshtwin.minecraft.voxel.boxes.cuboids import cuboids
from meshtwin.minecraft.voxel.voxelize.voxelize import voxelize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.boxes.build import Build
    from meshtwin.minecraft.voxel.options import BuildOptions
    from meshtwin.minecraft.voxel.read.model import Model


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A model's blocks, the boxes that commands make them of, each stage's seconds, and the options."""

    blocks: Blocks
    build: Build
    seconds: dict[str, float]
    options: BuildOptions


def build_model(
    model: Model, options: BuildOptions, on_stage: Callable[[str], None] = lambda _: None
) -> BuildResult:
    """The model's build; `on_stage` is called with the name of each stage that begins.

    Raises:
        ValueError: a block is not known, or nothing can be built of the model; says which, and why.
    """
    palette = load_palette(options.palette, options.exclude, version=options.version)
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        on_stage(name)
        began = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - began

    with stage("voxels"):
        voxels = voxelize(
            model, options.size, rotation=options.rotation, hollow=options.hollow, min_part=options.min_part
        )
    with stage("blocks"):
        blocks = assign_blocks(
            voxels, palette, kinds=options.kinds, smoothing=options.smoothing, dither=options.dither
        )
    with stage("boxes"):
        build = cuboids(blocks, order=options.order, clear_air=options.clear_air)
    return BuildResult(blocks, build, seconds, options)
