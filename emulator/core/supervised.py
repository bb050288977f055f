"""Background tasks whose errors are logged, and which run again: none ends unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

log = structlog.get_logger(__name__)

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0


class Supervised:
    """The background tasks of one owner; their names are those in its log. Used from one event loop.

    Nobody awaits such a task, so an exception in it reaches no caller: it is logged here.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def run(self, name: str, make: Callable[[], Coroutine[Any, Any, object]]) -> asyncio.Task[None]:
        """Run what `make` makes until it returns; after an exception, again.

        The delays between runs grow from 0.1 s to 30 s of real time, and begin anew after a run that lasted.
        """
        return self._keep(name, _until_returned(name, make))

    def run_once(self, name: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Run `work`, which may fail: what it was for is made up for elsewhere."""
        return self._keep(name, _logged(name, work))

    async def finish(self, name: str, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which goes on where the caller is cancelled; its failure is logged then."""
        task = self._keep(name, work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(partial(_log_failure, name))
            raise

    async def close(self) -> None:
        """Cancel every task, and wait until they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)  # the event loop itself holds tasks by weak references alone
        task.add_done_callback(self._tasks.discard)
        return task


def call_from_thread(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: object) -> None:
    """Call `function` on the loop, from a thread that may outlive it: then nothing is called."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *args)


def _log_failure(name: str, task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background_task_failed", task=name, again_after=None, exc_info=error)


async def _until_returned(name: str, make: Callable[[], Coroutine[Any, Any, object]]) -> None:
    delay = _FIRST_DELAY
    while True:
        started = time.monotonic()
        try:
            await make()
        except Exception:  # the edge of a task
            if time.monotonic() - started > _LONGEST_DELAY:
                delay = _FIRST_DELAY
            log.exception("background_task_failed", task=name, again_after=delay)
        else:
            return
        await asyncio.sleep(delay)
        delay = min(2 * delay, _LONGEST_DELAY)


async def _logged(name: str, work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except Exception:  # the edge of a task
        log.exception("background_task_failed", task=name, again_after=None)
