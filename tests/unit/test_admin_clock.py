"""Moving the clock by a request: no further than its client waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from meshtwin.emulator.core.admin_answers import AdminError
from meshtwin.emulator.core.clock import AdjustableClock, manual_clock
from meshtwin.emulator.sagemaker.admin import clock as page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Message


class Client:
    """One that stays until it has `left`."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}


async def _blocked(clock: AdjustableClock, client: Client) -> None:
    """Ask for an hour while something holds the clock; returns once that was given up."""
    with clock.held():
        asking = asyncio.ensure_future(page.advance(clock, 3600, cast("Request", client)))
        await asyncio.sleep(0)
        client.left.set()
        with pytest.raises(AdminError, match="advance again by the rest"):
            await asking


def test_it_stops_when_the_client_leaves_and_others_may_move_it() -> None:
    async def scenario() -> None:
        clock, start = manual_clock(), manual_clock().now()
        await _blocked(clock, Client())
        assert clock.now() == start
        slept = asyncio.ensure_future(clock.sleep(5))
        await asyncio.sleep(0)
        await page.advance(clock, 10, cast("Request", Client()))
        assert slept.done()
        assert clock.now() == start + 10

    asyncio.run(scenario())


def test_it_stops_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        clock = manual_clock()
        with clock.held(), pytest.raises(AdminError, match="moved on by 0 of 3600 s"):
            await page.advance(clock, 3600, cast("Request", Client()))

    monkeypatch.setattr(page, "LONGEST", 0.01)
    asyncio.run(scenario())


def test_time_runs_on_where_a_move_was_cancelled() -> None:
    async def scenario() -> None:
        clock = AdjustableClock(1000)
        slept = asyncio.ensure_future(clock.sleep(1))
        await _blocked(clock, Client())
        await slept

    asyncio.run(asyncio.wait_for(scenario(), 30))
