"""Other people's GLBs, read without trust.

Nothing outside the file is followed, and its size is known before its data is touched. A reader of our own:
the limits have to be checked on the JSON header anyway, every error has to name what is wrong in the
contract's terms, and trimesh takes about a second to import where a paint job takes half of one. Tests read
the same files with trimesh and compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from pydantic import ValidationError

from runtime.contract import ErrorCode, JobError
from runtime.geometry import glb_format as glb
from runtime.geometry.glb_document import Document, Material
from runtime.geometry.mesh import Mesh, TexturedMesh
from runtime.geometry.weld import smooth_normals

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from runtime.geometry.glb_document import Node, Primitive

MAX_FACES = 1_000_000
"""The most triangles that are read. As many take 0.3 s to read, 2 s for their topology and 2.5 s to paint on
2 cores, and 0.65 GB in all where no two triangles share a vertex."""

MAX_JSON_BYTES = 32 << 20
"""A scene of a million faces needs some kilobytes; the limit keeps a hostile one from filling the memory."""

LINEAR_PART = 0.0031308
"""Below it, sRGB is a straight line: https://en.wikipedia.org/wiki/SRGB#From_CIE_XYZ_to_sRGB."""

COMPRESSED = {"KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression"}
"""Extensions that hide the triangles from a reader without their decoder."""


def read_glb(path: Path, *, max_faces: int = MAX_FACES) -> Mesh:
    """All triangles of the file's scene as one mesh, with the transforms of its nodes applied.

    Strips and fans become triangles; points, lines and triangles that name a vertex twice are left out.
    Vertices stay as the file has them, so those on a seam may stand there twice.

    Raises:
        JobError: INVALID_MESH, or MESH_TOO_LARGE for more than `max_faces` triangles.
    """
    scene = _Scene.open(path, max_faces)
    parts = [scene.positions_and_faces(placed) for placed in scene.primitives]
    positions, faces = _joined([part[0] for part in parts], [part[1] for part in parts])
    if not np.isfinite(positions).all():
        raise JobError(ErrorCode.INVALID_MESH, "the mesh has positions that are no finite numbers")
    faces = _without_degenerate(faces)
    if not len(faces):
        raise JobError(ErrorCode.INVALID_MESH, "the mesh has no triangles: each names one vertex twice")
    return Mesh(positions, faces)


def read_textured_glb(path: Path, *, max_faces: int = MAX_FACES) -> TexturedMesh:
    """The file's triangles with the base colour of its one material, as this project's writers make them.

    Without a texture the picture is one pixel of the material's colour.

    Raises:
        JobError: as `read_glb`, and INVALID_MESH where parts differ in material, or a texture cannot be read.
    """
    scene = _Scene.open(path, max_faces)
    materials = {placed.primitive.material for placed in scene.primitives}
    if len(materials) > 1:
        raise JobError(ErrorCode.INVALID_MESH, f"the mesh has {len(materials)} materials: expected one")
    parts = [(*scene.positions_and_faces(placed), scene.uv(placed)) for placed in scene.primitives]
    positions, faces = _joined([part[0] for part in parts], [part[1] for part in parts])
    if not np.isfinite(positions).all():
        raise JobError(ErrorCode.INVALID_MESH, "the mesh has positions that are no finite numbers")
    with _contract_errors():
        material = scene.material(materials.pop())
        image = scene.base_color(material)
    pbr = material.pbr_metallic_roughness
    uv = np.concatenate([part[2] for part in parts])
    normals = smooth_normals(positions, faces)
    return TexturedMesh(positions, faces, normals, uv, image, pbr.metallic_factor, pbr.roughness_factor)


class _contract_errors:  # noqa: N801  # used like a function, as contextlib's are
    """Turns what breaks glTF's rules into the contract's error."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, glb.GlbError):
            raise JobError(ErrorCode.INVALID_MESH, f"the mesh cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class _Placed:
    """A primitive where a node puts it; `matrix` is (4, 4), for column vectors."""

    primitive: Primitive
    matrix: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Scene:
    document: Document
    binary: glb.Bytes
    primitives: list[_Placed]

    @classmethod
    def open(cls, path: Path, max_faces: int) -> _Scene:
        """Read the header and find the triangles, of which there are neither none nor too many."""
        with _contract_errors():
            document, binary = open_glb(path)
            hidden = COMPRESSED & set(document.extensions_required)
            if hidden:
                raise glb.GlbError(f"it needs {', '.join(sorted(hidden))}: expected an uncompressed GLB")
            primitives = _placed_primitives(document, max_faces)
        return cls(document, binary, primitives)

    def positions_and_faces(self, placed: _Placed) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """The primitive's vertices in the scene's space, and its triangles."""
        primitive = placed.primitive
        with _contract_errors():
            local = self._floats(primitive.attributes["POSITION"], "VEC3")
            faces = _triangles(self._indices(primitive, len(local)), primitive.mode)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found not to be finite
            positions = (local @ placed.matrix[:3, :3].T + placed.matrix[:3, 3]).astype(np.float32)
            mirrored = np.linalg.det(placed.matrix[:3, :3]) < 0
        if mirrored:
            faces = faces[:, ::-1]  # a mirrored node turns its triangles inside out
        return positions, faces

    def uv(self, placed: _Placed) -> NDArray[np.float32]:
        """Texture coordinates of the primitive's vertices, 0 where it has none."""
        attributes = placed.primitive.attributes
        with _contract_errors():
            if "TEXCOORD_0" in attributes:
                return self._floats(attributes["TEXCOORD_0"], "VEC2").astype(np.float32)
            count = glb.item(self.document.accessors, attributes["POSITION"], "accessor").count
        return np.zeros((count, 2), np.float32)

    def material(self, index: int | None) -> Material:
        """The material of that number; glTF's default for None."""
        return Material() if index is None else glb.item(self.document.materials, index, "material")

    def base_color(self, material: Material) -> NDArray[np.uint8]:
        """(h, w, 3) sRGB."""
        pbr = material.pbr_metallic_roughness
        if pbr.base_color_texture is None:
            return _srgb(np.array(pbr.base_color_factor[:3], np.float64)).reshape(1, 1, 3)
        texture = glb.item(self.document.textures, pbr.base_color_texture.index, "texture")
        if texture.source is None:
            raise glb.GlbError(f"texture {pbr.base_color_texture.index} has no image")
        image = glb.item(self.document.images, texture.source, "image")
        if image.buffer_view is None:
            raise glb.GlbError(
                f"image {texture.source} lies outside the file: expected it in the binary chunk"
            )
        pixels = cv2.imdecode(
            np.array(glb.view_bytes(self.document, self.binary, image.buffer_view)), cv2.IMREAD_COLOR
        )
        if pixels is None:
            raise glb.GlbError(f"image {texture.source} is neither PNG nor JPEG")
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)

    def _floats(self, index: int, kind: str) -> NDArray[np.float64]:
        accessor = glb.item(self.document.accessors, index, "accessor")
        if accessor.type != kind:
            raise glb.GlbError(f"accessor {index} is {accessor.type}: expected {kind}")
        values = glb.accessor_values(self.document, self.binary, index)
        floats = values.astype(np.float64)
        if accessor.normalized and accessor.component_type != glb.FLOAT:
            floats = np.maximum(floats / glb.LARGEST[accessor.component_type], -1)
        return floats

    def _indices(self, primitive: Primitive, vertices: int) -> NDArray[np.int64]:
        if primitive.indices is None:
            return np.arange(vertices)
        accessor = glb.item(self.document.accessors, primitive.indices, "accessor")
        values = glb.accessor_values(self.document, self.binary, primitive.indices)
        if accessor.type != "SCALAR" or not np.issubdtype(values.dtype, np.unsignedinteger):
            raise glb.GlbError(
                f"accessor {primitive.indices} cannot be indices: {accessor.type} {values.dtype}"
            )
        indices = values[:, 0].astype(np.int64)
        if indices.max() >= vertices:
            raise glb.GlbError(f"a triangle names vertex {indices.max()} of {vertices}")
        return indices


def open_glb(path: Path) -> tuple[Document, glb.Bytes]:
    """The JSON chunk, and the binary chunk as a read-only view of the file, empty where there is none.

    Raises:
        GlbError: the file is no GLB, or is cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(glb.HEADER.size + glb.CHUNK.size)
        if len(head) < glb.HEADER.size + glb.CHUNK.size or head[:4] != glb.MAGIC:
            raise glb.GlbError(f"it is no GLB: it begins with {head[:4]!r}, expected {glb.MAGIC!r}")
        _, version, length = glb.HEADER.unpack_from(head)
        if version != glb.VERSION:
            raise glb.GlbError(f"it is glTF {version}: expected {glb.VERSION}")
        if length > size:
            raise glb.GlbError(f"it is cut short: {size} bytes of {length}")
        json_length, kind = glb.CHUNK.unpack_from(head, glb.HEADER.size)
        if kind != glb.JSON_CHUNK or not 0 < json_length <= min(length - len(head), MAX_JSON_BYTES):
            raise glb.GlbError(f"its first chunk is no JSON of up to {MAX_JSON_BYTES} bytes")
        try:
            document = Document.model_validate_json(file.read(json_length))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise glb.GlbError(f"{where or 'its JSON'}: {first['msg']}") from error
        head = file.read(glb.CHUNK.size)
        start = file.tell()
    if len(head) < glb.CHUNK.size or start > length:
        return document, np.zeros(0, np.uint8)
    binary_length, kind = glb.CHUNK.unpack(head)
    if kind != glb.BIN_CHUNK or not binary_length:
        return document, np.zeros(0, np.uint8)
    if start + binary_length > size:
        raise glb.GlbError(f"its binary chunk is cut short: {size - start} bytes of {binary_length}")
    return document, np.memmap(path, np.uint8, "r", start, (binary_length,))


def _placed_primitives(document: Document, max_faces: int) -> list[_Placed]:
    found, faces, vertices = [], 0, 0
    for index, matrix in _placed_meshes(document):
        for primitive in glb.item(document.meshes, index, "mesh").primitives:
            if primitive.mode < glb.TRIANGLES:
                continue
            if "POSITION" not in primitive.attributes:
                raise glb.GlbError(f"mesh {index} has a primitive without POSITION")
            points = glb.item(document.accessors, primitive.attributes["POSITION"], "accessor").count
            named = points
            if primitive.indices is not None:
                named = glb.item(document.accessors, primitive.indices, "accessor").count
            faces += named // 3 if primitive.mode == glb.TRIANGLES else max(0, named - 2)
            vertices += points
            # Checked as they add up: one small mesh may be placed a million times.
            if faces > max_faces or vertices > 3 * max_faces:
                raise JobError(
                    ErrorCode.MESH_TOO_LARGE,
                    f"the mesh has at least {faces} triangles and {vertices} vertices: expected at most "
                    f"{max_faces} and {3 * max_faces}; reduce it and send it again",
                )
            found.append(_Placed(primitive, matrix))
    if not faces:
        raise JobError(ErrorCode.INVALID_MESH, "the mesh has no triangles")
    return found


def _placed_meshes(document: Document) -> list[tuple[int, NDArray[np.float64]]]:
    """Every mesh that the scene shows, with where it stands."""
    if document.scenes:
        roots = glb.item(document.scenes, document.scene or 0, "scene").nodes
    elif document.nodes:
        children = {child for node in document.nodes for child in node.children}
        roots = [index for index in range(len(document.nodes)) if index not in children]
    else:
        return [(index, np.eye(4)) for index in range(len(document.meshes))]
    placed = []
    seen = set()
    waiting = [(root, np.eye(4)) for root in reversed(roots)]
    while waiting:
        index, parent = waiting.pop()
        if index in seen:
            raise glb.GlbError(f"node {index} stands in the scene twice: expected a tree")
        seen.add(index)
        node = glb.item(document.nodes, index, "node")
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found not to be finite
            matrix = parent @ _local_matrix(node)
        if node.mesh is not None:
            placed.append((node.mesh, matrix))
        waiting += [(child, matrix) for child in reversed(node.children)]
    return placed


def _local_matrix(node: Node) -> NDArray[np.float64]:
    if node.matrix is not None:
        return np.array(node.matrix, np.float64).reshape(4, 4).T
    x, y, z, w = np.array(node.rotation, np.float64) / (np.linalg.norm(node.rotation) or 1.0)
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, :3] *= node.scale
    matrix[:3, 3] = node.translation
    return matrix


def _triangles(indices: NDArray[np.int64], mode: int) -> NDArray[np.int32]:
    """(m, 3), with glTF's rules for the winding of strips and fans."""
    if mode == glb.TRIANGLES:
        whole = indices[: len(indices) // 3 * 3]
        return whole.reshape(-1, 3).astype(np.int32)
    first, second, third = indices[:-2], indices[1:-1], indices[2:]
    if mode == glb.TRIANGLE_FAN:
        return np.stack([second, third, np.full_like(second, indices[0])], axis=1).astype(np.int32)
    odd = np.arange(len(first)) % 2 == 1
    return np.stack([first, np.where(odd, third, second), np.where(odd, second, third)], axis=1).astype(
        np.int32
    )


def _joined(
    positions: list[NDArray[np.float32]], faces: list[NDArray[np.int32]]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    starts = np.cumsum([0, *(len(part) for part in positions)])
    shifted = [part + np.int32(start) for part, start in zip(faces, starts[:-1], strict=True)]
    return np.concatenate(positions), np.ascontiguousarray(np.concatenate(shifted))


def _without_degenerate(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    a, b, c = faces.T
    real: NDArray[np.bool_] = (a != b) & (b != c) & (c != a)
    return np.asarray(faces[real])


def _srgb(linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    linear = linear.clip(0, 1)
    encoded = np.where(linear <= LINEAR_PART, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255), np.uint8)
