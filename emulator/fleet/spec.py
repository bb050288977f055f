"""What the control plane asks of a fleet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Container:
    """A model's PrimaryContainer."""

    image: str
    environment: Mapping[str, str] = field(default_factory=dict)
    model_data_url: str | None = None


@dataclass(frozen=True, slots=True)
class Notifications:
    """An endpoint's AsyncInferenceConfig.OutputConfig.NotificationConfig."""

    success_topic: str | None = None
    error_topic: str | None = None
    include_response_in: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """An endpoint's one variant, with all that is needed to serve it."""

    endpoint_name: str
    endpoint_arn: str
    variant_name: str
    container: Container
    instance_count: int
    concurrency: int
    startup_timeout: float
    notifications: Notifications = Notifications()
    kms_key_id: str | None = None


class FleetFailedError(Exception):
    """A fleet that never got healthy; the message is DescribeEndpoint's FailureReason, at most 1024 long."""
