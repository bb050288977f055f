"""The emulator's endpoints at one moment, for the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.emulator.sagemaker.control_plane.resources import SERVING
from meshtwin.emulator.sagemaker.monitoring.sample import EndpointView

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.control_plane.registry import Registry
    from meshtwin.emulator.sagemaker.delivery.dispatcher import Dispatcher
    from meshtwin.emulator.sagemaker.fleet.running import RunningFleets
    from meshtwin.emulator.sagemaker.queue.queue import RequestQueue


class LiveSources:
    """Reads queue, fleets and registry; on the event loop."""

    def __init__(
        self, registry: Registry, queue: RequestQueue, dispatcher: Dispatcher, fleets: RunningFleets
    ) -> None:
        self._registry = registry
        self._queue = queue
        self._dispatcher = dispatcher
        self._fleets = fleets

    def has_requests(self, name: str) -> bool:
        """Whether requests of the endpoint wait or run here."""
        return bool(len(self._queue.backlog(name)) or self._dispatcher.running_of(name))

    def views(self) -> list[EndpointView]:
        """Every asynchronous endpoint that takes requests."""
        return [
            self.view(endpoint.name, endpoint.variant["VariantName"])
            for endpoint in self._registry.endpoints()
            if endpoint.status in SERVING and endpoint.async_config is not None
        ]

    def view(self, name: str, variant: str) -> EndpointView:
        """One endpoint."""
        backlog = self._queue.backlog(name)
        running = self._dispatcher.running_of(name)
        positions = [entry.position for entry in running]
        oldest = backlog.oldest()
        if oldest is not None:
            positions.append(oldest)
        return EndpointView(
            name=name,
            variant=variant,
            queued=len(backlog),
            running=len(running),
            oldest_at=min(positions) / 1e6 if positions else None,
            instances=self._fleets.healthy_count(name),
            pids=self._fleets.pids(name),
        )
