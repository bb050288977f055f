"""An object for words that name nothing known: made of their hash, symmetric, in three colours of its own."""

from __future__ import annotations

import hashlib
import math
import random
from typing import TYPE_CHECKING

from meshtwin.emulator.bedrock.colours import to_rgb
from meshtwin.emulator.bedrock.library import GRID, Fill, Ring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtwin.emulator.bedrock.library import Point, Rgb

_SOLID = 255


def totem(words: Sequence[str]) -> tuple[Fill, ...]:
    """A figure, a vase or a gem: the same for the same words, most likely another for others."""
    digest = hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).digest()
    dice = random.Random(digest)  # noqa: S311  # to be repeated, not to be secret
    colours = _colours(dice)
    return dice.choice((_figure, _vase, _gem))(dice, colours)


def _colours(dice: random.Random) -> tuple[Rgb, Rgb, Rgb]:
    """A body, a darker shade of it, and an accent from the other side of the colour wheel."""
    turn = dice.uniform(0, 2 * math.pi)
    other = turn + math.pi + dice.uniform(-0.7, 0.7)

    def colour(light: float, chroma: float, hue: float) -> Rgb:
        return to_rgb((light, chroma * math.cos(hue), chroma * math.sin(hue)))

    return colour(0.66, 0.14, turn), colour(0.5, 0.12, turn), colour(0.78, 0.13, other)


def _fill(colour: Rgb, *outlines: Sequence[Point]) -> Fill:
    return Fill(colour, _SOLID, tuple(Ring(hole=False, points=tuple(outline)) for outline in outlines))


def _both(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """An outline, and its mirror image."""
    return list(points), [(GRID - x, y) for x, y in points]


def _block(column: int, row: int, size: float) -> list[Point]:
    x, y = GRID / 2 + column * size, row * size
    return [(x, y), (x + size, y), (x + size, y + size), (x, y + size)]


def _figure(dice: random.Random, colours: tuple[Rgb, Rgb, Rgb]) -> tuple[Fill, ...]:
    """A blocky idol: rows of blocks out from the middle, eyes in the second row, so that it is one piece."""
    body, dark, accent = colours
    rows, size = 9, GRID / 9
    widths = [
        dice.choice((2, 3)),
        3,
        dice.choice((2, 3)),
        1,
        *(dice.choice((2, 3, 4)) for _ in range(3)),
        2,
        3,
    ]
    fills = []
    for row in range(rows):
        for column in range(widths[row]):
            shade = dice.choices((body, dark, accent), (6, 3, 2))[0]
            fills.append(_fill(shade, *_both(_block(column, row, size))))
    eye = [
        (GRID / 2 + size * (0.9 + dx), size * (1.1 + dy))
        for dx, dy in ((0, 0), (0.7, 0), (0.7, 0.7), (0, 0.7))
    ]
    fills.append(_fill((30, 30, 36), *_both(eye)))
    return tuple(fills)


def _vase(dice: random.Random, colours: tuple[Rgb, Rgb, Rgb]) -> tuple[Fill, ...]:
    """Something turned on a lathe, with bands around it."""
    body, dark, accent = colours
    knots = [dice.uniform(0.16, 0.48) for _ in range(6)]
    knots[-1] = max(0.25, knots[-1])

    def radius(height: float) -> float:
        place = min(4.999, height * 5)
        low, part = int(place), place - int(place)
        blend = (1 - math.cos(math.pi * part)) / 2
        return GRID * (knots[low] * (1 - blend) + knots[low + 1] * blend)

    def band(top: float, foot: float) -> list[Point]:
        steps = [top + (foot - top) * step / 40 for step in range(41)]
        right = [(GRID / 2 + radius(h), GRID * h) for h in steps]
        return right + [(GRID - x, y) for x, y in reversed(right)]

    edges = sorted(dice.uniform(0.1, 0.9) for _ in range(4))
    return (
        _fill(body, band(0, 1)),
        _fill(accent, band(edges[0], edges[1])),
        _fill(dark, band(edges[2], edges[3])),
        _fill(dark, band(0, 0.04), band(0.96, 1)),
    )


def _gem(dice: random.Random, colours: tuple[Rgb, Rgb, Rgb]) -> tuple[Fill, ...]:
    """A cut stone: facets from a rim to a point, lighter on the left."""
    body, dark, accent = colours
    sides = dice.choice((4, 5, 6))
    girdle, crown = dice.uniform(0.3, 0.45) * GRID, dice.uniform(0.2, 0.35)
    rim = [(GRID * step / sides, girdle) for step in range(sides + 1)]
    top = [(GRID * (crown + (1 - 2 * crown) * step / sides), 0.0) for step in range(sides + 1)]
    point = (GRID / 2, float(GRID))
    fills = []
    for step in range(sides):
        light = (accent, body, dark)[(step + step // 2) % 3]
        fills.append(_fill(light, [rim[step], rim[step + 1], point]))
        light = (body, accent, dark)[(step * 2) % 3]
        fills.append(_fill(light, [top[step], top[step + 1], rim[step + 1], rim[step]]))
    return tuple(fills)
