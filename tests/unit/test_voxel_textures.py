"""Textures of all kinds that a GLB may have, read through the door that models come in by."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fixtures.glb import GlbBuilder, png
from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb
from meshtwin.minecraft.voxel.read import textures
from meshtwin.minecraft.voxel.read.read import ModelError
from meshtwin.minecraft.voxel.voxelize.voxelize import voxelize
from tests.support.glbs import document_in, model_of, with_document

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
UV = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
PIXELS = np.random.default_rng(3).integers(0, 256, (12, 20, 4), np.uint8)
COLOR = Image.fromarray(PIXELS[..., :3].copy())


def _glb(*pictures: bytes, mime_type: str = "image/png") -> bytes:
    """A triangle for each picture."""
    builder = GlbBuilder()
    for data in pictures:
        look = builder.material(texture=builder.texture(builder.image(data, mime_type)))
        builder.node(builder.mesh(builder.primitive(TRIANGLE, None, look, TEXCOORD_0=UV)))
    return builder.glb()


def _pixels(data: bytes, mime_type: str = "image/png") -> NDArray[np.int64]:
    texture = model_of(_glb(data, mime_type=mime_type)).primitives[0].material.texture
    assert texture is not None
    assert texture.pixels.dtype == np.uint8
    return texture.pixels.astype(np.int64)


def _refusal(*pictures: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        model_of(_glb(*pictures))
    return str(caught.value)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is so large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(*part) for part in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(999))), (b"IEND", b""))
    )


def test_a_png_keeps_its_pixels_and_alpha() -> None:
    assert (_pixels(png(PIXELS)) == PIXELS).all()


def test_a_png_without_alpha_is_opaque() -> None:
    found = _pixels(_saved(COLOR, "PNG"))
    assert (found[..., :3] == PIXELS[..., :3]).all()
    assert (found[..., 3] == 255).all()


def test_grey_of_eight_bits_of_one_and_with_alpha() -> None:
    grey = COLOR.convert("L")
    found = _pixels(_saved(grey, "PNG"))
    assert (found[..., :3] == np.asarray(grey)[..., None]).all()
    bits = grey.point(lambda value: 255 * (value > 99)).convert("1")
    assert (_pixels(_saved(bits, "PNG"))[..., 0] == 255 * np.asarray(bits)).all()
    half = Image.merge("LA", (grey, Image.fromarray(PIXELS[..., 3].copy())))
    assert (_pixels(_saved(half, "PNG"))[..., 2:] == np.asarray(half)).all()


def test_a_palette_with_and_without_a_transparent_colour() -> None:
    few = COLOR.quantize(7)
    expected = np.asarray(few.convert("RGB"))
    assert (_pixels(_saved(few, "PNG"))[..., :3] == expected).all()
    found = _pixels(_saved(few, "PNG", transparency=2))
    assert (found[..., :3] == expected).all()
    assert (found[..., 3] == np.where(np.asarray(few) == 2, 0, 255)).all()


def test_of_sixteen_bits_the_high_byte_is_taken() -> None:
    """At most one level of 255 below the nearest, in each kind of PNG that has 16 bits."""
    deep = np.random.default_rng(4).integers(0, 65536, (9, 7, 4)).astype(np.uint16)
    high = deep >> 8
    assert np.abs(high - np.rint(deep / 257)).max() <= 1
    color, alpha = _pixels(png(deep[..., :3].copy())), _pixels(png(deep))
    assert (color[..., :3] == high[..., :3]).all()
    assert (color[..., 3] == 255).all()
    assert (alpha == high).all()
    grey = _pixels(png(deep[..., 0].copy()))
    assert (grey[..., :3] == high[..., :1]).all()
    assert (grey[..., 3] == 255).all()
    with_alpha = _pixels(_deep_grey_and_alpha(deep[..., :2]))
    assert (with_alpha[..., :3] == high[..., :1]).all()
    assert (with_alpha[..., 3] == high[..., 1]).all()


def _deep_grey_and_alpha(values: NDArray[np.uint16]) -> bytes:
    """(h, w, 2) as PNG."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 4, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def test_a_single_transparent_colour_is_none() -> None:
    red, green, blue = (int(value) for value in PIXELS[0, 0, :3])
    found = _pixels(_saved(COLOR, "PNG", transparency=(red, green, blue)))
    assert (found[..., :3] == PIXELS[..., :3]).all()
    assert (found[..., 3] == 255).all()


def test_pixels_can_be_written_to() -> None:
    """Compiled loops take them as those of any other array."""
    texture = model_of(_glb(png(PIXELS))).primitives[0].material.texture
    assert texture is not None
    assert texture.pixels.flags.writeable
    assert texture.pixels.flags.c_contiguous


def test_a_jpeg_for_print_has_about_its_colours() -> None:
    plain = Image.new("CMYK", (16, 16), (0, 128, 200, 20))
    found = _pixels(_saved(plain, "JPEG", quality=100), "image/jpeg")
    assert np.abs(found[..., :3] - np.asarray(plain.convert("RGB"), np.int64)).max() <= 3
    assert (found[..., 3] == 255).all()


def test_jpeg_in_colour_and_grey_whatever_way_its_camera_was_held() -> None:
    plain = Image.new("RGB", (20, 12), (200, 100, 50))
    exif = Image.Exif()
    exif[0x0112] = 6
    for image in (plain, plain.convert("L")):
        found = _pixels(_saved(image, "JPEG", quality=100, exif=exif), "image/jpeg")
        assert found.shape == (12, 20, 4)
        assert np.abs(found[..., :3] - np.asarray(image.convert("RGB"), np.int64)).max() <= 2


@pytest.mark.documented(
    "https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Vendor/EXT_texture_webp",
)
def test_webp_where_the_extension_says_so() -> None:
    webp = _saved(Image.fromarray(PIXELS), "WEBP", lossless=True, exact=True)
    assert (_pixels(webp, "image/webp") == PIXELS).all()
    data = _glb(png(PIXELS[::-1].copy()), webp)
    document = document_in(data)
    document["textures"][0]["extensions"] = {"EXT_texture_webp": {"source": 1}}
    found = model_of(with_document(data, document)).primitives[0].material.texture
    assert found is not None
    assert (found.pixels == PIXELS).all()


def test_a_texture_without_an_image() -> None:
    data = _glb(png(PIXELS))
    document = document_in(data)
    del document["textures"][0]["source"]
    with pytest.raises(ModelError, match="texture 0 has no image that is PNG, JPEG or WebP"):
        model_of(with_document(data, document))


def test_a_file_that_says_it_is_huge_is_refused_by_its_header() -> None:
    message = _refusal(_bomb(30_000, 30_000))
    assert "image 0 is 30000 x 30000 pixels" in message
    assert "scale the textures down" in message
    assert "is 2147483647 x 2147483647" in _refusal(_bomb(2**31 - 1, 2**31 - 1))


def test_textures_that_are_too_large_together_are_read_coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textures, "MAX_PIXELS", 500)
    picture = png(PIXELS)
    exact = model_of(_glb(picture, picture))
    assert not exact.notes
    coarse = model_of(_glb(*[picture] * 3))
    assert coarse.notes == ("its textures are read at 1/2 of their size: they have 720 pixels together",)
    for primitive in coarse.primitives:
        texture = primitive.material.texture
        assert texture is not None
        blocks = PIXELS.reshape(6, 2, 10, 2, 4)
        light = linear_from_srgb(blocks[..., :3]).mean(axis=(1, 3))
        assert np.abs(linear_from_srgb(texture.pixels[..., :3]) - light).max() < 0.005
        assert np.abs(texture.pixels[..., 3] - blocks[..., 3].mean(axis=(1, 3))).max() <= 0.5


def test_a_coarser_texture_may_have_a_row_and_a_column_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textures, "MAX_PIXELS", 300)
    plain = np.full((13, 21, 4), (200, 100, 50, 255), np.uint8)
    for primitive in model_of(_glb(png(plain), png(plain))).primitives:
        texture = primitive.material.texture
        assert texture is not None
        assert texture.pixels.shape == (7, 11, 4)
        assert (texture.pixels == (200, 100, 50, 255)).all()


def test_a_model_of_many_textures_has_their_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textures, "MAX_PIXELS", 100_000)  # as for 25 of 2048 x 2048
    sheet = png(np.tile(np.array([200, 90, 30, 255], np.uint8), (64, 64, 1)))
    voxels = voxelize(model_of(_glb(*[sheet] * 25)), 8)
    expected = linear_from_srgb(np.array([200, 90, 30], np.uint8))
    assert np.abs(voxels.colors - expected).max() < 0.001


def test_textures_that_no_coarseness_makes_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textures, "MAX_PIXELS", 240)
    monkeypatch.setattr(textures, "MAX_IN_ALL", 480)
    picture = png(PIXELS)
    assert model_of(_glb(picture, picture)).notes
    assert "its textures have 720 pixels together: expected at most 480" in _refusal(*[picture] * 3)


def test_textures_that_nothing_shows_are_neither_read_nor_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textures, "MAX_PIXELS", 240)
    builder = GlbBuilder()
    shown, bad = (builder.texture(builder.image(data)) for data in (png(PIXELS), b"no picture"))
    for texture, places in ((shown, {"TEXCOORD_0": UV}), (bad, {})):
        look = builder.material(texture=texture)
        builder.node(builder.mesh(builder.primitive(TRIANGLE, None, look, **places)))
    assert not model_of(builder.glb()).notes


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.95])
def test_what_is_cut_short_is_refused(kind: str, share: float) -> None:
    whole = _saved(Image.fromarray(np.kron(PIXELS[..., :3], np.ones((5, 5, 1), np.uint8))), kind)
    assert "image 0 is damaged" in _refusal(whole[: int(share * len(whole))])


def test_a_bomb_that_is_small_enough_by_its_header_has_too_little_data() -> None:
    assert "image 0 is damaged" in _refusal(_bomb(2000, 2000))


@pytest.mark.parametrize("data", [b"GIF89a" + bytes(40), b"<svg></svg>", b"\x89PNG"])
def test_other_files(data: bytes) -> None:
    assert "image 0" in _refusal(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@given(flips=st.lists(st.tuples(st.integers(0, 700), st.integers(1, 255)), min_size=1, max_size=3))
def test_damage_gives_pixels_or_an_error_that_says_so(kind: str, flips: list[tuple[int, int]]) -> None:
    data = bytearray(_saved(COLOR, kind))
    for at, bits in flips:
        data[at % len(data)] ^= bits
    try:
        model_of(_glb(bytes(data)))
    except ModelError as error:
        assert "image 0" in str(error)  # noqa: PT017  # most damage is none that a decoder minds
