"""What belongs to a `meshtwin up` on an engine, by labels: that is taken away, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from meshtwin.cloud.local.docker.compose import take_away
from meshtwin.cloud.local.docker.labels import leftovers, owner_of
from meshtwin.cloud.local.docker.owner import this_process
from meshtwin.cloud.local.doctor import local
from meshtwin.cloud.local.doctor.check import Level

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEAD = f"{os.uname().nodename}:1:1700000000.00"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], list[str]]]:
    """A `docker` that answers by a script's cases; gives what it was asked."""

    def put(cases: str) -> Callable[[], list[str]]:
        program = tmp_path / "docker"
        program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\ncase "$*" in\n{cases}\nesac\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return lambda: (tmp_path / "asked").read_text().splitlines()

    return put


def test_a_network_without_containers_is_in_nobodys_way(engine: Callable[..., object]) -> None:
    engine(r'network*) printf "p\t\n";;')
    assert owner_of("p") is None
    assert local.project("p").level is Level.OK
    assert not leftovers()


def test_doctor_and_up_find_the_same_in_the_way(engine: Callable[..., object]) -> None:
    engine(r'*ps*) printf "p\t\nmine\t' + this_process() + r'\n";;')
    for may_run in (False, True):
        assert local.project("p", may_run=may_run).level is Level.FAIL
    assert local.project("mine").level is Level.FAIL
    assert local.project("mine", may_run=True).level is Level.OK


def test_what_a_dead_one_left_is_its_own(engine: Callable[..., object]) -> None:
    engine(rf'network*) printf "p\t{DEAD}\n";;')
    assert leftovers().projects == (("p", DEAD),)


def test_only_its_own_is_taken_away_and_no_volume(engine: Callable[..., Callable[[], list[str]]]) -> None:
    mine = f"--filter label=com.docker.compose.project=p --filter label=meshtwin.up={DEAD}"
    asked = engine(f'ps*"{mine}") echo c1;;\nnetwork\\ ls*"{mine}") echo n1;;')
    take_away("p", DEAD)
    changed = [line for line in asked() if not line.startswith(("ps ", "network ls"))]
    assert changed == ["stop --time 3 c1", "rm --force --volumes c1", "network rm n1"]


@pytest.mark.parametrize(
    ("started", "is_left"), [("2023-11-14T22:13:20", False), ("2026-01-01T00:00:00", True)]
)
def test_what_a_container_left_before_it_was_started_again_is_left(
    engine: Callable[..., object], started: str, *, is_left: bool
) -> None:
    owner, number = "0123456789ab:7:1700000000.00:4026531836:5f3a9c01", "0123456789ab" + "0" * 52
    engine(
        rf'ps\ --all*) printf "p\t{owner}\n";;'
        "\n"
        r'"ps --format {{.ID}}") echo 0123456789ab;;'
        "\n"
        rf'inspect*) printf "{number}\t{started}.123456789Z\n";;'
    )
    assert leftovers().projects == ((("p", owner),) if is_left else ())
    assert local.project("p").level is (Level.OK if is_left else Level.FAIL)
