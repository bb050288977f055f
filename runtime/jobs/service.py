"""Jobs, whatever carries them: admission, turns, draining."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from meshtwin.runtime.contract import ErrorCode, Health, InvocationRequest, InvocationResponse, JobError
from meshtwin.runtime.jobs.attempt import PATIENCE_SECONDS, Attempt, Means
from meshtwin.runtime.jobs.halt import JobHaltedError
from meshtwin.runtime.jobs.queue import Turns
from meshtwin.runtime.jobs.stopwatch import Stopwatch
from meshtwin.runtime.logs import log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from structlog.typing import FilteringBoundLogger

    from meshtwin.runtime.jobs.halt import Halt

STOPPING = "the container is stopping"


class Service:
    """What the container does for its callers."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._turns = Turns(means.settings.queue)
        self.stopping = asyncio.Event()
        """Set once no more jobs are taken."""
        self._queued: set[Halt] = set()
        self._running: set[Halt] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def health(self) -> Health:
        """Whether a job that came now would be taken."""
        supervisor = self._means.supervisor
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
            running=self._turns.running,
            waiting=self._turns.waiting,
        )

    async def invoke(self, request: InvocationRequest, inference_id: str, halt: Halt) -> InvocationResponse:
        """Do the job when its turn comes.

        Raises:
            JobError: with the code that the caller is to see, and what is kept of the job.
            JobHaltedError: the caller is gone, as `halt` was told.
        """
        told = log.bind(inference_id=inference_id, stage=request.stage.value)
        watch = Stopwatch(lambda *_: None)
        try:
            response = await self._admit(request, halt, told)
        except JobHaltedError:
            told.info("job_cancelled", seconds=watch.total())
            raise
        except JobError as error:
            told.warning("job_failed", seconds=watch.total(), code=error.code, message=error.message)
            raise
        except Exception:
            told.exception("job_failed", seconds=watch.total(), code=ErrorCode.INTERNAL)
            raise
        told.info("job_succeeded", seconds=watch.total(), faces=response.metrics.faces)
        return response

    async def _admit(
        self, request: InvocationRequest, halt: Halt, told: FilteringBoundLogger
    ) -> InvocationResponse:
        if self.stopping.is_set():
            raise JobError(ErrorCode.NOT_READY, STOPPING)
        self._check_buckets(request)
        turn = self._turns.ask()
        told.info("job_accepted", waiting=self._turns.waiting)
        watch = Stopwatch(lambda *_: None)
        self._queued.add(halt)
        try:
            await self._turns.wait(turn, halt)
            async with self._turn():
                # The job before may have taken the worker down: to start another is not this one's time.
                await self._means.supervisor.wait_ready(halt)
                self._queued.discard(halt)
                self._running.add(halt)
                told.info("job_started", waited=watch.total())
                return await Attempt(self._means, request, halt, told).run()
        finally:
            self._queued.discard(halt)
            self._running.discard(halt)

    def _check_buckets(self, request: InvocationRequest) -> None:
        allowed = self._means.settings.allowed_buckets
        for location in request.locations():
            bucket = location.removeprefix("s3://").partition("/")[0]
            if allowed and bucket not in allowed:
                raise JobError(
                    ErrorCode.ACCESS_DENIED,
                    f"{location}: expected a bucket of RUNTIME_ALLOWED_BUCKETS, {' '.join(allowed)}",
                )

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        self._idle.clear()
        try:
            yield
        finally:
            self._idle.set()
            self._turns.give_back()

    async def drain(self) -> None:
        """Take no more jobs, send away those that wait, and give the running one its time of grace."""
        self.stopping.set()
        grace = self._means.settings.grace_seconds
        log.info("draining", running=self._turns.running, waiting=self._turns.waiting, grace=grace)
        for halt in list(self._queued):
            halt.ask(JobError(ErrorCode.NOT_READY, STOPPING), patience=0)
        try:
            await asyncio.wait_for(self._idle.wait(), grace)
        except TimeoutError:
            late = JobError(ErrorCode.NOT_READY, f"{STOPPING}, and the job was not done within {grace:g} s")
            for halt in list(self._running):
                halt.ask(late, patience=PATIENCE_SECONDS, final=True)
            await self._idle.wait()
