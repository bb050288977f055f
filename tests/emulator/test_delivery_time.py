"""Time to live and invocation timeout, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.sagemaker.delivery.outcome import TIMED_OUT
from meshtwin.emulator.sagemaker.meter import Metric
from tests.support.harness import Harness, drive, settings_for, spec_for, until

if TYPE_CHECKING:
    from pathlib import Path

INVOKE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html"


@pytest.mark.documented(INVOKE)
def test_a_request_expires_in_the_queue_of_an_endpoint_without_instances(aws: str, tmp_path: Path) -> None:
    clock = manual_clock()

    async def scenario(harness: Harness) -> None:
        spec = spec_for(instance_count=0)
        await harness.fleets.start(spec)
        short = await harness.submit(spec, ttl_seconds=60)
        longest = await harness.submit(spec)
        await clock.advance(59)
        assert harness.record(short)["state"] == "queued"
        await clock.advance(1)
        assert (await harness.ended(short))["state"] == "expired"
        begun = time.monotonic()
        await clock.advance(6 * 3600 - 61)
        assert harness.record(longest)["state"] == "queued"
        await clock.advance(1)
        record = await harness.ended(longest)
        assert time.monotonic() - begun < 5
        assert record["state"] == "expired"
        assert record["reason"] == harness.settings.expired_reason
        result = harness.result(longest)
        assert result["failed"]
        assert result["Body"].decode() == harness.settings.expired_reason
        assert harness.meter.of(spec.endpoint_name, Metric.EXPIRED) == 2

    drive(aws, settings_for(tmp_path), scenario, clock)


@pytest.mark.assumed
def test_requests_expire_while_all_slots_are_busy(aws: str, tmp_path: Path) -> None:
    clock = manual_clock()

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script")
        await harness.fleets.start(spec)
        running = await harness.submit(spec, b"hang", timeout_seconds=3600)
        waiting = await harness.submit(spec, ttl_seconds=60)
        await clock.advance(60)
        assert (await harness.ended(waiting))["state"] == "expired"
        # What runs is not in the queue any more.
        assert harness.record(running)["state"] == "running"

    drive(aws, settings_for(tmp_path), scenario, clock)


@pytest.mark.documented(INVOKE)
def test_an_invocation_times_out_on_the_clock_and_frees_its_slot(aws: str, tmp_path: Path) -> None:
    clock = manual_clock()
    deliveries = tmp_path / "deliveries"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})
        await harness.fleets.start(spec)
        request = await harness.submit(spec, b"hang")
        await until(lambda: deliveries.exists() and request.inference_id in deliveries.read_text())
        await clock.advance(899)
        await asyncio.sleep(0.05)
        assert harness.record(request)["state"] == "running"
        await clock.advance(1)
        assert (await harness.ended(request))["state"] == "failed"
        assert harness.result(request)["Body"] == TIMED_OUT.encode()
        after = await harness.submit(spec)
        assert (await harness.ended(after))["state"] == "completed"

    drive(aws, settings_for(tmp_path), scenario, clock)
