"""The rules in force, and which of them strikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.clock import Clock


class Faults:
    """What goes wrong on purpose."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
