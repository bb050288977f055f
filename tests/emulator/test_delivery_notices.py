"""Notices, as a subscriber of the topic gets them."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from meshtwin.emulator.sagemaker.fleet.spec import Notifications
from meshtwin.emulator.sagemaker.meter import Metric
from tests.support.harness import Harness, drive, settings_for, spec_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html"


class Subscriber:
    """A topic, and a queue that hears it."""

    def __init__(self, url: str) -> None:
        self._sns = boto3.client("sns", endpoint_url=url)
        self._sqs = boto3.client("sqs", endpoint_url=url)
        name = f"t-{uuid.uuid4().hex[:8]}"
        self.topic = self._sns.create_topic(Name=name)["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        self._sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])

    def heard(self) -> list[dict[str, Any]]:
        messages = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(json.loads(message["Body"])["Message"]) for message in messages]

    def close(self) -> None:
        self._sns.close()
        self._sqs.close()


@pytest.fixture
def subscriber(aws: str) -> Iterator[Subscriber]:
    made = Subscriber(aws)
    yield made
    made.close()


@pytest.mark.documented(PAGE)
def test_each_end_is_told_once_to_its_topic(aws: str, tmp_path: Path, subscriber: Subscriber) -> None:
    other = Subscriber(aws)

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", notifications=Notifications(subscriber.topic, other.topic))
        await harness.fleets.start(spec)
        done = await harness.submit(spec, b"hello", content_type="text/csv")
        failed = await harness.submit(spec, b"status 400")
        for request in (done, failed):
            await harness.ended(request)
        (success,) = subscriber.heard()
        (failure,) = other.heard()
        assert success["inferenceId"] == done.inference_id
        assert success["invocationStatus"] == "Completed"
        assert success["responseParameters"] == {
            "contentType": "text/csv",
            "outputLocation": done.output_location,
        }
        assert "responseBody" not in success
        assert failure["inferenceId"] == failed.inference_id
        assert "Received client error (400) from model" in failure["failureReason"]
        assert "responseParameters" not in failure

    try:
        drive(aws, settings_for(tmp_path), scenario)
    finally:
        other.close()


@pytest.mark.documented(
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AsyncInferenceNotificationConfig.html"
)
@pytest.mark.parametrize(("size", "is_included"), [(128 * 1024, True), (128 * 1024 + 1, False)])
def test_the_response_is_included_where_asked_for(
    aws: str, tmp_path: Path, subscriber: Subscriber, size: int, is_included: bool
) -> None:
    async def scenario(harness: Harness) -> None:
        chosen = frozenset({"SUCCESS_NOTIFICATION_TOPIC"})
        notifications = Notifications(success_topic=subscriber.topic, include_response_in=chosen)
        spec = spec_for("script", notifications=notifications)
        await harness.fleets.start(spec)
        await harness.ended(await harness.submit(spec, b"big %d" % size))
        (notice,) = subscriber.heard()
        assert ("responseBody" in notice) == is_included
        if is_included:
            assert base64.b64decode(notice["responseBody"]["content"]) == b"x" * size

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.assumed
def test_an_expired_request_is_told_to_the_error_topic(
    aws: str, tmp_path: Path, subscriber: Subscriber
) -> None:
    async def scenario(harness: Harness) -> None:
        notifications = Notifications(error_topic=subscriber.topic)
        spec = spec_for(instance_count=0, notifications=notifications)
        await harness.fleets.start(spec)
        request = await harness.submit(spec, ttl_seconds=0)
        await harness.ended(request)
        (notice,) = subscriber.heard()
        assert notice["invocationStatus"] == "Failed"
        assert notice["failureReason"] == harness.settings.expired_reason

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.documented("https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html")
def test_a_notice_that_cannot_be_sent_is_counted_and_fails_nothing(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        nowhere = "arn:aws:sns:us-east-1:123456789012:no-such-topic"
        spec = spec_for(notifications=Notifications(success_topic=nowhere))
        await harness.fleets.start(spec)
        request = await harness.submit(spec)
        assert (await harness.ended(request))["state"] == "completed"
        meter = harness.meter
        assert meter.of(spec.endpoint_name, Metric.NOTIFICATION_FAILURES) == 1
        assert meter.of(spec.endpoint_name, Metric.PROCESSED) == 1

    drive(aws, settings_for(tmp_path), scenario)
