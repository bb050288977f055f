"""The log of a program, one JSON object a line, from whichever library; and the last lines of any log."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

import structlog

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_RENDERERS: list[Any] = [
    # Without local variables: they are request bodies, containers' environments and credentials.
    structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
    structlog.processors.JSONRenderer(),
]

_log = structlog.get_logger(__name__)


def configure_logging(stream: TextIO | None = None) -> None:
    """Log on stderr by default, also what libraries log, and uncaught exceptions."""
    structlog.configure(
        processors=[*_SHARED, *_RENDERERS],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name], processors=[remove, *_RENDERERS]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt):
        return
    _log.error("uncaught_exception", exc_info=(kind, error, trace))


def tail(path: Path, characters: int) -> str:
    """The last lines of a file, at most `characters`, whole lines where possible; empty without a file."""
    try:
        log = path.open("rb")
    except FileNotFoundError:
        return ""
    with log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - 4 * characters))
        text = log.read().decode(errors="replace").strip()
    if len(text) <= characters:
        return text
    text = text[-characters:]
    return text.partition("\n")[2] or text
