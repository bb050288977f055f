from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from meshtwin.minecraft.voxel.read.model import Model
from meshtwin.minecraft.voxel.voxelize.lattice import fit
from meshtwin.minecraft.voxel.voxelize.voxelize import voxelize
from tests.support import models, voxel_reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.voxelize.grid import Voxels

_COORDINATES = st.one_of(st.integers(-8, 8).map(float), st.floats(-8, 8, width=32))


@st.composite
def soups(draw: st.DrawFn) -> Model:
    """A few triangles, their corners as often on a cell's sides as not."""
    count = draw(st.integers(1, 6))
    positions = draw(arrays.arrays(np.float32, (3 * count, 3), elements=_COORDINATES))
    if (np.ptp(positions, axis=0) == 0).all():
        positions[0] += 1
    return models.plain(positions, np.arange(3 * count).reshape(-1, 3))


SIZES = st.integers(8, 20)


def _surface(voxels: Voxels) -> NDArray[np.bool_]:
    grid = np.zeros(voxels.size, bool)
    grid[tuple(voxels.surface.T)] = True
    return grid


@settings(max_examples=60, deadline=None)
@given(soups(), SIZES)
def test_the_cells_are_those_of_an_independent_test_of_every_cell(model: Model, size: int) -> None:
    found = voxelize(model, size)
    expected = voxel_reference.touched(model, fit(model, size))
    assert found.size == expected.shape
    assert np.array_equal(_surface(found), expected)
    assert np.array_equal(found.solid, voxel_reference.filled(expected))


@settings(max_examples=40, deadline=None)
@given(soups(), SIZES)
def test_a_build_is_tight_and_its_longest_axis_has_the_size(model: Model, size: int) -> None:
    found = voxelize(model, size)
    assert max(found.size) == size
    for axis in range(3):
        across = np.moveaxis(found.solid, axis, 0)
        assert across[0].any()
        assert across[-1].any()
    rank = np.ravel_multi_index(tuple(found.surface.T), found.size)
    assert (np.diff(rank) > 0).all()
    assert found.colors.shape == found.surface.shape


@settings(max_examples=30, deadline=None)
@given(soups(), SIZES, st.sampled_from([1, 2, 3]))
def test_to_turn_the_model_is_to_turn_the_build(model: Model, size: int, rotation: int) -> None:
    (primitive,) = model.primitives
    positions = primitive.positions
    for _ in range(rotation):
        positions = np.stack([-positions[:, 2], positions[:, 1], positions[:, 0]], axis=1)
    turned, built = (
        voxelize(models.plain(positions, primitive.faces), size),
        voxelize(model, size, rotation=rotation),
    )
    assert np.array_equal(turned.solid, built.solid)
    assert np.array_equal(turned.surface, built.surface)
    assert np.allclose(turned.colors, built.colors)


def test_a_quarter_turn_takes_east_to_south() -> None:
    arrow = models.plain(np.array([[0, 0, 0], [4, 0, 0], [4, 0, 1]]), np.array([[0, 1, 2]]))
    assert voxelize(arrow, 8).solid[-1, 0].sum() > voxelize(arrow, 8).solid[0, 0].sum()
    turned = voxelize(arrow, 8, rotation=1)
    assert turned.size == (2, 1, 8)
    assert turned.solid[:, 0, -1].sum() > turned.solid[:, 0, 0].sum()


@settings(max_examples=30, deadline=None)
@given(soups(), SIZES, st.sampled_from([2.0**-20, 0.5, 1024.0]))
def test_scale_changes_nothing(model: Model, size: int, scale: float) -> None:
    (primitive,) = model.primitives
    other = voxelize(models.plain(primitive.positions * np.float32(scale), primitive.faces), size)
    assert np.array_equal(voxelize(model, size).solid, other.solid)


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(np.float32, (9, 3), elements=st.integers(-8, 8).map(float)), SIZES)
def test_a_place_a_million_metres_off_changes_nothing(positions: NDArray[np.float32], size: int) -> None:
    positions[0] += 20
    faces = np.arange(9).reshape(-1, 3)
    here = voxelize(models.plain(positions, faces), size)
    there = voxelize(models.plain(positions + np.float32(1 << 20), faces), size)
    assert np.array_equal(here.solid, there.solid)


@pytest.mark.parametrize(
    "model", [models.cube(), models.sphere(12, 8), models.torus(16, 8), models.blob(20, 8)]
)
@pytest.mark.parametrize("size", [8, 33, 64])
def test_a_closed_mesh_is_filled(model: Model, size: int) -> None:
    found = voxelize(model, size)
    assert np.array_equal(found.solid, voxel_reference.filled(_surface(found)))
    shells = [voxelize(model, size, hollow=thickness) for thickness in (1, 2, 4, size)]
    for thinner, thicker in pairwise([*shells, found]):
        assert not (thinner.solid & ~thicker.solid).any()
    assert np.array_equal(shells[-1].solid, found.solid)
    assert shells[0].solid.sum() < found.solid.sum()
    assert np.array_equal(voxel_reference.filled(shells[0].solid), found.solid)


def test_the_thinnest_shell_is_what_has_a_face_to_the_air() -> None:
    solid, shell = voxelize(models.sphere(24, 8), 40), voxelize(models.sphere(24, 8), 40, hollow=1)
    padded = np.pad(solid.solid, 1)
    near_air = np.zeros(solid.size, bool)
    for axis in range(3):
        for step in (-1, 1):
            near_air |= ~np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1]
    assert np.array_equal(shell.solid, solid.solid & near_air)
    assert len(shell.surface) == shell.solid.sum()


def test_a_cube_is_as_large_as_its_cells() -> None:
    assert voxelize(models.cube(), 16).solid.all()
    assert voxelize(models.cube(), 16).size == (16, 16, 16)


def test_a_wall_between_two_cells_is_in_the_one_nearer_the_middle() -> None:
    walls = np.array([[x, y, z] for x in (0, 4, 12, 16) for y, z in ((0, 0), (16, 0), (0, 16))])
    found = voxelize(models.plain(walls, np.arange(12).reshape(-1, 3)), 16)
    assert np.flatnonzero(found.solid.any(axis=(1, 2))).tolist() == [0, 4, 11, 15]


def test_a_wall_in_the_very_middle_is_in_both_cells() -> None:
    walls = np.array([[x, y, z] for x in (0, 8, 16) for y, z in ((0, 0), (16, 0), (0, 16))])
    found = voxelize(models.plain(walls, np.arange(9).reshape(-1, 3)), 16)
    assert np.flatnonzero(found.solid.any(axis=(1, 2))).tolist() == [0, 7, 8, 15]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flat_model_is_one_cell_thick(axis: int) -> None:
    square = np.insert(np.array([[0, 0], [1, 0], [1, 1], [0, 1]]), axis, 5, axis=1)
    found = voxelize(models.plain(square, np.array([[0, 1, 2], [0, 2, 3]])), 16)
    assert found.size[axis] == 1
    assert found.solid.all()


def test_a_triangle_without_area_is_a_line() -> None:
    found = voxelize(models.plain(np.array([[0, 0, 0], [1, 0, 0], [3, 0, 0]]), np.array([[0, 1, 2]])), 32)
    assert found.size == (32, 1, 1)
    assert found.solid.all()


def _with_crumb() -> Model:
    crumb = models.plain(np.array([[9, 9, 9], [9.1, 9, 9], [9, 9.1, 9]]), np.array([[0, 1, 2]]))
    return Model((*models.cube().primitives, *crumb.primitives))


def test_small_parts_are_left_out_on_request_and_the_rest_gets_the_size() -> None:
    assert not voxelize(_with_crumb(), 32).solid.all()
    assert voxelize(_with_crumb(), 32, min_part=0.05).solid.all()
    assert voxelize(_with_crumb(), 32, min_part=0.05).size == (32, 32, 32)


def test_parts_that_are_large_enough_stay() -> None:
    whole = voxelize(_with_crumb(), 32)
    assert np.array_equal(voxelize(_with_crumb(), 32, min_part=0.001).solid, whole.solid)


def test_what_touches_by_a_corner_is_one_part() -> None:
    corners = [models.cube(0, 7), models.cube(7.1, 8)]
    model = Model(tuple(primitive for corner in corners for primitive in corner.primitives))
    assert voxelize(model, 8, min_part=0.5).solid.sum() == voxelize(model, 8).solid.sum() == 7**3 + 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_coordinate_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="primitive 0: positions hold NaN or infinity"):
        voxelize(models.plain(np.array([[0, 0, 0], [1, 0, 0], [0, bad, 0]]), np.array([[0, 1, 2]])), 16)


def test_a_vertex_that_no_triangle_has_counts_for_nothing() -> None:
    stray = models.plain(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [np.nan, 9, 9]]), np.array([[0, 1, 2]]))
    assert max(voxelize(stray, 16).size) == 16


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Model(()), "the model has no triangles"),
        (models.plain(np.zeros((3, 3)), np.zeros((0, 3), np.int32)), "the model has no triangles"),
        (models.plain(np.ones((3, 3)), np.array([[0, 1, 2]])), "the model has no extent"),
        (models.plain(np.eye(3), np.array([[0, 1, 3]])), "faces hold indices from 0 to 3, expected 0 to 2"),
        (models.plain(np.eye(3), np.array([[0, 1, -1]])), "faces hold indices from -1 to 1"),
    ],
)
def test_a_model_that_is_none_is_refused(model: Model, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        voxelize(model, 16)
