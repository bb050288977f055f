"""The HTTP API: requests under `/_api` go to the functions of their routes.

Limits: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core.protocol.errors import SerializationError
from meshtwin.emulator.core.protocol.gateway import DisconnectedError, read_body
from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.lambda_.http_event import Api, HttpRequest, http_event
from meshtwin.emulator.lambda_.http_response import MalformedResponseError, http_response, message
from meshtwin.emulator.lambda_.results import REQUEST_LIMIT, Call
from meshtwin.emulator.lambda_.routes import best_route
from meshtwin.emulator.lambda_.runner import ThrottledError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from meshtwin.emulator.core.clock import AdjustableClock
    from meshtwin.emulator.core.protocol.operations import Response
    from meshtwin.emulator.lambda_.manifest import Function
    from meshtwin.emulator.lambda_.results import InvocationResult
    from meshtwin.emulator.lambda_.runner import Runner
    from meshtwin.emulator.lambda_.settings import HostSettings

PREFIX = "/_api"
BODY_LIMIT = 10 * 1024 * 1024

_log = structlog.get_logger(__name__)


class HttpApi:
    """An ASGI application."""

    def __init__(self, runner: Runner, settings: HostSettings, clock: AdjustableClock) -> None:
        self._runner = runner
        self._clock = clock
        self._api = Api(settings.account_id)
        self._patience = settings.integration_timeout
        functions = runner.functions.values()
        self._routes = [(route, function) for function in functions for route in function.routes]

    def keys(self) -> dict[str, str]:
        """Each route's function."""
        return {route.key: function.name for route, function in self._routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        request_id = new_uuid()
        try:
            response = await self._serve(scope, receive, request_id)
        except DisconnectedError:
            return
        headers = [*response.headers, (b"apigw-requestid", request_id.encode())]
        headers.append((b"content-length", b"%d" % len(response.body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body})

    async def _serve(self, scope: Scope, receive: Receive, request_id: str) -> Response:
        try:
            body = await read_body(receive, dict(scope["headers"]), BODY_LIMIT)
        except SerializationError:
            return message(HTTPStatus.BAD_REQUEST, "Bad Request")
        if body is None:
            return message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
        request = _request(scope, body)
        found = best_route(self._routes, request.method, request.path)
        if found is None:
            return message(HTTPStatus.NOT_FOUND, "Not Found")
        route, function, parameters = found
        event = http_event(self._api, request, route, parameters, request_id, self._clock.now())
        payload = json.dumps(event).encode()
        if len(payload) > REQUEST_LIMIT:
            return message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
        return await self._respond(function, Call(request_id, payload))

    async def _respond(self, function: Function, call: Call) -> Response:
        try:
            result = await asyncio.wait_for(self._runner.invoke(function, call), self._patience)
        except (TimeoutError, ThrottledError) as error:  # before OSError, which a TimeoutError is too
            _log.warning(
                "integration_failed",
                function=function.name,
                request_id=call.request_id,
                reason="too many invocations" if isinstance(error, ThrottledError) else "timeout",
            )
            return message(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")
        except OSError:
            _log.exception("function_not_started", function=function.name, request_id=call.request_id)
            return message(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
        return self._translate(function, call, result)

    def _translate(self, function: Function, call: Call, result: InvocationResult) -> Response:
        if result.failed:
            return message(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
        try:
            return http_response(result.payload)
        except MalformedResponseError as error:
            _log.warning(
                "response_malformed", function=function.name, request_id=call.request_id, reason=str(error)
            )
            return message(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")


def _request(scope: Scope, body: bytes) -> HttpRequest:
    raw_path = scope["raw_path"].decode("latin-1").removeprefix(PREFIX)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    host = next((value for name, value in headers if name == "host"), "")
    source, port = (scope.get("client") or ("127.0.0.1", 0))[0], host.rpartition(":")[2]
    # As API Gateway does, and behind whatever is in front.
    headers = [header for header in headers if header[0] != "x-forwarded-prefix"]
    headers += [
        ("x-forwarded-prefix", PREFIX),
        ("x-forwarded-for", source),
        ("x-forwarded-port", port if port.isdecimal() else "80"),
        ("x-forwarded-proto", scope["scheme"]),
    ]
    return HttpRequest(
        method=scope["method"],
        raw_path=raw_path or "/",
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        source=source,
        protocol=f"HTTP/{scope['http_version']}",
    )
