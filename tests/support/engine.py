"""A Docker engine for tests: this repository's images, and containers that are gone afterwards."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import uuid
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import docker
from docker.errors import DockerException, NotFound

from tests.support.runtime_server import Answer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from docker.models.containers import Container

ROOT = Path(__file__).parents[2]
LABEL = "meshtwin-test"
HOST = "host.docker.internal"
"""What containers made here call this machine."""


@contextmanager
def engine() -> Iterator[docker.DockerClient]:
    """The engine, or a failure that says that there is none: these tests are asked for by name."""
    try:
        client = docker.from_env(timeout=300)
        client.ping()
    except DockerException as error:
        raise AssertionError(f"these tests need a Docker engine, and none answers: {error}") from error
    with closing(client):
        yield client


def build(dockerfile: str, tag: str, *options: str, context: str = ".", **environment: str) -> None:
    """Build an image as a person does, with the host's way to the registries."""
    command = ["docker", "build", "--network", "host", "-f", dockerfile, "-t", tag, *options, context]
    built = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-4000:]


@dataclass
class Containers:
    """Containers of one test, removed at its end by the label that they bear."""

    client: docker.DockerClient
    image: str
    port: int = 8080
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for container in self.client.containers.list(all=True, filters={"label": f"{LABEL}={self.mark}"}):
            try:
                container.remove(force=True, v=True)
            except NotFound:
                continue

    def start(self, *command: str, environment: Mapping[str, str] | None = None, **options: Any) -> Served:
        """Start the image; its port is one of this machine's."""
        # Not one of the many overloads is chosen by arguments that are not spelled out.
        run: Any = self.client.containers.run
        container: Container = run(
            self.image,
            list(command) or None,
            detach=True,
            environment=dict(environment or {}),
            labels={LABEL: self.mark},
            ports={f"{self.port}/tcp": ("127.0.0.1", None)},
            extra_hosts={HOST: "host-gateway"},
            **options,
        )
        return Served(container, self.port)

    def run(self, *command: str, seconds: float = 60, **options: Any) -> tuple[int, str]:
        """Start the image and wait for its end: the exit status, and what it said."""
        served = self.start(*command, **options)
        status = served.wait(seconds)
        return status, served.output


@dataclass
class Served:
    """A container, and the server in it."""

    container: Container
    inside_port: int

    @property
    def port(self) -> int:
        """Where it is reached from this machine."""
        self.container.reload()
        (published,) = self.container.ports[f"{self.inside_port}/tcp"] or [{}]
        return int(published["HostPort"])

    @property
    def output(self) -> str:
        """Both streams, so far."""
        return self.container.logs().decode()

    def wait(self, seconds: float) -> int:
        """The exit status, once it has ended."""
        return int(self.container.wait(timeout=seconds)["StatusCode"])

    def inside(self, *command: str) -> str:
        """What a command in the container says."""
        status, output = self.container.exec_run(list(command))
        assert isinstance(output, bytes)
        assert status == 0, output
        return output.decode()

    def ready(self) -> Self:
        """Wait until it takes jobs."""
        wait_until(self._is_ready, 60)
        return self

    def _is_ready(self) -> bool:
        self.container.reload()
        assert self.container.status == "running", self.output
        try:
            return self.request("GET", "/ping").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def request(self, method: str, path: str, body: object = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    @property
    def health(self) -> str:
        """What the image's health check has found: starting, healthy or unhealthy."""
        self.container.reload()
        return str(self.container.attrs["State"]["Health"]["Status"])
