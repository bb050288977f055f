"""Whether a GLB keeps glTF's rules, and has nothing that the Khronos validator would remark on.

Not the validator itself, which needs npm, but the same questions for files of the kind that this project
writes, fast enough for every test.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
from pydantic import ValidationError

from meshtwin.gltf import format as glb
from meshtwin.gltf.buffers import Buffers
from meshtwin.gltf.document import DOCUMENT, Document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from meshtwin.gltf.document import Primitive

UNIT_TOLERANCE = 5e-4
"""How far a normal's length may be from 1; the validator allows about this much."""

IMAGE_MAGIC = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def check_glb(data: bytes) -> list[str]:
    """What is wrong with `data`, a sentence each; nothing where all is well."""
    try:
        chunks = dict(_chunks(data))
        text = chunks[glb.JSON_CHUNK]
        raw = json.loads(text)
        document = DOCUMENT.validate_json(text)
    except (glb.GlbError, KeyError, ValueError, ValidationError) as error:
        return [f"no GLB: {error}"]
    binary = np.frombuffer(chunks.get(glb.BIN_CHUNK, b""), np.uint8)
    problems = [*_check_header(data), *_check_buffers(document, binary), *_check_unused(document, raw)]
    buffers = Buffers(document, binary)
    if problems:
        return problems
    try:
        for index in range(len(document.accessors)):
            problems += _check_accessor(document, buffers, index, raw["accessors"][index])
        for mesh in document.meshes:
            for primitive in mesh.primitives:
                problems += _check_primitive(document, buffers, raw, primitive)
        for index in range(len(document.images)):
            problems += _check_image(document, buffers, index)
    except glb.GlbError as error:
        problems.append(str(error))
    return problems


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and bytes of each chunk."""
    if len(data) < glb.HEADER.size or data[:4] != glb.MAGIC:
        raise glb.GlbError("it does not begin with glTF's header")
    offset = glb.HEADER.size
    while offset + glb.CHUNK.size <= len(data):
        length, kind = glb.CHUNK.unpack_from(data, offset)
        offset += glb.CHUNK.size
        if offset + length > len(data):
            raise glb.GlbError(f"a chunk ends at byte {offset + length} of {len(data)}")
        if length % 4:
            raise glb.GlbError(f"a chunk is {length} bytes long: expected a multiple of 4")
        yield kind, data[offset : offset + length]
        offset += length
    if offset != len(data):
        raise glb.GlbError(f"{len(data) - offset} bytes after the last chunk")


def _check_header(data: bytes) -> Iterator[str]:
    _, version, length = glb.HEADER.unpack_from(data)
    if version != glb.VERSION:
        yield f"version {version}: expected {glb.VERSION}"
    if length != len(data):
        yield f"the header says {length} bytes: there are {len(data)}"


def _check_buffers(document: Document, binary: glb.Bytes) -> Iterator[str]:
    if len(document.buffers) != 1 or document.buffers[0].uri is not None:
        yield "expected one buffer, the binary chunk"
        return
    spare = len(binary) - document.buffers[0].byte_length
    if not 0 <= spare < 4:  # a chunk's padding
        yield f"the binary chunk is {len(binary)} bytes: the buffer {document.buffers[0].byte_length}"
    end = 0
    for index, view in enumerate(document.buffer_views):
        if view.byte_offset % 4:
            yield f"bufferView {index} begins at byte {view.byte_offset}: expected a multiple of 4"
        if view.byte_offset < end:
            yield f"bufferView {index} overlaps the one before it"
        end = view.byte_offset + view.byte_length
        if end > len(binary):
            yield f"bufferView {index} ends at byte {end} of {len(binary)}"


def _check_unused(document: Document, raw: dict[str, Any]) -> Iterator[str]:
    primitives = [primitive for mesh in document.meshes for primitive in mesh.primitives]
    accessors = {index for primitive in primitives for index in primitive.attributes.values()}
    accessors |= {primitive.indices for primitive in primitives if primitive.indices is not None}
    materials = {primitive.material for primitive in primitives if primitive.material is not None}
    textures = {
        material.pbr_metallic_roughness.base_color_texture.index
        for material in document.materials
        if material.pbr_metallic_roughness.base_color_texture is not None
    }
    images = {texture.source for texture in document.textures if texture.source is not None}
    samplers = {texture.sampler for texture in document.textures if texture.sampler is not None}
    views = {accessor.buffer_view for accessor in document.accessors if accessor.buffer_view is not None}
    views |= {image.buffer_view for image in document.images if image.buffer_view is not None}
    used = {
        "accessors": accessors,
        "materials": materials,
        "textures": textures,
        "images": images,
        "samplers": samplers,
        "bufferViews": views,
        "meshes": {node.mesh for node in document.nodes if node.mesh is not None},
        "nodes": {node for scene in document.scenes for node in scene.nodes}
        | {child for node in document.nodes for child in node.children},
    }
    for name, indices in used.items():
        there = set(range(len(raw.get(name, ()))))
        if there - indices:
            yield f"{name} {sorted(there - indices)} are not used"
        if indices - there:
            yield f"{name} {sorted(indices - there)} are not there"


def _check_accessor(document: Document, buffers: Buffers, index: int, raw: dict[str, Any]) -> Iterator[str]:
    values = glb.accessor_values(document, buffers, index)
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        yield f"accessor {index} has values that are no finite numbers"
    for name, bounds, found in (
        ("min", raw.get("min"), values.min(axis=0)),
        ("max", raw.get("max"), values.max(axis=0)),
    ):
        if bounds is not None and (
            len(bounds) != values.shape[1] or (np.array(bounds, np.float32) != found).any()
        ):
            yield f"accessor {index} says {name} {bounds}: it is {found.tolist()}"


def _check_primitive(
    document: Document, buffers: Buffers, raw: dict[str, Any], primitive: Primitive
) -> Iterator[str]:
    counts = {name: document.accessors[index].count for name, index in primitive.attributes.items()}
    if len(set(counts.values())) != 1:
        yield f"attributes differ in length: {counts}"
    if "POSITION" not in counts:
        yield "a primitive has no POSITION"
        return
    if not {"min", "max"} <= raw["accessors"][primitive.attributes["POSITION"]].keys():
        yield "POSITION has no min and max"
    for name, index in primitive.attributes.items():
        yield from _check_target(document, index, glb.ARRAY_BUFFER)
        yield from _check_attribute(name, np.asarray(glb.accessor_values(document, buffers, index)))
    yield from _check_texture_coordinates(document, primitive)
    if primitive.indices is not None:
        yield from _check_target(document, primitive.indices, glb.ELEMENT_ARRAY_BUFFER)
        indices = np.asarray(glb.accessor_values(document, buffers, primitive.indices))
        yield from _check_indices(indices[:, 0], counts["POSITION"])


def _check_target(document: Document, index: int, expected: int) -> Iterator[str]:
    view = document.accessors[index].buffer_view
    if view is not None and document.buffer_views[view].target != expected:
        yield f"bufferView {view} has target {document.buffer_views[view].target}: expected {expected}"


def _check_attribute(name: str, values: NDArray[Any]) -> Iterator[str]:
    if name == "NORMAL":
        lengths = np.linalg.norm(values.astype(np.float64), axis=1)
        wrong = int(np.count_nonzero(np.abs(lengths - 1) > UNIT_TOLERANCE))
        if wrong:
            yield f"{wrong} normals are not of unit length"
    if name.startswith("TEXCOORD") and (values.min() < 0 or values.max() > 1):
        yield f"{name} reaches from {values.min()} to {values.max()}: expected 0 to 1"


def _check_texture_coordinates(document: Document, primitive: Primitive) -> Iterator[str]:
    textured = (
        primitive.material is not None
        and document.materials[primitive.material].pbr_metallic_roughness.base_color_texture is not None
    )
    if textured != ("TEXCOORD_0" in primitive.attributes):
        yield "TEXCOORD_0 is there without a texture" if not textured else "a texture without TEXCOORD_0"


def _check_indices(indices: NDArray[Any], vertices: int) -> Iterator[str]:
    if len(indices) % 3:
        yield f"{len(indices)} indices: expected a multiple of 3"
        return
    if indices.max() >= vertices:
        yield f"a triangle names vertex {indices.max()} of {vertices}"
    if indices.max() == np.iinfo(indices.dtype).max:
        yield f"index {indices.max()} means a primitive restart"
    a, b, c = indices.reshape(-1, 3).T
    degenerate = int(np.count_nonzero((a == b) | (b == c) | (c == a)))
    if degenerate:
        yield f"{degenerate} triangles name a vertex twice"


def _check_image(document: Document, buffers: Buffers, index: int) -> Iterator[str]:
    image = document.images[index]
    if image.buffer_view is None:
        yield f"image {index} lies outside the file"
        return
    data = buffers.image(index)
    kinds = [kind for magic, kind in IMAGE_MAGIC.items() if data.startswith(magic)]
    if kinds != [image.mime_type]:
        yield f"image {index} says {image.mime_type}: it is {kinds or 'neither PNG nor JPEG'}"
    else:
        with PIL.Image.open(io.BytesIO(data)) as opened:
            if any(side & (side - 1) for side in opened.size):
                yield f"image {index} is {opened.size} pixels: expected powers of two"
    if document.buffer_views[image.buffer_view].target is not None:
        yield f"bufferView {image.buffer_view} of an image has a target"
