"""What starts instances, and what an instance is to the rest of the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec


class Address(NamedTuple):
    """Where a container answers `/ping` and `/invocations`, over plain HTTP."""

    host: str
    port: int

    def __str__(self) -> str:
        """As in a URL: an IPv6 address stands in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Instance(Protocol):
    """One container, starting or running."""

    @property
    def instance_id(self) -> str:
        """Unique among all instances, as in `i-0123456789abcdef0`."""
        ...

    @property
    def address(self) -> Address:
        """Where it listens, once it does."""
        ...

    @property
    def pid(self) -> int:
        """Its process id on this host, 0 where it has none here."""
        ...

    @property
    def lost(self) -> threading.Event:
        """Set once the container is known to be gone, whatever the reason; threads may wait on it."""
        ...

    @property
    def ending(self) -> str | None:
        """How it ended, in words, None while it runs: `exit code 1`, `killed by SIGKILL`."""
        ...

    def tail(self, characters: int) -> str:
        """The last of what it wrote to standard output and error."""
        ...

    def kill(self) -> bool:
        """SIGKILL, at once; False where there is nothing of it here to kill. From any thread."""
        ...

    async def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` real seconds; returns when nothing of it is left."""
        ...


class Launcher(Protocol):
    """A way to run containers."""

    async def launch(self, spec: FleetSpec, on_lost: Callable[[], None]) -> Instance:
        """Start one instance, without waiting for its health.

        `on_lost` is called on the event loop when the instance has ended by itself. FleetFailedError where
        the image cannot be started at all.
        """
        ...
