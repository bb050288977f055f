"""What a request waits for at an endpoint without an instance, in words."""

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
    """The words for one endpoint; how it scales is asked once, and only where it is at zero."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._at_zero: str | None = None

    def words(self, endpoint: EndpointStatus) -> str:
        """What is waited for, of an endpoint that has no instance now."""
        if endpoint.desired:
            return "an instance to start (cold start)"
        if self._at_zero is None:
            self._at_zero = _at_zero(self._client, endpoint.name)
        return self._at_zero


def _at_zero(client: Client, endpoint: str) -> str:
    try:
        timing = timing_of(client.aws, endpoint, VARIANT)
    except ClientError:
        # Who may invoke an endpoint need not be allowed to look at how it scales.
        return _AT_ZERO
    if timing is None or not timing.wake:
        return f"{_AT_ZERO}, and nothing wakes it"
    return f"{_AT_ZERO}, and is woken {_after(timing, clock_speed(client))}"


def _after(timing: Timing, speed: float) -> str:
    if speed == 0:
        return "once the emulator's clock is moved: it stands still"
    return f"about {duration(timing.wake / speed)} after a request came"


def clock_speed(client: Client) -> float:
    """How many times as fast as real time the service's clock goes: the emulator's, else 1."""
    if client.emulator is None:
        return 1.0
    try:
        return float(client.emulator.ask("/clock")["speed"])
    except CloudError:
        return 1.0
