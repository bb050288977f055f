"""What stands in front of moto, and what its S3 stores."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.parsers
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from werkzeug.test import Client, TestResponse

from meshtwin.cloud.local.moto.access import AccessGuard
from meshtwin.cloud.local.moto.app import moto_app
from meshtwin.emulator.core.protocol.access import AccessKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

KEY = "MESHTWINABCDEF0123456789"
SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/s3/aws4_request"}


def _app(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"served"]


def ask(headers: Mapping[str, str], key: str | None = None, **more: Any) -> TestResponse:
    door = AccessGuard(_app, AccessKey(key) if key else None)
    given = {"Host": "127.0.0.1:5000", **headers}
    return Client(door).open(path=more.pop("path", "/"), headers=given, **more)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:5000"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "["}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_pages_do_not_get_past_it(headers: dict[str, str], status: int, method: str) -> None:
    answer = ask(headers, method=method, path="/moto-api/reset")
    assert answer.status_code == status
    assert "Access-Control-Allow-Origin" not in answer.headers


SERVICES = {
    "s3": ({}, "ListBuckets", "InvalidAccessKeyId"),
    "dynamodb": (
        {"X-Amz-Target": "DynamoDB_20120810.ListTables"},
        "ListTables",
        "UnrecognizedClientException",
    ),
    "sns": ({"Content-Type": "application/x-www-form-urlencoded"}, "ListTopics", "InvalidClientTokenId"),
    "cloudwatch": ({"smithy-protocol": "rpc-v2-cbor"}, "ListMetrics", "UnrecognizedClientException"),
}
PROTOCOLS = {"s3": "rest-xml", "dynamodb": "json", "sns": "query", "cloudwatch": "smithy-rpc-v2-cbor"}


@pytest.mark.parametrize("service", SERVICES)
def test_without_the_key_each_service_s_client_reads_why(service: str) -> None:
    """In the form that botocore's own parser of the service's protocol understands."""
    headers, operation, code = SERVICES[service]
    assert ask({**headers, **SIGNED}, KEY, method="POST").status_code == 200
    answer = ask(headers, KEY, method="POST")
    assert answer.status_code == 403
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    parser = botocore.parsers.create_parser(PROTOCOLS[service])
    response = {"status_code": 403, "headers": dict(answer.headers), "body": answer.data}
    shape = model.operation_model(operation).output_shape
    assert shape is not None
    parsed = parser.parse(response, shape)
    assert parsed["Error"]["Code"] == code
    assert "AWS_ACCESS_KEY_ID" in parsed["Error"]["Message"]


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/data.json", "/latest/meta-data/"])
def test_moto_s_own_pages_ask_for_the_key_too(path: str) -> None:
    assert ask({}, KEY, path=path).status_code == 403
    assert ask({"Authorization": f"Bearer {KEY}"}, KEY, path=path).status_code == 200


def test_the_key_counts_in_a_presigned_url() -> None:
    assert ask({}, KEY, query_string={"X-Amz-Credential": f"{KEY}/20260101/us-east-1/s3"}).status_code == 200
    assert ask({}, KEY, query_string={"X-Amz-Credential": "test/20260101/us-east-1/s3"}).status_code == 403


@pytest.mark.parametrize("field", ["x-amz-credential", "AWSAccessKeyId"])
def test_the_key_counts_in_the_fields_of_a_presigned_post(field: str) -> None:
    def post(credential: str) -> TestResponse:
        file = io.BytesIO(b"x" * 200_000)
        fields = {"key": "k", field: credential, "file": (file, "name")}
        return Client(AccessGuard(_echo, AccessKey(KEY))).post(
            "/b", data=fields, headers={"Host": "127.0.0.1"}
        )

    answer = post(f"{KEY}/20260101/us-east-1/s3/aws4_request")
    assert answer.status_code == 200
    assert answer.data.count(b"x" * 200_000) == 1
    assert post("test/20260101/us-east-1/s3/aws4_request").status_code == 403


def _echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]


@cache
def moto() -> Client:
    client = Client(AccessGuard(moto_app()))
    assert client.put("/forms", headers={**SIGNED, "Host": "127.0.0.1"}).status_code == 200
    return client


@pytest.mark.parametrize("presigned", [False, True])
@pytest.mark.parametrize("body", [b"a=b&hello", b"\xff\xfe" * 1000])
@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data"]
)
def test_s3_stores_a_body_as_it_comes_whatever_its_type(
    presigned: bool,
    body: bytes,
    kind: str,
) -> None:
    host = {"Host": "127.0.0.1"}
    path, headers = (
        ("/forms/key", SIGNED) if not presigned else (f"/forms/key?AWSAccessKeyId={KEY}&Signature=x", {})
    )
    given = {**headers, **host, "Content-Type": kind}
    assert moto().put(path, data=body, headers=given).status_code == 200
    found = moto().get("/forms/key", headers={**SIGNED, **host})
    assert found.data == body
    assert found.headers["Content-Type"] == kind


def test_post_object_is_the_one_form_of_s3() -> None:
    fields = {"key": "posted", "file": (io.BytesIO(b"hello"), "name")}
    given = {**SIGNED, "Host": "127.0.0.1"}
    assert moto().post("/forms", data=fields, headers=given).status_code == 204
    assert moto().get("/forms/posted", headers=given).data == b"hello"


def test_services_whose_requests_are_forms_read_them() -> None:
    headers = {"Host": "127.0.0.1", "Authorization": SIGNED["Authorization"].replace("/s3/", "/sns/")}
    form = {"Action": "CreateTopic", "Name": "made", "Version": "2010-03-31"}
    assert b":made" in moto().post("/", data=form, headers=headers).data
