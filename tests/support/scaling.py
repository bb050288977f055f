"""The policy and the alarm by which an endpoint at zero is woken, as AWS's guide has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def put_waking(
    autoscaling: Any, cloudwatch: Any, place: Mapping[str, Any], endpoint: str, **step: Any
) -> None:
    """A step policy, and the alarm `<endpoint>-wake` that names it; `step` is where it begins and ends."""
    arn = autoscaling.put_scaling_policy(
        **place,
        PolicyName="wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": 300,
            "StepAdjustments": [{"ScalingAdjustment": 1, **(step or {"MetricIntervalLowerBound": 0})}],
        },
    )["PolicyARN"]
    cloudwatch.put_metric_alarm(
        AlarmName=f"{endpoint}-wake",
        MetricName="HasBacklogWithoutCapacity",
        Namespace="AWS/SageMaker",
        Statistic="Average",
        EvaluationPeriods=2,
        DatapointsToAlarm=2,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        Period=60,
        AlarmActions=[arn],
    )
