"""AWS's recommended pair of policies, on a clock moved by hand: from one instance to zero, and back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import client, make_endpoint
from tests.support.scaling import put_waking
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.emulator import Made, Running, Start


class Stage:
    """One endpoint on an emulator whose clock stands still, and the clients to work with it."""

    def __init__(self, running: Running, moto_url: str, name: str) -> None:
        self.running = running
        self.sagemaker: Any = running.client("sagemaker")
        self.runtime: Any = running.client("sagemaker-runtime")
        self.autoscaling: Any = running.client("application-autoscaling")
        self.cloudwatch: Any = client("cloudwatch", moto_url)
        self.made: Made = make_endpoint(self.sagemaker, moto_url, name)
        self.dimensions = [{"Name": "EndpointName", "Value": name}]
        self.place = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{name}/variant/v",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }

    def close(self) -> None:
        for used in (self.sagemaker, self.runtime, self.autoscaling, self.cloudwatch):
            used.close()

    def register(self, maximum: int = 5) -> None:
        self.autoscaling.register_scalable_target(**self.place, MinCapacity=0, MaxCapacity=maximum)

    def track(self, **config: Any) -> None:
        metric = {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": self.dimensions,
            "Statistic": "Average",
        }
        self.autoscaling.put_scaling_policy(
            **self.place,
            PolicyName="track",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 5.0,
                "CustomizedMetricSpecification": metric,
                **config,
            },
        )

    def wake(self, **step: Any) -> None:
        put_waking(self.autoscaling, self.cloudwatch, self.place, self.made.name, **step)

    def counts(self) -> tuple[str, int, int]:
        described = self.sagemaker.describe_endpoint(EndpointName=self.made.name)
        variant = described["ProductionVariants"][0]
        return (
            described["EndpointStatus"],
            variant["DesiredInstanceCount"],
            variant["CurrentInstanceCount"],
        )

    def has(self, count: int) -> None:
        wait_until(lambda: self.counts() == ("InService", count, count))

    def submit(self) -> str:
        answer = self.runtime.invoke_endpoint_async(EndpointName=self.made.name, Body=b"hello")
        return str(answer["OutputLocation"]).rpartition("/")[2].removesuffix(".out")

    def sentences(self) -> str:
        found = self.running.admin(f"/endpoints/{self.made.name}/explain")
        return "\n".join(found["sentences"])


@pytest.fixture(scope="module")
def still(start_emulator: Start) -> Iterator[Running]:
    """An emulator whose clock stands still until a test moves it."""
    with start_emulator(options=("--speed", "0")) as running:
        yield running


@pytest.fixture
def stage(still: Running, moto_url: str, name: str) -> Iterator[Stage]:
    made = Stage(still, moto_url, name)
    yield made
    still.admin("/faults", method="DELETE")
    made.sagemaker.delete_endpoint(EndpointName=name)
    made.close()


def test_from_one_to_zero_to_one_and_to_zero_again(stage: Stage) -> None:
    stage.register()
    stage.track(ScaleInCooldown=600, ScaleOutCooldown=300)
    stage.wake()
    [instance] = [
        one for one in stage.running.admin("/instances")["instances"] if one["endpoint"] == stage.made.name
    ]
    began = time.monotonic()
    stage.running.advance(17 * 60)
    stage.has(0)
    wait_until(lambda: not Path(f"/proc/{instance['pid']}").exists())
    request_id = stage.submit()
    assert stage.running.admin(f"/requests/{request_id}")["state"] == "queued"
    stage.running.advance(60)
    assert stage.counts()[1] == 0
    stage.running.advance(120)
    stage.has(1)
    assert stage.running.admin(f"/requests/{request_id}/await?timeout=10")["state"] == "completed"
    # For whoever reads the output; what it has to be is measured elsewhere.
    print(f"1 -> 0 -> 1 in {time.monotonic() - began:.2f} s")  # noqa: T201
    stage.running.advance(30 * 60)
    stage.has(0)
    causes = [
        activity["Cause"]
        for activity in stage.autoscaling.describe_scaling_activities(
            ServiceNamespace="sagemaker", ResourceId=stage.place["ResourceId"]
        )["ScalingActivities"]
    ]
    assert [cause.rpartition(" ")[2] for cause in causes] == ["track", "wake", "track"]


def test_gotcha_06_without_the_second_policy_it_never_comes_back_and_explain_says_so(stage: Stage) -> None:
    stage.register()
    stage.track()
    stage.running.advance(17 * 60)
    stage.has(0)
    request_id = stage.submit()
    stage.running.advance(3600)
    assert stage.counts() == ("InService", 0, 0)
    assert stage.running.admin(f"/requests/{request_id}")["state"] == "queued"
    words = stage.sentences()
    assert "no step policy has an alarm on HasBacklogWithoutCapacity" in words
    assert "until more than 5 requests wait" in words
    stage.wake()
    stage.running.advance(180)
    stage.has(1)


def test_gotcha_05_a_policy_on_invocations_per_instance_never_fires(stage: Stage) -> None:
    stage.register()
    stage.autoscaling.put_scaling_policy(
        **stage.place,
        PolicyName="silent",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 5.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
        },
    )
    stage.running.advance(3600)
    assert stage.counts() == ("InService", 1, 1)
    assert "it never fires" in stage.sentences()
    names = {
        metric["MetricName"]
        for metric in stage.cloudwatch.list_metrics(Dimensions=stage.dimensions)["Metrics"]
    }
    assert "InvocationsPerInstance" not in names


def test_many_that_wait_scale_out_to_the_maximum_and_no_further(stage: Stage) -> None:
    stage.register(maximum=2)
    stage.track()
    stage.running.admin("/faults", {"place": "container", "effect": "hang", "endpoint": stage.made.name})
    for _ in range(40):
        stage.submit()
    stage.running.advance(4 * 60)
    stage.has(2)
    stage.running.advance(10 * 60)
    assert stage.counts() == ("InService", 2, 2)
    activities = stage.autoscaling.describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=stage.place["ResourceId"], IncludeNotScaledActivities=True
    )["ScalingActivities"]
    [reason] = activities[0]["NotScaledReasons"]
    assert (reason["Code"], reason["MaxCapacity"]) == ("AlreadyAtMaxCapacity", 2)
    assert "at its maximum of 2" in stage.sentences()


def test_a_step_on_the_wrong_side_does_nothing_and_explain_says_so(stage: Stage) -> None:
    stage.register()
    stage.track()
    stage.wake(MetricIntervalUpperBound=0)
    stage.running.advance(17 * 60)
    stage.has(0)
    stage.submit()
    stage.running.advance(10 * 60)
    assert stage.counts()[1] == 0
    assert "has no step above the threshold" in stage.sentences()
