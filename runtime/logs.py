"""Structured logs: one JSON line per event on standard output, never blocked by a slow reader."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import queue
import select
import stat
import sys
import threading
import time
from typing import TextIO, cast

import structlog

_MAX_WAITING = 10_000
"""Lines that are buffered for a slow reader; later ones are dropped, and counted."""

_FLUSH_SECONDS = 0.5

_SHARED: list[structlog.typing.Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


class Writer:
    """Standard output that never blocks: a thread writes the lines for which a write would.

    A full pipe would otherwise stop the event loop, and /ping with it.
    """

    def __init__(self, target: TextIO, most: int = _MAX_WAITING) -> None:
        self._target = target
        self._lines: queue.Queue[str] = queue.Queue(most)
        self._dropped = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def write(self, text: str) -> int:
        """Write the lines now, queue them, or count them as dropped."""
        with self._lock:
            if not self._lines.unfinished_tasks and _would_not_block(self._target, text):
                self._put(text)
                return len(text)
            try:
                self._lines.put_nowait(text)
            except queue.Full:
                self._dropped += 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: see `drain`."""

    def drain(self, seconds: float) -> None:
        """Wait until all lines are written, for at most `seconds`."""
        end = time.monotonic() + seconds
        while self._lines.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.001)

    def _write(self) -> None:
        while True:
            text = self._lines.get()
            dropped, self._dropped = self._dropped, 0
            if dropped:
                text += (
                    json.dumps({"event": "log_lines_dropped", "level": "warning", "lines": dropped}) + "\n"
                )
            self._put(text)
            self._lines.task_done()

    def _put(self, text: str) -> None:
        # ValueError: it is closed. In either case there is no reader.
        with contextlib.suppress(OSError, ValueError):
            self._target.write(text)
            self._target.flush()


def _would_not_block(target: TextIO, text: str) -> bool:
    """Whether a write returns at once: to a file, or to a pipe with room for an atomic write."""
    try:
        descriptor = target.fileno()
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return True
        _, writable, _ = select.select([], [descriptor], [], 0)
    except (OSError, ValueError):
        return False
    return bool(writable) and len(text.encode()) <= select.PIPE_BUF


_writers: list[Writer] = []


def configure() -> None:
    """Make `log` and the libraries' own warnings write JSON lines."""
    writer = Writer(sys.stdout)
    _writers.append(writer)
    atexit.register(flush)
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", writer)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(cast("TextIO", writer))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def flush() -> None:
    """Wait a moment for the log to be written, before the process exits."""
    for writer in _writers:
        writer.drain(_FLUSH_SECONDS)


log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
