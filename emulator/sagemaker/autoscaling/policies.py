"""What PutScalingPolicy takes, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from meshtwin.emulator.core.protocol.errors import ServiceError, ValidationFailedError
from meshtwin.emulator.sagemaker.autoscaling.decide import refusal_of_steps
from meshtwin.emulator.sagemaker.autoscaling.model import Policy, PolicyType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_application_autoscaling.type_defs import PutScalingPolicyRequestTypeDef

log = structlog.get_logger(__name__)

_MOST_STEPS = 20
"""https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html"""

CONFIG_OF = {
    PolicyType.STEP: "StepScalingPolicyConfiguration",
    PolicyType.TRACKING: "TargetTrackingScalingPolicyConfiguration",
}


def policy_type(params: PutScalingPolicyRequestTypeDef, found: Policy | None) -> PolicyType:
    """The type of a policy that is put, or a ValidationFailedError."""
    given = params.get("PolicyType") or (found.type if found else PolicyType.STEP)
    if given not in set(PolicyType):
        raise ValidationFailedError(
            f"PolicyType {given} is not served here: expected {' or '.join(PolicyType)}."
        )
    kind = PolicyType(given)
    if found is not None and found.type is not kind:
        raise ValidationFailedError(
            f"Policy {found.name} is of type {found.type} and cannot become {kind}: delete it first."
        )
    for other, name in CONFIG_OF.items():
        if other is not kind and name in params:
            raise ValidationFailedError(f"PolicyType {kind} does not go with {name}.")
    return kind


def config_of(params: PutScalingPolicyRequestTypeDef, kind: PolicyType) -> Mapping[str, Any] | None:
    """The configuration that a policy of this type is put with."""
    if kind is PolicyType.STEP:
        return params.get("StepScalingPolicyConfiguration")
    return params.get("TargetTrackingScalingPolicyConfiguration")


def refuse_bad_config(kind: PolicyType, config: Mapping[str, Any]) -> None:
    """ValidationFailedError, or ServiceError for a limit, where a configuration cannot work."""
    if kind is PolicyType.STEP:
        steps = config.get("StepAdjustments", [])
        refusal = refusal_of_steps(steps)
        if refusal is not None:
            raise ValidationFailedError(f"StepAdjustments: {refusal}.")
        if len(steps) > _MOST_STEPS:
            raise ServiceError(
                f"StepAdjustments: {len(steps)} steps, at most {_MOST_STEPS} are allowed.",
                code="LimitExceededException",
                status=400,
            )
        if "AdjustmentType" not in config:
            raise ValidationFailedError("StepScalingPolicyConfiguration needs an AdjustmentType.")
        return
    custom = config.get("CustomizedMetricSpecification")
    if (custom is None) == ("PredefinedMetricSpecification" not in config):
        raise ValidationFailedError(
            "Exactly one of CustomizedMetricSpecification and PredefinedMetricSpecification must be given."
        )
    if custom is not None and not {"MetricName", "Namespace"} <= custom.keys():
        raise ValidationFailedError(
            "CustomizedMetricSpecification needs MetricName and Namespace: metric math is not served here."
        )
    if config["TargetValue"] <= 0:
        raise ValidationFailedError(f"TargetValue {config['TargetValue']}: expected more than 0.")


def warn_of_silent_metric(policy: Policy) -> None:
    """Log that a policy will never fire.

    https://github.com/philschmid/terraform-aws-sagemaker-huggingface/issues/9.
    """
    if "PredefinedMetricSpecification" in policy.config:
        log.warning(
            "policy_never_fires",
            policy=policy.name,
            resource=policy.resource_id,
            reason="asynchronous endpoints do not publish InvocationsPerInstance: "
            "track ApproximateBacklogSizePerInstance",
        )
