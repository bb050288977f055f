"""The measured blocks: `palette.csv` and `palette_since.csv`; palette.md says where they are from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from minecraft.voxel.color import linear_from_srgb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SIDE, TOP, BOTTOM = 0, 1, 2
"""Places of a block's faces in arrays of face colours."""

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MeasuredBlock:
    """`state` is the block state in full, `colors` (3, 3) float32 linear RGB of side, top and bottom.

    `mean` is (3,) float32, of all six faces. `flags` are the columns of palette.csv that hold for it, such as
    `gravity`; `since` is the first version that has the state; `hardness` the game's, -1 if unbreakable.
    """

    id: str
    state: str
    colors: NDArray[np.float32]
    mean: NDArray[np.float32]
    flags: frozenset[str]
    since: str
    hardness: float
    material: str

    @property
    def safe(self) -> bool:
        """A full, opaque cube that stays what and where it is, in survival too, and gives no light."""
        return {"full_cube", "opaque"} <= self.flags and not self.flags & _UNSAFE


_FLAGS = (
    "full_cube",
    "opaque",
    "transparent",
    "light",
    "gravity",
    "tinted",
    "random_variants",
    "animated",
    "unstable",
    "functional",
    "creative_only",
)
_UNSAFE = frozenset({"gravity", "unstable", "functional", "creative_only", "tinted", "light"})


@cache
def measured_blocks() -> Mapping[str, MeasuredBlock]:
    """Every measured block by its id, in the table's order."""
    since = {row["id"]: row["since"] for row in _rows("palette_since.csv")}
    blocks = (_block(row, since[row["id"]]) for row in _rows("palette.csv"))
    return MappingProxyType({block.id: block for block in blocks})


def parse_version(version: str) -> Version:
    """A version of the game as numbers that compare: 1.21.4 before 1.21.11 before 26.1.

    Raises:
        ValueError: if it isn't numbers and dots.
    """
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"version {version!r}: expected a release such as 1.21.4 or 26.1")
    return tuple(int(part) for part in parts)


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("minecraft.voxel") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _block(row: dict[str, str], since: str) -> MeasuredBlock:
    # Leaves that no log holds would decay; those that a player places do not.
    properties = row["state"].replace("persistent=false", "persistent=true")
    encoded = [[int(row[f"{face}_{c}"]) for c in "rgb"] for face in ("side", "top", "bottom", "all")]
    linear = linear_from_srgb(np.array(encoded, np.uint8))
    linear.setflags(write=False)
    return MeasuredBlock(
        id=row["id"],
        state=f"{row['id']}[{properties}]" if properties else row["id"],
        colors=linear[:3],
        mean=linear[3],
        flags=frozenset(flag for flag in _FLAGS if row[flag] != "0"),
        since=since,
        hardness=float(row["hardness"]),
        material=row["material"],
    )
