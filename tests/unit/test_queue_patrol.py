"""What is watched for another emulator is its own: not what has ended here, nor what was taken over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.sagemaker.queue.backlog import Entry
from meshtwin.emulator.sagemaker.queue.patrol import Patrol
from meshtwin.emulator.sagemaker.queue.rows import Held
from meshtwin.emulator.sagemaker.queue.table import LostLeaseError

if TYPE_CHECKING:
    from collections.abc import Callable

OWNER = "here:1:0"
ENTRY = Entry(1, "r-1", 1e12)


class FakeTable:
    """One running request of this process, which may have ended since the index was read."""

    owner = OWNER

    def __init__(self, *, ended: bool) -> None:
        self._ended = ended

    def registered(self) -> list[str]:
        return ["e"]

    def running(self, _name: str) -> list[Held]:
        return [Held("e", ENTRY, OWNER, "1e12")]

    def oldest(self, _name: str, _most: int) -> list[Entry]:
        return []

    def take_over(self, _held: Held, _now: float) -> None:
        if self._ended:
            raise LostLeaseError("ended")


class FakeQueue:
    """It has the request in hand no more."""

    def __init__(self, table: FakeTable) -> None:
        self.table = table
        self.pushed: list[Entry] = []

    def has(self, _name: str, _entry: Entry) -> bool:
        return False

    def push(self, _name: str, entry: Entry) -> None:
        self.pushed.append(entry)

    async def unregister(self, _names: set[str]) -> None:
        pass


class FakeAws:
    async def run(self, function: Callable[..., Any], *arguments: object) -> Any:
        return function(*arguments)


@pytest.mark.parametrize("ended", [True, False])
def test_a_request_of_this_process_is_never_counted_as_another_ones(*, ended: bool) -> None:
    queue = FakeQueue(FakeTable(ended=ended))
    patrol = Patrol(cast("Any", queue), cast("Any", FakeAws()), manual_clock(), 30.0)
    asyncio.run(patrol.look())
    assert queue.pushed == ([] if ended else [ENTRY])
    assert patrol.take_watched() == []
