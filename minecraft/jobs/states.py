"""The states of a job, and which may follow which."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """A job's state. STARTING: it has a slot. RUNNING: a worker has started its first step."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.STARTING, State.CANCELED}),
    State.STARTING: frozenset({State.RUNNING, State.FAILED, State.CANCELED}),
    State.RUNNING: frozenset({State.SUCCEEDED, State.FAILED, State.CANCELED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELED: frozenset(),
}
"""The states that may follow each. Nothing follows an end."""

ENDS = frozenset(state for state, following in TRANSITIONS.items() if not following)
ACTIVE = frozenset({State.STARTING, State.RUNNING})


class IllegalTransitionError(Exception):
    """A transition that the table does not have: the caller's mistake."""


def check(source: State, target: State) -> None:
    """Check that `target` may follow `source`.

    Raises:
        IllegalTransitionError: it may not.
    """
    if target not in TRANSITIONS[source]:
        may = ", ".join(sorted(TRANSITIONS[source])) or "nothing: it has ended"
        raise IllegalTransitionError(f"{source} -> {target}: what may follow {source} is {may}")
