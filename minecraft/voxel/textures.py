"""The textures of a GLB, each decoded once, and none before its size is known."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from gltf import format as glb
from gltf.document import Sampler, given
from gltf.image_files import DAMAGE, PNG, decoded, plain_png
from minecraft.voxel.model import Texture, Wrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gltf.buffers import Buffers
    from gltf.document import Document

MAX_PIXELS = 100_000_000
"""Of all textures of a model together: 400 MB once they are decoded, six textures of 4096 x 4096."""

_NEAREST = 9728
_AT_ONCE = 2**20
"""Values that are brought to 8 bits at once: a copy of all would take twice their memory again."""


class Textures:
    """The textures of one file, by their index."""

    def __init__(self, document: Document, buffers: Buffers) -> None:
        self._document = document
        self._buffers = buffers
        self._known: dict[int, Texture] = {}
        self._images: dict[int, NDArray[np.uint8]] = {}
        self._pixels = 0

    def get(self, index: int) -> Texture:
        """The texture; equal indices give the same object.

        Raises:
            GlbError: there is none, it lies outside the file, is no picture, or all are too large together.
        """
        if index not in self._known:
            self._known[index] = self._read(index)
        return self._known[index]

    def _read(self, index: int) -> Texture:
        texture = glb.item(self._document.textures, index, "texture")
        webp = texture.extensions.webp
        source = webp.source if webp is not None and given(webp.source) else texture.source
        if not given(source):
            raise glb.GlbError(f"texture {index} has no image that is PNG, JPEG or WebP")
        sampler = Sampler()
        if given(texture.sampler):
            sampler = glb.item(self._document.samplers, texture.sampler, "sampler")
        return Texture(
            self._image(source), Wrap(sampler.wrap_s), Wrap(sampler.wrap_t), sampler.mag_filter == _NEAREST
        )

    def _image(self, index: int) -> NDArray[np.uint8]:
        if index not in self._images:
            data = plain_png(bytes(self._buffers.image(index)))
            self.count(_size(data, index), f"image {index}")
            self._images[index] = _pixels(data, index)
        return self._images[index]

    def count(self, size: tuple[int, int], what: str) -> None:
        """Take (width, height) more pixels into account, before there is room for them.

        Raises:
            GlbError: with those before they are more than `MAX_PIXELS`.
        """
        self._pixels += size[0] * size[1]
        if self._pixels > MAX_PIXELS:
            raise glb.GlbError(
                f"{what} is {size[0]} x {size[1]} pixels, {self._pixels} with those before: at most "
                f"{MAX_PIXELS} are taken, scale the textures down"
            )


def _size(data: bytes, index: int) -> tuple[int, int]:
    """Width and height, from the header alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata, of which nothing is used
            if data.startswith(PNG):
                return PngImageFile(io.BytesIO(data)).size
            if data.startswith(b"\xff\xd8\xff"):
                return JpegImageFile(io.BytesIO(data)).size
            if data.startswith(b"RIFF"):
                return WebPImageFile(io.BytesIO(data)).size
    except DAMAGE as error:
        raise glb.GlbError(f"image {index} is damaged: {error}") from error
    raise glb.GlbError(f"image {index} starts with {data[:8]!r}: expected PNG, JPEG or WebP")


def _with_8_bits(deep: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The nearest of 8 bits."""
    values = deep.reshape(-1)
    found = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE].astype(np.uint32)
        found[start : start + _AT_ONCE] = (part + 128) // 257
    return found.reshape(deep.shape)


def _pixels(data: bytes, index: int) -> NDArray[np.uint8]:
    try:
        return decoded(data, _decoded)
    except OSError as error:
        raise glb.GlbError(f"image {index} is damaged: {error}") from error


def _decoded(data: bytes) -> NDArray[np.uint8]:
    """(h, w, 4) uint8 sRGB and straight alpha; 16 bits are brought to 8."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise OSError("it cannot be decoded")
    if pixels.dtype == np.uint16:
        pixels = _with_8_bits(np.asarray(pixels, np.uint16))
    if pixels.ndim == 2:  # noqa: PLR2004  # grey
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGBA), np.uint8)
    to_rgba = {3: cv2.COLOR_BGR2RGBA, 4: cv2.COLOR_BGRA2RGBA}
    return np.asarray(cv2.cvtColor(pixels, to_rgba[pixels.shape[2]]), np.uint8)
