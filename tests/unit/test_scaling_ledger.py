"""Scaling activities: how long they are shown and stay in the table, and how many of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.core.protocol.operations import RequestContext
from meshtwin.emulator.sagemaker.autoscaling.ledger import Ledger
from meshtwin.emulator.sagemaker.autoscaling.model import Activity, ActivityStatus
from meshtwin.emulator.sagemaker.autoscaling.scaler import Scaler
from meshtwin.emulator.sagemaker.autoscaling.service import Scaling, deregister_endpoint
from meshtwin.emulator.sagemaker.autoscaling.tracking_alarms import TrackingAlarms
from meshtwin.emulator.sagemaker.settings import Settings
from tests.support.documents import MemoryDocuments
from tests.unit.test_scaling_failed_writes import NoAlarms, OneVariant
from tests.unit.test_scaling_names import PLACE, Aws

SIX_WEEKS = 42 * 24 * 3600.0


def activity(number: int, endpoint: str, at: float) -> Activity:
    return Activity(
        activity_id=str(number),
        resource_id=f"endpoint/{endpoint}/variant/v",
        description="Setting desired instance count to 1.",
        cause="a test",
        started_at=at,
        status=ActivityStatus.SUCCESSFUL,
        message="",
        ended_at=at,
    )


def in_table(documents: MemoryDocuments) -> dict[str, int]:
    """How many activities the table has of each endpoint."""
    return {name.split("/")[1]: len(json.loads(found)) for (_, name), found in documents.kept.items()}


def test_what_is_too_old_to_be_shown_leaves_the_table_with_the_next_activity_of_any_endpoint() -> None:
    async def scenario() -> None:
        documents = MemoryDocuments()
        ledger = Ledger(documents)
        for number in range(30):
            await ledger.put_activity(activity(number, f"e{number}", number), number)
        assert len(in_table(documents)) == 30
        now = SIX_WEEKS + 29
        await ledger.put_activity(activity(30, "another", now), now)
        assert in_table(documents) == {"e29": 1, "another": 1}

    asyncio.run(scenario())


def test_what_is_too_old_to_be_shown_leaves_the_table_when_an_emulator_starts() -> None:
    async def scenario() -> None:
        documents = MemoryDocuments()
        await Ledger(documents).put_activity(activity(1, "old", 0.0), 0.0)
        await Ledger(documents).put_activity(activity(2, "young", 1.0), 1.0)
        await Ledger(documents).load(SIX_WEEKS + 1)
        assert in_table(documents) == {"young": 1}

    asyncio.run(scenario())


def test_one_endpoint_keeps_so_many_activities_however_often_it_scales() -> None:
    async def scenario() -> None:
        documents = MemoryDocuments()
        ledger = Ledger(documents)
        for number in range(250):
            await ledger.put_activity(activity(number, "busy", number), number)
        assert in_table(documents) == {"busy": 200}
        assert ledger.activities()[0].activity_id == "249"

    asyncio.run(scenario())


@pytest.mark.documented(
    "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingActivities.html"
)
def test_activities_are_shown_for_six_weeks_though_their_endpoint_is_deleted() -> None:
    async def scenario() -> None:
        variant, settings, clock = OneVariant(), Settings(), manual_clock()
        variant.stable.set()
        ledger = Ledger(MemoryDocuments())
        scaler = Scaler(ledger, variant, NoAlarms(), clock)  # type: ignore[arg-type]  # no tracking policy here
        alarms = TrackingAlarms(Aws(), settings)  # type: ignore[arg-type]  # no alarm either
        service = Scaling(ledger, scaler, variant, alarms, clock, settings)
        context = RequestContext("id", "operation")
        place: Any = {**PLACE, "ResourceId": "endpoint/e/variant/v"}

        async def causes() -> list[str]:
            shown = await service.describe_activities(context, place)
            return [activity["Cause"] for activity in shown["ScalingActivities"]]

        bounded: Any = {**place, "MinCapacity": 1, "MaxCapacity": 5}
        await service.register(context, bounded)
        await deregister_endpoint("e", "v", ledger, alarms)
        await clock.advance(SIX_WEEKS)
        assert await causes() == ["minimum capacity was set to 1"]
        await clock.advance(1)
        assert await causes() == []
        await scaler.close()

    asyncio.run(scenario())
