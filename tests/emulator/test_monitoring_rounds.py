"""The minute's round on a clock moved by hand: what CloudWatch gets, and what alarms do."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from structlog.testing import capture_logs

from meshtwin.emulator.core.aws import Aws
from meshtwin.emulator.core.clock import AdjustableClock, manual_clock
from meshtwin.emulator.sagemaker.meter import Meter, Metric
from meshtwin.emulator.sagemaker.monitoring.evaluate import AlarmState
from meshtwin.emulator.sagemaker.monitoring.monitoring import AlarmAction, Monitoring
from meshtwin.emulator.sagemaker.monitoring.rounds import Rounds
from meshtwin.emulator.sagemaker.monitoring.sample import EndpointView
from meshtwin.emulator.sagemaker.settings import AlarmEvaluation, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from meshtwin.emulator.sagemaker.monitoring.rounds import Act

START = 1_800_000_000.0
REGION = "eu-north-1"
"""Another one's CloudWatch than the shared emulator's, which judges all alarms that it finds in its own."""
POLICY = (
    f"arn:aws:autoscaling:{REGION}:123456789012:scalingPolicy:11111111-2222-3333-4444-555555555555:"
    "resource/sagemaker/endpoint/e/variant/v:policyName/wake"
)


@pytest.fixture
def elsewhere(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The AWS services of a region that no other test uses."""
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    return aws


class Endpoints:
    """Endpoints as a test wants them."""

    def __init__(self) -> None:
        self.name = f"e-{uuid.uuid4().hex[:8]}"
        self.queued = 0
        self.instances = 0

    def views(self) -> list[EndpointView]:
        oldest = START - 30 if self.queued else None
        return [EndpointView(self.name, "v", self.queued, 0, oldest, self.instances)]


@dataclass
class Round:
    """A monitoring at work, with what it told."""

    monitoring: Monitoring
    clock: AdjustableClock
    endpoints: Endpoints
    meter: Meter
    aws: Aws
    cloudwatch: Any
    told: list[AlarmAction] = field(default_factory=list)

    def alarm(self, **changes: Any) -> str:
        """Put the guide's alarm; its name."""
        name = f"a-{uuid.uuid4().hex[:8]}"
        given: dict[str, Any] = {
            "AlarmName": name,
            "Namespace": "AWS/SageMaker",
            "MetricName": "HasBacklogWithoutCapacity",
            "Dimensions": [{"Name": "EndpointName", "Value": self.endpoints.name}],
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 2,
            "DatapointsToAlarm": 2,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "missing",
            "AlarmActions": [POLICY],
            **changes,
        }
        self.cloudwatch.put_metric_alarm(**given)
        return name

    def stored(self, name: str) -> dict[str, Any]:
        """The alarm in CloudWatch."""
        [found] = self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return dict(found)

    def told_of(self, name: str) -> list[AlarmAction]:
        return [action for action in self.told if action.alarm_name == name]

    def points(self, metric: str, *dimensions: tuple[str, str]) -> list[dict[str, Any]]:
        given = [("EndpointName", self.endpoints.name), *dimensions]
        answer = self.cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in given],
            StartTime=datetime.fromtimestamp(START - 3600, UTC),
            EndTime=datetime.fromtimestamp(START + 36_000, UTC),
            Period=60,
            Statistics=["Sum", "SampleCount", "Maximum"],
        )
        return sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])


@asynccontextmanager
async def rounds(settings: Settings, clock: AdjustableClock, act: Act | None) -> AsyncIterator[Round]:
    aws, meter, endpoints = Aws(settings.region), Meter(), Endpoints()
    monitoring = Monitoring(meter, endpoints, aws, clock, settings)
    cloudwatch = boto3.client("cloudwatch")
    made = Round(monitoring, clock, endpoints, meter, aws, cloudwatch)

    async def note(action: AlarmAction) -> None:
        made.told.append(action)

    task = Rounds(monitoring, act or note, clock)
    await task.start()
    try:
        yield made
    finally:
        cloudwatch.delete_alarms(AlarmNames=[view.alarm.name for view in monitoring.alarms()])
        await task.close()
        cloudwatch.close()
        aws.close()


def drive(
    scenario: Callable[[Round], Awaitable[None]],
    settings: Settings | None = None,
    clock: AdjustableClock | None = None,
    act: Act | None = None,
) -> None:
    async def main() -> None:
        async with rounds(settings or Settings(region=REGION), clock or manual_clock(START), act) as made:
            await scenario(made)

    asyncio.run(main())


@pytest.mark.usefixtures("elsewhere")
def test_metrics_are_published_for_the_minute_that_has_ended() -> None:
    async def scenario(made: Round) -> None:
        made.endpoints.queued = 3
        made.meter.add(made.endpoints.name, Metric.MODEL_LATENCY, 100.0)
        made.meter.add(made.endpoints.name, Metric.MODEL_LATENCY, 300.0)
        await made.clock.advance(61)
        await made.clock.advance(60)
        backlog = made.points("ApproximateBacklogSize")
        assert [point["Maximum"] for point in backlog] == [3, 3]
        assert [point["Timestamp"].timestamp() for point in backlog] == [START, START + 60]
        [latency] = made.points("ModelLatency", ("VariantName", "v"))
        assert (latency["SampleCount"], latency["Sum"], latency["Maximum"]) == (2, 400, 300)
        assert latency["Unit"] == "Microseconds"
        assert not made.points("ApproximateBacklogSize", ("VariantName", "v"))
        assert made.monitoring.latest(made.endpoints.name)["ApproximateBacklogSizePerInstance"] == 3

    drive(scenario)


@pytest.mark.usefixtures("elsewhere")
def test_nothing_is_kept_of_an_endpoint_that_is_deleted() -> None:
    async def scenario(made: Round) -> None:
        gone = made.endpoints.name
        made.endpoints.queued = 1
        await made.clock.advance(60)
        assert made.monitoring.latest(gone)
        made.endpoints.name = "another"
        made.monitoring.endpoint_deleted(gone)
        # Its last request ends after it.
        made.meter.add(gone, Metric.PROCESSED)
        await made.clock.advance(120)
        assert not made.monitoring.latest(gone)

    drive(scenario)


@pytest.mark.usefixtures("elsewhere")
def test_the_guides_alarm_wakes_the_policy_each_minute_until_there_is_capacity() -> None:
    async def scenario(made: Round) -> None:
        name = made.alarm()
        made.endpoints.queued = 1
        await made.clock.advance(60)
        assert not made.told_of(name)
        await made.clock.advance(60)
        [first] = made.told_of(name)
        assert (first.policy_arn, first.value, first.threshold) == (POLICY, 1.0, 1.0)
        assert first.at == START + 120
        stored = made.stored(name)
        assert stored["StateValue"] == "ALARM"
        assert stored["StateReason"].startswith("Threshold Crossed: 2 out of the last 2 datapoints [1.0 (")
        assert json.loads(stored["StateReasonData"])["recentDatapoints"] == [1.0, 1.0]
        await made.clock.advance(120)
        assert len(made.told_of(name)) == 3
        made.endpoints.instances = 1
        await made.clock.advance(120)
        assert len(made.told_of(name)) == 3
        assert made.stored(name)["StateValue"] == "OK"
        [view] = [view for view in made.monitoring.alarms() if view.alarm.name == name]
        assert (view.state, view.since) == (AlarmState.OK, START + 300)

    drive(scenario)


@pytest.mark.usefixtures("elsewhere")
def test_an_alarm_whose_actions_are_off_tells_nobody() -> None:
    async def scenario(made: Round) -> None:
        name = made.alarm(ActionsEnabled=False)
        made.endpoints.queued = 1
        await made.clock.advance(180)
        assert made.stored(name)["StateValue"] == "ALARM"
        assert not made.told_of(name)

    drive(scenario)


@pytest.mark.usefixtures("elsewhere")
def test_topics_hear_of_a_change_once() -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
    queue = sqs.create_queue(QueueName=topic.rpartition(":")[2])["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    async def scenario(made: Round) -> None:
        name = made.alarm(AlarmActions=[topic], OKActions=[topic])
        await made.clock.advance(60)
        made.endpoints.queued = 1
        await made.clock.advance(240)
        made.endpoints.queued = 0
        await made.clock.advance(120)
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        heard = [json.loads(json.loads(message["Body"])["Message"]) for message in messages]
        heard.sort(key=lambda notice: notice["StateChangeTime"])
        assert [(notice["OldStateValue"], notice["NewStateValue"]) for notice in heard] == [
            ("OK", "ALARM"),
            ("ALARM", "OK"),
        ]
        assert heard[0]["AlarmName"] == name
        assert heard[0]["Trigger"]["MetricName"] == "HasBacklogWithoutCapacity"

    try:
        drive(scenario)
    finally:
        sns.close()
        sqs.close()


@pytest.mark.usefixtures("elsewhere")
def test_an_alarm_of_another_unit_sees_no_data() -> None:
    async def scenario(made: Round) -> None:
        name = made.alarm(Unit="Seconds")
        made.endpoints.queued = 1
        await made.clock.advance(180)
        assert made.stored(name)["StateValue"] == "INSUFFICIENT_DATA"
        assert not made.told_of(name)

    drive(scenario)


@pytest.mark.usefixtures("elsewhere")
def test_a_policy_may_hang_on_somebody_elses_metric() -> None:
    async def scenario(made: Round) -> None:
        where = [{"Name": "Queue", "Value": made.endpoints.name}]
        foreign = made.alarm(Namespace="Mine", MetricName="Jobs", Dimensions=where, Statistic="Sum")
        alone = made.alarm(Namespace="Mine", MetricName="Jobs", Dimensions=where, AlarmActions=[])
        data = [
            {
                "MetricName": "Jobs",
                "Dimensions": where,
                "Timestamp": datetime.fromtimestamp(START + minute, UTC),
                "Value": 4.0,
            }
            for minute in (0, 60)
        ]
        made.cloudwatch.put_metric_data(Namespace="Mine", MetricData=data)
        await made.clock.advance(120)
        [action] = made.told_of(foreign)
        assert action.value == 4.0
        assert alone not in {view.alarm.name for view in made.monitoring.alarms()}
        made.cloudwatch.delete_alarms(AlarmNames=[alone])

    drive(scenario)


@pytest.mark.usefixtures("elsewhere")
def test_a_state_set_by_hand_does_not_last() -> None:
    async def scenario(made: Round) -> None:
        name = made.alarm()
        await made.clock.advance(60)
        made.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
        await made.clock.advance(60)
        assert made.stored(name)["StateValue"] == "OK"
        assert not made.told_of(name)

    drive(scenario)


@pytest.mark.usefixtures("elsewhere")
def test_a_cloudwatch_that_judges_is_believed() -> None:
    async def scenario(made: Round) -> None:
        name = made.alarm()
        made.endpoints.queued = 1
        await made.clock.advance(240)
        assert made.stored(name)["StateValue"] == "OK"
        assert not made.told_of(name)
        made.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="its own")
        await made.clock.advance(60)
        assert len(made.told_of(name)) == 1

    drive(scenario, Settings(region=REGION, alarm_evaluation=AlarmEvaluation.STORE))


@pytest.mark.usefixtures("elsewhere")
def test_metric_math_is_left_alone_and_named_once() -> None:
    async def scenario(made: Round) -> None:
        name = f"math-{uuid.uuid4().hex[:8]}"
        made.cloudwatch.put_metric_alarm(
            AlarmName=name,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[POLICY],
            Metrics=[
                {"Id": "m", "Expression": "TIME_SERIES(1)", "Label": "m", "ReturnData": True},
            ],
        )
        with capture_logs() as logs:
            await made.clock.advance(180)
        said = [entry for entry in logs if entry.get("alarm") == name]
        assert [entry["event"] for entry in said] == ["alarm_not_evaluated"]
        made.cloudwatch.delete_alarms(AlarmNames=[name])

    drive(scenario)


@pytest.mark.usefixtures("elsewhere")
def test_while_cloudwatch_is_away_known_alarms_are_judged_from_memory() -> None:
    async def scenario(made: Round) -> None:
        name = made.alarm()
        await made.clock.advance(60)
        away = boto3.client("cloudwatch", endpoint_url="http://127.0.0.1:9")
        here, made.aws.cloudwatch = made.aws.cloudwatch, away
        made.endpoints.queued = 1
        with capture_logs() as logs:
            await made.clock.advance(240)
        assert len(made.told_of(name)) == 3
        said = [entry["call"] for entry in logs if entry["event"] == "cloudwatch_away"]
        assert sorted(said) == ["describe_alarms", "put_metric_data", "set_alarm_state"]
        made.aws.cloudwatch = here
        away.close()
        await made.clock.advance(60)
        assert made.stored(name)["StateValue"] == "ALARM"

    drive(scenario)


@pytest.mark.usefixtures("elsewhere")
def test_an_action_that_fails_keeps_no_other_from_being_done() -> None:
    told: list[str] = []

    async def fail(action: AlarmAction) -> None:
        told.append(action.alarm_name)
        raise RuntimeError("no such variant")

    async def scenario(made: Round) -> None:
        names = {made.alarm(), made.alarm()}
        made.endpoints.queued = 1
        await made.clock.advance(120)
        assert set(told) == names

    drive(scenario, act=fail)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.123456789, 59.9999999])
def test_each_minute_has_one_round_wherever_the_clock_begins(fraction: float) -> None:
    async def scenario(made: Round) -> None:
        await made.clock.advance(600)
        points = made.points("ApproximateBacklogSize")
        assert len(points) == 10
        assert {point["SampleCount"] for point in points} == {1}

    drive(scenario, clock=manual_clock(START + fraction))


@pytest.mark.usefixtures("elsewhere")
def test_a_round_costs_few_calls() -> None:
    async def scenario(made: Round) -> None:
        made.alarm()
        await made.clock.advance(60)
        before = made.aws.usage.calls.total()
        began = time.perf_counter()
        await made.clock.advance(600)
        assert (made.aws.usage.calls.total() - before) / 10 <= 3
        # For whoever reads the output: a shared machine's time is no yardstick.
        print(f"{(time.perf_counter() - began) * 100:.1f} ms a round")  # noqa: T201

    drive(scenario)
