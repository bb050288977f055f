"""A job, as its row in the table has it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from meshtwin.minecraft.jobs.states import ACTIVE, State
from meshtwin.minecraft.request import BuildRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.minecraft.jobs.writes import Value


class Step(StrEnum):
    """The steps of a job, in order."""

    IMAGE = "image"
    SHAPE = "shape"
    PAINT = "paint"
    VOXELS = "voxels"


@dataclass(frozen=True, slots=True)
class Job:
    """One build and how far it is. Times are seconds since the epoch.

    `ticket` is its position in the queue, `slot` the worker's slot that it has, `fence` the fencing number
    that a writer must know. Of the current step: `attempt` counts from 1, `called_at` is when its work was
    started, `retry_at` when it may be, `deadline` when it times out, `troubles` how many workers in a row
    failed on it. `timings` has [start, end or None] of each step. `notes` and `error` are for the player.
    """

    job_id: str
    request: BuildRequest
    state: State = State.QUEUED
    ticket: int = 0
    fence: int = 0
    slot: int | None = None
    step: Step | None = None
    attempt: int = 1
    called_at: float | None = None
    retry_at: float | None = None
    deadline: float | None = None
    output_location: str | None = None
    failure_location: str | None = None
    painted: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    error: str | None = None
    error_code: str | None = None
    notes: tuple[str, ...] = ()
    timings: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    expires_at: int = 0
    troubles: int = 0

    @property
    def seed(self) -> int:
        """The request's, else one derived from the job's id: the same job makes the same build."""
        if self.request.seed is not None:
            return self.request.seed
        return int.from_bytes(hashlib.sha256(self.job_id.encode()).digest()[:4])

    @property
    def attempt_id(self) -> str:
        """The current attempt's name, for the endpoint and the functions."""
        return f"{self.job_id}-{self.step}-{self.attempt}"

    @property
    def index(self) -> str | None:
        """The job's partition of the sparse index; an ended job is in none."""
        return index_of(self.state)

    def to_values(self) -> dict[str, Value | None]:
        """The row."""
        values = stored({entry.name: getattr(self, entry.name) for entry in fields(self)})
        return values | {INDEX_KEY: self.index}

    @classmethod
    def from_values(cls, values: Mapping[str, Value]) -> Self:
        """The job of a row; unknown attributes are ignored.

        A row that cannot be read, such as another deployment's, gives a job that has failed: the reader goes
        on with the next, and `JobTable.fail_unreadable` records it.
        """
        known = {entry.name for entry in fields(cls)}
        given: dict[str, Any] = {name: value for name, value in values.items() if name in known}
        try:
            for name, parse in _PARSERS.items():
                if name in given:
                    given[name] = parse(given[name])
            return cls(**given)
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls._unreadable(values)

    @classmethod
    def _unreadable(cls, values: Mapping[str, Value]) -> Self:
        def number(name: str) -> float:
            value = values.get(name)
            return value if isinstance(value, int | float) else 0

        return cls(
            str(values.get("job_id")),
            BuildRequest(""),
            State.FAILED,
            ticket=int(number("ticket")),
            fence=int(number("fence")),
            created_at=number("created_at"),
            updated_at=number("updated_at"),
            ended_at=number("updated_at"),
            expires_at=int(number("expires_at")),
            error=UNREADABLE_MESSAGE,
            error_code=UNREADABLE,
        )


UNREADABLE = "unreadable"
UNREADABLE_MESSAGE = "This build was written by another version of the build service. Ask for it again."

JOB_ID = re.compile(r"[0-9a-f]{12}")
"""Keys of jobs; those of other items never look like this."""

INDEX_KEY = "queue"
"""The index's partition key: an attribute of jobs that have not ended."""

QUEUED = "QUEUED"
ACTIVE_PART = "ACTIVE"


def index_of(state: State) -> str | None:
    """The partition of the sparse index for a job of this state."""
    if state is State.QUEUED:
        return QUEUED
    return ACTIVE_PART if state in ACTIVE else None


def stored(changes: Mapping[str, Any]) -> dict[str, Value | None]:
    """Values of a job's fields as the row has them."""
    return {name: _FORMATTERS.get(name, _same)(value) for name, value in changes.items()}


def _same(value: Any) -> Any:  # noqa: ANN401  # any field's
    return value.value if isinstance(value, StrEnum) else value


def _timings(text: str) -> dict[str, tuple[float, float | None]]:
    return {name: (start, end) for name, (start, end) in json.loads(text).items()}


_FORMATTERS: dict[str, Any] = {
    "request": BuildRequest.to_json,
    "notes": json.dumps,
    "timings": json.dumps,
    "result": lambda value: None if value is None else json.dumps(value),
}
_PARSERS: dict[str, Any] = {
    "request": BuildRequest.from_json,
    "state": State,
    "step": Step,
    "notes": lambda text: tuple(json.loads(text)),
    "timings": _timings,
    "result": json.loads,
}
