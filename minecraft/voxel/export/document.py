"""The build document: a build as gzipped JSON, which a server places; docs/build-format.md."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.boxes.partition import SIDE
from meshtwin.minecraft.voxel.boxes.sections import Section
from meshtwin.minecraft.voxel.export.dimensions import DIMENSION
from meshtwin.minecraft.voxel.export.formats.states import as_blocks, check_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks

FORMAT, VERSION = "meshtwin-build", 2
MAX_BYTES = 64 << 20
"""Of the JSON text: a build of 256 blocks with two million boxes is below that."""
MAX_STATES, MAX_STATE_LENGTH = 4096, 256
MAX_SIDE = 4096
MAX_COORDINATE = 2**31 - 1
STATE = re.compile(r"[a-z0-9_.-]+:[a-z0-9_./-]+(\[[a-z0-9_]+=[a-z0-9_]+(,[a-z0-9_]+=[a-z0-9_]+)*\])?")
"""A block state with its namespace: https://minecraft.wiki/w/Argument_types#minecraft:block_state."""
NUMBERS_PER_BOX = 7

Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Document:
    """A build where it stands: `origin` is the block that its lowest corner becomes, in `dimension`.

    `size` is the extent in blocks; `states` the block states, of which the first is AIR; `sections` as
    `to_sections` makes them; `data_version` the game's; `job_id` None for a build without a job; `metadata`
    texts by name, for people.
    """

    size: Triple
    origin: Triple
    dimension: str
    data_version: int
    states: tuple[str, ...]
    sections: tuple[Section, ...]
    job_id: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def write_document(document: Document) -> bytes:
    """The gzipped JSON; equal documents give the same bytes."""
    sections = [_section_fields(section) for section in document.sections]
    fields = {
        "format": FORMAT,
        "version": VERSION,
        "jobId": document.job_id,
        "dataVersion": document.data_version,
        "dimension": document.dimension,
        "origin": list(document.origin),
        "size": list(document.size),
        "palette": list(document.states),
        "blocks": sum(section["blocks"] for section in sections),
        "air": sum(section["air"] for section in sections),
        "sections": sections,
        "metadata": dict(sorted(document.metadata.items())),
    }
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=True)
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)


def document_blocks(document: Document) -> Blocks:
    """The blocks of a document, without where it stands.

    Raises:
        ValueError: it has more cells than are read here.
    """
    check_cells(document.size)
    cells = np.zeros(document.size, np.uint16)
    for section in document.sections:
        shift = SIDE * np.array(section.position) - document.origin
        corners = section.boxes[:, :6] + np.tile(shift, 2)
        for (x, y, z, to_x, to_y, to_z), state in zip(
            corners.tolist(), section.boxes[:, 6].tolist(), strict=True
        ):
            cells[x : to_x + 1, y : to_y + 1, z : to_z + 1] = state
    return as_blocks(cells, document.states)


def _section_fields(section: Section) -> dict[str, Any]:
    return {
        "position": list(section.position),
        "blocks": section.blocks,
        "air": section.air,
        "boxes": section.boxes.ravel().tolist(),
    }


def read_document(data: bytes) -> Document:
    """The document, from bytes that anybody may have made; fields that it does not know are ignored.

    ValueError: it is not such a document, has another version, is too large, or breaks a rule of
    docs/build-format.md; the message says where.
    """
    found = _parsed(data)
    _check_version(found)
    size = _triple("size", found.get("size"), 1, MAX_SIDE)
    origin = _triple("origin", found.get("origin"), -MAX_COORDINATE, MAX_COORDINATE)
    states = _states(found.get("palette"))
    sections = _sections(found.get("sections"), size, origin, len(states))
    _check_count("blocks", found.get("blocks"), sum(section.blocks for section in sections))
    _check_count("air", found.get("air"), sum(section.air for section in sections))
    return Document(
        size=size,
        origin=origin,
        dimension=_dimension(found.get("dimension")),
        data_version=_whole("dataVersion", found.get("dataVersion")),
        states=states,
        sections=sections,
        job_id=_job_id(found),
        metadata=_metadata(found.get("metadata", {})),
    )


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            text = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not a gzip file: {error}") from error
    if len(text) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes of JSON: expected at most that")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{type(document).__name__}: expected a JSON object")  # noqa: TRY004  # input, not a call
    return document


def _check_version(found: dict[str, Any]) -> None:
    if found.get("format") != FORMAT:
        raise ValueError(f"format {_shown(found.get('format'))}: expected {FORMAT!r}")
    version = found.get("version")
    if type(version) is not int or version != VERSION:
        fix = "update this reader" if type(version) is int and version > VERSION else "make the build again"
        raise ValueError(f"version {_shown(version)}: this reads version {VERSION} alone; {fix}")


def _shown(value: object) -> str:
    return repr(value)[:80]


def _is_whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _whole(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} {_shown(value)}: expected a whole number, 0 or more")
    return value


def _triple(name: str, value: object, least: int, most: int) -> Triple:
    if (
        not isinstance(value, list)
        or len(value) != 3  # noqa: PLR2004  # x, y and z
        or not all(_is_whole(number, least, most) for number in value)
    ):
        raise ValueError(f"{name} {_shown(value)}: expected [x, y, z], whole numbers in {least}..{most}")
    return value[0], value[1], value[2]


def _dimension(value: object) -> str:
    if not isinstance(value, str) or DIMENSION.fullmatch(value) is None:
        raise ValueError(f"dimension {_shown(value)}: expected an identifier such as minecraft:the_end")
    return value


def _job_id(found: dict[str, Any]) -> str | None:
    if "jobId" not in found:
        raise ValueError("jobId is missing: expected a string or null")
    value: object = found["jobId"]
    if value is not None and not isinstance(value, str):
        raise ValueError(f"jobId {_shown(value)}: expected a string or null")
    return value


def _states(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_STATES:
        raise ValueError(f"palette: expected a list of 1..{MAX_STATES} block states")
    for state in value:
        if not isinstance(state, str) or len(state) > MAX_STATE_LENGTH or STATE.fullmatch(state) is None:
            raise ValueError(
                f"palette: {_shown(state)}: expected a block state such as minecraft:oak_log[axis=y]"
            )
    if value[0] != AIR:
        raise ValueError(f"palette: the first is {value[0]!r}, expected {AIR!r}")
    if len(set(value)) != len(value):
        raise ValueError("palette: a block state comes twice")
    return tuple(value)


def _sections(value: object, size: Triple, origin: Triple, states: int) -> tuple[Section, ...]:
    if not isinstance(value, list):
        raise ValueError(f"sections {_shown(value)}: expected a list")  # noqa: TRY004  # input, not a call
    sections = tuple(_section(index, entry, size, origin, states) for index, entry in enumerate(value))
    for index, (before, after) in enumerate(pairwise(sections), start=1):
        if _order(before) >= _order(after):
            raise ValueError(f"sections[{index}] {after.position}: expected by y, then x, then z, each once")
    return sections


def _order(section: Section) -> Triple:
    x, y, z = section.position
    return y, x, z


def _section(index: int, value: object, size: Triple, origin: Triple, states: int) -> Section:
    name = f"sections[{index}]"
    if not isinstance(value, dict):
        raise ValueError(f"{name} {_shown(value)}: expected an object")  # noqa: TRY004  # input, not a call
    position = _triple(f"{name}.position", value.get("position"), -MAX_COORDINATE, MAX_COORDINATE)
    boxes = _boxes(f"{name}.boxes", value.get("boxes"))
    low = [max(first - SIDE * at, 0) for first, at in zip(origin, position, strict=True)]
    high = [
        min(first + side - SIDE * at, SIDE) for first, side, at in zip(origin, size, position, strict=True)
    ]
    _check_boxes(f"{name}.boxes", boxes, np.array([low, high]), states)
    section = Section(position, boxes)
    _check_count(f"{name}.blocks", value.get("blocks"), section.blocks)
    _check_count(f"{name}.air", value.get("air"), section.air)
    return section


def _check_count(name: str, value: object, count: int) -> None:
    if type(value) is not int or value != count:
        raise ValueError(f"{name} {_shown(value)}: the boxes have {count}")


def _boxes(name: str, value: object) -> NDArray[np.int32]:
    if not isinstance(value, list) or not value or len(value) % NUMBERS_PER_BOX:
        raise ValueError(
            f"{name}: expected a list of {NUMBERS_PER_BOX} numbers for each box, one box at least"
        )
    if not all(_is_whole(number, 0, MAX_STATES) for number in value):
        raise ValueError(f"{name}: expected whole numbers in 0..{MAX_STATES}")
    return np.array(value, np.int32).reshape(-1, NUMBERS_PER_BOX)


def _check_boxes(name: str, boxes: NDArray[np.int32], room: NDArray[np.int64], states: int) -> None:
    """Each box within `room`, (2, 3): the section's part of the build; none over another, and in order."""
    first, last = boxes[:, :3], boxes[:, 3:6]
    for right, wrong in (
        (((first >= room[0]) & (first <= last) & (last < room[1])).all(axis=1), "not within the build"),
        (boxes[:, 6] < states, f"a state that is not one of {states}"),
    ):
        if not right.all():
            index = int(np.argmin(right))
            raise ValueError(f"{name}[{index}] {boxes[index].tolist()}: {wrong}")
    cells = np.zeros((SIDE, SIDE, SIDE), np.bool_)
    before = (-1, -1, -1)
    for index, (x, y, z, to_x, to_y, to_z, state) in enumerate(boxes.tolist()):
        part = cells[x : to_x + 1, y : to_y + 1, z : to_z + 1]
        if part.any() or (y, x, z) <= before:
            wrong = "a cell is in two boxes" if part.any() else "expected by y1, then x1, then z1"
            raise ValueError(f"{name}[{index}] {[x, y, z, to_x, to_y, to_z, state]}: {wrong}")
        part[...] = True
        before = (y, x, z)


def _metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError("metadata: expected an object of strings")
    return value
