"""A build whose endpoint is real: the emulator, the runtime in its container, and notices through SNS."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from meshtwin.minecraft.jobs.states import State
from tests.support.build_jobs import get, post
from tests.support.emulator import client
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.boundary import Boundary
    from tests.support.build_jobs import World
    from tests.support.emulator import Running, Start

PICTURE = Path(__file__).parents[2] / "fixtures" / "images" / "duck.jpg"
RUNTIME = ("--command", f"*={sys.executable} -m meshtwin.runtime serve")


def make_endpoint(emulator: Running, name: str, bucket: str, topic: str) -> None:
    """The endpoint, as `meshtwin up` makes it, with both its topics."""
    sagemaker = emulator.client("sagemaker")
    container = {"Image": "runtime", "Environment": {"RUNTIME_BACKEND": "relief"}}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container)
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{**variant, "InstanceType": "ml.g5.2xlarge"}],
        AsyncInferenceConfig={
            "OutputConfig": {
                "S3OutputPath": f"s3://{bucket}/async-output",
                "S3FailurePath": f"s3://{bucket}/async-failures",
                "NotificationConfig": {"SuccessTopic": topic, "ErrorTopic": topic},
            }
        },
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_until(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService", 110)
    sagemaker.close()


class Notices:
    """What a topic says, as the events that Lambda would be called with."""

    def __init__(self, url: str, name: str) -> None:
        self._sqs, sns = client("sqs", url), client("sns", url)
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self.topic = str(sns.create_topic(Name=name)["TopicArn"])
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        sns.close()

    def take(self) -> list[dict[str, Any]]:
        received = self._sqs.receive_message(QueueUrl=self._queue).get("Messages", [])
        for message in received:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [{"Records": [{"Sns": json.loads(message["Body"])}]} for message in received]

    def close(self) -> None:
        self._sqs.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("world", [2], indirect=True)
def test_a_prompt_becomes_a_model_by_notices_alone(
    world: World,
    boundary: Boundary,
    start_emulator: Start,
    moto_url: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And of a picture that is none the player hears in words."""
    notices = Notices(moto_url, name)
    with start_emulator(launcher=RUNTIME) as emulator:
        make_endpoint(emulator, name, world.bucket, notices.topic)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", emulator.url)
        monkeypatch.setenv("ENDPOINT_NAME", name)
        good, broken = (
            begin(world, boundary, picture) for picture in (PICTURE.read_bytes(), b"no picture at all")
        )

        def has_gone_on() -> bool:
            for event in notices.take():
                world.worker(event)
            return bool(boundary.asked) and world.job(broken).ended_at is not None

        wait_until(has_gone_on, 120)
    notices.close()
    reply = get(broken).json
    assert (reply["status"], reply["errorCode"]) == ("FAILED", "invalid_image")
    assert reply["error"].startswith("The image could not be read.")
    (asked,) = boundary.asked
    assert asked.event["glb_s3"].endswith(f"jobs/{good}/textured.glb")
    for model in ("shape.glb", "textured.glb"):
        stored = boto3.client("s3").get_object(Bucket=world.bucket, Key=f"jobs/{good}/{model}")
        assert stored["Body"].read(4) == b"glTF"
    world.run()
    assert world.job(good).state is State.SUCCEEDED


def begin(world: World, boundary: Boundary, picture: bytes) -> str:
    """A job whose picture is there, and whose shape was asked for."""
    job_id = str(post({"prompt": "a duck", "seed": 3}).json["jobId"])
    world.worker(boundary.asked.pop(0).event)
    world.put(boundary.asked.pop(0).event["output_s3"], picture)
    world.wake(job_id)
    return job_id
