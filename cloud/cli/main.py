"""The `meshtwin` command as a process: signals, exit codes, error messages."""

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
"""The exit code that shells use, as for every other signal."""


def main() -> None:
    """Run the command line; signals stop what was started, in order."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # keep what `nohup` ignores
            signal.signal(number, _leave_in_order)
    leave(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code is one of `meshtwin.cloud.errors`."""
    try:
        # Half a second of imports, during which Ctrl-C should end as quietly as later.
        from meshtwin.cloud.cli.app import application  # noqa: PLC0415

        application(arguments)(list(arguments), prog_name="meshtwin")
    except CloudError as error:
        return _print_error(error)
    except SystemExit as end:  # how the command line ends by itself, and by a signal
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has closed the pipe: exit quietly, as `head` expects.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        known = _from_aws(error)
        if known is None:
            raise  # a bug of ours
        return _print_error(known)
    return 0


def _leave_in_order(number: int, _frame: object) -> None:
    """Unwind the stack, which stops what was started."""
    sys.exit(128 + number)


def _from_aws(error: Exception) -> UnavailableError | None:
    """The error of an AWS call that nothing else has handled; None for any other."""
    from meshtwin.cloud.aws_errors import AWS_ERRORS, unavailable  # noqa: PLC0415  # costs as much as the SDK

    return unavailable(error) if isinstance(error, AWS_ERRORS) else None


def _print_error(error: CloudError) -> int:
    from meshtwin.cloud.cli.console import err, note  # noqa: PLC0415  # see above

    err.print("[red]meshtwin:[/red] ", end="")
    note(str(error))
    return error.exit_code
