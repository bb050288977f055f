"""How the container stops, in order or not, and what it leaves then: nothing."""

from __future__ import annotations

import http.client
import io
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from PIL import Image

from tests.support.processes import has_ended
from tests.support.runtime_backend import Act
from tests.support.runtime_server import SCRIPTED, RuntimeServer, aws_environment, eventually
from tests.support.s3_proxy import Gate, S3Proxy, hang

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    Job = Callable[..., dict[str, Any]]

SECOND = 20


@pytest.fixture
def start(aws: str, tmp_path: Path) -> Iterator[Callable[..., RuntimeServer]]:
    started: list[RuntimeServer] = []

    def start(**settings: object) -> RuntimeServer:
        settings = {"RUNTIME_BACKEND": SCRIPTED, **settings}
        started.append(RuntimeServer(tmp_path, aws_environment(aws), **settings))
        return started[-1]

    yield start
    for server in started:
        with server:
            pass


@pytest.fixture
def job(s3: S3Client, bucket: str) -> Job:
    picture = io.BytesIO()
    Image.new("RGBA", (32, 32), (200, 30, 30, 255)).save(picture, "PNG")
    s3.put_object(Bucket=bucket, Key="in.png", Body=picture.getvalue())

    def job(steps: int = 1, act: Act = Act.FINISH, output: str = "out.glb") -> dict[str, Any]:
        return {
            "stage": "shape",
            "input_s3": f"s3://{bucket}/in.png",
            "output_s3": f"s3://{bucket}/{output}",
            "params": {"seed": int(act), "steps": steps, "remove_background": "never"},
        }

    return job


def keys(s3: S3Client, bucket: str) -> list[str]:
    return [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]


@pytest.mark.documented("https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_running_job_finish(
    start: Callable[..., RuntimeServer], job: Job, aws: str, s3: S3Client, bucket: str, stop: signal.Signals
) -> None:
    fetch = Gate()
    stalled: list[socket.socket] = []
    with S3Proxy(aws).running() as proxy, ThreadPoolExecutor(2) as pool:
        proxy.faults["GET", "in.png"] = fetch
        server = start(AWS_ENDPOINT_URL=proxy.url).ready()
        running = pool.submit(server.invoke, job())
        fetch.wait_for_one()
        queued = pool.submit(server.invoke, job(output="queued.glb"))
        eventually(lambda: server.ping().json["waiting"] == 1)
        # Clients that say half a request and no more: the end does not wait for them.
        for half in (b"", b"Host: x\r\nContent-Length: 99\r\n\r\n{"):
            stalled.append(socket.create_connection(("127.0.0.1", server.port)))
            stalled[-1].sendall(b"POST /invocations HTTP/1.1\r\n" + half)
        server.process.send_signal(stop)
        eventually(lambda: server.ping().status == 503)
        assert server.ping().json["state"] == "draining"
        assert (queued.result().status, queued.result().code) == (503, "not_ready")
        refused = server.invoke(job())
        assert (refused.status, refused.code) == (503, "not_ready")
        assert not running.done()
        fetch.open()
        assert running.result().status == 200
    assert server.process.wait(30) == 0
    assert b"503" in stalled[1].recv(100)
    for each in stalled:
        each.close()
    assert keys(s3, bucket) == ["in.png", "out.glb"]
    assert list(server.scratch.iterdir()) == []
    assert [event["status"] for event in server.events("stopped")] == [0]
    assert server.errors == ""


@pytest.mark.parametrize("act", [Act.FINISH, Act.HOLD_THE_INTERPRETER])
def test_a_job_that_outlasts_the_grace_gets_an_answer(
    start: Callable[..., RuntimeServer], job: Job, s3: S3Client, bucket: str, act: Act
) -> None:
    server = start(RUNTIME_GRACE_SECONDS=0.3).ready()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.invoke, job(steps=5 * SECOND if act is Act.FINISH else 1, act=act))
        eventually(lambda: server.in_backend("test"))
        server.process.terminate()
        assert (running.result().status, running.result().code) == (503, "not_ready")
        assert running.result().json["error"]["retryable"] is True
    assert server.process.wait(30) == 0
    assert keys(s3, bucket) == ["in.png"]
    assert list(server.scratch.iterdir()) == []


def test_a_second_signal_ends_it_at_once(start: Callable[..., RuntimeServer], job: Job) -> None:
    server = start().ready()
    worker = server.worker
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.invoke, job(act=Act.HANG))
        eventually(lambda: server.ping().json["running"] == 1)
        server.process.terminate()
        eventually(lambda: server.ping().status == 503)
        server.process.terminate()
        assert server.process.wait(30) == 128 + signal.SIGTERM
        assert isinstance(running.exception(), OSError | http.client.HTTPException)
    eventually(lambda: has_ended(worker))


def test_a_container_that_still_loads_stops_too(start: Callable[..., RuntimeServer]) -> None:
    server = start(RUNTIME_BACKEND="tests.support.runtime_backend:NeverLoads").listening()
    assert (server.ping().status, server.ping().json["state"]) == (503, "loading")
    eventually(lambda: psutil.Process(server.process.pid).children())
    (worker,) = psutil.Process(server.process.pid).children()
    server.process.terminate()
    assert server.process.wait(30) == 0
    eventually(lambda: has_ended(worker))


def test_a_killed_container_leaves_no_worker_and_the_next_one_cleans_up(
    start: Callable[..., RuntimeServer], job: Job
) -> None:
    server = start().ready()
    for act in (None, Act.HANG, Act.HOLD_THE_INTERPRETER):
        worker = server.worker
        with ThreadPoolExecutor(1) as pool:
            if act is not None:
                pool.submit(server.invoke, job(act=act))
                eventually(partial(server.in_backend, "test"))
            server.process.kill()
            server.process.wait()
        eventually(partial(has_ended, worker))
        (left,) = server.scratch.iterdir()
        server = start().ready()
        assert not left.exists(), act
        assert [told["folders"] for told in server.events("leftovers_removed")] == [1]


def test_a_living_neighbour_keeps_its_files(start: Callable[..., RuntimeServer], tmp_path: Path) -> None:
    first = start().ready()
    (folder,) = first.scratch.iterdir()
    other = tmp_path / "other"
    other.mkdir()
    with RuntimeServer(
        other, aws_environment("http://127.0.0.1:1"), RUNTIME_SCRATCH=first.scratch, RUNTIME_BACKEND=SCRIPTED
    ) as second:
        second.listening()
        assert folder.exists()
        assert len(list(first.scratch.iterdir())) == 2


@pytest.mark.parametrize("call", [("GET", "in.png"), ("PUT", "out.glb"), ("PUT", "out.glb.progress.json")])
def test_storage_that_hangs_holds_nobody_up(
    start: Callable[..., RuntimeServer],
    job: Job,
    aws: str,
    s3: S3Client,
    bucket: str,
    call: tuple[str, str],
) -> None:
    with S3Proxy(aws).running() as proxy, ThreadPoolExecutor(1) as pool:
        proxy.faults[call] = hang
        server = start(AWS_ENDPOINT_URL=proxy.url, RUNTIME_GRACE_SECONDS=0.2).ready()
        running = pool.submit(server.invoke, job(steps=5 * SECOND))
        eventually(lambda: call in proxy.seen)
        server.process.terminate()
        assert (running.result().status, running.result().code) == (503, "not_ready")
        assert server.process.wait(30) == 0
    # What says how far the job is has a second to go, and stays if the storage takes longer.
    assert set(keys(s3, bucket)) - {"out.glb.progress.json"} == {"in.png"}
    assert list(server.scratch.iterdir()) == []
