"""The emulator closes while requests are in every moment of their delivery."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.emulator.sagemaker.delivery import runner
from tests.support.harness import Harness, drive, settings_for, spec_for, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

pytestmark = pytest.mark.assumed

REQUESTS = 100
"""More than the lines of `runner.py` that a request runs on its way into a container and back to the queue:
the last ones are never held."""


class Stops:
    """Holds the first request at the first line of `runner.py` that it runs, the second at its second, ..."""

    def __init__(self) -> None:
        self.held = 0
        self._numbers = itertools.count(1)
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._opened = threading.Event()

    def open(self) -> None:
        """Let all of them go on."""
        self._opened.set()

    def enter(self, frame: FrameType, _event: str, _arg: object) -> Callable[..., Any] | None:
        """For `threading.settrace`: called for every function that a thread calls."""
        if frame.f_code.co_filename != runner.__file__:
            return None
        if frame.f_code is runner.DeliveryRunner.run.__code__:
            self._thread.lines_left = next(self._numbers)
        return self._step if hasattr(self._thread, "lines_left") else None

    def _step(self, _frame: FrameType, event: str, _arg: object) -> Callable[..., Any]:
        if event == "line":
            self._thread.lines_left -= 1
            if self._thread.lines_left == 0:
                with self._lock:
                    self.held += 1
                self._opened.wait()
        return self._step


@pytest.fixture
def stops() -> Iterator[Stops]:
    before, made = threading.gettrace(), Stops()
    threading.settrace(made.enter)
    yield made
    made.open()
    threading.settrace(before)


def test_no_answer_is_waited_for_in_whatever_line_a_request_is(
    aws: str, tmp_path: Path, stops: Stops
) -> None:
    gate, deliveries = tmp_path / "gate", tmp_path / "deliveries"

    def delivered() -> int:
        return len(deliveries.read_text().split()) if deliveries.exists() else 0

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", concurrency=REQUESTS, environment={"DELIVERIES": str(deliveries)})
        requests = [harness.request(spec, b"wait %s" % bytes(gate)) for _ in range(REQUESTS)]
        await harness.accept_all(requests)
        await harness.fleets.start(spec)
        await until(lambda: stops.held + delivered() == REQUESTS)
        assert delivered(), f"all {REQUESTS} requests are held before they are sent: make REQUESTS more"
        closing = asyncio.create_task(harness.dispatcher.close())
        try:
            # One that was in the container has left it: all have been released by then.
            await until(lambda: harness.dispatcher.running_count < REQUESTS)
            stops.open()
            await asyncio.wait({closing}, timeout=10)
            assert closing.done(), "closing waits for the container's answer"
        finally:
            stops.open()
            gate.touch()
            await closing
        assert {harness.record(request)["state"] for request in requests} == {"queued"}

    drive(aws, settings_for(tmp_path), scenario)
