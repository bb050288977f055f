from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from meshtwin.runtime.images.background import foreground_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 400


def disc(radius: float = 120, x: float = SIDE / 2, y: float = SIDE / 2) -> NDArray[np.float64]:
    """The coverage of a disc, antialiased."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.asarray(np.clip(radius + 0.5 - np.hypot(columns + 0.5 - x, rows + 0.5 - y), 0, 1))


def over(
    front: tuple[int, int, int], cover: NDArray[np.float64], back: NDArray[np.float64], noise: float = 3
) -> NDArray[np.uint8]:
    mixed = cover[..., None] * np.array(front) + (1 - cover[..., None]) * back
    mixed += np.random.default_rng(4).normal(0, noise, mixed.shape)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def plain(*colour: int) -> NDArray[np.float64]:
    return np.broadcast_to(np.array(colour, np.float64), (SIDE, SIDE, 3))


def gradient() -> NDArray[np.float64]:
    y = np.linspace(0, 1, SIDE)[:, None, None]
    return np.broadcast_to((1 - y) * [235, 235, 240] + y * [120, 130, 170], (SIDE, SIDE, 3))


def busy() -> NDArray[np.float64]:
    """Blurred green and blue blots, with detail in them."""
    rng = np.random.default_rng(8)
    coarse = rng.uniform(0, 1, (10, 10, 3)) * [70, 120, 140] + [10, 50, 50]
    fine = rng.normal(0, 12, (SIDE // 4, SIDE // 4, 1))
    size = (SIDE, SIDE)
    large = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large + cv2.resize(fine, size)[..., None], np.float64)


def iou(found: NDArray[np.float32], wanted: NDArray[np.float64]) -> float:
    a, b = found >= 0.5, wanted >= 0.5
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize(
    ("back", "front"),
    [
        (plain(255, 255, 255), (200, 40, 30)),
        (plain(10, 10, 12), (90, 110, 200)),
        (plain(225, 225, 225), (120, 120, 120)),
        (gradient(), (210, 160, 30)),
        (busy(), (240, 190, 40)),
    ],
    ids=["white", "black", "grey on grey", "gradient", "busy"],
)
def test_a_disc_is_cut_out_to_its_edge(back: NDArray[np.float64], front: tuple[int, int, int]) -> None:
    found = foreground_mask(over(front, disc(), back))
    assert found is not None
    assert found.dtype == np.float32
    assert found.shape == (SIDE, SIDE)
    assert 0 <= found.min() <= found.max() <= 1
    assert iou(found, disc()) > 0.98


def test_the_hole_of_a_ring_is_background() -> None:
    ring = disc(150) - disc(60)
    found = foreground_mask(over((200, 40, 30), ring, plain(240, 240, 240)))
    assert found is not None
    assert iou(found, ring) > 0.97


def test_two_parts_are_both_kept() -> None:
    pair = disc(70, 100, 200) + disc(70, 300, 200)
    found = foreground_mask(over((30, 90, 200), pair, plain(240, 240, 240)))
    assert found is not None
    assert iou(found, pair) > 0.97


def test_a_subject_may_stand_on_the_border() -> None:
    standing = disc(120, 200, 330)
    found = foreground_mask(over((200, 40, 30), standing, plain(240, 240, 240)))
    assert found is not None
    assert iou(found, standing) > 0.95


@pytest.mark.parametrize(
    "rgb",
    [
        over((0, 0, 0), disc(0), plain(128, 128, 128)),
        over((0, 0, 0), disc(0), gradient()),
        over((0, 0, 0), disc(0), busy()),
        over((131, 128, 126), disc(), plain(128, 128, 128)),
        np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8),
        np.zeros((SIDE, SIDE, 3), np.uint8),
        np.zeros((4, SIDE, 3), np.uint8),
    ],
    ids=["plain", "gradient", "busy", "next to no contrast", "noise", "black", "strip"],
)
def test_where_there_is_no_subject_none_is_found(rgb: NDArray[np.uint8]) -> None:
    assert foreground_mask(rgb) is None


def test_the_same_picture_gives_the_same_cut() -> None:
    rgb = over((240, 190, 40), disc(), busy())
    first, second = foreground_mask(rgb, seed=5), foreground_mask(rgb, seed=5)
    assert first is not None
    assert second is not None
    assert (first == second).all()


def test_what_is_known_to_be_see_through_is_never_subject() -> None:
    coverage = np.ones((SIDE, SIDE), np.float32)
    coverage[:, : SIDE // 2] = 0
    found = foreground_mask(over((200, 40, 30), disc(), plain(240, 240, 240)), coverage)
    assert found is not None
    assert found[:, : SIDE // 2].max() == 0
    assert iou(found, disc() * coverage) > 0.95
