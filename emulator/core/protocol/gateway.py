"""The ASGI application in front of all services: finds the operation, and speaks its protocol.

Signatures are not verified, and all requests belong to one account. With a key, callers have to use its
access key ID; without one, any credentials will do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import botocore.loaders
import structlog
from botocore.model import ServiceModel

from meshtwin.emulator.core.faults.rules import FaultPoint
from meshtwin.emulator.core.protocol.errors import (
    SerializationError,
    ServiceError,
    UnknownKeyError,
    UnknownOperationError,
)
from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.core.protocol.operations import (
    Handler,
    JsonOperation,
    Operation,
    PayloadLimit,
    Request,
    RequestContext,
    Response,
    RestJsonOperation,
    dump_json,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.types import Receive, Scope, Send

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.faults.faults import Faults
    from meshtwin.emulator.core.protocol.access import AccessKey

log = structlog.get_logger(__name__)

_SERVER_ERRORS = 500
_PROTOCOLS: dict[str, type[Operation]] = {"json": JsonOperation, "rest-json": RestJsonOperation}


class Service:
    """The operations of one AWS service that are served here, by name.

    Args:
        name: the service's folder in botocore's data, such as `sagemaker-runtime`.
        handlers: the `Handler` of each operation, by name, as a TypedDict with their types;
            the rest of the model's operations are refused.
        payload_limits: of operations whose model names no limit of its payload.
    """

    def __init__(
        self,
        name: str,
        handlers: Mapping[str, object],
        payload_limits: Mapping[str, PayloadLimit] | None = None,
    ) -> None:
        loader = botocore.loaders.Loader()
        model = ServiceModel(loader.load_service_model(name, "service-2"), name)
        self.name = name
        self.protocol = model.metadata["protocol"]
        self.target_prefix = model.metadata.get("targetPrefix", "")
        if self.protocol not in _PROTOCOLS:
            raise ValueError(f"{name} speaks {self.protocol}: expected {' or '.join(_PROTOCOLS)}")
        build, limits = _PROTOCOLS[self.protocol], payload_limits or {}
        self.operations = {
            operation: build(
                model.operation_model(operation), cast("Handler[Any]", handler), limits.get(operation)
            )
            for operation, handler in handlers.items()
        }


class DisconnectedError(Exception):
    """The client went away before its request was read."""


class Gateway:
    """Routes by X-Amz-Target where there is one, else by method and path."""

    def __init__(
        self, services: Collection[Service], faults: Faults, clock: Clock, key: AccessKey | None = None
    ) -> None:
        self._faults = faults
        self._clock = clock
        self._key = key
        self._services = {service.name: sorted(service.operations) for service in services}
        self._targets: dict[bytes, JsonOperation] = {}
        self._routes: list[RestJsonOperation] = []
        for service in services:
            for name, operation in service.operations.items():
                if isinstance(operation, JsonOperation):
                    self._targets[f"{service.target_prefix}.{name}".encode("ascii")] = operation
                else:
                    self._routes.append(operation)

    def operations(self) -> dict[str, list[str]]:
        """The operations that are served, by service."""
        return dict(self._services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        request_id = new_uuid()
        try:
            response = await self._serve(scope, receive, request_id)
        except DisconnectedError:
            return
        response.headers.append((b"x-amzn-requestid", request_id.encode("ascii")))
        response.headers.append((b"content-length", b"%d" % len(response.body)))
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _serve(self, scope: Scope, receive: Receive, request_id: str) -> Response:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            operation, labels = self._find(scope, headers)
        except UnknownOperationError as error:
            return _render_unknown(error, headers)
        try:
            return await self._run(operation, labels, scope, receive, request_id)
        except DisconnectedError:
            raise
        except Exception:  # the edge of the process: the client gets an answer, the operator the traceback
            log.exception("operation_failed", operation=operation.name, request_id=request_id)
            return operation.render_error(ServiceError("an error in the emulator: see its log"))

    async def _run(
        self, operation: Operation, labels: tuple[str, ...], scope: Scope, receive: Receive, request_id: str
    ) -> Response:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            if self._key is not None and not self._key.admits(headers, scope["query_string"]):
                raise UnknownKeyError
            body = await read_body(receive, headers, operation.body_limit)
            params = operation.parse(Request(headers, body, labels, scope["query_string"]))
            await self._strike(operation.name, params)
            return operation.render(
                await operation.handler(RequestContext(request_id, operation.name), params)
            )
        except ServiceError as error:
            _log_refusal(operation, error, request_id)
            return operation.render_error(error)

    async def _strike(self, operation: str, params: Mapping[str, object]) -> None:
        """What a fault makes of an operation: a delay on the emulator's clock, or a refusal."""
        endpoint = params.get("EndpointName")
        rule = self._faults.draw(
            FaultPoint.API, operation=operation, endpoint=endpoint if isinstance(endpoint, str) else None
        )
        if rule is None:
            return
        if rule.effect == "delay":
            await self._clock.sleep(rule.seconds)
        elif rule.effect == "throttle":
            raise ServiceError("Rate exceeded", code="ThrottlingException", status=400)
        else:
            raise ServiceError(rule.message, code=rule.code, status=rule.status)

    def _find(self, scope: Scope, headers: Mapping[bytes, bytes]) -> tuple[Operation, tuple[str, ...]]:
        target = headers.get(b"x-amz-target")
        if target is not None:
            if operation := self._targets.get(target):
                return operation, ()
            raise UnknownOperationError(
                f"{target.decode('ascii', 'replace')} is not served; served are: {self._served()}"
            )
        path = scope.get("raw_path", b"").decode("ascii", "replace")
        for route in self._routes:
            if scope["method"] == route.method and (match := route.path.fullmatch(path)):
                return route, match.groups()
        raise UnknownOperationError(
            f"{scope['method']} {path} without X-Amz-Target is not served; served are: {self._served()}",
            status=404,
        )

    def _served(self) -> str:
        names = [target.decode("ascii") for target in self._targets]
        return ", ".join(sorted(names) + sorted(route.name for route in self._routes))


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes | None:
    """A request's body, or None, as soon as it is known to be longer than `limit` bytes.

    What is not read is left to the server, which throws it away as it comes in.
    """
    length = headers.get(b"content-length")
    if length is None and b"transfer-encoding" not in headers:
        return b""
    if length is not None:
        if not length.isdigit():
            raise SerializationError(f"Content-Length {length!r}: expected a number")
        if int(length) > limit:
            return None
        if int(length) == 0:
            return b""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _render_unknown(error: UnknownOperationError, headers: Mapping[bytes, bytes]) -> Response:
    """Understood by clients of every JSON protocol."""
    given = headers.get(b"content-type", b"application/json")
    content_type = given if given.startswith(b"application/x-amz-json") else b"application/json"
    body = {"__type": error.code, "message": error.message}
    headers_out = [(b"content-type", content_type), (b"x-amzn-errortype", error.code.encode("ascii"))]
    return Response(int(error.status), headers_out, dump_json(body))


def _log_refusal(operation: Operation, error: ServiceError, request_id: str) -> None:
    write = log.warning if error.status >= _SERVER_ERRORS else log.info
    write("refused", operation=operation.name, code=error.code, message=error.message, request_id=request_id)
