"""Writes that land after their callers have given up, and notices that wait for SNS."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING

import boto3
import pytest

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.fleet.spec import Notifications
from meshtwin.emulator.sagemaker.meter import Metric
from meshtwin.emulator.sagemaker.queue.backlog import Entry
from meshtwin.emulator.sagemaker.queue.request import State
from meshtwin.emulator.sagemaker.queue.table import NoRecordError, RequestTable, StaleClaimError
from tests.support.harness import Harness, drive, settings_for, spec_for, until
from tests.support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.assumed


@pytest.fixture
def relay(aws: str) -> Iterator[Relay]:
    made = Relay(aws)
    made.start()
    yield made
    made.resume()
    made.stop()


def test_a_repetition_that_lands_late_undoes_nothing(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        table, request = harness.queue.table, harness.request(spec_for())
        table.put(request, 1)
        table.put(request, 1)
        claim = table.claim(request.endpoint_name, Entry(1, request.request_id, 0.0))
        with pytest.raises(StaleClaimError):
            table.put(request, 1)
        table.end(claim, State.COMPLETED, reason=None, now=1.0, delete_at=1e9)
        before = harness.record(request)
        with pytest.raises(StaleClaimError):
            table.put(request, 1)
        assert harness.record(request) == before

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.parametrize("change", ["end", "put_back"])
def test_what_another_thread_has_written_again_meanwhile_is_still_ours(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """It is written again between a change that is refused and the read that says why."""

    async def scenario(harness: Harness) -> None:
        table, request = harness.queue.table, harness.request(spec_for())
        table.put(request, 1)
        claim = table.claim(request.endpoint_name, Entry(1, request.request_id, 0.0))
        other_thread = RequestTable(harness.aws, table.name, table.owner)
        reads: list[str] = []
        read = table.get

        def get(request_id: str) -> object:
            if not reads:
                other_thread.restore(claim, 2.0, lambda: True)
            reads.append(request_id)
            return read(request_id)

        monkeypatch.setattr(table, "get", get)
        table.delete(request.request_id)
        if change == "end":
            table.end(claim, State.COMPLETED, reason=None, now=4.0, delete_at=1e9)
        else:
            table.put_back(claim, 3.0)
        assert reads
        assert harness.record(request)["state"] == {"end": "completed", "put_back": "queued"}[change]

    drive(aws, settings_for(tmp_path), scenario)


def test_a_request_whose_record_is_gone_is_told_from_one_that_was_claimed_again(
    aws: str, tmp_path: Path
) -> None:
    async def scenario(harness: Harness) -> None:
        table, request = harness.queue.table, harness.request(spec_for())
        entry = Entry(1, request.request_id, 0.0)
        with pytest.raises(NoRecordError):
            table.claim(request.endpoint_name, entry)
        table.put(request, 1)
        claim = table.claim(request.endpoint_name, entry)
        with pytest.raises(StaleClaimError, match="it is running, claim 1"):
            table.claim(request.endpoint_name, entry._replace(fence=5))
        # All of it is in memory: it is written again with each change that it makes.
        table.delete(request.request_id)
        table.restore(claim, 2.0, lambda: True)
        assert (harness.record(request)["state"], harness.record(request)["fence"]) == ("running", "1")
        table.delete(request.request_id)
        table.put_back(claim, 3.0)
        assert (harness.record(request)["state"], harness.record(request)["fence"]) == ("queued", "1")
        table.delete(request.request_id)
        table.end(claim, State.FAILED, reason="why", now=4.0, delete_at=1e9)
        assert harness.record(request)["reason"] == "why"

    drive(aws, settings_for(tmp_path), scenario)


def test_a_refused_request_is_not_left_in_the_table_by_a_store_that_was_paused(
    aws: str, tmp_path: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", relay.url)

    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.queue.register(spec.endpoint_name)
        requests = [harness.request(spec) for _ in range(4)]
        relay.pause()
        answers = await asyncio.gather(
            *(harness.queue.accept(request) for request in requests), return_exceptions=True
        )
        assert all(isinstance(answer, UnavailableError) for answer in answers)
        await until(lambda: len(harness.queue.uncertain) == 4)
        relay.resume()
        while len(harness.queue.uncertain):
            await harness.aws.run(harness.queue.uncertain.delete_refused)
        await until(lambda: not any(harness.queue.table.get(request.request_id) for request in requests))

    drive(relay.url, settings_for(tmp_path), scenario, s3_url=aws)


def test_a_refusal_leaves_no_doubt(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.queue.register(spec.endpoint_name)
        harness.aws.dynamodb.delete_table(TableName=harness.queue.table.name)
        with pytest.raises(UnavailableError):
            await harness.submit(spec)
        assert not len(harness.queue.uncertain)

    drive(aws, settings_for(tmp_path), scenario)


def test_a_notice_waits_for_sns(
    aws: str, tmp_path: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", relay.url)
    sns, sqs = boto3.client("sns", endpoint_url=aws), boto3.client("sqs", endpoint_url=aws)
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"t-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])

    async def scenario(harness: Harness) -> None:
        spec = spec_for(notifications=Notifications(success_topic=topic))
        await harness.fleets.start(spec)
        relay.stop()
        request = await harness.submit(spec)
        await until(lambda: any(harness.objects()))
        assert harness.record(request)["state"] == "running"
        relay.start()
        assert (await harness.ended(request, 30))["state"] == "completed"
        [message] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        assert json.loads(json.loads(message["Body"])["Message"])["inferenceId"] == request.inference_id

    drive(aws, settings_for(tmp_path), scenario)
    sns.close()
    sqs.close()


def test_a_notice_does_not_wait_for_ever(
    aws: str, tmp_path: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", relay.url)
    relay.stop()

    async def scenario(harness: Harness) -> None:
        topic = "arn:aws:sns:us-east-1:123456789012:away"
        spec = spec_for(notifications=Notifications(success_topic=topic))
        await harness.fleets.start(spec)
        request = await harness.submit(spec)
        assert (await harness.ended(request, 30))["state"] == "completed"
        assert harness.meter.of(spec.endpoint_name, Metric.NOTIFICATION_FAILURES) == 1

    drive(aws, settings_for(tmp_path, notice_patience=0.2), scenario)
