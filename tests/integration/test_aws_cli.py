"""The plain `aws` command line, with nothing but the settings that `meshtwin up` prints."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.shell import PICTURE, ROOT, assert_all_gone, new_shell, running_up

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
def aws_cli(aws_command: Path, up: dict[str, str]) -> Callable[..., str]:
    return partial(_aws, aws_command, up)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings that a running `meshtwin up` printed."""
    shell = new_shell(tmp_path_factory.mktemp("shell"))
    own = f"my-model={sys.executable} {ROOT / 'tests' / 'containers' / 'foreign.py'}"
    with running_up(shell, "--container", own) as (process, children):
        yield _exported(shell.folder / "stdout.txt")
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


def test_the_readmes_commands(aws_command: Path, up: dict[str, str], aws_cli: Callable[..., str]) -> None:
    """As they stand there, in a shell; the results are those that they list at the end."""
    printed, prefix = _run_the_readmes("hunyuan3d-async-v2", aws_command, up)
    wait_for_models(aws_cli, prefix, json.loads(printed[printed.index("{") :]))


def test_a_container_of_ones_own_as_the_readme_has_it(
    aws_command: Path, up: dict[str, str], aws_cli: Callable[..., str]
) -> None:
    _, prefix = _run_the_readmes("mine", aws_command, up)
    deadline = time.monotonic() + 60
    while not (listed := aws_cli("s3", "ls", prefix).strip()):
        assert time.monotonic() < deadline
    assert json.loads(aws_cli("s3", "cp", prefix + listed.split()[-1], "-")) == {"sum": 6.0}


def _run_the_readmes(endpoint: str, aws_command: Path, up: dict[str, str]) -> tuple[str, str]:
    """What the README's commands for an endpoint print, and where they list its results in the end."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (block for block in blocks if f"invoke-endpoint-async --endpoint-name {endpoint} " in block)
    assert "--cli-binary-format" not in block  # version 1 has no such option, and version 2 needs none here
    *commands, listing = block.replace("\\\n", " ").strip().splitlines()
    environment = up | {"PATH": f"{aws_command.parent}:/usr/bin:/bin", "AWS_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, shlex.split(listing)[-1]


def test_a_request_inline(aws_cli: Callable[..., str], tmp_path: Path) -> None:
    request, prefix = upload_picture(aws_cli)
    (tmp_path / "request.json").write_text(request)
    answer = json.loads(
        aws_cli(
            *("sagemaker-runtime", "invoke-endpoint-async", "--endpoint-name", "hunyuan3d-async-v2"),
            *("--body", f"fileb://{tmp_path}/request.json", "--content-type", "application/json"),
        )
    )
    wait_for_models(aws_cli, prefix, answer)


def test_the_control_plane(aws_cli: Callable[..., str]) -> None:
    described = json.loads(aws_cli("sagemaker", "describe-endpoint", "--endpoint-name", "hunyuan3d-async-v2"))
    assert described["EndpointStatus"] == "InService"
