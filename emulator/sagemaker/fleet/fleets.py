"""All endpoints' fleets: started, watched, shared out and stopped."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.fleet.member import Member
from meshtwin.emulator.sagemaker.fleet.slots import Slots
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError

if TYPE_CHECKING:
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance, Launcher
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings

_DRAIN_LOOK = 0.05
"""Between two looks at a fleet that is to end, in real seconds."""

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
        self.members: list[Member] = []
        self.leaving: list[Member] = []
        """Members that a scale-in stops; here until they are gone: nothing forgets their processes."""

    @property
    def healthy_count(self) -> int:
        """Instances that take requests."""
        return self.slots.total // self.slots.concurrency

    @property
    def everyone(self) -> list[Member]:
        """All members, also those that leave."""
        return [*self.members, *self.leaving]

    @property
    def busy(self) -> int:
        """Requests that its instances work on."""
        return sum(self.slots.busy(member.instance) for member in self.everyone if member.instance)

    def excess(self, instance_count: int) -> list[Member]:
        """The members that go where only `instance_count` stay.

        Those that are starting, then the idle, then the least busy; the newest first among equals.
        SageMaker's choice is undocumented.
        """
        places = list(enumerate(self.members))
        places.sort(key=lambda place: (self._load(place[1]), -place[0]))
        return [member for _, member in places[: max(0, len(places) - instance_count)]]

    def _load(self, member: Member) -> int:
        if member.instance is None or not self.slots.is_open(member.instance):
            return -1
        return self.slots.busy(member.instance)

    async def close(self) -> None:
        """Stop every instance."""
        await asyncio.gather(*(member.close() for member in self.everyone))


class Fleets:
    """Fleets by endpoint name. Used from one event loop."""

    def __init__(self, settings: Settings, clock: Clock, launcher: Launcher) -> None:
        self.observer: FleetObserver | None = None
        self._settings = settings
        self._clock = clock
        self._fleets: dict[str, Fleet] = {}
        self._specs: dict[str, FleetSpec] = {}
        self._starting: set[Fleet] = set()
        self._draining: list[Fleet] = []
        self._drains = Supervised()
        self._launcher = launcher

    def get(self, endpoint_name: str) -> Fleet | None:
        """The endpoint's fleet, None where it has none."""
        return self._fleets.get(endpoint_name)

    def spec(self, endpoint_name: str) -> FleetSpec | None:
        """What the endpoint was last asked to be; also of one that failed, until it is stopped."""
        return self._specs.get(endpoint_name)

    async def start(self, spec: FleetSpec) -> None:
        """Start a fleet; returns when its first instances are healthy.

        Where the endpoint has a fleet already, that one serves until the new one is healthy, and is drained
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
            self._draining.append(earlier)
            self._drains.run("drain", partial(self._drain, earlier))

    def restore(self, spec: FleetSpec) -> None:
        """The fleet of an endpoint that was in service before the emulator's restart; none where it has one.

        It may have no healthy instance for long, where what starts instances is not there yet: each is tried
        until it is.
        """
        if spec.endpoint_name not in self._fleets:
            fleet = Fleet(spec)
            self._specs[spec.endpoint_name] = spec
            self._put(fleet)
            self._grow(fleet, spec.instance_count, gives_up=False)

    async def scale(self, endpoint_name: str, instance_count: int) -> None:
        """Bring a fleet to `instance_count` instances; returns when new ones are healthy, old ones stopped.

        Not to be called again before it has returned. KeyError where the endpoint has no fleet,
        FleetFailedError, with the fleet as it was, where a new instance does not get healthy.
        """
        fleet = self._fleets[endpoint_name]
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
        fleets = self._of(endpoint_name)
        self._fleets.pop(endpoint_name, None)
        spec = self._specs.pop(endpoint_name, None)
        if spec is not None and self.observer is not None:
            self.observer.fleet_stopped(spec)
        await asyncio.gather(*(fleet.close() for fleet in fleets))

    def healthy_count(self, endpoint_name: str) -> int:
        """Instances of the endpoint that take requests now."""
        fleet = self._fleets.get(endpoint_name)
        return 0 if fleet is None else fleet.healthy_count

    def instances(self, endpoint_name: str) -> list[SeenInstance]:
        """The endpoint's instances, also those that are starting or draining."""
        return [
            SeenInstance(member.instance, self._state(fleet, member), fleet.slots.busy(member.instance))
            for fleet in self._of(endpoint_name)
            for member in fleet.everyone
            if member.instance is not None
        ]

    def _state(self, fleet: Fleet, member: Member) -> str:
        if fleet in self._draining:
            return "draining"
        if member in fleet.leaving:
            return "stopping"
        if member.instance is not None and fleet.slots.is_open(member.instance):
            return "in service"
        return "starting" if not member.ready.done() else "not in service"

    def pids(self, endpoint_name: str) -> tuple[int, ...]:
        """Process ids of the endpoint's instances that are processes of this host."""
        instances = [member.instance for fleet in self._of(endpoint_name) for member in fleet.everyone]
        return tuple(instance.pid for instance in instances if instance is not None and instance.pid)

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
        await self._drains.close()
        fleets = [*self._fleets.values(), *self._starting, *self._draining]
        self._fleets.clear()
        await asyncio.gather(*(fleet.close() for fleet in set(fleets)))

    def _of(self, endpoint_name: str) -> list[Fleet]:
        fleet = self._fleets.get(endpoint_name)
        drained = [one for one in self._draining if one.spec.endpoint_name == endpoint_name]
        return drained if fleet is None else [fleet, *drained]

    async def _drain(self, fleet: Fleet) -> None:
        """Let a fleet's requests end, then stop it; its requests and instances are still known meanwhile."""
        for member in fleet.members:
            member.retire_when_idle()
        deadline = self._clock.now() + self._settings.drain_seconds
        while fleet.busy and self._clock.now() < deadline:
            await self._clock.poll(_DRAIN_LOOK)
        await fleet.close()
        if fleet in self._draining:
            self._draining.remove(fleet)

    def _put(self, fleet: Fleet) -> None:
        self._fleets[fleet.spec.endpoint_name] = fleet
        if self.observer is not None:
            self.observer.fleet_started(fleet.spec)

    def _grow(self, fleet: Fleet, count: int, *, gives_up: bool = True) -> None:
        while len(fleet.members) < count:
            fleet.members.append(
                Member(
                    fleet.spec,
                    self._launcher,
                    fleet.slots,
                    self._settings,
                    lambda instance: self._changed(fleet, instance),
                    gives_up=gives_up,
                )
            )

    def _changed(self, fleet: Fleet, instance: Instance) -> None:
        if instance.lost.is_set() and self.observer is not None:
            self.observer.instance_lost(instance)
        self._capacity_changed(fleet)

    def _capacity_changed(self, fleet: Fleet) -> None:
        if self.observer is not None and self._fleets.get(fleet.spec.endpoint_name) is fleet:
            self.observer.capacity_changed(fleet.spec.endpoint_name)
