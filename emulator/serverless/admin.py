"""What AWS has no operation for: the pages under `/_serverless`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from meshtwin.emulator.core.logs import tail

if TYPE_CHECKING:
    from starlette.requests import Request

    from meshtwin.emulator.serverless.serverless import Serverless

PREFIX = "/_serverless"

_LOG_CHARACTERS = 100_000


def routes(serverless: Serverless) -> list[Route]:
    """Health, the functions' states, and their logs."""
    host = serverless.functions

    async def health(_: Request) -> JSONResponse:
        services = serverless.gateway.operations()
        return JSONResponse(
            {"status": "ok", "time": serverless.clock.now(), "services": services, **host.state()}
        )

    async def log(request: Request) -> PlainTextResponse:
        name = request.path_params["name"]
        function = host.runner.functions.get(name)
        if function is None:
            known = ", ".join(sorted(host.runner.functions)) or "none"
            raise HTTPException(404, f"no function {name!r}; there are: {known}")
        return PlainTextResponse(tail(host.runner.log_path(function), _LOG_CHARACTERS) + "\n")

    return [Route(PREFIX, health), Route(f"{PREFIX}/functions/{{name}}/log", log)]
