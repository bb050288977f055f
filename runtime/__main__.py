"""`python -m meshtwin.runtime [serve | weights]`: the container's program."""

from __future__ import annotations

import signal
import sys


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    # The first process of a container is not ended by a signal that it has no handler for. The server has its
    # own once it is loaded; until then, and for `weights`, to be told to stop is no success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    from meshtwin.runtime.program import main

    sys.exit(main())
