"""What the emulator and containers have sent each other, word for word, for the latest requests."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.sagemaker.delivery.delivery import Delivery
    from meshtwin.emulator.sagemaker.delivery.objects import Input
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A body: its length and SHA-256, and how it begins. Streams are not kept: only their length is known."""

    length: int
    text: str | None = None
    sha256: str | None = None


@dataclass(slots=True)
class Exchange:
    """One request to a container. Times are seconds since the epoch on the emulator's clock."""

    delivery: int
    instance_id: str
    address: str
    sent_at: float
    request_headers: Mapping[str, str]
    request_body: Excerpt
    answered_at: float | None = None
    status: int | None = None
    response_headers: tuple[tuple[str, str], ...] = ()
    response_body: Excerpt | None = None
    error: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    """When the request came to each stage of this delivery."""
    method: str = field(default="POST")
    path: str = field(default="/invocations")


class Exchanges:
    """A ring of the last requests' deliveries, from any thread."""

    def __init__(self, requests: int, body_bytes: int) -> None:
        self._requests = requests
        self._body_bytes = body_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, list[Exchange]] = OrderedDict()

    def begin(
        self,
        delivery: Delivery,
        number: int,
        instance: Instance,
        headers: Mapping[str, str],
        body: Input,
        now: float,
    ) -> Exchange | None:
        """Keep the `number`th delivery of a request, which begins now; the oldest request is dropped.

        None where nothing is kept at all.
        """
        if not self._requests:
            return None
        address = str(instance.address)
        exchange = Exchange(
            delivery=number,
            instance_id=instance.instance_id,
            address=address,
            sent_at=now,
            request_headers={"Host": address, **headers},
            request_body=self.excerpt(body.content, body.length),
            stages=delivery.stages,
        )
        self.add(delivery.entry.request_id, exchange)
        return exchange

    def add(self, request_id: str, exchange: Exchange) -> None:
        """Keep an exchange; the oldest request is dropped."""
        with self._lock:
            self._kept.setdefault(request_id, []).append(exchange)
            while len(self._kept) > self._requests:
                self._kept.popitem(last=False)

    def of(self, request_id: str) -> list[Exchange]:
        """The request's deliveries, in their order."""
        with self._lock:
            return list(self._kept.get(request_id, ()))

    def excerpt(self, content: Any, length: int) -> Excerpt:  # noqa: ANN401  # bytes, or a stream of them
        """What is kept of a body."""
        if not isinstance(content, bytes):
            return Excerpt(length)
        start = content[: self._body_bytes].decode("utf-8", "backslashreplace")
        return Excerpt(length, start, hashlib.sha256(content).hexdigest())
