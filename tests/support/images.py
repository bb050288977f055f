"""The containers of tests/containers as images."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest
from docker.errors import DockerException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

CONTAINERS = Path(__file__).parents[1] / "containers"

ECHO_IMAGES = ("echo:latest", "another-echo:latest")
"""As the models of the contract suite name them."""


@contextmanager
def docker_engine() -> Iterator[DockerClient]:
    """The Docker Engine; where none answers the tests fail, they are not skipped."""
    try:
        client = docker.from_env(timeout=300)
    except DockerException as error:
        pytest.fail(f"this needs a Docker Engine, and none answers: {error}")
    with closing(client):
        yield client


@contextmanager
def built_images(engine: DockerClient, *names: str) -> Iterator[None]:
    """One image under several names, removed at the end: the variable CONTAINER chooses what it does."""
    try:
        for name in names:
            engine.images.build(path=str(CONTAINERS), tag=name, rm=True, forcerm=True)
        yield
    finally:
        for name in names:
            engine.images.remove(name, force=True)


@contextmanager
def echo_images() -> Iterator[None]:
    """What the contract suite's models name, as the echo container."""
    with docker_engine() as engine, built_images(engine, *ECHO_IMAGES):
        yield
