"""What an endpoint requires of its instances, with the settings' defaults for what it leaves open. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshtwin.emulator.sagemaker.fleet.spec import Container, FleetSpec, Layout, ModelData, Notifications

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.sagemaker.control_plane.resources import Endpoint
    from meshtwin.emulator.sagemaker.settings import Settings


def notifications_of(endpoint: Endpoint) -> Notifications:
    """Where an endpoint's notices go."""
    output = (endpoint.async_config or {}).get("OutputConfig", {})
    given = output.get("NotificationConfig", {})
    return Notifications(
        success_topic=given.get("SuccessTopic") or None,
        error_topic=given.get("ErrorTopic") or None,
        include_response_in=frozenset(given.get("IncludeInferenceResponseIn", ())),
    )


def model_data_of(container: Mapping[str, Any]) -> ModelData | None:
    """What of S3 a container definition wants under /opt/ml/model.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html
    """
    if url := container.get("ModelDataUrl"):
        return ModelData(url, Layout.ARCHIVE)
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if not source:
        return None
    if source.get("CompressionType") == "Gzip":
        return ModelData(source["S3Uri"], Layout.GZIP)
    return ModelData(
        source["S3Uri"], Layout.PREFIX if source.get("S3DataType") == "S3Prefix" else Layout.OBJECT
    )


def fleet_spec_of(endpoint: Endpoint, settings: Settings) -> FleetSpec:
    """The endpoint's one variant, as the specification of its fleet."""
    async_config = endpoint.async_config or {}
    client = async_config.get("ClientConfig", {})
    container = endpoint.container
    variant = endpoint.variant
    return FleetSpec(
        endpoint_name=endpoint.name,
        endpoint_arn=endpoint.arn,
        variant_name=variant["VariantName"],
        container=Container(
            image=container.get("Image", ""),
            environment=container.get("Environment", {}),
            model_data=model_data_of(container),
        ),
        instance_count=endpoint.instance_count,
        concurrency=client.get("MaxConcurrentInvocationsPerInstance", settings.default_concurrency),
        startup_timeout=float(
            variant.get("ContainerStartupHealthCheckTimeoutInSeconds", settings.startup_timeout)
        ),
        notifications=notifications_of(endpoint),
        kms_key_id=async_config.get("OutputConfig", {}).get("KmsKeyId"),
        instance_type=variant.get("InstanceType"),
        download_timeout=float(
            variant.get("ModelDataDownloadTimeoutInSeconds", settings.model_download_timeout)
        ),
        generation=endpoint.generation,
    )
