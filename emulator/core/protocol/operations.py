"""An operation of a service's model, compiled: from an HTTP request to parameters, from a result to bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qs, unquote

from botocore.model import StructureShape

from meshtwin.emulator.core.protocol.constraints import camel, compile_check, oversized
from meshtwin.emulator.core.protocol.errors import (
    SerializationError,
    ValidationFailedError,
    constraint_violations,
)
from meshtwin.emulator.core.protocol.values import read, read_text, write, write_text

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

    from meshtwin.emulator.core.protocol.constraints import Check
    from meshtwin.emulator.core.protocol.errors import ServiceError

JSON_BODY_LIMIT = 1024 * 1024
"""Bytes of a JSON request that are read; the largest that the models allow is far smaller."""

DEEPEST_JSON = 64
"""Levels of a JSON request: what is kept of it is copied and stored by code that calls itself for each."""

_TEXT_TYPES = frozenset({"string", "integer", "long", "float", "double", "boolean"})


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What an operation may know of its request beside the parameters."""

    request_id: str
    operation: str


Params = TypeVar("Params")

Handler = Callable[[RequestContext, Params], Awaitable[Mapping[str, Any]]]
"""Serves an operation: its parameters are a TypedDict of the service's stubs, its result leaves None out."""


def blob(value: object) -> bytes:
    """A blob among the parameters: bytes, though the stubs name all that an SDK takes for one."""
    assert isinstance(value, bytes), f"a blob is a {type(value).__name__}"
    return value


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. Header names are lower-case; `labels` are the path's, as they stand on the wire.

    `body` is None when it is longer than the operation's `body_limit`: it was not read then.
    """

    headers: Mapping[bytes, bytes]
    body: bytes | None
    labels: tuple[str, ...] = ()
    query: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, in full."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class PayloadLimit(NamedTuple):
    """The most bytes of a payload, and the refusal of a longer one."""

    most: int
    refusal: Callable[[], ServiceError]


def error_code(model: OperationModel, error: ServiceError) -> str:
    """The code under which a client knows the error: the runtime's and the control plane's differ."""
    if isinstance(error, ValidationFailedError) and _declared(model, "ValidationError"):
        return "ValidationError"
    return error.code


def error_status(model: OperationModel, code: str, error: ServiceError) -> int:
    """The HTTP status that the model gives an error, else the error's own."""
    shape = _declared(model, code)
    declared = shape.metadata.get("error", {}).get("httpStatusCode") if shape else None
    return int(declared or error.status)


def _declared(model: OperationModel, code: str) -> Shape | None:
    return next((shape for shape in model.error_shapes if shape.name == code), None)


def _message_names(model: OperationModel) -> tuple[dict[str, str], str]:
    """What each declared error calls its message, and what those do that the model does not declare.

    `Message` in sagemaker-runtime, `message` in bedrock-runtime, and in Lambda the one or the other.
    """
    shapes = [shape for shape in model.error_shapes if isinstance(shape, StructureShape)]
    names = {shape.name: "message" if "message" in shape.members else "Message" for shape in shapes}
    return names, "message" if "message" in names.values() else "Message"


def parse_json(body: bytes, *, deepest: int | None = DEEPEST_JSON) -> Any:  # noqa: ANN401  # any JSON value
    """A request's JSON.

    Raises:
        SerializationError: the bytes are not JSON, have numbers that JSON does not know, or are nested deeper
            than `deepest`; None: than Python's own stack allows.
    """
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SerializationError(f"the request's body is not JSON: {error}") from None
    if deepest is not None and body.count(b"[") + body.count(b"{") > deepest and _is_deeper(value, deepest):
        raise SerializationError(f"the request's body is nested deeper than {deepest} levels")
    return value


def _is_deeper(value: object, deepest: int) -> bool:
    level = [value]
    for _ in range(deepest):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return any(isinstance(value, list | dict) for value in level)


def _children(value: object) -> Collection[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def dump_json(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


class JsonOperation:
    """AWS JSON 1.0 and 1.1: everything in the body, the operation's name in X-Amz-Target."""

    body_limit = JSON_BODY_LIMIT

    def __init__(
        self, model: OperationModel, handler: Handler[Any], limit: PayloadLimit | None = None
    ) -> None:
        if limit is not None:
            raise TypeError(f"{model.name}: an operation of AWS JSON has no payload to limit")
        self.name = model.name
        self.handler = handler
        self._model = model
        self._input = model.input_shape
        self._output = model.output_shape
        version = model.service_model.metadata["jsonVersion"]
        self._content_type = (b"content-type", f"application/x-amz-json-{version}".encode("ascii"))

    @cached_property
    def _check(self) -> Check | None:
        """Made for the first request: a program starts sooner, and uses few of its operations."""
        return compile_check(self._input) if self._input else None

    def parse(self, request: Request) -> dict[str, Any]:
        """The members of the body, all constraints of the model met, or a `ServiceError`."""
        if request.body is None:
            raise SerializationError(f"the request's body is longer than {self.body_limit} bytes")
        value = parse_json(request.body or b"{}")
        params: dict[str, Any] = read(self._input, value) if self._input else {}
        violations: list[str] = []
        if self._check:
            self._check(params, "", violations)
        if violations:
            raise constraint_violations(violations)
        return params

    def render(self, result: Mapping[str, Any]) -> Response:
        """200 with the result as JSON; an operation without output has an empty body."""
        body = dump_json(write(self._output, result)) if self._output else b""
        return Response(200, [self._content_type], body)

    def render_error(self, error: ServiceError) -> Response:
        """`__type` and `message`."""
        code = error_code(self._model, error)
        body = dump_json({"__type": code, "message": error.message})
        return Response(error_status(self._model, code, error), [self._content_type], body)


class RestJsonOperation:
    """REST-JSON: parameters in path, query and headers; the payload, or what is left, in the body."""

    _CONTENT_TYPE = (b"content-type", b"application/json")

    def __init__(
        self, model: OperationModel, handler: Handler[Any], limit: PayloadLimit | None = None
    ) -> None:
        if model.input_shape is None:
            raise TypeError(f"{model.name}: REST-JSON operations without input are not served")
        self.name = model.name
        self.handler = handler
        self._model = model
        self._status = int(model.http.get("responseCode", 200))
        self._input = model.input_shape
        self._check = compile_check(self._input)
        self._limit = limit
        self._bind_input(self._input)
        self._bind_output(model.output_shape)
        self._message_names, self._message_name = _message_names(model)
        self.method = model.http["method"]
        self.path, self._labels = _compile_path(model.http["requestUri"])

    def _bind_input(self, shape: StructureShape) -> None:
        headers, queries, body = [], [], []
        for name, member in shape.members.items():
            location = member.serialization.get("location")
            wire = member.serialization.get("name", name)
            if location in {"header", "querystring"} and member.type_name not in _TEXT_TYPES:
                raise TypeError(f"{self.name}.{name}: a {member.type_name} in a {location} is not served")
            if location == "header":
                headers.append((wire.lower().encode("ascii"), name, member))
            elif location == "querystring":
                queries.append((wire, name, member))
            elif location is None:
                body.append(name)
            elif location != "uri":
                raise TypeError(f"{self.name}.{name}: a member in {location} is not served")
        self._headers, self._queries = tuple(headers), tuple(queries)
        payload = shape.serialization.get("payload")
        self._payload = (payload, shape.members[payload]) if payload else None
        self._has_json_body = bool(body) and payload is None
        most = self._payload[1].metadata.get("max") if self._payload else None
        self.body_limit: int = self._limit.most if self._limit else most or JSON_BODY_LIMIT

    def _bind_output(self, shape: StructureShape | None) -> None:
        members = shape.members if shape else {}
        self._out_payload = shape.serialization.get("payload") if shape else None
        located_at = {member.serialization.get("location"): name for name, member in members.items()}
        self._out_status = located_at.get("statusCode")
        self._out_headers = tuple(
            (name, member.serialization["name"].encode("ascii"), member)
            for name, member in members.items()
            if member.serialization.get("location") == "header"
        )
        located = {name for name, member in members.items() if "location" in member.serialization}
        self._out_body = tuple((name, member) for name, member in members.items() if name not in located)

    def parse(self, request: Request) -> dict[str, Any]:
        """The members, each from its location in the model, all constraints met, or a `ServiceError`."""
        members = self._input.members
        params: dict[str, Any] = {}
        violations: list[str] = []
        for name, label in zip(self._labels, request.labels, strict=True):
            params[name] = read_text(members[name], unquote(label), camel(name))
        for header, name, member in self._headers:
            if (raw := request.headers.get(header)) is not None:
                params[name] = read_text(member, _decode(raw), camel(name))
        if self._queries and request.query:
            self._read_query(request.query, params)
        self._read_body(request.body, params, violations)
        if self._check:
            self._check(params, "", violations)
        if violations:
            raise constraint_violations(violations)
        return params

    def _read_query(self, query: bytes, params: dict[str, Any]) -> None:
        given = parse_qs(query.decode("ascii", "replace"), keep_blank_values=True)
        for wire, name, member in self._queries:
            if wire in given:
                params[name] = read_text(member, given[wire][-1], camel(name))

    def _read_body(self, body: bytes | None, params: dict[str, Any], violations: list[str]) -> None:
        if self._payload:
            name, member = self._payload
            if body is None and self._limit is not None:
                raise self._limit.refusal()
            if body is None:
                violations.append(oversized(member, name))
                # Present, so that it is not reported missing too.
                params[name] = b""
            elif body:
                params[name] = body if member.type_name == "blob" else read(member, parse_json(body))
        elif self._has_json_body:
            if body is None:
                raise SerializationError(f"the request's body is longer than {self.body_limit} bytes")
            params.update(read(self._input, parse_json(body or b"{}")))

    def render(self, result: Mapping[str, Any]) -> Response:
        """The status, members in headers, and the rest as JSON or as the payload's bytes.

        The status is the model's, unless a member is it.
        """
        status = int(result.get(self._out_status, self._status)) if self._out_status else self._status
        headers = [
            (wire, write_text(member, value).encode("utf-8"))
            for name, wire, member in self._out_headers
            if (value := result.get(name)) is not None
        ]
        if self._out_payload:
            return Response(status, headers, bytes(result.get(self._out_payload, b"")))
        headers.append(self._CONTENT_TYPE)
        body = {
            name: write(member, value)
            for name, member in self._out_body
            if (value := result.get(name)) is not None
        }
        return Response(status, headers, dump_json(body))

    def render_error(self, error: ServiceError) -> Response:
        """The code in a header, the message in the body by the name that the error has for it."""
        code = error_code(self._model, error)
        headers = [(b"x-amzn-errortype", code.encode("ascii")), self._CONTENT_TYPE]
        body = dump_json({self._message_names.get(code, self._message_name): error.message})
        return Response(error_status(self._model, code, error), headers, body)


Operation = JsonOperation | RestJsonOperation
"""What the gateway does with an operation, whichever protocol it speaks."""


def _decode(raw: bytes) -> str:
    """A header's text: SDKs send UTF-8, other clients may send Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _compile_path(template: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """`/endpoints/{EndpointName}/invocations` as a pattern for raw paths, and its labels' members."""
    labels = tuple(re.findall(r"\{(\w+)\}", template))
    parts = re.split(r"\{\w+\}", template.partition("?")[0])
    return re.compile("([^/]+)".join(map(re.escape, parts))), labels
