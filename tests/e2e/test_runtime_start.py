"""What a container says that cannot start as it is told to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.runtime_server import ROOT, RuntimeServer, aws_environment, eventually

if TYPE_CHECKING:
    from pathlib import Path


def serve(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meshtwin.runtime", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "SAGEMAKER_BIND_TO_PORT": "0", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_settings_that_cannot_be_meant_are_all_named() -> None:
    ended = serve(RUNTIME_QUEUE="-1", RUNTIME_GRACE_SECONDS="soon", RUNTIME_BACKEND="blender")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "RUNTIME_BACKEND 'blender': expected auto, relief, hunyuan or module:Class",
        "RUNTIME_QUEUE '-1': expected a whole number, 0..1000",
        "RUNTIME_GRACE_SECONDS 'soon': expected seconds, 0..3600",
    ]


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = serve("serve", SAGEMAKER_BIND_TO_PORT=str(port))
    assert ended.returncode == 2
    assert f"SAGEMAKER_BIND_TO_PORT {port}" in ended.stderr


def test_an_endpoint_that_is_none_is_named() -> None:
    ended = serve(AWS_ENDPOINT_URL="localstack")
    assert ended.returncode == 2
    assert "AWS_" in ended.stderr
    assert "localstack" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_another_command_is_refused() -> None:
    ended = serve("train")
    assert ended.returncode == 2
    assert "serve" in ended.stderr


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("hunyuan", "RUNTIME_BACKEND 'hunyuan': this version has no such backend yet"),
        ("no.such.module:Backend", "RUNTIME_BACKEND 'no.such.module:Backend': No module named"),
        ("tests.support.runtime_backend:Nothing", "has no attribute 'Nothing'"),
    ],
)
def test_a_backend_that_cannot_be_had_ends_the_container(backend: str, reason: str) -> None:
    ended = serve(RUNTIME_BACKEND=backend)
    assert ended.returncode == 2
    assert reason in ended.stderr
    assert "expected" in ended.stderr


def test_a_worker_that_never_gets_ready_is_tried_again_and_again(tmp_path: Path) -> None:
    environment = aws_environment("http://127.0.0.1:1")
    with RuntimeServer(
        tmp_path,
        environment,
        RUNTIME_BACKEND="tests.support.runtime_backend:Broken",
        RUNTIME_STARTUP_SECONDS=2,
    ) as server:
        server.listening()
        refused = server.invoke(
            {"stage": "shape", "input_s3": "s3://images/a.png", "output_s3": "s3://pipeline/a.glb"}
        )
        assert (refused.status, refused.code) == (503, "not_ready")
        assert "RUNTIME_STARTUP_SECONDS=2" in refused.json["error"]["message"]
        eventually(lambda: len(server.events("worker_died")) >= 2)
        assert (server.ping().status, server.ping().json["state"]) == (503, "loading")
    assert "no weights" in server.errors
