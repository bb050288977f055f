"""One JSON line an event, on standard output. Whoever reads it slowly, or not at all, holds nothing up."""

from __future__ import annotations

import atexit
import json
import logging
import queue
import sys
import threading
import time
from typing import TextIO, cast

import structlog

_MAX_WAITING = 10_000
"""Lines that are kept for a reader who is late; what comes after is dropped, and counted."""

_FLUSH_SECONDS = 0.5

_SHARED: list[structlog.typing.Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


class Writer:
    """Standard output by a thread of its own: a pipe that is full would stop the event loop, and so /ping."""

    def __init__(self, target: TextIO, most: int = _MAX_WAITING) -> None:
        self._target = target
        self._lines: queue.Queue[str] = queue.Queue(most)
        self._dropped = 0
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def write(self, text: str) -> int:
        """Have the lines written in their turn, or count them as dropped."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self._dropped += 1
        return len(text)

    def flush(self) -> None:
        """Nothing: see `drain`."""

    def drain(self, seconds: float) -> None:
        """Wait until all is written, but not longer."""
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
            try:
                self._target.write(text)
                self._target.flush()
            except (OSError, ValueError):
                # Nobody reads any more.
                self._dropped += 1
            self._lines.task_done()


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
    """Wait a moment for what is logged to be written, before the process ends."""
    for writer in _writers:
        writer.drain(_FLUSH_SECONDS)


log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
