"""The alarms in the profile's CloudWatch that belong to scaling policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.partitions import arn_of
from meshtwin.emulator.core.protocol.errors import ServiceError
from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.core.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.sagemaker.autoscaling.model import Policy
    from meshtwin.emulator.sagemaker.settings import Settings

log = structlog.get_logger(__name__)

_PREDEFINED = {"SageMakerVariantInvocationsPerInstance": "InvocationsPerInstance"}
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_OF_ALARM = frozenset({
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions",
    "InsufficientDataActions", "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions",
    "Period", "Unit", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator",
    "TreatMissingData", "EvaluateLowSampleCountPercentile", "Metrics", "ThresholdMetricId",
})  # fmt: skip
"""What of an alarm's description PutMetricAlarm takes again."""


class TrackingAlarms:
    """Puts and deletes alarms. Calls raise FailedResourceAccessException where CloudWatch is unavailable."""

    def __init__(self, aws: Aws, settings: Settings) -> None:
        self._aws = aws
        self._settings = settings
        self._tasks = Supervised()

    async def close(self) -> None:
        """Stop what is done in the background."""
        await self._tasks.close()

    async def put(self, policy: Policy) -> tuple[tuple[str, str], ...]:
        """The two alarms of a target-tracking policy, one where it never scales in; their names and ARNs.

        How many datapoints they evaluate is undocumented for SageMaker: see the settings.
        """
        metric = metric_of(policy)
        target = float(policy.config["TargetValue"])
        settings = self._settings
        begin = f"TargetTracking-{policy.resource_id}-"
        kept = {name.removeprefix(begin).partition("-")[0]: name for name, _ in policy.alarms}
        high = ("AlarmHigh", "GreaterThanThreshold", target, settings.tracking_high_periods)
        low_threshold = target * settings.tracking_low_factor
        low = ("AlarmLow", "LessThanThreshold", low_threshold, settings.tracking_low_periods)
        wanted = [high] if policy.config.get("DisableScaleIn", False) else [high, low]
        made = []
        for side, comparison, threshold, periods in wanted:
            name = kept.pop(side, f"{begin}{side}-{new_uuid()}")
            await self._call(
                self._aws.cloudwatch.put_metric_alarm,
                AlarmName=name,
                AlarmDescription=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.arn}.",
                AlarmActions=[policy.arn],
                Period=60,
                EvaluationPeriods=periods,
                Threshold=threshold,
                ComparisonOperator=comparison,
                **metric,
            )
            made.append((name, self._arn(name)))
        if kept:
            await self._call(self._aws.cloudwatch.delete_alarms, AlarmNames=list(kept.values()))
        return tuple(made)

    async def naming(self, policy_arns: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """Names and ARNs of the alarms among whose actions these policies are, by the policy's ARN."""
        found: dict[str, list[tuple[str, str]]] = {arn: [] for arn in policy_arns}
        for alarm in await self._call(self._aws.describe_alarms):
            for arn in {arn for actions in _ACTIONS for arn in alarm.get(actions, ())} & found.keys():
                found[arn].append((alarm["AlarmName"], alarm["AlarmArn"]))
        return found

    async def delete(self, policy: Policy) -> None:
        """Delete the alarms that were made for a policy; take the policy out of those that were not."""
        if policy.alarms:
            names = [name for name, _ in policy.alarms]
            await self._call(self._aws.cloudwatch.delete_alarms, AlarmNames=names)
        for alarm in await self._call(self._aws.describe_alarms):
            if all(policy.arn not in alarm.get(actions, ()) for actions in _ACTIONS):
                continue
            rest = _settable(alarm)
            for actions in _ACTIONS:
                rest[actions] = [arn for arn in alarm.get(actions, ()) if arn != policy.arn]
            await self._call(self._aws.cloudwatch.put_metric_alarm, **rest)

    def delete_soon(self, policy: Policy) -> None:
        """Delete the alarms of a policy that is gone, in the background; once, and a failure is logged."""
        self._tasks.run_once("policy_alarms", self._try_to_delete(policy))

    async def _try_to_delete(self, policy: Policy) -> None:
        try:
            await self.delete(policy)
        except ServiceError as error:
            log.warning("alarms_not_deleted", policy=policy.name, reason=error.message)

    async def put_again(self, alarm: Mapping[str, Any]) -> None:
        """Put an alarm as it was described, into a CloudWatch that has lost it."""
        await self._call(self._aws.cloudwatch.put_metric_alarm, **_settable(alarm))

    def _arn(self, name: str) -> str:
        return arn_of("cloudwatch", self._settings.region, self._settings.account_id, f"alarm:{name}")

    async def _call(self, function: Callable[..., Any], **arguments: Any) -> Any:  # noqa: ANN401  # boto3's answers
        try:
            return await self._aws.run(function, **arguments)
        except (BotoCoreError, ClientError) as error:
            raise ServiceError(
                f"CloudWatch at {self._aws.cloudwatch.meta.endpoint_url} did not do {function.__name__}: "
                f"{error}",
                code="FailedResourceAccessException",
                status=400,
            ) from error


def metric_of(policy: Policy) -> dict[str, Any]:
    """The metric that a target-tracking policy watches, as PutMetricAlarm takes it."""
    custom: Mapping[str, Any] | None = policy.config.get("CustomizedMetricSpecification")
    if custom is not None:
        return {
            "MetricName": custom["MetricName"],
            "Namespace": custom["Namespace"],
            "Dimensions": custom.get("Dimensions", []),
            "Statistic": custom.get("Statistic", "Average"),
        }
    predefined = policy.config["PredefinedMetricSpecification"]["PredefinedMetricType"]
    _, endpoint, _, variant = policy.resource_id.split("/")
    return {
        "MetricName": _PREDEFINED.get(predefined, predefined),
        "Namespace": "AWS/SageMaker",
        "Dimensions": [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": variant},
        ],
        "Statistic": "Sum",
    }


def _settable(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in alarm.items() if name in _OF_ALARM and value not in ([], "")}
