"""Why a job must end before it is done, for the event loop and for the threads that work for it."""

from __future__ import annotations

import asyncio


class JobHaltedError(Exception):
    """The caller has gone: there is nobody to answer."""


class Halt:
    """Asked once, by whoever comes first: the caller leaving, the deadline, the server stopping.

    `patience` is how many seconds the backend has to reach its next step before its worker is killed.
    `final`: the process is about to end, so what hangs need not be waited for.
    """

    def __init__(self) -> None:
        self.reason: Exception | None = None
        self.patience = 0.0
        self.final = False
        self._asked = asyncio.Event()

    def ask(self, reason: Exception, *, patience: float, final: bool = False) -> None:
        """End the job with `reason`. Once is enough: later reasons change nothing. From the loop's thread."""
        if self.reason is None:
            self.patience = patience
            self.final = final
            self.reason = reason
            self._asked.set()

    def check(self) -> None:
        """Raise the reason if there is one. From any thread."""
        if self.reason is not None:
            raise self.reason

    async def wait(self) -> None:
        """Until somebody asks."""
        await self._asked.wait()
