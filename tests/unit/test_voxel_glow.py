"""What glows shows what it reflects and what it sends out, clipped in linear light."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fixtures.glb import GlbBuilder
from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb
from meshtwin.minecraft.voxel.read.textures import MAX_IN_ALL
from meshtwin.minecraft.voxel.voxelize.voxelize import voxelize
from tests.support.glbs import model_of

CARD = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
EMISSIVE = "https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#additional-textures"

GREY = 100
LIGHT = float(linear_from_srgb(np.array([GREY], np.uint8))[0])
"""Of a texel of `GREY`."""
LAMP = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
"""Dark on the left, bright on the right."""
BASE = np.array([[[GREY, 0, 0], [GREY, 0, 0]]], np.uint8)


class Card:
    """A card of two squares, with a material that is put together."""

    def __init__(self) -> None:
        self.builder = GlbBuilder()
        self.fields: dict[str, Any] = {}
        self.attributes: dict[str, Any] = {"TEXCOORD_0": UV, "TEXCOORD_1": UV[[1, 0, 3, 2]]}

    def halves(self, factor: tuple[float, ...] | None = None, texture: int | None = None) -> Any:
        """The linear colours of the left and the right half, and how many primitives they are of."""
        look = self.builder.material(factor, texture, **self.fields)
        primitive = self.builder.primitive(CARD, FACES, look, **self.attributes)
        self.builder.node(self.builder.mesh(primitive))
        model = model_of(self.builder.glb())
        voxels = voxelize(model, 8)
        # The columns in the middle show a texture's border.
        left, right = (voxels.colors[voxels.surface[:, 0] == column].mean(axis=0) for column in (1, 6))
        return left, right, len(model.primitives)

    def painted(self, pixels: Any) -> int:
        return self.builder.painted(pixels, magFilter=9728)

    def emits(self, factor: tuple[float, ...] = (1, 1, 1), texture: Any = None, *, on: int = 0) -> Card:
        self.fields["emissiveFactor"] = list(factor)
        if texture is not None:
            self.fields["emissiveTexture"] = {"index": self.painted(texture), "texCoord": on}
        return self


@pytest.mark.documented(EMISSIVE)
@pytest.mark.parametrize(
    ("factor", "emitted", "strength", "expected"),
    [
        ((0, 0, 0, 1), (1, 0, 0), None, (1, 0, 0)),
        ((0.25, 0.5, 0, 1), (0.5, 0.75, 0), None, (0.75, 1, 0)),
        ((0, 0, 0.5, 1), (0.125, 0, 0), 4.0, (0.5, 0, 0.5)),
        ((0.25, 0, 0, 1), (1, 1, 1), 0.0, (0.25, 0, 0)),
    ],
)
def test_all_over(factor: Any, emitted: Any, strength: float | None, expected: Any) -> None:
    card = Card().emits(emitted)
    if strength is not None:
        card.fields["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": strength}}
    left, right, primitives = card.halves(factor)
    assert left == pytest.approx(expected, abs=1e-5)
    assert right == pytest.approx(expected, abs=1e-5)
    assert primitives == 1


@pytest.mark.documented(
    "https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_materials_unlit"
)
def test_unlit_materials_send_out_nothing() -> None:
    card = Card().emits((1, 0, 0))
    card.fields["extensions"] = {"KHR_materials_unlit": {}}
    assert card.halves((0, 0, 1, 1))[0] == pytest.approx((0, 0, 1))


def test_all_over_a_texture_or_colours_at_the_vertices() -> None:
    card = Card().emits((0, 0.5, 0))
    left, _, primitives = card.halves(texture=card.painted(BASE))
    assert left == pytest.approx((LIGHT, 0.5, 0), abs=0.005)
    assert primitives == 1
    card = Card().emits((0.75, 0.5, 0))
    card.attributes["COLOR_0"] = np.full((4, 3), 0.5, np.float32)
    left, _, primitives = card.halves((1, 0.5, 0, 1))
    assert left == pytest.approx((1, 0.75, 0), abs=1e-5)
    assert primitives == 1


@pytest.mark.documented(EMISSIVE)
@pytest.mark.parametrize("strength", [1.0, 10.0])
def test_a_lamp_on_a_plain_body_and_on_a_painted_one(strength: float) -> None:
    for factor, texture in (((LIGHT, 0, 0, 1), None), (None, BASE), (None, np.repeat(BASE, 3, axis=0))):
        card = Card().emits((1, 0.5, 0), LAMP)
        card.fields["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": strength}}
        left, right, primitives = card.halves(factor, None if texture is None else card.painted(texture))
        assert left == pytest.approx((LIGHT, 0, 0), abs=0.005)
        assert right == pytest.approx((1, min(1, 0.5 * strength), 0), abs=0.005)
        assert primitives == 1


def test_a_lamp_elsewhere_than_the_paint_or_beside_colours_at_the_vertices() -> None:
    # On the other set of coordinates the bright half is on the left.
    card = Card().emits((0.5, 0.5, 0), LAMP, on=1)
    left, right, primitives = card.halves(texture=card.painted(BASE))
    assert left == pytest.approx((LIGHT + 0.5, 0.5, 0), abs=0.005)
    assert right == pytest.approx((LIGHT, 0, 0), abs=0.005)
    assert primitives == 2
    card = Card().emits((0, 0, 0.5), LAMP)
    card.attributes["COLOR_0"] = np.full((4, 3), 0.5, np.float32)
    left, right, _ = card.halves(texture=card.painted(BASE))
    assert left == pytest.approx((LIGHT / 2, 0, 0), abs=0.005)
    assert right == pytest.approx((LIGHT / 2, 0, 0.5), abs=0.005)


def test_holes_stay_holes_and_a_lamp_of_its_own_there_is_said_to_be_left_out() -> None:
    holes = np.array([[[GREY, 0, 0, 255], [0, 0, 0, 0]]], np.uint8)
    for on, notes in ((0, 0), (1, 1)):
        card = Card().emits((0, 1, 0), LAMP, on=on)
        card.fields["alphaMode"] = "MASK"
        look = card.builder.material(texture=card.painted(holes), **card.fields)
        primitive = card.builder.primitive(CARD, FACES, look, **card.attributes)
        card.builder.node(card.builder.mesh(primitive))
        model = model_of(card.builder.glb())
        assert len(model.notes) == notes
        voxels = voxelize(model, 8)
        assert voxels.surface[:, 0].max() <= 4
        assert voxels.colors.mean(axis=0) == pytest.approx((LIGHT, 0, 0), abs=0.005)


def test_textures_that_are_made_count_as_those_that_are_read() -> None:
    card = Card()
    wide, tall = (card.painted(np.zeros((*shape, 3), np.uint8)) for shape in ((1, 30_000), (30_000, 1)))
    assert MAX_IN_ALL < 30_000 * 30_000
    card.fields = {"emissiveFactor": [1, 1, 1], "emissiveTexture": {"index": wide}}
    with pytest.raises(ValueError, match=r"900060000 pixels together"):
        card.halves(texture=tall)
