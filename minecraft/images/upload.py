"""A picture that a player gave: looked at before it is trusted, and made a plain PNG."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

from PIL import Image, ImageOps

from minecraft.images.provider import Failed, Picture

MOST_BYTES = 20 * 1024 * 1024
MOST_PIXELS = 40_000_000
"""Width times height: past a phone's, and 160 MB once decoded."""

LEAST_SIDE = 16
MOST_SIDE = 2048
"""Longest side of what is kept; larger pictures are scaled down to it."""

_FORMATS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error, zlib.error)
"""What Pillow raises on files that are not what they say."""


def read_upload(data: bytes) -> Picture | Failed:
    """The picture upright, in 8-bit RGB or RGBA, without metadata; or what is wrong with it, in words.

    The format is told by the content, and the size is checked before a pixel is decoded.
    """
    if len(data) > MOST_BYTES:
        return Failed(f"The picture has {len(data)} bytes: at most {MOST_BYTES} are taken.")
    kind = _format(data)
    if kind is None:
        return Failed("The file is no PNG, JPEG or WebP picture.")
    try:
        with warnings.catch_warnings():
            # What is odd about metadata does not matter: only the pixels are kept.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=(kind,)) as image:
                wrong = _wrong_size(*image.size)
                return Failed(wrong) if wrong else _plain(image)
    except Image.DecompressionBombError:
        return Failed(f"The picture has too many pixels: at most {MOST_PIXELS} are taken.")
    except _DAMAGE:
        return Failed("The picture is damaged or cut off.")


def _format(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for start, kind in _FORMATS.items() if data.startswith(start)), None)


def _wrong_size(width: int, height: int) -> str | None:
    if width * height > MOST_PIXELS:
        return f"The picture is {width} x {height} pixels: at most {MOST_PIXELS} in all are taken."
    if min(width, height) < LEAST_SIDE:
        return f"The picture is {width} x {height} pixels: each side needs at least {LEAST_SIDE}."
    return None


def _plain(image: Image.Image) -> Picture:
    if image.format == "JPEG":
        image.draft(None, (MOST_SIDE, MOST_SIDE))
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        # 16 bits of grey, which Pillow would clip instead of scaling.
        upright = upright.convert("I").point([value // 256 for value in range(65_536)], "L")
    kept = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    if max(kept.size) > MOST_SIDE:
        kept.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.BOX)
    buffer = io.BytesIO()
    Image.frombytes(kept.mode, kept.size, kept.tobytes()).save(buffer, "PNG")
    return Picture(buffer.getvalue())
