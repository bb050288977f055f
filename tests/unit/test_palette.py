"""Palettes: what is in them, and what the errors say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from meshtwin.minecraft.voxel.blocks.known import version_numbers
from meshtwin.minecraft.voxel.blocks.measured import SIDE, TOP, measured_blocks
from meshtwin.minecraft.voxel.blocks.palette import find_block, load_palette
from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb, oklab, srgb_from_linear
from meshtwin.minecraft.voxel.options import PALETTES

STATE = re.compile(r"minecraft:[a-z0-9_]+(\[[a-z_]+=[a-z0-9_]+(,[a-z_]+=[a-z0-9_]+)*\])?")


def test_how_many_blocks_there_are() -> None:
    assert {name: len(load_palette(name)) for name in PALETTES} == {
        "default": 209,
        "wool-concrete-terracotta": 49,
        "survival-cheap": 154,
        "greyscale": 61,
        "creative": 257,
    }


@pytest.mark.parametrize("name", PALETTES)
def test_named_palettes_hold_safe_blocks_in_full_states_each_once(name: str) -> None:
    palette = load_palette(name)
    assert len(set(palette.states)) == len(palette) > 40
    for state in palette.states:
        assert STATE.fullmatch(state)
        assert find_block(state).safe


def test_blocks_that_turn_are_written_with_their_state() -> None:
    states = load_palette(["oak_log", "minecraft:white_glazed_terracotta", "oak_leaves"]).states
    assert states == (
        "minecraft:oak_log[axis=y]",
        "minecraft:white_glazed_terracotta[facing=north]",
        "minecraft:oak_leaves[distance=7,persistent=true,waterlogged=false]",
    )


def test_dyed_blocks_are_49_and_none_is_powder() -> None:
    states = load_palette("wool-concrete-terracotta").states
    assert len(states) == 49
    assert not any("powder" in state for state in states)


def test_patterned_blocks_are_in_the_palette_of_everything_alone_and_in_a_list() -> None:
    glazed = {name: sum("glazed" in one for one in load_palette(name).states) for name in PALETTES}
    assert glazed == {name: 16 if name == "creative" else 0 for name in PALETTES}
    assert len(load_palette(["red_glazed_terracotta"])) == 1


def test_greys_are_grey() -> None:
    assert np.hypot(*load_palette("greyscale").lab[:, :, 1:].T).max() < 0.02


def test_excluded_blocks_are_gone() -> None:
    states = load_palette(exclude=["stone", "minecraft:oak_log"]).states
    assert len(states) == 207
    assert not {"minecraft:stone", "minecraft:oak_log[axis=y]"} & set(states)


def test_faces_have_colours_of_their_own() -> None:
    log = load_palette(["oak_log"]).colors[0]
    assert srgb_from_linear(log[TOP]).tolist() != srgb_from_linear(log[SIDE]).tolist()


def test_an_older_version_has_fewer_blocks() -> None:
    old = load_palette(version="1.20.4").states
    assert "minecraft:tuff_bricks" in load_palette().states
    assert "minecraft:tuff_bricks" not in old
    assert "minecraft:cherry_planks" in old


def test_no_named_palette_holds_what_came_after_its_version() -> None:
    for state in load_palette(version="1.21.4").states:
        assert version_numbers(find_block(state).since) <= (1, 21, 4)


def test_versions_compare_as_numbers() -> None:
    assert (
        version_numbers("1.21.4")
        < version_numbers("1.21.11")
        < version_numbers("26.1")
        < version_numbers("26.1.2")
    )


@pytest.mark.parametrize(
    ("wanted", "exclude", "version", "words"),
    [
        ("defualt", (), "26.1", "did you mean default"),
        ("nothing at all", (), "26.1", "wool-concrete-terracotta"),
        (["oak_plank"], (), "26.1", "oak_planks"),
        (["qqqq"], (), "26.1", "such as stone"),
        (["oak_log[axis=x]"], (), "26.1", "write oak_log"),
        (["stone"], ["minecraft:stone"], "26.1", "exclude fewer"),
        ([], (), "26.1", "list others"),
        ("default", ["stome"], "26.1", "stone"),
        (["creaking_heart"], (), "1.21.4", "exists since 1.21.5"),
        ("default", (), "latest", "1.21.4"),
        ("default", (), "1.12", "none of its"),
        ("default", (), "", "expected a release"),
    ],
)
def test_errors_say_the_way_out(
    wanted: str | list[str], exclude: list[str], version: str, words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        load_palette(wanted, exclude, version=version)


def test_every_row_has_a_version_and_colours_in_range() -> None:
    assert len(measured_blocks()) == 420
    for block in measured_blocks().values():
        assert version_numbers(block.since) >= (1, 13)
        assert ((block.colors >= 0) & (block.colors <= 1)).all()


def test_srgb_and_linear_light_are_inverse() -> None:
    encoded = np.arange(256, dtype=np.uint8)
    assert (srgb_from_linear(linear_from_srgb(encoded)) == encoded).all()


def test_oklab_of_known_colours() -> None:
    known = oklab(np.array([[1, 1, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]], np.float32))
    expected = np.array([[1, 0, 0], [0.62796, 0.22486, 0.12585], [0.45201, -0.03246, -0.31153], [0, 0, 0]])
    assert np.allclose(known, expected, atol=2e-4)
