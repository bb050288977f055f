"""CreateEndpoint, DescribeEndpoint, DeleteEndpoint, ListEndpoints, and an endpoint's life between them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from emulator.fleet.spec import Container, FleetFailedError, FleetSpec, Notifications
from emulator.hosting.listing import page
from emulator.hosting.models import Params, Result, tags_of, without
from emulator.hosting.resources import Endpoint, Kind, Status
from emulator.protocol.errors import ValidationFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from emulator.aws import Aws
    from emulator.clock import Clock
    from emulator.hosting.registry import Registry
    from emulator.protocol.operations import RequestContext
    from emulator.settings import Settings

log = structlog.get_logger(__name__)

# https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint.html
TEST_NOTIFICATION = json.dumps(
    {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"},
    separators=(",", ":"),
)
_ECHOED = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig", "CrossRegionTrafficConfig")
_ECHOED_OF_VARIANT = ("ManagedInstanceScaling", "RoutingConfig", "AcceleratorPartitionLayouts")


class Fleets(Protocol):
    """Who runs the instances."""

    async def start(self, spec: FleetSpec) -> None:
        """Return when the instances are healthy; FleetFailedError when they never will be."""
        ...

    async def stop(self, endpoint_name: str) -> None:
        """Return when the endpoint's instances are gone, if there were any."""
        ...

    def healthy_count(self, endpoint_name: str) -> int:
        """How many instances can take requests."""
        ...


class Endpoints:
    """The operations, and one background task for each endpoint that is on its way.

    `on_deleted` is told of each endpoint that goes, also of one that had no fleet: its requests still wait.
    """

    def __init__(
        self,
        registry: Registry,
        fleets: Fleets,
        aws: Aws,
        clock: Clock,
        settings: Settings,
        on_deleted: Callable[[FleetSpec], None] = lambda _spec: None,
    ) -> None:
        self._on_deleted = on_deleted
        self._registry = registry
        self._fleets = fleets
        self._aws = aws
        self._clock = clock
        self._settings = settings
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def create(self, _: RequestContext, params: Params) -> Result:
        """CreateEndpoint: Creating from here on, InService or Failed later."""
        name = params["EndpointName"]
        async with self._registry.lock:
            self._registry.refuse_existing(Kind.ENDPOINT, name)
            config = self._registry.get(Kind.CONFIG, params["EndpointConfigName"]).params
            now = self._clock.now()
            endpoint = Endpoint(
                kind=Kind.ENDPOINT,
                name=name,
                arn=self._registry.arns.of(Kind.ENDPOINT, name),
                created_at=now,
                modified_at=now,
                params=without(params, "Tags"),
                tags=tags_of(params),
                config=config,
                model=self._model_of(config),
            )
            await self._registry.put(endpoint)
        self._in_background(endpoint, self._bring_up(endpoint, announce=True))
        return {"EndpointArn": endpoint.arn}

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

    async def describe(self, _: RequestContext, params: Params) -> Result:
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
            "LastDeploymentConfig": endpoint.params.get("DeploymentConfig"),
            "ProductionVariants": [self._describe_variant(endpoint)],
        }

    def _describe_variant(self, endpoint: Endpoint) -> dict[str, Any]:
        variant = endpoint.variant
        weight = variant.get("InitialVariantWeight", 1.0)
        image = endpoint.container.get("Image")
        deployed = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": endpoint.created_at}
        changing = {Status.CREATING: "Creating", Status.DELETING: "Deleting"}.get(endpoint.status)
        return {
            **{name: variant[name] for name in _ECHOED_OF_VARIANT if name in variant},
            "VariantName": variant["VariantName"],
            "DeployedImages": [deployed] if image else None,
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": self._fleets.healthy_count(endpoint.name),
            "DesiredInstanceCount": endpoint.instance_count,
            "VariantStatus": [{"Status": changing, "StartTime": endpoint.modified_at}] if changing else None,
        }

    async def delete(self, _: RequestContext, params: Params) -> Result:
        """DeleteEndpoint: Deleting from here on, gone later."""
        async with self._registry.lock:
            endpoint = self._registry.get_endpoint(params["EndpointName"])
            if endpoint.status in {Status.CREATING, Status.DELETING}:
                raise ValidationFailedError(f'Cannot update in-progress endpoint "{endpoint.arn}".')
            endpoint = await self._registry.put(endpoint.advance(Status.DELETING, self._clock.now()))
        self._in_background(endpoint, self._tear_down(endpoint, self._tasks.get(endpoint.key)))
        return {}

    async def list(self, _: RequestContext, params: Params) -> Result:
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

    def resume(self) -> None:
        """Go on with the endpoints that an earlier emulator left."""
        for endpoint in self._registry.endpoints():
            if endpoint.status in {Status.CREATING, Status.IN_SERVICE}:
                self._in_background(endpoint, self._bring_up(endpoint, announce=False))
            elif endpoint.status is Status.DELETING:
                self._in_background(endpoint, self._tear_down(endpoint))

    async def close(self) -> None:
        """Stop watching; whoever resumes finds the endpoints as they are now."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _in_background(self, endpoint: Endpoint, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks[endpoint.key] = task
        task.add_done_callback(lambda _: self._forget(endpoint.key, task))

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def _bring_up(self, endpoint: Endpoint, *, announce: bool) -> None:
        if announce:
            await self._announce(endpoint)
        try:
            await self._fleets.start(fleet_spec(endpoint, self._settings))
        except FleetFailedError as error:
            log.warning("endpoint_failed", endpoint=endpoint.name, reason=str(error))
            await self._settle(endpoint, Status.FAILED, str(error))
        except Exception as error:  # the edge of a task: an endpoint must not stay Creating for ever
            log.exception("endpoint_failed", endpoint=endpoint.name)
            await self._settle(endpoint, Status.FAILED, f"Error in the emulator: {error!r}")
        else:
            log.info("endpoint_in_service", endpoint=endpoint.name)
            await self._settle(endpoint, Status.IN_SERVICE)

    async def _settle(self, endpoint: Endpoint, status: Status, reason: str | None = None) -> None:
        async def change() -> None:
            now = self._registry.get_endpoint(endpoint.name)
            # Resumed in service, it still is; deleted meanwhile, it stays so.
            if now.status not in {status, Status.DELETING}:
                await self._registry.put(now.advance(status, self._clock.now(), reason))

        await self._registry.patiently(change)

    async def _tear_down(self, endpoint: Endpoint, earlier: asyncio.Task[None] | None = None) -> None:
        # An endpoint that was in service before the emulator's restart may still be starting.
        if earlier is not None:
            earlier.cancel()
            await asyncio.gather(earlier, return_exceptions=True)
        await self._fleets.stop(endpoint.name)
        self._on_deleted(fleet_spec(endpoint, self._settings))
        await self._registry.patiently(lambda: self._registry.remove(endpoint))
        log.info("endpoint_deleted", endpoint=endpoint.name)

    async def _announce(self, endpoint: Endpoint) -> None:
        notifications = notifications_of(endpoint)
        for topic in (notifications.success_topic, notifications.error_topic):
            if topic is None:
                continue
            try:
                await self._aws.run(self._aws.sns.publish, TopicArn=topic, Message=TEST_NOTIFICATION)
            except (BotoCoreError, ClientError) as error:
                log.warning(
                    "test_notification_failed", endpoint=endpoint.name, topic=topic, reason=str(error)
                )


def notifications_of(endpoint: Endpoint) -> Notifications:
    """Where an endpoint's notices go."""
    output = (endpoint.async_config or {}).get("OutputConfig", {})
    given = output.get("NotificationConfig", {})
    return Notifications(
        success_topic=given.get("SuccessTopic") or None,
        error_topic=given.get("ErrorTopic") or None,
        include_response_in=frozenset(given.get("IncludeInferenceResponseIn", ())),
    )


def fleet_spec(endpoint: Endpoint, settings: Settings) -> FleetSpec:
    """What the endpoint's instances are to be, with the settings' defaults for what it leaves open."""
    async_config = endpoint.async_config or {}
    client = async_config.get("ClientConfig", {})
    container = endpoint.container
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    return FleetSpec(
        endpoint_name=endpoint.name,
        endpoint_arn=endpoint.arn,
        variant_name=endpoint.variant["VariantName"],
        container=Container(
            image=container.get("Image", ""),
            environment=container.get("Environment", {}),
            model_data_url=container.get("ModelDataUrl") or source.get("S3Uri"),
        ),
        instance_count=endpoint.instance_count,
        concurrency=client.get("MaxConcurrentInvocationsPerInstance", settings.default_concurrency),
        startup_timeout=float(
            endpoint.variant.get("ContainerStartupHealthCheckTimeoutInSeconds", settings.startup_timeout)
        ),
        notifications=notifications_of(endpoint),
        kms_key_id=async_config.get("OutputConfig", {}).get("KmsKeyId"),
    )
