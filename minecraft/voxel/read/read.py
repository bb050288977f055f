"""A GLB as a model: every triangle that its scene shows, primitive by primitive, never merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.gltf import format as glb
from meshtwin.gltf.document import Material, given
from meshtwin.gltf.read import read_shown
from meshtwin.gltf.values import of_vertices
from meshtwin.minecraft.voxel.read.glow import Glow, emission
from meshtwin.minecraft.voxel.read.model import Material as Look
from meshtwin.minecraft.voxel.read.model import Model, Primitive
from meshtwin.minecraft.voxel.read.textures import Textures

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from meshtwin.gltf.document import TextureInfo
    from meshtwin.gltf.read import Part, Shown
    from meshtwin.minecraft.voxel.read.model import Texture

MAX_TRIANGLES = 2_000_000
"""Ten times the endpoint's default maximum."""

_HALF = 0.5


class ModelError(ValueError):
    """A file that is not a readable model; the message says why."""


def read_model(path: Path, *, max_triangles: int = MAX_TRIANGLES) -> Model:
    """The model in a GLB file. Nothing outside it is followed, and sizes are checked before data is read.

    Raises:
        ModelError: the file is not a GLB, breaks glTF's rules, needs an extension that is not read here, has
        no triangle, more than `max_triangles`, or more texels than `textures.MAX_PIXELS`.
    """
    try:
        shown = read_shown(path, max_triangles)
        reader = _Reader(shown)
        notes = reader.make_room(shown.parts)
        primitives = tuple(one for part in shown.parts for one in reader.primitives(part))
    except glb.GlbError as error:
        raise ModelError(f"the model cannot be read: {error}") from error
    if not primitives:
        raise ModelError("; ".join(["the model has no triangles", *shown.notes]))
    return Model(primitives, (*shown.notes, *notes, *reader.notes))


class _Reader:
    """The parts of one file, with their colours."""

    def __init__(self, shown: Shown) -> None:
        self._document, self._buffers = shown.document, shown.buffers
        self._textures = Textures(shown.document, shown.buffers)
        self._glow = Glow(self._textures)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on colours that are ignored."""
        return self._glow.notes

    def primitives(self, part: Part) -> tuple[Primitive, ...]:
        """A part without degenerate triangles; two primitives in one place if it glows by another texture."""
        faces = np.ascontiguousarray(part.faces[_with_area(part.positions, part.faces)])
        if not len(faces):
            return ()
        if not np.isfinite(part.positions[faces]).all():
            raise ModelError("the model has positions that are not finite numbers")
        material = self._material(part)
        uv, texture = self._texture(part, _base(material))
        look = Look(_factor(material), texture, _cutoff(material))
        base = Primitive(part.positions, faces, look, uv, self._colors(part))
        light = emission(material)
        if light is None:
            return (base,)
        uv, texture = self._texture(part, material.emissive_texture)
        if material.emissive_texture is not None and texture is None:
            return (base,)
        return self._glow.lit(base, light, texture, uv)

    def make_room(self, parts: Iterable[Part]) -> tuple[str, ...]:
        """See `Textures`; only what shows counts."""
        looks: set[tuple[tuple[int, ...], bool]] = set()
        for part in parts:
            material = self._material(part)
            glows = emission(material) is not None
            infos = (_base(material), material.emissive_texture if glows else None)
            shown = [
                info.index
                for info in infos
                if info is not None and _uv_attribute(info) in part.primitive.attributes
            ]
            looks.add((tuple(shown), glows))
        return self._textures.make_room(looks)

    def _material(self, part: Part) -> Material:
        if not given(part.primitive.material):
            return Material()
        return glb.item(self._document.materials, part.primitive.material, "material")

    def _texture(
        self, part: Part, info: TextureInfo | None
    ) -> tuple[NDArray[np.float32] | None, Texture | None]:
        """A texture and (n, 2) coordinates on it; neither where the primitive lacks these."""
        if info is None or _uv_attribute(info) not in part.primitive.attributes:
            return None, None
        texture, name = self._textures.get(info.index), _uv_attribute(info)
        transform = info.extensions.transform if info.extensions else None
        uv = of_vertices(self._document, self._buffers, part.primitive, name, "VEC2")
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found not to be finite
            if transform is not None:
                cosine, sine = np.cos(transform.rotation), np.sin(transform.rotation)
                turned = np.array([[cosine, sine], [-sine, cosine]]) * np.array(transform.scale)
                uv = uv @ turned.T + np.array(transform.offset)
            found = uv.astype(np.float32)
        if not np.isfinite(found).all():
            raise ModelError("the model has texture coordinates that are not finite numbers")
        return _copied(found, part), texture

    def _colors(self, part: Part) -> NDArray[np.float32] | None:
        if "COLOR_0" not in part.primitive.attributes:
            return None
        values = of_vertices(self._document, self._buffers, part.primitive, "COLOR_0", "VEC3", "VEC4")
        if not np.isfinite(values).all():
            raise ModelError("the model has vertex colours that are not finite numbers")
        colors = np.ones((len(values), 4), np.float32)
        colors[:, : values.shape[1]] = values.clip(0, 1)
        return _copied(colors, part)


def _base(material: Material) -> TextureInfo | None:
    older = material.extensions.specular_glossiness
    return older.diffuse_texture if older else material.pbr_metallic_roughness.base_color_texture


def _uv_attribute(info: TextureInfo) -> str:
    """The attribute that says where on the texture a vertex is."""
    transform = info.extensions.transform if info.extensions else None
    chosen = transform.tex_coord if transform and given(transform.tex_coord) else info.tex_coord
    return f"TEXCOORD_{chosen}"


def _copied(values: NDArray[np.float32], part: Part) -> NDArray[np.float32]:
    return values if part.copies == 1 else np.tile(values, (part.copies, 1))


def _with_area(positions: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which triangles have three distinct corners."""
    a, b, c = (positions[faces[:, corner]] for corner in range(3))
    return np.asarray((a != b).any(axis=1) & (b != c).any(axis=1) & (c != a).any(axis=1))


def _factor(material: Material) -> tuple[float, float, float, float]:
    older = material.extensions.specular_glossiness
    factor = older.diffuse_factor if older else material.pbr_metallic_roughness.base_color_factor
    if not np.isfinite(factor).all():
        raise ModelError(f"the model has a base colour of {factor}: expected finite numbers")
    r, g, b, a = (min(1.0, max(0.0, value)) for value in factor)
    return (r, g, b, a)


def _cutoff(material: Material) -> float:
    """What is half transparent or more counts as air where a material blends: a block shows or does not."""
    if material.alpha_mode == "OPAQUE":
        return 0.0
    return material.alpha_cutoff if material.alpha_mode == "MASK" else _HALF
