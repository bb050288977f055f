"""The end of a process whose work is done."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """End the process at once.

    Python would free all that it has loaded, piece by piece, for up to a third of a second; and it would wait
    for threads whose calls to a store hang. What was registered for the end, as the removal of a folder, is
    done.
    """
    atexit._run_exitfuncs()  # noqa: SLF001  # there is no public way
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):  # the reader is gone
            stream.flush()
    os._exit(status)
