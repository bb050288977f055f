"""The step machine: takes a job as far as it can go now, and stops there.

Every step is idempotent: its work is started before that is recorded, so a worker that dies in between leaves
it to be started twice, under the same name and with the same objects at the end.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.jobs.states import ACTIVE, ENDS, State
from meshtwin.minecraft.jobs.table import LostJobError
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.pipeline import messages
from meshtwin.minecraft.pipeline.calls import CallError
from meshtwin.minecraft.pipeline.decide import Call, Fail, Finish, Next, Observation, Retry, Wait, decide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.minecraft.jobs.job import Job
    from meshtwin.minecraft.jobs.lease import Leases
    from meshtwin.minecraft.jobs.table import JobTable
    from meshtwin.minecraft.pipeline.calls import Calls
    from meshtwin.minecraft.pipeline.decide import Action
    from meshtwin.minecraft.pipeline.notifications import Wake
    from meshtwin.minecraft.pipeline.observe import StepObjects
    from meshtwin.minecraft.pipeline.policy import StepPolicy

_FRESH = {
    "attempt": 1,
    "called_at": None,
    "retry_at": None,
    "deadline": None,
    "output_location": None,
    "failure_location": None,
    "troubles": 0,
}
"""The fields of a step that has not started."""

MAX_TROUBLES = 30
"""Workers in a row that failed on a job before it is failed: half an hour of sweeps."""


class Machine:
    """Works on jobs, one at a time, under their leases."""

    def __init__(
        self,
        table: JobTable,
        leases: Leases,
        objects: StepObjects,
        calls: Calls,
        policies: Mapping[Step, StepPolicy],
    ) -> None:
        self._table = table
        self._leases = leases
        self._objects = objects
        self._calls = calls
        self._policies = policies

    def work(self, wake: Wake, owner: str) -> None:
        """Take a job that is STARTING or RUNNING as far as it can go now; leave others as they are."""
        job = self._table.get(wake.job_id)
        if job is None or job.state not in ACTIVE:
            log("nothing_to_do", job_id=wake.job_id, state=None if job is None else job.state)
            return
        if wake.failure is not None and wake.attempt_id == job.attempt_id:
            # First, so that the lease's holder finds it: this call may not get the lease.
            self._objects.put_failure(job, wake.failure)
        try:
            self._hold_and_run(job, wake, owner)
        except LostJobError as error:
            log("lost", job_id=wake.job_id, reason=str(error))
            self._end_orphaned(wake.job_id)

    def _hold_and_run(self, job: Job, wake: Wake, owner: str) -> None:
        hold = self._leases.take(job, owner)
        if hold is None:
            log("busy", job_id=job.job_id)
        while hold is not None:
            try:
                job = self._run(hold.job, wake)
            except Exception as error:
                if not isinstance(error, LostJobError):
                    self._count_error(hold.job)
                # The next worker must not wait until the lease expires.
                with suppress(Exception):
                    self._leases.drop(hold)
                raise
            if job.state in ENDS:
                return
            hold = self._leases.leave(replace(hold, job=job))

    def _count_error(self, held: Job) -> None:
        """Count an error that is not the step's own, and fail the job after too many in a row."""
        with suppress(Exception):  # the first error is the one to report
            job = self._table.get(held.job_id)
            if job is None or job.state not in ACTIVE or job.fence != held.fence:
                return
            job = self._table.save(job, troubles=job.troubles + 1)
            if job.troubles >= MAX_TROUBLES:
                failure = messages.failure(messages.UNAVAILABLE, retryable=False)
                self._fail(job, failure.code, failure.message)

    def _run(self, job: Job, wake: Wake) -> Job:
        if job.state is State.STARTING:
            now = self._table.clock()
            first = {**_FRESH, "step": Step.IMAGE, "timings": {Step.IMAGE.value: (now, None)}}
            job = self._table.advance(job, State.RUNNING, **first)
        while True:
            action = decide(job, self._observe(job, wake), self._table.clock(), self._policies)
            if isinstance(action, Wait):
                return self._table.save(job, troubles=0) if job.troubles else job
            job = self._call(job) if isinstance(action, Call) else self._act(job, action)
            if job.state in ENDS:
                return job

    def _observe(self, job: Job, wake: Wake) -> Observation:
        """The step as S3 shows it; past its deadline, an empty observation where S3 cannot be read."""
        try:
            return self._step_or_notification(job, wake)
        except Exception as error:
            if job.deadline is None or self._table.clock() < job.deadline:
                raise
            log("step_not_observed", **_about(job), kind=type(error).__name__, reason=str(error))
            return Observation()

    def _step_or_notification(self, job: Job, wake: Wake) -> Observation:
        observed = self._objects.observe(job)
        is_reported = wake.failure is not None and wake.attempt_id == job.attempt_id
        if is_reported and job.called_at is not None and not observed.done and observed.failure is None:
            return Observation(failure=wake.failure)
        return observed

    def _call(self, job: Job) -> Job:
        """Start the step's work and record it; act on the failure where it cannot be started."""
        assert job.step is not None
        try:
            if job.attempt > 1:
                self._objects.delete_failure(job)
            known = self._calls.call(job)
        except CallError as error:
            log("not_called", **_about(job), reason=str(error))
            now = self._table.clock()
            return self._act(job, decide(job, Observation(failure=error.failure), now, self._policies))
        now = self._table.clock()
        deadline = now + self._policies[job.step].seconds
        try:
            recorded = self._table.save(job, called_at=now, deadline=deadline, retry_at=None, **known)
        except LostJobError:
            self._withdraw_lost(replace(job, called_at=now))
            raise
        log("called", **_about(recorded), **known)
        return recorded

    def _withdraw_lost(self, called: Job) -> None:
        """Withdraw the request of a job that was cancelled meanwhile.

        Another worker that has taken over makes the same call under the same name: that one stays.
        """
        job = self._table.get(called.job_id)
        if job is None or job.state not in ACTIVE or job.attempt_id != called.attempt_id:
            self._calls.withdraw(called)

    def _act(self, job: Job, action: Action) -> Job:
        if isinstance(action, Next):
            log("step_done", **_about(job), next=action.step, note=action.note)
            return self._table.save(job, **self._next(job, action))
        if isinstance(action, Retry):
            log("step_failed", **_about(job), code=action.failure.code, retry_at=action.at)
            self._calls.withdraw(job)
            again = {**_FRESH, "attempt": job.attempt + 1, "retry_at": action.at}
            return self._table.save(job, **again)
        if isinstance(action, Fail):
            return self._fail(job, action.failure.code, action.failure.message)
        assert isinstance(action, Finish)
        return self._finish(job, action)

    def _next(self, job: Job, action: Next) -> dict[str, Any]:
        timings = {**self._closed(job), action.step.value: (self._table.clock(), None)}
        notes = job.notes if action.note is None else (*job.notes, action.note)
        return {
            **_FRESH,
            "step": action.step,
            "painted": int(action.painted),
            "notes": notes,
            "timings": timings,
        }

    def _finish(self, job: Job, action: Finish) -> Job:
        ended = self._table.advance(
            job, State.SUCCEEDED, *self._leases.free(job), result=action.result, timings=self._closed(job)
        )
        log("ended", **_about(ended), state=ended.state)
        if ended.started_at is not None and ended.ended_at is not None:
            self._table.record_duration(ended.ended_at - ended.started_at)
        return ended

    def _fail(self, job: Job, code: str, message: str) -> Job:
        ended = self._table.advance(
            job,
            State.FAILED,
            *self._leases.free(job),
            error=message,
            error_code=code,
            timings=self._closed(job),
        )
        log("ended", **_about(ended), state=ended.state, code=code)
        return ended

    def _closed(self, job: Job) -> dict[str, tuple[float, float | None]]:
        """The timings, with the current step's ended now."""
        timings = dict(job.timings)
        if job.step is not None and job.step.value in timings:
            timings[job.step.value] = (timings[job.step.value][0], self._table.clock())
        return timings

    def _end_orphaned(self, job_id: str) -> None:
        """Fail an active job whose slot is another's or nobody's: no worker could ever take it."""
        job = self._table.get(job_id)
        if job is None or job.state not in ACTIVE or job.slot is None:
            return
        if self._leases.get(job.slot).job != job_id:
            failure = messages.failure(messages.UNAVAILABLE, retryable=False)
            with suppress(LostJobError):
                self._table.advance(job, State.FAILED, error=failure.message, error_code=failure.code)


def _about(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "step": job.step,
        "attempt": job.attempt,
        "inference_id": job.attempt_id if job.step in (Step.SHAPE, Step.PAINT) else None,
    }
