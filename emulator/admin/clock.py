"""/_emulator/clock: what time it is, how fast it goes, and moving it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.admin.answers import AdminError, read_object
from emulator.clock import iso_millis

if TYPE_CHECKING:
    from starlette.requests import Request

    from emulator.app import Emulator

_PATH = "/_emulator/clock"


def clock_routes(emulator: Emulator) -> list[Route]:
    """GET, and POST `{"speed": N}` or `{"advance": SECONDS}`; a speed of 0 makes it stand still."""
    clock = emulator.clock

    def state() -> JSONResponse:
        now = clock.now()
        return JSONResponse({"now": now, "time": iso_millis(now), "speed": clock.speed})

    async def show(_: Request) -> JSONResponse:
        return state()

    async def change(request: Request) -> JSONResponse:
        wanted = await read_object(request)
        unknown = wanted.keys() - {"speed", "advance"}
        if unknown or not wanted:
            raise AdminError(f"{sorted(unknown) or 'nothing'}: expected speed, advance or both")
        for name, value in wanted.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise AdminError(f"{name} {value!r}: expected a number")
        try:
            if "speed" in wanted:
                clock.set_speed(wanted["speed"])
            if "advance" in wanted:
                await clock.advance(wanted["advance"])
        except ValueError as error:
            raise AdminError(str(error)) from None
        return state()

    return [Route(_PATH, show, methods=["GET"]), Route(_PATH, change, methods=["POST"])]
