"""All endpoints' fleets: started, watched, shared out and stopped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import structlog

from emulator.fleet.address import AddressLauncher, is_address
from emulator.fleet.member import Member
from emulator.fleet.process import ProcessLauncher
from emulator.fleet.slots import Slots

if TYPE_CHECKING:
    from emulator.clock import Clock
    from emulator.fleet.launcher import Instance, Launcher
    from emulator.fleet.spec import FleetSpec
    from emulator.settings import Settings

_log = structlog.get_logger()


class FleetObserver(Protocol):
    """Who wants to know of fleets; called on the event loop."""

    def fleet_started(self, spec: FleetSpec) -> None:
        """A fleet is there, perhaps without a healthy instance so far."""
        ...

    def capacity_changed(self, endpoint_name: str) -> None:
        """An instance came into service or left it."""
        ...

    def instance_lost(self, instance: Instance) -> None:
        """What the instance worked on will not be answered."""
        ...

    def fleet_stopped(self, spec: FleetSpec) -> None:
        """The endpoint has no fleet any more."""
        ...


class Fleet:
    """The instances of one endpoint's variant."""

    def __init__(self, spec: FleetSpec) -> None:
        self.spec = spec
        self.slots = Slots(spec.concurrency)
        self.members: list[Member] = []

    @property
    def healthy_count(self) -> int:
        """Instances that take requests."""
        return self.slots.total // self.slots.concurrency

    async def close(self) -> None:
        """Stop every instance."""
        await asyncio.gather(*(member.close() for member in self.members))


class Fleets:
    """Fleets by endpoint name. Used from one event loop."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.observer: FleetObserver | None = None
        self._settings = settings
        self._clock = clock
        self._fleets: dict[str, Fleet] = {}
        self._specs: dict[str, FleetSpec] = {}
        self._starting: set[Fleet] = set()
        self._processes: Launcher = ProcessLauncher(settings)
        self._addresses: Launcher = AddressLauncher()

    def get(self, endpoint_name: str) -> Fleet | None:
        """The endpoint's fleet, None where it has none."""
        return self._fleets.get(endpoint_name)

    def spec(self, endpoint_name: str) -> FleetSpec | None:
        """What the endpoint was last asked to be; also of one that failed, until it is stopped."""
        return self._specs.get(endpoint_name)

    async def start(self, spec: FleetSpec) -> None:
        """Start a fleet; returns when its first instances are healthy.

        Where the endpoint has a fleet already, that one serves until the new one is healthy, and is stopped
        then, as UpdateEndpoint does. FleetFailedError with DescribeEndpoint's FailureReason where an instance
        does not get healthy; the new fleet is stopped and the earlier one, if any, stays.
        """
        fleet = Fleet(spec)
        earlier = self._fleets.get(spec.endpoint_name)
        self._starting.add(fleet)
        if earlier is None:
            self._specs[spec.endpoint_name] = spec
            self._put(fleet)
        try:
            self._grow(fleet, spec.instance_count)
            await asyncio.gather(*(member.ready for member in fleet.members))
        except BaseException:
            if self._fleets.get(spec.endpoint_name) is fleet:
                del self._fleets[spec.endpoint_name]
            await fleet.close()
            raise
        finally:
            self._starting.discard(fleet)
        if earlier is not None:
            self._specs[spec.endpoint_name] = spec
            self._put(fleet)
            self._capacity_changed(fleet)
            await earlier.close()

    async def scale(self, endpoint_name: str, instance_count: int) -> None:
        """Bring a fleet to `instance_count` instances; returns when new ones are healthy, old ones stopped.

        KeyError where the endpoint has no fleet.
        """
        fleet = self._fleets[endpoint_name]
        excess = fleet.members[instance_count:]
        del fleet.members[instance_count:]
        self._grow(fleet, instance_count)
        waiting = (asyncio.shield(member.ready) for member in fleet.members)
        await asyncio.gather(*waiting, *(member.close() for member in excess))

    async def stop(self, endpoint_name: str) -> None:
        """Stop an endpoint's fleet, healthy, starting or failed; nothing where it has none."""
        fleet = self._fleets.pop(endpoint_name, None)
        spec = self._specs.pop(endpoint_name, None)
        if spec is not None and self.observer is not None:
            self.observer.fleet_stopped(spec)
        if fleet is not None:
            await fleet.close()

    def healthy_count(self, endpoint_name: str) -> int:
        """Instances of the endpoint that take requests now."""
        fleet = self._fleets.get(endpoint_name)
        return 0 if fleet is None else fleet.healthy_count

    def release(self, endpoint_name: str, instance: Instance) -> None:
        """Give back a slot that `Fleet.slots.acquire` gave."""
        for fleet in self._of(endpoint_name):
            fleet.slots.release(instance)

    def suspect(self, endpoint_name: str, instance: Instance) -> None:
        """Give the instance no more requests until it has answered a ping."""
        for fleet in self._of(endpoint_name):
            fleet.slots.close(instance)
            for member in fleet.members:
                if member.has(instance):
                    member.look()

    async def close(self) -> None:
        """Stop every instance. The endpoints are not deleted by that: their requests stay queued."""
        fleets = [*self._fleets.values(), *self._starting]
        self._fleets.clear()
        await asyncio.gather(*(fleet.close() for fleet in set(fleets)))

    def _of(self, endpoint_name: str) -> list[Fleet]:
        fleet = self._fleets.get(endpoint_name)
        return [] if fleet is None else [fleet]

    def _put(self, fleet: Fleet) -> None:
        self._fleets[fleet.spec.endpoint_name] = fleet
        if self.observer is not None:
            self.observer.fleet_started(fleet.spec)

    def _grow(self, fleet: Fleet, count: int) -> None:
        launcher = self._addresses if is_address(fleet.spec.container.image) else self._processes
        while len(fleet.members) < count:
            fleet.members.append(
                Member(
                    fleet.spec,
                    launcher,
                    fleet.slots,
                    self._clock,
                    self._settings,
                    lambda instance: self._changed(fleet, instance),
                )
            )

    def _changed(self, fleet: Fleet, instance: Instance) -> None:
        if instance.lost.is_set() and self.observer is not None:
            self.observer.instance_lost(instance)
        self._capacity_changed(fleet)

    def _capacity_changed(self, fleet: Fleet) -> None:
        if self.observer is not None and self._fleets.get(fleet.spec.endpoint_name) is fleet:
            self.observer.capacity_changed(fleet.spec.endpoint_name)
