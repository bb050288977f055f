"""The image's program: `docker run IMAGE serve` runs the container that the variable CONTAINER names."""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    if sys.argv[1:] != ["serve"]:
        raise SystemExit(f"arguments {sys.argv[1:]}: expected serve, as SageMaker says")
    # The first process of a container has no default for SIGTERM: without this it would wait for SIGKILL.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    runpy.run_path(str(Path(__file__).with_name(f"{os.environ['CONTAINER']}.py")), run_name="__main__")
