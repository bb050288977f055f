"""The emulator's image: nothing in it but the emulator, which serves the machine that it runs on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.support.engine import Containers, build
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

IMAGE = "meshtwin-emulator:latest"
BASE = "python:3.11-slim-bookworm"
MOST_BYTES = 60_000_000
OTHERS = tuple(f"meshtwin.{name}" for name in ("gltf", "runtime", "cloud", "minecraft"))
FOREIGN = ("emulator", "moto", "pytest", "numpy", "torch", "PIL")
HOSTED = ("meshtwin.emulator.bedrock", "meshtwin.emulator.lambda_", "meshtwin.emulator.serverless")
"""What of the emulator runs on the machine that functions are written on."""


@pytest.fixture(scope="module")
def image() -> str:
    build("emulator/Dockerfile", IMAGE)
    return IMAGE


@pytest.fixture
def containers(client: docker.DockerClient, image: str) -> Iterator[Containers]:
    with Containers(client, image, port=8470) as made:
        yield made


def test_nothing_is_in_it_but_the_emulator(containers: Containers, image: str) -> None:
    program = (
        "import importlib.util as u, os, sys; print(os.listdir('.'), os.listdir('meshtwin'));"
        f"sys.exit(', '.join(name for name in {FOREIGN + OTHERS + HOSTED} if u.find_spec(name)) or 0)"
    )
    status, output = containers.run("-c", program, entrypoint=["python"])
    assert status == 0, output
    assert set(re.findall(r"'(\w+)", output)) - {"__pycache__"} == {
        "LICENSE",
        "meshtwin",
        "__init__",
        "emulator",
        "whole_answers",
    }
    sizes = [containers.client.images.get(name).attrs["Size"] for name in (image, BASE)]
    assert sizes[0] - sizes[1] < MOST_BYTES


def test_it_serves_every_service_of_its_own_and_ends_in_order(
    containers: Containers, aws_inside: dict[str, str]
) -> None:
    served = containers.start(environment=aws_inside)
    wait_until(lambda: served.health == "healthy", 60)
    url = f"http://127.0.0.1:{served.port}"
    session = boto3.session.Session("test", "test", region_name="us-east-1")
    sagemaker = session.client("sagemaker", endpoint_url=url)
    scaling = session.client("application-autoscaling", endpoint_url=url)
    runtime = session.client("sagemaker-runtime", endpoint_url=url)
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    with pytest.raises(runtime.exceptions.ClientError, match="Endpoint nobody"):
        runtime.invoke_endpoint_async(EndpointName="nobody", InputLocation="s3://bucket/key")
    for made in (sagemaker, scaling, runtime):
        made.close()
    served.container.kill("SIGTERM")
    assert served.wait(30) == 0


def test_without_a_store_it_says_so(containers: Containers, aws_inside: dict[str, str]) -> None:
    status, output = containers.run(environment={**aws_inside, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert status == 1
    assert "Is AWS_ENDPOINT_URL right?" in output
