"""Many requests that wait: accepting and dispatching the last beside the first, listing, recovery, memory.

`QUEUE_REQUESTS=100000` makes it the long one, and `QUEUE_STORE_URL` names the store that it needs then:
LocalStack's DynamoDB is Amazon's own, with an index, where moto looks at every request for each page of them.
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

from cloud.pages import ask
from cloud.profiles import load_profile
from cloud.stack.child import Child
from tests.benchmarks.emulator import BUCKET, ECHO_CONTAINER, ENDPOINT, Bench, create_endpoint
from tests.benchmarks.figures import Figure
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUESTS = int(os.environ.get("QUEUE_REQUESTS", "5000"))
SAMPLE = min(500, REQUESTS // 10)
CALLERS = 8


def measure() -> list[Figure]:
    profile = load_profile("embedded", {})
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshtwin-bench-")))
        store_url = os.environ.get("QUEUE_STORE_URL") or _moto(stack, logs)
        environment = dict(os.environ) | profile.connection(store_url=store_url)
        with _emulator(environment, logs) as first:
            url = os.environ["AWS_ENDPOINT_URL_SAGEMAKER"] = first.ready()
            bench = Bench(environment["AWS_ENDPOINT_URL"], url, first.pid)
            create_endpoint(bench)
            _rescale(bench, 0)
            accepting = _accept(bench)
            memory = psutil.Process(first.pid).memory_info().rss
            page = _page_seconds()
        began = time.perf_counter()
        with _emulator(environment, logs) as second:
            url = os.environ["AWS_ENDPOINT_URL_SAGEMAKER"] = second.ready()
            recovery = time.perf_counter() - began
            bench = Bench(environment["AWS_ENDPOINT_URL"], url, second.pid)
            found = ask("/endpoints")["endpoints"][0]["queued"]
            recovered = psutil.Process(second.pid).memory_info().rss
            dispatching = _dispatch(bench)
    return [
        Figure("requests lost by the restart", float(REQUESTS - found), "", 0, f"of {REQUESTS}"),
        Figure(
            "accepting: the last beside the first", accepting, "x", 1.5, f"{SAMPLE} of each, seconds a call"
        ),
        Figure("a page of 100 of them", page * 1e3, "ms", note="moto looks at every item for a page"),
        Figure("restart until all are queued again", recovery, "s", 60),
        Figure("dispatching: the last beside the first", dispatching, "x", 1.5, f"{SAMPLE} of each"),
        Figure("resident, all queued", max(memory, recovered) / 2**20, "MiB", 1024),
    ]


def _moto(stack: ExitStack, logs: Path) -> str:
    moto = stack.enter_context(Child("cloud.stack.moto_server", [], os.environ, logs / "moto.log"))
    return moto.ready()


def _emulator(environment: Mapping[str, str], logs: Path) -> Child:
    command = f"*={sys.executable} {ECHO_CONTAINER} $PORT"
    prefix = f"bench-{os.getpid()}"
    arguments = ["--port", "0", "--log-dir", str(logs), "--command", command, "--set", "stop_grace=1"]
    arguments += ["--table-prefix", prefix]
    return Child("emulator", arguments, environment, logs / "emulator.log")


def _rescale(bench: Bench, count: int) -> None:
    sagemaker = bench.client("sagemaker")
    wait_until(lambda: _status(sagemaker) == "InService", 120)
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINT,
        DesiredWeightsAndCapacities=[{"VariantName": "v", "DesiredInstanceCount": count}],
    )
    wait_until(lambda: _status(sagemaker) == "InService", 120)


def _status(sagemaker: Any) -> str:
    return str(sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"])


def _accept(bench: Bench) -> float:
    """All requests; how much longer the last took than the first."""
    clients = [bench.client("sagemaker-runtime") for _ in range(CALLERS)]

    def call(number: int) -> float:
        began = time.perf_counter()
        clients[number % CALLERS].invoke_endpoint_async(
            EndpointName=ENDPOINT, InputLocation=f"s3://{BUCKET}/in", RequestTTLSeconds=21_600
        )
        return time.perf_counter() - began

    bench.client("s3").put_object(Bucket=BUCKET, Key="in", Body=b"x")
    call(0)
    with ThreadPoolExecutor(CALLERS) as threads:
        seconds = list(threads.map(call, range(REQUESTS - 1)))
    return statistics.median(seconds[-SAMPLE:]) / statistics.median(seconds[:SAMPLE])


def _page_seconds() -> float:
    began = time.perf_counter()
    page = ask("/requests", state="queued", endpoint=ENDPOINT, limit=100)
    seconds = time.perf_counter() - began
    assert len(page["requests"]) == 100
    assert page["next_token"]
    return seconds


def _dispatch(bench: Bench) -> float:
    """Wake the endpoint; how much longer the last requests took from the queue than the first.

    Of a very long queue, the first part is timed, the middle is cancelled by nobody and simply waited for.
    """
    _rescale(bench, 1)
    marks = [REQUESTS - SAMPLE, SAMPLE, 0]
    times = []
    begin = time.perf_counter()
    for mark in marks:
        wait_until(lambda mark=mark: _queued() <= mark, 3600)  # type: ignore[misc]  # bound at once
        times.append(time.perf_counter())
    return (times[2] - times[1]) / (times[0] - begin)


def _queued() -> int:
    found = ask("/endpoints")["endpoints"][0]
    return int(found["queued"])
