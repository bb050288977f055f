"""Functions' processes: warm and cold, several at once, fresh when their code changes, gone when idle."""

from __future__ import annotations

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.processes import command_line
from tests.support.serverless import Hosting, run_serverless
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

GATED = """
import os, time
def handler(event, context):
    while not os.path.exists(event):
        time.sleep(0.01)
"""

HALF_LINES = r"""
import os, sys
def handler(event, context):
    print('half', end=''); sys.stderr.write('error')
    os.write(1, b'\xff\n'); os.system('echo child')
"""

FLOOD = """
import sys
def handler(event, context):
    while True: sys.stdout.write('x' * 100)
"""

SCRATCH = """
import tempfile
def handler(event, context):
    return tempfile.mkstemp()[1]
"""

CODE = """
from part import VALUE
from pathlib import Path

DATA = (Path(__file__).parent / "data.txt").read_text()

def handler(event, context):
    return [VALUE, DATA]
"""

CHANGES = ["app.py", "part.py", "data.txt", "new.py"]


def folder_of(code: Path, name: str) -> Path:
    """The folder of a function's code."""
    return code / name.replace(".", "-")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of code, one for each of the functions that are not of tests/functions."""
    made = tmp_path_factory.mktemp("code")
    sources = {"let-end": GATED + "    return 'old'\n", "half-lines": HALF_LINES, "flood": FLOOD}
    for name, source in {**sources, **dict.fromkeys(CHANGES, CODE)}.items():
        folder = folder_of(made, name)
        folder.mkdir()
        (folder / "app.py").write_text(source)
    for name in CHANGES:
        (folder_of(made, name) / "part.py").write_text("VALUE = 1\n")
        (folder_of(made, name) / "data.txt").write_text("old")
    return made


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, code: Path) -> Iterator[Hosting]:
    """One host for all tests that want nothing of it but its functions: each has one of its own."""
    own = {"timeout": 60, "handler": "app.handler"}
    functions: dict[str, dict[str, Any]] = {
        **{name: {"handler": "basic.look"} for name in ("kept", "little", "beside")},
        "at-once": {"handler": "basic.sleep", "timeout": 60},
        "echo": {"handler": "basic.echo"},
        "fill": {"handler": "basic.fill_elsewhere", "timeout": 60},
        "let-end": own,
        "half-lines": own,
        "flood": {**own, "timeout": 1},
        **{folder_of(code, name).name: own for name in CHANGES},
    }
    for name, table in functions.items():
        if table["handler"] == "app.handler":
            functions[name] = {**table, "code": str(code / name)}
    with run_serverless(tmp_path_factory.mktemp("host"), functions) as hosting:
        yield hosting


def call(hosting: Hosting, name: str, event: object = None, **more: Any) -> Any:
    made = hosting.client("lambda")
    try:
        return json.loads(
            made.invoke(FunctionName=name, Payload=json.dumps(event or {}), **more)["Payload"].read()
        )
    finally:
        made.close()


def put(hosting: Hosting, name: str, event: object = None) -> None:
    made = hosting.client("lambda")
    made.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event or {}))
    made.close()


def test_a_process_is_kept_for_the_next_call(host: Hosting) -> None:
    first, second = call(host, "kept"), call(host, "kept")
    assert (first["calls"], second["calls"]) == (1, 2)
    assert first["pid"] == second["pid"]
    log = host.function_log("kept")
    assert log.count("INIT_START") == log.count("Init Duration:") == 1
    assert log.count("REPORT") == 2
    assert host.function("kept")["starts"] == 1
    page = host.send("/_serverless/functions/kept/log", method="GET")
    assert page.body.decode().strip() == log.strip()
    assert host.send("/_serverless/functions/nobody/log", method="GET").status == 404


def test_a_cold_start_loads_little_but_the_handler(host: Hosting) -> None:
    modules = set(call(host, "little")["modules"])
    assert modules.isdisjoint({"emulator", "boto3", "botocore", "asyncio", "structlog", "typing_extensions"})


def test_several_at_once_are_several_processes(host: Hosting, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(call, host, "at-once", {"until": str(gate)}) for _ in range(3)]
        wait_until(lambda: host.function("at-once")["running"] == 3)
        gate.touch()
        for answer in answers:
            assert answer.result() > 0
        assert len(set(host.function("at-once")["warm"])) == 3


def test_all_functions_share_the_places(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    functions = {name: {"handler": "basic.sleep", "timeout": 60} for name in ("first", "second")}
    with run_serverless(tmp_path, functions, options=("--set", "concurrency=1")) as hosting:
        put(hosting, "first", {"until": str(gate)})
        wait_until(lambda: hosting.function("first")["running"] == 1)
        # An event waits for its turn, where a caller who waits is refused.
        put(hosting, "second", {"seconds": 0})
        made = hosting.client("lambda")
        with pytest.raises(made.exceptions.TooManyRequestsException):
            made.invoke(FunctionName="second")
        made.close()
        assert hosting.function("second")["running"] == 0
        gate.touch()
        wait_until(lambda: hosting.function("second")["invocations"] == 1)


@pytest.mark.parametrize("changed", CHANGES)
def test_a_change_of_the_code_is_seen_by_the_next_call(host: Hosting, code: Path, changed: str) -> None:
    folder = folder_of(code, changed)
    name = folder.name
    assert call(host, name) == call(host, name) == [1, "old"]
    expected: list[object] = [1, "old"]
    if changed == "app.py":
        (folder / changed).write_text(CODE.replace("VALUE, DATA", "VALUE + 1, DATA"))
        expected[0] = 2
    elif changed == "part.py":
        (folder / changed).write_text("VALUE = 22\n")
        expected[0] = 22
    else:
        (folder / changed).write_text("newer")
        expected[1] = "newer" if changed == "data.txt" else "old"
    assert call(host, name) == expected
    assert host.function(name)["starts"] == 2


def test_a_call_that_runs_is_let_end_when_its_code_changes(host: Hosting, code: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call, host, "let-end", str(gate))
        wait_until(lambda: "START RequestId" in host.function_log("let-end"))
        (code / "let-end" / "app.py").write_text(GATED + "    return 'newer'\n")
        assert call(host, "let-end", os.devnull) == "newer"
        gate.touch()
        assert running.result() == "old"
        assert call(host, "let-end", os.devnull) == "newer"


def test_a_process_without_work_is_ended(tmp_path: Path) -> None:
    options = ("--speed", "1000")
    with run_serverless(tmp_path, {"look": {"handler": "basic.look"}}, options=options) as hosting:
        call(hosting, "look")
        wait_until(lambda: hosting.function("look")["warm"] == [])
        assert call(hosting, "look")["calls"] == 1


def guards_of(hosting: Hosting) -> list[psutil.Process]:
    children = psutil.Process(hosting.process.pid).children()
    return [child for child in children if any(word.endswith("guard.py") for word in command_line(child))]


def scratches_of(hosting: Hosting) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"meshtwin-function-{hosting.process.pid}-*"))


def test_a_process_that_is_taken_while_others_are_ended_is_ended_in_its_turn(tmp_path: Path) -> None:
    gate, second_gate = tmp_path / "gate", tmp_path / "second"
    functions = {"sleep": {"handler": "basic.sleep", "timeout": 60}}
    options = ("--speed", "300")
    with run_serverless(tmp_path, functions, options=options) as hosting, ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(call, hosting, "sleep", {"until": str(gate)}) for _ in range(3)]
        wait_until(lambda: hosting.function_log("sleep").count("START RequestId") == 3)
        guards = guards_of(hosting)
        assert len(guards) == 3
        try:
            # A process has not ended before its guard has.
            for guard in guards:
                guard.suspend()
            gate.touch()
            for answer in answers:
                answer.result()
            wait_until(lambda: len(hosting.function("sleep")["warm"]) == 2)
            taken = pool.submit(call, hosting, "sleep", {"until": str(second_gate)})
            wait_until(lambda: len(hosting.function("sleep")["warm"]) == 1)
        finally:
            for guard in guards:
                guard.resume()
        # The folder goes last: the others are ended.
        wait_until(lambda: len(scratches_of(hosting)) == 1)
        second_gate.touch()
        assert taken.result() > 0
        wait_until(lambda: hosting.function("sleep")["warm"] == [])
        assert hosting.function("sleep")["starts"] == 3


def test_loading_that_takes_long_is_begun_again_within_the_functions_time(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text("import time\ntime.sleep(3600)\n")
    functions = {"app": {"handler": "app.handler", "code": str(code), "timeout": 1}}
    options = ("--set", "init_timeout=0.3")
    with run_serverless(tmp_path, functions, options=options) as hosting:
        error = call(hosting, "app")
        assert error["errorType"] == "Sandbox.Timedout"
        assert error["errorMessage"].endswith("Task timed out after 1.00 seconds")
        log = hosting.function_log("app")
        assert "\tPhase: init\tStatus: timeout" in log
        assert log.count("Status: timeout") == 2


def test_what_is_written_without_an_end_of_line_is_kept(host: Hosting) -> None:
    assert call(host, "half-lines") is None
    log = (host.folder / "functions" / "half-lines.log").read_bytes()
    for part in (b"half", b"error", b"\xff", b"child\n"):
        assert part in log
    assert b"\nEND RequestId" in log


@pytest.mark.parametrize("event", ["\ud800", {"deep": [[[1.5, None, "é\u2028"]]]}, "x" * 2_000_000])
def test_any_json_goes_there_and_back(host: Hosting, event: object) -> None:
    assert call(host, "echo", event) == event


def test_the_memory_of_children_counts(host: Hosting) -> None:
    error = call(host, "fill", {"megabytes": 200})
    assert error["errorMessage"].endswith("Runtime exited with error: signal: killed")
    children = psutil.Process(host.process.pid).children(recursive=True)
    assert not [child for child in children if "urandom" in " ".join(command_line(child))]


def test_a_function_that_writes_without_end_holds_up_nobody(host: Hosting) -> None:
    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(call, host, "flood")
        wait_until(lambda: "xxx" in host.function_log("flood"))
        assert call(host, "beside")["calls"] == 1
        assert flood.result()["errorType"] == "Sandbox.Timedout"


def test_a_scratch_folder_of_its_own(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(SCRATCH)
    functions = {"app": {"handler": "app.handler", "code": str(code)}}
    with run_serverless(tmp_path, functions) as hosting:
        first, second = call(hosting, "app"), call(hosting, "app")
        assert os.path.dirname(first) == os.path.dirname(second)  # noqa: PTH120
        assert os.path.exists(first)  # noqa: PTH110
    assert not os.path.exists(os.path.dirname(first))  # noqa: PTH110, PTH120


def test_a_function_is_called_again_and_again(tmp_path: Path) -> None:
    functions = {"tell": {"handler": "basic.tell", "events": [{"schedule": 60}]}}
    with run_serverless(tmp_path, functions, options=("--speed", "300")) as hosting:
        wait_until(lambda: hosting.function("tell")["invocations"] >= 3)
        lines = [line for line in hosting.function_log("tell").splitlines() if line.startswith("EVENT ")]
        event = json.loads(lines[0].removeprefix("EVENT "))
        assert (event["source"], event["detail-type"], event["detail"]) == (
            "aws.events",
            "Scheduled Event",
            {},
        )
        assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/tell-every-60-seconds"]
        assert event["time"].endswith("Z")


def test_a_slow_function_is_called_once_at_a_time(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    functions = {
        "slow": {"handler": "basic.gated", "timeout": 60, "events": [{"schedule": 1}]}
        | {"environment": {"GATE": str(gate)}}
    }
    with run_serverless(tmp_path, functions, options=("--speed", "100")) as hosting:
        wait_until(lambda: hosting.function("slow")["running"] == 1)
        began = hosting.state()["time"]
        wait_until(lambda: hosting.state()["time"] > began + 50)
        assert hosting.state()["events_waiting"] == 1
        gate.touch()
        wait_until(lambda: hosting.function("slow")["invocations"] >= 2)


def test_an_event_too_old_is_given_up(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    functions = {"one": {"handler": "basic.sleep", "timeout": 60, "concurrency": 1, "maximum_age": 60}}
    with run_serverless(tmp_path, functions, options=("--speed", "1000")) as hosting:
        for _ in range(2):
            put(hosting, "one", {"until": str(gate)})
        wait_until(lambda: hosting.state()["events_waiting"] == 1)
        gate.touch()
        wait_until(lambda: hosting.state()["events_waiting"] == 0)
        assert hosting.function("one")["invocations"] == 1
        assert "event_dropped" in hosting.log.read_text()


def test_pages_of_other_origins_are_refused(host: Hosting) -> None:
    answer = host.send("/_serverless", method="GET", headers={"Origin": "http://elsewhere.example"})
    assert answer.status == 403
    assert host.send("/2015-03-31/nothing", method="GET").status == 404
