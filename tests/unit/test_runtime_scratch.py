"""Where jobs' files lie, and what becomes of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from meshtwin.runtime.jobs.scratch import PREFIX, Scratch


def test_a_job_has_a_folder_while_it_lasts(tmp_path: Path) -> None:
    with Scratch(tmp_path) as scratch:
        with scratch.job() as folder:
            (Path(folder) / "picture").write_bytes(b"x")
            assert Path(folder).parent == scratch.path
        assert not Path(folder).exists()
    assert list(tmp_path.iterdir()) == []


def test_folders_of_the_living_stay_and_of_the_dead_go(tmp_path: Path) -> None:
    with Scratch(tmp_path) as alive:
        dead = Scratch(tmp_path)
        os.close(dead._lock)
        (dead.path / "job-1").mkdir()
        with Scratch(tmp_path) as third:
            assert third.removed == 1
            assert not dead.path.exists()
            assert alive.path.exists()


def test_a_folder_without_a_lock_goes_once_it_is_old(tmp_path: Path) -> None:
    folder = tmp_path / f"{PREFIX}abc"
    folder.mkdir()
    with Scratch(tmp_path) as scratch:
        assert scratch.removed == 0
    os.utime(folder, (time.time() - 3600,) * 2)
    with Scratch(tmp_path) as scratch:
        assert scratch.removed == 1
    assert not folder.exists()


def test_what_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner.lock").touch()
    parent = tmp_path / "parent"
    parent.mkdir()
    (parent / f"{PREFIX}link").symlink_to(elsewhere)
    (parent / "other").mkdir()
    with Scratch(parent) as scratch:
        assert scratch.removed == 0
    assert sorted(path.name for path in parent.iterdir()) == [f"{PREFIX}link", "other"]
    assert (elsewhere / "owner.lock").exists()
