"""The process that owns the backend: `python -m meshtwin.runtime.jobs.worker <socket fd> <backend> <nice>`.

It runs one job at a time, and reports events on its socket (`meshtwin.runtime.jobs.messages`). It never
outlives the process that started it: the system kills it (Linux), and a thread of its own ends it when the
socket closes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from meshtwin.runtime import device
from meshtwin.runtime.backends import registry
from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.jobs import messages, pipeline
from meshtwin.runtime.settings import SettingsError

if TYPE_CHECKING:
    from meshtwin.runtime.backends.base import Backend
    from meshtwin.runtime.jobs.messages import Job, JobEvent

_PR_SET_PDEATHSIG = 1
"""https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html"""


class _CancelledError(Exception):
    """The job is cancelled at this step."""


class Channel:
    """The socket to the HTTP process. A thread reads its commands, in the order sent."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    def send(self, message: messages.WorkerEvent) -> None:
        """Send an event; exit where the HTTP process is gone."""
        try:
            self._connection.sendall(message.line())
        except OSError:
            os._exit(1)

    def next_job(self) -> Job | None:
        """Wait for a job; None: exit."""
        return self._jobs.get()

    def raise_if_cancelled(self) -> None:
        """Raise if the current job is cancelled."""
        if self._cancelled.is_set():
            raise _CancelledError

    def _listen(self) -> None:
        with contextlib.suppress(OSError), self._connection.makefile("rb") as lines:
            for line in lines:
                match messages.to_worker.validate_json(line):
                    case messages.Job() as job:
                        self._cancelled.clear()
                        self._jobs.put(job)
                    case messages.Cancel():
                        self._cancelled.set()
                    case messages.Stop():
                        self._jobs.put(None)
        # The HTTP process is gone. Whatever the main thread is in, nobody would receive its result.
        os._exit(1)


def main(arguments: list[str]) -> int:
    """Load the backend and run jobs until Stop; the exit status is 0 then."""
    descriptor, choice, nice = int(arguments[0]), arguments[1], int(arguments[2])
    _die_with_parent()
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        backend = registry.load(choice)
    except (registry.BackendUnavailableError, SettingsError) as error:
        channel.send(messages.Unusable(message=str(error)))
        return 2
    # Only now: while the backend loads, no job can slow /ping down.
    with contextlib.suppress(OSError):
        os.nice(nice)
    channel.send(messages.Ready(backend=backend.name, device=backend.device))
    while (job := channel.next_job()) is not None:
        outcome = _run(backend, job, channel)
        channel.send(outcome)
        if isinstance(outcome, messages.Failed) and outcome.traceback is not None:
            # An unexpected error may have left the backend in an undefined state (a CUDA error does).
            return 1
    return 0


def _die_with_parent() -> None:
    """Ask to be killed when the parent is, even inside native code that lets no other thread run."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _run(
    backend: Backend, job: Job, channel: Channel
) -> messages.Done | messages.Failed | messages.Cancelled:
    def emit(event: JobEvent) -> None:
        channel.raise_if_cancelled()
        channel.send(event)

    try:
        return device.run_on(backend.device, lambda: pipeline.run_job(backend, job, emit))
    except _CancelledError:
        return messages.Cancelled()
    except JobError as error:
        return messages.Failed(code=error.code, message=error.message)
    except Exception as error:  # noqa: BLE001  # the process's edge: reported in full, and the worker exits
        reason = f"{type(error).__name__}: {error}"
        code = ErrorCode.OUT_OF_MEMORY if isinstance(error, MemoryError) else ErrorCode.INTERNAL
        return messages.Failed(code=code, message=reason, traceback=traceback.format_exc())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
