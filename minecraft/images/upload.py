"""A picture that a player gave: looked at before it is trusted, and made a plain PNG."""

from __future__ import annotations

import io
import warnings

from PIL import Image

from meshtwin.gltf.image_files import DAMAGE, decoded, kind_of, upright
from meshtwin.minecraft.images.provider import Failed, Picture

MOST_BYTES = 20 * 1024 * 1024
MOST_PIXELS = {"JPEG": 40_000_000, "PNG": 24_000_000, "WEBP": 16_000_000}
"""Width times height, so that decoding fits a function of 512 MB: a JPEG is scaled down as it is decoded, a
PNG has 4 bytes a pixel and as many again while it is scaled, and libwebp keeps two frames besides."""

LEAST_SIDE = 16
MOST_SIDE = 2048
"""Longest side of what is kept; larger pictures are scaled down to it."""


def read_upload(data: bytes) -> Picture | Failed:
    """The picture upright, in 8-bit RGB or RGBA, without metadata; or what is wrong with it, in words.

    The format is told by the content, and the size is checked before a pixel is decoded.
    """
    if len(data) > MOST_BYTES:
        return Failed(f"The picture has {len(data)} bytes: at most {MOST_BYTES} are taken.")
    kind = kind_of(data)
    if kind is None:
        return Failed("The file is no PNG, JPEG or WebP picture.")
    most = MOST_PIXELS[kind]

    def decode(data: bytes) -> Picture | Failed:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            wrong = _wrong_size(*image.size, most)
            return Failed(wrong) if wrong else _plain(image)

    try:
        with warnings.catch_warnings():
            # What is odd about metadata does not matter: only the pixels are kept.
            warnings.simplefilter("ignore")
            return decoded(data, decode)
    except Image.DecompressionBombError:
        return Failed(f"The picture has too many pixels: at most {most} are taken of a {kind} file.")
    except DAMAGE:
        return Failed("The picture is damaged or cut off.")


def _wrong_size(width: int, height: int, most: int) -> str | None:
    if width * height > most:
        return f"The picture is {width} x {height} pixels: at most {most} in all are taken of such a file."
    if min(width, height) < LEAST_SIDE:
        return f"The picture is {width} x {height} pixels: each side needs at least {LEAST_SIDE}."
    return None


def _plain(image: Image.Image) -> Picture:
    if image.format == "JPEG":
        image.draft(None, (MOST_SIDE, MOST_SIDE))
    image.load()
    kept: Image.Image = image
    if kept.mode.startswith("I"):
        # 16 bits of grey, which Pillow would clip instead of scaling.
        kept = kept.convert("I").point([value // 256 for value in range(65_536)], "L")
    if kept.mode == "1":
        kept = kept.convert("L")
    if kept.mode == "P" or (kept.has_transparency_data and kept.mode not in {"LA", "RGBA"}):
        kept = kept.convert("RGBA" if kept.has_transparency_data else "RGB")
    if max(kept.size) > MOST_SIDE:
        # Before it is turned or converted, either of which would copy all of it.
        kept.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.BOX)
    turned = upright(kept)
    plain = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    buffer = io.BytesIO()
    # With neither a text nor a profile of the file's.
    plain.info.clear()
    plain.save(buffer, "PNG")
    return Picture(buffer.getvalue())
