"""The fleets that there are, by endpoint name: their instances, and who may have which slot."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from meshtwin.emulator.sagemaker.fleet.slots import Slots

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.fleet.supervisor import InstanceSupervisor


class SeenInstance(NamedTuple):
    """An instance as operators see it."""

    instance: Instance
    state: str
    busy: int


class Fleet:
    """The instances of one endpoint's variant."""

    def __init__(self, spec: FleetSpec) -> None:
        self.spec = spec
        self.slots = Slots(spec.concurrency)
        self.members: list[InstanceSupervisor] = []
        self.leaving: list[InstanceSupervisor] = []
        """Members that a scale-in stops, until their instances are gone: `close` stops those too."""

    @property
    def healthy_count(self) -> int:
        """Instances that take requests."""
        return self.slots.total // self.slots.concurrency

    @property
    def everyone(self) -> list[InstanceSupervisor]:
        """All members, also those that leave."""
        return [*self.members, *self.leaving]

    @property
    def busy(self) -> int:
        """Requests that its instances work on."""
        return sum(self.slots.busy(member.instance) for member in self.everyone if member.instance)

    def excess(self, instance_count: int) -> list[InstanceSupervisor]:
        """The members that go where only `instance_count` stay.

        Those that are starting, then the idle, then the least busy; the newest first among equals.
        SageMaker's choice is undocumented.
        """
        numbered = list(enumerate(self.members))
        numbered.sort(key=lambda pair: (self._load(pair[1]), -pair[0]))
        return [member for _, member in numbered[: max(0, len(numbered) - instance_count)]]

    def _load(self, member: InstanceSupervisor) -> int:
        if member.instance is None or not self.slots.is_open(member.instance):
            return -1
        return self.slots.busy(member.instance)

    async def close(self) -> None:
        """Stop every instance."""
        await asyncio.gather(*(member.close() for member in self.everyone))


class RunningFleets:
    """Which fleet serves an endpoint, and which still drain. `Fleets` alone changes it; on one event loop."""

    def __init__(self) -> None:
        self._serving: dict[str, Fleet] = {}
        self._specs: dict[str, FleetSpec] = {}
        self._draining: list[Fleet] = []

    def get(self, endpoint_name: str) -> Fleet | None:
        """The fleet that serves the endpoint, None where it has none."""
        return self._serving.get(endpoint_name)

    def spec(self, endpoint_name: str) -> FleetSpec | None:
        """What the endpoint was last started with; also where that failed, until it is stopped."""
        return self._specs.get(endpoint_name)

    def of(self, endpoint_name: str) -> list[Fleet]:
        """Every fleet of the endpoint, serving or draining."""
        fleet = self._serving.get(endpoint_name)
        drained = [one for one in self._draining if one.spec.endpoint_name == endpoint_name]
        return drained if fleet is None else [fleet, *drained]

    def all(self) -> list[Fleet]:
        """Every fleet, serving or draining."""
        return [*self._serving.values(), *self._draining]

    def healthy_count(self, endpoint_name: str) -> int:
        """Instances of the endpoint that take requests now."""
        fleet = self._serving.get(endpoint_name)
        return 0 if fleet is None else fleet.healthy_count

    def instances(self, endpoint_name: str) -> list[SeenInstance]:
        """The endpoint's instances, also those that are starting or draining."""
        return [
            SeenInstance(member.instance, self._state(fleet, member), fleet.slots.busy(member.instance))
            for fleet in self.of(endpoint_name)
            for member in fleet.everyone
            if member.instance is not None
        ]

    def _state(self, fleet: Fleet, member: InstanceSupervisor) -> str:
        if fleet in self._draining:
            return "draining"
        if member in fleet.leaving:
            return "stopping"
        if member.instance is not None and fleet.slots.is_open(member.instance):
            return "in service"
        return "starting" if not member.ready.done() else "not in service"

    def pids(self, endpoint_name: str) -> tuple[int, ...]:
        """Process ids of the endpoint's instances that are processes of this host."""
        instances = [member.instance for fleet in self.of(endpoint_name) for member in fleet.everyone]
        return tuple(instance.pid for instance in instances if instance is not None and instance.pid)

    def release(self, endpoint_name: str, instance: Instance) -> None:
        """Give back a slot that `Fleet.slots.acquire` gave."""
        for fleet in self.of(endpoint_name):
            fleet.slots.release(instance)

    def suspect(self, endpoint_name: str, instance: Instance) -> None:
        """Give the instance no more requests until it has answered a ping."""
        for fleet in self.of(endpoint_name):
            fleet.slots.close(instance)
            for member in fleet.members:
                if member.has(instance):
                    member.probe_soon()

    def put(self, fleet: Fleet) -> None:
        """Have a fleet serve its endpoint from now on; the one before it drains."""
        earlier = self._serving.get(fleet.spec.endpoint_name)
        if earlier is not None:
            self._draining.append(earlier)
        self._serving[fleet.spec.endpoint_name] = fleet
        self._specs[fleet.spec.endpoint_name] = fleet.spec

    def remove(self, fleet: Fleet) -> None:
        """Take out a fleet, serving or draining; the endpoint's spec stays."""
        if self._serving.get(fleet.spec.endpoint_name) is fleet:
            del self._serving[fleet.spec.endpoint_name]
        if fleet in self._draining:
            self._draining.remove(fleet)

    def remove_endpoint(self, endpoint_name: str) -> FleetSpec | None:
        """Take out the endpoint's fleet and spec; the spec. Fleets that drain stay until they have."""
        self._serving.pop(endpoint_name, None)
        return self._specs.pop(endpoint_name, None)
