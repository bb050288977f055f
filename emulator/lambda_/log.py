"""What functions write, kept in one file for each, with the lines that Lambda adds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from meshtwin.emulator.core.clock import iso_millis
from meshtwin.emulator.core.private import touch_private
from meshtwin.emulator.lambda_.environment import runtime_name

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from meshtwin.emulator.lambda_.manifest import Function

TAIL_BYTES = 4096
"""https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: the last 4 KB of the log."""

_LONGEST_LINE = 1 << 16
_KIB = 1024


class FunctionLog:
    """A function's file; several processes write to it, whole lines each."""

    def __init__(self, path: Path) -> None:
        self.path = touch_private(path)
        self._file: BinaryIO = path.open("ab", buffering=0)

    def write(self, lines: bytes) -> None:
        """Add lines."""
        self._file.write(lines)

    def close(self) -> None:
        """Write no more."""
        self._file.close()


class Stream:
    """The output of one process: lines go to the function's log, and the newest are kept for its caller."""

    def __init__(self, log: FunctionLog) -> None:
        self._log = log
        self._begun = b""
        self._kept = bytearray()

    def feed(self, output: bytes) -> None:
        """Add what the process wrote; a line that is not ended waits for its end."""
        whole, newline, begun = (self._begun + output).rpartition(b"\n")
        ready, self._begun = whole + newline, begun
        if len(begun) > _LONGEST_LINE:
            ready, self._begun = ready + begun, b""
        if ready:
            self._add(ready)

    def add_line(self, line: str) -> None:
        """Add a line of Lambda's own."""
        if self._begun:
            self.feed(b"\n")
        self._add(line.encode() + b"\n")

    def tail(self) -> bytes:
        """The last bytes of what was added since the last call."""
        kept, self._kept = bytes(self._kept[-TAIL_BYTES:]), bytearray()
        return kept

    def _add(self, lines: bytes) -> None:
        self._log.write(lines)
        self._kept += lines
        del self._kept[: -2 * TAIL_BYTES]


def init_start() -> str:
    """The line before a process loads its handler."""
    return f"INIT_START Runtime Version: {runtime_name().replace('python', 'python:')}"


def init_report(seconds: float, status: str) -> str:
    """The line after a process failed to."""
    return f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: init\tStatus: {status}"


def timed_out(now: float, request_id: str, timeout: float) -> str:
    """The line of a function that took too long."""
    return f"{iso_millis(now)} {request_id} Task timed out after {timeout:.2f} seconds"


def report(
    function: Function, request_id: str, duration: float, init: float | None, peak: int, status: str | None
) -> str:
    """The last line of an invocation. Durations in seconds, memory in KiB."""
    billed = math.ceil((duration + (init or 0.0)) * 1000)
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration * 1000:.2f} ms",
        f"Billed Duration: {billed} ms",
        f"Memory Size: {function.memory} MB",
        f"Max Memory Used: {min(math.ceil(peak / _KIB), function.memory)} MB",
    ]
    if init is not None:
        parts.append(f"Init Duration: {init * 1000:.2f} ms")
    if status is not None:
        parts.append(f"Status: {status}")
    return "\t".join(parts)
