"""A job's input image: decoded safely, and its subject separated from the background."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from meshtwin.gltf.image_files import DAMAGE, decoded, kind_of, upright
from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.images.background import foreground_mask

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAX_PIXELS = 64_000_000
"""Width times height of the largest image that is decoded: 8000 x 8000, past any phone's."""

MIN_SIDE = 4
"""Pixels along the shorter side of the smallest image that is accepted."""

MAX_SIDE = 2048
"""Longest side of the decoded image; larger images are scaled down to it."""

VISIBLE = 16
"""Alpha, of 255, that the most opaque part of an image must reach to be seen at all."""

BACKGROUND_SHARE = 0.001
"""Share of an image that must be transparent for its alpha to be usable as a mask."""

SOLID = 0.5
"""Coverage from which a pixel's colour is the subject's own."""

_AT_ONCE = 2**20
"""Pixels that are converted to 8 bits at a time: a copy of all would take as much memory again."""

RemoveBackground = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A decoded image: `rgb` is (h, w, 3) uint8 sRGB, `alpha` (h, w) uint8 or None where it has none."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to become a model: `rgb` is (h, w, 3) uint8 sRGB, `mask` (h, w) float32 coverage, 0 to 1.

    Outside the mask and on its blended edge `rgb` is the colour of the nearest pixel well inside, so that no
    background can bleed into a texture. `mask_source` is where the mask came from; `whole_picture`: no
    subject was found, and the mask is full.
    """

    rgb: NDArray[np.uint8]
    mask: NDArray[np.float32]
    mask_source: Literal["alpha", "background_removed", "whole_picture"]


_Reader = PngImageFile | JpegImageFile | WebPImageFile

_READERS: dict[str, type[_Reader]] = {"PNG": PngImageFile, "JPEG": JpegImageFile, "WEBP": WebPImageFile}
"""Pillow's own open() would warn about large images before their size can be read, and would offer the file
to the decoders of some forty other formats."""


def _reader(data: bytes) -> type[_Reader]:
    kind = kind_of(data)
    if kind is not None:
        return _READERS[kind]
    what = "is empty" if not data else f"starts with {data[:8]!r}"
    raise JobError(ErrorCode.INVALID_IMAGE, f"the image {what}: expected a PNG, JPEG or WebP file")


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise JobError(
            ErrorCode.IMAGE_TOO_LARGE,
            f"the image is {width} x {height} = {width * height} pixels: at most {max_pixels} are accepted;"
            " scale it down",
        )
    if min(width, height) < MIN_SIDE:
        raise JobError(
            ErrorCode.INVALID_IMAGE,
            f"the image is {width} x {height} pixels: each side needs at least {MIN_SIDE}",
        )


def _with_8_bits(image: Image.Image) -> Image.Image:
    """16-bit grey, which Pillow clips instead of scaling, brought to 8 bits; its transparent grey kept."""
    if not image.mode.startswith("I"):
        return image
    deep = np.asarray(image)
    values, grey = deep.reshape(-1), np.empty(deep.shape, np.uint8)
    for start in range(0, len(values), _AT_ONCE):
        grey.reshape(-1)[start : start + _AT_ONCE] = np.clip(values[start : start + _AT_ONCE] >> 8, 0, 255)
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return Image.fromarray(grey)
    alpha = (deep != transparent).astype(np.uint8)
    alpha *= 255
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    return "srgb" in ImageCms.getProfileDescription(profile).casefold()


def _in_srgb(image: Image.Image) -> Image.Image:
    """The image's colours in sRGB by its embedded profile; unchanged where it has none or a broken one."""
    icc = image.info.get("icc_profile")
    if not icc or image.mode not in {"L", "RGB", "CMYK"}:
        return image.convert("RGB")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if image.mode == "RGB" and _is_srgb(profile):
            return image
        converted = ImageCms.profileToProfile(
            image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image.convert("RGB")
    return converted if converted is not None else image.convert("RGB")


def _pixels(image: _Reader) -> DecodedImage:
    if isinstance(image, JpegImageFile):
        # libjpeg scales by 1/2, 1/4 or 1/8 as it decodes, for a fraction of the memory.
        image.draft(None, (MAX_SIDE, MAX_SIDE))
    image.load()
    turned = _with_8_bits(upright(image))
    has_alpha = turned.has_transparency_data
    icc = image.info.get("icc_profile")
    if turned.mode == "P" or (has_alpha and turned.mode not in {"LA", "RGBA"}):
        turned = turned.convert("RGBA" if has_alpha else "RGB")
    if max(turned.size) > MAX_SIDE:
        factor = MAX_SIDE / max(turned.size)
        size = (max(1, round(turned.width * factor)), max(1, round(turned.height * factor)))
        turned = turned.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    alpha = np.asarray(turned.getchannel("A")) if has_alpha else None
    if turned.mode in {"LA", "RGBA"}:
        turned = turned.convert("L" if turned.mode == "LA" else "RGB")
    if icc:
        turned.info["icc_profile"] = icc
    return DecodedImage(np.asarray(_in_srgb(turned)), alpha)


def open_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Decode a PNG, JPEG or WebP file, upright and in sRGB, the first frame of an animation.

    The size is checked before a pixel is decoded. The longest side of what comes back is at most `MAX_SIDE`.
    Metadata that is damaged or too large is ignored.

    Raises:
        JobError: INVALID_IMAGE for another kind of file, damaged or truncated pixels, or a side under
            `MIN_SIDE`; IMAGE_TOO_LARGE past `max_pixels`.
    """

    def decode(data: bytes) -> DecodedImage:
        with _reader(data)(io.BytesIO(data)) as image:
            _check_size(*image.size, max_pixels)
            return _pixels(image)

    try:
        with warnings.catch_warnings():
            # Pillow warns about broken metadata, which does not matter here: only the pixels do.
            warnings.simplefilter("ignore")
            return decoded(path.read_bytes(), decode)
    except Image.DecompressionBombError as error:
        # Pillow's WebP reader has a limit of its own, above ours, and checks it before it reports the size.
        raise JobError(
            ErrorCode.IMAGE_TOO_LARGE, f"the image has more pixels than the {max_pixels} that are accepted"
        ) from error
    except DAMAGE as error:
        raise JobError(
            ErrorCode.INVALID_IMAGE, f"the image cannot be decoded, it is cut off or damaged: {error}"
        ) from error


def _coverage(alpha: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """The alpha channel as a mask, full where the image is at its most opaque; None where it is not usable.

    Raises:
        JobError: EMPTY_SUBJECT where nothing can be seen.
    """
    counts = np.bincount(alpha.ravel(), minlength=256)
    if counts[VISIBLE:].sum() == 0:
        raise JobError(
            ErrorCode.EMPTY_SUBJECT,
            f"the image is fully transparent: no pixel's alpha reaches {VISIBLE} of 255",
        )
    # What half a percent of the visible pixels reach, so that a few stray ones set no standard.
    visible = np.cumsum(counts[:0:-1])
    rank = min(int(visible[-1]), max(8, int(visible[-1]) // 200))
    peak = max(VISIBLE, 255 - int(np.searchsorted(visible, rank)))
    coverage: NDArray[np.float32] = np.minimum(alpha.astype(np.float32) / np.float32(peak), np.float32(1))
    if np.count_nonzero(coverage < SOLID) < BACKGROUND_SHARE * alpha.size:
        return None
    return coverage


def _bled(rgb: NDArray[np.uint8], solid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The image with the colour of the nearest solid pixel wherever it is not solid."""
    if solid.all() or not solid.any():
        return rgb
    _, labels = cv2.distanceTransformWithLabels(
        (~solid).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((int(labels.max()) + 1, 3), dtype=np.uint8)
    colours[labels[solid]] = rgb[solid]
    outside = ~solid
    filled = rgb.copy()
    filled[outside] = colours[labels[outside]]
    return filled


def _solid_inside(mask: NDArray[np.float32], blended: int) -> NDArray[np.bool_]:
    """Where a pixel's colour is the subject's alone: well inside, `blended` pixels from the edge."""
    solid = mask >= (SOLID if blended == 0 else 1 - 1e-3)
    if blended == 0:
        return solid
    shrunk = cv2.erode(solid.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=blended) > 0
    return shrunk if shrunk.any() else mask >= SOLID


def find_subject(
    image: DecodedImage, remove_background: RemoveBackground = "auto", *, seed: int = 0
) -> Subject:
    """Separate the subject from its background.

    The alpha channel is the mask where it is usable (part of the image is transparent, whatever its mode).
    `auto` finds the subject of an opaque image by its colours, `always` does so within the alpha too, `never`
    uses an opaque image as it is. Where no subject is found, the alpha is the mask, or, without one, the
    whole image is the subject; `mask_source` says which.

    Raises:
        JobError: EMPTY_SUBJECT for an image that is fully transparent.
    """
    coverage = None if image.alpha is None else _coverage(image.alpha)
    if remove_background == "always" or (remove_background == "auto" and coverage is None):
        found = foreground_mask(image.rgb, coverage, seed=seed)
        if found is not None:
            return Subject(_bled(image.rgb, _solid_inside(found, 2)), found, "background_removed")
    if coverage is not None:
        return Subject(_bled(image.rgb, _solid_inside(coverage, 0)), coverage, "alpha")
    whole = np.ones(image.rgb.shape[:2], dtype=np.float32)
    return Subject(image.rgb, whole, "whole_picture")
