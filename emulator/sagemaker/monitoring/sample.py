"""What is published to CloudWatch of an endpoint each minute.

Names, units and dimensions: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html.
That page is exhaustive: Invocations, InvocationsPerInstance and OverheadLatency do not exist for asynchronous
endpoints. GPU metrics are left to a launcher that knows of GPUs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from meshtwin.emulator.sagemaker.meter import Metric, Statistics
from meshtwin.emulator.sagemaker.monitoring.series import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMESPACE = "AWS/SageMaker"
HOST_NAMESPACE = "/aws/sagemaker/Endpoints"

BACKLOG = "ApproximateBacklogSize"
BACKLOG_PER_INSTANCE = "ApproximateBacklogSizePerInstance"
AGE_OF_OLDEST = "ApproximateAgeOfOldestRequest"
WITHOUT_CAPACITY = "HasBacklogWithoutCapacity"

UNITS: Mapping[str, str] = {
    AGE_OF_OLDEST: "Seconds",
    Metric.DOWNLOAD_LATENCY: "Microseconds",
    Metric.UPLOAD_LATENCY: "Microseconds",
    Metric.MODEL_LATENCY: "Microseconds",
    Metric.TIME_IN_BACKLOG: "Milliseconds",
    Metric.TOTAL_PROCESSING_TIME: "Milliseconds",
    "CPUUtilization": "Percent",
    "MemoryUtilization": "Percent",
    "DiskUtilization": "Percent",
}
"""Every other metric is a Count."""


def unit_of(metric: str) -> str:
    """The unit in which a metric is published."""
    return UNITS.get(metric, "Count")


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint at one moment."""

    name: str
    variant: str
    queued: int
    running: int
    oldest_at: float | None
    """When the oldest request that has not ended was accepted, in seconds since the epoch."""
    instances: int
    pids: tuple[int, ...] = ()

    @property
    def backlog(self) -> int:
        """Queued and being processed."""
        return self.queued + self.running


def of_endpoint(name: str, metric: str) -> Key:
    """A metric with the endpoint as its only dimension."""
    return Key(NAMESPACE, metric, (("EndpointName", name),))


def of_variant(name: str, variant: str, metric: str, namespace: str = NAMESPACE) -> Key:
    """A metric of a variant."""
    return Key(namespace, metric, (("EndpointName", name), ("VariantName", variant)))


def backlog_values(view: EndpointView, now: float, *, at_zero: bool) -> dict[Key, Statistics]:
    """The four metrics of the queue. `at_zero`: whether backlog per instance exists without an instance."""
    values: dict[str, float] = {
        BACKLOG: view.backlog,
        AGE_OF_OLDEST: max(0.0, now - view.oldest_at) if view.oldest_at is not None else 0.0,
        WITHOUT_CAPACITY: float(view.queued > 0 and view.instances == 0),
    }
    if view.instances or at_zero:
        values[BACKLOG_PER_INSTANCE] = view.backlog / max(1, view.instances)
    return {of_endpoint(view.name, metric): _single(value) for metric, value in values.items()}


def metered_values(
    taken: Mapping[tuple[str, Metric], Statistics], variants: Mapping[str, str], processed_name: str
) -> dict[Key, Statistics]:
    """What the meter has taken since the last sample, for the endpoints that are still there."""
    return {
        of_variant(
            endpoint, variants[endpoint], processed_name if metric is Metric.PROCESSED else metric
        ): values
        for (endpoint, metric), values in taken.items()
        if endpoint in variants
    }


class HostSampler:
    """CPU, memory and disk of the instances' process groups, in percent; CPU is the sum over cores."""

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}

    def sample(self, views: Iterable[EndpointView]) -> dict[Key, Statistics]:
        """One value for each metric of each variant with instances, the mean of its instances."""
        found: dict[Key, Statistics] = {}
        seen: set[int] = set()
        for view in views:
            measured = [self._measure(pid, seen) for pid in view.pids]
            values = [value for value in measured if value is not None]
            if not values:
                continue
            disk = psutil.disk_usage("/").percent
            mean = [sum(column) / len(values) for column in zip(*values, strict=True)]
            for metric, value in zip(("CPUUtilization", "MemoryUtilization"), mean, strict=True):
                found[of_variant(view.name, view.variant, metric, HOST_NAMESPACE)] = _single(value)
            found[of_variant(view.name, view.variant, "DiskUtilization", HOST_NAMESPACE)] = _single(disk)
        for pid in set(self._processes) - seen:
            del self._processes[pid]
        return found

    def _measure(self, pid: int, seen: set[int]) -> tuple[float, float] | None:
        """CPU since the last sample and memory of a process and its children; None where it is gone."""
        cpu = memory = 0.0
        try:
            leader = self._processes.setdefault(pid, psutil.Process(pid))
            family = [leader, *leader.children(recursive=True)]
        except psutil.Error:
            return None
        for one in family:
            process = self._processes.setdefault(one.pid, one)
            try:
                cpu += process.cpu_percent()
                memory += process.memory_percent()
                seen.add(one.pid)
            except psutil.Error:
                continue  # ended since it was listed
        return cpu, memory


def _single(value: float) -> Statistics:
    return Statistics(1, value, value, value)
