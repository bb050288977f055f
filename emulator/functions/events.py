"""Asynchronous invocations: taken at once, run in turn, tried again when the function fails.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html. Events wait in memory: they
do not outlive the host.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from emulator.clock import within

if TYPE_CHECKING:
    from emulator.clock import AdjustableClock
    from emulator.functions.manifest import Function
    from emulator.functions.outcome import Call
    from emulator.functions.runner import Runner
    from emulator.functions.settings import HostSettings

_log = structlog.get_logger(__name__)


class Events:
    """Events that were taken and have not ended."""

    def __init__(self, runner: Runner, clock: AdjustableClock, settings: HostSettings) -> None:
        self._runner = runner
        self._clock = clock
        self._pauses = (settings.first_retry, settings.second_retry)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many have not ended."""
        return len(self._tasks)

    def put(self, function: Function, call: Call) -> asyncio.Event:
        """Take an event. What is returned is set once it was tried, or given up."""
        tried = asyncio.Event()
        task = asyncio.ensure_future(self._see_to(function, call, tried))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return tried

    async def _see_to(self, function: Function, call: Call, tried: asyncio.Event) -> None:
        expiry = self._clock.now() + function.maximum_age
        try:
            for attempt in range(function.retries + 1):
                if attempt:
                    await self._clock.sleep(self._pauses[attempt - 1])
                if await self._try(function, call, expiry):
                    return
                tried.set()
            _log.error("event given up", function=function.name, request_id=call.request_id)
        finally:
            tried.set()

    async def _try(self, function: Function, call: Call, expiry: float) -> bool:
        """Whether the function did it; False too where the event is too old before its turn comes."""
        try:
            await within(self._clock, expiry - self._clock.now(), self._runner.turn(function))
        except TimeoutError:
            return False
        try:
            found = await self._runner.invoke_in_turn(function, call)
        except OSError:
            _log.exception("not started", function=function.name, request_id=call.request_id)
            return False
        return not found.failed

    async def close(self) -> None:
        """Drop what has not ended."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
