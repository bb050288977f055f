"""How a request ends, and the texts that say so. Pure.

failureReason has SageMaker's texts where some were captured
(https://github.com/awslabs/osml-model-runner, https://github.com/aws/sagemaker-python-sdk/issues/1119 and
https://github.com/deepjavalibrary/djl-serving/issues/2567). What the failure object holds when the platform,
and not the model, failed is undocumented; here it is one line of plain text, by which a caller can tell the
cases apart:

    model failed        the model's own answer, with its own Content-Type
    expired             settings.expired_reason, by default `InternalFailure: invocation expired`
    timed out           `Your invocation timed out while waiting for a response from container primary. ...`
    no Content-Length   `The response from container primary did not specify the required Content-Length ...`
    bad Content-Length  `The response from container primary has more than one Content-Length header, ...`
    long headers        `Response received from the primary container has headers with length greater ...`
    connection closed   `The connection to container primary closed before the response was complete.`
    instance lost       `The instance that processed the invocation was lost. ...`
    input missing       `ClientError: Unable to download the input s3://...: NoSuchKey (...)`
    output refused      `ClientError: Unable to upload to s3://...: NoSuchBucket (...)`
    endpoint deleted    `InternalFailure: endpoint <name> was deleted`
    cancelled           `InternalFailure: invocation cancelled`

failureReason is the same text in the expired and the last four cases, and status 0's in the six between.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshtwin.emulator.sagemaker.delivery.payload import Payload
from meshtwin.emulator.sagemaker.queue.request import State

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.delivery.container import Answer

_LOGS = "See the SageMaker Endpoint logs in your account for more information."
NO_LENGTH = "The response from container primary did not specify the required Content-Length header"
BAD_LENGTH = (
    "The response from container primary has more than one Content-Length header, or one that is not a number"
)
# https://github.com/aws/deep-learning-containers/issues/4668
LONG_HEADERS = (
    "Response received from the primary container has headers with length greater than {} bytes. Reduce the "
    "length of your container's response headers and update your endpoint."
)
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency "
    "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
CLOSED = "The connection to container primary closed before the response was complete."
LOST = "The instance that processed the invocation was lost. Its container ended before it had answered."
MAX_HEADER_LINE_BYTES = 65_536
"""What `http.client` reads at most, whatever the setting."""

_QUOTED = 1000
CLIENT_ERRORS = range(400, 500)
_SUCCESSES = range(200, 300)


class Cause(StrEnum):
    """Why a request failed."""

    MODEL = "model"
    EXPIRED = "expired"
    TIMED_OUT = "timed-out"
    NO_CONTENT_LENGTH = "no-content-length"
    LONG_HEADERS = "long-headers"
    CONNECTION_CLOSED = "connection-closed"
    INSTANCE_LOST = "instance-lost"
    INPUT = "input"
    OUTPUT = "output"
    ENDPOINT_DELETED = "endpoint-deleted"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


_STATES = {Cause.EXPIRED: State.EXPIRED, Cause.CANCELLED: State.CANCELLED}
CANCELLED_REASON = "InternalFailure: invocation cancelled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An end: its state, what is written to S3; for a failure its cause, failureReason and log line."""

    state: State
    payload: Payload
    cause: Cause | None = None
    reason: str | None = None
    log_line: str | None = None
    status: int | None = None
    """The container's, where it answered and that was no success."""


def judge(answer: Answer, most_header_bytes: int = 0) -> Outcome:
    """What a container's answer makes of the request. An answer whose body was not read lacked its length.

    A success whose headers, names and values, exceed `most_header_bytes` is a failure; 0: any length.
    """
    if answer.bad_length is not None:
        text = f"{BAD_LENGTH} ({answer.bad_length})"
        return no_answer(Cause.NO_CONTENT_LENGTH, text, text)
    header_bytes = sum(len(name) + len(value) for name, value in answer.headers)
    if answer.has_long_head or (answer.status in _SUCCESSES and 0 < most_header_bytes < header_bytes):
        if answer.body is not None:
            answer.body.close()
        text = LONG_HEADERS.format(most_header_bytes or MAX_HEADER_LINE_BYTES)
        return no_answer(Cause.LONG_HEADERS, text, text)
    if answer.body is None:
        return no_answer(Cause.NO_CONTENT_LENGTH, NO_LENGTH, NO_LENGTH)
    if answer.status in _SUCCESSES:
        return Outcome(State.COMPLETED, answer.body)
    return Outcome(
        State.FAILED,
        answer.body,
        Cause.MODEL,
        failure_reason(answer.status),
        f'{_received(answer.status)} from primary with message "{_quote(answer.body)}"',
        answer.status,
    )


def no_answer(cause: Cause, text: str, log_line: str | None = None) -> Outcome:
    """The end of a request whose container gave no usable answer: status 0, in SageMaker's words."""
    line = log_line or f'{_received(0)} from primary with message "{text}"'
    return Outcome(State.FAILED, _plain(text), cause, failure_reason(0), line)


def platform_failure(cause: Cause, reason: str) -> Outcome:
    """The end of a request that never reached a container, or whose answer cannot be stored."""
    state = _STATES.get(cause, State.FAILED)
    return Outcome(state, _plain(reason), cause, reason, reason)


def failure_reason(status: int) -> str:
    """The failureReason for a container's status; 0 where it gave none."""
    return f"ClientError: {_received(status)} from model. {_LOGS}"


def _received(status: int) -> str:
    side = "client" if status in CLIENT_ERRORS else "server"
    return f"Received {side} error ({status})"


def _plain(text: str) -> Payload:
    content = text.encode()
    return Payload(content, len(content), "text/plain; charset=utf-8")


def _quote(body: Payload) -> str:
    if isinstance(body.content, bytes):
        start = body.content[:_QUOTED]
    else:
        start = body.content.read(_QUOTED)
        body.content.seek(0)
    return start.decode(errors="replace")
