"""An image without its background: what has the border's colour and is connected to it goes."""

from __future__ import annotations

import io
import warnings
from collections import Counter

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from meshtwin.emulator.bedrock.bodies import malformed

# https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html
LEAST_SIDE = 64
MOST_PIXELS = 9_437_184
MOST_RATIO = 2.5

_NEAR = 34
"""How far a pixel's channels may be from the border's colour, in all, and still be background."""

_WORK_SIDE = 256
_REACHED = 128


def cut_out(data: bytes) -> Image.Image:
    """An RGBA image of a PNG, JPEG or WebP file's subject.

    Raises:
        ValidationFailedError: the file is not one of these, or its size is not one that the model takes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
            _check_size(*image.size)
            rgb = image.convert("RGB")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise malformed("#/image: the image cannot be decoded") from None
    rgb.putalpha(ImageChops.invert(_background(rgb)))
    return rgb


def _check_size(width: int, height: int) -> None:
    if min(width, height) < LEAST_SIDE:
        raise malformed(f"#/image: sides of {width} x {height} pixels: each must be at least {LEAST_SIDE}")
    if width * height > MOST_PIXELS:
        raise malformed(f"#/image: {width * height} pixels: at most {MOST_PIXELS} are taken")
    if max(width, height) > MOST_RATIO * min(width, height):
        raise malformed(f"#/image: an aspect ratio of {width}:{height}: it must be between 1:2.5 and 2.5:1")


def _background(rgb: Image.Image) -> Image.Image:
    """255 where the image is background."""
    near = _like(rgb, _border_colour(rgb))
    small = near.resize((_WORK_SIDE, _WORK_SIDE), Image.Resampling.BOX).point([0] * 128 + [255] * 128)
    # A rim around it all, so that one fill reaches whatever touches the border.
    framed = Image.new("L", (_WORK_SIDE + 2, _WORK_SIDE + 2), 255)
    framed.paste(small, (1, 1))
    ImageDraw.floodfill(framed, (0, 0), _REACHED)
    reached = framed.crop((1, 1, _WORK_SIDE + 1, _WORK_SIDE + 1)).point(
        [255 * (value == _REACHED) for value in range(256)]
    )
    around = reached.filter(ImageFilter.MaxFilter(5)).resize(rgb.size, Image.Resampling.NEAREST)
    return ImageChops.darker(near, around)


def _border_colour(rgb: Image.Image) -> tuple[int, int, int]:
    """The commonest colour along the border, in steps of 8."""
    small = rgb.resize((64, 64), Image.Resampling.NEAREST)
    rim = [(x, y) for x in range(64) for y in range(64) if x in {0, 63} or y in {0, 63}]
    pixels = [small.getpixel(place) for place in rim]
    colours = [pixel for pixel in pixels if isinstance(pixel, tuple)]
    common = Counter(tuple(value // 8 for value in pixel) for pixel in colours).most_common(1)[0][0]
    members = [pixel for pixel in colours if tuple(value // 8 for value in pixel) == common]
    red, green, blue = (sum(channel) // len(members) for channel in zip(*members, strict=True))
    return red, green, blue


def _like(rgb: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """255 where a pixel is near the colour."""
    apart = ImageChops.difference(rgb, Image.new("RGB", rgb.size, colour))
    red, green, blue = apart.split()
    total = ImageChops.add(ImageChops.add(red, green), blue)
    return total.point([255 if value <= _NEAR else 0 for value in range(256)])
