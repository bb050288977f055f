"""How few boxes a build takes, and how long that takes: those of commands, and those of sections.

Commands stand beside visible blocks and a naive painter, sections beside the commands of the same shell.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fixtures import meshes
from meshtwin.minecraft.voxel.boxes.cuboids import cuboids
from meshtwin.minecraft.voxel.boxes.sections import to_sections
from meshtwin.minecraft.voxel.engine import build_model
from meshtwin.minecraft.voxel.export.commands import Origin
from meshtwin.minecraft.voxel.export.mcfunction import batches
from meshtwin.minecraft.voxel.options import BuildOptions, Order
from meshtwin.minecraft.voxel.versions import parse_version
from meshtwin.runtime.backends.relief.backend import ReliefBackend
from meshtwin.runtime.contract import Params
from meshtwin.runtime.geometry.glb_write import write_glb
from meshtwin.runtime.images.decode import find_subject, open_image
from tests.benchmarks.figures import Figure
from tests.support.glbs import model_of
from tests.support.naive_painter import count_boxes
from tests.support.voxel_shapes import SHAPES, as_blocks, ball, neighbours_solid, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.minecraft.voxel.blocks.grid import Blocks

ROUNDS = 3
SIDES = {64: 1.0, 128: 1.0, 256: 8.0}
"""Cells along the longest side, and the most seconds that the boxes may take."""
YARDSTICK = 128
"""The largest side that the naive painter is run at."""
PLACE = Origin(-37, 0, 101, -64, 320)
SECTIONS_TO_COMMANDS = 1.25
SECTION_SECONDS = {64: 0.1, 128: 0.25, 256: 1.0}
PICTURES = Path(__file__).parents[2] / "fixtures" / "images"


def measure() -> list[Figure]:
    """For each shape and side boxes and seconds, once all is compiled."""
    return [*_commands(), *_sections()]


def _commands() -> list[Figure]:
    version = parse_version("1.21.4")
    cuboids(as_blocks(SHAPES["blob"](16)))
    figures = []
    for side, aim in SIDES.items():
        for name, shape in SHAPES.items():
            cells = shape(side)
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


def _sections() -> Iterator[Figure]:
    origin = (PLACE.x, PLACE.y, PLACE.z)
    for name, side, blocks, commands in _shells():
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            sections = to_sections(blocks, origin)
            times.append(time.perf_counter() - started)
        boxes = sum(len(section.boxes) for section in sections)
        note = f"{boxes:,} boxes in {len(sections):,} sections, {commands:,} commands"
        yield Figure(
            f"{name} {side}: section boxes to commands", boxes / commands, "", SECTIONS_TO_COMMANDS, note
        )
        yield Figure(f"{name} {side}: sections", min(times), "s", SECTION_SECONDS[side])


def _shells() -> Iterator[tuple[str, int, Blocks, int]]:
    """Name, side, blocks and number of commands of hollow builds: plain, and of textured models."""
    models = {name: model_of(glb()) for name, glb in (("mesh", meshes.blob), ("scene", meshes.scene))}
    models |= {name.stem: model_of(_relief(name)) for name in sorted(PICTURES.glob("[cdr]*.*"))}
    for side in SECTION_SECONDS:
        for name, shape in (("ball", ball), ("blob", SHAPES["blob"])):
            blocks = as_blocks(shell(shape(side)))
            yield f"hollow {name}", side, blocks, len(cuboids(blocks).boxes)
        for name, model in models.items():
            made = build_model(model, BuildOptions(size=side))
            yield f"hollow {name}", side, made.blocks, len(made.build.boxes)


def _relief(picture: Path) -> bytes:
    """A GLB of a picture, textured with it."""
    backend, params = ReliefBackend(), Params()
    subject = find_subject(open_image(picture))
    mesh = backend.shape(subject, params, 0, lambda *_: None)
    return write_glb(backend.paint(subject, mesh, params, 0, lambda *_: None))


def _best(blocks: Blocks) -> tuple[float, int]:
    """The best time of some, and the number of boxes."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        boxes = len(cuboids(blocks).boxes)
        times.append(time.perf_counter() - started)
    return min(times), boxes
