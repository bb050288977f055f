"""Asynchronous invocations: taken at once, run in turn, tried again when the function fails.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html. Events wait in memory: they
do not outlive the host.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import structlog

from meshtwin.emulator.core.clock import within
from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.lambda_.results import EVENT_LIMIT, Call
from meshtwin.emulator.lambda_.sandbox import function_arn

if TYPE_CHECKING:
    from meshtwin.emulator.core.clock import AdjustableClock
    from meshtwin.emulator.lambda_.manifest import Function
    from meshtwin.emulator.lambda_.results import InvocationResult
    from meshtwin.emulator.lambda_.runner import Runner
    from meshtwin.emulator.lambda_.settings import HostSettings

Condition = Literal["RetriesExhausted", "EventAgeExceeded"]

_log = structlog.get_logger(__name__)


class Events:
    """Events that were taken and have not ended."""

    def __init__(self, runner: Runner, clock: AdjustableClock, settings: HostSettings) -> None:
        self._runner = runner
        self._clock = clock
        self._settings = settings
        self._pauses = (settings.first_retry, settings.second_retry)
        self._tasks = Supervised()

    @property
    def waiting(self) -> int:
        """How many have not ended."""
        return len(self._tasks)

    def put(self, function: Function, call: Call) -> asyncio.Event:
        """Take an event. What is returned is set once it was tried, or given up."""
        tried = asyncio.Event()
        self._tasks.run_once(f"event of {function.name}", self._process(function, call, tried))
        return tried

    async def _process(self, function: Function, call: Call, tried: asyncio.Event) -> None:
        expiry = self._clock.now() + function.maximum_age
        attempts, last = 0, None
        condition: Condition = "RetriesExhausted"
        try:
            for attempt in range(function.retries + 1):
                if attempt:
                    await self._clock.sleep(self._pauses[attempt - 1])
                try:
                    await within(self._clock, expiry - self._clock.now(), self._runner.turn(function))
                except TimeoutError:
                    condition = "EventAgeExceeded"
                    break
                attempts, last = attempts + 1, await self._try(function, call) or last
                if last is not None and not last.failed:
                    return
                tried.set()
            _log.error("event_dropped", function=function.name, request_id=call.request_id)
            self._invoke_destination(function, call, condition, attempts, last)
        finally:
            tried.set()

    async def _try(self, function: Function, call: Call) -> InvocationResult | None:
        """What became of the call; None where no process could be started."""
        try:
            return await self._runner.invoke_in_turn(function, call)
        except OSError:
            _log.exception("function_not_started", function=function.name, request_id=call.request_id)
            return None

    def _invoke_destination(
        self,
        function: Function,
        call: Call,
        condition: Condition,
        attempts: int,
        last: InvocationResult | None,
    ) -> None:
        """Invoke the function's destination, if it has one, with the record of the event."""
        if function.on_failure is None:
            return
        arn = function_arn(self._settings, function.name)
        record = _failure_record(arn, call, condition, attempts=attempts, last=last, now=self._clock.now())
        payload = json.dumps(record).encode()
        if len(payload) > EVENT_LIMIT:
            _log.error("destination_not_invoked", function=function.name, reason=f"{len(payload)} bytes")
            return
        self.put(self._runner.functions[function.on_failure], Call(new_uuid(), payload))

    async def close(self) -> None:
        """Drop what has not ended."""
        await self._tasks.close()


def _failure_record(
    arn: str, call: Call, condition: Condition, *, attempts: int, last: InvocationResult | None, now: float
) -> dict[str, Any]:
    """The record of an event that was given up, as a function that is its destination gets it.

    What it has of a response is the last attempt's; without one, the record has none.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "requestContext": {
            "requestId": call.request_id,
            "functionArn": f"{arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(call.payload),
    }
    if last is None:
        return record
    return record | {
        "responseContext": {
            "statusCode": HTTPStatus.OK,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": json.loads(last.payload),
    }
