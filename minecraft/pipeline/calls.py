"""Handing a step's work out: to a function, or to the endpoint. Nothing here waits for an answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.minecraft import contract
from meshtwin.minecraft.contract import ImageTask, StepFailure, VoxelTask
from meshtwin.minecraft.events import invoke_event
from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.pipeline import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from meshtwin.minecraft.jobs.job import Job

_PERMANENT = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "NoSuchBucket",
        "UnrecognizedClientException",
    }
)


class CallError(Exception):
    """The work could not be handed out: `failure` says it to the player, the message to the operator."""

    def __init__(self, failure: StepFailure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Places:
    """What things are called: the endpoint, two functions, and three buckets."""

    endpoint: str
    text_to_image: str
    glb_to_vox: str
    jobs_bucket: str
    async_bucket: str
    input_bucket: str
    request_ttl_seconds: int
    invocation_timeout_seconds: int


class Calls:
    """Hands out the work of each step."""

    def __init__(
        self,
        places: Places,
        s3: S3Client,
        functions: Callable[[], LambdaClient],
        runtime: Callable[[], SageMakerRuntimeClient],
    ) -> None:
        self._places = places
        self._s3 = s3
        self._functions = functions
        self._runtime = runtime

    def call(self, job: Job) -> dict[str, str]:
        """Hand out the step at work; the job's fields that are known of it then.

        Raises:
            CallError: it could not be.
        """
        try:
            if job.step is Step.IMAGE:
                return self._invoke(self._places.text_to_image, self._image(job).to_event())
            if job.step is Step.VOXELS:
                return self._invoke(self._places.glb_to_vox, self._voxels(job).to_event())
            return self._infer(job)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            name = words.NOT_SET_UP if code in _PERMANENT else words.UNAVAILABLE
            raise CallError(words.failure(name, retryable=code not in _PERMANENT), str(error)) from error
        except BotoCoreError as error:
            raise CallError(words.failure(words.UNAVAILABLE, retryable=True), str(error)) from error

    def withdraw(self, job: Job) -> None:
        """Have the endpoint fail the attempt where it still waits: SageMaker has no call for that.

        Where that does not work the attempt costs its time, and nothing else depends on it.
        """
        if job.step not in (Step.SHAPE, Step.PAINT) or job.called_at is None:
            return
        key = contract.invocation_document(job.attempt_id)
        try:
            self._s3.delete_object(Bucket=self._places.async_bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            log("not_withdrawn", job_id=job.job_id, inference_id=job.attempt_id, reason=str(error))

    def _invoke(self, function: str, event: dict[str, Any]) -> dict[str, str]:
        invoke_event(self._functions(), function, event)
        return {}

    def _image(self, job: Job) -> ImageTask:
        key = job.request.image_key
        source = None if key is None else f"s3://{self._places.input_bucket}/{key}"
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
            Bucket=self._places.async_bucket,
            Key=key,
            Body=json.dumps(self._invocation(job)).encode(),
            ContentType="application/json",
        )
        answer = self._runtime().invoke_endpoint_async(
            EndpointName=self._places.endpoint,
            InputLocation=f"s3://{self._places.async_bucket}/{key}",
            ContentType="application/json",
            Accept="application/json",
            InferenceId=job.attempt_id,
            RequestTTLSeconds=self._places.request_ttl_seconds,
            InvocationTimeoutSeconds=self._places.invocation_timeout_seconds,
        )
        known = {"output_location": answer["OutputLocation"]}
        if "FailureLocation" in answer:
            known["failure_location"] = answer["FailureLocation"]
        return known

    def _invocation(self, job: Job) -> dict[str, Any]:
        """What the container is asked for: `meshtwin.runtime.contract.InvocationRequest`."""
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
        return f"s3://{self._places.jobs_bucket}/{contract.job_prefix(job.job_id)}{name}"
