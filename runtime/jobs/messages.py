"""The protocol between the HTTP process and the worker: one JSON message per line.

    HTTP process -> worker: Job, Cancel, Stop
    worker -> HTTP process: Ready or Unusable, once; then, for each Job, any number of StepStarted and
    OutputWritten, and one of Done, Failed, Cancelled

Each job has exactly one final message: a reader that stops there has read all of the job's messages.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from meshtwin.runtime.contract import ErrorCode, MessageText, Params, Stage

MAX_LINE_BYTES = 2**20
"""Longer than any message: texts that depend on a job's input are shortened below."""

_MAX_TRACEBACK = 20_000


def _end(text: str) -> str:
    """The end of a traceback, which says what was raised."""
    return text[-_MAX_TRACEBACK:].encode("utf-8", "backslashreplace").decode()[-_MAX_TRACEBACK:]


class Message(BaseModel):
    """The base of all messages: frozen, and serialized as one line of JSON."""

    model_config = ConfigDict(frozen=True)

    def line(self) -> bytes:
        """The message as one line of JSON, with its newline."""
        return self.model_dump_json().encode() + b"\n"


class Job(Message):
    """Run this job. Paths are files in the job's own folder; the worker writes `outputs`."""

    type: Literal["job"] = "job"
    stage: Stage
    image: str
    shape: str | None
    outputs: dict[str, str]
    params: Params
    seed: int


class Cancel(Message):
    """Cancel the job at its next step. A worker without a job ignores it."""

    type: Literal["cancel"] = "cancel"


class Stop(Message):
    """Exit once the current job is done."""

    type: Literal["stop"] = "stop"


class Ready(Message):
    """The backend is loaded."""

    type: Literal["ready"] = "ready"
    backend: str
    device: str


class Unusable(Message):
    """The backend cannot be loaded here, and a retry would not change that."""

    type: Literal["unusable"] = "unusable"
    message: MessageText


class StepStarted(Message):
    """A step has started or progressed; `fraction` is of the worker's share of the job."""

    type: Literal["step_started"] = "step_started"
    stage: Stage
    step: MessageText
    fraction: float


class OutputWritten(Message):
    """This output is written, and stays if a later one fails."""

    type: Literal["output_written"] = "output_written"
    output: str


class Done(Message):
    """All outputs are written."""

    type: Literal["done"] = "done"
    vertices: int
    faces: int
    watertight: bool | None
    subject: Literal["alpha", "background_removed", "whole_picture"]
    peak_vram_bytes: int | None
    notes: list[str] = []


class Failed(Message):
    """The job has failed. A traceback means an unexpected error: the worker exits after it."""

    type: Literal["failed"] = "failed"
    code: ErrorCode
    message: MessageText
    traceback: Annotated[str, BeforeValidator(_end)] | None = None


class Cancelled(Message):
    """The job was cancelled, as requested."""

    type: Literal["cancelled"] = "cancelled"


JobEvent = StepStarted | OutputWritten
WorkerCommand = Job | Cancel | Stop
WorkerEvent = Ready | Unusable | JobEvent | Done | Failed | Cancelled

to_worker: TypeAdapter[WorkerCommand] = TypeAdapter(Annotated[WorkerCommand, Field(discriminator="type")])
from_worker: TypeAdapter[WorkerEvent] = TypeAdapter(Annotated[WorkerEvent, Field(discriminator="type")])
