"""/_emulator/endpoints, their instances, and why they scale or do not."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from meshtwin.emulator.core.admin_answers import AdminError, number_of
from meshtwin.emulator.sagemaker.autoscaling.explain import explain

if TYPE_CHECKING:
    from starlette.requests import Request

    from meshtwin.emulator.sagemaker.control_plane.resources import Endpoint
    from meshtwin.emulator.sagemaker.emulator import Emulator

_PREFIX = "/_emulator"
_TAIL = 2000
"""Characters of an instance's output that are shown."""


def endpoint_routes(emulator: Emulator) -> list[Route]:
    """GET endpoints, instances, and endpoints/{name}/explain."""

    async def endpoints(_: Request) -> JSONResponse:
        found = sorted(emulator.registry.endpoints(), key=lambda endpoint: endpoint.key)
        return JSONResponse({"endpoints": [_endpoint(emulator, endpoint) for endpoint in found]})

    async def instances(request: Request) -> JSONResponse:
        lines = int(number_of(request.query_params.get("lines"), "lines", default=10, least=0, most=1000))
        return JSONResponse({"instances": _instances(emulator, lines)})

    async def explained(request: Request) -> JSONResponse:
        name = request.path_params["name"]
        endpoint = next((one for one in emulator.registry.endpoints() if one.key == name.lower()), None)
        if endpoint is None:
            known = ", ".join(sorted(one.name for one in emulator.registry.endpoints())) or "none"
            raise AdminError(
                f"there is no endpoint {name!r}; there are: {known}", status=404, code="NotFound"
            )
        findings = explain(
            emulator.sources.view(endpoint.name, endpoint.variant["VariantName"]),
            emulator.ledger,
            emulator.endpoints,
            emulator.monitoring.alarms(),
            emulator.clock.now(),
        )
        sentences = [finding.text for finding in findings]
        document = {"endpoint": endpoint.name, "sentences": sentences}
        return JSONResponse({**document, "findings": [asdict(finding) for finding in findings]})

    return [
        Route(f"{_PREFIX}/endpoints", endpoints),
        Route(f"{_PREFIX}/endpoints/{{name}}/explain", explained),
        Route(f"{_PREFIX}/instances", instances),
    ]


def _endpoint(emulator: Emulator, endpoint: Endpoint) -> dict[str, Any]:
    view = emulator.sources.view(endpoint.name, endpoint.variant["VariantName"])
    oldest = None if view.oldest_at is None else round(max(0.0, emulator.clock.now() - view.oldest_at), 3)
    return {
        "name": endpoint.name,
        "variant": view.variant,
        "status": endpoint.status,
        "failure_reason": endpoint.failure_reason,
        "desired_instances": endpoint.instance_count,
        "instances": view.instances,
        "queued": view.queued,
        "running": view.running,
        "oldest_seconds": oldest,
        "metrics": emulator.monitoring.latest(endpoint.name),
    }


def _instances(emulator: Emulator, lines: int) -> list[dict[str, Any]]:
    shown = []
    for endpoint in emulator.registry.endpoints():
        for seen in emulator.running_fleets.instances(endpoint.name):
            tail = seen.instance.tail(_TAIL).splitlines()
            shown.append({
                "endpoint": endpoint.name,
                "variant": endpoint.variant["VariantName"],
                "instance_id": seen.instance.instance_id,
                "state": seen.state,
                "address": str(seen.instance.address),
                "pid": seen.instance.pid or None,
                "busy": seen.busy,
                "last_lines": tail[len(tail) - min(lines, len(tail)) :],
            })  # fmt: skip
    return shown
