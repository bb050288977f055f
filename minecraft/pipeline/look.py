"""What is to be seen of a job's step in S3: its result, its failure, or neither yet.

S3 is what counts: notices get lost, are doubled, and come late.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft import contract
from meshtwin.minecraft.contract import ContractError, StepFailure, VoxelSummary
from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.objects import Location, location, put_first, read_if_there, size_if_there
from meshtwin.minecraft.pipeline import words
from meshtwin.minecraft.pipeline.decide import Seen

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

_MOST_READ = 1024 * 1024


class Objects:
    """The pipeline's objects, as the step machine needs them; `bucket` has the jobs' folders."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def location(self, job: Job, name: str) -> str:
        """The `s3://` URI of one of the job's objects."""
        return f"s3://{self.bucket}/{contract.job_prefix(job.job_id)}{name}"

    def look(self, job: Job) -> Seen:
        """What is to be seen of the step at work."""
        step = job.step
        assert step is not None
        key = contract.job_prefix(job.job_id) + RESULTS[step]
        place = Location(self.bucket, key)
        if step is Step.VOXELS:
            body = self._read(place)
            if body is not None:
                return _summary(body)
        elif size_if_there(self._s3, place) is not None:
            return Seen(done=True)
        # What lies there before this attempt was handed out is of the one before.
        return Seen(failure=None if job.called_at is None else self._failure(job, step, key))

    def forget_failure(self, job: Job) -> None:
        """Delete what the attempt before has left behind, where the next would find it."""
        key = self._function_failure_key(job)
        if key is not None:
            self._s3.delete_object(Bucket=self.bucket, Key=key)

    def put_failure(self, job: Job, failure: StepFailure) -> None:
        """Write what a function that died could not, unless it has: whoever works on the job finds it."""
        key = self._function_failure_key(job)
        if key is not None:
            put_first(self._s3, Location(self.bucket, key), failure.to_json().encode(), "application/json")

    def _function_failure_key(self, job: Job) -> str | None:
        """Where the function of the step at work says that it failed; None for the endpoint's steps."""
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

    def _read(self, place: Location) -> bytes | None:
        return read_if_there(self._s3, place, _MOST_READ)


def _summary(body: bytes) -> Seen:
    try:
        summary = VoxelSummary.from_json(body)
    except ContractError:
        return Seen(failure=words.failure(words.BAD_RESULT, retryable=False))
    return Seen(done=True, result=json.loads(summary.to_json()))


def endpoint_failure(body: bytes) -> StepFailure:
    """The failure of a failure object: the container's error where it is one, else the platform's words."""
    try:
        error: Any = json.loads(body)["error"]
        code, retryable = error["code"], error["retryable"]
    except (KeyError, TypeError, ValueError):
        return words.failure(words.PLATFORM, retryable=True)
    return words.failure(str(code), retryable=retryable is True)


def _function_failure(body: bytes) -> StepFailure:
    try:
        return StepFailure.from_json(body)
    except ContractError:
        return words.failure(words.UNAVAILABLE, retryable=True)
