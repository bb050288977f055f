"""The plain background behind drawn things: a colour that is far from all of theirs."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from meshtwin.emulator.bedrock.colours import to_lab

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from PIL import Image

    from meshtwin.emulator.bedrock.library import Rgb

GROUNDS: tuple[Rgb, ...] = (
    (244, 243, 239), (214, 228, 241), (224, 238, 216), (250, 230, 208), (228, 220, 242),
    (150, 192, 240), (152, 214, 182), (246, 184, 190), (238, 208, 140), (192, 168, 236),
    (176, 190, 206), (158, 178, 156), (112, 130, 156),
)  # fmt: skip
"""Backgrounds in the order in which they are tried, light ones first."""

APART = 0.17
"""OKLab distance from every noticeable colour at which a background will do: black and white are 1 apart."""

NOTICEABLE = 0.02
"""Share of a thing's pixels from which a colour counts."""

_SIDE = 64
_STEP = 16
"""Colours are told apart in steps of this many, of 256."""

_OPAQUE = 200


def ground(images: Iterable[Image.Image], dice: random.Random) -> Rgb:
    """A background for RGBA images: one of the first that will do, or the one that is furthest from all."""
    labs = [to_lab(colour) for image in images for colour in _colours(image)]
    scored = [(min((math.dist(to_lab(one), lab) for lab in labs), default=1.0), one) for one in GROUNDS]
    fitting = [one for score, one in scored if score >= APART]
    return dice.choice(fitting[:2]) if fitting else max(scored)[1]


def _colours(image: Image.Image) -> list[Rgb]:
    """The noticeable colours of an image's opaque part, on a small copy."""
    small = image.reduce(max(1, max(image.size) // _SIDE))
    seen: Counter[Rgb] = Counter()
    for times, pixel in small.getcolors(small.width * small.height) or []:
        if isinstance(pixel, tuple) and pixel[3] > _OPAQUE:
            red, green, blue = (value // _STEP * _STEP + _STEP // 2 for value in pixel[:3])
            seen[red, green, blue] += times
    return [colour for colour, times in seen.items() if times >= NOTICEABLE * seen.total()]
