"""Which launcher starts an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.emulator.sagemaker.fleet.address import AddressLauncher, is_address
from meshtwin.emulator.sagemaker.fleet.logs import Logs
from meshtwin.emulator.sagemaker.fleet.process import ProcessLauncher
from meshtwin.emulator.sagemaker.settings import LauncherKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from meshtwin.emulator.sagemaker.fleet.docker.launcher import DockerLauncher
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance, Launcher
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings


class Launchers:
    """Chooses by image: an address is called, a command is a process, others go to `settings.launcher`."""

    def __init__(self, settings: Settings, s3: S3Client, owner: str) -> None:
        self._logs = logs = Logs(settings.log_dir, owner)
        self._commands = settings.commands
        self._addresses = AddressLauncher()
        self._processes = ProcessLauncher(settings, logs)
        self._docker: DockerLauncher | None = None
        if settings.launcher is LauncherKind.DOCKER:
            # A tenth of a second of imports, which only this launcher needs.
            from meshtwin.emulator.sagemaker.fleet.docker.launcher import DockerLauncher  # noqa: PLC0415

            self._docker = DockerLauncher(settings, logs, s3, owner)

    async def start(self) -> None:
        """Remove what an earlier emulator has left."""
        if self._docker is not None:
            await self._docker.start()

    async def launch(self, spec: FleetSpec, on_lost: Callable[[], None]) -> Instance:
        """See `Launcher.launch`."""
        return await self._for(spec.container.image).launch(spec, on_lost)

    def close(self) -> None:
        """Close the launchers; every instance has been stopped before."""
        if self._docker is not None:
            self._docker.close()
        self._logs.close()

    def _for(self, image: str) -> Launcher:
        if is_address(image):
            return self._addresses
        if self._docker is None or image in self._commands or "*" in self._commands:
            return self._processes
        return self._docker
