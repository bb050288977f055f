"""/_emulator/faults: rules by which things go wrong on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from meshtwin.emulator.core.admin_answers import AdminError, read_object
from meshtwin.emulator.core.faults.rules import EFFECTS, BadRuleError

if TYPE_CHECKING:
    from starlette.requests import Request

    from meshtwin.emulator.sagemaker.emulator import Emulator

_PATH = "/_emulator/faults"


def fault_routes(emulator: Emulator) -> list[Route]:
    """GET lists rules and what there may be, POST adds one, DELETE removes one or all."""
    faults = emulator.faults

    async def show(_: Request) -> JSONResponse:
        places = {
            place: {effect: sorted(takes) for effect, takes in effects.items()}
            for place, effects in EFFECTS.items()
        }
        return JSONResponse({"faults": faults.list(), "places": places})

    async def add(request: Request) -> JSONResponse:
        try:
            return JSONResponse(faults.add(await read_object(request)), 201)
        except BadRuleError as error:
            raise AdminError(str(error)) from None

    async def clear(_: Request) -> JSONResponse:
        faults.clear()
        return JSONResponse({"faults": []})

    async def remove(request: Request) -> JSONResponse:
        rule_id = request.path_params["rule_id"]
        if not faults.remove(rule_id):
            known = ", ".join(rule["id"] for rule in faults.list()) or "none"
            raise AdminError(
                f"there is no fault {rule_id!r}; there are: {known}", status=404, code="NotFound"
            )
        return JSONResponse({"removed": rule_id})

    return [
        Route(_PATH, show, methods=["GET"]),
        Route(_PATH, add, methods=["POST"]),
        Route(_PATH, clear, methods=["DELETE"]),
        Route(f"{_PATH}/{{rule_id}}", remove, methods=["DELETE"]),
    ]
