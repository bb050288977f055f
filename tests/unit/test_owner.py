"""Whether the process that a word names has ended, and when that cannot be known."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import psutil
import pytest

from meshtwin.emulator.core import owner
from meshtwin.emulator.core.owner import is_certainly_gone, is_certainly_running, is_older, new_owner

HERE = socket.gethostname()


def named(pid: int, *, start: float | None = None, namespace: str | None = None) -> str:
    own = new_owner().split(":")
    begun = psutil.Process(pid).create_time() if start is None else start
    return f"{HERE}:{pid}:{begun:.2f}:{own[3] if namespace is None else namespace}:00000000"


def test_this_process_has_not_ended_and_each_name_is_another() -> None:
    assert not is_certainly_gone(new_owner())
    assert is_certainly_running(new_owner())
    assert new_owner() != new_owner()


def test_a_process_that_has_ended_is_gone_also_while_nobody_has_asked_how() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = named(process.pid)
        assert not is_certainly_gone(name)
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_certainly_gone(name)
        assert not is_certainly_running(name)
    assert is_certainly_gone(name)


def test_a_process_id_in_use_again_is_told_apart_by_its_start() -> None:
    assert is_certainly_gone(named(os.getpid(), start=1_700_000_000))


def test_a_process_id_of_another_namespace_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = named(os.getpid(), start=1_700_000_000)
    monkeypatch.setattr(owner, "_namespace", lambda: "another")
    assert not is_certainly_gone(dead)
    assert not is_certainly_running(dead)


@pytest.mark.parametrize("name", ["another-host:1:1700000000.00:1:00000000", "nonsense", "", "a:b:c"])
def test_what_cannot_be_known_is_not_gone(name: str) -> None:
    assert not is_certainly_gone(name)
    assert not is_certainly_running(name)


def test_a_process_of_an_earlier_run_is_older_and_one_that_says_no_start_is_not() -> None:
    began = psutil.Process().create_time()
    assert is_older(named(os.getpid()), began + 10)
    assert not is_older(named(os.getpid()), began)
    assert not is_older("0123456789ab:7:5f3a9c01", began + 10)
