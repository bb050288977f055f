"""The host of functions, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from emulator.functions.events import Events
from emulator.functions.http_api import HttpApi
from emulator.functions.lambda_api import LambdaApi
from emulator.functions.runner import Runner
from emulator.functions.schedules import Schedules
from emulator.functions.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.clock import AdjustableClock
    from emulator.functions.manifest import Function
    from emulator.functions.settings import HostSettings
    from emulator.protocol.gateway import Service

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
