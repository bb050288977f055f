"""A process under a guard, with a socket to talk over and its output as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from meshtwin.emulator.core import child_guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LENGTH = 4
_CHUNK = 1 << 16
_CHUNKS = 16
_KIB = 1024
_CHILDREN_EVERY = 10
"""To find a process's children is expensive: every process of the machine is read."""

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


class Process:
    """`bootstrap.py` in a process group of its own, which ends with this process however that ends."""

    def __init__(self, on_output: Callable[[bytes], None]) -> None:
        self._on_output = on_output
        self._guard: subprocess.Popen[bytes] | None = None
        self._output = -1
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.pid = 0

    async def start(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Start it in `folder`. A start that is cancelled is finished first, so that nothing is left behind.

        Raises:
            OSError: the machine has no more processes or descriptors.
        """
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        self._output, written = os.pipe()
        try:
            starting = loop.run_in_executor(None, self._spawn, folder, environment, theirs, written)
            try:
                await asyncio.shield(starting)
            except asyncio.CancelledError:
                await starting
                raise
        finally:
            theirs.close()
            os.close(written)
            os.set_blocking(self._output, False)
            loop.add_reader(self._output, self._read_output)
            self._reader, self._writer = await asyncio.open_connection(sock=ours)

    def _spawn(self, folder: Path, environment: Mapping[str, str], link: socket.socket, output: int) -> None:
        program = [sys.executable, "-s", "-P", str(_BOOTSTRAP), str(link.fileno())]
        self._guard = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-I", "-S", child_guard.__file__, *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env=dict(environment),
            cwd=folder,
            pass_fds=(link.fileno(),),
            start_new_session=True,
        )
        assert self._guard.stdout is not None
        with self._guard.stdout as stdout:
            self.pid = int(stdout.readline() or 0)

    @property
    def running(self) -> bool:
        """Whether it has not ended, as far as is known."""
        assert self._guard is not None
        assert self._reader is not None
        return self._guard.poll() is None and not self._reader.at_eof()

    async def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """One frame, as far as the process is there to take it."""
        assert self._writer is not None
        head = json.dumps({**header, "size": len(payload)}).encode()
        with contextlib.suppress(ConnectionError):
            self._writer.write(len(head).to_bytes(_LENGTH, "big") + head + payload)
            await self._writer.drain()

    async def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """One frame, and all output that came before it; None once the process has ended."""
        assert self._reader is not None
        try:
            length = await self._reader.readexactly(_LENGTH)
            header = json.loads(await self._reader.readexactly(int.from_bytes(length, "big")))
            payload = await self._reader.readexactly(header["size"])
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        finally:
            self._read_output()
        return header, payload

    def kill(self) -> None:
        """SIGKILL to the process group."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> int:
        """Kill what is left and close everything; the exit status, 128 + n for signal n."""
        self.kill()
        status = (
            await asyncio.get_running_loop().run_in_executor(None, self._guard.wait) if self._guard else 1
        )
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
        self._read_output()
        asyncio.get_running_loop().remove_reader(self._output)
        os.close(self._output)
        assert self._writer is not None
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        return status

    def _read_output(self) -> None:
        # As much as a pipe can hold, and no more: who writes without end must not keep all others waiting.
        with contextlib.suppress(BlockingIOError):
            for _ in range(_CHUNKS):
                if not (chunk := os.read(self._output, _CHUNK)):
                    asyncio.get_running_loop().remove_reader(self._output)
                    return
                self._on_output(chunk)


async def watch_memory(pid: int, limit_kib: int, interval: float, seen: Callable[[int], None]) -> bool:
    """Sample the memory again and again, calling `seen` with the KiB, until it is more than `limit_kib`.

    Returns True then, False once the process is gone. Counts resident memory, shared pages in each process.
    """
    family: list[psutil.Process] = []
    for sample in itertools.count():
        try:
            root = psutil.Process(pid)
            if sample % _CHILDREN_EVERY == _CHILDREN_EVERY - 1:
                family = await asyncio.to_thread(root.children, recursive=True)
        except psutil.NoSuchProcess:
            return False
        used = sum(map(_resident, (root, *family)))
        seen(used)
        if used > limit_kib:
            return True
        await asyncio.sleep(interval)
    raise AssertionError("a count without end has ended")


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss) // _KIB
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
