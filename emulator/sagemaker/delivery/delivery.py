"""One request on its way from the queue to its end: what is known of it, and what may cut it short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.sagemaker.delivery.cancellation import Cancellation
from meshtwin.emulator.sagemaker.delivery.outcome import Cause

if TYPE_CHECKING:
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.faults.faults import Faults
    from meshtwin.emulator.core.faults.rules import FaultPoint, Rule, Stage
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance
    from meshtwin.emulator.sagemaker.queue.backlog import Entry
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest
    from meshtwin.emulator.sagemaker.queue.table import Claim

_log = structlog.get_logger()


class Delivery:
    """A request that has left the queue.

    With an `instance`, one of whose slots it holds, the request is delivered; without, it is ended for
    `cause`.
    """

    def __init__(
        self,
        endpoint_name: str,
        entry: Entry,
        clock: Clock,
        faults: Faults,
        instance: Instance | None = None,
        cause: Cause = Cause.EXPIRED,
    ) -> None:
        self.endpoint_name = endpoint_name
        self.entry = entry
        self.instance = instance
        self.cause = cause
        self.cancellation = Cancellation()
        self.claim: Claim | None = None
        """Set from the claim to the end."""
        self.holds_slot = instance is not None
        """For the dispatcher's use alone."""
        self.deadline: float | None = None
        """When the invocation times out; None while none runs."""
        self.warn_at: float | None = None
        """When most of that time is over; None once that was logged."""
        self.is_lost = False
        """Set where the table had no such request when its turn came."""
        self.stages: dict[str, float] = {}
        """When the request came to each stage last, in seconds since the epoch."""
        self._clock = clock
        self._faults = faults

    @property
    def request(self) -> AsyncRequest:
        """The request, once it is claimed."""
        assert self.claim is not None
        return self.claim.request

    @property
    def instance_id(self) -> str | None:
        """Where the request is delivered; None where nowhere."""
        return self.instance.instance_id if self.instance is not None else None

    def at(self, stage: Stage) -> None:
        """Note that the request has come to this stage, where a fault may kill the emulator."""
        self.stages[stage] = self._clock.now()
        self._faults.reach(stage, self.endpoint_name)

    def fault(self, place: FaultPoint) -> Rule | None:
        """The fault that strikes this delivery at a place, if any."""
        return self._faults.draw(place, endpoint=self.endpoint_name)

    def warn(self) -> None:
        """Log that the invocation may time out: the default of 15 minutes is easily overlooked."""
        self.warn_at = None
        if (claim := self.claim) is not None:
            seconds = claim.request.timeout_seconds
            _log.warning("invocation_near_timeout", **self.names(), timeout_seconds=seconds)

    def names(self) -> dict[str, str]:
        """What tells this delivery from others in the log."""
        claim = self.claim
        return {
            "endpoint": self.endpoint_name,
            "request_id": self.entry.request_id,
            "inference_id": claim.request.inference_id if claim is not None else "-",
            "instance_id": self.instance_id or "-",
        }
