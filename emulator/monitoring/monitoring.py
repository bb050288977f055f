"""Once a minute: metrics are taken and published, alarms are judged, scaling policies are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AlarmAction:
    """An alarm in the state for which it names a scaling policy; told once a minute while that lasts.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
    """

    policy_arn: str
    alarm_name: str
    threshold: float
    comparison: str
    """ComparisonOperator: GreaterThanOrEqualToThreshold, ..."""
    value: float | None
    """The newest datapoint, of the alarm's statistic."""
    at: float
    """Seconds since the epoch."""


OnAction = Callable[[AlarmAction], Awaitable[None]]
