"""What happens to an endpoint between two stable states: it is created, updated, rescaled, deleted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.control_plane.fleet_specs import fleet_spec_of, notifications_of
from meshtwin.emulator.sagemaker.control_plane.registry import retry_while_unavailable
from meshtwin.emulator.sagemaker.control_plane.resources import SERVING, Endpoint, Kind, Status
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError, LauncherAwayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.control_plane.registry import Registry
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings

log = structlog.get_logger(__name__)

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0
"""Between attempts at what a restart has interrupted, while nothing can be started. Real seconds."""

# https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint.html
TEST_NOTIFICATION = json.dumps(
    {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"},
    separators=(",", ":"),
)


class Fleets(Protocol):
    """Who runs the instances."""

    async def start(self, spec: FleetSpec) -> None:
        """Return when the instances are healthy; FleetFailedError when they never will be."""
        ...

    def restore(self, spec: FleetSpec) -> None:
        """Bring back instances that were healthy before the emulator's restart, however long that takes."""
        ...

    async def scale(self, endpoint_name: str, instance_count: int) -> None:
        """Return when there are that many; FleetFailedError, and as many as before, where that fails."""
        ...

    async def stop(self, endpoint_name: str) -> None:
        """Return when the endpoint's instances are gone, if there were any."""
        ...


class Deployment:
    """One background task for each endpoint that is on its way.

    After an unexpected error, the endpoint is resumed as after a restart.

    `on_deleted` is awaited for each endpoint that goes, also for one that had no fleet, before it is gone and
    there can be another of its name. Where it raises an UnavailableError, it is called again.
    """

    def __init__(
        self,
        registry: Registry,
        fleets: Fleets,
        on_deleted: Callable[[FleetSpec], Awaitable[None]],
        aws: Aws,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._registry = registry
        self._fleets = fleets
        self._on_deleted = on_deleted
        self._aws = aws
        self._clock = clock
        self._settings = settings
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._supervised = Supervised()

    def create(self, endpoint: Endpoint) -> None:
        """Bring up an endpoint that is Creating."""
        self._in_background(endpoint, lambda: self._create(endpoint))

    def update(self, endpoint: Endpoint) -> None:
        """Bring an Updating endpoint to the configuration that is pending."""
        earlier = self._tasks.get(endpoint.key)
        self._in_background(endpoint, lambda: self._after(earlier, endpoint, self._update))

    def rescale(self, endpoint: Endpoint) -> None:
        """Bring an Updating endpoint to its desired count."""
        earlier = self._tasks.get(endpoint.key)
        self._in_background(endpoint, lambda: self._after(earlier, endpoint, self._rescale))

    def delete(self, endpoint: Endpoint) -> None:
        """Take down an endpoint that is Deleting."""
        earlier = self._tasks.get(endpoint.key)
        self._in_background(endpoint, lambda: self._tear_down(endpoint, earlier))

    async def delete_all(self) -> list[str]:
        """Take down every endpoint, on its way or not; returns their names when they are gone."""
        endpoints = self._registry.endpoints()
        for endpoint in endpoints:
            if endpoint.status is not Status.DELETING:
                # Whatever it was about to become: from here it can only be deleted.
                endpoint = await self._registry.put(replace(endpoint, status=Status.DELETING))  # noqa: PLW2901
            self.delete(endpoint)
        for endpoint in endpoints:
            await self.wait_until_stable(endpoint.name)
        return [endpoint.name for endpoint in endpoints]

    def resume(self) -> None:
        """Go on with the endpoints that an earlier emulator left, from where it stood."""
        for endpoint in self._registry.endpoints():
            self._in_background(endpoint, partial(self._resume_from_status, endpoint))

    async def _resume_from_status(self, wanted: Endpoint) -> None:
        endpoint = self._registry.find(Kind.ENDPOINT, wanted.name)
        if not isinstance(endpoint, Endpoint):
            return
        if endpoint.status is Status.DELETING:
            await self._tear_down(endpoint)
        elif endpoint.status is Status.CREATING or endpoint.status in SERVING:
            await self._resume(endpoint)

    async def wait_until_stable(self, endpoint_name: str) -> None:
        """Return when nothing is on its way for the endpoint."""
        while (task := self._tasks.get(endpoint_name.lower())) is not None:
            await asyncio.wait({task})

    async def close(self) -> None:
        """Stop the background tasks; `resume` continues from where the endpoints are now."""
        await self._supervised.close()

    def _in_background(self, endpoint: Endpoint, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        attempts = iter([work])

        def attempt() -> Coroutine[Any, Any, None]:
            return next(attempts, partial(self._resume_from_status, endpoint))()

        task = self._supervised.run(f"endpoint {endpoint.name}", attempt)
        self._tasks[endpoint.key] = task
        task.add_done_callback(lambda _: self._remove(endpoint.key, task))

    def _remove(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def _after(
        self,
        earlier: asyncio.Task[None] | None,
        endpoint: Endpoint,
        change: Callable[[Endpoint], Coroutine[Any, Any, None]],
    ) -> None:
        """Change an endpoint once what is on its way has ended.

        In service before the emulator's restart, an endpoint may be changed while its fleet still starts.
        """
        if earlier is not None:
            try:
                await asyncio.wait({earlier})
            except asyncio.CancelledError:
                await _cancel(earlier)
                raise
        if self._registry.get_endpoint(endpoint.name).status is Status.UPDATING:
            await change(endpoint)

    async def _create(self, endpoint: Endpoint) -> None:
        await self._announce(endpoint)
        await self._clock.sleep(self._settings.creating_seconds)
        await self._bring_up(endpoint)

    async def _bring_up(self, endpoint: Endpoint, *, patient: bool = False) -> None:
        spec = fleet_spec_of(endpoint, self._settings)
        reason = await self._failure_of(endpoint, lambda: self._fleets.start(spec), patient=patient)
        await self._set_status(endpoint, Status.IN_SERVICE if reason is None else Status.FAILED, reason)

    async def _resume(self, endpoint: Endpoint) -> None:
        """Go on after a restart, patiently: on AWS nothing happened to the endpoint meanwhile."""
        if endpoint.status is Status.CREATING:
            await self._bring_up(endpoint, patient=True)
            return
        # What served before serves while a change is resumed, and goes on where the change fails.
        self._fleets.restore(fleet_spec_of(unchanged(endpoint), self._settings))
        if endpoint.status is Status.ROLLING_BACK:
            await self._back_in_service(endpoint, endpoint.failure_reason)
        elif "config" in (endpoint.pending or {}):
            await self._roll_out(endpoint, patient=True)
        elif endpoint.status is not Status.IN_SERVICE:
            await self._scale(endpoint, patient=True)

    async def _update(self, endpoint: Endpoint) -> None:
        await self._announce(updated(endpoint))
        await self._clock.sleep(self._settings.updating_seconds)
        await self._roll_out(endpoint)

    async def _roll_out(self, endpoint: Endpoint, *, patient: bool = False) -> None:
        """A new fleet beside the old one, which serves until the new one can, and on where that never can.

        The traffic shifts all at once, SageMaker's default:
        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
        """
        target = updated(endpoint)
        spec = fleet_spec_of(target, self._settings)
        reason = await self._failure_of(endpoint, lambda: self._fleets.start(spec), patient=patient)
        if reason is None:
            await self._change(endpoint, lambda now: _landed(now, target, self._clock.now()))
            log.info("endpoint_updated", endpoint=endpoint.name)
        else:
            await self._roll_back(endpoint, reason)

    async def _rescale(self, endpoint: Endpoint) -> None:
        if self._settings.announce_capacity_changes:
            await self._announce(endpoint)
        await self._clock.sleep(self._settings.updating_seconds)
        await self._scale(endpoint)

    async def _scale(self, endpoint: Endpoint, *, patient: bool = False) -> None:
        name, count = endpoint.name, endpoint.instance_count
        reason = await self._failure_of(endpoint, lambda: self._fleets.scale(name, count), patient=patient)
        if reason is None:
            await self._set_status(endpoint, Status.IN_SERVICE)
            log.info("endpoint_rescaled", endpoint=endpoint.name, instances=endpoint.instance_count)
        else:
            await self._roll_back(endpoint, reason)

    async def _roll_back(self, endpoint: Endpoint, reason: str) -> None:
        """Back to what served before: the fleet is unharmed, only what was wanted is taken back."""
        log.warning("endpoint_rolls_back", endpoint=endpoint.name, reason=reason)
        now = self._clock.now()
        await self._change(endpoint, lambda found: found.advance(Status.ROLLING_BACK, now, reason))
        await self._clock.sleep(self._settings.updating_seconds)
        await self._back_in_service(endpoint, reason)

    async def _back_in_service(self, endpoint: Endpoint, reason: str | None) -> None:
        def back(found: Endpoint) -> Endpoint:
            served = found.advance(Status.IN_SERVICE, self._clock.now(), reason)
            return replace(unchanged(served), pending=None)

        await self._change(endpoint, back)

    async def _failure_of(
        self, endpoint: Endpoint, work: Callable[[], Awaitable[None]], *, patient: bool
    ) -> str | None:
        """Why the fleet did not become what it was to be; None where it did.

        `patient`: retry for as long as the launcher is unavailable.
        """
        delay = _FIRST_DELAY
        while True:
            try:
                await work()
            except FleetFailedError as error:
                log.warning("fleet_failed", endpoint=endpoint.name, reason=str(error))
                if not (patient and isinstance(error, LauncherAwayError)):
                    return str(error)
            except Exception as error:  # an endpoint must not be on its way for ever
                log.exception("fleet_failed", endpoint=endpoint.name)
                return f"Error in the emulator: {error!r}"
            else:
                return None
            await self._clock.poll(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    async def _set_status(self, endpoint: Endpoint, status: Status, reason: str | None = None) -> None:
        def advanced(found: Endpoint) -> Endpoint:
            return replace(found.advance(status, self._clock.now(), reason), pending=None)

        await self._change(endpoint, advanced)
        log.info("endpoint_status", endpoint=endpoint.name, status=status)

    async def _change(self, endpoint: Endpoint, change: Callable[[Endpoint], Endpoint]) -> None:
        async def put() -> None:
            found = self._registry.get_endpoint(endpoint.name)
            # Deleted meanwhile, it stays so.
            if found.status is not Status.DELETING and (changed := change(found)) is not found:
                await self._registry.put(changed)

        await self._registry.change_when_available(put)

    async def _tear_down(self, endpoint: Endpoint, earlier: asyncio.Task[None] | None = None) -> None:
        # An endpoint that was in service before the emulator's restart may still be starting.
        if earlier is not None:
            await _cancel(earlier)
        await self._clock.sleep(self._settings.deleting_seconds)
        await self._fleets.stop(endpoint.name)
        spec = fleet_spec_of(endpoint, self._settings)
        await retry_while_unavailable(lambda: self._on_deleted(spec), self._clock)
        await self._registry.change_when_available(lambda: self._registry.remove(endpoint))
        log.info("endpoint_deleted", endpoint=endpoint.name)

    async def _announce(self, endpoint: Endpoint) -> None:
        notifications = notifications_of(endpoint)
        for topic in (notifications.success_topic, notifications.error_topic):
            if topic is None:
                continue
            try:
                await self._aws.run(self._aws.publish, topic, TEST_NOTIFICATION, endpoint.name, new_uuid())
            except (BotoCoreError, ClientError) as error:
                log.warning(
                    "test_notification_failed", endpoint=endpoint.name, topic=topic, reason=str(error)
                )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def unchanged(endpoint: Endpoint) -> Endpoint:
    """The endpoint without the change of capacity that is pending; itself where none is."""
    wanted = endpoint.pending or {}
    if "desired_before" not in wanted:
        return endpoint
    return replace(endpoint, desired_count=wanted["desired_before"], weight=wanted.get("weight_before"))


def updated(endpoint: Endpoint) -> Endpoint:
    """The endpoint with what its update wants; itself where none is pending."""
    wanted = endpoint.pending or {}
    if "config" not in wanted:
        return endpoint
    return replace(
        endpoint,
        params={**endpoint.params, "EndpointConfigName": wanted["EndpointConfigName"]},
        config=wanted["config"],
        model=wanted["model"],
        desired_count=wanted["desired_count"],
        weight=wanted["weight"],
        deployment=wanted["deployment"],
    )


def _landed(found: Endpoint, target: Endpoint, now: float) -> Endpoint:
    landed = replace(target, tags=found.tags, status=found.status, pending=None)
    return landed.advance(Status.IN_SERVICE, now)
