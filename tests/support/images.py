"""The containers of tests/containers as images."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.engine import build, engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

ECHO_IMAGES = ("echo:latest", "another-echo:latest")
"""As the models of the contract suite name them."""


@contextmanager
def built_images(client: DockerClient, *names: str) -> Iterator[None]:
    """One image under several names, removed at the end: the variable CONTAINER chooses what it does."""
    try:
        for name in names:
            build("tests/containers/Dockerfile", name, context="tests/containers")
        yield
    finally:
        for name in names:
            client.images.remove(name, force=True)


@contextmanager
def echo_images() -> Iterator[None]:
    """What the contract suite's models name, as the echo container."""
    with engine() as client, built_images(client, *ECHO_IMAGES):
        yield
