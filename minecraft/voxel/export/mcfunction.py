"""A build as `.mcfunction` files, each small enough for one tick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.export.commands import (
    MAX_CHAIN_COMMANDS,
    box_commands,
    load_chunks,
    release_chunks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshtwin.minecraft.voxel.boxes.build import Build
    from meshtwin.minecraft.voxel.export.commands import Origin
    from meshtwin.minecraft.voxel.versions import GameVersion

MAX_LINE = 32500
"""The longest command that a command block takes, and the least of the game's limits that a file can meet:
https://minecraft.wiki/w/Command_Block."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one batch: commands, and bytes with their line ends."""

    commands: int = 1024
    bytes: int = 64 * 1024

    def __post_init__(self) -> None:
        if not 1 <= self.commands <= MAX_CHAIN_COMMANDS:
            raise ValueError(
                f"commands {self.commands}: expected 1..{MAX_CHAIN_COMMANDS}, the game's own limit"
            )
        if self.bytes < 1:
            raise ValueError(f"bytes {self.bytes}: expected 1 or more")


def batches(
    build: Build, origin: Origin, version: GameVersion, *, namespace: str, limits: Limits | None = None
) -> list[str]:
    """The build as texts to run in order, one command a line, each line ended by a newline.

    The first batches load the chunks of an area each: they are there when the next batch is run, so run no
    two in one tick. The last releases them, but for those that others had loaded; `namespace` is the
    build's own, under which it records its chunks: see `load_chunks`.

    ValueError: the build does not fit into the world there, or one command is longer than a batch may be.
    """
    limits = limits or Limits()
    boxes = list(_gathered(list(box_commands(build, origin, version)), limits))
    if not boxes:
        return []
    loads = [text for area in load_chunks(build.size, origin, namespace) for text in _gathered(area, limits)]
    return [*loads, *boxes, *_gathered(release_chunks(build.size, origin, namespace), limits)]


def _gathered(lines: Sequence[str], limits: Limits) -> Iterator[str]:
    """Lines put together up to the limits; block states are ASCII, so a character is a byte."""
    start, size = 0, 0
    longest = min(MAX_LINE + 1, limits.bytes)
    for index, line in enumerate(lines):
        if len(line) + 1 > longest:
            raise ValueError(f"{line[:80]}...: {len(line)} characters, expected at most {longest - 1}")
        if index - start == limits.commands or size + len(line) + 1 > limits.bytes:
            yield "\n".join(lines[start:index]) + "\n"
            start, size = index, 0
        size += len(line) + 1
    if start < len(lines):
        yield "\n".join(lines[start:]) + "\n"
