"""`python -m runtime [serve | weights]`: the container's program."""

from __future__ import annotations

import signal
import sys


def _leave(_signal: int, _frame: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    # The first process of a container is not ended by a signal that it has no handler for, and until the
    # server has its own there is a second of imports: whoever stops it then would wait for SIGKILL.
    signal.signal(signal.SIGTERM, _leave)
    from runtime.program import main

    sys.exit(main())
