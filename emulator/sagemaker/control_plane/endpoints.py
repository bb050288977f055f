"""The operations on endpoints: Create, Update, UpdateEndpointWeightsAndCapacities, Describe, Delete, List."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from meshtwin.emulator.core.faults.rules import FaultPoint
from meshtwin.emulator.core.protocol.errors import ValidationFailedError
from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.sagemaker.control_plane.deployment import Deployment, updated
from meshtwin.emulator.sagemaker.control_plane.listing import page
from meshtwin.emulator.sagemaker.control_plane.models import Result, tags_of, without
from meshtwin.emulator.sagemaker.control_plane.resources import (
    CHANGING,
    Endpoint,
    Kind,
    Status,
    VariantCapacity,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_sagemaker.type_defs import (
        CreateEndpointInputTypeDef,
        DeleteEndpointInputTypeDef,
        DescribeEndpointInputTypeDef,
        ListEndpointsInputTypeDef,
        UpdateEndpointInputTypeDef,
        UpdateEndpointWeightsAndCapacitiesInputTypeDef,
    )

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.faults.faults import Faults
    from meshtwin.emulator.core.protocol.operations import RequestContext
    from meshtwin.emulator.sagemaker.control_plane.registry import Registry
    from meshtwin.emulator.sagemaker.control_plane.resources import Resource
    from meshtwin.emulator.sagemaker.fleet.running import RunningFleets
    from meshtwin.emulator.sagemaker.settings import Settings

_ECHOED = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig", "CrossRegionTrafficConfig")
_ECHOED_OF_VARIANT = ("RoutingConfig", "AcceleratorPartitionLayouts")
_CAPTURE = ("DataCaptureConfig",)
_VARIANT_STATUS = {
    Status.CREATING: "Creating",
    Status.UPDATING: "Updating",
    Status.ROLLING_BACK: "Updating",
    Status.DELETING: "Deleting",
}


class ScalableTargets(Protocol):
    """What Application Auto Scaling knows."""

    def is_registered(self, endpoint_name: str, variant_name: str) -> bool:
        """Whether it has a variant of an endpoint among its targets."""
        ...


class Endpoints:
    """Each operation checks, notes what is wanted, and leaves the way there to the deployment."""

    def __init__(
        self,
        registry: Registry,
        running: RunningFleets,
        deployment: Deployment,
        targets: ScalableTargets,
        faults: Faults,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._registry = registry
        self._running = running
        self._deployment = deployment
        self._targets = targets
        self._faults = faults
        self._clock = clock
        self._settings = settings

    async def create(self, _: RequestContext, params: CreateEndpointInputTypeDef) -> Result:
        """CreateEndpoint: Creating from here on, InService or Failed later."""
        name = params["EndpointName"]
        async with self._registry.lock:
            self._registry.refuse_existing(Kind.ENDPOINT, name)
            found = self._registry.get(Kind.CONFIG, params["EndpointConfigName"])
            if self._hides(found):
                # AWS advises to retry: CreateEndpoint's page speaks of eventual consistency.
                raise self._registry.not_found(Kind.CONFIG, found.name)
            config = found.params
            self._refuse_region(config)
            now = self._clock.now()
            endpoint = Endpoint(
                kind=Kind.ENDPOINT,
                name=name,
                arn=self._registry.arns.of(Kind.ENDPOINT, name),
                created_at=now,
                modified_at=now,
                params=without(params, "Tags", "DeploymentConfig"),
                tags=tags_of(params.get("Tags", ())),
                config=config,
                model=self._model_of(config),
                deployment=params.get("DeploymentConfig"),
                generation=new_uuid(),
            )
            await self._registry.put(endpoint)
        self._deployment.create(endpoint)
        return {"EndpointArn": endpoint.arn}

    def _hides(self, config: Resource) -> bool:
        """Whether a configuration is too young to be seen, where a fault makes the service slow to learn."""
        rule = self._faults.draw(FaultPoint.CONFIG)
        return rule is not None and self._clock.now() < config.created_at + rule.seconds

    def _refuse_region(self, config: Mapping[str, Any]) -> None:
        """https://github.com/boto/boto3/issues/4275: async where it is not offered fails here, so late."""
        allowed = self._settings.allowed_regions.split()
        if allowed and "AsyncInferenceConfig" in config and self._settings.region not in allowed:
            raise ValidationFailedError(
                "One or more endpoint features are not supported using this configuration. "
                f"(AsyncInferenceConfig in {self._settings.region}; allowed_regions: {', '.join(allowed)})"
            )

    def _model_of(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        variants = config["ProductionVariants"]
        if len(variants) > 1 or config.get("ShadowProductionVariants"):
            raise ValidationFailedError(
                "Endpoints with more than one production variant are not served here."
            )
        if "ModelName" not in variants[0]:
            raise ValidationFailedError("Endpoints of inference components are not served: set ModelName.")
        model = self._registry.get(Kind.MODEL, variants[0]["ModelName"])
        if len(model.params.get("Containers") or []) > 1:
            raise ValidationFailedError(
                f"{model.arn}: inference pipelines of several Containers are not served."
            )
        return model.params

    async def update(self, _: RequestContext, params: UpdateEndpointInputTypeDef) -> Result:
        """UpdateEndpoint: Updating from here on; InService with the new configuration, or with the old."""
        async with self._registry.lock:
            endpoint = self._changeable(params["EndpointName"])
            name = params["EndpointConfigName"]
            config: Mapping[str, Any] = self._registry.get(Kind.CONFIG, name).params
            model = self._model_of(config)
            _refuse_loss_of_async(endpoint, config)
            self._refuse_change_of_registered(endpoint, config)
            kept = _kept_properties(params)
            if "DataCaptureConfig" in kept:
                captured = {name: endpoint.config[name] for name in _CAPTURE if name in endpoint.config}
                config = {**without(config, *_CAPTURE), **captured}
            keeps_deployment = params.get("RetainDeploymentConfig", False)
            pending = {
                "EndpointConfigName": name,
                "config": config,
                "model": model,
                "desired_count": endpoint.instance_count if "DesiredInstanceCount" in kept else None,
                "weight": endpoint.variant_weight if "VariantWeights" in kept else None,
                "deployment": endpoint.deployment if keeps_deployment else params.get("DeploymentConfig"),
                "started_at": self._clock.now(),
            }
            changing = endpoint.advance(Status.UPDATING, self._clock.now())
            endpoint = await self._registry.put(replace(changing, pending=pending))
        self._deployment.update(endpoint)
        return {"EndpointArn": endpoint.arn}

    def _refuse_change_of_registered(self, endpoint: Endpoint, config: Mapping[str, Any]) -> None:
        """https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling.html; its text is undocumented."""
        before, after = endpoint.variant, config["ProductionVariants"][0]
        variant = before["VariantName"]
        if not self._targets.is_registered(endpoint.name, variant):
            return
        if after["VariantName"] != variant or after.get("InstanceType") != before.get("InstanceType"):
            raise ValidationFailedError(
                f"Variant {variant} of {endpoint.arn} is registered as a scalable target with Application "
                "Auto Scaling: its instance type cannot be changed, nor the variant be removed, until it is "
                "deregistered."
            )

    async def update_capacities(
        self, _: RequestContext, params: UpdateEndpointWeightsAndCapacitiesInputTypeDef
    ) -> Result:
        """UpdateEndpointWeightsAndCapacities: what is desired moves at once, what there is follows."""
        wanted = params["DesiredWeightsAndCapacities"]
        async with self._registry.lock:
            endpoint = self._changeable(params["EndpointName"])
            variant = endpoint.variant["VariantName"]
            _refuse_bad_names([item["VariantName"] for item in wanted], variant, endpoint)
            count, weight = wanted[0].get("DesiredInstanceCount"), wanted[0].get("DesiredWeight")
            endpoint = await self._registry.put(self._rescaled(endpoint, count, weight))
        self._deployment.rescale(endpoint)
        return {"EndpointArn": endpoint.arn}

    def capacity(self, endpoint_name: str, variant_name: str) -> VariantCapacity | None:
        """The variant's instances as they are now; None where there is no such endpoint or variant."""
        endpoint = self._registry.find(Kind.ENDPOINT, endpoint_name)
        if not isinstance(endpoint, Endpoint) or endpoint.variant["VariantName"] != variant_name:
            return None
        return VariantCapacity(
            endpoint_name=endpoint.name,
            variant_name=variant_name,
            status=endpoint.status,
            instance_type=endpoint.variant.get("InstanceType", ""),
            desired=endpoint.instance_count,
            current=self._running.healthy_count(endpoint.name),
            failure_reason=endpoint.failure_reason,
        )

    async def wait_until_stable(self, endpoint_name: str) -> None:
        """Return when nothing is on its way for the endpoint."""
        await self._deployment.wait_until_stable(endpoint_name)

    async def set_desired(self, endpoint_name: str, count: int) -> None:
        """What Application Auto Scaling does: a change of capacity.

        Raises:
            ValidationFailedError: there is no such endpoint, or it is changing.
            UnavailableError: the change cannot be kept now.
        """
        async with self._registry.lock:
            endpoint = self._changeable(endpoint_name)
            endpoint = await self._registry.put(self._rescaled(endpoint, count))
        self._deployment.rescale(endpoint)

    def _rescaled(
        self, endpoint: Endpoint, count: int | None = None, weight: float | None = None
    ) -> Endpoint:
        return replace(
            endpoint.advance(Status.UPDATING, self._clock.now()),
            desired_count=endpoint.instance_count if count is None else count,
            weight=endpoint.weight if weight is None else weight,
            pending={"desired_before": endpoint.instance_count, "weight_before": endpoint.weight},
        )

    def _changeable(self, name: str) -> Endpoint:
        """The endpoint, if it may be updated, rescaled or deleted: a second change at once is refused.

        https://github.com/aws/amazon-sagemaker-operator-for-k8s has the text.
        """
        endpoint = self._registry.get_endpoint(name)
        if endpoint.status in CHANGING:
            raise ValidationFailedError(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        if endpoint.status is not Status.IN_SERVICE:
            raise ValidationFailedError(
                f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.status}: delete it and create '
                "it anew."
            )
        return endpoint

    async def describe(self, _: RequestContext, params: DescribeEndpointInputTypeDef) -> Result:
        """DescribeEndpoint."""
        endpoint = self._registry.get_endpoint(params["EndpointName"])
        return {
            **without(endpoint.params, "DeploymentConfig"),
            **{name: endpoint.config[name] for name in _ECHOED if name in endpoint.config},
            "EndpointArn": endpoint.arn,
            "EndpointStatus": endpoint.status,
            "FailureReason": endpoint.failure_reason,
            "CreationTime": endpoint.created_at,
            "LastModifiedTime": endpoint.modified_at,
            "LastDeploymentConfig": endpoint.deployment,
            "DataCaptureConfig": _capture_summary(endpoint.config),
            "ProductionVariants": [self._describe_variant(endpoint)],
            "PendingDeploymentSummary": _pending_summary(endpoint),
        }

    def _describe_variant(self, endpoint: Endpoint) -> dict[str, Any]:
        variant = endpoint.variant
        image = endpoint.container.get("Image")
        deployed = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": endpoint.created_at}
        changing = _VARIANT_STATUS.get(endpoint.status)
        return {
            **{name: variant[name] for name in _ECHOED_OF_VARIANT if name in variant},
            "VariantName": variant["VariantName"],
            "DeployedImages": [deployed] if image else None,
            "CurrentWeight": endpoint.variant_weight,
            "DesiredWeight": endpoint.variant_weight,
            "CurrentInstanceCount": self._running.healthy_count(endpoint.name),
            "DesiredInstanceCount": endpoint.instance_count,
            "VariantStatus": [{"Status": changing, "StartTime": endpoint.modified_at}] if changing else None,
        }

    async def delete(self, _: RequestContext, params: DeleteEndpointInputTypeDef) -> Result:
        """DeleteEndpoint: Deleting from here on, gone later."""
        async with self._registry.lock:
            endpoint = self._registry.get_endpoint(params["EndpointName"])
            if endpoint.status in CHANGING:
                raise ValidationFailedError(f'Cannot update in-progress endpoint "{endpoint.arn}".')
            endpoint = await self._registry.put(endpoint.advance(Status.DELETING, self._clock.now()))
        self._deployment.delete(endpoint)
        return {}

    async def list(self, _: RequestContext, params: ListEndpointsInputTypeDef) -> Result:
        """ListEndpoints."""
        shown, token = page(self._registry.endpoints(), params)
        summaries = [
            {
                "EndpointName": endpoint.name,
                "EndpointArn": endpoint.arn,
                "CreationTime": endpoint.created_at,
                "LastModifiedTime": endpoint.modified_at,
                "EndpointStatus": endpoint.status,
            }
            for endpoint in shown
            if isinstance(endpoint, Endpoint)
        ]
        return {"Endpoints": summaries, "NextToken": token}


def _refuse_loss_of_async(endpoint: Endpoint, config: Mapping[str, Any]) -> None:
    """https://github.com/aws/sagemaker-python-sdk/pull/3124 has the first sentence; the rest is cut off."""
    if endpoint.async_config is not None and "AsyncInferenceConfig" not in config:
        raise ValidationFailedError(
            f"The AsyncInferenceConfig parameter cannot be removed from this endpoint {endpoint.name}. To "
            "change the endpoint to a real-time one, delete it and create it anew."
        )


def _refuse_bad_names(names: Sequence[str], variant: str, endpoint: Endpoint) -> None:
    """https://github.com/getmoto/moto/pull/5082 has both texts."""
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ValidationFailedError(f'The variant name "{name}" was non-unique within the request.')
        if name != variant:
            raise ValidationFailedError(
                f'The variant name(s) "{name}" is/are not present within endpoint configuration '
                f'"{endpoint.params["EndpointConfigName"]}".'
            )


def _kept_properties(params: UpdateEndpointInputTypeDef) -> set[str]:
    """What RetainAllVariantProperties and ExcludeRetainedVariantProperties leave as it is."""
    if not params.get("RetainAllVariantProperties", False):
        return set()
    dropped = {item["VariantPropertyType"] for item in params.get("ExcludeRetainedVariantProperties", ())}
    return {"DesiredInstanceCount", "VariantWeights", "DataCaptureConfig"} - dropped


def _capture_summary(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """DataCaptureConfig as DescribeEndpoint has it. Kept and shown; nothing is captured here."""
    given = config.get("DataCaptureConfig")
    if given is None:
        return None
    enabled = given.get("EnableCapture", False)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": given.get("InitialSamplingPercentage"),
        "DestinationS3Uri": given.get("DestinationS3Uri"),
        "KmsKeyId": given.get("KmsKeyId", ""),
    }


def _pending_summary(endpoint: Endpoint) -> dict[str, Any] | None:
    wanted = endpoint.pending or {}
    if "config" not in wanted:
        return None
    target = updated(endpoint)
    return {
        "EndpointConfigName": wanted["EndpointConfigName"],
        "StartTime": wanted["started_at"],
        "ProductionVariants": [
            {
                "VariantName": target.variant["VariantName"],
                "DesiredWeight": target.variant_weight,
                "DesiredInstanceCount": target.instance_count,
                "InstanceType": target.variant.get("InstanceType"),
            }
        ],
    }
