"""One job, from its first object fetched to its last one stored."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.runtime.contract import (
    ErrorCode,
    InvocationRequest,
    InvocationResponse,
    JobError,
    Metrics,
    Progress,
    Stage,
)
from meshtwin.runtime.jobs.messages import Began, Done, Job, Written
from meshtwin.runtime.jobs.progress import ProgressObject
from meshtwin.runtime.jobs.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from structlog.typing import FilteringBoundLogger

    from meshtwin.runtime.jobs.halt import Halt
    from meshtwin.runtime.jobs.scratch import Scratch
    from meshtwin.runtime.jobs.storage import Storage
    from meshtwin.runtime.jobs.supervisor import Supervisor
    from meshtwin.runtime.settings import Settings

FETCHING = 0.03
STORING = 0.04
"""Shares of a job that its transfers are taken to have, for its progress."""

PATIENCE_SECONDS = 1.0
"""How long a job that is over its time may take to reach its next step before its worker is killed."""


@dataclass(frozen=True)
class Means:
    """What jobs are done with."""

    settings: Settings
    storage: Storage
    supervisor: Supervisor
    scratch: Scratch
    transfers: Executor


class Attempt:
    """A job at work. What it made is in S3 when `run` returns; a JobError names what is there all the same.

    An object is replaced whole or not at all, and none is deleted: what an earlier job left stays until then.
    """

    def __init__(
        self, means: Means, request: InvocationRequest, halt: Halt, told: FilteringBoundLogger
    ) -> None:
        self._means = means
        self._request = request
        self._halt = halt
        self._told = told
        self._stage: Stage = Stage.SHAPE if request.stage is Stage.FULL else request.stage
        self._watch = Stopwatch(self._step_ended)
        self._written: list[str] = []
        self._stored: dict[str, str] = {}

    async def run(self) -> InvocationResponse:
        """Do the job, within its deadline.

        Raises:
            JobError: with the code that the caller is to see.
            JobHaltedError: nobody wants it any more.
        """
        seconds = self._means.settings.job_deadline_seconds
        overdue = JobError(
            ErrorCode.DEADLINE_EXCEEDED, f"not done within RUNTIME_JOB_DEADLINE_SECONDS={seconds:g}"
        )
        alarm = asyncio.get_running_loop().call_later(
            seconds, partial(self._halt.ask, overdue, patience=PATIENCE_SECONDS)
        )
        try:
            return await self._run()
        except JobError as error:
            error.outputs = dict(self._stored)
            raise
        finally:
            alarm.cancel()

    async def _run(self) -> InvocationResponse:
        with self._means.scratch.job() as folder:
            async with self._progress_object() as progress:
                job = await self._fetch(Path(folder))
                try:
                    done = await self._work(job, progress)
                except JobError:
                    await self._keep(job)
                    raise
                self._watch.begin("upload")
                progress.tell(self._progress("upload", 1 - STORING))
                for name in job.outputs:
                    self._halt.check()
                    await self._store(name, job)
                self._watch.end()
        return self._answer(job, done)

    def _progress_object(self) -> ProgressObject:
        means, location = self._means, self._request.progress_location()
        first = self._progress("download", 0)
        return ProgressObject(means.storage, means.transfers, location, first, self._halt)

    async def _fetch(self, folder: Path) -> Job:
        settings, request = self._means.settings, self._request
        self._watch.begin("download")
        self._halt.check()
        picture, shape = folder / "picture", None
        await self._download(request.input_s3, picture, settings.max_picture_bytes)
        if request.shape_s3 is not None:
            shape = folder / "input.glb"
            await self._download(request.shape_s3, shape, settings.max_mesh_bytes)
        return Job(
            stage=request.stage,
            picture=str(picture),
            shape=None if shape is None else str(shape),
            outputs={name: str(folder / f"{name}.glb") for name in request.outputs()},
            params=request.params,
            seed=request.params.seed or 0,
        )

    async def _download(self, location: str, path: Path, limit: int) -> None:
        storage = self._means.storage
        # It may hang on a storage that does not answer, and has nothing to undo: it can end by itself.
        await self._transfer(partial(storage.download, location, path, limit, self._halt.check), linger=0)

    async def _transfer(self, call: Callable[[], None], *, linger: float | None) -> None:
        """Make the call in a thread; a halted job waits `linger` seconds more for it, None: to its end."""
        transfer = asyncio.get_running_loop().run_in_executor(self._means.transfers, call)
        asked = asyncio.create_task(self._halt.wait())
        await asyncio.wait({transfer, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        await asyncio.wait({transfer}, timeout=self._halt.patience if self._halt.final else linger)
        if not transfer.done():
            transfer.add_done_callback(asyncio.Future.exception)
            self._halt.check()
        transfer.result()

    async def _work(self, job: Job, progress: ProgressObject) -> Done:
        def tell(message: Began | Written) -> None:
            if isinstance(message, Written):
                self._written.append(message.output)
                return
            self._stage = message.stage
            self._watch.begin(message.step)
            fraction = FETCHING + (1 - FETCHING - STORING) * message.fraction
            progress.tell(self._progress(message.step, fraction))

        await self._means.supervisor.wait_ready(self._halt)
        return await self._means.supervisor.run(job, tell, self._halt)

    async def _store(self, name: str, job: Job) -> None:
        location = self._request.outputs()[name]
        # To its end: left alone, it might land after the output of the caller's next try.
        await self._transfer(
            partial(self._means.storage.upload, Path(job.outputs[name]), location), linger=None
        )
        self._stored[name] = location

    async def _keep(self, job: Job) -> None:
        """Store what was finished before the job failed, unless the process is about to end."""
        for name in self._written:
            if not self._halt.final:
                with contextlib.suppress(JobError):
                    await self._store(name, job)

    def _progress(self, step: str, fraction: float) -> Progress:
        return Progress(
            stage=self._stage,
            step=step,
            fraction=round(fraction, 4),
            message=f"{self._stage}: {step.rpartition('.')[2]}",
        )

    def _step_ended(self, step: str, seconds: float) -> None:
        self._told.info("step", step=step, seconds=seconds)

    def _answer(self, job: Job, done: Done) -> InvocationResponse:
        supervisor = self._means.supervisor
        metrics = Metrics(
            **done.model_dump(exclude={"type"}),
            seconds=self._watch.seconds,
            seed=job.seed,
            backend=supervisor.backend or "",
            device=supervisor.device or "",
        )
        return InvocationResponse(stage=self._request.stage, outputs=self._request.outputs(), metrics=metrics)
