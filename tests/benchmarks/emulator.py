"""What a request costs the emulator, beside a bare FastAPI echo and beside moto's canned answer.

CPU time is that of the emulator's process alone (its containers are processes of their own), so that a busy
machine disturbs it little; times are medians of flows run by turns.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from meshtwin.cloud.local.stack.child import Child
from meshtwin.cloud.profiles import load_profile
from tests.benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ECHO_CONTAINER = Path(__file__).parents[1] / "containers" / "echo.py"
ENDPOINT = "bench"
BUCKET = "bench"
WARM_UP = 100
TURNS = 8
REQUESTS = 150
FLOWS = 100
BODY = json.dumps({"prompt": "x" * 900}).encode()


@dataclass(frozen=True)
class Bench:
    moto_url: str
    emulator_url: str
    emulator_pid: int

    def client(self, service: str, *, canned: bool = False) -> Any:
        emulated = service.startswith("sagemaker") and not canned
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.emulator_url if emulated else self.moto_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def usage(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.emulator_url).netloc)
        document: dict[str, Any] = _get(connection, "/_emulator/usage")
        connection.close()
        return document


def measure() -> list[Figure]:
    with _running() as bench, _echo() as echo:
        return [*_cpu(bench, echo), *_latency(bench)]


def _cpu(bench: Bench, echo: http.client.HTTPConnection) -> list[Figure]:
    """By turns with the echo, so that a machine that slows down slows both.

    The echo that runs by itself, again and again, has its caches to itself; the emulator shares them with the
    AWS clients. A second figure calls the echo in between, where it is as cold.
    """
    _invoke_and_drain(bench, WARM_UP)
    first = bench.usage()
    turns = [_turn(bench, echo, mixed=False) for _ in range(TURNS)]
    last = bench.usage()
    mixed = [_turn(bench, echo, mixed=True) for _ in range(TURNS)]
    total, aws, yardstick = (statistics.median(column) for column in zip(*turns, strict=True))
    calls = {
        name: (count - first["calls"].get(name, 0)) / (TURNS * REQUESTS)
        for name, count in last["calls"].items()
    }
    dynamodb_writes = sum(n for name, n in calls.items() if name.startswith("dynamodb.") and _writes(name))
    s3_writes = sum(n for name, n in calls.items() if name.startswith("s3.") and _writes(name))
    others = {name: round(count, 3) for name, count in calls.items() if not _writes(name) and count}
    return [
        Figure("FastAPI echo", yardstick, "ms CPU a request", note="the yardstick"),
        Figure("emulator, all", total, "ms CPU a request", note=f"{total / yardstick:.1f} x the echo"),
        Figure("of which AWS client calls", aws, "ms CPU a request"),
        Figure("emulator without them", total - aws, "ms CPU a request"),
        Figure("emulator without them, beside the echo", _times_echo(turns), "x", aim=5),
        Figure("the same, the echo called in between", _times_echo(mixed), "x"),
        Figure("S3 writes", s3_writes, "a job", aim=1.001),
        Figure("DynamoDB writes", dynamodb_writes, "a job", aim=3.001, note=f"others: {others or 'none'}"),
    ]


def _times_echo(turns: list[tuple[float, float, float]]) -> float:
    return statistics.median((total - aws) / echo for total, aws, echo in turns)


def _turn(bench: Bench, echo: http.client.HTTPConnection, *, mixed: bool) -> tuple[float, float, float]:
    """CPU milliseconds a request: the emulator's, its AWS clients', and the echo's."""

    def call_echo(times: int) -> None:
        for _ in range(times):
            _post(echo, "/echo")

    before, echo_before = bench.usage(), _get(echo, "/cpu")
    if mixed:
        _invoke_and_drain(bench, REQUESTS, after_each=lambda: call_echo(1))
    else:
        _invoke_and_drain(bench, REQUESTS)
        call_echo(REQUESTS)
    after, echo_after = bench.usage(), _get(echo, "/cpu")
    total, aws = (after[name] - before[name] for name in ("process_cpu_seconds", "cpu_seconds"))
    return 1000 * total / REQUESTS, 1000 * aws / REQUESTS, 1000 * (echo_after - echo_before) / REQUESTS


def _writes(call: str) -> bool:
    return call.rpartition(".")[2].startswith(
        ("Put", "Update", "Delete", "Create", "Upload", "Complete", "Batch")
    )


def _latency(bench: Bench) -> list[Figure]:
    s3 = bench.client("s3")
    flows = {
        "submit to result": bench.client("sagemaker-runtime"),
        "moto's canned answer": bench.client("sagemaker-runtime", canned=True),
    }
    times: dict[str, list[float]] = {name: [] for name in flows}
    for turn in range(FLOWS + 10):
        for name, runtime in flows.items():
            start = time.perf_counter()
            _flow(s3, runtime)
            if turn >= 10:  # the first ones warm connections up
                times[name].append(1000 * (time.perf_counter() - start))
    ours, canned = (statistics.median(values) for values in times.values())
    return [
        Figure("submit to result, trivial container", ours, "ms (median)"),
        Figure("moto's canned flow, which runs nothing", canned, "ms (median)"),
        Figure("beside moto's", ours / canned, "x", aim=2),
    ]


def _flow(s3: Any, runtime: Any) -> None:
    key = f"in/{uuid.uuid4()}"
    s3.put_object(Bucket=BUCKET, Key=key, Body=BODY)
    answer = runtime.invoke_endpoint_async(EndpointName=ENDPOINT, InputLocation=f"s3://{BUCKET}/{key}")
    bucket, _, output = answer["OutputLocation"].removeprefix("s3://").partition("/")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            s3.get_object(Bucket=bucket, Key=output)["Body"].read()
        except ClientError:
            continue
        return
    raise TimeoutError(f"no result at {answer['OutputLocation']} within 30 s")


def _invoke_and_drain(bench: Bench, count: int, after_each: Callable[[], None] = lambda: None) -> None:
    """Send `count` inline requests as cheaply as can be, and wait until their outputs are there."""
    s3 = bench.client("s3")
    before = _outputs(s3)
    connection = http.client.HTTPConnection(urlsplit(bench.emulator_url).netloc)
    for _ in range(count):
        status = _post(connection, f"/endpoints/{ENDPOINT}/async-invocations")
        if status != http.HTTPStatus.ACCEPTED:
            raise RuntimeError(f"InvokeEndpointAsync answered {status}")
        after_each()
    connection.close()
    deadline = time.monotonic() + 120
    while _outputs(s3) < before + count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {count} outputs within 120 s")
        time.sleep(0.2)


def _outputs(s3: Any) -> int:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="out/")
    return sum(page["KeyCount"] for page in pages)


@contextmanager
def _echo() -> Iterator[http.client.HTTPConnection]:
    """A connection to the yardstick, warmed up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.echo_app"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    try:
        connection = http.client.HTTPConnection(urlsplit(json.loads(process.stdout.readline())["url"]).netloc)
        for _ in range(WARM_UP):
            _post(connection, "/echo")
        yield connection
        connection.close()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def _post(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("POST", path, BODY)
    response = connection.getresponse()
    response.read()
    return response.status


def _get(connection: http.client.HTTPConnection, path: str) -> Any:
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


@contextmanager
def _running() -> Iterator[Bench]:
    profile = load_profile("embedded", {})
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshtwin-bench-")))
        moto = stack.enter_context(
            Child("meshtwin.cloud.local.moto.server", [], os.environ, logs / "moto.log")
        )
        environment = dict(os.environ) | profile.with_endpoints(store=moto.ready()).environment()
        command = f"*={sys.executable} {ECHO_CONTAINER} $PORT"
        arguments = ["--port", "0", "--log-dir", str(logs), "--command", command]
        emulator = stack.enter_context(Child("emulator", arguments, environment, logs / "emulator.log"))
        bench = Bench(environment["AWS_ENDPOINT_URL"], emulator.ready(), emulator.pid)
        create_endpoint(bench)
        yield bench


def create_endpoint(bench: Bench, name: str = ENDPOINT) -> None:
    """An asynchronous endpoint of the echo container, InService, four requests at a time."""
    bench.client("s3").create_bucket(Bucket=BUCKET)
    sagemaker = bench.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/bench-role",
        PrimaryContainer={"Image": "echo"},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "v",
                "ModelName": name,
                "InstanceType": "ml.g5.xlarge",
                "InitialInstanceCount": 1,
            }
        ],
        AsyncInferenceConfig={
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
            "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/out", "S3FailurePath": f"s3://{BUCKET}/failed"},
        },
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
    )
