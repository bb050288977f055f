"""Targets, policies and activities as the API shows them, a page at a time. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, TypeVar

from meshtwin.emulator.core.protocol.errors import ServiceError
from meshtwin.emulator.sagemaker.autoscaling.model import DIMENSION, NAMESPACE, PolicyType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from meshtwin.emulator.sagemaker.autoscaling.model import Activity, Policy, ScalableTarget

T = TypeVar("T")

_DEFAULT_PAGE = 50
"""https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html"""

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


def page(
    found: Sequence[T], params: Mapping[str, Any], name_of: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """The part of `found` that a call is to return, in its order, and the token of the next page, if any.

    Raises:
        ServiceError: InvalidNextTokenException, where no such call returned the token.
    """
    start = 0
    if token := params.get("NextToken"):
        names = [name_of(one) for one in found]
        try:
            start = names.index(base64.urlsafe_b64decode(token).decode()) + 1
        except (ValueError, binascii.Error):
            raise ServiceError(
                f"NextToken '{token[:64]}' was not returned by this call.",
                code="InvalidNextTokenException",
                status=400,
            ) from None
    end = start + params.get("MaxResults", _DEFAULT_PAGE)
    shown = found[start:end]
    more = end < len(found)
    return shown, base64.urlsafe_b64encode(name_of(shown[-1]).encode()).decode() if more else None
