"""A figure for words that name nothing known: made of their hash, symmetric, in three colours of its own."""

from __future__ import annotations

import hashlib
import math
import random
from typing import TYPE_CHECKING

from meshtwin.emulator.bedrock.colours import to_rgb
from meshtwin.emulator.bedrock.library import GRID, Fill, Ring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtwin.emulator.bedrock.library import Rgb

_SOLID = 255


def totem(words: Sequence[str]) -> tuple[Fill, ...]:
    """A blocky idol: the same for the same words, most likely another for others.

    Rows of blocks out from the middle, eyes in the second row, so that it is connected.
    """
    digest = hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).digest()
    dice = random.Random(digest)  # noqa: S311  # to be repeated, not to be secret
    body, dark, accent = _colours(dice)
    size = GRID / 9
    arms = (dice.choice((2, 3, 4)) for _ in range(3))
    widths = (dice.choice((2, 3)), 3, dice.choice((2, 3)), 1, *arms, 2, 3)
    blocks = [
        _mirrored(dice.choices((body, dark, accent), (6, 3, 2))[0], column * size, row * size, size)
        for row, width in enumerate(widths)
        for column in range(width)
    ]
    return (*blocks, _mirrored((30, 30, 36), 0.9 * size, 1.1 * size, 0.7 * size))


def _colours(dice: random.Random) -> tuple[Rgb, Rgb, Rgb]:
    """A body, a darker shade of it, and an accent from the other side of the colour wheel."""
    turn = dice.uniform(0, 2 * math.pi)
    other = turn + math.pi + dice.uniform(-0.7, 0.7)

    def colour(light: float, chroma: float, hue: float) -> Rgb:
        return to_rgb((light, chroma * math.cos(hue), chroma * math.sin(hue)))

    return colour(0.66, 0.14, turn), colour(0.5, 0.12, turn), colour(0.78, 0.13, other)


def _mirrored(colour: Rgb, x: float, y: float, side: float) -> Fill:
    """A square whose left edge lies `x` to the right of the middle, and its mirror image."""
    middle = GRID / 2
    rings = (
        ((middle + turn * x, y), (middle + turn * (x + side), y),
         (middle + turn * (x + side), y + side), (middle + turn * x, y + side))
        for turn in (1, -1)
    )  # fmt: skip
    return Fill(colour, _SOLID, tuple(Ring(hole=False, points=points) for points in rings))
