"""The subject of an opaque image, separated from its background by colour.

The border of the image counts as background and is described by a few colours; what differs from them
seeds a graph cut (Rother, Kolmogorov and Blake, GrabCut, 2004, in OpenCV), and a guided filter (He, Sun and
Tang, Guided Image Filtering, 2010) lays its outline on the image's own edges at full size. A cut that does
not look like a subject is discarded: a wrong silhouette makes a worse model than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORK_SIDE = 256
"""Longest side in pixels at which the graph is cut."""

RING = 0.03
"""Width of the border that counts as background, as a share of the shorter side."""

BORDER_COLOURS = 4
"""Colours by which the border is described."""

PLAIN = 12.0
"""CIELAB distance within which a pixel belongs to a plain background."""

MOST = 0.55
"""Share of the border that a plain background has at least."""

SEEN = 0.25
"""Share of the border that must show something for its colours to stand for a background."""

FEW = 0.08
"""Share of the border below which a colour is a corner of the subject, not of the background."""

LEVEL = 0.5
"""Coverage at which an outline runs."""

CERTAIN = 0.02
"""Coverage this close to 0 or 1 is certainly on one side of the outline."""

ROUNDS = 4
"""Rounds of GrabCut."""

AREA = (0.01, 0.9)
"""Share of the image that a subject covers, at least and at most."""

ON_BORDER = 0.3
"""Share of the image's border that a subject touches at most."""

CONTRAST = 8.0
"""CIELAB distance between the colours on both sides of the outline that three quarters of it reach."""

COMPACT = {True: 0.2, False: 0.55}
"""Share of its convex hull that a subject fills at least, on a plain background and on a busy one.

Chairs and pairs of shoes leave much of it empty; so do the scraps that a graph cut makes of a landscape.
"""


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), dtype=np.float32)


def _ring(shape: tuple[int, ...], width: int) -> NDArray[np.bool_]:
    ring = np.ones(shape[:2], dtype=np.bool_)
    ring[width:-width, width:-width] = False
    return ring


def _border_colours(samples: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], float, float]]:
    """The border's colours with the share and the spread of each; one alone where the border is plain.

    A subject that touches the border adds its own colours there, so those of a small share are left out, and
    all others where one has the most of it.
    """
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    unused = np.zeros(len(samples), np.int32)
    count = min(BORDER_COLOURS, len(samples))
    _, labels, centres = cv2.kmeans(samples, count, unused, criteria, 2, cv2.KMEANS_PP_CENTERS)
    means = np.asarray(centres, np.float32)
    shares = np.bincount(np.asarray(labels).ravel(), minlength=count) / len(samples)
    main = means[int(shares.argmax())]
    near = np.sqrt(((samples - main) ** 2).sum(axis=1)) < PLAIN
    if near.mean() >= MOST:
        own = samples[near]
        centre = own.mean(axis=0)
        return [(centre, float(near.mean()), float(np.sqrt(((own - centre) ** 2).sum(axis=1).mean())))]
    colours = []
    for number in np.flatnonzero(shares >= FEW):
        own = samples[np.asarray(labels).ravel() == number]
        spread = float(np.sqrt(((own - means[number]) ** 2).sum(axis=1).mean()))
        colours.append((means[number], float(shares[number]), spread))
    return colours


def _border_distance(lab: NDArray[np.float32], ring: NDArray[np.bool_]) -> tuple[NDArray[np.float32], bool]:
    """How far each pixel's colour is from those of the border, in CIELAB distance, and if that is plain.

    The border's colours may change slowly over the image (a gradient, light that falls off), so a curved
    plane fitted to them counts as one more colour where it fits.
    """
    rows, columns = lab.shape[:2]
    samples = lab[ring]
    colours = _border_colours(samples)
    nearest = np.full((rows, columns), np.inf, dtype=np.float32)
    for centre, _, spread in colours:
        np.minimum(nearest, np.sqrt(((lab - centre) ** 2).sum(axis=-1)) - spread, out=nearest)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    fit, *_ = np.linalg.lstsq(basis[ring], samples, rcond=None)
    fitted = basis @ fit.astype(np.float32)
    left_over = float(np.median(np.sqrt(((samples - fitted[ring]) ** 2).sum(axis=1))))
    smooth = left_over < PLAIN / 3
    if smooth:
        nearest = np.minimum(nearest, np.sqrt(((lab - fitted) ** 2).sum(axis=-1)) - left_over)
    return np.maximum(nearest, 0), smooth or len(colours) == 1


def _seeds(distance: NDArray[np.float32], ring: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """GrabCut's first guess from the distances; None where nothing stands out from the border."""
    rows, columns = distance.shape
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    # A subject is more often in the middle than in a corner.
    weighed = distance * (1 - 0.5 * np.clip(np.hypot(x, y) - 0.4, 0, 1)).astype(np.float32)
    scaled = np.clip(weighed * (255 / 80), 0, 255).astype(np.uint8)
    level, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    threshold = max(PLAIN / 2, min(level * 80 / 255, 25.0))
    guess = np.where(weighed > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    guess[ring & (distance < PLAIN)] = cv2.GC_BGD
    sure = cv2.erode((weighed > 2 * threshold).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    guess[sure] = cv2.GC_FGD
    if np.count_nonzero(guess & 1) < AREA[0] * guess.size or not (guess == cv2.GC_BGD).any():
        return None
    return guess


def _cleaned(inside: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without specks, thin bridges and pinholes: parts and holes that are small beside the largest part."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    inside = np.asarray(cv2.morphologyEx(inside, cv2.MORPH_OPEN, kernel), np.uint8)
    for value in (1, 0):
        _, labels, stats, _ = cv2.connectedComponentsWithStats((inside == value).astype(np.uint8))
        areas = stats[:, cv2.CC_STAT_AREA]
        largest = areas[1:].max() if len(areas) > 1 else 0
        small = areas < (0.08 * largest if value else 0.004 * inside.size)
        small[0] = False
        inside = np.where(small[labels], 1 - value, inside).astype(np.uint8)
    return inside


def _convincing(
    lab: NDArray[np.float32], inside: NDArray[np.uint8], clear: NDArray[np.bool_], *, plain: bool
) -> bool:
    """Whether a cut looks like a subject: of some size, off the border, its outline where colours change."""
    share = float(inside.mean())
    if not AREA[0] <= share <= AREA[1]:
        return False
    if float(inside[_ring(inside.shape, 1)].mean()) > ON_BORDER:
        return False
    hull = cv2.convexHull(cv2.findNonZero(inside))
    if float(inside.sum()) < COMPACT[plain] * cv2.contourArea(hull):
        return False
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
    inner = (inside > 0) & (cv2.erode(inside, wide) == 0) & (cv2.erode(inside, kernel) > 0)
    outer = (inside == 0) & (cv2.dilate(inside, wide) > 0) & (cv2.dilate(inside, kernel) == 0) & ~clear
    if not inner.any() or not outer.any():
        return False
    # Means on both sides of each piece of the outline, not over all of it: a subject may be of many colours.
    means = []
    for band in (inner, outer):
        weight = cv2.boxFilter(band.astype(np.float32), -1, (25, 25), normalize=False)
        total = cv2.boxFilter(lab * band[..., None].astype(np.float32), -1, (25, 25), normalize=False)
        means.append((total / np.maximum(weight, 1)[..., None], weight > 0))
    edge = (cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, kernel) > 0) & means[0][1] & means[1][1]
    apart = np.sqrt(((means[0][0] - means[1][0]) ** 2).sum(axis=-1))[edge]
    return bool(apart.size) and float(np.quantile(apart, 0.25)) >= CONTRAST


def _refined(rgb: NDArray[np.uint8], inside: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The small cut at full size, its outline moved onto the image's edges by a guided filter in colour."""
    rows, columns = rgb.shape[:2]
    size = (columns, rows)
    rough = np.asarray(
        cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32
    )
    scale = max(rgb.shape[:2]) / max(inside.shape)
    radius = max(2, round(2.0 * scale))
    window = (2 * radius + 1, 2 * radius + 1)
    band = cv2.dilate(((rough > CERTAIN) & (rough < 1 - CERTAIN)).astype(np.uint8), np.ones((3, 3), np.uint8))
    if not band.any():
        return rough
    # Along the axis on which inside and outside differ most, one channel is as good as three.
    inner = np.array(cv2.mean(rgb, ((rough > 1 - CERTAIN) * 255).astype(np.uint8))[:3])
    outer = np.array(cv2.mean(rgb, ((rough < CERTAIN) * 255).astype(np.uint8))[:3])
    axis = (inner - outer) / max(float(np.linalg.norm(inner - outer)), 1.0) / 255
    guide = cv2.transform(rgb, axis.reshape(1, 3).astype(np.float32)).astype(np.float32)

    def mean(field: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.boxFilter(field, -1, window))

    mean_guide, mean_rough = mean(guide), mean(rough)
    slope = (mean(guide * rough) - mean_guide * mean_rough) / (mean(guide * guide) - mean_guide**2 + 1e-3)
    offset = mean_rough - slope * mean_guide
    filtered = mean(slope) * guide + mean(offset)
    near = cv2.dilate(band, np.ones((radius, radius), np.uint8)) > 0
    soft = np.where(near, filtered, rough)
    # Filtering leaves a haze; coverage falls from 1 to 0 over a pixel or two of the outline itself.
    return np.clip((soft - 0.5) * 2.5 + 0.5, 0, 1).astype(np.float32)


def foreground_mask(
    rgb: NDArray[np.uint8], coverage: NDArray[np.float32] | None = None, *, seed: int = 0
) -> NDArray[np.float32] | None:
    """The subject's coverage (h, w), 0 to 1, or None where there is no clear subject.

    The same for the same arguments: OpenCV's random numbers are seeded.

    Args:
        rgb: (h, w, 3) uint8 sRGB.
        coverage: (h, w), low where the image is known to be transparent: that never becomes subject. Where
            most of the border is, there is no background to learn, and None comes back.
        seed: For the first colours that clustering tries.
    """
    scale = min(1.0, WORK_SIDE / max(rgb.shape[:2]))
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    if min(size) < 16:  # noqa: PLR2004  # too few pixels to separate a border from a subject
        return None
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    lab = _lab(np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.uint8))
    ring = _ring(small.shape, max(2, round(RING * min(size))))
    clear = np.zeros(ring.shape, np.bool_)
    if coverage is not None:
        clear = np.asarray(cv2.resize(coverage, size, interpolation=cv2.INTER_AREA)) < LEVEL
    if np.count_nonzero(ring & ~clear) < SEEN * np.count_nonzero(ring):
        return None
    cv2.setRNGSeed(seed & 0x7FFFFFFF)
    distance, plain = _border_distance(lab, ring & ~clear)
    distance[clear] = 0
    guess = _seeds(distance, ring)
    if guess is None:
        return None
    guess[clear] = cv2.GC_BGD
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cut, _, _ = cv2.grabCut(small, guess, (0, 0, 0, 0), background, foreground, ROUNDS, cv2.GC_INIT_WITH_MASK)
    inside = _cleaned(np.asarray(cut, np.uint8) & np.uint8(1))
    if not _convincing(lab, inside, clear, plain=plain):
        return None
    mask = _refined(rgb, inside)
    if coverage is not None:
        mask = np.minimum(mask, coverage)
    return mask if float(mask.max()) >= LEVEL else None
