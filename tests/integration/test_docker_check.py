"""BuildKit's own checks of each target; cuda among them, which takes a large machine to build."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
NEEDED = (0, 15)
"""https://docs.docker.com/build/checks/: buildx 0.15, whose frontend is 1.8 or later."""

TARGETS = [("runtime/Dockerfile", "cpu"), ("runtime/Dockerfile", "cuda"), ("emulator/Dockerfile", "")]


def buildx() -> tuple[int, ...]:
    said = subprocess.run(["docker", "buildx", "version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"\bv?(\d+)\.(\d+)\.\d+", said)
    return tuple(map(int, match.groups())) if match else (0, 0)


@pytest.mark.parametrize(("dockerfile", "target"), TARGETS)
def test_no_check_has_anything_to_say(dockerfile: str, target: str) -> None:
    version = buildx()
    if version < NEEDED:
        pytest.skip(
            f"docker build --check needs buildx {NEEDED}; here is {version}. hadolint is in the lint session"
        )
    options = ["--target", target] if target else []
    checked = subprocess.run(
        ["docker", "build", "--check", "-f", dockerfile, *options, "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
