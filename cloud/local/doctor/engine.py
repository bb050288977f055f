"""Docker: the command line, the engine behind it, and the two plugins."""

from __future__ import annotations

import os
import re
import shutil

from meshtwin.cloud.check import Check, fail, ok, warn
from meshtwin.cloud.local.docker.command import docker
from meshtwin.cloud.local.docker.engine import DockerError, FailureKind
from meshtwin.cloud.local.docker.engine import engine as connected

OLDEST_ENGINE = (20, 10)
OLDEST_COMPOSE = (2, 17)
"""The first version that supports all of compose.yaml."""

_INSTALL = "https://docs.docker.com/engine/install/"


def command_line() -> Check:
    """`docker` on PATH."""
    found = shutil.which("docker")
    if found is None:
        fix = f"install Docker: {_INSTALL} (Debian, Ubuntu: sudo apt-get install docker.io docker-compose-v2)"
        return fail("docker", "there is no `docker` command on PATH", fix)
    return ok("docker", found)


def engine() -> Check:
    """The engine that the command line uses."""
    name = "docker engine"
    try:
        with connected() as client:
            version = str(client.version()["Version"])
    except DockerError as error:
        return _no_engine(name, error)
    if _numbers(version) < OLDEST_ENGINE:
        return fail(name, f"{version} is older than 20.10", f"update Docker: {_INSTALL}")
    return ok(name, version)


def _no_engine(name: str, error: DockerError) -> Check:
    where = os.environ.get("DOCKER_HOST")
    if error.kind is FailureKind.NO_PERMISSION:
        found = f"it runs, but this user has no access: {_first_line(error)}"
        return fail(name, found, 'sudo usermod -aG docker "$USER" && newgrp docker')
    if where:
        found = f"nothing answers at DOCKER_HOST={where}: {_first_line(error)}"
        return fail(name, found, "unset DOCKER_HOST, or start the engine there")
    found = f"it does not answer: {_first_line(error)}"
    return fail(name, found, "sudo systemctl start docker (or start Docker Desktop)")


def compose_plugin() -> Check:
    """`docker compose`, which starts compose.yaml's services."""
    name = "compose plugin"
    fix = "sudo apt-get install docker-compose-v2, or https://docs.docker.com/compose/install/"
    try:
        version = docker("compose", "version", "--short", environment=os.environ)
    except DockerError as error:
        return fail(name, f"there is no `docker compose`: {_first_line(error)}", fix)
    if _numbers(version) < OLDEST_COMPOSE:
        return fail(name, f"{version} is older than {'.'.join(map(str, OLDEST_COMPOSE))}", fix)
    return ok(name, version)


def buildx() -> Check:
    """`docker buildx`, which only builds need."""
    try:
        version = docker("buildx", "version", environment=os.environ)
    except DockerError:
        fix = "sudo apt-get install docker-buildx, or https://docs.docker.com/build/install-buildx/"
        return warn("buildx plugin", "there is none: images can be run, but not built", fix)
    return ok("buildx plugin", version.split()[1] if " " in version else version)


def _first_line(error: DockerError) -> str:
    return str(error).strip().splitlines()[0]


def _numbers(version: str) -> tuple[int, int]:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)
