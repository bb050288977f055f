from __future__ import annotations

import colorsys
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fixtures.make_pictograms import Fill as FlatFill
from fixtures.make_pictograms import flatten, make
from meshtwin.emulator.bedrock.colours import NAMED, to_lab, to_rgb
from meshtwin.emulator.bedrock.drawing import draw
from meshtwin.emulator.bedrock.library import GRID, pictograms
from meshtwin.emulator.bedrock.painting import painted
from meshtwin.runtime.images.decode import DecodedImage, find_subject

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

SIDE = 256


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(np.int64)


def subject(image: Image.Image) -> np.ndarray:
    """Where the picture differs from its own corner."""
    array = pixels(image)
    return np.asarray(np.abs(array - array[0, 0]).sum(axis=-1) > 12)


def mean_hue(image: Image.Image) -> float:
    """Of the picture's colourful part, in turns, 0 to 1."""
    colours = pixels(image)[subject(image)] / 255
    vivid = colours[colours.max(axis=1) - colours.min(axis=1) > 0.25]
    return colorsys.rgb_to_hsv(*np.median(vivid, axis=0))[0]


def test_a_picture_is_made_of_its_prompt_and_seed_alone() -> None:
    first = draw("a red dragon", 5, SIDE, SIDE)
    assert draw("a red dragon", 5, SIDE, SIDE).tobytes() == first.tobytes()
    assert draw("a red dragon", 6, SIDE, SIDE).tobytes() != first.tobytes()


def test_prompts_differ_known_or_not() -> None:
    prompts = [*list(pictograms())[::40], "xyzzy", "plugh", "frotz", "красный", "龍", "a cat and a dog"]
    drawn = {draw(prompt.replace("-", " "), 1, 96, 96).tobytes() for prompt in prompts}
    assert len(drawn) >= len(prompts) - 1


@pytest.mark.parametrize("prompt", ["a white swan", "a stone castle", "xyzzy"])
def test_a_thing_is_large_and_in_the_middle_on_a_plain_ground(prompt: str) -> None:
    image = draw(prompt, 3, SIDE, SIDE)
    rows, columns = np.nonzero(subject(image))
    assert max(np.ptp(rows), np.ptp(columns)) == pytest.approx(0.8 * SIDE, abs=6)
    for places in (rows, columns):
        assert (places.min() + places.max()) / 2 == pytest.approx(SIDE / 2, abs=5)
    border = np.concatenate([pixels(image)[0], pixels(image)[-1], pixels(image)[:, 0], pixels(image)[:, -1]])
    assert len(np.unique(border, axis=0)) == 1


@pytest.mark.parametrize("prompt", ["a red dragon", "a white swan", "bicycle", "xyzzy"])
def test_the_runtime_finds_what_was_drawn(prompt: str) -> None:
    image = draw(prompt, 9, 512, 512)
    found = find_subject(DecodedImage(np.asarray(image), None))
    assert found.mask_source == "background_removed"
    mask, truth = found.mask > 0.5, subject(image)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9


@pytest.mark.parametrize(
    ("colour", "hue"), [("red", 0.0), ("green", 1 / 3), ("blue", 0.62), ("purple", 0.78), ("yellow", 0.13)]
)
@pytest.mark.parametrize("noun", ["dragon", "teapot"])
def test_a_colour_word_sets_the_hue(colour: str, hue: float, noun: str) -> None:
    apart = abs(mean_hue(draw(f"a {colour} {noun}", 2, SIDE, SIDE)) - hue)
    assert min(apart, 1 - apart) < 0.09


def test_a_tinted_thing_keeps_its_outline() -> None:
    plain, red = draw("a duck", 4, SIDE, SIDE), draw("a red duck", 4, SIDE, SIDE)
    assert (subject(plain) != subject(red)).mean() < 0.01


def test_shapes_stretch() -> None:
    def ratio(prompt: str) -> float:
        rows, columns = np.nonzero(subject(draw(prompt, 1, SIDE, SIDE)))
        return float(np.ptp(rows) / np.ptp(columns))

    assert ratio("a flat house") < ratio("a house") < ratio("a tall house")


def test_several_things_stand_side_by_side() -> None:
    inside = subject(draw("three apples", 1, 512, 512)).any(axis=0)
    assert np.count_nonzero(np.diff(inside.astype(np.int8)) == 1) == 3


@hypothesis_settings(max_examples=40)
@given(st.text(max_size=60), st.integers(0, 2**32))
def test_any_text_and_seed_make_a_picture(prompt: str, seed: int) -> None:
    image = draw(prompt, seed, 64, 48)
    assert (image.size, image.mode) == ((64, 48), "RGB")
    assert subject(image).any()


def test_every_pictogram_can_be_painted() -> None:
    for pictogram in pictograms().values():
        fills = pictogram.fills()
        assert fills, pictogram.name
        points = [value for fill in fills for ring in fill.rings for point in ring.points for value in point]
        assert -GRID / 4 <= min(points) <= max(points) <= 1.25 * GRID, pictogram.name
    assert painted(pictograms()["cat"].fills(), 32, 32).getbbox() == (0, 0, 32, 32)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_colours_go_to_oklab_and_back(rgb: tuple[int, int, int]) -> None:
    assert to_rgb(to_lab(rgb)) == rgb


def test_white_and_black_are_one_apart() -> None:
    assert to_lab((255, 255, 255)) == pytest.approx((1, 0, 0), abs=1e-4)
    assert to_lab((0, 0, 0)) == pytest.approx((0, 0, 0), abs=1e-6)
    assert len(NAMED) > 40


def test_svg_shapes_are_flattened_with_their_holes() -> None:
    body = (
        '<g fill="none"><defs><circle id="c" cx="16" cy="16" r="4" fill="#0f0"/></defs>'
        '<path fill="#f00" fill-rule="evenodd" d="M0 0h32v32H0z M8 8h16v16H8z"/>'
        '<path fill="#00ff00" opacity=".5" d="M0 0h32v32H0z M8 8v16h16V8z"/>'
        '<use href="#c"/><rect width="4" height="4" x="2" y="2" fill="white" transform="rotate(90 4 4)"/></g>'
    )
    square, ring, disc, corner = flatten(body)
    assert [hole for hole, _ in square.rings] == [False, True]
    assert [hole for hole, _ in ring.rings] == [False, True]
    assert (square.colour, ring.opacity, disc.colour, corner.colour) == ("ff0000", 128, "00ff00", "ffffff")
    radii = [((x / 64 - 16) ** 2 + (y / 64 - 16) ** 2) ** 0.5 for x, y in disc.rings[0][1]]
    assert radii == pytest.approx([4] * len(radii), abs=0.01)
    assert isinstance(square, FlatFill)


def test_the_file_is_made_of_the_packages(tmp_path: Path) -> None:
    icons, words = tmp_path / "@iconify-json" / "fluent-emoji-flat", tmp_path / "emojibase-data" / "en"
    icons.mkdir(parents=True)
    words.mkdir(parents=True)
    path = '<path fill="#abc" d="M0 0h16v16z"/>'
    (icons / "icons.json").write_text(
        json.dumps({"icons": {"cat": {"body": path}, "odd": {"body": '<path stroke="#fff" d="M0 0"/>'}}}),
        encoding="utf-8",
    )
    (icons / "chars.json").write_text(json.dumps({"1f408": "cat", "1f409": "odd"}), encoding="utf-8")
    entries = [
        {"hexcode": "1F408", "label": "cat", "tags": ["pet"], "group": 3, "order": 1},
        {"hexcode": "1F409", "label": "odd", "group": 3, "order": 2},
    ]
    (words / "data.json").write_text(json.dumps(entries), encoding="utf-8")
    assert make(tmp_path) == {
        "cat": {
            "label": "cat",
            "tags": ["pet"],
            "group": "animals",
            "fills": [["aabbcc", 255, [[0, 0, 0, 1024, 0, 0, 1024]]]],
        }
    }
