"""Counts of what happened, under the names that SageMaker's metrics have."""

from __future__ import annotations

import threading
from collections import Counter
from enum import StrEnum


class Metric(StrEnum):
    """The counts among https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html."""

    DOWNLOAD_FAILURES = "RequestDownloadFailures"
    UPLOAD_FAILURES = "ResponseUploadFailures"
    NOTIFICATION_FAILURES = "NotificationFailures"
    EXPIRED = "ExpiredRequests"
    FAILURES = "InvocationFailures"
    PROCESSED = "InvocationsProcessed"
    CLIENT_ERRORS = "Invocation4XXErrors"
    SERVER_ERRORS = "Invocation5XXErrors"


class Tally:
    """Counts by endpoint and metric, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, Metric]] = Counter()

    def add(self, endpoint_name: str, metric: Metric) -> None:
        """Count one."""
        with self._lock:
            self._counts[endpoint_name, metric] += 1

    def of(self, endpoint_name: str, metric: Metric) -> int:
        """How many since the emulator started."""
        with self._lock:
            return self._counts[endpoint_name, metric]
