"""Time, as the emulator knows it: as fast as real time, faster, standing still, or moved by hand.

All that the service waits for (time to live, invocation timeout, cooldown, alarm, lease) waits on a `Clock`.
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
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

T = TypeVar("T")

_SLACK = 64
"""Sleepers that were cancelled stay in the heap until they are this many and more than the others."""


class Clock(Protocol):
    """Seconds since the epoch, UTC, and a way to wait for them to pass."""

    def now(self) -> float:
        """Seconds since the epoch, never going back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait until `seconds` have passed on this clock."""
        ...

    async def poll(self, seconds: float) -> None:
        """Wait `seconds` of real time, before checking the outside world again."""
        ...

    def held(self) -> contextlib.AbstractContextManager[None]:
        """While this lasts, whoever moves the clock by hand waits: work that belongs to this moment."""
        ...


class _Rate(NamedTuple):
    """One straight piece of the clock's course."""

    base: float
    mark: float
    speed: float

    def at(self, monotonic: float) -> float:
        return self.base + (monotonic - self.mark) * self.speed


class AdjustableClock:
    """Runs `speed` times as fast as real time; at speed 0 it stands still until `advance` moves it.

    `now` may be called from any thread, everything else from one event loop. Leaps of the system's clock
    after the start are not followed.
    """

    def __init__(self, speed: float = 1.0, start: float | None = None) -> None:
        _refuse_bad_speed(speed)
        self._rate = _Rate(time.time() if start is None else start, time.monotonic(), speed)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._cancelled = 0
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")
        self._holds = 0
        self._moving: asyncio.Lock | None = None

    @property
    def speed(self) -> float:
        """Seconds of this clock for each real one."""
        return self._rate.speed

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._rate.at(time.monotonic())

    def set_speed(self, speed: float) -> None:
        """Go on from the present at another speed.

        Raises:
            ValueError: the speed is below 0, or no number.
        """
        _refuse_bad_speed(speed)
        self._rebase(self.now(), speed)
        self._arm(anew=True)

    async def sleep(self, seconds: float) -> None:
        """Wait until this clock has gone on by `seconds`, whether it ran there or was moved."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now() + seconds, next(self._order), woken))
        self._arm()
        try:
            await woken
        except asyncio.CancelledError:
            self._cancelled += 1
            self._compact()
            raise

    async def poll(self, seconds: float) -> None:
        """Wait `seconds` real seconds: the outside world does not follow this clock."""
        await asyncio.sleep(seconds)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """See `Clock`."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    async def advance(self, seconds: float) -> None:
        """Move the clock on, waking sleepers in the order of their times and letting each act in its own.

        Work that holds the clock is waited for before it goes on. Several calls at once follow each other.

        Raises:
            ValueError: `seconds` is below 0: time does not go back.
        """
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"advance by {seconds} s: expected 0 or more, time does not go back")
        if self._moving is None:
            self._moving = asyncio.Lock()
        async with self._moving:
            target = self.now() + seconds
            try:
                await self._quiesce()
                while (due := self._next_due()) is not None and due <= target:
                    self._rebase(max(self.now(), due), self.speed)
                    heapq.heappop(self._sleepers)[2].set_result(None)
                    await self._quiesce()
                self._rebase(max(self.now(), target), self.speed)
            finally:
                self._arm(anew=True)  # also where it is cancelled on the way: time goes on from there
            await self._quiesce()

    def _rebase(self, now: float, speed: float) -> None:
        self._rate = _Rate(now, time.monotonic(), speed)

    async def _quiesce(self) -> None:
        """Give tasks the turns they need to reach their next wait, and wait for those that hold the clock."""
        for _ in range(20):
            await asyncio.sleep(0)
        while self._holds:
            await asyncio.sleep(0.001)
            if not self._holds:
                for _ in range(20):
                    await asyncio.sleep(0)

    def _next_due(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
            self._cancelled = max(0, self._cancelled - 1)
        return self._sleepers[0][0] if self._sleepers else None

    def _arm(self, *, anew: bool = False) -> None:
        """One timer of the event loop, for the sleeper that is next."""
        due = self._next_due()
        if due is not None and due >= self._armed_for and not anew:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._armed_for = None, float("inf")
        if due is not None and self.speed > 0:
            delay = max(0.0, due - self.now()) / self.speed
            self._timer = asyncio.get_running_loop().call_later(delay, self._ring)
            self._armed_for = due

    def _ring(self) -> None:
        self._timer, self._armed_for = None, float("inf")
        now = self.now()
        while (due := self._next_due()) is not None and due <= now:
            heapq.heappop(self._sleepers)[2].set_result(None)
        self._arm()

    def _compact(self) -> None:
        if self._cancelled > _SLACK and self._cancelled > len(self._sleepers) / 2:
            self._sleepers = [entry for entry in self._sleepers if not entry[2].done()]
            heapq.heapify(self._sleepers)
            self._cancelled = 0


def manual_clock(start: float = 1_800_000_000.0) -> AdjustableClock:
    """A clock that stands still until `advance` is called."""
    return AdjustableClock(speed=0, start=start)


def _refuse_bad_speed(speed: float) -> None:
    if not 0 <= speed < float("inf"):
        raise ValueError(f"speed {speed}: expected 0 (the clock stands still) or more")


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
