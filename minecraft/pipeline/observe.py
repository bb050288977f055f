"""Observes a job's step in S3: its result, its failure, or neither yet.

S3 is the source of truth: notifications get lost, arrive twice, and come late.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft import contract
from meshtwin.minecraft.contract import ContractError, StepFailure, VoxelSummary
from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.pipeline import messages
from meshtwin.minecraft.pipeline.decide import Observation
from meshtwin.minecraft.s3 import Location, location, put_first, read_if_there, size_if_there

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from meshtwin.minecraft.jobs.job import Job

RESULTS = {
    Step.IMAGE: contract.IMAGE,
    Step.SHAPE: contract.SHAPE,
    Step.PAINT: contract.TEXTURED,
    Step.VOXELS: contract.VOXELS,
}
"""The object that shows that a step is done."""

_MAX_READ = 1024 * 1024


class StepObjects:
    """The S3 objects of steps; `bucket` has the jobs' folders."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def location(self, job: Job, name: str) -> str:
        """The `s3://` URI of one of the job's objects."""
        return f"s3://{self.bucket}/{contract.job_prefix(job.job_id)}{name}"

    def observe(self, job: Job) -> Observation:
        """The current step's result or failure, if there is one."""
        step = job.step
        assert step is not None
        key = contract.job_prefix(job.job_id) + RESULTS[step]
        output = Location(self.bucket, key)
        if step is Step.VOXELS:
            body = self._read(output)
            if body is not None:
                return _summary(body)
        elif size_if_there(self._s3, output) is not None:
            return Observation(done=True)
        # A failure from before this attempt was started belongs to the attempt before.
        return Observation(failure=None if job.called_at is None else self._failure(job, step, key))

    def delete_failure(self, job: Job) -> None:
        """Delete the failure object of the attempt before, which the next would take for its own."""
        key = self._function_failure_key(job)
        if key is not None:
            self._s3.delete_object(Bucket=self.bucket, Key=key)

    def put_failure(self, job: Job, failure: StepFailure) -> None:
        """Write the failure object for a function that died, unless the function wrote one itself."""
        key = self._function_failure_key(job)
        if key is not None:
            put_first(self._s3, Location(self.bucket, key), failure.to_json().encode(), "application/json")

    def _function_failure_key(self, job: Job) -> str | None:
        """The key of the current step's failure object; None for the endpoint's steps."""
        if job.step not in (Step.IMAGE, Step.VOXELS):
            return None
        return contract.failure_of(contract.job_prefix(job.job_id) + RESULTS[job.step])

    def _failure(self, job: Job, step: Step, key: str) -> StepFailure | None:
        if step in (Step.SHAPE, Step.PAINT):
            if job.failure_location is None:
                return None
            body = self._read(location(job.failure_location, "failure_location"))
            return None if body is None else endpoint_failure(body)
        body = self._read(Location(self.bucket, contract.failure_of(key)))
        return None if body is None else _function_failure(body)

    def _read(self, source: Location) -> bytes | None:
        return read_if_there(self._s3, source, _MAX_READ)


def _summary(body: bytes) -> Observation:
    try:
        summary = VoxelSummary.from_json(body)
    except ContractError:
        return Observation(failure=messages.failure(messages.BAD_RESULT, retryable=False))
    return Observation(done=True, result=json.loads(summary.to_json()))


def endpoint_failure(body: bytes) -> StepFailure:
    """The failure of a failure object: the container's error, or the platform's message."""
    try:
        error: Any = json.loads(body)["error"]
        code, retryable = error["code"], error["retryable"]
    except (KeyError, TypeError, ValueError):
        return messages.failure(messages.PLATFORM, retryable=True)
    return messages.failure(str(code), retryable=retryable is True)


def _function_failure(body: bytes) -> StepFailure:
    try:
        return StepFailure.from_json(body)
    except ContractError:
        return messages.failure(messages.UNAVAILABLE, retryable=True)
