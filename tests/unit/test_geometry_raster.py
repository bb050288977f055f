from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtwin.runtime.geometry.raster import rasterize

if TYPE_CHECKING:
    from numpy.typing import NDArray

COORDINATE = st.floats(-5, 15, allow_nan=False, width=32)


def _square(z: float, turn: bool = False) -> NDArray[np.float64]:
    corners = np.array([[1, 1, z], [1, 7, z], [7, 7, z], [7, 1, z]], np.float64)
    return corners[::-1] if turn else corners


TWO = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def test_covers_the_pixels_whose_centres_are_inside() -> None:
    raster = rasterize(_square(0), TWO, 8, 8)

    expected = np.zeros((8, 8), np.bool_)
    expected[1:7, 1:7] = True
    assert (raster.covered == expected).all()
    assert np.isneginf(raster.depth[~expected]).all()


def test_the_nearer_triangle_is_seen_whatever_the_order() -> None:
    points = np.concatenate([_square(1), _square(2)])
    for faces in (np.concatenate([TWO, TWO + 4]), np.concatenate([TWO + 4, TWO])):
        raster = rasterize(points, faces, 8, 8)
        assert (faces[raster.triangle[raster.covered]] >= 4).all()
        assert (raster.depth[raster.covered] == 2).all()


def test_culling_leaves_out_what_faces_away() -> None:
    assert rasterize(_square(0), TWO, 8, 8, cull=True).covered.any()
    assert not rasterize(_square(0, turn=True), TWO, 8, 8, cull=True).covered.any()


def test_what_lies_outside_the_view_is_left_out() -> None:
    raster = rasterize(_square(0) * [100, 100, 1] - [300, 300, 0], TWO, 8, 8)
    assert raster.covered.all()
    assert not rasterize(_square(0) - [-50, 0, 0], TWO, 8, 8).covered.any()
    assert not rasterize(_square(0) - [0, 50, 0], TWO, 8, 8).covered.any()


def test_a_sphere_is_as_round_and_as_deep_as_it_should_be() -> None:
    ball = trimesh.creation.icosphere(5)
    faces = np.array(ball.faces, np.int32)
    raster = rasterize(np.array(ball.vertices) * [60, -60, 1] + [64, 64, 0], faces, 128, 128)

    row, column = np.mgrid[:128, :128] + 0.5
    inside = 1 - ((column - 64) / 60) ** 2 - ((row - 64) / 60) ** 2
    assert np.count_nonzero(raster.covered != (inside > 0)) <= 12
    well_inside = inside > 0.1
    assert np.abs(raster.depth - np.sqrt(inside.clip(0)))[well_inside].max() < 0.01
    where = raster.interpolate(faces, np.array(ball.vertices))
    assert np.abs(where[..., 0] - (column - 64) / 60)[well_inside].max() < 1e-5
    assert np.abs(where[..., 2] - raster.depth)[well_inside].max() < 1e-5


@given(st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE), min_size=3, max_size=12), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_triangles_at_all_give_weights_and_depths_within_bounds(
    corners: list[tuple[float, float, float]], cull: bool
) -> None:
    points = np.array(corners)
    faces = np.arange(len(points) // 3 * 3, dtype=np.int32).reshape(-1, 3)
    raster = rasterize(points, faces, 10, 7, cull=cull)

    assert raster.triangle.shape == raster.depth.shape == (7, 10)
    seen = raster.covered
    weights = raster.barycentric[seen]
    assert (weights >= 0).all()
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)
    heights = points[faces[raster.triangle[seen]], 2]
    assert (raster.depth[seen] >= heights.min(axis=1) - 1e-9).all()
    assert (raster.depth[seen] <= heights.max(axis=1) + 1e-9).all()


@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_neighbouring_triangles_leave_no_gap(cells: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    grid = np.linspace(-1, 33, cells + 1)
    jitter = 0.3 * 34 / cells
    y, x = np.meshgrid(grid, grid, indexing="ij")
    x[1:-1, 1:-1] += chance.uniform(-jitter, jitter, (cells - 1, cells - 1))
    y[1:-1, 1:-1] += chance.uniform(-jitter, jitter, (cells - 1, cells - 1))
    points = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    number = np.arange((cells + 1) ** 2, dtype=np.int32).reshape(cells + 1, cells + 1)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])

    assert rasterize(points, faces, 32, 32).covered.all()
