"""The texture: the subject's front at the left, at the right a back made up from its colours.

All of it is done at the size of a chart, not of the image, so that the time depends on the size of the
texture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.runtime.backends.relief.silhouette import Frame
    from meshtwin.runtime.images.decode import Subject

    Colors = NDArray[np.uint8]
    Image = NDArray[np.float32]

MARGIN = 0.03
"""Of a chart's side, kept free around the subject, so that mipmaps do not mix the front with the back."""

RIM = 0.006
"""Of a chart's side: how deep the outermost colours are taken for the background's shine, and softened.
A pixel there is a streak when seen from the side, since the surface falls away steeply."""

BACK_DETAIL = 8
"""Chart pixels to a pixel of the back's colours."""

BACK_MEDIAN = 27
"""Of those pixels: what is smaller than half of this (eyes, mouths, letters) is not seen on the back."""

BACK_FADE = 0.06
"""Of a chart's side: how far in from the outline the front's colours have turned into the back's."""

SMALLEST, LARGEST = 256, 1024
"""Sides of a chart where none is given, pixels."""


PIXEL_ART = 64
"""Pixels: a subject no larger than this keeps its pixels as squares with sharp edges."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the subject lies in a chart: its outline's box, (left, top, right, bottom) in pixels."""

    side: int
    box: tuple[float, float, float, float]

    def pixels(self, across: NDArray[np.float64], down: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2) chart pixels, x and y, of fractions of the box."""
        left, top, right, bottom = self.box
        return np.stack([left + across * (right - left), top + down * (bottom - top)], axis=1)


def layout(frame: Frame, texture_size: int | None) -> Layout:
    """The chart for a subject whose outline has `frame` in its image.

    A chart is as wide as half the texture and a power of two, as every renderer likes it best: at most
    `texture_size`, or, where that is None, just enough for the image's own pixels.
    """
    longest = max(frame.width, frame.height)
    if texture_size is None:
        side = SMALLEST
        while side < LARGEST and side * (1 - 2 * MARGIN) < longest:
            side *= 2
    else:
        side = 1 << (texture_size.bit_length() - 2)
    scale = side * (1 - 2 * MARGIN) / longest
    half_width, half_height = frame.width * scale / 2, frame.height * scale / 2
    middle = side / 2
    return Layout(
        side, (middle - half_width, middle - half_height, middle + half_width, middle + half_height)
    )


def front_chart(subject: Subject, frame: Frame, chart: Layout) -> Colors:
    """The subject's colours, spread over the whole chart."""
    rgb, coverage = _into_chart(subject, frame, chart)
    rim = max(1, round(RIM * chart.side))
    inside: NDArray[np.uint8] = (coverage >= 0.5).astype(np.uint8)  # noqa: PLR2004  # half covered
    filled = _fill(rgb, _own(inside, rim))
    soft = np.asarray(cv2.GaussianBlur(filled, (0, 0), rim), np.uint8)
    depth = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32)
    return _mix(soft, filled, _step(depth / np.float32(rim)))


def back_chart(front: Colors, depth: Image) -> Colors:
    """The front without its detail; `depth` is each pixel's distance from the outline, 0 outside."""
    side = len(front)
    small = cv2.resize(front, (side // BACK_DETAIL,) * 2, interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(small, BACK_MEDIAN)
    small = cv2.GaussianBlur(small, (0, 0), BACK_MEDIAN / 12)
    plain = np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    # The root follows the arc of a round rim, so that the change is even when seen from the side.
    return _mix(front, plain, _step(np.sqrt(depth / (BACK_FADE * side))))


def _into_chart(subject: Subject, frame: Frame, chart: Layout) -> tuple[Colors, Image]:
    """Image and mask at the chart's size and position."""
    scale = (chart.box[2] - chart.box[0]) / frame.width
    rgb, mask = subject.rgb, subject.mask
    if scale < 1:
        # A linear warp reads 2 x 2 pixels only, so where a texel has more, they are averaged first.
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    shrunk_x, shrunk_y = rgb.shape[1] / subject.rgb.shape[1], rgb.shape[0] / subject.rgb.shape[0]
    scale_x, scale_y = scale / shrunk_x, scale / shrunk_y
    shift_x = (
        chart.box[0] - frame.left * scale + scale_x / 2 - 0.5
    )  # OpenCV counts from the first pixel's centre
    shift_y = chart.box[1] - frame.top * scale + scale_y / 2 - 0.5
    matrix = np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])
    size = (chart.side, chart.side)
    flags = cv2.INTER_NEAREST if max(frame.width, frame.height) <= PIXEL_ART else cv2.INTER_LINEAR
    warped = cv2.warpAffine(rgb, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    coverage = cv2.warpAffine(mask, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(warped, np.uint8), np.asarray(coverage, np.float32)


def _own(inside: NDArray[np.uint8], rim: int) -> NDArray[np.uint8]:
    """Where colours may be taken from: not from the outermost pixels, except in parts that have no others."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    core = np.asarray(cv2.erode(inside, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0), np.uint8)
    reached = np.asarray(cv2.dilate(cv2.dilate(core, kernel), kernel), np.uint8)
    own: NDArray[np.uint8] = core | (inside & (1 - reached))
    return own if own.any() else np.ones_like(inside)


def _fill(rgb: Colors, own: NDArray[np.uint8]) -> Colors:
    """Every pixel's colour from the nearest one that is the subject's own."""
    _, label = cv2.distanceTransformWithLabels(1 - own, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    known = own.astype(np.bool_)
    color = np.zeros((int(label.max()) + 1, 3), np.uint8)
    color[label[known]] = rgb[known]
    return np.asarray(color[label])


def _step(fraction: Image) -> Image:
    """0 up to 0, 1 from 1 on, smooth between."""
    inside = fraction.clip(0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside), np.float32)


def _mix(low: Colors, high: Colors, weight: Image) -> Colors:
    """`low` where `weight` is 0, `high` where it is 1."""
    return np.asarray(cv2.blendLinear(high, low, weight, 1 - weight), np.uint8)
