"""Instances that are child processes of the emulator."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core import child_guard
from meshtwin.emulator.core.logs import tail
from meshtwin.emulator.core.supervised import call_from_thread
from meshtwin.emulator.sagemaker.fleet.launcher import Address
from meshtwin.emulator.sagemaker.fleet.ports import BLOCK, Ports
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError, image_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from meshtwin.emulator.sagemaker.fleet.logs import Logs
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings

_INHERITED = frozenset({
    "CUDA_VISIBLE_DEVICES", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LC_ALL", "LD_LIBRARY_PATH",
    "NO_PROXY", "PATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "TMPDIR", "TZ", "USER",
})  # fmt: skip
"""What a container may need of its host; more of the user's environment would hide what the image lacks."""

_POLL_SECONDS = 0.02

_log = structlog.get_logger()


class ProcessLauncher:
    """Starts the program that `settings.commands` names for an image."""

    def __init__(self, settings: Settings, logs: Logs) -> None:
        self._settings = settings
        self._logs = logs
        self._ports = Ports()

    async def launch(self, spec: FleetSpec, on_lost: Callable[[], None]) -> ProcessInstance:
        """Start the image's program under a guard; see `Launcher.launch`."""
        command = self._command(spec)
        if spec.container.model_data is not None:
            _log.warning(
                "model_data_not_fetched",
                endpoint=spec.endpoint_name,
                model_data=spec.container.model_data.uri,
            )
        instance_id = f"i-{uuid.uuid4().hex[:17]}"
        log = self._logs.file(spec, instance_id)
        port = self._ports.take()
        instance = ProcessInstance(instance_id, port, log, lambda: self._ports.give_back(port))
        argv = [word.replace("$PORT", str(port)) for word in command]
        loop = asyncio.get_running_loop()
        environment = container_environment(spec.container.environment, port, self._settings.region)
        starting = loop.run_in_executor(None, instance.start, argv, environment)
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread cannot be stopped: what it starts must not be left behind.
            await starting
            instance.watch(lambda: None)
            await instance.stop(0)
            raise
        except OSError as error:
            self._ports.give_back(port)
            raise FleetFailedError(
                f"cannot start the program of {spec.container.image!r}: {error}"
            ) from error
        instance.watch(lambda: call_from_thread(loop, on_lost))
        return instance

    def _command(self, spec: FleetSpec) -> tuple[str, ...]:
        image = spec.container.image
        commands = self._settings.commands
        command = commands.get(image) or commands.get("*")
        if not command:
            raise image_missing(
                spec,
                f"No program is known for the image {image[:300]!r}: name one in the emulator's setting "
                "`commands`, for this image or for '*'; use an image of the form http://host:port for a "
                "container that is already running; or set `launcher=docker`",
            )
        return command


class ProcessInstance:
    """A container as a process group, with a guard as its parent."""

    def __init__(self, instance_id: str, port: int, log: Path, on_end: Callable[[], None]) -> None:
        self.instance_id = instance_id
        self.address = Address("127.0.0.1", port)
        self.lost = threading.Event()
        self.log = log
        self._on_end = on_end
        self._ended = threading.Event()
        self._guard: subprocess.Popen[bytes] | None = None
        self._group = 0

    def start(self, argv: list[str], environment: Mapping[str, str]) -> None:
        """Start guard and container; blocks for the milliseconds that takes."""
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(  # noqa: S603  # the user's own command for this image
                [sys.executable, "-I", "-S", child_guard.__file__, *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(environment),
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        with self._guard.stdout as stdout:
            self._group = int(stdout.readline() or 0)

    def watch(self, on_lost: Callable[[], None]) -> None:
        """Call `on_lost`, from a thread, when the container has ended."""
        threading.Thread(target=self._wait, args=(on_lost,), name=self.instance_id, daemon=True).start()

    @property
    def pid(self) -> int:
        """The container's process id, and its process group's."""
        return self._group

    @property
    def ending(self) -> str | None:
        """How the container ended, None while it runs."""
        code = self._guard.poll() if self._guard is not None else None
        if code is None:
            return None
        number = code - 128 if code > 128 else -code  # noqa: PLR2004  # a shell's 128 + n for signal n
        if number in set(signal.Signals):
            return f"killed by {signal.Signals(number).name}"
        return f"exit code {code}"

    def tail(self, characters: int) -> str:
        """The last lines of the log, at most `characters`, whole lines where possible."""
        return tail(self.log, characters)

    def kill(self) -> bool:
        """SIGKILL to the process group."""
        return self._signal(signal.SIGKILL)

    async def stop(self, grace: float) -> None:
        """SIGTERM to the container's processes, SIGKILL after `grace` seconds."""
        deadline = time.monotonic() + grace
        self._signal(signal.SIGTERM)
        while not self._ended.is_set():
            await asyncio.sleep(_POLL_SECONDS)
            if time.monotonic() >= deadline:
                self._signal(signal.SIGKILL)

    def _wait(self, on_lost: Callable[[], None]) -> None:
        assert self._guard is not None
        self._guard.wait()
        # Only the guard may have been killed.
        self._signal(signal.SIGKILL)
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self.lost.set()
        self._ended.set()
        self._on_end()
        on_lost()

    def _signal(self, number: signal.Signals) -> bool:
        if not self._group or self._ended.is_set():
            return False
        try:
            os.killpg(self._group, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def container_environment(of_model: Mapping[str, str], port: int, region: str) -> dict[str, str]:
    """The environment of a container: a little of the host's, its AWS settings, and the model's own.

    SAGEMAKER_BIND_TO_PORT and SAGEMAKER_SAFE_PORT_RANGE are always set, as some containers read them as if
    they were (https://docs.aws.amazon.com/sagemaker/latest/dg/inference-pipeline-real-time.html).
    """
    environment = {
        name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("AWS_")
    }
    environment.setdefault("AWS_REGION", region)
    environment.setdefault("AWS_DEFAULT_REGION", region)
    # Its output goes to a file, and its last lines matter most when it dies.
    environment["PYTHONUNBUFFERED"] = "1"
    environment.update(of_model)
    environment["SAGEMAKER_BIND_TO_PORT"] = str(port)
    environment["SAGEMAKER_SAFE_PORT_RANGE"] = f"{port}-{port + BLOCK - 1}"
    return environment
