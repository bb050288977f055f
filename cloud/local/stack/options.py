"""How a stack is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StackOptions:
    """How services are started: `data` is the folder that outlives them, `speed` the emulator's clock's.

    `alone` is for a stack beside others, with names and ports of its own. `emulator` says where that runs.
    `build` is whether images are built: None where they are missing. `folder` is where the stack leaves its
    note and its logs: `state_dir` by default. `shell` is the environment that children are started in.
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
    alone: bool = False
    functions: bool = True
    """Whether the flow from prompts to blocks comes with it."""

    def stands_for(self, image: str) -> bool:
        """Whether a program stands for this image, so that nothing needs it."""
        return any(container.partition("=")[0] in (image, "*") for container in self.containers)
