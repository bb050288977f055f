"""The commands that ask the emulator, beside a `meshtwin up` with a container of somebody else's."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import connected, make_endpoint
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.shell import Shell

COMMANDS = ("requests", "explain", "instances", "clock", "fault")


@pytest.fixture(scope="module")
def endpoint(shell: Shell) -> str:
    """An endpoint of the image `echo`, in service."""
    settings = shell.json("status")["environment"]
    sagemaker = connected("sagemaker", settings)
    name = f"echo-{uuid.uuid4().hex[:8]}"
    make_endpoint(sagemaker, settings["AWS_ENDPOINT_URL"], name, key=settings["AWS_ACCESS_KEY_ID"])
    sagemaker.close()
    return name


@pytest.fixture
def fault(shell: Shell) -> Iterator[Any]:
    """`meshtwin fault`, with the rules gone at the end."""
    yield lambda *words: shell.json("fault", *words)
    shell.json("fault", "--clear")


def submit(shell: Shell, endpoint: str, body: bytes = b"1,2,3") -> str:
    runtime = connected("sagemaker-runtime", shell.json("status")["environment"])
    answer = runtime.invoke_endpoint_async(EndpointName=endpoint, Body=body, ContentType="text/csv")
    runtime.close()
    return str(answer["OutputLocation"].rpartition("/")[2].removesuffix(".out"))


def state_of(shell: Shell, request_id: str) -> str:
    return str(shell.json("requests", request_id)["state"])


def test_status_names_the_page(shell: Shell) -> None:
    page = shell.json("status")["page"]
    assert page.partition("#key=")[0].endswith("/_emulator/ui")
    assert page in shell.here("status").stdout


def test_gotcha_17_the_exact_container_request_is_printed(shell: Shell, endpoint: str) -> None:
    request_id = submit(shell, endpoint)
    wait_until(lambda: state_of(shell, request_id) == "completed")
    shown = shell.here("requests", request_id).stdout
    assert "POST http://127.0.0.1:" in shown
    assert "/invocations" in shown
    assert "Content-Type: text/csv" in shown
    assert "1,2,3 (5 bytes)" in shown
    assert "-> HTTP 200" in shown


def test_gotcha_03_requests_are_listed_cancelled_and_replayed(
    shell: Shell, endpoint: str, fault: Any
) -> None:
    fault("container/hang", "--with", f"endpoint={endpoint}", "--with", "times=1")
    request_id = submit(shell, endpoint)
    wait_until(lambda: state_of(shell, request_id) == "running")
    listed = shell.json("requests", "--endpoint", endpoint, "--state", "running")["requests"]
    assert [one["request_id"] for one in listed] == [request_id]
    early = shell.here("replay", request_id)
    assert (early.returncode, "has not ended" in early.stderr) == (2, True), early.stderr
    assert shell.json("cancel", request_id)["state"] == "cancelled"
    again = shell.json("replay", request_id)["request_id"]
    assert again != request_id
    wait_until(lambda: state_of(shell, again) == "completed")
    late = shell.here("cancel", again)
    assert late.returncode == 2
    assert "is completed" in late.stderr


def test_instances_are_shown_with_their_process(shell: Shell, endpoint: str) -> None:
    (mine,) = [one for one in shell.json("instances")["instances"] if one["endpoint"] == endpoint]
    assert mine["pid"]
    assert mine["instance_id"] in shell.here("instances").stdout


def test_explain_is_of_the_profiles_own_endpoint_unless_told(shell: Shell, endpoint: str) -> None:
    assert shell.json("explain")["endpoint"] == "hunyuan3d-async-v2"
    found = shell.json("explain", endpoint)
    assert found["endpoint"] == endpoint
    assert found["sentences"]
    assert found["sentences"][0] in shell.here("explain", endpoint).stdout


def test_the_clock_is_moved_by_durations_that_people_write(shell: Shell) -> None:
    before = shell.json("clock")["now"]
    assert shell.json("clock", "--advance", "15m")["now"] >= before + 900
    assert shell.json("clock", "--speed", "0")["speed"] == 0
    try:
        assert shell.json("clock")["now"] == shell.json("clock")["now"]
    finally:
        assert shell.json("clock", "--speed", "1")["speed"] == 1


def test_faults_are_added_listed_and_cleared(shell: Shell, endpoint: str, fault: Any) -> None:
    fault("container/status", "--with", "status=503", "--with", f"endpoint={endpoint}", "--with", "times=1")
    assert "container/status" in shell.here("fault").stdout
    request_id = submit(shell, endpoint)
    wait_until(lambda: state_of(shell, request_id) == "failed")
    (rule,) = fault()["faults"]
    assert rule["struck"] == 1
    assert not fault("--clear")["faults"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["requests", "no-such-request"], "no request 'no-such-request'"),
        (["requests", "--state", "done"], "queued, running"),
        (["cancel", "no-such-request"], "no request"),
        (["explain", "no-such-endpoint"], "no endpoint 'no-such-endpoint'; there are:"),
        (["clock", "--advance", "soon"], "90s, 15m, 6h or 1d"),
        (["clock", "--speed", "-1"], "speed"),
        (["fault", "container/melt"], "melt"),
        (["fault", "container/status", "--with", "times"], "NAME=VALUE"),
    ],
)
def test_wrong_usage(shell: Shell, arguments: list[str], words: str) -> None:
    done = shell.here(*arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_on_aws_there_is_nothing_like_it(shell: Shell, command: str) -> None:
    done = shell.here(command, "--profile", "sagemaker")
    assert done.returncode == 7, done.stderr
    assert "AWS has nothing like it" in done.stderr.replace("\n", " ")
