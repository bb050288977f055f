"""Emissive surfaces: reflected and emitted light together, clipped in linear light.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#additional-textures

Both become one base colour. Only where the two lie on different textures, or the base has colours at its
vertices besides a texture, there are two primitives in one place, of twice the light each: a cell's colour is
the mean of what is in it, so their sum is right but where only a part of a cell is brighter than white.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb, srgb_from_linear
from meshtwin.minecraft.voxel.read.model import Material, Primitive, Texture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.gltf.document import Material as GltfMaterial
    from meshtwin.minecraft.voxel.read.textures import Textures

    Light = tuple[float, float, float]

_BYTES = linear_from_srgb(np.arange(256, dtype=np.uint8)).astype(np.float64)
_ROWS = 256
"""Of a texture that are combined at once."""


def emission(material: GltfMaterial) -> Light | None:
    """The linear RGB that a material emits, before its texture; None where it emits none, as unlit ones."""
    if material.extensions.unlit is not None or not any(material.emissive_factor):
        return None
    strength = material.extensions.emissive_strength
    times = strength.emissive_strength if strength else 1.0
    light = np.nan_to_num(np.array(material.emissive_factor, np.float64).clip(0) * max(0.0, times))
    return (float(light[0]), float(light[1]), float(light[2])) if light.any() else None


class Glow:
    """The glowing primitives of one file; textures are combined once."""

    def __init__(self, textures: Textures) -> None:
        self.notes: tuple[str, ...] = ()
        self._textures = textures
        self._made: dict[tuple[object, ...], Texture] = {}

    def lit(
        self, base: Primitive, light: Light, texture: Texture | None, uv: NDArray[np.float32] | None
    ) -> tuple[Primitive, ...]:
        """`base` with its emitted light, by a texture of its own or uniformly.

        Raises:
            GlbError: the textures are too large together.
        """
        look = base.material
        black = not any(look.factor[:3]) and look.alpha_cutoff == 0
        if texture is None:
            if look.texture is None or black:
                return (_all_over(base, light),)
            if base.colors is None:
                return (self._combined(base, light, look.texture, None),)
        elif black or (look.texture is None and base.colors is None):
            plain = replace(base, material=replace(look, texture=None), uv=uv, colors=None)
            return (self._combined(plain, light, None, texture),)
        elif base.colors is None and look.texture is not None and _same_place(base, texture, uv):
            return (self._combined(base, light, look.texture, texture),)
        return self._beside(base, light, texture, uv)

    def _beside(
        self, base: Primitive, light: Light, texture: Texture | None, uv: NDArray[np.float32] | None
    ) -> tuple[Primitive, ...]:
        look = base.material
        if look.alpha_cutoff > 0:
            self.notes = ("ignored: the emissive textures of materials with an alpha cutoff",)
            return (base,)
        r, g, b, a = look.factor
        dark = Primitive(base.positions, base.faces, Material((0.0, 0.0, 0.0, a)), uv)
        lamp = _all_over(dark, light) if texture is None else self._combined(dark, light, None, texture)
        red, green, blue, _ = lamp.material.factor
        return (
            replace(base, material=replace(look, factor=(2 * r, 2 * g, 2 * b, a))),
            replace(lamp, material=replace(lamp.material, factor=(2 * red, 2 * green, 2 * blue, a))),
        )

    def _combined(
        self, base: Primitive, light: Light, reflected: Texture | None, sent: Texture | None
    ) -> Primitive:
        """`base` with one texture for both; where `sent` is None, it glows all over."""
        texture = sent or reflected
        assert texture is not None
        # The textures are those of the file, which outlive this.
        key = (id(reflected), id(sent), base.material.factor, light)
        if key not in self._made:
            pixels = self._pixels(base.material.factor, light, reflected, sent)
            self._made[key] = replace(texture, pixels=pixels)
        factor = (1.0, 1.0, 1.0, base.material.factor[3])
        return replace(base, material=replace(base.material, factor=factor, texture=self._made[key]))

    def _pixels(
        self,
        factor: tuple[float, float, float, float],
        light: Light,
        reflected: Texture | None,
        sent: Texture | None,
    ) -> NDArray[np.uint8]:
        held = [texture.pixels for texture in (reflected, sent) if texture is not None]
        height, width = (max(pixels.shape[side] for pixels in held) for side in (0, 1))
        self._textures.count((width, height), "a texture combined with its emission")
        tables = [
            _table(factor[channel], light[channel], reflected=reflected is not None, sent=sent is not None)
            for channel in range(3)
        ]
        made = np.full((height, width, 4), 255, np.uint8)
        for top in range(0, height, _ROWS):
            rows = np.arange(top, min(height, top + _ROWS))
            block = made[top : top + _ROWS]
            one = None if reflected is None else _stretched(reflected.pixels, rows, height, width)
            other = None if sent is None else _stretched(sent.pixels, rows, height, width)
            for channel, table in enumerate(tables):
                block[..., channel] = table[
                    0 if one is None else one[..., channel], 0 if other is None else other[..., channel]
                ]
            if one is not None:
                block[..., 3] = one[..., 3]
        return made


def _table(factor: float, light: float, *, reflected: bool, sent: bool) -> NDArray[np.uint8]:
    """SRGB of one channel, for all that the two textures may hold; one value where there is none."""
    base = factor * (_BYTES if reflected else np.ones(1))
    glow = light * (_BYTES if sent else np.ones(1))
    return srgb_from_linear((base[:, None] + glow).clip(0, 1).astype(np.float32))


def _stretched(
    pixels: NDArray[np.uint8], rows: NDArray[np.int64], height: int, width: int
) -> NDArray[np.uint8]:
    """Rows of a texture as if it had `height` of them, and `width` columns: its nearest texels."""
    if pixels.shape[:2] == (height, width):
        return pixels[rows[0] : rows[-1] + 1]
    columns = np.arange(width) * pixels.shape[1] // width
    return np.asarray(pixels[(rows * pixels.shape[0] // height)[:, None], columns])


def _same_place(base: Primitive, texture: Texture, uv: NDArray[np.float32] | None) -> bool:
    """Whether the base's texture and another one show the same texel at each point."""
    own = base.material.texture
    return (
        own is not None
        and base.uv is not None
        and uv is not None
        and (own.wrap_u, own.wrap_v, own.nearest) == (texture.wrap_u, texture.wrap_v, texture.nearest)
        and np.array_equal(base.uv, uv)
    )


def _all_over(base: Primitive, light: Light) -> Primitive:
    """A base without a texture, with the same light everywhere."""
    r, g, b, a = base.material.factor
    if base.colors is None:
        factor = (min(1.0, r + light[0]), min(1.0, g + light[1]), min(1.0, b + light[2]), a)
        return replace(base, material=replace(base.material, factor=factor, texture=None), uv=None)
    colors = base.colors.copy()
    colors[:, :3] = (colors[:, :3] * np.array([r, g, b]) + light).clip(0, 1)
    return replace(base, material=replace(base.material, factor=(1.0, 1.0, 1.0, a)), colors=colors)
