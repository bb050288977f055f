"""Decides what a job needs next, from its row and from what was observed of its current step. Pure.

Named tuples, not data classes: seven of those are a tenth of what a cold start may import beside boto3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.pipeline import messages
from meshtwin.minecraft.pipeline.policy import PASSING, after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.minecraft.contract import StepFailure
    from meshtwin.minecraft.jobs.job import Job
    from meshtwin.minecraft.pipeline.policy import StepPolicy

SHAPE_ONLY = frozenset({messages.OUT_OF_GPU_MEMORY, messages.WORKER_CRASHED})
"""How a paint step without enough memory fails: on the host's, the kernel kills the process."""


class Observation(NamedTuple):
    """The current step: its result is there, or its failure, or neither yet."""

    done: bool = False
    failure: StepFailure | None = None
    result: Mapping[str, Any] | None = None


class Wait(NamedTuple):
    """Nothing to do now."""


class Call(NamedTuple):
    """Start the step's work."""


class Next(NamedTuple):
    """Continue with `step`; `note` is for the player."""

    step: Step
    painted: bool
    note: str | None = None


class Retry(NamedTuple):
    """Retry the step, not before `at`."""

    at: float
    failure: StepFailure


class Fail(NamedTuple):
    """Fail the job."""

    failure: StepFailure


class Finish(NamedTuple):
    """The build is complete."""

    result: Mapping[str, Any]


Action: TypeAlias = Wait | Call | Next | Retry | Fail | Finish


def decide(job: Job, observed: Observation, now: float, policies: Mapping[Step, StepPolicy]) -> Action:
    """The next action. `job` is RUNNING, with a current step."""
    step = job.step
    assert step is not None
    if observed.done:
        if step is Step.VOXELS:
            return Finish(observed.result or {})
        return Next(after(step), painted=bool(job.painted))
    if observed.failure is not None:
        return _failed(job, step, observed.failure, now, policies[step])
    if job.called_at is None:
        return Wait() if job.retry_at is not None and now < job.retry_at else Call()
    if job.deadline is not None and now >= job.deadline:
        return _failed(job, step, messages.failure(messages.DEADLINE, retryable=True), now, policies[step])
    return Wait()


def _failed(job: Job, step: Step, failure: StepFailure, now: float, policy: StepPolicy) -> Action:
    limits = PASSING if failure.code in messages.PASSING else policy
    if failure.retryable and job.attempt < limits.attempts:
        return Retry(now + limits.pause_after(job.attempt), failure)
    if step is Step.PAINT and failure.code in SHAPE_ONLY:
        return Next(Step.VOXELS, painted=False, note=messages.SHAPE_ONLY_NOTE)
    return Fail(failure)
