from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from meshtwin.emulator.sagemaker.fleet import logs
from meshtwin.emulator.sagemaker.fleet.logs import Logs

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_temporary_folder_goes_at_the_end_and_what_killed_processes_left_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(logs, "is_certainly_gone", lambda owner: owner == "gone")
    killed, living = Logs(None, "gone").folder, Logs(None, "living").folder
    foreign = tmp_path / "meshtwin-logs-foreign"
    foreign.mkdir()
    mine = Logs(None, "me")
    folder = mine.folder
    assert not killed.exists()
    assert sorted(tmp_path.iterdir()) == sorted([living, foreign, folder])
    mine.close()
    assert not folder.exists()


def test_a_folder_that_was_given_stays(tmp_path: Path) -> None:
    given = Logs(tmp_path, "me")
    assert given.folder == tmp_path
    given.close()
    assert tmp_path.exists()
