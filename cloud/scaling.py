"""Autoscaling of an endpoint: to zero instances without work, and back to one with the next request.

Two policies and an alarm, as AWS recommends, with the same calls in every profile:
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from meshtwin.cloud.clients import Clients

LEAST = 0
MOST = 1
"""Instances: the GPU of one machine."""

BACKLOG_PER_INSTANCE = 5.0
COOLDOWN_SECONDS = 300
_WAKE_PERIODS = 2
_PERIOD_SECONDS = 60

TRACKING_POLICY = "Backlog-ScalingPolicy"
WAKING_POLICY = "HasBacklogWithoutCapacity-ScalingPolicy"
"""Without the second, an endpoint at zero stays there until more requests wait than the first's target."""


@dataclass(frozen=True, slots=True)
class Timing:
    """In seconds of the service's clock: `idle` until zero, `wake` from a request to the instance's start."""

    idle: float
    wake: float


def wake_alarm(endpoint: str) -> str:
    """The name of the alarm that wakes the endpoint."""
    return f"{endpoint}-HasBacklogWithoutCapacity"


def ensure_scaling(aws: Clients, endpoint: str, variant: str) -> None:
    """Let the endpoint's variant scale between zero instances and one; idempotent.

    ClientError where the account may not.
    """
    target = _target(endpoint, variant)
    scaling = aws.autoscaling
    scaling.register_scalable_target(**target, MinCapacity=LEAST, MaxCapacity=MOST)
    scaling.put_scaling_policy(
        **target,
        PolicyName=TRACKING_POLICY,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": BACKLOG_PER_INSTANCE,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
                "Statistic": "Average",
            },
            "ScaleInCooldown": COOLDOWN_SECONDS,
            "ScaleOutCooldown": COOLDOWN_SECONDS,
        },
    )
    waking = scaling.put_scaling_policy(
        **target,
        PolicyName=WAKING_POLICY,
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": COOLDOWN_SECONDS,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    _put_wake_alarm(aws, endpoint, waking["PolicyARN"])


def remove_scaling(aws: Clients, endpoint: str, variant: str) -> None:
    """Delete the target, its policies and the alarm, where they exist."""
    target = _target(endpoint, variant)
    try:
        aws.autoscaling.deregister_scalable_target(**target)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ObjectNotFoundException":
            raise
    aws.cloudwatch.delete_alarms(AlarmNames=[wake_alarm(endpoint)])


def timing_of(aws: Clients, endpoint: str, variant: str) -> Timing | None:
    """The timing of an endpoint that scales to zero; None of one that does not."""
    target = _target(endpoint, variant)
    scaling = aws.autoscaling
    found = scaling.describe_scalable_targets(
        ServiceNamespace=target["ServiceNamespace"],
        ResourceIds=[target["ResourceId"]],
        ScalableDimension=target["ScalableDimension"],
    )["ScalableTargets"]
    if not found or found[0]["MinCapacity"] > 0:
        return None
    policies = scaling.describe_scaling_policies(**target)["ScalingPolicies"]
    names = [
        alarm["AlarmName"]
        for policy in policies
        if policy["PolicyType"] == "TargetTrackingScaling"
        for alarm in policy.get("Alarms", [])
    ]
    return Timing(_longest(aws, names), _longest(aws, [wake_alarm(endpoint)]))


def _target(endpoint: str, variant: str) -> Any:  # noqa: ANN401  # the same arguments for calls of different types
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def _put_wake_alarm(aws: Clients, endpoint: str, policy_arn: str) -> None:
    aws.cloudwatch.put_metric_alarm(
        AlarmName=wake_alarm(endpoint),
        MetricName="HasBacklogWithoutCapacity",
        Namespace="AWS/SageMaker",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        Statistic="Average",
        Period=_PERIOD_SECONDS,
        EvaluationPeriods=_WAKE_PERIODS,
        DatapointsToAlarm=_WAKE_PERIODS,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        AlarmActions=[policy_arn],
    )


def _longest(aws: Clients, alarms: list[str]) -> float:
    """The longest evaluation period of the alarms, in seconds: scaling in waits for AlarmLow's."""
    if not alarms:
        return 0.0
    found = aws.cloudwatch.describe_alarms(AlarmNames=alarms)["MetricAlarms"]
    return max((float(alarm["Period"] * alarm["EvaluationPeriods"]) for alarm in found), default=0.0)


def describe_timing(timing: Timing, speed: float) -> str:
    """The timing as sentences, on a clock `speed` times as fast."""
    if speed == 0:
        return (
            "It scales to zero when it has no work and the clock is advanced: with --speed 0 it stands still."
        )
    idle, wake = timing.idle / speed, timing.wake / speed
    fast = f" at --speed {speed:g}" if speed != 1 else ""
    cooldown = duration(COOLDOWN_SECONDS / speed)
    return (
        f"It scales to zero within {duration(idle)} without work{fast}; after a wake-up, as soon as its "
        f"cooldown of {cooldown} is over. The next request then waits about {duration(wake)}, and for the "
        "container to start."
    )


def duration(seconds: float) -> str:
    """Seconds as text: `15 minutes`, `15 s`, `2 s`, `0.9 s`."""
    if seconds >= 120:  # noqa: PLR2004  # below two minutes, seconds are more precise
        return f"{seconds / 60:.0f} minutes"
    return f"{round(seconds, 1 if seconds < 10 else None):g} s"  # noqa: PLR2004  # a digit only where it matters
