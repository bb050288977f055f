"""Metrics of a real endpoint, read back from the profile's CloudWatch and from the emulator's own page."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import client, make_endpoint
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.emulator import Made, Running, Start

PAGE = "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html"
FIELD = "https://github.com/philschmid/terraform-aws-sagemaker-huggingface/issues/9"


class Fast:
    """Minutes that last a tenth of a second, an endpoint, and a request that is being processed."""

    def __init__(self, running: Running, moto_url: str) -> None:
        self.running = running
        self.cloudwatch: Any = client("cloudwatch", moto_url)
        sagemaker, runtime = running.client("sagemaker"), running.client("sagemaker-runtime")
        self.made: Made = make_endpoint(sagemaker, moto_url, f"n-{uuid.uuid4().hex[:12]}")
        done = runtime.invoke_endpoint_async(EndpointName=self.made.name, Body=b"hello")["OutputLocation"]
        request_id = done.rpartition("/")[2].removesuffix(".out")
        running.admin(f"/requests/{request_id}/await?timeout=20")
        running.admin("/faults", {"place": "container", "effect": "hang"})
        sagemaker.close()
        runtime.close()
        self.stay()

    def stay(self) -> None:
        """Have one more request be processed: on this clock the longest that one may run is 6 s."""
        runtime = self.running.client("sagemaker-runtime")
        runtime.invoke_endpoint_async(
            EndpointName=self.made.name, Body=b"stays", InvocationTimeoutSeconds=3600
        )
        runtime.close()

    def points(self, metric: str, *, variant: bool, namespace: str = "AWS/SageMaker") -> list[dict[str, Any]]:
        """What GetMetricStatistics has of a metric, the oldest first."""
        now = self.running.admin("/clock")["now"]
        found = self.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=self.dimensions(variant=variant),
            StartTime=now - 86_000,
            EndTime=now,
            Period=60,
            Statistics=["Sum", "SampleCount", "Maximum"],
        )["Datapoints"]
        return sorted(found, key=lambda point: point["Timestamp"])

    def dimensions(self, *, variant: bool) -> list[dict[str, str]]:
        given = [{"Name": "EndpointName", "Value": self.made.name}]
        return [*given, {"Name": "VariantName", "Value": "v"}] if variant else given

    def wait_for(
        self, metric: str, *, variant: bool, namespace: str = "AWS/SageMaker"
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = wait_until(
            lambda: self.points(metric, variant=variant, namespace=namespace)
        )
        return found


@pytest.fixture(scope="module")
def fast(start_emulator: Start, moto_url: str) -> Iterator[Fast]:
    with start_emulator(options=("--speed", "600")) as running:
        made = Fast(running, moto_url)
        yield made
        made.cloudwatch.close()


@pytest.mark.documented(PAGE)
@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("ApproximateBacklogSize", "Count"),
        ("ApproximateBacklogSizePerInstance", "Count"),
        ("ApproximateAgeOfOldestRequest", "Seconds"),
        ("HasBacklogWithoutCapacity", "Count"),
    ],
)
def test_backlog_metrics_have_the_endpoint_as_their_only_dimension(
    fast: Fast, metric: str, unit: str
) -> None:
    points = fast.wait_for(metric, variant=False)
    assert {point["Unit"] for point in points} == {unit}
    assert {point["Timestamp"].second for point in points} == {0}
    assert not fast.points(metric, variant=True)


@pytest.mark.documented(PAGE)
def test_what_is_being_processed_counts_as_backlog_and_grows_old(fast: Fast) -> None:
    # The one that came with the endpoint may have ended by now.
    fast.stay()

    def maxima(metric: str) -> dict[Any, float]:
        return {point["Timestamp"]: point["Maximum"] for point in fast.points(metric, variant=False)}

    def seen() -> bool:
        ages, without_capacity = maxima("ApproximateAgeOfOldestRequest"), maxima("HasBacklogWithoutCapacity")
        return any(
            backlog >= 1 and ages.get(minute, 0) > 60 and without_capacity.get(minute) == 0
            for minute, backlog in maxima("ApproximateBacklogSize").items()
        )

    wait_until(seen)


@pytest.mark.documented(PAGE)
@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("ModelLatency", "Microseconds"),
        ("TimeInBacklog", "Milliseconds"),
        ("TotalProcessingTime", "Milliseconds"),
    ],
)
def test_times_are_those_of_the_variant(fast: Fast, metric: str, unit: str) -> None:
    points = fast.wait_for(metric, variant=True)
    assert sum(point["SampleCount"] for point in points) >= 1
    assert {point["Unit"] for point in points} == {unit}
    # moto answers a query for some of a metric's dimensions too: what it was told is in its list.
    listed = fast.cloudwatch.list_metrics(MetricName=metric, Dimensions=fast.dimensions(variant=False))
    for found in listed["Metrics"]:
        assert {item["Name"] for item in found["Dimensions"]} == {"EndpointName", "VariantName"}


@pytest.mark.field_report("https://github.com/SuperCowPowers/workbench")
def test_processed_requests_are_counted_under_the_name_that_dashboards_ask_for(fast: Fast) -> None:
    assert fast.wait_for("InvocationsProcessed", variant=True)[0]["Sum"] == 1


@pytest.mark.documented(PAGE)
@pytest.mark.parametrize("metric", ["CPUUtilization", "MemoryUtilization", "DiskUtilization"])
def test_instances_are_measured_in_percent(fast: Fast, metric: str) -> None:
    points = fast.wait_for(metric, variant=True, namespace="/aws/sagemaker/Endpoints")
    assert {point["Unit"] for point in points} == {"Percent"}
    assert all(point["Maximum"] >= 0 for point in points)
    if metric != "CPUUtilization":
        assert points[0]["Maximum"] > 0


@pytest.mark.documented(
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"
)
def test_get_metric_data_reads_them_too(fast: Fast) -> None:
    before = fast.wait_for("ApproximateBacklogSize", variant=False)
    now = fast.running.admin("/clock")["now"]
    metric = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ApproximateBacklogSize",
        "Dimensions": fast.dimensions(variant=False),
    }
    [result] = fast.cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
        StartTime=now - 86_000,
        EndTime=now,
    )["MetricDataResults"]
    after = fast.points("ApproximateBacklogSize", variant=False)
    least, most = (max(point["Maximum"] for point in points) for points in (before, after))
    assert least <= max(result["Values"]) <= most


@pytest.mark.field_report(FIELD)
def test_gotcha_05_metrics_of_real_time_endpoints_are_not_published(fast: Fast) -> None:
    fast.wait_for("InvocationsProcessed", variant=True)
    listed = fast.cloudwatch.get_paginator("list_metrics").paginate(
        Dimensions=[{"Name": "EndpointName", "Value": fast.made.name}]
    )
    names = {metric["MetricName"] for page in listed for metric in page["Metrics"]}
    assert "InvocationsProcessed" in names
    assert not names & {"Invocations", "InvocationsPerInstance", "OverheadLatency"}


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = rf'{NAME}="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL}(?:,{LABEL})*)?)\}})? (-?[0-9.eE+-]+|NaN|[+-]Inf)")


def parsed(text: str) -> dict[str, dict[str, float]]:
    """Samples by family and labels, as strictly as the format's page has it."""
    assert text.endswith("\n")
    samples: dict[str, dict[str, float]] = {}
    kinds: dict[str, str] = {}
    helped: set[str] = set()
    family = ""
    for line in text.splitlines():
        if line.startswith("# "):
            word, family, rest = line[2:].split(" ", 2)
            if word == "HELP":
                assert family not in helped, "one HELP a family"
                helped.add(family)
            else:
                assert word == "TYPE"
                assert family not in kinds, "one TYPE a family, before its samples"
                kinds[family] = rest
                assert rest in {"counter", "gauge", "summary"}
            continue
        found = SAMPLE.fullmatch(line)
        assert found is not None, line
        name, labels, value = found.groups()
        allowed = {family, f"{family}_sum", f"{family}_count"} if kinds[family] == "summary" else {family}
        assert name in allowed, f"{name} outside its family"
        of_name = samples.setdefault(name, {})
        assert (labels or "") not in of_name, f"{line}: twice"
        of_name[labels or ""] = float(value)
    assert helped == set(kinds)
    return samples


@pytest.mark.documented("https://prometheus.io/docs/instrumenting/exposition_formats/")
def test_prometheus_can_read_the_page(fast: Fast) -> None:
    fast.stay()
    running = f'meshtwin_running_requests{{endpoint="{fast.made.name}"}} 1'.encode()
    answer = wait_until(
        lambda: running in (page := fast.running.send("/_emulator/metrics", method="GET")).body and page
    )
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = parsed(answer.body.decode())
    label = f'endpoint="{fast.made.name}"'
    assert found["meshtwin_invocations_processed_total"][label] == 1
    assert found["meshtwin_running_requests"][label] == 1
    assert found["meshtwin_instances"][label] == found["meshtwin_desired_instances"][label] == 1
    assert found["meshtwin_clock_speed"][""] == 600
    assert found["meshtwin_model_latency_seconds_sum"][label] < 30
    assert all(name.startswith("meshtwin_") for name in found)
