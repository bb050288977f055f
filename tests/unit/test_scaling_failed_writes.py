"""One failed write of a record costs the record, and never the scaling."""

from __future__ import annotations

import asyncio

import pytest

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.sagemaker.autoscaling.ledger import Ledger
from meshtwin.emulator.sagemaker.autoscaling.model import ActivityStatus, Policy, PolicyType, ScalableTarget
from meshtwin.emulator.sagemaker.autoscaling.scaler import Scaler
from meshtwin.emulator.sagemaker.control_plane.resources import Status, VariantCapacity
from meshtwin.emulator.sagemaker.monitoring.monitoring import AlarmAction
from tests.support.documents import MemoryDocuments
from tests.support.harness import until

TARGET = ScalableTarget("e", "v", "arn:target", 0, 5, "arn:role", 0.0)
STEP = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}], "Cooldown": 300}
POLICY = Policy("wake", "arn:policy", PolicyType.STEP, TARGET.resource_id, STEP, 0.0)
ALARM = AlarmAction("arn:policy", "a", 1.0, "GreaterThanOrEqualToThreshold", 1.0, 0.0)


class OneVariant:
    """A variant whose changes are done when `changing` is cleared."""

    def __init__(self) -> None:
        self.desired = 0
        self.stable = asyncio.Event()

    def capacity(self, endpoint_name: str, variant_name: str) -> VariantCapacity:
        return VariantCapacity(endpoint_name, variant_name, Status.IN_SERVICE, "", self.desired, self.desired)

    async def set_desired(self, endpoint_name: str, count: int) -> None:
        del endpoint_name
        self.desired = count

    async def wait_until_stable(self, endpoint_name: str) -> None:
        del endpoint_name
        await self.stable.wait()


class NoAlarms:
    def alarms(self) -> list[object]:
        return []


@pytest.mark.parametrize("failing", ["the begin", "the cooldown", "the end"])
def test_a_failed_write_of_an_activity_or_cooldown_blocks_nothing_and_is_made_up_for(failing: str) -> None:
    async def scenario() -> None:
        documents, variant, clock = MemoryDocuments(), OneVariant(), manual_clock()
        ledger = Ledger(documents)
        await ledger.put_target(TARGET)
        await ledger.put_policy(POLICY)
        scaler = Scaler(ledger, variant, NoAlarms(), clock)  # type: ignore[arg-type]  # no tracking policy here
        documents.failures = {"the begin": 1, "the cooldown": 2, "the end": 0}[failing]
        await scaler.on_action(ALARM)
        await scaler.on_action(ALARM)
        assert variant.desired == 1, "a change that is on its way is waited for"
        documents.failures = int(failing == "the end")
        variant.stable.set()
        await until(lambda: [one.status for one in ledger.activities()] == [ActivityStatus.SUCCESSFUL])
        await until(lambda: ledger.targets()[0].cooldown.out_until > 0)
        await clock.advance(301)
        await scaler.on_action(ALARM)
        assert variant.desired == 2
        await scaler.close()

    asyncio.run(scenario())
