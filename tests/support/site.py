"""An endpoint whose container does as requests say, and all that a test wants to know of it."""

from __future__ import annotations

import json
import sys
import uuid
from typing import TYPE_CHECKING, Any

from tests.support.emulator import Answer, Running, client, create_endpoint, status_of
from tests.support.harness import CONTAINERS
from tests.support.scaling import put_waking
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def options_for(folder: Path, *more: str) -> tuple[str, ...]:
    script = f"env DELIVERIES={folder / 'deliveries'} {sys.executable} {CONTAINERS / 'script.py'}"
    return ("--command", f"script={script}", *more)


class Site:
    """An endpoint of one instance, which takes one request at a time and does what that says.

    Of what the emulator has logged, delivered and lost, it has what came since it was made.
    """

    def __init__(self, running: Running, store_url: str, folder: Path) -> None:
        self.running = running
        self.folder = folder
        self.name = f"s-{uuid.uuid4().hex[:8]}"
        self._lines_before = self._deliveries_before = self._lost_before = 0
        self._lines_before = len(self.lines())
        self._deliveries_before = len(self.deliveries())
        self._lost_before = self.lost()
        self.s3, self.sns, self.sqs = (client(service, store_url) for service in ("s3", "sns", "sqs"))
        self.cloudwatch = client("cloudwatch", store_url)
        self.sagemaker = running.client("sagemaker")
        self.autoscaling = running.client("application-autoscaling")
        self.topic = self.sns.create_topic(Name=self.name)["TopicArn"]
        self.s3.create_bucket(Bucket=self.bucket)
        output = {
            "S3OutputPath": f"s3://{self.bucket}/out",
            "S3FailurePath": f"s3://{self.bucket}-failed/failed",
            "NotificationConfig": {"SuccessTopic": self.topic, "ErrorTopic": self.topic},
        }
        self.s3.create_bucket(Bucket=f"{self.bucket}-failed")
        create_endpoint(self.sagemaker, self.name, output, image="script")
        wait_until(lambda: status_of(self.sagemaker, self.name) == "InService")
        self.gate = folder / f"{self.name}-gate"

    def leave(self) -> None:
        """Have the emulator go on without this endpoint."""
        self.gate.touch()
        self.sagemaker.delete_endpoint(EndpointName=self.name)
        wait_until(lambda: status_of(self.sagemaker, self.name) == "Deleted")
        self.close()

    def close(self) -> None:
        for used in (self.s3, self.sns, self.sqs, self.cloudwatch, self.sagemaker, self.autoscaling):
            used.close()

    @property
    def bucket(self) -> str:
        return f"{self.name}-bucket"

    @property
    def place(self) -> dict[str, str]:
        return {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{self.name}/variant/v",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }

    def send(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        return self.running.send(f"/endpoints/{self.name}/async-invocations", body=body, headers=headers)

    def submit(self, body: bytes, headers: Mapping[str, str] | None = None) -> str:
        """A request's id."""
        answer = self.send(body, headers)
        assert answer.status == 202, answer.body
        return str(answer.headers["x-amzn-sagemaker-outputlocation"]).rpartition("/")[2].removesuffix(".out")

    def submit_held(self) -> str:
        """A request that runs until the gate is there."""
        request_id = self.submit(f"wait {self.gate}".encode())
        wait_until(lambda: self.request(request_id)["state"] == "running" and self.deliveries())
        return request_id

    def deliveries(self) -> list[str]:
        """The inference ids that the container has got."""
        note = self.folder / "deliveries"
        return note.read_text().split()[self._deliveries_before :] if note.exists() else []

    def request(self, request_id: str) -> Any:
        return self.running.admin(f"/requests/{request_id}")

    def store_state(self) -> Any:
        return self.running.admin("/health")["store"]

    def lost(self) -> int:
        """How many requests went with what the store has lost."""
        return int(self.store_state()["lost"]) - self._lost_before

    def end_of(self, request_id: str) -> Any:
        return self.running.admin(f"/requests/{request_id}/await?timeout=90")

    def objects(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [found["Key"] for found in listed]

    def judged(self) -> str:
        """What the emulator says of the endpoint's scaling, its alarms by name."""
        return "\n".join(self.running.admin(f"/endpoints/{self.name}/explain")["sentences"])

    def is_set_up(self, times: int = 1) -> bool:
        return self.logged().count("store_set_up_again") == times

    def lines(self) -> list[Any]:
        """What the emulator has logged."""
        return [json.loads(line) for line in self.running.log.read_text().splitlines()[self._lines_before :]]

    def logged(self) -> list[str]:
        return [line["event"] for line in self.lines()]

    def subscribe(self) -> Callable[[], list[dict[str, Any]]]:
        """What the topic says from now on, all of it at each call."""
        queue = self.sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"]
        asked = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])
        heard: list[dict[str, Any]] = []

        def hear() -> list[dict[str, Any]]:
            found = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            heard.extend(json.loads(json.loads(message["Body"])["Message"]) for message in found)
            return heard

        return hear


def register(site: Site) -> None:
    """The guide's pair of policies, with the alarm that one of them needs."""
    site.autoscaling.register_scalable_target(**site.place, MinCapacity=0, MaxCapacity=2)
    site.autoscaling.put_scaling_policy(
        **site.place,
        PolicyName="track",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 5.0,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": site.name}],
                "Statistic": "Average",
            },
        },
    )
    put_waking(site.autoscaling, site.cloudwatch, site.place, site.name)


def alarms_of(site: Site) -> dict[str, tuple[Any, ...]]:
    found = site.cloudwatch.describe_alarms()["MetricAlarms"]
    return {
        one["AlarmName"]: (one["MetricName"], one["Threshold"], one["AlarmActions"], one["EvaluationPeriods"])
        for one in found
        if site.name in one["AlarmName"]
    }
