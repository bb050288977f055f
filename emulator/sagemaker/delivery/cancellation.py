"""Whether one delivery is to stop, and why. Set on the event loop, read in the delivery's thread."""

from __future__ import annotations

import threading

from meshtwin.emulator.sagemaker.delivery.container import Cut, Invocation


class Cancellation:
    """Reasons that last (cancelled, shutdown), and the invocation that they and others end."""

    def __init__(self) -> None:
        self.shutdown = threading.Event()
        """Set when the delivery is to stop as soon as possible; an answer may still be brought to its end."""
        self.stop_input = threading.Event()
        """Set when the input is not needed any more."""
        self._lock = threading.Lock()
        self._reason: Cut | None = None
        self._invocation: Invocation | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether the request is to end as cancelled, unless its answer is there already."""
        return self._reason is Cut.CANCELLED

    def cancel(self) -> None:
        """End the request as cancelled."""
        self._stop(Cut.CANCELLED)

    def shut_down(self) -> None:
        """Stop as soon as possible."""
        self.shutdown.set()
        self._stop(Cut.SHUTDOWN)

    def abort_invocation(self, cut: Cut) -> None:
        """End the invocation that runs, if any; the next one is not concerned."""
        with self._lock:
            if self._invocation is not None:
                self._invocation.abort(cut)

    def invocation(self) -> Invocation:
        """The next invocation, which whoever cancels from now on aborts; aborted where somebody has."""
        with self._lock:
            self._invocation = made = Invocation()
            if self._reason is not None:
                made.abort(self._reason)
            return made

    def _stop(self, reason: Cut) -> None:
        self.stop_input.set()
        with self._lock:
            self._reason = self._reason or reason
            if self._invocation is not None:
                self._invocation.abort(reason)
