"""The example that follows AWS's guide, as it is, against `meshtwin up`, with a foreign container."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.shell import ROOT, assert_all_gone, new_shell, running_up

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / "examples" / "async_endpoint.py"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sum:latest"
FOREIGN = ROOT / "tests" / "containers" / "foreign.py"


def test_the_guides_walk_through_runs_as_it_is(tmp_path: Path) -> None:
    shell = new_shell(tmp_path)
    container = f"{IMAGE}={sys.executable} {FOREIGN}"
    with running_up(shell, "--speed", "60", "--container", container) as (process, children):
        settings = shell.json("status")["environment"]
        done = subprocess.run(
            [sys.executable, str(EXAMPLE)],
            env=shell.environment | settings,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count('{"sum": 6.0}') == 2
        assert json.loads(done.stdout.splitlines()[-1])["activities"] == 2
        # Its own endpoint is there beside the foreign one's, and untouched.
        assert shell.json("status")["endpoint"]["status"] == "InService"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert_all_gone(children)
