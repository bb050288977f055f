"""Docker for tests: the engine is required here, and nothing of a test is left in it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.support.images import built_images, docker_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """The Docker Engine; without one the session fails, it does not skip."""
    with docker_engine() as client:
        yield client


@pytest.fixture(scope="session")
def test_image(engine: DockerClient) -> Iterator[str]:
    """The containers of tests/containers as an image: the variable CONTAINER chooses one."""
    name = f"meshtwin-test-{uuid.uuid4().hex[:8]}:latest"
    with built_images(engine, name):
        yield name
