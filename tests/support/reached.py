"""AWS, or a profile that is running already, with the face of an emulator that a test has started."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from tests.support.emulator import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVICES = {"SageMaker": "sagemaker", "AnyScaleFrontendService": "application-autoscaling"}


@dataclass(frozen=True)
class Reached:
    """Calls go where the SDK's own settings lead; raw ones are signed, and past every check of an SDK."""

    @property
    def url(self) -> str:
        return _endpoint("sagemaker")

    def client(self, service: str) -> Any:
        return boto3.client(service)  # type: ignore[call-overload]

    def send(
        self,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str | bytes] | None = None,
        method: str = "POST",
    ) -> Answer:
        return _send("sagemaker-runtime", path, body, headers or {}, method)

    def call(self, operation: str, params: object, prefix: str = "SageMaker") -> Answer:
        headers = {"X-Amz-Target": f"{prefix}.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        return _send(_SERVICES[prefix], "/", json.dumps(params).encode(), headers, "POST")


def _endpoint(service: str) -> str:
    made = boto3.client(service)  # type: ignore[call-overload]
    url = str(made.meta.endpoint_url)
    made.close()
    return url


def _send(service: str, path: str, body: bytes, headers: Mapping[str, str | bytes], method: str) -> Answer:
    session = boto3.session.Session()
    url = urlsplit(_endpoint(service))
    request = AWSRequest(method, f"{url.scheme}://{url.netloc}{path}", headers=dict(headers), data=body)
    credentials = session.get_credentials()
    assert credentials is not None, "no AWS credentials: set them as for every AWS SDK"
    signing = "sagemaker" if service == "sagemaker-runtime" else service
    SigV4Auth(credentials, signing, session.region_name).add_auth(request)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=60)
    try:
        connection.request(method, path, body, dict(request.headers.items()))
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()
