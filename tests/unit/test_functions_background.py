"""What the functions' host does unasked goes on after an error that nobody foresaw."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, cast

from meshtwin.emulator.core.clock import AdjustableClock
from meshtwin.emulator.lambda_.manifest import Function
from meshtwin.emulator.lambda_.schedules import Schedules
from meshtwin.emulator.lambda_.settings import HostSettings

if TYPE_CHECKING:
    from meshtwin.emulator.lambda_.events import Events


class Broken:
    """Takes events, the first of them excepted."""

    def __init__(self) -> None:
        self.asked = 0
        self.again = asyncio.Event()

    def put(self, *_: object) -> asyncio.Event:
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("nobody foresaw this")
        self.again.set()
        return self.again


def test_a_schedule_that_breaks_begins_again() -> None:
    async def scenario() -> None:
        events, clock = Broken(), AdjustableClock(1000)
        function = Function(name="f", handler="m.f", code=Path(), schedules=(1.0,))
        schedules = Schedules([function], cast("Events", events), HostSettings(), clock)
        schedules.start()
        await asyncio.wait_for(events.again.wait(), 30)
        await schedules.close()

    asyncio.run(scenario())
