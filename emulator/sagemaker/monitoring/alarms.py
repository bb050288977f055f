"""The alarms in the profile's CloudWatch that this emulator evaluates, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.sagemaker.monitoring.evaluate import (
    COMPARISONS,
    AlarmRule,
    AlarmState,
    Datapoint,
    Missing,
)
from meshtwin.emulator.sagemaker.monitoring.sample import HOST_NAMESPACE, NAMESPACE
from meshtwin.emulator.sagemaker.monitoring.series import MINUTE, Key

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_WINDOW = 7 * 24 * 3600
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""

STATISTICS = frozenset({"Average", "Sum", "Minimum", "Maximum", "SampleCount"})


@dataclass(frozen=True, slots=True)
class Alarm:
    """A metric alarm with one metric and one of the five statistics."""

    name: str
    arn: str
    key: Key
    statistic: str
    period: int
    unit: str | None
    """Only values of this unit count; None: of any."""
    rule: AlarmRule
    state: AlarmState
    enabled: bool
    actions: Mapping[AlarmState, tuple[str, ...]]
    document: Mapping[str, Any]

    @property
    def is_of_sagemaker(self) -> bool:
        """Whether it watches what this emulator publishes."""
        return self.key.namespace in {NAMESPACE, HOST_NAMESPACE}

    @property
    def window(self) -> int:
        """How many seconds of its metric it evaluates."""
        return self.rule.periods * max(self.period, MINUTE)

    @property
    def policy_arns(self) -> tuple[str, ...]:
        """The scaling policies among its actions, of any state."""
        return tuple(arn for arns in self.actions.values() for arn in arns if is_policy(arn))


@dataclass(frozen=True, slots=True)
class AlarmView:
    """An alarm as it was last evaluated."""

    alarm: Alarm
    state: AlarmState
    reason: str
    since: float
    """Since when it has been in that state, as far as this emulator knows; seconds since the epoch."""
    points: tuple[Datapoint, ...]
    """The datapoints that were evaluated, the newest last."""

    @property
    def breaching(self) -> int:
        """How many of the datapoints breach the threshold."""
        return sum(
            1 for point in self.points if point.value is not None and self.alarm.rule.breaches(point.value)
        )


def is_policy(arn: str) -> bool:
    """Whether an action is a scaling policy of Application Auto Scaling."""
    return ":autoscaling:" in arn and ":scalingPolicy:" in arn


def parse_alarm(document: Mapping[str, Any]) -> Alarm | None:
    """A MetricAlarm of DescribeAlarms; None where it has metric math, a percentile or a band."""
    if "MetricName" not in document or document.get("Statistic") not in STATISTICS:
        return None
    if document["ComparisonOperator"] not in COMPARISONS:
        return None
    periods = document["EvaluationPeriods"]
    dimensions = sorted((item["Name"], item["Value"]) for item in document.get("Dimensions", ()))
    return Alarm(
        name=document["AlarmName"],
        arn=document["AlarmArn"],
        key=Key(document["Namespace"], document["MetricName"], tuple(dimensions)),
        statistic=document["Statistic"],
        period=document["Period"],
        unit=document.get("Unit"),
        rule=AlarmRule(
            document["ComparisonOperator"],
            document["Threshold"],
            periods,
            document.get("DatapointsToAlarm") or periods,
            Missing(document.get("TreatMissingData") or Missing.MISSING),
        ),
        state=AlarmState(document.get("StateValue", AlarmState.INSUFFICIENT_DATA)),
        enabled=document.get("ActionsEnabled", True),
        actions={
            AlarmState.ALARM: tuple(document.get("AlarmActions", ())),
            AlarmState.OK: tuple(document.get("OKActions", ())),
            AlarmState.INSUFFICIENT_DATA: tuple(document.get("InsufficientDataActions", ())),
        },
        document=document,
    )
