"""The image step's parts, without a server."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from meshtwin.minecraft.images.prompt import MAX_LENGTH, NEGATIVE, clean, for_one_object
from meshtwin.minecraft.images.provider import Failed, PngImage
from meshtwin.minecraft.images.stability import takes_negative_prompt
from meshtwin.minecraft.images.upload import MAX_BYTES, MAX_SIDE, read_upload
from meshtwin.minecraft.settings import ImageSettings


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(data: bytes) -> Image.Image:
    found = read_upload(data)
    assert isinstance(found, PngImage)
    return Image.open(io.BytesIO(found.png))


def reason(data: bytes) -> str:
    found = read_upload(data)
    assert isinstance(found, Failed)
    return found.reason


def huge_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@given(st.text(max_size=2_000))
def test_a_cleaned_prompt_is_one_bounded_line(words: str) -> None:
    cleaned = clean(words)
    assert len(cleaned) <= MAX_LENGTH
    assert cleaned.isprintable()
    assert cleaned == cleaned.strip()
    assert clean(cleaned) == cleaned
    cleaned.encode("utf-8")


def test_the_players_words_come_first_and_braces_are_words() -> None:
    assert for_one_object(clean(" a  {castle}\n.")).startswith("a {castle}. A single object")
    assert "{subject}" not in for_one_object("a cat")
    assert len(for_one_object("x" * MAX_LENGTH)) < 1_000
    assert len(NEGATIVE) < 1_000


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("stability.stable-image-core-v1:1", True),
        ("stability.sd3-5-large-v1:0", True),
        ("stability.stable-image-ultra-v1:1", True),
        ("stability.something-new-v1:0", False),
    ],
)
def test_a_negative_prompt_is_for_models_known_to_take_it(model: str, *, takes: bool) -> None:
    assert takes_negative_prompt(model) is takes


def test_settings_that_are_empty_are_not_set() -> None:
    assert ImageSettings.from_environment({}) == ImageSettings()
    assert ImageSettings.from_environment({"IMAGE_MODEL_ID": ""}) == ImageSettings()
    changed = ImageSettings.from_environment({"IMAGE_MODEL_ID": "m", "IMAGE_MODEL_REGION": "eu-west-1"})
    assert (changed.image_model_id, changed.image_model_region) == ("m", "eu-west-1")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_format_is_told_by_the_content(kind: str) -> None:
    assert read(encoded(Image.new("RGB", (40, 30), "red"), kind)).format == "PNG"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_pixels_becomes_8_bit_colour(mode: str) -> None:
    image = read(encoded(Image.new(mode, (40, 30))))
    assert image.mode == ("RGBA" if mode in {"LA", "RGBA"} else "RGB")


def test_deep_grey_is_scaled_not_clipped() -> None:
    assert read(encoded(Image.new("I;16", (40, 30), 0x8000))).getpixel((0, 0)) == (128, 128, 128)


def test_a_large_picture_is_scaled_down() -> None:
    assert read(encoded(Image.new("L", (5_000, 1_000)))).size == (MAX_SIDE, 410)


def test_a_picture_of_frames_is_its_first() -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert read(data).getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a PNG, JPEG or WebP image"),
        (b"GIF89a" + b"\0" * 50, "not a PNG, JPEG or WebP image"),
        (b"<svg/>", "not a PNG, JPEG or WebP image"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 99, "damaged"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "damaged"),
        (encoded(Image.new("RGB", (400, 300), "red"))[:200], "damaged"),
        (encoded(Image.new("RGB", (8, 300))), "at least 16"),
        (huge_png(60_000, 60_000), "at most 24000000"),
        (huge_png(5_000, 5_000), "at most 24000000"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * MAX_BYTES, "bytes: expected at most"),
    ],
)
def test_what_is_no_fit_picture_says_why(data: bytes, words: str) -> None:
    assert words in reason(data)


@given(
    st.binary(max_size=400), st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF1234WEBP", b""])
)
def test_no_bytes_are_an_error(data: bytes, start: bytes) -> None:
    assert isinstance(read_upload(start + data), Failed | PngImage)
