"""The host of functions, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from meshtwin.emulator.lambda_.events import Events
from meshtwin.emulator.lambda_.http_api import HttpApi
from meshtwin.emulator.lambda_.lambda_api import LambdaApi
from meshtwin.emulator.lambda_.runner import Runner
from meshtwin.emulator.lambda_.schedules import Schedules
from meshtwin.emulator.lambda_.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshtwin.emulator.core.clock import AdjustableClock
    from meshtwin.emulator.core.protocol.gateway import Service
    from meshtwin.emulator.lambda_.manifest import Function
    from meshtwin.emulator.lambda_.settings import HostSettings

_log = structlog.get_logger(__name__)


class FunctionHost:
    """Functions, and all that invokes them. Made, started and closed in one event loop.

    Args:
        functions: the manifest's.
        settings: the host's.
        clock: what retries, schedules and idle processes wait on.
        endpoints: the variables by which functions find the services beside them.
    """

    def __init__(
        self,
        functions: Sequence[Function],
        settings: HostSettings,
        clock: AdjustableClock,
        endpoints: Mapping[str, str],
    ) -> None:
        self.runner = Runner(functions, settings, clock, endpoints)
        self.http = HttpApi(self.runner, settings, clock)
        self._events = Events(self.runner, clock, settings)
        self._lambda = LambdaApi(self.runner, self._events, settings, clock)
        self._topics = Topics(functions, self._events, settings)
        self._schedules = Schedules(functions, self._events, settings, clock)

    def service(self) -> Service:
        """Lambda's API, for a gateway."""
        return self._lambda.service()

    def state(self) -> dict[str, Any]:
        """What there is to know just now."""
        functions = self.runner.functions.values()
        return {
            "functions": {function.name: self.runner.state(function) for function in functions},
            "routes": self.http.keys(),
            "events_waiting": self._events.waiting,
        }

    async def start(self) -> None:
        """Subscribe to topics, and begin to keep time."""
        self.runner.start()
        await self._topics.start()
        self._schedules.start()

    async def close(self) -> None:
        """Take nothing more, and kill what runs."""
        await self._schedules.close()
        await self._topics.close()
        await self._events.close()
        await self.runner.close()
