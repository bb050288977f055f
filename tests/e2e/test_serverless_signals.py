"""The serverless emulator as a person starts and ends them: nothing of a function is left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.processes import has_ended
from tests.support.serverless import Hosting, run_serverless
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FUNCTIONS: dict[str, dict[str, Any]] = {
    "look": {"handler": "basic.look"},
    "orphan": {"handler": "basic.orphan", "timeout": 60},
    "short": {"handler": "basic.orphan", "timeout": 1},
    "stubborn": {"handler": "basic.stubborn", "timeout": 60},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    """A host that goes on."""
    with run_serverless(tmp_path_factory.mktemp("shared"), FUNCTIONS) as hosting:
        yield hosting


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if not has_ended(one)]


def family(hosting: Hosting) -> list[psutil.Process]:
    return psutil.Process(hosting.process.pid).children(recursive=True)


def invoke_later(hosting: Hosting, name: str) -> None:
    made = hosting.client("lambda")
    made.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"wait": true}')
    made.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, None])
def test_however_the_host_ends_its_functions_end(tmp_path: Path, how: signal.Signals | None) -> None:
    with run_serverless(tmp_path, FUNCTIONS) as hosting:
        made = hosting.client("lambda")
        made.invoke(FunctionName="look")
        made.close()
        for name in ("orphan", "stubborn"):
            invoke_later(hosting, name)
        # Three processes with a guard each, and the orphan's child.
        left = wait_until(lambda: found if len(found := family(hosting)) == 7 else None)
        wait_until(lambda: "stubborn now" in hosting.function_log("stubborn"))
        if how is None:
            assert hosting.process.stdin is not None
            hosting.process.stdin.close()
            hosting.process.stdin = None
        else:
            hosting.process.send_signal(how)
        expected = 0 if how is not signal.SIGKILL else -signal.SIGKILL
        assert hosting.process.wait(20) == expected
        wait_until(lambda: not alive(left))
        if how is not signal.SIGKILL:
            assert '"event": "stopped"' in hosting.log.read_text()


def test_what_a_killed_host_has_left_on_the_disk_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("first", "second", "temporary"):
        (tmp_path / folder).mkdir()
    # Any other that starts meanwhile would tidy up too.
    temporary = tmp_path / "temporary"
    monkeypatch.setenv("TMPDIR", str(temporary))
    with run_serverless(tmp_path / "first", FUNCTIONS) as hosting:
        made = hosting.client("lambda")
        made.invoke(FunctionName="look")
        made.close()
        ours = f"meshtwin-function-{hosting.process.pid}-*"
        hosting.process.kill()
        hosting.process.wait()
    assert list(temporary.glob(ours))
    with run_serverless(tmp_path / "second", FUNCTIONS):
        assert not list(temporary.glob(ours))


def test_a_function_that_is_killed_takes_its_children_along(shared: Hosting) -> None:
    before = {one.pid for one in family(shared)}
    made = shared.client("lambda")
    answer = made.invoke(FunctionName="short", Payload=b'{"wait": true}')
    made.close()
    assert json.loads(answer["Payload"].read())["errorType"] == "Sandbox.Timedout"
    wait_until(lambda: {one.pid for one in alive(family(shared))} == before)


def test_a_process_that_was_killed_between_two_calls_is_replaced(shared: Hosting) -> None:
    made = shared.client("lambda")
    for calls in range(1, 4):
        seen = json.loads(made.invoke(FunctionName="look")["Payload"].read())
        assert seen["calls"] == 1, calls
        process = psutil.Process(seen["pid"])
        process.kill()
        wait_until(partial(has_ended, process))
    made.close()


def test_a_host_that_ends_lets_a_short_call_end(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    functions = {"wait": {"handler": "basic.sleep", "timeout": 60}}
    with run_serverless(tmp_path, functions) as hosting, ThreadPoolExecutor(1) as pool:
        made = hosting.client("lambda")
        payload = json.dumps({"until": str(gate)})
        answer = pool.submit(made.invoke, FunctionName="wait", Payload=payload)
        wait_until(lambda: "START RequestId" in hosting.function_log("wait"))
        hosting.process.terminate()
        gate.touch()
        assert "FunctionError" not in answer.result()
        assert hosting.process.wait(20) == 0
        made.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[functions.a]\nhandler = 3\n",
            "functions.a: handler 3: expected module.function, such as app.handler",
        ),
        ("[functions", "is not TOML"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_explained(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "functions.toml"
    path.write_text(text)
    command = [sys.executable, "-m", "meshtwin.emulator.serverless", "--functions", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
