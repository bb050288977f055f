"""`python -m meshtwin.emulator`: SageMaker Asynchronous Inference on a port of this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from meshtwin.emulator.core.clock import AdjustableClock
from meshtwin.emulator.core.leaving import leave
from meshtwin.emulator.core.logs import configure_logging
from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.core.server import listen, serve
from meshtwin.emulator.sagemaker.app import create_app
from meshtwin.emulator.sagemaker.emulator import Emulator
from meshtwin.emulator.sagemaker.options import parse
from meshtwin.emulator.sagemaker.recovery.ownership import TablesOwnedError

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.app import Application


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; the process's exit status."""
    settings, arguments = parse(argv)
    configure_logging()

    def make(_: str) -> tuple[Emulator, Application]:
        emulator = Emulator(settings, AdjustableClock(arguments.speed))
        return emulator, create_app(emulator)

    try:
        listening = listen(settings)
    except OSError as error:
        sys.stderr.write(f"The emulator cannot listen on {settings.host}:{settings.port}: {error}\n")
        return 1
    with listening:
        try:
            serve(make, listening, exit_with_stdin=arguments.exit_with_stdin)
        except TablesOwnedError as error:
            sys.stderr.write(f"The emulator cannot run: {error}\n")
            return 1
        except UnavailableError as error:
            sys.stderr.write(f"The emulator cannot start without its store: {error}\n")
            sys.stderr.write("Is AWS_ENDPOINT_URL right?\n")
            return 1
    return 0


if __name__ == "__main__":
    leave(main())
