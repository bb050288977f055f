"""Calls of the worker in processes of their own, each killed with SIGKILL after so many calls to AWS.

    python -m tests.support.killed_worker

A line of JSON comes in for each, {"event", "kill_after", "ahead", "environment"}, and one goes out:
{"killed", "calls"}.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.httpsession import URLLib3Session

from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.lambdas.worker import build
from meshtwin.minecraft.pipeline.notifications import read
from meshtwin.minecraft.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> None:
    log = os.dup(1)
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        os.environ.update(order["environment"])
        # Made before the forks, and kept: that takes longer than the work. None has a connection yet.
        for make in (clients.dynamodb, clients.s3, clients.functions, clients.sagemaker_runtime):
            make()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _work(order, writer)
            os._exit(0)
        os.close(writer)
        _, status = os.waitpid(child, 0)
        with os.fdopen(reader) as told:
            calls = told.read()
        answer = {"killed": os.WIFSIGNALED(status), "calls": len(calls), "status": status}
        os.write(log, json.dumps(answer).encode() + b"\n")


def _work(order: dict[str, Any], writer: int) -> None:
    send = URLLib3Session.send
    count = 0

    def counted(self: URLLib3Session, request: Any) -> Any:
        nonlocal count
        answer = send(self, request)
        count += 1
        os.write(writer, b".")
        if count == order["kill_after"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    URLLib3Session.send = counted  # type: ignore[method-assign]
    worker = build(WorkerSettings.from_environment(), lambda: time.time() + order["ahead"])
    worker.handle(read(order["event"]), uuid.uuid4().hex)


@dataclass(frozen=True)
class Killable:
    """Calls the worker in a process of its own."""

    process: subprocess.Popen[str]

    def call(self, event: object, kill_after: int = 0, ahead: float = 0.0) -> bool:
        """Whether it was killed, once it is over. 0 lets it live."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"event": event, "kill_after": kill_after, "ahead": ahead, "environment": dict(os.environ)}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer["killed"] or answer["status"] == 0, answer
        return bool(answer["killed"])


@contextmanager
def killable_workers() -> Iterator[Killable]:
    """Workers, each with this process's environment as it is when it is called."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.killed_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield Killable(process)
        assert process.stdin is not None
        process.stdin.close()


if __name__ == "__main__":
    main()
