"""The services of a stack, as processes or as containers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.local.docker.compose import is_running, log_tail

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from meshtwin.cloud.local.docker.compose import Compose

_CHECK_SECONDS = 2.0
"""The interval between checks of a container."""

_RESTART_SECONDS = 15.0
"""How long a container may be down before it counts as ended: it may be restarting."""

_TAIL_LINES = 15
_POLL_SECONDS = 0.1


class Service(Protocol):
    """One running part of a stack."""

    @property
    def name(self) -> str:
        """Its name in `meshtwin status`."""
        ...

    @property
    def location(self) -> str:
        """Where it runs: `process 4711`, `container meshtwin-localstack-1`."""
        ...

    @property
    def log_name(self) -> str:
        """Where its output is: a file, or a command."""
        ...

    def running(self) -> bool:
        """Whether it still runs."""
        ...

    def log_tail(self) -> str:
        """The last lines of its output, indented."""
        ...


class ContainerService:
    """A container that compose started."""

    def __init__(self, name: str, container: str, container_name: str) -> None:
        self.name = name
        self.container = container
        self.container_name = container_name
        self._checked_at = time.monotonic()
        self._down_since: float | None = None

    @property
    def location(self) -> str:
        """The container, by name."""
        return f"container {self.container_name}"

    @property
    def log_name(self) -> str:
        """The command that shows its output."""
        return f"`docker logs {self.container_name}`"

    def running(self) -> bool:
        """Whether it runs, or has been down for so short a time that it may be restarting."""
        now = time.monotonic()
        if now - self._checked_at >= _CHECK_SECONDS:
            self._checked_at = now
            if is_running(self.container):
                self._down_since = None
            elif self._down_since is None:
                self._down_since = now
        return self._down_since is None or now - self._down_since < _RESTART_SECONDS

    def log_tail(self) -> str:
        """The last lines of its output, indented."""
        return log_tail(self.container, _TAIL_LINES)


def compose_service(compose: Compose, name: str, log_dir: Path) -> ContainerService:
    """Start a service of compose.yaml."""
    container = compose.start(name, log_dir / "compose.log")
    return ContainerService(name, container, f"{compose.project}-{name}-1")


def ended_error(service: Service) -> UnavailableError:
    """The error of a service that has ended, with its last output."""
    return UnavailableError(f"{service.name} has ended; the end of {service.log_name}:\n{service.log_tail()}")


def wait_until_ready(
    ready: Callable[[], bool],
    service: Service,
    seconds: float,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Wait until `ready` returns True; `report` is called meanwhile with the service and the elapsed time.

    Raises:
        UnavailableError: the service ended, or is not ready after `seconds`; with its last output.
    """
    start = time.monotonic()
    while not ready():
        elapsed = time.monotonic() - start
        if elapsed > seconds:
            raise UnavailableError(
                f"{service.name} is not ready after {seconds:g} s; the end of {service.log_name}:\n"
                f"{service.log_tail()}"
            )
        if not service.running():
            raise ended_error(service)
        report(f"starting {service.name} ({elapsed:.0f} s)")
        time.sleep(_POLL_SECONDS)


def document_at(url: str) -> dict[str, Any] | None:
    """The JSON object that a service of this machine responds with; None after any error."""
    # Only profile local needs it.
    import httpx  # noqa: PLC0415

    from meshtwin.cloud.web import client  # noqa: PLC0415

    try:
        with client(direct=True, timeout=5) as http:
            found = http.get(url).raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def wait_until(condition: threading.Event, services: Sequence[Service], interval: float = 0.5) -> None:
    """Wait until `condition` is set.

    Raises:
        UnavailableError: a service ended meanwhile, with its last output.
    """
    while not condition.wait(interval):
        for service in services:
            if not service.running():
                raise ended_error(service)
