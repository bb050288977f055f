"""What the control plane requires of a fleet."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Layout(StrEnum):
    """How a model's files lie in S3."""

    ARCHIVE = "archive"
    """One gzip-compressed TAR archive, whose name ends in `.tar.gz`: a ModelDataUrl."""

    GZIP = "gzip"
    """One gzip-compressed TAR archive of any name."""

    PREFIX = "prefix"
    """Every object under a prefix, by its key less the prefix."""

    OBJECT = "object"
    """One object, by the last part of its key."""


@dataclass(frozen=True, slots=True)
class ModelData:
    """What a container finds under /opt/ml/model: a ModelDataUrl, or a ModelDataSource."""

    uri: str
    layout: Layout


@dataclass(frozen=True, slots=True)
class Container:
    """A model's PrimaryContainer."""

    image: str
    environment: Mapping[str, str] = field(default_factory=dict)
    model_data: ModelData | None = None


@dataclass(frozen=True, slots=True)
class Notifications:
    """An endpoint's AsyncInferenceConfig.OutputConfig.NotificationConfig."""

    success_topic: str | None = None
    error_topic: str | None = None
    include_response_in: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """An endpoint's one variant, with all that is needed to serve it. Timeouts are seconds."""

    endpoint_name: str
    endpoint_arn: str
    variant_name: str
    container: Container
    instance_count: int
    concurrency: int
    startup_timeout: float
    notifications: Notifications = Notifications()
    kms_key_id: str | None = None
    instance_type: str | None = None
    download_timeout: float = 3600.0
    """For the model's files: ModelDataDownloadTimeoutInSeconds."""
    generation: str = ""
    """Which of the endpoints that had this name one after the other: each has its own."""


class FleetFailedError(Exception):
    """A fleet that never got healthy; the message is DescribeEndpoint's FailureReason, at most 1024 long."""


class LauncherAwayError(FleetFailedError):
    """The launcher is unavailable: not the endpoint's fault, and it may pass."""


def image_missing(spec: FleetSpec, why: str) -> FleetFailedError:
    """The failure of an image that cannot be had, in AWS's words with `why` behind them.

    https://github.com/yuyasugano/terraform-sagemaker-sample-1/issues/1
    """
    return FleetFailedError(
        f"Please make sure all images included in the model for the production variant {spec.variant_name} "
        "exist, and that the execution role used to create the model has permissions to access them. "
        f"({why})"
    )
