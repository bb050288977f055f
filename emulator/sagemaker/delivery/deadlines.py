"""One wait on the clock for whatever is due next."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING

from meshtwin.emulator.core.clock import within

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.emulator.core.clock import Clock


class DeadlineTimer:
    """Calls `ring` on the event loop when the earliest time that was set has come.

    `ring` returns the next time that is due, infinity where there is none.
    """

    def __init__(self, clock: Clock, ring: Callable[[], float]) -> None:
        self.due = math.inf
        """Seconds since the epoch. May be read from any thread."""
        self._clock = clock
        self._ring = ring
        self._changed = asyncio.Event()

    def set(self, when: float) -> None:
        """Ring at `when` at the latest."""
        if when < self.due:
            self.due = when
            self._changed.set()

    async def run(self) -> None:
        """Ring at once, and whenever something is due from then on."""
        # Where an earlier run of this failed, nobody else knows what was due.
        self.due = 0.0
        while True:
            self._changed.clear()
            if self.due == math.inf:
                await self._changed.wait()
                continue
            remaining = self.due - self._clock.now()
            if remaining > 0:
                with contextlib.suppress(TimeoutError):
                    await within(self._clock, remaining, self._changed.wait())
                continue
            self.due = math.inf
            self.set(self._ring())
