"""MagicaVoxel's `.vox`, version 150: colours instead of block states.

https://github.com/ephtracy/voxel-model/blob/master/MagicaVoxel-file-format-vox.txt
https://github.com/ephtracy/voxel-model/blob/master/MagicaVoxel-file-format-vox-extension.txt

The game is Y-up and MagicaVoxel Z-up, both right-handed: (x, y, z) here is (x, depth - 1 - z, y) there, a
quarter turn that mirrors nothing.
"""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.export.formats.colors import colors_of, reduce_colors
from meshtwin.minecraft.voxel.export.formats.states import check_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.export.formats.colors import Color

VERSION = 150
MAX_COLORS = 255
"""A colour is a byte, and 0 means empty."""

MODEL_EDGE = 256
"""A coordinate is a byte."""

MAX_BYTES = 2**31 - 1
"""A chunk's length is a signed 32-bit number."""

BYTES_OF_VOXEL = 4


def write_vox(blocks: Blocks, colors: Mapping[str, Color]) -> bytes:
    """A .vox file of the cells that are not air: the same bytes for the same arguments.

    `colors` has sRGB for each state of the build but AIR. Where the states have more than 255 colours, the
    nearest share one. A build longer than 256 becomes several models in a scene.

    Raises:
        ValueError: a state has no colour, the file would be longer than MAX_BYTES, or there is only air.
    """
    check_blocks(blocks)
    counts = np.bincount(blocks.cells.reshape(-1), minlength=len(blocks.states))
    solid = int(counts[1:].sum())
    if not solid:
        raise ValueError("the build is all air: a .vox file needs a voxel")
    if solid * BYTES_OF_VOXEL > MAX_BYTES // 2:
        raise ValueError(
            f"{solid} blocks: a .vox file holds {MAX_BYTES // 2 // BYTES_OF_VOXEL}; hollow the build"
        )
    palette, which = reduce_colors(colors_of(blocks.states[1:], colors), counts[1:], MAX_COLORS)
    table = np.concatenate([[0], which + 1]).astype(np.uint8)
    models = _models(np.flip(blocks.cells.transpose(0, 2, 1), 1), table)
    chunks = [part for _, size, voxels in models for part in _model(size, voxels)]
    if len(models) > 1:
        chunks += _scene([low for low, _, _ in models], [size for _, size, _ in models])
    chunks.append(_chunk(b"RGBA", _rgba(palette)))
    children = b"".join(chunks)
    return struct.pack("<4si", b"VOX ", VERSION) + struct.pack("<4sii", b"MAIN", 0, len(children)) + children


Model = tuple[tuple[int, ...], tuple[int, ...], "NDArray[np.uint8]"]
"""The lowest corner in the scene, the size, and (n, 4) x, y, z, colour."""


def _models(cells: NDArray[np.uint16], table: NDArray[np.uint8]) -> list[Model]:
    """Pieces of at most MODEL_EDGE along each axis that have voxels."""
    models = []
    for low in itertools.product(*(range(0, side, MODEL_EDGE) for side in cells.shape)):
        x, y, z = (slice(start, start + MODEL_EDGE) for start in low)
        piece = table[cells[x, y, z]]
        indices = np.flatnonzero(piece).astype(np.uint32)
        if len(indices):
            voxels = np.empty((len(indices), BYTES_OF_VOXEL), np.uint8)
            rest, voxels[:, 2] = np.divmod(indices, piece.shape[2])
            voxels[:, 0], voxels[:, 1] = np.divmod(rest, piece.shape[1])
            voxels[:, 3] = piece.reshape(-1)[indices]
            models.append((low, piece.shape, voxels))
    return models


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack("<4sii", kind, len(content), 0) + content


def _model(size: Sequence[int], voxels: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    return (
        _chunk(b"SIZE", struct.pack("<3i", *size)),
        _chunk(b"XYZI", struct.pack("<i", len(voxels)) + voxels.tobytes()),
    )


def _rgba(palette: NDArray[np.uint8]) -> bytes:
    """256 entries, the last unused: colour i of a voxel is entry i - 1."""
    entries = np.zeros((MAX_COLORS + 1, 4), np.uint8)
    entries[: len(palette), :3] = palette
    entries[: len(palette), 3] = 255
    return entries.tobytes()


def _scene(lows: Sequence[Sequence[int]], sizes: Sequence[Sequence[int]]) -> list[bytes]:
    """The nodes that position each model: a transform, a group, and a transform and shape for each.

    A model lies around its translation, half of its size (rounded down) below it.
    """
    root, group = 0, 1
    transforms = [2 + 2 * index for index in range(len(lows))]
    chunks = [
        _chunk(b"nTRN", struct.pack("<iiiiiii", root, 0, group, -1, -1, 1, 0)),
        _chunk(b"nGRP", struct.pack(f"<iii{len(lows)}i", group, 0, len(lows), *transforms)),
    ]
    for index, (node, low, size) in enumerate(zip(transforms, lows, sizes, strict=True)):
        at = " ".join(str(start + side // 2) for start, side in zip(low, size, strict=True))
        frame = struct.pack("<i", 1) + _string("_t") + _string(at)
        chunks.append(_chunk(b"nTRN", struct.pack("<iiiiii", node, 0, node + 1, -1, 0, 1) + frame))
        chunks.append(_chunk(b"nSHP", struct.pack("<iiiii", node + 1, 0, 1, index, 0)))
    return chunks


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<i", len(data)) + data
