"""Time, as the emulator knows it: real, faster than real, or moved by hand.

Everything the service waits for (time to live, invocation timeout, cooldown, backoff) waits on a `Clock`.
What the emulator waits for in the outside world, a process to start or a socket to answer, takes as long as
it takes: `Clock.poll` waits for that and is never sped up.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


class Clock(Protocol):
    """Seconds since the epoch, UTC, and a way to wait for them to pass."""

    def now(self) -> float:
        """Seconds since the epoch, never going back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait until `seconds` have passed on this clock."""
        ...

    async def poll(self, seconds: float) -> None:
        """Wait `seconds` of real time, before looking at the outside world again."""
        ...


class RealClock:
    """The wall clock, `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed {speed}: expected more than 0")
        self.speed = speed
        self._epoch = time.time()
        self._start = time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch; leaps of the system's clock after the start are not followed."""
        return self._epoch + (time.monotonic() - self._start) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds / speed` real seconds."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    async def poll(self, seconds: float) -> None:
        """Wait `seconds` real seconds."""
        await asyncio.sleep(seconds)


class ManualClock:
    """Stands still until `advance` is called; for use in one event loop."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """Where `advance` has brought the clock, seconds since the epoch."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has moved the clock by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def poll(self, seconds: float) -> None:
        """Wait `seconds` real seconds: the outside world does not follow this clock."""
        await asyncio.sleep(seconds)

    async def advance(self, seconds: float) -> None:
        """Move the clock, waking sleepers in the order of their times and letting each act in its own."""
        await _let_others_run()
        target = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            when, _, woken = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            if not woken.done():
                woken.set_result(None)
                await _let_others_run()
        self._now = target
        await _let_others_run()


async def _let_others_run() -> None:
    """Give tasks the turns they need to reach their next wait."""
    for _ in range(20):
        await asyncio.sleep(0)


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """The result of `work`; TimeoutError, and `work` cancelled, once `seconds` have passed on `clock`."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError(f"not done within {seconds:g} s")
    finally:
        for pending in (timer, task):
            if not pending.done():
                pending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await pending


def iso_millis(seconds: float) -> str:
    """`seconds` since the epoch as `2026-05-04T10:00:07.214Z`, the form of SageMaker's notices."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
