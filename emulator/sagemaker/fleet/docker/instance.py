"""An instance that is a container: watched until it ends, and removed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING

import structlog
from docker.errors import APIError, DockerException, NotFound

from meshtwin.emulator.core.logs import tail
from meshtwin.emulator.core.supervised import call_from_thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docker.models.containers import Container as DockerContainer
    from docker.models.volumes import Volume

    from meshtwin.emulator.sagemaker.fleet.launcher import Address

_AGAIN_SECONDS = 1.0
"""Between two attempts to reach an engine that does not answer. Real seconds."""

_log = structlog.get_logger()


class DockerInstance:
    """A container that has been started. Its log file is written for as long as it runs."""

    def __init__(
        self,
        instance_id: str,
        address: Address,
        container: DockerContainer,
        model: Volume | None,
        log: Path,
        *,
        limit: str,
        pid: int,
    ) -> None:
        self.instance_id = instance_id
        self.address = address
        self.lost = threading.Event()
        self.log = log
        self._container = container
        self._model = model
        self._limit = limit
        self._stopping = threading.Event()
        self._gone = asyncio.Event()
        self._ending: str | None = None
        self._pid = pid
        self._writer = threading.Thread(target=self._write_log, name=f"log-{instance_id}", daemon=True)

    @property
    def pid(self) -> int:
        """The process id of the container's first process, where this host's processes are the engine's."""
        return self._pid

    @property
    def ending(self) -> str | None:
        """How the container ended, None while it runs."""
        return self._ending

    def tail(self, characters: int) -> str:
        """The last of what it wrote."""
        return tail(self.log, characters)

    def watch(self, on_lost: Callable[[], None]) -> None:
        """Call `on_lost` on the running event loop when the container has ended."""
        loop = asyncio.get_running_loop()
        self._writer.start()
        threading.Thread(target=self._wait, args=(loop, on_lost), name=self.instance_id, daemon=True).start()

    def kill(self) -> bool:
        """SIGKILL, at once."""
        return self._signal("SIGKILL")

    async def stop(self, grace: float) -> None:
        """SIGTERM, SIGKILL after `grace` seconds, and the container is removed with what it wrote."""
        self._stopping.set()
        loop = asyncio.get_running_loop()
        if grace > 0 and await loop.run_in_executor(None, self._signal, "SIGTERM"):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), grace)
        await loop.run_in_executor(None, self._remove)
        await self._gone.wait()

    def _signal(self, name: str) -> bool:
        try:
            self._container.kill(signal=name)
        except APIError:
            # It is not running any more.
            return False
        except (DockerException, OSError) as error:
            _log.warning("docker_away", instance_id=self.instance_id, error=str(error))
            return False
        return True

    def _remove(self) -> None:
        """SIGKILL to what still runs; its last output is kept first."""
        self._signal("SIGKILL")
        self._writer.join(timeout=5)
        self._try_to_remove(partial(self._container.remove, v=True, force=True))
        if self._model is not None:
            self._try_to_remove(partial(self._model.remove, force=True))

    def _try_to_remove(self, remove: Callable[[], None]) -> None:
        try:
            remove()
        except NotFound:
            return
        except (DockerException, OSError) as error:
            # The next emulator finds it by its labels.
            _log.warning("container_not_removed", instance_id=self.instance_id, error=str(error))

    def _wait(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[], None]) -> None:
        while (ending := self._ended()) is None and not self._stopping.wait(_AGAIN_SECONDS):
            # A restarted engine has perhaps kept the container running: retry until it answers.
            pass
        self._ending = ending or "out of reach: the Docker Engine does not answer"
        self.lost.set()
        call_from_thread(loop, self._gone.set)
        call_from_thread(loop, on_lost)

    def _ended(self) -> str | None:
        """How the container ended, once it has; None where the engine does not answer."""
        try:
            self._container.wait(timeout=None)
            self._container.reload()
            return self._how_it_ended()
        except NotFound:
            return "removed"
        except Exception as error:  # noqa: BLE001  # without this thread the end would go unnoticed
            _log.warning("docker_away", instance_id=self.instance_id, error=str(error))
            return None

    def _how_it_ended(self) -> str:
        state = self._container.attrs["State"]
        if state.get("OOMKilled"):
            return f"killed for memory: its limit is {self._limit}"
        code = int(state["ExitCode"])
        number = code - 128
        if number in set(signal.Signals):
            return f"killed by {signal.Signals(number).name}"
        return f"exit code {code}"

    def _write_log(self) -> None:
        try:
            with self.log.open("ab", buffering=0) as log:
                for chunk in self._container.logs(stream=True, follow=True):
                    log.write(chunk)
        except (DockerException, OSError) as error:
            _log.warning("container_log_cut", instance_id=self.instance_id, error=str(error))
