from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.core.faults.faults import Faults
from meshtwin.emulator.core.protocol.errors import ServiceError, UnavailableError, ValidationFailedError
from meshtwin.emulator.core.protocol.gateway import DisconnectedError, Gateway, Service, read_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.types import Message

    from meshtwin.emulator.core.protocol.operations import RequestContext

PATH = "/endpoints/demo/async-invocations"


class Fake:
    """Operations that remember what they were given, and answer as told."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.answer: Mapping[str, Any] | Exception = {}

    async def serve(self, _: RequestContext, params: dict[str, Any]) -> Mapping[str, Any]:
        self.params = params
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(scope="module")
def fake() -> Fake:
    return Fake()


@pytest.fixture(scope="module")
def gateway(fake: Fake) -> Gateway:
    control = dict.fromkeys(("CreateModel", "DeleteModel"), fake.serve)
    return Gateway(
        [Service("sagemaker-runtime", {"InvokeEndpointAsync": fake.serve}), Service("sagemaker", control)],
        Faults(),
        manual_clock(),
    )


@pytest.fixture
def client(gateway: Gateway, fake: Fake) -> httpx.AsyncClient:
    fake.params, fake.answer = {}, {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url="http://emulator")


def post(client: httpx.AsyncClient, path: str = PATH, **options: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        async with client:
            return await client.post(path, **options)

    return asyncio.run(call())


def control(client: httpx.AsyncClient, operation: str, content: bytes) -> httpx.Response:
    return post(client, "/", content=content, headers={"x-amz-target": f"SageMaker.{operation}"})


def test_parameters_come_from_path_headers_and_body(client: httpx.AsyncClient, fake: Fake) -> None:
    headers = {"X-Amzn-SageMaker-RequestTTLSeconds": "60", "X-Amzn-SageMaker-Accept": "text/csv"}
    fake.answer = {"InferenceId": "i", "OutputLocation": "s3://b/k", "FailureLocation": None}
    answer = post(client, content=b"\x00\xff", headers=headers)
    assert fake.params == {
        "EndpointName": "demo",
        "RequestTTLSeconds": 60,
        "Accept": "text/csv",
        "Body": b"\x00\xff",
    }
    assert answer.status_code == 202
    assert answer.content == b'{"InferenceId":"i"}'
    assert answer.headers["x-amzn-sagemaker-outputlocation"] == "s3://b/k"
    assert "x-amzn-sagemaker-failurelocation" not in answer.headers
    assert answer.headers["content-length"] == str(len(answer.content))
    assert len(answer.headers["x-amzn-requestid"]) == 36


def test_an_error_of_the_runtime_has_its_code_in_a_header(client: httpx.AsyncClient, fake: Fake) -> None:
    fake.answer = ValidationFailedError("no such endpoint")
    answer = post(client, content=b"x")
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "ValidationError"
    assert answer.json() == {"Message": "no such endpoint"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnavailableError("away"), 503, "ServiceUnavailable"),
        (ServiceError("odd"), 500, "InternalFailure"),
        (ServiceError("slow down", code="ThrottlingException", status=429), 429, "ThrottlingException"),
        (RuntimeError("a secret"), 500, "InternalFailure"),
    ],
)
def test_errors_have_the_status_of_the_model_or_their_own(
    client: httpx.AsyncClient, fake: Fake, error: Exception, status: int, code: str
) -> None:
    fake.answer = error
    answer = post(client, content=b"x")
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (status, code)
    assert "a secret" not in answer.text


def test_a_json_operation_reads_and_writes_its_body(client: httpx.AsyncClient, fake: Fake) -> None:
    fake.answer = {"ModelArn": "arn"}
    answer = control(
        client, "CreateModel", b'{"ModelName": "m", "EnableNetworkIsolation": true, "Newer": [1]}'
    )
    assert fake.params == {"ModelName": "m", "EnableNetworkIsolation": True, "Newer": [1]}
    assert answer.json() == {"ModelArn": "arn"}
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.parametrize(("levels", "status"), [(64, 200), (65, 400), (100_000, 400)])
def test_json_may_be_nested_so_deep_and_no_deeper(
    client: httpx.AsyncClient, fake: Fake, levels: int, status: int
) -> None:
    lists = levels - 1  # the object around them is a level, too
    answer = control(client, "CreateModel", b'{"ModelName":"m","Newer":' + b"[" * lists + b"]" * lists + b"}")
    assert answer.status_code == status
    assert bool(fake.params) is (status == 200)
    if status == 400:
        assert answer.json()["__type"] == "SerializationException"


def test_an_operation_without_output_answers_with_nothing(client: httpx.AsyncClient) -> None:
    answer = control(client, "DeleteModel", b'{"ModelName": "m"}')
    assert (answer.status_code, answer.content) == (200, b"")


def test_all_broken_constraints_are_in_one_message(client: httpx.AsyncClient) -> None:
    answer = control(client, "CreateModel", b'{"ModelName": "-", "PrimaryContainer": {"Mode": "X"}}')
    assert answer.status_code == 400
    error = answer.json()
    assert error["__type"] == "ValidationException"
    assert error["message"].startswith("2 validation errors detected: Value '-' at 'modelName' failed")
    assert (
        "at 'primaryContainer.mode' failed to satisfy constraint: Member must satisfy enum"
        in error["message"]
    )


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"ModelName": NaN}', b"\xff", b"[" * 500_000, b'{"ModelName": 1}']
)
def test_a_body_that_can_not_be_read_says_so(client: httpx.AsyncClient, body: bytes) -> None:
    answer = control(client, "CreateModel", body)
    assert answer.status_code == 400
    assert answer.json()["__type"] == "SerializationException"


def test_a_json_body_has_a_limit(client: httpx.AsyncClient) -> None:
    answer = control(client, "CreateModel", b" " * (1024 * 1024 + 1))
    assert answer.json()["__type"] == "SerializationException"
    assert "1048576 bytes" in answer.json()["message"]


def test_an_operation_that_is_not_served_is_named_with_those_that_are(client: httpx.AsyncClient) -> None:
    answer = control(client, "UpdateEndpoint", b"{}")
    assert answer.status_code == 400
    assert answer.json()["__type"] == "UnknownOperationException"
    assert "SageMaker.UpdateEndpoint is not served" in answer.json()["message"]
    assert "SageMaker.CreateModel" in answer.json()["message"]


@pytest.mark.parametrize(
    "path", ["/", "/endpoints/demo", "/endpoints//async-invocations", "/endpoints/a/b/async-invocations"]
)
def test_a_path_that_is_not_served_is_unknown(client: httpx.AsyncClient, path: str) -> None:
    answer = post(client, path)
    assert answer.status_code == 404
    assert answer.headers["x-amzn-errortype"] == "UnknownOperationException"


def test_an_encoded_slash_stays_in_its_segment(client: httpx.AsyncClient) -> None:
    answer = post(client, "/endpoints/a%2Fb/async-invocations")
    assert "Value 'a/b' at 'endpointName'" in answer.json()["Message"]


def test_a_body_too_long_is_refused_unread(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 100_000
        raise AssertionError("read on after the limit")

    answer = post(client, content=endless())
    assert answer.headers["x-amzn-errortype"] == "ValidationError"
    assert answer.json()["Message"] == (
        "1 validation error detected: Value at 'body' failed to satisfy constraint: "
        "Member must have length less than or equal to 128000"
    )


def test_a_content_length_too_long_is_refused_before_a_byte_is_read() -> None:
    async def receive() -> Message:
        raise AssertionError("read")

    assert asyncio.run(read_body(receive, {b"content-length": b"1000000000"}, 128_000)) is None


def test_a_client_that_goes_away_is_not_answered(gateway: Gateway) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        raise AssertionError("answered")

    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": [(b"content-length", b"5")],
    }
    asyncio.run(gateway(scope, receive, send))
    with pytest.raises(DisconnectedError):
        asyncio.run(read_body(receive, {b"content-length": b"5"}, 10))


def test_latin_1_in_a_header_is_refused_by_its_pattern_not_by_a_crash(client: httpx.AsyncClient) -> None:
    answer = post(client, headers={"X-Amzn-SageMaker-Accept": b"caf\xe9"})
    assert answer.headers["x-amzn-errortype"] == "ValidationError"
    assert "café" in json.loads(answer.content)["Message"]
