"""One process of a function, from the loading of its handler to its end: an invocation at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.core.partitions import arn_of
from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.lambda_ import log as lines
from meshtwin.emulator.lambda_ import results
from meshtwin.emulator.lambda_.changes import Loaded
from meshtwin.emulator.lambda_.environment import function_environment
from meshtwin.emulator.lambda_.process import Process, watch_memory
from meshtwin.emulator.lambda_.results import InvocationResult
from meshtwin.emulator.lambda_.scratch import make_scratch, remove_scratch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.lambda_.log import FunctionLog
    from meshtwin.emulator.lambda_.manifest import Function
    from meshtwin.emulator.lambda_.results import Call
    from meshtwin.emulator.lambda_.settings import HostSettings

_KIB_IN_MB = 1024

Frame = tuple[dict[str, Any], bytes]


class Sandbox:
    """A process, with what it may use and what it has written. `used_at` is a time of the host's clock."""

    def __init__(
        self, function: Function, settings: HostSettings, endpoints: Mapping[str, str], log: FunctionLog
    ) -> None:
        self.function = function
        self.used_at = 0.0
        self._settings = settings
        self._endpoints = endpoints
        self._stream = lines.Stream(log)
        self._process: Process | None = None
        self._loaded = Loaded()
        self._scratch = ""
        self._watching: asyncio.Task[None] | None = None
        self._peak = 0
        self._overdrawn = False
        self._begun = False
        self._init: float | None = None

    @property
    def pid(self) -> int:
        """The process's id, 0 where there is none."""
        return self._process.pid if self._process is not None else 0

    @property
    def usable(self) -> bool:
        """Whether the process is there and runs the code that is on the disk."""
        return self._process is not None and self._process.running and not self._loaded.changed()

    async def invoke(self, call: Call) -> InvocationResult:
        """Run the handler, in a new process where there is none; none is left after a kill."""
        began, was_warm = time.monotonic(), self._process is not None
        failed = None
        if self._process is None:
            failed, began = await self._initialise(call, began)
        self._begun = False
        self._stream.add_line(f"START RequestId: {call.request_id} Version: $LATEST")
        found = failed or await self._run(call, began)
        if was_warm and not self._begun and found.status == "error" and not self._overdrawn:
            # The process had ended before the call came: nothing of it was done.
            await self.close()
            return await self.invoke(call)
        if found.status is None and self._overdrawn:
            found = results.out_of_memory(call.request_id)
        return await self._finish(call, found, time.monotonic() - began)

    async def _initialise(self, call: Call, began: float) -> tuple[InvocationResult | None, float]:
        """Load the handler: what went wrong, and since when the invocation's own time counts.

        Loading that takes longer than the host's limit for it is begun again as a part of the invocation:
        https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
        """
        self._stream.add_line(lines.init_start())
        frame, status = await self._load(self._settings.init_timeout)
        if frame is None and status is None and not self._overdrawn:
            self._stream.add_line(lines.init_report(time.monotonic() - began, "timeout"))
            await self.close()
            began = time.monotonic()
            frame, status = await self._load(self.function.timeout)
            if frame is None and status is None:
                return results.timed_out(call.request_id, self.function.timeout), began
        else:
            self._init = time.monotonic() - began
            began = time.monotonic()
        if self._overdrawn:
            return results.out_of_memory(call.request_id), began
        if frame is None:
            return results.exited(call.request_id, status or 0), began
        header, _ = frame
        if header["error"] is not None:
            return _init_error(call, header["error"]), began
        self._note(header)
        return None, began

    async def _load(self, seconds: float) -> tuple[Frame | None, int | None]:
        """The process's first frame; else the exit status where it ended, None where time was up."""
        self._scratch = make_scratch()
        self._peak, self._overdrawn, self._loaded = 0, False, Loaded()
        environment = function_environment(
            self.function,
            region=self._settings.region,
            endpoints=self._endpoints,
            stream=f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{new_uuid().replace('-', '')}",
            scratch=self._scratch,
        )
        self._process = Process(self._stream.feed)
        await self._process.start(self.function.code, environment)
        self._begin_watch()
        return await self._answer(seconds)

    async def _run(self, call: Call, began: float) -> InvocationResult:
        assert self._process is not None
        left = self.function.timeout - (time.monotonic() - began)
        header = {
            "request_id": call.request_id,
            "arn": function_arn(self._settings, self.function.name),
            "deadline_ms": (time.time() + left) * 1000,
            "client_context": call.client_context,
        }
        self._begin_watch()
        sending = asyncio.ensure_future(self._process.send(header, call.payload))
        try:
            frame, status = await self._answer(left)
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
        if frame is not None:
            return self._answered(*frame)
        if self._overdrawn:
            return results.out_of_memory(call.request_id)
        if status is not None:
            return results.exited(call.request_id, status)
        return results.timed_out(call.request_id, self.function.timeout)

    def _answered(self, header: dict[str, Any], payload: bytes) -> InvocationResult:
        self._note(header)
        if len(payload) > results.RESPONSE_LIMIT:
            return results.too_large(len(payload))
        return InvocationResult(payload, failed=not header["ok"])

    async def _answer(self, seconds: float) -> tuple[Frame | None, int | None]:
        assert self._process is not None
        try:
            frame = await asyncio.wait_for(self._final_frame(self._process), max(0.0, seconds))
        except TimeoutError:
            frame, status = None, None
        else:
            status = None if frame is not None else await self._process.end()
            if status is not None:
                self._process = None
        await self._end_watch()
        return frame, status

    async def _final_frame(self, process: Process) -> Frame | None:
        frame = await process.receive()
        if frame is not None and "began" in frame[0]:
            self._begun = True
            frame = await process.receive()
        return frame

    def _note(self, header: Mapping[str, Any]) -> None:
        self._loaded.add(header["folders"])
        # A peak between two samples is found here, and counts although it has passed.
        self._saw(header["peak"])
        self._overdrawn = self._overdrawn or self._peak > self.function.memory * _KIB_IN_MB

    def _saw(self, kib: int) -> None:
        self._peak = max(self._peak, kib)

    def _begin_watch(self) -> None:
        if self._watching is None and self._process is not None and self._process.pid:
            self._watching = asyncio.ensure_future(self._watch(self._process))

    async def _watch(self, process: Process) -> None:
        limit = self.function.memory * _KIB_IN_MB
        if await watch_memory(process.pid, limit, self._settings.memory_interval, self._saw):
            self._overdrawn = True
            process.kill()

    async def _end_watch(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _finish(self, call: Call, found: InvocationResult, duration: float) -> InvocationResult:
        """The lines at the end of an invocation, and the end of a process that is of no more use."""
        request_id, init, self._init = call.request_id, self._init, None
        if found.status == "timeout":
            duration = max(duration, self.function.timeout)
            self._stream.add_line(lines.timed_out(time.time(), request_id, self.function.timeout))
        elif found.status == "error":
            error = json.loads(found.payload)
            if "stackTrace" not in error:  # else the process has logged it itself
                self._stream.add_line(f"{error['errorMessage']}\n{error['errorType']}")
        if found.status is not None or self._process is None:
            await self.close()
        self._stream.add_line(f"END RequestId: {request_id}")
        self._stream.add_line(
            lines.report(self.function, request_id, duration, init, self._peak, found.status)
        )
        return replace(found, log=self._stream.tail())

    async def close(self) -> None:
        """End the process, whatever it is at, and remove its folder."""
        await self._end_watch()
        process, self._process = self._process, None
        if process is not None:
            await process.end()
        scratch, self._scratch = self._scratch, ""
        if scratch:
            await asyncio.to_thread(remove_scratch, scratch)


def _init_error(call: Call, error: Mapping[str, Any]) -> InvocationResult:
    document = {
        "errorMessage": error["errorMessage"],
        "errorType": error["errorType"],
        "requestId": call.request_id,
        "stackTrace": error["stackTrace"],
    }
    return InvocationResult(json.dumps(document).encode(), failed=True, status="error")


def function_arn(settings: HostSettings, name: str) -> str:
    """A function's ARN, unqualified."""
    return arn_of("lambda", settings.region, settings.account_id, f"function:{name}")
