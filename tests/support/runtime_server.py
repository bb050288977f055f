"""The container's program as a real process, for tests and benchmarks."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

ROOT = Path(__file__).parents[2]
SCRIPTED = "tests.support.runtime_backend:Scripted"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


def eventually(condition: Callable[[], object], *, seconds: float = 30.0, what: str = "it") -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come about within {seconds:g} s"
        time.sleep(0.02)


class RuntimeServer:
    """`python -m meshtwin.runtime serve` on a free port, with a log file and a scratch folder of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str], **settings: object) -> None:
        self.scratch = folder / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self.log = folder / "log"
        self._inherited = {
            name: value for name, value in environment.items() if name in {"PATH", "HOME", "TMPDIR"}
        } | {name: value for name, value in environment.items() if name.startswith(("AWS_", "COV"))}
        self._settings = {name: str(value) for name, value in settings.items()}
        self.process = self._start()
        self.port = 0

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log, (self.log.with_suffix(".errors")).open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "meshtwin.runtime", "serve"],
                env={
                    **self._inherited,
                    "PYTHONPATH": str(ROOT),
                    "SAGEMAKER_BIND_TO_PORT": "0",
                    "RUNTIME_SCRATCH": str(self.scratch),
                    **self._settings,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        lines = self.log.read_bytes().split(b"\n")[:-1]
        return [event for event in map(json.loads, lines) if name in {None, event["event"]}]

    @property
    def errors(self) -> str:
        return self.log.with_suffix(".errors").read_text(encoding="utf-8")

    def listening(self) -> Self:
        eventually(lambda: self.events("listening") or self.process.poll() is not None, what="listening")
        assert self.process.poll() is None, self.errors
        self.port = self.events("listening")[0]["port"]
        return self

    def ready(self) -> Self:
        self.listening()
        eventually(lambda: self.ping().status == 200, what="ready")
        return self

    @property
    def worker(self) -> psutil.Process:
        return psutil.Process(self.events("worker_started")[-1]["pid"])

    def in_backend(self, inference_id: str) -> bool:
        """Whether the job has come as far as the backend."""
        told = [event for event in self.events("step") if event["inference_id"] == inference_id]
        return any(event["step"] == "cutout" for event in told)

    def leftovers(self) -> list[str]:
        """Files of jobs that are still on disk."""
        return [str(path) for path in self.scratch.glob("*/job-*")]

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    def ping(self) -> Answer:
        return self.request("GET", "/ping")

    def invoke(self, job: Mapping[str, object], inference_id: str = "test") -> Answer:
        return self.request(
            "POST",
            "/invocations",
            json.dumps(job).encode(),
            {"X-Amzn-SageMaker-Inference-Id": inference_id, "Content-Type": "application/json"},
        )


def aws_environment(url: str) -> dict[str, str]:
    """For fixtures that outlive a test, and so cannot use the environment."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    return measured | {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
