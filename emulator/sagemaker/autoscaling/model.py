"""Scalable targets, scaling policies and activities, as values that can be kept as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


class PolicyType(StrEnum):
    """PolicyType, of those that are served."""

    STEP = "StepScaling"
    TRACKING = "TargetTrackingScaling"


class ActivityStatus(StrEnum):
    """StatusCode of an activity."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCESSFUL = "Successful"
    OVERRIDDEN = "Overridden"
    UNFULFILLED = "Unfulfilled"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Cooldown:
    """What the last activities of a target forbid. Times are seconds since the epoch."""

    out_until: float = 0.0
    out_base: int = 0
    """The count that the scale-out which is cooling down began with."""
    in_until: float = 0.0


@dataclass(frozen=True, slots=True)
class ScalableTarget:
    """A variant that is scaled between two bounds."""

    endpoint_name: str
    variant_name: str
    arn: str
    minimum: int
    maximum: int
    role_arn: str
    created_at: float
    suspended: Mapping[str, bool] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    cooldown: Cooldown = Cooldown()

    @property
    def resource_id(self) -> str:
        """`endpoint/<name>/variant/<name>`."""
        return resource_id(self.endpoint_name, self.variant_name)

    def clamped(self, count: int) -> int:
        """The nearest count within the bounds."""
        return min(self.maximum, max(self.minimum, count))

    def document(self) -> str:
        """The target as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, document: str) -> Self:
        """The target that `document` was made of."""
        found = json.loads(document)
        return cls(**{**found, "cooldown": Cooldown(**found["cooldown"])})


@dataclass(frozen=True, slots=True)
class Policy:
    """How a target is scaled. `config` is the policy's StepScaling or TargetTracking configuration."""

    name: str
    arn: str
    type: PolicyType
    resource_id: str
    config: Mapping[str, Any]
    created_at: float
    alarms: tuple[tuple[str, str], ...] = ()
    """Name and ARN of the alarms that were made for it."""

    @property
    def key(self) -> str:
        """Its name in the store."""
        return f"{self.resource_id}#{self.name}"

    def document(self) -> str:
        """The policy as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, document: str) -> Self:
        """The policy that `document` was made of."""
        found = json.loads(document)
        alarms = tuple((name, arn) for name, arn in found["alarms"])
        return cls(**{**found, "type": PolicyType(found["type"]), "alarms": alarms})


@dataclass(frozen=True, slots=True)
class NotScaled:
    """Why an alarm changed nothing."""

    code: str
    current: int | None = None
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that was done to a target, or, with a reason in `not_scaled`, was not."""

    activity_id: str
    resource_id: str
    description: str
    cause: str
    started_at: float
    status: ActivityStatus
    message: str | None = None
    ended_at: float | None = None
    wanted: int | None = None
    """The count that it set."""
    not_scaled: tuple[NotScaled, ...] = ()

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        """The activity that `asdict` made `found` of."""
        reasons = tuple(NotScaled(**reason) for reason in found["not_scaled"])
        return cls(**{**found, "status": ActivityStatus(found["status"]), "not_scaled": reasons})


def resource_id(endpoint_name: str, variant_name: str) -> str:
    """How Application Auto Scaling calls a variant."""
    return f"endpoint/{endpoint_name}/variant/{variant_name}"


def parse_resource_id(text: str) -> tuple[str, str] | None:
    """Endpoint and variant of a ResourceId; None where it is of another form."""
    match text.split("/"):
        case ["endpoint", endpoint_name, "variant", variant_name] if endpoint_name and variant_name:
            return endpoint_name, variant_name
    return None
