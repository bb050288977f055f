"""How long each step of a job takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Stopwatch:
    """Wall time of consecutive steps; `on_end` is called with each step and its seconds as it ends."""

    def __init__(
        self, on_end: Callable[[str, float], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds: dict[str, float] = {}
        self._on_end = on_end
        self._now = now
        self._start = now()
        self._step: str | None = None
        self._since = self._start

    def begin(self, step: str) -> None:
        """End the previous step and begin `step`; the current step again is ignored."""
        if step == self._step:
            return
        self.end()
        self._step, self._since = step, self._now()
        self.seconds.setdefault(step, 0.0)

    def end(self) -> None:
        """End the current step."""
        if self._step is not None:
            seconds = self._now() - self._since
            self.seconds[self._step] = round(self.seconds[self._step] + seconds, 4)
            step, self._step = self._step, None
            self._on_end(step, round(seconds, 4))

    def total(self) -> float:
        """Seconds since the stopwatch was created."""
        return round(self._now() - self._start, 4)
