"""Instances die, AWS goes away: nothing accepted is lost, nothing ends twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.harness import Harness, drive, program, settings_for, spec_for, until
from tests.support.processes import has_ended, running_program
from tests.support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest

pytestmark = pytest.mark.assumed


def container_processes(name: str = "script") -> list[psutil.Process]:
    """The running test containers of this process, without their guards."""
    return running_program(psutil.Process().children(recursive=True), program(name))


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


async def all_ended_once(harness: Harness, requests: list[AsyncRequest]) -> None:
    records = [await harness.ended(request, 60) for request in requests]
    assert Counter(record["state"] for record in records) == {"completed": len(requests)}
    found = await asyncio.to_thread(harness.objects)
    assert len(found) == len(requests)
    for request in requests:
        key = request.output_location.split("/", 3)[3]
        assert found[key]["Body"] == request.body
        assert found[key]["Metadata"]["meshtwin-request-id"] == request.request_id


def test_requests_survive_repeated_kills(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", concurrency=16)
        await harness.fleets.start(spec)
        requests = [harness.request(spec, b"sleep 0.05 %d" % n) for n in range(80)]
        submitting = asyncio.create_task(harness.accept_all(requests))
        killed = set()
        for _ in range(4):
            await until(lambda: harness.running_fleets.healthy_count(spec.endpoint_name))
            process = await until(lambda: next(iter(container_processes()), None))
            # Long enough for requests to be in its hands.
            await asyncio.sleep(0.1)
            os.kill(process.pid, signal.SIGKILL)
            killed.add(process.pid)
            await until(partial(gone, process.pid))
        assert len(killed) == 4
        await submitting
        await all_ended_once(harness, requests)

    drive(aws, settings_for(tmp_path, loss_seconds=20), scenario)


def test_a_killed_guard_is_a_lost_instance_too(aws: str, tmp_path: Path) -> None:
    deliveries, gate = tmp_path / "deliveries", tmp_path / "gate"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})
        await harness.fleets.start(spec)
        request = await harness.submit(spec, f"wait {gate}".encode())
        await until(deliveries.exists)
        (container,) = container_processes()
        guard = container.parent()
        assert guard is not None
        guard.kill()
        await until(lambda: has_ended(container))
        gate.touch()
        assert (await harness.ended(request))["fence"] == "2"

    drive(aws, settings_for(tmp_path, loss_seconds=20), scenario)


def test_requests_of_a_stopped_instance_run_on_another(aws: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DEAF": "1"})
        await harness.fleets.start(spec)
        request = await harness.submit(spec, f"wait {gate}".encode())
        await harness.fleets.scale(spec.endpoint_name, 0)
        assert harness.running_fleets.healthy_count(spec.endpoint_name) == 0
        await until(lambda: harness.record(request)["state"] == "queued")
        assert harness.objects() == {}
        gate.touch()
        await harness.fleets.scale(spec.endpoint_name, 1)
        assert (await harness.ended(request))["state"] == "completed"

    drive(aws, settings_for(tmp_path, stop_grace=0.1, loss_seconds=20), scenario)


def test_an_instance_may_finish_its_request_within_the_grace(aws: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DEAF": "1"})
        await harness.fleets.start(spec)
        request = await harness.submit(spec, f"wait {gate}".encode())
        (container,) = container_processes()
        scaling = asyncio.create_task(harness.fleets.scale(spec.endpoint_name, 0))
        await until(lambda: not harness.running_fleets.healthy_count(spec.endpoint_name))
        gate.touch()
        record = await harness.ended(request)
        assert record["state"] == "completed"
        assert record["fence"] == "1"
        # It would use up the rest of its grace.
        container.kill()
        await scaling

    drive(aws, settings_for(tmp_path, stop_grace=120.0), scenario)


def test_jobs_outlive_an_outage_of_s3_and_dynamodb(aws: str, tmp_path: Path, relay: Relay) -> None:
    deliveries = tmp_path / "deliveries"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", concurrency=4, environment={"DELIVERIES": str(deliveries)})
        await harness.fleets.start(spec)
        requests = [await harness.submit(spec, b"sleep 0.3 %d" % n) for n in range(8)]
        await until(lambda: deliveries.exists() and len(deliveries.read_text().split()) >= 4)
        relay.stop()
        await asyncio.sleep(1.0)
        refused = harness.request(spec)
        with pytest.raises(Exception, match="DynamoDB"):
            await harness.queue.accept(refused)
        calls = harness.writes()
        await asyncio.sleep(1.0)
        assert sum(harness.writes().values()) - sum(calls.values()) < 40
        relay.start()
        harness.look_at(aws)
        await all_ended_once(harness, requests)
        # Their answers were in hand: none ran a second time.
        assert sorted(deliveries.read_text().split()) == sorted(one.inference_id for one in requests)

    drive(relay.url, settings_for(tmp_path), scenario)


@pytest.fixture
def relay(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A way to AWS that can be shut; the environment points every client at it."""
    made = Relay(aws)
    made.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    yield made
    made.stop()
