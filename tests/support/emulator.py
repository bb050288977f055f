"""An emulator in a process of its own, and ways to call it."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

ECHO = Path(__file__).parents[1] / "containers" / "echo.py"
ECHO_PROCESS = ("--command", f"*={sys.executable} {ECHO}")
"""Every image is the echo container, as a process."""

IMAGES = ("--set", "launcher=docker")
"""Every image is a container of that image."""

ACCOUNT_ID = "123456789012"


@dataclass(frozen=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.headers.get("x-amzn-errortype") or self.json.get("__type")


@dataclass(frozen=True)
class Running:
    """An emulator that answers at `url`."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def client(self, service: str) -> Any:
        return client(service, self.url)

    def send(
        self,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str | bytes] | None = None,
        method: str = "POST",
    ) -> Answer:
        """A request as it is given, past every check of an SDK."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=120)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def call(self, operation: str, params: object, prefix: str = "SageMaker") -> Answer:
        """An operation of a JSON service, past every check of an SDK."""
        headers = {"X-Amz-Target": f"{prefix}.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        return self.send("/", body=json.dumps(params).encode(), headers=headers)

    def admin(self, path: str, document: object = None, *, method: str | None = None) -> Any:
        """The answer of a page under /_emulator, a JSON document, posted to where one is given."""
        body = b"" if document is None else json.dumps(document).encode()
        chosen = method or ("GET" if document is None else "POST")
        headers = {"Content-Type": "application/json"} if body else {}
        answer = self.send(f"/_emulator{path}", body=body, headers=headers, method=chosen)
        assert answer.status < 400, answer.body
        return answer.json

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock."""
        self.admin("/clock", {"advance": seconds})


def client(service: str, url: str, region: str = "us-east-1", key: str = "test") -> Any:
    """A boto3 client that tries once; with the SDK's own settings where there is no URL."""
    if not url:
        return boto3.client(service)  # type: ignore[call-overload]
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


def connected(service: str, settings: Mapping[str, str]) -> Any:
    """A client that a running `meshtwin up` serves, which printed these settings."""
    emulated = service.startswith(("sagemaker", "application-autoscaling"))
    url = settings["AWS_ENDPOINT_URL_SAGEMAKER" if emulated else "AWS_ENDPOINT_URL"]
    return client(service, url, settings["AWS_REGION"], settings["AWS_ACCESS_KEY_ID"])


def refusal(call: Callable[[], object]) -> dict[str, Any]:
    """The error of a call that is refused with 400 ValidationException."""
    with pytest.raises(ClientError) as caught:
        call()
    response: Any = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["Error"]["Code"] == "ValidationException"
    found: dict[str, Any] = response["Error"]
    return found


@contextmanager
def run_emulator(
    store_url: str,
    folder: Path,
    *,
    table_prefix: str | None = None,
    options: tuple[str, ...] = (),
    launcher: tuple[str, ...] = ECHO_PROCESS,
) -> Iterator[Running]:
    """An emulator on the S3, DynamoDB and SNS at `store_url`, which logs into `folder`."""
    log = folder / "emulator.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ENDPOINT_URL": store_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    prefix = table_prefix or f"test-{uuid.uuid4().hex[:8]}"
    command = [
        *(sys.executable, "-m", "meshtwin.emulator", "--exit-with-stdin", "--table-prefix", prefix),
        *("--log-dir", str(folder), *launcher, *options),
    ]
    with running_program(command, environment, log, what="the emulator", stop_seconds=40) as (url, process):
        yield Running(url, process, log)


@contextmanager
def running_program(
    command: Sequence[str], environment: Mapping[str, str], log: Path, *, what: str, stop_seconds: float
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A program that tells on its first line where it listens, and ends by SIGTERM in `stop_seconds`."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    try:
        yield _ready(process, log, what), process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def _ready(process: subprocess.Popen[bytes], log: Path, what: str) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], 30)
    line = process.stdout.readline() if readable else b""
    assert line, f"{what} did not start:\n{log.read_text()}"
    return str(json.loads(line)["url"])


Start = Callable[..., "AbstractContextManager[Running]"]
"""Starts one more emulator: `with start_emulator(table_prefix=..., options=(...)) as running`."""


@dataclass(frozen=True)
class Made:
    """An endpoint in service, and where its results go."""

    name: str
    bucket: str


def make_endpoint(
    sagemaker: SageMakerClient,
    s3_url: str,
    name: str,
    *,
    output: Mapping[str, Any] | None = None,
    is_async: bool = True,
    image: str = "echo",
    key: str = "test",
) -> Made:
    """Bucket, model, configuration and endpoint of one name, the endpoint in service."""
    bucket = f"{name}-bucket".lower()
    _CREATED.append(name)
    store: S3Client = client("s3", s3_url, key=key)
    store.create_bucket(Bucket=bucket)
    store.close()
    chosen = {"S3OutputPath": f"s3://{bucket}/out/", "S3FailurePath": f"s3://{bucket}/failed"}
    create_endpoint(
        sagemaker, name, (chosen if output is None else output) if is_async else None, image=image
    )
    wait_until(lambda: status_of(sagemaker, name) == "InService", 30 if s3_url else 900)
    return Made(name, bucket)


_CREATED: list[str] = []


def tear_down() -> None:
    """Delete what `make_endpoint` has made, on a profile that would keep it."""
    sagemaker, s3 = boto3.client("sagemaker"), boto3.resource("s3")
    for name in _CREATED:
        bucket = s3.Bucket(f"{name}-bucket".lower())
        deletions: list[Callable[[], object]] = [
            partial(sagemaker.delete_endpoint, EndpointName=name),
            partial(sagemaker.delete_endpoint_config, EndpointConfigName=name),
            partial(sagemaker.delete_model, ModelName=name),
            bucket.objects.delete,
            bucket.delete,
        ]
        for delete in deletions:
            with suppress(ClientError):
                delete()


def create_endpoint(
    sagemaker: SageMakerClient, name: str, output: Mapping[str, Any] | None, *, image: str = "echo"
) -> None:
    """Model, configuration and endpoint of one name; a real-time one without `output`."""
    model: dict[str, Any] = {"PrimaryContainer": {"Image": os.environ.get("CONTRACT_IMAGE", image)}}
    if role := os.environ.get("CONTRACT_ROLE_ARN"):
        model["ExecutionRoleArn"] = role
    sagemaker.create_model(ModelName=name, **model)
    config: dict[str, Any] = {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": "v",
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.g5.2xlarge",
            }
        ],
    }
    if output is not None:
        config["AsyncInferenceConfig"] = {"OutputConfig": dict(output)}
    sagemaker.create_endpoint_config(**config)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def status_of(sagemaker: SageMakerClient, name: str) -> str:
    """DescribeEndpoint's EndpointStatus, or Deleted."""
    try:
        return sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]
    except ClientError as error:
        if error.response["Error"]["Message"].startswith("Could not find"):
            return "Deleted"
        raise
