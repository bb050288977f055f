"""The one way in which a test waits for what happens in another process or thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], object], seconds: float = 30.0, pause: float = 0.02) -> Any:
    """The first true value of `condition`, which is looked at every `pause` seconds: a look may be costly."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not true after {seconds:g} s: {condition}"
        time.sleep(pause)
    return found
