"""A process ends at once, with its output out and what was registered for its end done."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import atexit, shutil, sys, threading
from meshtwin.emulator.core.leaving import leave
threading.Thread(target=threading.Event().wait).start()
atexit.register(shutil.rmtree, sys.argv[1])
print("said", end="")
leave(7)
"""


def test_it_ends_beside_a_thread_that_hangs_and_removes_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "said", "")
    assert not folder.exists()
