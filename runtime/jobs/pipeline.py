"""A job in the worker: read the inputs, run the stages, write the outputs, report each step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from meshtwin.runtime.contract import Stage
from meshtwin.runtime.geometry.glb_read import read_glb
from meshtwin.runtime.geometry.glb_write import write_glb
from meshtwin.runtime.geometry.topology import describe
from meshtwin.runtime.images.decode import find_subject, open_image
from meshtwin.runtime.jobs.messages import Done, Job, JobEvent, OutputWritten, StepStarted

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.runtime.backends.base import Backend, Report
    from meshtwin.runtime.geometry.mesh import Mesh, TexturedMesh
    from meshtwin.runtime.images.decode import Subject

    Emit = Callable[[JobEvent], None]

READING = 0.08
WRITING = 0.05
"""Estimated shares of the work: reading the inputs, writing the outputs."""


def run_job(backend: Backend, job: Job, emit: Emit) -> Done:
    """Run the job. Each output is written as soon as its stage is done: a later failure does not lose it.

    Raises:
        meshtwin.runtime.contract.JobError: the inputs are invalid, or the backend fails.
    """
    # The last bit of what Intel's IPP computes depends on where in memory a buffer lies, so that the same job
    # would not give the same bytes twice: https://github.com/opencv/opencv/issues/24082. It is off for the
    # calling thread alone.
    cv2.ipp.setUseIPP(False)
    stages = [Stage.SHAPE, Stage.PAINT] if job.stage is Stage.FULL else [job.stage]
    subject, mesh = _read(job, stages[0], emit)
    result: Mesh | TexturedMesh
    for number, stage in enumerate(stages):
        report = reporter(stage, number, len(stages), emit)
        if stage is Stage.SHAPE:
            name, result = "shape", backend.shape(subject, job.params, job.seed, report)
            mesh = result
        else:
            assert mesh is not None
            name, result = "textured", backend.paint(subject, mesh, job.params, job.seed, report)
        fraction = READING + (number + 1) * (1 - READING - WRITING) / len(stages)
        emit(StepStarted(stage=stage, step="encode", fraction=fraction))
        Path(job.outputs[name]).write_bytes(write_glb(result, origin=mesh.origin))
        emit(OutputWritten(output=name))
    emit(StepStarted(stage=stages[-1], step="inspect", fraction=1 - WRITING / 2))
    assert mesh is not None
    watertight = describe(mesh).watertight
    return Done(
        vertices=len(result.vertices),
        faces=len(result.faces),
        watertight=watertight,
        subject=subject.mask_source,
        peak_vram_bytes=backend.peak_vram_bytes(),
        notes=list(mesh.notes),
    )


def _read(job: Job, stage: Stage, emit: Emit) -> tuple[Subject, Mesh | None]:
    emit(StepStarted(stage=stage, step="decode", fraction=0))
    image = open_image(Path(job.image))
    mesh = None if job.shape is None else read_glb(Path(job.shape))
    emit(StepStarted(stage=stage, step="cutout", fraction=READING / 2))
    return find_subject(image, job.params.remove_background, seed=job.seed), mesh


def reporter(stage: Stage, number: int, stages: int, emit: Emit) -> Report:
    """A `report` for the `number`-th of `stages` stages, which share what reading and writing leave."""
    share = (1 - READING - WRITING) / stages

    def report(step: str, fraction: float) -> None:
        inside = min(1.0, max(0.0, fraction))
        emit(StepStarted(stage=stage, step=f"{stage}.{step}", fraction=READING + (number + inside) * share))

    return report
