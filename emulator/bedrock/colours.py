"""Colour words, and recolouring that keeps shades apart: all in OKLab, where equal steps look equal.

The matrices are Björn Ottosson's, https://bottosson.github.io/posts/oklab/.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.bedrock.library import Rgb

Lab = tuple[float, float, float]

NAMED: Mapping[str, Rgb] = {
    "red": (214, 40, 40), "crimson": (170, 20, 50), "scarlet": (230, 45, 25), "maroon": (120, 25, 35),
    "ruby": (185, 20, 60), "orange": (245, 130, 30), "amber": (250, 175, 30), "yellow": (250, 210, 40),
    "gold": (228, 172, 42), "golden": (228, 172, 42), "lemon": (250, 230, 70), "brown": (125, 78, 45),
    "chestnut": (130, 65, 45), "tan": (205, 165, 115), "beige": (225, 205, 170), "cream": (250, 238, 205),
    "green": (60, 160, 65), "lime": (150, 210, 40), "olive": (125, 130, 45), "emerald": (20, 150, 95),
    "jade": (60, 165, 120), "mint": (150, 225, 185), "teal": (15, 130, 130), "turquoise": (55, 200, 195),
    "cyan": (40, 200, 225), "aqua": (70, 205, 215), "blue": (45, 95, 215), "azure": (50, 145, 235),
    "navy": (25, 40, 105), "indigo": (70, 50, 165), "sapphire": (25, 65, 175), "violet": (130, 70, 205),
    "purple": (125, 50, 165), "lavender": (190, 165, 230), "lilac": (200, 160, 215),
    "magenta": (215, 40, 150), "pink": (250, 140, 180), "rose": (235, 95, 130), "salmon": (250, 135, 115),
    "peach": (250, 190, 150), "coral": (250, 115, 90), "white": (245, 245, 245), "ivory": (248, 242, 222),
    "black": (38, 38, 42), "grey": (135, 138, 142), "gray": (135, 138, 142), "silver": (186, 192, 200),
    "charcoal": (60, 62, 68), "bronze": (165, 115, 55), "copper": (195, 110, 65),
}  # fmt: skip
"""sRGB of each colour word."""

SHADES: Mapping[str, float] = {
    "dark": -0.16, "deep": -0.10, "midnight": -0.22, "light": 0.14, "pale": 0.18,
    "pastel": 0.16, "bright": 0.05,
}  # fmt: skip
"""What a word before a colour adds to its lightness, of 0 to 1."""

GREYISH = 0.04
"""OKLab chroma below which a colour has no hue to speak of."""


def _linear(value: float) -> float:
    value /= 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  # sRGB


def _encoded(value: float) -> int:
    value = min(1.0, max(0.0, value))
    coded = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055  # noqa: PLR2004  # sRGB
    return round(255 * coded)


def to_lab(rgb: Rgb) -> Lab:
    """OKLab of an 8-bit sRGB colour: lightness 0 to 1, then two axes of about -0.4 to 0.4."""
    red, green, blue = map(_linear, rgb)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def to_rgb(lab: Lab) -> Rgb:
    """The nearest 8-bit sRGB colour, channel by channel."""
    light, a, b = lab
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _encoded(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _encoded(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _encoded(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def chroma(lab: Lab) -> float:
    """How far from grey a colour is."""
    return math.hypot(lab[1], lab[2])


def hue_apart(one: Lab, other: Lab) -> float:
    """Radians between two hues, 0 to pi."""
    turn = abs(math.atan2(one[2], one[1]) - math.atan2(other[2], other[1]))
    return min(turn, 2 * math.pi - turn)


def shaded(rgb: Rgb, lightness: float) -> Rgb:
    """The colour, lighter or darker by `lightness`."""
    light, a, b = to_lab(rgb)
    return to_rgb((min(0.98, max(0.12, light + lightness)), a, b))


def recoloured(lab: Lab, main: Lab, target: Lab) -> Lab:
    """A shade of `main` as a shade of `target`: as much lighter or darker as it was."""
    light = min(0.985, max(0.1, target[0] + 0.85 * (lab[0] - main[0])))
    # A lighter shade of a colour has less of it, and so has a very dark one.
    keep = 1.0 - 0.9 * max(0.0, light - target[0]) - 0.5 * max(0.0, target[0] - light)
    return (light, target[1] * keep, target[2] * keep)
