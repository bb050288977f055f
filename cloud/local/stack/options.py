"""The options of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StackOptions:
    """How services are started.

    `data` is the folder that outlives them, `speed` the speed of the emulator's clock. An `isolated` stack
    has names and ports of its own, beside others. `emulator` says where the emulator runs. `build` says
    whether images are built; None: where they are missing. `folder` is for the state file and the logs, by
    default `state_dir`. `shell` is the environment of child processes.
    """

    shell: Mapping[str, str]
    data: Path | None = None
    port: int = 0
    speed: float = 1.0
    folder: Path | None = None
    containers: tuple[str, ...] = ()
    """`IMAGE=COMMAND` of containers beside the runtime."""
    settings: tuple[str, ...] = ()
    """`NAME=VALUE` of the emulator's settings."""
    emulator: Literal["host", "container"] = "host"
    build: bool | None = None
    isolated: bool = False
    functions: bool = True
    """Whether the Minecraft flow is started, too."""

    def replaces_image(self, image: str) -> bool:
        """Whether a program replaces this image, so that it is not needed."""
        return any(container.partition("=")[0] in (image, "*") for container in self.containers)
