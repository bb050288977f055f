"""Compiled loops that drop redundant boxes, and shrink the others to their needed extent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.kernels.compiled import compiled, inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEVER = np.int32(2**31 - 1)


@compiled
def prune(target: NDArray[np.int16], steps: NDArray[np.int64], boxes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of `boxes` are needed; those shrink in place, as far as the resulting world stays the same.

    `boxes` is (n, 7) int32 in the order of `covering.cover`: the last painted comes first. `target` is (n,)
    int16, the state that each cell must have: a box of this state is right for the cell, any other is wrong.
    Of the boxes over one cell only those count that come before the first wrong one: while one of these
    stays, the cell is right.
    """
    right = np.zeros(target.size, np.int32)
    wrong = np.full(target.size, NEVER, np.int32)
    for i in range(len(boxes)):
        _count(target, steps, boxes[i], i, right, wrong)
    needed_boxes = np.ones(len(boxes), np.bool_)
    needed = np.empty(6, np.int32)
    for i in range(len(boxes)):
        needed_boxes[i] = _needed(steps, boxes[i], i, right, wrong, needed)
        _release(steps, boxes[i], i, right, wrong, needed)
        boxes[i, :6] = needed
    return needed_boxes


@inner
def _count(
    target: NDArray[np.int16],
    steps: NDArray[np.int64],
    box: NDArray[np.int32],
    index: int,
    right: NDArray[np.int32],
    wrong: NDArray[np.int32],
) -> None:
    for x in range(box[0], box[3] + 1):
        for y in range(box[1], box[4] + 1):
            row = x * steps[0] + y * steps[1]
            for cell in range(row + box[2], row + box[5] + 1):
                if wrong[cell] == NEVER:
                    if target[cell] == box[6]:
                        right[cell] += 1
                    else:
                        wrong[cell] = index


@inner
def _needed(
    steps: NDArray[np.int64],
    box: NDArray[np.int32],
    index: int,
    right: NDArray[np.int32],
    wrong: NDArray[np.int32],
    needed: NDArray[np.int32],
) -> bool:
    """Whether some cell depends on this box alone; `needed` becomes the extent of such cells."""
    needed[:3], needed[3:] = NEVER, -1
    for x in range(box[0], box[3] + 1):
        for y in range(box[1], box[4] + 1):
            row = x * steps[0] + y * steps[1]
            for z in range(box[2], box[5] + 1):
                if right[row + z] == 1 and index < wrong[row + z]:
                    needed[0], needed[3] = min(needed[0], x), max(needed[3], x)
                    needed[1], needed[4] = min(needed[1], y), max(needed[4], y)
                    needed[2], needed[5] = min(needed[2], z), max(needed[5], z)
    return needed[3] >= 0  # type: ignore[no-any-return]  # an element of an int32 array


@inner
def _release(
    steps: NDArray[np.int64],
    box: NDArray[np.int32],
    index: int,
    right: NDArray[np.int32],
    wrong: NDArray[np.int32],
    needed: NDArray[np.int32],
) -> None:
    """Subtract the box from the counts outside its new extent."""
    for x in range(box[0], box[3] + 1):
        for y in range(box[1], box[4] + 1):
            row = x * steps[0] + y * steps[1]
            stays = needed[0] <= x <= needed[3] and needed[1] <= y <= needed[4]
            for z in range(box[2], box[5] + 1):
                if stays and needed[2] <= z <= needed[5]:
                    continue
                if index < wrong[row + z]:
                    right[row + z] -= 1
