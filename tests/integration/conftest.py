"""Docker for tests: the engine is required here, and nothing of a test is left in it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest
from docker.errors import DockerException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

CONTAINERS = Path(__file__).parents[1] / "containers"


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """The Docker Engine; without one the session fails, it does not skip."""
    try:
        client = docker.from_env(timeout=300)
    except DockerException as error:
        pytest.fail(f"the integration session needs a Docker Engine, and none answers: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def test_image(engine: DockerClient) -> Iterator[str]:
    """The containers of tests/containers as an image: the variable CONTAINER chooses one."""
    name = f"meshtwin-test-{uuid.uuid4().hex[:8]}:latest"
    engine.images.build(path=str(CONTAINERS), tag=name, rm=True, forcerm=True)
    yield name
    engine.images.remove(name, force=True)
