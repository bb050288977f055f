"""Starts an instance as SageMaker does, `docker run IMAGE serve`, with what its model and its type require.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import asyncio
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import structlog
from docker.errors import APIError, DockerException, ImageNotFound
from docker.types import DeviceRequest, Mount

from meshtwin.emulator.sagemaker.fleet.docker.engine import Engine, EngineAwayError
from meshtwin.emulator.sagemaker.fleet.docker.instance import DockerInstance
from meshtwin.emulator.sagemaker.fleet.docker.labels import labels_of
from meshtwin.emulator.sagemaker.fleet.docker.model_files import MODEL_FOLDER, ModelFiles, scaffold
from meshtwin.emulator.sagemaker.fleet.docker.orphans import remove_orphans
from meshtwin.emulator.sagemaker.fleet.docker.reach import Reach
from meshtwin.emulator.sagemaker.fleet.instance_types import InstanceType, instance_types
from meshtwin.emulator.sagemaker.fleet.launcher import Address
from meshtwin.emulator.sagemaker.fleet.ports import BLOCK
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError, LauncherAwayError, image_missing
from meshtwin.emulator.sagemaker.settings import GpuUse

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker.models.containers import Container as DockerContainer
    from docker.models.volumes import Volume
    from mypy_boto3_s3 import S3Client

    from meshtwin.emulator.sagemaker.fleet.logs import Logs
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings

PORT = 8080
"""Where a container listens: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"""

_THREADS = 16

_log = structlog.get_logger()


class DockerLauncher:
    """Makes containers of images that the engine has, or can pull. `owner` names this emulator process."""

    def __init__(self, settings: Settings, logs: Logs, s3: S3Client, owner: str) -> None:
        self._settings = settings
        self._logs = logs
        self._s3 = s3
        self._owner = owner
        self._engine = Engine()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")

    async def start(self) -> None:
        """Remove the containers that dead emulators of this table prefix have left."""
        loop = asyncio.get_running_loop()
        try:
            prefix = self._settings.table_prefix
            client = await loop.run_in_executor(self._threads, lambda: self._engine.client)
            removed = await loop.run_in_executor(self._threads, remove_orphans, client, prefix, self._owner)
        except (EngineAwayError, DockerException, OSError) as error:
            # Endpoints report it when they are started, and start once the engine is there.
            _log.warning("docker_away", error=str(error))
            return
        for name in removed:
            _log.warning("orphan_removed", container=name)

    def close(self) -> None:
        """Close the connection to the engine. Every instance has been stopped before."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._engine.close()

    async def launch(self, spec: FleetSpec, on_lost: Callable[[], None]) -> DockerInstance:
        """Start the image; see `Launcher.launch`. Pulls it, and fetches the model's files, before."""
        loop = asyncio.get_running_loop()
        given_up = threading.Event()
        starting = loop.run_in_executor(self._threads, self._start, spec, given_up)
        try:
            instance = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread cannot be stopped at once: what it starts must not be left behind.
            given_up.set()
            [started] = await asyncio.gather(starting, return_exceptions=True)
            if isinstance(started, DockerInstance):
                started.watch(lambda: None)
                await started.stop(0)
            raise
        instance.watch(on_lost)
        return instance

    def _start(self, spec: FleetSpec, given_up: threading.Event) -> DockerInstance:
        try:
            self._have_image(spec)
            return self._run(spec, given_up)
        except (EngineAwayError, OSError) as error:
            raise LauncherAwayError(_cannot_start(spec, error)) from error
        except DockerException as error:
            raise FleetFailedError(_cannot_start(spec, error)) from error

    def _have_image(self, spec: FleetSpec) -> None:
        image = spec.container.image
        client = self._engine.client
        try:
            client.images.get(image)
        except ImageNotFound:
            _log.info("image_pulled", image=image, endpoint=spec.endpoint_name)
            try:
                client.images.pull(image)
            except DockerException as error:
                raise image_missing(
                    spec, f"The engine does not have {image[:300]!r}, and cannot pull it: {error}"
                ) from error

    def _run(self, spec: FleetSpec, given_up: threading.Event) -> DockerInstance:
        client = self._engine.client
        reach = Reach(client, self._settings.docker_network)
        instance_id = f"i-{uuid.uuid4().hex[:17]}"
        kind = instance_types().get(spec.instance_type or "")
        labels = labels_of(spec, instance_id, self._settings.table_prefix, self._owner)
        with ExitStack() as undo:
            model = self._model_volume(spec, labels, given_up)
            if model is not None:
                undo.callback(model.remove, force=True)
            container = client.containers.create(
                spec.container.image,
                ["serve"],
                name=f"meshtwin-{spec.endpoint_name}-{instance_id[2:10]}",
                labels=labels,
                environment=self._environment(spec, reach),
                network=reach.network,
                ports={} if reach.inside else {f"{PORT}/tcp": ("127.0.0.1", 0)},
                mounts=[] if model is None else [_mount(model, read_only=True)],
                **self._resources(spec, kind),
            )
            undo.callback(container.remove, force=True, v=True)
            container.put_archive("/", scaffold(spec.endpoint_arn, with_model_folder=model is None))
            _serve(container, spec)
            container.reload()
            address = _address(container, reach)
            undo.pop_all()
        return DockerInstance(
            instance_id,
            address,
            container,
            model,
            self._logs.file(spec, instance_id),
            limit=self._limit(spec, kind),
            pid=_pid(container, reach),
        )

    def _model_volume(
        self, spec: FleetSpec, labels: dict[str, str], given_up: threading.Event
    ) -> Volume | None:
        """The model's files, for a container that can only read them, as on SageMaker.

        https://github.com/autogluon/autogluon/pull/3064, https://github.com/aws/sagemaker-python-sdk/issues/5698.
        Files come into a volume through a container that is never started.
        """
        data = spec.container.model_data
        if data is None:
            return None
        client = self._engine.client
        files = ModelFiles(self._s3, data, spec.download_timeout, lambda: not given_up.is_set())
        with ExitStack() as undo:
            volume = client.volumes.create(labels=labels)
            undo.callback(volume.remove, force=True)
            filling = client.containers.create(
                spec.container.image, ["serve"], labels=labels, mounts=[_mount(volume, read_only=False)]
            )
            try:
                filling.put_archive(MODEL_FOLDER, files.stream())
            finally:
                filling.remove(force=True)
            undo.pop_all()
        return volume

    def _environment(self, spec: FleetSpec, reach: Reach) -> dict[str, str]:
        region = self._settings.region
        return {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            **reach.environment(),
            **spec.container.environment,
            "SAGEMAKER_BIND_TO_PORT": str(PORT),
            "SAGEMAKER_SAFE_PORT_RANGE": f"{PORT}-{PORT + BLOCK - 1}",
        }

    def _resources(self, spec: FleetSpec, kind: InstanceType | None) -> dict[str, Any]:
        given: dict[str, Any] = {}
        memory = self._settings.memory_limit_mib or (kind.memory_mib if kind else 0)
        if memory:
            # Equal limits leave no swap: an instance of SageMaker's has none.
            given |= {"mem_limit": f"{memory}m", "memswap_limit": f"{memory}m"}
        if kind is not None and kind.gpus and self._may_use_gpu(spec):
            given["device_requests"] = [DeviceRequest(count=kind.gpus, capabilities=[["gpu"]])]
        return given

    def _may_use_gpu(self, spec: FleetSpec) -> bool:
        if self._settings.gpu is GpuUse.AUTO and not self._engine.has_nvidia():
            _log.warning(
                "no_gpu",
                endpoint=spec.endpoint_name,
                instance_type=spec.instance_type,
                reason="the engine has no NVIDIA runtime: the container runs without a GPU",
            )
            return False
        return self._settings.gpu is not GpuUse.NONE

    def _limit(self, spec: FleetSpec, kind: InstanceType | None) -> str:
        if self._settings.memory_limit_mib:
            return f"memory_limit_mib, {self._settings.memory_limit_mib} MiB"
        return f"{kind.memory_mib} MiB of {spec.instance_type}" if kind else "the machine's"


def _cannot_start(spec: FleetSpec, error: Exception) -> str:
    return f"cannot start a container of {spec.container.image[:300]!r}: {error}"


def _mount(volume: Volume, *, read_only: bool) -> Mount:
    return Mount(MODEL_FOLDER, volume.name, type="volume", no_copy=True, read_only=read_only)


def _serve(container: DockerContainer, spec: FleetSpec) -> None:
    """Start it; a failure begins with AWS's words, as public reports quote them."""
    try:
        container.start()
    except APIError as error:
        raise FleetFailedError(
            f"CannotStartContainerError. Please ensure the model container for variant {spec.variant_name} "
            f"starts correctly when invoked with 'docker run <image> serve' ({error.explanation or error})"
        ) from error


def _pid(container: DockerContainer, reach: Reach) -> int:
    """The first process's id, 0 where the engine's processes are not this host's."""
    here = sys.platform == "linux" and not reach.inside
    return int(container.attrs["State"].get("Pid") or 0) if here else 0


def _address(container: DockerContainer, reach: Reach) -> Address:
    found = container.attrs["NetworkSettings"]
    if reach.inside:
        return Address(found["Networks"][reach.network]["IPAddress"], PORT)
    bindings = found["Ports"].get(f"{PORT}/tcp") or []
    if not bindings:
        # It has ended before its port was there: nothing answers, and the watch finds how it ended.
        return Address("127.0.0.1", 1)
    return Address("127.0.0.1", int(bindings[0]["HostPort"]))
