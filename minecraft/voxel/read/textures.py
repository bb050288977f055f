"""The textures of a GLB, each decoded once, and none before its size is known."""

from __future__ import annotations

import io
import struct
import warnings
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from meshtwin.gltf import format as glb
from meshtwin.gltf.document import Sampler, given
from meshtwin.gltf.format import Wrap
from meshtwin.gltf.image_files import DAMAGE, PNG, decoded, plain_png
from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb, srgb_from_linear
from meshtwin.minecraft.voxel.read.model import Texture

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from meshtwin.gltf.buffers import Buffers
    from meshtwin.gltf.document import Document

MAX_PIXELS = 100_000_000
"""Of one texture, and of all that are held together: 400 MB, six textures of 4096 x 4096."""

MAX_IN_ALL = 8 * MAX_PIXELS
"""Of all textures of a model as they are in the file, which takes some ten seconds to decode."""

_NEAREST = 9728
_ROWS = 64
"""Of a coarser texture that are made at once."""
_LIGHT = np.repeat(np.arange(256, dtype=np.float32)[None, :, None] / 255, 4, axis=2)
_LIGHT[..., :3] = linear_from_srgb(np.arange(256, dtype=np.uint8))[None, :, None]
"""What a texel's bytes stand for."""
_FINEST = 65535
_ENCODED = srgb_from_linear((np.arange(_FINEST + 1) / _FINEST).astype(np.float32))
_AT_ONCE = 2**20
"""Values that are brought to 8 bits at once: a copy of all would take twice their memory again."""


Look = tuple[tuple[int, ...], bool]
"""The textures of a surface, by their index, and whether they are made into one more."""


class Textures:
    """The textures of one file, by their index."""

    def __init__(self, document: Document, buffers: Buffers) -> None:
        self._document = document
        self._buffers = buffers
        self._known: dict[int, Texture] = {}
        self._images: dict[int, NDArray[np.uint8]] = {}
        self._pixels = 0
        self._step = 1
        """So many texels along each side are read as one."""

    def make_room(self, looks: Collection[Look]) -> tuple[str, ...]:
        """Have all textures read coarser where those of the looks are too large together; a note of it.

        Raises:
            GlbError: they are too large even so, or one is not there.
        """
        sources = {index: self._source(index) for textures, _ in looks for index in textures}
        sizes = {image: _said_size(self._buffers.image(image)) for image in sources.values()}
        if any(wide * tall > MAX_PIXELS for wide, tall in sizes.values()):
            return ()  # refused when it is read, by its name
        wanted = list(sizes.values())
        for textures, is_combined in looks:
            of_look = [sizes[sources[index]] for index in textures]
            if is_combined and of_look:
                wanted.append((max(wide for wide, _ in of_look), max(tall for _, tall in of_look)))
        in_all = _pixels_of(wanted, 1)
        if in_all > MAX_IN_ALL:
            raise glb.GlbError(
                f"its textures have {in_all} pixels together: at most {MAX_IN_ALL} are taken, scale them down"
            )
        while _pixels_of(wanted, self._step) > MAX_PIXELS:
            self._step *= 2
        if self._step == 1:
            return ()
        return (f"its textures are read at 1/{self._step} of their size: they have {in_all} pixels together",)

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
        sampler = Sampler()
        if given(texture.sampler):
            sampler = glb.item(self._document.samplers, texture.sampler, "sampler")
        image = self._image(self._source(index))
        return Texture(image, Wrap(sampler.wrap_s), Wrap(sampler.wrap_t), sampler.mag_filter == _NEAREST)

    def _source(self, index: int) -> int:
        """The image of a texture."""
        texture = glb.item(self._document.textures, index, "texture")
        webp = texture.extensions.webp
        source = webp.source if webp is not None and given(webp.source) else texture.source
        if not given(source):
            raise glb.GlbError(f"texture {index} has no image that is PNG, JPEG or WebP")
        return source

    def _image(self, index: int) -> NDArray[np.uint8]:
        if index not in self._images:
            data = plain_png(bytes(self._buffers.image(index)))
            wide, tall = _size(data, index)
            if wide * tall > MAX_PIXELS:
                raise glb.GlbError(
                    f"image {index} is {wide} x {tall} pixels: at most {MAX_PIXELS} are taken, scale the "
                    "textures down"
                )
            self.count((-(-wide // self._step), -(-tall // self._step)), f"image {index}")
            self._images[index] = _coarser(_pixels(data, index), self._step)
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


def _pixels_of(sizes: Iterable[tuple[int, int]], step: int) -> int:
    return sum(-(-wide // step) * -(-tall // step) for wide, tall in sizes)


def _said_size(data: bytes | memoryview) -> tuple[int, int]:
    """Width and height; nothing of what cannot be read, which is refused when its turn comes."""
    if bytes(data[: len(PNG)]) == PNG:
        wide, tall = struct.unpack_from(">II", bytes(data[16:24]).ljust(8, b"\0"))
        return (wide, tall)
    try:
        return _size(bytes(data), 0)
    except glb.GlbError:
        return (0, 0)


def _coarser(pixels: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """`step` x `step` texels as one, the mean of their light."""
    if step == 1:
        return pixels
    tall, wide = (-(-side // step) for side in pixels.shape[:2])
    found = np.empty((tall, wide, 4), np.uint8)
    for top in range(0, tall, _ROWS):
        rows = pixels[top * step : (top + _ROWS) * step]
        part = cv2.resize(cv2.LUT(rows, _LIGHT), (wide, -(-len(rows) // step)), interpolation=cv2.INTER_AREA)
        found[top : top + _ROWS, :, :3] = _ENCODED[np.rint(part[..., :3] * _FINEST).astype(np.uint16)]
        found[top : top + _ROWS, :, 3] = np.rint(part[..., 3] * 255)
    return found


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
