"""A GLB file opened: its header and JSON checked, its data mapped and not yet touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from gltf import format as glb
from gltf.document import Document

if TYPE_CHECKING:
    from pathlib import Path

MAX_JSON_BYTES = 32 << 20
"""A scene of a million faces needs some kilobytes; the limit keeps a hostile one from filling the memory."""


def open_glb(path: Path) -> tuple[Document, glb.Bytes]:
    """The JSON chunk, and the binary chunk as a read-only view of the file, empty where there is none.

    Raises:
        GlbError: the file is no GLB, or is cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(glb.HEADER.size + glb.CHUNK.size)
        if len(head) < glb.HEADER.size + glb.CHUNK.size or head[:4] != glb.MAGIC:
            raise glb.GlbError(f"it is no GLB: it begins with {head[:4]!r}, expected {glb.MAGIC!r}")
        _, version, length = glb.HEADER.unpack_from(head)
        if version != glb.VERSION:
            raise glb.GlbError(f"it is glTF {version}: expected {glb.VERSION}")
        if length > size:
            raise glb.GlbError(f"it is cut short: {size} bytes of {length}")
        json_length, kind = glb.CHUNK.unpack_from(head, glb.HEADER.size)
        if kind != glb.JSON_CHUNK or not 0 < json_length <= min(length - len(head), MAX_JSON_BYTES):
            raise glb.GlbError(f"its first chunk is no JSON of up to {MAX_JSON_BYTES} bytes")
        try:
            document = Document.model_validate_json(file.read(json_length))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise glb.GlbError(f"{where or 'its JSON'}: {first['msg']}") from error
        head = file.read(glb.CHUNK.size)
        start = file.tell()
    if len(head) < glb.CHUNK.size or start > length:
        return document, np.zeros(0, np.uint8)
    binary_length, kind = glb.CHUNK.unpack(head)
    if kind != glb.BIN_CHUNK or not binary_length:
        return document, np.zeros(0, np.uint8)
    if start + binary_length > size:
        raise glb.GlbError(f"its binary chunk is cut short: {size - start} bytes of {binary_length}")
    return document, np.memmap(path, np.uint8, "r", start, (binary_length,))
