"""The plain `aws` command line, with nothing but the settings that `meshtwin up` prints."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.shell import PICTURE, assert_all_gone, new_shell, running_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

REQUEST = {"stage": "full", "params": {"octree_resolution": 48, "texture_size": 256}}


@pytest.fixture(scope="module")
def aws_command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The newest aws of the first major version; PyPI has no other."""
    folder = tmp_path_factory.mktemp("aws")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "awscli>=1.46"], check=True)
    return folder / "bin" / "aws"


@pytest.fixture(scope="module")
def aws_cli(aws_command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    shell = new_shell(tmp_path_factory.mktemp("shell"))
    with running_up(shell) as (process, children):
        yield partial(_aws, aws_command, _exported(shell.folder / "stdout.txt"))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert_all_gone(children)


def _exported(file: Path) -> dict[str, str]:
    """The settings of `export NAME=VALUE` lines."""
    lines = file.read_text().splitlines()
    return dict(shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in lines)


def _aws(command: Path, settings: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [command, *arguments],
        env=settings | {"PATH": "/usr/bin:/bin", "AWS_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def upload_picture(aws_cli: Callable[..., str]) -> tuple[str, str]:
    """A request for the picture, and the prefix of its results."""
    name = uuid.uuid4().hex
    picture, prefix = f"s3://meshtwin-images/{name}.png", f"s3://meshtwin-pipeline/{name}/"
    aws_cli("s3", "cp", str(PICTURE), picture)
    return json.dumps({**REQUEST, "input_s3": picture, "output_prefix_s3": prefix}), prefix


def wait_for_models(aws_cli: Callable[..., str], prefix: str, answer: dict[str, str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        bucket, _, key = answer["OutputLocation"].removeprefix("s3://").partition("/")
        listed = aws_cli("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", key)
        if listed.strip() and key in listed:
            assert "textured.glb" in aws_cli("s3", "ls", prefix)
            return
    pytest.fail(f"nothing at {answer['OutputLocation']}")


def test_a_request_in_s3(aws_cli: Callable[..., str], tmp_path: Path) -> None:
    request, prefix = upload_picture(aws_cli)
    file = tmp_path / "request.json"
    file.write_text(request)
    location = f"s3://meshtwin-pipeline/{uuid.uuid4().hex}.json"
    aws_cli("s3", "cp", str(file), location)
    answer = json.loads(
        aws_cli(
            *("sagemaker-runtime", "invoke-endpoint-async", "--endpoint-name", "hunyuan3d-async-v2"),
            *("--input-location", location, "--content-type", "application/json"),
        )
    )
    assert answer["InferenceId"]
    wait_for_models(aws_cli, prefix, answer)


def test_a_request_inline(aws_cli: Callable[..., str]) -> None:
    request, prefix = upload_picture(aws_cli)
    answer = json.loads(
        aws_cli(
            *("sagemaker-runtime", "invoke-endpoint-async", "--endpoint-name", "hunyuan3d-async-v2"),
            *("--body", request, "--content-type", "application/json"),
        )
    )
    wait_for_models(aws_cli, prefix, answer)


def test_the_control_plane(aws_cli: Callable[..., str]) -> None:
    described = json.loads(aws_cli("sagemaker", "describe-endpoint", "--endpoint-name", "hunyuan3d-async-v2"))
    assert described["EndpointStatus"] == "InService"
