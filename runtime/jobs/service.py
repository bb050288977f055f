"""The container's service, without HTTP: admission, the queue, draining."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from meshtwin.runtime.contract import ErrorCode, Health, InvocationRequest, InvocationResponse, JobError
from meshtwin.runtime.jobs.cancellation import JobCancelledError
from meshtwin.runtime.jobs.queue import JobQueue
from meshtwin.runtime.jobs.run import CANCEL_GRACE_SECONDS, Dependencies, JobRun
from meshtwin.runtime.jobs.stopwatch import Stopwatch
from meshtwin.runtime.logs import log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from structlog.typing import FilteringBoundLogger

    from meshtwin.runtime.jobs.cancellation import CancellationToken

STOPPING = "the container is stopping"


class Service:
    """Runs jobs for callers, one at a time."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._queue = JobQueue(dependencies.settings.queue)
        self.stopping = asyncio.Event()
        """Set once no more jobs are accepted."""
        self._queued: set[CancellationToken] = set()
        self._running: set[CancellationToken] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def health(self) -> Health:
        """Whether a job would be accepted now."""
        supervisor = self._dependencies.supervisor
        state: Literal["ready", "reloading", "loading", "draining"] = "loading"
        if self.stopping.is_set():
            state = "draining"
        elif supervisor.ready:
            state = "ready"
        elif supervisor.reloading:
            state = "reloading"
        return Health(
            state=state,
            backend=supervisor.backend,
            device=supervisor.device,
            running=self._queue.running,
            waiting=self._queue.waiting,
        )

    async def invoke(
        self, request: InvocationRequest, inference_id: str, token: CancellationToken
    ) -> InvocationResponse:
        """Queue the job, run it, and return its response.

        Raises:
            JobError: with the code that the caller is to see, and the outputs that are stored anyway.
            JobCancelledError: the client has disconnected.
        """
        job_log = log.bind(inference_id=inference_id, stage=request.stage.value)
        watch = Stopwatch(lambda *_: None)
        try:
            response = await self._admit(request, token, job_log)
        except JobCancelledError:
            job_log.info("job_cancelled", seconds=watch.total())
            raise
        except JobError as error:
            job_log.warning("job_failed", seconds=watch.total(), code=error.code, message=error.message)
            raise
        except Exception:
            job_log.exception("job_failed", seconds=watch.total(), code=ErrorCode.INTERNAL)
            raise
        job_log.info("job_succeeded", seconds=watch.total(), faces=response.metrics.faces)
        return response

    async def _admit(
        self, request: InvocationRequest, token: CancellationToken, job_log: FilteringBoundLogger
    ) -> InvocationResponse:
        if self.stopping.is_set():
            raise JobError(ErrorCode.NOT_READY, STOPPING)
        self._check_buckets(request)
        turn = self._queue.join()
        job_log.info("job_accepted", waiting=self._queue.waiting)
        watch = Stopwatch(lambda *_: None)
        self._queued.add(token)
        try:
            await self._queue.wait(turn, token)
            async with self._slot():
                # The previous job may have crashed the worker: its restart is not part of this job's time.
                await self._dependencies.supervisor.wait_ready(token)
                self._queued.discard(token)
                self._running.add(token)
                job_log.info("job_started", waited=watch.total())
                return await JobRun(self._dependencies, request, token, job_log).run()
        finally:
            self._queued.discard(token)
            self._running.discard(token)

    def _check_buckets(self, request: InvocationRequest) -> None:
        allowed = self._dependencies.settings.allowed_buckets
        for location in request.locations():
            bucket = location.removeprefix("s3://").partition("/")[0]
            if allowed and bucket not in allowed:
                raise JobError(
                    ErrorCode.ACCESS_DENIED,
                    f"{location}: expected a bucket of RUNTIME_ALLOWED_BUCKETS, {' '.join(allowed)}",
                )

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        self._idle.clear()
        try:
            yield
        finally:
            self._idle.set()
            self._queue.release()

    async def drain(self) -> None:
        """Accept no more jobs, reject those that wait, and give the running one its grace period."""
        self.stopping.set()
        grace = self._dependencies.settings.grace_seconds
        log.info("draining", running=self._queue.running, waiting=self._queue.waiting, grace=grace)
        for token in list(self._queued):
            token.cancel(JobError(ErrorCode.NOT_READY, STOPPING), grace=0)
        try:
            await asyncio.wait_for(self._idle.wait(), grace)
        except TimeoutError:
            late = JobError(ErrorCode.NOT_READY, f"{STOPPING}, and the job was not done within {grace:g} s")
            for token in list(self._running):
                token.cancel(late, grace=CANCEL_GRACE_SECONDS, shutdown=True)
            await self._idle.wait()
