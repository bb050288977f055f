"""Reduces a palette to a few blocks: k-medoids over the build's colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.appearance import HIDDEN, VIEWS
from meshtwin.minecraft.voxel.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.appearance import BlockAppearance

_STEP = 0.02
"""Width of a bin of colours, about what one can just see."""

_MAX_BINS = 1 << 13
_MAX_CELLS = 1 << 16
"""Of more cells, a sample of about this many is used."""

_SWAPS = 16


def reduce_palette(
    appearance: BlockAppearance, points: NDArray[np.float32], views: NDArray[np.uint8], most: int
) -> NDArray[np.int64]:
    """At most `most` blocks with the least total distance from all visible cells to the nearest, ascending.

    k-medoids over bins of similar colours: grown greedily, then improved by swaps, the best first, so that
    the same build always gets the same blocks.
    """
    blocks = appearance.space.shape[2]
    if most >= blocks:
        return np.arange(blocks)
    means, bin_views, weights = _bins(points, views)
    cost = np.empty((len(means), blocks), np.float32)
    for view in range(VIEWS):
        here = np.flatnonzero(bin_views == view)
        apart = means[here, :, None] - appearance.space[view]
        cost[here] = np.sqrt(np.einsum("icb,icb->ib", apart, apart))
    chosen = _grow(cost, weights, most)
    for _ in range(_SWAPS):
        if not _swap(cost, weights, chosen):
            break
    return np.unique(chosen)


def _bins(
    points: NDArray[np.float32], views: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]:
    """Mean points, views and cell counts of bins of visible cells, as fine as the maximum of bins allows."""
    seen = np.flatnonzero(views != HIDDEN)
    if len(seen) > _MAX_CELLS:
        # Scattered by Fibonacci hashing: every second cell of a symmetric shape may be one side of it.
        scatter = np.arange(len(seen), dtype=np.uint32) * np.uint32(2654435769)
        seen = seen[scatter < (1 << 32) * _MAX_CELLS // len(seen)]
    points, views = points[seen], views[seen]
    step = _STEP
    while True:
        low = points.min(axis=0, initial=0)
        steps = np.floor((points - low) / step).astype(np.int64)
        widths = steps.max(axis=0, initial=0) + 1
        keys = ((views * widths[0] + steps[:, 0]) * widths[1] + steps[:, 1]) * widths[2] + steps[:, 2]
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        if len(first) <= _MAX_BINS:
            break
        step *= 1.5
    counts = np.bincount(which, minlength=len(first))
    sums = [np.bincount(which, points[:, axis], len(first)) for axis in range(3)]
    means = (np.stack(sums, axis=1) / counts[:, None]).astype(np.float32)
    return means, views[first], counts.astype(np.float32)


@compiled
def _grow(cost: NDArray[np.float32], weights: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Add one block after the other, each the one that reduces the cost most."""
    bins, blocks = cost.shape
    near = np.full(bins, cost.max() if bins else 0, np.float32)
    chosen = np.empty(most, np.int64)
    for turn in range(most):
        gain = np.zeros(blocks, np.float64)
        for i in range(bins):
            for k in range(blocks):
                gain[k] += weights[i] * max(near[i] - cost[i, k], np.float32(0))
        for k in chosen[:turn]:
            gain[k] = -1
        best = np.argmax(gain)
        chosen[turn] = best
        for i in range(bins):
            near[i] = min(near[i], cost[i, best])
    return chosen


@compiled
def _swap(cost: NDArray[np.float32], weights: NDArray[np.float32], chosen: NDArray[np.int64]) -> bool:
    """Exchange one chosen block for one that is not, in place, where any exchange saves; whether one did.

    All exchanges at once, as FastPAM does: https://arxiv.org/abs/1810.05691
    """
    bins, blocks = cost.shape
    change = np.zeros((blocks, len(chosen)), np.float64)
    shared = np.zeros(blocks, np.float64)
    for i in range(bins):
        first, near, second = _nearest_two(cost[i], chosen)
        for k in range(blocks):
            saved = min(cost[i, k] - near, np.float32(0))
            shared[k] += weights[i] * saved
            change[k, first] += weights[i] * (min(cost[i, k], second) - near - saved)
    best, best_k, best_m = -1e-6 * weights.sum(), -1, -1
    for k in range(blocks):
        for m in range(len(chosen)):
            if shared[k] + change[k, m] < best:
                best, best_k, best_m = shared[k] + change[k, m], k, m
    if best_k < 0:
        return False
    chosen[best_m] = best_k
    return True


@compiled
def _nearest_two(cost: NDArray[np.float32], chosen: NDArray[np.int64]) -> tuple[int, np.float32, np.float32]:
    """Which of the chosen is nearest, how near it is, and how near the next; infinity without one."""
    first, near, second = 0, np.float32(np.inf), np.float32(np.inf)
    for m in range(len(chosen)):
        far = cost[chosen[m]]
        if far < near:
            first, near, second = m, far, near
        elif far < second:
            second = far
    return first, near, second
