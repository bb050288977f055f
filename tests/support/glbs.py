"""GLBs changed for tests, and read back as models."""

from __future__ import annotations

import json
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.voxel.read.read import read_model

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.read.model import Model


def model_of(data: bytes, **limits: int) -> Model:
    """What the reader makes of a file with these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.glb"
        path.write_bytes(data)
        return read_model(path, **limits)


def document_in(data: bytes) -> dict[str, Any]:
    """The JSON of a GLB."""
    (length,) = struct.unpack_from("<I", data, 12)
    found: dict[str, Any] = json.loads(data[20 : 20 + length])
    return found


def with_document(data: bytes, document: dict[str, Any]) -> bytes:
    """The GLB with other JSON, be it ever so wrong, and the same binary chunk."""
    (length,) = struct.unpack_from("<I", data, 12)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest
