"""Colours for a mesh from one image, by projecting it from the front.

What faces the front takes the image's colours, what faces away takes a plain version of them. A part of
the front that another part hides (an arm behind a shield, in another mesh) takes the plain version
too: it is the colour around there without the features of what hides it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from meshtwin.runtime.backends.relief.atlas import back_chart, front_chart, layout
from meshtwin.runtime.backends.relief.silhouette import frame_of
from meshtwin.runtime.geometry.mesh import TexturedMesh
from meshtwin.runtime.geometry.raster import rasterize
from meshtwin.runtime.geometry.weld import face_normals, smooth_normals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.runtime.backends.base import Report
    from meshtwin.runtime.backends.relief.atlas import Layout
    from meshtwin.runtime.contract import Params
    from meshtwin.runtime.geometry.mesh import Mesh
    from meshtwin.runtime.geometry.raster import Raster
    from meshtwin.runtime.images.decode import Subject

SILHOUETTE_SIDE = 256
"""Pixels of the small front view that shows where the mesh's outline is and what hides what."""

BEHIND = 0.03
"""Of the mesh's size: a face this much farther than what the front view sees there is hidden."""


def paint(
    subject: Subject,
    mesh: Mesh,
    params: Params,
    seed: int,  # noqa: ARG001  # the seam hands it to every backend; projecting needs no chance
    report: Report,
) -> TexturedMesh:
    """`mesh`, its surface and position unchanged, with the subject's colours.

    The box around the mesh, seen along z, is laid on the box around the subject's outline. Vertices where the
    front meets the back stand in the result twice, those of no face not at all.

    Args:
        subject: The image, of any size.
        mesh: Any triangles, at any scale and position, their front towards +Z.
        params: `texture_size` is the atlas's longest side; rounded down to a power of two.
        seed: Not used.
        report: Called with the steps.
    """
    report("project the image", 0.0)
    frame = frame_of(subject)
    chart = layout(frame, params.texture_size)
    front = front_chart(subject, frame, chart)
    report("find what faces the front", 0.4)
    across, down, toward = _fractions(mesh.vertices)
    seen = _front_view(across, down, toward, mesh.faces)
    faces_front = _faces_front(mesh, across, down, toward, seen)
    report("paint the back", 0.6)
    back = back_chart(front, _depth(seen, chart))
    report("split the seam", 0.8)
    keep, faces, on_back = _split(len(mesh.vertices), mesh.faces, faces_front)
    pixels = chart.pixels(across, down)[keep]
    pixels[on_back, 0] += chart.side
    return TexturedMesh(
        vertices=mesh.vertices[keep],
        faces=faces,
        normals=smooth_normals(mesh.vertices, mesh.faces)[keep],
        uv=(pixels / [2 * chart.side, chart.side]).astype(np.float32),
        base_color=np.hstack([front, back]),
    )


def _fractions(
    vertices: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Each vertex's position in the mesh's box, 0 to 1: to the right, downwards, towards the viewer."""
    points = vertices.astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = high - low
    # Without extent (a plane seen from its edge) everything lies in the middle.
    inside = np.divide(points - low, extent, out=np.full_like(points, 0.5), where=extent > 0)
    return inside[:, 0], 1 - inside[:, 1], inside[:, 2]


def _front_view(
    across: NDArray[np.float64],
    down: NDArray[np.float64],
    toward: NDArray[np.float64],
    faces: NDArray[np.int32],
) -> Raster:
    """What is seen of the mesh from the front, its box filling the view."""
    points = np.stack([across * SILHOUETTE_SIDE, down * SILHOUETTE_SIDE, toward], axis=1)
    return rasterize(points, faces, SILHOUETTE_SIDE, SILHOUETTE_SIDE)


def _faces_front(
    mesh: Mesh,
    across: NDArray[np.float64],
    down: NDArray[np.float64],
    toward: NDArray[np.float64],
    seen: Raster,
) -> NDArray[np.bool_]:
    """Which faces take the image's own colours."""
    sides = np.sign(toward - 0.5, where=np.abs(toward - 0.5) > 1e-6, out=np.zeros_like(toward))  # noqa: PLR2004
    corners = sides[mesh.faces]
    if ((corners.max(axis=1) - corners.min(axis=1)) < 2).all() and (corners.sum(axis=1) != 0).all():  # noqa: PLR2004
        # The mesh is two halves that meet in a plane, as our own are: no jagged seam from rim normals.
        return np.asarray(corners.sum(axis=1) > 0)
    x, y, z = (values[mesh.faces].mean(axis=1) for values in (across, down, toward))
    column, row = (
        (values * SILHOUETTE_SIDE).astype(np.intp).clip(0, SILHOUETTE_SIDE - 1) for values in (x, y)
    )
    return np.asarray(
        (face_normals(mesh.vertices, mesh.faces)[:, 2] >= 0) & (z >= seen.depth[row, column] - BEHIND)
    )


def _depth(seen: Raster, chart: Layout) -> NDArray[np.float32]:
    """How deep within the mesh's outline each pixel of the chart lies, in pixels, 0 outside."""
    left, top, right, bottom = chart.box
    size = SILHOUETTE_SIDE / (right - left), SILHOUETTE_SIDE / (bottom - top)
    matrix = np.array([[1 / size[0], 0, left], [0, 1 / size[1], top]])
    silhouette = cv2.warpAffine(
        seen.covered.astype(np.uint8), matrix, (chart.side, chart.side), flags=cv2.INTER_NEAREST
    )
    return np.asarray(cv2.distanceTransform(silhouette, cv2.DIST_L2, 5), np.float32)


def _split(
    vertices: int, faces: NDArray[np.int32], front: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.bool_]]:
    """The old vertex of each new one, the faces in new vertices, and which new vertices are the back's."""
    used = np.zeros((2, vertices), np.bool_)
    used[0, faces[front]] = True
    used[1, faces[~front]] = True
    new = np.cumsum(used.ravel(), dtype=np.int32).reshape(2, vertices) - 1
    renamed = np.where(front[:, None], new[0][faces], new[1][faces]).astype(np.int32)
    side, keep = np.nonzero(used)
    return keep, renamed, side == 1
