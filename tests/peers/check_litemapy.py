"""litemapy reads our .litematic files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from litemapy import Schematic

from meshtwin.minecraft.voxel.export.formats.litematic import write_litematic
from tests.peers.samples import DATA_VERSION, SAMPLES, cells, word

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("version", "data_version"), [(6, 3700), (7, DATA_VERSION)])
@pytest.mark.parametrize("sample", SAMPLES)
def test_litemapy_reads_each_block(tmp_path: Path, sample: str, version: int, data_version: int) -> None:
    blocks, path = SAMPLES[sample], tmp_path / "build.litematic"
    path.write_bytes(write_litematic(blocks, data_version=data_version, name="a build"))
    schematic = Schematic.load(str(path))
    assert (schematic.lm_version, schematic.mc_version) == (version, data_version)
    (region,) = schematic.regions.values()
    assert (region.width, region.height, region.length) == blocks.size
    assert region.count_blocks() == int((blocks.cells > 0).sum())
    for place, state in cells(blocks):
        found = region[place]
        assert word(found.id, dict(found.properties())) == state
