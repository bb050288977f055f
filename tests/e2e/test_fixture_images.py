from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from fixtures.make_images import PICTURES, main
from meshtwin.runtime.images.decode import Subject, find_subject, open_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "fixtures" / "images"
NAMES = sorted(path.name for path in IMAGES.iterdir())


def pixels(source: Path | io.BytesIO | Image.Image) -> NDArray[np.float64]:
    """Colours with their alpha multiplied in, and alpha: what can be seen."""
    with source if isinstance(source, Image.Image) else Image.open(source) as image:
        values = np.asarray(image.convert("RGBA")).astype(np.float64)
    values[..., :3] *= values[..., 3:] / 255
    return values


@pytest.mark.parametrize("name", NAMES)
def test_drawing_them_again_gives_the_same_picture(name: str) -> None:
    draw, options = PICTURES[name]
    redrawn = draw()
    if name.endswith(".png"):
        apart = pixels(IMAGES / name) - pixels(redrawn)  # the rest would be spent on making it small
    else:
        file = io.BytesIO()
        redrawn.save(file, Image.registered_extensions()[Path(name).suffix], **options)
        apart = pixels(IMAGES / name) - pixels(file)
    psnr = 10 * np.log10(255**2 / max(float((apart**2).mean()), 1e-9))
    assert psnr > 45


def test_the_program_writes_the_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(PICTURES) == NAMES
    for name, (_, options) in list(PICTURES.items()):
        monkeypatch.setitem(PICTURES, name, (lambda: Image.new("RGB", (8, 8), "red"), options))
    monkeypatch.setattr("sys.argv", ["make_images", str(tmp_path / "new")])
    main()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == NAMES
    assert {pixels(path).shape for path in (tmp_path / "new").iterdir()} == {(8, 8, 4)}


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
    assert subject(name).mask_source == source


@functools.cache
def subject(name: str) -> Subject:
    return find_subject(open_image(IMAGES / name))


def parts_and_holes(name: str) -> tuple[int, int]:
    inside = (subject(name).mask >= 0.5).astype(np.uint8)
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
    with Image.open(IMAGES / name) as image:
        vivid = np.asarray(image.convert("HSV"))[..., 1] > 190
    inside = subject(name).mask >= 0.5
    assert (inside & vivid).sum() / vivid.sum() > 0.97
