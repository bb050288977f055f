"""Removes small disconnected parts from a model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.read.model import Model, Primitive
    from meshtwin.minecraft.voxel.voxelize.lattice import Lattice


def without(model: Model, lattice: Lattice, dropped: NDArray[np.bool_]) -> Model:
    """The model without the triangles that have a corner in a `dropped` cell (x, y, z).

    All cells that a triangle touches are connected, so one corner speaks for the others.
    """
    return replace(
        model, primitives=tuple(_without(primitive, lattice, dropped) for primitive in model.primitives)
    )


def _without(primitive: Primitive, lattice: Lattice, dropped: NDArray[np.bool_]) -> Primitive:
    used = primitive.faces
    x, y, z = lattice.cells(primitive.positions).T
    gone = dropped[x, y, z]
    return replace(primitive, faces=used[~gone[used].any(axis=1)])
