"""Whose a container is, and whether anybody still minds it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from meshtwin.cloud.owner import is_alive
from meshtwin.emulator.core.owner import new_owner

if TYPE_CHECKING:
    import pytest

HERE = socket.gethostname()


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_this_process_is_alive() -> None:
    assert is_alive(new_owner())


def test_a_process_that_has_ended_is_not() -> None:
    assert not is_alive(f"{HERE}:{ended_process()}:1700000000.00")


def test_a_process_id_in_use_again_is_told_apart_by_its_start() -> None:
    assert not is_alive(f"{HERE}:{os.getpid()}:1700000000.00")


def test_a_nonce_is_no_start() -> None:
    for nonce in ("5f3a9c01", "12345678", "1e100000"):
        assert is_alive(f"{HERE}:{os.getpid()}:{nonce}")
        assert not is_alive(f"{HERE}:{ended_process()}:{nonce}")


def test_a_process_in_a_container_lives_as_long_as_that_runs() -> None:
    assert is_alive("0123456789ab:7:5f3a9c01", {"0123456789ab": 1_700_000_000.0})
    assert not is_alive("0123456789ab:7:5f3a9c01", {"ba9876543210": 1_700_000_000.0})
    assert not is_alive("0123456789ab:7:5f3a9c01")


def test_a_process_in_a_container_that_was_started_again_since_is_not_alive() -> None:
    owner = "0123456789ab:7:1700000000.00:4026531836:5f3a9c01"
    assert is_alive(owner, {"0123456789ab": 1_700_000_000.0})
    assert not is_alive(owner, {"0123456789ab": 1_700_000_060.0})


def test_what_ran_in_this_container_before_it_was_started_again_is_not_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "0123456789ab")
    began = psutil.Process(1).create_time()
    for start, expected in ((began - 60, False), (began + 60, True)):
        assert is_alive(f"0123456789ab:7:{start:.2f}:1:5f3a9c01") is expected
    assert is_alive(new_owner())


def test_what_cannot_be_known_is_left_alone() -> None:
    for owner in ("another-machine:1:1700000000.00", "nonsense", ""):
        assert is_alive(owner)
