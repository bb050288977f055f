"""Alarms that look back for longer than metrics are kept, and what is dropped with an endpoint."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.sagemaker.meter import Meter, Metric
from meshtwin.emulator.sagemaker.monitoring.evaluate import AlarmState
from meshtwin.emulator.sagemaker.monitoring.monitoring import Monitoring
from meshtwin.emulator.sagemaker.monitoring.sample import EndpointView
from meshtwin.emulator.sagemaker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE = {
    "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:idle",
    "Namespace": "AWS/SageMaker",
    "MetricName": "ApproximateBacklogSize",
    "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
    "Statistic": "Maximum",
    "Threshold": 1.0,
    "ComparisonOperator": "LessThanThreshold",
}


class Idle:
    """Endpoints without work, as long as they are there."""

    def __init__(self) -> None:
        self.names = ["e"]

    def views(self) -> list[EndpointView]:
        return [EndpointView(name, "v", 0, 0, None, 1) for name in self.names]


class Aws:
    """A CloudWatch that has some alarms, and takes everything."""

    def __init__(self, *alarms: dict[str, Any]) -> None:
        self.alarms = list(alarms)
        self.cloudwatch = SimpleNamespace(put_metric_data=self.take, set_alarm_state=self.take)
        self.store_probe = SimpleNamespace(restarts=0)

    def take(self, **_: Any) -> None:
        pass

    def describe_alarms(self) -> list[dict[str, Any]]:
        return self.alarms

    async def run(self, function: Callable[..., Any], **arguments: Any) -> Any:
        return function(**arguments)


def monitoring(sources: Idle, *alarms: dict[str, Any]) -> tuple[Monitoring, Meter, Any]:
    clock, meter = manual_clock(), Meter()
    return Monitoring(meter, sources, Aws(*alarms), clock, Settings()), meter, clock  # type: ignore[arg-type]


@pytest.mark.parametrize(("period", "periods"), [(60, 200), (3600, 4)])
def test_an_alarm_with_a_window_of_hours_is_judged_on_all_of_it(period: int, periods: int) -> None:
    alarm = {**IDLE, "AlarmName": "idle", "Period": period, "EvaluationPeriods": periods}

    async def scenario() -> None:
        made, _, clock = monitoring(Idle(), alarm)
        for _ in range(period * periods // 60 + 1):
            await clock.advance(60)
            await made.evaluate_minute()
        [view] = made.alarms()
        assert (view.state, view.breaching) == (AlarmState.ALARM, periods)

    asyncio.run(scenario())


def test_an_alarm_with_a_window_of_more_than_cloudwatch_takes_is_refused_in_words() -> None:
    alarm = {**IDLE, "AlarmName": "idle", "Period": 3600, "EvaluationPeriods": 200}

    async def scenario() -> None:
        made, _, _ = monitoring(Idle(), alarm)
        await made.evaluate_minute()
        assert made.alarms() == []

    with capture_logs() as logs:
        asyncio.run(scenario())
    [line] = [line for line in logs if line["event"] == "alarm_not_evaluated"]
    assert "720000 s: at most 604800" in line["reason"]


def test_nothing_is_kept_of_a_deleted_endpoint() -> None:
    async def scenario() -> None:
        sources = Idle()
        made, meter, _ = monitoring(sources)
        meter.add("e", Metric.PROCESSED)
        await made.evaluate_minute()
        assert made.latest("e")
        sources.names = []
        made.endpoint_deleted("e")
        meter.add("e", Metric.FAILURES)  # its last requests end after it
        await made.evaluate_minute()
        assert not made.series.keys_of("e")
        assert not meter.totals()
        # Another one of its name starts from nothing, and is not taken for it.
        sources.names = ["e"]
        await made.evaluate_minute()
        assert made.series.keys_of("e")

    asyncio.run(scenario())
