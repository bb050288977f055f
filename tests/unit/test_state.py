"""Who runs a profile on this machine: one process, and what it has left when it is gone."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.state import State, profile_lock, read_state, state_dir, state_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MESHTWIN_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_note_is_there_for_as_long_as_it_is_true(folder: Path) -> None:
    state = State("embedded", {"A": "b"}, "logs", {"moto": "process 1"})
    with profile_lock("embedded"), state_file(state):
        assert read_state("embedded") == state
        assert read_state("embedded").pid == os.getpid()  # type: ignore[union-attr]  # it is there
        assert stat.S_IMODE((folder / "embedded.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert read_state("embedded") is None


def test_a_second_one_is_refused_from_the_first_step_of_the_first() -> None:
    with profile_lock("embedded"):
        with pytest.raises(UnavailableError, match="already up, by a process that is starting it"):
            profile_lock("embedded").__enter__()
        with state_file(State("embedded", {}, "", {})):
            with pytest.raises(UnavailableError, match=f"already up, in process {os.getpid()}"):
                profile_lock("embedded").__enter__()
            assert read_state("embedded") is not None
        with profile_lock("local"):
            pass
    with profile_lock("embedded"):
        pass


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        '{"of": "another version"}',
        # a process id that somebody else has now: small ones are always in use in containers
        json.dumps(
            {"profile": "embedded", "environment": {}, "log_dir": "", "services": {}}
            | {"pid": os.getpid(), "owner": f"{os.uname().nodename}:{os.getpid()}:1700000000.00"}
        ),
    ],
)
def test_what_is_left_of_the_dead_is_in_nobodys_way(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "embedded.json").write_text(text)
    assert read_state("embedded") is None
    with profile_lock("embedded"):
        assert not (folder / "embedded.json").exists()


def test_a_folder_that_cannot_be_is_named(folder: Path) -> None:
    folder.touch()
    with pytest.raises(UnavailableError, match="export MESHTWIN_STATE_DIR="):
        profile_lock("embedded").__enter__()


def test_state_is_where_the_system_keeps_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MESHTWIN_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_dir() == tmp_path / "meshtwin"
