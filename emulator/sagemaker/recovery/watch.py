"""Watches the store: whether it answers, and whether it still has what was in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.core.supervised import Supervised

if TYPE_CHECKING:
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.store_probe import StoreProbe
    from meshtwin.emulator.sagemaker.recovery.ownership import Ownership
    from meshtwin.emulator.sagemaker.recovery.restoration import Restoration

log = structlog.get_logger(__name__)

_INTERVAL = 2.0
"""Between two checks. Real seconds."""

_PAUSE = 0.25
"""After a check that has failed, before the next one that somebody asks for."""


class StoreWatch:
    """One task. Only a store that answers, without the owner's row, has lost its data.

    Errors and timeouts mean that it is unavailable.
    """

    def __init__(
        self, ownership: Ownership, restoration: Restoration, probe: StoreProbe, clock: Clock
    ) -> None:
        self.is_reachable = True
        """Whether DynamoDB answered at the last check."""
        self.restarted_at: float | None = None
        """When it was last found empty, in seconds since the epoch."""
        self.times = 0
        """How often that was."""
        self._ownership = ownership
        self._restoration = restoration
        self._probe = probe
        self._clock = clock
        self._is_empty = False
        self._tasks = Supervised()

    async def start(self) -> None:
        """Watch from now on."""
        self._probe.open()
        self._tasks.run("store_watch", self._run)

    async def close(self) -> None:
        """Watch no more."""
        self._probe.close()
        await self._tasks.close()

    async def check(self) -> None:
        """Check now; a store that is empty is set up again before this returns.

        Raises:
            UnavailableError: it does not answer, or cannot be set up now.
        """
        await asyncio.wrap_future(self._probe.request())

    async def _run(self) -> None:
        while True:
            asked = await self._probe.wanted(_INTERVAL)
            failure: Exception | None = UnavailableError("the emulator is shutting down")
            try:
                await self._check()
                failure = None
            except UnavailableError as error:
                failure = error
            except Exception as error:  # the edge of a task: the next check may find it well
                log.exception("store_check_failed")
                failure = UnavailableError(f"the store cannot be checked: {error}")
            finally:
                for one in asked:
                    if failure is None:
                        one.set_result(None)
                    else:
                        one.set_exception(failure)
            self._note(failure)
            if failure is not None:
                await self._clock.poll(_PAUSE)

    async def _check(self) -> None:
        if not await self._ownership.is_there():
            await self._set_up_again()
        await self._restoration.delete_refused()

    def _note(self, failure: Exception | None) -> None:
        if failure is not None and self.is_reachable:
            log.warning("store_away", error=str(failure))
        elif failure is None and not self.is_reachable:
            log.info("store_back")
        self.is_reachable = failure is None

    async def _set_up_again(self) -> None:
        if not self._is_empty:
            self._is_empty = True
            self.times += 1
            self.restarted_at = self._clock.now()
            log.error("store_restarted_empty")
            self._restoration.begin()
        await self._restoration.run()
        await self._ownership.write()
        self._is_empty = False
        self._probe.restarts += 1
        log.info("store_set_up_again")
