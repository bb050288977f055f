"""Cancelling a job before it is done, from the event loop and for the threads that work for it."""

from __future__ import annotations

import asyncio


class JobCancelledError(Exception):
    """The client has disconnected: nobody waits for the response."""


class CancellationToken:
    """Cancelled once, by whoever comes first: the client that disconnects, the deadline, the shutdown.

    `grace` is how many seconds the backend has to reach its next step before its worker is killed.
    `shutdown`: the process is about to exit, so calls that hang are not waited for.
    """

    def __init__(self) -> None:
        self.reason: Exception | None = None
        self.grace = 0.0
        self.shutdown = False
        self._cancelled = asyncio.Event()

    def cancel(self, reason: Exception, *, grace: float, shutdown: bool = False) -> None:
        """Cancel the job with `reason`; later calls change nothing. Call it from the event loop's thread."""
        if self.reason is None:
            self.grace = grace
            self.shutdown = shutdown
            self.reason = reason
            self._cancelled.set()

    def check(self) -> None:
        """Raise the reason if the job is cancelled. Any thread may call it."""
        if self.reason is not None:
            raise self.reason

    async def wait(self) -> None:
        """Wait until the job is cancelled."""
        await self._cancelled.wait()
