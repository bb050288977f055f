"""Untrusted GLBs, read safely.

The reader is `meshtwin.gltf.read`, of our own: the limits have to be checked on the JSON header anyway, every
error has to name what is wrong in the contract's terms, and trimesh takes about a second to import where a
paint job takes half of one. Tests read the same files with trimesh and compare.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from meshtwin.gltf import format as glb
from meshtwin.gltf.document import Material, given
from meshtwin.gltf.image_files import DAMAGE
from meshtwin.gltf.read import Part, Shown, read_shown
from meshtwin.gltf.scene import TooManyTrianglesError
from meshtwin.gltf.values import of_vertices
from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.geometry.mesh import Mesh, TexturedMesh
from meshtwin.runtime.geometry.weld import smooth_normals
from meshtwin.runtime.images.decode import MAX_PIXELS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAX_FACES = 1_000_000
"""The most triangles that are read. As many take 0.3 s to read, 2 s for their topology and 2.5 s to paint on
2 cores, and 0.65 GB in all where no two triangles share a vertex."""

LINEAR_PART = 0.0031308
"""Below it, sRGB is a straight line: https://en.wikipedia.org/wiki/SRGB#From_CIE_XYZ_to_sRGB."""


def read_glb(path: Path, *, max_faces: int = MAX_FACES) -> Mesh:
    """All triangles of the file's scene as one mesh, posed, with the transforms of its nodes applied.

    Strips and fans become triangles; points, lines and triangles that name a vertex twice are left out.
    Vertices stay as the file has them, so those on a seam may stand there twice.

    Raises:
        JobError: INVALID_MESH, or MESH_TOO_LARGE for more than `max_faces` triangles.
    """
    shown = _shown(path, max_faces)
    positions, faces = _joined(shown.parts)
    faces = _without_degenerate(faces)
    if not len(faces):
        raise JobError(ErrorCode.INVALID_MESH, "the mesh has no triangles: each names one vertex twice")
    return Mesh(positions, faces, shown.origin, shown.notes)


def read_textured_glb(path: Path, *, max_faces: int = MAX_FACES) -> TexturedMesh:
    """The file's triangles with the base colour of its one material, as this project's writers make them.

    Without a texture the image is one pixel of the material's colour. Other files' materials need the voxel
    engine's reader, which supports more of glTF.

    Raises:
        JobError: as `read_glb`, and INVALID_MESH where parts differ in material, or a material has more than
            a base colour, or a texture cannot be read.
    """
    shown = _shown(path, max_faces)
    materials = {part.primitive.material for part in shown.parts}
    if len(materials) > 1:
        raise JobError(ErrorCode.INVALID_MESH, f"the mesh has {len(materials)} materials: expected one")
    positions, faces = _joined(shown.parts)
    index = materials.pop()
    with _contract_errors():
        material = glb.item(shown.document.materials, index, "material") if given(index) else Material()
        if any(material.emissive_factor) and material.extensions.unlit is None:
            raise glb.GlbError("its material sends out light: expected a base colour alone")
        image = _base_color(shown, material)
        uv = np.concatenate([_uv(shown, part) for part in shown.parts])
    pbr = material.pbr_metallic_roughness
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


def _shown(path: Path, max_faces: int) -> Shown:
    """What the file shows, which is neither nothing nor too much."""
    with _contract_errors():
        shown = read_shown(path, max_faces, colors=False)
    if not shown.parts:
        raise JobError(ErrorCode.INVALID_MESH, "; ".join(["the mesh has no triangles", *shown.notes]))
    return shown


def _uv(shown: Shown, part: Part) -> NDArray[np.float32]:
    """Texture coordinates of the part's vertices, 0 where it has none."""
    if "TEXCOORD_0" not in part.primitive.attributes:
        return np.zeros((len(part.positions), 2), np.float32)
    values = of_vertices(shown.document, shown.buffers, part.primitive, "TEXCOORD_0", "VEC2")
    return np.tile(values.astype(np.float32), (part.copies, 1))


def _base_color(shown: Shown, material: Material) -> NDArray[np.uint8]:
    """(h, w, 3) sRGB."""
    pbr = material.pbr_metallic_roughness
    if pbr.base_color_texture is None:
        return _srgb(np.array(pbr.base_color_factor[:3], np.float64)).reshape(1, 1, 3)
    texture = glb.item(shown.document.textures, pbr.base_color_texture.index, "texture")
    if not given(texture.source):
        raise glb.GlbError(f"texture {pbr.base_color_texture.index} has no image that is PNG or JPEG")
    data = shown.buffers.image(texture.source)
    _check_size(data, texture.source)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise glb.GlbError(f"image {texture.source} is damaged: it cannot be decoded")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _check_size(data: bytes, index: int) -> None:
    """Before any pixel is decoded: an image of one colour has next to no bytes, however large it is."""
    reader = PngImageFile if data.startswith(b"\x89PNG") else JpegImageFile
    try:
        width, height = reader(io.BytesIO(data)).size
    except DAMAGE as error:
        raise glb.GlbError(f"image {index} is neither PNG nor JPEG: {error}") from error
    if width * height > MAX_PIXELS:
        raise glb.GlbError(
            f"image {index} is {width} x {height} pixels: expected at most {MAX_PIXELS} in all"
        )


def _joined(parts: tuple[Part, ...]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    starts = np.cumsum([0, *(len(part.positions) for part in parts)])
    shifted = [part.faces + np.int32(start) for part, start in zip(parts, starts[:-1], strict=True)]
    positions = np.concatenate([part.positions for part in parts])
    if not np.isfinite(positions).all():
        raise JobError(ErrorCode.INVALID_MESH, "the mesh has positions that are not finite")
    return positions, np.ascontiguousarray(np.concatenate(shifted))


def _without_degenerate(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    a, b, c = faces.T
    real: NDArray[np.bool_] = (a != b) & (b != c) & (c != a)
    return np.asarray(faces[real])


def _srgb(linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    linear = linear.clip(0, 1)
    encoded = np.where(linear <= LINEAR_PART, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255), np.uint8)
