"""Checks an image that a player uploaded, and re-encodes it as a plain PNG."""

from __future__ import annotations

import io
import warnings

from PIL import Image

from meshtwin.gltf.image_files import DAMAGE, decoded, kind_of, upright
from meshtwin.minecraft.images.provider import Failed, PngImage

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = {"JPEG": 40_000_000, "PNG": 24_000_000, "WEBP": 16_000_000}
"""Width times height, so that decoding fits a function of 512 MB: a JPEG is scaled down as it is decoded, a
PNG has 4 bytes a pixel and as many again while it is scaled, and libwebp keeps two frames besides."""

MIN_SIDE = 16
MAX_SIDE = 2048
"""The longest side of the PNG; larger images are scaled down to it."""


def read_upload(data: bytes) -> PngImage | Failed:
    """The image upright, in 8-bit RGB or RGBA, without metadata; or why it is refused.

    The format is detected from the content, and the size is checked before a pixel is decoded.
    """
    if len(data) > MAX_BYTES:
        return Failed(f"The image has {len(data)} bytes: expected at most {MAX_BYTES}.")
    kind = kind_of(data)
    if kind is None:
        return Failed("The file is not a PNG, JPEG or WebP image.")
    most = MAX_PIXELS[kind]

    def decode(data: bytes) -> PngImage | Failed:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            wrong = _wrong_size(*image.size, most)
            return Failed(wrong) if wrong else _plain(image)

    try:
        with warnings.catch_warnings():
            # Odd metadata does not matter: only the pixels are reduced.
            warnings.simplefilter("ignore")
            return decoded(data, decode)
    except Image.DecompressionBombError:
        return Failed(f"The image has too many pixels: expected at most {most} of a {kind} file.")
    except DAMAGE:
        return Failed("The image is damaged or cut off.")


def _wrong_size(width: int, height: int, most: int) -> str | None:
    if width * height > most:
        return f"The image is {width} x {height} pixels: expected at most {most} in all."
    if min(width, height) < MIN_SIDE:
        return f"The image is {width} x {height} pixels: expected at least {MIN_SIDE} along each side."
    return None


def _plain(image: Image.Image) -> PngImage:
    if image.format == "JPEG":
        image.draft(None, (MAX_SIDE, MAX_SIDE))
    image.load()
    reduced: Image.Image = image
    if reduced.mode.startswith("I"):
        # 16 bits of grey, which Pillow would clip instead of scaling.
        reduced = reduced.convert("I").point([value // 256 for value in range(65_536)], "L")
    if reduced.mode == "1":
        reduced = reduced.convert("L")
    if reduced.mode == "P" or (reduced.has_transparency_data and reduced.mode not in {"LA", "RGBA"}):
        reduced = reduced.convert("RGBA" if reduced.has_transparency_data else "RGB")
    if max(reduced.size) > MAX_SIDE:
        # Before it is turned or converted, either of which would copy all of it.
        reduced.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    turned = upright(reduced)
    plain = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    buffer = io.BytesIO()
    # With neither a text nor a profile of the file's.
    plain.info.clear()
    plain.save(buffer, "PNG")
    return PngImage(buffer.getvalue())
