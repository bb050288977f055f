"""`python -m emulator`: SageMaker Asynchronous Inference on a port of this machine."""

from __future__ import annotations

import sys

from emulator.clock import AdjustableClock
from emulator.leaving import leave
from emulator.logs import configure_logging
from emulator.options import parse
from emulator.protocol.errors import UnavailableError
from emulator.queue.table import StoreUnavailableError
from emulator.server import listen, serve


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; the process's exit status."""
    settings, arguments = parse(argv)
    configure_logging()
    try:
        listening = listen(settings)
    except OSError as error:
        sys.stderr.write(f"The emulator can not listen on {settings.host}:{settings.port}: {error}\n")
        return 1
    with listening:
        try:
            clock = AdjustableClock(arguments.speed)
            serve(settings, clock, listening, exit_with_stdin=arguments.exit_with_stdin)
        except (UnavailableError, StoreUnavailableError) as error:
            sys.stderr.write(f"The emulator can not start without its store: {error}\n")
            sys.stderr.write("Is AWS_ENDPOINT_URL right?\n")
            return 1
    return 0


if __name__ == "__main__":
    leave(main())
