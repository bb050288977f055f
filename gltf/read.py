"""What a GLB's scene shows: the one reader of files that others made.

Nothing outside the file is followed, and its size is known before its data is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.gltf.extensions import check_extensions
from meshtwin.gltf.geometry import positions_and_faces
from meshtwin.gltf.open import open_glb
from meshtwin.gltf.scene import placed_primitives

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from meshtwin.gltf.buffers import Buffers
    from meshtwin.gltf.document import Document, Primitive

_FAR = 128
"""Single precision is enough for a scene that is not farther from 0 than this, in its own extents: it rounds
to a hundred-thousandth of the extent there."""


@dataclass(frozen=True, slots=True)
class Part:
    """A primitive, placed in the scene: (n, 3) `positions` from the scene's origin, and (m, 3) `faces`.

    The vertices of the primitive come `copies` times, one after another.
    """

    primitive: Primitive
    positions: NDArray[np.float32]
    faces: NDArray[np.int32]
    copies: int


@dataclass(frozen=True, slots=True)
class Shown:
    """The triangles of a scene, and the document for what else belongs to them.

    `origin` is where the positions are counted from: 0 but for a scene that is far away, of which single
    precision would leave steps. `notes` list what of the file is left out.
    """

    document: Document
    buffers: Buffers
    parts: tuple[Part, ...]
    origin: tuple[float, float, float]
    notes: tuple[str, ...]


def read_shown(path: Path, max_faces: int, *, colors: bool = True) -> Shown:
    """All triangles of the file's scene: posed, morphed and instanced, each where its nodes put it.

    Without `colors`, extensions that change only these may be required. Positions may be not finite, and
    triangles without an area.

    Raises:
        TooManyTrianglesError: more than `max_faces`, or three times as many vertices.
        GlbError: the file is not a GLB, breaks glTF's rules, or needs an extension that is not read here.
    """
    document, buffers = open_glb(path)
    notes = check_extensions(document, colors=colors)
    placed, left_out = placed_primitives(document, buffers, max_faces)
    notes += [
        f"left out: {count} {what.format(s='s' if count > 1 else '')}" for what, count in left_out.items()
    ]
    shapes = [positions_and_faces(document, buffers, one) for one in placed]
    origin = _origin([positions for positions, _ in shapes])
    parts = []
    for one in placed:
        positions, faces = shapes.pop(0)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found not to be finite
            near = (positions - origin if origin.any() else positions).astype(np.float32)
        parts.append(Part(one.primitive, near, np.ascontiguousarray(faces), len(one.copies)))
    x, y, z = origin.tolist()
    return Shown(document, buffers, tuple(parts), (x, y, z), tuple(notes))


def _origin(positions: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """0; of a scene that is far away, about its middle.

    That is a multiple of a power of two, so that subtracting it changes nothing of what was in single
    precision already.
    """
    nowhere = np.zeros(3)
    if not positions:
        return nowhere
    # By columns, which is ten times faster than by rows.
    low = np.min([[column.min() for column in one.T] for one in positions], axis=0)
    high = np.max([[column.max() for column in one.T] for one in positions], axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        extent, middle = float((high - low).max()), low / 2 + high / 2
    if not np.isfinite([extent, *middle]).all() or extent <= 0:
        return nowhere
    if np.abs(middle).max() <= _FAR * extent:
        return nowhere
    grid = 2.0 ** np.floor(np.log2(extent) - 3)
    return np.asarray(np.round(middle / grid) * grid)
