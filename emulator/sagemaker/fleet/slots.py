"""How many requests each instance may have at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance


@dataclass(slots=True)
class _InstanceLoad:
    instance: Instance
    busy: int = 0
    is_open: bool = True


class Slots:
    """The slots of a fleet's instances, `concurrency` each. Used from one event loop."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self._loads: dict[str, _InstanceLoad] = {}

    @property
    def total(self) -> int:
        """Slots of the instances that take requests."""
        return sum(load.is_open for load in self._loads.values()) * self.concurrency

    def open(self, instance: Instance) -> None:
        """Give the instance requests, for the first time or again."""
        load = self._loads.setdefault(instance.instance_id, _InstanceLoad(instance))
        load.is_open = True

    def close(self, instance: Instance) -> None:
        """Give the instance no more requests; those it has stay counted."""
        if instance.instance_id in self._loads:
            self._loads[instance.instance_id].is_open = False

    def remove(self, instance: Instance) -> None:
        """Drop the instance, with its slots."""
        self._loads.pop(instance.instance_id, None)

    def is_open(self, instance: Instance) -> bool:
        """Whether the instance takes requests."""
        load = self._loads.get(instance.instance_id)
        return load is not None and load.is_open

    def busy(self, instance: Instance) -> int:
        """Requests the instance works on."""
        load = self._loads.get(instance.instance_id)
        return 0 if load is None else load.busy

    def acquire(self) -> Instance | None:
        """A slot of the least busy instance, None where none is free. SageMaker's choice is undocumented."""
        best: _InstanceLoad | None = None
        for load in self._loads.values():
            if (
                load.is_open
                and load.busy < self.concurrency
                and (best is None or load.busy < best.busy)
                and not load.instance.lost.is_set()
            ):
                best = load
        if best is None:
            return None
        best.busy += 1
        return best.instance

    def release(self, instance: Instance) -> None:
        """Give a slot back."""
        load = self._loads.get(instance.instance_id)
        if load is not None:
            load.busy -= 1
