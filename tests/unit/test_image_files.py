"""Metadata never decides whether pixels are read, at any door that images come in by."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from fixtures.glb import GlbBuilder
from meshtwin.gltf.image_files import plain_png, with_end
from meshtwin.minecraft.images.provider import PngImage
from meshtwin.minecraft.images.upload import MAX_PIXELS, read_upload
from meshtwin.minecraft.voxel.read import textures
from meshtwin.minecraft.voxel.read.read import ModelError
from meshtwin.runtime.contract import JobError
from meshtwin.runtime.images.decode import open_image
from tests.support.glbs import model_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pixels = NDArray[np.int64]

RAMP = Image.linear_gradient("L")
SMOOTH = Image.merge("RGB", (RAMP, Image.radial_gradient("L"), RAMP.rotate(90)))
NOISE = Image.fromarray(np.random.default_rng(5).integers(0, 256, (48, 64, 3), np.uint8))
IMAGE = SMOOTH.crop((20, 40, 84, 88))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes, *, wrong: int = 0) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ wrong)


def png_with(*chunks: bytes, image: Image.Image = IMAGE) -> bytes:
    """The image with these chunks between its header and its pixels."""
    plain = saved(image, "PNG")
    return b"".join([plain[:33], *chunks, plain[33:]])


def through_runtime(data: bytes, path: Path) -> Pixels:
    path.write_bytes(data)
    return open_image(path).rgb.astype(np.int64)


def through_upload(data: bytes, _: Path) -> Pixels:
    found = read_upload(data)
    if not isinstance(found, PngImage):
        raise OSError(found.reason)
    return np.asarray(Image.open(io.BytesIO(found.png)).convert("RGB")).astype(np.int64)


def through_texture(data: bytes, _: Path) -> Pixels:
    builder = GlbBuilder()
    look = builder.material(texture=builder.texture(builder.image(data, "image/png")))
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    uv = corners[:, :2].copy()
    builder.node(builder.mesh(builder.primitive(corners, None, look, TEXCOORD_0=uv)))
    texture = model_of(builder.glb()).primitives[0].material.texture
    assert texture is not None
    return texture.pixels[..., :3].astype(np.int64)


DOORS = [through_runtime, through_upload, through_texture]
BOMB = zlib.compress(bytes(3 * 2**20))
GARBAGE = b"Exif\0\0garbage, not a TIFF"

HARMLESS = {
    "a text that unpacks to megabytes": png_with(chunk(b"zTXt", b"Comment\0\0" + BOMB)),
    "an international text that does": png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB)),
    "many long texts": png_with(*[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000)))] * 80),
    "a profile that unpacks to megabytes": png_with(chunk(b"iCCP", b"icc\0\0" + BOMB)),
    "a profile that is cut off": png_with(chunk(b"iCCP", b"icc\0\0" + BOMB[:40])),
    "EXIF that is none": png_with(chunk(b"eXIf", GARBAGE)),
    "EXIF in a text that is none": png_with(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 4\nzzzz")),
    "a chunk behind the pixels": saved(IMAGE, "PNG")[:-12] + chunk(b"tEXt", b"a\0b", wrong=1),
    "a wrong checksum of the pixels": saved(IMAGE, "PNG")[:-16] + bytes(4) + saved(IMAGE, "PNG")[-12:],
    "a broken chunk that is cut off": saved(IMAGE, "PNG")[:-12] + b"\0\0\x99\x99tEXtabc",
    "an end that is missing": saved(IMAGE, "PNG")[:-12],
    **{
        f"a wrong checksum of {kind.decode()}": png_with(chunk(kind, body, wrong=7))
        for kind, body in {
            b"pHYs": bytes(9), b"gAMA": bytes(4), b"cHRM": bytes(32), b"sRGB": b"\0", b"tIME": bytes(7),
            b"bKGD": bytes(6), b"sBIT": b"\1\1\1", b"tEXt": b"a\0b", b"zTXt": b"a\0\0", b"iTXt": b"a",
            b"iCCP": b"icc\0\0", b"eXIf": b"II*\0", b"prVt": b"its owner's",
        }.items()
    },
    "a WebP with EXIF that is none": saved(IMAGE, "WEBP", lossless=True, exif=GARBAGE),
    "a JPEG with EXIF that is none": saved(IMAGE, "JPEG", quality=100, exif=GARBAGE),
    "a JPEG without its end": saved(IMAGE, "JPEG", quality=100)[:-2],
    "a progressive JPEG without its end": saved(IMAGE, "JPEG", quality=100, progressive=True)[:-2],
}  # fmt: skip


@pytest.mark.documented("https://www.w3.org/TR/png-3/#13Decoders.Errors")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", HARMLESS)
def test_metadata_never_decides_whether_pixels_are_read(
    tmp_path: Path, door: Callable[[bytes, Path], Pixels], name: str
) -> None:
    found = door(HARMLESS[name], tmp_path / "picture")
    assert np.abs(found - np.asarray(IMAGE, np.int64)).max() <= (6 if "JPEG" in name else 0)


CUT_OFF = {
    "PNG": lambda: saved(NOISE, "PNG")[:-90],
    "JPEG": lambda: saved(IMAGE, "JPEG", quality=100)[:-40],
    "JPEG by half": lambda: saved(IMAGE, "JPEG", quality=100)[: len(saved(IMAGE, "JPEG", quality=100)) // 2],
    "JPEG, progressive": lambda: saved(IMAGE, "JPEG", quality=100, progressive=True)[:-400],
    "WebP": lambda: saved(NOISE, "WEBP", lossless=True)[:-200],
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", CUT_OFF)
def test_pixels_that_are_cut_off_are_refused(
    tmp_path: Path, door: Callable[[bytes, Path], Pixels], name: str
) -> None:
    with pytest.raises((JobError, OSError, ModelError), match=r"cut off|damaged"):
        door(CUT_OFF[name](), tmp_path / "picture")


def test_what_pixels_mean_is_kept() -> None:
    profile, exif = b"icc\0\0" + zlib.compress(b"a profile"), b"II*\0 and more"
    kept = [chunk(b"iCCP", profile), chunk(b"PLTE", bytes(6)), chunk(b"tRNS", b"\0"), chunk(b"eXIf", exif)]
    assert plain_png(png_with(*kept)) == png_with(*kept)
    # A palette's transparency counts even where its checksum is wrong.
    wrong = chunk(b"tRNS", b"\0", wrong=3)
    assert plain_png(png_with(wrong)) == png_with(kept[2])
    assert plain_png(b"no PNG") == b"no PNG"


def test_an_end_is_added_to_a_jpeg_only_where_all_blocks_are_there() -> None:
    whole = saved(IMAGE, "JPEG", quality=95)
    assert with_end(whole[:-2]) == whole
    missing = [with_end(whole[:length]) for length in range(len(whole) - 60, len(whole) - 8, 7)]
    assert set(missing) == {None}
    assert with_end(b"\xff\xd8\xff nothing") is None


def peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("transparency", [None, 0])
def test_deep_grey_takes_a_few_bytes_a_pixel(tmp_path: Path, transparency: int | None) -> None:
    side = 2000
    deep = Image.fromarray(np.zeros((side, side), np.uint16))
    trns = b"" if transparency is None else chunk(b"tRNS", struct.pack(">H", transparency))
    (tmp_path / "deep").write_bytes(png_with(trns, image=deep))
    # Pillow's own are not counted: two bytes, and as many in numpy, and one or two made of them.
    assert peak(lambda: open_image(tmp_path / "deep")) < 9 * side * side


def test_deep_textures_take_a_few_bytes_a_pixel() -> None:
    side = 1500
    data = saved(Image.fromarray(np.zeros((side, side), np.uint16)), "PNG")
    # One made of two, and four for colour, beside what is done at once.
    assert peak(lambda: textures._decoded(data)) < 8 * side * side + 12 * 2**20


def resident_peak(call: Callable[[], object]) -> int:
    """How many bytes the process grew by at most, decoders' own memory included."""

    def kilobytes(name: str) -> int:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition(f"{name}:")[2].split()[0])

    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = kilobytes("VmRSS")
    call()
    return (kilobytes("VmHWM") - before) * 1024


@pytest.mark.documented("https://docs.kernel.org/filesystems/proc.html")
@pytest.mark.parametrize(("kind", "megabytes"), [("PNG", 260), ("WEBP", 350)])
def test_the_largest_upload_fits_a_function_of_512_megabytes(kind: str, megabytes: int) -> None:
    width = 4000
    image = Image.new("RGBA", (width, MAX_PIXELS[kind] // width))
    data = saved(image, kind, **({"compress_level": 1} if kind == "PNG" else {"lossless": True, "method": 0}))
    del image
    found: list[object] = []
    assert resident_peak(lambda: found.append(read_upload(data))) < megabytes * 2**20
    assert isinstance(found[0], PngImage)
