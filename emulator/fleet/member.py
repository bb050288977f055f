"""One place in a fleet: an instance is started in it, watched, and replaced when it fails."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

from emulator.clock import within
from emulator.fleet.ping import ping
from emulator.fleet.spec import FleetFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.clock import Clock
    from emulator.fleet.launcher import Instance, Launcher
    from emulator.fleet.slots import Slots
    from emulator.fleet.spec import FleetSpec
    from emulator.settings import Settings

_FAILURE_REASON_LENGTH = 1024
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html"""

_QUICK, _QUICK_LOOKS, _SLOW = 0.05, 100, 0.5
"""Between two looks at a starting container: quick for its first five seconds, then slow. Real seconds."""

_FIRST_BACKOFF, _MAX_BACKOFF = 0.1, 2.0
"""Between failed starts of an instance that has to be replaced."""


class Member:
    """Keeps one healthy instance in its place for as long as its task runs."""

    def __init__(
        self,
        spec: FleetSpec,
        launcher: Launcher,
        slots: Slots,
        clock: Clock,
        settings: Settings,
        on_change: Callable[[Instance], None],
    ) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the first instance is healthy; FleetFailedError where it never got so."""
        self._spec = spec
        self._launcher = launcher
        self._slots = slots
        self._clock = clock
        self._settings = settings
        self._on_change = on_change
        self._instance: Instance | None = None
        self._retiring = False
        self._wake = asyncio.Event()
        self._log = structlog.get_logger().bind(endpoint=spec.endpoint_name, variant=spec.variant_name)
        self._task = asyncio.create_task(self._live())
        self._task.add_done_callback(self._report)

    @property
    def instance(self) -> Instance | None:
        """The instance in this place, starting, running or stopping; None between two."""
        return self._instance

    def retire_when_idle(self) -> None:
        """Take no more requests; `close` is to follow."""
        self._retiring = True
        if self._instance is not None:
            self._slots.close(self._instance)

    def has(self, instance: Instance) -> bool:
        """Whether this is the instance's place."""
        return self._instance is instance

    def look(self) -> None:
        """Look at the instance at once."""
        self._wake.set()

    async def close(self) -> None:
        """Stop the instance, once its requests are settled or its grace is over."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if not self.ready.done():
            self.ready.cancel()
        await self._retire()

    def _report(self, task: asyncio.Task[None]) -> None:
        """A defect in here must not leave anybody waiting."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        self._log.error("instance not kept", exc_info=error)
        if not self.ready.done():
            self.ready.set_exception(FleetFailedError(f"InternalFailure: {type(error).__name__}: {error}"))

    async def _live(self) -> None:
        failures = 0
        while True:
            try:
                instance = await self._start()
            except FleetFailedError as error:
                failures += 1
                if self._gives_up(error, failures):
                    return
                await self._clock.sleep(min(_MAX_BACKOFF, _FIRST_BACKOFF * 2**failures))
                continue
            failures = 0
            self._slots.open(instance)
            if not self.ready.done():
                self.ready.set_result(None)
            self._log.info("instance in service", instance_id=instance.instance_id)
            self._on_change(instance)
            finding = await self._watch(instance)
            self._log.warning("instance replaced", instance_id=instance.instance_id, finding=finding)
            await self._retire()

    def _gives_up(self, error: FleetFailedError, failures: int) -> bool:
        if self.ready.done():
            self._log.warning("instance did not start", attempt=failures, reason=str(error))
            return False
        if isinstance(error, _ExitedError) and failures < self._settings.startup_attempts:
            self._log.warning("container exited before it was healthy", attempt=failures, reason=str(error))
            return False
        self.ready.set_exception(error)
        return True

    async def _start(self) -> Instance:
        """A healthy instance. FleetFailedError where the container exits, or its startup window passes."""
        self._wake.clear()
        instance = self._instance = await self._launcher.launch(self._spec, self._wake.set)
        try:
            await within(self._clock, self._spec.startup_timeout, self._until_healthy(instance))
        except TimeoutError:
            error = FleetFailedError(
                self._reason(instance, f"not healthy within {self._spec.startup_timeout:g} s")
            )
            await self._retire()
            raise error from None
        if instance.lost.is_set():
            error = _ExitedError(self._reason(instance, instance.ending or "gone"))
            await self._retire()
            raise error
        return instance

    async def _until_healthy(self, instance: Instance) -> None:
        looks = 0
        while not instance.lost.is_set():
            seen = await ping(instance.address, self._settings.ping_timeout)
            if seen.healthy:
                return
            looks += 1
            await self._pause(_QUICK if looks < _QUICK_LOOKS else _SLOW)

    async def _watch(self, instance: Instance) -> str:
        """Returns once the instance has to be replaced, and says why."""
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
                self._log.warning("a busy container does not answer /ping", instance_id=instance.instance_id)
                continue
            failures += 1
            if failures >= self._settings.ping_failures:
                return f"/ping failed {failures} times in a row: {seen.finding}"

    async def _pause(self, seconds: float) -> None:
        """Real time, cut short when the instance ends or a look is asked for."""
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
