"""From a subject to an untextured mesh: its silhouette, inflated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from meshtwin.runtime.backends.relief.inflate import inflate
from meshtwin.runtime.backends.relief.silhouette import Frame, Grid, clean_mask, frame_of_silhouette, sample
from meshtwin.runtime.backends.relief.surface import extract
from meshtwin.runtime.geometry.mesh import Mesh

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.runtime.backends.base import Report
    from meshtwin.runtime.contract import Params
    from meshtwin.runtime.images.decode import Subject

DEFAULT_CELLS = 128
"""Cells along the longest side where `octree_resolution` is left out."""

FEWEST_CELLS = 4
"""The coarsest grid; below 500 faces, the least that is accepted."""

ROUND = 1.5
"""The limit of half a subject's thickness, as a share of its largest inscribed circle's radius.

A disc becomes 0.83 of a ball that way, and a square about as thick; without it a square would be a ball.
"""

SLAB = 0.12
"""The same where the whole image is the subject: it becomes a cushion and not a ball."""

RAMP = 3
"""Cells from the frame's edge over which the outline is drawn onto it."""


def _thickest(grid: Grid, subject: Subject) -> float:
    inside = (grid.distance > 0).astype(np.uint8)
    radius = float(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
    return max(1.0, radius * (SLAB if subject.mask_source == "whole_picture" else ROUND))


def _onto(values: NDArray[np.float64], low: float, high: float, ramp: float) -> NDArray[np.float64]:
    """The values with their extremes brought to `low` and `high` exactly; what is further in stays.

    Sampling rounds the tip of a silhouette off by part of a cell, and paint needs the frame met exactly.
    """
    a, b = float(values.min()), float(values.max())
    if max(abs(a - low), abs(b - high)) > ramp / 2 or b - a < 2 * ramp:
        return low + (values - a) * ((high - low) / (b - a))
    moved = values + (low - a) * np.clip(1 - (values - a) / ramp, 0, 1)
    return np.asarray(moved + (high - b) * np.clip(1 - (b - values) / ramp, 0, 1))


def _placed(points: NDArray[np.float64], grid: Grid, frame: Frame) -> NDArray[np.float32]:
    """From cells to glTF's axes, the longest side 2, centred on 0."""
    scale = 2 / max(frame.width, frame.height)
    x = _onto(grid.left + points[:, 0] * grid.cell, frame.left, frame.right, RAMP * grid.cell)
    y = _onto(grid.top + points[:, 1] * grid.cell, frame.top, frame.bottom, RAMP * grid.cell)
    return np.stack(
        [
            (x - (frame.left + frame.right) / 2) * scale,
            ((frame.top + frame.bottom) / 2 - y) * scale,
            points[:, 2] * grid.cell * scale,
        ],
        axis=1,
    ).astype(np.float32)


def _mesh(kept: NDArray[np.float32], frame: Frame, subject: Subject, cells: int) -> Mesh:
    grid = sample(kept, frame, cells)
    height = inflate(grid.distance, _thickest(grid, subject))
    points, faces = extract(height, grid.distance)
    return Mesh(_placed(points, grid, frame), faces)


def _mesh_of_faces(
    kept: NDArray[np.float32], frame: Frame, subject: Subject, finest: int, target: int
) -> Mesh:
    """The mesh on the finest grid, up to `finest` cells, that has no more than `target` faces."""
    cells = min(finest, max(FEWEST_CELLS, math.isqrt(target) // 2))
    while True:
        mesh = _mesh(kept, frame, subject, cells)
        over = len(mesh.faces) > target
        if over:
            finest = max(FEWEST_CELLS, cells - 1)
        # Faces grow with the square of the cells.
        fitting = int(cells * math.sqrt(target / len(mesh.faces)) * 0.985)
        wanted = min(finest, max(FEWEST_CELLS, fitting))
        if wanted == cells or (wanted < cells and not over):
            return mesh
        cells = wanted


def shape(subject: Subject, params: Params, seed: int, report: Report) -> Mesh:
    """The subject's silhouette as a closed body, round and thickest in the middle, front and back the same.

    `params.octree_resolution` is the number of cells along the longest side (128 where left out). With
    `params.target_faces` the grid is as fine as that number of faces allows, and never finer than requested.
    Parts under 1 % of the silhouette are left out; gaps and holes narrower than a cell close; what is thinner
    than 1.5 cells is thickened to that.

    The mesh's front view fills `silhouette.frame_of(subject)`, which maps it back to pixels. `seed` changes
    nothing: nothing here is random.

    Raises:
        ValueError: where the mask has no pixel of coverage 0.5 or more; `find_subject` excludes that.
    """
    del seed
    report("silhouette", 0.0)
    kept = clean_mask(subject.mask)
    frame = frame_of_silhouette(kept)
    cells = params.octree_resolution or DEFAULT_CELLS
    target = params.target_faces
    report("inflate", 0.1)
    if target is None:
        return _mesh(kept, frame, subject, cells)
    return _mesh_of_faces(kept, frame, subject, cells, target)
