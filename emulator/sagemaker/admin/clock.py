"""/_emulator/clock: what time it is, how fast it goes, and moving it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from meshtwin.emulator.core.admin_answers import AdminError, read_object
from meshtwin.emulator.core.clock import iso_millis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from meshtwin.emulator.core.clock import AdjustableClock
    from meshtwin.emulator.sagemaker.emulator import Emulator

_PATH = "/_emulator/clock"

_FARTHEST = 7 * 24 * 3600

LONGEST = 60.0
"""Real seconds that one request may move the clock: no client waits longer, or sees that it goes on."""


def clock_routes(emulator: Emulator) -> list[Route]:
    """GET, and POST `{"speed": N}` or `{"advance": SECONDS}`; a speed of 0 makes it stand still."""
    clock = emulator.clock

    def state() -> JSONResponse:
        now = clock.now()
        return JSONResponse({"now": now, "time": iso_millis(now), "speed": clock.speed})

    async def show(_: Request) -> JSONResponse:
        return state()

    async def change(request: Request) -> JSONResponse:
        wanted = _numbers(await read_object(request))
        try:
            if "speed" in wanted:
                clock.set_speed(wanted["speed"])
        except ValueError as error:
            raise AdminError(str(error)) from None
        if "advance" in wanted:
            await advance(clock, wanted["advance"], request)
        return state()

    return [Route(_PATH, show, methods=["GET"]), Route(_PATH, change, methods=["POST"])]


def _numbers(wanted: Mapping[str, object]) -> dict[str, float]:
    unknown = wanted.keys() - {"speed", "advance"}
    if unknown or not wanted:
        raise AdminError(f"{sorted(unknown) or 'nothing'}: expected speed, advance or both")
    numbers = {}
    for name, value in wanted.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise AdminError(f"{name} {value!r}: expected a number")
        numbers[name] = value
    if not 0 <= numbers.get("advance", 0) <= _FARTHEST:
        raise AdminError(f"advance {numbers['advance']!r}: expected 0 to {_FARTHEST} s, a week, at a time")
    return numbers


async def advance(clock: AdjustableClock, seconds: float, request: Request) -> None:
    """Move the clock on, as long as the client waits for it, and not longer than a minute.

    Raises:
        AdminError: it has not got there, because what happens on the way takes too long.
    """
    start = clock.now()
    moving = asyncio.ensure_future(clock.advance(seconds))
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({moving, leaving}, timeout=LONGEST, return_when=asyncio.FIRST_COMPLETED)
        if not moving.done():
            moved = f"{clock.now() - start:.0f} of {seconds:g} s"
            raise AdminError(
                f"moved on by {moved}: advance again by the rest", status=503, code="NotThereYet"
            )
        moving.result()
    finally:
        for task in (moving, leaving):
            task.cancel()
        await asyncio.gather(moving, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass  # the body has been read, so nothing else comes
