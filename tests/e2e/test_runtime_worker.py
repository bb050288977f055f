"""A worker that crashes, hangs, runs out of time or memory, and the jobs around it."""

from __future__ import annotations

import io
import json
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
from PIL import Image

from meshtwin.runtime.contract import ErrorResponse, InvocationResponse, Progress
from tests.support.runtime_backend import Act
from tests.support.runtime_server import SCRIPTED, RuntimeServer, aws_environment, eventually
from tests.support.s3_proxy import Gate, Handler, S3Proxy, forward

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

BUCKET = "test-runtime-worker"
DEADLINE = 3
SECOND = 20
"""Steps of the scripted backend in a second."""


@pytest.fixture(scope="module")
def storage(moto_url: str) -> Iterator[S3Client]:
    client = boto3.client(
        "s3",
        endpoint_url=moto_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    picture = io.BytesIO()
    Image.new("RGBA", (32, 32), (200, 30, 30, 255)).save(picture, "PNG")
    client.put_object(Bucket=BUCKET, Key="in.png", Body=picture.getvalue())
    yield client
    client.close()


@pytest.fixture(scope="module")
def proxy(moto_url: str) -> Iterator[S3Proxy]:
    with S3Proxy(moto_url).running() as running:
        yield running


@pytest.fixture(scope="module")
def server(
    storage: S3Client, proxy: S3Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RuntimeServer]:
    del storage
    folder = tmp_path_factory.mktemp("runtime")
    settings = {"RUNTIME_BACKEND": SCRIPTED, "RUNTIME_QUEUE": 2, "RUNTIME_QUEU": 3}
    with RuntimeServer(folder, aws_environment(proxy.url), **settings) as running:
        yield running.ready()


@pytest.fixture(scope="module")
def strict(
    storage: S3Client, proxy: S3Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RuntimeServer]:
    """One whose jobs have DEADLINE seconds: of no use to tests that take a while on a busy machine."""
    del storage
    folder = tmp_path_factory.mktemp("strict")
    settings = {"RUNTIME_BACKEND": SCRIPTED, "RUNTIME_JOB_DEADLINE_SECONDS": DEADLINE}
    with RuntimeServer(folder, aws_environment(proxy.url), **settings) as running:
        yield running.ready()


@pytest.fixture
def fetch(proxy: S3Proxy) -> Iterator[Gate]:
    """Jobs wait for their input until it is opened."""
    gate = proxy.faults["GET", "in.png"] = Gate()
    yield gate
    gate.open()
    proxy.faults.clear()


def shape(act: Act = Act.FINISH, *, steps: int = 1, output: str = "out.glb") -> dict[str, Any]:
    return {
        "stage": "shape",
        "input_s3": f"s3://{BUCKET}/in.png",
        "output_s3": f"s3://{BUCKET}/{output}",
        "params": {"seed": int(act), "steps": steps, "remove_background": "never"},
    }


def keys(storage: S3Client) -> list[str]:
    return [found["Key"] for found in storage.list_objects_v2(Bucket=BUCKET)["Contents"]]


def assert_nothing_left(server: RuntimeServer, storage: S3Client) -> None:
    assert keys(storage) == ["in.png"]
    assert server.leftovers() == []


@pytest.fixture(autouse=True)
def only_the_input(server: RuntimeServer, storage: S3Client) -> Iterator[None]:
    eventually(lambda: server.ping().json["state"] == "ready")
    yield
    for key in keys(storage):
        if key != "in.png":
            storage.delete_object(Bucket=BUCKET, Key=key)


@pytest.mark.parametrize(
    ("act", "died"), [(Act.EXIT, "exit status 7"), (Act.KILL_ITSELF, "SIGKILL"), (Act.RAISE, "CUDA")]
)
def test_a_crash_fails_its_job_alone(
    server: RuntimeServer, storage: S3Client, fetch: Gate, act: Act, died: str
) -> None:
    before = server.worker.pid
    with ThreadPoolExecutor(2) as pool:
        crashing = pool.submit(server.invoke, shape(act, steps=2))
        fetch.wait_for_one()
        waiting = pool.submit(server.invoke, shape(output="next.glb"))
        eventually(lambda: server.ping().json["waiting"] == 1)
        fetch.open()
        crashed = crashing.result()
        assert waiting.result().status == 200
    error = ErrorResponse.model_validate_json(crashed.body).error
    assert (crashed.status, error.code) == (500, "internal" if act is Act.RAISE else "worker_crashed")
    assert error.retryable is (act is not Act.RAISE)
    assert died in error.message
    assert server.worker.pid != before
    storage.delete_object(Bucket=BUCKET, Key="next.glb")
    assert_nothing_left(server, storage)


def test_a_job_that_comes_while_the_worker_is_replaced_waits_for_it(server: RuntimeServer) -> None:
    before = psutil.Process(server.process.pid).children()
    assert server.invoke(shape(Act.EXIT)).status == 500
    successors: list[psutil.Process] = []

    def is_replaced() -> bool:
        children = psutil.Process(server.process.pid).children()
        successors[:] = [child for child in children if child not in before]
        return bool(successors)

    eventually(is_replaced)
    successors[0].suspend()
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(server.invoke, shape(output=f"{number}.glb")) for number in range(2)]
        eventually(lambda: server.ping().json["waiting"] == 1)
        ping = server.ping()
        assert (ping.status, ping.json["state"], ping.json["running"]) == (200, "reloading", 1)
        assert not any(job.done() for job in jobs)
        successors[0].resume()
        assert [job.result().status for job in jobs] == [200, 200]
    assert server.ping().json["state"] == "ready"


def test_a_worker_killed_from_outside_is_replaced(server: RuntimeServer, storage: S3Client) -> None:
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(server.invoke, shape(steps=2 * SECOND), "doomed")
        eventually(lambda: server.in_backend("doomed"))
        server.worker.kill()
        assert (job.result().status, job.result().code) == (500, "worker_crashed")
    assert_nothing_left(server, storage)


def test_a_worker_lost_while_its_job_is_fetched_is_no_loss(server: RuntimeServer, fetch: Gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(server.invoke, shape())
        fetch.wait_for_one()
        server.worker.kill()
        eventually(lambda: server.ping().json["state"] == "reloading")
        fetch.open()
        assert job.result().status == 200


@pytest.mark.parametrize("act", [Act.HANG, Act.HOLD_THE_INTERPRETER])
def test_a_job_past_its_deadline_is_ended(strict: RuntimeServer, storage: S3Client, act: Act) -> None:
    eventually(lambda: strict.ping().json["state"] == "ready")
    worker = strict.worker
    answer = strict.invoke(shape(act))
    assert (answer.status, answer.code) == (500, "deadline_exceeded")
    assert f"RUNTIME_JOB_DEADLINE_SECONDS={DEADLINE}" in answer.json["error"]["message"]
    assert answer.json["error"]["retryable"] is False
    assert not worker.is_running()
    assert_nothing_left(strict, storage)


def test_a_backend_that_reports_leaves_a_late_job_without_dying(
    strict: RuntimeServer, storage: S3Client
) -> None:
    eventually(lambda: strict.ping().json["state"] == "ready")
    worker = strict.worker.pid
    answer = strict.invoke(shape(steps=(DEADLINE + 1) * SECOND))
    assert answer.code == "deadline_exceeded"
    assert strict.ping().status == 200
    assert strict.invoke(shape()).status == 200
    assert strict.worker.pid == worker
    storage.delete_object(Bucket=BUCKET, Key="out.glb")
    assert_nothing_left(strict, storage)


def test_gpu_memory_is_507_and_the_worker_lives(server: RuntimeServer) -> None:
    worker = server.worker.pid
    answer = server.invoke(shape(Act.OUT_OF_GPU_MEMORY))
    assert (answer.status, answer.code) == (507, "out_of_gpu_memory")
    assert answer.json["error"]["retryable"] is True
    assert server.invoke(shape()).status == 200
    assert server.worker.pid == worker


@pytest.mark.parametrize(
    ("act", "code"),
    [(Act.OUT_OF_GPU_MEMORY, "out_of_gpu_memory"), (Act.EXIT, "worker_crashed"), (Act.RAISE, "internal")],
)
def test_a_full_job_whose_paint_fails_keeps_its_shape(
    server: RuntimeServer, storage: S3Client, act: Act, code: str
) -> None:
    job = {**shape(act), "stage": "full", "output_prefix_s3": f"s3://{BUCKET}/full"}
    del job["output_s3"]
    job["params"]["seed"] += len(Act)
    answer = server.invoke(job)
    assert answer.code == code
    kept = {"shape": f"s3://{BUCKET}/full/shape.glb"}
    assert ErrorResponse.model_validate_json(answer.body).outputs == kept
    assert keys(storage) == ["full/shape.glb", "in.png"]
    assert storage.get_object(Bucket=BUCKET, Key="full/shape.glb")["Body"].read(4) == b"glTF"


def test_a_full_queue_is_503_and_the_queued_ones_have_their_turn(server: RuntimeServer, fetch: Gate) -> None:
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(server.invoke, shape(output="0.glb"), "0")]
        fetch.wait_for_one()
        for number in (1, 2):
            jobs.append(pool.submit(server.invoke, shape(output=f"{number}.glb"), str(number)))
            eventually(lambda: server.ping().json["waiting"] == len(jobs) - 1)
        refused = server.invoke(shape())
        assert (refused.status, refused.code) == (503, "busy")
        assert refused.json["error"]["retryable"] is True
        fetch.open()
        assert [job.result().status for job in jobs] == [200, 200, 200]
    order = [event["inference_id"] for event in server.events("job_started")][-3:]
    assert order == ["0", "1", "2"]


def send_and_hang_up(server: RuntimeServer, job: dict[str, Any]) -> socket.socket:
    body = json.dumps(job).encode()
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    return connection


def test_a_caller_who_leaves_the_queue_leaves_no_job(
    server: RuntimeServer, storage: S3Client, fetch: Gate
) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.invoke, shape())
        fetch.wait_for_one()
        leaving = send_and_hang_up(server, shape(output="unwanted.glb"))
        eventually(lambda: server.ping().json["waiting"] == 1)
        leaving.close()
        eventually(lambda: server.ping().json["waiting"] == 0)
        assert not running.done()
        fetch.open()
        assert running.result().status == 200
    assert "unwanted.glb" not in keys(storage)


def test_a_job_whose_caller_is_gone_ends_at_its_next_step(server: RuntimeServer, storage: S3Client) -> None:
    worker = server.worker.pid
    leaving = send_and_hang_up(server, shape(steps=5 * SECOND))
    eventually(lambda: server.ping().json["running"] == 1)
    leaving.close()
    eventually(lambda: server.ping().json["running"] == 0)
    assert server.events("job_cancelled")
    assert server.worker.pid == worker
    assert_nothing_left(server, storage)


def test_progress_is_told_and_goes_when_the_output_is_there(
    server: RuntimeServer, storage: S3Client, proxy: S3Proxy
) -> None:
    job = {
        **shape(steps=3 * SECOND),
        "stage": "full",
        "output_prefix_s3": f"s3://{BUCKET}/full",
    }
    del job["output_s3"]
    seen: list[Progress] = []

    def note(handler: Handler, body: bytes) -> None:
        seen.append(Progress.model_validate_json(body))
        forward(handler, body)

    proxy.faults["PUT", "textured.glb.progress.json"] = note
    started = time.monotonic()
    answer = server.invoke(job)
    seconds = time.monotonic() - started
    proxy.faults.clear()
    assert InvocationResponse.model_validate_json(answer.body).outputs == {
        "shape": f"s3://{BUCKET}/full/shape.glb",
        "textured": f"s3://{BUCKET}/full/textured.glb",
    }
    assert (seen[0].step, seen[0].fraction) == ("download", 0)
    # Once at the start, then at most once a second of three or more.
    assert 3 <= len(seen) <= 1 + seconds
    fractions = [each.fraction for each in seen]
    assert fractions == sorted(fractions)
    assert all(each.stage in {"shape", "paint"} and each.message for each in seen)
    assert keys(storage) == ["full/shape.glb", "full/textured.glb", "in.png"]


def test_every_event_of_a_job_carries_its_inference_id(server: RuntimeServer) -> None:
    waits = 20
    assert server.invoke(shape(steps=waits), "an id of the caller's").status == 200
    told = [each for each in server.events() if each.get("inference_id") == "an id of the caller's"]
    assert [each["event"] for each in told] == [
        "job_accepted",
        "job_started",
        *["step"] * (6 + waits),
        "job_succeeded",
    ]
    assert {each["stage"] for each in told} == {"shape"}
    steps = {each["step"]: each["seconds"] for each in told if each["event"] == "step"}
    waited = [f"shape.wait {number}" for number in range(waits)]
    assert list(steps) == ["download", "decode", "cutout", *waited, "encode", "inspect", "upload"]
    # A step's time is from one message to the next, and these may come late: their sum is right all the same.
    assert sum(steps[name] for name in waited) >= 0.95 * waits / SECOND
    assert told[-1]["seconds"] >= sum(steps.values()) * 0.99


def test_what_nobody_foresaw_is_an_internal_error(server: RuntimeServer, storage: S3Client) -> None:
    (folder,) = server.scratch.iterdir()
    shutil.rmtree(folder)
    answer = server.invoke(shape(), "unforeseen")
    assert (answer.status, answer.code) == (500, "internal")
    (told,) = [each for each in server.events("job_failed") if each["inference_id"] == "unforeseen"]
    assert "FileNotFoundError" in told["exception"]
    folder.mkdir()
    assert server.invoke(shape()).status == 200
    storage.delete_object(Bucket=BUCKET, Key="out.glb")
    assert_nothing_left(server, storage)


def test_a_misspelt_setting_is_pointed_out(server: RuntimeServer) -> None:
    assert [event["name"] for event in server.events("unknown_setting")] == ["RUNTIME_QUEU"]


def test_the_http_process_loads_nothing_heavy(server: RuntimeServer) -> None:
    loaded = {entry.path for entry in psutil.Process(server.process.pid).memory_maps()}
    assert not [path for path in loaded if any(name in path for name in ("numpy", "torch", "cv2", "scipy"))]
