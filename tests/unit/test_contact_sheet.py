from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import trimesh
from PIL import Image

from meshtwin.cloud.cli.contact_sheet import contact_sheet
from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.geometry.glb_write import write_glb
from meshtwin.runtime.geometry.mesh import TexturedMesh

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TILES = 5


def _red_before_blue_behind(path: Path) -> Path:
    made = trimesh.creation.icosphere(3)
    vertices = np.array(made.vertices, np.float32)
    image = np.zeros((64, 128, 3), np.uint8)
    image[:, :64], image[:, 64:] = (200, 30, 30), (30, 30, 200)
    uv = np.full((len(vertices), 2), 0.5, np.float32)
    uv[:, 0] = np.where(vertices[:, 2] > 0, 0.25, 0.75)
    mesh = TexturedMesh(vertices * 40 + 7, np.array(made.faces, np.int32), vertices, uv, image)
    path.write_bytes(write_glb(mesh))
    return path


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> list[NDArray[np.int64]]:
    """A sheet of a green picture and a ball that is red before and blue behind."""
    folder = tmp_path_factory.mktemp("sheet")
    picture = folder / "picture.png"
    Image.new("RGBA", (300, 200), (20, 200, 40, 255)).save(picture)
    contact_sheet(picture, _red_before_blue_behind(folder / "ball.glb"), folder / "sheet.png")
    return _tiles(folder / "sheet.png")


def _tiles(path: Path) -> list[NDArray[np.int64]]:
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("RGB"), np.int64)
    return np.array_split(pixels, TILES, axis=1)


def test_shows_the_picture_and_the_model_from_every_side(tiles: list[NDArray[np.int64]]) -> None:
    middles = [
        tile[180:220, tile.shape[1] // 2 - 20 : tile.shape[1] // 2 + 20].mean((0, 1)) for tile in tiles
    ]
    shown, front, turned, _, back = middles
    assert np.argmax(shown) == 1
    assert np.argmax(front) == 0
    assert np.argmax(turned) == 0
    assert np.argmax(back) == 2


def test_half_of_the_side_view_is_of_each_colour(tiles: list[NDArray[np.int64]]) -> None:
    side = tiles[3]
    red = np.count_nonzero(side[..., 0] > side[..., 2] + 50)
    blue = np.count_nonzero(side[..., 2] > side[..., 0] + 50)
    assert red == pytest.approx(blue, rel=0.15)
    # The front is at the left of what is seen from the model's left.
    columns = np.arange(side.shape[1])
    where = [(side[..., a] > side[..., b] + 50).sum(0) for a, b in ((0, 2), (2, 0))]
    assert np.average(columns, weights=where[0]) < np.average(columns, weights=where[1])


@pytest.mark.parametrize("mode", ["CMYK", "LA", "I;16"])
def test_any_kind_of_picture_will_do(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    Image.new(mode, (20, 500)).save(path)
    out = tmp_path / "sheet.png"
    contact_sheet(path, _red_before_blue_behind(tmp_path / "ball.glb"), out)
    with Image.open(out) as sheet:
        assert sheet.width > sheet.height * 4


def test_a_file_that_is_no_glb_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.new("RGB", (30, 20)).save(picture)
    with pytest.raises(JobError) as caught:
        contact_sheet(picture, picture, tmp_path / "sheet.png")
    assert caught.value.code is ErrorCode.INVALID_MESH
    assert not (tmp_path / "sheet.png").exists()
