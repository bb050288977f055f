from __future__ import annotations

import io
import json
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trimesh

from meshtwin.runtime.geometry.glb_write import write_glb
from meshtwin.runtime.geometry.mesh import Mesh, TexturedMesh
from tests.support.gltf_check import check_glb


def _ball(subdivisions: int = 2) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions)
    return Mesh(np.array(made.vertices, np.float32), np.array(made.faces, np.int32))


def _textured(mesh: Mesh) -> TexturedMesh:
    normals = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    uv = (mesh.vertices[:, :2] * [0.5, -0.5] + 0.5).clip(0, 1).astype(np.float32)
    row, column = np.mgrid[:64, :128]
    image = np.stack([row * 4, column * 2, np.full_like(row, 90)], axis=-1).astype(np.uint8)
    return TexturedMesh(mesh.vertices, mesh.faces, normals.astype(np.float32), uv, image)


def _document(data: bytes) -> dict[str, Any]:
    length = struct.unpack_from("<I", data, 12)[0]
    document: dict[str, Any] = json.loads(data[20 : 20 + length])
    return document


def _edited(data: bytes, edit: dict[str, Any], at: tuple[str | int, ...]) -> bytes:
    """The same file with a part of its JSON changed."""
    document = _document(data)
    part: Any = document
    for step in at:
        part = part[step]
    part.update(edit)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + struct.unpack_from("<I", data, 12)[0] :]
    header = struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A)
    return header + text + rest


@pytest.mark.parametrize("textured", [False, True])
def test_the_file_keeps_the_rules_and_another_reader_finds_the_mesh(textured: bool) -> None:
    mesh = _ball()
    data = write_glb(_textured(mesh) if textured else mesh)

    assert check_glb(data) == []
    scene = trimesh.load_scene(io.BytesIO(data), file_type="glb")
    (read,) = scene.geometry.values()
    assert (np.array(read.vertices, np.float32) == mesh.vertices).all()
    assert (read.faces == mesh.faces).all()
    assert np.abs(np.linalg.norm(read.vertex_normals, axis=1) - 1).max() < 1e-5


def test_another_reader_finds_the_material() -> None:
    textured = _textured(_ball())
    scene = trimesh.load_scene(io.BytesIO(write_glb(textured)), file_type="glb")
    (read,) = scene.geometry.values()
    material = read.visual.material
    assert (material.metallicFactor, material.roughnessFactor) == (0.0, 0.85)
    # trimesh turns v up.
    assert np.allclose(read.visual.uv * [1, -1] + [0, 1], textured.uv, atol=1e-6)
    difference = np.asarray(material.baseColorTexture, np.int16)[..., :3] - textured.base_color
    assert np.abs(difference).mean() < 1.5


def test_the_same_mesh_gives_the_same_bytes() -> None:
    assert write_glb(_textured(_ball())) == write_glb(_textured(_ball()))


def test_the_file_says_that_it_is_machine_generated() -> None:
    asset = _document(write_glb(_ball()))["asset"]
    assert asset["extras"]["machine_generated"] is True
    assert asset["generator"] == "meshtwin"


@pytest.mark.parametrize(("subdivisions", "kind"), [(6, 5123), (7, 5125)])
def test_indices_are_short_where_they_fit(subdivisions: int, kind: int) -> None:
    data = write_glb(_ball(subdivisions))
    document = _document(data)
    indices = document["accessors"][document["meshes"][0]["primitives"][0]["indices"]]
    assert indices["componentType"] == kind
    assert check_glb(data) == []


def test_degenerate_faces_are_left_out() -> None:
    mesh = _ball()
    faces = np.concatenate([mesh.faces, np.array([[3, 3, 4], [5, 6, 5]], np.int32)])
    assert write_glb(Mesh(mesh.vertices, faces)) == write_glb(mesh)


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        (Mesh(np.zeros((3, 3), np.float32), np.zeros((0, 3), np.int32)), "no triangles"),
        (Mesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 3]], np.int32)), "beyond its 3"),
        (Mesh(np.full((3, 3), np.nan, np.float32), np.array([[0, 1, 2]], np.int32)), "finite"),
    ],
)
def test_what_no_file_may_have_is_refused(mesh: Mesh, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_glb(mesh)


@pytest.mark.parametrize(
    ("at", "edit", "message"),
    [
        (("accessors", 0), {"max": [9, 9, 9]}, "says max"),
        (("accessors", 0), {"count": 100000}, "needs"),
        (("accessors", 3), {"count": 31}, "multiple of 3"),
        (("bufferViews", 0), {"target": 34963}, "target"),
        (("bufferViews", 1), {"byteOffset": 2}, "multiple of 4"),
        (("bufferViews", 4), {"byteLength": 10**8}, "ends at byte"),
        (("buffers", 0), {"byteLength": 10**8}, "the buffer"),
        (("buffers", 0), {"uri": "more.bin"}, "one buffer"),
        (("images", 0), {"mimeType": "image/png"}, "it is"),
        (("materials", 0), {"pbrMetallicRoughness": {}}, "not used"),
        (("meshes", 0, "primitives", 0), {"indices": 99}, "not there"),
        (("meshes", 0, "primitives", 0, "attributes"), {"NORMAL": 0}, "not used"),
        ((), {"nodes": [{"mesh": 0}, {"name": "spare"}]}, "not used"),
    ],
)
def test_the_check_finds_what_is_wrong(at: tuple[str | int, ...], edit: dict[str, Any], message: str) -> None:
    data = _edited(write_glb(_textured(_ball())), edit, at)
    assert any(message in problem for problem in check_glb(data)), check_glb(data)


def test_the_check_finds_bad_values() -> None:
    good = _textured(_ball())
    wrong = [
        replace(good, normals=good.normals * np.float32(1.01)),
        replace(good, uv=good.uv + np.float32(0.2)),
        replace(good, base_color=good.base_color[:60]),
    ]
    for mesh, message in zip(wrong, ["unit length", "0 to 1", "powers of two"], strict=True):
        assert any(message in problem for problem in check_glb(write_glb(mesh)))


@pytest.mark.parametrize("cut", [0, 4, 11, 19, 200, -1, -4])
def test_the_check_finds_a_cut(cut: int) -> None:
    assert check_glb(write_glb(_ball())[:cut]) != []
