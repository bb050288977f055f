"""What a stack is made of, whether it runs as a process or as a container."""

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

_ASK_SECONDS = 2.0
"""Between two looks at a container: each is a process of its own."""

_RESTART_SECONDS = 15.0
"""How long a container may be away before it counts as ended: somebody may be restarting it."""

_TAIL_LINES = 15
_POLL_SECONDS = 0.1


class Service(Protocol):
    """One running part of a stack."""

    @property
    def name(self) -> str:
        """What it is called in `meshtwin status`."""
        ...

    @property
    def place(self) -> str:
        """Where it runs, in words: `process 4711`, `container meshtwin-localstack-1`."""
        ...

    @property
    def log_name(self) -> str:
        """Where its output is, for a person."""
        ...

    def running(self) -> bool:
        """Whether it has not ended."""
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
        self._asked_at = time.monotonic()
        self._away_since: float | None = None

    @property
    def place(self) -> str:
        """The container, by name."""
        return f"container {self.container_name}"

    @property
    def log_name(self) -> str:
        """The command that shows its output."""
        return f"`docker logs {self.container_name}`"

    def running(self) -> bool:
        """Whether it runs, or has been away for so short a time that it may be restarting."""
        now = time.monotonic()
        if now - self._asked_at >= _ASK_SECONDS:
            self._asked_at = now
            if is_running(self.container):
                self._away_since = None
            elif self._away_since is None:
                self._away_since = now
        return self._away_since is None or now - self._away_since < _RESTART_SECONDS

    def log_tail(self) -> str:
        """The last lines of its output, indented."""
        return log_tail(self.container, _TAIL_LINES)


def compose_service(compose: Compose, name: str, log_dir: Path) -> ContainerService:
    """Start a service of compose.yaml."""
    container = compose.start(name, log_dir / "compose.log")
    return ContainerService(name, container, f"{compose.project}-{name}-1")


def ended(service: Service) -> UnavailableError:
    """The error that says that a service has ended, with its last words."""
    return UnavailableError(f"{service.name} has ended; the end of {service.log_name}:\n{service.log_tail()}")


def wait_until_ready(
    ready: Callable[[], bool],
    service: Service,
    seconds: float,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Return when `ready` says so; `report` is told meanwhile what is waited for, and since when.

    Raises:
        UnavailableError: the service ended, or is not ready after so many seconds; with its last words.
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
            raise ended(service)
        report(f"starting {service.name} ({elapsed:.0f} s)")
        time.sleep(_POLL_SECONDS)


def document_at(url: str) -> dict[str, Any] | None:
    """The JSON object that a service of this machine answers with; None where it does not answer well."""
    # Profile local alone asks.
    import httpx  # noqa: PLC0415

    from meshtwin.cloud.web import client  # noqa: PLC0415

    try:
        with client(direct=True, timeout=5) as http:
            found = http.get(url).raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def wait_until(condition: threading.Event, services: Sequence[Service], interval: float = 0.5) -> None:
    """Return when `condition` is set.

    Raises:
        UnavailableError: a service ended meanwhile, with its last words.
    """
    while not condition.wait(interval):
        for service in services:
            if not service.running():
                raise ended(service)
