"""From fills to pixels: an object with smooth edges on nothing, in a square."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtwin.emulator.bedrock.library import Fill, Point

FINER = 3
"""Pixels drawn along each side of one that is kept."""

SOLID = 255


def posed(fills: Sequence[Fill], degrees: float, across: float, down: float) -> tuple[Fill, ...]:
    """The fills turned by `degrees`, with their width and height multiplied; below 0 they are mirrored."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def moved(point: Point) -> Point:
        x, y = point[0] * across, point[1] * down
        return (cosine * x - sine * y, sine * x + cosine * y)

    return tuple(
        replace(
            fill, rings=tuple(replace(ring, points=tuple(map(moved, ring.points))) for ring in fill.rings)
        )
        for fill in fills
    )


def painted(fills: Sequence[Fill], width: int, height: int) -> Image.Image:
    """An RGBA image with the fills as large as fits into `width` x `height`, in its middle."""
    points = [point for fill in fills for ring in fill.rings for point in ring.points]
    left, top = min(x for x, _ in points), min(y for _, y in points)
    wide = max(max(x for x, _ in points) - left, 1.0)
    high = max(max(y for _, y in points) - top, 1.0)
    scale = FINER * min(width / wide, height / high)
    shift = ((FINER * width - scale * wide) / 2, (FINER * height - scale * high) / 2)
    canvas = Image.new("RGBA", (FINER * width, FINER * height))
    for fill in fills:
        rings = [
            (
                ring.hole,
                [(shift[0] + scale * (x - left), shift[1] + scale * (y - top)) for x, y in ring.points],
            )
            for ring in fill.rings
        ]
        _paint(canvas, fill, rings)
    return canvas.reduce(FINER)


def _paint(canvas: Image.Image, fill: Fill, rings: Sequence[tuple[bool, list[Point]]]) -> None:
    if fill.opacity == SOLID and not any(hole for hole, _ in rings):
        draw = ImageDraw.Draw(canvas)
        for _, points in rings:
            draw.polygon(points, fill=(*fill.colour, SOLID))
        return
    mask = Image.new("L", canvas.size)
    stencil = ImageDraw.Draw(mask)
    for hole, points in rings:
        stencil.polygon(points, fill=0 if hole else fill.opacity)
    box = mask.getbbox()
    if box is not None:
        layer = Image.new("RGBA", (box[2] - box[0], box[3] - box[1]), (*fill.colour, SOLID))
        layer.putalpha(mask.crop(box))
        canvas.alpha_composite(layer, box[:2])


def shaded(image: Image.Image, strength: float = 0.16) -> Image.Image:
    """The object lit from the upper left, as if it were round: its edges there lighter, the others darker."""
    reach = max(image.size) // 14
    alpha = image.getchannel("A")
    soft = alpha.filter(ImageFilter.BoxBlur(reach)).filter(ImageFilter.BoxBlur(reach))
    step = max(1, reach // 2)
    # Grey where it is flat, lighter where the surface turns to the light.
    slope = ImageChops.subtract(
        ImageChops.offset(soft, -step, -step), ImageChops.offset(soft, step, step), 2.0, 128
    )
    light = slope.point([round(255 * (1 + strength * (value - 128) / 48)) // 2 for value in range(256)])
    half = ImageChops.multiply(image.convert("RGB"), Image.merge("RGB", [light] * 3))
    colours = ImageChops.add(half, half)  # where the light is 127, as it was
    colours.putalpha(alpha)
    return colours
