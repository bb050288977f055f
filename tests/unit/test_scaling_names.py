"""Which alarm is which, and whose an ARN is, whatever an endpoint is called and wherever it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin import emulator
from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.core.partitions import partition_of
from meshtwin.emulator.core.protocol.operations import RequestContext
from meshtwin.emulator.sagemaker.autoscaling.ledger import Ledger
from meshtwin.emulator.sagemaker.autoscaling.scaler import Scaler
from meshtwin.emulator.sagemaker.autoscaling.service import Scaling
from meshtwin.emulator.sagemaker.autoscaling.tracking_alarms import TrackingAlarms
from meshtwin.emulator.sagemaker.monitoring.monitoring import AlarmAction
from meshtwin.emulator.sagemaker.settings import Settings
from tests.support.documents import MemoryDocuments
from tests.unit.test_scaling_failed_writes import NoAlarms, OneVariant

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE: Any = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
TRACKING = {
    "TargetValue": 5.0,
    "CustomizedMetricSpecification": {"MetricName": "M", "Namespace": "N", "Statistic": "Average"},
}


class Aws:
    """A CloudWatch that takes alarms."""

    def __init__(self) -> None:
        self.alarms: dict[str, dict[str, Any]] = {}
        self.cloudwatch = SimpleNamespace(put_metric_alarm=self.put)

    def put(self, **alarm: Any) -> None:
        self.alarms[alarm["AlarmName"]] = alarm

    async def run(self, function: Callable[..., Any], **arguments: Any) -> Any:
        return function(**arguments)


def test_no_arn_is_made_with_the_partition_of_most_regions() -> None:
    sources = Path(emulator.__file__).parent.rglob("*.py")
    assert [source.name for source in sources if 'f"arn:aws:' in source.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("endpoint", ["plain", "x-AlarmHigh-y", "x-AlarmLow-y"])
@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "cn-north-1"])
def test_target_tracking_scales_both_ways_whatever_its_endpoint_is_called(endpoint: str, region: str) -> None:
    async def scenario() -> None:
        aws, variant, settings, clock = Aws(), OneVariant(), Settings(region=region), manual_clock()
        variant.stable.set()
        ledger = Ledger(MemoryDocuments())
        scaler = Scaler(ledger, variant, NoAlarms(), clock)  # type: ignore[arg-type]
        alarms = TrackingAlarms(aws, settings)  # type: ignore[arg-type]
        service = Scaling(ledger, scaler, variant, alarms, clock, settings)
        context = RequestContext("id", "operation")
        place: Any = {**PLACE, "ResourceId": f"endpoint/{endpoint}/variant/v"}
        bounded: Any = {**place, "MinCapacity": 0, "MaxCapacity": 5}
        target = await service.register(context, bounded)
        policy: Any = {
            **place,
            "PolicyName": "p",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": TRACKING,
        }
        made = await service.put_policy(context, policy)
        again = await service.put_policy(context, policy)
        assert again == made, "the alarms of a policy keep their names"
        assert len(aws.alarms) == 2
        arns = [target["ScalableTargetARN"], made["PolicyARN"], *(one["AlarmARN"] for one in made["Alarms"])]
        assert {arn.split(":")[1] for arn in arns} == {partition_of(region)}
        name_of = {alarm["ComparisonOperator"]: name for name, alarm in aws.alarms.items()}
        for comparison, value, desired in (("GreaterThanThreshold", 15.0, 3), ("LessThanThreshold", 0.0, 0)):
            action = AlarmAction(made["PolicyARN"], name_of[comparison], 5.0, comparison, value, 0.0)
            await scaler.on_action(action)
            assert variant.desired == desired
            await clock.advance(301)
        await scaler.close()

    asyncio.run(scenario())
