"""The HTTP API in front of functions: routes, events and responses of payload format 2.0, over raw HTTP."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.serverless import Hosting, run_serverless
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.emulator import Answer

ROUTES = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"
FORMAT = (
    "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"
)
QUOTAS = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"
TROUBLE = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html"

LATE = "https://github.com/cortexlabs/cortex/issues/1225"

JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.operation("HTTP API")


def routed(handler: str, *routes: str, **more: Any) -> dict[str, Any]:
    return {"handler": f"basic.{handler}", "events": [{"http": route} for route in routes], **more}


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory, profile: str) -> Iterator[Hosting]:
    if profile == "sagemaker":
        pytest.skip("needs the functions of this suite")
    functions = {
        "echo": routed(
            "echo",
            *("GET /pets/{petID}", "ANY /pets/{petID}", "POST /pets/dog", "GET /pets/{petID}/toys"),
            *("GET /files/{proxy+}", "GET /files/new/{proxy+}", "ANY /", "POST /build"),
        ),
        "respond": routed("respond", "POST /respond"),
        "fail": routed("fail", "GET /fail"),
    }
    with run_serverless(tmp_path_factory.mktemp("api"), functions) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory, profile: str) -> Iterator[Hosting]:
    """One of its own: a cold start may take longer than what is waited for here."""
    if profile == "sagemaker":
        pytest.skip("needs the functions of this suite")
    functions = {
        "slow": routed("wait", "POST /slow", timeout=60),
        "busy": routed("wait", "POST /busy", concurrency=1, timeout=60),
    }
    options = ("--set", "integration_timeout=2")
    with run_serverless(tmp_path_factory.mktemp("impatient"), functions, options=options) as running:
        yield running


def ask(
    hosting: Hosting,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str | bytes] | None = None,
) -> Answer:
    return hosting.send(f"/_api{path}", body=body, headers=headers, method=method)


def event(hosting: Hosting, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
    """The event of a request to a function that gives it back."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = ask(hosting, method, path, body, named)
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.documented(ROUTES)
@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/pets/6", "GET /pets/{petID}", {"petID": "6"}),
        ("DELETE", "/pets/6", "ANY /pets/{petID}", {"petID": "6"}),
        ("POST", "/pets/dog", "POST /pets/dog", None),
        ("GET", "/pets/dog", "GET /pets/{petID}", {"petID": "dog"}),
        ("GET", "/pets/a%20b", "GET /pets/{petID}", {"petID": "a b"}),
        ("GET", "/pets/6/toys", "GET /pets/{petID}/toys", {"petID": "6"}),
        ("GET", "/files/a/b.txt", "GET /files/{proxy+}", {"proxy": "a/b.txt"}),
        ("GET", "/files/new/b.txt", "GET /files/new/{proxy+}", {"proxy": "b.txt"}),
        ("GET", "/", "ANY /", None),
        ("GET", "", "ANY /", None),
    ],
)
def test_the_most_specific_route_serves(
    hosting: Hosting, method: str, path: str, key: str, parameters: dict[str, str] | None
) -> None:
    found = event(hosting, method, path)
    assert found["routeKey"] == found["requestContext"]["routeKey"] == key
    assert found.get("pathParameters") == parameters


@pytest.mark.documented(ROUTES)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("GET", "/build"), ("POST", "/build/"), ("GET", "/files"), ("GET", "/pets/6/7")],
)
def test_no_route_is_not_found(hosting: Hosting, method: str, path: str) -> None:
    answer = ask(hosting, method, path)
    assert (answer.status, answer.json) == (404, {"message": "Not Found"})


@pytest.mark.documented(ROUTES)
def test_the_default_route_serves_the_rest(tmp_path: Path, profile: str) -> None:
    if profile == "sagemaker":
        pytest.skip("needs the functions of this suite")
    functions = {"rest": routed("echo", "$default"), "own": routed("echo", "GET /own")}
    with run_serverless(tmp_path, functions) as hosting:
        assert event(hosting, "PUT", "/any/thing")["routeKey"] == "$default"
        assert event(hosting, "GET", "/own")["routeKey"] == "GET /own"
        assert event(hosting, "POST", "/own")["routeKey"] == "$default"


@pytest.mark.documented(FORMAT)
def test_the_whole_event(hosting: Hosting) -> None:
    before = time.time()
    answer = hosting.send(
        "/_api/build?a=1&a=2&b=&c=%20x",
        body=b'{"prompt": "a dragon"}',
        headers={
            "Content-Type": "application/json",
            "Cookie": "one=1; two=2",
            "X-Many": "first",
            "User-Agent": "test/1",
            "Authorization": "Bearer token",
        },
    )
    found = answer.json
    host = hosting.url.removeprefix("http://")
    context = found.pop("requestContext")
    headers = found.pop("headers")
    assert found == {
        "version": "2.0",
        "routeKey": "POST /build",
        "rawPath": "/build",
        "rawQueryString": "a=1&a=2&b=&c=%20x",
        "cookies": ["one=1", "two=2"],
        "queryStringParameters": {"a": "1,2", "b": "", "c": " x"},
        "body": '{"prompt": "a dragon"}',
        "isBase64Encoded": False,
    }
    assert headers["authorization"] == "Bearer token"
    assert (headers["host"], headers["x-forwarded-proto"]) == (host, "http")
    assert headers["x-forwarded-prefix"] == "/_api", "what a statusUrl begins with"
    assert (headers["x-forwarded-for"], headers["content-length"]) == ("127.0.0.1", "22")
    assert "cookie" not in headers
    when, epoch = context.pop("time"), context.pop("timeEpoch")
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", when)
    assert before * 1000 - 2000 <= epoch <= time.time() * 1000 + 2000
    assert context.pop("requestId") == answer.headers["apigw-requestid"]
    assert context == {
        "accountId": "123456789012",
        "apiId": "local",
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "http": {
            "method": "POST",
            "path": "/build",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "test/1",
        },
        "routeKey": "POST /build",
        "stage": "$default",
    }


@pytest.mark.documented(FORMAT)
def test_what_is_not_there_is_left_out(hosting: Hosting) -> None:
    found = event(hosting, "GET", "/")
    assert {"cookies", "queryStringParameters", "pathParameters", "body"}.isdisjoint(found)
    assert found["rawQueryString"] == ""


@pytest.mark.documented(FORMAT)
@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "grüße".encode(), True),
        ("application/vnd.api+json", b"{}", True),
        ("application/octet-stream", b"abc", False),
        ("image/png", b"\x89PNG", False),
        ("application/json", b"\xff", False),
    ],
)
def test_a_body_is_text_or_base64(hosting: Hosting, content_type: str, body: bytes, *, text: bool) -> None:
    found = event(hosting, "POST", "/build", body, Content_Type=content_type)
    assert found["isBase64Encoded"] is not text
    assert (found["body"].encode() if text else base64.b64decode(found["body"])) == body


def respond(hosting: Hosting, result: object) -> Answer:
    return ask(hosting, "POST", "/respond", json.dumps(result).encode(), {"Content-Type": "application/json"})


@pytest.mark.documented(FORMAT)
@pytest.mark.parametrize(
    ("result", "body"),
    [
        ({"message": "Hello"}, b'{"message": "Hello"}'),
        ("Hello from Lambda!", b"Hello from Lambda!"),
        ([1, 2], b"[1, 2]"),
        (None, b"null"),
    ],
)
def test_a_result_without_a_status_is_a_body(hosting: Hosting, result: object, body: bytes) -> None:
    answer = respond(hosting, result)
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", body)


@pytest.mark.documented(FORMAT)
def test_a_response_as_the_function_wants_it(hosting: Hosting) -> None:
    answer = respond(
        hosting,
        {
            "statusCode": 201,
            "headers": {"Content-Type": "image/png", "X-Count": 3, "X-Is": True},
            "cookies": ["a=1; Secure"],
            "body": base64.b64encode(b"\x89PNG").decode(),
            "isBase64Encoded": True,
        },
    )
    assert (answer.status, answer.body) == (201, b"\x89PNG")
    assert answer.headers["content-type"] == "image/png"
    assert (answer.headers["x-count"], answer.headers["x-is"]) == ("3", "true")
    assert answer.headers["set-cookie"] == "a=1; Secure"


@pytest.mark.assumed
def test_a_response_that_says_little(hosting: Hosting) -> None:
    answer = respond(hosting, {"statusCode": "204"})
    assert (answer.status, answer.body) == (204, b"")
    assert respond(hosting, {"statusCode": 200, "body": "x"}).headers["content-type"].startswith("text/plain")


@pytest.mark.documented(TROUBLE)
@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "ok"},
        {"statusCode": 99},
        {"statusCode": True},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "headers": []},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
        {"statusCode": 200, "headers": {"bad name": "x"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "body": "***", "isBase64Encoded": True},
    ],
)
def test_a_malformed_response_is_an_error(hosting: Hosting, result: object) -> None:
    answer = respond(hosting, result)
    assert (answer.status, answer.json) == (500, {"message": "Internal Server Error"})


@pytest.mark.documented(TROUBLE)
def test_a_function_that_fails_is_an_error(hosting: Hosting) -> None:
    answer = ask(hosting, "GET", "/fail")
    assert (answer.status, answer.json) == (500, {"message": "Internal Server Error"})


@pytest.mark.field_report(LATE)
def test_a_function_that_takes_too_long_is_not_waited_for(impatient: Hosting, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    body = json.dumps({"until": str(gate)}).encode()
    answer = ask(impatient, "POST", "/slow", body, JSON)
    assert (answer.status, answer.json) == (503, {"message": "Service Unavailable"})
    assert impatient.function("slow")["running"] == 1
    gate.touch()
    wait_until(lambda: impatient.function("slow")["invocations"] == 1)
    assert impatient.function("slow")["errors"] == 0


@pytest.mark.assumed
def test_more_than_may_run_at_once_is_unavailable(impatient: Hosting, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    body = json.dumps({"until": str(gate)}).encode()
    assert ask(impatient, "POST", "/busy", body, JSON).status == 503  # it goes on
    assert ask(impatient, "POST", "/busy", body, JSON).json == {"message": "Service Unavailable"}
    assert impatient.function("busy")["throttles"] == 1
    gate.touch()
    wait_until(lambda: impatient.function("busy")["running"] == 0)


@pytest.mark.documented(QUOTAS)
def test_a_body_of_more_than_ten_megabytes_is_refused(hosting: Hosting) -> None:
    answer = ask(hosting, "POST", "/build", b"x" * (10 * 1024 * 1024 + 1))
    assert (answer.status, answer.json) == (413, {"message": "Request Entity Too Large"})


@pytest.mark.assumed
def test_a_body_that_no_function_could_take_is_refused(hosting: Hosting) -> None:
    answer = ask(hosting, "POST", "/build", b"x" * (6 * 1024 * 1024))
    assert (answer.status, answer.json) == (413, {"message": "Request Entity Too Large"})
