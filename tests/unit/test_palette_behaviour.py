"""What the game does by itself with the blocks of builds: nothing, with those of the named palettes."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from meshtwin.minecraft.voxel.blocks.known import short
from meshtwin.minecraft.voxel.blocks.measured import measured_blocks
from meshtwin.minecraft.voxel.blocks.palette import find_block, load_palette
from meshtwin.minecraft.voxel.options import PALETTES

ACTS = {
    # A block's class, and what it overrides of: onPlace, tick, randomTick, neighborChanged, updateShape, a
    # block entity that ticks; `changed` where another block's randomTick changes it.
    "carved_pumpkin: onPlace makes a golem": """
        carved_pumpkin jack_o_lantern
    """,
    "falling: onPlace, tick": """
        sand red_sand gravel suspicious_* *_concrete_powder
    """,
    "tnt: onPlace, neighborChanged": """
        tnt
    """,
    "sponge: onPlace, neighborChanged": """
        sponge wet_sponge
    """,
    "spreading_snowy_dirt: randomTick": """
        grass_block mycelium
    """,
    "snowy_dirt: updateShape": """
        podzol
    """,
    "changed by grass and mycelium": """
        dirt
    """,
    "nylium: randomTick": """
        crimson_nylium warped_nylium
    """,
    "redstone: neighborChanged or onPlace": """
        redstone_block redstone_lamp *piston dispenser dropper note_block observer target crafter
        *copper_bulb
    """,
    "redstone_ore: randomTick": """
        redstone_ore deepslate_redstone_ore
    """,
    "ice: randomTick": """
        ice frosted_ice
    """,
    "magma: tick, updateShape": """
        magma_block
    """,
    "soul_sand: tick, updateShape": """
        soul_sand
    """,
    "coral: tick, updateShape": """
        tube_coral_block brain_coral_block bubble_coral_block fire_coral_block horn_coral_block
    """,
    "weathering_copper: randomTick": """
        copper_block cut_copper chiseled_copper copper_grate exposed_* weathered_* oxidized_*
    """,
    "leaves: tick, randomTick, updateShape": """
        *_leaves
    """,
    "huge_mushroom: updateShape": """
        brown_mushroom_block red_mushroom_block mushroom_stem
    """,
    "infested: silverfish": """
        infested_*
    """,
    "budding_amethyst: randomTick": """
        budding_amethyst
    """,
    "creaking_heart: tick, updateShape": """
        creaking_heart
    """,
    "sculk: part of a catalyst's spread": """
        sculk sculk_catalyst
    """,
    "a block entity": """
        furnace smoker blast_furnace jukebox barrel beehive bee_nest beacon spawner trial_spawner
        vault structure_block jigsaw test_block test_instance_block command_block
        chain_command_block repeating_command_block
    """,
    "respawn_anchor: explodes": """
        respawn_anchor
    """,
    "waterlogged: updateShape": """
        mangrove_roots waxed_*copper_grate
    """,
}
"""https://mappings.dev/1.21.4/net/minecraft/world/level/block/Block.html and its subclasses; each class is
in the game's own report: https://minecraft.wiki/w/Tutorial:Running_the_data_generator (blocks.json)."""

STANDS = {
    "block": """
        stone granite diorite andesite polished_* coarse_dirt cobblestone *_planks bamboo_mosaic
        bedrock glass sandstone red_sandstone *_sandstone *_wool *_concrete terracotta *_terracotta
        bricks *_bricks *_tiles obsidian crying_obsidian snow_block clay packed_ice soul_soil
        glowstone mossy_cobblestone packed_mud mud pumpkin melon resin_block end_stone lapis_block
        gold_block iron_block diamond_block emerald_block coal_block netherite_block raw_*_block
        quartz_block chiseled_* prismarine dark_prismarine sea_lantern smooth_* purpur_block
        nether_wart_block warped_wart_block dried_kelp_block dead_*_coral_block shroomlight
        honeycomb_block ancient_debris blackstone gilded_blackstone tuff calcite waxed_*copper
        waxed_copper_block dripstone_block cobbled_deepslate reinforced_deepslate lodestone
        bookshelf crafting_table *_table loom
    """,
    "drop_experience": """
        *_ore
    """,
    "rotated_pillar": """
        *_log *_wood *_stem *_hyphae basalt polished_basalt muddy_mangrove_roots bamboo_block
        stripped_bamboo_block quartz_pillar purpur_pillar bone_block deepslate *_froglight
    """,
    "hay: fallOn": """
        hay_block
    """,
    "glazed_terracotta: horizontal": """
        *_glazed_terracotta
    """,
    "half_transparent": """
        blue_ice slime_block *_stained_glass tinted_glass
    """,
    "powder_snow: entityInside": """
        powder_snow
    """,
    "amethyst: onProjectileHit": """
        amethyst_block
    """,
    "bonemealable, by a player": """
        netherrack rooted_dirt moss_block pale_moss_block
    """,
}
"""Classes that override none of these."""


AGES = ("exposed", "weathered", "oxidized")


def _of(classes: dict[str, str]) -> set[str]:
    """The measured blocks of some classes."""
    patterns = [pattern for names in classes.values() for pattern in names.split()]
    names = [short(block) for block in measured_blocks()]
    return {name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)}


def _used(palette: str) -> set[str]:
    return {short(find_block(state).id) for state in load_palette(palette).states}


def test_of_every_block_it_is_known_what_it_does() -> None:
    names = {short(block) for block in measured_blocks()}
    assert names - _of(ACTS) - _of(STANDS) == set()


@pytest.mark.documented("https://minecraft.wiki/w/Tutorial:Running_the_data_generator")
def test_no_named_palette_has_a_block_that_acts_by_itself() -> None:
    acting = _of(ACTS)
    assert {"carved_pumpkin", "dirt", "sculk", "red_mushroom_block", "tnt"} <= acting
    for name in PALETTES:
        assert _used(name) & acting == set(), name


def test_only_creative_has_what_is_worth_more_than_its_looks() -> None:
    ores = {short(block) for block in measured_blocks() if block.endswith("_ore")}
    minerals = "coal iron copper gold redstone lapis diamond emerald netherite raw_iron raw_copper raw_gold"
    worth = (
        ores | {f"{mineral}_block" for mineral in minerals.split()} | {"ancient_debris", "gilded_blackstone"}
    )
    worth |= {f"waxed_{copper}" for copper in ("copper_block", *(f"{age}_copper" for age in AGES))}
    assert worth <= {short(block) for block in measured_blocks()}
    for name in PALETTES:
        assert bool(_used(name) & worth) == (name == "creative"), name


def test_the_engine_has_just_the_palettes_of_a_request() -> None:
    with pytest.raises(ValueError, match=f"expected {', '.join(PALETTES)}, or a list"):
        load_palette("none")
