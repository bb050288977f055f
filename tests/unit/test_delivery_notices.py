from __future__ import annotations

import base64
import json

import pytest

from meshtwin.emulator.sagemaker.delivery.notices import MAX_BODY_BYTES, End, build_notice, topic_for
from meshtwin.emulator.sagemaker.fleet.spec import Notifications
from meshtwin.emulator.sagemaker.queue.request import AsyncRequest, State

DONE = End(State.COMPLETED, 1_777_888_807.214, "application/json")
BAD = End(State.FAILED, 1_777_888_807.214, None, "ClientError: why")


def request(**changes: str | bytes | None) -> AsyncRequest:
    given: dict[str, str | bytes | None] = {"input_location": "s3://in/a.csv", **changes}
    return AsyncRequest(
        "r",
        "demo",
        "c1d2",
        1_777_888_805.9,
        60,
        60,
        "s3://out/p/9b1e.out",
        **given,  # type: ignore[arg-type]
    )


def test_a_success_is_written_as_sagemaker_writes_it() -> None:
    notice = build_notice(request(accept="application/json", content_type="text/csv"), DONE, "eu-west-1")
    assert notice == (
        '{"awsRegion":"eu-west-1","eventTime":"2026-05-04T10:00:07.214Z",'
        '"receivedTime":"2026-05-04T10:00:05.900Z","invocationStatus":"Completed",'
        '"requestParameters":{"accept":"application/json","contentType":"text/csv","endpointName":"demo",'
        '"inputLocation":"s3://in/a.csv"},"responseParameters":{"contentType":"application/json",'
        '"outputLocation":"s3://out/p/9b1e.out"},"inferenceId":"c1d2","eventVersion":"1.0",'
        '"eventSource":"aws:sagemaker","eventName":"InferenceResult"}'
    )


def test_a_failure_is_written_as_sagemaker_writes_it() -> None:
    assert build_notice(request(), BAD, "eu-west-1") == (
        '{"awsRegion":"eu-west-1","eventTime":"2026-05-04T10:00:07.214Z",'
        '"receivedTime":"2026-05-04T10:00:05.900Z","invocationStatus":"Failed",'
        '"failureReason":"ClientError: why","requestParameters":{"endpointName":"demo",'
        '"inputLocation":"s3://in/a.csv"},"inferenceId":"c1d2","eventVersion":"1.0",'
        '"eventSource":"aws:sagemaker","eventName":"InferenceResult"}'
    )


def test_an_expiry_is_a_failure() -> None:
    end = End(State.EXPIRED, 0.0, None, "InternalFailure: invocation expired")
    assert json.loads(build_notice(request(), end, "r"))["invocationStatus"] == "Failed"


def test_an_inline_body_has_no_location() -> None:
    inline = request(input_location=None, body=b"x", custom_attributes="token=1")
    parameters = json.loads(build_notice(inline, DONE, "r"))["requestParameters"]
    assert parameters == {"customAttributes": "token=1", "endpointName": "demo"}


def test_a_body_is_included_up_to_128_kb() -> None:
    body = bytes(MAX_BODY_BYTES)
    end = End(State.COMPLETED, 0.0, "text/csv", body=body)
    included = json.loads(build_notice(request(), end, "r"))["responseBody"]
    assert list(included) == ["content", "message", "encoding"]
    assert base64.b64decode(included["content"]) == body
    assert included["encoding"] == "BASE64"
    over = End(State.COMPLETED, 0.0, "text/csv", body=body + b"x")
    assert "responseBody" not in json.loads(build_notice(request(), over, "r"))


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.EXPIRED])
def test_each_end_has_its_topic(state: State) -> None:
    chosen = Notifications("yes", "no", frozenset({"ERROR_NOTIFICATION_TOPIC"}))
    expected = ("yes", False) if state is State.COMPLETED else ("no", True)
    assert topic_for(chosen, state) == expected
    assert topic_for(Notifications(), state) == (None, False)
