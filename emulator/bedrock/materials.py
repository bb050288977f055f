"""What a material does to a thing: its colour, and a texture that is laid over it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshtwin.emulator.bedrock.library import Rgb


@dataclass(frozen=True, slots=True)
class Material:
    """A material. `adjective`: its name is hardly ever a thing's own ("wooden", not "wood")."""

    colour: Rgb
    texture: Callable[[int, random.Random], Image.Image]
    """Makes a square of shades of grey with sides of so many pixels."""

    adjective: bool = False


def _speckles(size: int, dice: random.Random, *, cells: int, depth: int) -> Image.Image:
    """Blotches of `cells` across, darker by at most `depth`."""
    tones = bytes(255 - dice.randrange(depth + 1) for _ in range(cells * cells))
    return Image.frombytes("L", (cells, cells), tones).resize((size, size), Image.Resampling.BICUBIC)


def _stone(size: int, dice: random.Random) -> Image.Image:
    return ImageChops.multiply(
        _speckles(size, dice, cells=12, depth=60), _speckles(size, dice, cells=48, depth=50)
    )


def _wood(size: int, dice: random.Random) -> Image.Image:
    """Planks with their grain, from side to side."""
    rows = 96
    tones = bytes(255 - dice.randrange(46) for _ in range(rows * 3))
    grain = Image.frombytes("L", (3, rows), tones).resize((size, size), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(grain)
    for row in range(1, 8):
        draw.line([(0, row * size // 8), (size, row * size // 8)], fill=150, width=max(2, size // 160))
    return grain


def _bricks(size: int, dice: random.Random) -> Image.Image:
    wall = Image.new("L", (size, size), 165)
    draw = ImageDraw.Draw(wall)
    high, wide, gap = size // 16, size // 7, max(2, size // 170)
    for row in range(17):
        shift = wide // 2 if row % 2 else 0
        for column in range(-1, 8):
            x, y = column * wide + shift, row * high
            draw.rectangle([x, y, x + wide - gap, y + high - gap], fill=255 - dice.randrange(40))
    return wall


def _shine(size: int, dice: random.Random) -> Image.Image:
    """Broad slanted bands, as on metal, glass and ice."""
    bands = Image.new("L", (size, size), 215)
    draw = ImageDraw.Draw(bands)
    for place in (0.1, 0.45, 0.8):
        x = (place + dice.random() * 0.1) * size
        draw.polygon(
            [(x, 0), (x + size * 0.12, 0), (x - size * 0.28, size), (x - size * 0.4, size)], fill=255
        )
    return bands.filter(ImageFilter.BoxBlur(size // 80))


MATERIALS: Mapping[str, Material] = {
    "stone": Material((140, 140, 138), _stone), "rock": Material((128, 122, 115), _stone),
    "concrete": Material((165, 165, 162), _stone, adjective=True),
    "marble": Material((236, 232, 226), _shine), "granite": Material((150, 125, 120), _stone),
    "cobblestone": Material((120, 120, 120), _bricks, adjective=True),
    "sandstone": Material((222, 200, 145), _stone), "sand": Material((226, 205, 150), _stone),
    "brick": Material((165, 80, 62), _bricks), "wood": Material((164, 112, 62), _wood),
    "wooden": Material((164, 112, 62), _wood, adjective=True), "oak": Material((170, 125, 75), _wood),
    "birch": Material((222, 205, 160), _wood, adjective=True), "timber": Material((150, 105, 60), _wood),
    "bamboo": Material((190, 180, 80), _wood), "ice": Material((165, 215, 245), _shine),
    "icy": Material((165, 215, 245), _shine, adjective=True), "snow": Material((242, 246, 252), _stone),
    "frozen": Material((165, 215, 245), _shine, adjective=True),
    "glass": Material((185, 225, 230), _shine), "crystal": Material((150, 205, 245), _shine),
    "diamond": Material((95, 220, 225), _shine), "metal": Material((150, 158, 168), _shine),
    "metallic": Material((150, 158, 168), _shine, adjective=True),
    "iron": Material((190, 192, 196), _shine), "steel": Material((140, 150, 162), _shine),
    "rusty": Material((160, 88, 48), _stone, adjective=True), "obsidian": Material((45, 35, 65), _shine),
    "ceramic": Material((235, 230, 222), _shine, adjective=True),
    "porcelain": Material((240, 240, 245), _shine),
    "clay": Material((182, 110, 78), _stone), "terracotta": Material((182, 100, 70), _stone),
    "chocolate": Material((98, 58, 38), _shine), "lava": Material((225, 85, 25), _stone),
    "mossy": Material((110, 130, 85), _stone, adjective=True), "leather": Material((135, 85, 50), _stone),
    "paper": Material((245, 243, 235), _stone), "wool": Material((235, 232, 225), _stone),
}  # fmt: skip
"""Materials by the word for them; a colour word beside one wins over its colour."""


def textured(image: Image.Image, material: Material, seed: int) -> Image.Image:
    """An RGBA image with a material's texture multiplied onto it."""
    size = max(image.size)
    layer = material.texture(size, random.Random(seed)).crop((0, 0, *image.size))  # noqa: S311  # to be repeated
    colours = ImageChops.multiply(image.convert("RGB"), Image.merge("RGB", [layer] * 3))
    colours.putalpha(image.getchannel("A"))
    return colours
