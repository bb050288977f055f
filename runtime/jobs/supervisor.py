"""Keeps one worker process running, and sends it one job at a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.jobs import memory, messages
from meshtwin.runtime.jobs.cancellation import JobCancelledError
from meshtwin.runtime.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.runtime.jobs.cancellation import CancellationToken
    from meshtwin.runtime.settings import Settings

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 30.0
_LINGER_SECONDS = 2.0

_HEALTHY_SECONDS = 60.0
"""A worker that runs so long, or finishes a job, is healthy: after one that dies sooner comes a pause."""


class UnusableBackendError(Exception):
    """The backend cannot be loaded on this machine; the message says why."""


class Worker:
    """One worker process and the socket to it."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.process = process
        self._reader = reader
        self._writer = writer
        self._exit = asyncio.create_task(self._wait())

    @classmethod
    async def start(cls, settings: Settings) -> Worker:
        """Start a worker; its first message is still to come.

        Called from the main thread: Linux ends a worker when the thread that started it ends.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220, S603  # a fork takes milliseconds; nothing of it is foreign
                [
                    *(sys.executable, "-m", "meshtwin.runtime.jobs.worker"),
                    *(str(theirs.fileno()), settings.backend, str(settings.worker_nice)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # What libraries print must not mix with the lines of the log.
                stdout=sys.stderr.fileno(),
                # Ctrl-C in a terminal goes to the HTTP process alone, and it decides.
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=messages.MAX_LINE_BYTES)
        return cls(process, reader, writer)

    def send(self, message: messages.WorkerCommand) -> None:
        """Send a command; where the worker is gone, the next `receive` returns None."""
        self._writer.write(message.line())

    async def receive(self) -> messages.WorkerEvent | None:
        """The worker's next event; None where it has exited, or sent something else."""
        try:
            line = await self._reader.readline()
            return messages.from_worker.validate_json(line) if line.endswith(b"\n") else None
        except (OSError, ValueError) as error:
            log.warning("worker_output_invalid", pid=self.process.pid, reason=str(error))
            return None

    async def wait_ended(self) -> str:
        """Wait until the process has exited, killing it if it lingers; how it ended, in words."""
        await asyncio.wait({self._exit}, timeout=_LINGER_SECONDS)
        self.kill()
        status = await self._exit
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    async def _wait(self) -> int:
        status = await asyncio.to_thread(self.process.wait)
        # Processes that the worker started may hold its end of the socket open.
        self.kill()
        return status

    def kill(self) -> None:
        """Kill the worker and the processes that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class _Died:
    """The inbox's last entry of a worker: how it ended."""

    how: str
    out_of_memory: bool


class Supervisor:
    """The one worker, restarted whenever it ends, with a back-off while none is healthy."""

    def __init__(self, settings: Settings) -> None:
        self.backend: str | None = None
        self.device: str | None = None
        self._settings = settings
        self._worker: Worker | None = None
        self._stopping = False
        self._healthy = False
        self._lost_at = time.monotonic()
        self._ready = asyncio.Event()
        self._inbox: asyncio.Queue[messages.WorkerEvent | _Died] = asyncio.Queue()

    @property
    def ready(self) -> bool:
        """Whether a worker is idle or runs a job."""
        return self._ready.is_set()

    @property
    def reloading(self) -> bool:
        """Whether a healthy worker was lost, and there is still time for another to replace it.

        A backend that crashes repeatedly without finishing a job does not get more time that way.
        """
        return self.backend is not None and not self.ready and self._seconds_left() > 0

    def _seconds_left(self) -> float:
        """Seconds until a missing worker counts as one that does not start."""
        return self._lost_at + self._settings.startup_seconds - time.monotonic()

    async def wait_ready(self, token: CancellationToken) -> None:
        """Wait for a worker that is ready.

        Raises:
            JobError: NOT_READY, when there has been none for as long as a worker may take to start.
            Exception: the token's reason.
        """
        token.check()
        # A worker that was ready may be gone again before this task runs.
        while not self.ready and (seconds := self._seconds_left()) > 0:
            waits = [asyncio.create_task(self._ready.wait()), asyncio.create_task(token.wait())]
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            token.check()
        if not self.ready:
            limit = f"RUNTIME_STARTUP_SECONDS={self._settings.startup_seconds:g}"
            raise JobError(
                ErrorCode.NOT_READY,
                f"no worker has been ready for longer than {limit}; the container's log says why",
            )

    async def run(
        self, job: messages.Job, handle: Callable[[messages.JobEvent], None], token: CancellationToken
    ) -> messages.Done:
        """Run the job in the worker, which must be ready; `handle` is called with its events.

        Raises:
            JobError: the worker's; WORKER_CRASHED if it dies, OUT_OF_MEMORY if the kernel kills it for that.
            Exception: the token's reason, once the worker has cancelled the job, or was killed because it
                did not within the token's grace.
        """
        worker = self._worker
        assert worker is not None
        worker.send(job)
        work = asyncio.create_task(self._follow(handle))
        cancelled = asyncio.create_task(token.wait())
        await asyncio.wait({work, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        cancelled.cancel()
        if not work.done():
            worker.send(messages.Cancel())
            await asyncio.wait({work}, timeout=token.grace)
            if not work.done():
                worker.kill()
            await asyncio.wait({work})
        error = work.exception()
        token.check()
        if error is not None:
            raise error
        return work.result()

    async def _follow(self, handle: Callable[[messages.JobEvent], None]) -> messages.Done:
        step = "the start"
        while True:
            match await self._inbox.get():
                case messages.StepStarted() as started:
                    step = started.step
                    handle(started)
                case messages.OutputWritten() as written:
                    handle(written)
                case messages.Done() as done:
                    self._healthy = True
                    return done
                case messages.Cancelled():
                    self._healthy = True
                    raise JobCancelledError
                case messages.Failed() as failed:
                    if failed.traceback is not None:
                        self._ready.clear()
                        log.error("worker_raised", step=step, exception=failed.traceback)
                    else:
                        self._healthy = True
                    raise JobError(failed.code, failed.message)
                case _Died(out_of_memory=True):
                    raise JobError(
                        ErrorCode.OUT_OF_MEMORY,
                        f"the worker was killed at {step}: the container has too little memory for this job; "
                        "lower octree_resolution, target_faces or texture_size, send a smaller image, "
                        "or give the container more",
                    )
                case _Died(how):
                    raise JobError(ErrorCode.WORKER_CRASHED, f"the worker died at {step}: {how}")

    async def supervise(self) -> None:
        """Keep a worker running, until cancelled.

        Raises:
            UnusableBackendError: a restart would not help.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            if await self._run_worker():
                pause = _FIRST_PAUSE_SECONDS
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _run_worker(self) -> bool:
        """Run a worker and receive its events until it ends; True if it was healthy (`_HEALTHY_SECONDS`)."""
        began = time.monotonic()
        oom_kills = memory.oom_kills()
        self._healthy = False
        worker = self._worker = await Worker.start(self._settings)
        self._inbox = asyncio.Queue()
        was_ready = False
        try:
            was_ready = await self._receive_ready(worker, began)
            ready_at = time.monotonic()
            while was_ready and (message := await worker.receive()) is not None:
                self._inbox.put_nowait(message)
        finally:
            self._ready.clear()
            if not was_ready:
                worker.kill()
            how = await asyncio.shield(worker.wait_ended())
            if was_ready and time.monotonic() - ready_at >= _HEALTHY_SECONDS:
                self._healthy = True
            if self._healthy:
                self._lost_at = time.monotonic()
            out_of_memory = how == signal.SIGKILL.name and memory.oom_kills() > oom_kills
            if self._stopping:
                log.info("worker_stopped", pid=worker.process.pid, reason=how)
            else:
                log.warning(
                    "worker_died",
                    pid=worker.process.pid,
                    reason=how,
                    was_ready=was_ready,
                    out_of_memory=out_of_memory,
                )
            self._inbox.put_nowait(_Died(how, out_of_memory))
        return self._healthy

    async def _receive_ready(self, worker: Worker, began: float) -> bool:
        message = None
        # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the message.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.startup_seconds):
                message = await worker.receive()
        if isinstance(message, messages.Unusable):
            raise UnusableBackendError(message.message)
        if not isinstance(message, messages.Ready):
            return False
        self.backend, self.device = message.backend, message.device
        seconds = round(time.monotonic() - began, 3)
        log.info(
            "worker_started",
            pid=worker.process.pid,
            backend=self.backend,
            device=self.device,
            seconds=seconds,
        )
        self._ready.set()
        return True

    def stop(self) -> None:
        """Tell the worker to exit; whoever cancels `supervise` then waits for that."""
        self._stopping = True
        if self._worker is not None and self.ready:
            self._worker.send(messages.Stop())
        else:
            self.kill()

    def kill(self) -> None:
        """Kill the worker."""
        if self._worker is not None:
            self._worker.kill()
