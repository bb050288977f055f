"""The picture a job starts from, decoded safely and told from its background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to become a model: `rgb` is (h, w, 3) uint8 sRGB, `mask` (h, w) float32 coverage, 0 to 1.

    `source` says how the mask was had; `whole_picture`: no subject could be told.
    """

    rgb: NDArray[np.uint8]
    mask: NDArray[np.float32]
    source: Literal["alpha", "background_removed", "whole_picture"]
