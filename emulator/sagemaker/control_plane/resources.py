"""Models, endpoint configurations and endpoints, as values."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from meshtwin.emulator.core.partitions import arn_of

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILURE_REASON_LENGTH = 1024


class Kind(StrEnum):
    """What a resource is; the value is its word in ARNs."""

    MODEL = "model"
    CONFIG = "endpoint-config"
    ENDPOINT = "endpoint"


class Status(StrEnum):
    """An endpoint's EndpointStatus."""

    OUT_OF_SERVICE = "OutOfService"
    CREATING = "Creating"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"


SERVING = frozenset({Status.IN_SERVICE, Status.UPDATING, Status.SYSTEM_UPDATING, Status.ROLLING_BACK})
"""In these states an endpoint takes requests: an update has no loss of availability."""

CHANGING = frozenset({
    Status.CREATING,
    Status.UPDATING,
    Status.SYSTEM_UPDATING,
    Status.ROLLING_BACK,
    Status.DELETING,
})  # fmt: skip
"""In these states an endpoint is neither updated, rescaled nor deleted."""

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html, EndpointStatus
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.CREATING: frozenset({Status.IN_SERVICE, Status.FAILED}),
    Status.IN_SERVICE: frozenset({Status.UPDATING, Status.SYSTEM_UPDATING, Status.DELETING, Status.FAILED}),
    Status.UPDATING: frozenset({
        Status.IN_SERVICE,
        Status.ROLLING_BACK,
        Status.FAILED,
        Status.UPDATE_ROLLBACK_FAILED,
    }),
    Status.SYSTEM_UPDATING: frozenset({Status.IN_SERVICE, Status.FAILED}),
    Status.ROLLING_BACK: frozenset({Status.IN_SERVICE, Status.FAILED, Status.UPDATE_ROLLBACK_FAILED}),
    Status.OUT_OF_SERVICE: frozenset({Status.UPDATING, Status.DELETING}),
    Status.FAILED: frozenset({Status.DELETING}),
    Status.UPDATE_ROLLBACK_FAILED: frozenset({Status.DELETING}),
    Status.DELETING: frozenset(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resource:
    """A model or an endpoint configuration. `params` is what Create* was given, less the tags."""

    kind: Kind
    name: str
    arn: str
    created_at: float
    params: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Names differ from each other by more than case."""
        return self.name.lower()

    def document(self) -> str:
        """The resource as JSON, for the store."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, document: str) -> Self:
        """The resource that `document` was made of."""
        found = json.loads(document)
        return cls(**{**found, "kind": Kind(found["kind"])})


@dataclass(frozen=True, slots=True)
class Endpoint(Resource):
    """An endpoint, with its configuration and model as they were when it was created.

    Those two may be deleted while it stands.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    status: Status = Status.CREATING
    modified_at: float = 0.0
    failure_reason: str | None = None
    desired_count: int | None = None
    """DesiredInstanceCount, once it was changed; before, the configuration's InitialInstanceCount."""
    weight: float | None = None
    deployment: Mapping[str, Any] | None = None
    """The DeploymentConfig of the last create or update."""
    pending: Mapping[str, Any] | None = None
    """While it changes: what an update wants (`EndpointConfigName`, `config`, `model`, `desired_count`,
    `weight`), or what a change of capacity began with (`desired_before`, `weight_before`)."""
    generation: str = ""
    """Another one for each endpoint that is created, so that none gets the requests of an earlier one."""

    @classmethod
    def parse(cls, document: str) -> Self:
        """The endpoint that `document` was made of."""
        found = json.loads(document)
        return cls(**{**found, "kind": Kind(found["kind"]), "status": Status(found["status"])})

    def advance(self, status: Status, now: float, failure_reason: str | None = None) -> Endpoint:
        """The endpoint in its next state.

        Raises:
            ValueError: no endpoint goes from its state to that one.
        """
        if status not in TRANSITIONS[self.status]:
            raise ValueError(f"endpoint {self.name}: {self.status} cannot become {status}")
        reason = failure_reason[:FAILURE_REASON_LENGTH] if failure_reason else None
        return replace(self, status=status, modified_at=now, failure_reason=reason)

    @property
    def variant(self) -> Mapping[str, Any]:
        """The one production variant."""
        variants: list[Mapping[str, Any]] = self.config["ProductionVariants"]
        return variants[0]

    @property
    def container(self) -> Mapping[str, Any]:
        """The model's one container definition."""
        return container_of(self.model)

    @property
    def instance_count(self) -> int:
        """How many instances are wanted."""
        if self.desired_count is not None:
            return self.desired_count
        return int(self.variant.get("InitialInstanceCount", 1))

    @property
    def variant_weight(self) -> float:
        """The variant's share of the traffic, as it was last set."""
        return float(self.variant.get("InitialVariantWeight", 1.0) if self.weight is None else self.weight)

    @property
    def async_config(self) -> Mapping[str, Any] | None:
        """AsyncInferenceConfig; None on a real-time endpoint."""
        found: Mapping[str, Any] | None = self.config.get("AsyncInferenceConfig")
        return found


def container_of(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """A model's PrimaryContainer, or the first of its Containers; empty where it has none."""
    containers = model.get("Containers") or [{}]
    found: Mapping[str, Any] = model.get("PrimaryContainer") or containers[0]
    return found


@dataclass(frozen=True, slots=True)
class Arns:
    """How resources are named across services.

    SageMaker has the name in lower case in its ARNs:
    https://github.com/aws/amazon-sagemaker-examples/issues/293
    """

    region: str
    account_id: str
    lowercase: bool = True

    def of(self, kind: Kind, name: str) -> str:
        """The ARN of a resource, there or not."""
        shown = name.lower() if self.lowercase else name
        return arn_of("sagemaker", self.region, self.account_id, f"{kind}/{shown}")

    @staticmethod
    def parse(arn: str) -> tuple[Kind, str] | None:
        """The kind and lower-case name that an ARN speaks of; None for what is not kept here."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        return (Kind(kind), name.lower()) if kind in set(Kind) else None


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
