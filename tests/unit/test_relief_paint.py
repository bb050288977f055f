from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtwin.runtime.backends.relief.backend import ReliefBackend
from meshtwin.runtime.contract import Params
from meshtwin.runtime.geometry.glb_read import read_glb
from meshtwin.runtime.geometry.glb_write import write_glb
from meshtwin.runtime.geometry.mesh import Mesh, TexturedMesh
from meshtwin.runtime.geometry.raster import rasterize
from meshtwin.runtime.geometry.topology import describe
from meshtwin.runtime.images.decode import Subject, find_subject, open_image
from tests.support.gltf_check import check_glb

PICTURES = sorted((Path(__file__).parents[2] / "fixtures" / "images").glob("*.*"))
RED, GREEN, BLUE, YELLOW = (210, 40, 40), (40, 170, 60), (40, 60, 200), (230, 200, 50)
STEPS: list[tuple[str, float]] = []


def _report(step: str, fraction: float) -> None:
    STEPS.append((step, fraction))


def _disc(side: int = 200, *, radius: float = 0.4) -> Subject:
    """A disc in four colours, one a quarter, with a black eye in the upper left, on white."""
    row, column = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    mask = ((radius - np.hypot(row, column)) * side + 0.5).clip(0, 1).astype(np.float32)
    rgb = np.full((side, side, 3), 255, np.uint8)
    inside = mask > 0
    for color, where in (
        (RED, (row < 0) & (column < 0)),
        (GREEN, (row < 0) & (column >= 0)),
        (BLUE, (row >= 0) & (column < 0)),
        (YELLOW, (row >= 0) & (column >= 0)),
    ):
        rgb[inside & where] = color
    rgb[np.hypot(row + 0.15, column + 0.15) < 0.04] = 0
    return Subject(rgb, mask, "alpha")


def _mesh(made: trimesh.Trimesh) -> Mesh:
    return Mesh(np.array(made.vertices, np.float32), np.array(made.faces, np.int32))


def _paint(subject: Subject, mesh: Mesh, **params: int) -> TexturedMesh:
    return ReliefBackend().paint(subject, mesh, Params.model_validate(params), 0, _report)


def _view(painted: TexturedMesh, subject: Subject, *, behind: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Base colour without light, as seen from the front (or the back), where the subject's picture has it."""
    rows, columns = np.nonzero(subject.mask >= 0.5)
    low = np.array([columns.min(), rows.min()])
    size = np.array([columns.max(), rows.max()]) + 1 - low
    points = painted.vertices.astype(np.float64)
    extent = np.ptp(points, axis=0)
    inside = (points - points.min(axis=0)) / np.where(extent > 0, extent, 1)
    on_picture = np.stack([inside[:, 0], 1 - inside[:, 1], -inside[:, 2] if behind else inside[:, 2]], axis=1)
    on_picture[:, :2] = low + on_picture[:, :2] * size
    height, width = subject.mask.shape
    raster = rasterize(on_picture, painted.faces, width, height)
    uv = raster.interpolate(painted.faces, painted.uv)
    tall, wide = painted.base_color.shape[:2]
    colors = cv2.remap(
        painted.base_color,
        uv[..., 0] * np.float32(wide) - np.float32(0.5),
        uv[..., 1] * np.float32(tall) - np.float32(0.5),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(colors), raster.covered


def _lab(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))


def _distance(painted: TexturedMesh, subject: Subject) -> float:
    """Mean CIELAB distance (CIE76) of the front view from the picture, inside the mask."""
    seen, covered = _view(painted, subject)
    inside = covered & (subject.mask >= 0.5)
    assert inside.any()
    return float(np.linalg.norm(_lab(seen) - _lab(subject.rgb), axis=-1)[inside].mean())


BALL = trimesh.creation.icosphere(4)
RING = trimesh.creation.torus(1, 0.4)
PLANE = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
EDGE_ON = trimesh.Trimesh([[0, 0, 0], [0, 1, 0], [0, 1, 1]], [[0, 1, 2]])
BOX = trimesh.creation.box()


def test_fixtures_are_there() -> None:
    assert len(PICTURES) >= 6


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_fixture_looks_like_its_picture_from_the_front(picture: Path) -> None:
    subject = find_subject(open_image(picture))
    backend = ReliefBackend()
    mesh = backend.shape(subject, Params(octree_resolution=96), 0, _report)
    painted = backend.paint(subject, mesh, Params(), 0, _report)

    assert _distance(painted, subject) <= 5
    assert check_glb(write_glb(painted)) == []
    assert describe(painted) == describe(mesh)


@pytest.mark.parametrize(
    "made", [BALL, RING, BOX, PLANE, EDGE_ON], ids=["ball", "ring", "box", "plane", "edge-on"]
)
@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (250, -4000), (1e-5, 0.01), (3e15, 0)])
def test_anybodys_mesh_is_painted_where_it_stands(made: trimesh.Trimesh, scale: float, shift: float) -> None:
    mesh = _mesh(made)
    mesh = Mesh((mesh.vertices * np.float32(scale) + np.float32(shift)).astype(np.float32), mesh.faces)
    painted = _paint(_disc(), mesh)

    assert check_glb(write_glb(painted)) == []
    assert (painted.vertices[painted.faces] == mesh.vertices[mesh.faces]).all()


@pytest.mark.parametrize("made", [BALL, PLANE], ids=["ball", "plane"])
def test_anybodys_mesh_looks_like_the_picture_from_the_front(made: trimesh.Trimesh) -> None:
    subject = _disc()
    assert _distance(_paint(subject, _mesh(made)), subject) <= 5


def test_a_mesh_from_a_file_with_turned_nodes_and_several_bodies(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    turn = np.array([[0.8, -0.6, 0, 7], [0.6, 0.8, 0, -2], [0, 0, 1, 0.5], [0, 0, 0, 1]])
    scene.add_geometry(BALL, transform=turn)
    scene.add_geometry(RING, transform=np.diag([1, -1, 3, 1]))
    path = tmp_path / "scene.glb"
    path.write_bytes(scene.export(file_type="glb"))  # type: ignore[no-untyped-call]

    mesh = read_glb(path)
    painted = _paint(_disc(), mesh)
    assert check_glb(write_glb(painted)) == []
    assert describe(painted) == describe(mesh)


def test_the_box_around_the_mesh_lies_on_the_box_around_the_subject() -> None:
    left = Subject(_disc().rgb, np.roll(_disc().mask, -30, axis=1), "alpha")
    left.rgb[...] = np.roll(left.rgb, -30, axis=1)
    assert _distance(_paint(left, _mesh(BALL)), left) <= 5


def test_the_eye_is_not_on_the_back() -> None:
    subject = _disc()
    painted = _paint(subject, _mesh(BALL))
    front, _ = _view(painted, subject)
    back, _ = _view(painted, subject, behind=True)
    eye = (slice(67, 73), slice(67, 73))
    assert front[eye].max() < 40
    assert np.abs(back[eye].astype(int) - RED).max() < 60


def test_front_and_back_meet_in_the_same_colour() -> None:
    subject = _disc()
    painted = _paint(subject, ReliefBackend().shape(subject, Params(), 0, _report))
    tall, wide = painted.base_color.shape[:2]
    column, row = (painted.uv * [wide, tall]).astype(int).T
    color = _lab(painted.base_color)[row, column]
    rim = np.abs(painted.vertices[:, 2]) < 1e-6
    front, back = (color[rim & side] for side in (painted.uv[:, 0] < 0.5, painted.uv[:, 0] >= 0.5))
    assert len(front) == len(back) > 100
    assert np.linalg.norm(front - back, axis=1).mean() < 3


def test_normals_are_shared_over_the_seam() -> None:
    painted = _paint(_disc(), _mesh(BALL))
    assert len(painted.vertices) > len(BALL.vertices)
    rows = np.column_stack([painted.vertices, painted.normals])
    assert len(np.unique(rows, axis=0)) == len(BALL.vertices)


def test_no_triangle_reaches_from_the_front_chart_into_the_back_chart() -> None:
    painted = _paint(_disc(), _mesh(RING))
    side = painted.uv[painted.faces][..., 0] >= 0.5
    assert (side.all(axis=1) | ~side.any(axis=1)).all()


def test_what_another_part_hides_does_not_wear_its_features() -> None:
    ball = _mesh(trimesh.creation.icosphere(4))
    behind = ball.vertices - np.array([0, 0, 3], np.float32)
    faces = np.concatenate([ball.faces, ball.faces + len(ball.vertices)]).astype(np.int32)
    painted = _paint(_disc(), Mesh(np.concatenate([ball.vertices, behind]), faces))
    hidden = painted.vertices[:, 2] < -2.2
    assert (painted.uv[hidden, 0] > 0.5).all()


@pytest.mark.parametrize(
    ("size", "expected"), [(256, 256), (300, 256), (1024, 1024), (4096, 4096), (None, 512)]
)
def test_the_texture_is_as_large_as_asked_for(size: int | None, expected: int) -> None:
    painted = _paint(_disc(), _mesh(BALL), **({} if size is None else {"texture_size": size}))
    assert painted.base_color.shape == (expected // 2, expected, 3)


@pytest.mark.parametrize(("side", "expected"), [(32, 512), (480, 1024), (1000, 2048), (2100, 2048)])
def test_left_to_itself_the_texture_holds_the_pictures_pixels(side: int, expected: int) -> None:
    assert _paint(_disc(side), _mesh(BALL)).base_color.shape[1] == expected


def test_painting_twice_gives_the_same_bytes() -> None:
    first, second = (write_glb(_paint(_disc(), _mesh(RING))) for _ in range(2))
    assert first == second


def test_progress_rises_and_names_its_steps() -> None:
    STEPS.clear()
    _paint(_disc(), _mesh(BALL))
    fractions = [fraction for _, fraction in STEPS]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] < 1
    assert len({step for step, _ in STEPS}) == len(STEPS) >= 3


def test_a_line_one_pixel_thin_keeps_its_colour() -> None:
    rgb = np.full((200, 200, 3), RED, np.uint8)
    rgb[:60] = BLUE
    mask = np.zeros((200, 200), np.float32)
    mask[60:140, 60:140] = mask[20:60, 100] = 1
    subject = Subject(rgb, mask, "alpha")
    painted = _paint(subject, _mesh(PLANE))
    seen, _ = _view(painted, subject)
    assert np.linalg.norm(_lab(seen)[22:55, 100] - _lab(rgb)[22:55, 100], axis=1).mean() < 15


@given(
    st.integers(4, 60),
    st.integers(4, 60),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), min_size=1, max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_any_mask_paints_any_mesh(height: int, width: int, dots: list[tuple[int, int]]) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.float32)
    for row, column in dots:
        mask[row % height, column % width] = 1
    painted = _paint(Subject(rgb, mask, "alpha"), _mesh(BOX), texture_size=256)
    assert check_glb(write_glb(painted)) == []
