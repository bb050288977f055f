"""Palettes: which blocks a build may be made of, and how they look."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.known import find_known, refuse_newer, short, version_numbers
from meshtwin.minecraft.voxel.blocks.measured import MeasuredBlock, measured_blocks
from meshtwin.minecraft.voxel.color.spaces import oklab
from meshtwin.minecraft.voxel.options import CLOSE_MATCH
from meshtwin.minecraft.voxel.versions import DEFAULT_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

_DYED = ("*_wool", "*_concrete", "*_terracotta", "terracotta")
_CHEAP = (
    *_DYED,
    *("*_planks", "*_log", "*_wood", "*_stem", "*_hyphae", "bamboo_block", "stripped_bamboo_block"),
    *("stone", "cobblestone", "smooth_stone", "stone_bricks", "cobbled_deepslate", "polished_deepslate"),
    *("deepslate", "deepslate_bricks", "deepslate_tiles", "tuff", "polished_tuff", "tuff_bricks", "calcite"),
    *("granite", "diorite", "andesite", "polished_granite", "polished_diorite", "polished_andesite"),
    *("coarse_dirt", "rooted_dirt", "packed_mud", "mud_bricks", "clay", "bricks", "dripstone_block"),
    *("sandstone", "cut_sandstone", "smooth_sandstone", "red_sandstone", "cut_red_sandstone"),
    *("smooth_red_sandstone", "netherrack", "nether_bricks", "basalt", "smooth_basalt", "polished_basalt"),
    *("blackstone", "polished_blackstone", "soul_soil", "moss_block", "snow_block", "melon", "pumpkin"),
    *("hay_block", "dried_kelp_block", "bone_block"),
)
"""Blocks that a player can collect in quantity."""

_VALUABLE = (
    *("*_ore", "ancient_debris", "gilded_blackstone", "raw_*_block"),
    *(f"{mineral}_block" for mineral in ("coal", "iron", "gold", "lapis", "diamond", "emerald", "netherite")),
    *("waxed_copper_block", "waxed_exposed_copper", "waxed_weathered_copper", "waxed_oxidized_copper"),
)
"""Blocks that yield ore, metal, gems, coal or lapis when mined or crafted, waxed copper once its wax is
scraped off: on a survival server players would take the build apart for them."""

_PATTERNED = ("*_glazed_terracotta",)
"""Blocks whose pattern is more visible than their mean colour."""

_GREY = 0.02
"""OKLab chroma below which a colour counts as grey: just noticeable."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Blocks to choose from.

    `states` are full block states, each once. `colors` is (n, 3, 3) float32, linear RGB of each one's side,
    top and bottom (`measured.SIDE`, `TOP`, `BOTTOM`); `lab` the same in OKLab. Neither is written to.
    """

    name: str
    states: tuple[str, ...]
    colors: NDArray[np.float32]
    lab: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.states)


def load_palette(
    palette: str | Iterable[str] = "default", exclude: Iterable[str] = (), *, version: str = DEFAULT_VERSION
) -> Palette:
    """A palette by its name, or of the blocks listed, without those in `exclude`.

    Blocks are ids, with or without `minecraft:`. A list may have any measured block, also ones that fall or
    give light; the named palettes have none of those, nor any that `version` of the game lacks. `creative`
    alone has valuable blocks, ore and blocks of metal and gems, and glazed terracotta, which is patterned.

    Raises:
        ValueError: if a palette or block isn't known, a listed block is newer than `version`, or none
            is left.
    """
    newest = version_numbers(version)
    if isinstance(palette, str):
        name, blocks = palette, _named(palette)
        blocks = [block for block in blocks if version_numbers(block.since) <= newest]
    else:
        name, blocks = "list", [find_block(block) for block in palette]
        refuse_newer(blocks, version)
    unwanted = {find_block(block).id for block in exclude}
    remaining = {block.id: block for block in blocks if block.id not in unwanted}
    if not remaining:
        raise ValueError(
            f"palette {name!r}: none of its {len(blocks)} blocks is left for {version}; "
            "exclude fewer, or list others"
        )
    return _assembled(name, list(remaining.values()))


def find_block(name: str) -> MeasuredBlock:
    """A measured block by its id, with `minecraft:` or without; or by its state, if written as measured.

    Raises:
        ValueError: if there is none; the message names the nearest.
    """
    return measured_blocks()[find_known(name).id]


def _named(name: str) -> list[MeasuredBlock]:
    rule = _RULES.get(name)
    if rule is None:
        near = get_close_matches(name, _RULES, n=1, cutoff=CLOSE_MATCH)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"palette {name!r}: expected {', '.join(_RULES)}, or a list of blocks{hint}")
    return [block for block in measured_blocks().values() if block.safe and rule(block)]


def _assembled(name: str, blocks: list[MeasuredBlock]) -> Palette:
    colors = np.stack([block.colors for block in blocks])
    lab = oklab(colors)
    for array in (colors, lab):
        array.setflags(write=False)
    return Palette(name, tuple(block.state for block in blocks), colors, lab)


def _matches(block: MeasuredBlock, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(short(block.id), pattern) for pattern in patterns)


def _is_grey(block: MeasuredBlock) -> bool:
    chroma = np.hypot(*oklab(np.vstack([block.colors, block.mean]))[:, 1:].T)
    return bool(chroma.max() < _GREY)


def _is_plain(block: MeasuredBlock) -> bool:
    return not _matches(block, _VALUABLE + _PATTERNED)


_RULES: dict[str, Callable[[MeasuredBlock], bool]] = {
    "default": _is_plain,
    "wool-concrete-terracotta": lambda block: _is_plain(block) and _matches(block, _DYED),
    "survival-cheap": lambda block: _is_plain(block) and _matches(block, _CHEAP),
    "greyscale": lambda block: _is_plain(block) and _is_grey(block),
    "creative": lambda _block: True,
}
