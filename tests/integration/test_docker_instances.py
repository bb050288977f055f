"""Instances are containers: given what model and instance type ask for, watched, and removed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import tarfile
import uuid
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.emulator.core.owner import new_owner
from meshtwin.emulator.sagemaker.fleet.docker.labels import EMULATOR_LABEL, OWNER_LABEL
from meshtwin.emulator.sagemaker.fleet.docker.orphans import remove_orphans
from meshtwin.emulator.sagemaker.fleet.spec import Container, FleetFailedError, Layout, ModelData
from meshtwin.emulator.sagemaker.settings import GpuUse, LauncherKind, OnInstanceLoss
from tests.support.emulator import IMAGES, create_endpoint, run_emulator, status_of
from tests.support.harness import Harness, running, settings_for, spec_for, until
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from docker import DockerClient
    from docker.models.containers import Container as DockerContainer
    from mypy_boto3_s3 import S3Client

    from tests.support.emulator import Running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Place:
    """An engine, an image and a store, under a table prefix of the test's own."""

    engine: DockerClient
    image: str
    url: str
    folder: Path
    prefix: str

    def containers(self) -> list[DockerContainer]:
        label = f"{EMULATOR_LABEL}={self.prefix}"
        return list(self.engine.containers.list(all=True, filters={"label": label}, ignore_removed=True))

    @asynccontextmanager
    async def harness(self, **changes: Any) -> AsyncIterator[Harness]:
        given = {"launcher": LauncherKind.DOCKER, "commands": {}, "table_prefix": self.prefix, **changes}
        async with running(self.url, settings_for(self.folder, **given)) as made:
            yield made

    @contextmanager
    def emulator(self) -> Iterator[Running]:
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        with run_emulator(self.url, folder, table_prefix=self.prefix, launcher=IMAGES) as made:
            yield made


@pytest.fixture
def place(client: DockerClient, test_image: str, aws: str, tmp_path: Path) -> Iterator[Place]:
    """Where no container is left at the end."""
    made = Place(client, test_image, aws, tmp_path, f"t-{uuid.uuid4().hex[:8]}")
    yield made
    left = made.containers()
    for container in left:
        container.remove(force=True, v=True)
    volumes = client.volumes.list(filters={"label": f"{EMULATOR_LABEL}={made.prefix}"})
    for volume in volumes:
        volume.remove(force=True)
    assert not left
    assert not volumes


def inspect(container: DockerContainer) -> dict[str, Any]:
    container.reload()
    attributes: dict[str, Any] = container.attrs
    return attributes


def said(container: DockerContainer, *command: str) -> str:
    code, output = container.exec_run(list(command))
    assert code == 0, output
    assert isinstance(output, bytes)
    return output.decode()


def test_a_container_gets_what_its_model_and_its_type_ask_for(place: Place) -> None:
    spec = spec_for(place.image, environment={"MODEL_SERVER_WORKERS": "2"}, instance_type="ml.g5.2xlarge")

    async def scenario() -> None:
        async with place.harness() as made:
            await made.fleets.start(spec)
            [container] = place.containers()
            found = inspect(container)
            environment = dict(line.split("=", 1) for line in found["Config"]["Env"])
            assert found["Config"]["Cmd"] == ["serve"]
            assert found["HostConfig"]["Memory"] == found["HostConfig"]["MemorySwap"] == 32 << 30
            assert environment["MODEL_SERVER_WORKERS"] == "2"
            assert environment["SAGEMAKER_BIND_TO_PORT"] == "8080"
            assert environment["AWS_ACCESS_KEY_ID"] == "test"
            # moto is on this host's loopback: within, the host is the network's gateway.
            assert "127.0.0.1" not in environment["AWS_ENDPOINT_URL"]
            metadata = said(container, "cat", "/opt/ml/.sagemaker_infra/endpoint-metadata.json")
            assert json.loads(metadata) == {"EndpointArn": spec.endpoint_arn}
            [seen] = made.running_fleets.instances(spec.endpoint_name)
            assert seen.instance.pid == found["State"]["Pid"]
            assert found["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"

    asyncio.run(scenario())


@pytest.mark.parametrize("deaf", [False, True], ids=["obeys SIGTERM", "is killed"])
def test_scaling_in_stops_and_removes_it_and_its_output_is_kept(place: Place, *, deaf: bool) -> None:
    environment = {"CONTAINER": "script", **({"DEAF": "1"} if deaf else {})}
    spec = spec_for(place.image, environment=environment)

    async def scenario() -> None:
        async with place.harness(stop_grace=2.0) as made:
            await made.fleets.start(spec)
            await made.fleets.scale(spec.endpoint_name, 2)
            assert len(place.containers()) == 2
            await made.fleets.scale(spec.endpoint_name, 0)
            assert place.containers() == []

    asyncio.run(scenario())
    assert len(list(place.folder.glob(f"{spec.endpoint_name}/main/*.log"))) == 2


def test_one_that_dies_is_replaced(place: Place) -> None:
    spec = spec_for(place.image)

    async def scenario() -> None:
        async with place.harness() as made:
            await made.fleets.start(spec)
            [first] = place.containers()
            [lost] = [seen.instance for seen in made.running_fleets.instances(spec.endpoint_name)]
            first.kill(signal="SIGKILL")
            await until(
                lambda: (
                    made.running_fleets.healthy_count(spec.endpoint_name) == 1
                    and all(
                        seen.instance is not lost
                        for seen in made.running_fleets.instances(spec.endpoint_name)
                    )
                )
            )
            assert lost.ending == "killed by SIGKILL"
            [second] = place.containers()
            assert second.id != first.id

    asyncio.run(scenario())


def test_one_that_needs_more_memory_than_its_type_has_is_killed_and_replaced(place: Place) -> None:
    spec = spec_for(place.image, environment={"CONTAINER": "script"})

    async def scenario() -> None:
        changes = {"memory_limit_mib": 64, "on_instance_loss": OnInstanceLoss.FAIL}
        async with place.harness(**changes) as made:
            await made.fleets.start(spec)
            [first] = place.containers()
            [lost] = [seen.instance for seen in made.running_fleets.instances(spec.endpoint_name)]
            request = await made.submit(spec, b"grow 268435456")
            await made.dispatcher.ended(request.request_id, 60)
            assert lost.ending == "killed for memory: its limit is memory_limit_mib, 64 MiB"
            await until(lambda: made.running_fleets.healthy_count(spec.endpoint_name) == 1)
            [second] = place.containers()
            assert second.id != first.id
            assert (await made.submit(spec, b"hello")).request_id

    asyncio.run(scenario())


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def put(s3: S3Client, bucket: str, **objects: bytes) -> None:
    for key, content in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=content)


@pytest.mark.parametrize(
    ("uri", "layout", "expected"),
    [
        ("m/model.tar.gz", Layout.ARCHIVE, {"weights.bin": "packed"}),
        ("tree/", Layout.PREFIX, {"a.txt": "1", "deep/er/b.txt": "2"}),
        ("tree/deep/er/b.txt", Layout.OBJECT, {"b.txt": "2"}),
        ("m/model", Layout.GZIP, {"weights.bin": "packed"}),
    ],
)
def test_model_files_are_there_before_it_starts(
    place: Place, s3: S3Client, bucket: str, *, uri: str, layout: Layout, expected: dict[str, str]
) -> None:
    put(
        s3,
        bucket,
        **{
            "m/model.tar.gz": archive(**{"weights.bin": b"packed"}),
            "m/model": archive(**{"weights.bin": b"packed"}),
        },
    )
    put(s3, bucket, **{"tree/a.txt": b"1", "tree/deep/er/b.txt": b"2", "tree/deep/": b""})
    data = ModelData(f"s3://{bucket}/{uri}", layout)
    spec = spec_for(place.image, container=Container(place.image, {}, data))

    async def scenario() -> None:
        async with place.harness() as made:
            await made.fleets.start(spec)
            [container] = place.containers()
            listed = said(container, "find", "/opt/ml/model", "-type", "f", "-printf", "%P\n").split()
            assert {path: said(container, "cat", f"/opt/ml/model/{path}") for path in listed} == expected
            code, output = container.exec_run(["touch", "/opt/ml/model/mine"])
            assert code, "a container can only read its model's files"
            assert b"Read-only file system" in output

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("objects", "uri", "layout", "words"),
    [
        ({}, "none.tar.gz", Layout.ARCHIVE, "Failed to download model data"),
        ({}, "none/", Layout.PREFIX, "no object begins with"),
        ({"m.zip": b"PK"}, "m.zip", Layout.ARCHIVE, r"ends in \.tar\.gz"),
        ({"bad.tar.gz": b"no archive"}, "bad.tar.gz", Layout.ARCHIVE, "Failed to extract model data"),
        ({"x/a": b"", "x/a/b": b""}, "x/", Layout.PREFIX, "would be a file, and the folder"),
        ({"x/../b": b""}, "x/", Layout.PREFIX, "cannot be a file's path"),
    ],
)
def test_model_files_that_can_not_be_had_fail_the_endpoint(
    place: Place,
    s3: S3Client,
    bucket: str,
    *,
    objects: dict[str, bytes],
    uri: str,
    layout: Layout,
    words: str,
) -> None:
    put(s3, bucket, **objects)
    data = ModelData(f"s3://{bucket}/{uri}", layout)
    spec = spec_for(place.image, container=Container(place.image, {}, data))

    async def scenario() -> None:
        async with place.harness() as made:
            with pytest.raises(FleetFailedError, match=words):
                await made.fleets.start(spec)

    asyncio.run(scenario())


def test_an_image_that_can_not_be_had_fails_in_awss_words(place: Place) -> None:
    spec = spec_for("localhost:1/none/such:1")

    async def scenario() -> None:
        async with place.harness() as made:
            with pytest.raises(
                FleetFailedError, match="make sure all images included in the model"
            ) as caught:
                await made.fleets.start(spec)
            assert "localhost:1/none/such:1" in str(caught.value)

    asyncio.run(scenario())


def test_an_image_without_serve_fails_in_awss_words(place: Place) -> None:
    spec = spec_for("python:3.11-slim-bookworm")

    async def scenario() -> None:
        async with place.harness() as made:
            words = "starts correctly when invoked with 'docker run <image> serve'.*serve.*not found"
            with pytest.raises(FleetFailedError, match=words):
                await made.fleets.start(spec)

    asyncio.run(scenario())


def test_a_container_that_exits_fails_with_its_last_lines(place: Place) -> None:
    spec = spec_for(place.image, environment={"CONTAINER": "script", "EXIT_AT_ONCE": "1"})

    async def scenario() -> None:
        async with place.harness(startup_attempts=2) as made:
            with pytest.raises(FleetFailedError) as caught:
                await made.fleets.start(spec)
            assert "did not pass the ping health check" in str(caught.value)
            assert "exit code 3" in str(caught.value)
            assert "no weights in /opt/ml/model" in str(caught.value)

    asyncio.run(scenario())


def test_gpus_that_the_engine_can_not_give_are_refused_where_they_are_required(place: Place) -> None:
    if "nvidia" in place.engine.info()["Runtimes"]:
        pytest.skip("this engine can give GPUs")
    spec = spec_for(place.image, instance_type="ml.g5.2xlarge")

    async def scenario() -> None:
        async with place.harness(gpu=GpuUse.REQUIRE) as made:
            with pytest.raises(FleetFailedError, match=r"device driver .*gpu"):
                await made.fleets.start(spec)

    asyncio.run(scenario())


def test_what_a_killed_emulator_left_is_removed_and_what_a_living_one_has_is_not(
    place: Place, name: str
) -> None:
    with place.emulator() as killed:
        sagemaker = killed.client("sagemaker")
        create_endpoint(sagemaker, name, {"S3OutputPath": f"s3://{name}/out"}, image=place.image)
        wait_until(lambda: status_of(sagemaker, name) == "InService", 60)
        [orphan] = place.containers()
        killed.process.kill()
        killed.process.wait()
        sagemaker.close()
    assert inspect(orphan)["State"]["Running"]
    with place.emulator() as living:
        sagemaker = living.client("sagemaker")
        wait_until(lambda: status_of(sagemaker, name) == "InService", 60)
        [kept] = wait_until(lambda: [one for one in place.containers() if one.id != orphan.id])
        assert [one.id for one in place.containers()] == [kept.id]
        with pytest.raises(AssertionError, match="belong to another emulator"), place.emulator():
            pytest.fail("two emulators own the same tables")
        assert kept.id in {one.id for one in place.containers()}
        assert inspect(kept)["State"]["Running"]
        sagemaker.close()


def test_a_volume_of_a_killed_emulator_is_removed_and_that_of_a_living_one_is_not(place: Place) -> None:
    gone, mine = subprocess.Popen(["true"]), new_owner()
    gone.wait()
    owners = (mine.replace(f":{os.getpid()}:", f":{gone.pid}:"), mine, "another-host:1:nonce")
    labels = [{EMULATOR_LABEL: place.prefix, OWNER_LABEL: owner} for owner in owners]
    dead, *living = [place.engine.volumes.create(labels=each) for each in labels]
    assert remove_orphans(place.engine, place.prefix, mine) == [dead.name]
    for volume in living:
        volume.remove()


def test_an_endpoint_that_is_given_up_while_it_starts_leaves_nothing(place: Place) -> None:
    spec = spec_for(place.image, environment={"CONTAINER": "script", "PING_STATUS": "503"})

    async def scenario() -> None:
        async with place.harness() as made:
            starting = asyncio.create_task(made.fleets.start(spec))
            await until(lambda: bool(place.containers()))
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            assert place.containers() == []

    asyncio.run(scenario())
    wait_until(lambda: place.containers() == [])
