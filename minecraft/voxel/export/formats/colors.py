"""Reduces many colours to few, and finds the nearest of some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.color.spaces import linear_from_srgb, oklab

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Color = tuple[int, int, int]
"""sRGB, 0..255 each."""


def colors_of(states: Sequence[str], colors: Mapping[str, Color]) -> NDArray[np.uint8]:
    """The states' colours, (n, 3).

    Raises:
        ValueError: a state has none, or one out of range; it names them.
    """
    missing = [state for state in states if state not in colors]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""  # noqa: PLR2004  # enough to see which
        raise ValueError(f"no colour for {', '.join(missing[:3])}{more}: give each state of the build one")
    found = np.array([colors[state] for state in states], np.int64).reshape(-1, 3)
    if found.size and not 0 <= found.min() <= found.max() <= 255:  # noqa: PLR2004  # a byte
        wrong = next(state for state in states if not all(0 <= part <= 255 for part in colors[state]))  # noqa: PLR2004
        raise ValueError(f"colour {colors[wrong]} of {wrong}: expected red, green and blue of 0..255")
    return found.astype(np.uint8)


def reduce_colors(
    colors: NDArray[np.uint8], weights: NDArray[Any], most: int
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """At most `most` colours, (k, 3), and for each of `colors` the one that stands for it, (n,).

    Equal colours are one. Where they are still too many, groups are split where they differ most, a colour
    counting by its weight, and each group has its mean.
    """
    distinct, which = np.unique(colors, axis=0, return_inverse=True)
    which = which.reshape(-1)
    if len(distinct) <= most:
        return distinct, which
    counts = np.bincount(which, weights, len(distinct)).clip(1)
    groups = _split(distinct.astype(np.float64), counts, most)
    shared = np.empty((most, 3), np.uint8)
    group_of = np.empty(len(distinct), np.intp)
    for index, group in enumerate(groups):
        shared[index] = np.rint(np.average(distinct[group], axis=0, weights=counts[group]))
        group_of[group] = index
    return shared, group_of[which]


def _split(colors: NDArray[np.float64], counts: NDArray[Any], most: int) -> list[NDArray[np.intp]]:
    """Indices of the colours in `most` groups; the one with the largest squared error is split next."""
    groups = [np.arange(len(colors))]
    errors = [_error(colors[groups[0]], counts[groups[0]])]
    while len(groups) < most:
        worst = int(np.argmax([total.sum() for total in errors]))
        group, axis = groups[worst], int(np.argmax(errors[worst]))
        along = colors[group, axis]
        high = along > np.average(along, weights=counts[group])
        halves = [group[~high], group[high]]
        groups[worst : worst + 1] = halves
        errors[worst : worst + 1] = [_error(colors[half], counts[half]) for half in halves]
    return groups


def _error(colors: NDArray[np.float64], counts: NDArray[Any]) -> NDArray[Any]:
    """Squared distance to the mean, for each of the three axes."""
    apart: NDArray[Any] = counts @ (colors - np.average(colors, axis=0, weights=counts)) ** 2
    return apart


def nearest(colors: NDArray[np.uint8], among: NDArray[np.uint8]) -> NDArray[np.intp]:
    """For each of `colors`, (n, 3), the nearest of `among`, (k, 3), in OKLab: the first where several are."""
    one, other = (oklab(linear_from_srgb(values)) for values in (colors, among))
    closest: NDArray[np.intp] = ((one[:, None] - other[None]) ** 2).sum(2).argmin(1)
    return closest
