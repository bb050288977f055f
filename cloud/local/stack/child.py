"""A child process of a stack: it prints its URL as its first line, and ends with its parent."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from meshtwin.cloud.errors import UnavailableError
from meshtwin.emulator.core.private import touch_private

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

LOG_TAIL_LINES = 15


class Child:
    """`python -m MODULE` with its output in a log file; stopped by leaving the `with` block.

    Its standard input is a pipe from here: if this process is killed, the pipe closes, and the child,
    started with `--exit-with-stdin`, ends too. It has a session of its own, so that Ctrl-C reaches only this
    process, which stops its children in order.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = log.stem
        self.log = log
        with touch_private(log).open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603  # our own modules, our own interpreter
                [sys.executable, "-m", module, *arguments, "--exit-with-stdin"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(environment),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def location(self) -> str:
        """The child's process."""
        return f"process {self.pid}"

    @property
    def log_name(self) -> str:
        """The child's log file."""
        return str(self.log)

    def ready(self, timeout: float = 60.0) -> str:
        """Wait for the child's URL.

        Raises:
            UnavailableError: it ended, or printed no URL within `timeout` seconds; with its last log lines.
        """
        line, waiting = self._first_line(timeout)
        if not line.strip():
            code = self._exit_code(0.0 if waiting else 2.0)
            how = (
                f"did not get ready within {timeout:g} s" if code is None else f"ended with exit code {code}"
            )
            raise UnavailableError(f"{self.name} {how}; the end of {self.log}:\n{self.log_tail()}")
        return str(json.loads(line)["url"])

    def _first_line(self, timeout: float) -> tuple[bytes, bool]:
        """The first line of its output, empty where there is none, and whether one may still come.

        Not read in a thread: after an interrupt, the pipe is closed, and no reader may be left on it.
        """
        assert self._process.stdout is not None
        output, line = self._process.stdout.fileno(), b""
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                more = os.read(output, 4096)
                line += more
                if not more or b"\n" in line:
                    return line.partition(b"\n")[0], False
        return b"", True

    def _exit_code(self, seconds: float) -> int | None:
        """Its exit code, None where it still runs; its output closes a moment before the code is known."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def running(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    def log_tail(self) -> str:
        """The last lines of the child's log, indented."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LOG_TAIL_LINES:])

    def stop(self, grace: float = 40.0) -> None:
        """SIGTERM, then SIGKILL if it still runs after `grace` seconds."""
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
