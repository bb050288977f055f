"""A server that runs the commands of a build, as strict as the game: what it refuses raises RefusedError."""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

OVERWORLD = "minecraft:overworld"
STATE = r"[a-z0-9_]+:[a-z0-9_/]+(?:\[[a-z0-9_=,]+\])?"
NUMBER = r"(-?\d+)"
IDENTIFIER = r"[a-z0-9_.-]+:[a-z0-9_./-]+"
FILL = re.compile(rf"fill {' '.join([NUMBER] * 6)} ({STATE})( strict)?")
SETBLOCK = re.compile(rf"setblock {' '.join([NUMBER] * 3)} ({STATE})( strict)?")
FORCELOAD = re.compile(rf"forceload (add|remove) {' '.join([NUMBER] * 2)}(?: {' '.join([NUMBER] * 2)})?")
QUERY = re.compile(rf"forceload query {NUMBER} {NUMBER}")
IN = re.compile(rf"in ({IDENTIFIER}) (.+)")
CHUNK = rf'({IDENTIFIER}) chunks\."(-?\d+,-?\d+)"'
OF = r'\{of:"([a-z0-9_.-]+)"\}'
STORE = re.compile(rf"store success storage {CHUNK}\.kept byte 1 (.+)")
UNLESS = re.compile(rf"unless data storage {CHUNK}(?:(\.by\[0\])|\.by\[{OF}\]|(\{{kept:1b\}})) (.+)")
APPEND = re.compile(rf"data modify storage {CHUNK}\.by append value {OF}")
REMOVE = re.compile(rf"data remove storage {CHUNK}(?:\.by\[{OF}\])?")
SCHEDULE = re.compile(rf"schedule function ({IDENTIFIER}) (\d+)t")

Cell = tuple[int, int, int]
Chunk = tuple[int, int]


class RefusedError(Exception):
    """What the game would answer instead."""


@dataclass
class World:
    """A dimension: blocks by place; a place without one is air. Only forceloaded chunks are there."""

    min_y: int = -64
    max_y: int = 320
    strict: bool = False
    blocks: dict[Cell, str] = field(default_factory=dict)
    loaded: set[Chunk] = field(default_factory=set)

    def run(self, texts: Iterable[str], *, dimension: str = OVERWORLD) -> None:
        """Run commands as somebody who is in this world, of the name `dimension`, and knows no other."""
        server = Server({dimension: self})
        for text in texts:
            server.run(text, dimension)
        assert not server.notes, "what was noted is left behind"

    def fill(self, corners: list[int], state: str, mode: str | None) -> None:
        if mode and not self.strict:
            raise RefusedError("Incorrect argument for command: strict")
        (x1, x2), (y1, y2), (z1, z2) = (sorted(corners[axis::3]) for axis in range(3))
        if (x2 - x1 + 1) * (y2 - y1 + 1) * (z2 - z1 + 1) > 32768:
            raise RefusedError("Too many blocks in the specified area")
        chunks = {(x, z) for x in range(x1 >> 4, (x2 >> 4) + 1) for z in range(z1 >> 4, (z2 >> 4) + 1)}
        if y1 < self.min_y or y2 >= self.max_y or not chunks <= self.loaded:
            raise RefusedError("That position is not loaded")
        cells = product(range(x1, x2 + 1), range(y1, y2 + 1), range(z1, z2 + 1))
        self.blocks.update(dict.fromkeys(cells, state))

    def forceload(self, word: str, corners: list[int]) -> None:
        xs, zs = (sorted(number >> 4 for number in corners[axis::2]) for axis in range(2))
        (x1, x2), (z1, z2) = (xs[0], xs[-1]), (zs[0], zs[-1])
        chunks = {(x, z) for x in range(x1, x2 + 1) for z in range(z1, z2 + 1)}
        if len(chunks) > 256:
            raise RefusedError("Too many chunks in the specified area")
        self.loaded = self.loaded | chunks if word == "add" else self.loaded - chunks


@dataclass
class Note:
    """What is noted of a chunk: who needs it, and whether it was loaded before the first of them."""

    by: list[str] = field(default_factory=list)
    kept: bool = False


@dataclass
class Server:
    """Worlds by their dimension, command storage, and the functions of all data packs.

    `notes` has what each storage has of each chunk.
    """

    worlds: dict[str, World]
    notes: dict[tuple[str, str], Note] = field(default_factory=lambda: defaultdict(Note))
    functions: dict[str, str] = field(default_factory=dict)
    _due: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    tick: int = 0

    def add_pack(self, pack: bytes) -> str:
        """Put a data pack in, over others' functions of the same names; the name of its first function."""
        with zipfile.ZipFile(io.BytesIO(pack)) as archive:
            paths = [name.split("/") for name in archive.namelist() if name.endswith(".mcfunction")]
            names = [f"{path[1]}:{path[3].removesuffix('.mcfunction')}" for path in paths]
            for name, path in zip(names, paths, strict=True):
                self.functions[name] = archive.read("/".join(path)).decode()
        return names[0]

    def run(self, text: str, dimension: str = OVERWORLD) -> None:
        """Run commands, one a line, as somebody in `dimension`."""
        for line in text.splitlines():
            self._run_line(line, dimension)

    def run_function(self, name: str, dimension: str) -> int:
        """Run a function as somebody in `dimension`, and all that it schedules; the ticks that took."""
        self.run(self.functions[name], dimension)
        while self._due:
            self.tick += 1
            for scheduled in self._due.pop(self.tick, []):
                # As the server: https://minecraft.wiki/w/Commands/schedule
                self.run(self.functions[scheduled], OVERWORLD)
        return self.tick + 1

    def _run_line(self, line: str, dimension: str) -> bool:
        """Whether the command succeeded, as `store success` has it."""
        world = self.worlds[dimension]
        if line.startswith("execute "):
            return self._execute(line.removeprefix("execute "), dimension)
        if found := FILL.fullmatch(line):
            world.fill([int(number) for number in found.groups()[:6]], found[7], found[8])
        elif found := SETBLOCK.fullmatch(line):
            x, y, z = (int(number) for number in found.groups()[:3])
            world.fill([x, y, z, x, y, z], found[4], found[5])
        elif found := FORCELOAD.fullmatch(line):
            world.forceload(found[1], [int(number) for number in found.groups()[1:] if number])
        elif found := QUERY.fullmatch(line):
            return (int(found[1]) >> 4, int(found[2]) >> 4) in world.loaded
        elif found := APPEND.fullmatch(line):
            self.notes[found[1], found[2]].by.append(found[3])
        elif found := REMOVE.fullmatch(line):
            if found[3] is None:
                return self.notes.pop((found[1], found[2]), None) is not None
            self.notes[found[1], found[2]].by.remove(found[3])
        elif found := SCHEDULE.fullmatch(line):
            self._due[self.tick + int(found[2])].append(found[1])
        else:
            raise RefusedError(f"Unknown or incomplete command: {line}")
        return True

    def _execute(self, rest: str, dimension: str) -> bool:
        if rest.startswith("run "):
            return self._run_line(rest.removeprefix("run "), dimension)
        if found := IN.fullmatch(rest):
            if found[1] not in self.worlds:
                raise RefusedError(f"Unknown dimension '{found[1]}'")
            return self._execute(found[2], found[1])
        if found := STORE.fullmatch(rest):
            done = self._execute(found[3], dimension)
            self.notes[found[1], found[2]].kept = done
            return done
        if found := UNLESS.fullmatch(rest):
            note = self.notes.get((found[1], found[2]), Note())
            is_there = bool(note.by) if found[3] else note.kept if found[5] else found[4] in note.by
            return is_there or self._execute(found[6], dimension)
        raise RefusedError(f"Unknown or incomplete command: execute {rest}")
