"""A minute's metrics, taken and published, and the alarms on them, evaluated.

CloudWatch is the profile's own: it holds metrics and alarms, and this is its client. Its alarms on
SageMaker's metrics, and those that name a scaling policy, are evaluated here, where it does not do so itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.monitoring.alarms import (
    LONGEST_WINDOW,
    Alarm,
    AlarmView,
    is_policy,
    parse_alarm,
)
from meshtwin.emulator.sagemaker.monitoring.evaluate import EXTRA, AlarmState, Datapoint, Verdict, judge
from meshtwin.emulator.sagemaker.monitoring.sample import (
    HOST_NAMESPACE,
    NAMESPACE,
    EndpointView,
    HostSampler,
    backlog_values,
    metered_values,
    unit_of,
)
from meshtwin.emulator.sagemaker.monitoring.series import MINUTE, Key, Series, minute_of
from meshtwin.emulator.sagemaker.settings import AlarmEvaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.meter import Meter, Statistics
    from meshtwin.emulator.sagemaker.settings import Settings

log = structlog.get_logger(__name__)

_MOST_DATA = 1000
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html"""


@dataclass(frozen=True, slots=True)
class AlarmAction:
    """An alarm in the state for which it names a scaling policy; once a minute while that lasts.

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


class Sources(Protocol):
    """Where the numbers come from."""

    def views(self) -> Sequence[EndpointView]:
        """Every endpoint in service, as it is now."""
        ...


class Monitoring:
    """What is known of metrics and alarms. Lives on one event loop."""

    def __init__(self, meter: Meter, sources: Sources, aws: Aws, clock: Clock, settings: Settings) -> None:
        self.series = Series()
        self._meter = meter
        self._sources = sources
        self._aws = aws
        self._clock = clock
        self._settings = settings
        self._hosts = HostSampler()
        self._views: dict[str, AlarmView] = {}
        self._not_evaluated: set[str] = set()
        self._failing: set[str] = set()
        self._deleted: set[str] = set()

    def endpoint_deleted(self, endpoint_name: str) -> None:
        """Drop what is known of an endpoint, also what its last requests still add in the next minute."""
        self._deleted.add(endpoint_name)
        self._drop(endpoint_name)

    def _drop(self, endpoint_name: str) -> None:
        self.series.remove(endpoint_name)
        self._meter.remove(endpoint_name)

    def alarms(self) -> list[AlarmView]:
        """Every alarm that is evaluated here, as it was in the last round."""
        return list(self._views.values())

    def latest(self, endpoint_name: str) -> dict[str, float]:
        """The newest value of each of the endpoint's metrics, by its name."""
        found = {}
        for key in self.series.keys_of(endpoint_name):
            newest = self.series.latest(key)
            if newest is not None:
                found[key.name] = newest[1].total / newest[1].count
        return found

    async def evaluate_minute(self) -> list[AlarmAction]:
        """One round, for the minute that has just ended; the scaling actions of its alarms.

        There is one at the change, and one each minute for as long as the state lasts.
        """
        now = self._clock.now()
        minute = minute_of(now) - MINUTE
        found = self._take(now)
        for key, values in found.items():
            self.series.put(key, minute, values)
        await self._publish(found, minute)
        alarms = await self._alarms()
        self.series.want(_minutes_wanted(alarms))
        actions: list[AlarmAction] = []
        for alarm in alarms:
            try:
                actions += await self._evaluate(alarm, minute, now)
            except Exception:  # the other alarms are evaluated all the same
                log.exception("alarm_not_evaluated", alarm=alarm.name)
        return actions

    def _take(self, now: float) -> dict[Key, Statistics]:
        views = self._sources.views()
        for name in self._deleted - {view.name for view in views}:
            self._drop(name)
        self._deleted.clear()
        found: dict[Key, Statistics] = {}
        for view in views:
            found.update(backlog_values(view, now, at_zero=self._settings.backlog_per_instance_at_zero))
        variants = {view.name: view.variant for view in views}
        found.update(metered_values(self._meter.take(), variants, self._settings.processed_metric_name))
        found.update(self._hosts.sample(views))
        return found

    async def _publish(self, found: Mapping[Key, Statistics], minute: int) -> None:
        by_namespace: dict[str, list[dict[str, Any]]] = {}
        for key, values in found.items():
            by_namespace.setdefault(key.namespace, []).append(_datum(key, values, minute))
        for namespace, data in by_namespace.items():
            for start in range(0, len(data), _MOST_DATA):
                await self._call(
                    self._aws.cloudwatch.put_metric_data,
                    Namespace=namespace,
                    MetricData=data[start : start + _MOST_DATA],
                )

    async def _alarms(self) -> list[Alarm]:
        """The alarms to evaluate, as CloudWatch has them now; those known, where it is unavailable.

        Where it has lost them with all else, they are put again before this returns.
        """
        restarts = self._aws.store_probe.restarts
        documents = await self._call(self._aws.describe_alarms)
        if documents is None:
            return [view.alarm for view in self._views.values()]
        alarms = [alarm for document in documents if (alarm := self._parsed(document)) is not None]
        self._not_evaluated &= {document["AlarmName"] for document in documents}
        names = {alarm.name for alarm in alarms}
        if self._views.keys() - names:
            try:
                if await self._aws.run(self._aws.store_probe.restarted_since, restarts):
                    return await self._alarms()
            except UnavailableError:
                return [view.alarm for view in self._views.values()]
        self._views = {name: view for name, view in self._views.items() if name in names}
        return alarms

    def _parsed(self, document: Mapping[str, Any]) -> Alarm | None:
        alarm = parse_alarm(document)
        reason = "metric math, percentiles or bands"
        if alarm is not None:
            if not (alarm.is_of_sagemaker or alarm.policy_arns):
                return None
            if alarm.window <= LONGEST_WINDOW:
                return alarm
            reason = f"its Period times EvaluationPeriods is {alarm.window} s: at most {LONGEST_WINDOW} are"
        self._log_not_evaluated(document, reason)
        return None

    def _log_not_evaluated(self, document: Mapping[str, Any], reason: str) -> None:
        name = document["AlarmName"]
        is_ours = document.get("Namespace", NAMESPACE) in {NAMESPACE, HOST_NAMESPACE} or any(
            is_policy(arn) for arn in document.get("AlarmActions", ())
        )
        if name not in self._not_evaluated and is_ours:
            self._not_evaluated.add(name)
            log.warning("alarm_not_evaluated", alarm=name, reason=reason)

    async def _evaluate(self, alarm: Alarm, minute: int, now: float) -> list[AlarmAction]:
        points = await self._points(alarm, minute)
        known = self._views.get(alarm.name)
        before = known.state if known is not None else alarm.state
        if self._settings.alarm_evaluation is AlarmEvaluation.STORE:
            verdict = Verdict(alarm.state, str(alarm.document.get("StateReason", "")))
        else:
            verdict = judge(alarm.rule, points, before)
        changed = verdict.state is not before
        since = now if known is None or changed else known.since
        shown = points[-alarm.rule.periods :]
        reason = verdict.reason if known is None or changed else known.reason
        self._views[alarm.name] = AlarmView(alarm, verdict.state, reason, since, tuple(shown))
        if changed or verdict.state is not alarm.state:
            # Also where CloudWatch was unavailable at the change, or a user set the state.
            await self._write_state(alarm, verdict, shown, now)
        if changed:
            log.info("alarm", alarm=alarm.name, state=verdict.state, before=before, reason=verdict.reason)
            await self._notify(alarm, before, verdict, now)
        return list(_actions(alarm, verdict.state, points, now))

    async def _points(self, alarm: Alarm, minute: int) -> list[Datapoint]:
        """The last datapoints, as many as may be evaluated; the newest ends with `minute`."""
        period = max(alarm.period, MINUTE)
        end = minute + MINUTE
        starts = [end - period * back for back in range(alarm.rule.periods + EXTRA, 0, -1)]
        if alarm.is_of_sagemaker:
            if alarm.unit not in {None, unit_of(alarm.key.name)}:
                return [Datapoint(start, None) for start in starts]
            return [
                Datapoint(start, self.series.statistic(alarm.key, start, period, alarm.statistic))
                for start in starts
            ]
        answer = await self._call(
            self._aws.cloudwatch.get_metric_statistics,
            Namespace=alarm.key.namespace,
            MetricName=alarm.key.name,
            Dimensions=[{"Name": name, "Value": value} for name, value in alarm.key.dimensions],
            StartTime=datetime.fromtimestamp(starts[0], UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
            Period=period,
            Statistics=[alarm.statistic],
            **({} if alarm.unit is None else {"Unit": alarm.unit}),
        )
        found = (answer or {}).get("Datapoints", [])
        values = {int(point["Timestamp"].timestamp()): float(point[alarm.statistic]) for point in found}
        return [Datapoint(start, values.get(start)) for start in starts]

    async def _write_state(
        self, alarm: Alarm, verdict: Verdict, points: Sequence[Datapoint], now: float
    ) -> None:
        if self._settings.alarm_evaluation is AlarmEvaluation.STORE:
            return
        await self._call(
            self._aws.cloudwatch.set_alarm_state,
            AlarmName=alarm.name,
            StateValue=verdict.state.value,
            StateReason=verdict.reason[:1023],
            StateReasonData=_reason_data(alarm, points, now),
        )

    async def _notify(self, alarm: Alarm, before: AlarmState, verdict: Verdict, now: float) -> None:
        """Publish to the alarm's topics for its new state, unless CloudWatch does so."""
        if not alarm.enabled or self._settings.alarm_evaluation is AlarmEvaluation.STORE:
            return
        for arn in alarm.actions[verdict.state]:
            if ":sns:" in arn:
                message = _notification(alarm, before, verdict, now, self._settings)
                subject = f'{verdict.state}: "{alarm.name}"'[:100]
                await self._call(self._aws.sns.publish, TopicArn=arn, Subject=subject, Message=message)

    async def _call(self, function: Callable[..., Any], **arguments: Any) -> Any:  # noqa: ANN401  # boto3's answers
        """The answer of CloudWatch or SNS; None where there is none, which is logged once an outage."""
        name = function.__name__
        try:
            answer = await self._aws.run(function, **arguments)
        except (BotoCoreError, ClientError) as error:
            # By operation: one that is never served is not logged each minute because the others answer.
            if name not in self._failing:
                log.warning("cloudwatch_away", call=name, error=str(error))
            self._failing.add(name)
            return None
        self._failing.discard(name)
        return answer


def _minutes_wanted(alarms: Sequence[Alarm]) -> dict[Key, int]:
    wanted: dict[Key, int] = {}
    for alarm in alarms:
        minutes = alarm.window // alarm.rule.periods * (alarm.rule.periods + EXTRA) // MINUTE
        wanted[alarm.key] = max(minutes, wanted.get(alarm.key, 0))
    return wanted


def _actions(
    alarm: Alarm, state: AlarmState, points: Sequence[Datapoint], now: float
) -> Iterator[AlarmAction]:
    rule = alarm.rule
    for arn in alarm.actions[state] if alarm.enabled else ():
        if is_policy(arn):
            yield AlarmAction(arn, alarm.name, rule.threshold, rule.comparison, points[-1].value, now)


def _datum(key: Key, values: Statistics, minute: int) -> dict[str, Any]:
    return {
        "MetricName": key.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
        "Timestamp": datetime.fromtimestamp(minute, UTC),
        "StatisticValues": {
            "SampleCount": values.count,
            "Sum": values.total,
            "Minimum": values.least,
            "Maximum": values.most,
        },
        "Unit": unit_of(key.name),
    }


def _reason_data(alarm: Alarm, points: Sequence[Datapoint], now: float) -> str:
    return json.dumps({
        "version": "1.0",
        "queryDate": _iso(now),
        "startDate": _iso(points[0].at),
        "statistic": alarm.statistic,
        "period": alarm.period,
        "recentDatapoints": [point.value for point in points if point.value is not None],
        "threshold": alarm.rule.threshold,
    })  # fmt: skip


def _notification(alarm: Alarm, before: AlarmState, verdict: Verdict, now: float, settings: Settings) -> str:
    """The message of an alarm's SNS action.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html.
    """
    document = alarm.document
    return json.dumps({
        "AlarmName": alarm.name,
        "AlarmDescription": document.get("AlarmDescription"),
        "AWSAccountId": settings.account_id,
        "NewStateValue": verdict.state,
        "NewStateReason": verdict.reason,
        "StateChangeTime": _iso(now),
        "Region": settings.region,
        "AlarmArn": alarm.arn,
        "OldStateValue": before,
        "Trigger": {
            "MetricName": alarm.key.name,
            "Namespace": alarm.key.namespace,
            "StatisticType": "Statistic",
            "Statistic": alarm.statistic.upper(),
            "Dimensions": [{"value": value, "name": name} for name, value in alarm.key.dimensions],
            "Period": alarm.period,
            "EvaluationPeriods": alarm.rule.periods,
            "DatapointsToAlarm": alarm.rule.needed,
            "ComparisonOperator": alarm.rule.comparison,
            "Threshold": alarm.rule.threshold,
            "TreatMissingData": alarm.rule.missing,
        },
    })  # fmt: skip


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
