"""A GLB file opened: its header and JSON checked, its data mapped and not yet touched."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from meshtwin.gltf import format as glb
from meshtwin.gltf.buffers import Buffers
from meshtwin.gltf.document import DOCUMENT, Document

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

MAX_JSON_BYTES = 32 << 20
"""A scene of a million faces needs some kilobytes; the rest is for textures and buffers as data: URIs."""

MAX_JSON_VALUES = 1_000_000
"""Counted before any is parsed: each costs up to 250 bytes, however few it takes in the file. A scene of
10,000 nodes with a mesh each has about 500,000."""


def open_glb(path: Path) -> tuple[Document, Buffers]:
    """The JSON chunk, and the buffers it names, the binary chunk being a read-only view of the file.

    Raises:
        GlbError: the file is not a GLB, or is cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(glb.HEADER.size + glb.CHUNK.size)
        if len(head) < glb.HEADER.size + glb.CHUNK.size or head[:4] != glb.MAGIC:
            raise glb.GlbError(f"it is not a GLB: it begins with {head[:4]!r}, expected {glb.MAGIC!r}")
        _, version, length = glb.HEADER.unpack_from(head)
        if version != glb.VERSION:
            raise glb.GlbError(f"it is glTF {version}: expected {glb.VERSION}")
        if length > size:
            raise glb.GlbError(f"it is cut short: {size} bytes of {length}")
        json_length, kind = glb.CHUNK.unpack_from(head, glb.HEADER.size)
        if kind != glb.JSON_CHUNK or not 0 < json_length <= min(length - len(head), MAX_JSON_BYTES):
            raise glb.GlbError(f"its first chunk is not JSON of up to {MAX_JSON_BYTES} bytes")
        document = parse(file.read(json_length))
        head = file.read(glb.CHUNK.size)
        start = file.tell()
    if len(head) < glb.CHUNK.size or start > length:
        return document, Buffers(document)
    binary_length, kind = glb.CHUNK.unpack(head)
    if kind != glb.BIN_CHUNK or not binary_length:
        return document, Buffers(document)
    if start + binary_length > size:
        raise glb.GlbError(f"its binary chunk is cut short: {size - start} bytes of {binary_length}")
    return document, Buffers(document, np.memmap(path, np.uint8, "r", start, (binary_length,)))


def parse(text: bytes) -> Document:
    """The document in a JSON chunk; a byte order mark and padding of NULs, as some files have, are ignored.

    Raises:
        GlbError: it is not JSON, has too many values, or one that glTF does not allow there.
    """
    # Each value follows one of these; the few inside of strings do no harm.
    values = sum(text.count(mark) for mark in (b"{", b"[", b","))
    if values > MAX_JSON_VALUES:
        raise glb.GlbError(
            f"its JSON has about {values} values: expected at most {MAX_JSON_VALUES}; "
            "`gltf-transform optimize` joins small parts"
        )
    try:
        return DOCUMENT.validate_json(text.removeprefix(codecs.BOM_UTF8).rstrip(b"\0 \t\r\n"))
    except ValidationError as error:
        raise glb.GlbError(_describe(error.errors(include_url=False)[0])) from error


def _describe(error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if not where:
        return f"its JSON is damaged: {error['msg'].removeprefix('Invalid JSON: ')}"
    if error["type"] == "missing":
        return f"{where} is missing: export it again, or check it with the glTF validator"
    expected = error["msg"].removeprefix("Input should be ").removeprefix("Value error, expected ")
    found = repr(error["input"])
    return (
        f"{where} is {found if len(found) <= _LONGEST else found[:_LONGEST] + '...'}: expected {expected}; "
        "export it again, or check it with the glTF validator"
    )


_LONGEST = 40
"""Characters of a wrong value that a message shows."""
