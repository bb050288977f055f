"""Many jobs, a hundred by default, with an outage in the middle of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.emulator import Answer
    from tests.support.site import Site

CONCURRENCY = 4
REFUSED = 8
"""New calls during the outage."""


@dataclass
class Hundred:
    """The jobs of one endpoint; half of them have their input in S3."""

    site: Site
    count: int = 100
    inference_ids: dict[str, str] = field(default_factory=dict)
    """By request id."""

    def submit(self, seconds: float = 0.1) -> None:
        """All of them, each of so many seconds in the container, which is held until all are there.

        The last are held once more: there is a middle, however late it is looked for.
        """
        site = self.site
        for number in range(self.count):
            body = f"sleep {seconds} {number}".encode()
            if number < CONCURRENCY:
                body = f"wait {site.gate}".encode()
            elif number >= self.middle:
                body = f"wait {self.second_gate}".encode()
            if number % 2:
                request_id = site.submit(body)
            else:
                site.s3.put_object(Bucket=site.bucket, Key=f"in/{number}", Body=body)
                location = {"X-Amzn-SageMaker-InputLocation": f"s3://{site.bucket}/in/{number}"}
                request_id = site.submit(b"", location)
            self.inference_ids[request_id] = site.request(request_id)["inference_id"]
        site.gate.touch()

    def wait_for_the_middle(self) -> None:
        wait_until(lambda: len(self.site.deliveries()) >= self.middle // 2, 180)
        assert len(self.site.deliveries()) <= self.middle + CONCURRENCY
        self.second_gate.touch()

    @property
    def middle(self) -> int:
        """From this job on, they wait until the middle has been seen."""
        return self.count * 6 // 10

    @property
    def second_gate(self) -> Path:
        return self.site.gate.with_name(f"{self.site.gate.name}-2")

    def refused(self) -> list[Answer]:
        """The answers of calls that are made now, at once."""
        with ThreadPoolExecutor(REFUSED) as threads:
            return list(threads.map(lambda _: self.site.send(b"no"), range(REFUSED)))

    def during(self, outage: Callable[[], None]) -> Cost:
        """What the emulator spent while `outage` lasted."""
        before, began = self.site.running.admin("/usage"), time.monotonic()
        outage()
        after, seconds = self.site.running.admin("/usage"), time.monotonic() - began
        return Cost(
            seconds,
            after["process_cpu_seconds"] - before["process_cpu_seconds"],
            sum(after["calls"].values()) - sum(before["calls"].values()),
        )

    def assert_each_ended_once(self, hear: Callable[[], list[dict[str, Any]]]) -> None:
        site = self.site
        # In the emulator's memory first: the store has enough to do.
        wait_until(lambda: not self.at_work(), 180)
        wait_until(lambda: site.store_state()["reachable"])
        wait_until(lambda: self.ended() >= self.inference_ids.keys())
        assert sorted(site.deliveries()) == sorted(self.inference_ids.values())
        written = sorted(key for key in site.objects() if not key.startswith("in/"))
        assert written == sorted(f"out/{request_id}.out" for request_id in self.inference_ids)
        # A call that was refused leaves nothing, though its write may land late.
        wait_until(lambda: {one["request_id"] for one in self.listed()} == self.inference_ids.keys())
        told: set[str] = set(self.inference_ids.values())
        wait_until(lambda: {notice["inferenceId"] for notice in hear()} == told)

    def at_work(self) -> int:
        """Requests that wait or run."""
        [endpoint] = self.site.running.admin("/endpoints")["endpoints"]
        return int(endpoint["queued"]) + int(endpoint["running"])

    def ended(self) -> set[str]:
        return {one["request_id"] for one in self.listed() if one["state"] == "completed"}

    def listed(self) -> Iterator[Any]:
        found = self.site.running.admin(f"/requests?endpoint={self.site.name}&limit=1000")
        return iter(found["requests"])


@dataclass(frozen=True)
class Cost:
    """Real seconds, the emulator's own CPU seconds, and its calls to the store."""

    seconds: float
    cpu_seconds: float
    calls: int

    def assert_nothing_spins(self) -> None:
        """Each job in hand asks again after pauses that double up to 5 s; one look every 2 s."""
        in_hand = 2 * CONCURRENCY
        first, rest = 7, self.seconds / 5
        assert self.calls <= in_hand * (first + rest) + 3 * REFUSED + self.seconds
        assert self.cpu_seconds <= 1.0 + 0.5 * self.seconds
