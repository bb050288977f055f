"""Datapoints in memory, minute by minute, and their statistics over periods."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.sagemaker.meter import Statistics

MINUTE = 60


def minute_of(now: float) -> int:
    """The begin of the minute, both in seconds since the epoch."""
    return int(now // MINUTE) * MINUTE


class Key(NamedTuple):
    """Which metric: its namespace, name, and dimensions as sorted pairs."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


class Series:
    """The last `minutes` of every metric that was put in. Times are seconds since the epoch."""

    def __init__(self, minutes: int = 180) -> None:
        self._minutes = minutes
        self._wanted: dict[Key, int] = {}
        self._points: dict[Key, OrderedDict[int, Statistics]] = {}

    def want(self, minutes: Mapping[Key, int]) -> None:
        """Keep so many minutes of these metrics from now on, where that is more; of all others as before."""
        self._wanted = dict(minutes)

    def put(self, key: Key, minute: int, found: Statistics) -> None:
        """Add values to the minute that begins at `minute`; minutes that no alarm evaluates are dropped."""
        points = self._points.setdefault(key, OrderedDict())
        earlier = points.get(minute)
        points[minute] = found if earlier is None else earlier.joined(found)
        # By its time, not by their number: a metric may have no value for most minutes.
        oldest = minute - MINUTE * (max(self._minutes, self._wanted.get(key, 0)) - 1)
        while points and next(iter(points)) < oldest:
            points.popitem(last=False)

    def remove(self, endpoint_name: str) -> None:
        """Drop what is known of an endpoint."""
        for key in self.keys_of(endpoint_name):
            del self._points[key]

    def latest(self, key: Key) -> tuple[int, Statistics] | None:
        """The newest minute and its values."""
        points = self._points.get(key)
        return next(reversed(points.items())) if points else None

    def keys_of(self, endpoint_name: str) -> list[Key]:
        """The endpoint's metrics that have datapoints."""
        of_endpoint = ("EndpointName", endpoint_name)
        return [key for key in self._points if of_endpoint in key.dimensions]

    def statistic(self, key: Key, start: int, period: int, statistic: str) -> float | None:
        """The statistic of the period that begins at `start`; None without data.

        Raises:
            ValueError: the statistic is not one of CloudWatch's five.
        """
        points = self._points.get(key, OrderedDict())
        joined: Statistics | None = None
        for minute in range(start - start % MINUTE, start + period, MINUTE):
            found = points.get(minute)
            if found is not None:
                joined = found if joined is None else joined.joined(found)
        return None if joined is None else statistic_of(joined, statistic)


def statistic_of(values: Statistics, statistic: str) -> float:
    """One of CloudWatch's five statistics.

    Raises:
        ValueError: the statistic is not one of them.
    """
    match statistic:
        case "Average":
            return values.total / values.count
        case "Sum":
            return values.total
        case "Minimum":
            return values.least
        case "Maximum":
            return values.most
        case "SampleCount":
            return float(values.count)
    raise ValueError(f"statistic {statistic!r}: expected Average, Sum, Minimum, Maximum or SampleCount")
