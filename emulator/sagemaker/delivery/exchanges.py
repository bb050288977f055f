"""What was said between the emulator and containers, word for word, for the requests of late."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.sagemaker.delivery.payload import Payload


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A body: its length and SHA-256, and how it begins. Streams are not kept: only their length is known."""

    length: int
    text: str | None = None
    sha256: str | None = None


@dataclass(slots=True)
class Exchange:
    """One delivery. Times are seconds since the epoch on the emulator's clock."""

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
    method: str = field(default="POST")
    path: str = field(default="/invocations")


class Exchanges:
    """A ring of the last requests' deliveries, from any thread."""

    def __init__(self, requests: int, body_bytes: int) -> None:
        self._requests = requests
        self._body_bytes = body_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, list[Exchange]] = OrderedDict()

    @property
    def is_kept(self) -> bool:
        """Whether anything is kept at all."""
        return self._requests > 0

    def add(self, request_id: str, exchange: Exchange) -> None:
        """Keep a delivery; the oldest request is forgotten."""
        if not self._requests:
            return
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

    def excerpt_of(self, payload: Payload) -> Excerpt:
        """What is kept of an answer's body."""
        return self.excerpt(payload.content, payload.length)
