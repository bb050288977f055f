"""Keeps one worker process alive, and hands it one job at a time."""

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
from meshtwin.runtime.jobs.halt import JobHaltedError
from meshtwin.runtime.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.runtime.jobs.halt import Halt
    from meshtwin.runtime.settings import Settings

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 30.0
_LINGER_SECONDS = 2.0

_PROVEN_SECONDS = 60.0
"""A worker that lives so long, or does a job, was well: one that dies sooner is started after a pause."""


class UnusableBackendError(Exception):
    """The backend cannot be had on this machine, however often it is tried; the message says why."""


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
                # What libraries print does not belong between the lines of the log.
                stdout=sys.stderr.fileno(),
                # Ctrl-C in a terminal goes to the HTTP process alone, and it decides.
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=messages.MAX_LINE_BYTES)
        return cls(process, reader, writer)

    def send(self, message: messages.Order) -> None:
        """Say something; where nobody listens any more, the next `receive` tells."""
        self._writer.write(message.line())

    async def receive(self) -> messages.News | None:
        """What the worker says next; None: it has ended, or makes no sense."""
        try:
            line = await self._reader.readline()
            return messages.from_worker.validate_json(line) if line.endswith(b"\n") else None
        except (OSError, ValueError) as error:
            log.warning("worker_not_understood", pid=self.process.pid, reason=str(error))
            return None

    async def ended(self) -> str:
        """Wait until the process is gone, killing it if it lingers, and say how it went."""
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
        """End the worker and whatever it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class _Died:
    """Stands in the inbox after a worker's last message."""

    how: str
    out_of_memory: bool


class Supervisor:
    """The one worker, started anew whenever it ends, after a pause that grows while none does well."""

    def __init__(self, settings: Settings) -> None:
        self.backend: str | None = None
        self.device: str | None = None
        self._settings = settings
        self._worker: Worker | None = None
        self._stopping = False
        self._proven = False
        self._lost_at = time.monotonic()
        self._ready = asyncio.Event()
        self._inbox: asyncio.Queue[messages.News | _Died] = asyncio.Queue()

    @property
    def ready(self) -> bool:
        """Whether a worker waits for a job or works at one."""
        return self._ready.is_set()

    @property
    def reloading(self) -> bool:
        """Whether a worker that was well was lost, and there is still time for another to take its place.

        A backend that dies again and again without doing a job does not get more time that way.
        """
        return self.backend is not None and not self.ready and self._seconds_left() > 0

    def _seconds_left(self) -> float:
        """Until a worker that is missing counts as one that does not start."""
        return self._lost_at + self._settings.startup_seconds - time.monotonic()

    async def wait_ready(self, halt: Halt) -> None:
        """Wait for a worker that is ready.

        Raises:
            JobError: NOT_READY, when there has been none for as long as a worker may take to start.
            Exception: what `halt` says.
        """
        halt.check()
        # One that was ready may be gone again before this task has its turn.
        while not self.ready and (seconds := self._seconds_left()) > 0:
            waits = [asyncio.create_task(self._ready.wait()), asyncio.create_task(halt.wait())]
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            halt.check()
        if not self.ready:
            limit = f"RUNTIME_STARTUP_SECONDS={self._settings.startup_seconds:g}"
            raise JobError(
                ErrorCode.NOT_READY,
                f"no worker has been ready for longer than {limit}; the container's log says why",
            )

    async def run(
        self, job: messages.Job, tell: Callable[[messages.Began | messages.Written], None], halt: Halt
    ) -> messages.Done:
        """Have the job done by the worker, which must be ready.

        Raises:
            JobError: what the worker says; WORKER_CRASHED if it dies, OUT_OF_MEMORY if it is killed for that.
            Exception: what `halt` says, once the worker has left the job, or been killed because it did not
                within the halt's patience.
        """
        worker = self._worker
        assert worker is not None
        worker.send(job)
        work = asyncio.create_task(self._follow(tell))
        asked = asyncio.create_task(halt.wait())
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not work.done():
            worker.send(messages.Cancel())
            await asyncio.wait({work}, timeout=halt.patience)
            if not work.done():
                worker.kill()
            await asyncio.wait({work})
        error = work.exception()
        halt.check()
        if error is not None:
            raise error
        return work.result()

    async def _follow(self, tell: Callable[[messages.Began | messages.Written], None]) -> messages.Done:
        step = "the start"
        while True:
            match await self._inbox.get():
                case messages.Began() as began:
                    step = began.step
                    tell(began)
                case messages.Written() as written:
                    tell(written)
                case messages.Done() as done:
                    self._proven = True
                    return done
                case messages.Cancelled():
                    self._proven = True
                    raise JobHaltedError
                case messages.Failed() as failed:
                    if failed.traceback is not None:
                        self._ready.clear()
                        log.error("worker_raised", step=step, exception=failed.traceback)
                    else:
                        self._proven = True
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

    async def keep(self) -> None:
        """Keep a worker alive, until cancelled.

        Raises:
            UnusableBackendError: there is no use in trying.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            if await self._live_once():
                pause = _FIRST_PAUSE_SECONDS
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _live_once(self) -> bool:
        """Start a worker and listen to it until it ends; whether it was well: see `_PROVEN_SECONDS`."""
        began = time.monotonic()
        kills = memory.kills()
        self._proven = False
        worker = self._worker = await Worker.start(self._settings)
        self._inbox = asyncio.Queue()
        was_ready = False
        try:
            was_ready = await self._get_ready(worker, began)
            ready_at = time.monotonic()
            while was_ready and (message := await worker.receive()) is not None:
                self._inbox.put_nowait(message)
        finally:
            self._ready.clear()
            if not was_ready:
                worker.kill()
            how = await asyncio.shield(worker.ended())
            if was_ready and time.monotonic() - ready_at >= _PROVEN_SECONDS:
                self._proven = True
            if self._proven:
                self._lost_at = time.monotonic()
            out_of_memory = how == signal.SIGKILL.name and memory.kills() > kills
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
        return self._proven

    async def _get_ready(self, worker: Worker, began: float) -> bool:
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
        """Have the worker exit; the one who cancels `keep` then waits for it."""
        self._stopping = True
        if self._worker is not None and self.ready:
            self._worker.send(messages.Stop())
        else:
            self.kill()

    def kill(self) -> None:
        """End the worker at once."""
        if self._worker is not None:
            self._worker.kill()
