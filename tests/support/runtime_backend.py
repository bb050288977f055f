"""A backend for tests: its seed says what it does, its steps for how long.

A seed of `len(Act)` more is for paint.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.geometry.mesh import Mesh, TexturedMesh

if TYPE_CHECKING:
    from meshtwin.runtime.backends.base import Report
    from meshtwin.runtime.contract import Params
    from meshtwin.runtime.images.decode import Subject

STEP_SECONDS = 0.05


class Act(IntEnum):
    """What the backend does once its steps are through."""

    FINISH = 0
    EXIT = 1
    KILL_ITSELF = 2
    RAISE = 3
    OUT_OF_GPU_MEMORY = 4
    HANG = 5
    HOLD_THE_INTERPRETER = 6


class Scripted:
    name = "scripted"
    device = "cpu"

    def shape(self, subject: Subject, params: Params, seed: int, report: Report) -> Mesh:
        del subject
        steps = params.steps or 1
        for step in range(steps):
            report(f"wait {step}", step / steps)
            time.sleep(STEP_SECONDS)
        if seed < len(Act):
            act(Act(seed))
        return tetrahedron()

    def paint(self, subject: Subject, mesh: Mesh, params: Params, seed: int, report: Report) -> TexturedMesh:
        del params
        report("colour", 0)
        if seed > len(Act):
            act(Act(seed - len(Act)))
        return TexturedMesh(
            vertices=mesh.vertices,
            faces=mesh.faces,
            normals=mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True),
            uv=np.zeros((len(mesh.vertices), 2), np.float32),
            base_color=np.ascontiguousarray(subject.rgb[:4, :4]),
        )

    def peak_vram_bytes(self) -> int | None:
        return None


def act(what: Act) -> None:
    match what:
        case Act.FINISH:
            return
        case Act.EXIT:
            os._exit(7)
        case Act.KILL_ITSELF:
            os.kill(os.getpid(), signal.SIGKILL)
        case Act.RAISE:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        case Act.OUT_OF_GPU_MEMORY:
            raise JobError(ErrorCode.OUT_OF_GPU_MEMORY, "octree_resolution 512 needs 40 GB: 24 GB are there")
        case Act.HANG:
            time.sleep(600)
        case Act.HOLD_THE_INTERPRETER:
            # As native code does that never lets go of the interpreter's lock.
            ctypes.PyDLL(None).sleep(600)


def tetrahedron() -> Mesh:
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
    return Mesh(corners, np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32))


class Broken:
    """Cannot be loaded, now or ever."""

    def __init__(self) -> None:
        raise RuntimeError("no weights")


class NeverLoads:
    """Takes for ever to load."""

    def __init__(self) -> None:
        time.sleep(600)
