"""The textures of a GLB, each decoded once, after its size is checked."""

from __future__ import annotations

import io
import struct
import warnings
from typing import TYPE_CHECKING

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from meshtwin.gltf import format as glb
from meshtwin.gltf.document import Sampler, given
from meshtwin.gltf.format import Wrap
from meshtwin.gltf.image_files import DAMAGE, JPEG, PNG, decoded, plain_png
from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb, srgb_from_linear
from meshtwin.minecraft.voxel.read.model import Texture

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

    from meshtwin.gltf.buffers import Buffers
    from meshtwin.gltf.document import Document

MAX_PIXELS = 100_000_000
"""Of one texture, and of all that are held together: 400 MB, six textures of 4096 x 4096."""

MAX_IN_ALL = 8 * MAX_PIXELS
"""Of all textures of a model as they are in the file, which takes some ten seconds to decode."""

_NEAREST = 9728
_ROWS = 64
"""Converted at once: a copy of all would take the memory of the texture again."""
_LIGHT = linear_from_srgb(np.arange(256, dtype=np.uint8)).astype(np.float32)
"""The linear light of each sRGB value."""
_FINEST = 65535
_ENCODED = srgb_from_linear((np.arange(_FINEST + 1) / _FINEST).astype(np.float32))


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
        """This many texels along each side are read as one."""

    def make_room(self, looks: Collection[Look]) -> tuple[str, ...]:
        """Read all textures coarser where those of the looks are too large together; a note of it.

        Raises:
            GlbError: they are too large even so, or one is missing.
        """
        sources = {index: self._source(index) for textures, _ in looks for index in textures}
        sizes = {image: _claimed_size(self._buffers.image(image)) for image in sources.values()}
        if any(width * height > MAX_PIXELS for width, height in sizes.values()):
            return ()  # refused when it is read, by its name
        wanted = list(sizes.values())
        for textures, is_combined in looks:
            of_look = [sizes[sources[index]] for index in textures]
            if is_combined and of_look:
                wanted.append((max(width for width, _ in of_look), max(height for _, height in of_look)))
        in_all = _pixels_of(wanted, 1)
        if in_all > MAX_IN_ALL:
            raise glb.GlbError(
                f"its textures have {in_all} pixels together: expected at most {MAX_IN_ALL}, scale them down"
            )
        while _pixels_of(wanted, self._step) > MAX_PIXELS:
            self._step *= 2
        if self._step == 1:
            return ()
        return (f"its textures are read at 1/{self._step} of their size: they have {in_all} pixels together",)

    def get(self, index: int) -> Texture:
        """The texture; equal indices give the same object.

        Raises:
            GlbError: it is missing, outside the file, not an image, or all are too large together.
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
            width, height = _size(data, index)
            if width * height > MAX_PIXELS:
                raise glb.GlbError(
                    f"image {index} is {width} x {height} pixels: expected at most {MAX_PIXELS}, scale the "
                    "textures down"
                )
            self.count((-(-width // self._step), -(-height // self._step)), f"image {index}")
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
                f"{what} is {size[0]} x {size[1]} pixels, {self._pixels} with those before: expected at "
                f"most {MAX_PIXELS}, scale the textures down"
            )


def _pixels_of(sizes: Iterable[tuple[int, int]], step: int) -> int:
    return sum(-(-width // step) * -(-height // step) for width, height in sizes)


def _claimed_size(data: bytes | memoryview) -> tuple[int, int]:
    """Width and height; (0, 0) of an image that cannot be read, which is refused later."""
    if bytes(data[: len(PNG)]) == PNG:
        width, height = struct.unpack_from(">II", bytes(data[16:24]).ljust(8, b"\0"))
        return (width, height)
    try:
        return _size(bytes(data), 0)
    except glb.GlbError:
        return (0, 0)


def _coarser(pixels: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """`step` x `step` texels as one, the mean of their light."""
    if step == 1:
        return pixels
    height, width = (-(-side // step) for side in pixels.shape[:2])
    coarse = np.empty((height, width, 4), np.uint8)
    for top in range(0, height, _ROWS):
        rows = pixels[top * step : (top + _ROWS) * step]
        color = _block_means(np.take(_LIGHT, rows[..., :3]), step)
        coarse[top : top + _ROWS, :, :3] = _ENCODED[np.rint(color * _FINEST).astype(np.uint16)]
        coarse[top : top + _ROWS, :, 3:] = np.rint(_block_means(rows[..., 3:].astype(np.float32), step))
    return coarse


def _block_means(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """The mean of each `step` x `step` block of (h, w, c); the last row and column may have smaller ones."""
    for axis in (0, 1):
        starts = np.arange(0, values.shape[axis], step)
        counts = np.expand_dims(np.diff(starts, append=values.shape[axis]), (1 - axis, 2))
        sums: NDArray[np.float32] = np.add.reduceat(values, starts, axis=axis)
        values = np.divide(sums, counts, dtype=np.float32)
    return values


def _size(data: bytes, index: int) -> tuple[int, int]:
    """Width and height, from the header alone."""
    try:
        return _opened(data).size
    except DAMAGE as error:
        raise glb.GlbError(f"image {index} is damaged: {error}") from error
    except _OtherKindError:
        raise glb.GlbError(f"image {index} starts with {data[:8]!r}: expected PNG, JPEG or WebP") from None


class _OtherKindError(Exception):
    """The file is not PNG, JPEG or WebP."""


def _opened(data: bytes) -> ImageFile:
    """The file, whose header is read and whose pixels are not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata, of which nothing is used
        if data.startswith(PNG):
            return PngImageFile(io.BytesIO(data))
        if data.startswith(JPEG):
            return JpegImageFile(io.BytesIO(data))
        if data.startswith(b"RIFF"):
            return WebPImageFile(io.BytesIO(data))
    raise _OtherKindError


def _pixels(data: bytes, index: int) -> NDArray[np.uint8]:
    try:
        return decoded(data, _decoded)
    except DAMAGE as error:
        raise glb.GlbError(f"image {index} is damaged: {error}") from error


def _decoded(data: bytes) -> NDArray[np.uint8]:
    """(h, w, 4) uint8 sRGB and straight alpha.

    Of 16 bits the high byte is taken, at most one level of 255 below the nearest: Pillow keeps no more of
    colour. Alpha is that of a channel or of a palette's entries; a single transparent colour is none, and
    neither a colour profile nor an orientation counts, as glTF has it:
    https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#images
    """
    with _opened(data) as image:
        image.load()
        if image.mode != "P":
            image.info.pop("transparency", None)
        width, height = image.size
        pixels = np.empty((height, width, 4), np.uint8)
        for top in range(0, height, _ROWS):
            rows = image.crop((0, top, width, min(top + _ROWS, height)))
            if image.mode == "I;16":
                pixels[top : top + _ROWS, :, :3] = (np.asarray(rows) >> 8)[..., None]
                pixels[top : top + _ROWS, :, 3] = 255
            else:
                pixels[top : top + _ROWS] = np.asarray(rows.convert("RGBA"))
    return pixels
