"""The Docker Engine, connected to when it is first needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException

if TYPE_CHECKING:
    from docker import DockerClient

_TIMEOUT = 120
"""Seconds for one call; creating a container from a large image takes its time."""


class EngineAwayError(Exception):
    """No Docker Engine answers."""


class Engine:
    """One client for all threads. Every method blocks, and raises EngineAwayError where nothing answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: DockerClient | None = None
        self._runtimes: frozenset[str] | None = None

    @property
    def client(self) -> DockerClient:
        """The client of the engine that DOCKER_HOST names, else of this machine's."""
        with self._lock:
            if self._client is None:
                try:
                    self._client = docker.from_env(timeout=_TIMEOUT, max_pool_size=64)
                except DockerException as error:
                    raise EngineAwayError(
                        f"no Docker Engine answers: {error}. Start it, or set DOCKER_HOST to where it is"
                    ) from error
            return self._client

    def has_nvidia(self) -> bool:
        """Whether the engine can give a container NVIDIA's GPUs: the NVIDIA Container Toolkit is set up.

        https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html
        """
        if self._runtimes is None:
            self._runtimes = frozenset(self.client.info().get("Runtimes") or {})
        return "nvidia" in self._runtimes

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
