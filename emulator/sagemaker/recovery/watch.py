"""Looks after the store: whether it is there, and whether it is still the one that it was."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import CancelledError as CancelledFutureError
from typing import TYPE_CHECKING, Any

import structlog

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.queue.table import StoreUnavailableError

if TYPE_CHECKING:
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.restarts import Restarts
    from meshtwin.emulator.sagemaker.recovery.mark import Mark
    from meshtwin.emulator.sagemaker.recovery.restoration import Restoration

log = structlog.get_logger(__name__)

_INTERVAL = 2.0
"""Between two looks. Real seconds."""

_PAUSE = 0.25
"""After a look, before the next one that somebody asks for."""


class StoreWatch:
    """One task. A store that refuses, hangs or is away is none that has lost anything: it has to say so."""

    def __init__(self, mark: Mark, restoration: Restoration, restarts: Restarts, clock: Clock) -> None:
        self.is_reachable = True
        """Whether DynamoDB answered at the last look."""
        self.restarted_at: float | None = None
        """When it was last found empty, in seconds since the epoch."""
        self.times = 0
        """How often that was."""
        self._mark = mark
        self._restoration = restoration
        self._restarts = restarts
        self._clock = clock
        self._is_empty = False
        self._lock = asyncio.Lock()
        self._asked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks = Supervised()

    async def start(self) -> None:
        """Leave the mark, and watch from now on. StoreUnavailableError where DynamoDB is away."""
        await self._mark.write()
        self._loop = asyncio.get_running_loop()
        self._restarts.look = self._look_from_thread
        self._tasks.run("store_watch", self._run)

    async def close(self) -> None:
        """Watch no more."""
        self._restarts.look = lambda: None
        self._loop = None
        await self._tasks.close()

    def look_soon(self) -> None:
        """Look at once: a table was missing. From any thread."""
        if (loop := self._loop) is not None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed already
                loop.call_soon_threadsafe(self._asked.set)

    async def look(self) -> None:
        """Look now; a store that is empty is set up again before this returns.

        Raises:
            StoreUnavailableError: it does not answer, or cannot be set up now.
        """
        async with self._lock:
            try:
                if not await self._mark.is_there():
                    await self._set_up_again()
                await self._restoration.tidy()
            except (StoreUnavailableError, UnavailableError) as error:
                self._note(error)
                raise StoreUnavailableError(str(error)) from error
            self._note(None)

    def _note(self, error: Exception | None) -> None:
        if error is not None and self.is_reachable:
            log.warning("store_away", error=str(error))
        elif error is None and not self.is_reachable:
            log.info("store_back")
        self.is_reachable = error is None

    async def _set_up_again(self) -> None:
        if not self._is_empty:
            self._is_empty = True
            self.times += 1
            self.restarted_at = self._clock.now()
            log.error("store_restarted_empty")
            self._restoration.begin()
        await self._restoration.run()
        await self._mark.write()
        self._is_empty = False
        self._restarts.count += 1
        log.info("store_set_up_again")

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), _INTERVAL)
            self._asked.clear()
            try:
                await self.look()
            except StoreUnavailableError:
                pass  # said when it began
            except Exception:  # the edge of a task: the next look may find it well
                log.exception("store_not_looked_at")
            await self._clock.poll(_PAUSE)

    def _look_from_thread(self) -> None:
        loop = self._loop
        if loop is None:
            return
        future: Any = asyncio.run_coroutine_threadsafe(self.look(), loop)
        try:
            future.result()
        except CancelledFutureError:
            return
