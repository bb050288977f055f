"""How soon /ping answers: idle, and while relief jobs run one after another on the same machine.

`python -m tests.benchmarks.ping [--json]`. The container, its S3 and whoever asks are processes of their own.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import boto3
import psutil
from rich.console import Console

from meshtwin.cloud.local.stack.child import Child
from tests.benchmarks.figures import Figure, show
from tests.support.runtime_server import RuntimeServer, aws_environment

BUCKET = "bench"
PICTURE = Path(__file__).parents[2] / "fixtures" / "images" / "castle.png"
JOBS = 12
IDLE_SECONDS = 2.0
INTERVAL_SECONDS = 0.005
AIM_MILLISECONDS = 50.0
TITLE = "how soon /ping answers while a job runs"


def measure() -> list[Figure]:
    """Milliseconds from asking to answer: median, 99th percentile and worst."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        moto = stack.enter_context(
            Child("meshtwin.cloud.local.moto.server", [], os.environ, Path(folder) / "moto.log")
        )
        url = moto.ready()
        _store_picture(url)
        settings = {"RUNTIME_BACKEND": "relief"}
        server = stack.enter_context(RuntimeServer(Path(folder), aws_environment(url), **settings))
        server.ready()
        nothing, stop = threading.Event(), threading.Event()
        timer = threading.Timer(IDLE_SECONDS, nothing.set)
        timer.start()
        idle = _ping_until(server.port, nothing)
        seconds: list[float] = []
        jobs = threading.Thread(target=_run_jobs, args=(server, seconds, stop))
        jobs.start()
        busy = _ping_until(server.port, stop)
        jobs.join()
        memory = psutil.Process(server.process.pid).memory_info().rss
    return [
        Figure("idle, p99", _percentile(idle, 99), "ms", note=f"{len(idle)} pings"),
        Figure("during jobs, median", statistics.median(busy), "ms", note=f"{len(busy)} pings"),
        Figure("during jobs, p99", _percentile(busy, 99), "ms", AIM_MILLISECONDS),
        Figure("during jobs, worst", max(busy), "ms"),
        Figure(
            "a full job, median", statistics.median(seconds), "s", note=f"{len(seconds)} x {PICTURE.name}"
        ),
        Figure("the HTTP process holds", memory / 2**20, "MiB"),
    ]


def _store_picture(url: str) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="in.png", Body=PICTURE.read_bytes())
    client.close()


def _run_jobs(server: RuntimeServer, seconds: list[float], stop: threading.Event) -> None:
    try:
        for number in range(JOBS):
            prefix = f"s3://{BUCKET}/{number}/"
            began = time.perf_counter()
            answer = server.invoke(
                {"stage": "full", "input_s3": f"s3://{BUCKET}/in.png", "output_prefix_s3": prefix}
            )
            assert answer.status == 200, answer.body
            seconds.append(time.perf_counter() - began)
    finally:
        stop.set()


def _ping_until(port: int, stop: threading.Event) -> list[float]:
    milliseconds = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not stop.wait(INTERVAL_SECONDS):
        began = time.perf_counter()
        connection.request("GET", "/ping")
        answer = connection.getresponse()
        answer.read()
        milliseconds.append(1000 * (time.perf_counter() - began))
        assert answer.status == 200
    connection.close()
    return milliseconds


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    figures = measure()
    if parser.parse_args().json:
        sys.stdout.write(json.dumps([figure.as_json() for figure in figures], indent=2) + "\n")
    else:
        show(TITLE, figures, Console())


if __name__ == "__main__":
    main()
