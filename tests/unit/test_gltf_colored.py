from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.gltf.colored import write_colored_glb
from tests.support.glbs import document_in, model_of, with_document
from tests.support.gltf_check import check_glb

if TYPE_CHECKING:
    from numpy.typing import NDArray

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
COLORS = np.array([[1, 0, 0, 1], [0, 0.5, 0, 1], [0, 0, 0.25, 1], [0.2, 0.4, 0.6, 0.5]], np.float32)


def test_trimesh_reads_places_faces_and_colours() -> None:
    data = write_colored_glb(CORNERS, FACES, COLORS)
    document = document_in(data)
    # trimesh looks at colours only where there is no material.
    del document["meshes"][0]["primitives"][0]["material"]
    data = with_document(data, document)
    mesh: Any = trimesh.load_mesh(io.BytesIO(data), file_type="glb", process=False)
    assert (mesh.vertices == CORNERS).all()
    assert (mesh.faces == FACES).all()
    assert mesh.visual.kind == "vertex"
    assert np.abs(mesh.visual.vertex_colors / 255 - COLORS).max() <= 0.5 / 255 + 1e-6


def test_our_reader_reads_just_what_was_written() -> None:
    (found,) = model_of(write_colored_glb(CORNERS, FACES, COLORS)).primitives
    assert (found.positions == CORNERS).all()
    assert (found.faces == FACES).all()
    assert found.colors is not None
    assert (found.colors == COLORS).all()
    assert found.material.factor == (1.0, 1.0, 1.0, 1.0)


@given(st.integers(0, 2**32 - 1), st.integers(3, 40), st.integers(1, 60))
def test_nothing_is_wrong_with_it(seed: int, corners: int, faces: int) -> None:
    random = np.random.default_rng(seed)
    positions = random.normal(size=(corners, 3)).astype(np.float32)
    chosen = random.integers(0, corners, (faces, 3)).astype(np.int32)
    chosen[0] = [0, 1, 2]
    data = write_colored_glb(positions, chosen, random.random((corners, 4)).astype(np.float32))
    assert check_glb(data) == []


@pytest.mark.parametrize(("vertices", "component"), [(65535, 5123), (65536, 5125)])
def test_indices_are_as_short_as_they_can_be(vertices: int, component: int) -> None:
    positions = np.zeros((vertices, 3), np.float32)
    positions[:4] = CORNERS
    faces = np.array([[0, 1, vertices - 1]], np.int32)
    data = write_colored_glb(positions, faces, np.ones((vertices, 4), np.float32))
    assert check_glb(data) == []
    assert document_in(data)["accessors"][2]["componentType"] == component


def test_the_same_mesh_gives_the_same_bytes_and_says_who_made_it() -> None:
    data = write_colored_glb(CORNERS, FACES, COLORS)
    assert data == write_colored_glb(CORNERS.copy(), FACES.copy(), COLORS.copy())
    extras = document_in(data)["asset"]["extras"]
    assert extras["machine_generated"] is True


def test_colours_are_brought_into_range_and_flat_faces_left_out() -> None:
    more = np.concatenate([FACES, [[1, 1, 2]]]).astype(np.int32)
    (found,) = model_of(write_colored_glb(CORNERS, more, COLORS * 3 - 1)).primitives
    assert found.colors is not None
    assert (found.colors == (COLORS * 3 - 1).clip(0, 1)).all()
    assert len(found.faces) == 4


NAN = np.full((4, 4), np.nan, np.float32)


@pytest.mark.parametrize(
    ("positions", "faces", "colors", "message"),
    [
        (CORNERS, FACES, COLORS[:3], r"colors of shape \(3, 4\): expected \(4, 4\)"),
        (CORNERS, FACES, COLORS[:, :3], r"expected \(4, 4\) finite numbers"),
        (CORNERS, FACES, NAN, "finite numbers"),
        (NAN[:, :3], FACES, COLORS, "not finite"),
        (CORNERS, FACES + 1, COLORS, "vertices beyond its 4"),
        (CORNERS, FACES - 1, COLORS, "vertices beyond its 4"),
        (CORNERS, FACES * 0, COLORS, "no triangles"),
        (CORNERS, FACES[:0], COLORS, "no triangles"),
    ],
)
def test_what_no_file_may_have(
    positions: NDArray[np.float32], faces: NDArray[np.int32], colors: NDArray[np.float32], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_colored_glb(positions, faces, colors)
