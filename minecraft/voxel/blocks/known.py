"""The known blocks by id, for checks of requests, without their colours."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.options import CLOSE_MATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A block whose colours are known: `state` in full, `since` the first version of the game that has it."""

    id: str
    state: str
    since: str


@cache
def known_blocks() -> Mapping[str, KnownBlock]:
    """Every block of `palette.csv` by its id, in the table's order."""
    since = {row["id"]: row["since"] for row in rows("palette_since.csv")}
    blocks = (KnownBlock(row["id"], _state(row), since[row["id"]]) for row in rows("palette.csv"))
    return MappingProxyType({block.id: block for block in blocks})


def find_known(name: str) -> KnownBlock:
    """A block by its id, with `minecraft:` or without; or by its state, if written as measured.

    Raises:
        ValueError: if there is none; the message names the nearest.
    """
    known = known_blocks()
    wanted = name.strip().lower().removeprefix("minecraft:")
    base = wanted.partition("[")[0]
    block = known.get(f"minecraft:{base}")
    if block is None:
        near = get_close_matches(base, [short(block) for block in known], n=3, cutoff=CLOSE_MATCH)
        hint = (
            f"did you mean {', '.join(near)}?" if near else "expected the id of a full block, such as stone"
        )
        raise ValueError(f"block {name!r}: not a block whose colours are known; {hint}")
    if wanted not in {base, block.state.removeprefix("minecraft:")}:
        raise ValueError(
            f"block {name!r}: its colours are known as {block.state} only; write {short(block.id)}"
        )
    return block


def refuse_newer(blocks: Iterable[KnownBlock], version: str) -> None:
    """Check that a version of the game has these blocks.

    Raises:
        ValueError: one is newer.
    """
    for block in blocks:
        if version_numbers(block.since) > version_numbers(version):
            raise ValueError(
                f"block {short(block.id)!r}: {block.state} exists since {block.since}, and the build is "
                f"for {version}; leave it out, or build for {block.since}"
            )


def version_numbers(version: str) -> Version:
    """A version of the game as numbers that compare: 1.21.4 before 1.21.11 before 26.1.

    Raises:
        ValueError: if it isn't numbers and dots.
    """
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"version {version!r}: expected a release such as 1.21.4 or 26.1")
    return tuple(int(part) for part in parts)


def short(block_id: str) -> str:
    """An id as players write it."""
    return block_id.removeprefix("minecraft:")


@cache
def rows(name: str) -> tuple[Mapping[str, str], ...]:
    """The rows of one of this package's tables."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def _state(row: Mapping[str, str]) -> str:
    # Leaves that no log holds would decay; those that a player places do not.
    properties = row["state"].replace("persistent=false", "persistent=true")
    return f"{row['id']}[{properties}]" if properties else row["id"]
