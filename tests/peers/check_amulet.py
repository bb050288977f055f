"""amulet-core, the library of the Amulet map editor, reads our .schem files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import amulet
import pytest

from meshtwin.minecraft.voxel.export.formats.schem import write_schem
from tests.peers.samples import DATA_VERSION, SAMPLES, cells, word

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("sample", SAMPLES)
def test_amulet_reads_each_block(tmp_path: Path, sample: str, version: int) -> None:
    blocks, path = SAMPLES[sample], tmp_path / "build.schem"
    path.write_bytes(write_schem(blocks, data_version=DATA_VERSION, version=version))
    level = amulet.load_level(str(path))
    try:
        (dimension,) = level.dimensions
        bounds = level.bounds(dimension)
        assert bounds.min == (0, 0, 0)
        assert tuple(high - low for low, high in zip(bounds.min, bounds.max, strict=True)) == blocks.size
        for (x, y, z), state in cells(blocks):
            found, _ = level.get_version_block(x, y, z, dimension, ("java", (1, 21, 4)))
            properties = {key: str(value) for key, value in found.properties.items()}
            # Amulet keeps water apart from the block, and drops the property where there is none.
            assert word(found.namespaced_name, properties) == state.replace(",waterlogged=false", "")
    finally:
        level.close()
