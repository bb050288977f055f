"""The backend that needs neither weights nor a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.runtime.backends.relief.paint import paint
from meshtwin.runtime.backends.relief.shape import shape

if TYPE_CHECKING:
    from meshtwin.runtime.backends.base import Report
    from meshtwin.runtime.contract import Params
    from meshtwin.runtime.geometry.mesh import Mesh, TexturedMesh
    from meshtwin.runtime.images.decode import Subject


class ReliefBackend:
    """A subject's silhouette, inflated, with the image projected onto it."""

    name = "relief"
    device = "cpu"

    def shape(self, subject: Subject, params: Params, seed: int, report: Report) -> Mesh:
        """The silhouette as a round, closed body; see `meshtwin.runtime.backends.relief.shape`."""
        return shape(subject, params, seed, report)

    def paint(self, subject: Subject, mesh: Mesh, params: Params, seed: int, report: Report) -> TexturedMesh:
        """The mesh with the image on its front; see `meshtwin.runtime.backends.relief.paint`."""
        return paint(subject, mesh, params, seed, report)

    def peak_vram_bytes(self) -> int | None:
        """None: no GPU is used."""
        return None
