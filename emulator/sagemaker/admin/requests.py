"""/_emulator/requests: what AWS has no operation for: list, inspect, await, cancel and replay requests."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from meshtwin.emulator.core.admin_answers import AdminError, number_of
from meshtwin.emulator.core.clock import iso_millis
from meshtwin.emulator.sagemaker.admin.pages import BadTokenError, Pages
from meshtwin.emulator.sagemaker.queue.request import State
from meshtwin.emulator.sagemaker.queue.schema import timeline_of, to_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from meshtwin.emulator.sagemaker.emulator import Emulator

_PATH = "/_emulator/requests"
_MOST = 1000


def request_routes(emulator: Emulator) -> list[Route]:
    """GET a page, one request or its end; POST cancel and replay."""

    async def one(request: Request) -> JSONResponse:
        item = await _item(emulator, request.path_params["request_id"])
        return JSONResponse(_document(emulator, item))

    async def end(request: Request) -> JSONResponse:
        timeout = number_of(request.query_params.get("timeout"), "timeout", default=30, least=0, most=3600)
        request_id = (await _item(emulator, request.path_params["request_id"]))["request_id"]["S"]
        try:
            item = await emulator.dispatcher.ended(request_id, timeout)
        except TimeoutError:
            return JSONResponse({"request_id": request_id, "ended": False}, 202)
        if item is None:
            raise _not_found(emulator, request_id)
        return JSONResponse({**_document(emulator, item), "ended": True})

    async def cancel(request: Request) -> JSONResponse:
        item = await _item(emulator, request.path_params["request_id"])
        request_id = item["request_id"]["S"]
        try:
            await emulator.dispatcher.cancel(request_id)
        except KeyError:
            raise AdminError(
                f"request {request_id} is {item['state']['S']}: only one that is queued or running can be "
                "cancelled",
                status=409,
                code="Conflict",
            ) from None
        return JSONResponse(_document(emulator, await _item(emulator, request_id)))

    async def replay(request: Request) -> JSONResponse:
        item = await _item(emulator, request.path_params["request_id"])
        if "ended_at" not in item:
            message = f"request {item['request_id']['S']} is {item['state']['S']}: it has not ended yet"
            raise AdminError(message, status=409, code="Conflict")
        again = await emulator.invocations.replay(to_request(item))
        return JSONResponse(_document(emulator, await _item(emulator, again.request_id)), 201)

    return [
        Route(_PATH, _list(emulator)),
        Route(f"{_PATH}/{{request_id}}", one),
        Route(f"{_PATH}/{{request_id}}/await", end),
        Route(f"{_PATH}/{{request_id}}/cancel", cancel, methods=["POST"]),
        Route(f"{_PATH}/{{request_id}}/replay", replay, methods=["POST"]),
    ]


def _list(emulator: Emulator) -> Callable[[Request], Awaitable[JSONResponse]]:
    pages = Pages(emulator.aws, emulator.queue.table)

    async def page(request: Request) -> JSONResponse:
        query = request.query_params
        limit = int(number_of(query.get("limit"), "limit", default=100, least=1, most=_MOST))
        endpoint, states = query.get("endpoint"), _states(query.get("state"))
        if query.get("recent") == "true":
            state = states[0] if len(states) == 1 else None
            found = emulator.queue.recent.list(limit, endpoint, state)
            return JSONResponse({"requests": [asdict(listed) for listed in found], "next_token": None})
        try:
            found, token = await pages.read(_endpoints(emulator, endpoint), states, limit, query.get("token"))
        except BadTokenError as error:
            raise AdminError(str(error)) from None
        return JSONResponse({"requests": [asdict(listed) for listed in found], "next_token": token})

    return page


def _endpoints(emulator: Emulator, wanted: str | None) -> list[str]:
    """The names whose requests are listed: by default those of endpoints, and those that have requests."""
    if wanted is not None:
        return [wanted]
    names = {endpoint.name for endpoint in emulator.registry.endpoints()}
    return sorted(
        names | {name for name in emulator.queue.endpoint_names if emulator.sources.has_requests(name)}
    )


def _states(wanted: str | None) -> list[State]:
    if wanted is None:
        return list(State)
    if wanted not in set(State):
        raise AdminError(f"state {wanted!r}: expected one of {', '.join(State)}")
    return [State(wanted)]


async def _item(emulator: Emulator, request_id: str) -> Mapping[str, Any]:
    """The record of a request, by its own id or by one of the other two that its caller has."""
    item = await emulator.aws.run(emulator.queue.table.get, request_id)
    if item is None and (known := emulator.queue.recent.find(request_id)) is not None:
        item = await emulator.aws.run(emulator.queue.table.get, known)
    if item is None or "call" not in item:
        raise _not_found(emulator, request_id)
    return item


def _not_found(emulator: Emulator, request_id: str) -> AdminError:
    message = (
        f"there is no request {request_id!r}: its id is the last part of its OutputLocation, less .out; the "
        f"last {emulator.settings.exchanges_kept} are found by inference id and x-amzn-RequestId too; "
        f"GET {_PATH} lists them"
    )
    if emulator.store.restarted_at is not None:
        message += f". The store restarted empty at {iso_millis(emulator.store.restarted_at)}, and has lost"
        message += f" {emulator.dispatcher.lost_count} requests that waited, and all that had ended"
    return AdminError(message, status=404, code="NotFound")


def _document(emulator: Emulator, item: Mapping[str, Any]) -> dict[str, Any]:
    """A request with its timeline and its exchanges with containers."""
    request = to_request(item)
    document = asdict(request)
    body = document.pop("body")
    return {
        **document,
        "body_bytes": len(body) if body is not None else None,
        "state": item["state"]["S"],
        "deliveries": int(item["fence"]["N"]),
        "expires_at": request.expires_at,
        "ended_at": float(item["ended_at"]["N"]) if "ended_at" in item else None,
        "reason": item["reason"]["S"] if "reason" in item else None,
        "timeline": timeline_of(item),
        "exchanges": [asdict(exchange) for exchange in emulator.dispatcher.exchanges.of(request.request_id)],
    }


async def cancel_all(emulator: Emulator, seconds: float) -> None:
    """Cancel every request that waits or runs, and wait for their ends.

    Raises:
        TimeoutError: they have not all ended in that time, in real seconds.
    """
    ids = [
        listed
        for endpoint in emulator.queue.endpoint_names
        for listed in emulator.queue.backlog(endpoint).request_ids()
    ]
    ids += emulator.dispatcher.running_ids()

    async def cancel(request_id: str) -> None:
        try:
            await emulator.dispatcher.cancel(request_id)
        except KeyError:
            return  # it has ended by itself

    await asyncio.wait_for(asyncio.gather(*(cancel(request_id) for request_id in ids)), seconds)
