"""Lambda's operations: Invoke, and those that list functions.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypedDict

from meshtwin.emulator.core.partitions import arn_of
from meshtwin.emulator.core.protocol.errors import SerializationError, ServiceError
from meshtwin.emulator.core.protocol.gateway import Service
from meshtwin.emulator.core.protocol.operations import PayloadLimit, blob, parse_json
from meshtwin.emulator.lambda_.environment import runtime_name
from meshtwin.emulator.lambda_.results import EVENT_LIMIT, REQUEST_LIMIT, Call
from meshtwin.emulator.lambda_.runner import ThrottledError
from meshtwin.emulator.lambda_.sandbox import function_arn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_lambda.type_defs import (
        GetFunctionConfigurationRequestTypeDef,
        GetFunctionRequestTypeDef,
        InvocationRequestTypeDef,
        ListFunctionsRequestTypeDef,
    )

    from meshtwin.emulator.core.clock import AdjustableClock
    from meshtwin.emulator.core.protocol.operations import Handler, RequestContext
    from meshtwin.emulator.lambda_.events import Events
    from meshtwin.emulator.lambda_.manifest import Function
    from meshtwin.emulator.lambda_.runner import Runner
    from meshtwin.emulator.lambda_.settings import HostSettings

VERSION = "$LATEST"

_PAGE = 50

_REFERENCE = re.compile(
    r"(?:arn:aws[\w-]*:lambda:(?P<region>[\w-]+):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[\w-]+)(?::(?P<qualifier>[\w$-]+))?",
    re.ASCII,
)


class _Handlers(TypedDict):
    Invoke: Handler[InvocationRequestTypeDef]
    GetFunction: Handler[GetFunctionRequestTypeDef]
    GetFunctionConfiguration: Handler[GetFunctionConfigurationRequestTypeDef]
    ListFunctions: Handler[ListFunctionsRequestTypeDef]


class LambdaApi:
    """The handlers, by operation."""

    def __init__(
        self, runner: Runner, events: Events, settings: HostSettings, clock: AdjustableClock
    ) -> None:
        self._runner = runner
        self._events = events
        self._settings = settings
        self._made_at = clock.now()

    def service(self) -> Service:
        """What a gateway serves."""
        handlers: _Handlers = {
            "Invoke": self.invoke,
            "GetFunction": self.get_function,
            "GetFunctionConfiguration": self.get_configuration,
            "ListFunctions": self.list_functions,
        }
        return Service("lambda", handlers, {"Invoke": PayloadLimit(REQUEST_LIMIT, _request_too_large)})

    async def invoke(self, context: RequestContext, params: InvocationRequestTypeDef) -> Mapping[str, Any]:
        """Invoke."""
        function = self._find(params)
        kind = params.get("InvocationType", "RequestResponse")
        payload = blob(params.get("Payload") or b"{}")
        if kind == "Event" and len(payload) > EVENT_LIMIT:
            raise ServiceError(
                f"{len(payload)} byte payload is too large for the Event invocation type "
                f"(limit {EVENT_LIMIT} bytes)",
                code="RequestTooLargeException",
            )
        _check_json(payload)
        call = Call(context.request_id, payload, _client_context(params.get("ClientContext")))
        if kind == "DryRun":
            return {"StatusCode": HTTPStatus.NO_CONTENT}
        if kind == "Event":
            self._events.put(function, call)
            return {"StatusCode": HTTPStatus.ACCEPTED}
        return await self._answer(function, call, with_log=params.get("LogType") == "Tail")

    async def _answer(self, function: Function, call: Call, *, with_log: bool) -> Mapping[str, Any]:
        try:
            found = await self._runner.invoke(function, call)
        except ThrottledError:
            raise ServiceError("Rate Exceeded.", code="TooManyRequestsException") from None
        return {
            "StatusCode": HTTPStatus.OK,
            "Payload": found.payload,
            "ExecutedVersion": VERSION,
            "FunctionError": "Unhandled" if found.failed else None,
            "LogResult": base64.b64encode(found.log).decode() if with_log else None,
        }

    async def get_function(self, _: RequestContext, params: GetFunctionRequestTypeDef) -> Mapping[str, Any]:
        """GetFunction."""
        function = self._find(params)
        found: dict[str, Any] = {
            "Configuration": self._configuration(function),
            "Code": {"RepositoryType": "S3", "Location": function.code.as_uri()},
        }
        if function.concurrency is not None:
            found["Concurrency"] = {"ReservedConcurrentExecutions": function.concurrency}
        return found

    async def get_configuration(
        self, _: RequestContext, params: GetFunctionConfigurationRequestTypeDef
    ) -> Mapping[str, Any]:
        """GetFunctionConfiguration."""
        return self._configuration(self._find(params))

    async def list_functions(
        self, _: RequestContext, params: ListFunctionsRequestTypeDef
    ) -> Mapping[str, Any]:
        """ListFunctions, a page at a time; the marker is the number of the page's first function."""
        names = sorted(self._runner.functions)
        marker = params.get("Marker", "0")
        if not marker.isdecimal():
            raise ServiceError(f"Invalid marker: {marker}", code="InvalidParameterValueException")
        first = int(marker)
        end = first + min(params.get("MaxItems", _PAGE), _PAGE)
        page = [self._configuration(self._runner.functions[name]) for name in names[first:end]]
        return {"Functions": page, "NextMarker": str(end) if end < len(names) else None}

    def _find(
        self,
        params: InvocationRequestTypeDef | GetFunctionRequestTypeDef | GetFunctionConfigurationRequestTypeDef,
    ) -> Function:
        """The function that a name, a part of an ARN or an ARN means, with `$LATEST` as its one version."""
        given: str = params["FunctionName"]
        reference = _REFERENCE.fullmatch(given)
        qualifier = params.get("Qualifier") or (reference and reference["qualifier"]) or VERSION
        name = reference["name"] if reference else given
        function = self._runner.functions.get(name)
        ours = reference is not None and (
            reference["region"] in {None, self._settings.region}
            and reference["account"] in {None, self._settings.account_id}
        )
        if function is None or not ours or qualifier != VERSION:
            arn = given if given.startswith("arn:") else function_arn(self._settings, name)
            suffix = f":{qualifier}" if qualifier != VERSION and not arn.endswith(f":{qualifier}") else ""
            raise ServiceError(f"Function not found: {arn}{suffix}", code="ResourceNotFoundException")
        return function

    def _role(self, function: Function) -> str:
        settings = self._settings
        return arn_of("iam", settings.region, settings.account_id, f"role/{function.name}", regional=False)

    def _configuration(self, function: Function) -> dict[str, Any]:
        modified = datetime.fromtimestamp(self._made_at, UTC)
        return {
            "FunctionName": function.name,
            "FunctionArn": function_arn(self._settings, function.name),
            "Runtime": runtime_name(),
            "Role": self._role(function),
            "Handler": function.handler,
            "CodeSize": 0,
            "CodeSha256": base64.b64encode(hashlib.sha256(str(function.code).encode()).digest()).decode(),
            "Description": "",
            "Timeout": round(function.timeout),
            "MemorySize": function.memory,
            "LastModified": modified.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "Version": VERSION,
            "Environment": {"Variables": dict(function.environment)} if function.environment else None,
            "TracingConfig": {"Mode": "PassThrough"},
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "EphemeralStorage": {"Size": 512},
        }


def _request_too_large() -> ServiceError:
    return ServiceError(
        f"Request must be smaller than {REQUEST_LIMIT} bytes for the InvokeFunction operation",
        code="RequestTooLargeException",
    )


def _check_json(payload: bytes) -> None:
    try:
        parse_json(payload, deepest=None)  # nothing here goes through it
    except SerializationError as error:
        raise ServiceError(
            f"Could not parse request body into json: {error}", code="InvalidRequestContentException"
        ) from None


def _client_context(given: str | None) -> dict[str, object] | None:
    if given is None:
        return None
    try:
        found = parse_json(base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError, SerializationError) as error:
        raise ServiceError(
            f"Client context must be a valid Base64-encoded JSON object: {error}",
            code="InvalidRequestContentException",
        ) from None
    if not isinstance(found, dict):
        raise ServiceError(
            "Client context must be a valid Base64-encoded JSON object.",
            code="InvalidRequestContentException",
        )
    return found
