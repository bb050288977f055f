"""Pictograms that no emoji stands for, drawn here: solids, and what people like to build."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from meshtwin.emulator.bedrock.library import Pictogram

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Points = list[tuple[float, float]]
Packed = list[object]


def _shape(colour: str, *outlines: Points, holes: Sequence[Points] = ()) -> Packed:
    """A fill as the file of pictograms has it. Points are in the square from (0, 0) to (100, 100), y down."""
    rings = []
    for hole, points in [*((0, one) for one in outlines), *((1, one) for one in holes)]:
        whole = [(round(20.48 * x), round(20.48 * y)) for x, y in points]
        steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(whole)]
        rings.append([hole, *whole[0], *(value for step in steps for value in step)])
    return [colour, 255, rings]


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _oval(x: float, y: float, wide: float, high: float, start: float = 0, end: float = 360) -> Points:
    turns = [math.radians(start + (end - start) * step / 72) for step in range(73)]
    return [(x + wide * math.cos(turn), y + high * math.sin(turn)) for turn in turns]


def _battlements(left: float, right: float, top: float, foot: float, teeth: int) -> list[Points]:
    wide = (right - left) / (2 * teeth - 1)
    return [_box(left + 2 * n * wide, top, left + (2 * n + 1) * wide, foot) for n in range(teeth)]


def _solids() -> dict[str, list[Packed]]:
    return {
        "cube": [
            _shape("4f8fd6", [(8, 28), (50, 48), (50, 98), (8, 76)]),
            _shape("3a6fb0", [(92, 28), (50, 48), (50, 98), (92, 76)]),
            _shape("7fb6ee", [(50, 6), (92, 28), (50, 48), (8, 28)]),
        ],
        "sphere": [
            _shape("c9402f", _oval(50, 50, 46, 46)),
            _shape("de5a45", _oval(46, 46, 38, 38)),
            _shape("f08a72", _oval(36, 34, 16, 14)),
        ],
        "cone": [
            _shape("e5892b", [(50, 4), *_oval(50, 84, 40, 12, 0, 180)]),
            _shape("c56f1c", [(50, 4), *_oval(50, 84, 40, 12, 0, 70)]),
        ],
        "cylinder": [
            _shape("58a55c", [*_oval(50, 84, 38, 12, 0, 180), (12, 16), (88, 16)]),
            _shape("458549", [(64, 20), (88, 16), *_oval(50, 84, 38, 12, 0, 68)]),
            _shape("8ccf8f", _oval(50, 16, 38, 12)),
        ],
        "torus": [
            _shape("8e63c7", _oval(50, 50, 46, 46), holes=[_oval(50, 50, 19, 19)]),
            _shape("a884da", _oval(50, 50, 38, 38), holes=[_oval(50, 50, 28, 28)]),
        ],
        "pyramid": [
            _shape("e3bf72", [(50, 10), (4, 82), (58, 94)]),
            _shape("b98f45", [(50, 10), (58, 94), (96, 78)]),
            *(
                _shape("cda55a", [(50 - 46 * t, 10 + 72 * t), (50 + 8 * t, 10 + 84 * t),
                                  (50 + 8 * t - 0.4, 8.6 + 84 * t), (50 - 46 * t, 8.6 + 72 * t)])
                for t in (0.25, 0.45, 0.65, 0.85)
            ),
        ],
    }  # fmt: skip


def _buildings() -> dict[str, list[Packed]]:
    return {
        "tower": [
            _shape("8f959e", _box(28, 22, 72, 98)),
            _shape("7c828b", _box(56, 22, 72, 98)),
            _shape("a2a8b0", _box(22, 14, 78, 28), *_battlements(22, 78, 3, 14, 4)),
            _shape("4a3527", [(42, 98), (42, 82), *_oval(50, 82, 8, 8, 180, 360), (58, 98)]),
            _shape("33373d", _box(47, 38, 53, 52), _box(47, 60, 53, 70)),
        ],
        "lighthouse": [
            _shape("f2f0ec", [(36, 26), (64, 26), (72, 92), (28, 92)]),
            _shape("d33a32", [(34.2, 40), (65.8, 40), (67.8, 56), (32.2, 56)],
                   [(30.2, 72), (69.8, 72), (71.5, 88), (28.5, 88)]),
            _shape("6b7078", _box(20, 91, 80, 98), _box(32, 22, 68, 27)),
            _shape("f7cf46", _box(39, 11, 61, 22)),
            _shape("b92d27", [(35, 12), (50, 2), (65, 12)]),
            _shape("4f545b", [(45, 92), (45, 82), *_oval(50, 82, 5, 5, 180, 360), (55, 92)]),
        ],
        "windmill": [
            _shape("c9a36d", [(38, 40), (62, 40), (72, 98), (28, 98)]),
            _shape("a5532f", [(33, 42), (50, 24), (67, 42)]),
            _shape("6d4a2b", _box(44, 82, 56, 98), _box(46, 56, 54, 64)),
            *(_shape("ece4d4", _turned(_box(51, 6, 61, 34), turn)) for turn in (20, 110, 200, 290)),
            *(_shape("7a5a38", _turned(_box(49, 4, 51.5, 40), turn)) for turn in (20, 110, 200, 290)),
            _shape("5b4028", _oval(50, 38, 4, 4)),
        ],
        "bridge": [
            _shape("9a7f66", [(2, 46), *_oval(50, 46, 48, 20, 180, 360), (98, 46), (98, 82), (84, 82),
                              *_oval(67, 82, 13, 20, 0, -180), (46, 82),
                              *_oval(33, 82, 13, 20, 0, -180), (2, 82)]),
            _shape("b89b80", [(2, 46), *_oval(50, 46, 48, 20, 180, 360), (98, 52),
                              *_oval(50, 52, 48, 20, 360, 180)]),
        ],
        "wall": [_shape("9a9fa6", _box(2, 36, 98, 84), *_battlements(2, 98, 22, 36, 6)),
                 _shape("858a92", _box(2, 48, 98, 50), _box(2, 60, 98, 62), _box(2, 72, 98, 74))],
        "arch": [_shape("c2b8a3", [(8, 96), (8, 40), *_oval(50, 40, 42, 36, 180, 360), (92, 96), (68, 96),
                                   (68, 44),
                                   *_oval(50, 44, 18, 18, 0, -180), (32, 96)]),
                 _shape("a89c85", _box(4, 90, 36, 98), _box(64, 90, 96, 98))],
    }  # fmt: skip


def _turned(points: Points, degrees: float) -> Points:
    """Points turned about the hub of the windmill's sails."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        (50 + cosine * (x - 50) - sine * (y - 38), 38 + sine * (x - 50) + cosine * (y - 38))
        for x, y in points
    ]


def _things() -> dict[str, list[Packed]]:
    return {
        "table": [
            _shape("7a4e2a", _box(12, 40, 22, 92), _box(78, 40, 88, 92),
                   _box(30, 40, 37, 78), _box(63, 40, 70, 78)),
            _shape("a86f3e", [(14, 24), (86, 24), (98, 38), (2, 38)]),
            _shape("8c5a30", _box(2, 38, 98, 46)),
        ],
        "treasure-chest": [
            _shape("8a5a2e", _box(6, 48, 94, 90)),
            _shape("a36c39", [(6, 50), *_oval(50, 44, 44, 28, 180, 360), (94, 50)]),
            _shape("d9b23c", _box(6, 45, 94, 52), _box(18, 22, 26, 90), _box(74, 22, 82, 90)),
            _shape("f1d264", _box(42, 40, 58, 64)),
            _shape("4a3620", _oval(50, 50, 3, 3), _box(48.6, 50, 51.4, 58)),
        ],
        "sword": [
            _shape("c3ccd6", [(44, 66), (44, 14), (50, 2), (56, 14), (56, 66)]),
            _shape("9aa6b4", [(50, 66), (50, 2), (56, 14), (56, 66)]),
            _shape("d7a62f", _box(28, 65, 72, 72), _oval(50, 94, 6, 5)),
            _shape("6b3f22", _box(46, 72, 54, 91)),
        ],
        "barrel": [
            _shape("9c6a38", [(22, 6), (78, 6), *_oval(78, 50, 10, 44, 270, 450), (22, 94),
                              *_oval(22, 50, 10, 44, 90, 270)]),
            _shape("7f5329", _box(36, 6, 38, 94), _box(50, 6, 52, 94), _box(64, 6, 66, 94)),
            _shape("6d747d", [(17, 18), (83, 18), (85, 26), (15, 26)],
                   [(15, 74), (85, 74), (83, 82), (17, 82)]),
        ],
        "submarine": [
            _shape("f0b62e", _oval(48, 62, 44, 22)),
            _shape("d99c18", _oval(48, 62, 44, 22, 10, 170)),
            _shape("f0b62e", [(36, 46), (40, 26), (62, 26), (66, 46)]),
            _shape("6b7078", _box(50, 10, 54, 27), _box(50, 8, 64, 13), [(88, 62), (99, 46), (99, 78)]),
            _shape("bfe6f5", _oval(28, 58, 6, 6), _oval(46, 58, 6, 6), _oval(64, 58, 6, 6)),
        ],
        "tank": [
            _shape("5d6b3c", _box(58, 34, 99, 40)),
            _shape("6f7f49", [(26, 46), (32, 26), (62, 26), (68, 46)],
                   [(4, 60), (12, 46), (86, 46), (94, 60)]),
            _shape("3f4430", [*_oval(14, 70, 11, 12, 90, 270), *_oval(84, 70, 11, 12, 270, 450)]),
            _shape("858c74", *(_oval(14 + 17.5 * n, 70, 6.5, 6.5) for n in range(5))),
        ],
    }  # fmt: skip


_TAGS = {
    "sphere": ("orb", "globe"),
    "cube": ("block", "cuboid"),
    "torus": ("hoop",),
    "barrel": ("cask", "keg"),
    "treasure-chest": ("chest",),
    "wall": ("rampart",),
    "arch": ("archway", "portal", "gateway"),
}


def homemade() -> Mapping[str, Pictogram]:
    """The pictograms drawn here, by name."""
    drawn = {**_solids(), **_buildings(), **_things()}
    return {
        name: Pictogram(name, name.replace("-", " "), _TAGS.get(name, ()), "objects", fills)
        for name, fills in drawn.items()
    }
