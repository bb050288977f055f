"""One reader for all who take GLBs: shapes as every viewer shows them, whoever asks."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import trimesh

from fixtures.glb import GlbBuilder, png
from meshtwin.gltf.extensions import COLORS, HARMLESS, READ, SHAPES
from meshtwin.gltf.format import GlbError
from meshtwin.gltf.open import MAX_JSON_BYTES, MAX_JSON_VALUES, parse
from meshtwin.gltf.write import new_document
from meshtwin.minecraft.voxel.read.read import ModelError, read_model
from meshtwin.runtime.contract import JobError
from meshtwin.runtime.geometry.glb_read import read_glb, read_textured_glb
from meshtwin.runtime.geometry.glb_write import write_glb
from tests.support.glbs import document_in, with_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Corners = NDArray[np.float64]

SPEC = "https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html"
INSTANCING = "https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Vendor/EXT_mesh_gpu_instancing"
WEDGE = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 3]], np.float64)
SIDES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
NUMBERS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
HALF = float(np.sqrt(0.5))


def for_voxels(path: Path) -> tuple[Corners, tuple[str, ...]]:
    """The corners of the triangles that blocks are made of, and the notes."""
    model = read_model(path)
    return np.concatenate([one.positions[one.faces] for one in model.primitives]).astype(float), model.notes


def for_paint(path: Path) -> tuple[Corners, tuple[str, ...]]:
    """The corners of the triangles that are painted, and the notes."""
    mesh = read_glb(path)
    return mesh.vertices[mesh.faces] + np.array(mesh.origin), mesh.notes


@pytest.fixture(params=[for_voxels, for_paint])
def read(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[bytes], tuple[Corners, tuple[str, ...]]]:
    """What each of the two makes of a file."""

    def reading(data: bytes) -> tuple[Corners, tuple[str, ...]]:
        path = tmp_path / "model.glb"
        path.write_bytes(data)
        found: tuple[Corners, tuple[str, ...]] = request.param(path)
        return found

    return reading


def accessor(builder: GlbBuilder, values: NDArray[Any], **more: Any) -> int:
    """An accessor of (n, width) values, of whatever type they are."""
    kinds = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
    builder.binary.accessors.append(
        {
            "bufferView": builder.binary.view(np.ascontiguousarray(values).tobytes()),
            "componentType": NUMBERS[values.dtype.str[1:]],
            "count": len(values),
            "type": kinds[values.shape[1]],
            **more,
        }
    )
    return len(builder.binary.accessors) - 1


def wedge(builder: GlbBuilder, **more: Any) -> dict[str, Any]:
    return builder.primitive(WEDGE, SIDES) | more


def file_of(builder: GlbBuilder, *used: str) -> bytes:
    if used:
        builder.parts["extensionsUsed"] = list(used)
    return builder.glb()


def matrix(translation: Any = (0, 0, 0), scale: Any = (1, 1, 1), turn: Any = None) -> Corners:
    made = np.eye(4)
    made[:3, :3] = (np.eye(3) if turn is None else np.array(turn)) @ np.diag(scale)
    made[:3, 3] = translation
    return made


QUARTER = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
"""About z."""
TURN = [0, 0, HALF, HALF]
"""The same as a quaternion."""


def moved(points: Corners, by: Corners) -> Corners:
    return points @ by[:3, :3].T + by[:3, 3]


def rigged(
    joints: NDArray[Any], weights: NDArray[Any], *, inverse: bool = True, **more: Any
) -> tuple[bytes, Corners]:
    """A wedge on two joints, one in the other, under a node that must not count; and where it belongs."""
    builder = GlbBuilder()
    mesh = builder.mesh(wedge(builder))
    attributes = builder.parts["meshes"][0]["primitives"][0]["attributes"]
    for one in range(joints.shape[1] // 4):
        columns = slice(4 * one, 4 * one + 4)
        attributes[f"JOINTS_{one}"] = accessor(builder, joints[:, columns])
        attributes[f"WEIGHTS_{one}"] = accessor(builder, weights[:, columns], **more)
    worlds = [matrix([1, 2, 3], turn=QUARTER), matrix([1, 2, 3], turn=QUARTER) @ matrix([0, 5, 0], [2, 1, 1])]
    binds = [np.linalg.inv(matrix([0.5, 0, 0])), np.linalg.inv(matrix([0, 1, 0], [1, 2, 1]))]
    skin: dict[str, Any] = {"joints": [2, 1]}
    if inverse:
        bound = np.array([bind.T.ravel() for bind in binds], np.float32)
        skin["inverseBindMatrices"] = accessor(builder, bound)
    builder.add("skins", **skin)
    body = builder.node(mesh, skin=0, scale=[100, 100, 100])
    inner = builder.node(None, translation=[0, 5, 0], scale=[2, 1, 1])
    builder.node(None, translation=[1, 2, 3], rotation=TURN, children=[inner])
    builder.node(None, translation=[0, 0, 40], children=[body])
    both = [world @ bind if inverse else world for world, bind in zip(worlds, binds, strict=True)]
    return builder.glb(), np.array(both)


def by_joints(joints: NDArray[Any], weights: Corners, both: Corners) -> Corners:
    """The specification's sum, vertex by vertex."""
    found = np.zeros((len(WEDGE), 3))
    for vertex, point in enumerate(WEDGE):
        total = weights[vertex].sum()
        for name, weight in zip(joints[vertex], weights[vertex], strict=True):
            if weight:
                found[vertex] += weight / total * moved(point, both[name])
    return found[SIDES]


ONE_SET = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 9, 0], [1, 1, 0, 0]], np.uint8)
SHARES = np.array([[0.5, 0.5, 0, 0], [1, 0, 0, 0], [0.25, 0.75, 0, 0], [0.5, 0.5, 0, 0]])


@pytest.mark.documented(f"{SPEC}#skins")
@pytest.mark.parametrize(
    ("joints", "weights", "more"),
    [
        (ONE_SET, SHARES.astype(np.float32), {}),
        (ONE_SET.astype(np.uint16), (SHARES * 8).astype(np.float32), {}),
        (ONE_SET, (SHARES * 252).astype(np.uint8), {"normalized": True}),
        (np.hstack([ONE_SET, ONE_SET[::-1]]), np.hstack([SHARES, SHARES[::-1] / 2]).astype(np.float32), {}),
    ],
    ids=["floats", "of another sum", "bytes", "two sets"],
)
def test_a_skinned_mesh_is_where_its_joints_put_it(
    read: Any, joints: NDArray[Any], weights: NDArray[Any], more: dict[str, Any]
) -> None:
    data, both = rigged(joints, weights, **more)
    found, notes = read(data)
    assert found == pytest.approx(by_joints(joints, weights.astype(float), both), abs=1e-5)
    assert notes == ()


@pytest.mark.documented(f"{SPEC}#skins")
def test_without_inverse_bind_matrices_they_are_identities_and_without_weights_the_first_joint_has_all(
    read: Any,
) -> None:
    data, both = rigged(ONE_SET, np.zeros((4, 4), np.float32), inverse=False)
    first = np.eye(4)[np.zeros(4, int)]
    assert read(data)[0] == pytest.approx(by_joints(ONE_SET, first, both), abs=1e-5)


@pytest.mark.parametrize(
    ("part", "fields", "message"),
    [
        ("skins", {"joints": [1]}, "bound to joint 1 of a skin of 1"),
        ("skins", {"joints": [1, 77]}, "the joint 77"),
        ("skins", {"joints": [1, 2, 3]}, "2 inverse bind matrices for 3 joints"),
        ("accessors", {"count": 3}, "has 3 values for 4 vertices"),
        ("accessors", {"count": 10**12, "bufferView": -1}, "values for 4 vertices"),
        ("accessors", {"componentType": 5120}, "expected unsigned integers"),
        ("nodes", {"skin": 4}, "skin 4"),
    ],
)
def test_a_skin_that_is_used_and_wrong_is_refused(
    read: Any, part: str, fields: dict[str, Any], message: str
) -> None:
    data, _ = rigged(ONE_SET, SHARES.astype(np.float32))
    document = document_in(data)
    index = {"accessors": document["meshes"][0]["primitives"][0]["attributes"]["JOINTS_0"]}.get(part, 0)
    document[part][index] |= fields
    with pytest.raises(Exception, match=message):
        read(with_document(data, document))


def test_what_a_joint_mirrors_keeps_its_outside_outside(read: Any) -> None:
    data, _ = rigged(np.ones((4, 4), np.uint8), np.ones((4, 4), np.float32), inverse=False)
    document = document_in(data)
    document["nodes"][1]["scale"] = [-1, 1, 1]
    for one in (data, with_document(data, document)):
        a, b, c = np.moveaxis(read(one)[0], 1, 0)
        assert np.einsum("ij,ij->", a, np.cross(b, c)) == pytest.approx(6 if one is not data else 12)


@pytest.mark.documented(f"{SPEC}#morph-targets")
def test_morph_targets_by_the_nodes_weights_else_the_meshs_else_none(read: Any) -> None:
    builder = GlbBuilder()
    rise = np.zeros((4, 3), np.float32)
    rise[:, 1] = 4
    # A base that is all zero, and a target of which only one value is in the file.
    zeros = {"componentType": 5126, "count": 4, "type": "VEC3"}
    last = {
        "count": 1,
        "indices": {
            "bufferView": builder.binary.view(np.array([3], np.uint8).tobytes()),
            "componentType": 5121,
        },
        "values": {"bufferView": builder.binary.view(np.array([0, 0, 8], np.float32).tobytes())},
    }
    builder.binary.accessors.append({**zeros, "sparse": last})
    targets = [{"POSITION": accessor(builder, rise)}, {"POSITION": 0}, {"NORMAL": 1}]
    mesh = builder.mesh(wedge(builder, targets=targets))
    builder.parts["meshes"][0]["weights"] = [0.25, 0, 1]
    plain = builder.mesh(wedge(builder, targets=targets))
    builder.node(mesh)
    builder.node(mesh, weights=[0, 0.5])
    builder.node(plain)
    far = WEDGE.copy()
    far[3, 2] += 4
    expected = np.concatenate([(WEDGE + np.array([0, 1, 0]))[SIDES], far[SIDES], WEDGE[SIDES]])
    assert read(builder.glb())[0] == pytest.approx(expected, abs=1e-6)


def instanced(**attributes: NDArray[Any]) -> GlbBuilder:
    builder = GlbBuilder()
    more = {"normalized": True}
    named = {
        name: accessor(builder, values, **(more if values.dtype.kind == "i" else {}))
        for name, values in attributes.items()
    }
    extensions = {"EXT_mesh_gpu_instancing": {"attributes": {**named, "_ID": 99}}}
    mesh = builder.mesh(wedge(builder))
    builder.node(mesh, translation=[0, 0, 7], extensions=extensions)
    return builder


@pytest.mark.documented(INSTANCING)
@pytest.mark.parametrize("kind", [np.float32, np.int8, np.int16])
def test_instances_stand_under_their_nodes_transform(read: Any, kind: type[Any]) -> None:
    places = np.array([[1, 0, 0], [0, 9, 0]], np.float32)
    turns = np.array([[0, 0, 0, 1], TURN])
    whole = turns if kind is np.float32 else np.rint(turns * np.iinfo(kind).max)
    scales = np.array([[2, 2, 2], [1, -3, 1]], np.float32)
    builder = instanced(TRANSLATION=places, ROTATION=whole.astype(kind), SCALE=scales)
    found, notes = read(file_of(builder, "EXT_mesh_gpu_instancing"))
    under = matrix([0, 0, 7])
    one = moved(WEDGE, under @ matrix(places[0], scales[0]))
    other = moved(WEDGE, under @ matrix(places[1], scales[1], QUARTER))
    expected = np.concatenate([one[SIDES], other[SIDES[:, ::-1]]])
    assert found == pytest.approx(expected, abs=1e-5)
    assert notes == ()


@pytest.mark.documented(INSTANCING)
def test_instances_count_as_what_they_make_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.glb"
    builder = instanced(TRANSLATION=np.zeros((1, 3), np.float32))
    path.write_bytes(builder.glb())
    assert len(read_glb(path, max_faces=4).faces) == 4
    for count in (2, 10**12):
        builder.binary.accessors[0] = {"componentType": 5126, "count": count, "type": "VEC3"}
        path.write_bytes(builder.glb())
        with pytest.raises(Exception, match=f"at least {4 * count} triangles"):
            read_glb(path, max_faces=4)
    builder = instanced(TRANSLATION=np.zeros((1, 3), np.float32), SCALE=np.ones((2, 3), np.float32))
    path.write_bytes(builder.glb())
    with pytest.raises(Exception, match="expected as many of each"):
        read_glb(path)


def test_what_is_added_up_for_a_vertex_has_a_limit_too(tmp_path: Path) -> None:
    builder = GlbBuilder()
    mesh = builder.mesh(wedge(builder, targets=[{"POSITION": 0}] * 100))
    builder.node(mesh, weights=[1] * 100)
    path = tmp_path / "model.glb"
    path.write_bytes(builder.glb())
    assert len(read_glb(path, max_faces=8).faces) == 4
    with pytest.raises(Exception, match="joints and morph targets"):
        read_glb(path, max_faces=4)


@pytest.mark.documented(
    "https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_node_visibility"
)
def test_what_a_node_hides_is_hidden_with_all_below_it(read: Any) -> None:
    builder = GlbBuilder()
    mesh = builder.mesh(wedge(builder))
    shown, hidden = ({"KHR_node_visibility": {"visible": visible}} for visible in (True, False))
    builder.node(mesh, extensions=shown)
    below = builder.node(mesh, translation=[9, 0, 0], extensions=shown)
    builder.node(None, children=[below], extensions=hidden)
    builder.required.append("KHR_node_visibility")
    assert len(read(builder.glb())[0]) == len(SIDES)


@pytest.mark.parametrize("at", [[3133805.225, 5447439.53, -992857.7], [1e8, -1e8, 1e8], [1e13, 0, 0]])
def test_a_scene_that_is_far_away_keeps_its_shape_and_its_place(tmp_path: Path, at: list[float]) -> None:
    ball = trimesh.creation.icosphere(2)
    builder = GlbBuilder()
    builder.node(builder.mesh(builder.primitive(ball.vertices, ball.faces)), translation=at)
    path = tmp_path / "model.glb"
    path.write_bytes(builder.glb())
    near = np.asarray(ball.vertices, np.float32)
    exact = 1e-6 + float(np.spacing(max(np.abs(at))))  # what a double of that size holds
    for positions in (read_model(path).primitives[0].positions, read_glb(path).vertices):
        assert positions - positions.mean(axis=0) == pytest.approx(near, abs=exact)
    mesh = read_glb(path)
    painted = write_glb(mesh, origin=mesh.origin)
    theirs: Any = trimesh.load_scene(io.BytesIO(painted), file_type="glb")
    assert theirs.extents == pytest.approx([2, 2, 2], abs=2 * exact)
    assert theirs.bounds.mean(axis=0) == pytest.approx(at, rel=1e-12)
    path.write_bytes(painted)
    assert read_glb(path).vertices == pytest.approx(mesh.vertices, abs=exact)


def test_a_scene_that_is_near_stays_where_it_is(tmp_path: Path) -> None:
    builder = GlbBuilder()
    builder.node(builder.mesh(wedge(builder)), translation=[100, 0, 0])
    path = tmp_path / "model.glb"
    path.write_bytes(builder.glb())
    mesh = read_glb(path)
    assert (mesh.vertices == WEDGE + np.array([100, 0, 0])).all()
    assert not any(mesh.origin)
    assert "translation" not in document_in(write_glb(mesh))["nodes"][0]


def _inline(data: bytes, head: str = "data:application/octet-stream;base64") -> str:
    return f"{head},{base64.b64encode(data).decode()}"


@pytest.mark.documented(f"{SPEC}#buffers-and-buffer-views")
@pytest.mark.parametrize("second", [False, True])
def test_buffers_in_the_json(read: Any, second: bool) -> None:
    builder = GlbBuilder()
    builder.node(builder.mesh(wedge(builder)))
    data = builder.glb()
    document = document_in(data)
    binary = data[len(data) - builder.binary.length :]
    uri = _inline(binary, "data:application/gltf-buffer;BASE64").rstrip("=")
    inline = {"byteLength": len(binary), "uri": uri}
    document["buffers"] = [*document["buffers"], inline] if second else [inline]
    for view in document["bufferViews"]:
        view["buffer"] = int(second)
    assert read(with_document(data, document))[0] == pytest.approx(WEDGE[SIDES])
    document["buffers"][int(second)]["uri"] = "data:;base64,A"
    with pytest.raises(Exception, match="not base64"):
        read(with_document(data, document))


@pytest.mark.parametrize(
    ("part", "index", "fields"),
    [
        ("meshes", 1, {"primitives": [{"attributes": {}}]}),
        ("meshes", 1, {"primitives": [{"attributes": {"NORMAL": 0}}, {}]}),
        ("meshes", 1, {"primitives": []}),
        ("meshes", 1, {"primitives": None}),
        ("meshes", 1, {"primitives": [{"attributes": {"POSITION": 2}}]}),
        ("meshes", 1, {"primitives": [{"attributes": {"POSITION": 0}, "indices": 3}]}),
        ("accessors", 0, {"min": [None, None, None], "max": ["a"]}),
        ("accessors", 2, {"componentType": 5130, "type": "VEC9"}),
        ("meshes", 0, {"weights": None}),
        ("nodes", 0, {"children": None, "matrix": None, "skin": -1, "extensions": None, "scale": None}),
        ("nodes", 1, {"mesh": -1}),
        ("scenes", 0, {"nodes": [0, 0]}),
        ("bufferViews", 0, {"byteStride": 0}),
        ("bufferViews", 0, {"byteStride": 12, "byteOffset": None}),
        ("bufferViews", 1, {"byteStride": 2}),
        ("bufferViews", 2, {"byteLength": 0}),
        ("skins", 0, {"joints": [77]}),
    ],
)
def test_what_cannot_be_drawn_is_left_out_and_none_by_another_name_is_none(
    read: Any, part: str, index: int, fields: dict[str, Any]
) -> None:
    builder = GlbBuilder()
    builder.node(builder.mesh(wedge(builder, material=-1)))
    builder.node(builder.mesh())
    builder.binary.accessors += [
        {"componentType": 5126, "count": 0, "type": "VEC3"},
        {"componentType": 5123, "count": 0, "type": "SCALAR"},
    ]
    builder.binary.view(b"1234")
    builder.add("skins")
    data = builder.glb()
    document = document_in(data)
    document[part][index] |= fields
    assert read(with_document(data, document))[0] == pytest.approx(WEDGE[SIDES])


def test_what_is_left_out_is_said(read: Any) -> None:
    builder = GlbBuilder()
    line = wedge(builder, mode=1)
    builder.node(builder.mesh(wedge(builder), line, line, {"attributes": {}}))
    data = builder.glb()
    document = document_in(data) | {
        "extensionsUsed": ["CESIUM_RTC", "ACME_other", "KHR_draco_mesh_compression"]
    }
    document["scenes"][0]["nodes"] *= 2
    notes = read(with_document(data, document))[1]
    assert sorted(notes) == [
        "left out: 1 primitive without POSITION",
        "left out: 1 second mention of a node",
        "left out: 2 primitives of lines or points",
        "the glTF extension CESIUM_RTC is not read: write its centre as the translation of a node",
    ]


@pytest.mark.parametrize(
    ("part", "fields", "message"),
    [
        ("bufferViews", {"byteStride": 8}, "values of 12 bytes, 8 from each other"),
        ("bufferViews", {"byteOffset": -4}, "bufferView 0"),
        ("accessors", {"byteOffset": -4}, "accessor 0 needs"),
        ("accessors", {"count": -1}, "no triangles"),
        ("accessors", {"componentType": 5130}, "componentType 5130: expected one of 5120"),
        ("accessors", {"count": "many"}, "accessors.0.count is 'many': expected a valid integer"),
        ("nodes", {"scale": [1, 1]}, r"nodes.0.scale.* is missing: export it again"),
        ("nodes", {"children": [0]}, "in the scene twice"),
        ("meshes", {"primitives": [{"attributes": {"POSITION": 0}, "mode": 9}]}, "mode is 9: expected less"),
    ],
)
def test_what_is_used_and_wrong_is_refused_in_words(
    read: Any, part: str, fields: dict[str, Any], message: str
) -> None:
    builder = GlbBuilder()
    builder.node(builder.mesh(wedge(builder)))
    document = document_in(builder.glb())
    document[part][0] |= fields
    with pytest.raises(Exception, match=message):
        read(with_document(builder.glb(), document))


@pytest.mark.parametrize("wrap", [lambda text: text + b"\0" * 5, lambda text: b"\xef\xbb\xbf" + text])
def test_padding_with_nul_and_a_byte_order_mark(wrap: Callable[[bytes], bytes]) -> None:
    assert parse(wrap(json.dumps(new_document()).encode())).asset.version == "2.0"


def _requiring(name: str) -> bytes:
    builder = GlbBuilder()
    builder.node(builder.mesh(wedge(builder)))
    builder.required.append(name)
    return builder.glb()


def test_a_file_may_require_what_is_read_or_changes_nothing(read: Any) -> None:
    for name in READ | HARMLESS:
        assert read(_requiring(name))[1] == ()


@pytest.mark.parametrize("name", [*SHAPES, "ACME_secret"])
def test_what_changes_the_shape_and_is_not_read_is_refused_with_what_to_do(read: Any, name: str) -> None:
    with pytest.raises(Exception, match=f"{name}, which is not read here: .*`|export|translation"):
        read(_requiring(name))


def test_what_changes_colours_alone_is_no_obstacle_to_paint_which_makes_its_own(tmp_path: Path) -> None:
    path = tmp_path / "model.glb"
    for name in COLORS:
        path.write_bytes(_requiring(name))
        assert len(read_glb(path).faces) == 4
        with pytest.raises(ModelError, match=name):
            read_model(path)


@pytest.mark.parametrize(
    "bomb",
    [b'{"nodes":[%s{}]}', b'{"accessors":[%s{}]}', b'{"extras":[%s{}]}', b'{"nodes":[{"children":[%s0]}]}'],
)
@pytest.mark.parametrize("small", [b"{},", b"[],", b"0,", b'{"mesh":0},', b'{"children":[0]},'])
def test_json_of_small_parts_costs_what_its_limit_says(bomb: bytes, small: bytes) -> None:
    text = bomb % (small * 40_000)
    tracemalloc.start()
    try:
        with contextlib.suppress(GlbError):
            parse(b'{"asset":{"version":"2.0"},' + text[1:])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    values = sum(text.count(mark) for mark in (b"{", b"[", b","))
    # A copy of the text, and the records.
    assert peak < 2 * len(text) + 250 * values


def test_json_of_too_many_values_is_refused_before_it_is_parsed_and_a_long_one_of_few_is_not() -> None:
    most = b'{"asset":{"version":"2.0"},"extras":[%s0]}'
    assert parse(most % (b"0," * (MAX_JSON_VALUES - 4))).nodes == ()
    tracemalloc.start()
    try:
        with pytest.raises(GlbError, match="gltf-transform"):
            parse(most % (b"0," * (MAX_JSON_VALUES - 3)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * MAX_JSON_VALUES
    uri = b"data:," + b"a" * (MAX_JSON_BYTES - 200)
    document = parse(b'{"asset":{"version":"2.0"},"buffers":[{"byteLength":4,"uri":"%s"}]}' % uri)
    assert document.buffers[0].uri == uri.decode()


def test_a_texture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    builder = GlbBuilder()
    texture = builder.texture(builder.image(png(np.zeros((16, 16), np.uint8)).replace(_SIZE, _HUGE)))
    look = builder.material(texture=texture)
    builder.node(builder.mesh(builder.primitive(WEDGE, SIDES, look, TEXCOORD_0=WEDGE[:, :2])))
    path = tmp_path / "model.glb"
    path.write_bytes(builder.glb())
    with pytest.raises(JobError, match="image 0 is"):
        read_textured_glb(path)


_SIZE = (16).to_bytes(4, "big") * 2
_HUGE = (30_000).to_bytes(4, "big") * 2
