"""`python -m meshtwin.runtime [serve | weights]`: the container's program."""

from __future__ import annotations

import signal
import sys


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    # Signals without a handler do not end the first process of a container. The server installs its own once
    # it is loaded; until then, and for `weights`, a signal is not a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    from meshtwin.runtime.program import main

    sys.exit(main())
