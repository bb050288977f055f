"""Submit an image to the endpoint through InvokeEndpointAsync; `wait` downloads the results.

ticket = submit(client, Submission(stage=Stage.FULL, input="duck.png", output_prefix="out/"))
result = wait(client, ticket, timeout=600)
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from meshtwin.cloud.aws_errors import AWS_ERRORS, is_transient, unavailable
from meshtwin.cloud.errors import UnavailableError, UsageError
from meshtwin.cloud.files import file_to_write, folder_to_write
from meshtwin.cloud.locations import S3Location, is_s3, upload
from meshtwin.runtime.contract import InvocationRequest, Params, Stage

if TYPE_CHECKING:
    from meshtwin.cloud.client import Client
    from meshtwin.cloud.clients import Clients
    from meshtwin.cloud.profiles import ResourceNames


@dataclass(frozen=True, slots=True)
class Submission:
    """A job to submit. Locations are `s3://bucket/key` or paths on this machine.

    `output` is the GLB of a shape or paint job, `output_prefix` the folder of a full one; without either, the
    results stay in the pipeline bucket. `ttl_seconds` bounds the wait in the queue (60..21600),
    `invocation_timeout` the work (1..3600); AWS's default for that, 900 s, is short for a large model.
    """

    stage: Stage
    input: str
    shape: str | None = None
    output: str | None = None
    output_prefix: str | None = None
    params: Params = field(default_factory=Params)
    ttl_seconds: int = 21600
    invocation_timeout: int = 3600


@dataclass(frozen=True, slots=True)
class Ticket:
    """An accepted job: where its response will be, and what to download then.

    `outputs` has the `s3://` location of each result, `downloads` the local paths of those to download.
    """

    inference_id: str
    endpoint_name: str
    output_location: str
    failure_location: str | None
    outputs: dict[str, str]
    progress_location: str
    downloads: dict[str, str]

    @property
    def request_id(self) -> str:
        """The request's id in the service, which its OutputLocation ends with."""
        return self.output_location.rpartition("/")[2].removesuffix(".out")

    def to_json(self) -> str:
        """For a later `meshtwin wait`."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The opposite of `to_json`."""
        return cls(**json.loads(text))


def submit(client: Client, submission: Submission) -> Ticket:
    """Upload local files, put the request into the pipeline bucket and invoke the endpoint.

    Raises:
        UsageError: the submission is invalid: a missing file, fields that do not fit the stage.
        UnavailableError: the endpoint does not exist, or a service cannot be reached.
    """
    names, aws = client.profile.names, client.aws
    job_id = str(uuid.uuid4())
    request = _request(submission, names, job_id)
    try:
        _upload_inputs(aws, submission, request)
        return _invoke(aws, submission, request, names, job_id)
    except AWS_ERRORS as error:
        is_absent = is_transient(error) or "not found" in str(error)
        hint = "\nIs `meshtwin up` running? `meshtwin status` shows it." if is_absent else ""
        raise UnavailableError(f"{unavailable(error)}{hint}") from error


def _request(submission: Submission, names: ResourceNames, job_id: str) -> InvocationRequest:
    _check_locations(submission)
    _check_buckets(submission, names)
    jobs = f"s3://{names.output_bucket}/jobs/{job_id}/"
    fields: dict[str, Any] = {
        "stage": submission.stage,
        "input_s3": _input_location(submission.input, names, job_id),
        "params": submission.params,
    }
    if submission.stage is Stage.FULL:
        fields["output_prefix_s3"] = _remote(submission.output_prefix) or jobs
    else:
        default_name = "shape.glb" if submission.stage is Stage.SHAPE else "textured.glb"
        fields["output_s3"] = _remote(submission.output) or f"{jobs}{default_name}"
    if submission.shape is not None:
        fields["shape_s3"] = _input_location(submission.shape, names, job_id)
    try:
        return InvocationRequest(**fields)
    except ValidationError as error:
        problems = "; ".join(str(problem["msg"]).removeprefix("Value error, ") for problem in error.errors())
        raise UsageError(problems) from error


def _check_locations(submission: Submission) -> None:
    full = submission.stage is Stage.FULL
    if full and submission.output is not None:
        raise UsageError("a full job has two outputs: give --output-prefix, not --output")
    if not full and submission.output_prefix is not None:
        raise UsageError(f"a {submission.stage.value} job has one output: give --output, not --output-prefix")
    if submission.stage is Stage.PAINT and submission.shape is None:
        raise UsageError("a paint job needs --shape, the GLB to texture")
    if submission.stage is not Stage.PAINT and submission.shape is not None:
        raise UsageError(f"a {submission.stage.value} job makes its own shape: remove --shape")
    for location in (submission.input, submission.shape):
        if location is not None and not is_s3(location) and not Path(location).is_file():
            raise UsageError(f"{location}: no such file")
    if submission.output is not None and not is_s3(submission.output):
        file_to_write(submission.output, "--output")
    if submission.output_prefix is not None and not is_s3(submission.output_prefix):
        folder_to_write(Path(submission.output_prefix), "--output-prefix")


def _check_buckets(submission: Submission, names: ResourceNames) -> None:
    """On AWS buckets have no default: those that this job needs must be set."""
    inputs = [location for location in (submission.input, submission.shape) if location is not None]
    output = submission.output or submission.output_prefix
    needed = {
        "ASYNC_IO_BUCKET": True,
        "INPUT_BUCKET": not all(map(is_s3, inputs)),
        "OUTPUT_BUCKET": output is None or not is_s3(output),
    }
    for variable, bucket in names.buckets().items():
        if needed[variable] and not bucket:
            raise UsageError(
                f"{variable} is not set: `export {variable}=a-bucket-of-yours`, or give s3:// locations"
            )


def _input_location(location: str, names: ResourceNames, job_id: str) -> str:
    return location if is_s3(location) else f"s3://{names.input_bucket}/inputs/{job_id}/{Path(location).name}"


def _remote(location: str | None) -> str | None:
    return location if location is not None and is_s3(location) else None


def _upload_inputs(aws: Clients, submission: Submission, request: InvocationRequest) -> None:
    for source, target in ((submission.input, request.input_s3), (submission.shape, request.shape_s3)):
        if source is not None and target is not None and not is_s3(source):
            upload(aws.s3, Path(source), S3Location.parse(target))


def _invoke(
    aws: Clients, submission: Submission, request: InvocationRequest, names: ResourceNames, job_id: str
) -> Ticket:
    document = S3Location(names.async_io_bucket, f"async-input/{job_id}.json")
    aws.s3.put_object(
        Bucket=document.bucket,
        Key=document.key,
        Body=request.model_dump_json(exclude_none=True).encode(),
        ContentType="application/json",
    )
    answer = aws.sagemaker_runtime.invoke_endpoint_async(
        EndpointName=names.endpoint_name,
        InputLocation=str(document),
        ContentType="application/json",
        Accept="application/json",
        InferenceId=job_id,
        RequestTTLSeconds=submission.ttl_seconds,
        InvocationTimeoutSeconds=submission.invocation_timeout,
    )
    return Ticket(
        inference_id=answer["InferenceId"],
        endpoint_name=names.endpoint_name,
        output_location=answer["OutputLocation"],
        failure_location=answer.get("FailureLocation"),
        outputs=request.outputs(),
        progress_location=request.progress_location(),
        downloads=_downloads(submission, request),
    )


def _downloads(submission: Submission, request: InvocationRequest) -> dict[str, str]:
    if submission.stage is Stage.FULL:
        prefix = submission.output_prefix
        if prefix is None or is_s3(prefix):
            return {}
        return {name: str(Path(prefix) / f"{name}.glb") for name in request.outputs()}
    if submission.output is None or is_s3(submission.output):
        return {}
    return dict.fromkeys(request.outputs(), submission.output)
