"""What the index knows of a request, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.sagemaker.queue.backlog import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.sagemaker.queue.request import State


@dataclass(frozen=True, slots=True)
class Running:
    """A request found running, and whom it was claimed by."""

    endpoint_name: str
    entry: Entry
    owner: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A request as a list shows it. Times are seconds since the epoch."""

    request_id: str
    endpoint_name: str
    inference_id: str
    state: State
    accepted_at: float
    expires_at: float
    deliveries: int
    ended_at: float | None
    reason: str | None


def to_entry(row: Mapping[str, Any]) -> Entry:
    """What the queue holds of the request in `row`."""
    position, _, request_id = row["position"]["S"].partition("#")
    return Entry(int(position), request_id, float(row["expires_at"]["N"]), int(row["fence"]["N"]))


def to_running(row: Mapping[str, Any], endpoint_name: str) -> Running:
    """The running request in `row`."""
    return Running(endpoint_name, to_entry(row), row["owner"]["S"])


def to_listed(row: Mapping[str, Any], endpoint_name: str, state: State) -> Listed:
    """The request in `row`, to be shown."""
    entry = to_entry(row)
    return Listed(
        request_id=entry.request_id,
        endpoint_name=endpoint_name,
        inference_id=row["inference_id"]["S"],
        state=state,
        accepted_at=entry.position / 1e6,
        expires_at=entry.expires_at,
        deliveries=entry.fence,
        ended_at=float(row["ended_at"]["N"]) if "ended_at" in row else None,
        reason=row["reason"]["S"] if "reason" in row else None,
    )
