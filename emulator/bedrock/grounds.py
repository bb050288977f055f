"""The plain background behind drawn things: a colour that none of their outlines runs into."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageFilter

from meshtwin.emulator.bedrock.colours import distance, to_lab

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from meshtwin.emulator.bedrock.library import Rgb

GROUNDS: tuple[Rgb, ...] = (
    (244, 243, 239), (214, 228, 241), (224, 238, 216), (250, 230, 208), (228, 220, 242),
    (150, 192, 240), (152, 214, 182), (246, 184, 190), (238, 208, 140), (192, 168, 236),
    (176, 190, 206), (158, 178, 156), (112, 130, 156),
)  # fmt: skip
"""Backgrounds in the order in which they are tried, light ones first."""

APART = 0.17
"""OKLab distance from every colour on the outlines at which a background will do."""

NOTICEABLE, LARGE = 0.01, 0.12
"""Share of the outlines from which a colour on them counts, and of the whole from which one within does."""

_SIDE = 256
_STEP = 16
"""Colours on the outlines are told apart in steps of this many, of 256."""


def ground(pictures: Iterable[Image.Image], dice: random.Random) -> Rgb:
    """A background for RGBA pictures: one of the first that will do, or the one that is furthest from all."""
    rims: Counter[Rgb]
    wholes: Counter[Rgb]
    rims, wholes = Counter(), Counter()
    for picture in pictures:
        rim, whole = _colours(picture)
        rims += rim
        wholes += whole
    labs = [to_lab(colour) for colour in _common(rims, NOTICEABLE) | _common(wholes, LARGE)]
    scored = [(min((distance(to_lab(one), lab) for lab in labs), default=1.0), one) for one in GROUNDS]
    fitting = [one for score, one in scored if score >= APART]
    return dice.choice(fitting[:2]) if fitting else max(scored)[1]


def _common(seen: Counter[Rgb], share: float) -> set[Rgb]:
    least = share * seen.total()
    return {colour for colour, times in seen.items() if times >= least}


def _colours(picture: Image.Image) -> tuple[Counter[Rgb], Counter[Rgb]]:
    """How often each colour is met along the outline and within it, on a small copy."""
    small = picture.reduce(max(1, max(picture.size) // _SIDE))
    inside = small.getchannel("A").point([0] * 200 + [255] * 56)
    core = inside.filter(ImageFilter.MinFilter(5))
    colours = small.convert("RGB").point([value // _STEP * _STEP + _STEP // 2 for value in range(256)] * 3)
    return _counted(colours, ImageChops.subtract(inside, core)), _counted(colours, inside)


def _counted(colours: Image.Image, mask: Image.Image) -> Counter[Rgb]:
    black = (0, 0, 0)
    shown = Image.composite(colours, Image.new("RGB", colours.size, black), mask)
    found = {
        (pixel[0], pixel[1], pixel[2]): times
        for times, pixel in shown.getcolors(shown.width * shown.height) or []
        if isinstance(pixel, tuple) and pixel != black
    }
    return Counter(found)
