"""Docker for tests: an engine is required here, and nothing of a test is left in it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.engine import HOST, engine
from tests.support.images import built_images

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def client() -> Iterator[DockerClient]:
    """The Docker engine; without one the session fails, it does not skip."""
    with engine() as found:
        yield found


@pytest.fixture(scope="session")
def test_image(client: DockerClient) -> Iterator[str]:
    """The containers of tests/containers as an image: the variable CONTAINER chooses one."""
    name = f"meshtwin-test-{uuid.uuid4().hex[:8]}:latest"
    with built_images(client, name):
        yield name


@pytest.fixture(scope="session")
def reachable_moto() -> Iterator[int]:
    """The port of an S3 that containers reach, too."""
    server = ThreadedMotoServer("0.0.0.0", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def reachable_s3(reachable_moto: int) -> Iterator[S3Client]:
    made = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{reachable_moto}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    yield made
    made.close()


@pytest.fixture
def aws_inside(reachable_moto: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{reachable_moto}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
