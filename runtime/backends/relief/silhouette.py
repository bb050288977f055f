"""The outline that the relief backend inflates: cleaned, framed, and sampled on a grid.

Shape and paint agree on where the mesh lies in the image through `frame_of`. An image's coordinates are
continuous: pixel i spans [i, i + 1), x to the right and y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.runtime.images.decode import Subject

LEVEL = 0.5
"""Coverage from which a pixel belongs to the silhouette."""

SMALLEST_PART = 0.01
"""Parts below this share of the silhouette's area are left out."""

SMALLEST_HOLE = 0.0005
"""Holes below this share of the silhouette's area are closed: they are specks, not shape."""

SMALLEST_CRUMB = 0.004
"""What the grid cuts off and is below this share of its inside nodes is left out."""

MARGIN = 2
"""Grid nodes outside the frame on every side."""

THINNEST = 1.5
"""Cells across; thinner parts of the silhouette are thickened to this, or a grid would lose or tear them."""


FINEST = 8
"""Work pixels per image pixel at most; beyond that a tiny image has no more detail."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The silhouette's bounding box in the image, at coverage 0.5, in continuous pixels.

    A mesh made from the silhouette has exactly this box as its front view: its bounding box in x and y,
    whatever its scale and position, stands for `left` to `right` and (y up) `bottom` to `top`.
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Grid:
    """A silhouette sampled on square cells.

    `distance` is (rows, columns) float64 in cells, above 0 inside and true near the outline only; its border
    is outside. Node (0, 0) lies at (`left`, `top`) in the image, and nodes are `cell` pixels apart.
    """

    distance: NDArray[np.float64]
    left: float
    top: float
    cell: float


def clean_mask(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mask without its specks: parts under 1 % of its area are taken out, pinholes are filled.

    Args:
        mask: (h, w) coverage, 0 to 1.

    Raises:
        ValueError: where no pixel reaches coverage 0.5.
    """
    inside = (mask >= LEVEL).astype(np.uint8)
    area = int(inside.sum())
    if area == 0:
        raise ValueError("the mask has no pixel of coverage 0.5 or more")
    kept = mask
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8, ltype=cv2.CV_32S)
    areas = stats[1:, cv2.CC_STAT_AREA]
    # The largest part always stays, even where a spray of specks outweighs it.
    small = (areas < SMALLEST_PART * area) & (areas < areas.max())
    if small.any():
        stays = np.concatenate([[False], ~small])[labels]
        fringe = cv2.dilate(stays.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2) > 0
        kept = np.where(stays | (fringe & (inside == 0)), mask, np.float32(0))
        inside = stays.astype(np.uint8)
        area = int(inside.sum())
    padded = cv2.copyMakeBorder(1 - inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(padded, connectivity=4, ltype=cv2.CV_32S)
    pinhole = stats[:, cv2.CC_STAT_AREA] < SMALLEST_HOLE * area
    pinhole[[0, labels[0, 0]]] = False
    if count > 2 and pinhole.any():  # noqa: PLR2004  # label 0 and the outside are always there
        kept = np.where(pinhole[labels[1:-1, 1:-1]], np.float32(1), kept)
    return kept


def _extent(profile: NDArray[np.float32]) -> tuple[float, float]:
    """Where a profile of coverage, one value a pixel, first rises over and last falls under the level."""
    values = np.concatenate([[0.0], profile.astype(np.float64), [0.0]])
    over = np.flatnonzero(values >= LEVEL)
    first, last = int(over[0]), int(over[-1])
    rise = (LEVEL - values[first - 1]) / (values[first] - values[first - 1])
    fall = (values[last] - LEVEL) / (values[last] - values[last + 1])
    # Entry i of the padded profile is the centre of pixel i - 1.
    return first - 1.5 + rise, last - 0.5 + fall


def frame_of_silhouette(kept: NDArray[np.float32]) -> Frame:
    """The frame of a mask that `clean_mask` returned."""
    left, right = _extent(kept.max(axis=0))
    top, bottom = _extent(kept.max(axis=1))
    return Frame(left, top, right, bottom)


def frame_of(subject: Subject) -> Frame:
    """Where in the subject's image the mesh made from it lies: see `Frame`."""
    return frame_of_silhouette(clean_mask(subject.mask))


def _thickened(coverage: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """The same coverage with every part thinner than twice `radius` pixels brought up to that.

    A part is thin where a disc of that radius does not fit; along its middle line discs are added. Ordinary
    corners, which no disc fills either, are distinguished from thin parts by their distance to where it fits.
    """
    inside = (coverage >= LEVEL).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    to_core = cv2.distanceTransform((depth <= radius).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    thin = (inside > 0) & (to_core > 1.5 * radius)
    if not thin.any():
        return coverage
    ridge = depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)) - 0.75
    to_line = cv2.distanceTransform((~(thin & ridge)).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.maximum(coverage, np.clip(radius + 0.5 - to_line, 0, 1)), np.float32)


@dataclass(frozen=True, slots=True)
class _Raster:
    """The framed part of a mask, from (`left`, `top`) in the image on, at `scale` pixels an image pixel.

    `sigma` is that of its blur, in cells.
    """

    coverage: NDArray[np.float32]
    left: float
    top: float
    scale: tuple[float, float]
    sigma: float

    def at(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
        """The coverage at each y (rows) and x (columns) of the image."""
        columns = ((x - self.left) * self.scale[0] - 0.5).astype(np.float32)
        rows = ((y - self.top) * self.scale[1] - 0.5).astype(np.float32)
        grid_x, grid_y = np.meshgrid(columns, rows)
        found = cv2.remap(
            self.coverage, grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )
        return found.astype(np.float64)


def _raster(kept: NDArray[np.float32], frame: Frame, cell: float) -> _Raster:
    """The framed part of a mask at about 2 to 4 pixels a cell, thickened, blurred to what a grid shows."""
    border = math.ceil((MARGIN + 1) * cell) + 2
    padded = cv2.copyMakeBorder(kept, border, border, border, border, cv2.BORDER_CONSTANT, value=0)
    left, top = max(math.floor(frame.left), 0), max(math.floor(frame.top), 0)
    right, bottom = math.ceil(frame.right) + 2 * border, math.ceil(frame.bottom) + 2 * border
    crop = padded[top:bottom, left:right]
    factor = min(max(1.0, 2 / cell), 4 / cell, FINEST)
    size = (max(1, round(crop.shape[1] * factor)), max(1, round(crop.shape[0] * factor)))
    scale = (size[0] / crop.shape[1], size[1] / crop.shape[0])
    work = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    pixels_per_cell = cell * factor
    work = _thickened(np.asarray(work, np.float32), THINNEST / 2 * pixels_per_cell)
    # Half a cell is what the grid can carry; 0.6 of a source pixel takes the steps off a small image.
    unstepped = min(0.6, 0.12 * min(frame.width, frame.height))
    sigma = max(0.5 * pixels_per_cell, unstepped * factor)
    blurred = np.asarray(cv2.GaussianBlur(work, (0, 0), sigma), np.float32)
    return _Raster(blurred, left - border, top - border, scale, sigma / pixels_per_cell)


def _without_crumbs(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = (distance > 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4, ltype=cv2.CV_32S)
    if count <= 2:  # noqa: PLR2004  # the outside and one part
        return distance
    areas = stats[:, cv2.CC_STAT_AREA]
    crumb = areas < min(SMALLEST_CRUMB * int(inside.sum()), int(areas[1:].max()))
    crumb[0] = False
    return np.where(crumb[labels], -0.5, distance)


def sample(kept: NDArray[np.float32], frame: Frame, cells: int) -> Grid:
    """The silhouette on a grid of `cells` cells along its longest side.

    Blurred coverage gives the distance to a straight outline to a small part of a cell, antialiased or not:
    it is the normal distribution's integral of it, of which the logistic function is a close, cheap inverse.
    """
    cell = max(frame.width, frame.height) / cells
    raster = _raster(kept, frame, cell)
    columns, rows = (math.ceil(side / cell - 1e-9) + 2 * MARGIN for side in (frame.width, frame.height))
    left = (frame.left + frame.right - (columns - 1) * cell) / 2
    top = (frame.top + frame.bottom - (rows - 1) * cell) / 2
    coverage = raster.at(left + np.arange(columns) * cell, top + np.arange(rows) * cell)
    coverage = np.clip(coverage, 1e-3, 1 - 1e-3)
    distance = raster.sigma / 1.702 * np.log(coverage / (1 - coverage))
    distance[[0, -1]] = distance[:, [0, -1]] = -1.0
    if not (distance > 0).any():
        # Only a speck smaller than a cell comes here: its middle stands for it.
        distance[np.unravel_index(np.argmax(coverage), coverage.shape)] = 0.5
    return Grid(_without_crumbs(distance), left, top, cell)
