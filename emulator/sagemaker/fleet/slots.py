"""Who may take how many requests at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance


@dataclass(slots=True)
class _Seat:
    instance: Instance
    busy: int = 0
    is_open: bool = True


class Slots:
    """The slots of a fleet's instances, `concurrency` each. Used from one event loop."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self._seats: dict[str, _Seat] = {}

    @property
    def total(self) -> int:
        """Slots of the instances that take requests."""
        return sum(seat.is_open for seat in self._seats.values()) * self.concurrency

    def open(self, instance: Instance) -> None:
        """Let the instance have requests, for the first time or again."""
        seat = self._seats.setdefault(instance.instance_id, _Seat(instance))
        seat.is_open = True

    def close(self, instance: Instance) -> None:
        """Give the instance no more requests; those it has stay counted."""
        if instance.instance_id in self._seats:
            self._seats[instance.instance_id].is_open = False

    def remove(self, instance: Instance) -> None:
        """Forget the instance."""
        self._seats.pop(instance.instance_id, None)

    def is_open(self, instance: Instance) -> bool:
        """Whether the instance takes requests."""
        seat = self._seats.get(instance.instance_id)
        return seat is not None and seat.is_open

    def busy(self, instance: Instance) -> int:
        """Requests the instance works on."""
        seat = self._seats.get(instance.instance_id)
        return 0 if seat is None else seat.busy

    def acquire(self) -> Instance | None:
        """A slot of the least busy instance, None where none is free. SageMaker's choice is undocumented."""
        best: _Seat | None = None
        for seat in self._seats.values():
            if (
                seat.is_open
                and seat.busy < self.concurrency
                and (best is None or seat.busy < best.busy)
                and not seat.instance.lost.is_set()
            ):
                best = seat
        if best is None:
            return None
        best.busy += 1
        return best.instance

    def release(self, instance: Instance) -> None:
        """Give a slot back."""
        seat = self._seats.get(instance.instance_id)
        if seat is not None:
            seat.busy -= 1
