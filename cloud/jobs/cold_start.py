"""What a request waits for at an endpoint without an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from meshtwin.cloud.errors import CloudError
from meshtwin.cloud.scaling import Timing, duration, timing_of
from meshtwin.cloud.spec.endpoint import VARIANT

if TYPE_CHECKING:
    from meshtwin.cloud.client import Client
    from meshtwin.cloud.endpoint import EndpointStatus

_AT_ZERO = "an instance: the endpoint is at zero"


class ColdStart:
    """Describes the wait at one endpoint; its scaling is read once, and only where it is at zero."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._at_zero: str | None = None

    def describe(self, endpoint: EndpointStatus) -> str:
        """What a request waits for at an endpoint without an instance."""
        if endpoint.desired:
            return "an instance to start (cold start)"
        if self._at_zero is None:
            self._at_zero = _at_zero(self._client, endpoint.name)
        return self._at_zero


def _at_zero(client: Client, endpoint: str) -> str:
    try:
        timing = timing_of(client.aws, endpoint, VARIANT)
    except ClientError:
        # An identity that may invoke the endpoint need not have access to its scaling.
        return _AT_ZERO
    if timing is None or not timing.wake:
        return f"{_AT_ZERO}, and nothing wakes it"
    return f"{_AT_ZERO}, and is woken {_after(timing, clock_speed(client))}"


def _after(timing: Timing, speed: float) -> str:
    if speed == 0:
        return "once the emulator's clock is advanced: it stands still"
    return f"about {duration(timing.wake / speed)} after a request"


def clock_speed(client: Client) -> float:
    """How many times as fast as real time the service's clock goes: the emulator's, else 1."""
    if client.emulator is None:
        return 1.0
    try:
        return float(client.emulator.request("/clock")["speed"])
    except CloudError:
        return 1.0
