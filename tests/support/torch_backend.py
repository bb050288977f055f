"""A torch backend for tests: what it is asked for, it takes of its device's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from meshtwin.runtime import device
from tests.support.runtime_backend import Scripted

if TYPE_CHECKING:
    from meshtwin.runtime.backends.base import Report
    from meshtwin.runtime.contract import Params
    from meshtwin.runtime.geometry.mesh import Mesh
    from meshtwin.runtime.images.decode import Subject

MEBIBYTE = 2**20
EVERYTHING = 512
"""The octree_resolution that asks for more than any device has."""


class Allocating(Scripted):
    """Holds `octree_resolution` MiB while it works at a shape, and a mesh of its own after that."""

    name = "allocating"

    def __init__(self) -> None:
        self.device = device.choose()
        # As weights are: there before any job, and part of what each takes.
        self._weights = torch.ones(MEBIBYTE, dtype=torch.uint8, device=self.device)

    def shape(self, subject: Subject, params: Params, seed: int, report: Report) -> Mesh:
        report("allocate", 0)
        size = params.octree_resolution or 32
        times = 10**6 if size == EVERYTHING else 1
        taken = [torch.zeros(size * MEBIBYTE, dtype=torch.uint8, device=self.device) for _ in range(times)]
        assert int(taken[0].sum()) == 0
        return super().shape(subject, params, seed, report)

    def peak_vram_bytes(self) -> int | None:
        return device.peak_bytes(self.device)
