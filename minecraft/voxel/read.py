"""A GLB as a model: every triangle that its scene shows, primitive by primitive, never merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gltf import format as glb
from gltf.geometry import floats, positions_and_faces
from gltf.open import open_glb
from gltf.scene import placed_primitives
from minecraft.voxel.model import Material, Model, Primitive
from minecraft.voxel.textures import Textures

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from gltf.document import Document, TextureInfo
    from gltf.document import Material as GltfMaterial
    from gltf.document import Primitive as GltfPrimitive
    from gltf.scene import Placed

MAX_TRIANGLES = 2_000_000
"""Ten times what the endpoint makes at most where nobody asks for more."""

SUPPORTED = frozenset(
    {
        *("KHR_mesh_quantization", "KHR_texture_transform", "KHR_materials_unlit", "EXT_texture_webp"),
        *("KHR_materials_pbrSpecularGlossiness", "KHR_materials_emissive_strength", "KHR_materials_ior"),
        *("KHR_materials_specular", "KHR_materials_clearcoat", "KHR_materials_sheen"),
        *("KHR_materials_transmission", "KHR_materials_volume", "KHR_lights_punctual"),
    }
)
"""Extensions that a file may require: those that are read, and those that change no base colour."""

_WAYS_OUT = {
    "KHR_draco_mesh_compression": "`gltf-transform copy` without compression writes one that can be read",
    "EXT_meshopt_compression": "`gltf-transform copy` without compression writes one that can be read",
    "KHR_texture_basisu": "`gltf-transform ktxdecompress` writes one with PNG textures",
}
_HALF = 0.5


class ModelError(ValueError):
    """A file that no model can be made of; the message says what is wrong with it."""


def read_model(path: Path, *, max_triangles: int = MAX_TRIANGLES) -> Model:
    """The model in a GLB file. Nothing outside it is followed, and sizes are checked before data is read.

    Raises:
        ModelError: the file is no GLB, breaks glTF's rules, needs an extension that is not read here, has no
            triangle, more than `max_triangles`, or more texels than `textures.MAX_PIXELS`.
    """
    try:
        document, binary = open_glb(path)
        _check_extensions(document)
        textures = Textures(document, binary)
        placed = placed_primitives(document, max_triangles)
        found = [_primitive(document, binary, textures, one) for one in placed if one.triangles]
    except glb.GlbError as error:
        raise ModelError(f"the model cannot be read: {error}") from error
    primitives = tuple(one for one in found if len(one.faces))
    if not primitives:
        raise ModelError("the model has no triangles")
    return Model(primitives)


def _check_extensions(document: Document) -> None:
    for name in document.extensions_required:
        if name not in SUPPORTED:
            way_out = _WAYS_OUT.get(name, "export it again without")
            raise ModelError(f"the model needs the glTF extension {name}, which is not read here: {way_out}")


def _primitive(document: Document, binary: glb.Bytes, textures: Textures, placed: Placed) -> Primitive:
    positions, faces = positions_and_faces(document, binary, placed)
    faces = np.ascontiguousarray(faces[_with_area(positions, faces)])
    if not np.isfinite(positions[faces]).all():
        raise ModelError("the model has positions that are no finite numbers")
    gltf, info = _material(document, placed.primitive)
    factor = _factor(gltf)
    texture = None if info is None else textures.get(info.index)
    uv = None if info is None else _coordinates(document, binary, placed.primitive, info)
    material = Material(factor, texture if uv is not None else None, _cutoff(gltf))
    colors = _colors(document, binary, placed.primitive, len(positions))
    return Primitive(positions, faces, material, uv if texture is not None else None, colors)


def _with_area(positions: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which triangles have three corners at three places."""
    a, b, c = (positions[faces[:, corner]] for corner in range(3))
    return np.asarray((a != b).any(axis=1) & (b != c).any(axis=1) & (c != a).any(axis=1))


def _material(document: Document, primitive: GltfPrimitive) -> tuple[GltfMaterial | None, TextureInfo | None]:
    if primitive.material is None:
        return None, None
    material = glb.item(document.materials, primitive.material, "material")
    older = material.extensions.specular_glossiness
    return material, older.diffuse_texture if older else material.pbr_metallic_roughness.base_color_texture


def _factor(material: GltfMaterial | None) -> tuple[float, float, float, float]:
    if material is None:
        return (1.0, 1.0, 1.0, 1.0)
    older = material.extensions.specular_glossiness
    factor = older.diffuse_factor if older else material.pbr_metallic_roughness.base_color_factor
    if not np.isfinite(factor).all():
        raise ModelError(f"the model has a base colour of {factor}: expected finite numbers")
    r, g, b, a = (min(1.0, max(0.0, value)) for value in factor)
    return (r, g, b, a)


def _cutoff(material: GltfMaterial | None) -> float:
    """What is half transparent or more counts as air where a material blends: a block shows or does not."""
    if material is None or material.alpha_mode == "OPAQUE":
        return 0.0
    return material.alpha_cutoff if material.alpha_mode == "MASK" else _HALF


def _coordinates(
    document: Document, binary: glb.Bytes, primitive: GltfPrimitive, info: TextureInfo
) -> NDArray[np.float32] | None:
    """(n, 2) texture coordinates; None where the primitive has none of the set that its texture wants."""
    transform = info.extensions.transform
    chosen = info.tex_coord if transform is None or transform.tex_coord is None else transform.tex_coord
    index = primitive.attributes.get(f"TEXCOORD_{chosen}")
    if index is None:
        return None
    _check_count(f"TEXCOORD_{chosen}", document, primitive)
    uv = floats(document, binary, index, "VEC2")
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found not to be finite
        if transform is not None:
            cosine, sine = np.cos(transform.rotation), np.sin(transform.rotation)
            turned = np.array([[cosine, sine], [-sine, cosine]]) * np.array(transform.scale)
            uv = uv @ turned.T + np.array(transform.offset)
        found = uv.astype(np.float32)
    if not np.isfinite(found).all():
        raise ModelError("the model has texture coordinates that are no finite numbers")
    return found


def _colors(
    document: Document, binary: glb.Bytes, primitive: GltfPrimitive, count: int
) -> NDArray[np.float32] | None:
    index = primitive.attributes.get("COLOR_0")
    if index is None:
        return None
    _check_count("COLOR_0", document, primitive)
    values = floats(document, binary, index, "VEC3", "VEC4")
    if not np.isfinite(values).all():
        raise ModelError("the model has vertex colours that are no finite numbers")
    colors = np.ones((count, 4), np.float32)
    colors[:, : values.shape[1]] = values.clip(0, 1)
    return colors


def _check_count(name: str, document: Document, primitive: GltfPrimitive) -> None:
    """Before values are read: an accessor without data is as long as it says, and need not be in the file."""
    count, expected = (
        glb.item(document.accessors, primitive.attributes[attribute], "accessor").count
        for attribute in (name, "POSITION")
    )
    if count != expected:
        raise glb.GlbError(f"{name} has {count} values for {expected} vertices")
