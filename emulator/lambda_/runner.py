"""Runs functions: finds a warm process or starts one, and counts the results of calls."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.lambda_.concurrency import Concurrency
from meshtwin.emulator.lambda_.log import FunctionLog
from meshtwin.emulator.lambda_.sandbox import Sandbox
from meshtwin.emulator.lambda_.scratch import make_scratch, remove_orphans, remove_scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshtwin.emulator.core.clock import AdjustableClock
    from meshtwin.emulator.lambda_.manifest import Function
    from meshtwin.emulator.lambda_.results import Call, InvocationResult
    from meshtwin.emulator.lambda_.settings import HostSettings

_log = structlog.get_logger(__name__)

_ERRORS_KEPT = 5


class ThrottledError(Exception):
    """As many invocations as may run at once are running."""


@dataclass
class Record:
    """What became of a function's calls since the host started."""

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    starts: int = 0
    last_errors: list[dict[str, Any]] = field(default_factory=list)


class Runner:
    """All functions, their processes and logs. Lives in one event loop."""

    def __init__(
        self,
        functions: Iterable[Function],
        settings: HostSettings,
        clock: AdjustableClock,
        endpoints: Mapping[str, str],
    ) -> None:
        self.functions = {function.name: function for function in functions}
        self.records = {name: Record() for name in self.functions}
        self._settings = settings
        self._clock = clock
        self._endpoints = endpoints
        self._concurrency = Concurrency(settings.concurrency)
        # A temporary folder goes with the host, as those of its processes do.
        self._own_folder = "" if settings.log_dir else make_scratch()
        folder = Path(settings.log_dir or self._own_folder) / "functions"
        self._logs = {name: FunctionLog(folder / f"{name}.log") for name in self.functions}
        self._warm: dict[str, list[Sandbox]] = {name: [] for name in self.functions}
        self._tasks = Supervised()

    def start(self) -> None:
        """Remove what killed hosts left, and begin to end processes that have been idle for long."""
        remove_orphans()
        self._tasks.run("function_reaper", self._reap)

    async def invoke(self, function: Function, call: Call) -> InvocationResult:
        """The result of a call that may not wait. It goes on where the caller is cancelled.

        Raises:
            ThrottledError: too many are running.
        """
        if not self._concurrency.try_take(function):
            self.records[function.name].throttles += 1
            raise ThrottledError
        return await self.invoke_in_turn(function, call)

    async def turn(self, function: Function) -> None:
        """Wait until a call may run, and take its slot: `invoke_in_turn` has to follow."""
        await self._concurrency.take(function)

    async def invoke_in_turn(self, function: Function, call: Call) -> InvocationResult:
        """The result of a call whose slot was taken by `turn`. It goes on where the caller is cancelled."""
        return await self._tasks.finish(f"invocation of {function.name}", self._run(function, call))

    async def _run(self, function: Function, call: Call) -> InvocationResult:
        try:
            sandbox = await self._sandbox(function)
            try:
                found = await sandbox.invoke(call)
            except BaseException:
                await sandbox.close()
                raise
            if sandbox.pid:
                sandbox.used_at = self._clock.now()
                self._warm[function.name].append(sandbox)
        finally:
            self._concurrency.give_back(function)
        self._note(function, call, found)
        return found

    async def _sandbox(self, function: Function) -> Sandbox:
        """The process that was used last, if it is still good, else a new one."""
        warm = self._warm[function.name]
        while warm:
            sandbox = warm.pop()
            if sandbox.usable:
                return sandbox
            reason = "its code was changed, or it ended"
            _log.info("replaced", function=function.name, pid=sandbox.pid, reason=reason)
            await sandbox.close()
        self.records[function.name].starts += 1
        return Sandbox(function, self._settings, self._endpoints, self._logs[function.name])

    def _note(self, function: Function, call: Call, found: InvocationResult) -> None:
        record = self.records[function.name]
        record.invocations += 1
        about = {"function": function.name, "request_id": call.request_id}
        if not found.failed:
            _log.info("invoked", **about)
            return
        record.errors += 1
        error = json.loads(found.payload)
        shown = {"type": error.get("errorType"), "message": error.get("errorMessage")}
        newest = {"time": self._clock.now(), "request_id": call.request_id, **shown}
        record.last_errors = [newest, *record.last_errors][:_ERRORS_KEPT]
        _log.warning("function_failed", **about, **shown)

    async def _reap(self) -> None:
        idle = self._settings.idle_seconds
        while True:
            await self._clock.sleep(max(1.0, idle / 4))
            old = self._clock.now() - idle
            for warm in self._warm.values():
                # Looked for anew each time: a call may take one while another is closed.
                while idlers := [found for found in warm if found.used_at <= old]:
                    warm.remove(idlers[0])
                    await idlers[0].close()

    def state(self, function: Function) -> dict[str, Any]:
        """What there is to know of a function just now."""
        record = self.records[function.name]
        return {
            "handler": function.handler,
            "running": self._concurrency.taken(function),
            "warm": [sandbox.pid for sandbox in self._warm[function.name]],
            "invocations": record.invocations,
            "errors": record.errors,
            "throttles": record.throttles,
            "starts": record.starts,
            "last_errors": record.last_errors,
        }

    def log_path(self, function: Function) -> Path:
        """A function's log."""
        return self._logs[function.name].path

    async def close(self) -> None:
        """Kill what runs and what is warm, and close the logs."""
        await self._tasks.close()
        for warm in self._warm.values():
            await asyncio.gather(*(sandbox.close() for sandbox in warm))
            warm.clear()
        for log in self._logs.values():
            log.close()
        if self._own_folder:
            await asyncio.to_thread(remove_scratch, self._own_folder)
