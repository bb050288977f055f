"""The HTTP process: its socket, its signals, and the worker beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import uvicorn

from meshtwin.runtime.jobs.scratch import Scratch
from meshtwin.runtime.jobs.supervisor import Supervisor, UnusableBackendError
from meshtwin.runtime.logs import flush, log
from meshtwin.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshtwin.runtime.settings import Settings

EXIT_SETTINGS = 2
"""The settings are invalid: a restart would not help."""

_THREAD_ENDS_SECONDS = 0.2

_STALLED_SECONDS = 1
"""How long a shutdown waits for idle connections."""

_KEEP_ALIVE_SECONDS = 120
"""Longer than clients keep idle connections, so that none is closed under a request just sent."""


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would close its socket at once, and /ping is to answer until the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(settings: Settings, unknown: Sequence[str] = ()) -> int:
    """Serve until a signal; the exit status. `unknown` variables are logged as warnings.

    Raises:
        SettingsError: when the port cannot be listened on, or the AWS settings are invalid.
    """
    listener = _listen(settings)
    for name in unknown:
        log.warning("unknown_setting", name=name)
    with Scratch(settings.scratch) as scratch, asyncio.Runner() as runner:
        if scratch.removed:
            log.info("leftovers_removed", folders=scratch.removed)
        return runner.run(_serve(settings, scratch, listener))


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, as socket.create_server() does not, asyncio queue Nagle's algorithm off:
    # otherwise an answer's body waits 40 ms for its headers to be acknowledged.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"RUNTIME_HOST {settings.host!r}, SAGEMAKER_BIND_TO_PORT {settings.port}: {error.strerror}; "
            "expected an address of this machine and a free port"
        ) from error
    listener.setblocking(False)
    return listener


async def _serve(settings: Settings, scratch: Scratch, listener: socket.socket) -> int:
    supervisor = Supervisor(settings)
    stop = _stop_on_signal(supervisor)
    supervising = asyncio.create_task(supervisor.supervise())
    # The worker process starts now, and loads its part while this one loads its own.
    await asyncio.sleep(0)
    from meshtwin.runtime.http.assembly import TRANSFER_THREADS, Assembly  # noqa: PLC0415  # see above
    from meshtwin.runtime.http.limits import BoundedProtocol  # noqa: PLC0415

    assembly = Assembly(settings, supervisor, scratch)
    server = _Server(
        uvicorn.Config(
            assembly.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            http=BoundedProtocol,
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            # After the drain, when all that is left are clients that do not read or write on.
            timeout_graceful_shutdown=_STALLED_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    host, port = listener.getsockname()[:2]
    log.info("listening", host=host, port=port, pid=os.getpid(), backend=settings.backend)
    await asyncio.wait({supervising, serving, stop}, return_when=asyncio.FIRST_COMPLETED)
    await assembly.service.drain()
    server.should_exit = True
    await serving
    supervisor.stop()
    status = await _end(supervising)
    assembly.close()
    log.info("stopped", status=status)
    if _has_hanging_thread(TRANSFER_THREADS):
        shutil.rmtree(scratch.path, ignore_errors=True)
        _leave(status)
    return status


def _has_hanging_thread(prefix: str) -> bool:
    """Whether a transfer hangs on a storage that does not answer: the exit would wait for its thread."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith(prefix)]
    for thread in threads:
        thread.join(_THREAD_ENDS_SECONDS)
    return any(thread.is_alive() for thread in threads)


def _stop_on_signal(supervisor: Supervisor) -> asyncio.Future[None]:
    """Done at the first SIGTERM or SIGINT; the second ends the process at once, and its worker."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def handle(number: signal.Signals) -> None:
        if not stop.done():
            stop.set_result(None)
            return
        supervisor.kill()
        _leave(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle, number)
    return stop


async def _end(supervising: asyncio.Task[None]) -> int:
    """Wait until the worker has exited; the exit status."""
    supervising.cancel()
    try:
        await supervising
    except asyncio.CancelledError:
        return 0
    except UnusableBackendError as error:
        sys.stderr.write(f"{error}\n")
        log.error("backend_unusable", message=str(error))
        return EXIT_SETTINGS
    except Exception:  # noqa: BLE001  # the process's edge: it ends with status 1
        log.exception("supervisor_failed")
    return 1


def _leave(status: int) -> NoReturn:
    """Exit without waiting for threads; the next start removes what they leave on disk."""
    flush()
    os._exit(status)
