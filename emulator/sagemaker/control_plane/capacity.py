"""A variant's instance count, as Application Auto Scaling reads and changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.emulator.sagemaker.control_plane.resources import Endpoint, Kind, Status

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.control_plane.deployment import Deployment, Fleets
    from meshtwin.emulator.sagemaker.control_plane.endpoints import Endpoints
    from meshtwin.emulator.sagemaker.control_plane.registry import Registry


@dataclass(frozen=True, slots=True)
class VariantCapacity:
    """How many instances a variant has and is to have."""

    endpoint_name: str
    variant_name: str
    status: Status
    instance_type: str
    desired: int
    current: int
    failure_reason: str | None = None


class Capacity:
    """The one door through which instance counts are read and changed from outside the control plane."""

    def __init__(
        self, registry: Registry, endpoints: Endpoints, deployment: Deployment, fleets: Fleets
    ) -> None:
        self._registry = registry
        self._endpoints = endpoints
        self._deployment = deployment
        self._fleets = fleets

    def get(self, endpoint_name: str, variant_name: str) -> VariantCapacity | None:
        """The variant as it is now; None where there is no such endpoint or variant."""
        endpoint = self._registry.find(Kind.ENDPOINT, endpoint_name)
        if not isinstance(endpoint, Endpoint) or endpoint.variant["VariantName"] != variant_name:
            return None
        return VariantCapacity(
            endpoint_name=endpoint.name,
            variant_name=variant_name,
            status=endpoint.status,
            instance_type=endpoint.variant.get("InstanceType", ""),
            desired=endpoint.instance_count,
            current=self._fleets.healthy_count(endpoint.name),
            failure_reason=endpoint.failure_reason,
        )

    async def set_desired(self, endpoint_name: str, count: int) -> None:
        """Change the desired count; see `Endpoints.set_desired` for what it raises."""
        await self._endpoints.set_desired(endpoint_name, count)

    async def settled(self, endpoint_name: str) -> None:
        """Return when nothing is on its way for the endpoint."""
        await self._deployment.settled(endpoint_name)
