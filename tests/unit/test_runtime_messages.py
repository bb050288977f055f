"""What the worker says fits a line, whatever the job's input or an exception holds."""

from __future__ import annotations

import pytest

from meshtwin.runtime.contract import ErrorCode, Stage
from meshtwin.runtime.jobs import messages

HUGE = ["x" * 2**22, "\ud800" * 2**20, "\0" * 2**21]


@pytest.mark.parametrize("text", HUGE)
def test_no_message_outgrows_its_line(text: str) -> None:
    said: list[messages.WorkerEvent] = [
        messages.Failed(code=ErrorCode.INVALID_MESH, message=text, traceback=f"{text} the end"),
        messages.Unusable(message=text),
        messages.StepStarted(stage=Stage.SHAPE, step=text, fraction=0),
    ]
    for each in said:
        line = each.line()
        assert len(line) < messages.MAX_LINE_BYTES
        assert messages.from_worker.validate_json(line) == each
    assert isinstance(said[0], messages.Failed)
    assert (said[0].traceback or "").endswith("the end")
