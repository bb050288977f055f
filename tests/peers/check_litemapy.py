"""litemapy reads our .litematic files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from litemapy import Schematic

from meshtwin.minecraft.voxel.export.formats.litematic import write_litematic
from tests.peers.samples import DATA_VERSION, SAMPLES, cells, word

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("version", [6, 7])
@pytest.mark.parametrize("sample", SAMPLES)
def test_litemapy_reads_each_block(tmp_path: Path, sample: str, version: int) -> None:
    blocks, path = SAMPLES[sample], tmp_path / "build.litematic"
    path.write_bytes(write_litematic(blocks, data_version=DATA_VERSION, version=version, name="a build"))
    schematic = Schematic.load(str(path))
    assert (schematic.lm_version, schematic.mc_version) == (version, DATA_VERSION)
    (region,) = schematic.regions.values()
    assert (region.width, region.height, region.length) == blocks.size
    assert region.count_blocks() == int((blocks.cells > 0).sum())
    for place, state in cells(blocks):
        found = region[place]
        assert word(found.id, dict(found.properties())) == state
