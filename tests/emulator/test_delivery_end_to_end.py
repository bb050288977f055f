"""From an unmodified client to S3, while processes are killed."""

from __future__ import annotations

import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.harness import program
from tests.support.processes import has_ended, running_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from mypy_boto3_s3 import S3Client

    from tests.support.emulator import Running

pytestmark = pytest.mark.assumed


@dataclass(frozen=True)
class Size:
    """Of a test: jobs in all, those at a time, and kills."""

    jobs: int
    concurrency: int
    kills: int

    def __str__(self) -> str:
        return f"{self.jobs} jobs"


COMMAND = f"*={' '.join(program('script'))}"
SIZES = [Size(40, 4, 3), pytest.param(Size(200, 16, 10), marks=pytest.mark.soak(seconds=50))]


def make_wide_endpoint(emulator: Running, bucket: str, concurrency: int) -> str:
    """An endpoint whose one instance takes so many requests at a time."""
    name = f"wide-{uuid.uuid4().hex[:8]}"
    sagemaker = emulator.client("sagemaker")
    try:
        sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": "script"})
        variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{**variant, "InstanceType": "ml.g5.xlarge"}],
            AsyncInferenceConfig={
                "OutputConfig": {
                    "S3OutputPath": f"s3://{bucket}/out",
                    "S3FailurePath": f"s3://{bucket}/failed",
                },
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": concurrency},
            },
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    finally:
        sagemaker.close()
    return name


def submit_all(
    emulator: Running, endpoint: str, bucket: str, s3: S3Client, jobs: int, *, seconds: float = 0.02
) -> dict[str, bytes]:
    """Output key to expected body of the requests, half with their input in S3, from 16 threads."""
    runtime = emulator.client("sagemaker-runtime")

    def submit(number: int) -> tuple[str, bytes]:
        body = f"sleep {seconds} {number}".encode()
        source: dict[str, Any] = {"Body": body}
        if number % 2:
            s3.put_object(Bucket=bucket, Key=f"in/{number}", Body=body)
            source = {"InputLocation": f"s3://{bucket}/in/{number}"}
        answer = runtime.invoke_endpoint_async(EndpointName=endpoint, **source)
        return answer["OutputLocation"].split("/", 3)[3], body

    try:
        with ThreadPoolExecutor(16) as threads:
            return dict(threads.map(submit, range(jobs)))
    finally:
        runtime.close()


def results(s3: S3Client, bucket: str) -> dict[str, bytes]:
    """Every output and failure object."""
    found = {}
    for prefix in ("out/", "failed/"):
        for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            with s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"] as body:
                found[entry["Key"]] = body.read()
    return found


def count(s3: S3Client, bucket: str) -> int:
    return sum(s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] for prefix in ("out/", "failed/"))


def progressed(s3: S3Client, bucket: str, before: int, or_done: Future[Any] | None = None) -> bool:
    return count(s3, bucket) > before or (or_done is not None and or_done.done())


def container_of(emulator: Running) -> psutil.Process | None:
    children = psutil.Process(emulator.process.pid).children(recursive=True)
    return next(iter(running_program(children, program("script"))), None)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_many_jobs_while_the_container_is_killed_again_and_again(
    start_emulator: Callable[..., Any], s3: S3Client, bucket: str, size: Size
) -> None:
    options = ("--command", COMMAND, "--set", "loss_seconds=20")
    with start_emulator(options=options) as emulator:
        endpoint = make_wide_endpoint(emulator, bucket, size.concurrency)
        with ThreadPoolExecutor(1) as submitting:
            submitted = submitting.submit(submit_all, emulator, endpoint, bucket, s3, size.jobs)
            for _ in range(size.kills):
                before = count(s3, bucket)
                process = wait_until(lambda: container_of(emulator))
                # Killed while it works, or while it starts again.
                wait_until(partial(progressed, s3, bucket, before, submitted))
                process.kill()
                wait_until(partial(has_ended, process))
            expected = submitted.result()
        wait_until(lambda: count(s3, bucket) >= size.jobs, 60)
    assert results(s3, bucket) == expected
    assert len(expected) == size.jobs


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_many_jobs_while_the_emulator_is_killed(
    start_emulator: Callable[..., Any], s3: S3Client, bucket: str, size: Size
) -> None:
    prefix = f"test-{uuid.uuid4().hex[:8]}"
    with start_emulator(table_prefix=prefix, options=("--command", COMMAND)) as emulator:
        endpoint = make_wide_endpoint(emulator, bucket, size.concurrency)
        # Long enough that some are left for the third emulator.
        expected = submit_all(emulator, endpoint, bucket, s3, size.jobs, seconds=0.4)
        containers = psutil.Process(emulator.process.pid).children(recursive=True)
        emulator.process.send_signal(signal.SIGKILL)
        emulator.process.wait()
        assert count(s3, bucket) < size.jobs
    for _ in range(2):
        with start_emulator(table_prefix=prefix, options=("--command", COMMAND)) as emulator:
            # A machine that is slow to look may find all of them done.
            before = min(count(s3, bucket), size.jobs - 1)
            wait_until(partial(progressed, s3, bucket, before), 60)
            emulator.process.send_signal(signal.SIGKILL)
            emulator.process.wait()
    with start_emulator(table_prefix=prefix, options=("--command", COMMAND)) as emulator:
        wait_until(lambda: count(s3, bucket) >= size.jobs, 60)
    assert results(s3, bucket) == expected
    assert all(has_ended(process) for process in containers)
