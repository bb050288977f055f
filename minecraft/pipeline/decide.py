"""What is to be done next for a job, from its row and from what is seen of its step at work. Pure.

Named tuples, not data classes: seven of those are a tenth of what a cold start may import beside boto3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.pipeline import words
from meshtwin.minecraft.pipeline.policy import PASSING, after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.minecraft.contract import StepFailure
    from meshtwin.minecraft.jobs.job import Job
    from meshtwin.minecraft.pipeline.policy import StepPolicy

SHAPE_ONLY = frozenset({words.OUT_OF_GPU_MEMORY, words.WORKER_CRASHED})
"""What a paint that had no room ends with: the kernel kills a process that takes more than the host has."""


class Seen(NamedTuple):
    """The step at work, from outside: its result is there, or its failure, or neither yet."""

    done: bool = False
    failure: StepFailure | None = None
    result: Mapping[str, Any] | None = None


class Wait(NamedTuple):
    """Nothing can be done now."""


class Call(NamedTuple):
    """Hand the step's work out."""


class Next(NamedTuple):
    """Go on with `step`; `note` is for the player."""

    step: Step
    painted: bool
    note: str | None = None


class Retry(NamedTuple):
    """Try the step once more, not before `at`."""

    at: float
    failure: StepFailure


class Fail(NamedTuple):
    """End the job."""

    failure: StepFailure


class Finish(NamedTuple):
    """The build is there."""

    result: Mapping[str, Any]


Action: TypeAlias = Wait | Call | Next | Retry | Fail | Finish


def decide(job: Job, seen: Seen, now: float, policies: Mapping[Step, StepPolicy]) -> Action:
    """What to do now. `job` is RUNNING, with a step at work."""
    step = job.step
    assert step is not None
    if seen.done:
        if step is Step.VOXELS:
            return Finish(seen.result or {})
        return Next(after(step), painted=bool(job.painted))
    if seen.failure is not None:
        return _failed(job, step, seen.failure, now, policies[step])
    if job.called_at is None:
        return Wait() if job.retry_at is not None and now < job.retry_at else Call()
    if job.deadline is not None and now >= job.deadline:
        return _failed(job, step, words.failure(words.DEADLINE, retryable=True), now, policies[step])
    return Wait()


def _failed(job: Job, step: Step, failure: StepFailure, now: float, policy: StepPolicy) -> Action:
    patience = PASSING if failure.code in words.PASSING else policy
    if failure.retryable and job.attempt < patience.attempts:
        return Retry(now + patience.pause_after(job.attempt), failure)
    if step is Step.PAINT and failure.code in SHAPE_ONLY:
        return Next(Step.VOXELS, painted=False, note=words.SHAPE_ONLY_NOTE)
    return Fail(failure)
