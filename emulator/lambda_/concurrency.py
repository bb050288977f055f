"""How many invocations may run at once: of all functions together, and of one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtwin.emulator.lambda_.manifest import Function


class Concurrency:
    """Slots to run in. A call that waits for one gets it in turn, unless its function's limit is reached."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()
        self._waiting: list[tuple[Function, asyncio.Future[None]]] = []

    def taken(self, function: Function) -> int:
        """How many of a function run."""
        return self._taken[function.name]

    def try_take(self, function: Function) -> bool:
        """Take a slot now; False where none is free."""
        if not self._is_free(function):
            return False
        self._taken[function.name] += 1
        return True

    async def take(self, function: Function) -> None:
        """Take a slot, as soon as there is one."""
        if self.try_take(function):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (function, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(function)
            else:
                self._waiting.remove(entry)
            raise

    def give_back(self, function: Function) -> None:
        """Give a slot back."""
        self._taken[function.name] -= 1
        for entry in list(self._waiting):
            waiting, turn = entry
            if self.try_take(waiting):
                self._waiting.remove(entry)
                turn.set_result(None)

    def _is_free(self, function: Function) -> bool:
        own = function.concurrency is None or self._taken[function.name] < function.concurrency
        return own and self._taken.total() < self._most
