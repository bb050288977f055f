"""The example that follows AWS's guide, as it is, against `meshtwin up`, with a foreign container."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.shell import ROOT, only_for_aws

if TYPE_CHECKING:
    from tests.support.shell import Shell

EXAMPLE = ROOT / "examples" / "async_endpoint.py"


def test_the_guides_walk_through_runs_as_it_is(shell: Shell) -> None:
    settings = shell.json("status")["environment"]
    shell.json("clock", "--speed", "60")
    try:
        done = subprocess.run(
            [sys.executable, str(EXAMPLE)],
            env=only_for_aws(shell) | settings,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    finally:
        shell.json("clock", "--speed", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('{"sum": 6.0}') == 2
    assert json.loads(done.stdout.splitlines()[-1])["activities"] == 2
    # Its own endpoint is there beside the foreign one's, and untouched.
    assert shell.json("status")["endpoint"]["status"] == "InService"
