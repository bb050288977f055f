"""One job in the HTTP process: download the inputs, have the worker run it, upload the outputs."""

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
from meshtwin.runtime.jobs.messages import Done, Job, JobEvent, OutputWritten
from meshtwin.runtime.jobs.progress import ProgressObject
from meshtwin.runtime.jobs.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from structlog.typing import FilteringBoundLogger

    from meshtwin.runtime.jobs.cancellation import CancellationToken
    from meshtwin.runtime.jobs.scratch import Scratch
    from meshtwin.runtime.jobs.storage import Storage
    from meshtwin.runtime.jobs.supervisor import Supervisor
    from meshtwin.runtime.settings import Settings

FETCHING = 0.03
STORING = 0.04
"""Estimated shares of a job, for its progress: downloads, uploads."""

CANCEL_GRACE_SECONDS = 1.0
"""How long a job past its deadline may take to reach its next step before its worker is killed."""


@dataclass(frozen=True)
class Dependencies:
    """What every job run shares."""

    settings: Settings
    storage: Storage
    supervisor: Supervisor
    scratch: Scratch
    transfers: Executor


class JobRun:
    """A running job. Its outputs are in S3 when `run` returns; a JobError lists those that are there anyway.

    Outputs are replaced atomically and never deleted: the result of an earlier job stays until then.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        request: InvocationRequest,
        token: CancellationToken,
        job_log: FilteringBoundLogger,
    ) -> None:
        self._dependencies = dependencies
        self._request = request
        self._token = token
        self._log = job_log
        self._stage: Stage = Stage.SHAPE if request.stage is Stage.FULL else request.stage
        self._watch = Stopwatch(self._step_ended)
        self._written: list[str] = []
        self._stored: dict[str, str] = {}

    async def run(self) -> InvocationResponse:
        """Run the job within its deadline.

        Raises:
            JobError: with the code that the caller is to see.
            JobCancelledError: the client has disconnected.
        """
        seconds = self._dependencies.settings.job_deadline_seconds
        overdue = JobError(
            ErrorCode.DEADLINE_EXCEEDED, f"not done within RUNTIME_JOB_DEADLINE_SECONDS={seconds:g}"
        )
        alarm = asyncio.get_running_loop().call_later(
            seconds, partial(self._token.cancel, overdue, grace=CANCEL_GRACE_SECONDS)
        )
        try:
            return await self._run()
        except JobError as error:
            error.outputs = dict(self._stored)
            raise
        finally:
            alarm.cancel()

    async def _run(self) -> InvocationResponse:
        with self._dependencies.scratch.job() as folder:
            async with self._progress_object() as progress:
                job = await self._fetch(Path(folder))
                try:
                    done = await self._run_in_worker(job, progress)
                except JobError:
                    await self._store_finished(job)
                    raise
                self._watch.begin("upload")
                progress.update(self._progress("upload", 1 - STORING))
                for name in job.outputs:
                    self._token.check()
                    await self._store(name, job)
                self._watch.end()
        return self._response(job, done)

    def _progress_object(self) -> ProgressObject:
        dependencies, location = self._dependencies, self._request.progress_location()
        first = self._progress("download", 0)
        return ProgressObject(dependencies.storage, dependencies.transfers, location, first, self._token)

    async def _fetch(self, folder: Path) -> Job:
        settings, request = self._dependencies.settings, self._request
        self._watch.begin("download")
        self._token.check()
        image, shape = folder / "image", None
        await self._download(request.input_s3, image, settings.max_image_bytes)
        if request.shape_s3 is not None:
            shape = folder / "input.glb"
            await self._download(request.shape_s3, shape, settings.max_mesh_bytes)
        return Job(
            stage=request.stage,
            image=str(image),
            shape=None if shape is None else str(shape),
            outputs={name: str(folder / f"{name}.glb") for name in request.outputs()},
            params=request.params,
            seed=request.params.seed or 0,
        )

    async def _download(self, location: str, path: Path, limit: int) -> None:
        storage = self._dependencies.storage
        # It may hang on a storage that does not answer. It has nothing to undo, and so may be abandoned.
        await self._transfer(partial(storage.download, location, path, limit, self._token.check), linger=0)

    async def _transfer(self, call: Callable[[], None], *, linger: float | None) -> None:
        """Make the call in a thread; a cancelled job waits `linger` more seconds for it, None: to its end."""
        transfer = asyncio.get_running_loop().run_in_executor(self._dependencies.transfers, call)
        cancelled = asyncio.create_task(self._token.wait())
        await asyncio.wait({transfer, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        cancelled.cancel()
        await asyncio.wait({transfer}, timeout=self._token.grace if self._token.shutdown else linger)
        if not transfer.done():
            transfer.add_done_callback(asyncio.Future.exception)
            self._token.check()
        transfer.result()

    async def _run_in_worker(self, job: Job, progress: ProgressObject) -> Done:
        def handle(message: JobEvent) -> None:
            if isinstance(message, OutputWritten):
                self._written.append(message.output)
                return
            self._stage = message.stage
            self._watch.begin(message.step)
            fraction = FETCHING + (1 - FETCHING - STORING) * message.fraction
            progress.update(self._progress(message.step, fraction))

        await self._dependencies.supervisor.wait_ready(self._token)
        return await self._dependencies.supervisor.run(job, handle, self._token)

    async def _store(self, name: str, job: Job) -> None:
        location = self._request.outputs()[name]
        # To its end: abandoned, it might overwrite the output of the caller's retry.
        await self._transfer(
            partial(self._dependencies.storage.upload, Path(job.outputs[name]), location), linger=None
        )
        self._stored[name] = location

    async def _store_finished(self, job: Job) -> None:
        """Store the outputs that were written before the job failed, unless the process is shutting down."""
        for name in self._written:
            if not self._token.shutdown:
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
        self._log.info("step", step=step, seconds=seconds)

    def _response(self, job: Job, done: Done) -> InvocationResponse:
        supervisor = self._dependencies.supervisor
        metrics = Metrics(
            **done.model_dump(exclude={"type"}),
            seconds=self._watch.seconds,
            seed=job.seed,
            backend=supervisor.backend or "",
            device=supervisor.device or "",
        )
        return InvocationResponse(stage=self._request.stage, outputs=self._request.outputs(), metrics=metrics)
