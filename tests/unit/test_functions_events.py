"""What becomes of an asynchronous event that its function does not do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from meshtwin.emulator.core.clock import AdjustableClock
from meshtwin.emulator.lambda_.events import Events
from meshtwin.emulator.lambda_.manifest import Function
from meshtwin.emulator.lambda_.results import Call, InvocationResult, out_of_memory
from meshtwin.emulator.lambda_.settings import HostSettings

if TYPE_CHECKING:
    from meshtwin.emulator.lambda_.runner import Runner

ARN = "arn:aws:lambda:us-east-1:123456789012:function:step"


class FakeRunner:
    """A runner whose `step` ends as `ends` say, and whose `worker` takes note of its events."""

    def __init__(
        self, step: Function, ends: list[InvocationResult | OSError], *, has_room: bool = True
    ) -> None:
        worker = Function("worker", "app.handler", Path())
        self.functions = {"step": step, "worker": worker}
        self.ends = ends
        self.told: list[dict[str, Any]] = []
        self.has_room = has_room

    async def turn(self, function: Function) -> None:
        if function.name == "step" and not self.has_room:
            await asyncio.get_running_loop().create_future()

    async def invoke_in_turn(self, function: Function, call: Call) -> InvocationResult:
        if function.name == "worker":
            self.told.append(json.loads(call.payload))
            return InvocationResult(b"null")
        end = self.ends.pop(0)
        if isinstance(end, OSError):
            raise end
        return end


def play(runner: FakeRunner, speed: float = 10_000.0) -> list[dict[str, Any]]:
    """What the destination is told of one event."""

    async def run() -> None:
        events = Events(cast("Runner", runner), AdjustableClock(speed), HostSettings())
        events.put(runner.functions["step"], Call("r-1", b'{"jobId": "j"}'))
        while events.waiting:  # noqa: ASYNC110  # its tasks are its own
            await asyncio.sleep(0)
        await events.close()

    asyncio.run(asyncio.wait_for(run(), 60))
    return runner.told


def step(retries: int = 0, on_failure: str | None = "worker") -> Function:
    return Function("step", "app.handler", Path(), retries=retries, maximum_age=60.0, on_failure=on_failure)


@pytest.mark.documented("https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html")
@pytest.mark.parametrize("retries", [0, 2])
def test_a_destination_gets_the_record_of_an_event_that_failed(retries: int) -> None:
    (record,) = play(FakeRunner(step(retries), [out_of_memory("r-1")] * (retries + 1)))
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": "r-1",
            "functionArn": f"{ARN}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": retries + 1,
        },
        "requestPayload": {"jobId": "j"},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {
            "errorType": "Runtime.ExitError",
            "errorMessage": "RequestId: r-1 Error: Runtime exited with error: signal: killed",
        },
    }


def test_an_event_that_grew_too_old_and_one_whose_process_cannot_start_have_no_response() -> None:
    (old,) = play(FakeRunner(step(), [], has_room=False))
    assert old["requestContext"]["condition"] == "EventAgeExceeded"
    assert old["requestContext"]["approximateInvokeCount"] == 0
    (unstarted,) = play(FakeRunner(step(), [OSError("no more processes")]))
    assert unstarted["requestContext"]["condition"] == "RetriesExhausted"
    assert not {"responseContext", "responsePayload"} & (old.keys() | unstarted.keys())


@pytest.mark.parametrize(
    "runner",
    [
        FakeRunner(step(), [InvocationResult(b"null")]),
        FakeRunner(step(retries=1), [out_of_memory("r-1"), InvocationResult(b"null")]),
        FakeRunner(step(on_failure=None), [out_of_memory("r-1")]),
    ],
    ids=["done", "done at last", "no destination"],
)
def test_nobody_is_told_of_an_event_that_was_done_or_has_no_destination(runner: FakeRunner) -> None:
    assert play(runner) == []
