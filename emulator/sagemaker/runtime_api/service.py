"""The runtime's operations: InvokeEndpointAsync, and the synchronous ones that an async endpoint refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from meshtwin.emulator.core.faults.rules import Stage
from meshtwin.emulator.core.locations import parse_location, safe_extension
from meshtwin.emulator.core.protocol.errors import ValidationFailedError, constraint_violations
from meshtwin.emulator.core.protocol.gateway import Service
from meshtwin.emulator.core.protocol.ids import new_request_id, new_uuid
from meshtwin.emulator.core.protocol.operations import blob
from meshtwin.emulator.sagemaker.queue.request import AsyncRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sagemaker_runtime.type_defs import (
        InvokeEndpointAsyncInputTypeDef,
        InvokeEndpointInputTypeDef,
        InvokeEndpointWithResponseStreamInputTypeDef,
    )

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.faults.faults import Faults
    from meshtwin.emulator.core.locations import S3Location
    from meshtwin.emulator.core.protocol.operations import Handler, RequestContext
    from meshtwin.emulator.sagemaker.runtime_api.targets import InvocationTarget, InvocationTargets
    from meshtwin.emulator.sagemaker.settings import Settings

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
DEFAULT_TTL_SECONDS = 21_600
DEFAULT_TIMEOUT_SECONDS = 900


class AcceptsRequests(Protocol):
    """The queue's front door."""

    async def accept(self, request: AsyncRequest) -> None:
        """Return when the request is safe; UnavailableError when it is not."""
        ...


class _Handlers(TypedDict):
    InvokeEndpointAsync: Handler[InvokeEndpointAsyncInputTypeDef]
    InvokeEndpoint: Handler[InvokeEndpointInputTypeDef]
    InvokeEndpointWithResponseStream: Handler[InvokeEndpointWithResponseStreamInputTypeDef]


class Invocations:
    """Turns calls into requests in the queue."""

    def __init__(
        self,
        targets: InvocationTargets,
        queue: AcceptsRequests,
        clock: Clock,
        settings: Settings,
        faults: Faults,
        s3_endpoint: str,
    ) -> None:
        self._targets = targets
        self._queue = queue
        self._clock = clock
        self._account_id = settings.account_id
        self._faults = faults
        self._inline_body = settings.inline_body
        self._s3_endpoint = s3_endpoint

    def service(self) -> Service:
        """The runtime's API, for a gateway."""
        handlers: _Handlers = {
            "InvokeEndpointAsync": self.invoke_endpoint_async,
            "InvokeEndpoint": self.invoke_endpoint,
            "InvokeEndpointWithResponseStream": self.invoke_endpoint,
        }
        return Service("sagemaker-runtime", handlers)

    async def invoke_endpoint_async(
        self, context: RequestContext, params: InvokeEndpointAsyncInputTypeDef
    ) -> Mapping[str, Any]:
        """InvokeEndpointAsync: the request is kept when this returns, and its end will be in S3."""
        name = params["EndpointName"]
        target = self._target(name)
        if not target.is_async:
            raise ValidationFailedError(
                f"Endpoint {name} is not an asynchronous endpoint: its configuration has no "
                "AsyncInferenceConfig."
            )
        self._refuse_body(params)
        input_location = self._input_location(params)
        request_id = new_request_id()
        output, failure = output_locations(name, target, request_id, params)
        request = AsyncRequest(
            request_id=request_id,
            endpoint_name=name,
            inference_id=params.get("InferenceId") or new_uuid(),
            received_at=self._clock.now(),
            ttl_seconds=params.get("RequestTTLSeconds", DEFAULT_TTL_SECONDS),
            timeout_seconds=params.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT_SECONDS),
            output_location=output,
            failure_location=failure,
            input_location=input_location,
            body=blob(params["Body"]) if "Body" in params else None,
            content_type=params.get("ContentType"),
            accept=params.get("Accept"),
            custom_attributes=params.get("CustomAttributes"),
            generation=target.generation,
            call_id=context.request_id,
        )
        self._faults.reach(Stage.ACCEPT, name)
        await self._queue.accept(request)
        self._faults.reach(Stage.ACCEPTED, name)
        return {"InferenceId": request.inference_id, "OutputLocation": output, "FailureLocation": failure}

    async def replay(self, request: AsyncRequest) -> AsyncRequest:
        """Accept a request once more, with an id and an output key of its own and the caller's inference id.

        With a Filename the output has no id in it: the replay overwrites what the first one wrote.

        Raises:
            ValidationFailedError: no endpoint of that name takes requests now.
            UnavailableError: it cannot be kept now.
        """
        target = self._target(request.endpoint_name)
        request_id = new_request_id()

        def moved(location: str | None) -> str | None:
            return location.replace(request.request_id, request_id) if location else None

        again = replace(
            request,
            request_id=request_id,
            call_id=None,
            received_at=self._clock.now(),
            output_location=moved(request.output_location) or request.output_location,
            failure_location=moved(request.failure_location),
            generation=target.generation,
        )
        await self._queue.accept(again)
        return again

    async def invoke_endpoint(
        self,
        context: RequestContext,
        params: InvokeEndpointInputTypeDef | InvokeEndpointWithResponseStreamInputTypeDef,
    ) -> Mapping[str, Any]:
        """InvokeEndpoint and InvokeEndpointWithResponseStream: refused, on every kind of endpoint.

        https://github.com/strands-agents/harness-sdk/issues/1969 has the asynchronous case, without its text.
        """
        name = params["EndpointName"]
        if self._target(name).is_async:
            raise ValidationFailedError(
                f"Endpoint {name} is an asynchronous endpoint, which does not support {context.operation}: "
                "call InvokeEndpointAsync."
            )
        raise ValidationFailedError(
            f"Endpoint {name} is a real-time endpoint: {context.operation} is not served by this emulator of "
            "asynchronous inference."
        )

    def _target(self, name: str) -> InvocationTarget:
        target = self._targets.find(name)
        if target is None:
            # https://github.com/aws/amazon-sagemaker-examples/issues/559
            raise ValidationFailedError(f"Endpoint {name} of account {self._account_id} not found.")
        return target

    def _refuse_body(self, params: InvokeEndpointAsyncInputTypeDef) -> None:
        """The service before June 2026: https://github.com/aws/aws-sdk-js/issues/4203 has the text."""
        if not self._inline_body and "Body" in params:
            rule = "Member must have length less than or equal to 0"
            raise constraint_violations([f"Value at 'body' failed to satisfy constraint: {rule}"])

    def _input_location(self, params: InvokeEndpointAsyncInputTypeDef) -> str | None:
        given: str | None = params.get("InputLocation")
        if (given is None) == ("Body" not in params):
            found = "neither" if given is None else "both"
            raise ValidationFailedError(
                f"Exactly one of Body and InputLocation must be given, and the request has {found}."
            )
        if given is not None:
            try:
                parse_location(given, self._s3_endpoint)
            except ValueError as error:
                raise ValidationFailedError(f"InputLocation: {error}.") from None
        return given


def output_locations(
    name: str, target: InvocationTarget, request_id: str, params: InvokeEndpointAsyncInputTypeDef
) -> tuple[str, str | None]:
    """Where a request's result goes, and where its failure, if the endpoint has an S3FailurePath.

    The key's uuid is not the inference id, and the failure's name is made of the result's: docs/emulator.md
    lists what was seen. That Filename is taken as it is, with `-error.out` after its stem for a failure, is
    a choice: AWS does not say.

    Raises:
        ValidationFailedError: the endpoint has no S3OutputPath, or the extension leads out of it.
    """
    if target.output is None:
        raise ValidationFailedError(
            f"Endpoint {name} has no S3OutputPath in its AsyncInferenceConfig.OutputConfig, and so nowhere "
            "to write the result: set it, or the emulator's default_output_path."
        )
    filename = params.get("Filename", f"{request_id}.out")
    output = _extended(target.output, params).join(filename)
    if target.failure is None:
        return str(output), None
    stem = filename.partition(".")[0]
    return str(output), str(target.failure.join(f"{stem}-error.out"))


def _extended(output: S3Location, params: InvokeEndpointAsyncInputTypeDef) -> S3Location:
    extension = params.get("S3OutputPathExtension")
    if extension is None:
        return output
    try:
        return output.join(*safe_extension(extension))
    except ValueError as error:
        raise ValidationFailedError(f"S3OutputPathExtension: {error}.") from None
