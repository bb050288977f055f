"""Commands as mecha, a parser of the game's own command trees, reads them: `nox -s mecha`.

Not collected by default: mecha wants versions of other packages that the project's environment cannot have.
"""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from mecha import DiagnosticError, Mecha

from meshtwin.minecraft.voxel.boxes.build import Build
from meshtwin.minecraft.voxel.export.commands import Origin
from meshtwin.minecraft.voxel.export.datapack import write_datapack
from meshtwin.minecraft.voxel.export.mcfunction import batches
from meshtwin.minecraft.voxel.versions import parse_version

TREES = [("1.20.1", "1.20"), ("1.20.6", "1.20"), ("1.21.11", "1.21"), ("26.1", "1.21")]
"""Our version, and the tree of mecha's that holds its commands; mecha's 1.21 is that of 1.21.11."""
PLACE = Origin(-20, -64, 31, -64, 320)


def sample() -> Build:
    rng = np.random.default_rng(1)
    corners = rng.integers(0, 20, (40, 2, 3))
    states = rng.integers(0, 3, (40, 1))
    boxes = np.hstack([corners.min(axis=1), corners.max(axis=1), states]).astype(np.int32)
    boxes[::5, 3:6] = boxes[::5, :3]
    names = ("minecraft:air", "minecraft:white_wool", "minecraft:oak_log[axis=x]")
    return Build((300, 20, 40), names, boxes)


@pytest.mark.parametrize(("ours", "tree"), TREES)
def test_every_batch_parses(ours: str, tree: str) -> None:
    parser = Mecha(version=tree)
    texts = batches(sample(), PLACE, parse_version(ours), namespace="castle")
    assert any(" strict" in text for text in texts) == (tree == "1.21")
    for text in texts:
        parser.parse(text, multiline=True)


@pytest.mark.parametrize(("ours", "tree"), TREES)
def test_every_function_of_the_pack_parses(ours: str, tree: str) -> None:
    parser = Mecha(version=tree)
    with zipfile.ZipFile(
        io.BytesIO(write_datapack(sample(), PLACE, parse_version(ours), namespace="castle"))
    ) as archive:
        for name in archive.namelist():
            if name.endswith(".mcfunction"):
                parser.parse(archive.read(name).decode(), multiline=True)


@pytest.mark.parametrize("wrong", ["fill 0 0 0 1 1 minecraft:stone", "gamerule noSuchRule 1"])
def test_the_parser_refuses(wrong: str) -> None:
    with pytest.raises(DiagnosticError):
        Mecha(version="1.20").parse(wrong + "\n", multiline=True)
