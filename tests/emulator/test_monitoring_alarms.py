"""A user's own alarms on an asynchronous endpoint, made and read by boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import client, create_endpoint, status_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.emulator import Running, Start

GUIDE = "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html"
MONITOR = "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html"


@pytest.fixture
def quick(start_emulator: Start) -> Iterator[Running]:
    """An emulator whose minutes last a tenth of a second."""
    with start_emulator(options=("--speed", "600")) as running:
        yield running


@pytest.fixture
def cloudwatch(moto_url: str) -> Iterator[Any]:
    made = client("cloudwatch", moto_url)
    yield made
    made.close()


def put_alarm(cloudwatch: Any, endpoint: str, **changes: Any) -> str:
    """The guide's alarm, less its action; its name."""
    name = f"{endpoint}-alarm"
    given: dict[str, Any] = {
        "AlarmName": name,
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
        **changes,
    }
    cloudwatch.put_metric_alarm(**given)
    return name


def state_of(cloudwatch: Any, name: str) -> str:
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


def empty_endpoint(running: Running, name: str) -> None:
    """An asynchronous endpoint without an instance, in service, and one request in its queue."""
    sagemaker, runtime = running.client("sagemaker"), running.client("sagemaker-runtime")
    create_endpoint(sagemaker, name, {"S3OutputPath": "s3://nowhere/out"})
    wait_until(lambda: status_of(sagemaker, name) == "InService")
    autoscaling = running.client("application-autoscaling")
    autoscaling.register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{name}/variant/v",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=0,
        MaxCapacity=0,
    )
    instances: Callable[[], int] = lambda: sagemaker.describe_endpoint(EndpointName=name)[  # noqa: E731
        "ProductionVariants"
    ][0]["CurrentInstanceCount"]
    wait_until(lambda: instances() == 0)
    runtime.invoke_endpoint_async(EndpointName=name, Body=b"hello", RequestTTLSeconds=21_600)
    for used in (sagemaker, runtime, autoscaling):
        used.close()


@pytest.mark.documented(GUIDE)
def test_an_alarm_on_a_backlog_without_capacity_goes_off(quick: Running, cloudwatch: Any, name: str) -> None:
    empty_endpoint(quick, name)
    alarm = put_alarm(cloudwatch, name)
    wait_until(lambda: state_of(cloudwatch, alarm) == "ALARM")
    [found] = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    assert found["StateReason"].startswith("Threshold Crossed: 2 out of the last 2 datapoints [1.0 (")
    cloudwatch.delete_alarms(AlarmNames=[alarm])


@pytest.mark.documented(MONITOR)
def test_an_alarm_with_the_variant_in_its_dimensions_never_sees_a_backlog(
    quick: Running, cloudwatch: Any, name: str
) -> None:
    empty_endpoint(quick, name)
    dimensions = [{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "v"}]
    wrong = put_alarm(cloudwatch, name, AlarmName=f"{name}-wrong", Dimensions=dimensions)
    right = put_alarm(cloudwatch, name)
    wait_until(lambda: state_of(cloudwatch, right) == "ALARM")
    assert state_of(cloudwatch, f"{name}-wrong") == "INSUFFICIENT_DATA"
    cloudwatch.delete_alarms(AlarmNames=[wrong, right, f"{name}-wrong"])
