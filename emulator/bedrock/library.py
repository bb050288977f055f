"""The pictograms: what `pictograms.json.gz` holds, read once."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GRID = 2048
"""The side of the square in which a pictogram's points lie."""

Point = tuple[float, float]
Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Ring:
    """A closed outline. A hole takes away what the rings before it have filled."""

    hole: bool
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Fill:
    """Rings under one colour, painted in turn; `opacity` is 0 to 255."""

    colour: Rgb
    opacity: int
    rings: tuple[Ring, ...]

    @property
    def area(self) -> float:
        """Square grid units that the rings enclose, holes taken off."""
        return max(0.0, sum(-_area(ring) if ring.hole else _area(ring) for ring in self.rings))


@dataclass(frozen=True, slots=True)
class Pictogram:
    """One thing: its English name, words that people use for it, and its fills from back to front."""

    name: str
    label: str
    tags: tuple[str, ...]
    group: str
    packed: Sequence[Sequence[object]]

    def fills(self) -> tuple[Fill, ...]:
        """Its fills, unpacked."""
        return tuple(_fill(*packed) for packed in self.packed)  # type: ignore[arg-type]


def _area(ring: Ring) -> float:
    points = ring.points
    return (
        abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:] + points[:1], strict=True))) / 2
    )


def _fill(colour: str, opacity: int, rings: Sequence[Sequence[int]]) -> Fill:
    red, green, blue = bytes.fromhex(colour)
    return Fill(
        (red, green, blue), opacity, tuple(Ring(bool(hole), tuple(_points(steps))) for hole, *steps in rings)
    )


def _points(steps: Sequence[int]) -> Iterator[Point]:
    x = y = 0
    for dx, dy in zip(steps[::2], steps[1::2], strict=True):
        x, y = x + dx, y + dy
        yield (x, y)


@cache
def pictograms() -> Mapping[str, Pictogram]:
    """All pictograms by name, in the order of Unicode's own list."""
    packed = files(__package__).joinpath("pictograms.json.gz").read_bytes()
    return {
        name: Pictogram(name, one["label"], tuple(one["tags"]), one["group"], one["fills"])
        for name, one in json.loads(gzip.decompress(packed)).items()
    }
