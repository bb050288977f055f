from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from fixtures import meshes
from fixtures.glb import GlbBuilder, png
from meshtwin.gltf.extensions import SUPPORTED
from meshtwin.gltf.format import Wrap
from meshtwin.minecraft.voxel.read.model import Model
from meshtwin.minecraft.voxel.read.read import ModelError
from tests.support.glbs import document_in, model_of, with_document

if TYPE_CHECKING:
    from numpy.typing import NDArray

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
RED = np.full((2, 2, 3), (200, 10, 10), np.uint8)


def _square(**material: Any) -> GlbBuilder:
    """A square whose texture is red."""
    builder = GlbBuilder()
    look = builder.material(texture=builder.painted(RED), **material)
    builder.node(builder.mesh(builder.primitive(SQUARE, FACES, look, TEXCOORD_0=UV)))
    return builder


def _edited(data: bytes, part: str, index: int = 0, **fields: Any) -> bytes:
    document = document_in(data)
    document[part][index] |= fields
    return with_document(data, document)


def _refusal(data: bytes, **limits: int) -> str:
    with pytest.raises(ModelError) as caught:
        model_of(data, **limits)
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(meshes.SOUND))
def test_trimesh_sees_the_same_triangles(name: str) -> None:
    data = meshes.SOUND[name]()
    found = np.concatenate([one.positions[one.faces] for one in model_of(data).primitives])
    theirs: Any = trimesh.load_scene(io.BytesIO(data), file_type="glb", process=False)
    expected = np.concatenate([mesh.triangles for mesh in theirs.dump()])
    real = np.ones(len(expected), bool)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        real &= (expected[:, one] != expected[:, other]).any(axis=1)
    scale = float(np.abs(expected).max())
    assert _sorted(found / scale) == pytest.approx(_sorted(expected[real] / scale), abs=1e-5)
    # The outside is outside: twice the signed volume, not only the same corners.
    volume = np.linalg.det(found.astype(np.float64) / scale).sum()
    assert volume == pytest.approx(np.linalg.det(expected / scale).sum(), abs=1e-4)


def _sorted(triangles: NDArray[np.floating]) -> NDArray[np.float64]:
    middles = triangles.mean(axis=1).astype(np.float64)
    return np.asarray(middles[np.lexsort(middles.round(4).T)])


def test_trimesh_sees_the_same_coordinates_colours_and_factors() -> None:
    data = meshes.scene()
    document = document_in(data)
    # One without a transform, which trimesh leaves to others.
    del document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["extensions"]
    found = model_of(with_document(data, document)).primitives
    theirs: Any = trimesh.load_scene(
        io.BytesIO(with_document(data, document)), file_type="glb", process=False, merge_primitives=False
    )
    looks = [mesh.visual for mesh in theirs.geometry.values()]
    factors = {tuple(look.material.baseColorFactor) for look in looks if _factor(look) is not None}
    ours = {tuple(round(255 * part) for part in one.material.factor) for one in found}
    assert factors <= ours
    assert (26, 51, 204, 255) in factors
    colored = next(look for look in looks if look.kind == "vertex")
    own = next(one.colors for one in found if one.colors is not None)
    assert np.abs(np.asarray(colored.vertex_colors) / 255 - own).max() <= 0.5 / 255 + 1e-6
    textured = [look for look in looks if look.kind == "texture" and look.material.alphaMode == "MASK"]
    masked = next(one for one in found if one.material.alpha_cutoff > 0)
    assert masked.uv is not None
    # trimesh turns v up.
    assert np.asarray(textured[0].uv) * [1, -1] + [0, 1] == pytest.approx(masked.uv, abs=1e-5)


def _factor(look: Any) -> Any:
    return getattr(getattr(look, "material", None), "baseColorFactor", None)


def test_a_scene_keeps_its_primitives_apart() -> None:
    primitives = model_of(meshes.scene()).primitives
    assert len(primitives) == 8
    assert {one.material.alpha_cutoff for one in primitives} == {0.0, 0.4}
    assert sum(one.material.texture is not None for one in primitives) == 2
    assert sum(one.colors is not None for one in primitives) == 2
    for one in primitives:
        assert (one.uv is None) == (one.material.texture is None)
        assert one.positions.dtype == np.float32
        assert one.faces.dtype == np.int32


@pytest.mark.documented(
    "https://github.com/KhronosGroup/glTF-Sample-Models/tree/main/2.0/TextureTransformTest",
)
def test_a_texture_is_moved_turned_and_scaled() -> None:
    builder = GlbBuilder()
    moved = {"offset": [0.5, 0.25], "rotation": np.pi / 2, "scale": [2, 3], "texCoord": 1}
    use = {"texCoord": 0, "extensions": {"KHR_texture_transform": moved}}
    look = builder.material(texture=builder.painted(RED), use=use)
    builder.node(
        builder.mesh(builder.primitive(SQUARE, FACES, look, TEXCOORD_0=UV * 9, TEXCOORD_1=UV)),
    )
    found = model_of(builder.glb()).primitives[0].uv
    # A quarter turn against the clock, v being down: u goes to where v was less.
    expected = np.stack([3 * UV[:, 1] + 0.5, -2 * UV[:, 0] + 0.25], axis=1)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("number", "wrap"), [(10497, Wrap.REPEAT), (33648, Wrap.MIRROR), (33071, Wrap.CLAMP)]
)
def test_samplers(number: int, wrap: Wrap) -> None:
    data = _square().glb()
    texture = model_of(_edited(data, "samplers", wrapS=number, magFilter=9728)).primitives[0].material.texture
    assert texture is not None
    assert (texture.wrap_u, texture.wrap_v, texture.nearest) == (wrap, Wrap.REPEAT, True)
    texture = model_of(_edited(data, "samplers", wrapT=number)).primitives[0].material.texture
    assert texture is not None
    assert (texture.wrap_u, texture.wrap_v, texture.nearest) == (Wrap.REPEAT, wrap, False)
    assert "samplers.0.wrapS" in _refusal(_edited(data, "samplers", wrapS=1))


def test_a_texture_is_decoded_once() -> None:
    builder = GlbBuilder()
    image = builder.texture(builder.image(png(RED)))
    other = builder.texture(0, wrapS=meshes.CLAMP)
    looks = [builder.material(texture=texture) for texture in (image, image, other)]
    builder.node(
        builder.mesh(*(builder.primitive(SQUARE, FACES, look, TEXCOORD_0=UV) for look in looks)),
    )
    first, second, third = (one.material.texture for one in model_of(builder.glb()).primitives)
    assert first is not None
    assert third is not None
    assert first is second
    assert first.pixels is third.pixels


@pytest.mark.parametrize(
    ("mode", "cutoff", "expected"),
    [("OPAQUE", 0.3, 0.0), ("MASK", 0.3, 0.3), ("MASK", None, 0.5), ("BLEND", 0.3, 0.5)],
)
def test_alpha_modes(mode: str, cutoff: float | None, expected: float) -> None:
    more = {} if cutoff is None else {"alphaCutoff": cutoff}
    found = model_of(_square(alphaMode=mode, **more).glb()).primitives[0].material
    assert found.alpha_cutoff == expected


@pytest.mark.documented(
    "https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Archived/KHR_materials_pbrSpecularGlossiness"
)
def test_the_older_kind_of_material() -> None:
    older = {"diffuseFactor": [0.25, 0.5, 0.75, 1.0], "diffuseTexture": {"index": 0}}
    builder = _square(extensions={"KHR_materials_pbrSpecularGlossiness": older})
    builder.required.append("KHR_materials_pbrSpecularGlossiness")
    del builder.parts["materials"][0]["pbrMetallicRoughness"]
    found = model_of(builder.glb()).primitives[0].material
    assert found.factor == (0.25, 0.5, 0.75, 1.0)
    assert found.texture is not None
    assert found.texture.pixels[0, 0].tolist() == [200, 10, 10, 255]


def test_a_texture_without_coordinates_is_left_out() -> None:
    builder = _square()
    del builder.parts["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_0"]
    found = model_of(builder.glb()).primitives[0]
    assert found.material.texture is None
    assert found.uv is None


def test_factors_are_brought_into_range() -> None:
    found = model_of(_square_of([2.0, -1.0, 0.5, 1.0])).primitives[0].material
    assert found.factor == (1.0, 0.0, 0.5, 1.0)


def _square_of(factor: list[float]) -> bytes:
    builder = GlbBuilder()
    builder.node(builder.mesh(builder.primitive(SQUARE, FACES, builder.material(tuple(factor)))))
    return builder.glb()


@pytest.mark.parametrize("name", ["nothing_but_zero_area", "no_triangles"])
def test_nothing_to_build(name: str) -> None:
    assert _refusal(getattr(meshes, name)()) == "the model has no triangles"


def test_triangles_with_two_corners_in_one_place_are_left_out() -> None:
    assert len(model_of(meshes.zero_area()).primitives[0].faces) == 13


@pytest.mark.parametrize("name", ["not_a_number", "beyond_numbers"])
def test_positions_that_are_none(name: str) -> None:
    assert _refusal(getattr(meshes, name)()) == "the model has positions that are not finite numbers"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_other_numbers_that_are_none(bad: float) -> None:
    builder = _square()
    wrong = UV.copy()
    wrong[2, 1] = bad
    builder.parts["meshes"][0]["primitives"] = [builder.primitive(SQUARE, FACES, 0, TEXCOORD_0=wrong)]
    assert "texture coordinates that are not finite" in _refusal(builder.glb())
    builder = GlbBuilder()
    colors = np.full((4, 4), bad, np.float32)
    builder.node(builder.mesh(builder.primitive(SQUARE, FACES, COLOR_0=colors)))
    assert "vertex colours that are not finite" in _refusal(builder.glb())


def test_a_base_colour_that_is_no_number() -> None:
    data = _edited(
        _square_of([1, 1, 1, 1]), "materials", pbrMetallicRoughness={"baseColorFactor": [1e999] * 4}
    )
    assert "base colour of (inf" in _refusal(data)


@pytest.mark.parametrize("scale", [1e300, 1e39])
def test_a_texture_moved_out_of_all_numbers(scale: float) -> None:
    builder = _square()
    texture = builder.parts["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    texture["extensions"] = {"KHR_texture_transform": {"scale": [scale, scale], "offset": [scale, 1e308]}}
    assert "texture coordinates that are not finite" in _refusal(builder.glb())


@pytest.mark.parametrize(
    ("name", "way_out"),
    [
        ("KHR_draco_mesh_compression", "gltf-transform copy"),
        ("EXT_meshopt_compression", "gltf-transform copy"),
        ("KHR_texture_basisu", "gltf-transform ktxdecompress"),
        ("ACME_secret", "export it again without"),
    ],
)
def test_extensions_that_are_not_read(name: str, way_out: str) -> None:
    builder = _square()
    builder.required.append(name)
    message = _refusal(builder.glb())
    assert name in message
    assert way_out in message


def test_extensions_that_are_read_or_change_no_colour() -> None:
    builder = _square()
    builder.required += sorted(SUPPORTED)
    assert len(model_of(builder.glb()).primitives) == 1


def test_an_extension_that_is_only_used_is_no_obstacle() -> None:
    data = _square().glb()
    document = document_in(data) | {"extensionsUsed": ["ACME_secret"]}
    assert len(model_of(with_document(data, document)).primitives) == 1


def test_nothing_outside_the_file_is_followed() -> None:
    data = _square().glb()
    document = document_in(data)
    document["images"] = [{"uri": "file:///etc/hostname"}]
    message = _refusal(with_document(data, document))
    assert "image 0 lies outside the file" in message
    assert "gltf-transform copy" in message
    document = document_in(data)
    document["buffers"][0]["uri"] = "https://example.com/model.bin"
    assert "buffer 0 lies outside the file" in _refusal(with_document(data, document))


def test_too_many_triangles() -> None:
    assert len(model_of(meshes.flat_sheet(), max_triangles=2).primitives) == 1
    assert "at least 2 triangles" in _refusal(meshes.flat_sheet(), max_triangles=1)
    builder = _square()
    for _ in range(9):
        builder.node(0)
    assert "at least 12 triangles" in _refusal(builder.glb(), max_triangles=11)


@pytest.mark.parametrize("attribute", ["TEXCOORD_0", "COLOR_0"])
@pytest.mark.parametrize("count", [3, 10**15])
def test_attributes_of_another_length(attribute: str, count: int) -> None:
    builder = _square()
    # Without a bufferView all values are 0, and none is in the file.
    builder.binary.accessors.append(
        {"componentType": 5126, "count": count, "type": "VEC2" if attribute == "TEXCOORD_0" else "VEC4"}
    )
    attributes = builder.parts["meshes"][0]["primitives"][0]["attributes"]
    attributes[attribute] = len(builder.binary.accessors) - 1
    assert f"{attribute} has {count} values for 4 vertices" in _refusal(builder.glb())


def test_parts_that_are_not_there() -> None:
    data = _square().glb()
    for part, fields in (
        ("meshes", {"primitives": [{"attributes": {"POSITION": 0}, "material": 7}]}),
        ("materials", {"pbrMetallicRoughness": {"baseColorTexture": {"index": 7}}}),
        ("textures", {"source": 7}),
        ("textures", {"sampler": 7}),
        ("images", {"bufferView": 7}),
        ("nodes", {"mesh": 7}),
    ):
        assert "7 is referenced, but there are" in _refusal(_edited(data, part, **fields))


SCENE = meshes.scene()


@given(st.lists(st.tuples(st.integers(0, len(SCENE) - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_damage_is_a_model_or_an_error_that_says_so(flips: list[tuple[int, int]]) -> None:
    damaged = bytearray(SCENE)
    for at, bits in flips:
        damaged[at] ^= bits
    _model_or_error(bytes(damaged))


@given(st.integers(0, len(SCENE) - 1))
def test_what_is_cut_short_is_refused(length: int) -> None:
    _refusal(SCENE[:length])


@given(st.data())
def test_any_number_in_the_document_may_be_another(data: st.DataObject) -> None:
    document = document_in(SCENE)
    places = list(_numbers(document))
    holder, key = places[data.draw(st.integers(0, len(places) - 1))]
    holder[key] = data.draw(
        st.sampled_from([-1, 0, 1, 5, 2**31, 2**63, 10**40, 1e308, -1e308, "1", None, []])
    )
    _model_or_error(with_document(SCENE, document))


def _model_or_error(data: bytes) -> None:
    try:
        found = model_of(data, max_triangles=10_000)
    except ModelError:
        return
    assert isinstance(found, Model)
    for one in found.primitives:
        assert np.isfinite(one.positions[one.faces]).all()
        assert one.uv is None or np.isfinite(one.uv).all()


def _numbers(part: Any) -> Any:
    """Where the numbers in some JSON are."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        if isinstance(value, (dict, list)):
            yield from _numbers(value)
        elif isinstance(value, (int, float)):
            yield part, key
