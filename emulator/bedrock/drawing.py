"""An image for any prompt: what it names, large, in the middle, on a plain light ground."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from meshtwin.emulator.bedrock.grounds import ground
from meshtwin.emulator.bedrock.materials import MATERIALS, textured
from meshtwin.emulator.bedrock.painting import painted, posed, shaded
from meshtwin.emulator.bedrock.reading import RAINBOW, read_prompt
from meshtwin.emulator.bedrock.tinting import tinted
from meshtwin.emulator.bedrock.totems import totem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtwin.emulator.bedrock.library import Fill, Rgb
    from meshtwin.emulator.bedrock.reading import Thing

SHARE, SHARED = 0.8, 0.92
"""Share of the image's sides that one drawn thing may take, and that several may."""

LEAST = 0.8
"""What a small thing beside others is at least, of its box."""

GREY = (206, 206, 206)
"""What a thing is turned into before colours that run over it are laid on."""


def draw(prompt: str, seed: int, width: int = 1024, height: int = 1024) -> Image.Image:
    """An RGB image of what a prompt names; the same for the same arguments.

    Args:
        prompt: any text in any script; what is not understood becomes an idol made of their hash.
        seed: turns, mirrors and shades the things a little, and chooses among fitting backgrounds.
        width: in pixels.
        height: in pixels.
    """
    dice = random.Random(hashlib.sha256(f"{seed}".encode()).digest())  # noqa: S311  # to be repeated
    things = read_prompt(prompt)
    placed = []
    for thing, (left, top, wide, high) in zip(things, _boxes(len(things), width, height), strict=True):
        size = thing.size if len(things) == 1 else max(LEAST, thing.size)
        across, down = max(8, round(wide * size)), max(8, round(high * size))
        image = _finished(painted(_fills(thing, dice), across, down), thing, dice)
        placed.append((image, (left + (wide - across) // 2, top + (high - down) // 2)))
    canvas = Image.new("RGB", (width, height), ground((image for image, _ in placed), dice))
    for image, corner in placed:
        canvas.paste(image, corner, image)
    return canvas


def _fills(thing: Thing, dice: random.Random) -> tuple[Fill, ...]:
    """The thing's fills in its own colour, standing as the seed has it."""
    degrees, side = dice.uniform(-4, 4), -1 if dice.random() < 0.5 else 1  # noqa: PLR2004  # even odds
    fills = totem(thing.words) if thing.pictogram is None else thing.pictogram.fills()
    if thing.colours == RAINBOW or len(thing.colours) > 1:
        fills = tinted(fills, GREY)
    elif thing.colours:
        fills = tinted(fills, thing.colours[0])
    elif thing.material is not None:
        fills = tinted(fills, MATERIALS[thing.material].colour)
    return posed(fills, degrees, side * thing.width, thing.height)


def _finished(image: Image.Image, thing: Thing, dice: random.Random) -> Image.Image:
    if len(thing.colours) > 1:
        image = _washed(image, thing.colours)
    if thing.material is not None:
        image = textured(image, MATERIALS[thing.material], dice.getrandbits(32))
    return shaded(image)


def _washed(image: Image.Image, colours: Sequence[Rgb]) -> Image.Image:
    """An image in greys under bands of colour that run into each other from top to bottom."""
    bands = Image.new("RGB", (1, len(colours)))
    for row, colour in enumerate(colours):
        bands.putpixel((0, row), colour)
    wash = bands.resize(image.size, Image.Resampling.BILINEAR)
    grey = image.convert("RGB").point([min(255, round(value * 255 / GREY[0])) for value in range(256)] * 3)
    coloured = ImageChops.multiply(grey, wash)
    coloured.putalpha(image.getchannel("A"))
    return coloured


def _boxes(count: int, width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of each thing's box: side by side, or in two rows if larger so."""
    share = SHARE if count == 1 else SHARED
    wide, high = round(share * width), round(share * height)
    left, top = (width - wide) // 2, (height - high) // 2
    rows = 1 if count == 1 else min(count, 2) if high > wide or count > 3 else 1  # noqa: PLR2004
    columns = -(-count // rows)
    gap = round(0.03 * min(width, height))
    across, down = (wide - gap * (columns - 1)) // columns, (high - gap * (rows - 1)) // rows
    return [
        (left + (across + gap) * (number % columns), top + (down + gap) * (number // columns), across, down)
        for number in range(count)
    ]
