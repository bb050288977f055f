from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from runtime.pictures import find_subject, open_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "fixtures" / "images"
NAMES = sorted(path.name for path in IMAGES.iterdir())


def pixels(path: Path) -> NDArray[np.float64]:
    """Colours with their alpha multiplied in, and alpha: what can be seen."""
    with Image.open(path) as image:
        values = np.asarray(image.convert("RGBA")).astype(np.float64)
    values[..., :3] *= values[..., 3:] / 255
    return values


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("redrawn")
    subprocess.run(
        [sys.executable, "-m", "fixtures.make_images", str(folder)], cwd=ROOT, check=True, timeout=100
    )
    return folder


def test_drawing_them_again_gives_the_same_set(redrawn: Path) -> None:
    assert sorted(path.name for path in redrawn.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_drawing_them_again_gives_the_same_picture(redrawn: Path, name: str) -> None:
    apart = pixels(IMAGES / name) - pixels(redrawn / name)
    psnr = 10 * np.log10(255**2 / max(float((apart**2).mean()), 1e-9))
    assert psnr > 45


@pytest.mark.parametrize("name", NAMES)
def test_each_is_small_enough_to_keep_and_told_of_in_the_readme(name: str) -> None:
    assert (IMAGES / name).stat().st_size < 400_000
    assert f"`{name}`" in (ROOT / "fixtures" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("mushroom.png", "alpha"),
        ("donut.png", "alpha"),
        ("two_fish.webp", "alpha"),
        ("castle.png", "alpha"),
        ("rocket.webp", "alpha"),
        ("sprite.png", "alpha"),
        ("apple.png", "background_removed"),
        ("duck.jpg", "background_removed"),
        ("landscape.jpg", "whole_picture"),
    ],
)
def test_the_subject_of_each_is_told_as_it_should_be(name: str, source: str) -> None:
    assert find_subject(open_picture(IMAGES / name)).source == source


def parts_and_holes(name: str) -> tuple[int, int]:
    inside = (find_subject(open_picture(IMAGES / name)).mask >= 0.5).astype(np.uint8)
    parts = cv2.connectedComponents(inside, connectivity=8)[0] - 1
    around = cv2.copyMakeBorder(1 - inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    return parts, cv2.connectedComponents(around, connectivity=4)[0] - 2


@pytest.mark.parametrize(
    ("name", "parts", "holes"),
    [
        ("mushroom.png", 1, 0),
        ("donut.png", 1, 1),
        ("two_fish.webp", 2, 0),
        ("duck.jpg", 1, 0),
        ("apple.png", 1, 0),
    ],
)
def test_parts_and_holes_are_what_the_readme_says(name: str, parts: int, holes: int) -> None:
    assert parts_and_holes(name) == (parts, holes)


@pytest.mark.parametrize("name", ["duck.jpg", "apple.png"])
def test_the_cut_takes_in_what_is_vivid(name: str) -> None:
    """Nothing else in these pictures is as saturated as what is to be cut out."""
    subject = find_subject(open_picture(IMAGES / name))
    with Image.open(IMAGES / name) as image:
        vivid = np.asarray(image.convert("HSV"))[..., 1] > 190
    inside = subject.mask >= 0.5
    assert (inside & vivid).sum() / vivid.sum() > 0.97
