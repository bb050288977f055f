"""One instance of a fleet: it is started, watched, and replaced when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.fleet.ping import ping
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.emulator.sagemaker.fleet.launcher import Instance, Launcher
    from meshtwin.emulator.sagemaker.fleet.slots import Slots
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings

_FAILURE_REASON_LENGTH = 1024
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html"""

_QUICK, _QUICK_PINGS, _SLOW = 0.05, 100, 0.5
"""Between two pings of a starting container: quick for its first five seconds, then slow. Real seconds."""

_FIRST_BACKOFF, _MAX_BACKOFF = 0.1, 2.0
"""Before an instance is started again that did not start, or did not last. Real seconds."""

_LASTING = 10.0
"""An instance that was in service for so many real seconds did not fail at its start."""


class InstanceSupervisor:
    """Keeps one instance healthy, starting another in its stead, for as long as its task runs.

    With `gives_up`, a first instance that does not get healthy ends that; without, as for an endpoint that
    was in service before the emulator's restart, it is tried for as long as it takes.
    """

    def __init__(
        self,
        spec: FleetSpec,
        launcher: Launcher,
        slots: Slots,
        settings: Settings,
        on_change: Callable[[Instance], None],
        *,
        gives_up: bool = True,
    ) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the first instance is healthy; FleetFailedError where it never got so."""
        self._gives_up = gives_up
        self._spec = spec
        self._launcher = launcher
        self._slots = slots
        self._settings = settings
        self._on_change = on_change
        self._instance: Instance | None = None
        self._retiring = False
        self._wake = asyncio.Event()
        self._log = structlog.get_logger().bind(endpoint=spec.endpoint_name, variant=spec.variant_name)
        self._failures = 0
        self._tasks = Supervised()
        self._tasks.run("instance", self._live)

    @property
    def instance(self) -> Instance | None:
        """The instance, starting, running or stopping; None between two."""
        return self._instance

    def retire_when_idle(self) -> None:
        """Take no more requests; `close` is to follow."""
        self._retiring = True
        if self._instance is not None:
            self._slots.close(self._instance)

    def has(self, instance: Instance) -> bool:
        """Whether the instance is this one."""
        return self._instance is instance

    def probe_soon(self) -> None:
        """Ping the instance at once."""
        self._wake.set()

    async def close(self) -> None:
        """Stop the instance, once its requests have ended or its grace is over."""
        await self._tasks.close()
        if not self.ready.done():
            self.ready.cancel()
        await self._retire()

    async def _live(self) -> None:
        while True:
            # After an unexpected error, the instance of the run before is still here.
            await self._retire()
            try:
                instance = await self._start()
            except FleetFailedError as error:
                if self._ends_with(error):
                    return
            else:
                await self._serve(instance)
            await asyncio.sleep(min(_MAX_BACKOFF, _FIRST_BACKOFF * 2.0 ** min(self._failures, 10)))

    def _ends_with(self, error: FleetFailedError) -> bool:
        """Whether to give up after a failed start: no instance was ever healthy, and no retry would help."""
        self._failures += 1
        if self._gives_up and not self.ready.done():
            if not isinstance(error, _ExitedError) or self._failures >= self._settings.startup_attempts:
                self.ready.set_exception(error)
                return True
            self._log.warning("container_exited_before_healthy", attempt=self._failures, reason=str(error))
        elif self._failures & (self._failures - 1) == 0:
            # The first, the second, the fourth, ...: an engine may be away for days.
            self._log.warning("instance_not_started", attempt=self._failures, reason=str(error))
        return False

    async def _serve(self, instance: Instance) -> None:
        """Returns once the instance had to be replaced and is gone."""
        began = time.monotonic()
        self._slots.open(instance)
        if not self.ready.done():
            self.ready.set_result(None)
        self._log.info("instance_in_service", instance_id=instance.instance_id)
        self._on_change(instance)
        finding = await self._watch(instance)
        self._log.warning("instance_replaced", instance_id=instance.instance_id, finding=finding)
        self._failures = 0 if time.monotonic() - began >= _LASTING else self._failures + 1
        await self._retire()

    async def _start(self) -> Instance:
        """A healthy instance. FleetFailedError where the container exits, or its startup window passes."""
        self._wake.clear()
        try:
            instance = self._instance = await self._launcher.launch(self._spec, self._wake.set)
        except FleetFailedError:
            raise
        except Exception as defect:  # any error of a launcher: it is raised where the instance is awaited
            self._log.exception("instance_not_started")
            raise FleetFailedError(f"InternalFailure: {type(defect).__name__}: {defect}") from defect
        finding = await self._until_healthy(instance)
        failure: FleetFailedError | None = None
        if instance.lost.is_set():
            failure = _ExitedError(self._reason(instance, instance.ending or "gone"))
        elif finding is not None:
            failure = FleetFailedError(self._reason(instance, finding))
        if failure is not None:
            await self._retire()
            raise failure
        return instance

    async def _until_healthy(self, instance: Instance) -> str | None:
        """None once it is healthy, or gone; after its startup window, what /ping showed.

        The window is real time: a container follows no clock of ours.
        """
        pings, finding = 0, "no answer"
        window = self._spec.startup_timeout
        deadline = time.monotonic() + window
        while not instance.lost.is_set():
            seen = await ping(instance.address, self._settings.ping_timeout)
            if seen.healthy:
                return None
            pings, finding = pings + 1, seen.finding
            left = deadline - time.monotonic()
            if left <= 0:
                return f"not healthy within {window:g} s; /ping: {finding}"
            await self._pause(min(left, _QUICK if pings < _QUICK_PINGS else _SLOW))
        return None

    async def _watch(self, instance: Instance) -> str:
        """Returns once the instance has to be replaced, with the reason."""
        failures = 0
        while True:
            await self._pause(self._settings.ping_interval)
            if instance.lost.is_set():
                return instance.ending or "gone"
            seen = await ping(instance.address, self._settings.ping_timeout)
            if seen.healthy:
                failures = 0
                if not (self._retiring or self._slots.is_open(instance) or instance.lost.is_set()):
                    self._slots.open(instance)
                    self._on_change(instance)
                continue
            if seen.timed_out and self._slots.busy(instance) and not self._settings.ping_while_busy:
                self._log.warning("ping_unanswered_while_busy", instance_id=instance.instance_id)
                continue
            failures += 1
            # Until a ping succeeds: it would fail one request after the other.
            self._slots.close(instance)
            if failures >= self._settings.ping_failures:
                return f"/ping failed {failures} times in a row: {seen.finding}"

    async def _pause(self, seconds: float) -> None:
        """Real time, cut short when the instance ends or a ping is asked for."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    async def _retire(self) -> None:
        instance = self._instance
        if instance is None:
            return
        self._slots.close(instance)
        # Where this is cancelled, `close` finds the instance still here and stops it.
        await instance.stop(self._settings.stop_grace)
        self._instance = None
        self._slots.remove(instance)
        self._on_change(instance)

    def _reason(self, instance: Instance, finding: str) -> str:
        text = (
            f"The primary container for production variant {self._spec.variant_name} did not pass the ping "
            f"health check. Please check CloudWatch logs for this endpoint. ({finding})"
        )
        room = _FAILURE_REASON_LENGTH - len(text) - len(" Last output: ")
        tail = instance.tail(room)
        return f"{text} Last output: {tail}" if tail else text


class _ExitedError(FleetFailedError):
    """The container ended before it was healthy: worth another attempt."""
