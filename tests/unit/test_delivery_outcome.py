from __future__ import annotations

import io

import pytest

from meshtwin.emulator.core.locations import S3Location, parse_object
from meshtwin.emulator.sagemaker.delivery.container import Answer, invocation_headers
from meshtwin.emulator.sagemaker.delivery.objects import Input
from meshtwin.emulator.sagemaker.delivery.outcome import (
    NO_LENGTH,
    Cause,
    failure_reason,
    judge,
    no_answer,
    platform_failure,
)
from meshtwin.emulator.sagemaker.delivery.payload import Payload
from meshtwin.emulator.sagemaker.queue.request import AsyncRequest, State


def request(**changes: str | None) -> AsyncRequest:
    given: dict[str, str | None] = {"input_location": "s3://b/in", **changes}
    return AsyncRequest("r", "e", "i", 1.0, 60, 60, "s3://b/out", **given)  # type: ignore[arg-type]


def answer(status: int, content: bytes = b"body", content_type: str | None = "text/plain") -> Answer:
    return Answer(status, content_type, Payload(content, len(content), content_type))


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_completes_the_request(status: int) -> None:
    outcome = judge(answer(status))
    assert outcome.state is State.COMPLETED
    assert outcome.reason is None
    assert outcome.payload.read_all() == b"body"


@pytest.mark.parametrize(
    ("status", "side"), [(400, "client"), (499, "client"), (500, "server"), (302, "server"), (0, "server")]
)
def test_the_reason_names_the_side_and_the_status(status: int, side: str) -> None:
    assert failure_reason(status) == (
        f"ClientError: Received {side} error ({status}) from model. "
        "See the SageMaker Endpoint logs in your account for more information."
    )


def test_a_models_failure_keeps_its_body_and_quotes_it_in_the_log() -> None:
    outcome = judge(answer(500, b"out of memory"))
    assert outcome.cause is Cause.MODEL
    assert outcome.payload.read_all() == b"out of memory"
    assert outcome.log_line == 'Received server error (500) from primary with message "out of memory"'


def test_only_the_start_of_a_long_body_is_quoted() -> None:
    body = Payload(io.BytesIO(b"x" * 2_000_000), 2_000_000, None)
    outcome = judge(Answer(500, None, body))
    assert outcome.log_line is not None
    assert len(outcome.log_line) < 1100
    assert len(outcome.payload.read_all()) == 2_000_000


def test_an_unread_body_is_an_answer_without_its_length() -> None:
    outcome = judge(Answer(200, "text/plain", None))
    assert outcome.cause is Cause.NO_CONTENT_LENGTH
    assert outcome.log_line == NO_LENGTH
    assert outcome.payload.read_all().decode() == NO_LENGTH


def test_only_expiry_is_an_expired_state() -> None:
    assert platform_failure(Cause.EXPIRED, "x").state is State.EXPIRED
    assert platform_failure(Cause.INPUT, "x").state is State.FAILED
    assert no_answer(Cause.TIMED_OUT, "x").state is State.FAILED


def test_headers_that_were_not_given_are_not_sent() -> None:
    headers = invocation_headers(request(), Input(b"", 0, None))
    assert set(headers) == {
        "Content-Type",
        "Content-Length",
        "X-Amzn-SageMaker-Inference-Id",
        "X-Amzn-SageMaker-Forwarded-Api",
    }
    assert headers["Content-Type"] == "binary/octet-stream"


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [("s3://b/k", "b", "k"), ("s3://b/a/b?c#d%20e", "b", "a/b?c#d%20e"), ("s3://b//k", "b", "/k")],
)
def test_keys_are_taken_as_they_are(uri: str, bucket: str, key: str) -> None:
    assert parse_object(uri) == S3Location(bucket, key)


@pytest.mark.parametrize("uri", ["", "s3://", "s3://b", "s3://b/", "https://b/k", "s3:///k"])
def test_what_names_no_object_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="expected s3://bucket/key"):
        parse_object(uri)


def test_an_answer_with_long_headers_fails_and_one_at_the_limit_does_not() -> None:
    def answer(length: int, status: int = 200) -> Answer:
        headers = (("X", "x" * (length - 1)),)
        return Answer(status, None, Payload(b"body", 4, None), headers)

    assert judge(answer(4096), 4096).state is State.COMPLETED
    assert judge(answer(9999), 0).state is State.COMPLETED
    assert judge(answer(9999, 500), 4096).cause is Cause.MODEL
    failed = judge(answer(4097), 4096)
    assert (failed.state, failed.cause) == (State.FAILED, Cause.LONG_HEADERS)
    assert failed.payload.read_all().decode() == (
        "Response received from the primary container has headers with length greater than 4096 bytes. "
        "Reduce the length of your container's response headers and update your endpoint."
    )


def test_a_length_that_cannot_be_read_is_the_reason() -> None:
    failed = judge(Answer(0, None, None, bad_length="4, 5"))
    assert failed.cause is Cause.NO_CONTENT_LENGTH
    assert failed.payload.read_all().endswith(b"one that is not a number (4, 5)")
