"""The emulator as a process: how it starts, ends, and finds again what an earlier one left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from moto.server import ThreadedMotoServer

from tests.support.emulator import client, create_endpoint, make_endpoint, status_of
from tests.support.processes import command_line, has_ended
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.emulator import Made, Running, Start


def instances(running: Running) -> list[psutil.Process]:
    """The containers that an emulator runs."""
    children = psutil.Process(running.process.pid).children(recursive=True)
    return [child for child in children if "echo.py" in " ".join(command_line(child))]


def gone(processes: list[psutil.Process]) -> bool:
    return all(map(has_ended, processes))


def test_health_and_usage(emulator: Running, endpoint: Made) -> None:
    health = emulator.send("/_emulator/health", method="GET").json
    assert health["status"] == "ok"
    assert health["endpoints"][endpoint.name] == "InService"
    before = emulator.send("/_emulator/usage", method="GET").json
    assert (
        emulator.call("CreateModel", {"ModelName": "usage", "PrimaryContainer": {"Image": "i"}}).status == 200
    )
    after = emulator.send("/_emulator/usage", method="GET").json
    assert after["calls"]["dynamodb.PutItem"] == before["calls"].get("dynamodb.PutItem", 0) + 1
    assert after["process_cpu_seconds"] > before["process_cpu_seconds"]
    assert after["cpu_seconds"] > before["cpu_seconds"]
    assert emulator.send("/_emulator/nothing", method="GET").status == 404


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, None])
def test_told_to_stop_it_stops_its_instances_and_exits_well(
    start_emulator: Start, moto_url: str, name: str, how: signal.Signals | None
) -> None:
    with start_emulator() as running:
        sagemaker = running.client("sagemaker")
        make_endpoint(sagemaker, moto_url, name)
        sagemaker.close()
        left = instances(running)
        assert left
        if how is None:
            assert running.process.stdin is not None
            running.process.stdin.close()
            running.process.stdin = None
        else:
            running.process.send_signal(how)
        assert running.process.wait(20) == 0
        assert gone(left)
        assert '"event": "stopped"' in running.log.read_text()


def test_endpoints_outlive_the_emulator(start_emulator: Start, moto_url: str, name: str) -> None:
    with start_emulator(table_prefix=name) as first:
        sagemaker = first.client("sagemaker")
        make_endpoint(sagemaker, moto_url, name)
        before = sagemaker.describe_endpoint(EndpointName=name)
        create_endpoint(sagemaker, f"{name}-creating", {"S3OutputPath": "s3://b/o"})
        first.process.kill()
        first.process.wait()
        sagemaker.close()
    with start_emulator(table_prefix=name) as second:
        sagemaker = second.client("sagemaker")
        wait_until(lambda: status_of(sagemaker, f"{name}-creating") == "InService")
        found = sagemaker.describe_endpoint(EndpointName=name)
        for same in ("CreationTime", "LastModifiedTime", "EndpointStatus", "AsyncInferenceConfig"):
            assert found[same] == before[same]
        wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"][0][
                "CurrentInstanceCount"
            ]
        )
        runtime, s3 = second.client("sagemaker-runtime"), client("s3", moto_url)
        answer = runtime.invoke_endpoint_async(EndpointName=name, Body=b"again")
        bucket, _, key = answer["OutputLocation"].removeprefix("s3://").partition("/")
        s3.get_waiter("object_exists").wait(Bucket=bucket, Key=key, WaiterConfig={"Delay": 1})
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"again"
        for made in (sagemaker, runtime, s3):
            made.close()


STUBBORN = """
import http.server, os, signal, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        threading.Event().wait()

signal.signal(signal.SIGTERM, signal.SIG_IGN)
address = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""


def test_a_deletion_is_finished_by_the_next_emulator(
    start_emulator: Start, moto_url: str, name: str, tmp_path: Path
) -> None:
    program = tmp_path / "stubborn.py"
    program.write_text(STUBBORN)
    with start_emulator(table_prefix=name, options=("--command", f"*={sys.executable} {program}")) as first:
        sagemaker, runtime = first.client("sagemaker"), first.client("sagemaker-runtime")
        make_endpoint(sagemaker, moto_url, name)
        answers = [runtime.invoke_endpoint_async(EndpointName=name, Body=b"{}") for _ in range(2)]
        sagemaker.delete_endpoint(EndpointName=name)
        assert status_of(sagemaker, name) == "Deleting"
        refused = first.send(f"/endpoints/{name}/async-invocations", body=b"{}")
        assert refused.json["Message"].endswith("not found.")
        again = first.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})
        assert "Cannot create already existing endpoint" in again.json["message"]
        first.process.kill()
        first.process.wait()
        sagemaker.close()
        runtime.close()
    with start_emulator(table_prefix=name) as second:
        sagemaker, s3 = second.client("sagemaker"), client("s3", moto_url)
        wait_until(lambda: status_of(sagemaker, name) == "Deleted")
        for answer in answers:
            bucket, _, key = answer["FailureLocation"].removeprefix("s3://").partition("/")
            s3.get_waiter("object_exists").wait(Bucket=bucket, Key=key, WaiterConfig={"Delay": 1})
            assert b"was deleted" in s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        sagemaker.close()
        s3.close()


def test_while_the_store_is_away_nothing_is_accepted_and_nothing_breaks(
    start_emulator: Start, name: str
) -> None:
    store = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    with start_emulator(f"http://{host}:{port}") as running:
        sagemaker = running.client("sagemaker")
        made = make_endpoint(sagemaker, f"http://{host}:{port}", name)
        sagemaker.close()
        store.stop()
        answer = running.send(f"/endpoints/{made.name}/async-invocations", body=b"{}")
        assert (answer.status, answer.code) == (503, "ServiceUnavailable")
        answer = running.call("CreateModel", {"ModelName": "m", "PrimaryContainer": {"Image": "i"}})
        assert (answer.status, answer.code) == (503, "ServiceUnavailable")
        assert running.call("DescribeEndpoint", {"EndpointName": name}).status == 200
        assert running.send("/_emulator/health", method="GET").status == 200


def started(*options: str, store_url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meshtwin.emulator", *options],
        env={
            **os.environ,
            "AWS_ENDPOINT_URL": store_url,
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    ended = started("--log-dir", str(tmp_path), store_url=url)
    assert ended.returncode == 1
    assert url in ended.stderr
    assert "Is AWS_ENDPOINT_URL right?" in ended.stderr
    assert ended.stdout == ""


def test_told_to_stop_while_its_store_is_silent_it_stops(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
        command = [sys.executable, "-m", "meshtwin.emulator", "--log-dir", str(tmp_path)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
            # Its first call is there, and gets no answer for as long as the SDK tries: minutes.
            silent.settimeout(60)
            with silent.accept()[0]:
                process.send_signal(signal.SIGTERM)
                _, logged = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b'"event": "stopped"' in logged


def test_a_port_that_is_taken_is_named(moto_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        ended = started("--port", str(port), store_url=moto_url)
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


def test_any_setting_can_be_given_by_name(start_emulator: Start, name: str) -> None:
    options = ("--set", "lowercase_arns=false", "--set", "account_id=999999999999")
    with start_emulator(options=options) as running:
        params = {"ModelName": name.upper(), "PrimaryContainer": {"Image": "i"}}
        arn = running.call("CreateModel", params).json["ModelArn"]
        assert arn == f"arn:aws:sagemaker:us-east-1:999999999999:model/{name.upper()}"


def test_the_page_lists_what_is_served(emulator: Running) -> None:
    message = emulator.call("CreateTrainingJob", {}).json["message"]
    served = [name.rpartition(".")[2] for name in message.partition("served are: ")[2].split(", ")]
    assert len(served) == 30
    page = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    rows = page.partition("## What is served")[2].partition("\n## ")[0]
    for name in served:
        assert name in rows
