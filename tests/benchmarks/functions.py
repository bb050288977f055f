"""What hosting costs: a warm call beside a bare HTTP echo, a cold one beside a bare Python.

`python -m tests.benchmarks functions [--json]`. Each is the least of many, taken in turns, as the machine may
be busy with other things.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshtwin.cloud.local.stack.child import Child
from tests.benchmarks.figures import Figure
from tests.support.serverless import run_serverless

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 300
COLD_ROUNDS = 10
BODY = json.dumps({"prompt": "a red dragon"}).encode()
JSON = {"Content-Type": "application/json"}
HANDLER = "def handler(event, context):\n    return event\n"
TOUCHED = 1_000_000_000


def measure() -> list[Figure]:
    """Ratios, and the milliseconds that they are of."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        code = Path(folder) / "code"
        code.mkdir()
        module = code / "app.py"
        module.write_text(HANDLER)
        functions = {
            "echo": {"handler": "app.handler", "code": str(code), "events": [{"http": "POST /echo"}]}
        }
        host = stack.enter_context(run_serverless(Path(folder), functions))
        echo = stack.enter_context(
            Child("tests.benchmarks.echo_app", [], os.environ, Path(folder) / "echo.log")
        )
        asks = {
            "echo": _asker(stack, echo.ready(), "/echo"),
            "invoke": _asker(stack, host.url, "/2015-03-31/functions/echo/invocations"),
            "http": _asker(stack, host.url, "/_api/echo"),
        }
        warm = {name: float("inf") for name in asks}
        for _ in range(ROUNDS):
            for name, ask in asks.items():
                warm[name] = min(warm[name], _seconds(ask))
        cold = bare = float("inf")
        for turn in range(COLD_ROUNDS):
            os.utime(module, (TOUCHED + turn, TOUCHED + turn))  # the next call gets a fresh process
            cold = min(cold, _seconds(asks["invoke"]))
            bare = min(bare, _seconds(_bare_python))
    return [
        Figure("Invoke, warm, over a bare echo", warm["invoke"] / warm["echo"], "x"),
        Figure("HTTP API, warm, over a bare echo", warm["http"] / warm["echo"], "x"),
        Figure("a cold start over python -c pass", cold / bare, "x", 4.0),
        Figure("Invoke, warm", warm["invoke"] * 1000, "ms", note=f"least of {ROUNDS}"),
        Figure("HTTP API, warm", warm["http"] * 1000, "ms"),
        Figure("Invoke, cold", cold * 1000, "ms", note=f"least of {COLD_ROUNDS}"),
        Figure("python -c pass", bare * 1000, "ms"),
    ]


def _asker(stack: ExitStack, url: str, path: str) -> Callable[[], None]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    stack.callback(connection.close)

    def ask() -> None:
        connection.request("POST", path, BODY, JSON)
        response = connection.getresponse()
        found = response.read()
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{path}: {response.status} {found!r}")

    return ask


def _bare_python() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def _seconds(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
