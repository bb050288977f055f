"""One job at a time, and a few that wait, first in, first out."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from meshtwin.runtime.contract import ErrorCode, JobError

if TYPE_CHECKING:
    from meshtwin.runtime.jobs.cancellation import CancellationToken


class JobQueue:
    """The slot in which one job runs, and the jobs that wait for it."""

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def running(self) -> int:
        """How many jobs hold the slot: 0 or 1."""
        return int(self._taken)

    @property
    def waiting(self) -> int:
        """How many jobs wait for it."""
        return len(self._waiting)

    def join(self) -> asyncio.Future[None]:
        """Take the slot, or join the queue; `wait` waits for the future that comes back.

        Raises:
            JobError: BUSY, when the queue is full.
        """
        turn = asyncio.get_running_loop().create_future()
        if not self._taken:
            self._taken = True
            turn.set_result(None)
        elif len(self._waiting) < self._most_waiting:
            self._waiting.append(turn)
        else:
            raise JobError(
                ErrorCode.BUSY,
                f"one job runs and {self.waiting} wait: the limit is RUNTIME_QUEUE={self._most_waiting}",
            )
        return turn

    async def wait(self, turn: asyncio.Future[None], token: CancellationToken) -> None:
        """Wait for the slot, or leave the queue with the token's reason."""
        cancelled = asyncio.create_task(token.wait())
        await asyncio.wait({turn, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        cancelled.cancel()
        if not turn.done():
            self._waiting.remove(turn)
            token.check()

    def release(self) -> None:
        """Give the slot to the next job that waits."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._taken = False
