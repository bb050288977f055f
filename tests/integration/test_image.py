"""The runtime's image, built and run: nothing in it but the runtime, which does as it does without."""

from __future__ import annotations

import os
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from mmap import ACCESS_READ, mmap
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.engine import ROOT, Containers, Served, build
from tests.support.runtime_server import RuntimeServer, aws_environment
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import docker
    from mypy_boto3_s3 import S3Client

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

CANARY = "hf_canary0123456789"
BASE = "python:3.11-slim-bookworm"
MOST_BYTES = 400_000_000
"""What the image may add to its base; docs/container.md says what it adds."""

FOREIGN = {
    "meshtwin.emulator",
    "meshtwin.cloud",
    "meshtwin.minecraft",
    "runtime",
    "fixtures",
    "tests",
    "moto",
    "pytest",
    "torch",
    "docker",
    "flask",
    "mypy",
}
QUICK = {"octree_resolution": 64, "texture_size": 256, "seed": 7}
LONG = {"octree_resolution": 512, "texture_size": 4096, "target_faces": 1_000_000}


@pytest.fixture(scope="module")
def image(client: docker.DockerClient) -> str:
    """The cpu target, built with a token around that it must not keep; IMAGE_UNDER_TEST names it."""
    assert client is not None
    name = os.environ.get("IMAGE_UNDER_TEST", "hunyuan3d-sagemaker:latest")
    build("runtime/Dockerfile", name, "--target", "cpu", HF_TOKEN=CANARY)
    return name


@pytest.fixture
def containers(client: docker.DockerClient, image: str) -> Iterator[Containers]:
    with Containers(client, image) as made:
        yield made


@pytest.fixture
def store(reachable_s3: S3Client) -> S3Client:
    # moto's servers of one process have one memory: other tests' buckets are there, too.
    reachable_s3.create_bucket(Bucket="images")
    reachable_s3.upload_file(str(ROOT / "fixtures" / "images" / "mushroom.png"), "images", "mushroom.png")
    return reachable_s3


def job(prefix: str, params: dict[str, int]) -> dict[str, Any]:
    return {
        "stage": "full",
        "input_s3": "s3://images/mushroom.png",
        "output_prefix_s3": f"s3://images/{prefix}/",
        "params": params,
    }


def read(store: S3Client, key: str) -> bytes:
    with store.get_object(Bucket="images", Key=key)["Body"] as body:
        return body.read()


def say(*command: str) -> str:
    return subprocess.run(["docker", *command], capture_output=True, text=True, check=True).stdout


def test_nothing_is_in_it_but_the_runtime_and_no_secret(
    containers: Containers, image: str, tmp_path: Path
) -> None:
    told = say("history", "--no-trunc", image) + say("image", "inspect", image)
    assert CANARY not in told
    assert "HF_TOKEN" not in told
    everything = tmp_path / "everything.tar"
    say("export", "--output", str(everything), str(containers.start("serve").container.id))
    with everything.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        assert content.find(CANARY.encode()) == -1
    with tarfile.open(everything) as files:
        names = [PurePosixPath(name) for name in files.getnames()]
    everything.unlink()
    ours = {path.relative_to("opt/program") for path in names if path.is_relative_to("opt/program")}
    assert {path.parts[0] for path in ours if path.parts} == {"LICENSE", "meshtwin"}
    packages = {path.parts[1] for path in ours if len(path.parts) > 1}
    assert packages == {"__init__.py", "__pycache__", "gltf", "runtime", "whole_answers.py"}
    assert {path.suffix for path in ours if path.suffix} == {".py", ".pyc"}
    environment = "opt/venv/lib/python3.11/site-packages"
    packages = {path.name for path in names if str(path.parent) == environment}
    assert not packages & (FOREIGN | {"pip", "setuptools"})
    assert not [path for path in names if path.is_relative_to("opt/ml/model") and path.name != "model"]


def test_nothing_else_can_be_imported(containers: Containers) -> None:
    program = (
        "import importlib.util as u, sys; "
        f"sys.exit(', '.join(name for name in {sorted(FOREIGN)} if u.find_spec(name)) or 0)"
    )
    assert containers.run("-c", program, entrypoint=["python"]) == (0, "")


def test_it_is_small(client: docker.DockerClient, image: str) -> None:
    added = client.images.get(image).attrs["Size"] - client.images.get(BASE).attrs["Size"]
    assert added < MOST_BYTES


def test_it_serves_healthy_and_without_a_right_to_anything(containers: Containers) -> None:
    served = containers.start("serve").ready()
    status = served.inside("cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert fields["Uid"].split() == fields["Gid"].split() == ["10001"] * 4
    assert fields["Groups"].split() == ["10001"]
    assert int(fields["CapEff"], 16) == 0
    wait_until(lambda: served.health == "healthy", 40)


def test_it_makes_what_the_program_makes_without_it(
    containers: Containers, store: S3Client, aws_inside: dict[str, str], reachable_moto: int, tmp_path: Path
) -> None:
    served = containers.start(environment=aws_inside).ready()
    inside = served.request("POST", "/invocations", job("inside", QUICK))
    assert inside.status == 200, inside.json
    outside_environment = aws_environment(f"http://127.0.0.1:{reachable_moto}")
    with RuntimeServer(tmp_path, outside_environment, RUNTIME_BACKEND="relief") as server:
        outside = server.ready().invoke(job("outside", QUICK))
    assert outside.status == 200, outside.json
    for name in ("shape.glb", "textured.glb"):
        assert read(store, f"inside/{name}") == read(store, f"outside/{name}")
    assert inside.json["metrics"]["device"] == "cpu"


@pytest.mark.parametrize(
    ("grace", "params", "answer"), [("25", QUICK, (200, None)), ("0.2", LONG, (503, "not_ready"))]
)
def test_sigterm_ends_it_in_order_while_a_job_runs(
    containers: Containers,
    store: S3Client,
    aws_inside: dict[str, str],
    grace: str,
    params: dict[str, int],
    answer: tuple[int, str | None],
) -> None:
    assert store is not None
    served = containers.start("serve", environment={**aws_inside, "RUNTIME_GRACE_SECONDS": grace}).ready()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(served.request, "POST", "/invocations", job("stopped", params))
        wait_until(lambda: served.request("GET", "/ping").json["running"] == 1 or running.done())
        served.container.kill("SIGTERM")
        got = running.result(60)
    code = got.json.get("error", {}).get("code")
    assert (got.status, code) == answer
    assert served.wait(30) == 0
    assert '"event": "stopped"' in served.output


def test_it_stays_who_docker_says(containers: Containers) -> None:
    served = containers.start("serve", user="1234").ready()
    assert "Uid:\t1234\t1234\t1234\t1234" in served.inside("cat", "/proc/1/status")
    assert '"event": "user_kept"' in served.output


def test_root_may_be_kept(containers: Containers) -> None:
    served = containers.start("serve", environment={"RUNTIME_USER": ""}).ready()
    assert "Uid:\t0\t0\t0\t0" in served.inside("cat", "/proc/1/status")


def test_sagemaker_may_choose_the_port(containers: Containers, image: str) -> None:
    label = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
    assert containers.client.images.get(image).labels[label] == "true"
    served: Served = containers.start("serve", environment={"SAGEMAKER_BIND_TO_PORT": "23000"})
    wait_until(lambda: '"port": 23000' in served.output)
    wait_until(lambda: served.health == "healthy", 40)


@pytest.mark.parametrize(
    ("environment", "options", "said"),
    [
        ({"RUNTIME_QUEUE": "many"}, {}, "RUNTIME_QUEUE 'many': expected a whole number, 0..1000"),
        ({"RUNTIME_USER": "nobody2"}, {}, "RUNTIME_USER 'nobody2': expected the name of a user"),
        (
            {"RUNTIME_SCRATCH": "/root"},
            {},
            "RUNTIME_SCRATCH '/root': expected a folder that exists and can be",
        ),
        (
            {"RUNTIME_BACKEND": "hunyuan"},
            {},
            "RUNTIME_BACKEND 'hunyuan': this version has no such backend yet",
        ),
        (
            {},
            {"cap_drop": ["ALL"]},
            "RUNTIME_USER 'model': root may not switch to it (Operation not permitted)",
        ),
    ],
)
def test_what_cannot_be_meant_ends_it_with_words(
    containers: Containers, environment: dict[str, str], options: dict[str, Any], said: str
) -> None:
    status, output = containers.run("serve", environment=environment, **options)
    assert status == 2
    assert said in output
    assert "Traceback" not in output


def test_weights_are_the_other_images(containers: Containers) -> None:
    status, output = containers.run("weights")
    assert status == 1
    assert output.startswith("weights need the package huggingface_hub")
