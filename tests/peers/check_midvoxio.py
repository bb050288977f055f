"""midvoxio reads our .vox files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from midvoxio.voxio import get_vox, vox_to_arr

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.export.formats.vox import write_vox
from tests.peers.samples import FEW, SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COLORS = {state: (index * 20, 255 - index * 9, index * 5 + 1) for index, state in enumerate(FEW[1:])}


def expected(blocks: Blocks) -> NDArray[Any]:
    """Their (x, y, z, rgba) with Z up, from 0 to 1: y there runs to the north, against our z."""
    colors = np.array([(0, 0, 0, 0), *((*COLORS[state], 255) for state in blocks.states[1:])])
    return colors[blocks.cells].transpose(0, 2, 1, 3)[:, ::-1] / 255


@pytest.mark.parametrize("sample", ["one block", "few states", "no air"])
def test_midvoxio_reads_each_voxel(tmp_path: Path, sample: str) -> None:
    blocks, path = SAMPLES[sample], tmp_path / "build.vox"
    path.write_bytes(write_vox(blocks, COLORS))
    assert get_vox(str(path)).sizes[0] == (blocks.size[0], blocks.size[2], blocks.size[1])
    assert np.allclose(vox_to_arr(str(path)), expected(blocks))


def test_midvoxio_puts_the_models_of_a_scene_in_their_places(tmp_path: Path) -> None:
    # It takes a translation for the lowest corner, which comes to the same where the models are of one size.
    cells = np.random.default_rng(5).integers(0, len(FEW), (512, 2, 3)).astype(np.uint16)
    blocks, path = Blocks(cells, (AIR, *FEW[1:])), tmp_path / "build.vox"
    path.write_bytes(write_vox(blocks, COLORS))
    assert len(get_vox(str(path)).voxels) == 2
    assert np.allclose(vox_to_arr(str(path), -1), expected(blocks))


def test_midvoxio_finds_no_more_colors_than_there_are(tmp_path: Path) -> None:
    blocks, path = SAMPLES["many states"], tmp_path / "build.vox"
    colors = {state: (index % 256, index // 256 * 90, 7) for index, state in enumerate(blocks.states)}
    path.write_bytes(write_vox(blocks, colors))
    found = vox_to_arr(str(path)) * 255
    wanted = np.array([(0, 0, 0, 0), *((*colors[state], 255) for state in blocks.states[1:])])
    wanted = wanted[blocks.cells].transpose(0, 2, 1, 3)[:, ::-1]
    assert np.abs(found - wanted).max() <= 2
