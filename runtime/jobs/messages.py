"""What the HTTP process and the worker say to each other: JSON, a line a message.

    HTTP process -> worker: Job, Cancel, Stop
    worker -> HTTP process: Ready or Unusable, once; then for each Job any number of Began and Written, and
    one of Done, Failed, Cancelled

Each job gets exactly one last word, so whoever reads up to it has nothing left over from an earlier job.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from meshtwin.runtime.contract import ErrorCode, MessageText, Params, Stage

MAX_LINE_BYTES = 2**20
"""Longer than any message gets: what a job's input can make long is shortened below."""

_MAX_TRACEBACK = 20_000


def _end(text: str) -> str:
    """The end of a traceback, which says what was raised."""
    return text[-_MAX_TRACEBACK:].encode("utf-8", "backslashreplace").decode()[-_MAX_TRACEBACK:]


class Message(BaseModel):
    """What all of them share."""

    model_config = ConfigDict(frozen=True)

    def line(self) -> bytes:
        """The message as it is sent."""
        return self.model_dump_json().encode() + b"\n"


class Job(Message):
    """Do this. Paths are files of the job's own folder; `outputs` are to be written."""

    type: Literal["job"] = "job"
    stage: Stage
    picture: str
    shape: str | None
    outputs: dict[str, str]
    params: Params
    seed: int


class Cancel(Message):
    """Leave the job at its next step. Says nothing to a worker that has no job."""

    type: Literal["cancel"] = "cancel"


class Stop(Message):
    """Exit, once the job at hand is done."""

    type: Literal["stop"] = "stop"


class Ready(Message):
    """The backend is loaded."""

    type: Literal["ready"] = "ready"
    backend: str
    device: str


class Unusable(Message):
    """The backend cannot be had here, and no new try would change that."""

    type: Literal["unusable"] = "unusable"
    message: MessageText


class Began(Message):
    """A step begins, or goes on with more done; `fraction` is of the worker's whole part."""

    type: Literal["began"] = "began"
    stage: Stage
    step: MessageText
    fraction: float


class Written(Message):
    """This output is written, whatever becomes of those that follow."""

    type: Literal["written"] = "written"
    output: str


class Done(Message):
    """The outputs are written."""

    type: Literal["done"] = "done"
    vertices: int
    faces: int
    watertight: bool | None
    subject: Literal["alpha", "background_removed", "whole_picture"]
    peak_vram_bytes: int | None
    notes: list[str] = []


class Failed(Message):
    """The job cannot be done. With a traceback, nobody foresaw it, and the worker exits."""

    type: Literal["failed"] = "failed"
    code: ErrorCode
    message: MessageText
    traceback: Annotated[str, BeforeValidator(_end)] | None = None


class Cancelled(Message):
    """The job was left, as asked."""

    type: Literal["cancelled"] = "cancelled"


Order = Job | Cancel | Stop
News = Ready | Unusable | Began | Written | Done | Failed | Cancelled

to_worker: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="type")])
from_worker: TypeAdapter[News] = TypeAdapter(Annotated[News, Field(discriminator="type")])
