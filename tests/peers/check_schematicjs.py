"""@enginehub/schematicjs, of WorldEdit's authors, reads our .schem and structure files.

MESHTWIN_NODE_MODULES names the folder that npm installed it under.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from meshtwin.minecraft.voxel.export.formats.schem import write_schem
from meshtwin.minecraft.voxel.export.formats.structure import write_structure
from tests.peers.samples import DATA_VERSION, SAMPLES, cells, word

DUMP = Path(__file__).with_name("dump_schematic.cjs")


@pytest.mark.parametrize("kind", ["schem 2", "schem 3", "structure"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_schematicjs_reads_each_block(tmp_path: Path, sample: str, kind: str) -> None:
    blocks, path = SAMPLES[sample], tmp_path / "build"
    path.write_bytes(
        write_structure(blocks, data_version=DATA_VERSION)
        if kind == "structure"
        else write_schem(blocks, data_version=DATA_VERSION, version=int(kind[-1]))
    )
    command = ["node", str(DUMP), os.environ["MESHTWIN_NODE_MODULES"], str(path)]
    read = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert tuple(read["size"]) == blocks.size
    found = [word(f"minecraft:{block['type']}", block["properties"]) for block in read["blocks"]]
    assert found == [state for _, state in cells(blocks)]
