"""A build as `.mcfunction` files, each small enough to be run at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minecraft.voxel.build import MAX_BOX_BLOCKS
from minecraft.voxel.commands import MAX_CHAIN_COMMANDS, box_commands, forceloads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minecraft.voxel.build import Build
    from minecraft.voxel.commands import Place
    from minecraft.voxel.versions import GameVersion

MAX_LINE = 32500
"""The longest command that a command block takes, and the least of the game's limits that a file can meet:
https://minecraft.wiki/w/Command_Block."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one batch may hold: commands, and bytes with their line ends."""

    commands: int = 1024
    bytes: int = 64 * 1024

    def __post_init__(self) -> None:
        if not 1 <= self.commands <= MAX_CHAIN_COMMANDS:
            raise ValueError(
                f"commands {self.commands}: expected 1..{MAX_CHAIN_COMMANDS}, the game's own limit"
            )
        if self.bytes < 1:
            raise ValueError(f"bytes {self.bytes}: expected 1 or more")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a game rule is set to while the build is placed, and what it is set to afterwards.

    The defaults are the game's own: https://minecraft.wiki/w/Game_rule.
    """

    box_blocks: int = MAX_BOX_BLOCKS
    box_blocks_after: int = MAX_BOX_BLOCKS
    chain_commands: int = MAX_CHAIN_COMMANDS
    chain_commands_after: int = MAX_CHAIN_COMMANDS


def batches(
    build: Build,
    place: Place,
    version: GameVersion,
    *,
    limits: Limits | None = None,
    forceload: bool = True,
    rules: Rules | None = None,
) -> list[str]:
    """The build as texts to run in order, one command a line, each line ended by a newline.

    The first batches load the chunks, with `forceload`, one command each: the chunks of a batch are there
    when the next is run, so run no two in one tick. The last ones let go of the same chunks. Game rules are
    set only where `rules` asks for it.

    ValueError: the build does not fit into the world there, or one command is longer than a batch may be.
    """
    limits = limits or Limits()
    boxes = list(_gathered(list(box_commands(build, place, version)), limits))
    if not boxes:
        return []
    before = forceloads(build.size, place) if forceload else []
    after = forceloads(build.size, place, "remove") if forceload else []
    if rules is not None:
        before = [*_set_rules(version, rules.box_blocks, rules.chain_commands), *before]
        after = [*after, *_set_rules(version, rules.box_blocks_after, rules.chain_commands_after)]
    return [*(f"{line}\n" for line in before), *boxes, *(f"{line}\n" for line in after)]


def _set_rules(version: GameVersion, box_blocks: int, chain_commands: int) -> list[str]:
    return [f"gamerule {version.box_rule} {box_blocks}", f"gamerule {version.chain_rule} {chain_commands}"]


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
