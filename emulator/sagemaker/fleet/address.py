"""Instances that the user runs: an image of the form `http://host:port` is a container already there.

For a container that is being debugged in an editor: nothing is started and nothing is stopped.
"""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshtwin.emulator.sagemaker.fleet.launcher import Address
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec


def is_address(image: str) -> bool:
    """Whether `image` names a container that is already running."""
    return image.startswith("http://")


class AddressLauncher:
    """Takes the image for the address of a running container."""

    async def launch(self, spec: FleetSpec, on_lost: Callable[[], None]) -> AddressInstance:  # noqa: ARG002  # Launcher's
        """The container at the address; it is only ever lost by its pings."""
        image = spec.container.image
        try:
            parts = urlsplit(image)
            port = parts.port or 80
        except ValueError as error:
            raise FleetFailedError(f"image {image!r}: {error}; expected http://host:port") from error
        if not parts.hostname or parts.path not in {"", "/"}:
            raise FleetFailedError(f"image {image!r}: expected http://host:port")
        return AddressInstance(Address(parts.hostname, port))


class AddressInstance:
    """A container that is not ours."""

    def __init__(self, address: Address) -> None:
        self.instance_id = f"i-{uuid.uuid4().hex[:17]}"
        self.address = address
        self.pid = 0
        self.lost = threading.Event()
        self.ending: str | None = None

    def tail(self, characters: int) -> str:
        """Its output is not known here: the text says where it is."""
        return f"(see the output of the container at {self.address})"[:characters]

    def kill(self) -> bool:
        """It is not ours to kill."""
        return False

    async def stop(self, grace: float) -> None:  # noqa: ARG002  # Instance's signature
        """Let it run; only the emulator's connections to it end."""
        self.lost.set()
