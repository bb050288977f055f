"""`meshtwin doctor`, and `up`'s refusals in its words, on a machine that lacks this or that."""

from __future__ import annotations

import json
import socket
import stat
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.support.docker_api import DockerApi, docker_api
from tests.support.shell import Shell, new_shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell where no `docker` is on PATH."""
    shell = new_shell(tmp_path)
    (tmp_path / "bin").mkdir()
    shell.environment["PATH"] = str(tmp_path / "bin")
    return shell


def looked_at(shell: Shell, profile: str) -> dict[str, dict[str, Any]]:
    """What doctor found, by name."""
    done = shell.here("doctor", "--profile", profile, "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    fails = any(check["level"] == "fail" for check in checks.values())
    assert done.returncode == (7 if fails else 0), done.stderr
    return checks


def put_docker(shell: Shell, script: str) -> None:
    """A `docker` on PATH that says what a real one says where this machine cannot be brought to."""
    path = shell.folder / "bin" / "docker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_embedded_needs_nothing_of_docker(shell: Shell) -> None:
    checks = looked_at(shell, "embedded")
    assert {check["level"] for check in checks.values()} == {"ok"}
    assert not any("docker" in name for name in checks)
    assert "can start" in shell.here("doctor").stderr


def test_a_state_folder_that_cannot_be_written_is_named(shell: Shell) -> None:
    (shell.folder / "file").touch()
    shell.environment["MESHTWIN_STATE_DIR"] = str(shell.folder / "file" / "state")
    check = looked_at(shell, "embedded")["state folder"]
    assert check["level"] == "fail"
    assert "MESHTWIN_STATE_DIR" in check["fix"]


def test_no_docker_command(shell: Shell) -> None:
    check = looked_at(shell, "local")["docker"]
    assert check["level"] == "fail"
    assert "https://docs.docker.com/engine/install/" in check["fix"]
    up = shell.here("up", "--profile", "local")
    assert up.returncode == 7
    assert check["found"] in up.stderr
    assert check["fix"] in up.stderr


def test_an_engine_that_is_nowhere(shell: Shell) -> None:
    put_docker(shell, "exit 1")
    shell.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    check = looked_at(shell, "local")["docker engine"]
    assert check["level"] == "fail"
    assert "DOCKER_HOST=tcp://127.0.0.1:1" in check["found"]
    assert "unset DOCKER_HOST" in check["fix"]
    up = shell.here("up", "--profile", "local")
    assert up.returncode == 7
    assert check["found"] in up.stderr


@pytest.fixture
def engine(shell: Shell) -> Iterator[DockerApi]:
    """An engine, and a `docker` that has no plugin."""
    put_docker(shell, 'echo "docker: unknown command: docker $1" >&2; exit 1')
    with docker_api() as api:
        shell.environment["DOCKER_HOST"] = api.url
        yield api


@pytest.mark.usefixtures("engine")
def test_an_engine_without_the_compose_plugin(shell: Shell) -> None:
    checks = looked_at(shell, "local")
    assert checks["docker engine"]["level"] == "ok"
    assert checks["compose plugin"]["level"] == "fail"
    assert "docker-compose-v2" in checks["compose plugin"]["fix"]
    up = shell.here("up", "--profile", "local")
    assert up.returncode == 7
    assert "docker-compose-v2" in up.stderr


@pytest.mark.parametrize(
    ("version", "words"), [("19.03.1", "older than 20.10"), ("2.4.1", "older than 20.10")]
)
def test_an_engine_that_is_too_old(shell: Shell, engine: DockerApi, version: str, words: str) -> None:
    engine.version = version
    assert words in looked_at(shell, "local")["docker engine"]["found"]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def test_a_port_that_is_taken(shell: Shell, taken_port: int) -> None:
    shell.environment["LOCALSTACK_PORT"] = str(taken_port)
    check = looked_at(shell, "local")[f"port {taken_port}"]
    assert check["level"] == "fail"
    assert "process" in check["found"]
    assert "LOCALSTACK_PORT" in check["fix"]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LOCALSTACK_PORT", "http", "expected a port"),
        ("LOCALSTACK_HOST", "localhost:x", "as localhost:4566"),
        ("LOCALSTACK_HOST", "192.0.2.1:4566", "not this machine"),
    ],
)
def test_a_place_that_makes_no_sense(shell: Shell, variable: str, value: str, words: str) -> None:
    shell.environment[variable] = value
    done = shell.here("doctor", "--profile", "local")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def account(shell: Shell, moto_url: str) -> Shell:
    """A shell with an account of its own."""
    shell.environment |= {
        "AWS_ENDPOINT_URL": moto_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1",
    }
    return shell


def client(account: Shell, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=account.environment["AWS_ENDPOINT_URL"],
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def test_an_empty_account_is_told_what_it_lacks(account: Shell, name: str) -> None:
    account.environment |= {"EXECUTION_ROLE_NAME": name, "ECR_REPO": name}
    checks = looked_at(account, "sagemaker")
    assert checks["credentials"]["level"] == "ok"
    assert "eu-central-1" in checks["region"]["found"]
    for variable in ("INPUT_BUCKET", "OUTPUT_BUCKET", "ASYNC_IO_BUCKET"):
        assert checks[variable]["level"] == "fail"
    assert f"aws iam create-role --role-name {name}" in checks[f"role {name}"]["fix"]
    image = checks[f"image {name}:latest in ECR"]
    assert f"aws ecr create-repository --repository-name {name}" in image["fix"]
    assert f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/{name}:latest" in image["fix"]


def test_an_account_that_has_all(account: Shell, name: str) -> None:
    account.environment |= dict.fromkeys(("INPUT_BUCKET", "OUTPUT_BUCKET", "ASYNC_IO_BUCKET"), name)
    account.environment |= {"EXECUTION_ROLE_NAME": name, "ECR_REPO": name}
    iam, ecr = client(account, "iam"), client(account, "ecr")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    ecr.create_repository(repositoryName=name)
    assert "no such tag" in looked_at(account, "sagemaker")[f"image {name}:latest in ECR"]["found"]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"digest": f"sha256:{'0' * 64}"},
        "layers": [],
    }
    ecr.put_image(repositoryName=name, imageManifest=json.dumps(manifest), imageTag="latest")
    assert {check["level"] for check in looked_at(account, "sagemaker").values()} == {"ok"}
    iam.close()
    ecr.close()


def test_no_credentials(shell: Shell) -> None:
    nothing = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    shell.environment |= nothing | {"AWS_EC2_METADATA_DISABLED": "true"}
    check = looked_at(shell, "sagemaker")["credentials"]
    assert check["level"] == "fail"
    assert "aws configure" in check["fix"]
