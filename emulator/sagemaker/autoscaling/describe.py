"""Targets, policies and activities as the API shows them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshtwin.emulator.sagemaker.autoscaling.model import DIMENSION, NAMESPACE, PolicyType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtwin.emulator.sagemaker.autoscaling.model import Activity, Policy, ScalableTarget

_NOT_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
_PLACE = {"ServiceNamespace": NAMESPACE, "ScalableDimension": DIMENSION}


def describe_target(target: ScalableTarget) -> dict[str, Any]:
    """A ScalableTarget."""
    return {
        **_PLACE,
        "ResourceId": target.resource_id,
        "MinCapacity": target.minimum,
        "MaxCapacity": target.maximum,
        "RoleARN": target.role_arn,
        "CreationTime": target.created_at,
        "SuspendedState": {**_NOT_SUSPENDED, **target.suspended},
        "ScalableTargetARN": target.arn,
    }


def describe_policy(policy: Policy, alarms: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A ScalingPolicy, with the names and ARNs of the alarms that name it."""
    is_step = policy.type is PolicyType.STEP
    config = "StepScalingPolicyConfiguration" if is_step else "TargetTrackingScalingPolicyConfiguration"
    return {
        **_PLACE,
        "PolicyARN": policy.arn,
        "PolicyName": policy.name,
        "ResourceId": policy.resource_id,
        "PolicyType": policy.type,
        config: policy.config,
        "Alarms": [{"AlarmName": name, "AlarmARN": arn} for name, arn in alarms],
        "CreationTime": policy.created_at,
    }


def describe_activity(activity: Activity) -> dict[str, Any]:
    """A ScalingActivity."""
    reasons = [
        {
            "Code": reason.code,
            "CurrentCapacity": reason.current,
            "MinCapacity": reason.minimum,
            "MaxCapacity": reason.maximum,
        }
        for reason in activity.not_scaled
    ]
    return {
        **_PLACE,
        "ActivityId": activity.activity_id,
        "ResourceId": activity.resource_id,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.started_at,
        "EndTime": activity.ended_at,
        "StatusCode": activity.status,
        "StatusMessage": activity.message,
        "NotScaledReasons": reasons or None,
    }
