"""A project of compose.yaml: build its images, start its services, remove it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.local.docker.command import clean, docker
from meshtwin.cloud.local.docker.engine import DockerError, engine, remove
from meshtwin.cloud.local.docker.labels import (
    SERVICE_LABEL,
    instances_on,
    leftovers,
    networks_of,
    services_of,
)
from meshtwin.cloud.source import SOURCE
from meshtwin.emulator.core.private import touch_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILE = SOURCE / "compose.yaml"
_SECONDS_TO_STOP = 3
"""For services that have nothing to finish; the emulator, stopped first, has a grace period of its own."""

_EMULATOR_SECONDS_TO_STOP = 40


def compose_file() -> Path:
    """compose.yaml of this checkout.

    Raises:
        UnavailableError: meshtwin was installed without one.
    """
    if not FILE.is_file():
        raise UnavailableError(
            f"{FILE} is missing: profile 'local' builds its images and so needs a checkout of the project. "
            "`pip install -e .` in one"
        )
    return FILE


@dataclass(frozen=True, slots=True)
class Compose:
    """compose.yaml under a project name; `variables` are substituted in it."""

    project: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def network(self) -> str:
        """The network of its services."""
        return self.project

    def with_variables(self, **variables: str) -> Compose:
        """The same project, with more of its variables set."""
        return Compose(self.project, {**self.variables, **variables})

    def start(self, service: str, log: Path) -> str:
        """Start one service without its dependencies; the container's id. Compose's output goes to `log`."""
        self._logged(log, "up", "--detach", "--no-deps", "--no-build", "--quiet-pull", service)
        return docker(*self._command("ps", "--quiet", "--all", service), environment=self._environment())

    def images(self) -> dict[str, str]:
        """The image of each service, in all profiles of compose.yaml."""
        command = self._command("--profile", "*", "config", "--format", "json")
        found = json.loads(docker(*command, environment=self._environment()))
        return {name: service["image"] for name, service in found["services"].items()}

    def build(self, service: str) -> None:
        """Build a service's image, with the builder's own progress on standard error."""
        hint = (
            "if the engine's own network cannot reach the package index, "
            "`export BUILD_NETWORK=host` lets builds use this machine's"
        )
        self._shown(f"the image of {service!r} could not be built", hint, "build", service)

    def pull(self, service: str) -> None:
        """Pull a service's image, with the engine's own progress on standard error."""
        self._shown(
            f"the image of {service!r} could not be pulled", "can the registry be reached?", "pull", service
        )

    def _logged(self, log: Path, *arguments: str) -> None:
        with touch_private(log).open("ab") as file:
            code = self._run(arguments, file.fileno())
        if code != 0:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            tail = "\n".join(f"  {line}" for line in lines[-15:])
            raise UnavailableError(f"`docker compose {' '.join(arguments)}` ended with {code}:\n{tail}")

    def _shown(self, failure: str, hint: str, *arguments: str) -> None:
        if self._run(arguments, 2) != 0:
            raise UnavailableError(f"{failure}: compose's output is above\n{hint}")

    def _run(self, arguments: tuple[str, ...], output: int) -> int:
        """Run compose to its end; an interrupt of this process stops compose first."""
        process = subprocess.Popen(  # noqa: S603  # our own arguments
            ["docker", *self._command(*arguments)],  # noqa: S607  # the one that the user's PATH has
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            return process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            raise

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return ("compose", "--file", str(compose_file()), *arguments)

    def _environment(self) -> dict[str, str]:
        return clean(os.environ) | dict(self.variables) | {"COMPOSE_PROJECT_NAME": self.project}


def remove_project(project: str, owner: str) -> None:
    """Stop and remove what one `meshtwin up` created in a project: services, instances, the network.

    It works by labels, without compose.yaml. What others created in the project stays, above all volumes: one
    may hold the weights of a model. Signals are deferred meanwhile, so that a second Ctrl-C does not leave
    half of it.
    """
    with _signals_deferred():
        _stop(services_of(project, owner, f"{SERVICE_LABEL}=emulator"), _EMULATOR_SECONDS_TO_STOP)
        remove(instances_on(project))
        services = services_of(project, owner)
        _stop(services, _SECONDS_TO_STOP)
        remove(services)
        for network in networks_of(project, owner):
            with contextlib.suppress(DockerError), engine() as client:  # another container is on it
                client.remove_network(network)


def _stop(containers: list[str], seconds: int) -> None:
    """SIGTERM, then SIGKILL to those that still run after `seconds`."""
    for container in containers:
        with engine() as client:
            client.stop(container, timeout=seconds)


def remove_leftovers() -> list[str]:
    """Remove what killed `meshtwin up` processes have left; the names of what was removed."""
    found = leftovers()
    remove(found.instances)
    for project, owner in found.projects:
        remove_project(project, owner)
    return [*dict(found.projects), *found.instances]


@contextmanager
def _signals_deferred() -> Iterator[None]:
    """Defer SIGINT, SIGTERM and SIGHUP to the end of the block; only the main thread receives them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda got, _: arrived.append(got)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if arrived:
        signal.raise_signal(arrived[0])


def is_running(container: str) -> bool:
    """Whether a container runs, paused or not; False where it does not exist."""
    try:
        with engine() as client:
            return bool(client.inspect_container(container)["State"]["Running"])
    except DockerError:
        return False


def log_tail(container: str, count: int) -> str:
    """The last lines of a container's output, indented."""
    try:
        with engine() as client:
            output = client.logs(container, tail=count).decode(errors="replace")
    except DockerError as error:
        output = str(error)
    return "\n".join(f"  {line}" for line in output.splitlines())
