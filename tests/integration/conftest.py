"""A Docker engine, and an S3 that containers reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto.server import ThreadedMotoServer

from tests.support.engine import HOST, engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    made = engine()
    yield made
    made.close()


@pytest.fixture(scope="session")
def reachable_moto() -> Iterator[int]:
    """The port of an S3 that containers reach, too."""
    server = ThreadedMotoServer("0.0.0.0", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def aws_inside(reachable_moto: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{reachable_moto}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
