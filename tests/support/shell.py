"""The command line, run as a person runs it, in a folder and with a state folder of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from meshtwin.cloud.cli.main import run
from tests.support.processes import running_module
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "fixtures" / "images" / "donut.png"
QUICK = '{"octree_resolution": 48, "texture_size": 256}'

ELSEWHERE = {
    "AWS_PROFILE": "nobody",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_SESSION_TOKEN": "old",
    **dict.fromkeys(("HTTP_PROXY", "http_proxy", "all_proxy"), "http://127.0.0.1:9"),
}
"""What a person's shell may have for other work, none of which is to reach a profile of this machine."""

_PROGRAM = """
import signal
# Of a job in a shell's background, or behind nohup, it is ignored, and so by all that the job starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from meshtwin.cloud.cli.main import main
main()
"""


@dataclass
class Shell:
    """Where commands are run: a folder, and an environment with a state folder of its own."""

    folder: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", _PROGRAM, *arguments]

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def here(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `run` gives, at a tenth of its price: in this process. For commands that start nothing."""
        out, err = io.StringIO(), io.StringIO()
        environment, folder = dict(os.environ), Path.cwd()
        try:
            _become(self.environment, self.folder)
            with redirect_stdout(out), redirect_stderr(err):
                code = run(arguments)
        finally:
            _become(environment, folder)
        return subprocess.CompletedProcess(["meshtwin", *arguments], code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Run in the background, with its output in stdout.txt and stderr.txt."""
        with (self.folder / "stdout.txt").open("ab") as out, (self.folder / "stderr.txt").open("ab") as err:
            return subprocess.Popen(
                self.command(*arguments), cwd=self.folder, env=self.environment, stdout=out, stderr=err
            )

    def json(self, *arguments: str) -> dict[str, Any]:
        done = self.here(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def only_for_aws(shell: Shell) -> dict[str, str]:
    """The environment of a shell in which AWS's settings count, as they do on `sagemaker`."""
    return {name: value for name, value in shell.environment.items() if name not in ELSEWHERE}


def _become(environment: dict[str, str], folder: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)


def new_shell(folder: Path) -> Shell:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MESHTWIN_", "RUNTIME_", "EMULATOR_", "SAGEMAKER_"))
    }
    return Shell(folder, environment | {"MESHTWIN_STATE_DIR": str(folder / "state"), "PYTHONPATH": str(ROOT)})


@contextmanager
def running_up(
    shell: Shell, *arguments: str, profile: str = "embedded", seconds: float = 90
) -> Iterator[tuple[subprocess.Popen[bytes], list[psutil.Process]]]:
    """A running `meshtwin up`, and every process that it started; killed at the end if it still runs."""
    process = shell.start("up", "--profile", profile, *arguments)
    try:
        wait_until(lambda: process.poll() is not None or _is_up(shell, profile, process.pid), seconds)
        assert process.poll() is None, (shell.folder / "stderr.txt").read_text()
        yield process, psutil.Process(process.pid).children(recursive=True)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _is_up(shell: Shell, profile: str, pid: int) -> bool:
    state = shell.folder / "state" / f"{profile}.json"
    try:
        return bool(json.loads(state.read_text())["pid"] == pid)
    except FileNotFoundError:
        return False


@contextmanager
def frozen_worker(shell: Shell) -> Iterator[None]:
    """The container's worker stands still, so that a job, or a build, lasts as long as is needed."""
    up = psutil.Process(shell.json("status")["up"]["pid"])

    def workers() -> list[psutil.Process]:
        return running_module(up.children(recursive=True), "meshtwin.runtime.jobs.worker")

    wait_until(lambda: len(workers()) == 1)  # that of an endpoint just deleted may still be ending
    (worker,) = workers()
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def assert_all_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=40)
    assert not alive
