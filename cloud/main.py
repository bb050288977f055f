"""The `meshtwin` command, and what an error looks like from outside."""

from __future__ import annotations

import os
import signal
import sys

from cloud.errors import CloudError

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
"""As shells have them."""


def main() -> None:
    """Run the command line; exit codes are those of `cloud.errors`."""
    signal.signal(signal.SIGTERM, _leave_in_order)
    try:
        # Half a second of imports, in which Ctrl-C is to end as quietly as later.
        from cloud.commands.app import app  # noqa: PLC0415

        app(prog_name="meshtwin")
    except CloudError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output went away: leave quietly, as `head` expects.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _leave_in_order(_signal: int, _frame: object) -> None:
    """On SIGTERM, unwind: what was started is stopped on the way."""
    sys.exit(TERMINATED)


def _say(message: str) -> None:
    from cloud.commands.console import err  # noqa: PLC0415  # see above

    err.print("[red]meshtwin:[/red] ", end="")
    err.print(message, markup=False, soft_wrap=True)
