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

from gltf import format as glb
from gltf.document import Document, Material
from gltf.geometry import floats, positions_and_faces
from gltf.open import open_glb
from gltf.scene import Placed, TooManyTrianglesError, placed_primitives
from runtime.contract import ErrorCode, JobError
from runtime.geometry.mesh import Mesh, TexturedMesh
from runtime.geometry.weld import smooth_normals

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAX_FACES = 1_000_000
"""The most triangles that are read. As many take 0.3 s to read, 2 s for their topology and 2.5 s to paint on
2 cores, and 0.65 GB in all where no two triangles share a vertex."""

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
    """Turns what breaks glTF's rules, or is too large, into the contract's errors."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, TooManyTrianglesError):
            raise JobError(ErrorCode.MESH_TOO_LARGE, str(error)) from error
        if isinstance(error, glb.GlbError):
            raise JobError(ErrorCode.INVALID_MESH, f"the mesh cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class _Scene:
    document: Document
    binary: glb.Bytes
    primitives: list[Placed]

    @classmethod
    def open(cls, path: Path, max_faces: int) -> _Scene:
        """Read the header and find the triangles, of which there are neither none nor too many."""
        with _contract_errors():
            document, binary = open_glb(path)
            hidden = COMPRESSED & set(document.extensions_required)
            if hidden:
                raise glb.GlbError(f"it needs {', '.join(sorted(hidden))}: expected an uncompressed GLB")
            primitives = placed_primitives(document, max_faces)
        if not any(placed.triangles for placed in primitives):
            raise JobError(ErrorCode.INVALID_MESH, "the mesh has no triangles")
        return cls(document, binary, primitives)

    def positions_and_faces(self, placed: Placed) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """The primitive's vertices in the scene's space, and its triangles."""
        with _contract_errors():
            return positions_and_faces(self.document, self.binary, placed)

    def uv(self, placed: Placed) -> NDArray[np.float32]:
        """Texture coordinates of the primitive's vertices, 0 where it has none."""
        attributes = placed.primitive.attributes
        with _contract_errors():
            if "TEXCOORD_0" in attributes:
                values = floats(self.document, self.binary, attributes["TEXCOORD_0"], "VEC2")
                return values.astype(np.float32)
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
