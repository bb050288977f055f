"""The emulator is killed at every step of a request's life, and started again on the same tables."""

from __future__ import annotations

import contextlib
import uuid
from http.client import HTTPException
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.faults.rules import Stage
from tests.support.emulator import client, make_endpoint, status_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.emulator import Running, Start

SHORT = [*((stage, False, 0) for stage in Stage), (Stage.CLAIMED, True, 0), (Stage.WRITTEN, True, 0)]
LONG = [one for one in product(Stage, (False, True), range(3)) if one not in SHORT]
"""Where it is killed, whether the request has waited, and a number of its own."""


def submit(running: Running, name: str, body: bytes) -> str | None:
    """The output location of a request, None where it was not accepted."""
    runtime = running.client("sagemaker-runtime")
    try:
        location: str = runtime.invoke_endpoint_async(EndpointName=name, Body=body)["OutputLocation"]
    except (BotoCoreError, ClientError):
        return None
    else:
        return location
    finally:
        runtime.close()


def keys(s3: Any, bucket: str) -> list[str]:
    return [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


class Lives:
    """Emulators on the same tables, one after the other: each next one is there when it is asked for."""

    def __init__(self, start_emulator: Start, stack: contextlib.ExitStack) -> None:
        self._start = start_emulator
        self._prefix = f"kill-{uuid.uuid4().hex[:8]}"
        self._stack = stack
        self._running: Running | None = None

    def now(self) -> Running:
        """The one that lives."""
        if self._running is None or self._running.process.poll() is not None:
            self._stack.close()
            self._running = self._stack.enter_context(self._start(table_prefix=self._prefix))
        return self._running


@pytest.fixture(scope="module")
def lives(start_emulator: Start) -> Iterator[Lives]:
    with contextlib.ExitStack() as stack:
        yield Lives(start_emulator, stack)


@pytest.mark.parametrize(
    ("stage", "queued", "repeat"),
    [*SHORT, *(pytest.param(*one, marks=pytest.mark.soak(seconds=15)) for one in LONG)],
)
def test_a_kill_at_any_stage_loses_and_doubles_nothing(
    lives: Lives, moto_url: str, stage: Stage, repeat: int, *, queued: bool
) -> None:
    name = f"k{repeat}-{uuid.uuid4().hex[:8]}"
    s3, sqs, sns = (client(service, moto_url) for service in ("s3", "sqs", "sns"))
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    bucket = f"{name}-bucket"
    output = {
        "S3OutputPath": f"s3://{bucket}/out",
        "S3FailurePath": f"s3://{bucket}/failed",
        "NotificationConfig": {"SuccessTopic": topic, "ErrorTopic": topic},
    }
    accepted: set[str] = set()
    running = lives.now()
    sagemaker = running.client("sagemaker")
    make_endpoint(sagemaker, moto_url, name, output=output)
    sagemaker.close()
    if queued:
        hold = {"place": "container", "effect": "hang", "times": 1, "endpoint": name}
        running.admin("/faults", hold)
        first = str(submit(running, name, b"first"))
        accepted.add(first)
        # The rule that follows is for what comes after its delivery.
        wait_until(lambda: running.admin(f"/requests/{request_id_of(first)}")["exchanges"])
    running.admin("/faults", {"place": "emulator", "effect": "kill", "stage": stage, "times": 1})
    accepted.add(str(submit(running, name, b"second")))
    if queued and running.process.poll() is None:
        # The first one ends as cancelled, and its end, or the second's turn, is the emulator's.
        held = next(iter(sorted(accepted - {"None"})))
        with contextlib.suppress(OSError, HTTPException):
            running.send(f"/_emulator/requests/{request_id_of(held)}/cancel")
    wait_until(lambda: running.process.poll() is not None, 20)
    accepted.discard("None")
    again = lives.now()
    sagemaker = again.client("sagemaker")
    wait_until(lambda: status_of(sagemaker, name) == "InService")
    ids = {request_id_of(location) for location in accepted}
    # What was written is kept, whether its caller heard of it or not.
    expected = (1 if queued else 0) + (0 if stage is Stage.ACCEPT else 1)

    def settled() -> list[dict[str, Any]] | None:
        listed: list[dict[str, Any]] = again.admin(f"/requests?endpoint={name}")["requests"]
        return listed if len(listed) == expected and all(one["ended_at"] for one in listed) else None

    listed = wait_until(settled, 30) if expected else []
    found = keys(s3, bucket)
    of_request = {one["request_id"]: [key for key in found if one["request_id"] in key] for one in listed}
    assert ids <= of_request.keys()
    assert all(len(written) == 1 for written in of_request.values()), of_request
    assert len(found) == len(listed)
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    told = "".join(message["Body"] for message in messages)
    for one in listed:
        assert one["inference_id"] in told
    sagemaker.delete_endpoint(EndpointName=name)  # the next one that lives has enough with its own
    for made in (s3, sqs, sns, sagemaker):
        made.close()


def request_id_of(location: str) -> str:
    return location.rpartition("/")[2].removesuffix(".out")
