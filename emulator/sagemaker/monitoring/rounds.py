"""The clock's minute: metrics are published, alarms evaluated, and scaling policies triggered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.monitoring.monitoring import AlarmAction
from meshtwin.emulator.sagemaker.monitoring.series import MINUTE, minute_of

if TYPE_CHECKING:
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.monitoring.monitoring import Monitoring

log = structlog.get_logger(__name__)

Act = Callable[[AlarmAction], Awaitable[None]]


class Rounds:
    """One task, which calls `act` with each action of an alarm. Lives on one event loop."""

    def __init__(self, monitoring: Monitoring, act: Act, clock: Clock) -> None:
        self._monitoring = monitoring
        self._act = act
        self._clock = clock
        self._tasks = Supervised()

    async def start(self) -> None:
        """Evaluate once a minute from now on, on the emulator's clock, at its whole minutes."""
        self._tasks.run("monitoring", self._run)

    async def close(self) -> None:
        """Stop."""
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            now = self._clock.now()
            await self._clock.sleep(minute_of(now) + MINUTE - now)
            with self._clock.held():
                try:
                    actions = await self._monitoring.evaluate_minute()
                except Exception:  # the edge of a task: the next minute is evaluated all the same
                    log.exception("monitoring_failed")
                    continue
                for action in actions:
                    await self._act_on(action)

    async def _act_on(self, action: AlarmAction) -> None:
        try:
            await self._act(action)
        except Exception:  # the other alarms' actions are done all the same
            log.exception("alarm_action_failed", alarm=action.alarm_name, policy=action.policy_arn)
