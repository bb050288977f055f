"""A world that runs the commands of a build, as strict as the game: what it refuses raises RefusedError."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STATE = r"[a-z0-9_]+:[a-z0-9_/]+(?:\[[a-z0-9_=,]+\])?"
NUMBER = r"(-?\d+)"
FILL = re.compile(rf"fill {' '.join([NUMBER] * 6)} ({STATE})( strict)?")
SETBLOCK = re.compile(rf"setblock {' '.join([NUMBER] * 3)} ({STATE})( strict)?")
FORCELOAD = re.compile(rf"forceload (add|remove) {' '.join([NUMBER] * 4)}")

Cell = tuple[int, int, int]


class RefusedError(Exception):
    """What the game would answer instead."""


@dataclass
class World:
    """Blocks by place; a place without one is air. Only forceloaded chunks are there."""

    min_y: int = -64
    max_y: int = 320
    strict: bool = False
    blocks: dict[Cell, str] = field(default_factory=dict)
    loaded: set[tuple[int, int]] = field(default_factory=set)
    written: int = 0

    def run(self, texts: Iterable[str]) -> None:
        for text in texts:
            for line in text.splitlines():
                self.run_line(line)

    def run_line(self, line: str) -> None:
        if found := FILL.fullmatch(line):
            self._fill([int(number) for number in found.groups()[:6]], found[7], found[8])
        elif found := SETBLOCK.fullmatch(line):
            x, y, z = (int(number) for number in found.groups()[:3])
            self._fill([x, y, z, x, y, z], found[4], found[5])
        elif found := FORCELOAD.fullmatch(line):
            self._forceload(found[1], [int(number) for number in found.groups()[1:]])
        else:
            raise RefusedError(f"Unknown or incomplete command: {line}")

    def _fill(self, corners: list[int], state: str, mode: str | None) -> None:
        if mode and not self.strict:
            raise RefusedError("Incorrect argument for command: strict")
        (x1, x2), (y1, y2), (z1, z2) = (sorted(corners[axis::3]) for axis in range(3))
        if (x2 - x1 + 1) * (y2 - y1 + 1) * (z2 - z1 + 1) > 32768:
            raise RefusedError("Too many blocks in the specified area")
        chunks = {(x, z) for x in range(x1 >> 4, (x2 >> 4) + 1) for z in range(z1 >> 4, (z2 >> 4) + 1)}
        if y1 < self.min_y or y2 >= self.max_y or not chunks <= self.loaded:
            raise RefusedError("That position is not loaded")
        for x in range(x1, x2 + 1):
            for y in range(y1, y2 + 1):
                for z in range(z1, z2 + 1):
                    self.written += 1
                    self.blocks[x, y, z] = state

    def _forceload(self, word: str, corners: list[int]) -> None:
        (x1, x2), (z1, z2) = (sorted(number >> 4 for number in corners[axis::2]) for axis in range(2))
        chunks = {(x, z) for x in range(x1, x2 + 1) for z in range(z1, z2 + 1)}
        if len(chunks) > 256:
            raise RefusedError("Too many chunks in the specified area")
        self.loaded = self.loaded | chunks if word == "add" else self.loaded - chunks
