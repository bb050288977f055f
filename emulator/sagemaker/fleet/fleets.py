"""What is done to endpoints' fleets: started, scaled, replaced, stopped."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol

from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.fleet.running import Fleet
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError
from meshtwin.emulator.sagemaker.fleet.supervisor import InstanceSupervisor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance, Launcher
    from meshtwin.emulator.sagemaker.fleet.running import RunningFleets
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings

_DRAIN_POLL_SECONDS = 0.05
"""Between two checks whether a fleet that drains is idle. Real seconds."""


class FleetObserver(Protocol):
    """Who is called when fleets change; on the event loop."""

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


class Fleets:
    """Changes the running fleets, and calls the observers as it does. Used from one event loop."""

    def __init__(
        self,
        running: RunningFleets,
        launcher: Launcher,
        observers: Sequence[FleetObserver],
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._running = running
        self._launcher = launcher
        self._observers = tuple(observers)
        self._clock = clock
        self._settings = settings
        self._starting: set[Fleet] = set()
        self._drains = Supervised()

    async def start(self, spec: FleetSpec) -> None:
        """Start a fleet; returns when its first instances are healthy.

        Where the endpoint has a fleet already, that one serves until the new one is healthy, and is drained
        then, as UpdateEndpoint does. FleetFailedError with DescribeEndpoint's FailureReason where an instance
        does not get healthy; the new fleet is stopped and the earlier one, if any, stays.
        """
        fleet = Fleet(spec)
        earlier = self._running.get(spec.endpoint_name)
        self._starting.add(fleet)
        if earlier is None:
            self._put(fleet)
        try:
            self._grow(fleet, spec.instance_count)
            await asyncio.gather(*(member.ready for member in fleet.members))
        except BaseException:
            self._running.remove(fleet)
            await fleet.close()
            raise
        finally:
            self._starting.discard(fleet)
        if earlier is not None:
            self._put(fleet)
            self._capacity_changed(fleet)
            self._drains.run("drain", partial(self._drain, earlier))

    def restore(self, spec: FleetSpec) -> None:
        """The fleet of an endpoint that was in service before the emulator's restart; none where it has one.

        It may have no healthy instance for long, where what starts instances is not there yet: each is tried
        until it is.
        """
        if self._running.get(spec.endpoint_name) is None:
            fleet = Fleet(spec)
            self._put(fleet)
            self._grow(fleet, spec.instance_count, gives_up=False)

    async def scale(self, endpoint_name: str, instance_count: int) -> None:
        """Bring a fleet to `instance_count` instances; returns when new ones are healthy, old ones stopped.

        Not to be called again before it has returned. KeyError where the endpoint has no fleet,
        FleetFailedError, with the fleet as it was, where a new instance does not get healthy.
        """
        fleet = self._running.get(endpoint_name)
        if fleet is None:
            raise KeyError(endpoint_name)
        leaving = fleet.excess(instance_count)
        fleet.members = [member for member in fleet.members if member not in leaving]
        fleet.leaving += leaving
        before = len(fleet.members)
        self._grow(fleet, instance_count)
        joining = fleet.members[before:]
        try:
            await asyncio.gather(
                *(asyncio.shield(member.ready) for member in joining), *(member.close() for member in leaving)
            )
        except FleetFailedError:
            fleet.members = [member for member in fleet.members if member not in joining]
            await asyncio.gather(*(member.close() for member in joining))
            raise
        fleet.leaving = [member for member in fleet.leaving if member not in leaving]

    async def stop(self, endpoint_name: str) -> None:
        """Stop an endpoint's fleet, healthy, starting or failed; nothing where it has none."""
        fleets = self._running.of(endpoint_name)
        spec = self._running.remove_endpoint(endpoint_name)
        if spec is not None:
            for observer in self._observers:
                observer.fleet_stopped(spec)
        await asyncio.gather(*(fleet.close() for fleet in fleets))

    async def close(self) -> None:
        """Stop every instance. The endpoints are not deleted by that: their requests stay queued."""
        await self._drains.close()
        fleets = {*self._running.all(), *self._starting}
        for fleet in fleets:
            self._running.remove(fleet)
        await asyncio.gather(*(fleet.close() for fleet in fleets))

    async def _drain(self, fleet: Fleet) -> None:
        """Let a fleet's requests end, then stop it; its requests and instances are still known meanwhile."""
        for member in fleet.members:
            member.retire_when_idle()
        deadline = self._clock.now() + self._settings.drain_seconds
        while fleet.busy and self._clock.now() < deadline:
            await self._clock.poll(_DRAIN_POLL_SECONDS)
        await fleet.close()
        self._running.remove(fleet)

    def _put(self, fleet: Fleet) -> None:
        self._running.put(fleet)
        for observer in self._observers:
            observer.fleet_started(fleet.spec)

    def _grow(self, fleet: Fleet, count: int, *, gives_up: bool = True) -> None:
        while len(fleet.members) < count:
            fleet.members.append(
                InstanceSupervisor(
                    fleet.spec,
                    self._launcher,
                    fleet.slots,
                    self._settings,
                    lambda instance: self._changed(fleet, instance),
                    gives_up=gives_up,
                )
            )

    def _changed(self, fleet: Fleet, instance: Instance) -> None:
        if instance.lost.is_set():
            for observer in self._observers:
                observer.instance_lost(instance)
        self._capacity_changed(fleet)

    def _capacity_changed(self, fleet: Fleet) -> None:
        if self._running.get(fleet.spec.endpoint_name) is fleet:
            for observer in self._observers:
                observer.capacity_changed(fleet.spec.endpoint_name)
