"""The voxel function's image, built, and run as Lambda runs it: it builds a model, and compiles nothing."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from meshtwin.gltf.colored import write_colored_glb
from tests.support.engine import HOST, Containers, Served, build
from tests.support.runtime_api import RuntimeApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker
    from mypy_boto3_s3 import S3Client

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

IMAGE = "createbuild-glb-to-vox:latest"
BASE = "python:3.11-slim-bookworm"
MOST_BYTES = 500_000_000
FOREIGN = (
    "meshtwin.emulator",
    "meshtwin.cloud",
    "minecraft",
    "fixtures",
    "tests",
    "moto",
    "pytest",
    "scipy",
    "torch",
    "docker",
    "fastapi",
)
AS_LAMBDA: dict[str, Any] = {"read_only": True, "tmpfs": {"/tmp": "mode=1777"}, "user": "993:990"}  # noqa: S108  # the container's
"""A file system that cannot be written to but for /tmp, and a user who owns none of it:
https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-reqs"""

COUNTED = """
import gc
from meshtwin.minecraft.voxel.warm import blocks_of_cells, cells_of_a_model
cells_of_a_model()
blocks_of_cells()
from numba.core.dispatcher import Dispatcher
kept = [each.stats for each in gc.get_objects() if isinstance(each, Dispatcher)]
print(sum(sum(stats.cache_hits.values()) for stats in kept) > 0)
print(sum(sum(stats.cache_misses.values()) for stats in kept))
"""


@pytest.fixture(scope="module")
def image() -> str:
    build("minecraft/Dockerfile", IMAGE)
    return IMAGE


@pytest.fixture
def containers(client: docker.DockerClient, image: str) -> Iterator[Containers]:
    with Containers(client, image) as made:
        yield made


@pytest.fixture
def store(reachable_s3: S3Client) -> S3Client:
    reachable_s3.create_bucket(Bucket="models")
    return reachable_s3


def tetrahedron() -> bytes:
    """One of red concrete's colour, which its corners have."""
    positions = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    return write_colored_glb(positions, faces, np.tile(np.array([0.27, 0.014, 0.014, 1], np.float32), (4, 1)))


def task(name: str) -> dict[str, Any]:
    return {
        "jobId": name,
        "glb_s3": f"s3://models/{name}.glb",
        "output_prefix_s3": f"s3://models/{name}/",
        "size": 12,
    }


def read(store: S3Client, key: str) -> bytes:
    with store.get_object(Bucket="models", Key=key)["Body"] as body:
        return body.read()


@pytest.fixture
def function(containers: Containers, aws_inside: dict[str, str]) -> Iterator[tuple[RuntimeApi, Served]]:
    """The image as Lambda starts it, and who calls it; numba says what it loads and what it keeps."""
    with RuntimeApi() as api:
        settings = {"AWS_LAMBDA_RUNTIME_API": f"{HOST}:{api.port}", "NUMBA_DEBUG_CACHE": "1"}
        yield api, containers.start(environment=aws_inside | settings, **AS_LAMBDA)


def test_a_model_becomes_blocks_and_nothing_is_compiled(
    function: tuple[RuntimeApi, Served], store: S3Client
) -> None:
    api, served = function
    for name in ("first", "second"):
        store.put_object(Bucket="models", Key=f"{name}.glb", Body=tetrahedron())
        assert api.invoke(task(name)) == ("response", {"jobId": name, "outcome": "built"}), served.output
    summary = json.loads(read(store, "first/voxels.json"))
    assert summary["size"] == [12, 12, 12]
    assert all(name.startswith("minecraft:red_") for name in summary["materials"])
    document = json.loads(gzip.decompress(read(store, "first/build.json.gz")))
    assert (document["format"], document["version"], document["jobId"]) == ("meshtwin-build", 2, "first")
    assert document["blocks"] == summary["blocks"]
    for name in summary["artefacts"].keys() - {"build.json.gz"}:
        assert read(store, f"first/{name}") == read(store, f"second/{name}"), name
    assert "[cache] data loaded from" in served.output
    assert "[cache] data saved to" not in served.output


def test_what_is_wrong_with_an_event_is_told_and_the_next_is_done(
    function: tuple[RuntimeApi, Served], store: S3Client
) -> None:
    api, _ = function
    kind, told = api.invoke({"jobId": "none"})
    assert (kind, told["errorType"]) == ("error", "ContractError")
    store.put_object(Bucket="models", Key="text.glb", Body=b"no model")
    assert api.invoke(task("text")) == ("response", {"jobId": "text", "outcome": "voxels_failed"})
    gone = task("gone")
    assert api.invoke(gone) == ("response", {"jobId": "gone", "outcome": "object_not_found"})


def test_all_that_can_be_compiled_is(containers: Containers) -> None:
    status, output = containers.run("-c", COUNTED, entrypoint=["python"], seconds=300, **AS_LAMBDA)
    assert (status, output.split()) == (0, ["True", "0"]), output


def test_nothing_is_in_it_but_the_function(containers: Containers, image: str) -> None:
    program = (
        "import importlib.util as u, os, sys; print(*sorted(os.listdir('.') + os.listdir('meshtwin')));"
        f"sys.exit(', '.join(name for name in {FOREIGN} if u.find_spec(name)) or 0)"
    )
    status, output = containers.run("-c", program, entrypoint=["python"])
    assert (status, output.split()) == (
        0,
        [
            "LICENSE",
            "__init__.py",
            "__pycache__",
            "gltf",
            "meshtwin",
            "minecraft",
            "runtime",
            "whole_answers.py",
        ],
    )
    status, output = containers.run("-c", "ls meshtwin/runtime", entrypoint=["sh"])
    assert (status, set(output.split()) - {"__pycache__"}) == (0, {"__init__.py", "contract.py"})
    sizes = [containers.client.images.get(name).attrs["Size"] for name in (image, BASE)]
    assert sizes[0] - sizes[1] < MOST_BYTES
