"""An accepted request, and the states it may pass through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a request is in its life. `TRANSITIONS` says which may follow which."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.EXPIRED, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({
        State.QUEUED,
        State.COMPLETED,
        State.FAILED,
        State.EXPIRED,
        State.CANCELLED,
    }),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset(),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
}  # fmt: skip
TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)


@dataclass(frozen=True, slots=True)
class AsyncRequest:
    """One InvokeEndpointAsync call, as accepted. Times are seconds since the epoch on the emulator's clock.

    Exactly one of `input_location` and `body` is set. `request_id` is unique and names the output object;
    `inference_id` is the caller's, and need not be.
    """

    request_id: str
    endpoint_name: str
    inference_id: str
    received_at: float
    ttl_seconds: int
    timeout_seconds: int
    output_location: str
    failure_location: str | None = None
    input_location: str | None = None
    body: bytes | None = None
    call_id: str | None = None
    """The x-amzn-RequestId that the caller was answered with."""
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None
    generation: str = ""
    """The generation of the endpoint that it was meant for."""

    @property
    def expires_at(self) -> float:
        """When the request has waited too long to be started."""
        return self.received_at + self.ttl_seconds
