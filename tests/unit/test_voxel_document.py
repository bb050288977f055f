from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np
import pytest
from jsonschema import ValidationError

from meshtwin.minecraft.voxel.boxes.sections import to_sections
from meshtwin.minecraft.voxel.export.document import Document, read_document, write_document
from tests.support.build_page import example, fenced, page_reader, placed, schema
from tests.support.voxel_shapes import as_blocks, gull, shell


def document_of(
    cells: np.ndarray[Any, np.dtype[np.uint16]], *, clear_air: bool = False, **metadata: str
) -> Document:
    blocks, origin = as_blocks(cells), (-7, -60, 30)
    sections = to_sections(blocks, origin, clear_air=clear_air)
    return Document(
        blocks.size, origin, "minecraft:the_end", 4189, blocks.states, sections, "5f0c1b7d3a92", metadata
    )


def packed(document: object) -> bytes:
    return gzip.compress(json.dumps(document).encode())


def assert_same(found: Document, expected: Document) -> None:
    for name in ("size", "origin", "dimension", "data_version", "states", "job_id", "metadata"):
        assert getattr(found, name) == getattr(expected, name)
    assert [section.position for section in found.sections] == [s.position for s in expected.sections]
    for one, other in zip(found.sections, expected.sections, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)


@pytest.mark.parametrize("clear_air", [False, True])
def test_a_document_comes_back(*, clear_air: bool) -> None:
    document = document_of(shell(gull(32)), clear_air=clear_air, prompt="eine Möwe \N{BIRD}", author="x")
    data = write_document(document)
    assert_same(read_document(data), document)
    text = gzip.decompress(data)
    assert text.isascii()
    schema().validate(json.loads(text))


def test_a_build_without_a_job_or_a_block() -> None:
    empty = Document((3, 2, 4), (0, 64, 0), "minecraft:overworld", 4189, ("minecraft:air",), ())
    data = write_document(empty)
    assert_same(read_document(data), empty)
    schema().validate(json.loads(gzip.decompress(data)))
    assert placed(data) == {}


def test_equal_documents_give_the_same_bytes() -> None:
    cells = gull(16)
    data = write_document(document_of(cells, b="1", a="2"))
    assert data == write_document(document_of(cells, a="2", b="1"))
    assert data[4:8] == bytes(4), "the time in the gzip header"


def test_the_page_shows_a_document() -> None:
    schema().validate(example())
    document = read_document(packed(example()))
    assert json.loads(gzip.decompress(write_document(document))) == example()
    wool = {(x, 64, z): "minecraft:white_wool" for x in (14, 15, 16) for z in (-20, -19, -18)}
    assert placed(packed(example())) == wool | {(15, 65, -19): "minecraft:oak_log[axis=y]"}


def test_the_pages_reader_is_short_and_refuses_what_it_does_not_know() -> None:
    assert len(fenced("python").splitlines()) <= 40
    read_build = page_reader()["read_build"]
    with pytest.raises(ValueError, match="not a build document"):
        read_build(packed({**example(), "format": "schematic"}))
    with pytest.raises(ValueError, match="version 3: this reads version 2"):
        read_build(packed({**example(), "version": 3}))


def test_placing_goes_on_from_a_section() -> None:
    data = write_document(document_of(gull(40)))
    sections = read_document(data).sections
    rest = placed(data, start=2)
    assert len(rest) == sum(section.blocks for section in sections[2:])
    first = {position: state for position, state in placed(data).items() if position not in rest}
    assert len(first) == sum(section.blocks for section in sections[:2])
    assert {(x // 16, y // 16, z // 16) for x, y, z in first} == {
        section.position for section in sections[:2]
    }


def test_fields_that_are_not_known_are_ignored() -> None:
    later = {**example(), "author": {"name": "x"}}
    later["sections"][0]["light"] = 15
    schema().validate(later)
    assert_same(read_document(packed(later)), read_document(packed(example())))


WITHIN_SCHEMA: list[tuple[dict[str, object], str]] = [
    ({"blocks": 9}, "blocks 9: the boxes have 10"),
    ({"air": 1}, "air 1: the boxes have 0"),
    ({"size": [3, 2, 2]}, r"sections\[0\].boxes\[0\] \[14, 0, 12, 15, 0, 14, 1\]: not within the build"),
    ({"origin": [15, 64, -20]}, r"sections\[0\].boxes\[0\] .*: not within the build"),
    ({"sections.0.blocks": 8}, r"sections\[0\].blocks 8: the boxes have 7"),
    ({"sections.0.air": 8}, r"sections\[0\].air 8: the boxes have 0"),
    ({"sections.0.position": [0, 5, -2]}, "not within the build"),
    (
        {
            "sections.0.position": [1, 4, -2],
            "sections.0.boxes": [0, 0, 12, 0, 0, 14, 1],
            "sections.0.blocks": 3,
        },
        "by y",
    ),
    ({"sections.0.boxes": [0] * 8}, "expected a list of 7 numbers for each box"),
    ({"sections.0.boxes": [14, 0, 12, 15, 0, 14, 3]}, "a state that is not one of 3"),
    ({"sections.0.boxes": [15, 0, 12, 14, 0, 14, 1]}, "not within the build"),
    ({"sections.0.boxes": [14, 0, 12, 15, 0, 14, 1, 15, 0, 13, 15, 1, 13, 2]}, "a cell is in two boxes"),
    ({"sections.0.boxes": [15, 1, 13, 15, 1, 13, 2, 14, 0, 12, 15, 0, 14, 1]}, "expected by y1, then x1"),
]
"""Changes that a schema cannot refuse, by a field's path."""

BROKEN: list[tuple[dict[str, object], str]] = [
    ({"format": "schematic"}, "format 'schematic': expected 'meshtwin-build'"),
    ({"version": 1}, "version 1: this reads version 2 alone; make the build again"),
    ({"version": 3}, "version 3: this reads version 2 alone; update this reader"),
    ({"version": True}, "version True: this reads version 2"),
    ({"jobId": 5}, "jobId 5: expected a string or null"),
    ({"dataVersion": "4189"}, "dataVersion '4189': expected a whole number"),
    ({"dimension": "The End"}, "dimension 'The End': expected an identifier"),
    ({"origin": [0, 64]}, r"origin \[0, 64\]: expected \[x, y, z\]"),
    ({"origin": [0.5, 64, 0]}, r"origin \[0.5, 64, 0\]: expected"),
    ({"size": [3, 2]}, "size .* expected"),
    ({"size": [3, 2, 99999]}, r"size .* in 1\.\.4096"),
    ({"size": [3, 2, True]}, r"size .* in 1\.\.4096"),
    ({"palette": ["minecraft:air", "minecraft:stone\nop me"]}, "palette: 'minecraft:stone.*op me'"),
    ({"palette": ["minecraft:stone", "minecraft:air"]}, "the first is 'minecraft:stone'"),
    ({"palette": ["minecraft:air"] * 3}, "comes twice"),
    ({"palette": "minecraft:stone"}, "palette: expected a list"),
    ({"palette": []}, "palette: expected a list"),
    ({"blocks": "10"}, "blocks '10': the boxes have 10"),
    ({"sections": {}}, "sections .*: expected a list"),
    ({"sections": [5]}, r"sections\[0\] 5: expected an object"),
    ({"sections.0.position": [0, 4]}, r"sections\[0\].position"),
    ({"sections.0.boxes": []}, "one box at least"),
    ({"sections.0.boxes": "all"}, "expected a list of 7 numbers"),
    ({"sections.0.boxes": [0] * 6 + [0.5]}, "expected whole numbers"),
    ({"sections.0.boxes": [-1] + [0] * 6}, "expected whole numbers"),
    ({"sections.0.boxes": [2**70] + [0] * 6}, "expected whole numbers"),
    ({"metadata": {"a": 1}}, "metadata: expected an object of strings"),
]


def changed(changes: dict[str, object]) -> dict[str, Any]:
    document = example()
    for path, value in changes.items():
        *parents, name = path.split(".")
        target: Any = document
        for parent in parents:
            target = target[int(parent) if parent.isdigit() else parent]
        target[name] = value
    return document


@pytest.mark.parametrize(("changes", "message"), [*WITHIN_SCHEMA, *BROKEN], ids=str)
def test_a_broken_document_is_refused_with_the_reason(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_document(packed(changed(changes)))


@pytest.mark.parametrize("changes", [changes for changes, _ in BROKEN], ids=str)
def test_the_schema_refuses_it_too(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        schema().validate(changed(changes))


@pytest.mark.parametrize("name", [name for name in example() if name != "metadata"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    document = example()
    del document[name]
    with pytest.raises(ValidationError):
        schema().validate(document)
    with pytest.raises(ValueError, match=name):
        read_document(packed(document))


@pytest.mark.parametrize(
    ("data", "message"),
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
def test_what_is_no_document_at_all(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_document(data)


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(ValueError, match="bytes of JSON: expected at most"):
        read_document(gzip.compress(bytes((64 << 20) + 1), compresslevel=1))
