"""Many requests that wait: accepting and dispatching the last beside the first, listing, recovery, memory.

`QUEUE_REQUESTS=100000` makes it the long one. It wants a DynamoDB that has indexes, such as Amazon's own
DynamoDB Local, where `AWS_ENDPOINT_URL_DYNAMODB` says: moto looks at every request for each page of them.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from meshtwin.cloud.admin import Emulator
from meshtwin.cloud.local.stack.child import Child
from meshtwin.cloud.profiles import load_profile
from tests.benchmarks.emulator import BUCKET, ECHO_CONTAINER, ENDPOINT, Bench, create_endpoint
from tests.benchmarks.figures import Figure
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUESTS = int(os.environ.get("QUEUE_REQUESTS", "5000"))
SAMPLE = min(500, REQUESTS // 10)
CALLERS = 8
SHORT = "short"
"""An endpoint whose queue is a sample long."""


def measure() -> list[Figure]:
    profile = load_profile("embedded", {})
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshtwin-bench-")))
        moto = stack.enter_context(
            Child("meshtwin.cloud.local.moto.server", [], os.environ, logs / "moto.log")
        )
        environment = dict(os.environ) | profile.with_endpoints(store=moto.ready()).environment()
        with _emulator(environment, logs) as first:
            url = os.environ["AWS_ENDPOINT_URL_SAGEMAKER"] = first.ready()
            bench = Bench(environment["AWS_ENDPOINT_URL"], url, first.pid)
            create_endpoint(bench)
            _rescale(bench, 0)
            accepting = _accept(bench, REQUESTS)
            memory = psutil.Process(first.pid).memory_info().rss
            page = _page_seconds()
        began = time.perf_counter()
        with _emulator(environment, logs) as second:
            url = os.environ["AWS_ENDPOINT_URL_SAGEMAKER"] = second.ready()
            recovery = time.perf_counter() - began
            bench = Bench(environment["AWS_ENDPOINT_URL"], url, second.pid)
            found = _queued(ENDPOINT)
            recovered = psutil.Process(second.pid).memory_info().rss
            dispatching = _dispatch(bench)
    return [
        Figure("requests lost by the restart", float(REQUESTS - found), "", 0, f"of {REQUESTS}"),
        Figure(
            "accepting: the last beside the first", accepting, "x", 1.5, f"{SAMPLE} of each, seconds a call"
        ),
        Figure("a page of 100 of them", page * 1e3, "ms", note="moto looks at every item for a page"),
        Figure("restart until all are queued again", recovery, "s", 60),
        Figure("dispatching: a long queue beside a short", dispatching, "x", 1.5, f"{SAMPLE} of each"),
        Figure("resident, all queued", max(memory, recovered) / 2**20, "MiB", 1024),
    ]


def _emulator(environment: Mapping[str, str], logs: Path) -> Child:
    command = f"*={sys.executable} {ECHO_CONTAINER} $PORT"
    prefix = f"bench-{os.getpid()}"
    arguments = ["--port", "0", "--log-dir", str(logs), "--command", command, "--set", "stop_grace=1"]
    arguments += ["--table-prefix", prefix]
    return Child("emulator", arguments, environment, logs / "emulator.log")


def _rescale(bench: Bench, count: int, endpoint: str = ENDPOINT) -> None:
    sagemaker = bench.client("sagemaker")
    wait_until(lambda: _status(sagemaker, endpoint) == "InService", 120)
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "v", "DesiredInstanceCount": count}],
    )
    wait_until(lambda: _status(sagemaker, endpoint) == "InService", 120)


def _status(sagemaker: Any, endpoint: str) -> str:
    return str(sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"])


def _accept(bench: Bench, count: int, endpoint: str = ENDPOINT) -> float:
    """So many requests; how much longer the last took than the first."""
    clients = [bench.client("sagemaker-runtime") for _ in range(CALLERS)]

    def call(number: int) -> float:
        began = time.perf_counter()
        clients[number % CALLERS].invoke_endpoint_async(
            EndpointName=endpoint, InputLocation=f"s3://{BUCKET}/in", RequestTTLSeconds=21_600
        )
        return time.perf_counter() - began

    bench.client("s3").put_object(Bucket=BUCKET, Key="in", Body=b"x")
    call(0)
    with ThreadPoolExecutor(CALLERS) as threads:
        seconds = list(threads.map(call, range(count - 1)))
    return statistics.median(seconds[-SAMPLE:]) / statistics.median(seconds[:SAMPLE])


def _page_seconds() -> float:
    began = time.perf_counter()
    page = _emulator_pages().request("/requests", state="queued", endpoint=ENDPOINT, limit=100)
    seconds = time.perf_counter() - began
    assert len(page["requests"]) == 100
    assert page["next_token"]
    return seconds


def _dispatch(bench: Bench) -> float:
    """How much longer a request takes with all the others behind it than in a short queue.

    The longer of the two ways round: neither the first nor the last of a queue is to be dearer.
    """
    deep = _seconds_for(bench, ENDPOINT, SAMPLE)
    _rescale(bench, 0)
    create_endpoint(bench, SHORT)
    _rescale(bench, 0, SHORT)
    _accept(bench, SAMPLE, SHORT)
    short = _seconds_for(bench, SHORT, SAMPLE)
    return max(deep / short, short / deep)


def _seconds_for(bench: Bench, endpoint: str, count: int) -> float:
    """Wake an endpoint; how long `count` requests take once the first has been dispatched."""
    before = _queued(endpoint)
    _rescale(bench, 1, endpoint)
    wait_until(lambda: _queued(endpoint) < before, 60)
    began, first = time.perf_counter(), _queued(endpoint)
    last = max(0, before - count)
    wait_until(lambda: _queued(endpoint) <= last, 600)
    return (time.perf_counter() - began) / (first - _queued(endpoint))


def _emulator_pages() -> Emulator:
    return Emulator(os.environ["AWS_ENDPOINT_URL_SAGEMAKER"], key="")


def _queued(endpoint: str) -> int:
    found = {each["name"]: each["queued"] for each in _emulator_pages().request("/endpoints")["endpoints"]}
    return int(found[endpoint])
