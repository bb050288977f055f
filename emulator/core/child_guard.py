"""Keeps a container process from outliving the emulator: a small program between the two.

    python -I -S child_guard.py PROGRAM [ARGUMENT...]

Standard input is a pipe that the emulator holds open and never writes to: its end means that the emulator is
gone, however it ended, and then the container is stopped too. Unlike PR_SET_PDEATHSIG this works beyond
Linux, and does not depend on the thread that forked. The container's process id, also its process group's, is
written to standard output; standard error is the container's log. Ends as the container ends.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL once the emulator is gone: no request is waiting any more."""

_NOT_STARTED = 127


def main(argv: list[str]) -> int:
    """Run `argv` until it ends or the emulator does; the exit status, 128 + n for signal n."""
    # Python's wakeup descriptor turns the child's end into something that select sees.
    wakeup, signalled = os.pipe()
    os.set_blocking(signalled, False)
    signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = os.fork()
    if child == 0:
        _become(argv)
    _make_group(child)
    os.write(1, f"{child}\n".encode())
    os.close(1)
    while (status := _reaped(child)) is None:
        readable, _, _ = select.select([0, wakeup], [], [])
        if wakeup in readable:
            os.read(wakeup, 512)
        elif not os.read(0, 512):
            status = _end(child)
            break
    # What the container started, such as a model's worker process, ends with it.
    _signal(child, signal.SIGKILL)
    return status


def _become(argv: list[str]) -> None:
    _make_group(0)
    for number in (signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606  # the container's own command, no shell wanted
    except OSError as error:
        os.write(2, f"cannot start {argv[0]!r}: {error.strerror}\n".encode())
        os._exit(_NOT_STARTED)


def _make_group(child: int) -> None:
    # Done on both sides of the fork, so that the group is there whichever comes first.
    try:
        os.setpgid(child, child)
    except (PermissionError, ProcessLookupError):
        return


def _reaped(child: int) -> int | None:
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _end(child: int) -> int:
    _signal(child, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    while time.monotonic() < deadline:
        if (status := _reaped(child)) is not None:
            return status
        time.sleep(0.02)
    _signal(child, signal.SIGKILL)
    return 128 + signal.SIGKILL


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (PermissionError, ProcessLookupError):
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
