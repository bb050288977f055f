from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from meshtwin.minecraft.voxel.boxes.cuboids import cuboids
from meshtwin.minecraft.voxel.export.document import read_document, write_document
from tests.support.voxel_shapes import as_blocks, gull

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.boxes.build import Build

PAGE = Path(__file__).parents[2] / "docs" / "build-format.md"


def example() -> dict[str, Any]:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    document: dict[str, Any] = json.loads(found[1])
    return document


def packed(document: object) -> bytes:
    return gzip.compress(json.dumps(document).encode())


def same(first: Build, second: Build) -> bool:
    return (first.size, first.states) == (second.size, second.states) and np.array_equal(
        first.boxes, second.boxes
    )


def test_a_build_comes_back() -> None:
    build = cuboids(as_blocks(gull(32)), clear_air=True)
    data = write_document(build, {"prompt": "eine Möwe \N{BIRD}", "author": "x"})
    back, metadata = read_document(data)
    assert same(back, build)
    assert back.boxes.dtype == np.int32
    assert metadata == {"author": "x", "prompt": "eine Möwe \N{BIRD}"}


def test_the_same_build_gives_the_same_bytes() -> None:
    build = cuboids(as_blocks(gull(16)))
    data = write_document(build, {"b": "1", "a": "2"})
    assert data == write_document(build, {"a": "2", "b": "1"})
    assert data[4:8] == bytes(4), "the time in the gzip header"


def test_the_page_shows_a_document() -> None:
    build, metadata = read_document(packed(example()))
    assert build.boxes.tolist() == [[0, 0, 0, 2, 0, 2, 1], [1, 0, 1, 1, 1, 1, 2]]
    assert json.loads(gzip.decompress(write_document(build, metadata))) == example()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "schematic"}, "format 'schematic': expected 'meshtwin-build'"),
        ({"version": 2}, "version 2: this reads version 1"),
        ({"version": True}, "version True"),
        ({"size": [3, 2]}, "size .* expected three numbers"),
        ({"size": [3, 2, 99999]}, r"size .* expected 1\.\.4096 each"),
        ({"size": [3, 2, True]}, r"size .* expected 1\.\.4096 each"),
        ({"palette": ["minecraft:stone\nop me"]}, "palette: 'minecraft:stone.nop me'"),
        ({"palette": ["minecraft:stone", "minecraft:stone"]}, "comes twice"),
        ({"palette": "minecraft:stone"}, "palette: expected a list"),
        ({"boxes": [0] * 13}, "boxes: expected a list of 7 numbers a box"),
        ({"boxes": [0] * 13 + [0.5]}, "boxes: expected whole numbers"),
        ({"boxes": [0] * 13 + [2**70]}, "boxes: a number is too large"),
        ({"count": 3}, "count 3: there are 2 boxes"),
        ({"boxes": [0, 0, 0, 3, 0, 0, 1] * 2}, r"box 0, .* outside of 3 x 2 x 3"),
        ({"boxes": [0, 0, 0, 0, 0, 0, 1, -1, 0, 0, 0, 0, 0, 1]}, r"box 1, .* outside of"),
        ({"boxes": [1, 0, 0, 0, 0, 0, 1] * 2}, r"box 0, .* outside of"),
        ({"boxes": [0, 0, 0, 0, 0, 0, 3] * 2}, "a state that is not one of 3"),
        ({"size": [64, 64, 64], "boxes": [0, 0, 0, 63, 63, 63, 1] * 2}, "more than 32768 blocks"),
        ({"metadata": {"a": 1}}, "metadata: expected an object of texts"),
    ],
)
def test_a_broken_document_is_refused_with_the_reason(change: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_document(packed({**example(), **change}))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not JSON"),
        (b"not gzip at all", "not a gzip file"),
        (gzip.compress(b"{}" * 2000)[:-12], "not a gzip file"),
        (gzip.compress(b"[1, 2"), "not JSON"),
        (gzip.compress(b"\xff\xfe"), "not JSON"),
        (gzip.compress(b"[" * 100_000), "not JSON"),
        (packed([1]), "list: expected a JSON object"),
    ],
    ids=["nothing", "no gzip", "cut short", "half", "no text", "deep", "list"],
)
def test_what_is_no_document_at_all(data: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_document(data)


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(ValueError, match="bytes of JSON: expected at most"):
        read_document(gzip.compress(bytes((64 << 20) + 1), compresslevel=1))
