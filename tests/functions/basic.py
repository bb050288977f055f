"""Handlers that tests call: each shows one thing that a function can do, or do wrong."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from typing import Any

logging.getLogger().setLevel("INFO")
_CALLS: list[int] = []


def echo(event: Any, _context: Any) -> Any:
    return event


def look(event: Any, context: Any) -> dict[str, Any]:
    """What the function can see of itself."""
    _CALLS.append(1)
    names = (event or {}).get("variables", [])
    client = context.client_context
    return {
        "pid": os.getpid(),
        "calls": len(_CALLS),
        "cwd": os.getcwd(),  # noqa: PTH109
        "path": sys.path[0],
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "remaining": context.get_remaining_time_in_millis(),
        "custom": client.custom if client else None,
        "variables": {name: os.environ.get(name) for name in names},
        "modules": sorted(sys.modules),
    }


def say(event: Any, _context: Any) -> None:
    print(event["text"])  # noqa: T201
    logging.getLogger("tests").info("logged %s", event["text"])


def fail(event: Any, _context: Any) -> None:
    raise ValueError(event.get("message", "it failed"))


def leave(event: Any, _context: Any) -> None:
    sys.exit(event["status"])


def die(_event: Any, _context: Any) -> None:
    os.abort()


def unanswerable(_event: Any, _context: Any) -> Any:
    return {1, 2}


def sleep(event: Any, _context: Any) -> float:
    """Until a file is there, or for some seconds."""
    until = event.get("until")
    began = time.monotonic()
    while not (os.path.exists(until) if until else time.monotonic() - began >= event["seconds"]):  # noqa: PTH110
        time.sleep(0.01)
    return time.monotonic() - began


def orphan(event: Any, _context: Any) -> int:
    """Leave a child that would go on for ever."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    if event.get("wait"):
        child.wait()
    return child.pid


def fill(event: Any, _context: Any) -> int:
    """Have so many MB, for a moment or until killed."""
    block = bytearray(os.urandom(1024)) * (1024 * event["megabytes"])
    if event.get("stay"):
        time.sleep(3600)
    return len(block)


def grow(event: Any, _context: Any) -> str:
    size: int = event["bytes"]
    return "x" * size


def respond(event: Any, _context: Any) -> Any:
    """Whatever the request's body says, as it stands."""
    return json.loads(event["body"])


def wait(event: Any, context: Any) -> Any:
    """As `sleep`, told by the body of an HTTP request."""
    return sleep(json.loads(event["body"]), context)


def tell(event: Any, _context: Any) -> None:
    """Write the event to the log."""
    print("EVENT", json.dumps(event))  # noqa: T201


def stubborn(_event: Any, _context: Any) -> None:
    """Deaf to every signal that can be ignored, and never done."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("stubborn now")  # noqa: T201
    time.sleep(3600)


def gated(_event: Any, context: Any) -> float:
    """As `sleep`, told by the environment."""
    return sleep({"until": os.environ["GATE"]}, context)


def fill_elsewhere(event: Any, _context: Any) -> int:
    """Have so many MB in a child, until killed."""
    code = f"import os, time; block = os.urandom(1024) * (1024 * {event['megabytes']}); time.sleep(3600)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode
