"""glTF's JSON as models, as far as triangles and their base colour go: names, ranges and defaults are glTF's.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#properties-reference
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from pydantic.alias_generators import to_camel

Index = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class Buffer(_Part):
    """Bytes: the binary chunk, or, with a `uri`, something outside of it."""

    byte_length: Count
    uri: str | None = None


class BufferView(_Part):
    """A stretch of a buffer."""

    buffer: Index
    byte_offset: Index = 0
    byte_length: Count
    byte_stride: Annotated[int, Field(ge=4, le=252)] | None = None
    target: int | None = None


class SparseIndices(_Part):
    """Which elements a sparse accessor replaces."""

    buffer_view: Index
    byte_offset: Index = 0
    component_type: Literal[5121, 5123, 5125]


class SparseValues(_Part):
    """What a sparse accessor puts there."""

    buffer_view: Index
    byte_offset: Index = 0


class Sparse(_Part):
    """Elements of an accessor that differ from its bufferView."""

    count: Count
    indices: SparseIndices
    values: SparseValues


class Accessor(_Part):
    """A bufferView seen as an array."""

    buffer_view: Index | None = None
    byte_offset: Index = 0
    component_type: Literal[5120, 5121, 5122, 5123, 5125, 5126]
    normalized: bool = False
    count: Count
    type: Literal["SCALAR", "VEC2", "VEC3", "VEC4", "MAT2", "MAT3", "MAT4"]
    min: list[float] | None = None
    max: list[float] | None = None
    sparse: Sparse | None = None


class Primitive(_Part):
    """Triangles, lines or points of one material."""

    attributes: dict[str, Index]
    indices: Index | None = None
    material: Index | None = None
    mode: Annotated[int, Field(ge=0, le=6)] = 4


class MeshPart(_Part):
    """glTF's mesh: primitives that are placed together."""

    primitives: Annotated[list[Primitive], Field(min_length=1)]


class Node(_Part):
    """A place in the scene."""

    children: list[Index] = []
    mesh: Index | None = None
    matrix: Annotated[list[FiniteFloat], Field(min_length=16, max_length=16)] | None = None
    translation: tuple[FiniteFloat, FiniteFloat, FiniteFloat] = (0, 0, 0)
    rotation: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] = (0, 0, 0, 1)
    scale: tuple[FiniteFloat, FiniteFloat, FiniteFloat] = (1, 1, 1)


class Scene(_Part):
    """The roots of a tree of nodes."""

    nodes: list[Index] = []


class TextureTransform(_Part):
    """KHR_texture_transform: where on the texture its coordinates are; `rotation` in radians.

    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_texture_transform
    """

    offset: tuple[FiniteFloat, FiniteFloat] = (0, 0)
    rotation: FiniteFloat = 0
    scale: tuple[FiniteFloat, FiniteFloat] = (1, 1)
    tex_coord: Index | None = None


class TextureInfoExtensions(_Part):
    """What extensions say of a texture's use."""

    transform: TextureTransform | None = Field(None, alias="KHR_texture_transform")


class TextureInfo(_Part):
    """A texture as a material uses it."""

    index: Index
    tex_coord: Index = 0
    extensions: TextureInfoExtensions = TextureInfoExtensions()


class PbrMetallicRoughness(_Part):
    """The look of a surface; texture and factor are multiplied."""

    base_color_factor: tuple[float, float, float, float] = (1, 1, 1, 1)
    base_color_texture: TextureInfo | None = None
    metallic_factor: float = 1
    roughness_factor: float = 1


class SpecularGlossiness(_Part):
    """KHR_materials_pbrSpecularGlossiness, of older files: its diffuse part stands for the base colour.

    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Archived/KHR_materials_pbrSpecularGlossiness
    """

    diffuse_factor: tuple[float, float, float, float] = (1, 1, 1, 1)
    diffuse_texture: TextureInfo | None = None


class MaterialExtensions(_Part):
    """What extensions say of a material."""

    specular_glossiness: SpecularGlossiness | None = Field(None, alias="KHR_materials_pbrSpecularGlossiness")


class Material(_Part):
    """The look of a primitive."""

    pbr_metallic_roughness: PbrMetallicRoughness = PbrMetallicRoughness()
    alpha_mode: Literal["OPAQUE", "MASK", "BLEND"] = "OPAQUE"
    alpha_cutoff: Annotated[float, Field(ge=0)] = 0.5
    extensions: MaterialExtensions = MaterialExtensions()


class Sampler(_Part):
    """How a texture is read between and beyond its texels."""

    mag_filter: int | None = None
    wrap_s: Literal[33071, 33648, 10497] = 10497
    wrap_t: Literal[33071, 33648, 10497] = 10497


class WebpTexture(_Part):
    """EXT_texture_webp: https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Vendor/EXT_texture_webp."""

    source: Index | None = None


class TextureExtensions(_Part):
    """What extensions say of a texture."""

    webp: WebpTexture | None = Field(None, alias="EXT_texture_webp")


class Texture(_Part):
    """An image with a sampler."""

    source: Index | None = None
    sampler: Index | None = None
    extensions: TextureExtensions = TextureExtensions()


class Image(_Part):
    """PNG or JPEG, in a bufferView or outside the file."""

    buffer_view: Index | None = None
    mime_type: str | None = None
    uri: str | None = None


class Asset(_Part):
    """What the file says of itself."""

    version: str


class Document(_Part):
    """The whole JSON chunk."""

    asset: Asset
    buffers: list[Buffer] = []
    buffer_views: list[BufferView] = []
    accessors: list[Accessor] = []
    meshes: list[MeshPart] = []
    nodes: list[Node] = []
    scenes: list[Scene] = []
    scene: Index | None = None
    materials: list[Material] = []
    textures: list[Texture] = []
    samplers: list[Sampler] = []
    images: list[Image] = []
    extensions_required: list[str] = []
