"""What `from meshtwin import ...` brings, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import meshtwin
from meshtwin.cloud.client import Client
from meshtwin.cloud.jobs.wait import wait
from meshtwin.runtime.contract import Stage

NAMES = ["Client", "Params", "Result", "Stage", "Submission", "Ticket", "connect", "submit", "wait"]


def test_the_public_names_are_these_and_each_is_there() -> None:
    assert meshtwin.__all__ == NAMES
    assert all(callable(getattr(meshtwin, name)) for name in NAMES)
    assert (meshtwin.Client, meshtwin.wait, meshtwin.Stage) == (Client, wait, Stage)


def test_others_are_refused_by_name() -> None:
    with pytest.raises(AttributeError, match="module 'meshtwin' has no attribute 'nothing'"):
        _ = meshtwin.nothing


def test_the_package_alone_loads_no_other() -> None:
    program = "import sys, meshtwin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "meshtwin" in loaded
    assert not {name for name in loaded if name.startswith(("meshtwin.", "boto", "pydantic", "numpy"))}
