"""What InvokeEndpointAsync must know of an endpoint, worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.emulator.core.locations import S3Location, parse_location
from meshtwin.emulator.sagemaker.control_plane.resources import SERVING, Endpoint, Kind

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.control_plane.registry import Registry


@dataclass(frozen=True, slots=True)
class InvocationTarget:
    """An endpoint that takes requests. `output` is None where it names no S3OutputPath."""

    is_async: bool
    output: S3Location | None
    failure: S3Location | None
    generation: str = ""


class InvocationTargets:
    """Endpoints by the exact name that they were created with, from memory only.

    Creation ignores case and invocation does not: see EndpointName at
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
    """

    def __init__(self, registry: Registry, s3_endpoint: str, default_output_path: str) -> None:
        self._registry = registry
        self._s3_endpoint = s3_endpoint
        self._default_output_path = default_output_path
        self._worked_out: dict[str, tuple[Endpoint, InvocationTarget]] = {}

    def find(self, endpoint_name: str) -> InvocationTarget | None:
        """The endpoint, or None where none of that name takes requests."""
        endpoint = self._registry.find(Kind.ENDPOINT, endpoint_name)
        if (
            not isinstance(endpoint, Endpoint)
            or endpoint.name != endpoint_name
            or endpoint.status not in SERVING
        ):
            self._worked_out.pop(endpoint_name, None)
            return None
        known = self._worked_out.get(endpoint_name)
        if known is None or known[0] is not endpoint:
            known = self._worked_out[endpoint_name] = (endpoint, self._work_out(endpoint))
        return known[1]

    def _work_out(self, endpoint: Endpoint) -> InvocationTarget:
        config = endpoint.async_config
        output = (config or {}).get("OutputConfig", {})
        return InvocationTarget(
            is_async=config is not None,
            output=self._location(output.get("S3OutputPath") or self._default_output_path),
            failure=self._location(output.get("S3FailurePath")),
            generation=endpoint.generation,
        )

    def _location(self, uri: str | None) -> S3Location | None:
        return parse_location(uri, self._s3_endpoint) if uri else None
