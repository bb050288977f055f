"""The command line from outside: its version, its errors, and what it costs to start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, ProfileNotFound

from meshtwin.cloud.cli import app
from meshtwin.cloud.cli.main import run
from meshtwin.cloud.cli.submit import save_ticket
from meshtwin.cloud.jobs.submit import Ticket
from tests.support.shell import ROOT, new_shell

if TYPE_CHECKING:
    from pathlib import Path


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("meshtwin ")


def test_an_error_of_the_sdk_that_nobody_caught_is_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expired = ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "it is old"}}, "Any")
    for error, words in ((expired, "aws sso login"), (ProfileNotFound(profile="nobody"), "nobody")):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(app, "application", lambda _, fail=fail: fail)
        assert run(["status"]) == 7
        assert words in capsys.readouterr().err


def test_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "application", lambda _: fail)
    with pytest.raises(ZeroDivisionError):
        run(["status"])


def test_a_command_imports_nothing_of_the_others() -> None:
    heavy = {"boto3", "cv2", "docker", "httpx", "numpy", "PIL", "moto", "scipy"}
    program = (
        "import sys; from meshtwin.cloud.cli.app import application; application(['requests']);"
        f"sys.exit(' '.join({heavy!r} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_option_by_its_old_name_is_understood_and_not_shown(tmp_path: Path) -> None:
    shell = new_shell(tmp_path)
    for option in ("--image", "--input"):
        assert "is not running" in shell.here("submit", option, "a.png").stderr
    assert "--picture nowhere" not in shell.here("build", "--picture", "nowhere.png").stderr
    assert "--image nowhere.png: no such file" in shell.here("build", "--picture", "nowhere.png").stderr
    shown = shell.here("submit", "--help").stdout
    assert "--image" in shown
    assert "--input" not in shown


def test_tickets_of_jobs_that_nobody_waited_for_expire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHTWIN_STATE_DIR", str(tmp_path))
    (tmp_path / "jobs").mkdir()
    old, young = tmp_path / "jobs" / "old.json", tmp_path / "jobs" / "young.json"
    month = 30 * 24 * 3600
    for file, age in ((old, month + 60), (young, month - 600)):
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
    save_ticket(Ticket("new", "e", "s3://b/out", None, {}, "s3://b/p", {}))
    assert {file.name for file in (tmp_path / "jobs").iterdir()} == {"young.json", "new.json"}
