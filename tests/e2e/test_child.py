"""A program that a stack starts: what is told of one that does not get ready."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.local.stack.child import Child

if TYPE_CHECKING:
    from pathlib import Path


def child(folder: Path, program: str) -> Child:
    (folder / "program.py").write_text(program)
    return Child("program", [], os.environ | {"PYTHONPATH": str(folder)}, folder / "program.log")


def test_one_that_says_nothing_is_not_waited_for_and_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())

    def new() -> list[threading.Thread]:
        """Without those of a store that other tests use in this process."""
        found = set(threading.enumerate()) - before
        return [thread for thread in found if "process_request" not in thread.name]

    with child(tmp_path, "import sys; sys.stdin.read()") as silent:
        with pytest.raises(UnavailableError, match=r"program did not get ready within 0\.2 s"):
            silent.ready(0.2)
        assert not new()


def test_one_that_ends_says_how(tmp_path: Path) -> None:
    with (
        child(tmp_path, "import sys; sys.stderr.write('no port is free'); sys.exit(3)") as ended,
        pytest.raises(UnavailableError, match=r"ended with exit code 3; [\s\S]*no port is free"),
    ):
        ended.ready()


def test_a_line_in_pieces_is_one_line(tmp_path: Path) -> None:
    pieces = """import sys
for piece in ('{"url": ', '"http://here"}\\n'):
    print(piece, end='', flush=True)
sys.stdin.read()"""
    with child(tmp_path, pieces) as said:
        assert said.ready() == "http://here"
