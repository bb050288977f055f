"""A job's progress, written to an object beside its output at most once a second."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.runtime.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from types import TracebackType

    from meshtwin.runtime.contract import Progress
    from meshtwin.runtime.jobs.cancellation import CancellationToken
    from meshtwin.runtime.jobs.storage import Storage

INTERVAL_SECONDS = 1.0


class ProgressObject:
    """The object at `location`: written during an `async with` block, deleted at its end.

    One task makes all calls, one after the other, so that no write can land after the delete. Failures are
    logged, and do not fail the job.
    """

    def __init__(
        self, storage: Storage, executor: Executor, location: str, first: Progress, token: CancellationToken
    ) -> None:
        self._storage = storage
        self._executor = executor
        self._location = location
        self._latest = first
        self._token = token
        self._changed = asyncio.Event()
        self._changed.set()
        self._ended = asyncio.Event()
        self._warned = False

    def update(self, progress: Progress) -> None:
        """Write this with the next write, unless a later update replaces it."""
        self._latest = progress
        self._changed.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write_until_ended())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._changed.set()
        # A storage that hangs delays a job by some seconds, but never the shutdown.
        await asyncio.wait({self._task}, timeout=self._token.grace if self._token.shutdown else None)

    async def _write_until_ended(self) -> None:
        while not self._ended.is_set():
            self._changed.clear()
            await self._call("write", self._storage.put_progress, self._latest.model_dump_json().encode())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), INTERVAL_SECONDS)
            await self._changed.wait()
        await self._call("delete", self._storage.delete_progress)

    async def _call(self, verb: str, call: Callable[..., None], *arguments: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._executor, partial(call, self._location, *arguments))
        except (BotoCoreError, ClientError) as error:
            if not self._warned:
                log.warning("progress_not_written", verb=verb, location=self._location, reason=str(error))
            self._warned = True
