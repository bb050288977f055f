"""What an endpoint asks of its instances, with the settings' defaults for what it leaves open. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.fleet.spec import Container, FleetSpec, Notifications

if TYPE_CHECKING:
    from emulator.hosting.resources import Endpoint
    from emulator.settings import Settings


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
    """The endpoint's one variant, as its fleet is to be."""
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
