"""Colours to blocks: nearest, few, smooth, filled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from meshtwin.minecraft.voxel.blocks.appearance import appearance_of, nearest, to_match_space, views_of_faces
from meshtwin.minecraft.voxel.blocks.assign import assign_blocks
from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.blocks.palette import Palette, load_palette
from meshtwin.minecraft.voxel.blocks.reduce import reduce_palette
from meshtwin.minecraft.voxel.blocks.smoothing import NEIGHBOURS
from meshtwin.minecraft.voxel.kernels.visibility import (
    BACK,
    DOWN,
    FRONT,
    LEFT,
    RIGHT,
    UP,
    outside,
    visible_faces,
)
from meshtwin.minecraft.voxel.voxelize.grid import Voxels
from tests.support.ciede import ciede2000
from tests.support.voxels import box, flat, sphere, terrain, torus

PALETTE = load_palette()
FACES = {LEFT: 0, RIGHT: 0, BACK: 0, FRONT: 0, UP: 1, DOWN: 2}


def random_voxels(seed: int, shape: tuple[int, int, int], share: float = 0.6) -> Voxels:
    rng = np.random.default_rng(seed)
    solid = rng.random(shape) < share
    solid.flat[0] = True
    surface = np.argwhere(solid).astype(np.int32)
    surface = surface[rng.random(len(surface)) < 0.8]
    return Voxels(solid, surface, rng.random((len(surface), 3), np.float32))


def distances(voxels: Voxels, palette: Palette) -> np.ndarray:
    """By the book: from every cell of the surface that is seen to every block, faces averaged one by one."""
    rows = []
    faces = visible_faces(voxels.solid, voxels.surface)
    for color, seen in zip(voxels.colors, faces, strict=True):
        kinds = [kind for face, kind in FACES.items() if seen & face]
        appearance = palette.colors[:, kinds].mean(axis=1) if kinds else palette.colors[:, 0]
        rows.append(np.linalg.norm(to_match_space(appearance) - to_match_space(color), axis=1))
    return np.array(rows).reshape(-1, len(palette))


def taken(voxels: Voxels, palette: Palette, **options: float) -> np.ndarray:
    """The palette's number of each surface cell's block."""
    blocks = assign_blocks(voxels, palette, **options)  # type: ignore[arg-type]
    number = np.array([-1, *(palette.states.index(state) for state in blocks.states[1:])])
    return np.asarray(number[blocks.cells[tuple(voxels.surface.T)]])


seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(*[st.integers(1, 6)] * 2, st.integers(1, 80))


@given(seeds, shapes, st.floats(0.1, 0.9))
@settings(max_examples=40, deadline=None)
def test_outside_is_what_a_flood_from_beyond_reaches(
    seed: int, shape: tuple[int, int, int], share: float
) -> None:
    solid = np.random.default_rng(seed).random(shape) < share
    pieces, _ = ndimage.label(np.pad(~solid, 1, constant_values=True))
    assert (outside(solid) == (pieces == pieces[0, 0, 0])[1:-1, 1:-1, 1:-1]).all()


def test_faces_towards_a_closed_cavity_are_not_seen() -> None:
    solid = np.ones((3, 3, 3), np.bool_)
    solid[1, 1, 1] = False
    faces = visible_faces(solid, np.array([[0, 1, 1], [1, 2, 1], [0, 0, 2]], np.int32))
    assert faces.tolist() == [LEFT, UP, LEFT | DOWN | FRONT]


@given(seeds, shapes)
@settings(max_examples=30, deadline=None)
def test_each_seen_cell_takes_its_nearest_block(seed: int, shape: tuple[int, int, int]) -> None:
    voxels = random_voxels(seed, shape)
    seen = visible_faces(voxels.solid, voxels.surface) > 0
    far = distances(voxels, PALETTE)[seen]
    mine = taken(voxels, PALETTE, smoothing=0)[seen]
    assert np.allclose(far[np.arange(len(far)), mine], far.min(axis=1), atol=1e-5)


@given(seeds, st.floats(0.001, 0.2))
@settings(max_examples=20, deadline=None)
def test_smoothing_costs_a_cell_no_more_than_its_bound(seed: int, strength: float) -> None:
    voxels = random_voxels(seed, (5, 6, 7))
    seen = visible_faces(voxels.solid, voxels.surface) > 0
    far = distances(voxels, PALETTE)[seen]
    mine = taken(voxels, PALETTE, smoothing=strength)[seen]
    assert (far[np.arange(len(far)), mine] <= far.min(axis=1) + NEIGHBOURS * strength + 1e-5).all()


def test_smoothing_makes_longer_runs() -> None:
    rng = np.random.default_rng(5)
    plain = box((24, 24, 24), flat((0.5, 0.5, 0.5)))
    noisy = Voxels(
        plain.solid, plain.surface, plain.colors + rng.normal(0, 0.02, plain.colors.shape).astype("f")
    )
    changes = []
    for smoothing in (0, 0.005, 0.02):
        cells = assign_blocks(noisy, PALETTE, smoothing=smoothing).cells[:, -1]
        changes.append(np.count_nonzero(np.diff(cells.astype(int), axis=1)))
    assert changes[0] > 1.3 * changes[1] > 1.3 * changes[2]


def test_a_lone_speck_is_smoothed_away_and_a_bold_one_stays() -> None:
    grey = PALETTE.colors[PALETTE.states.index("minecraft:andesite"), 1]
    near = PALETTE.colors[PALETTE.states.index("minecraft:polished_andesite"), 1]
    red = PALETTE.colors[PALETTE.states.index("minecraft:red_concrete"), 1]
    plate = box((9, 1, 9))
    colors = np.broadcast_to(grey, plate.colors.shape).copy()
    colors[20], colors[40] = near, red
    voxels = Voxels(plate.solid, plate.surface, colors)
    assert len(assign_blocks(voxels, PALETTE, smoothing=0).states) == 4
    assert set(assign_blocks(voxels, PALETTE, smoothing=0.02).states) == {
        AIR,
        "minecraft:andesite",
        "minecraft:red_concrete",
    }


@pytest.mark.parametrize("most", [1, 2, 3, 8, 16, 263, 1000])
def test_no_more_blocks_than_asked_for(most: int) -> None:
    blocks = assign_blocks(sphere(20), PALETTE, kinds=most)
    assert len(blocks.states) - 1 <= most
    assert set(blocks.states[1:]) <= set(PALETTE.states)


@given(seeds, st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_the_blocks_chosen_are_as_good_as_nearly_any_others(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    palette = load_palette([PALETTE.states[i] for i in rng.choice(len(PALETTE), 9, replace=False)])
    voxels = box((6, 6, 6), lambda places: rng.random(places.shape))
    far = distances(voxels, palette)
    points, views = to_match_space(voxels.colors), views_of_faces(visible_faces(voxels.solid, voxels.surface))
    cost = far[:, reduce_palette(appearance_of(palette), points, views, most)].min(axis=1).sum()
    others = [far[:, rng.choice(9, most, replace=False)].min(axis=1).sum() for _ in range(200)]
    assert cost <= min(others) * 1.03


def test_more_blocks_are_closer() -> None:
    voxels = torus(24)
    points, views = to_match_space(voxels.colors), views_of_faces(visible_faces(voxels.solid, voxels.surface))
    appearance, errors = appearance_of(PALETTE), []
    for most in (1, 2, 4, 8, 16, 32, 263):
        few = appearance.only(reduce_palette(appearance, points, views, most))
        found = nearest(few, points, views)
        errors.append(np.linalg.norm(few.space[views, :, found] - points, axis=1).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[3] < errors[0] / 2


def test_a_top_counts_only_where_it_is_seen() -> None:
    palette = load_palette(["oak_log", "stripped_oak_log"])
    tall = Voxels(np.ones((1, 3, 1), np.bool_), np.array([[0, 1, 0]], np.int32), palette.colors[:1, 0])
    assert taken(tall, palette).tolist() == [0]
    floor = Voxels(np.ones((3, 2, 3), np.bool_), np.array([[1, 1, 1]], np.int32), palette.colors[1:, 1])
    assert taken(floor, palette).tolist() == [1]


@given(seeds, shapes)
@settings(max_examples=20, deadline=None)
def test_solid_is_blocks_and_the_rest_is_air(seed: int, shape: tuple[int, int, int]) -> None:
    voxels = random_voxels(seed, shape)
    blocks = assign_blocks(voxels, PALETTE)
    assert blocks.cells.dtype == np.uint16
    assert ((blocks.cells > 0) == voxels.solid).all()
    assert blocks.states[0] == AIR
    assert len(set(blocks.states)) == len(blocks.states)
    counts = np.bincount(blocks.cells.ravel(), minlength=len(blocks.states))[1:]
    assert (counts > 0).all()
    assert counts.tolist() == sorted(counts, reverse=True)


def test_the_inside_is_made_of_the_commonest() -> None:
    assert len(assign_blocks(box((5, 5, 5), flat((0.9, 0.1, 0.1))), PALETTE).states) == 2


def test_a_build_without_colours_is_grey() -> None:
    bare = Voxels(np.ones((2, 2, 2), np.bool_), np.empty((0, 3), np.int32), np.empty((0, 3), np.float32))
    grey = assign_blocks(bare, PALETTE, kinds=3)
    assert len(grey.states) == 2
    assert grey.states[1] in load_palette("greyscale").states


def test_nothing_is_air() -> None:
    empty = Voxels(np.zeros((2, 1, 2), np.bool_), np.empty((0, 3), np.int32), np.empty((0, 3), np.float32))
    assert assign_blocks(empty, PALETTE).states == (AIR,)


def test_dither_mixes_two_blocks_in_large_flat_areas_alone() -> None:
    palette = load_palette(["white_concrete", "light_gray_concrete", "gray_concrete"])
    between = flat((0.69, 0.7, 0.7))
    large = box((24, 3, 24), between)
    plain, mixed = (assign_blocks(large, palette, dither=dither).cells[:, -1] for dither in (0, 1))
    assert len(np.unique(plain)) == 1
    assert len(np.unique(mixed[4:-4, 4:-4])) == 2
    specks = box(
        (24, 3, 24),
        lambda places: between(places) * (1 - 0.4 * (places.sum(axis=1, keepdims=True) * 24 % 2 < 1)),
    )
    assert (
        assign_blocks(specks, palette, dither=1).cells == assign_blocks(specks, palette, dither=0).cells
    ).all()


def test_the_same_cells_give_the_same_blocks() -> None:
    voxels = terrain(40)
    one, other = (assign_blocks(voxels, PALETTE, kinds=12, dither=0.5) for _ in range(2))
    assert one.states == other.states
    assert (one.cells == other.cells).all()


def test_excluded_blocks_are_never_used() -> None:
    voxels = sphere(24)
    used = assign_blocks(voxels, PALETTE).states[1:]
    without = assign_blocks(voxels, load_palette(exclude=used[:20])).states
    assert not set(used[:20]) & set(without)


def test_ciede2000_is_that_of_the_published_pairs() -> None:
    """Pairs 1, 7, 17 and 25 of https://hajim.rochester.edu/ece/sites/gsharma/ciede2000/"""
    one = np.array([[50, 2.6772, -79.7751], [50, 0, 0], [50, 2.5, 0], [60.2574, -34.0099, 36.2677]])
    other = np.array([[50, 0, -82.7485], [50, -1, 2], [73, 25, -18], [60.4626, -34.1751, 39.4387]])
    assert np.allclose(ciede2000(one, other), [2.0425, 2.3669, 27.1492, 1.2644], atol=1e-4)


@pytest.mark.parametrize("skin", [1, 2])
def test_what_shows_through_glass_has_its_colour(skin: int) -> None:
    """A red core behind one or two layers that are to be glass, all of it coloured."""
    palette = load_palette(("minecraft:glass", "minecraft:red_wool", "minecraft:stone"))
    side = 3 + 2 * skin
    solid = np.ones((side, side, side), np.bool_)
    core = np.zeros_like(solid)
    core[(slice(skin, -skin),) * 3] = True
    surface = np.argwhere(solid).astype(np.int32)
    red, glass = (linear_of(palette, f"minecraft:{name}") for name in ("red_wool", "glass"))
    colors = np.where(core[tuple(surface.T)][:, None], red, glass).astype(np.float32)
    blocks = assign_blocks(Voxels(solid, surface, colors), palette, smoothing=0)
    found = np.array(blocks.states)[blocks.cells]
    assert (found[~core] == "minecraft:glass").all()
    assert (found[core] == "minecraft:red_wool").all()


def linear_of(palette: Palette, state: str) -> np.ndarray:
    """The colour of a block's sides."""
    return np.asarray(palette.colors[palette.states.index(state), 0])
