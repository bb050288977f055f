"""A compose project of a test's own, and what there is of it on the engine."""

from __future__ import annotations

import socket
import subprocess
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.shell import ROOT, Shell, new_shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = "label=com.docker.compose.project"


@dataclass(frozen=True)
class Project:
    """A project's name, and a shell that leads to it."""

    name: str
    shell: Shell

    def containers(self, *filters: str) -> list[str]:
        """The ids of its containers: services, and instances on its network. Also those that have stopped."""
        services = docker("ps", "-aq", "--filter", f"{PROJECT}={self.name}", *_filters(filters))
        network = docker("ps", "-aq", "--filter", f"network={self.name}", *_filters(filters))
        return sorted({*services, *network})

    def instances(self) -> list[str]:
        """The names of the containers that the emulator runs."""
        wanted = ("--filter", "label=meshtwin.emulator", "--filter", f"network={self.name}")
        return docker("ps", "--format", "{{.Names}}", *wanted)

    def service(self, name: str) -> str:
        """The id of a service's container."""
        (found,) = docker("ps", "-aq", "--filter", f"name=^/{self.name}-{name}-1$")
        return found

    def remains(self) -> list[str]:
        """All that there is of it."""
        mine = ("--filter", f"{PROJECT}={self.name}", "-q")
        return [*self.containers(), *docker("network", "ls", *mine), *docker("volume", "ls", *mine)]


def docker(*arguments: str) -> list[str]:
    """The lines that `docker ARGUMENTS` prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.split()


def _filters(filters: tuple[str, ...]) -> list[str]:
    return [word for one in filters for word in ("--filter", one)]


@contextmanager
def new_project(folder: Path, images: dict[str, str]) -> Iterator[Project]:
    """A project that nobody else has; removed at the end, also where the test failed."""
    name = f"meshtwin-test-{uuid.uuid4().hex[:8]}"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    shell = new_shell(folder)
    shell.environment |= images | {"COMPOSE_PROJECT_NAME": name, "LOCALSTACK_PORT": str(port)}
    project = Project(name, shell)
    try:
        yield project
    finally:
        if left := project.containers():
            docker("rm", "-f", "-v", *left)
        for network in docker("network", "ls", "-q", "--filter", f"{PROJECT}={name}"):
            docker("network", "rm", network)


@contextmanager
def new_images() -> Iterator[dict[str, str]]:
    """The project's own images under names of a test's own, as the variables that choose them."""
    mark = uuid.uuid4().hex[:8]
    names = {"ECR_REPO": f"meshtwin-test-runtime-{mark}", "EMULATOR_IMAGE": f"meshtwin-test-emulator-{mark}"}
    # Where the engine's own networks have no way out, the host's does.
    shell = new_shell(ROOT)
    shell.environment.setdefault("BUILD_NETWORK", "host")
    subprocess.run(
        ["docker", "compose", "build", "--quiet", "runtime", "emulator"],
        cwd=ROOT,
        env=shell.environment | names,
        timeout=900,
        check=True,
    )
    try:
        yield names
    finally:
        docker("rmi", "-f", *(f"{name}:latest" for name in names.values()))
