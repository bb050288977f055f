"""A container that takes one connection at a time, as those on `http.server` do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.support.emulator import make_endpoint
from tests.support.harness import CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from tests.support.emulator import Running


@pytest.fixture
def container() -> Iterator[str]:
    """Its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    running = subprocess.Popen(
        [sys.executable, str(CONTAINERS / "foreign.py")],
        env=os.environ | {"SAGEMAKER_BIND_TO_PORT": str(port)},
    )
    yield f"http://127.0.0.1:{port}"
    running.kill()
    running.wait()


def test_it_answers_pings_between_two_requests(
    emulator: Running,
    sagemaker: SageMakerClient,
    runtime: SageMakerRuntimeClient,
    moto_url: str,
    name: str,
    container: str,
) -> None:
    """A connection that is kept for the next request must not be all that it has."""
    make_endpoint(sagemaker, moto_url, name, image=container)
    answer = runtime.invoke_endpoint_async(EndpointName=name, Body=b"1,2,3", ContentType="text/csv")
    request_id = answer["OutputLocation"].rpartition("/")[2].removesuffix(".out")
    assert emulator.admin(f"/requests/{request_id}/await?timeout=20")["state"] == "completed"
    with urllib.request.urlopen(f"{container}/ping", timeout=30) as ping:  # noqa: S310  # ours
        assert ping.status == 200
    assert f'"endpoint": "{name}"' in emulator.log.read_text()
    replaced = [line for line in emulator.log.read_text().splitlines() if "instance_replaced" in line]
    assert not [line for line in replaced if name in line]
    sagemaker.delete_endpoint(EndpointName=name)
