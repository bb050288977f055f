from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtwin.gltf.format import Wrap
from meshtwin.minecraft.voxel.read.model import Material, Model, Primitive, Texture
from meshtwin.minecraft.voxel.voxelize.voxelize import voxelize
from tests.support import models
from tests.support.ciede import ciede2000, cielab

RED, GREEN, BLUE, CLEAR = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (255, 255, 255, 0)


def _card(
    *pixels: tuple[int, ...],
    low: float = 0.0,
    high: float = 1.0,
    wrap: Wrap = Wrap.REPEAT,
    cutoff: float = 0.0,
) -> Model:
    """A square, u from `low` to `high`, of a texture of one row."""
    (primitive,) = models.cards(np.array([pixels], np.uint8), cutoff).primitives
    assert primitive.uv is not None
    assert primitive.material.texture is not None
    uv = primitive.uv * np.array([high - low, 1], np.float32) + np.array([low, 0], np.float32)
    texture = replace(primitive.material.texture, wrap_u=wrap)
    return Model((replace(primitive, uv=uv, material=replace(primitive.material, texture=texture)),))


def _columns(model: Model) -> list[list[float]]:
    """The colours of the lowest row of a square, eight cells wide."""
    found = voxelize(model, 8)
    row: list[list[float]] = np.round(found.colors[found.surface[:, 1] == 0], 6).tolist()
    return row


R, G = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("wrap", "columns"),
    [
        (Wrap.REPEAT, [R, R, G, G, R, R, G, G]),
        (Wrap.MIRROR, [R, R, G, G, G, G, R, R]),
        (Wrap.CLAMP, [R, R, G, G, G, G, G, G]),
    ],
)
def test_a_texture_goes_on_outside_of_its_square_as_its_sampler_says(
    wrap: Wrap, columns: list[list[float]]
) -> None:
    assert _columns(_card(RED, GREEN, low=0, high=2, wrap=wrap)) == columns


@pytest.mark.parametrize(
    ("wrap", "columns"),
    [
        (Wrap.REPEAT, [R, R, G, G, R, R, G, G]),
        (Wrap.MIRROR, [G, G, R, R, R, R, G, G]),
        (Wrap.CLAMP, [R, R, R, R, R, R, G, G]),
    ],
)
def test_the_same_below_zero(wrap: Wrap, columns: list[list[float]]) -> None:
    low, high = (-1, 1)
    assert _columns(_card(RED, GREEN, low=low, high=high, wrap=wrap)) == columns


def test_a_cell_mixes_its_texels_by_area_in_linear_light() -> None:
    mixed = _columns(_card(RED, RED, RED, GREEN, high=8))[0]
    assert mixed == pytest.approx([0.75, 0.25, 0], abs=0.03)


def test_a_texture_between_two_texels_is_a_mix_in_linear_light() -> None:
    (primitive,) = _card((255, 255, 255, 255), (0, 0, 0, 255), low=0.5, high=0.5).primitives
    assert primitive.material.texture is not None
    texture = replace(primitive.material.texture, nearest=False)
    found = voxelize(Model((replace(primitive, material=Material(texture=texture)),)), 8)
    assert np.allclose(found.colors, 0.5)


def test_factor_vertex_colours_and_texture_are_multiplied() -> None:
    (primitive,) = _card((188, 188, 188, 255)).primitives
    colors = np.full((4, 4), 0.5, np.float32)
    material = replace(primitive.material, factor=(1.0, 0.5, 0.25, 1.0))
    found = voxelize(Model((replace(primitive, colors=colors, material=material),)), 8)
    linear = ((188 / 255 + 0.055) / 1.055) ** 2.4
    assert np.allclose(found.colors, np.array([0.5, 0.25, 0.125]) * linear, atol=1e-6)


def test_vertex_colours_run_over_the_triangle() -> None:
    (primitive,) = models.plain(
        np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]])
    ).primitives
    colors = np.array([[0, 0, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1]], np.float32)
    found = voxelize(Model((replace(primitive, colors=colors),)), 8)
    assert np.allclose(found.colors[:, 0], (found.surface[:, 0] + 0.5) / 8, atol=1e-4)


def test_what_is_below_the_cutoff_is_not_there() -> None:
    found = voxelize(_card(RED, CLEAR, cutoff=0.5), 16)
    assert found.size == (8, 16, 1)
    assert (found.colors == R).all()


def test_a_cutoff_of_zero_shows_all() -> None:
    assert voxelize(_card(RED, CLEAR), 16).size == (16, 16, 1)


def test_a_model_of_nothing_but_holes_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing of the model is visible"):
        voxelize(_card(CLEAR, cutoff=0.5), 16)


def test_two_primitives_in_a_cell_share_it_by_area() -> None:
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    red, green = models.plain(square, faces, (1, 0, 0)), models.plain(square, faces[:1], (0, 1, 0))
    found = voxelize(Model((*red.primitives, *green.primitives)), 8)
    below = found.surface[:, 0] > found.surface[:, 1]
    assert np.allclose(found.colors[below], [0.5, 0.5, 0])
    assert np.allclose(found.colors[found.surface[:, 0] < found.surface[:, 1]], [1, 0, 0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 24))
def test_colours_are_means_of_what_is_there(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    positions = random.uniform(-1, 1, (12, 3)).astype(np.float32)
    colors = random.uniform(0.2, 0.7, (12, 4)).astype(np.float32)
    faces = np.arange(12, dtype=np.int32).reshape(-1, 3)
    found = voxelize(Model((Primitive(positions, faces, Material(), None, colors),)), size)
    low, high = colors[:, :3].min(axis=0), colors[:, :3].max(axis=0)
    assert (found.colors >= low - 1e-5).all()
    assert (found.colors <= high + 1e-5).all()


def test_the_same_model_gives_the_same_build() -> None:
    one, other = voxelize(models.sphere(24, 64), 48), voxelize(models.sphere(24, 64), 48)
    assert one.colors.tobytes() == other.colors.tobytes()
    assert one.surface.tobytes() == other.surface.tobytes()


def test_attributes_that_do_not_fit_are_refused() -> None:
    (primitive,) = models.cube().primitives
    with pytest.raises(ValueError, match=r"primitive 0: uv of shape \(3, 2\), expected \(8, 2\)"):
        voxelize(Model((replace(primitive, uv=np.zeros((3, 2), np.float32)),)), 8)
    with pytest.raises(ValueError, match="primitive 0: colors hold NaN"):
        voxelize(Model((replace(primitive, colors=np.full((8, 4), np.nan, np.float32)),)), 8)
    empty = Material(texture=Texture(np.zeros((0, 0, 4), np.uint8)))
    with pytest.raises(ValueError, match="a texture of shape"):
        voxelize(Model((replace(primitive, material=empty),)), 8)


def test_texture_coordinates_that_are_no_numbers_take_the_texture_s_corner() -> None:
    (primitive,) = _card(RED, GREEN).primitives
    found = voxelize(Model((replace(primitive, uv=np.full((4, 2), np.nan, np.float32)),)), 8)
    assert (found.colors == R).all()


def test_the_yardstick_for_colours_agrees_with_published_pairs() -> None:
    one = np.array([[50, 2.6772, -79.7751], [50, 2.5, 0], [2.0776, 0.0795, -1.135], [50, -1, 2]])
    other = np.array([[50, 0, -82.7485], [73, 25, -18], [0.9033, -0.0636, -0.5514], [50, 0, 0]])
    assert ciede2000(one, other) == pytest.approx([2.0425, 27.1492, 0.9082, 2.3669], abs=1e-4)
    assert cielab(np.ones((1, 3)))[0] == pytest.approx([100, 0, 0], abs=1e-6)
