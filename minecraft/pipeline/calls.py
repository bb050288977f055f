"""Starts a step's work: invokes a function or the endpoint. Nothing here waits for a result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.minecraft import contract
from meshtwin.minecraft.contract import ImageTask, StepFailure, VoxelTask
from meshtwin.minecraft.invoke import invoke_event
from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.pipeline import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from meshtwin.minecraft.jobs.job import Job

_PERMANENT = frozenset({
    "AccessDenied", "AccessDeniedException", "ResourceNotFoundException", "NoSuchBucket",
    "UnrecognizedClientException",
})  # fmt: skip


class CallError(Exception):
    """The work could not be started: `failure` is for the player, the message for the operator."""

    def __init__(self, failure: StepFailure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Resources:
    """Names of the endpoint, two functions and three buckets, and the endpoint's limits."""

    endpoint: str
    text_to_image: str
    glb_to_vox: str
    jobs_bucket: str
    async_bucket: str
    input_bucket: str
    request_ttl_seconds: int
    invocation_timeout_seconds: int


class Calls:
    """Starts the work of each step."""

    def __init__(
        self,
        resources: Resources,
        s3: S3Client,
        functions: Callable[[], LambdaClient],
        runtime: Callable[[], SageMakerRuntimeClient],
    ) -> None:
        self._resources = resources
        self._s3 = s3
        self._functions = functions
        self._runtime = runtime

    def call(self, job: Job) -> dict[str, str]:
        """Start the current step's work; the job's fields that record it.

        Raises:
            CallError: it could not be started.
        """
        try:
            if job.step is Step.IMAGE:
                return self._invoke(self._resources.text_to_image, self._image(job).to_event())
            if job.step is Step.VOXELS:
                return self._invoke(self._resources.glb_to_vox, self._voxels(job).to_event())
            return self._infer(job)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            name = messages.NOT_SET_UP if code in _PERMANENT else messages.UNAVAILABLE
            raise CallError(messages.failure(name, retryable=code not in _PERMANENT), str(error)) from error
        except BotoCoreError as error:
            raise CallError(messages.failure(messages.UNAVAILABLE, retryable=True), str(error)) from error

    def withdraw(self, job: Job) -> None:
        """Delete the input of an attempt that still waits, so that it fails: SageMaker has no cancel.

        Where that fails, the attempt costs its time; nothing else depends on it.
        """
        if job.called_at is not None:
            withdraw(self._s3, self._resources.async_bucket, job)

    def _invoke(self, function: str, event: dict[str, Any]) -> dict[str, str]:
        invoke_event(self._functions(), function, event)
        return {}

    def _image(self, job: Job) -> ImageTask:
        key = job.request.image_key
        source = None if key is None else f"s3://{self._resources.input_bucket}/{key}"
        output = self._at(job, contract.IMAGE)
        return ImageTask(job.job_id, job.request.prompt, job.seed, output, source, job.attempt_id)

    def _voxels(self, job: Job) -> VoxelTask:
        request = job.request
        anchor = None if request.anchor is None else dict(zip("xyz", request.anchor, strict=True))
        return VoxelTask(
            job_id=job.job_id,
            glb_s3=self._at(job, contract.TEXTURED if job.painted else contract.SHAPE),
            output_prefix_s3=self._at(job, ""),
            options=request.options,
            anchor=anchor,
            dimension=request.dimension,
            attempt_id=job.attempt_id,
        )

    def _infer(self, job: Job) -> dict[str, str]:
        key = contract.invocation_document(job.attempt_id)
        self._s3.put_object(
            Bucket=self._resources.async_bucket,
            Key=key,
            Body=json.dumps(self._invocation(job)).encode(),
            ContentType="application/json",
        )
        answer = self._runtime().invoke_endpoint_async(
            EndpointName=self._resources.endpoint,
            InputLocation=f"s3://{self._resources.async_bucket}/{key}",
            ContentType="application/json",
            Accept="application/json",
            InferenceId=job.attempt_id,
            RequestTTLSeconds=self._resources.request_ttl_seconds,
            InvocationTimeoutSeconds=self._resources.invocation_timeout_seconds,
        )
        known = {"output_location": answer["OutputLocation"]}
        if "FailureLocation" in answer:
            known["failure_location"] = answer["FailureLocation"]
        return known

    def _invocation(self, job: Job) -> dict[str, Any]:
        """The container's request: `meshtwin.runtime.contract.InvocationRequest`."""
        request: dict[str, Any] = {
            "stage": str(job.step),
            "input_s3": self._at(job, contract.IMAGE),
            "params": {"seed": job.seed},
        }
        if job.step is Step.PAINT:
            paint = {"shape_s3": self._at(job, contract.SHAPE), "output_s3": self._at(job, contract.TEXTURED)}
            return request | paint
        return request | {"output_s3": self._at(job, contract.SHAPE)}

    def _at(self, job: Job, name: str) -> str:
        return f"s3://{self._resources.jobs_bucket}/{contract.job_prefix(job.job_id)}{name}"


def withdraw(s3: S3Client, bucket: str, job: Job) -> None:
    """Delete the endpoint's input: an attempt that has not started fails at once."""
    if job.step in (Step.SHAPE, Step.PAINT):
        key = contract.invocation_document(job.attempt_id)
        try:
            s3.delete_object(Bucket=bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            log("not_withdrawn", job_id=job.job_id, inference_id=job.attempt_id, reason=str(error))
