"""Functions that are invoked again and again, as EventBridge's scheduled rules do it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.core.partitions import arn_of
from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.lambda_.results import Call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshtwin.emulator.core.clock import AdjustableClock
    from meshtwin.emulator.lambda_.events import Events
    from meshtwin.emulator.lambda_.manifest import Function
    from meshtwin.emulator.lambda_.settings import HostSettings


class Schedules:
    """The first time is an interval after the start; an invocation that takes longer skips what it missed."""

    def __init__(
        self, functions: Iterable[Function], events: Events, settings: HostSettings, clock: AdjustableClock
    ) -> None:
        self._wanted = [(function, seconds) for function in functions for seconds in function.schedules]
        self._events = events
        self._settings = settings
        self._clock = clock
        self._tasks = Supervised()

    def start(self) -> None:
        """Begin to wait."""
        for function, seconds in self._wanted:
            self._tasks.run(f"schedule of {function.name}", partial(self._repeat, function, seconds))

    async def _repeat(self, function: Function, seconds: float) -> None:
        due = self._clock.now() + seconds
        while True:
            await self._clock.sleep(due - self._clock.now())
            event = scheduled_event(self._settings, function, seconds, due)
            await self._events.put(function, Call(new_uuid(), json.dumps(event).encode())).wait()
            missed = max(0.0, self._clock.now() - due) // seconds
            due += (missed + 1) * seconds

    async def close(self) -> None:
        """Wait no more."""
        await self._tasks.close()


def scheduled_event(settings: HostSettings, function: Function, seconds: float, now: float) -> dict[str, Any]:
    """The event of a rule that exists for this function and interval.

    https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-scheduled.html
    """
    name = f"{function.name}-every-{seconds:g}-seconds"
    rule = arn_of("events", settings.region, settings.account_id, f"rule/{name}")
    return {
        "version": "0",
        "id": new_uuid(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": settings.account_id,
        "time": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": settings.region,
        "resources": [rule],
        "detail": {},
    }
