from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.images.decode import MAX_PIXELS, MAX_SIDE, DecodedImage, find_subject, open_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

QUARTERS = ((220, 30, 40), (40, 180, 60), (30, 60, 210), (240, 220, 50))
"""Top left, top right, bottom left, bottom right."""


def quarters(width: int = 48, height: int = 32) -> Image.Image:
    """An image whose colours show which way up it is."""
    image = Image.new("RGB", (width, height))
    for i, colour in enumerate(QUARTERS):
        image.paste(colour, (i % 2 * width // 2, i // 2 * height // 2, width, height))
    return image


def corners(rgb: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    height, width = rgb.shape[:2]
    y, x = height // 4, width // 4
    return [tuple(int(v) for v in rgb[j, i]) for j, i in ((y, x), (y, -x), (-y, x), (-y, -x))]


def assert_quarters(rgb: NDArray[np.uint8], within: int = 0) -> None:
    for found, wanted in zip(corners(rgb), QUARTERS, strict=True):
        assert found == pytest.approx(wanted, abs=within)


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def refusal(path: Path, **options: int) -> JobError:
    with pytest.raises(JobError) as caught:
        open_image(path, **options)
    return caught.value


@pytest.mark.parametrize(
    ("name", "within"), [("a.png", 0), ("a.jpg", 8), ("a.webp", 12), ("no-suffix.dat", 0)]
)
def test_the_three_formats_are_told_by_their_content(tmp_path: Path, name: str, within: int) -> None:
    kind = {"a.jpg": "JPEG", "a.webp": "WEBP"}.get(name, "PNG")
    decoded = open_image(saved(quarters(), tmp_path / name, format=kind, quality=95))
    assert decoded.rgb.shape == (32, 48, 3)
    assert decoded.rgb.dtype == np.uint8
    assert decoded.alpha is None
    assert_quarters(decoded.rgb, within)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO"])
def test_other_formats_are_refused(tmp_path: Path, kind: str) -> None:
    path = saved(quarters(32, 32), tmp_path / "decoded.png", format=kind)
    error = refusal(path)
    assert error.code is ErrorCode.INVALID_IMAGE
    assert "PNG, JPEG or WebP" in error.message


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x04\0\0\0WEBP", b"glTF"]
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "decoded.png"
    path.write_bytes(content)
    assert refusal(path).code is ErrorCode.INVALID_IMAGE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_off_image_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    path = saved(noise, tmp_path / "a", format=kind)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    error = refusal(path)
    assert error.code is ErrorCode.INVALID_IMAGE
    assert "cut off or damaged" in error.message


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_damage_ends_in_a_image_or_a_named_error(tmp_path: Path, kind: str, at: int, by: bytes) -> None:
    buffer = io.BytesIO()
    quarters().save(buffer, format=kind, exif=Image.Exif())
    content = bytearray(buffer.getvalue())
    at %= len(content)
    content[at : at + len(by)] = by
    path = tmp_path / "damaged"
    path.write_bytes(content)
    try:
        decoded = open_image(path)
    except JobError as error:
        assert error.code in {ErrorCode.INVALID_IMAGE, ErrorCode.IMAGE_TOO_LARGE}  # noqa: PT017  # or no error
    else:
        assert decoded.rgb.dtype == np.uint8


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [10_000, 30_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(side, side))
    error = refusal(path)
    assert error.code is ErrorCode.IMAGE_TOO_LARGE
    assert str(MAX_PIXELS) in error.message
    assert f"{side} x {side}" in error.message


def test_the_limit_can_be_lowered(tmp_path: Path) -> None:
    path = saved(quarters(40, 30), tmp_path / "a.png")
    assert open_image(path, max_pixels=1200).rgb.shape == (30, 40, 3)
    assert refusal(path, max_pixels=1199).code is ErrorCode.IMAGE_TOO_LARGE


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 3)])
def test_a_image_of_a_pixel_or_a_line_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    error = refusal(saved(Image.new("RGB", size), tmp_path / "a.png"))
    assert error.code is ErrorCode.INVALID_IMAGE
    assert f"{size[0]} x {size[1]}" in error.message


def test_a_palette_keeps_its_colours(tmp_path: Path) -> None:
    decoded = open_image(saved(quarters().quantize(8), tmp_path / "a.png"))
    assert decoded.alpha is None
    assert_quarters(decoded.rgb, 2)


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_palette_with_a_see_through_entry_has_alpha(tmp_path: Path, as_bytes: bool) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([9, 9, 9, 200, 100, 50])
    image.paste(0, (0, 0, 4, 8))
    path = saved(image, tmp_path / "a.png", transparency=b"\x00\xff" if as_bytes else 0)
    decoded = open_image(path)
    assert decoded.alpha is not None
    assert decoded.alpha[:, :4].max() == 0
    assert decoded.alpha[:, 4:].min() == 255
    assert (decoded.rgb[:, 4:] == (200, 100, 50)).all()


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    decoded = open_image(saved(Image.fromarray(deep), tmp_path / "a.png"))
    assert decoded.rgb[0, 0].tolist() == [0, 0, 0]
    assert decoded.rgb[-1, -1].tolist() == [255, 255, 255]
    assert abs(int(decoded.rgb[32, 0, 0]) - 128) <= 2


def deep_png(path: Path, pixels: NDArray[np.uint16], colour_type: int, extra: bytes = b"") -> Path:
    """A PNG of 16 bits a channel, which Pillow does not write in colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path


def test_16_bit_colour_keeps_its_colours(tmp_path: Path) -> None:
    pixels = np.asarray(quarters()).astype(np.uint16) * 257
    decoded = open_image(deep_png(tmp_path / "a.png", pixels, 2))
    assert decoded.alpha is None
    assert_quarters(decoded.rgb, 1)


def test_16_bit_colour_with_alpha_keeps_both(tmp_path: Path) -> None:
    opaque = np.asarray(quarters()).astype(np.uint16) * 257
    alpha = np.full((32, 48, 1), 65535, np.uint16)
    alpha[:, :10] = 0
    decoded = open_image(deep_png(tmp_path / "a.png", np.concatenate([opaque, alpha], axis=-1), 6))
    assert decoded.alpha is not None
    assert decoded.alpha[:, :10].max() == 0
    assert decoded.alpha[:, 10:].min() == 255
    assert_quarters(decoded.rgb, 1)


def test_16_bit_grey_with_a_see_through_grey_has_alpha(tmp_path: Path) -> None:
    pixels = np.full((8, 8), 40_000, np.uint16)
    pixels[:, :3] = 1234
    body = b"tRNS" + struct.pack(">H", 1234)
    extra = struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body))
    decoded = open_image(deep_png(tmp_path / "a.png", pixels, 0, extra))
    assert decoded.alpha is not None
    assert decoded.alpha[:, :3].max() == 0
    assert decoded.alpha[:, 3:].min() == 255
    assert (decoded.rgb[:, 3:] == 40_000 >> 8).all()


def test_grey_grey_with_alpha_and_one_bit_work(tmp_path: Path) -> None:
    grey = Image.linear_gradient("L")
    assert (open_image(saved(grey, tmp_path / "l.png")).rgb[..., 1] == np.asarray(grey)).all()
    both = Image.merge("LA", (grey, grey.rotate(90)))
    decoded = open_image(saved(both, tmp_path / "la.png"))
    assert decoded.alpha is not None
    assert (decoded.alpha == np.asarray(grey.rotate(90))).all()
    bits = grey.point(lambda value: 255 * (value > 100), mode="1")
    assert set(np.unique(open_image(saved(bits, tmp_path / "1.png")).rgb)) == {0, 255}


def test_cmyk_comes_out_in_its_colours_and_not_inverted(tmp_path: Path) -> None:
    path = saved(quarters().convert("CMYK"), tmp_path / "a.jpg", quality=95)
    decoded = open_image(path)
    assert decoded.rgb.shape == (32, 48, 3)
    assert_quarters(decoded.rgb, 12)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, kind: str) -> None:
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = quarters()
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(stored, tmp_path / "a", format=kind, exif=exif, quality=95)
    decoded = open_image(path)
    assert decoded.rgb.shape == (32, 48, 3)
    assert_quarters(decoded.rgb, 12)


def test_of_a_moving_image_the_first_frame_is_taken(tmp_path: Path) -> None:
    frames = [quarters(), Image.new("RGB", (48, 32)), Image.new("RGB", (48, 32), "white")]
    for kind in ("PNG", "WEBP"):
        path = saved(
            frames[0], tmp_path / kind, format=kind, save_all=True, append_images=frames[1:], lossless=True
        )
        assert_quarters(open_image(path).rgb)


def test_a_large_image_is_scaled_down_and_keeps_its_alpha(tmp_path: Path) -> None:
    image = quarters(3000, 1000).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 300, 1000))
    decoded = open_image(saved(image, tmp_path / "a.png", compress_level=1))
    assert decoded.rgb.shape == (round(1000 * MAX_SIDE / 3000), MAX_SIDE, 3)
    assert decoded.alpha is not None
    assert decoded.alpha.shape == decoded.rgb.shape[:2]
    assert decoded.alpha[:, :200].max() == 0
    assert_quarters(decoded.rgb, 1)


def test_a_large_jpeg_is_decoded_small(tmp_path: Path) -> None:
    decoded = open_image(saved(quarters(6000, 4000), tmp_path / "a.jpg"))
    assert max(decoded.rgb.shape) == MAX_SIDE
    assert_quarters(decoded.rgb, 8)


def test_an_embedded_profile_is_brought_to_srgb(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    as_srgb = saved(quarters(), tmp_path / "srgb.png", icc_profile=lab.tobytes())
    assert_quarters(open_image(as_srgb).rgb)
    broken = saved(quarters(), tmp_path / "broken.png", icc_profile=b"not a profile at all")
    assert_quarters(open_image(broken).rgb)
    wrong = saved(quarters().convert("L"), tmp_path / "wrong.png", icc_profile=lab.tobytes())
    assert open_image(wrong).rgb.shape == (32, 48, 3)


def decoded_with(alpha: NDArray[np.uint8]) -> DecodedImage:
    """Red where it can be seen, green where not."""
    rgb = np.where(alpha[..., None] > 127, (220, 30, 40), (40, 240, 60)).astype(np.uint8)
    return DecodedImage(rgb, alpha)


def blob(value: int = 255) -> NDArray[np.uint8]:
    alpha = np.zeros((64, 80), np.uint8)
    alpha[10:50, 20:60] = value
    return alpha


def test_useful_alpha_is_the_mask() -> None:
    subject = find_subject(decoded_with(blob()))
    assert subject.mask_source == "alpha"
    assert subject.mask.dtype == np.float32
    assert (subject.mask == blob() / 255).all()


@pytest.mark.parametrize("choice", ["auto", "never"])
def test_colours_behind_the_alpha_do_not_bleed(choice: str) -> None:
    subject = find_subject(decoded_with(blob()), "auto" if choice == "auto" else "never")
    assert (subject.rgb == (220, 30, 40)).all()


def test_a_pale_subject_is_full_where_it_is_most_opaque() -> None:
    subject = find_subject(decoded_with(blob(90)))
    assert subject.mask_source == "alpha"
    assert subject.mask.max() == 1


def test_a_stray_pixel_changes_nothing() -> None:
    alpha = blob(250)
    before = find_subject(decoded_with(alpha)).mask
    alpha[0, 0] = 1
    alpha[63, 79] = 255
    after = find_subject(decoded_with(alpha)).mask
    assert np.abs(before - after)[1:-1, 1:-1].max() == 0
    assert after[0, 0] < 0.01


@pytest.mark.parametrize("faint", [0, 1, 15])
def test_a_fully_transparent_image_has_no_subject(faint: int) -> None:
    alpha = np.zeros((32, 32), np.uint8)
    alpha[3, 3] = faint
    with pytest.raises(JobError) as caught:
        find_subject(decoded_with(alpha))
    assert caught.value.code is ErrorCode.EMPTY_SUBJECT


@pytest.mark.parametrize("value", [255, 128])
def test_alpha_that_is_the_same_everywhere_counts_as_opaque(value: int) -> None:
    alpha = np.full((32, 32), value, np.uint8)
    alpha[5, 5] = value - 100
    subject = find_subject(decoded_with(alpha), "never")
    assert subject.mask_source == "whole_picture"
    assert (subject.mask == 1).all()


def test_never_takes_an_opaque_image_whole(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 64), "white")
    image.paste("red", (16, 16, 48, 48))
    decoded = open_image(saved(image, tmp_path / "a.png"))
    assert find_subject(decoded, "never").mask_source == "whole_picture"
    assert find_subject(decoded, "auto").mask_source == "background_removed"


def test_always_cuts_out_within_the_alpha_too() -> None:
    alpha = np.full((128, 128), 255, np.uint8)
    alpha[:20] = 0
    rgb = np.full((128, 128, 3), 235, np.uint8)
    rgb[40:90, 40:90] = (200, 20, 20)
    decoded = DecodedImage(rgb, alpha)
    assert find_subject(decoded, "auto").mask_source == "alpha"
    subject = find_subject(decoded, "always")
    assert subject.mask_source == "background_removed"
    assert subject.mask.sum() == pytest.approx(2500, rel=0.05)
    assert subject.mask[:20].max() == 0


def test_without_a_subject_the_whole_picture_is_it() -> None:
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    for choice in ("auto", "always"):
        subject = find_subject(DecodedImage(noise, None), "auto" if choice == "auto" else "always")
        assert subject.mask_source == "whole_picture"
        assert subject.mask.shape == (200, 300)
