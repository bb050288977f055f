"""Reads the pixels of PNG, JPEG and WebP files with damaged metadata.

Decoders refuse a file for a text of two megabytes, a wrong checksum in a chunk without pixels, damaged EXIF,
or a missing last marker; viewers show it anyway. PNG's specification says that errors in such chunks are not
fatal: https://www.w3.org/TR/png-3/#13Decoders.Errors.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from typing import TYPE_CHECKING

from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    Decoded = TypeVar("Decoded")

DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error, zlib.error)
"""What Pillow raises on damaged files."""

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"

MAX_PROFILE_BYTES = 2**20
"""Of a colour profile once unpacked; Pillow itself refuses a file for more."""

MAX_EXIF_BYTES = 2**16
"""As in a JPEG, which has no room for more."""

_END_OF_PNG = b"\0\0\0\0IEND\xaeB`\x82"
_END_OF_IMAGE = b"\xff\xd9"
_ANCILLARY = 0x20
"""Bit of a chunk type's first letter: https://www.w3.org/TR/png-3/#5Chunk-naming-conventions."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF's orientation: https://www.cipa.jp/std/documents/download_e.html?DC-008-Translation-2023-E."""


def kind_of(data: bytes) -> str | None:
    """PNG, JPEG or WEBP, by the first bytes; None for anything else."""
    if data.startswith(PNG):
        return "PNG"
    if data.startswith(JPEG):
        return "JPEG"
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def decoded(data: bytes, decode: Callable[[bytes], Decoded]) -> Decoded:
    """`decode` the file without the metadata that could make it fail.

    Raises:
        Exception: what `decode` raises for pixels that are damaged or cut off.
    """
    try:
        return decode(plain_png(data) if data.startswith(PNG) else data)
    except OSError:
        ended = with_end(data) if data.startswith(JPEG) else None
        if ended is None:
            raise
    return decode(ended)


def plain_png(data: bytes) -> bytes:
    """The PNG without ancillary chunks, except tRNS and a valid iCCP and eXIf; other files unchanged.

    Checksums of pixels are corrected, a last chunk that is cut off ends where the file does, and an end is
    added: missing pixels are detected as they are unpacked.
    """
    view = memoryview(data)
    return b"".join([PNG, *_kept(view)]) if data.startswith(PNG) else data


def _kept(data: memoryview) -> Iterator[bytes | memoryview]:
    at = len(PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if not kind.isalpha() or kind == b"IEND":
            break
        body = data[at + 8 : at + 8 + length]
        end = at + 12 + length
        crc = zlib.crc32(body, zlib.crc32(kind)).to_bytes(4)
        sound = data[end - 4 : end] == crc
        if kind in {b"IDAT", b"tRNS"}:
            yield from (len(body).to_bytes(4), kind, body, crc)
        elif not kind[0] & _ANCILLARY or (sound and _is_sound(kind, body)):
            yield data[at:end]
        at = end
    yield _END_OF_PNG


def _is_sound(kind: bytes, body: memoryview) -> bool:
    if kind == b"eXIf":
        return len(body) <= MAX_EXIF_BYTES
    if kind != b"iCCP":
        return False
    # A name of at most 79 letters, NUL, and the method of compression: https://www.w3.org/TR/png-3/#11iCCP.
    packed = bytes(body).partition(b"\0")[2][1:]
    unpacking = zlib.decompressobj()
    try:
        profile = unpacking.decompress(packed, MAX_PROFILE_BYTES)
    except zlib.error:
        return False
    return unpacking.eof and len(profile) < MAX_PROFILE_BYTES


def with_end(data: bytes) -> bytes | None:
    """The JPEG with the marker of its end, which it lacks; None where pixels are missing too.

    A decoder takes what follows for pixels as long as some are missing, and so shows whether any are.
    """
    ended, filled = data + _END_OF_IMAGE, data + bytes(range(1, 255)) * 4 + _END_OF_IMAGE
    try:
        return ended if _digest(ended) == _digest(filled) else None
    except DAMAGE:
        return None


def _digest(data: bytes) -> bytes:
    with JpegImageFile(io.BytesIO(data)) as image:
        # Half, a quarter or an eighth of it is as good, in less memory.
        image.draft(None, (1024, 1024))
        return hashlib.sha256(image.tobytes()).digest()


def upright(image: Image.Image) -> Image.Image:
    """The image rotated by its EXIF orientation; unchanged where there is none, or it is invalid."""
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (*DAMAGE, TypeError, OverflowError):
        return image
    return image if turn is None else image.transpose(turn)
