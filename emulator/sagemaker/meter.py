"""What happened to requests, counted and measured under the names of SageMaker's metrics."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum


class Metric(StrEnum):
    """The metrics of a variant: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html.

    Latencies are in microseconds, TIME_IN_BACKLOG and TOTAL_PROCESSING_TIME in milliseconds; the rest counts.
    """

    DOWNLOAD_FAILURES = "RequestDownloadFailures"
    UPLOAD_FAILURES = "ResponseUploadFailures"
    NOTIFICATION_FAILURES = "NotificationFailures"
    EXPIRED = "ExpiredRequests"
    FAILURES = "InvocationFailures"
    PROCESSED = "InvocationsProcessed"
    CLIENT_ERRORS = "Invocation4XXErrors"
    SERVER_ERRORS = "Invocation5XXErrors"
    DOWNLOAD_LATENCY = "RequestDownloadLatency"
    UPLOAD_LATENCY = "ResponseUploadLatency"
    MODEL_LATENCY = "ModelLatency"
    TIME_IN_BACKLOG = "TimeInBacklog"
    TOTAL_PROCESSING_TIME = "TotalProcessingTime"


@dataclass(frozen=True, slots=True)
class Statistics:
    """A set of values, as CloudWatch's StatisticSet has it."""

    count: int
    total: float
    least: float
    most: float

    def joined(self, other: Statistics) -> Statistics:
        """Both sets as one."""
        return Statistics(
            self.count + other.count,
            self.total + other.total,
            min(self.least, other.least),
            max(self.most, other.most),
        )


class Meter:
    """Values by endpoint and metric, from any thread: since the start, and since the last `take`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[tuple[str, Metric], Statistics] = {}
        self._recent: dict[tuple[str, Metric], Statistics] = {}

    def add(self, endpoint_name: str, metric: Metric, value: float = 1.0) -> None:
        """Count one, or take in a measured value."""
        key, found = (endpoint_name, metric), Statistics(1, value, value, value)
        with self._lock:
            for kept in (self._totals, self._recent):
                earlier = kept.get(key)
                kept[key] = found if earlier is None else earlier.joined(found)

    def of(self, endpoint_name: str, metric: Metric) -> int:
        """How many values since the emulator started."""
        with self._lock:
            found = self._totals.get((endpoint_name, metric))
        return 0 if found is None else found.count

    def totals(self) -> dict[tuple[str, Metric], Statistics]:
        """Everything since the emulator started."""
        with self._lock:
            return dict(self._totals)

    def take(self) -> dict[tuple[str, Metric], Statistics]:
        """Everything since this was last called."""
        with self._lock:
            recent, self._recent = self._recent, {}
        return recent

    def remove(self, endpoint_name: str) -> None:
        """Drop what is known of an endpoint."""
        with self._lock:
            for kept in (self._totals, self._recent):
                for key in [key for key in kept if key[0] == endpoint_name]:
                    del kept[key]
