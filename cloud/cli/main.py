"""The `meshtwin` command, and what an error looks like from outside."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import CloudError, UnavailableError
from meshtwin.emulator.core.leaving import leave

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 128 + signal.SIGINT
"""As shells have it, like the exit code of every other signal."""


def main() -> None:
    """The command line as a process: it ends in order on signals too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` has it ignored, and means it
            signal.signal(number, _leave_in_order)
    leave(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Run one command; its exit code is one of `meshtwin.cloud.errors`."""
    try:
        # Half a second of imports, in which Ctrl-C is to end as quietly as later.
        from meshtwin.cloud.cli.app import application  # noqa: PLC0415

        application(words)(list(words), prog_name="meshtwin")
    except CloudError as error:
        return _told(error)
    except SystemExit as end:  # how the command line ends by itself, and by a signal
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output went away: leave quietly, as `head` expects.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        known = _from_aws(error)
        if known is None:
            raise  # a fault of ours
        return _told(known)
    return 0


def _leave_in_order(number: int, _frame: object) -> None:
    """Unwind: what was started is stopped on the way."""
    sys.exit(128 + number)


def _from_aws(error: Exception) -> UnavailableError | None:
    """The SDK's error in words, where nobody nearer to it knew more; None of any other."""
    from meshtwin.cloud.aws_errors import AWS_ERRORS, unavailable  # noqa: PLC0415  # costs as much as the SDK

    return unavailable(error) if isinstance(error, AWS_ERRORS) else None


def _told(error: CloudError) -> int:
    from meshtwin.cloud.cli.console import err, note  # noqa: PLC0415  # see above

    err.print("[red]meshtwin:[/red] ", end="")
    note(str(error))
    return error.exit_code
