"""Profile local as a person uses it: real containers of the real image, and nothing left at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshtwin.cloud.local.docker.addresses import free_port
from meshtwin.minecraft.voxel.export.document import read_document, write_document
from tests.support.emulator import client as aws_client
from tests.support.project import Project, docker, new_images, new_project
from tests.support.shell import PICTURE, ROOT, assert_all_gone, new_shell, running_up
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker import DockerClient

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SPEED = "60"
"""Fifteen idle minutes pass in 15 s, the two of waking in 2 s."""

SUBMIT = ("submit", "--image", str(PICTURE), "--params", '{"seed": 7}', "--output-prefix")
BUILD = ("build", "a red mushroom", "--size", "16", "--seed", "7", "--out")
START_SECONDS = 240
"""Ten times what it takes: another session may use the machine."""
BUILD_SECONDS = 500
"""The first build on a machine compiles the voxel engine, for minutes where it is busy."""


@pytest.fixture(scope="module")
def images(client: DockerClient) -> Iterator[dict[str, str]]:
    assert client.ping()
    with new_images() as names:
        yield names


@pytest.fixture
def project(tmp_path: Path, images: dict[str, str]) -> Iterator[Project]:
    with new_project(tmp_path, images) as project:
        yield project


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, images: dict[str, str]) -> Iterator[Project]:
    """A running `meshtwin up --profile local`, whose Ctrl-C leaves nothing."""
    with new_project(tmp_path_factory.mktemp("up"), images) as project:
        options = ("--speed", SPEED, "--no-build")
        with running_up(project.shell, *options, profile="local", seconds=START_SECONDS) as (
            process,
            children,
        ):
            project.shell.environment["MESHTWIN_PROFILE"] = "local"
            yield project
            process.send_signal(signal.SIGINT)
            assert process.wait(90) == 0
        assert_all_gone(children)
        assert not project.remains()


def said(project: Project) -> str:
    return (project.shell.folder / "stderr.txt").read_text()


def queues_of_the_worker(project: Project) -> list[str]:
    """Those that notices of the endpoint go to, one for each topic."""
    sns = aws_client("sns", f"http://127.0.0.1:{project.shell.environment['LOCALSTACK_PORT']}")
    found = [told["Endpoint"] for told in sns.list_subscriptions()["Subscriptions"]]
    sns.close()
    return [arn for arn in found if ":lambda-createbuild-worker-" in arn]


def test_the_same_bytes_as_embedded(up: Project, tmp_path: Path) -> None:
    done = up.shell.run(*SUBMIT, "out/local")
    assert done.returncode == 0, done.stderr
    embedded = new_shell(tmp_path)
    with running_up(embedded) as (process, _):
        done = embedded.run(*SUBMIT, "out/embedded")
        assert done.returncode == 0, done.stderr
        process.terminate()
        process.wait(60)
    for name in ("shape.glb", "textured.glb"):
        ours = (up.shell.folder / "out" / "local" / name).read_bytes()
        assert ours == (tmp_path / "out" / "embedded" / name).read_bytes(), name


def test_a_build_is_the_same_as_on_embedded_and_its_links_open_here(up: Project, tmp_path: Path) -> None:
    done = up.shell.run(*BUILD, "out/built", timeout=BUILD_SECONDS)
    assert done.returncode == 0, done.stderr
    embedded = new_shell(tmp_path)
    done = embedded.run(*BUILD, "out/built", "--profile", "embedded", timeout=BUILD_SECONDS)
    assert done.returncode == 0, done.stderr
    ours, theirs = (folder / "out" / "built" for folder in (up.shell.folder, tmp_path))
    assert (ours / "build.litematic").read_bytes() == (theirs / "build.litematic").read_bytes()
    # Each has the id of its own job.
    documents = (read_document((folder / "build.json.gz").read_bytes()) for folder in (ours, theirs))
    first, second = (write_document(replace(document, job_id=None)) for document in documents)
    assert first == second
    assert {path.name for path in ours.iterdir()} == {path.name for path in theirs.iterdir()}


def test_no_container_without_work_and_one_with(up: Project) -> None:
    wait_until(lambda: not up.instances(), 90)
    done = up.shell.run(*SUBMIT, "out/woken", timeout=120)
    assert done.returncode == 0, done.stderr
    assert "waiting for an instance" in done.stderr
    assert len(up.instances()) == 1


def test_status_and_doctor_know_it(up: Project) -> None:
    status = json.loads(up.shell.run("status", "--json").stdout)
    assert set(status["up"]["services"]) == {"localstack", "emulator", "serverless"}
    assert status["up"]["services"]["localstack"] == f"container {up.name}-localstack-1"
    checks = json.loads(up.shell.run("doctor", "--json").stdout)["checks"]
    found = {check["name"]: check for check in checks}
    assert found["localstack"]["level"] == "ok"
    assert found["docker engine"]["level"] == "ok"
    port = found[f"port {up.shell.environment['LOCALSTACK_PORT']}"]
    assert (port["level"], f"{up.name}-localstack-1" in port["found"]) == ("ok", True)


def test_another_up_of_the_same_project_is_refused(up: Project, tmp_path: Path) -> None:
    other = new_shell(tmp_path)
    names = ("COMPOSE_PROJECT_NAME", "ECR_REPO", "LOCALSTACK_PORT")
    other.environment |= {name: up.shell.environment[name] for name in names}
    done = other.run("up", "--profile", "local")
    assert done.returncode == 7
    assert f"compose project {up.name}: belongs to the `meshtwin up` of process" in done.stderr
    assert up.shell.run("status").returncode in (0, 7)
    assert up.service("localstack")


def test_a_demo_beside_it_takes_names_and_ports_of_its_own(up: Project) -> None:
    before = set(docker("ps", "-aq", "--filter", "label=meshtwin.up"))
    done = up.shell.run("demo", str(PICTURE), "--out", "out/demo", "--json", timeout=START_SECONDS)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert 0 < document["seconds_preparing"] < document["seconds_to_textured"]
    assert (up.shell.folder / "out" / "demo" / "textured.glb").read_bytes()[:4] == b"glTF"
    assert set(docker("ps", "-aq", "--filter", "label=meshtwin.up")) == before


def test_a_localstack_that_restarted_empty_is_told_of_and_gets_its_buckets_back(up: Project) -> None:
    docker("restart", "-t", "1", up.service("localstack"))
    wait_until(lambda: "the store came back without" in said(up), 120)
    assert "meshtwin-images" in said(up)
    wait_until(lambda: "restarted empty at" in " ".join(up.shell.run("status").stdout.split()), 120)
    done = up.shell.run(*SUBMIT, "out/after", timeout=120)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: len(queues_of_the_worker(up)) == 2, 60)
    done = up.shell.run(*BUILD, "out/rebuilt", timeout=BUILD_SECONDS)
    assert done.returncode == 0, done.stderr


def test_the_emulator_in_a_container(project: Project) -> None:
    options = ("--emulator", "container", "--no-build", "--no-scale-to-zero")
    with running_up(project.shell, *options, profile="local", seconds=START_SECONDS) as (process, _):
        wait_until(lambda: "is InService" in said(project))
        assert "zero instances" not in said(project)
        assert project.service("emulator")
        assert len(project.instances()) == 1
        done = project.shell.run(*SUBMIT, "out/c", "--profile", "local", timeout=120)
        assert done.returncode == 0, done.stderr
        process.terminate()
        assert process.wait(90) == 0
    assert not project.remains()


@pytest.mark.parametrize("emulator", ["host", "container"])
def test_what_a_killed_up_left_is_removed_by_the_next(project: Project, emulator: str) -> None:
    options = ("--emulator", emulator, "--no-build")
    weights = f"{project.name}_model"
    labels = ("com.docker.compose.project=" + project.name, "com.docker.compose.volume=model")
    docker("volume", "create", *(word for label in labels for word in ("--label", label)), weights)
    with running_up(project.shell, *options, profile="local", seconds=START_SECONDS) as (process, children):
        process.kill()
        process.wait()
    assert_all_gone(children)
    told = said(project).count("is InService")  # it may have been killed before it said so
    left = project.containers()
    assert left
    checks = json.loads(project.shell.run("doctor", "--profile", "local", "--json").stdout)["checks"]
    (leftovers,) = (check for check in checks if check["name"] == "leftovers")
    assert leftovers["level"] == "warn"
    assert project.name in leftovers["found"]
    with running_up(project.shell, *options, profile="local", seconds=START_SECONDS) as (process, _):
        assert not set(left) & set(project.containers())
        assert f"removed {project.name}, which a dead process had left" in said(project)
        wait_until(lambda: said(project).count("is InService") > told, 90)
        process.send_signal(signal.SIGHUP)
        assert process.wait(90) == 0
    docker("volume", "rm", weights)  # the next `docker compose --profile gpu up` needs it
    assert not project.remains()


@pytest.mark.parametrize(
    ("moment", "number"),
    [("network", signal.SIGINT), ("container", signal.SIGTERM), ("instance", signal.SIGINT)],
)
def test_an_up_that_is_interrupted_while_it_starts(
    project: Project, moment: str, number: signal.Signals
) -> None:
    reached = {
        "network": lambda: docker("network", "ls", "-q", "--filter", f"name=^{project.name}$"),
        "container": project.containers,
        "instance": project.instances,
    }[moment]
    process = project.shell.start("up", "--profile", "local", "--no-build")
    try:
        wait_until(lambda: reached() or process.poll() is not None, START_SECONDS)
        process.send_signal(number)
        assert process.wait(90) in (0, 128 + number)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert not project.remains()
    assert "Traceback" not in said(project)


def test_the_end_of_localstack_ends_up(project: Project) -> None:
    with running_up(project.shell, "--no-build", profile="local", seconds=START_SECONDS) as (process, _):
        docker("kill", project.service("localstack"))
        assert process.wait(120) == 7
    assert "localstack has ended" in said(project)
    assert not project.remains()


def test_compose_by_hand_serves_and_is_not_taken_over(project: Project) -> None:
    port = free_port()
    environment = project.shell.environment | {"EMULATOR_PORT": str(port)}
    up = ["docker", "compose", "up", "--detach", "--no-build", "--wait"]
    subprocess.run(up, cwd=ROOT, env=environment, capture_output=True, timeout=START_SECONDS, check=True)
    sagemaker = aws_client("sagemaker", f"http://127.0.0.1:{port}")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    sagemaker.close()
    done = project.shell.run("up", "--profile", "local")
    assert done.returncode == 7
    assert f"compose project {project.name}: started by hand" in done.stderr
    assert len(project.containers()) == 2


def test_an_image_that_is_missing_and_may_not_be_built(project: Project) -> None:
    project.shell.environment["ECR_REPO"] = "meshtwin-test-no-such-image"
    done = project.shell.run("up", "--profile", "local", "--no-build")
    assert done.returncode == 7
    assert "meshtwin-test-no-such-image:latest is missing" in done.stderr
    assert "docker compose build runtime" in done.stderr
    assert not project.remains()


@pytest.mark.parametrize("chosen", [(), ("--profile", "gpu"), ("--profile", "image")])
def test_compose_yaml_is_clean(client: DockerClient, chosen: tuple[str, ...]) -> None:
    assert client.ping()
    command = ["docker", "compose", *chosen, "config", "--quiet"]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
