"""/_emulator/reset: as if the emulator had just been set up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from meshtwin.emulator.core.admin_answers import AdminError, read_object
from meshtwin.emulator.sagemaker.admin.requests import cancel_all
from meshtwin.emulator.sagemaker.control_plane.resources import Kind

if TYPE_CHECKING:
    from starlette.requests import Request

    from meshtwin.emulator.sagemaker.emulator import Emulator

_SECONDS = 60.0


def reset_routes(emulator: Emulator) -> list[Route]:
    """POST `{"confirm": true}`.

    Requests end as cancelled; endpoints, configurations, models, targets, policies and faults go. Buckets,
    topics and the records of ended requests are left alone.
    """

    async def reset(request: Request) -> JSONResponse:
        if (await read_object(request)).get("confirm") is not True:
            raise AdminError('everything will be deleted: send {"confirm": true}')
        emulator.faults.clear()
        try:
            await cancel_all(emulator, _SECONDS)
        except TimeoutError:
            message = f"requests have not ended within {_SECONDS:g} s: GET /_emulator/requests shows them"
            raise AdminError(message, status=503, code="ServiceUnavailable") from None
        names = await emulator.deployment.delete_all()
        for kind in (Kind.CONFIG, Kind.MODEL):
            for resource in emulator.registry.all(kind):
                await emulator.registry.remove(resource)
                names.append(resource.name)
        return JSONResponse({"deleted": sorted(names)})

    return [Route("/_emulator/reset", reset, methods=["POST"])]
