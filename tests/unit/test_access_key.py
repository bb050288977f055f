"""Who gets past a server's door: the guard against pages, and the key against other users of the machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.core.faults.faults import Faults
from meshtwin.emulator.core.host_guard import Guard
from meshtwin.emulator.core.protocol.access import AccessKey, AccessKeyError, named_key, own_key
from meshtwin.emulator.core.protocol.gateway import Gateway, Service
from meshtwin.emulator.sagemaker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.core.protocol.operations import RequestContext

KEY = "MESHTWINABCDEF0123456789"


def signed(version: str, key: str = KEY) -> dict[bytes, bytes]:
    """The headers that botocore sends."""
    from botocore.auth import AUTH_TYPE_MAPS  # noqa: PLC0415  # botocore's own names of versions

    request = AWSRequest("POST", "http://127.0.0.1/", data=b"{}")
    signer: Any = AUTH_TYPE_MAPS[version]
    credentials = Credentials(key, "secret")
    (signer(credentials) if version == "s3" else signer(credentials, "sagemaker", "us-east-1")).add_auth(
        request
    )
    return {name.lower().encode(): str(value).encode() for name, value in request.headers.items()}


@pytest.mark.parametrize("version", ["v4", "s3v4", "s3"])
def test_a_signature_names_its_key(version: str) -> None:
    assert named_key(signed(version), b"") == KEY.encode()


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_url_names_its_key(version: str) -> None:
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key="x",
        config=Config(signature_version=version),
    )
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    s3.close()
    assert named_key({}, url.partition("?")[2].encode()) == KEY.encode()


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({b"authorization": f"Bearer {KEY}".encode()}, True),
        (signed("v4"), True),
        (signed("v4", "test"), False),
        ({b"authorization": f"Bearer {KEY}X".encode()}, False),
        ({b"authorization": f"Basic {KEY}".encode()}, False),
        ({b"authorization": b"AWS4-HMAC-SHA256 Credential="}, False),
        ({b"authorization": b"\xff\xfe"}, False),
        ({}, False),
    ],
)
def test_the_one_key_is_admitted(headers: Mapping[bytes, bytes], admitted: bool) -> None:
    assert AccessKey(KEY).admits(headers) is admitted


def test_a_key_that_is_required_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    assert own_key(required=False) is None
    with pytest.raises(AccessKeyError, match="AWS_ACCESS_KEY_ID is not: set it"):
        own_key(required=True)


async def _list(_: RequestContext, __: object) -> Mapping[str, Any]:
    return {"Models": []}


async def _call(headers: Mapping[bytes, bytes]) -> httpx.Response:
    gateway = Gateway([Service("sagemaker", {"ListModels": _list})], Faults(), manual_clock(), AccessKey(KEY))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url="http://x") as client:
        target = {b"x-amz-target": b"SageMaker.ListModels"}
        return await client.post("/", content=b"{}", headers=[*headers.items(), *target.items()])


def test_operations_are_served_to_whoever_has_the_key() -> None:
    assert asyncio.run(_call(signed("v4"))).json() == {"Models": []}
    refused = asyncio.run(_call(signed("v4", "test")))
    assert refused.status_code == 403
    assert refused.json()["__type"] == "UnrecognizedClientException"
    assert KEY not in refused.text


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({b"host": b"["}, "UnknownHost"),
        ({b"host": b"[::1"}, "UnknownHost"),
        ({b"host": b"127.0.0.1", b"origin": b"http://["}, "ForeignOrigin"),
    ],
)
def test_what_is_no_name_is_refused(headers: Mapping[bytes, bytes], code: str) -> None:
    refusal = Guard(Settings()).refusal(headers)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (403, code)


@given(st.binary(max_size=30), st.none() | st.binary(max_size=30))
def test_the_guard_answers_whatever_the_headers_are(host: bytes, origin: bytes | None) -> None:
    headers = {b"host": host} if origin is None else {b"host": host, b"origin": origin}
    Guard(Settings()).refusal(headers)
    named_key({b"authorization": host}, origin or b"")
