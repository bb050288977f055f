"""What becomes of a submitted job: its progress while it runs, and how it ended."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from meshtwin.cloud.aws_errors import AWS_ERRORS, is_passing, unavailable
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

AWAY_SECONDS = 60.0
"""How long services may be away: a restart of the store, a laptop that changes networks."""

EXPIRED = re.compile(r"(invocation|request)( has)? expired", re.IGNORECASE)
TIMED_OUT = re.compile(r"(invocation|request)( has)? timed out", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Update:
    """What is known of a job that has not ended: its progress, or, before that, what it waits for."""

    waiting_for: str | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A job that ended well. `files` has the local path of each result that was brought here."""

    response: InvocationResponse
    seconds: float
    files: dict[str, Path] = field(default_factory=dict)


def wait(
    client: Client,
    ticket: Ticket,
    *,
    timeout: float = 3600.0,
    on_update: Callable[[Update], None] = lambda _: None,
    away: float = AWAY_SECONDS,
) -> Result:
    """Wait for the job's end, and bring its results here where that was asked for.

    Only the two locations that InvokeEndpointAsync returned tell the outcome; it is the same on AWS. Services
    that cannot be reached are asked again, for `away` seconds.

    Raises:
        JobFailedError, JobExpiredError, JobTimedOutError: how it ended instead.
        NotYetError: `timeout` seconds have passed; the job goes on.
        UnavailableError: a service refuses, or was away for too long; the job goes on.
    """
    start = time.monotonic()
    try:
        response = _ended(client, ticket, start, timeout, on_update, away)
        files = {name: Path(path) for name, path in ticket.downloads.items()}
        for name, path in files.items():
            download(client.aws.s3, S3Location.parse(ticket.outputs[name]), path)
    except AWS_ERRORS as error:
        raise UnavailableError(
            f"{unavailable(error, f'while waiting for job {ticket.inference_id}')}\n"
            f"It may go on: `meshtwin wait {ticket.inference_id}` waits for it again"
        ) from error
    return Result(response, time.monotonic() - start, files)


def _ended(
    client: Client,
    ticket: Ticket,
    start: float,
    timeout: float,
    on_update: Callable[[Update], None],
    away: float,
) -> InvocationResponse:
    heard = start
    interval = FIRST_INTERVAL
    cold_start = ColdStart(client)
    while True:
        try:
            response = _outcome(client.aws.s3, ticket)
            update = _update(client, ticket, cold_start) if response is None else None
            heard = time.monotonic()
        except AWS_ERRORS as error:
            if not is_passing(error) or time.monotonic() - heard > away:
                raise
            response, update = None, Update("its services to be reachable again")
        if response is not None:
            return response
        elapsed = time.monotonic() - start
        if elapsed > timeout:
            raise NotYetError(_not_yet(ticket, timeout))
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
            raise CloudError(f"{ticket.output_location} is not this container's answer: {error}") from error
    if ticket.failure_location is not None:
        failure = read_if_there(s3, S3Location.parse(ticket.failure_location))
        if failure is not None:
            raise failure_error(ticket.inference_id, failure)
    return None


def failure_error(inference_id: str, failure: bytes) -> CloudError:
    """What a failure object says: the container's own error, or the service's words about the request.

    The service's words are not documented: what every known form of them has in common tells them apart.
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
        # Who may invoke an endpoint need not be allowed to look at it.
        return Update("its end")
    if endpoint is None:
        return Update(f"endpoint {ticket.endpoint_name} to exist again")
    if endpoint.instances == 0:
        return Update(cold_start.words(endpoint))
    return Update("its turn in the queue" if endpoint.status == "InService" else f"{endpoint.status} to end")


def _progress(s3: S3Client, ticket: Ticket) -> Progress | None:
    """The container's, None also where something else lies there."""
    found = read_if_there(s3, S3Location.parse(ticket.progress_location))
    try:
        return None if found is None else Progress.model_validate_json(found)
    except ValidationError:
        return None


def _not_yet(ticket: Ticket, timeout: float) -> str:
    return (
        f"job {ticket.inference_id} has not ended after {timeout:g} s, and goes on. "
        f"Its answer will be at {ticket.output_location}; "
        f"`meshtwin wait {ticket.inference_id}` waits for it again."
    )
