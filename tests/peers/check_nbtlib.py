"""nbtlib reads our structure and .schem files; what their fields mean is spelled out here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbtlib
import pytest

from meshtwin.minecraft.voxel.export.formats.schem import write_schem
from meshtwin.minecraft.voxel.export.formats.structure import split_structure, write_structure
from tests.peers.samples import DATA_VERSION, SAMPLES, cells, word

if TYPE_CHECKING:
    from pathlib import Path


def states(palette: Any) -> list[str]:
    return [
        word(str(entry["Name"]), {str(key): str(value) for key, value in entry.get("Properties", {}).items()})
        for entry in palette
    ]


def placed(root: Any) -> dict[tuple[int, ...], str]:
    names = states(root["palette"])
    return {tuple(map(int, block["pos"])): names[block["state"]] for block in root["blocks"]}


@pytest.mark.parametrize("sample", SAMPLES)
def test_nbtlib_reads_each_block_of_a_structure(tmp_path: Path, sample: str) -> None:
    blocks, path = SAMPLES[sample], tmp_path / "build.nbt"
    path.write_bytes(write_structure(blocks, data_version=DATA_VERSION))
    root = nbtlib.load(str(path), gzipped=True)
    assert root["DataVersion"] == DATA_VERSION
    assert tuple(map(int, root["size"])) == blocks.size
    assert placed(root) == dict(cells(blocks))


def test_nbtlib_reads_each_block_of_the_parts(tmp_path: Path) -> None:
    blocks = SAMPLES["long"]
    found: dict[tuple[int, ...], str] = {}
    for part in split_structure(blocks, data_version=DATA_VERSION):
        path = tmp_path / f"{part.name}.nbt"
        path.write_bytes(part.data)
        root = nbtlib.load(str(path), gzipped=True)
        assert max(root["size"]) <= 48
        x, y, z = part.offset
        found |= {(at[0] + x, at[1] + y, at[2] + z): state for at, state in placed(root).items()}
    assert found == dict(cells(blocks))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("sample", SAMPLES)
def test_nbtlib_reads_each_block_of_a_schematic(tmp_path: Path, sample: str, version: int) -> None:
    blocks, path = SAMPLES[sample], tmp_path / "build.schem"
    path.write_bytes(write_schem(blocks, data_version=DATA_VERSION, version=version))
    root: Any = nbtlib.load(str(path), gzipped=True)
    root = root if version == 2 else root["Schematic"]
    palette, data = (
        (root["Palette"], root["BlockData"])
        if version == 2
        else (root["Blocks"]["Palette"], root["Blocks"]["Data"])
    )
    names = {int(number): str(state) for state, number in palette.items()}
    indices, value, shift = [], 0, 0
    for byte in data.tolist():
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte >= 0:
            indices.append(value)
            value = shift = 0
    width, height, length = (int(root[side]) for side in ("Width", "Height", "Length"))
    assert (width, height, length) == blocks.size
    assert len(indices) == width * height * length
    for (x, y, z), state in cells(blocks):
        assert names[indices[x + z * width + y * width * length]] == state
