"""glTF's JSON as records, as far as triangles and their colours go: names and defaults are glTF's.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#properties-reference

Ranges are checked where a value is used: a part that nothing shows may be as wrong as it likes. What
exporters write for "none" is none: null, and -1 for an index (`given`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard

from pydantic import ConfigDict, Field, FiniteFloat, TypeAdapter
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler


class _NullIs:
    """null stands for a default."""

    def __init__(self, default: object) -> None:
        self._default = default

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda value: self._default if value is None else value,
            core_schema.nullable_schema(handler(source)),
        )


class _AttributesSchema:
    """Accessors by name. One error says that some are not numbers, instead of one for each."""

    def __get_pydantic_core_schema__(
        self, _source: type[Any], _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        held = core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
        return core_schema.no_info_after_validator_function(_indices, core_schema.nullable_schema(held))


def _indices(attributes: dict[str, Any] | None) -> dict[str, int]:
    if any(type(index) is not int for index in (attributes or {}).values()):
        raise ValueError("expected the number of an accessor for each name")
    return attributes or {}


_JSON = ConfigDict(alias_generator=to_camel, extra="ignore")
_NONE = _NullIs(())
_FIRST = Field(fail_fast=True)
"""The first wrong part of many is enough: messages are larger than what they are about."""

Indices = Annotated[tuple[int, ...], _FIRST, _NONE]
Offset = Annotated[int, _NullIs(0)]
Attributes = Annotated[dict[str, int], _AttributesSchema()]
Weights = Annotated[tuple[FiniteFloat, ...], _FIRST]
Matrix = Annotated[tuple[FiniteFloat, ...], Field(min_length=16, max_length=16, fail_fast=True)]
Vector = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
Rotation = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
Color = tuple[float, float, float]
ColorAlpha = tuple[float, float, float, float]


def given(index: int | None) -> TypeGuard[int]:
    """Whether an optional index is given; some exporters write -1 where it is not."""
    return index is not None and index != -1


# Records with slots: a JSON of nothing but small parts costs a third of what pydantic's models would.


@dataclass(config=_JSON, frozen=True, slots=True)
class Buffer:
    """Bytes: the binary chunk, or, with a `uri`, in the JSON itself or outside of the file."""

    byte_length: int
    uri: str | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class BufferView:
    """A stretch of a buffer."""

    buffer: int
    byte_length: int
    byte_offset: Offset = 0
    byte_stride: int | None = None
    target: int | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class SparseIndices:
    """Which elements a sparse accessor replaces."""

    buffer_view: int
    component_type: int
    byte_offset: Offset = 0


@dataclass(config=_JSON, frozen=True, slots=True)
class SparseValues:
    """What a sparse accessor puts there."""

    buffer_view: int
    byte_offset: Offset = 0


@dataclass(config=_JSON, frozen=True, slots=True)
class Sparse:
    """Elements of an accessor that differ from its bufferView."""

    count: int
    indices: SparseIndices
    values: SparseValues


@dataclass(config=_JSON, frozen=True, slots=True)
class Accessor:
    """A bufferView seen as an array."""

    component_type: int
    count: int
    type: str
    buffer_view: int | None = None
    byte_offset: Offset = 0
    normalized: bool = False
    sparse: Sparse | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class Primitive:
    """Triangles, lines or points of one material; `targets` are what morph weights add to its attributes."""

    attributes: Attributes = Field(default_factory=dict)
    indices: int | None = None
    material: int | None = None
    mode: Annotated[int, Field(ge=0, le=6), _NullIs(4)] = 4
    targets: Annotated[tuple[Attributes, ...], _FIRST, _NONE] = ()


@dataclass(config=_JSON, frozen=True, slots=True)
class MeshPart:
    """glTF's mesh: primitives that are placed together."""

    primitives: Annotated[tuple[Primitive, ...], _FIRST, _NONE] = ()
    weights: Weights | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class Instancing:
    """EXT_mesh_gpu_instancing: the accessors of each instance's transform, by name.

    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Vendor/EXT_mesh_gpu_instancing
    """

    attributes: Attributes = Field(default_factory=dict)


@dataclass(config=_JSON, frozen=True, slots=True)
class Visibility:
    """KHR_node_visibility: https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_node_visibility."""

    visible: Annotated[bool, _NullIs(True)] = True


@dataclass(config=_JSON, frozen=True, slots=True)
class NodeExtensions:
    """The extensions of a node."""

    instancing: Instancing | None = Field(default=None, alias="EXT_mesh_gpu_instancing")
    visibility: Visibility | None = Field(default=None, alias="KHR_node_visibility")


@dataclass(config=_JSON, frozen=True, slots=True)
class Node:
    """A node of the scene."""

    children: Indices = ()
    mesh: int | None = None
    skin: int | None = None
    weights: Weights | None = None
    matrix: Matrix | None = None
    translation: Vector | None = None
    rotation: Rotation | None = None
    scale: Vector | None = None
    extensions: NodeExtensions | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class Skin:
    """The nodes that move a skinned mesh, and what undoes where they stood when it was bound to them."""

    joints: Indices = ()
    inverse_bind_matrices: int | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class Scene:
    """The roots of a tree of nodes."""

    nodes: Indices = ()


@dataclass(config=_JSON, frozen=True, slots=True)
class TextureTransform:
    """KHR_texture_transform: where on the texture its coordinates are; `rotation` in radians.

    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_texture_transform
    """

    offset: tuple[FiniteFloat, FiniteFloat] = (0, 0)
    rotation: FiniteFloat = 0
    scale: tuple[FiniteFloat, FiniteFloat] = (1, 1)
    tex_coord: int | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class TextureInfoExtensions:
    """The extensions of a texture's use."""

    transform: TextureTransform | None = Field(default=None, alias="KHR_texture_transform")


@dataclass(config=_JSON, frozen=True, slots=True)
class TextureInfo:
    """A texture as a material uses it."""

    index: int
    tex_coord: Offset = 0
    extensions: TextureInfoExtensions | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class PbrMetallicRoughness:
    """A surface's appearance; texture and factor are multiplied."""

    base_color_factor: ColorAlpha = (1, 1, 1, 1)
    base_color_texture: TextureInfo | None = None
    metallic_factor: float = 1
    roughness_factor: float = 1


@dataclass(config=_JSON, frozen=True, slots=True)
class SpecularGlossiness:
    """KHR_materials_pbrSpecularGlossiness, of older files: its diffuse part stands for the base colour.

    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Archived/KHR_materials_pbrSpecularGlossiness
    """

    diffuse_factor: ColorAlpha = (1, 1, 1, 1)
    diffuse_texture: TextureInfo | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class EmissiveStrength:
    """KHR_materials_emissive_strength: what the emissive factor is multiplied with.

    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_materials_emissive_strength
    """

    emissive_strength: float = 1


@dataclass(config=_JSON, frozen=True, slots=True)
class Unlit:
    """KHR_materials_unlit: the base colour as it is, without light from anywhere.

    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_materials_unlit
    """


@dataclass(config=_JSON, frozen=True, slots=True)
class MaterialExtensions:
    """The extensions of a material."""

    specular_glossiness: SpecularGlossiness | None = Field(
        default=None, alias="KHR_materials_pbrSpecularGlossiness"
    )
    emissive_strength: EmissiveStrength | None = Field(default=None, alias="KHR_materials_emissive_strength")
    unlit: Unlit | None = Field(default=None, alias="KHR_materials_unlit")


@dataclass(config=_JSON, frozen=True, slots=True)
class Material:
    """A primitive's appearance."""

    pbr_metallic_roughness: Annotated[PbrMetallicRoughness, _NullIs(PbrMetallicRoughness())] = (
        PbrMetallicRoughness()
    )
    emissive_factor: Annotated[Color, _NullIs((0, 0, 0))] = (0, 0, 0)
    emissive_texture: TextureInfo | None = None
    alpha_mode: Annotated[Literal["OPAQUE", "MASK", "BLEND"], _NullIs("OPAQUE")] = "OPAQUE"
    alpha_cutoff: Annotated[float, Field(ge=0), _NullIs(0.5)] = 0.5
    extensions: Annotated[MaterialExtensions, _NullIs(MaterialExtensions())] = MaterialExtensions()


@dataclass(config=_JSON, frozen=True, slots=True)
class Sampler:
    """How a texture is read between and beyond its texels."""

    mag_filter: int | None = None
    wrap_s: Annotated[Literal[33071, 33648, 10497], _NullIs(10497)] = 10497
    wrap_t: Annotated[Literal[33071, 33648, 10497], _NullIs(10497)] = 10497


@dataclass(config=_JSON, frozen=True, slots=True)
class WebpTexture:
    """EXT_texture_webp: https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Vendor/EXT_texture_webp."""

    source: int | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class TextureExtensions:
    """The extensions of a texture."""

    webp: WebpTexture | None = Field(default=None, alias="EXT_texture_webp")


@dataclass(config=_JSON, frozen=True, slots=True)
class Texture:
    """An image with a sampler."""

    source: int | None = None
    sampler: int | None = None
    extensions: Annotated[TextureExtensions, _NullIs(TextureExtensions())] = TextureExtensions()


@dataclass(config=_JSON, frozen=True, slots=True)
class Image:
    """An encoded image: in a bufferView, in the JSON itself, or outside the file."""

    buffer_view: int | None = None
    mime_type: str | None = None
    uri: str | None = None


@dataclass(config=_JSON, frozen=True, slots=True)
class Asset:
    """The file's metadata."""

    version: str


@dataclass(config=_JSON, frozen=True, slots=True)
class Document:
    """The whole JSON chunk."""

    asset: Asset
    buffers: Annotated[tuple[Buffer, ...], _FIRST, _NONE] = ()
    buffer_views: Annotated[tuple[BufferView, ...], _FIRST, _NONE] = ()
    accessors: Annotated[tuple[Accessor, ...], _FIRST, _NONE] = ()
    meshes: Annotated[tuple[MeshPart, ...], _FIRST, _NONE] = ()
    nodes: Annotated[tuple[Node, ...], _FIRST, _NONE] = ()
    skins: Annotated[tuple[Skin, ...], _FIRST, _NONE] = ()
    scenes: Annotated[tuple[Scene, ...], _FIRST, _NONE] = ()
    scene: int | None = None
    materials: Annotated[tuple[Material, ...], _FIRST, _NONE] = ()
    textures: Annotated[tuple[Texture, ...], _FIRST, _NONE] = ()
    samplers: Annotated[tuple[Sampler, ...], _FIRST, _NONE] = ()
    images: Annotated[tuple[Image, ...], _FIRST, _NONE] = ()
    extensions_used: Annotated[tuple[str, ...], _FIRST, _NONE] = ()
    extensions_required: Annotated[tuple[str, ...], _FIRST, _NONE] = ()


DOCUMENT: TypeAdapter[Document] = TypeAdapter(Document)
"""`validate_json` makes a document of the JSON chunk's text."""
