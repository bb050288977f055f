from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtwin.gltf.buffers import Buffers
from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.geometry.glb_read import MAX_FACES, read_glb, read_textured_glb
from meshtwin.runtime.geometry.glb_write import write_glb
from meshtwin.runtime.geometry.mesh import Mesh, TexturedMesh

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

POSITIONS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
INDICES = np.array([0, 1, 2, 0, 2, 3], np.uint16)


def _ball(subdivisions: int = 2) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions)
    return Mesh(np.array(made.vertices, np.float32), np.array(made.faces, np.int32))


def _glb(document: dict[str, Any], binary: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    length = 12 + 8 + len(text) + (8 + len(binary) if binary else 0)
    data = struct.pack("<4sIIII", b"glTF", 2, length, len(text), 0x4E4F534A) + text
    return data + (struct.pack("<II", len(binary), 0x004E4942) + binary if binary else b"")


def _square(**changes: Any) -> tuple[dict[str, Any], bytes]:  # JSON
    """Two triangles in the plane z = 0, and what a test wants otherwise at the document's top."""
    binary = POSITIONS.tobytes() + INDICES.tobytes()
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 48},
            {"buffer": 0, "byteOffset": 48, "byteLength": 12},
        ],
        "buffers": [{"byteLength": len(binary)}],
    }
    return document | changes, binary


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mesh.glb"


def _read(path: Path, data: bytes, max_faces: int = MAX_FACES) -> Mesh:
    path.write_bytes(data)
    return read_glb(path, max_faces=max_faces)


def _refusal(path: Path, data: bytes, max_faces: int = MAX_FACES) -> JobError:
    with pytest.raises(JobError) as caught:
        _read(path, data, max_faces)
    return caught.value


def test_reads_back_what_was_written(path: Path) -> None:
    mesh = _ball()
    read = _read(path, write_glb(mesh))
    assert (read.vertices == mesh.vertices).all()
    assert (read.faces == mesh.faces).all()
    assert read.vertices.dtype == np.float32
    assert read.faces.dtype == np.int32


def test_reads_the_texture_back(path: Path) -> None:
    mesh = _ball()
    image = np.full((16, 32, 3), (200, 30, 90), np.uint8)
    uv = np.full((len(mesh.vertices), 2), 0.25, np.float32)
    path.write_bytes(write_glb(TexturedMesh(mesh.vertices, mesh.faces, mesh.vertices, uv, image)))
    read = read_textured_glb(path)
    assert (read.uv == uv).all()
    assert np.abs(read.base_color.astype(int) - image).max() <= 3
    assert (read.metallic, read.roughness) == (0.0, 0.85)


def test_an_untextured_file_has_its_plain_colour(path: Path) -> None:
    path.write_bytes(write_glb(_ball()))
    assert read_textured_glb(path).base_color.tolist() == [[[231, 231, 231]]]


def test_a_look_of_more_than_a_base_colour_is_not_read_as_one(path: Path) -> None:
    document, binary = _square(materials=[{"emissiveFactor": [0, 1, 0]}])
    document["meshes"][0]["primitives"][0]["material"] = 0
    path.write_bytes(_glb(document, binary))
    with pytest.raises(JobError, match="sends out light"):
        read_textured_glb(path)


def test_agrees_with_trimesh_on_a_scene_of_moved_turned_and_mirrored_parts(path: Path) -> None:
    scene = trimesh.Scene()
    turn = np.eye(4)
    turn[:3] = [[0.8, -0.6, 0, 1], [0.6, 0.8, 0, -2], [0, 0, 1, 0.5]]
    scene.add_geometry(trimesh.creation.box(), node_name="box", transform=turn)
    scene.add_geometry(trimesh.creation.torus(2, 0.5), node_name="ring", transform=np.diag([1, -3, 2, 1]))
    scene.add_geometry(trimesh.creation.icosphere(1), parent_node_name="box", transform=turn @ turn)
    path.write_bytes(scene.export(file_type="glb"))  # type: ignore[no-untyped-call]

    read = read_glb(path)
    expected = trimesh.load_scene(path).to_mesh()
    assert len(read.faces) == len(expected.faces)
    found = np.sort(read.vertices[read.faces].mean(axis=1).round(4), axis=0)
    assert np.allclose(found, np.sort(expected.triangles.mean(axis=1).round(4), axis=0), atol=1e-3)
    mesh = trimesh.Trimesh(read.vertices, read.faces)
    assert mesh.volume == pytest.approx(expected.volume, rel=1e-4)
    assert mesh.volume > 0


@pytest.mark.documented("https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#transformations")
def test_translation_rotation_and_scale_make_the_matrix(path: Path) -> None:
    half = float(np.sqrt(0.5))
    nodes = [
        {"children": [1], "translation": [10, 0, 0]},
        {"mesh": 0, "rotation": [0, 0, half, half], "scale": [2, 3, 1]},
    ]
    read = _read(path, _glb(*_square(nodes=nodes)))
    assert np.allclose(read.vertices, [[10, 0, 0], [10, 2, 0], [7, 2, 0], [7, 0, 0]], atol=1e-6)


def test_a_mirrored_node_keeps_its_outside_outside(path: Path) -> None:
    read = _read(path, _glb(*_square(nodes=[{"mesh": 0, "scale": [-1, 1, 1]}])))
    assert read.faces.tolist() == [[2, 1, 0], [3, 2, 0]]


@pytest.mark.documented("https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#meshes-overview")
@pytest.mark.parametrize(("mode", "faces"), [(5, [[0, 1, 2], [1, 3, 2]]), (6, [[1, 2, 0], [2, 3, 0]])])
def test_strips_and_fans_become_triangles(path: Path, mode: int, faces: list[list[int]]) -> None:
    meshes = [{"primitives": [{"attributes": {"POSITION": 0}, "mode": mode}]}]
    assert _read(path, _glb(*_square(meshes=meshes))).faces.tolist() == faces


def test_points_and_lines_are_left_out(path: Path) -> None:
    triangles = {"attributes": {"POSITION": 0}, "indices": 1}
    lines = {"attributes": {"POSITION": 0}, "mode": 1}
    meshes = [{"primitives": [lines, triangles]}]
    assert len(_read(path, _glb(*_square(meshes=meshes))).faces) == 2
    assert "no triangles" in _refusal(path, _glb(*_square(meshes=[{"primitives": [lines]}]))).message


def test_interleaved_and_quantized_positions(path: Path) -> None:
    rows = np.zeros((4, 4), np.int16)
    rows[:, :3] = POSITIONS * 32767
    document, _ = _square()
    document["accessors"][0] |= {"componentType": 5122, "normalized": True}
    document["bufferViews"][0] |= {"byteStride": 8, "byteLength": 32}
    document["bufferViews"][1] |= {"byteOffset": 32}
    document["buffers"] = [{"byteLength": 44}]
    assert np.allclose(_read(path, _glb(document, rows.tobytes() + INDICES.tobytes())).vertices, POSITIONS)


def test_sparse_positions(path: Path) -> None:
    document, binary = _square()
    document["bufferViews"] += [
        {"buffer": 0, "byteOffset": 60, "byteLength": 2},
        {"buffer": 0, "byteOffset": 64, "byteLength": 12},
    ]
    sparse = {"count": 1, "indices": {"bufferView": 2, "componentType": 5123}, "values": {"bufferView": 3}}
    document["accessors"][0]["sparse"] = sparse
    document["buffers"] = [{"byteLength": 76}]
    binary += struct.pack("<Hxx3f", 2, 5, 6, 7)
    assert _read(path, _glb(document, binary)).vertices[2].tolist() == [5, 6, 7]
    refused = _refusal(path, _glb(document, binary[:-16] + struct.pack("<Hxx3f", 4, 5, 6, 7)))
    assert refused.code is ErrorCode.INVALID_MESH


def _changed(where: tuple[str, int], **edit: object) -> tuple[dict[str, Any], bytes]:
    document, binary = _square()
    document[where[0]][where[1]] |= edit
    return document, binary


NOT_A_NUMBER = POSITIONS.copy()
NOT_A_NUMBER[2, 1] = np.nan
BEYOND = np.array([0, 1, 2, 0, 2, 4], np.uint16)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a GLB"),
        (b"solid cube", "not a GLB"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "not a GLB"),
        (struct.pack("<4sIIII", b"glTF", 1, 20, 0, 0), "glTF 1"),
        (struct.pack("<4sIIII", b"glTF", 2, 20, 0, 0x4E4F534A), "not JSON"),
        (struct.pack("<4sIIII", b"glTF", 2, 24, 2**32 - 1, 0x4E4F534A) + b"{}  ", "not JSON"),
        (struct.pack("<4sIIII", b"glTF", 2, 24, 4, 0x4E4F534A) + b"{{{{", "JSON"),
        (_glb({}), "asset"),
        (_glb({"asset": {"version": "2.0"}}), "no triangles"),
        (_glb(*_square())[:-20], "cut short"),
        (_glb(*_square(nodes=[{"mesh": 3}])), "mesh 3"),
        (_glb(*_square(nodes=[{"mesh": 0, "children": [0]}])), "twice"),
        (_glb(*_square(nodes=[{"mesh": 0, "matrix": [1, 2]}])), "matrix"),
        (_glb(*_square(scene=5)), "scene 5"),
        (_glb(*_square(scenes=[{"nodes": [-1]}])), "greater"),
        (_glb(*_square(scenes=[{"nodes": []}])), "no triangles"),
        (_glb(*_square(meshes=[{"primitives": [{"attributes": {}}]}])), "POSITION"),
        (_glb(*_square(buffers=[{"byteLength": 60, "uri": "/etc/passwd"}])), "outside the file"),
        (_glb(*_square(buffers=[{"byteLength": 60, "uri": "http://127.0.0.1:9/x"}])), "outside the file"),
        (_glb(*_square(extensionsRequired=["KHR_draco_mesh_compression"])), "KHR_draco"),
        (_glb(*_changed(("accessors", 0), type="VEC2")), "VEC2"),
        (_glb(*_changed(("accessors", 0), count=5000)), "needs"),
        (_glb(*_changed(("accessors", 0), byteOffset=4)), "needs"),
        (_glb(*_changed(("accessors", 0), componentType=1)), "component"),
        (_glb(*_changed(("accessors", 0), bufferView=7)), "bufferView 7"),
        (_glb(*_changed(("accessors", 1), componentType=5126, count=3)), "cannot be indices"),
        (_glb(*_changed(("accessors", 1), bufferView=0, componentType=5122)), "cannot be indices"),
        (_glb(*_changed(("bufferViews", 0), byteLength=10**12)), "ends at byte"),
        (_glb(*_changed(("bufferViews", 0), buffer=1)), "buffer 1"),
        (_glb(_square()[0], NOT_A_NUMBER.tobytes() + INDICES.tobytes()), "finite"),
        (_glb(*_square(nodes=[{"mesh": 0, "scale": [1e300, 1e300, 1]}])), "finite"),
        (_glb(_square()[0], POSITIONS.tobytes() + BEYOND.tobytes()), "vertex 4 of 4"),
        (_glb(_square()[0], POSITIONS.tobytes() + bytes(12)), "no triangles"),
    ],
)
def test_what_is_no_mesh_is_refused_in_the_contracts_terms(path: Path, data: bytes, message: str) -> None:
    refused = _refusal(path, data)
    assert refused.code is ErrorCode.INVALID_MESH
    assert message in refused.message


def test_two_million_faces_are_refused_before_their_data_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = 2_000_000
    document, _ = _square()
    document["accessors"][1] |= {"count": faces * 3, "componentType": 5125}
    document["bufferViews"][1] |= {"byteLength": faces * 12}
    document["buffers"] = [{"byteLength": 48 + faces * 12}]
    path.write_bytes(_glb(document, bytes(48 + faces * 12)))

    unread = mock.Mock(side_effect=AssertionError("data of a mesh that is too large"))
    monkeypatch.setattr(Buffers, "view", unread)
    with pytest.raises(JobError) as caught:
        read_glb(path)
    assert caught.value.code is ErrorCode.MESH_TOO_LARGE
    assert str(MAX_FACES) in caught.value.message
    assert str(faces) in caught.value.message


def test_placing_a_mesh_often_counts_every_time(path: Path) -> None:
    nodes = [{"mesh": 0}] * 6
    data = _glb(*_square(nodes=nodes, scenes=[{"nodes": list(range(6))}]))
    assert len(_read(path, data, max_faces=12).faces) == 12
    assert _refusal(path, data, max_faces=11).code is ErrorCode.MESH_TOO_LARGE


def test_vertices_without_faces_count_too(path: Path) -> None:
    data = _glb(*_changed(("accessors", 0), count=10**11, bufferView=None))
    assert _refusal(path, data).code is ErrorCode.MESH_TOO_LARGE


def test_without_a_scene_all_roots_are_read(path: Path) -> None:
    document, binary = _square(nodes=[{"children": [1]}, {"mesh": 0}])
    del document["scenes"], document["scene"]
    assert len(_read(path, _glb(document, binary)).faces) == 2
    del document["nodes"]
    assert len(_read(path, _glb(document, binary)).faces) == 2


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused_and_nothing_else(path: Path, data: st.DataObject) -> None:
    good = bytearray(_glb(*_square()))
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(good[: data.draw(st.integers(0, len(good)))] if data.draw(st.booleans()) else good)
    try:
        read = read_glb(path)
    except JobError as error:
        assert error.code in {ErrorCode.INVALID_MESH, ErrorCode.MESH_TOO_LARGE}  # noqa: PT017  # either will do
    else:
        _assert_sound(read.vertices, read.faces)


def _assert_sound(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> None:
    assert np.isfinite(vertices).all()
    assert faces.min() >= 0
    assert faces.max() < len(vertices)
