"""Wait for a submitted job: its progress while it runs, then its result or its error."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from meshtwin.cloud.aws_errors import AWS_ERRORS, is_transient, unavailable
from meshtwin.cloud.endpoint import describe_endpoint
from meshtwin.cloud.errors import (
    CloudError,
    JobExpiredError,
    JobFailedError,
    JobTimedOutError,
    NotYetError,
    UnavailableError,
)
from meshtwin.cloud.jobs.cold_start import ColdStart
from meshtwin.cloud.locations import S3Location, download, read_if_there
from meshtwin.runtime.contract import ErrorResponse, InvocationResponse, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from meshtwin.cloud.client import Client
    from meshtwin.cloud.jobs.submit import Ticket

FIRST_INTERVAL = 0.1
LONGEST_INTERVAL = 2.0
INTERVAL_GROWTH = 1.15

UNREACHABLE_SECONDS = 60.0
"""How long services may be unreachable: a restart of the store, a laptop that changes networks."""

EXPIRED = re.compile(r"(invocation|request)( has)? expired", re.IGNORECASE)
TIMED_OUT = re.compile(r"(invocation|request)( has)? timed out", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Update:
    """The state of a job that has not finished: its progress, or, before that, what it waits for."""

    waiting_for: str | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A job that succeeded. `files` has the local path of each downloaded result."""

    response: InvocationResponse
    seconds: float
    files: dict[str, Path] = field(default_factory=dict)


def wait(
    client: Client,
    ticket: Ticket,
    *,
    timeout: float = 3600.0,
    on_update: Callable[[Update], None] = lambda _: None,
    unreachable: float = UNREACHABLE_SECONDS,
) -> Result:
    """Wait for the job, and download its results where that was requested.

    The outcome is read only from the two locations that InvokeEndpointAsync returned, as on AWS. Services
    that cannot be reached are polled for `unreachable` more seconds.

    Raises:
        JobFailedError, JobExpiredError, JobTimedOutError: the job did not succeed.
        NotYetError: it is not finished after `timeout` seconds, and continues.
        UnavailableError: a service refuses, or was unreachable for too long; the job continues.
    """
    start = time.monotonic()
    try:
        response = _poll(client, ticket, start, timeout, on_update, unreachable)
        files = {name: Path(path) for name, path in ticket.downloads.items()}
        for name, path in files.items():
            download(client.aws.s3, S3Location.parse(ticket.outputs[name]), path)
    except AWS_ERRORS as error:
        raise UnavailableError(
            f"{unavailable(error, f'while waiting for job {ticket.inference_id}')}\n"
            f"It may still be running: `meshtwin wait {ticket.inference_id}` waits for it again"
        ) from error
    return Result(response, time.monotonic() - start, files)


def _poll(
    client: Client,
    ticket: Ticket,
    start: float,
    timeout: float,
    on_update: Callable[[Update], None],
    unreachable: float,
) -> InvocationResponse:
    last_response = start
    interval = FIRST_INTERVAL
    cold_start = ColdStart(client)
    while True:
        try:
            response = _outcome(client.aws.s3, ticket)
            update = _update(client, ticket, cold_start) if response is None else None
            last_response = time.monotonic()
        except AWS_ERRORS as error:
            if not is_transient(error) or time.monotonic() - last_response > unreachable:
                raise
            response, update = None, Update("its services to be reachable again")
        if response is not None:
            return response
        elapsed = time.monotonic() - start
        if elapsed > timeout:
            raise NotYetError(_not_finished(ticket, timeout))
        if update is not None:
            on_update(update)
        time.sleep(min(interval, max(0.0, timeout - elapsed) + 0.01))
        interval = min(interval * INTERVAL_GROWTH, LONGEST_INTERVAL)


def _outcome(s3: S3Client, ticket: Ticket) -> InvocationResponse | None:
    output = read_if_there(s3, S3Location.parse(ticket.output_location))
    if output is not None:
        try:
            return InvocationResponse.model_validate_json(output)
        except ValidationError as error:
            raise CloudError(
                f"{ticket.output_location} is not a response of this container: {error}"
            ) from error
    if ticket.failure_location is not None:
        failure = read_if_there(s3, S3Location.parse(ticket.failure_location))
        if failure is not None:
            raise failure_error(ticket.inference_id, failure)
    return None


def failure_error(inference_id: str, failure: bytes) -> CloudError:
    """The error in a failure object: the container's own, or the service's text about the request.

    The service's texts are not documented: the patterns match what every known form has in common.
    """
    try:
        error = ErrorResponse.model_validate_json(failure).error
    except ValidationError:
        text = failure.decode("utf-8", errors="replace").strip() or "no reason given"
        message = f"job {inference_id}: {text}"
        if EXPIRED.search(text):
            return JobExpiredError(message)
        if TIMED_OUT.search(text):
            return JobTimedOutError(message)
        return JobFailedError(message)
    return JobFailedError(
        f"job {inference_id}: {error.message} ({error.code.value})",
        code=error.code.value,
        retryable=error.retryable,
    )


def _update(client: Client, ticket: Ticket, cold_start: ColdStart) -> Update:
    progress = _progress(client.aws.s3, ticket)
    if progress is not None:
        return Update(progress=progress)
    try:
        endpoint = describe_endpoint(client.aws, ticket.endpoint_name)
    except ClientError:
        # An identity that may invoke the endpoint need not be allowed to describe it.
        return Update("its end")
    if endpoint is None:
        return Update(f"endpoint {ticket.endpoint_name} to exist again")
    if endpoint.instances == 0:
        return Update(cold_start.describe(endpoint))
    return Update("its turn in the queue" if endpoint.status == "InService" else f"{endpoint.status} to end")


def _progress(s3: S3Client, ticket: Ticket) -> Progress | None:
    """The container's progress; None where there is none, or another kind of object."""
    found = read_if_there(s3, S3Location.parse(ticket.progress_location))
    try:
        return None if found is None else Progress.model_validate_json(found)
    except ValidationError:
        return None


def _not_finished(ticket: Ticket, timeout: float) -> str:
    return (
        f"job {ticket.inference_id} is not finished after {timeout:g} s, and continues. "
        f"Its response will be at {ticket.output_location}; "
        f"`meshtwin wait {ticket.inference_id}` waits for it again."
    )
