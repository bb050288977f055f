"""The engine by its front door: each option does what it says, and bad ones are refused in words."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from fixtures import meshes
from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.blocks.palette import find_block, load_palette
from meshtwin.minecraft.voxel.engine import BuildResult, build_model
from meshtwin.minecraft.voxel.options import BuildOptions, Order
from tests.support.builds import words
from tests.support.glbs import model_of

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.read.model import Model


@cache
def _model(name: str) -> Model:
    return model_of(meshes.SOUND[name]())


@cache
def _made(name: str, options: BuildOptions) -> BuildResult:
    return build_model(_model(name), options)


def _states(made: BuildResult) -> set[str]:
    return set(made.blocks.states) - {AIR}


@pytest.mark.parametrize("name", sorted(meshes.SOUND))
@pytest.mark.parametrize("size", [8, 21])
def test_the_longest_side_is_as_asked(name: str, size: int) -> None:
    made = _made(name, BuildOptions(size=size))
    assert max(made.blocks.size) == size
    assert made.build.size == made.blocks.size
    assert made.build.states == made.blocks.states
    solid = made.blocks.cells > 0
    for axis in range(3):
        layers = np.asarray(solid.any(axis=tuple({0, 1, 2} - {axis})))
        assert layers[0]
        assert layers[-1]


def test_an_open_bowl_stays_open() -> None:
    solid = _made("bowl", BuildOptions(size=24)).blocks.cells > 0
    x, y, z = (side // 2 for side in solid.shape)
    assert not solid[x, y:, z].any()
    assert solid[x, 0, z]


@pytest.mark.parametrize("thickness", [1, 2, 3])
def test_hollow_leaves_a_shell(thickness: int) -> None:
    full = _made("sphere", BuildOptions(size=20, hollow=0)).blocks.cells > 0
    shell = _made("sphere", BuildOptions(size=20, hollow=thickness)).blocks.cells > 0
    deep = full
    for _ in range(thickness):
        padded = np.pad(deep, 1)
        deep = deep & np.all(
            [np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1] for axis in range(3) for step in (-1, 1)], axis=0
        )
    assert deep.any()
    assert (shell == (full & ~deep)).all()


def test_a_build_is_hollow_unless_asked_otherwise() -> None:
    usual, shell, full = (
        _made("sphere", options).blocks.cells > 0
        for options in (
            BuildOptions(size=20),
            BuildOptions(size=20, hollow=1),
            BuildOptions(size=20, hollow=0),
        )
    )
    assert (usual == shell).all()
    assert not usual[10, 10, 10]
    assert full[10, 10, 10]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_turns_clockwise_from_above(turns: int) -> None:
    still = words(_made("chess", BuildOptions(size=24, smoothing=0.0)).blocks)
    turned = words(_made("chess", BuildOptions(size=24, smoothing=0.0, rotation=turns)).blocks)
    for _ in range(turns):
        # East (+x) becomes south (+z).
        still = still[:, :, ::-1].transpose(2, 1, 0)
    assert (turned == still).all()


def test_small_parts_go_and_the_rest_has_the_size() -> None:
    def parts(made: BuildResult) -> int:
        return int(ndimage.label(made.blocks.cells > 0)[1])

    everything = _made("parts", BuildOptions(size=24))
    assert everything.blocks.size == (24, 20, 16)
    assert parts(everything) == 6
    without_crumbs = _made("parts", BuildOptions(size=24, min_part=0.02))
    assert without_crumbs.blocks.size == (24, 16, 16)
    assert parts(without_crumbs) == 2
    alone = _made("parts", BuildOptions(size=24, min_part=0.5))
    assert alone.blocks.size == (24, 24, 24)
    assert parts(alone) == 1


def test_a_palette_by_name_and_by_blocks() -> None:
    assert _states(_made("sphere", BuildOptions(size=16, palette="greyscale"))) <= set(
        load_palette("greyscale").states
    )
    listed = ("stone", "minecraft:red_wool", "oak_log")
    states = _states(_made("sphere", BuildOptions(size=16, palette=listed)))
    assert states <= {find_block(name).state for name in listed}
    assert "minecraft:red_wool" in states


def test_excluded_blocks_are_not_used() -> None:
    commonest = _made("sphere", BuildOptions(size=16)).blocks.states[1].partition("[")[0]
    found = _made("sphere", BuildOptions(size=16, exclude=(commonest,)))
    assert commonest not in {state.partition("[")[0] for state in found.blocks.states}


@pytest.mark.parametrize("kinds", [1, 3, 8])
def test_no_more_kinds_than_asked(kinds: int) -> None:
    assert 1 <= len(_states(_made("sphere", BuildOptions(size=20, kinds=kinds)))) <= kinds
    assert len(_states(_made("sphere", BuildOptions(size=20)))) > 8


def test_smoothing_makes_neighbours_alike_and_none_is_its_usual_strength() -> None:
    def changes(made: BuildResult) -> int:
        cells = made.blocks.cells
        return sum(int((np.diff(cells.astype(int), axis=axis) != 0).sum()) for axis in range(3))

    # A shell: what is inside is of whichever block is the commonest, and nobody smooths that.
    shell = BuildOptions(size=32, hollow=1)
    strengths = [_made("sphere", replace(shell, smoothing=strength)) for strength in (0.0, 0.005, 0.05)]
    assert changes(strengths[0]) > changes(strengths[1]) > changes(strengths[2])
    usual = _made("sphere", shell)
    assert (words(usual.blocks) == words(strengths[1].blocks)).all()


def test_dither_mixes_blocks_where_one_would_be_off() -> None:
    plain = _made("flat_sheet", BuildOptions(size=32, palette="wool-concrete-terracotta"))
    mixed = _made("flat_sheet", BuildOptions(size=32, palette="wool-concrete-terracotta", dither=1.0))
    assert len(_states(plain)) == 1
    assert len(_states(mixed)) == 2
    assert (mixed.blocks.cells > 0).all()


def test_boxes_for_those_who_watch_it_grow() -> None:
    boxes = _made("sphere", BuildOptions(size=20, order=Order.GROUND)).build.boxes
    slabs = boxes[:, 1] // 4
    assert (np.diff(slabs) >= 0).all()
    assert (boxes[:, 4] // 4 == slabs).all()
    any_order = _made("sphere", BuildOptions(size=20)).build.boxes
    assert len(any_order) <= len(boxes)


def test_clear_air_empties_the_extent_first() -> None:
    plain = _made("bowl", BuildOptions(size=20)).build
    assert plain.states[0] == AIR
    assert (plain.boxes[:, 6] > 0).all()
    clearing = _made("bowl", BuildOptions(size=20, clear_air=True)).build
    count = len(clearing.boxes) - len(plain.boxes)
    assert (clearing.boxes[count:] == plain.boxes).all()
    assert (clearing.boxes[:count, 6] == 0).all()
    sides = clearing.boxes[:count, 3:6] - clearing.boxes[:count, :3] + 1
    assert sides.prod(axis=1).sum() == np.prod(clearing.size)


def test_no_block_is_newer_than_the_version() -> None:
    with pytest.raises(ValueError, match=r"resin_block.*1\.20\.1"):
        build_model(_model("sphere"), BuildOptions(palette=("resin_block",), version="1.20.1"))
    old = set(load_palette("default", version="1.20.1").states)
    assert _states(_made("sphere", BuildOptions(size=20, version="1.20.1"))) <= old


def test_each_stage_is_told_of_and_timed() -> None:
    told: list[str] = []
    made = build_model(_model("one_triangle"), BuildOptions(size=8), told.append)
    assert told == ["voxels", "blocks", "boxes"]
    assert list(made.seconds) == told
    assert min(made.seconds.values()) >= 0


@pytest.mark.parametrize(
    "options",
    [BuildOptions(palette=("stoone",)), BuildOptions(exclude=("stoone",))],
    ids=["palette", "exclude"],
)
def test_blocks_that_are_not_known_are_refused_with_the_nearest(options: BuildOptions) -> None:
    with pytest.raises(ValueError, match="did you mean stone"):
        build_model(_model("one_triangle"), options)
