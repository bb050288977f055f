"""The interface between the worker and a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.runtime.contract import Params
    from meshtwin.runtime.geometry.mesh import Mesh, TexturedMesh
    from meshtwin.runtime.images.decode import Subject

    Report = Callable[[str, float], None]
    """Called as a step begins, with its name and the fraction of the stage that is done, 0 to 1."""


class Backend(Protocol):
    """Turns a subject into a mesh, and a mesh into a textured one.

    Both calls are deterministic for the same arguments and seed, and keep no state between jobs.
    """

    name: str
    device: str

    def shape(self, subject: Subject, params: Params, seed: int, report: Report) -> Mesh:
        """The untextured mesh, glTF axes (+Y up, +Z to the viewer), its longest side 2, centred on 0.

        Raises:
            meshtwin.runtime.contract.JobError: with the code that the caller is to see.
        """
        ...

    def paint(self, subject: Subject, mesh: Mesh, params: Params, seed: int, report: Report) -> TexturedMesh:
        """The same surface with the subject's colours; `mesh` may have any scale and position."""
        ...

    def peak_vram_bytes(self) -> int | None:
        """The peak of GPU memory since the job began; None without a GPU."""
        ...
