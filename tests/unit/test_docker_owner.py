"""Whose a container is, and whether anybody still minds it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from meshtwin.cloud.local.docker.owner import is_alive, this_process

HERE = socket.gethostname()


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_this_process_is_alive() -> None:
    assert is_alive(this_process())


def test_a_process_that_has_ended_is_not() -> None:
    assert not is_alive(f"{HERE}:{ended_process()}:1700000000.00")


def test_a_process_id_in_use_again_is_told_apart_by_its_start() -> None:
    assert not is_alive(f"{HERE}:{os.getpid()}:1700000000.00")


def test_a_nonce_is_no_start() -> None:
    for nonce in ("5f3a9c01", "12345678", "1e100000"):
        assert is_alive(f"{HERE}:{os.getpid()}:{nonce}")
        assert not is_alive(f"{HERE}:{ended_process()}:{nonce}")


def test_a_process_in_a_container_lives_as_long_as_that_runs() -> None:
    assert is_alive("0123456789ab:7:5f3a9c01", frozenset({"0123456789ab"}))
    assert not is_alive("0123456789ab:7:5f3a9c01", frozenset({"ba9876543210"}))


def test_what_cannot_be_known_is_left_alone() -> None:
    for owner in ("another-machine:1:1700000000.00", "nonsense", ""):
        assert is_alive(owner)
