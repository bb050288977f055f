"""The process that owns the backend: `python -m meshtwin.runtime.jobs.worker <socket fd> <backend> <nice>`.

It does one job at a time and says so on its socket (`meshtwin.runtime.jobs.messages`). It never outlives the
process that started it: the system kills it (Linux), and a thread of its own ends it when the socket closes.
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
    from meshtwin.runtime.jobs.messages import Began, Job, Written

_PR_SET_PDEATHSIG = 1
"""https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html"""


class _CancelledError(Exception):
    """The job is to be left at this step."""


class Line:
    """The socket to the HTTP process. Incoming messages are taken by a thread, in the order sent."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        threading.Thread(target=self._listen, name="line", daemon=True).start()

    def send(self, message: messages.News) -> None:
        """Say something, or end where nobody listens any more."""
        try:
            self._connection.sendall(message.line())
        except OSError:
            os._exit(1)

    def next_job(self) -> Job | None:
        """Wait for a job; None: the worker is to stop."""
        return self._jobs.get()

    def leave_if_cancelled(self) -> None:
        """Raise if the job at hand is no longer wanted."""
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
        # The other end is gone, with or without a word. Whatever the main thread is in, it is of no use now.
        os._exit(1)


def main(arguments: list[str]) -> int:
    """Load the backend and do jobs until told to stop; the exit status is 0 then."""
    descriptor, choice, nice = int(arguments[0]), arguments[1], int(arguments[2])
    _die_with_parent()
    line = Line(socket.socket(fileno=descriptor))
    try:
        backend = registry.load(choice)
    except (registry.BackendUnavailableError, SettingsError) as error:
        line.send(messages.Unusable(message=str(error)))
        return 2
    # From here on: while it loads, there is no job for /ping to be quick beside.
    with contextlib.suppress(OSError):
        os.nice(nice)
    line.send(messages.Ready(backend=backend.name, device=backend.device))
    while (job := line.next_job()) is not None:
        answer = _attempt(backend, job, line)
        line.send(answer)
        if isinstance(answer, messages.Failed) and answer.traceback is not None:
            # What nobody foresaw may have left the backend in a state that nobody knows (a CUDA error does).
            return 1
    return 0


def _die_with_parent() -> None:
    """Be killed when the parent is, even inside native code that lets no other thread run."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _attempt(backend: Backend, job: Job, line: Line) -> messages.Done | messages.Failed | messages.Cancelled:
    def tell(message: Began | Written) -> None:
        line.leave_if_cancelled()
        line.send(message)

    try:
        return device.attempt(backend.device, lambda: pipeline.do(backend, job, tell))
    except _CancelledError:
        return messages.Cancelled()
    except JobError as error:
        return messages.Failed(code=error.code, message=error.message)
    except Exception as error:  # noqa: BLE001  # the process's edge: told in full, and the worker ends
        reason = f"{type(error).__name__}: {error}"
        code = ErrorCode.OUT_OF_MEMORY if isinstance(error, MemoryError) else ErrorCode.INTERNAL
        return messages.Failed(code=code, message=reason, traceback=traceback.format_exc())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
