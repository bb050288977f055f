"""MagicaVoxel's `.vox` files to colours and to blocks, whoever made them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.export.formats.colors import nearest
from meshtwin.minecraft.voxel.export.formats.states import as_blocks, check_cells
from meshtwin.minecraft.voxel.export.formats.vox import BYTES_OF_VOXEL, MAX_COLORS, MODEL_EDGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.export.formats.colors import Color

VERSIONS = (150, 200)
"""What MagicaVoxel writes; 200 adds no chunk that is read here."""

NO_ROTATION = "4"
MAX_DEPTH = 32
MAX_NODES = 100_000
Vector = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class VoxGrid:
    """Colours of cells, indexed [x, y, z] with +Y up, as in the game.

    `cells` is (x, y, z) uint8, 0 for empty, else 1 more than a row of `palette`, (255, 3) uint8 sRGB.
    """

    cells: NDArray[np.uint8]
    palette: NDArray[np.uint8]

    def to_blocks(self, colors: Mapping[str, Color]) -> Blocks:
        """Each cell's nearest state by colour, the first of `colors` where several are; empty is AIR.

        Raises:
            ValueError: `colors` is empty.
        """
        if not colors:
            raise ValueError("no colours to choose from: give at least one state and its colour")
        among = np.array(list(colors.values()), np.uint8)
        table = np.concatenate([[0], nearest(self.palette, among) + 1])
        return as_blocks(table[self.cells], [AIR, *colors])


def read_vox(data: bytes) -> VoxGrid:
    """All models of a .vox file as one scene, in the box that holds them; materials are ignored.

    Raises:
        ValueError: the file is not a .vox file, is cut off or inconsistent, rotates a model, has no palette
        of its own, or is too large to be read; says what is wrong.
    """
    found = _Parts()
    for kind, content in _chunks(data):
        found.add(kind, _Content(content))
    if found.palette is None:
        raise ValueError("the file has no palette: save it with one (MagicaVoxel always does)")
    placed = _placed(found)
    if not placed:
        raise ValueError("the file shows no model")
    lows = np.array([low for low, _ in placed], np.int64)
    highs = lows + [found.models[index].size for _, index in placed]
    size = tuple(int(side) for side in highs.max(0) - lows.min(0))
    check_cells(size)
    cells = np.zeros(size, np.uint8)
    for low, (_, index) in zip(lows - lows.min(0), placed, strict=True):
        voxels = found.models[index].voxels
        cells[tuple((voxels[:, :3] + low).T)] = voxels[:, 3]
    return VoxGrid(np.ascontiguousarray(np.flip(cells, 1).transpose(0, 2, 1)), found.palette)


@dataclass(frozen=True, slots=True)
class _Model:
    size: Vector
    voxels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Node:
    """Where its children are, the models that it shows itself, and whether it is shown at all."""

    children: tuple[int, ...] = ()
    models: tuple[int, ...] = ()
    at: Vector = (0, 0, 0)
    hidden: bool = False


class _Content:
    """A chunk's bytes, taken from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self._data) - self._at:
            raise ValueError(f".vox: {size} bytes at byte {self._at} of a chunk of {len(self._data)}")
        self._at += size
        return self._data[self._at - size : self._at]

    def integer(self) -> int:
        return int.from_bytes(self.take(4), "little", signed=True)

    def integers(self) -> tuple[int, ...]:
        """A count, and as many numbers."""
        raw = self.take(4 * self.integer())
        return tuple(np.frombuffer(raw, "<i4").tolist())

    def attributes(self) -> dict[str, str]:
        pairs = range(self.integer())
        return {self._string(): self._string() for _ in pairs}

    def _string(self) -> str:
        return self.take(self.integer()).decode("utf-8", "replace")


@dataclass(slots=True)
class _Parts:
    """The content of the chunks read so far."""

    models: list[_Model] = field(default_factory=list)
    nodes: dict[int, _Node] = field(default_factory=dict)
    palette: NDArray[np.uint8] | None = None
    _size: Vector | None = None

    def add(self, kind: bytes, content: _Content) -> None:
        readers = {
            b"SIZE": self._add_size,
            b"XYZI": self._add_voxels,
            b"RGBA": self._add_palette,
            b"nTRN": self._add_transform,
            b"nGRP": self._add_group,
            b"nSHP": self._add_shape,
        }
        if kind in readers:
            readers[kind](content)

    def _add_size(self, content: _Content) -> None:
        x, y, z = (content.integer() for _ in range(3))
        if not 1 <= min(x, y, z) <= max(x, y, z) <= MODEL_EDGE:
            raise ValueError(f".vox: a model of size {(x, y, z)}: expected 1..{MODEL_EDGE} along each axis")
        self._size = (x, y, z)

    def _add_voxels(self, content: _Content) -> None:
        if self._size is None:
            raise ValueError(".vox: voxels without a size before them")
        raw = content.take(BYTES_OF_VOXEL * content.integer())
        voxels: NDArray[Any] = np.frombuffer(raw, np.uint8).reshape(-1, BYTES_OF_VOXEL)
        if (voxels[:, :3] >= self._size).any():
            raise ValueError(f".vox: a voxel lies outside of its model of size {self._size}")
        self.models.append(_Model(self._size, voxels))
        self._size = None

    def _add_palette(self, content: _Content) -> None:
        entries = np.frombuffer(content.take(4 * (MAX_COLORS + 1)), np.uint8).reshape(-1, 4)
        self.palette = entries[:MAX_COLORS, :3].copy()

    def _add_transform(self, content: _Content) -> None:
        node, attributes, child = content.integer(), content.attributes(), content.integer()
        content.take(8)
        frame = content.attributes() if content.integer() else {}
        if frame.get("_r", NO_ROTATION) != NO_ROTATION:
            raise ValueError(f".vox: node {node} rotates its model ({frame['_r']}): apply the rotation first")
        self._add_node(
            node, _Node((child,), (), _vector(frame.get("_t", "0 0 0")), attributes.get("_hidden") == "1")
        )

    def _add_group(self, content: _Content) -> None:
        node, _ = content.integer(), content.attributes()
        self._add_node(node, _Node(content.integers()))

    def _add_shape(self, content: _Content) -> None:
        node, _, count = content.integer(), content.attributes(), content.integer()
        if count < 1:
            raise ValueError(f".vox: node {node} shows {count} models: expected one")
        self._add_node(node, _Node((), (content.integer(),)))

    def _add_node(self, number: int, node: _Node) -> None:
        if number in self.nodes:
            raise ValueError(f".vox: two nodes have the number {number}")
        self.nodes[number] = node


def _vector(text: str) -> Vector:
    try:
        x, y, z = map(int, text.split())
    except ValueError:
        raise ValueError(f".vox: a translation of {text!r}: expected three numbers") from None
    return x, y, z


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and content of each chunk inside of MAIN."""
    file = _Content(data)
    magic, version = file.take(4), file.integer()
    if magic != b"VOX " or version not in VERSIONS:
        raise ValueError(f"not a .vox file of version 150 or 200: it starts with {magic!r}, {version}")
    main, own, inner = file.take(4), file.integer(), file.integer()
    if main != b"MAIN" or own != 0:
        raise ValueError(f".vox: the first chunk is {main!r} with {own} bytes of its own: expected MAIN, 0")
    if inner != len(data) - 20:
        raise ValueError(f".vox: the file has {len(data) - 20} bytes in it, expected {inner}: it was cut off")
    left = inner
    while left:
        kind, size, children = struct.unpack("<4sii", file.take(12))
        if children < 0:
            raise ValueError(f".vox: a chunk {kind!r} with {children} bytes of children")
        content = file.take(size)
        file.take(children)
        left -= 12 + size + children
        yield kind, content


def _placed(found: _Parts) -> list[tuple[Vector, int]]:
    """The lowest corner of each model that is shown, and its number."""
    if not found.nodes:
        return [((0, 0, 0), index) for index in range(min(len(found.models), 1))]
    placed = []
    for at, index in _walk(found.nodes, 0, (0, 0, 0)):
        if not 0 <= index < len(found.models):
            raise ValueError(f".vox: the scene shows model {index} of {len(found.models)}")
        x, y, z = (centre - side // 2 for centre, side in zip(at, found.models[index].size, strict=True))
        placed.append(((x, y, z), index))
    return placed


def _walk(nodes: Mapping[int, _Node], start: int, at: Vector) -> Iterator[tuple[Vector, int]]:
    waiting, seen = [(start, at, 0)], 0
    while waiting:
        number, at, depth = waiting.pop()
        seen += 1
        if number not in nodes:
            raise ValueError(f".vox: the scene has no node {number}")
        if depth > MAX_DEPTH or seen > MAX_NODES:
            raise ValueError(f".vox: a scene deeper than {MAX_DEPTH} or with more than {MAX_NODES} nodes")
        node = nodes[number]
        if node.hidden:
            continue
        at = (at[0] + node.at[0], at[1] + node.at[1], at[2] + node.at[2])
        yield from ((at, index) for index in node.models)
        waiting += [(child, at, depth + 1) for child in reversed(node.children)]
