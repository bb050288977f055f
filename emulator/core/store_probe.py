"""Whether the store has lost everything: asked from any thread, answered by the watch over the store."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future

from meshtwin.emulator.core.supervised import call_from_thread


class StoreProbe:
    """Requests to check the store, and how often it was found empty and set up again."""

    def __init__(self) -> None:
        self.restarts = 0
        """How often the store was set up again. May be read from any thread."""
        self._lock = threading.Lock()
        self._requests: list[Future[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wanted = asyncio.Event()

    def request(self) -> Future[None]:
        """Have the store checked, from any thread.

        The future is done when the store is as it was, or set up again; it fails with UnavailableError
        where neither can be had now. Where nobody watches the store, it is done at once.
        """
        asked: Future[None] = Future()
        with self._lock:
            if self._loop is None:
                asked.set_result(None)
                return asked
            self._requests.append(asked)
            call_from_thread(self._loop, self._wanted.set)
        return asked

    def restarted_since(self, restarts: int) -> bool:
        """Whether the store was set up again since `restarts` was read. Blocks; raises what `request` does.

        A bucket, a topic or an upload that is missing may never have been there: another attempt is worth it
        only where the store has lost everything.
        """
        if self.restarts == restarts:
            self.request().result()
        return self.restarts != restarts

    def open(self) -> None:
        """Take requests for the running event loop, whose `wanted` brings them."""
        with self._lock:
            self._loop = asyncio.get_running_loop()

    async def wanted(self, seconds: float) -> list[Future[None]]:
        """The requests that have come, at once where there are any, none after so many real seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), seconds)
        self._wanted.clear()
        return self._take()

    def close(self) -> None:
        """Take no more requests, and answer those that there are."""
        with self._lock:
            self._loop = None
        for asked in self._take():
            asked.set_result(None)

    def _take(self) -> list[Future[None]]:
        with self._lock:
            requests, self._requests = self._requests, []
        return [asked for asked in requests if asked.set_running_or_notify_cancel()]
