"""A pictogram in another colour: its main colour changes, its eyes, windows and tyres stay."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtwin.emulator.bedrock.colours import GREYISH, chroma, hue_apart, recoloured, to_lab, to_rgb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtwin.emulator.bedrock.colours import Lab
    from meshtwin.emulator.bedrock.library import Fill, Rgb

NEAR = math.radians(50)
"""Hues this close belong to one colour's shades."""

ENOUGH = 0.4
"""Share of its area that a pictogram's main colour must have to stand for it alone."""

DETAIL = 0.06
"""Share of the area up to which very dark and very light fills are eyes, teeth and the like."""

DARK, PALE = 0.3, 0.95


def tinted(fills: Sequence[Fill], colour: Rgb) -> tuple[Fill, ...]:
    """The fills with their main colour, and its shades, turned into `colour` and its shades."""
    labs = [to_lab(fill.colour) for fill in fills]
    areas = [fill.area for fill in fills]
    whole = sum(areas) or 1.0
    small = [
        area < DETAIL * whole and not DARK < lab[0] < PALE for lab, area in zip(labs, areas, strict=True)
    ]
    leader = max(range(len(fills)), key=lambda number: areas[number])
    chosen = [
        not detail and _of_one_colour(lab, labs[leader]) for lab, detail in zip(labs, small, strict=True)
    ]
    if sum(area for area, inside in zip(areas, chosen, strict=True) if inside) < ENOUGH * whole:
        chosen = [not detail for detail in small]
    main, target = _mean(labs, areas, chosen), to_lab(colour)
    return tuple(
        replace(fill, colour=to_rgb(recoloured(lab, main, target))) if inside else fill
        for fill, lab, inside in zip(fills, labs, chosen, strict=True)
    )


def _of_one_colour(lab: Lab, main: Lab) -> bool:
    if chroma(main) < GREYISH:
        return chroma(lab) < GREYISH
    return chroma(lab) >= GREYISH and hue_apart(lab, main) < NEAR


def _mean(labs: Sequence[Lab], areas: Sequence[float], chosen: Sequence[bool]) -> Lab:
    total = sum(area for area, inside in zip(areas, chosen, strict=True) if inside) or 1.0

    def axis(number: int) -> float:
        return (
            sum(lab[number] * area for lab, area, inside in zip(labs, areas, chosen, strict=True) if inside)
            / total
        )

    return (axis(0), axis(1), axis(2))
