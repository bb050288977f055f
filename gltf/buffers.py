"""The bytes that a document's bufferViews and images are of: in the file itself, and never outside of it."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import numpy as np

from meshtwin.gltf import format as glb
from meshtwin.gltf.document import given

if TYPE_CHECKING:
    from meshtwin.gltf.document import Document


class Buffers:
    """The buffers of one file. A GLB's first one is its binary chunk, others are data: URIs in the JSON.

    https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#buffers-and-buffer-views: nothing else is
    followed, and nothing is fetched. What is decoded is smaller than the JSON.
    """

    def __init__(self, document: Document, binary: glb.Bytes | None = None) -> None:
        self._document = document
        self._binary = np.zeros(0, np.uint8) if binary is None else binary
        self._decoded: dict[int, glb.Bytes] = {}

    def view(self, index: int) -> glb.Bytes:
        """The bytes of a bufferView.

        Raises:
            GlbError: the view, or its buffer, is not wholly in the file.
        """
        view = glb.item(self._document.buffer_views, index, "bufferView")
        buffer = glb.item(self._document.buffers, view.buffer, "buffer")
        data = self._buffer(view.buffer)
        end = view.byte_offset + view.byte_length
        if view.byte_offset < 0 or view.byte_length < 0 or end > min(buffer.byte_length, len(data)):
            raise glb.GlbError(
                f"bufferView {index} ends at byte {end} of a buffer of {min(buffer.byte_length, len(data))}: "
                "is it cut short?"
            )
        return data[view.byte_offset : end]

    def image(self, index: int) -> bytes:
        """The encoded bytes of an image.

        Raises:
            GlbError: there is none, or part of it is missing.
        """
        image = glb.item(self._document.images, index, "image")
        if given(image.buffer_view):
            return self.view(image.buffer_view).tobytes()
        return _of_uri(image.uri, f"image {index}")

    def _buffer(self, index: int) -> glb.Bytes:
        uri = self._document.buffers[index].uri
        if uri is None and index == 0:
            return self._binary
        if index not in self._decoded:
            self._decoded[index] = np.frombuffer(_of_uri(uri, f"buffer {index}"), np.uint8)
        return self._decoded[index]


def _of_uri(uri: str | None, what: str) -> bytes:
    """What a data: URI holds: https://www.rfc-editor.org/rfc/rfc2397."""
    head, comma, data = (uri or "").partition(",")
    if not comma or head[:5].lower() != "data:":
        raise glb.GlbError(
            f"{what} lies outside the file: expected it in the binary chunk or in a data: URI. "
            "`gltf-transform copy` puts it there"
        )
    raw = unquote_to_bytes(data)
    if not head.lower().endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except binascii.Error as error:
        raise glb.GlbError(f"{what} is a data: URI that is not base64: {error}; export it again") from error
