"""The requests that changed last, in memory: a page that polls does not read them from the store."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtwin.emulator.sagemaker.queue.request import State
from meshtwin.emulator.sagemaker.queue.rows import Listed

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest


class Recent:
    """The newest state of the last `kept` requests that this emulator has written. Used from any thread."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._requests: OrderedDict[str, tuple[Listed, str | None]] = OrderedDict()
        self._writes: Counter[tuple[str, State]] = Counter()

    def accepted(self, request: AsyncRequest, position: int, state: State, fence: int) -> None:
        """A request was written, for the first time or again."""
        listed = Listed(
            request_id=request.request_id,
            endpoint_name=request.endpoint_name,
            inference_id=request.inference_id,
            state=state,
            accepted_at=position / 1e6,
            expires_at=request.expires_at,
            deliveries=fence,
            ended_at=None,
            reason=None,
        )
        with self._lock:
            self._writes[request.endpoint_name, state] += 1
            self._requests[request.request_id] = listed, request.call_id
            self._requests.move_to_end(request.request_id)
            while len(self._requests) > self._kept:
                self._requests.popitem(last=False)

    def ended(self, request: AsyncRequest, state: State, at: float, reason: str | None) -> None:
        """Its end was written."""
        with self._lock:
            self._writes[request.endpoint_name, state] += 1
            found = self._requests.get(request.request_id)
            if found is not None:
                ended = replace(found[0], state=state, ended_at=at, reason=reason)
                self._requests[request.request_id] = ended, found[1]

    def returned(self, endpoint_name: str) -> None:
        """A request of another emulator is queued again."""
        with self._lock:
            self._writes[endpoint_name, State.QUEUED] += 1

    def writes(self, endpoint_name: str, state: State) -> int:
        """How often a request came to this state from here."""
        with self._lock:
            return self._writes[endpoint_name, state]

    def drop(self, endpoint_name: str) -> None:
        """Count no longer for an endpoint that is gone; its requests stay as long as others do."""
        with self._lock:
            for key in [key for key in self._writes if key[0] == endpoint_name]:
                del self._writes[key]

    def list(self, limit: int, endpoint_name: str | None = None, state: State | None = None) -> list[Listed]:
        """Those of one endpoint, or all; in one state, or any; the last accepted first."""
        with self._lock:
            found = [listed for listed, _ in self._requests.values()]
        chosen = [
            one for one in found if endpoint_name in {None, one.endpoint_name} and state in {None, one.state}
        ]
        return sorted(chosen, key=lambda one: one.accepted_at, reverse=True)[:limit]

    def find(self, name: str) -> str | None:
        """The id of the last request with this inference id, or of the call with this x-amzn-RequestId."""
        with self._lock:
            named = [
                listed
                for listed, call_id in self._requests.values()
                if name in {listed.inference_id, call_id}
            ]
        return max(named, key=lambda one: one.accepted_at).request_id if named else None

    def remove(self, request_id: str) -> None:
        """It was never promised to anybody, or the store has lost it."""
        with self._lock:
            self._requests.pop(request_id, None)
