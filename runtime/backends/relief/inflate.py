"""Poisson inflation: how thick a silhouette is at each point.

Baran and Lehtinen, Notes on Inflating Curves, 2009: where the Laplacian of h is -4 inside the outline and h
is 0 on it, z = sqrt(h) makes a ball of a disc and a round limb of a strip.
http://alecjacobson.com/weblog/media/notes-on-inflating-curves-2009-baran.pdf
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAREST_OUTLINE = 0.05
"""Cells; the outline is taken to be at least this far from a node, or the equations get stiff."""

COARSEST = 20
"""Nodes along the shorter side below which no coarser grid gives a first guess."""

TOLERANCE = 1e-5
"""Residual, as a share of the right-hand side's, at which the solver stops."""


def crossing(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far from the inside node the outline cuts an edge of length 1, by the distances at both ends."""
    return np.clip(inside / (inside - outside), NEAREST_OUTLINE, 1 - NEAREST_OUTLINE)


def _diagonal(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weight of each inner node in its own equation: 1 for a neighbour inside, more for a near outline.

    The boundary stands where it is, not on a node: Gibou, Fedkiw, Cheng and Kang, A Second-Order-Accurate
    Symmetric Discretization of the Poisson Equation on Irregular Domains, 2002.
    """
    here = distance[1:-1, 1:-1]
    total = np.zeros_like(here)
    for there in (distance[:-2, 1:-1], distance[2:, 1:-1], distance[1:-1, :-2], distance[1:-1, 2:]):
        cut = (here > 0) & (there <= 0)
        total += np.where(cut, 1 / crossing(np.where(cut, here, 1.0), np.where(cut, there, -1.0)), 1.0)
    return total


def _refined(coarse: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A coarse solution on the grid of twice its nodes, in the finer grid's cells."""
    rows, columns = coarse.shape
    fine = np.zeros((2 * rows, 2 * columns))
    fine[::2, ::2] = 4 * coarse
    fine[1:-1:2, ::2] = (fine[:-2:2, ::2] + fine[2::2, ::2]) / 2
    fine[:, 1:-1:2] = (fine[:, :-2:2] + fine[:, 2::2]) / 2
    return fine[: shape[0], : shape[1]]


def _solve(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Conjugate gradients from the coarser grid's solution; only elementwise steps and NumPy's own sums.

    BLAS would share out its sums over threads, and the last bits would depend on how many there are.
    """
    inside = distance[1:-1, 1:-1] > 0
    height = np.zeros_like(distance)
    if min(distance.shape) > COARSEST:
        height = np.where(distance > 0, _refined(_solve(distance[::2, ::2]), distance.shape), 0.0)
        height[[0, -1]] = height[:, [0, -1]] = 0.0
    diagonal = _diagonal(distance)
    step = np.zeros_like(distance)

    def apply(field: NDArray[np.float64]) -> NDArray[np.float64]:
        near = field[:-2, 1:-1] + field[2:, 1:-1]
        near += field[1:-1, :-2]
        near += field[1:-1, 2:]
        return np.where(inside, diagonal * field[1:-1, 1:-1] - near, 0.0)

    residual = np.where(inside, 4.0, 0.0) - apply(height)
    goal = (TOLERANCE * 4.0) ** 2 * float(inside.sum())
    smoothed = residual / diagonal
    step[1:-1, 1:-1] = smoothed
    fit = float((residual * smoothed).sum())
    for _ in range(8 * max(distance.shape)):
        if float((residual * residual).sum()) <= goal:
            break
        moved = apply(step)
        length = fit / float((step[1:-1, 1:-1] * moved).sum())
        height += length * step
        residual -= length * moved
        smoothed = residual / diagonal
        fit, last = float((residual * smoothed).sum()), fit
        step *= fit / last
        step[1:-1, 1:-1] += smoothed
    return height


def inflate(distance: NDArray[np.float64], thickest: float) -> NDArray[np.float64]:
    """Half the thickness at each node, squared, in cells; 0 outside.

    Args:
        distance: (rows, columns), above 0 inside; near the outline the distance to it in cells.
        thickest: cells; half the thickness nears this limit and never passes it.
    """
    squared = np.where(distance > 0, np.maximum(_solve(distance), 0.0), 0.0)
    return squared / (1 + squared / thickest**2)
