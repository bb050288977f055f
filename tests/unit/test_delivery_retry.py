from __future__ import annotations

import threading

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from urllib3.exceptions import LocationParseError, ProtocolError

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.delivery.retry import (
    ShuttingDownError,
    is_passing,
    retry_while_unavailable,
)
from meshtwin.emulator.sagemaker.queue.table import StaleClaimError


def refusal(status: int, code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "GetObject",
    )


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (EndpointConnectionError(endpoint_url="http://x"), True),
        (ReadTimeoutError(endpoint_url="http://x"), True),
        (refusal(503, "SlowDown"), True),
        (refusal(500, "InternalError"), True),
        (refusal(400, "RequestTimeout"), True),
        (UnavailableError("away"), True),
        (HTTPClientError(error=OSError("reset")), True),
        (HTTPClientError(error=ProtocolError("cut")), True),
        (HTTPClientError(error=ValueError("Invalid header value b'a\\nb'")), False),
        (HTTPClientError(error=LocationParseError("http://{b}.x")), False),
        (HTTPClientError(error=UnicodeError("label too long")), False),
        (refusal(404, "NoSuchKey"), False),
        (refusal(403, "AccessDenied"), False),
        (NoCredentialsError(), False),
        (StaleClaimError("claimed again"), False),
        (ValueError(), False),
    ],
)
def test_an_absence_is_told_from_a_refusal(error: Exception, passing: bool) -> None:
    assert is_passing(error) is passing


def test_a_call_is_repeated_until_the_service_is_back() -> None:
    answers: list[Exception | str] = [UnavailableError("away"), UnavailableError("away"), "done"]

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert retry_while_unavailable(threading.Event(), call) == "done"


def test_a_refusal_is_not_repeated() -> None:
    calls = []

    def call() -> None:
        calls.append(1)
        raise refusal(403, "AccessDenied")

    with pytest.raises(ClientError):
        retry_while_unavailable(threading.Event(), call)
    assert len(calls) == 1


def test_after_a_stop_there_is_one_more_attempt() -> None:
    stop = threading.Event()
    stop.set()
    calls = []

    def call() -> None:
        calls.append(1)
        raise UnavailableError("away")

    with pytest.raises(ShuttingDownError):
        retry_while_unavailable(stop, call)
    assert len(calls) == 1
