"""The build document: a build as gzipped JSON, which the game's side reads; docs/build-format.md."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from typing import Any

import numpy as np

from meshtwin.minecraft.voxel.boxes.build import MAX_BOX_BLOCKS, Build

FORMAT, VERSION = "meshtwin-build", 1
MOST_BYTES = 64 << 20
"""Of the JSON text: a build of 256 blocks with two million boxes is below that."""
MOST_STATES, LONGEST_STATE = 4096, 256
LARGEST_SIDE = 4096
STATE = re.compile(r"[a-z0-9_.-]+:[a-z0-9_./-]+(\[[a-z0-9_]+=[a-z0-9_]+(,[a-z0-9_]+=[a-z0-9_]+)*\])?")
"""A block state with its namespace: https://minecraft.wiki/w/Argument_types#minecraft:block_state."""
NUMBERS_A_BOX = 7


def write_document(build: Build, metadata: dict[str, str] | None = None) -> bytes:
    """The document; the same build and metadata give the same bytes."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "size": list(build.size),
        "anchor": "lowest corner",
        "palette": list(build.states),
        "count": len(build.boxes),
        "boxes": build.boxes.ravel().tolist(),
        "metadata": dict(sorted((metadata or {}).items())),
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)


def read_document(data: bytes) -> tuple[Build, dict[str, str]]:
    """The build and its metadata, from bytes that anybody may have made.

    ValueError: not such a document, too large a one, or a box outside of the build; the message says where.
    """
    document = _parsed(data)
    if document.get("format") != FORMAT:
        raise ValueError(f"format {document.get('format')!r}: expected {FORMAT!r}")
    if document.get("version") != VERSION or isinstance(document["version"], bool):
        raise ValueError(f"version {document.get('version')!r}: this reads version {VERSION}")
    size, states = _size(document.get("size")), _states(document.get("palette"))
    boxes = _boxes(document.get("boxes"), document.get("count"))
    _check_boxes(boxes, size, len(states))
    return Build(size, states, boxes.astype(np.int32)), _metadata(document.get("metadata", {}))


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            text = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not a gzip file: {error}") from error
    if len(text) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes of JSON: expected at most that")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{type(document).__name__}: expected a JSON object")  # noqa: TRY004  # input, not a call
    return document


def _is_integer(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _size(value: object) -> tuple[int, int, int]:
    if not isinstance(value, list) or len(value) != 3:  # noqa: PLR2004  # x, y and z
        raise ValueError(f"size {str(value)[:80]}: expected three numbers")
    if not all(_is_integer(side, 1, LARGEST_SIDE) for side in value):
        raise ValueError(f"size {str(value)[:80]}: expected 1..{LARGEST_SIDE} each")
    return value[0], value[1], value[2]


def _states(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_STATES:
        raise ValueError(f"palette: expected a list of at most {MOST_STATES} block states")
    for state in value:
        if not isinstance(state, str) or len(state) > LONGEST_STATE or STATE.fullmatch(state) is None:
            raise ValueError(
                f"palette: {str(state)[:80]!r}: expected a block state such as minecraft:oak_log[axis=y]"
            )
    if len(set(value)) != len(value):
        raise ValueError("palette: a block state comes twice")
    return tuple(value)


def _boxes(value: object, count: object) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    if not isinstance(value, list) or len(value) % NUMBERS_A_BOX:
        raise ValueError(f"boxes: expected a list of {NUMBERS_A_BOX} numbers a box")
    if type(count) is not int or count * NUMBERS_A_BOX != len(value):
        raise ValueError(f"count {str(count)[:80]}: there are {len(value) // NUMBERS_A_BOX} boxes")
    if not all(type(number) is int for number in value):
        raise ValueError("boxes: expected whole numbers")
    try:
        return np.array(value, np.int64).reshape(-1, NUMBERS_A_BOX)
    except OverflowError as error:
        raise ValueError("boxes: a number is too large") from error


def _check_boxes(
    boxes: np.ndarray[tuple[int, int], np.dtype[np.int64]], size: tuple[int, int, int], states: int
) -> None:
    first, last, state = boxes[:, :3], boxes[:, 3:6], boxes[:, 6]
    inside = ((first >= 0) & (first <= last) & (last < np.array(size))).all(axis=1)
    known = (state >= 0) & (state < states)
    with np.errstate(over="ignore"):  # a product that overflows is of a box that lies outside
        small = (last - first + 1).prod(axis=1) <= MAX_BOX_BLOCKS
    for right, wrong in (
        (inside, f"outside of {size[0]} x {size[1]} x {size[2]}"),
        (known, f"a state that is not one of {states}"),
        (small, f"more than {MAX_BOX_BLOCKS} blocks"),
    ):
        if not right.all():
            index = int(np.argmin(right))
            raise ValueError(f"box {index}, {boxes[index].tolist()}: {wrong}")


def _metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(word, str) for word in value.values()):
        raise ValueError("metadata: expected an object of texts")
    return value
