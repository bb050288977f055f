"""The emulator as a container, beside LocalStack: it is killed, and goes on with what it had accepted."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.sagemaker.fleet.docker.labels import EMULATOR_LABEL
from tests.support.emulator import client as aws_client
from tests.support.emulator import make_endpoint
from tests.support.engine import Containers, build
from tests.support.localstack import ALIAS, PORT, localstack
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient
    from docker.models.containers import Container

    from tests.support.engine import Served

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

JOBS = 20


@dataclass(frozen=True)
class Place:
    """A network with LocalStack on it, and what starts emulators there."""

    containers: Containers
    network: str
    store_url: str
    prefix: str

    def emulator(self) -> Served:
        options = {"launcher": "docker", "docker_network": self.network}
        served = self.containers.start(
            *("--host", "0.0.0.0", "--port", "8470", "--table-prefix", self.prefix),
            *(word for name, value in options.items() for word in ("--set", f"{name}={value}")),
            environment={
                "AWS_ENDPOINT_URL": f"http://{ALIAS}:{PORT}",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
            },
            network=self.network,
            volumes={"/var/run/docker.sock": {"bind": "/var/run/docker.sock"}},
        )
        wait_until(lambda: served.health == "healthy", 120)
        return served

    def instances(self) -> list[Container]:
        label = f"{EMULATOR_LABEL}={self.prefix}"
        found = self.containers.client.containers.list(
            all=True, filters={"label": label}, ignore_removed=True
        )
        return list(found)


@pytest.fixture(scope="module")
def image(client: DockerClient) -> Iterator[str]:
    name = f"meshtwin-test-emulator-{uuid.uuid4().hex[:8]}"
    build("emulator/Dockerfile", name)
    yield name
    client.images.remove(name, force=True)


@pytest.fixture
def place(client: DockerClient, image: str) -> Iterator[Place]:
    with localstack() as store, Containers(client, image, port=8470) as containers:
        made = Place(containers, store.network, store.url, f"t-{uuid.uuid4().hex[:8]}")
        yield made
        for container in containers.client.containers.list(
            filters={"label": f"meshtwin-test={containers.mark}"}
        ):
            container.stop(timeout=40)
        left = made.instances()
        for container in left:
            container.remove(force=True, v=True)
        assert not left


@pytest.mark.parametrize("anew", [False, True], ids=["started again", "another in its place"])
def test_an_emulator_that_is_killed_goes_on_where_it_was(
    place: Place, test_image: str, monkeypatch: pytest.MonkeyPatch, *, anew: bool
) -> None:
    monkeypatch.setenv("CONTRACT_IMAGE", test_image)
    name = f"n-{uuid.uuid4().hex[:8]}"
    killed = place.emulator()
    url = f"http://127.0.0.1:{killed.port}"
    sagemaker, runtime = aws_client("sagemaker", url), aws_client("sagemaker-runtime", url)
    made = make_endpoint(sagemaker, place.store_url, name)
    [orphan] = place.instances()
    bodies = {f"job {number}".encode() for number in range(JOBS)}
    for body in bodies:
        runtime.invoke_endpoint_async(EndpointName=name, Body=body)
    killed.container.kill(signal="SIGKILL")
    assert orphan.id in {one.id for one in place.instances()}
    if anew:
        killed.container.remove(force=True, v=True)
        place.emulator()
    else:
        # It takes the namespace of process ids that the killed one has left, whose number is used again.
        place.containers.start("60", entrypoint=["sleep"], init=True)
        killed.container.start()
    s3 = aws_client("s3", place.store_url)

    def results() -> list[str]:
        return [found["Key"] for found in s3.list_objects_v2(Bucket=made.bucket).get("Contents", [])]

    wait_until(lambda: len(results()) >= JOBS, 120)
    contents = [s3.get_object(Bucket=made.bucket, Key=key)["Body"].read() for key in results()]
    assert sorted(contents) == sorted(bodies)
    assert orphan.id not in {one.id for one in place.instances()}
    for each in (sagemaker, runtime, s3):
        each.close()
