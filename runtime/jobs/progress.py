"""Tells how far a job is, in an object beside its output, at most once a second."""

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
    from meshtwin.runtime.jobs.halt import Halt
    from meshtwin.runtime.jobs.storage import Storage

INTERVAL_SECONDS = 1.0


class ProgressObject:
    """The object at `location` from `async with` on until its end, when it is deleted.

    One task makes all calls, one after the other, so that no write can land after the delete. None of its
    failures reaches the job: they are logged.
    """

    def __init__(
        self, storage: Storage, executor: Executor, location: str, first: Progress, halt: Halt
    ) -> None:
        self._storage = storage
        self._executor = executor
        self._location = location
        self._latest = first
        self._halt = halt
        self._news = asyncio.Event()
        self._news.set()
        self._ended = asyncio.Event()
        self._warned = False

    def tell(self, progress: Progress) -> None:
        """Have this written when its turn comes; only the latest is."""
        self._latest = progress
        self._news.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write_until_ended())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._news.set()
        # A storage that hangs holds a job up for some seconds, but never the end of the process.
        await asyncio.wait({self._task}, timeout=self._halt.patience if self._halt.final else None)

    async def _write_until_ended(self) -> None:
        while not self._ended.is_set():
            self._news.clear()
            await self._attempt("write", self._storage.put_aside, self._latest.model_dump_json().encode())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), INTERVAL_SECONDS)
            await self._news.wait()
        await self._attempt("delete", self._storage.delete)

    async def _attempt(self, verb: str, call: Callable[..., None], *arguments: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._executor, partial(call, self._location, *arguments))
        except (BotoCoreError, ClientError) as error:
            if not self._warned:
                log.warning("progress_not_told", verb=verb, location=self._location, reason=str(error))
            self._warned = True
