"""One at a time, and a few that wait, in the order they came."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from meshtwin.runtime.contract import ErrorCode, JobError

if TYPE_CHECKING:
    from meshtwin.runtime.jobs.halt import Halt


class Turns:
    """Whose turn it is."""

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def running(self) -> int:
        """How many have their turn: 0 or 1."""
        return int(self._taken)

    @property
    def waiting(self) -> int:
        """How many wait for theirs."""
        return len(self._waiting)

    def ask(self) -> asyncio.Future[None]:
        """A place in the line, for `wait`.

        Raises:
            JobError: BUSY, when the line is as long as it may be.
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

    async def wait(self, turn: asyncio.Future[None], halt: Halt) -> None:
        """Wait for the turn, or leave the line with what `halt` says."""
        asked = asyncio.create_task(halt.wait())
        await asyncio.wait({turn, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not turn.done():
            self._waiting.remove(turn)
            halt.check()

    def give_back(self) -> None:
        """Let the next one have its turn."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._taken = False
