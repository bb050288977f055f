from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.runtime.geometry.mesh import Mesh
from meshtwin.runtime.geometry.topology import describe
from meshtwin.runtime.geometry.weld import smooth_normals, weld


def _mesh(made: trimesh.Trimesh) -> Mesh:
    return Mesh(np.array(made.vertices, np.float32), np.array(made.faces, np.int32))


def _soup(mesh: Mesh) -> Mesh:
    """Every triangle with vertices of its own, as after splitting every seam."""
    corners = mesh.vertices[mesh.faces].reshape(-1, 3)
    return Mesh(corners, np.arange(len(corners), dtype=np.int32).reshape(-1, 3))


BALL = _mesh(trimesh.creation.icosphere(3))
RING = _mesh(trimesh.creation.torus(1, 0.3))
BOX = _mesh(trimesh.creation.box())


def _with_another(mesh: Mesh, shift: float) -> Mesh:
    faces = np.concatenate([mesh.faces, mesh.faces + len(mesh.vertices)])
    return Mesh(np.concatenate([mesh.vertices, mesh.vertices + np.float32(shift)]), faces.astype(np.int32))


TWO = _with_another(BOX, 5)


@pytest.mark.parametrize(
    ("mesh", "bodies", "euler"),
    [(BALL, 1, 2), (RING, 1, 0), (BOX, 1, 2), (TWO, 2, 4)],
    ids=["ball", "ring", "box", "two"],
)
@pytest.mark.parametrize("soup", [False, True])
def test_closed_bodies(mesh: Mesh, bodies: int, euler: int, soup: bool) -> None:
    found = describe(_soup(mesh) if soup else mesh)
    assert found.watertight
    assert found.consistent
    assert (found.bodies, found.euler) == (bodies, euler)
    assert found.volume == pytest.approx(trimesh.Trimesh(mesh.vertices, mesh.faces).volume, rel=1e-5)


def test_an_open_mesh_is_not_watertight() -> None:
    found = describe(Mesh(BALL.vertices, BALL.faces[1:]))
    assert not found.watertight
    assert found.consistent
    assert found.euler == 1


def test_one_turned_triangle_is_inconsistent() -> None:
    faces = BALL.faces.copy()
    faces[7] = faces[7, ::-1]
    found = describe(Mesh(BALL.vertices, faces))
    assert found.watertight
    assert not found.consistent


def test_inside_out_has_a_negative_volume() -> None:
    assert describe(Mesh(BALL.vertices, BALL.faces[:, ::-1])).volume < 0


def test_bodies_that_touch_in_a_point_are_two() -> None:
    assert describe(_with_another(BOX, 1)).bodies == 2


def test_a_fin_on_an_edge_is_not_watertight() -> None:
    vertices = np.concatenate([BOX.vertices, np.array([[3, 3, 3]], np.float32)])
    fin = np.array([[BOX.faces[0, 0], BOX.faces[0, 1], 8]], np.int32)
    assert not describe(Mesh(vertices, np.concatenate([BOX.faces, fin]))).watertight


def test_only_degenerate_faces_are_nothing() -> None:
    found = describe(Mesh(BOX.vertices, np.array([[0, 0, 1], [2, 2, 2]], np.int32)))
    assert (found.watertight, found.bodies, found.euler, found.volume) == (False, 0, 0, 0)


def test_volume_is_exact_far_from_the_origin() -> None:
    moved = Mesh(BOX.vertices + np.float32(1024), BOX.faces)
    assert describe(moved).volume == pytest.approx(1)


@given(st.lists(st.tuples(*[st.sampled_from([-1.0, -0.0, 0.0, 2.5])] * 3), max_size=30))
def test_welding_joins_equal_positions_and_no_others(points: list[tuple[float, float, float]]) -> None:
    place, places = weld(np.array(points, np.float32).reshape(-1, 3))
    assert places == len({tuple(coordinate + 0.0 for coordinate in point) for point in points})
    for index, point in enumerate(points):
        for other, another in enumerate(points):
            assert (place[index] == place[other]) == (point == another)


def test_smooth_normals_of_a_ball_point_outwards_and_are_shared_over_seams() -> None:
    soup = _soup(BALL)
    normals = smooth_normals(soup.vertices, soup.faces)
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 1e-5
    assert (np.einsum("ij,ij->i", normals, soup.vertices) > 0.999).all()
    place, places = weld(soup.vertices)
    assert len(np.unique(np.column_stack([place, normals]), axis=0)) == places


@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e15])
def test_normals_are_of_unit_length_at_any_scale(scale: float) -> None:
    normals = smooth_normals(BALL.vertices * np.float32(scale), BALL.faces)
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 1e-5
    assert (np.einsum("ij,ij->i", normals, BALL.vertices) > 0.99).all()


def test_a_vertex_without_an_area_has_a_normal_all_the_same() -> None:
    vertices = np.zeros((4, 3), np.float32)
    normals = smooth_normals(vertices, np.array([[0, 1, 2]], np.int32))
    assert (normals == [0, 0, 1]).all()


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_bodies_are_counted_in_whatever_order_their_faces_come(count: int, seed: int) -> None:
    faces = np.concatenate([BALL.faces + number * len(BALL.vertices) for number in range(count)])
    vertices = np.concatenate([BALL.vertices + np.float32(3 * number) for number in range(count)])
    shuffled = np.random.default_rng(seed).permutation(faces).astype(np.int32)
    assert describe(Mesh(vertices, shuffled)).bodies == count
